"""Triplets at three levels of similarity: within a class, between classes, at a class boundary.

The design of the Levels study (doi:10.1038/s41586-025-09631-6): three objects of one class ask
for fine distinctions, objects of three classes for coarse ones, and two of one class with one
of another show where a class ends. Classes are categories of the manifest, or clusters of features.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import comb
from pathlib import Path

import numpy as np
import pandas as pd

from twoalike.design._dealing import chosen, deal, objects_of
from twoalike.design._form import Used
from twoalike.study import (
    MISSING,
    DesignConfig,
    Floats,
    Integers,
    LevelShares,
    Study,
    TwoalikeError,
)
from twoalike.tables import STIMULI

CONDITIONS = {"within": "fine", "between": "coarse", "boundary": "boundary"}
"""Name of each level in the column ``condition``, which the tables of choices read."""


def level_counts(n: int, shares: LevelShares) -> dict[str, int]:
    """Split ``n`` trials into levels by largest remainder."""
    exact = {name: n * float(getattr(shares, name)) for name in CONDITIONS}
    # Rounded first, since .2 is not exact in binary and a remainder of 1 - 1e-16 is none.
    counts = {name: int(round(value, 6)) for name, value in exact.items()}
    remainder = sorted(exact, key=lambda name: counts[name] - exact[name])
    for name in remainder[: n - sum(counts.values())]:
        counts[name] += 1
    return counts


class LevelSampler:
    """Draws distinct triplets of each level, of the objects shown least so far.

    ``classes`` has the class of each of m objects, -1 for those not to be shown; triplets in
    ``used`` do not come again, and those drawn are added to it.
    """

    def __init__(self, classes: Integers, used: Used, rng: np.random.Generator) -> None:
        self._classes, self._used, self._rng = classes, used, rng
        self._exposure = np.zeros(len(classes), dtype=np.int64)
        # Exposure with a random tie break: whoever has the lowest key comes next.
        self._key = np.where(classes >= 0, rng.random(len(classes)), np.inf)
        self._sizes = np.bincount(classes[classes >= 0], minlength=1)
        self._members = [np.flatnonzero(classes == kind) for kind in range(len(self._sizes))]

    def _available(self) -> dict[str, int]:
        sizes, m = self._sizes.tolist(), int(self._sizes.sum())
        within = sum(comb(size, 3) for size in sizes)
        boundary = sum(comb(size, 2) * (m - size) for size in sizes)
        between = comb(m, 3) - within - boundary
        return {"within": within, "between": between, "boundary": boundary}

    def draw(self, counts: dict[str, int]) -> pd.DataFrame:
        """Draw so many triplets of each level, in random order."""
        rows: list[tuple[int, ...]] = []
        conditions: list[str] = []
        # The most constrained level first; the others then even out how often objects are shown.
        for level in ("within", "boundary", "between"):
            for drawn in range(counts[level]):
                row = next(self._lowest(level), None)
                if row is None:
                    raise TwoalikeError(
                        f"design: asked for {counts[level]} triplets {_WORDS[level]}, found "
                        f"{drawn} that are not used yet ({self._available()[level]} in all, "
                        f"{len(self._sizes)} classes). Lower design.trials or change "
                        "design.shares or the classes."
                    )
                self._used.add(row)
                items = list(row)
                self._exposure[items] += 1
                self._key[items] = self._exposure[items] + self._rng.random(3)
                rows.append(row)
                conditions.append(CONDITIONS[level])
        trials = chosen(np.array(rows, dtype=np.int64).reshape(-1, 3), "levels")
        order = self._rng.permutation(len(rows))
        return trials.assign(condition=np.array(conditions, dtype=object)).iloc[order]

    def _lowest(self, level: str) -> Iterator[tuple[int, ...]]:
        rows = {"within": self._within, "between": self._between, "boundary": self._boundary}
        in_order = (tuple(sorted(items)) for items in rows[level]())
        return (row for row in in_order if row not in self._used)

    def _classes_in_turn(self, least: int) -> Iterator[list[int]]:
        """Members of each class with ``least`` or more, least shown class and member first."""
        kinds = np.flatnonzero(self._sizes >= least)
        known = self._classes >= 0
        total = np.bincount(self._classes[known], weights=self._key[known])
        for kind in kinds[np.argsort(total[kinds] / self._sizes[kinds])]:
            members = self._members[kind]
            yield members[np.argsort(self._key[members])].tolist()

    def _within(self) -> Iterator[tuple[int, ...]]:
        for members in self._classes_in_turn(3):
            yield from combinations(members, 3)

    def _boundary(self) -> Iterator[tuple[int, ...]]:
        for members in self._classes_in_turn(2):
            for pair in combinations(members, 2):
                for stranger in self._in_turn([pair[0]]):
                    yield *pair, stranger

    def _between(self) -> Iterator[tuple[int, ...]]:
        for first in self._in_turn([]):
            for second in self._in_turn([first]):
                for third in self._in_turn([first, second]):
                    yield first, second, third

    def _in_turn(self, others: list[int]) -> Iterator[int]:
        key: Floats = self._key
        for item in others:
            key = np.where(self._classes == self._classes[item], np.inf, key)
        for item in np.argsort(key):
            if np.isinf(key[item]):
                return
            yield int(item)


_WORDS = {
    "within": "within a class",
    "between": "between classes",
    "boundary": "at a class boundary",
}


def check_conditions(
    path: Path, table: pd.DataFrame, ids: Sequence[str], classes: Integers
) -> None:
    """Refuse a trial list whose conditions are not the levels of its triplets.

    Conditions that name no level, and triplets with an object of no class, pass.
    """
    known = dict(zip(ids, classes.tolist(), strict=True))
    levels = {1: "fine", 2: "boundary", 3: "coarse"}
    for row in table.to_dict("records"):
        kinds = {known[row[name]] for name in STIMULI}
        named, level = row["condition"], levels[len(kinds)]
        if named in levels.values() and named != level and -1 not in kinds:
            raise TwoalikeError(
                f"{path}: trial {row['trial_index']}, column 'condition': expected {level!r}, "
                f"since its objects are of {len(kinds)} different classes, found {named!r}."
            )


ATTEMPTS = 20
"""Starts of k-means before the number of clusters is refused."""


def object_classes(
    shown: pd.DataFrame,
    levels: Sequence[str],
    config: DesignConfig,
    root: Path,
    rng: np.random.Generator,
) -> Integers:
    """Class 0, 1, ... of each object by the settings, shape (m,); -1 where it has none."""
    if config.features:
        return _clusters(shown["id"].tolist(), root / config.features, config.clusters, rng)
    if not levels:
        raise TwoalikeError(
            "design: the levels sampler needs classes of objects: a category column in the "
            "manifest of the stimuli, or design.features."
        )
    if config.level:
        if config.level not in levels:
            raise TwoalikeError(
                f"design.level: no column {config.level!r} in the manifest of the stimuli; "
                f"expected one of {', '.join(levels)}."
            )
        return named_classes(shown, levels[: levels.index(config.level) + 1])
    for depth in range(len(levels), 0, -1):
        classes = named_classes(shown, levels[:depth])
        if np.bincount(classes[classes >= 0], minlength=1).max() >= 3:
            return classes
    raise TwoalikeError(
        f"design: no category column ({', '.join(levels)}) has a class with three images, which "
        "the levels sampler needs. Add images, or name the column in design.level."
    )


def named_classes(shown: pd.DataFrame, path: Sequence[str]) -> Integers:
    """Classes by the whole path of categories: two folders may share the name of a class."""
    columns = shown[list(path)]
    labels = pd.Series(list(columns.itertuples(index=False, name=None)))
    codes = pd.factorize(labels)[0].astype(np.int64)
    return np.where((columns.iloc[:, -1] == MISSING).to_numpy(), -1, codes)


def _clusters(ids: Sequence[str], path: Path, clusters: int, rng: np.random.Generator) -> Integers:
    from scipy.cluster.vq import ClusterError, kmeans2

    from twoalike.features import read_features

    values = read_features(path).select(ids, str(path)).astype(np.float64)
    different = len(np.unique(values, axis=0))
    if clusters >= different:
        raise TwoalikeError(
            f"design.clusters: asked for {clusters} clusters, but {path} has features of "
            f"{different} different objects. Lower design.clusters."
        )
    for _ in range(ATTEMPTS):
        try:
            _, codes = kmeans2(values, clusters, iter=100, minit="++", missing="raise", rng=rng)
        except ClusterError:
            continue  # a cluster lost its last object: start elsewhere
        return np.asarray(codes, dtype=np.int64)
    raise TwoalikeError(
        f"{path}: the features do not fall into {clusters} clusters (some stay empty). Lower "
        "design.clusters."
    )


def study_classes(study: Study, shown: pd.DataFrame, levels: Sequence[str]) -> Integers:
    """Class of each object, shape (m,): clusters do not differ between the sessions of a study."""
    rng = np.random.default_rng([study.config.seed, 2])
    return object_classes(shown, levels, study.config.design, study.root, rng)


def level_session(
    classes: Integers, config: DesignConfig, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw the main triplets of one session, in the shares that ``config`` wants."""
    return LevelSampler(classes, set(), rng).draw(level_counts(config.trials, config.shares))


def level_practice(
    classes: Integers, config: DesignConfig, used: Used, rng: np.random.Generator
) -> pd.DataFrame:
    """Practice triplets that are not in ``used``, equally many of each level in use."""
    in_use = {name: share > 0 for name, share in config.shares.model_dump().items()}
    equal = LevelShares(**{name: on / sum(in_use.values()) for name, on in in_use.items()})
    return LevelSampler(classes, used, rng).draw(level_counts(config.practice, equal))


def level_sessions(
    classes: Integers,
    config: DesignConfig,
    participants: int,
    sessions: int,
    rng: np.random.Generator,
) -> list[pd.DataFrame]:
    """Draw main triplets of sessions in which several people judge each triplet.

    Each triplet goes to exactly ``config.lists_per_triplet`` participants. They fall into as
    many groups; each group sees all triplets, dealt anew, so that two people who share one
    triplet rarely share more.
    """
    groups = config.lists_per_triplet
    if participants % groups:
        raise TwoalikeError(
            f"design: with design.lists_per_triplet {groups}, the participants designed in one "
            f"call must be a multiple of {groups}, found {participants}. Name all of them in "
            "`participants=...`, or set design.lists_per_triplet to 0."
        )
    lists = participants // groups * sessions
    counts = level_counts(config.trials, config.shares)
    pool = LevelSampler(classes, set(), rng).draw({name: n * lists for name, n in counts.items()})
    triplets, conditions = objects_of(pool), pool["condition"].tolist()
    dealt = [deal(triplets, conditions, lists, len(classes), rng) for _ in range(groups)]
    return [
        pool.iloc[rng.permutation(dealt[who % groups][who // groups * sessions + session])]
        for who in range(participants)
        for session in range(sessions)
    ]
