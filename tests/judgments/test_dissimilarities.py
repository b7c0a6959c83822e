"""The table of dissimilarities: checks, file, import of matrices and of rated pairs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.io
from numpy.testing import assert_allclose
from tests.conftest import call

from twoalike.judgments import (
    dissimilarities_table,
    import_dissimilarities,
    pair_sources,
    read_judgments,
)
from twoalike.study import TwoalikeError

OBJECTS = ["zebra", "ant", "maple", "oak"]
UPPER = np.triu_indices(4, 1)
RATED = "participant,item_a,item_b,dissimilarity\np,ant,oak,3\np,oak,maple,1\nq,ant,maple,0.5\n"


def square(vectors: np.ndarray) -> np.ndarray:
    full = np.zeros((len(vectors), 4, 4))
    full[:, UPPER[0], UPPER[1]] = full[:, UPPER[1], UPPER[0]] = vectors
    return full


@pytest.fixture
def vectors(rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(0, 5, (2, 6))


@pytest.fixture
def table() -> pd.DataFrame:
    return dissimilarities_table(
        {
            "participant": ["p1"] * 4 + ["p2"] * 3,
            "item_a": ["oak", "zebra", "ant", "oak", "ant", "ant", "oak"],
            "item_b": ["ant", "oak", "zebra", "zebra", "oak", "zebra", "zebra"],
            "dissimilarity": [1.0, 0.25, 3.0, 0.75, 0.0, 2.0, 9.0],
            "kind": ["rating"] * 4 + ["rdm"] * 3,
        },
        OBJECTS,
    )


def test_a_pair_given_twice_counts_once_with_its_mean(table: pd.DataFrame) -> None:
    (first, second), ids = pair_sources(table)
    assert ids == tuple(OBJECTS)
    assert (first.label, second.label) == ("p1", "p2")
    assert first.pairs.tolist() == [[0, 1], [0, 3], [1, 3]]
    assert first.values.tolist() == [3.0, 0.5, 1.0]
    shuffled, _ = pair_sources(table.sample(frac=1, random_state=1), OBJECTS[::-1])
    again = next(source for source in shuffled if source.label == "p1")
    assert again.pairs.tolist() == [[0, 2], [0, 3], [2, 3]]
    assert again.values.tolist() == [1.0, 0.5, 3.0]


def test_kinds_of_one_person_are_sources_of_their_own(table: pd.DataFrame) -> None:
    one = table.assign(participant=pd.Categorical(["p1"] * len(table)))
    assert [source.label for source in pair_sources(one)[0]] == ["p1, rating", "p1, rdm"]


def test_what_tells_nothing_is_refused(table: pd.DataFrame) -> None:
    with pytest.raises(TwoalikeError, match="'p2': expected 3 pairs or more, found 1 pair"):
        pair_sources(table.iloc[:5])
    with pytest.raises(TwoalikeError, match="'p1': all 3 pairs have the value 2"):
        pair_sources(table.assign(dissimilarity=2.0))
    with pytest.raises(TwoalikeError, match="object 'ant' is not one of the 2 objects"):
        pair_sources(table, ["zebra", "oak"])


@pytest.mark.parametrize(
    ("name", "save", "people"),
    [
        ("r.npy", lambda path, v: np.save(path, square(v)), 2),
        ("r.npz", lambda path, v: np.savez(path, rdm=square(v[:1]), ids=OBJECTS), 1),
        ("r.csv", lambda path, v: np.savetxt(path, v, delimiter=","), 2),
        (
            "r.mat",
            lambda path, v: scipy.io.savemat(path, {"rdms": np.moveaxis(square(v), 0, 2)}),
            2,
        ),
        (
            "r.mat",
            lambda path, v: scipy.io.savemat(
                path,
                {
                    "stimuli_a_b": OBJECTS,
                    "rdmutv_a_b": v[0],
                    "stimuli_c": OBJECTS,
                    "rdmutv_c": v[1],
                },
            ),
            2,
        ),
    ],
)
def test_matrices_become_rows(
    name: str,
    save: Callable[[Path, np.ndarray], None],
    people: int,
    vectors: np.ndarray,
    tmp_path: Path,
) -> None:
    save(tmp_path / name, vectors)
    table = import_dissimilarities([tmp_path / name], OBJECTS)
    is_meadows = name == "r.mat" and "stimuli_c" in dict(scipy.io.loadmat(tmp_path / name))
    assert set(table["kind"]) == {"arrangement" if is_meadows else "rdm"}
    assert table["item_a"].cat.categories.tolist() == OBJECTS
    sources, _ = pair_sources(table)
    assert len(sources) == people
    for source, vector in zip(sources, vectors, strict=False):
        assert source.pairs.tolist() == np.transpose(UPPER).tolist()
        assert_allclose(source.values, vector)


def test_people_are_called_as_the_file_says(vectors: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", vectors[:1])
    np.save(tmp_path / "two.npy", vectors)

    def people(*names: str) -> list[str]:
        table = import_dissimilarities([tmp_path / name for name in names], OBJECTS)
        return table["participant"].cat.categories.tolist()

    assert people("one.npy") == ["unknown"]
    assert people("two.npy") == ["two-01", "two-02"]
    assert people("one.npy", "two.npy") == ["one", "two-01", "two-02"]
    with pytest.raises(TwoalikeError, match="'one' are already in"):
        people("one.npy", "one.npy")


def test_missing_pairs_are_left_out(vectors: np.ndarray, tmp_path: Path) -> None:
    vectors[0, 2] = np.nan
    np.save(tmp_path / "r.npy", vectors)
    table = import_dissimilarities([tmp_path / "r.npy"], OBJECTS)
    first, second = pair_sources(table)[0]
    assert [0, 3] not in first.pairs.tolist() and len(first.pairs) == 5
    assert len(second.pairs) == 6


def test_rated_pairs_become_rows(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text(RATED, encoding="utf-8")
    table = import_dissimilarities([tmp_path / "r.csv"])
    assert table["participant"].tolist() == ["p", "p", "q"]
    assert table["dissimilarity"].tolist() == [3.0, 1.0, 0.5]
    assert set(table["kind"]) == {"rating"}
    assert table["item_a"].cat.categories.tolist() == ["ant", "oak", "maple"]
    (tmp_path / "s.tsv").write_text(
        "item_b\titem_a\tsimilarity\nant\toak\t-1\noak\tmaple\t4\nant\tmaple\t2\n", encoding="utf-8"
    )
    turned = import_dissimilarities([tmp_path / "s.tsv"], OBJECTS, kind="rdm", similarity=True)
    assert turned["dissimilarity"].tolist() == [5.0, 0.0, 2.0]
    assert set(turned["participant"]) == {"unknown"} and set(turned["kind"]) == {"rdm"}


def test_similarities_of_matrices_are_turned(vectors: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", 5 * np.eye(4) - square(vectors))
    sources, _ = pair_sources(
        import_dissimilarities([tmp_path / "s.npy"], OBJECTS, similarity=True)
    )
    for source, vector in zip(sources, vectors, strict=True):
        assert_allclose(source.values, vector - vector.min())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (RATED.replace("item_b", "item"), "expected one column 'item_b', found"),
        (RATED.replace("dissimilarity", "similarity"), "similarity=True"),
        (
            RATED.replace("q,ant", ",ant"),
            "row 4, column participant: the cell is empty",
        ),
        (
            RATED.replace("0.5", "far"),
            "row 4, column dissimilarity: expected a number, found 'far'",
        ),
        (RATED.replace("0.5", "nan"), "row 4, column dissimilarity: the cell is empty"),
        (RATED.replace("0.5", "-2"), "row 4, .*expected a number from 0 on, found '-2'"),
        (
            RATED.replace("q,ant", "q,elm"),
            "row 4, column item_a: 'elm' is not one of the 4 objects",
        ),
        (RATED.replace("q,ant", "q,maple"), "row 4: an object is listed twice"),
    ],
)
def test_bad_tables_of_pairs_are_named(text: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text(text, encoding="utf-8")
    with pytest.raises(TwoalikeError, match=complaint):
        import_dissimilarities([tmp_path / "r.csv"], OBJECTS)


@pytest.mark.parametrize(
    ("array", "objects", "complaint"),
    [
        (-np.ones(6), OBJECTS, "matrix 1: expected dissimilarities from 0 on, found -1"),
        (np.ones(6), None, "objects="),
        (np.full(6, np.nan), OBJECTS, "matrix 1 holds no dissimilarity"),
        (np.ones(6), ["a", "a", "b", "c"], "not all different"),
        (np.ones(10), OBJECTS, "the list of objects has 4"),
    ],
)
def test_bad_matrices_are_named(
    array: np.ndarray, objects: list[str] | None, complaint: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "r.npy", array)
    with pytest.raises(TwoalikeError, match=complaint):
        import_dissimilarities([tmp_path / "r.npy"], objects)


def test_real_exports_are_read(shared_data: Path, tmp_path: Path) -> None:
    meadows = shared_data / "meadows" / "Meadows_myExp_v_v1_cuddly-bunny_3_1D.mat"
    out = tmp_path / "d.parquet"
    assert call("import", "rdm", meadows, "--out", out) == 0
    table = read_judgments(out, "dissimilarities")
    assert table["item_a"].cat.categories[:2].tolist() == ["stim118", "stim117"]
    assert_allclose(table["dissimilarity"], scipy.io.loadmat(meadows)["rdmutv"].ravel())
    ids = [f"{index:02d}" for index in range(92)]
    mur = import_dissimilarities([shared_data / "mur92" / "behavior_rdms.mat"], ids)
    assert len(pair_sources(mur)[0]) == 16 and len(mur) == 16 * 92 * 91 // 2
