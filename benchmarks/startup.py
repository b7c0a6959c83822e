"""Seconds until a command that only speaks has spoken.

    python -P benchmarks/startup.py [--rounds 21]

Processor time, user and system, of whole processes, which take turns; medians. The import of numpy
is there to compare with. Bytecode is cached, as it is from a command's second run on. The table
goes to benchmarks/results/startup.md.
"""

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "startup.md"
TWOALIKE = str(Path(sys.executable).with_name("twoalike"))
IMPORT = "`python -c 'import numpy'`"
COMMANDS = {
    "`python -c pass`": [sys.executable, "-c", "pass"],
    IMPORT: [sys.executable, "-c", "import numpy"],
    "`twoalike --help`": [TWOALIKE, "--help"],
    "`twoalike --version`": [TWOALIKE, "--version"],
    "`twoalike run --help`": [TWOALIKE, "run", "--help"],
    "`twoalike fit --help`": [TWOALIKE, "fit", "--help"],
    "`twoalike distill --help`": [TWOALIKE, "distill", "--help"],
}


def seconds(command: list[str]) -> float:
    """Processor time of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Time all commands in turns, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    for command in COMMANDS.values():  # the first run caches what it compiles
        seconds(command)
    turns = [{name: seconds(command) for name, command in COMMANDS.items()} for _ in range(rounds)]
    lines = [
        "# Start-up time",
        "",
        f"Made by `python -P benchmarks/startup.py --rounds {rounds}`: processor seconds of",
        "whole processes, median and maximum of the rounds, and ratio to the import of numpy.",
        f"Python {platform.python_version()}, cyclopts {version('cyclopts')}, "
        f"{os.cpu_count()} cores.",
        "",
        "| command | median | maximum | ratio |",
        "|---|---|---|---|",
    ]
    peer = statistics.median(turn[IMPORT] for turn in turns)
    for name in COMMANDS:
        times = [turn[name] for turn in turns]
        median = statistics.median(times)
        lines.append(f"| {name} | {median:.2f} | {max(times):.2f} | {median / peer:.2f} |")
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
