"""Make the tables in benchmarks/results anew, and show what changed.

    python -P benchmarks/again.py [NAME ...]

Each table says in backticks by which command it was made; that command is run again. Without
names all of them, which takes a day on two cores; ``make bench only="coverage labels"`` makes two.
Old and new lines are shown one below the other; the tables are left as the commands wrote them.
"""

import argparse
import difflib
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
COMMAND = re.compile(r"`python (?P<words>(?:-P )?benchmarks/\w+\.py[^`]*)`")


def command_of(table: str) -> list[str] | None:
    """Words after ``python`` of the command that a table names; None if it names none."""
    found = COMMAND.search(table)
    return shlex.split(found["words"]) if found else None


def changes(name: str, old: str, new: str) -> str:
    """Lines that differ, old and new."""
    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), f"{name}, old", f"{name}, new", lineterm="", n=0
    )
    return "\n".join(lines) or f"{name}: the same"


def main() -> int:
    """Run the commands of the tables named; the status is the number of those that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    known = sorted(path.stem for path in RESULTS.glob("*.md"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    names = parser.parse_args().names or known
    if unknown := sorted(set(names) - set(known)):
        parser.error(f"expected tables of benchmarks/results, found {', '.join(unknown)}")
    failed = 0
    for name in names:
        path = RESULTS / f"{name}.md"
        old = path.read_text(encoding="utf-8")
        words = command_of(old)
        if words is None:
            print(f"{name}: names no command that makes it", file=sys.stderr)
            failed += 1
            continue
        print(f"{name}: python {shlex.join(words)}", flush=True)
        done = subprocess.run([sys.executable, *words], cwd=ROOT, check=False, capture_output=True)
        if done.returncode:
            print(done.stderr.decode(errors="replace"), file=sys.stderr)
            print(f"{name}: failed with status {done.returncode}", file=sys.stderr)
            failed += 1
            continue
        print(changes(name, old, path.read_text(encoding="utf-8")), flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
