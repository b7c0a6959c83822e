"""Images by number, whatever they are stored in."""

import io
import json
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.conftest import succeed

from twoalike.collections import Collection, located, open_collection
from twoalike.features import read_features
from twoalike.study import TwoalikeError

N = 7


def _content(number: int) -> bytes:
    """A small PNG of one colour, which the number decides."""
    file = io.BytesIO()
    Image.new("RGB", (8 + number, 8), (30 * number, 255 - 30 * number, 10)).save(file, "PNG")
    return file.getvalue()


def _name(number: int) -> str:
    return f"n{number % 2:02d}_{number}"


def as_tree(folder: Path) -> None:
    for number in range(N):
        path = folder / f"n{number % 2:02d}" / f"{_name(number)}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_content(number))


def as_tars(folder: Path) -> None:
    """By the real writer, with a class and a description beside each image."""
    import webdataset

    folder.mkdir()
    for shard in range(2):
        with webdataset.TarWriter(str(folder / f"train-{shard:04d}.tar")) as writer:
            for number in range(shard, N, 2):
                sample = {"__key__": _name(number), "png": _content(number), "cls": number % 2}
                writer.write({**sample, "json": {"number": number}})


def as_dataset(folder: Path) -> None:
    """By the real library, as two files."""
    import datasets

    datasets.disable_progress_bars()
    cells = [{"bytes": _content(n), "path": f"{_name(n)}.png"} for n in range(N)]
    table = datasets.Dataset.from_dict({"image": cells, "label": list(range(N))})
    table.cast_column("image", datasets.Image()).save_to_disk(str(folder), num_shards=2)


def as_parquet(folder: Path) -> None:
    folder.mkdir()
    for part, numbers in enumerate((range(4), range(4, N))):
        cells = [{"bytes": _content(n), "path": f"{_name(n)}.png"} for n in numbers]
        table = pa.table({"image": cells, "label": list(numbers)})
        pq.write_table(table, folder / f"train-{part}.parquet", row_group_size=2)


KINDS = {"tree": as_tree, "tars": as_tars, "dataset": as_dataset, "parquet": as_parquet}


@pytest.fixture(params=KINDS)
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    KINDS[request.param](tmp_path / request.param)
    return tmp_path / request.param


def _colour(images: Collection, index: int) -> tuple[int, ...]:
    picture = images.picture(index)
    assert picture.mode == "RGB"
    return tuple(np.asarray(picture)[0, 0].tolist())


def test_every_image_is_read_by_number_and_has_its_id(stored: Path) -> None:
    images = open_collection(stored)
    assert len(images) == len(images.ids) == len(images.sizes) == N
    place = {name.rpartition("/")[2]: index for index, name in enumerate(images.ids)}
    for number in (3, 0, 6, 1, 5, 2, 4):
        index = place[_name(number)]
        assert _colour(images, index) == (30 * number, 255 - 30 * number, 10)
        assert images.picture(index).size == (8 + number, 8)
        assert _name(number) in images.name(index) or "row" in images.name(index)
    few = images.only([5, 2])
    assert _colour(few, 0) == _colour(images, 5)
    assert few.only([1]).ids == (images.ids[2],)
    again = pickle.loads(pickle.dumps(images))
    assert _colour(again, 4) == _colour(images, 4)
    assert again.digest == images.digest == open_collection(stored).digest != few.digest


def test_a_command_takes_shards(tmp_path: Path) -> None:
    as_tars(tmp_path / "tars")
    as_tree(tmp_path / "plain")
    words = ["features", "--backbone", "test_resnet", "--untrained", "--size", "32"]
    for name in ("tars", "plain"):
        succeed(*words, "--images", tmp_path / name, "--out", tmp_path / f"{name}.npz")
    found, plain = (read_features(tmp_path / f"{name}.npz") for name in ("tars", "plain"))
    rows = located(plain.ids, found.ids, "features")
    np.testing.assert_allclose(found.values, plain.values[rows], atol=1e-6)


def test_labels_name_images_flat() -> None:
    ids = ["train/n01/n01_1", "train/n01/n01_2", "val/n02/n02_1", "train/x/n02_1"]
    found = located(ids, ["n01_2.JPEG", "train/n01/n01_1", "val/n02/n02_1"], "labels")
    assert found.tolist() == [1, 0, 2]
    with pytest.raises(TwoalikeError, match="'n02_1' is the last part of several"):
        located(ids, ["n02_1"], "labels")
    with pytest.raises(TwoalikeError, match=r"1 of 2 labelled images are not.*'n09_1'"):
        located(ids, ["n01_1", "n09_1"], "labels")


def test_keys_of_several_shards_get_the_shards_name(tmp_path: Path) -> None:
    for shard in ("a", "b"):
        _tar(tmp_path / f"{shard}.tar", [("000.png", _content(1)), ("001.PNG", _content(2))])
    images = open_collection(tmp_path)
    assert list(images.ids) == ["a/000", "a/001", "b/000", "b/001"]
    assert list(open_collection(tmp_path / "b.tar").ids) == ["000", "001"]


def test_long_names_hidden_files_and_folders(tmp_path: Path) -> None:
    long = "x" * 180
    members = [(f"./deep/{long}.png", _content(1)), ("._a.png", b"no"), ("a.seg.png", b"no")]
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        _tar(tmp_path / f"{kind}.tar", members, kind)
        images = open_collection(tmp_path / f"{kind}.tar")
        assert list(images.ids) == [f"deep/{long}"]
        assert _colour(images, 0)[0] == 30


def _tar(
    path: Path,
    members: list[tuple[str, bytes]],
    kind: int = tarfile.USTAR_FORMAT,
    encoding: str = "utf-8",
) -> None:
    with tarfile.open(path, "w", format=kind, encoding=encoding) as file:
        for name, content in members:
            about = tarfile.TarInfo(name)
            about.size = len(content)
            file.addfile(about, io.BytesIO(content))


def _changed_tar(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Maker of a tar of three images that is changed afterwards; a header is at 1,024."""

    def make(folder: Path) -> None:
        _tar(folder / "a.tar", [(f"{name}.png", _content(2)) for name in "abc"])
        path = folder / "a.tar"
        path.write_bytes(change(path.read_bytes()))

    return make


def _tar_of_links(kind: bytes) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        _tar(folder / "a.tar", [("a.png", _content(1))])
        with tarfile.open(folder / "a.tar", "a") as file:
            link = tarfile.TarInfo("b.png")
            link.type, link.linkname = kind, "a.png"
            file.addfile(link)

    return make


def _tar_named(*names: str, encoding: str = "utf-8") -> Callable[[Path], None]:
    members = [(name, _content(1)) for name in names]
    return lambda folder: _tar(folder / "a.tar", members, tarfile.GNU_FORMAT, encoding)


def _packed_tar(folder: Path) -> None:
    with tarfile.open(folder / "a.tar", "w:gz") as file:
        file.addfile(tarfile.TarInfo("a.png"), io.BytesIO())


def _two_kinds(folder: Path) -> None:
    _tar(folder / "a.tar", [("a.png", _content(1))])
    (folder / "b.png").write_bytes(_content(1))


def _splits(folder: Path) -> None:
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))


def _state(content: object) -> Callable[[Path], None]:
    return lambda folder: (folder / "state.json").write_text(json.dumps(content)) and None


def _parquet(*tables: dict[str, object]) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        for number, content in enumerate(tables):
            pq.write_table(pa.table(content), folder / f"{number}.parquet")

    return make


def _some_packed(folder: Path) -> None:
    _tar(folder / "a.tar", [("a.png", _content(1))])
    (folder / "b.tar.gz").write_bytes(b"")


def _bad_parquet(folder: Path) -> None:
    (folder / "a.parquet").write_bytes(b"PAR1 no more")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_changed_tar(lambda content: content[:2000]), r"a\.tar: cannot be read as an uncompr"),
        (_changed_tar(lambda content: content[:1024]), r"cut off or damaged at byte 1,024"),
        (_changed_tar(lambda content: 2 * content), r"there is more after its end at byte 3,072"),
        (_tar_of_links(tarfile.LNKTYPE), r"a\.tar: b\.png: expected an image's bytes, found a lin"),
        (_tar_of_links(tarfile.SYMTYPE), r"a\.tar: b\.png: expected an image's bytes, found a lin"),
        (_tar_named("é.png", encoding="latin-1"), r"found '\\xe9' with bytes that are no UTF-8"),
        (_tar_named("é.png", "e\u0301.png"), "two images share the id 'é'"),
        (_tar_named("a\tb.png"), r"found 'a\\tb' with control characters"),
        (_some_packed, r"b\.tar\.gz: expected tar shards that are not compressed"),
        (
            lambda folder: (folder / "b.tgz").write_bytes(b"") and None,
            r"b\.tgz: expected tar shards that are not compressed.*Unpack it",
        ),
        (_state({}), r"state\.json: expected _data_files"),
        (_state({"_data_files": [{"filename": "a"}]}), r"a: cannot be read as a table of dataset"),
        (_parquet({"image": [b""]}, {"label": [1]}), r"1\.parquet: expected one column image"),
        (_parquet({"image": pa.array([], pa.binary())}), r"expected images .*, found none"),
        (_parquet({"image": [b"", b""], "key": ["a\x1b", "b"]}), "with control characters"),
        (_parquet({"one": [b""], "two": [b""]}), "found one, two. Call it image"),
        (_packed_tar, r"a\.tar: cannot be read as an uncompressed tar.*Unpack it"),
        (_two_kinds, r"found files of several kinds \(\.png, \.tar\)"),
        (_splits, "found the folder of all: train, test. Name the folder"),
        (_parquet({"label": [1]}), r"0\.parquet: expected one column of images.*none among label"),
        (_bad_parquet, r"a\.parquet: cannot be read as Parquet"),
        (
            lambda folder: _tar(folder / "a.tar", [("a.txt", b"")]),
            r"expected images \(.*\), found none",
        ),
        (
            lambda folder: _tar(folder / "a.tar", [("a.png", b"x"), ("a.jpg", b"y")]),
            "two images of the key 'a'",
        ),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(
    make: Callable[[Path], None], said: str, tmp_path: Path
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    make(folder)
    with pytest.raises(TwoalikeError, match=said) as caught:
        open_collection(folder)
    assert "\n" not in str(caught.value)


def test_ids_are_in_composed_letters(tmp_path: Path) -> None:
    _tar_named("e\u0301.png", "häuser/🐈 x.PNG", "n.JPEG")(tmp_path)
    assert list(open_collection(tmp_path).ids) == ["é", "häuser/🐈 x", "n"]


def test_a_tree_with_tables_in_it_is_a_tree(tmp_path: Path) -> None:
    """Images beside a folder called data, where the hub keeps tables, are not passed over."""
    (tmp_path / "data").mkdir()
    _tar(tmp_path / "data" / "a.tar", [("a.png", _content(1))])
    assert list(open_collection(tmp_path).ids) == ["a"]
    (tmp_path / "b.png").write_bytes(_content(1))
    (tmp_path / "b.tar.gz").write_bytes(b"what was unpacked")
    assert list(open_collection(tmp_path).ids) == ["b"]


@pytest.mark.parametrize(
    ("paths", "ids"),
    [
        (["/home/ann/a.png", "C:\\Users\\Ann\\b.png"], ["a", "b"]),
        (["./x/a.b.png", "x/.c"], ["x/a.b", "x/.c"]),
        (["a.png", "a.jpg"], ["k1", "k2"]),
        (["a.png", None], ["k1", "k2"]),
    ],
)
def test_ids_of_a_table(tmp_path: Path, paths: list[str | None], ids: list[str]) -> None:
    """Nobody's folders are in them, and two images do not share one."""
    cells = [{"bytes": _content(n), "path": path} for n, path in enumerate(paths)]
    keys = pa.array(["k1", "k2"]).dictionary_encode()
    pq.write_table(pa.table({"image": cells, "key": keys}), tmp_path / "a.parquet")
    assert list(open_collection(tmp_path).ids) == ids


def test_a_damaged_image_is_named_by_its_place(tmp_path: Path) -> None:
    _tar(tmp_path / "a.tar", [("a.png", b"no image"), ("b.png", _content(1))])
    images = open_collection(tmp_path / "a.tar")
    with pytest.raises(TwoalikeError, match=r"a\.tar: a\.png: cannot be read as an image"):
        images.picture(0)
    cells = [{"bytes": _content(0), "path": "a"}, {"bytes": None, "path": "b"}]
    pq.write_table(pa.table({"image": cells}), tmp_path / "a.parquet", row_group_size=1)
    with pytest.raises(TwoalikeError, match=r"a\.parquet: row 2: expected an image's bytes"):
        open_collection(tmp_path / "a.parquet").picture(1)


def test_parquet_of_bytes_alone(tmp_path: Path) -> None:
    cells = pa.array([_content(n) for n in range(3)])
    pq.write_table(pa.table({"image": cells, "key": ["x", "y", "z"]}), tmp_path / "a.parquet")
    assert list(open_collection(tmp_path / "a.parquet").ids) == ["x", "y", "z"]
    pq.write_table(pa.table({"image": cells}), tmp_path / "b.parquet")
    images = open_collection(tmp_path / "b.parquet")
    assert list(images.ids) == ["b/0000000", "b/0000001", "b/0000002"]
    assert _colour(images, 2)[0] == 60
