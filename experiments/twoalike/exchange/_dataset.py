"""Reading a data set as texts by path, and writing such texts as a folder."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from twoalike.study import TwoalikeError


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


def write_texts(root: Path, files: Mapping[str, str], folders: Collection[str] = ()) -> None:
    """Write texts into a folder that exists, UTF-8 with line ends as they are."""
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


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
