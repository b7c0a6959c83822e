"""Reading a data set as texts by path, and writing such texts as a folder."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twoalike.study import TwoalikeError, parse_json_table


@dataclass(frozen=True)
class Texts:
    """The files of a data set.

    Attributes
    ----------
    files
        Text by path in the data set, with ``/`` between its parts.
    folders
        Paths of its folders.
    others
        Paths of files that were not asked for, and of links and what is behind them.
    """

    files: Mapping[str, str]
    folders: Collection[str]
    others: Collection[str]


def read_texts(root: Path, wanted: Callable[[str], bool]) -> Texts:
    """Read the files of a data set that are wanted.

    Raises
    ------
    TwoalikeError
        If one of them is not UTF-8 text.
    """
    files: dict[str, str] = {}
    folders, others = [], []
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink() or not path.resolve().is_relative_to(root.resolve()):
            others.append(name)
        elif path.is_dir():
            folders.append(name)
        elif not wanted(name):
            others.append(name)
        else:
            try:
                files[name] = path.read_bytes().decode("utf-8")
            except UnicodeDecodeError as error:
                raise TwoalikeError(
                    f"{path}: not UTF-8 text (byte {error.start}). Restore the file."
                ) from error
    return Texts(files, folders, others)


def split_table(text: str, where: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a BIDS table; what stands after the last line end is torn, and left out.

    Raises
    ------
    TwoalikeError
        If there is no header, or a row is shorter or longer than it.
    """
    lines = text.removeprefix("\ufeff").split("\n")[:-1]
    cells = [line.removesuffix("\r").split("\t") for line in lines if line]
    if not cells:
        raise TwoalikeError(f"{where}: expected a table, found no line. Restore the file.")
    header, *rows = cells
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise TwoalikeError(
                f"{where}: row {number} has {len(row)} cells, expected {len(header)}."
            )
    return header, rows


def load_json(text: str | bytes, where: str) -> dict[str, Any]:
    """Content of a JSON file of a data set.

    Raises
    ------
    TwoalikeError
        If it does not hold keys and values.
    """
    return parse_json_table(text, where, "Restore the file.")


def dump_json(content: Any) -> str:
    """Text of a JSON file of a data set."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def write_texts(root: Path, files: Mapping[str, str], folders: Collection[str] = ()) -> None:
    """Write texts into a folder that exists, UTF-8 with line ends as they are.

    Raises
    ------
    TwoalikeError
        If the disk is full or gone.
    """
    name = ""
    try:
        for name in folders:
            (root / name).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
    except OSError as error:
        raise TwoalikeError(
            f"{name}: cannot write ({error.strerror or error}). Free space or choose another --out."
        ) from error


def check_new_folder(out: Path, *sources: Path) -> None:
    """Check that a folder to write is new or empty, and not part of what is read.

    Raises
    ------
    TwoalikeError
        If it is not.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise TwoalikeError(f"{out}: expected a new or empty folder. Choose another --out.")
    for source in sources:
        if out.resolve().is_relative_to(source.resolve()):
            raise TwoalikeError(f"{out}: lies inside {source}. Choose an --out outside of it.")
