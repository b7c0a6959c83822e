r"""What people's judgments say of pairs of objects without any model, and how reliably.

Each kind of judgments gives a person a dissimilarity of the pairs judged: ratings the distance from
the most alike point, as a share of the scale; arrangements the distance on the screen, averaged
over trials by evidence and brought to one unit; sortings the share of trials that put the two into
different piles; choices the share that left the pair out.

Agreement with the mean of the others, and of all, are the ends of the noise ceiling (Nili et al.
2014, doi:10.1371/journal.pcbi.1003553); of choices, with the majority of the votes on the same set.
For the reliability of the mean over people, these (or, within each person, the trials) are split
into random halves: with r the correlation of the halves over pairs, it is 2 r / (1 + r) (Spearman
1910; Brown 1910). Its standard error is that of a bootstrap over people, who are assigned to halves
before they are drawn, so that nobody is in both. A resample holds fewer different people than the
study, which lowers every correlation: only its spread is used, on Fisher's scale, with Student's t.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from twoalike.ceilings import (
    TripletIntervals,
    by_type,
    ceilings,
    largest_share,
    leave_one_out,
    votes_of,
)
from twoalike.evaluation import (
    RATINGS,
    SORTINGS,
    Figures,
    Interval,
    Judgments,
    NotMeasurable,
    PairShares,
    attempt,
    ceiling_by_person,
    questions_of,
    same_scale,
    upper,
)
from twoalike.judgments import (
    JudgmentKind,
    chosen_at_random,
    is_scored,
    judged_trials,
    pair_sources,
    rating_sources,
    trial_numbers,
)
from twoalike.rsa._people import arranged_rdms
from twoalike.study import Floats, Integers, TwoalikeError

_MOST_CELLS = 20_000_000
"""People times pairs up to which dissimilarities are gathered (160 MB)."""
FEWEST_JUDGED = 3
"""Choices that a pair needs for its share to mean anything."""
_FEWEST_PAIRS, _FEWEST_HALVED = 10, 4
"""Pairs that two sides need in common, and people that are split."""
_RESAMPLES, _SPLITS, _WORK = 200, 20, 4e9


@dataclass(frozen=True, eq=False)
class Observed:
    """Dissimilarities of N pairs of m objects by P people, NaN where a person judged none."""

    ids: tuple[str, ...]
    people: tuple[str, ...]
    pairs: Integers
    """Indices into ``ids``, the smaller first, shape (N, 2)."""
    values: Floats
    """Shape (P, N)."""
    mean: Floats
    """Over people, shape (N,); NaN of pairs with too few choices."""

    def matrix(self, values: Floats) -> Floats:
        """Values of the pairs, (N,), as a symmetric matrix, (m, m); NaN of other pairs."""
        matrix = np.full((len(self.ids),) * 2, np.nan)
        np.fill_diagonal(matrix, 0.0)
        i, j = self.pairs.T
        matrix[i, j] = matrix[j, i] = values
        return matrix

    def frame(self) -> pd.DataFrame:
        """People by pairs, named."""
        named = [[self.ids[row] for row in side] for side in self.pairs.T]
        return pd.DataFrame(self.values, list(self.people), pd.MultiIndex.from_arrays(named))


def observed(table: pd.DataFrame, kind: JudgmentKind) -> Observed:
    """Gather the dissimilarities in a table of judgments; of choices, of the commonest question.

    Examples
    --------
    >>> from twoalike.judgments import ratings_table
    >>> pairs = {"item_a": [0, 0], "item_b": [1, 2], "rating": [7, 1], "scale_points": [7, 7]}
    >>> observed(ratings_table(pairs, ["ant", "bee", "cat"]), "ratings").mean
    array([0., 1.])
    """
    table = _scored(table, kind)
    parts, ids = _parts(table, kind)
    shares, places = PairShares.of(ids, parts)
    shape = len(shares.own), len(shares.pairs)
    if shape[0] * shape[1] > _MOST_CELLS:
        raise NotMeasurable(f"{shape[0]:,} people and {shape[1]:,} pairs are too many")
    values = np.full(shape, np.nan)
    for row, (place, own) in zip(values, shares.own.values(), strict=True):
        row[place] = own
    if kind in ("arrangements", "dissimilarities"):
        values = same_scale(values)
    few = np.bincount(np.concatenate(places)) < (FEWEST_JUDGED if kind == "choices" else 1)
    mean = np.where(few, np.nan, np.nanmean(values, axis=0))
    return Observed(shares.ids, tuple(shares.own), shares.pairs, values, mean)


def _scored(table: pd.DataFrame, kind: JudgmentKind) -> pd.DataFrame:
    """Take the main and repeated trials."""
    used = table
    if kind != "dissimilarities":
        used = table[is_scored(table) & chosen_at_random(table)]
    if used.empty:
        raise NotMeasurable("there are no main or repeated trials")
    return used


def commonest(choices: pd.DataFrame) -> Judgments:
    """Choices that answer the commonest question of a table."""
    return max(questions_of(choices), key=lambda of: len(of.answer))


def _parts(
    table: pd.DataFrame, kind: JudgmentKind
) -> tuple[list[tuple[str, Integers, Floats]], tuple[str, ...]]:
    """Person, pairs and dissimilarities of each part of a table, and the objects' ids."""
    if kind == "choices":
        of = commonest(table)
        share = of.question.shares[:, of.answer].T
        apart = (share < 0 if of.question.kind == "least_like" else share == 0).astype(np.float64)
        order = np.argsort(of.participants, kind="stable")
        who, first = np.unique(of.participants[order], return_index=True)
        pairs = of.items[:, of.question.pairs]
        return [
            (of.people[one], pairs[own].reshape(-1, 2), apart[own].ravel())
            for one, own in zip(who.tolist(), np.split(order, first[1:]), strict=True)
        ], of.ids
    if kind == "ratings":
        sources, ids = rating_sources(table)
        scales = [(of, of.points or 1, (of.points or 2) - 1) for of in sources]
        return [(of.participant, of.pairs, (top - of.values) / n) for of, top, n in scales], ids
    if kind == "dissimilarities":
        sources, ids = pair_sources(table)
        return [(of.participant, of.pairs, of.values) for of in sources], ids
    if kind == "sortings":
        trials, ids = judged_trials(table)
        each = [(of, np.stack(np.triu_indices(len(of.items), 1), axis=1)) for of in trials]
        return [
            (of.participant, of.items[two], (np.diff(of.values[two])[:, 0] != 0) * 1.0)
            for of, two in each
        ], ids
    rdms = arranged_rdms(table)
    assert rdms.ids is not None and rdms.participants is not None
    every, vectors = np.stack(np.triu_indices(len(rdms.ids), 1), axis=1), upper(rdms.values)
    known = zip(rdms.participants, vectors, ~np.isnan(vectors), strict=True)
    return [(name, every[there], own[there]) for name, own, there in known], rdms.ids


@dataclass(frozen=True)
class Reliability:
    """How far people agree, with others and with themselves; what is not known, and why."""

    rows: dict[tuple[str, str], Interval]
    """By unit (``r``, or another measure) and by who agrees with whom."""
    missing: dict[str, str]
    people: dict[str, tuple[float, float]]
    """Correlation of each person with the mean of the others, and of all; none of choices."""
    chance: float | None
    """Of shares."""


def reliability(table: pd.DataFrame, kind: JudgmentKind, seed: int = 0) -> Reliability:
    """Measure how far people agree with each other and with themselves; no model is needed."""
    rng, missing, chance = np.random.default_rng(seed), dict[str, str](), None
    rows: dict[tuple[str, str], Interval | None] = {}
    people: dict[str, tuple[float, float]] = {}
    table = _scored(table, kind)
    seen = attempt(missing, "pairs", partial(observed, table, kind))
    if kind == "choices":
        judged, unit = commonest(table), "share of answers"
        found, chance = ceilings(replace(judged, groups={}), rng), judged.question.chance
        agree = {"each person with the others": found.get("leave_one_out")}
        if judged.noun == "triplet":
            votes = TripletIntervals(votes_of(judged), rng, people=judged.known_people)
            for name, of in (("the others", leave_one_out), ("all", largest_share)):
                agree[f"each person with {name}"] = votes.interval(by_type(votes.types, of, 2))
        again = found["repeats"] and found["repeats"]["agreement"]
        agree |= {"two people": found["pair_agreement"], "the same person again": again}
        agree["the best possible model"] = found["oracle"]
        rows |= {(unit, name): one and one.within(0.0, 1.0) for name, one in agree.items()}
    elif seen is not None:
        known = ~np.isnan(seen.values)
        shared = known.sum(axis=0) > 1
        usable = np.flatnonzero(known[:, shared].sum(axis=1) >= _FEWEST_PAIRS)
        if len(usable) > 1:
            ends = ceiling_by_person(seen.values[usable][:, shared])
            named = [seen.people[row] for row in usable]
            people = dict(zip(named, map(tuple, ends.tolist()), strict=True))
            for name, end in zip(("the others", "all"), ends.T, strict=True):
                rows["correlation", f"each person with {name}"] = _over_people(end)
    if kind in ("ratings", "sortings"):
        of_kind = RATINGS if kind == "ratings" else SORTINGS
        unit = "correlation" if kind == "ratings" else "adjusted Rand index"
        try:
            alike = of_kind.gather(_scored(table, kind), rng, missing)[-1]
        except TwoalikeError:  # which speaks of networks
            missing["the same person again"], alike = "there are too few judgments", Figures()
        again = alike.get("repeats")
        again = again["spearman"] if again and kind == "ratings" else again
        rows[unit, "the same person again"] = again
        rows[unit, "two people"] = alike.get("agreement")
    for by in ("people", "trials") if seen else ():
        assert seen is not None
        halves = attempt(
            missing, f"halves of the {by}", partial(_halves, by, seen, table, kind, rng)
        )
        rows |= {("correlation", name): one for name, one in (halves or {}).items()}
    return Reliability({key: one for key, one in rows.items() if one}, missing, people, chance)


def _over_people(values: Floats) -> Interval:
    """Mean over people, with its 95 % interval for other people."""
    n, mean = len(values), float(values.mean())
    half = float(stdtrit(n - 1, 0.975) * values.std(ddof=1) / np.sqrt(n))
    return Interval(mean, mean - half, mean + half).within(-1.0, 1.0)


def _halves(
    by: str, seen: Observed, table: pd.DataFrame, kind: JudgmentKind, rng: np.random.Generator
) -> dict[str, Interval]:
    """Reliability of means over people from halves of these, or of their trials.

    By trials also that of single people, who gave more than choices.
    """
    n = len(seen.people)
    if by == "people" and n < _FEWEST_HALVED:
        raise NotMeasurable(f"needs {_FEWEST_HALVED} people, has {n}")
    if by == "trials" and kind == "dissimilarities":
        raise NotMeasurable("dissimilarities have no trials")
    used = _scored(table, kind)
    trial = trial_numbers(used) if "item" in used else np.arange(len(used))
    counts = np.concatenate([np.ones((1, n)), rng.multinomial(n, np.full(n, 1 / n), _RESAMPLES)])
    z, single, most = [], [], _SPLITS if by == "people" else _SPLITS // 2
    for _ in range(int(np.clip(_WORK / (1000 * seen.values.size), 2, most))):
        x = y = seen.values
        inside = outside = 1.0
        if by == "people":
            inside = rng.permutation(n) % 2 == 0
            outside = ~inside
        else:
            order = pd.Series(rng.permutation(len(used))[trial])
            rank = order.groupby(used["participant"].to_numpy()).rank("dense").to_numpy()
            if rank.max() < 2:
                raise NotMeasurable("needs two trials of a person")
            one, other = (observed(used[rank % 2 == part], kind).frame() for part in (0, 1))
            one, other = one.align(other, "outer")
            x, y = (of.reindex(list(seen.people)).to_numpy() for of in (one, other))
            single.append(_correlations(x, y))
        with np.errstate(invalid="ignore"):  # of pairs that nobody drawn knows
            means = [
                (counts * weight) @ np.nan_to_num(of) / ((counts * weight) @ ~np.isnan(of))
                for of, weight in ((x, inside), (y, outside))
            ]
        z.append(np.arctanh(np.clip(_correlations(*means), -1 + 1e-9, 1 - 1e-9)))
    mean = np.mean(z, axis=0)
    if np.isnan(mean[0]):
        raise NotMeasurable(f"needs {_FEWEST_PAIRS} pairs that both halves judged")
    spread = float(np.nanstd(mean[1:])) * np.sqrt(n / max(n - 1, 1))
    half = spread * float(stdtrit(max(n - 1, 1), 0.975))
    found = {f"halves of the {by}": Interval(*_doubled(np.tanh(mean[0] + half * _ENDS)).tolist())}
    each = np.mean(single, axis=0) if single and kind != "choices" else np.empty(0)
    if len(each := each[~np.isnan(each)]) > 1:
        found[f"halves of one person's {by}"] = _over_people(_doubled(each))
    return found


_ENDS = np.array([0, -1, 1])


def _doubled(r: Floats) -> Floats:
    """Reliability of twice as much, by Spearman and Brown; not below -1."""
    return np.maximum(2 * r / (1 + r), -1.0)


def _correlations(x: Floats, y: Floats) -> Floats:
    """Correlate rows of two tables, (R, N) each, over the pairs that both know, (R,)."""
    known = ~(np.isnan(x) | np.isnan(y))
    n = np.maximum(known.sum(axis=1, keepdims=True), 1)
    x, y = (np.where(known, of, 0.0) for of in (x, y))
    x, y = (np.where(known, of - of.sum(axis=1, keepdims=True) / n, 0.0) for of in (x, y))
    size = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    enough = (n[:, 0] >= _FEWEST_PAIRS) & (size > 0)
    return np.where(enough, (x * y).sum(axis=1) / np.where(enough, size, 1.0), np.nan)
