"""Cells of the pages that hold commands of a shell: ``%%sh``, run as a reader would run them."""

import filecmp
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell


def sh(line: str, cell: str) -> None:
    """Run a cell's commands up to the first that fails, and print what they say.

    Kernels ask programs for colours, and hand on what they print in pieces: a page wants it
    plain and whole. ``%%sh 1`` is for commands that are to end with status 1. ``%%sh again FILE``
    follows the same step in Python: it makes the file, or folder, once more.
    """
    status, *made = line.replace("again ", "0 ", 1).split() or ["0"]
    with _made_again(made):
        done = subprocess.run(
            ["sh", "-e", "-c", cell],
            env={name: value for name, value in os.environ.items() if "COLOR" not in name}
            | {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "120"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        print(done.stdout.rstrip())  # noqa: T201
        if done.returncode != int(status):
            raise RuntimeError(f"exit status {done.returncode}, where {status} was expected")


@contextmanager
def _made_again(names: list[str]) -> Iterator[None]:
    """Put outputs aside; files must come out as they were, folders must be there again."""
    with tempfile.TemporaryDirectory() as aside:
        for name in names:
            Path(aside, name).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(name, Path(aside, name))
        yield
        for name in names:
            if Path(aside, name).is_file() and not filecmp.cmp(Path(aside, name), name, False):
                raise RuntimeError(f"{name}: the shell made another file than Python")
            if not Path(name).exists():
                raise RuntimeError(f"{name} was not made again")


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Take the place of IPython's own ``%%sh``: ``%load_ext _shell``."""
    shell.register_magic_function(sh, magic_kind="cell")
