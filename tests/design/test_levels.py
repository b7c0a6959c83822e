"""Levels of similarity: shares, classes, triplets of each level, and the published study."""

from collections import Counter
from collections.abc import Callable
from math import comb
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twoalike.design import TRIPLET_LISTS, summarize_design
from twoalike.design._coverage import objects_of
from twoalike.design._levels import (
    CONDITIONS,
    LevelSampler,
    level_counts,
    level_session,
    level_sessions,
    object_classes,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import DesignConfig, LevelShares, Study, StudyConfig, TwoalikeError
from twoalike.tables import LEVELS, STIMULI

Objects = Callable[[int, int, int], StimulusSet]
ANY_TIME = settings(deadline=None, max_examples=60)
SEEDS = st.integers(0, 2**32)
SHARES = (
    st.tuples(*[st.integers(0, 10)] * 3)
    .filter(any)
    .map(
        lambda parts: LevelShares(
            **{name: part / sum(parts) for name, part in zip(CONDITIONS, parts, strict=True)}
        )
    )
)


def level_of(classes: np.ndarray, triplet: np.ndarray) -> str:
    """Name a level by the number of classes among its objects, as the study does."""
    return {1: "fine", 2: "boundary", 3: "coarse"}[len(set(classes[triplet].tolist()))]


def test_conditions_are_the_levels_of_the_tables_of_choices() -> None:
    assert set(CONDITIONS.values()) == set(LEVELS)


@ANY_TIME
@given(st.integers(0, 500), SHARES)
def test_shares_are_split_by_largest_remainder(n: int, shares: LevelShares) -> None:
    counts = level_counts(n, shares)
    assert sum(counts.values()) == n
    exact = {name: n * getattr(shares, name) for name in counts}
    assert all(abs(counts[name] - exact[name]) < 1 for name in counts)
    up = [exact[name] - int(exact[name] + 1e-6) for name in counts if counts[name] > exact[name]]
    down = [exact[name] - counts[name] for name in counts if counts[name] <= exact[name]]
    assert not up or not down or min(up) >= max(down) - 1e-6


@st.composite
def classified(draw: st.DrawFn) -> np.ndarray:
    sizes = draw(st.lists(st.integers(1, 5), min_size=3, max_size=6))
    classes = np.repeat(np.arange(len(sizes)), sizes)
    without = draw(st.integers(0, 2))
    return np.random.default_rng(draw(SEEDS)).permutation(np.append(classes, np.full(without, -1)))


@ANY_TIME
@given(classified(), st.floats(0, 1), SEEDS)
def test_triplets_are_of_their_level_and_distinct(
    classes: np.ndarray, share: float, seed: int
) -> None:
    sampler = LevelSampler(classes, set(), np.random.default_rng(seed))
    counts = {name: int(share * n) for name, n in sampler.available().items()}
    chosen = sampler.draw(counts)
    assert len(np.unique(objects_of(chosen), axis=0)) == len(chosen) == sum(counts.values())
    assert (classes[objects_of(chosen)] >= 0).all()
    found = [level_of(classes, row) for row in objects_of(chosen)]
    assert found == chosen["condition"].tolist()
    assert {name: found.count(word) for name, word in CONDITIONS.items()} == counts
    with pytest.raises(ValueError, match="not used yet"):
        sampler.draw({name: n + 1 for name, n in sampler.available().items()})


def test_what_is_available_is_counted_right() -> None:
    classes = np.array([0, 0, 0, 1, 1, 2, -1])
    available = LevelSampler(classes, set(), np.random.default_rng(0)).available()
    assert available == {"within": 1, "between": 3 * 2 * 1, "boundary": 3 * 3 + 1 * 4}
    assert sum(available.values()) == comb(6, 3)


@ANY_TIME
@given(st.integers(4, 8), st.integers(4, 8), st.integers(20, 120), SEEDS)
def test_equal_classes_show_objects_equally_often(
    kinds: int, members: int, trials: int, seed: int
) -> None:
    classes = np.repeat(np.arange(kinds), members)
    config = DesignConfig(sampler="levels", trials=min(trials, kinds * members * 2))
    chosen = level_session(classes, config, np.random.default_rng(seed))
    exposure = np.bincount(objects_of(chosen).ravel(), minlength=len(classes))
    assert exposure.max() - exposure.min() <= 2


def test_levels_are_interleaved(rng: np.random.Generator) -> None:
    chosen = level_session(np.repeat(np.arange(9), 9), DesignConfig(trials=100), rng)
    assert len(set(chosen["condition"][:15])) == 3
    assert len(set(chosen["condition"][-15:])) == 3


@pytest.mark.parametrize(
    ("people", "groups", "sessions"), [(5, 5, 1), (10, 5, 2), (6, 3, 1), (4, 1, 2)]
)
def test_every_triplet_goes_to_so_many_people(
    people: int, groups: int, sessions: int, rng: np.random.Generator
) -> None:
    classes = np.repeat(np.arange(12), 10)
    config = DesignConfig(sampler="levels", trials=50, lists_per_triplet=groups)
    chosen = level_sessions(classes, config, people, sessions, rng)
    assert len(chosen) == people * sessions
    judged: dict[tuple[int, ...], list[int]] = {}
    for at, one in enumerate(chosen):
        assert Counter(one["condition"]) == {"fine": 20, "coarse": 20, "boundary": 10}
        assert len(np.unique(objects_of(one), axis=0)) == 50
        for row in objects_of(one).tolist():
            judged.setdefault(tuple(row), []).append(at // sessions)
    assert len(judged) == people * sessions * 50 // groups
    # By different people, so that agreement can be measured between them.
    assert all(len(who) == len(set(who)) == groups for who in judged.values())
    if groups > 1 and people > groups:
        first = {tuple(row) for row in objects_of(chosen[0]).tolist()}
        shared = [len(first & {tuple(r) for r in objects_of(one).tolist()}) for one in chosen[1:]]
        assert max(shared) < 50


def test_a_group_of_another_size_is_refused(rng: np.random.Generator) -> None:
    config = DesignConfig(sampler="levels", trials=10, lists_per_triplet=5)
    with pytest.raises(TwoalikeError, match="a multiple of 5, found 7"):
        level_sessions(np.repeat(np.arange(9), 9), config, 7, 1, rng)


def classes_of(stimuli: StimulusSet, config: DesignConfig, root: Path = Path("s")) -> np.ndarray:
    return object_classes(
        stimuli.table, stimuli.levels, config, root, np.random.default_rng([1, 2])
    )


def test_classes_are_the_finest_with_three_images(objects: Objects) -> None:
    two = objects(3, 4, 2)  # species have two images each
    assert len(np.unique(classes_of(two, DesignConfig()))) == 3
    assert len(np.unique(classes_of(objects(3, 4, 3), DesignConfig()))) == 12
    assert len(np.unique(classes_of(two, DesignConfig(level="species")))) == 12
    with pytest.raises(TwoalikeError, match="no column 'kind'.*one of kingdom, species"):
        classes_of(two, DesignConfig(level="kind"))
    with pytest.raises(TwoalikeError, match="has a class with three images"):
        classes_of(objects(4, 1, 1), DesignConfig())
    bare = StimulusSet(Path("x"), two.table[["id", "file", "sha256"]])
    with pytest.raises(TwoalikeError, match="needs classes of objects"):
        classes_of(bare, DesignConfig())


def test_objects_without_a_class_are_left_out(objects: Objects) -> None:
    stimuli = objects(2, 2, 3)
    table = stimuli.table.copy()
    table.loc[3:5, "species"] = "n/a"
    classes = classes_of(StimulusSet(Path("x"), table), DesignConfig(level="species"))
    assert np.flatnonzero(classes < 0).tolist() == [3, 4, 5]


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
    config = DesignConfig(features="f.npz", clusters=3)
    found = classes_of(stimuli, config, tmp_path)
    assert len(set(zip(truth.tolist(), found.tolist(), strict=True))) == 3
    assert (classes_of(stimuli, config, tmp_path) == found).all()
    with pytest.raises(TwoalikeError, match="24 clusters, but .* 24 different"):
        classes_of(stimuli, DesignConfig(features="f.npz", clusters=24), tmp_path)
    write_features(tmp_path / "f.npz", list(stimuli.ids), np.zeros((24, 3)))
    with pytest.raises(TwoalikeError, match="3 clusters, but .* 1 different"):
        classes_of(stimuli, config, tmp_path)
    write_features(tmp_path / "f.npz", list(stimuli.ids[1:]), values[1:])
    with pytest.raises(TwoalikeError, match="no features for 1 of 24 objects"):
        classes_of(stimuli, config, tmp_path)
    with pytest.raises(TwoalikeError, match=r"nothing.npz: expected features"):
        classes_of(stimuli, DesignConfig(features="nothing.npz"), tmp_path)


def labelled(classes: int, images: int) -> StimulusSet:
    """Images and WordNet-like ids, all that the Levels study needs."""
    rows = [
        (f"n{k:03d}_{i}", f"n{k:03d}_{i}.png", "0" * 64, f"n{k:03d}")
        for k in range(classes)
        for i in range(images)
    ]
    columns = ["id", "file", "sha256", "wnid"]
    return StimulusSet(Path("nowhere"), pd.DataFrame(rows, columns=columns, dtype=str))


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
def published() -> tuple[StimulusSet, list[pd.DataFrame]]:
    stimuli = labelled(60, 12)
    config = StudyConfig(title="Levels", seed=3, design=PUBLISHED)
    study = Study(Path("s"), config)
    return stimuli, TRIPLET_LISTS.together(study, stimuli, [f"{n:02d}" for n in range(10)], 1)


def test_the_levels_study_has_its_published_counts(
    published: tuple[StimulusSet, list[pd.DataFrame]],
) -> None:
    stimuli, tables = published
    wnid = stimuli.table.set_index("id")["wnid"]
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
        kinds = {1: "fine", 2: "boundary", 3: "coarse"}
        rows = main[list(STIMULI)].to_numpy()
        assert [kinds[len({wnid[name] for name in row})] for row in rows] == list(main["condition"])
        practice = table[:6]
        assert (practice["trial_type"] == "practice").all()
        assert sorted(practice["condition"]) == sorted(["fine", "coarse", "boundary"] * 2)
        assert summarize_design([table], stimuli.ids).catch_sides == (7, 5, 4)
        every = [tuple(sorted(row)) for row in table[list(STIMULI)].to_numpy().tolist()]
        assert len(set(every)) == len(every) == 352


def test_the_levels_study_has_its_blocks_and_breaks(
    published: tuple[StimulusSet, list[pd.DataFrame]],
) -> None:
    table = published[1][0]
    runs = (table["trial_type"] != table["trial_type"].shift()).cumsum()
    found = [
        (int(group["block_index"].iloc[0]), group["trial_type"].iloc[0], len(group))
        for _, group in table.groupby([runs, "block_index"], sort=False)
    ]
    # Practice, then the stretches between breaks; B5, C 2, B6 are one stretch and so on.
    assert found == [
        (1, "practice", 6),
        *[(2, "main", 50), (2, "catch", 2)],
        *[(3, "main", 50), (3, "catch", 2), (3, "main", 50)],
        *[(4, "catch", 2), (4, "main", 50), (4, "catch", 2)],
        *[(5, "catch", 2), (5, "main", 50), (5, "catch", 2), (5, "main", 51)],
        *[(5, "catch", 4), (5, "main", 29)],
    ]


def test_in_the_levels_study_five_people_judge_each_triplet(
    published: tuple[StimulusSet, list[pd.DataFrame]],
) -> None:
    main = pd.concat([table[table["trial_type"] == "main"] for table in published[1]])
    times = main["triplet_id"].value_counts()
    assert len(times) == 660
    assert (times == 5).all()


def test_sessions_of_their_own_do_not_depend_on_who_else_is_designed(objects: Objects) -> None:
    stimuli = objects(3, 3, 5)
    config = DesignConfig(sampler="levels", trials=40, catch=2)
    study = Study(Path("s"), StudyConfig(title="t", seed=1, design=config))
    together = TRIPLET_LISTS.together(study, stimuli, ["01", "02"], 2)
    assert TRIPLET_LISTS.one(study, stimuli, "02", 2).equals(together[3])
    assert TRIPLET_LISTS.together(study, stimuli, ["02"], 1)[0].equals(together[2])
    assert len({tuple(table["triplet_id"]) for table in together}) == 4


def test_a_group_is_the_same_again_and_another_group_another(objects: Objects) -> None:
    stimuli = objects(3, 3, 5)
    config = DesignConfig(sampler="levels", trials=40, lists_per_triplet=2)
    study = Study(Path("s"), StudyConfig(title="t", seed=1, design=config))
    first, again, other = (
        TRIPLET_LISTS.together(study, stimuli, who, 1)
        for who in (["01", "02"], ["01", "02"], ["01", "03"])
    )
    assert all(a.equals(b) for a, b in zip(first, again, strict=True))
    assert not first[0].equals(other[0])


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
    ],
)
def test_what_the_classes_do_not_allow(
    objects: Objects, config: DesignConfig, stimuli: tuple[int, int, int], message: str
) -> None:
    study = Study(Path("s"), StudyConfig(title="t", seed=1, design=config))
    with pytest.raises(TwoalikeError, match=message) as caught:
        TRIPLET_LISTS.together(study, objects(*stimuli), ["01"], 1)
    assert "\n" not in str(caught.value)
