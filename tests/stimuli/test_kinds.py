"""Words and sounds as stimuli: made, checked, drawn, and what networks take of them."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tests.stimuli.media import WORDS, write_sounds

from twoalike.planning import create_study
from twoalike.stimuli import (
    MANIFEST,
    StimulusSet,
    find_images,
    image_table,
)
from twoalike.study import Study, TwoalikeError, sha256_file
from twoalike.tasks import validate_study


def words_study(folder: Path, text: str = WORDS) -> Study:
    (folder / "words.txt").write_text(text, encoding="utf-8")
    return create_study(folder / "study", words=folder / "words.txt", seed=1).study


def edit(stimuli: Path, old: str, new: str) -> None:
    path = stimuli / MANIFEST
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")


def faults(study: Study) -> str:
    return "\n".join(validate_study(study).faults)


def test_a_list_of_words_becomes_a_study(tmp_path: Path) -> None:
    study = words_study(tmp_path)
    stimuli = StimulusSet.load(study.stimuli)
    assert stimuli.ids == ("cat", "dog", "θάλασσα", "شمس", "coffee_cup")
    assert stimuli.text("coffee_cup") == "coffee cup"
    assert stimuli.levels == ("level_1",)
    assert {stimuli.kind(name) for name in stimuli.ids} == {"word"}
    assert stimuli.digest("cat") == stimuli.table["sha256"][0]
    assert [path.name for path in study.stimuli.iterdir() if path.suffix == ".tsv"] == [MANIFEST]
    assert faults(study) == ""
    with pytest.raises(TwoalikeError, match="'cat' is a word, which has no file"):
        stimuli.path("cat")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cat\ndog\n", "expected at least 3 objects"),
        ("cat\ndog\ncat\n", "two words would share the id 'cat'"),
        ("cat\tpet\ndog\nowl\tbird\n", "word 2: expected a word and 1 categories"),
        ("a\u202eb\nc\nd\n", "signs that turn the words around"),
    ],
)
def test_lists_of_words_are_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TwoalikeError, match=message) as caught:
        words_study(tmp_path, text)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "study").exists()


def test_a_word_that_was_retyped_is_found(tmp_path: Path) -> None:
    study = words_study(tmp_path)
    edit(study.stimuli, "word\tdog", "word\thog")
    assert "'hog' is not the word listed" in faults(study)


def test_validate_names_the_characters_that_no_font_has(tmp_path: Path) -> None:
    study = words_study(tmp_path, "cat\ndog\n\U0001e900\U0001e901\n")  # Adlam
    assert "no font of this computer has the characters \U0001e900\U0001e901 of the word" in faults(
        study
    )


def test_all_words_of_a_set_have_one_size_of_letters(tmp_path: Path) -> None:
    stimuli = StimulusSet.load(words_study(tmp_path).stimuli)
    pictures = {name: stimuli.picture(name, ink="#102030") for name in stimuli.ids}
    assert len({picture.size for picture in pictures.values()}) == 1
    for picture in pictures.values():
        dark = np.asarray(picture.convert("L")) < 128
        assert dark.any()
        edges = np.concatenate([dark[0], dark[-1], dark[:, 0], dark[:, -1]])
        assert not edges.any()
    dark = np.asarray(pictures["cat"].convert("L")) < 128
    x = np.flatnonzero(dark.any(axis=0))  # centred
    assert abs((x[0] + x[-1]) / 2 - dark.shape[1] / 2) < 12


def test_arabic_is_joined_and_read_from_the_right(tmp_path: Path) -> None:
    """Letters that are joined have no gap; the tail of the last one is at the left."""
    from twoalike.stimuli.lettering import Words

    joined, marked = (
        np.asarray(Words({"x": text}).draw("x").convert("L")) < 128 for text in ("شمس", "شَمْس")
    )
    columns = joined.any(axis=0)
    first, last = np.flatnonzero(columns)[[0, -1]]
    assert columns[first : last + 1].all()
    rows = np.flatnonzero(joined.any(axis=1))
    low = np.flatnonzero(joined[rows[-1]])
    assert low.max() < joined.shape[1] / 2  # the tail of س
    # Vowel signs are kept, and stand above the letters.
    assert marked.sum() > joined.sum()
    assert np.flatnonzero(marked.any(axis=1))[0] < rows[0]


def test_manifests_of_images_are_as_before_and_a_category_may_be_called_kind(
    tmp_path: Path,
) -> None:
    for shade in range(3):
        Image.new("RGB", (4, 4), (shade, 0, 0)).save(tmp_path / f"{shade}.png")
    table = image_table(tmp_path)
    assert list(table.columns) == ["id", "file", "sha256"]
    stimuli = StimulusSet.write(tmp_path, table.assign(kind=["pet", "pet", "wild"], text="x"))
    assert stimuli.levels == ("kind", "text")
    assert stimuli.kind("0") == "image"


def test_sounds_are_checked_and_have_a_length(tmp_path: Path) -> None:
    write_sounds(tmp_path / "tones")
    created = create_study(tmp_path / "study", sounds=tmp_path / "tones", seed=1)
    stimuli = created.stimuli
    assert stimuli.ids == ("tone0", "tone1", "tone2")
    lengths = stimuli.sound_lengths()
    assert lengths == pytest.approx({"tone0": 0.3, "tone1": 0.4, "tone2": 0.5}, abs=0.01)
    assert stimuli.picture("tone0").size == stimuli.picture("tone1").size
    edit(stimuli.folder, "sound\tn/a", "sound\tlow tone")
    labelled = StimulusSet.load(stimuli.folder)
    assert labelled.text("tone0") == "low tone"
    assert labelled.picture("tone0").tobytes() != labelled.picture("tone1").tobytes()
    (tmp_path / "tones" / "tone1.flac").write_bytes(b"fLaC and nothing more")
    with pytest.raises(TwoalikeError, match=r"tone1.flac: cannot be read as a sound") as caught:
        create_study(tmp_path / "other", sounds=tmp_path / "tones", seed=1)
    assert "\n" not in str(caught.value)


def test_networks_refuse_words_and_sounds(tmp_path: Path) -> None:
    words = words_study(tmp_path)
    with pytest.raises(
        TwoalikeError, match=r"networks can take, found 5 words. For words"
    ) as caught:
        find_images(words.stimuli)
    assert "\n" not in str(caught.value)


def test_films_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").write_bytes(b"film")
    with pytest.raises(TwoalikeError, match=r"clips: expected images .*one picture of each film"):
        create_study(tmp_path / "other", images=tmp_path / "clips", seed=1)
    study = words_study(tmp_path)
    path = study.stimuli / MANIFEST
    listed = path.read_text(encoding="utf-8")
    path.write_text(listed.replace("\tword\t", "\tfilm\t"), encoding="utf-8")
    with pytest.raises(TwoalikeError, match=r"row 1, .*word, sound, found the film 'cat'\. Films"):
        validate_study(study)


def test_one_set_may_have_all_kinds(tmp_path: Path) -> None:
    """A manifest of one's own, copied by init."""
    write_sounds(tmp_path / "own", 1)
    for shade in range(3):
        Image.new("RGB", (4, 4), (shade, 0, 0)).save(tmp_path / "own" / f"{shade}.png")
    (tmp_path / "words.txt").write_text("cat\ndog\nowl\n")
    words = create_study(tmp_path / "word", words=tmp_path / "words.txt", seed=1).stimuli.table
    images = image_table(tmp_path / "own").assign(kind="image", text="n/a", level_1="n/a")
    sound = tmp_path / "own" / "tone0.wav"
    row = {"id": "tone0", "file": "tone0.wav", "kind": "sound", "text": "n/a"}
    both = pd.concat([words, images, pd.DataFrame([row | {"sha256": sha256_file(sound)}])])
    StimulusSet.write(tmp_path / "own", both.reset_index(drop=True))
    created = create_study(tmp_path / "study", images=tmp_path / "own", seed=1)
    kinds = [created.stimuli.kind(name) for name in created.stimuli.ids]
    assert kinds == ["word"] * 3 + ["image"] * 3 + ["sound"]
    assert validate_study(created.study).faults == ()
    shutil.copytree(created.study.root, tmp_path / "moved")
    assert validate_study(tmp_path / "moved").faults == ()
