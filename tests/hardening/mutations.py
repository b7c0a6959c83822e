"""Damage to files, by seed: what disks, editors, other programs and ill will do to them.

A sound file and the kind it is of give any number of mutants. Damage to bytes and to lines suits
every kind; JSON, TOML, tables, archives of arrays, HDF5, Parquet and safetensors are also taken
apart and put together with a part of them wrong, since random bytes seldom get past a checksum.
"""

import io
import json
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.io import loadmat, savemat

Array = np.ndarray[Any, np.dtype[Any]]

CELLS = (
    *("", " ", "n/a", "NaN", "nan", "inf", "-inf", "-1", "0", "1.5", "1e999", "9" * 400, "true"),
    *("x", "../../x", "/etc/hostname", "a\0b", '"', "'", "#", "<script>", "ß", "\u202e", "1;2,3"),
)
"""What a cell of a table, or an id, may be by mistake."""
DEEP = 100_000
"""Levels of a nesting that nobody wrote by hand."""
JSON_VALUES = (
    *("null", "true", "-1", "0", "1.5", "1e999", "NaN", "-Infinity", "1" + "0" * 400, "9" * 5000),
    *('""', '"x"', '"../../x"', '"/etc/hostname"', '"\\u0000"', '"\\ud800"', '"<script>"'),
    *("[]", "{}", "[[]]", "[null]", '{"a": {}}', "[" * DEEP + "]" * DEEP, '{"a":' * DEEP),
)
TOML_VALUES = (
    *("true", "-1", "0", "1.5", "1e400", "nan", "-inf", "1" + "0" * 400, "9" * 5000, "1979-05-27"),
    *('""', '"x"', '"../../x"', '"/etc/hostname"', '"\\u0000"', "'''\n'''", '"\\ud800"'),
    *("[]", "{}", "[[]]", "[1, 'a']", "[" * DEEP + "]" * DEEP, "{a = 1}"),
)


class Trap:
    """Unpickling this makes a file: nothing that we read may do so."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@dataclass(frozen=True)
class Damage:
    """Where chance comes from, and the file that an opened pickle would make."""

    rng: np.random.Generator
    trap: Path

    def below(self, n: int) -> int:
        """Return a whole number from 0 to n - 1; 0 where there is none."""
        return int(self.rng.integers(max(n, 1)))

    def of[T](self, values: "tuple[T, ...] | list[T]") -> T:
        """One of several."""
        return values[self.below(len(values))]


type Mutator = Callable[[bytes, Damage], bytes]


# bytes


def cut(content: bytes, damage: Damage) -> bytes:
    return content[: damage.below(len(content))]


def emptied(content: bytes, damage: Damage) -> bytes:
    return b""


def flipped(content: bytes, damage: Damage) -> bytes:
    found = bytearray(content)
    for _ in range(1 + damage.below(8)):
        if found:
            found[damage.below(len(found))] ^= 1 << damage.below(8)
    return bytes(found)


def block_zeroed(content: bytes, damage: Damage) -> bytes:
    start, size = damage.below(len(content)), 1 + damage.below(64)
    return content[:start] + bytes(min(size, len(content) - start)) + content[start + size :]


def block_removed(content: bytes, damage: Damage) -> bytes:
    start = damage.below(len(content))
    return content[:start] + content[start + 1 + damage.below(64) :]


def block_repeated(content: bytes, damage: Damage) -> bytes:
    start = damage.below(len(content))
    end = start + 1 + damage.below(64)
    return content[:end] + content[start:end] + content[end:]


def end_flipped(content: bytes, damage: Damage) -> bytes:
    head, rest = content[:200], content[200:]
    return flipped(head, damage) + rest if damage.below(2) else head + flipped(rest, damage)


def noise_after(content: bytes, damage: Damage) -> bytes:
    return content + damage.rng.bytes(1 + damage.below(100))


def other_kind(content: bytes, damage: Damage) -> bytes:
    kinds = (b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"PAR1", b"\x89HDF\r\n\x1a\n", b"{}", b"\n\n")
    return damage.of([*kinds, b"\x93NUMPY", b"\x80\x04N.", damage.rng.bytes(400), bytes(400)])


BYTES: tuple[Mutator, ...] = (
    *(cut, emptied, flipped, block_zeroed, block_removed, block_repeated),
    *(end_flipped, noise_after, other_kind),
)


# text


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def bom(content: bytes, damage: Damage) -> bytes:
    return b"\xef\xbb\xbf" + content


def other_line_ends(content: bytes, damage: Damage) -> bytes:
    return content.replace(b"\n", damage.of((b"\r\n", b"\r")))


def utf16(content: bytes, damage: Damage) -> bytes:
    return _text(content).encode("utf-16")


def latin1(content: bytes, damage: Damage) -> bytes:
    start = damage.below(len(content))
    return content[:start] + b"\xe4\xf6\xff" + content[start:]


def controls(content: bytes, damage: Damage) -> bytes:
    start = damage.below(len(content))
    return content[:start] + damage.of((b"\0", b"\x1b", b"\x85", b"\x0b")) + content[start:]


def line_dropped(content: bytes, damage: Damage) -> bytes:
    lines = content.split(b"\n")
    del lines[damage.below(len(lines))]
    return b"\n".join(lines)


def line_repeated(content: bytes, damage: Damage) -> bytes:
    lines = content.split(b"\n")
    lines.insert(damage.below(len(lines)), damage.of(lines))
    return b"\n".join(lines)


def lines_swapped(content: bytes, damage: Damage) -> bytes:
    lines = content.split(b"\n")
    one, other = damage.below(len(lines)), damage.below(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


LINES: tuple[Mutator, ...] = (
    *(bom, other_line_ends, utf16, latin1, controls, line_dropped, line_repeated, lines_swapped),
)


# delimited tables


def _cells(content: bytes) -> tuple[str, list[list[str]]]:
    text = _text(content)
    mark = next((mark for mark in "\t,;" if mark in text), " ")
    return mark, [line.split(mark) for line in text.split("\n")]


def _joined(mark: str, rows: list[list[str]]) -> bytes:
    return "\n".join(mark.join(row) for row in rows).encode()


def cell_wrong(content: bytes, damage: Damage) -> bytes:
    mark, rows = _cells(content)
    row = damage.of(rows)
    row[damage.below(len(row))] = damage.of(CELLS)
    return _joined(mark, rows)


def column_wrong(content: bytes, damage: Damage) -> bytes:
    """A column with another value, in all rows or below its name, or left out, or doubled."""
    mark, rows = _cells(content)
    place, value = damage.below(len(rows[0])), damage.of(CELLS)
    now, first = damage.of(([value], [value], [], None)), damage.below(2)
    changed = [
        row[:place] + ([row[place]] * 2 if now is None else now) + row[place + 1 :]
        if number >= first and len(row) > place
        else row
        for number, row in enumerate(rows)
    ]
    return _joined(mark, changed)


def columns_swapped(content: bytes, damage: Damage) -> bytes:
    mark, rows = _cells(content)
    one, other = damage.below(len(rows[0])), damage.below(len(rows[0]))
    for row in rows:
        if max(one, other) < len(row):
            row[one], row[other] = row[other], row[one]
    return _joined(mark, rows)


def other_marks(content: bytes, damage: Damage) -> bytes:
    return content.replace(b"\t", damage.of((b",", b" ", b";", b"  ")))


def header_alone(content: bytes, damage: Damage) -> bytes:
    return content.split(b"\n")[0] + b"\n"


TABLE: tuple[Mutator, ...] = (
    *(cell_wrong, column_wrong, column_wrong, column_wrong, columns_swapped, other_marks),
    header_alone,
)


# JSON and TOML


def _nodes(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a tree with each of its keys."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(pairs):
        yield tree, key
        if isinstance(value, dict | list):
            yield from _nodes(value)


def node_wrong(content: bytes, damage: Damage) -> bytes:
    """A part of a tree is left out, renamed, wrapped, or another value."""
    tree = json.loads(content)
    nodes = list(_nodes(tree)) if isinstance(tree, dict | list) else []
    if nodes:
        parent, key = damage.of(nodes)
        value, how = parent.pop(key), damage.below(6)
        wrong = damage.of(([value], {"x": value}, str(value))) if how == 0 else "@"
        if how == 1 and isinstance(parent, dict):
            parent[damage.of(CELLS)] = value
        elif how != 2 and isinstance(parent, dict):
            parent[key] = wrong
        elif how != 2:
            parent.insert(key, wrong)
    # "@" stands for a value that no tree can hold, such as one nested too deep.
    return json.dumps(tree).replace('"@"', damage.of(JSON_VALUES)).encode()


def all_wrong(content: bytes, damage: Damage) -> bytes:
    return damage.of(JSON_VALUES).encode()


JSON: tuple[Mutator, ...] = (*[node_wrong] * 6, all_wrong)


def setting_wrong(content: bytes, damage: Damage) -> bytes:
    found = list(re.finditer(r"(?m)^[\w.]+ *= *(.*)$", _text(content)))
    if not found:
        return content
    start, end = damage.of(found).span(1)
    text = _text(content)
    return (text[:start] + damage.of(TOML_VALUES) + text[end:]).encode()


def setting_added(content: bytes, damage: Damage) -> bytes:
    line = damage.of(("x = 1", "[design]", "[x]", "[[design]]", "design = 1", "a.b.c = 1", "[x.y"))
    lines = content.split(b"\n")
    lines.insert(damage.below(len(lines)), line.encode())
    return b"\n".join(lines)


TOML: tuple[Mutator, ...] = (setting_wrong, setting_wrong, setting_wrong, setting_added)


# arrays


def _odd_array(array: Array, damage: Damage) -> Array:
    """The array with another type, shape or content."""
    array = np.atleast_1d(array)
    if array.dtype.kind in "OV":  # cells and structs of MATLAB
        array = np.ones(array.shape)
    trap = np.empty(array.shape, dtype=object)
    trap.fill(Trap(damage.trap))
    with np.errstate(all="ignore"):
        wide = array.astype(np.float64) if array.dtype.kind in "fiu" else np.zeros(array.shape)
        choices: list[Array] = [
            *(trap, array.astype("S"), array.astype("U"), wide > 0, wide + 1j, wide.astype("f2")),
            *(array[:0], array.ravel(), array[None], array.T, array[..., :0], array[..., None]),
            *(np.array(0.5), np.array("x"), np.zeros(0), np.full(array.shape, np.nan)),
            *(wide * np.inf, wide * 1e300, -wide, wide * 0, np.array([""])),
            *(array.astype("U").astype(bytes), np.zeros(array.shape, "M8[s]")),
            *(np.zeros(array.shape, [("a", "f4"), ("b", "U3")]), np.full(array.shape, 2**62)),
            *(np.concatenate([array, array]), np.zeros(array.shape, "V4")),
        ]
    return damage.of(choices)


def npy_lies(content: bytes, damage: Damage) -> bytes:
    """An array whose header tells of far more than there is."""
    shape = damage.of(
        ("(1000000000000, 3)", "(200000000, 40)", "(-1, 3)", "(99999999999999999999,)", "()", "(3")
    )
    kind = damage.of(("<f8", "|O", "<U9", "<f4", "|V0", "|S0", "x"))
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + bytes(64)


def npy_wrong(content: bytes, damage: Damage) -> bytes:
    file = io.BytesIO()
    np.save(file, _odd_array(np.load(io.BytesIO(content)), damage), allow_pickle=True)
    return file.getvalue()


NPY: tuple[Mutator, ...] = (npy_wrong, npy_wrong, npy_lies)


# files with named parts: arrays, columns, and, after "@", texts


class Parts:
    """How a format is taken apart into named parts, and put together with one of them changed."""

    def unpack(self, content: bytes) -> dict[str, Any]:
        raise NotImplementedError

    def pack(self, parts: dict[str, Any]) -> bytes:
        raise NotImplementedError

    def odd(self, part: Any, damage: Damage) -> Any:
        """Another value; of a text, mostly the same JSON with something wrong in it."""
        if isinstance(part, str):
            told = damage.of(JSON)(part.encode(), damage).decode() if part[:1] in "{[" else "{"
            return damage.of((told, told, told, "", "9", '["a", "a"]', "1e999"))
        found = _odd_array(np.asarray(part), damage)
        return found if found.dtype.kind not in "OUMVc" else np.array(["x"], "S4")

    def change(self, content: bytes, name: str, to: str | None, value: Any) -> bytes:
        """Rename a part (to None: leave it out) and give it a value."""
        parts = self.unpack(content)
        places = [(to, value) if key == name else (key, parts[key]) for key in parts]
        return self.pack({key: part for key, part in places if key is not None})


class Npz(Parts):
    def unpack(self, content: bytes) -> dict[str, Any]:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def pack(self, parts: dict[str, Any], method: int = zipfile.ZIP_DEFLATED) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
        return file.getvalue()

    def odd(self, part: Any, damage: Damage) -> Any:
        return damage.of((npy_wrong, npy_wrong, npy_lies, damage.of(BYTES)))(part, damage)


class Hdf5(Parts):
    """HDF5, which netCDF-4 is as well; groups are parts without a value."""

    def unpack(self, content: bytes) -> dict[str, Any]:
        parts: dict[str, Any] = {}
        with h5py.File(io.BytesIO(content)) as file:
            nodes = {"": file}
            file.visititems(nodes.__setitem__)
            for name, node in nodes.items():
                if name:
                    parts[name] = node[()] if isinstance(node, h5py.Dataset) else None
                texts = {k: v for k, v in node.attrs.items() if isinstance(v, str)}
                parts |= {f"{name}@{key}": text for key, text in texts.items()}
        return parts

    def odd(self, part: Any, damage: Damage) -> Any:
        if isinstance(part, str):
            return damage.of((super().odd(part, damage)[:60_000], 7, np.nan, b"\xff", [1, 2]))
        links = (h5py.ExternalLink("../../x.h5", "/x"), h5py.SoftLink("/nowhere"), None, ...)
        array = super().odd(np.zeros(3) if part is None else part, damage)
        return damage.of((*links, array, array, array))

    def change(self, content: bytes, name: str, to: str | None, value: Any) -> bytes:
        bytes_ = io.BytesIO(content)
        with h5py.File(bytes_, "r+") as file:
            place, _, key = name.partition("@")
            of = file[place or "/"].attrs if key else file
            del of[key or name]
            if key and to:
                of[to.partition("@")[2] or to] = value
            elif to and value is ...:  # far larger than any memory
                file.create_dataset(to, shape=(10**9, 10**4), dtype="f8", chunks=(1000, 100))
            elif to and value is None:
                file.create_group(to)
            elif to:
                file[to] = value
        return bytes_.getvalue()


class Parquet(Parts):
    def unpack(self, content: bytes) -> dict[str, Any]:
        table = pq.read_table(io.BytesIO(content))
        texts = {f"@{k.decode()}": v.decode() for k, v in (table.schema.metadata or {}).items()}
        return dict(zip(table.column_names, table.columns, strict=True)) | texts

    def pack(self, parts: dict[str, Any]) -> bytes:
        columns = {name: part for name, part in parts.items() if name[:1] != "@"}
        texts = {name[1:]: part for name, part in parts.items() if name[:1] == "@"}
        file, table = io.BytesIO(), pa.table(columns)
        pq.write_table(table.replace_schema_metadata(texts), file)
        return file.getvalue()

    def odd(self, part: Any, damage: Damage) -> Any:
        if isinstance(part, str):
            return super().odd(part, damage)
        n = len(part)
        cells = (1.0, np.nan, np.inf, -1, True, b"\xff", 2**62, 0.5, "x", [1.0], {"a": 1}, None)
        columns: list[Any] = [
            *(pa.array([cell] * n) for cell in cells),
            *(pa.array([damage.of(CELLS) for _ in range(n)]), pa.array([None, *range(n - 1)])),
            *(pa.array([10**30] * n, pa.decimal128(38)), pa.array([0] * n, pa.timestamp("s"))),
            pa.array([b"\xff\xfe"] * n).cast(pa.string(), safe=False),
        ]
        return damage.of(columns)


class Mat(Parts):
    def unpack(self, content: bytes) -> dict[str, Any]:
        return {k: v for k, v in loadmat(io.BytesIO(content)).items() if k[:2] != "__"}

    def pack(self, parts: dict[str, Any]) -> bytes:
        file = io.BytesIO()
        savemat(file, parts, do_compression=len(parts) > 1)
        return file.getvalue()

    def odd(self, part: Any, damage: Damage) -> Any:
        return damage.of((super().odd(part, damage), np.array([["a", 1.0]], dtype=object)))


class Safetensors(Parts):
    def unpack(self, content: bytes) -> dict[str, Any]:
        (size,) = struct.unpack("<Q", content[:8])
        return {"@": content[8 : 8 + size].decode(), "rest": content[8 + size :]}

    def pack(self, parts: dict[str, Any]) -> bytes:
        head, told = parts.get("@", "").encode(), parts.get("told")
        size = len(head) if told is None else told
        return struct.pack("<Q", size) + head + parts.get("rest", b"")

    def odd(self, part: Any, damage: Damage) -> Any:
        return (
            super().odd(part, damage) if isinstance(part, str) else damage.of(BYTES)(part, damage)
        )


def _of_parts(of: Parts) -> tuple[Mutator, ...]:
    """Damage to any format that is taken apart into named parts."""

    def part(content: bytes, damage: Damage) -> tuple[str, Any]:
        return damage.of(list(of.unpack(content).items()))

    def part_dropped(content: bytes, damage: Damage) -> bytes:
        return of.change(content, part(content, damage)[0], None, None)

    def part_renamed(content: bytes, damage: Damage) -> bytes:
        name, value = part(content, damage)
        odd = ("../../x.npy", "/x", "x", "features", "ids", "a/b", f"{name}_x", "@x")
        return of.change(content, name, damage.of(odd), value)

    def part_wrong(content: bytes, damage: Damage) -> bytes:
        name, value = part(content, damage)
        return of.change(content, name, name, of.odd(value, damage))

    return (part_dropped, part_renamed, part_wrong, part_wrong, part_wrong)


def other_packing(content: bytes, damage: Damage) -> bytes:
    methods = (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED)
    return flipped(Npz().pack(Npz().unpack(content), damage.of(methods)), damage)


def rows_wrong(content: bytes, damage: Damage) -> bytes:
    table, file = pq.read_table(io.BytesIO(content)), io.BytesIO()
    wrong = [table.slice(0, 0), table.slice(1), pa.concat_tables([table, table])]
    pq.write_table(damage.of(wrong), file)
    return file.getvalue()


def size_wrong(content: bytes, damage: Damage) -> bytes:
    return struct.pack("<Q", damage.of((2**40, 2**64 - 1, 0))) + content[8:]


WHOLE: tuple[Mutator, ...] = (cut, emptied, noise_after, other_kind)
"""Damage that the libraries of these formats survive; a changed bit within may end the process."""

KINDS: dict[str, tuple[Mutator, ...]] = {
    "bytes": BYTES,
    "text": BYTES + LINES,
    "table": BYTES + LINES + TABLE + TABLE,
    "json": BYTES + LINES + JSON + JSON,
    "jsonl": BYTES + LINES,
    "toml": BYTES + LINES + TOML * 3,
    "npy": BYTES + NPY * 3,
    "npz": (*BYTES, other_packing, *_of_parts(Npz()) * 3),
    "hdf5": WHOLE + _of_parts(Hdf5()) * 3,
    "parquet": (*WHOLE, rows_wrong, *_of_parts(Parquet()) * 2),
    "safetensors": (*BYTES, size_wrong, *_of_parts(Safetensors()) * 2),
    "mat": WHOLE + _of_parts(Mat()) * 3,
}
"""Mutators of each kind of file."""


def mutant(content: bytes, kind: str, damage: Damage) -> tuple[str, bytes]:
    """One damaged copy, by one to three mutators; their names, and the bytes."""
    chosen = [damage.of(KINDS[kind]) for _ in range(damage.of((1, 1, 1, 2, 3)))]
    # What takes a file apart comes before what leaves it in no state for that.
    chosen.sort(key=lambda change: change in (*BYTES, *LINES))
    for place, change in enumerate(chosen):
        try:
            content = change(content, damage)
        except Exception:
            if place == 0:
                raise
            # Damaged already, it cannot be taken apart: it stays as it is.
    return " then ".join(change.__name__ for change in chosen), content
