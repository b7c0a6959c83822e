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

from twoalike.study import TwoalikeError

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


def remake(name: str) -> str:
    """Make a table anew and give what changed in it.

    Raises
    ------
    TwoalikeError
        If the table names no command, or the command fails.
    """
    path = RESULTS / f"{name}.md"
    old = path.read_text(encoding="utf-8")
    words = command_of(old)
    if words is None:
        raise TwoalikeError(f"{name}: names no command that makes it")
    print(f"{name}: python {shlex.join(words)}", flush=True)
    done = subprocess.run([sys.executable, *words], cwd=ROOT, check=False, capture_output=True)
    if done.returncode:
        print(done.stderr.decode(errors="replace"), file=sys.stderr)
        raise TwoalikeError(f"{name}: failed with status {done.returncode}")
    return changes(name, old, path.read_text(encoding="utf-8"))


def main() -> int:
    """Make the tables that are named; the status is the number of those that failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = sorted(path.stem for path in RESULTS.glob("*.md"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    arguments = parser.parse_args()
    names = arguments.names or known
    if unknown := sorted(set(names) - set(known)):
        parser.error(f"expected tables of benchmarks/results, found {', '.join(unknown)}")
    failed = 0
    for name in names:
        try:
            print(remake(name), flush=True)
        except TwoalikeError as error:
            print(error, file=sys.stderr)
            failed += 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
