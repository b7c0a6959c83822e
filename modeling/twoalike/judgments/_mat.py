"""MATLAB files of level 5 (``save -v6``, ``-v7``), with no trust in what they tell of their size.

scipy's reader ends the process on some damaged files, and unpacks to any size. Here an element
lies within the one it belongs to and has as many values as its shape says, or the file is refused.

References
----------
The MathWorks, MAT-File Format, chapter 1: level 5 MAT-files.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.study import TwoalikeError, check_unfolded, shortened

type Array = npt.NDArray[Any]
type MatValue = Array | list[MatValue] | None
"""Numbers; texts, one a row of characters; what cells or a struct's fields hold. None: others."""

_HEAD = 128
_NAMES, _FLAGS, _MATRIX, _COMPRESSED = (1, 16), 6, 14, 15
_NUMBERS = {
    **{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"},
    **{12: "i8", 13: "u8"},
}
"""Type of an element's values, by the number of its kind."""
_CODECS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
"""How an element's characters are written, by the number of its kind."""
_CELLS, _STRUCT, _OBJECT, _TEXT, _OPAQUE = 1, 2, 3, 4, 17
_NUMERIC = range(6, 16)
_COMPLEX = 0x800
_DEEPEST = 100
"""Cells within cells; Python's own limit is changed by libraries."""


def read_mat(path: Path) -> dict[str, MatValue]:
    """Read the variables of a file.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Values by name; None for what is no array of real numbers, texts or other values: complex and
    sparse ones, functions, tables.

    Raises
    ------
    TwoalikeError
        If it is damaged, of another level, or would unfold to far more than its size.
    """
    content = memoryview(path.read_bytes())
    order = {b"IM": "<", b"MI": ">"}.get(bytes(content[126:_HEAD]), "=")
    if order == "=" or bytes(content[124:126]) != struct.pack(f"{order}H", 0x100):
        raise TwoalikeError(
            f"{path}: expected a MATLAB file as -v7 or -v6 write it; save it again with -v7."
        )
    try:
        return _Reader(path, order).variables(content[_HEAD:])
    except (ValueError, struct.error, zlib.error, MemoryError) as error:
        raise TwoalikeError(
            f"{path}: cannot be read as a MATLAB file ({shortened(error)})."
        ) from error


@dataclass(frozen=True)
class _Element:
    kind: int
    content: memoryview

    def of(self, *kinds: int) -> memoryview:
        """Content, which must be of one of these kinds."""
        if self.kind not in kinds:
            raise ValueError(f"kind {self.kind} where {kinds[0]} belongs")
        return self.content


@dataclass(frozen=True)
class _Reader:
    """Reads a file of this order of bytes, ``<`` or ``>``."""

    path: Path
    order: str

    def variables(self, content: memoryview) -> dict[str, MatValue]:
        found: dict[str, MatValue] = {}
        unfolded = 0
        for packed in self.elements(content):
            element = packed
            if packed.kind == _COMPRESSED:
                element = self.unpacked(packed.content, unfolded)
                unfolded += len(element.content)
            name, value = self.matrix(element.of(_MATRIX))
            if name in found:
                raise ValueError(f"variable {name!r} stands twice")
            if name:  # without one: where MATLAB keeps what belongs to functions
                found[name] = value
        return found

    def elements(self, content: memoryview) -> Iterator[_Element]:
        """Take apart what stands one after the other."""
        place = 0
        while place < len(content):
            kind, size = struct.unpack_from(f"{self.order}II", content, place)
            start, room = place + 8, len(content) - place - 8
            place = start + size + (-size % 8 if kind != _COMPRESSED else 0)
            if kind >> 16:  # a small one: its size stands beside its kind, then its content
                kind, size = kind & 0xFFFF, kind >> 16
                start, room, place = start - 4, 4, start
            if size > room:
                raise ValueError(f"an element of {size:,} bytes where there are {room:,}")
            yield _Element(kind, content[start : start + size])

    def unpacked(self, packed: memoryview, before: int) -> _Element:
        """Unpack an element, the size of which it tells itself."""
        unpack = zlib.decompressobj()
        kind, size = struct.unpack(f"{self.order}II", unpack.decompress(packed, 8))
        check_unfolded(self.path, before + size)
        # A byte more than there should be: the end, where the checksum is, is then read as well.
        content = unpack.decompress(unpack.unconsumed_tail, size + 1)
        if len(content) != size or not unpack.eof:
            raise ValueError(f"{size:,} bytes are told of, others are packed")
        return _Element(kind, memoryview(content))

    def matrix(self, content: memoryview, depth: int = 0) -> tuple[str, MatValue]:
        """Name and value of an array; arrays within others have no name."""
        if depth > _DEEPEST:
            raise ValueError("nested too deep")
        if not content:
            return "", np.zeros(0)
        parts = self.elements(content)
        flags, _ = struct.unpack(f"{self.order}II", _next(parts).of(_FLAGS))
        what = flags & 0xFF
        if what == _OPAQUE:
            return "", None
        shape = tuple(self.numbers(_next(parts)).tolist())
        if len(shape) < 2 or not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError(f"an array of shape {shape}")
        name = bytes(_next(parts).of(*_NAMES)).decode("latin-1")
        value: MatValue = None
        if what in (_CELLS, _STRUCT, _OBJECT):
            value = self.held(parts, what, prod(shape), depth)
        elif what == _TEXT:
            value = self.texts(_next(parts), shape)
        elif what in _NUMERIC and not flags & _COMPLEX:
            value = _shaped(self.numbers(_next(parts)), shape)
        return name, value

    def held(self, parts: Iterator[_Element], what: int, n: int, depth: int) -> list[MatValue]:
        """Read what n cells hold, or the fields of n structs."""
        if what == _OBJECT:
            _next(parts)  # the name of its class
        if what != _CELLS:
            (width,) = self.numbers(_next(parts)).tolist()
            names = _next(parts).of(*_NAMES)
            n *= len(names) // width if width > 0 else 0
        found: list[MatValue] = []
        for part in parts:
            if len(found) == n:
                raise ValueError(f"more than {n:,} values")
            found.append(self.matrix(part.of(_MATRIX), depth + 1)[1])
        if len(found) < n:
            raise ValueError(f"{len(found):,} of {n:,} values")
        return found

    def numbers(self, element: _Element) -> Array:
        kind = _NUMBERS.get(element.kind)
        if kind is None:
            raise ValueError(f"kind {element.kind} where numbers belong")
        return np.frombuffer(element.content, self.order + kind)

    def texts(self, element: _Element, shape: tuple[int, ...]) -> Array:
        """Rows of characters, which are counted whole or in units of 16 bits."""
        if element.kind not in _CODECS:
            raise ValueError(f"kind {element.kind} where text belongs")
        codec = _CODECS[element.kind]
        if codec in ("utf-16", "utf-32"):
            codec += "-le" if self.order == "<" else "-be"
        text = bytes(element.content).decode(codec, "surrogatepass")
        if not text:  # whatever the shape: MATLAB writes blanks so
            return np.array([], "U1")
        for unit, width in (("utf-32-le", "<u4"), ("utf-16-le", "<u2")):
            counted = np.frombuffer(text.encode(unit, "surrogatepass"), width)
            if len(counted) == prod(shape):
                rows = _shaped(counted, shape).reshape(-1, shape[-1])
                return np.array([row.tobytes().decode(unit, "replace") for row in rows])
        raise ValueError(f"{len(text):,} characters for a text of shape {shape}")


def _next(parts: Iterator[_Element]) -> _Element:
    found = next(parts, None)
    if found is None:
        raise ValueError("an array that ends too soon")
    return found


def _shaped(values: Array, shape: tuple[int, ...]) -> Array:
    """Values in MATLAB's order, which runs down the columns."""
    if len(values) != prod(shape):
        raise ValueError(f"{len(values):,} values for an array of shape {shape}")
    return values.reshape(shape, order="F")
