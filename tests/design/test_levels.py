"""Levels of similarity: shares, classes, triplets of each level, and the published study."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twoalike.design import TRIPLET_LISTS
from twoalike.planning import summarize_design
from twoalike.stimuli import StimulusSet
from twoalike.study import DesignConfig, Study, StudyConfig, TwoalikeError
from twoalike.tables import LEVELS, STIMULI

Objects = Callable[[int, int, int], StimulusSet]
WORDS = {1: "fine", 2: "boundary", 3: "coarse"}
"""Level of a triplet by the number of classes among its objects."""


def main_of(
    stimuli: StimulusSet, people: int = 1, root: Path = Path("s"), **keys: Any
) -> list[pd.DataFrame]:
    """Main trials of people."""
    config = DesignConfig(**{"sampler": "levels", "practice": 0, "catch": 0, "repeats": 0, **keys})
    study = Study(root, StudyConfig(title="t", seed=1, design=config))
    labels = [f"{number:02d}" for number in range(people)]
    return TRIPLET_LISTS.together(study, stimuli, labels, 1)


def levels_of(table: pd.DataFrame, classes: dict[str, Any]) -> list[str]:
    rows = table[list(STIMULI)].to_numpy().tolist()
    return [WORDS[len({classes[name] for name in row})] for row in rows]


@settings(deadline=None, max_examples=25)
@given(st.tuples(*[st.integers(0, 10)] * 3).filter(any), st.integers(10, 60))
def test_triplets_are_of_their_level_in_the_shares_asked_for(
    objects: Objects, parts: tuple[int, int, int], trials: int
) -> None:
    stimuli, total = objects(6, 1, 6), sum(parts)
    shares = dict(zip(("within", "between", "boundary"), parts, strict=True))
    (table,) = main_of(
        stimuli, trials=trials, shares={name: part / total for name, part in shares.items()}
    )
    found = table["condition"].tolist()
    assert found == levels_of(table, stimuli.table.set_index("id")["species"].to_dict())
    assert len(np.unique(table[list(STIMULI)].to_numpy().astype(str), axis=0)) == trials
    for name, level in zip(shares, ("fine", "coarse", "boundary"), strict=True):
        assert level in LEVELS
        assert abs(found.count(level) - trials * shares[name] / total) < 1
    exposure = table[list(STIMULI)].stack().value_counts().reindex(stimuli.ids, fill_value=0)
    assert np.ptp(exposure) <= 2


@pytest.mark.parametrize(
    ("objects_of", "keys", "column"),
    [
        ((3, 4, 2), {}, "kingdom"),  # species have two images each
        ((3, 4, 3), {}, "species"),
        ((3, 4, 3), {"level": "kingdom"}, "kingdom"),
    ],
)
def test_classes_are_the_finest_with_three_images(
    objects: Objects, objects_of: tuple[int, int, int], keys: dict[str, Any], column: str
) -> None:
    stimuli = objects(*objects_of)
    (table,) = main_of(stimuli, trials=12, **keys)
    kinds = stimuli.table.set_index("id")[column].to_dict()
    assert levels_of(table, kinds) == table["condition"].tolist()


def test_objects_without_a_class_are_left_out(objects: Objects) -> None:
    table = objects(2, 2, 3).table.copy()
    table.loc[3:5, "species"] = "n/a"
    shares = {"within": 0.2, "between": 0.4, "boundary": 0.4}
    (made,) = main_of(StimulusSet(Path("x"), table), level="species", trials=10, shares=shares)
    shown = set(made[list(STIMULI)].to_numpy().ravel())
    assert shown == set(table["id"]) - set(table["id"][3:6])


def write_features(path: Path, ids: list[str], values: np.ndarray) -> None:
    np.savez(path, ids=np.array(ids), features=values)


def test_clusters_of_features_are_classes(
    objects: Objects, tmp_path: Path, rng: np.random.Generator
) -> None:
    stimuli = objects(3, 1, 8)
    truth = np.repeat(np.arange(3), 8)
    values = 20.0 * np.eye(3)[truth] + rng.normal(size=(24, 3))
    order = rng.permutation(24)  # the file has objects in an order of its own
    write_features(tmp_path / "f.npz", [stimuli.ids[at] for at in order], values[order])
    keys = {"features": "f.npz", "clusters": 3, "trials": 30, "root": tmp_path}
    (table,) = main_of(stimuli, **keys)
    classes = dict(zip(stimuli.ids, truth.tolist(), strict=True))
    assert levels_of(table, classes) == table["condition"].tolist()
    with pytest.raises(TwoalikeError, match="24 clusters, but .* 24 different"):
        main_of(stimuli, **{**keys, "clusters": 24})
    write_features(tmp_path / "f.npz", list(stimuli.ids[1:]), values[1:])
    with pytest.raises(TwoalikeError, match="no features for 1 of 24 objects"):
        main_of(stimuli, **keys)


@pytest.mark.parametrize(("people", "groups"), [(6, 3), (4, 1)])
def test_every_triplet_goes_to_so_many_people(objects: Objects, people: int, groups: int) -> None:
    tables = main_of(objects(8, 1, 8), people, trials=50, lists_per_triplet=groups)
    judged = pd.concat(tables)["triplet_id"].value_counts()
    assert len(judged) == people * 50 // groups and set(judged) == {groups}
    assert all(table["triplet_id"].nunique() == 50 for table in tables)
    counts = {"fine": 20, "coarse": 20, "boundary": 10}
    assert all(table["condition"].value_counts().to_dict() == counts for table in tables)
    shared = [len(set(tables[0]["triplet_id"]) & set(one["triplet_id"])) for one in tables[1:]]
    assert max(shared) < 50


PUBLISHED = DesignConfig(
    sampler="levels",
    trials=330,
    practice=6,
    catch=16,
    catch_sides=[7, 5, 4],
    plan=["main 50", "catch 2", "break"]
    + ["main 50", "catch 2", "main 50", "break"]
    + ["catch 2", "main 50", "catch 2", "break"]
    + ["catch 2", "main 50", "catch 2", "main 51", "catch 4", "main 29"],
    lists_per_triplet=5,
)
"""The published study: seven blocks, attention checks in packs of two and four, three breaks."""


@pytest.fixture(scope="module")
def published(objects: Objects) -> tuple[StimulusSet, list[pd.DataFrame]]:
    stimuli = objects(60, 1, 12)
    config = StudyConfig(title="Levels", seed=3, design=PUBLISHED)
    study = Study(Path("s"), config)
    return stimuli, TRIPLET_LISTS.together(study, stimuli, [f"{n:02d}" for n in range(10)], 1)


def test_the_levels_study_has_its_published_counts(
    published: tuple[StimulusSet, list[pd.DataFrame]],
) -> None:
    stimuli, tables = published
    species = stimuli.table.set_index("id")["species"]
    for table in tables:
        assert table["trial_type"].value_counts().to_dict() == {
            "main": 330,
            "catch": 16,
            "practice": 6,
        }
        main = table[table["trial_type"] == "main"]
        assert main["condition"].value_counts().to_dict() == {
            "fine": 132,
            "coarse": 132,
            "boundary": 66,
        }
        assert levels_of(main, species.to_dict()) == main["condition"].tolist()
        practice = table[:6]
        assert (practice["trial_type"] == "practice").all()
        assert sorted(practice["condition"]) == sorted(["fine", "coarse", "boundary"] * 2)
        assert (
            summarize_design([table], stimuli.ids)[
                "checks with the right answer left / middle / right"
            ]
            == "7 / 5 / 4"
        )
        every = [tuple(sorted(row)) for row in table[list(STIMULI)].to_numpy().tolist()]
        assert len(set(every)) == len(every) == 352
    main = pd.concat([table[table["trial_type"] == "main"] for table in tables])
    times = main["triplet_id"].value_counts()
    assert len(times) == 660 and (times == 5).all()  # five people judge each triplet


def test_sessions_of_their_own_do_not_depend_on_who_else_is_designed(objects: Objects) -> None:
    stimuli = objects(3, 3, 5)
    config = DesignConfig(sampler="levels", trials=40, catch=2)
    study = Study(Path("s"), StudyConfig(title="t", seed=1, design=config))
    together = TRIPLET_LISTS.together(study, stimuli, ["01", "02"], 2)
    assert TRIPLET_LISTS.one(study, stimuli, "02", 2).equals(together[3])
    assert TRIPLET_LISTS.together(study, stimuli, ["02"], 1)[0].equals(together[2])
    assert len({tuple(table["triplet_id"]) for table in together}) == 4


@pytest.mark.parametrize(
    ("config", "stimuli", "message"),
    [
        (
            DesignConfig(sampler="levels", trials=60),
            (2, 1, 4),
            "trials, but 8 objects have only 56",
        ),
        (
            DesignConfig(sampler="levels", trials=50),
            (2, 1, 4),
            "20 triplets within a class, found 8",
        ),
        (DesignConfig(sampler="levels", trials=9), (2, 1, 9), "between classes, found 0"),
        (DesignConfig(sampler="levels", level="kind"), (2, 1, 9), "one of kingdom, species"),
        (
            DesignConfig(sampler="levels", trials=4, practice=0),
            (4, 1, 1),
            "has a class with three images",
        ),
    ],
)
def test_what_the_classes_do_not_allow(
    objects: Objects, config: DesignConfig, stimuli: tuple[int, int, int], message: str
) -> None:
    study = Study(Path("s"), StudyConfig(title="t", seed=1, design=config))
    with pytest.raises(TwoalikeError, match=message) as caught:
        TRIPLET_LISTS.together(study, objects(*stimuli), ["01"], 1)
    assert "\n" not in str(caught.value)
