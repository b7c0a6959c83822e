"""Make the tables in benchmarks/results anew, and show what changed.

    python -P benchmarks/again.py [NAME ...] [--slurm SETTINGS]

Each table says in backticks by which command it was made; that command is run again. Without
names all of them, which takes a day on two cores; ``make bench only="coverage labels"`` makes two.
Old and new lines are shown one below the other; the tables are left as the commands wrote them.
With ``--slurm cluster.toml`` or ``--slurm minutes=600`` each table is a job of its own; called
again, the script goes on with tables that are not made. Speeds are then those of several machines.
"""

import argparse
import difflib
import re
import shlex
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from twoalike.jobs import Task, run_tasks, slurm_settings
from twoalike.study import TwoalikeError, atomic_path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
CHANGES = ROOT / "derived" / "again"
"""What changed in each table, until it was shown."""
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


def remake(name: str, output: Path) -> None:
    """Make a table anew and write what changed in it.

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
    with atomic_path(output) as temporary:
        new = path.read_text(encoding="utf-8")
        temporary.write_text(changes(name, old, new), encoding="utf-8")


def main() -> int:
    """Make the tables that are named; the status is the number of those that failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = sorted(path.stem for path in RESULTS.glob("*.md"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    parser.add_argument("--slurm", action="append", metavar="SETTINGS", help="of a job; repeat")
    arguments = parser.parse_args()
    names = arguments.names or known
    if unknown := sorted(set(names) - set(known)):
        parser.error(f"expected tables of benchmarks/results, found {', '.join(unknown)}")
    tasks = [Task(CHANGES / f"{name}.diff", partial(remake, name)) for name in names]
    if arguments.slurm:
        return remake_by_jobs(tasks, arguments.slurm)
    return sum(not is_remade(task) for task in tasks)


def is_remade(task: Task) -> bool:
    """Make one table here and show what changed; whether that succeeded."""
    task.output.unlink(missing_ok=True)
    try:
        run_tasks([task])
    except TwoalikeError as error:
        print(error, file=sys.stderr)
        return False
    print(task.output.read_text(encoding="utf-8"), flush=True)
    task.output.unlink()
    return True


def remake_by_jobs(tasks: list[Task], settings: list[str]) -> int:
    """Make the tables as jobs of a cluster and show what changed; the number of those missing.

    Changes are kept until all tables are made, so that a later call goes on.
    """
    try:
        run_tasks(tasks, slurm=slurm_settings(settings), folder=CHANGES / "slurm", title="tables")
    except TwoalikeError as error:
        print(error, file=sys.stderr)
    made = [task for task in tasks if task.output.exists()]
    for task in made:
        print(task.output.read_text(encoding="utf-8"), flush=True)
    if len(made) == len(tasks):
        shutil.rmtree(CHANGES)
    return len(tasks) - len(made)


if __name__ == "__main__":
    sys.exit(main())
