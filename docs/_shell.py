"""Cells of the pages that hold commands of a shell: ``%%sh``, run as a reader would run them."""

import os
import subprocess

from IPython.core.interactiveshell import InteractiveShell


def sh(line: str, cell: str) -> None:
    """Run a cell's commands up to the first that fails, and print what they say.

    Kernels ask programs for colours, and hand on what they print in pieces: a page wants it
    plain and whole. ``%%sh 1`` is for commands that are to end with status 1.
    """
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
    if done.returncode != int(line or 0):
        raise RuntimeError(f"exit status {done.returncode}, where {line or 0} was expected")


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Take the place of IPython's own ``%%sh``: ``%load_ext _shell``."""
    shell.register_magic_function(sh, magic_kind="cell")
