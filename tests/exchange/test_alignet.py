"""AligNet's archives as labels: every row's own odd image, in bounded memory, or one clear line."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.conftest import call

from twoalike.distill import import_alignet, read_labels
from twoalike.study import TwoalikeError
from twoalike.teacher import sample_triplets

Array = np.ndarray[Any, np.dtype[Any]]
M = 40
NAMES = np.array([f"n{k % 7:08d}/n{k % 7:08d}_{k}.JPEG" for k in range(M)])


def archive(rng: np.random.Generator, n: int = 50) -> dict[str, Array]:
    """Triplets as AligNet has them."""
    x = rng.normal(size=(M, 3))
    triplets = sample_triplets(M, n, rng)
    i, j, k = triplets.T
    similarities = np.stack([(x[i] * x[j]).sum(1), (x[i] * x[k]).sum(1), (x[j] * x[k]).sum(1)], 1)
    return {
        "filenames": NAMES[triplets],
        "similarities": similarities.astype(np.float32),
        "indices": 1000 + triplets[:, :] * 3,
    }


def by_hand(similarities: Array) -> Array:
    """Probability that image 0, 1, 2 is the odd one: that of the pair of the two others."""
    raised = np.exp(similarities[:, [2, 1, 0]].astype(float))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def test_labels_are_the_softmax_of_the_pairs(tmp_path: Path, rng: np.random.Generator) -> None:
    content = archive(rng)
    np.savez(tmp_path / "a.npz", **content)
    said = import_alignet(tmp_path / "a.npz", tmp_path / "labels", shard=20)
    labels = read_labels(tmp_path / "labels")
    assert sorted(path.name for path in (tmp_path / "labels").glob("shard-*")) == [
        f"shard-0000{k}.parquet" for k in range(3)
    ]
    found = np.array(labels.ids)[labels.triplets]
    assert (found == np.char.replace(content["filenames"], ".JPEG", "")).all()
    assert_allclose(labels.probabilities, by_hand(content["similarities"]), atol=1e-6)
    odd = 2 - content["similarities"].argmax(axis=1)
    assert (labels.probabilities.argmax(axis=1) == odd).all()
    assert said["checked"] == {"odd_not_last": int((odd != 2).sum()), "tied": 0, "indices": True}
    assert 0 < said["checked"]["odd_not_last"] < 50
    assert said == json.loads((tmp_path / "labels" / "labels.json").read_text()) == labels.meta
    assert said["images"] == len(np.unique(content["filenames"]))
    assert said["inputs"]["archive"]["file"] == "a.npz"


@pytest.mark.parametrize("how", ["compressed", "by columns", "bytes", "no indices"])
def test_other_ways_to_save_them(tmp_path: Path, rng: np.random.Generator, how: str) -> None:
    content = archive(rng)
    np.savez(tmp_path / "a.npz", **content)
    plain = import_alignet(tmp_path / "a.npz", tmp_path / "plain", shard=20)
    if how == "by columns":
        content = {name: np.asfortranarray(array) for name, array in content.items()}
    elif how == "bytes":
        content["filenames"] = np.char.encode(content["filenames"], "utf-8")
    elif how == "no indices":
        del content["indices"]
    save = np.savez_compressed if how == "compressed" else np.savez
    save(tmp_path / "b.npz", **content)
    said = import_alignet(tmp_path / "b.npz", tmp_path / "other", shard=20)
    assert said["images"] == plain["images"]
    assert said["checked"]["indices"] == (how != "no indices")
    one, two = (read_labels(tmp_path / name) for name in ("plain", "other"))
    assert one.ids == two.ids
    assert (one.triplets == two.triplets).all()
    assert_allclose(one.probabilities, two.probabilities, atol=1e-7)


def test_large_similarities_and_ties(tmp_path: Path) -> None:
    """Raw dot products of hundreds give chances of 0 and 1, not NaN; equal ones share."""
    similarities = np.array([[900.0, -900, 0], [5, 5, -5], [1, 1, 1]])
    np.savez(tmp_path / "a.npz", filenames=NAMES[[[0, 1, 2]] * 3], similarities=similarities)
    said = import_alignet(tmp_path / "a.npz", tmp_path / "labels")
    p = read_labels(tmp_path / "labels").probabilities
    assert_allclose(p, [[0, 0, 1], [0, 0.5, 0.5], [1 / 3] * 3], atol=1e-4)
    assert said["checked"]["tied"] == 2
    import_alignet(tmp_path / "a.npz", tmp_path / "labels", temperature=1e9, overwrite=True)
    assert_allclose(read_labels(tmp_path / "labels").probabilities, 1 / 3, atol=1e-5)


def test_command_keeps_what_is_there(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "a.npz", **archive(rng))
    words = ("import", "alignet", tmp_path / "a.npz", "--out", tmp_path / "labels")
    assert call(*words) == 0
    assert "50 triplets of" in capsys.readouterr().out
    before = read_labels(tmp_path / "labels").probabilities
    assert call(*words) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert call(*words, "--overwrite", "--temperature", 0) == 1
    assert "--temperature: expected a number above 0, found 0" in capsys.readouterr().err
    np.savez(tmp_path / "a.npz", **archive(rng) | {"similarities": np.full((50, 3), np.nan)})
    assert call(*words, "--overwrite") == 1
    assert (read_labels(tmp_path / "labels").probabilities == before).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "labels"]


def changed(content: dict[str, Array], name: str, place: tuple[int, int], value: object) -> None:
    content[name] = content[name].copy()
    content[name][place] = value


@pytest.mark.parametrize("shard", [7, 1000])
def test_names_and_indices_that_disagree_are_refused(
    tmp_path: Path, rng: np.random.Generator, shard: int
) -> None:
    """One image swapped in one row, whether its true index stands in the same shard or not."""
    good = archive(rng)
    for name, value in (("filenames", "else.JPEG"), ("indices", 5)):
        content = dict(good)
        changed(content, name, (33, 1), value)
        np.savez(tmp_path / "a.npz", **content)
        with pytest.raises(TwoalikeError, match="indices and filenames disagree") as caught:
            import_alignet(tmp_path / "a.npz", tmp_path / "labels", shard=shard)
        assert "\n" not in str(caught.value)
    # Rows moved against each other, as when one array was shuffled alone.
    np.savez(tmp_path / "a.npz", **good | {"filenames": np.roll(good["filenames"], 1, axis=0)})
    with pytest.raises(TwoalikeError, match="disagree"):
        import_alignet(tmp_path / "a.npz", tmp_path / "labels", shard=shard)
    assert not (tmp_path / "labels").exists()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"similarities": None}, "expected arrays filenames, similarities and indices"),
        ({"similarities": np.ones((50, 2))}, r"similarities of shape \(50, 3\), numbers, found"),
        ({"filenames": np.ones((50, 3))}, r"filenames of shape \(50, 3\), strings, found float64"),
        ({"filenames": np.empty((0, 3), "U9")}, r"filenames of shape \(n, 3\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    tmp_path: Path, rng: np.random.Generator, changes: dict[str, Array | None], complaint: str
) -> None:
    content = {k: v for k, v in (archive(rng) | changes).items() if v is not None}
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(TwoalikeError, match=complaint):
        import_alignet(tmp_path / "a.npz", tmp_path / "labels")


def test_bad_rows_are_named(tmp_path: Path, rng: np.random.Generator) -> None:
    content = archive(rng)
    changed(content, "similarities", (41, 2), np.inf)
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(TwoalikeError, match="row 42: expected finite similarities"):
        import_alignet(tmp_path / "a.npz", tmp_path / "labels", shard=20)
    content = archive(rng)
    for name in ("filenames", "indices"):
        changed(content, name, (27, 2), content[name][27, 0])
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(TwoalikeError, match="row 28 has an image twice"):
        import_alignet(tmp_path / "a.npz", tmp_path / "labels", shard=20)
    names = np.array([["a.png", "a.jpg", "b.png"]])
    np.savez(tmp_path / "a.npz", filenames=names, similarities=np.ones((1, 3)))
    with pytest.raises(TwoalikeError, match="'a.jpg' and 'a.png' would share the id 'a'"):
        import_alignet(tmp_path / "a.npz", tmp_path / "labels")


def test_memory_is_that_of_a_shard(tmp_path: Path, rng: np.random.Generator) -> None:
    content = archive(rng, 60_000)
    size = sum(array.nbytes for array in content.values())
    np.savez(tmp_path / "a.npz", **content)
    del content
    tracemalloc.start()
    import_alignet(tmp_path / "a.npz", tmp_path / "labels", shard=2_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < size / 4
    assert len(read_labels(tmp_path / "labels").triplets) == 60_000
