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


def head_flipped(content: bytes, damage: Damage) -> bytes:
    return flipped(content[:200], damage) + content[200:]


def tail_flipped(content: bytes, damage: Damage) -> bytes:
    return content[:-200] + flipped(content[-200:], damage)


def noise_after(content: bytes, damage: Damage) -> bytes:
    return content + damage.rng.bytes(1 + damage.below(100))


def other_kind(content: bytes, damage: Damage) -> bytes:
    kinds = (b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"PAR1", b"\x89HDF\r\n\x1a\n", b"{}", b"\n\n")
    return damage.of([*kinds, b"\x93NUMPY", b"\x80\x04N.", damage.rng.bytes(400), bytes(400)])


BYTES: tuple[Mutator, ...] = (
    *(cut, emptied, flipped, block_zeroed, block_removed, block_repeated),
    *(head_flipped, tail_flipped, noise_after, other_kind),
)


# text


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def bom(content: bytes, damage: Damage) -> bytes:
    return b"\xef\xbb\xbf" + content


def crlf(content: bytes, damage: Damage) -> bytes:
    return content.replace(b"\n", b"\r\n")


def old_mac(content: bytes, damage: Damage) -> bytes:
    return content.replace(b"\n", b"\r")


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
    *(bom, crlf, old_mac, utf16, latin1, controls, line_dropped, line_repeated, lines_swapped),
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
    mark, rows = _cells(content)
    place, value = damage.below(len(rows[0])), damage.of(CELLS)
    return _joined(mark, [row[:place] + [value] + row[place + 1 :] for row in rows])


def column_values_wrong(content: bytes, damage: Damage) -> bytes:
    mark, rows = _cells(content)
    place, value = damage.below(len(rows[0])), damage.of(CELLS)
    body = [row[:place] + [value] + row[place + 1 :] if len(row) > 1 else row for row in rows[1:]]
    return _joined(mark, [rows[0], *body])


def column_dropped(content: bytes, damage: Damage) -> bytes:
    mark, rows = _cells(content)
    place = damage.below(len(rows[0]))
    return _joined(mark, [row[:place] + row[place + 1 :] for row in rows])


def column_repeated(content: bytes, damage: Damage) -> bytes:
    mark, rows = _cells(content)
    place = damage.below(len(rows[0]))
    return _joined(mark, [row[: place + 1] + row[place:] for row in rows])


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
    *(cell_wrong, column_wrong, column_values_wrong, column_dropped, column_repeated),
    *(columns_swapped, other_marks, header_alone),
)


# JSON and TOML


def _nodes(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a tree with each of its keys."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(pairs):
        yield tree, key
        if isinstance(value, dict | list):
            yield from _nodes(value)


def _tree(content: bytes, damage: Damage, change: Callable[[Any, Any], None]) -> bytes:
    tree = json.loads(content)
    nodes = list(_nodes(tree)) if isinstance(tree, dict | list) else []
    if nodes:
        change(*damage.of(nodes))
    literal = damage.of(JSON_VALUES)
    # "@" stands for a value that no tree can hold, such as one nested too deep.
    return json.dumps(tree).replace('"@"', literal).encode()


def value_wrong(content: bytes, damage: Damage) -> bytes:
    def change(parent: Any, key: Any) -> None:
        parent[key] = "@"

    return _tree(content, damage, change)


def key_dropped(content: bytes, damage: Damage) -> bytes:
    def change(parent: Any, key: Any) -> None:
        del parent[key]

    return _tree(content, damage, change)


def key_renamed(content: bytes, damage: Damage) -> bytes:
    def change(parent: Any, key: Any) -> None:
        if isinstance(parent, dict):
            parent[damage.of(CELLS)] = parent.pop(key)

    return _tree(content, damage, change)


def value_wrapped(content: bytes, damage: Damage) -> bytes:
    def change(parent: Any, key: Any) -> None:
        parent[key] = damage.of(([parent[key]], {"x": parent[key]}, str(parent[key])))

    return _tree(content, damage, change)


def all_wrong(content: bytes, damage: Damage) -> bytes:
    return damage.of(JSON_VALUES).encode()


JSON: tuple[Mutator, ...] = (
    *(value_wrong, value_wrong, value_wrong, key_dropped, key_renamed, value_wrapped, all_wrong),
)


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
    numbers = array.dtype.kind in "fiu"
    trap = np.empty(array.shape, dtype=object)
    trap.fill(Trap(damage.trap))
    with np.errstate(all="ignore"):
        wide = array.astype(np.float64) if numbers else np.zeros(array.shape)
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


def _npy(array: Array) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def _lying_npy(damage: Damage) -> bytes:
    """An array whose header tells of far more than there is."""
    shape = damage.of(
        ("(1000000000000, 3)", "(200000000, 40)", "(-1, 3)", "(99999999999999999999,)", "()", "(3")
    )
    kind = damage.of(("<f8", "|O", "<U9", "<f4", "|V0", "|S0", "x"))
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + bytes(64)


def npy_array_wrong(content: bytes, damage: Damage) -> bytes:
    return _npy(_odd_array(np.load(io.BytesIO(content), allow_pickle=False), damage))


def npy_lies(content: bytes, damage: Damage) -> bytes:
    return _lying_npy(damage)


NPY: tuple[Mutator, ...] = (npy_array_wrong, npy_array_wrong, npy_lies)


def _members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zipped(members: "list[tuple[str, bytes]]", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    import warnings

    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", method) as archive:
        warnings.simplefilter("ignore")  # a name that stands twice is the damage
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def member_array_wrong(content: bytes, damage: Damage) -> bytes:
    members = _members(content)
    if not members:
        return content
    name = damage.of(list(members))
    return _zipped(list((members | {name: npy_array_wrong(members[name], damage)}).items()))


def member_lies(content: bytes, damage: Damage) -> bytes:
    members = _members(content)
    name = damage.of([*members, "x.npy"])
    return _zipped(list((members | {name: _lying_npy(damage)}).items()))


def member_damaged(content: bytes, damage: Damage) -> bytes:
    members = _members(content)
    name = damage.of([*members, "x.npy"])
    return _zipped(
        list((members | {name: damage.of(BYTES)(members.get(name, b""), damage)}).items())
    )


def member_dropped(content: bytes, damage: Damage) -> bytes:
    members = list(_members(content).items())
    if members:
        del members[damage.below(len(members))]
    return _zipped(members)


def member_named_oddly(content: bytes, damage: Damage) -> bytes:
    members = list(_members(content).items())
    odd = damage.of(("../../x.npy", "/x.npy", "x", "features", "x.npy", "ids", "a/b.npy", ""))
    if members:
        place = damage.below(len(members))
        members[place] = (odd, members[place][1])
    return _zipped(members)


def member_twice(content: bytes, damage: Damage) -> bytes:
    members = list(_members(content).items())
    return _zipped([*members, (damage.of(members)[0], _npy(np.zeros(3)))] if members else [])


def other_packing(content: bytes, damage: Damage) -> bytes:
    methods = (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED)
    return flipped(_zipped(list(_members(content).items()), damage.of(methods)), damage)


NPZ: tuple[Mutator, ...] = (
    *(member_array_wrong, member_array_wrong, member_lies, member_damaged, member_dropped),
    *(member_named_oddly, member_twice, other_packing),
)


# HDF5, which netCDF-4 is as well


def _hdf5(content: bytes, damage: Damage, change: Callable[[Any, str], None]) -> bytes:
    file = io.BytesIO(content)
    with h5py.File(file, "r+") as opened:
        names: list[str] = []
        opened.visit(names.append)
        if names:
            change(opened, damage.of(names))
    return file.getvalue()


def node_dropped(content: bytes, damage: Damage) -> bytes:
    def change(file: Any, name: str) -> None:
        del file[name]

    return _hdf5(content, damage, change)


def node_exchanged(content: bytes, damage: Damage) -> bytes:
    def change(file: Any, name: str) -> None:
        node = file[name]
        array = node[()] if isinstance(node, h5py.Dataset) else np.zeros(3)
        array = np.asarray(array)
        del file[name]
        kind = damage.below(6)
        if kind == 0:
            file.create_group(name)
        elif kind == 1:
            file.create_dataset(name, shape=(10**9, 10**4), dtype="f8", chunks=(1000, 100))
        elif kind == 2:
            file[name] = h5py.ExternalLink("../../x.h5", "/x")
        elif kind == 3:
            file[name] = h5py.SoftLink("/nowhere")
        else:
            odd = _odd_array(array, damage)
            file[name] = odd if odd.dtype.kind not in "OUMV" else np.asarray(["x"], dtype="S4")

    return _hdf5(content, damage, change)


def attribute_wrong(content: bytes, damage: Damage) -> bytes:
    def change(file: Any, name: str) -> None:
        node = damage.of((file, file[name]))
        keys = list(node.attrs)
        key = damage.of([*keys, "schema_version", "provenance"])
        values = ["{", "9", "[1]", "null", 7, 1.5, np.nan, b"\xff", [1, 2], 2**60, "", "1e999"]
        before = node.attrs.get(key)
        if isinstance(before, str) and before[:1] == "{":
            changed = damage.of(JSON)(before.encode(), damage).decode()
            values += [changed] * len(values) if len(changed) < 60_000 else []
        node.attrs[key] = damage.of(values)

    return _hdf5(content, damage, change)


HDF5: tuple[Mutator, ...] = (node_dropped, node_exchanged, node_exchanged, attribute_wrong)


# Parquet


def _parquet(content: bytes, change: Callable[[Any], Any]) -> bytes:
    file = io.BytesIO()
    pq.write_table(change(pq.read_table(io.BytesIO(content))), file)
    return file.getvalue()


def field_dropped(content: bytes, damage: Damage) -> bytes:
    return _parquet(content, lambda table: table.drop_columns([damage.of(table.column_names)]))


def field_renamed(content: bytes, damage: Damage) -> bytes:
    def change(table: Any) -> Any:
        names = list(table.column_names)
        names[damage.below(len(names))] = damage.of([*CELLS, *table.column_names])
        return table.rename_columns(names)

    return _parquet(content, change)


def field_wrong(content: bytes, damage: Damage) -> bytes:
    def change(table: Any) -> Any:
        place, n = damage.below(table.num_columns), len(table)
        texts = [damage.of(CELLS) for _ in range(n)]
        columns: list[Any] = [
            *(pa.nulls(n), pa.array(texts), pa.array([[1.0]] * n), pa.array([{"a": 1}] * n)),
            *(pa.array([np.nan] * n), pa.array([np.inf] * n), pa.array([-1] * n)),
            *(pa.array([True] * n), pa.array([b"\xff"] * n), pa.array([2**62] * n)),
            *(pa.array([0.5] * n), pa.array([None, *range(n - 1)]), table.column(damage.below(2))),
            *(pa.array([10**30] * n, pa.decimal128(38)), pa.array([0] * n, pa.timestamp("s"))),
            *(pa.array([b"\xff\xfe"] * n).cast(pa.string(), safe=False), pa.array(["x"] * n)),
        ]
        return table.set_column(place, table.column_names[place], damage.of(columns))

    return _parquet(content, change)


def rows_wrong(content: bytes, damage: Damage) -> bytes:
    def change(table: Any) -> Any:
        return damage.of([table.slice(0, 0), table.slice(1), pa.concat_tables([table, table])])

    return _parquet(content, change)


def key_values_wrong(content: bytes, damage: Damage) -> bytes:
    def change(table: Any) -> Any:
        meta = dict(table.schema.metadata or {b"twoalike": b"{}", b"twoalike_objects": b"[]"})
        value = damage.of([*JSON_VALUES, '["a", "a"]', '["zz"]', "[1, 2]", "{", "\xff"]).encode()
        meta[damage.of(list(meta))] = value
        return table.replace_schema_metadata(meta)

    return _parquet(content, change)


PARQUET: tuple[Mutator, ...] = (
    *(field_dropped, field_renamed, field_wrong, field_wrong, rows_wrong, key_values_wrong),
)


# safetensors and MATLAB


def header_wrong(content: bytes, damage: Damage) -> bytes:
    (size,) = struct.unpack("<Q", content[:8])
    head = damage.of(JSON)(content[8 : 8 + size], damage)
    told = damage.of((len(head), len(head), len(head), 2**40, 2**64 - 1, 0))
    return struct.pack("<Q", told) + head + content[8 + size :]


SAFETENSORS: tuple[Mutator, ...] = (header_wrong, header_wrong, header_wrong)


def variable_wrong(content: bytes, damage: Damage) -> bytes:
    found = {k: v for k, v in loadmat(io.BytesIO(content)).items() if k[:2] != "__"}
    name = damage.of(list(found))
    odd = _odd_array(found[name], damage)
    odd = odd if odd.dtype.kind not in "OMV" else np.array([["a", 1.0]], dtype=object)
    if damage.below(4) == 0:
        found[f"{name}_x"] = found.pop(name)
    else:
        found[name] = odd
    file = io.BytesIO()
    savemat(file, found, do_compression=bool(damage.below(2)))
    return file.getvalue()


MAT: tuple[Mutator, ...] = (variable_wrong,)
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
    "npz": BYTES + NPZ * 2,
    "hdf5": WHOLE + HDF5 * 3,
    "parquet": WHOLE + PARQUET * 2,
    "safetensors": BYTES + SAFETENSORS * 3,
    "mat": WHOLE + MAT * 3,
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
