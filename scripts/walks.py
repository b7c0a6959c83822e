"""How many files a datum passes on its way through a command.

    python -P scripts/walks.py

Makes a small study in a temporary folder and takes it through the commands of :data:`LIMITS`. A
file counts once if a function of it is called (importing it alone does not
count), the command line included. The files are printed with ``--list``.
"""

import argparse
import contextlib
import io
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType

ROOTS = ("experiments", "modeling", "analysis")
LIMITS = {
    "init": 48,
    "design": 41,
    "run": 54,
    "online build": 47,
    "report": 43,
    "fit": 46,
    "teach": 24,
    "distill": 41,
    "evaluate": 53,
}
"""Most files a walk may pass; ``tests/test_layout.py`` holds them, and they may only fall."""
NETWORK = "efficientnet_lite0"


@contextlib.contextmanager
def called_files(package: str = "twoalike") -> Iterator[set[str]]:
    """Collect the files of a package whose functions are called meanwhile."""
    tool, found = sys.monitoring.PROFILER_ID, set[str]()

    def enter(code: CodeType, _offset: int) -> object:
        parts = Path(code.co_filename).parts
        if package in parts and "<" not in code.co_name:
            at = len(parts) - 1 - parts[::-1].index(package)
            if parts[at - 1] in ROOTS and code.co_flags & 0x2:  # no module, no class body
                found.add("/".join(parts[at:]))
        return sys.monitoring.DISABLE  # once is enough

    sys.monitoring.use_tool_id(tool, "walks")
    sys.monitoring.register_callback(tool, sys.monitoring.events.PY_START, enter)
    sys.monitoring.restart_events()
    sys.monitoring.set_events(tool, sys.monitoring.events.PY_START)
    try:
        yield found
    finally:
        sys.monitoring.set_events(tool, 0)
        sys.monitoring.free_tool_id(tool)


def call(*words: object) -> set[str]:
    """Run a command of twoalike in this process and return the files it passed.

    Raises
    ------
    SystemExit
        If it fails; its output is printed.
    """
    from twoalike.cli.app import main

    output = io.StringIO()
    with called_files() as files:
        try:
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
                main([str(word) for word in words])
        except SystemExit as end:
            if end.code:
                print(output.getvalue(), file=sys.stderr)
                raise
    return files


def walks(folder: Path) -> dict[str, set[str]]:
    """Take a small study through the commands; files passed by each."""
    study, images = folder / "study", folder / "study" / "stimuli"
    posterior, features = study / "derived" / "posterior.nc", folder / "features.npz"
    who = ("--task", "odd-one-out")
    found = {
        "init": call("init", study, "--seed", 1),
        "design": call("design", study, *who, "--participants", "001", "--summary"),
        "run": call("run", study, *who, "--participant", "001", "--simulate", "--no-window"),
        "online build": call("online", "build", study, *who, "--participants", 1),
        "report": call("report", study),
        "fit": call(
            *("fit", study, "--engine", "vi", "--steps", 100, "--chains", 1, "--dimensions", 4)
        ),
    }
    call("features", "--backbone", NETWORK, "--images", images, "--out", features)
    teacher, student = folder / "teacher", folder / "student"
    found["teach"] = call("teach", posterior, "--features", features, "--out", teacher)
    found["distill"] = call(
        *("distill", "--teacher", teacher, "--images", images, "--student", NETWORK),
        *("--out", student, "--steps", 2, "--batch", 8, "--size", 64),
    )
    found["evaluate"] = call(
        *("evaluate", "--model", student, "--images", images, "--posterior", posterior),
        *("--choices", study / "derived" / "choices.parquet"),
        *("--labels", images / "stimuli.tsv", "--out", folder / "results.json"),
    )
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table; status 1 if a walk has become longer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="name the files")
    listed = parser.parse_args(arguments).list
    with tempfile.TemporaryDirectory() as folder:
        found = walks(Path(folder))
    print("| command | files passed | at most |\n|---|---|---|")
    for name, files in found.items():
        print(f"| `twoalike {name}` | {len(files)} | {LIMITS[name]} |")
    if listed:
        for name, files in found.items():
            print(f"\n{name}:", *sorted(files), sep="\n  ")
    if longer := [name for name, files in found.items() if len(files) > LIMITS[name]]:
        sys.exit(f"longer than before: {', '.join(longer)}")


if __name__ == "__main__":
    main()
