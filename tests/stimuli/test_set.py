"""Stimulus sets: what is loaded is what was listed, and anything else is refused in one line."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.stored import list_images

from twoalike.stimuli import MANIFEST, StimulusSet, find_images, portability_faults
from twoalike.study import TwoalikeError


def picture(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4, 3), shade, dtype=np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four images in two folders, as a lab has them."""
    names = ["fish/cod.png", "fish/eel.png", "bird/owl.png", "bird/tit.png"]
    for shade, name in enumerate(names):
        picture(tmp_path / name, 40 * shade)
    return tmp_path


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / MANIFEST
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_manifest_of_a_folder_lists_ids_and_categories(folder: Path) -> None:
    stimuli = list_images(folder)
    assert stimuli.ids == ("owl", "tit", "cod", "eel")
    assert stimuli.levels == ("level_1",)
    assert stimuli.table["level_1"].tolist() == ["bird", "bird", "fish", "fish"]
    assert stimuli.path("cod") == folder / "fish" / "cod.png"
    assert StimulusSet.load(folder).table.equals(stimuli.table)


def test_order_and_further_columns_are_the_manifests(folder: Path) -> None:
    table = list_images(folder).table[::-1].assign(size=["s", "m", "n/a", "l"])
    (folder / MANIFEST).unlink()
    stimuli = StimulusSet.write(folder, table)
    assert stimuli.ids == ("eel", "cod", "tit", "owl")
    assert stimuli.levels == ("level_1", "size")


def test_names_that_clash_get_their_folders(folder: Path) -> None:
    picture(folder / "bird" / "cod.png", 200)
    picture(folder / "bird" / "big one.png", 210)
    assert list_images(folder).ids == (
        "big_one", "bird-cod", "owl", "tit", "fish-cod", "eel",
    )  # fmt: skip


def test_folders_of_one_name_are_different_categories(folder: Path) -> None:
    picture(folder / "fish" / "small" / "a.png", 200)
    picture(folder / "bird" / "small" / "b.png", 210)
    table = list_images(folder).table.set_index("id")
    assert table.loc["a", "level_2"] == "fish/small"
    assert table.loc["b", "level_2"] == "bird/small"
    assert table.loc["owl", "level_2"] == "n/a"


def test_images_are_found_with_and_without_a_manifest(folder: Path) -> None:
    (folder / "notes.txt").write_text("not an image")
    picture(folder / ".cache" / "thumbnail.png", 9)
    ids, files = find_images(folder)
    assert ids == ("bird/owl", "bird/tit", "fish/cod", "fish/eel")
    assert files[0] == folder / "bird" / "owl.png"
    table = list_images(folder).table
    (folder / MANIFEST).unlink()
    StimulusSet.write(folder, table[::-1])
    assert find_images(folder)[0] == ("eel", "cod", "tit", "owl")


def test_two_images_of_one_id_are_refused(folder: Path) -> None:
    picture(folder / "bird" / "owl.jpg", 3)
    with pytest.raises(TwoalikeError, match=r"would share the id 'bird/owl'"):
        find_images(folder)


@pytest.mark.parametrize("content", [None, "no images"])
def test_a_folder_without_images_is_refused(tmp_path: Path, content: str | None) -> None:
    target = tmp_path / "images"
    if content:
        target.mkdir()
        (target / "a.txt").write_text(content)
    with pytest.raises(TwoalikeError, match="found none"):
        find_images(target)


@pytest.mark.parametrize("keep", [0, 40])
def test_unreadable_image_leaves_no_manifest(folder: Path, keep: int) -> None:
    path = folder / "fish" / "cod.png"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(TwoalikeError, match=r"fish.cod\.png: cannot be read"):
        list_images(folder)
    assert not (folder / MANIFEST).exists()


@pytest.mark.parametrize("name", ["a b", "a,b", "#a", "n/a", "a;b"])
def test_ids_that_other_files_could_not_hold(folder: Path, name: str) -> None:
    list_images(folder)
    edit(folder, "\ntit\t", f"\n{name}\t")
    with pytest.raises(TwoalikeError, match=re.escape(repr(name))):
        StimulusSet.load(folder)


BAD_NAMES = {
    "control": ("a\tb.png", r"'bird/a\\tb\.png' with control characters"),
    "lines": ("a\nb.png", r"'bird/a\\nb\.png' with control characters"),
    "escape": ("a\x1b[2Jb.png", r"'bird/a\\x1b\[2Jb\.png' with control characters"),
    "bytes": ("caf\udce9.png", r"'bird/caf\\xe9\.png' with bytes that are no UTF-8"),
    "turned": ("a\u202egnp.png", r"'bird/a\\u202egnp\.png' with signs that turn"),
}


@pytest.mark.parametrize("kind", BAD_NAMES)
def test_names_that_tables_cannot_hold(folder: Path, kind: str) -> None:
    name, said = BAD_NAMES[kind]
    picture(folder / "bird" / name, 7)
    for refuse in (list_images, find_images):
        with pytest.raises(TwoalikeError, match=said) as caught:
            refuse(folder)
        assert str(caught.value).isprintable()
    assert not (folder / MANIFEST).exists()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["bird/Owl.png"], "'bird/Owl.png' and 'bird/owl.png', which differ in upper and lower"),
        (["Bird/rook.png"], "'Bird' and 'bird', which differ in upper and lower"),
        (["caf\u00e9.png", "cafe\u0301.png"], "twice, with composed and with decomposed letters"),
        (["bird/con.png"], "'bird/con.png' with the name of a device of Windows"),
        (["Lpt1.tar.png"], "'Lpt1.tar.png' with the name of a device"),
        (["aux/a.png"], "'aux/a.png' with the name of a device"),
        (["bird./a.png"], "'bird./a.png' with a dot or a blank at the end"),
        (["bird/what?.png"], "'bird/what?.png' with one of"),
    ],
)
def test_names_that_other_systems_cannot_hold(folder: Path, names: list[str], said: str) -> None:
    for shade, name in enumerate(names):
        picture(folder / name, shade)
    with pytest.raises(TwoalikeError, match=re.escape(said)) as caught:
        list_images(folder)
    assert "Rename" in str(caught.value)
    if "\u0301" not in "".join(names):  # features need no other system
        assert len(find_images(folder)[0]) == 4 + len(names)


def test_ids_are_the_same_from_a_mac(folder: Path) -> None:
    """Which writes letters decomposed."""
    picture(folder / "bird" / "ti\u0302t.png", 3)
    assert "t\u00eet" in list_images(folder).ids
    (folder / MANIFEST).unlink()
    assert "bird/t\u00eet" in find_images(folder)[0]


def test_a_set_of_before_with_names_that_collide_stays_usable(folder: Path) -> None:
    list_images(folder)
    (folder / "bird" / "owl.png").rename(folder / "bird" / "con.png")
    edit(folder, "bird/owl.png", "bird/con.png")
    assert portability_faults(StimulusSet.load(folder).table["file"]) == [
        "'bird/con.png' with the name of a device of Windows"
    ]
