"""The stimulus set: which objects there are, what they look like, and their categories.

The manifest ``stimuli.tsv`` is the one list of objects in a study.

A study is collected on one computer, copied to another and published from a third. Names that not
all systems, tables and terminals can hold, or that some cannot distinguish, are refused when a set
is made.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import pandas as pd
from PIL import Image, ImageDraw

from twoalike.stimuli._listing import check_unique, image_table, list_files
from twoalike.stimuli._manifest import (
    COLUMNS,
    MANIFEST,
    Stimulus,
    check_rows,
    check_stimulus,
    own_columns,
    stimuli_of,
    text_digest,
)
from twoalike.stimuli._names import check_portable, composed
from twoalike.stimuli._picture import read_picture
from twoalike.stimuli._sounds import draw_speaker, sound_length
from twoalike.stimuli.lettering import (
    LINE,
    Letters,
    ShapedLetters,
    broken,
    is_shaped,
    pieces,
    right_to_left,
    shape,
    visual_order,
)
from twoalike.study import MISSING, TwoalikeError, counted, sha256_file
from twoalike.tables import read_tsv, write_tsv

SIDE = 768
"""Width of the picture of a word in pixels, and its largest height."""
_ROOM = 0.9
"""Share of the picture that the letters may take."""
_LARGEST, _SMALLEST = SIDE // 4, 24
"""Heights of the letters in pixels: of a set of short words, and where long texts are cut."""


class Words:
    """Draws the words of a set in one size of letters, as large as the longest allows.

    A word is drawn when it is needed, in the colours of the screen; the manifest keeps the text.

    Parameters
    ----------
    texts
        Text by object.

    Examples
    --------
    >>> words = Words({"cat": "cat", "big": "thunderstorm"})
    >>> words.draw("cat").size == words.draw("big").size
    True
    """

    def __init__(self, texts: dict[str, str]) -> None:
        self._texts = {
            name: unicodedata.normalize("NFC", text.strip()) for name, text in texts.items()
        }
        self.height = min(map(self._largest, self._texts), default=_LARGEST)
        """Height of the letters in pixels."""
        n_lines = max((len(self._lines(name)) for name in self._texts), default=1)
        step = LINE * self.height
        self._size = (SIDE, min(SIDE, round((n_lines * step + step / 2) / 2) * 2))

    def draw(self, name: str, *, ink: str = "#000000", paper: str = "#ffffff") -> Image.Image:
        """Picture of a word, mode RGB; all words of the set have the same size in pixels."""
        image = Image.new("RGB", self._size, paper)
        draw = ImageDraw.Draw(image)
        letters, lines = self._letters(name, self.height), self._lines(name)
        rtl, step = right_to_left(self._texts[name]), LINE * self.height
        y = (self._size[1] - step * (len(lines) - 1)) / 2
        for line in lines:
            ordered = line if isinstance(letters, ShapedLetters) else visual_order(line, rtl=rtl)
            letters.draw(draw, ordered, (SIDE - letters.width(line)) / 2, y, ink)
            y += step
        return image

    def _letters(self, name: str, height: int) -> Letters | ShapedLetters:
        text, of = self._texts[name], f"of the word {self._texts[name]!r} (object {name!r})"
        if is_shaped(text):
            return ShapedLetters(text, height, of)
        return Letters(text, height, of=of)

    def _lines(self, name: str, height: int | None = None) -> list[str]:
        letters = self._letters(name, height or self.height)
        text = self._texts[name]
        text = text if isinstance(letters, ShapedLetters) else shape(text)
        return broken(text, letters, _ROOM * SIDE)

    def _largest(self, name: str) -> int:
        """Largest height at which a word keeps its parts whole and fits the square."""
        low, high = _SMALLEST, _LARGEST
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self._fits(name, middle) else (low, middle - 1)
        return low

    def _fits(self, name: str, height: int) -> bool:
        letters, text = self._letters(name, height), self._texts[name]
        text = text if isinstance(letters, ShapedLetters) else shape(text)
        parts: Iterable[str] = (piece.rstrip() for piece in pieces(text))
        if any(letters.width(part) > _ROOM * SIDE for part in parts):
            return False
        return len(self._lines(name, height)) * LINE * height <= _ROOM * SIDE


@dataclass(frozen=True, eq=False)
class StimulusSet:
    """Objects with what they look like and their categories.

    Attributes
    ----------
    folder
        Where the manifest and, in it or below it, the images are.
    table
        The manifest: columns ``id``, ``file`` (relative to ``folder``), ``sha256``, ``kind`` and
        ``text`` where the file has them, then the category levels from coarse to fine; strings,
        one row an object, in manifest order.
    """

    folder: Path
    table: pd.DataFrame

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Object ids in manifest order."""
        return tuple(self.table["id"])

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the category levels, coarse to fine."""
        own = own_columns(self.table)
        return tuple(name for name in self.table.columns if name not in own)

    @cached_property
    def _objects(self) -> Mapping[str, Stimulus]:
        return {one.name: one for one in stimuli_of(self.table)}

    def _object(self, name: str) -> Stimulus:
        if name not in self._objects:
            raise TwoalikeError(
                f"{self.folder / MANIFEST}: no object {name!r} among its {len(self.ids)} objects."
            )
        return self._objects[name]

    def kind(self, name: str) -> str:
        """Kind of an object: ``image``, ``word``, ``sound`` or ``film``."""
        return self._object(name).kind

    def of_kind(self, kind: str) -> tuple[str, ...]:
        """Ids of the objects of a kind, in manifest order."""
        return tuple(name for name, one in self._objects.items() if one.kind == kind)

    def text(self, name: str) -> str:
        """Word that an object is, or the label of a sound; empty where there is none."""
        text = self._object(name).text
        return "" if text == MISSING else text

    @property
    def identical(self) -> list[tuple[str, ...]]:
        """Ids of files that are the same, byte for byte, and of one word; a group a tuple."""
        groups = self.table.groupby("sha256", sort=False)["id"]
        return [tuple(group) for _, group in groups if len(group) > 1]

    def path(self, name: str) -> Path:
        """File of an object."""
        one = self._object(name)
        if one.kind == "word":
            raise TwoalikeError(f"{self.folder / MANIFEST}: {name!r} is a word, which has no file.")
        return self.folder / one.file

    def digest(self, name: str) -> str | None:
        """SHA-256 of an object as it is now; None where its file is missing."""
        one = self._object(name)
        if one.kind == "word":
            return text_digest(one.text)
        file = self.folder / one.file
        return sha256_file(file) if file.is_file() else None

    @cached_property
    def _words(self) -> Words:
        return Words({name: self.text(name) for name in self.of_kind("word")})

    @cached_property
    def _labels(self) -> Words:
        named = [name for name in self.of_kind("sound") if self.text(name)]
        return Words({name: self.text(name) for name in named})

    def picture(self, name: str, *, ink: str = "#000000", paper: str = "#ffffff") -> Image.Image:
        """Picture of an object as it is shown, mode RGB.

        An image is read by :func:`read_picture`; a word is drawn, all of the set in one size of
        letters; a sound is a loudspeaker with its label, if it has one; a film is its middle
        frame.

        Parameters
        ----------
        ink, paper
            Colours of words and loudspeakers, and behind them.
        """
        match self.kind(name):
            case "word":
                return self._words.draw(name, ink=ink, paper=paper)
            case "sound":
                label = self._labels.draw(name, ink=ink, paper=paper) if self.text(name) else None
                return draw_speaker(label, ink=ink, paper=paper)
            case _:
                return read_picture(self.path(name))

    def sound_lengths(self) -> dict[str, float]:
        """Duration of each sound in s, by object id."""
        return {name: sound_length(self.path(name)) for name in self.of_kind("sound")}

    def check_letters(self) -> None:
        """Check that this computer has fonts for all words and labels."""
        _ = self._words, self._labels

    @classmethod
    def load(cls, folder: str | Path, verify: bool = True) -> Self:
        """Read the manifest of a folder and check it.

        Parameters
        ----------
        folder
            Folder with ``stimuli.tsv``.
        verify
            Also open every image and compare its checksum; leave out only where the images
            themselves are not needed.
        """
        folder = Path(folder)
        path = folder / MANIFEST
        if (held := _held.get()) is not None and (known := held.get((folder, verify))) is not None:
            assert isinstance(known, cls)
            return known
        table = read_tsv(path, "a manifest of stimuli", COLUMNS)
        own = own_columns(table)
        table = table[[*own, *(name for name in table.columns if name not in own)]]
        check_rows(path, table)
        if verify:
            for one in stimuli_of(table):
                check_stimulus(path, one)
        loaded = cls(folder, table)
        if held is not None:
            held[folder, verify] = loaded
        return loaded

    @classmethod
    def from_images(cls, folder: str | Path) -> Self:
        """Build and write the manifest of a folder of images.

        Sub-folders become the category levels ``level_1``, ``level_2``, ...; a category is
        named by its path, so that two folders of one name stay apart. The id of an image is
        its name without the ending, with its folders in front where that name is not unique.
        """
        folder = Path(folder)
        path = folder / MANIFEST
        if path.exists():
            raise TwoalikeError(f"{path}: there is a manifest already. Remove it to build it anew.")
        write_tsv(path, image_table(folder))
        return cls.load(folder, verify=False)

    @classmethod
    def write(cls, folder: str | Path, table: pd.DataFrame) -> Self:
        """Write ``table`` as the manifest of ``folder``, all or nothing, and load it."""
        folder = Path(folder)
        path = folder / MANIFEST
        check_rows(path, table)
        check_portable(folder, (file for file in table["file"] if file != MISSING))
        for one in stimuli_of(table):
            check_stimulus(path, one, decode=True)
        write_tsv(path, table)
        return cls.load(folder, verify=False)


_held: ContextVar[dict[tuple[Path, bool], StimulusSet] | None] = ContextVar("held", default=None)


@contextmanager
def stimuli_held() -> Iterator[None]:
    """Read and check each folder of stimuli once while the block runs, however often it is loaded.

    For sessions that are prepared one after the other, while no stimulus changes.
    """
    token = _held.set({})
    try:
        yield
    finally:
        _held.reset(token)


def find_images(folder: str | Path) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """Ids and files of the images in a folder.

    With a manifest (``stimuli.tsv``) the ids, files and order are the manifest's, checked
    against the files; without one, all images in the order of their paths, and an id is the
    relative path without its ending, in composed letters.

    Films of a manifest are among the files, since networks take their frames; words and sounds
    are refused.
    """
    folder = Path(folder)
    if (folder / MANIFEST).is_file():
        _check_for_networks(StimulusSet.load(folder, verify=False))
        stimuli = StimulusSet.load(folder)
        return stimuli.ids, tuple(stimuli.path(name) for name in stimuli.ids)
    files = list_files(folder)
    start = len((folder / "x").as_posix()) - 1
    ids = [composed(path.with_suffix("").as_posix()[start:]) for path in files]
    check_unique(folder, ids, files)
    return tuple(ids), tuple(files)


def _check_for_networks(stimuli: StimulusSet) -> None:
    """Refuse what networks of images cannot take."""
    counts = Counter(stimuli.kind(name) for name in stimuli.ids)
    if others := [counted(counts[kind], kind) for kind in ("word", "sound") if counts[kind]]:
        raise TwoalikeError(
            where=stimuli.folder / MANIFEST,
            expected="images or films, which networks can take",
            found=" and ".join(others),
            remedy="For words and sounds give features of your own as a table (.npz, .npy, "
            ".parquet or .h5, with their ids), which teach and evaluate take as well.",
        )
