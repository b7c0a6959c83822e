"""Readers that do what libraries do with damaged files; a child process calls them by name."""

import os
import time
from pathlib import Path

from twoalike.study import TwoalikeError


def read(path: Path) -> None:
    path.read_bytes()


def speak(path: Path) -> None:
    os.write(1, b"debugging\n")


def die(path: Path) -> None:
    os.abort()


def hang(path: Path) -> None:
    time.sleep(1000)


def fill(path: Path) -> None:
    bytearray(2**33)


def refuse(path: Path) -> None:
    raise TwoalikeError(f"{path}: expected numbers.")


def fail(path: Path) -> None:
    raise KeyError("no such column")
