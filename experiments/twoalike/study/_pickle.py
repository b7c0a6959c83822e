"""Pickles of plain data, read without looking up any name.

A pickle is a program: it may call any function of any module. What this reader builds are the
containers, texts and numbers that the format has codes for, ordered and default dictionaries (as
plain ones) and scalars of numpy (as numbers); any other name is refused.
"""

import io
import math
import pickle
from pathlib import Path
from typing import Any, Literal

import numpy as np

from twoalike.study._errors import TwoalikeError
from twoalike.study._reading import require_file
from twoalike.study._words import shortened

_VALUE_BYTES = 32
"""Bytes that a value takes, about."""
_FOLD, _SMALL = 50, 2**24
"""How many times its size a file may unfold to, and the bytes that any may: data whose texts recur
unfold four times."""
_KINDS = "biufUS"
"""Kinds of numpy's types whose scalars are plain values."""


class _DtypeOfScalar:
    """Type of a numpy scalar: its code, such as ``f8``, and byte order."""

    def __init__(self, code: str, *_: object) -> None:
        self.code = code
        self.order: Literal["<", ">", "="] = "="

    def __setstate__(self, state: tuple[object, ...]) -> None:
        for order in ("<", ">"):
            if state[1] == order:
                self.order = order

    def value(self, content: bytes) -> Any:
        """Decode a scalar as a plain value."""
        dtype = np.dtype(self.code)
        if dtype.kind not in _KINDS or len(content) != dtype.itemsize:
            raise pickle.UnpicklingError(f"a scalar of numpy's type {self.code!r}")
        found = np.frombuffer(content, dtype.newbyteorder(self.order))[0].item()
        return found.decode() if isinstance(found, bytes) else found


def _scalar(dtype: _DtypeOfScalar, content: bytes) -> Any:
    return dtype.value(content)


def _bytes(text: str, _: str) -> bytes:
    """Decode bytes as old protocols have them."""
    return text.encode("latin1")


def _dictionary(*_: object) -> dict[Any, Any]:
    return {}


class _NoName:
    """Stands for the factory of a default dictionary, which is not needed."""


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _dictionary,
    ("collections", "defaultdict"): _dictionary,
    ("builtins", "list"): _NoName(),
    ("builtins", "dict"): _NoName(),
    ("__builtin__", "list"): _NoName(),
    ("__builtin__", "dict"): _NoName(),
    ("_codecs", "encode"): _bytes,
    ("numpy", "dtype"): _DtypeOfScalar,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
}
"""Names that such a file may hold, and what stands for them here."""


class _PlainData(pickle._Unpickler):
    """Reader that looks up no name; in Python, where a damaged size takes no memory."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise TwoalikeError(
                f"holds {module}.{name}; opening such a pickle may run any program",
                expected="plain data: dictionaries, lists, texts, numbers",
                remedy="Save it as JSON.",
            )
        return _ALLOWED[module, name]


def load_pickled_data(path: str | Path, what: str) -> Any:
    """Read a pickle that holds plain data only: dictionaries, lists, texts, numbers.

    No name in it is looked up, so nothing in it can run. Scalars of numpy are numbers, tuples are
    lists, keys are texts, and NaN is None.
    """
    path = require_file(path, what)
    try:
        content = _PlainData(io.BytesIO(path.read_bytes())).load()
        return _Plain(path).value(content)
    except TwoalikeError as error:
        raise error if error.where else TwoalikeError(error, where=path) from error
    except Exception as error:  # a damaged program may fail in any way
        raise TwoalikeError(
            f"{path}: cannot be read as a pickle of plain data ({shortened(error)})."
        ) from error


class _Plain:
    """Copies plain data, and counts what it takes: a file may refer to one part many times."""

    def __init__(self, path: Path) -> None:
        self.path, self.size = path, 0
        self.most = max(_SMALL, _FOLD * path.stat().st_size)

    def value(self, found: Any) -> Any:
        """Plain data as JSON has it: lists, dictionaries by texts, NaN as nothing."""
        self.size += _VALUE_BYTES + (len(found) if isinstance(found, str) else 0)
        if self.size > self.most:
            raise TwoalikeError(
                f"would unfold to more than {self.most:,} bytes",
                where=self.path,
                remedy="It is damaged or meant to fill the memory; get it again.",
            )
        if found is None or isinstance(found, bool | int | str):
            return found
        if isinstance(found, float):
            return found if math.isfinite(found) else None
        if isinstance(found, list | tuple):
            return [self.value(each) for each in found]
        if isinstance(found, dict):
            named = {self._key(key): self.value(each) for key, each in found.items()}
            if len(named) < len(found):
                raise TwoalikeError("has a text and a number as one key", where=self.path)
            return named
        raise TwoalikeError(
            where=self.path,
            expected="plain data: dictionaries, lists, texts, numbers",
            found=type(found).__name__,
            remedy="Save it as JSON.",
        )

    def _key(self, key: object) -> str:
        if isinstance(key, str | int) and not isinstance(key, bool):
            return str(key)
        raise TwoalikeError(
            where=self.path,
            expected="dictionaries by texts or whole numbers",
            found=f"one by {type(key).__name__}",
        )
