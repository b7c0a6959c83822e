"""What the closed form will gain on new objects, before anything is trained.

Objects (whole classes where there are at least ten) are held out in folds. Of each fold, everything
is decided without it: penalty, form and balance of the vector by folds of the other objects, and
the vector itself. Its likeness and ability on the objects held out, less those of the network's
features, are one measured gain. Their spread within a partition holds the sampling of test objects
and of training objects, and whatever noise of the labels differs by object. A measurement on n new
objects varies about the mean gain as a fold's does, by fewer or more objects, and the mean gain
itself is as uncertain as a measurement on all objects.
"""

from dataclasses import asdict, astuple, dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student_t

from twoalike.embedding import Posterior
from twoalike.features import FeatureTable
from twoalike.study import Booleans, Floats, TwoalikeError
from twoalike.tables import LabelSource, classes_of
from twoalike.teacher._balance import (
    MOST,
    Evidence,
    Score,
    draw_examples,
    find_frontier,
    folds_of_groups,
    gram_of,
    held_out,
)

FEWEST = 20
"""Judged objects with features: with fewer, nothing can be learnt that holds for others."""
LEVEL, FOLDS, LEAST_TESTED = 0.9, 5, 30
"""Of the intervals; of objects; objects that a gain is measured on, or a fifth if these are more"""
MOST_REPEATS, REPEATED = 2, 500
"""Partitions into folds, and objects in all of them together: few objects need more."""


MOST_UNHEARD = 0.4
"""Of the people: the fit may follow either half of people who contradict each other."""
NOISE = {"lapse": 0.5, "pair_noise": 10.0}
"""Noise of a person's choices or dissimilarities above which the fit takes nothing from them."""


@dataclass(frozen=True)
class Gain:
    """Change of a measure, expected on new objects."""

    before: float  # of the network's features and of the vector
    after: float
    gain: float  # their difference, expected over all objects like these, with a 90 % interval
    low: float
    high: float
    test_low: float  # interval of 90 % of measurements on as many new objects as a test has
    test_high: float

    def __str__(self) -> str:
        before, after, _, low, high, test_low, test_high = map(_short, astuple(self))
        gain = f"{_short(self.gain, '+')} [{low}, {high}], in one test [{test_low}, {test_high}]"
        return f"{before} -> {after} ({gain})"


@dataclass(frozen=True, eq=False)
class Forecast:
    """Gains that the aligned vector promises on unseen objects."""

    objects: int  # judged objects with features
    tested: int = 0  # new objects of the test that intervals are for
    # Spearman's correlation of cosines with the teacher's similarities; None: too few objects
    likeness: Gain | None = None
    ability: Gain | None = None  # few-shot accuracy on classes; None: not estimated without classes
    nothing: str = ""  # why these labels will teach nothing; empty if they will teach something

    def __str__(self) -> str:
        if self.likeness is None:
            return f"these labels will teach nothing: {self.nothing}"
        ability = self.ability or "not estimated without classes"
        found = f"likeness {self.likeness} on {self.tested} unseen objects; ability {ability}"
        return (
            f"these labels will teach nothing: {self.nothing}; {found}" if self.nothing else found
        )

    @property
    def description(self) -> dict[str, Any]:
        """The part of teacher.json that forecasts."""
        return {"forecast": asdict(self) | {"verdict": str(self)}}


def _short(value: float, sign: str = "") -> str:
    return f"{round(value, 2) + 0.0:{sign}.2f}".replace("0.", ".", 1)  # no minus before 0


def forecast(
    posterior: Posterior,
    features: FeatureTable,
    *,
    judged: Booleans | None = None,
    classes: LabelSource | None = None,
    tested: int | None = None,
    seed: int = 0,
) -> Forecast:
    """Forecast the gain in likeness and in ability on unseen objects.

    ``features`` are those of the objects ``judged``, (m,), and of any other images; ability is
    measured by the last level of ``classes`` (None: their folders, if the ids have any). Intervals
    are for a test of ``tested`` objects (None: a fifth of those judged, but 30 at least).
    """
    known = classes_of(features.ids, classes)
    if classes is not None and known is None:
        raise TwoalikeError(
            where="`classes=...`",
            expected="two classes or more with several objects that have features",
            found="fewer",
        )
    place = {name: row for row, name in enumerate(features.ids)}
    wanted = np.ones(len(posterior.ids), bool) if judged is None else judged
    inside = np.array([name in place for name in posterior.ids]) & wanted
    n = int(inside.sum())
    if n < FEWEST:
        few = f"{n} of {wanted.sum()} judged objects have features, fewer than {FEWEST}"
        return Forecast(n, nothing=few)
    found = sorted((place[posterior.ids[each]], each) for each in np.flatnonzero(inside))
    rows, kept = np.array(found[:MOST]).T
    others = np.setdiff1d(np.arange(len(features.ids)), rows)[: MOST - len(rows)]
    images = np.sort(np.concatenate([rows, others]))
    of = Evidence(
        features.values[images],
        np.searchsorted(images, rows),
        np.asarray(posterior.similarity(), np.float64)[np.ix_(kept, kept)],
        None if known is None else known[images],
    )
    scores = _scores(of, seed)
    tested = tested or min(max(n // FOLDS, LEAST_TESTED), n)
    likeness, ability = (_gain(scores[..., measure], n, tested) for measure in range(2))
    assert likeness is not None
    nothing = ""
    if (unheard := _unheard(posterior)) > MOST_UNHEARD:
        nothing = f"the fit takes the judgments of {unheard:.0%} of the people for noise"
    elif likeness.low <= 0:
        nothing = (
            "the gain in likeness may be none (ids that do not match, judges who guessed or "
            "disagree, or too few objects)"
        )
    return Forecast(n, tested, likeness, ability, nothing)


def _unheard(posterior: Posterior) -> float:
    """Share of the people whose judgments are nothing but noise to the fit."""
    draws = posterior.tree["posterior"].dataset
    shares = [
        float((draws[name].mean(("chain", "draw")) > most).mean())
        for name, most in NOISE.items()
        if name in draws and draws[name].size
    ]
    return max(shares, default=0.0)


def _scores(of: Evidence, seed: int) -> Floats:
    """Likeness and ability, before and after, of each fold of each partition, (r, k, 2, 2)."""
    gram = gram_of(of)
    drawn = [] if of.labels is None else draw_examples(of.labels, seed)
    repeats = min(MOST_REPEATS, max(1, REPEATED // len(of.judged)))
    return np.array(
        [
            [_of_fold(of, gram, out, drawn, repeat) for out in folds_of_groups(of, FOLDS, repeat)]
            for repeat in range(seed, seed + repeats)
        ]
    )


def _of_fold(of: Evidence, gram: Floats, out: Booleans, drawn: Any, seed: int) -> Floats:
    """Likeness and ability, before and after, of what is decided without a fold, (2, 2)."""
    frontier = find_frontier(of.only(np.flatnonzero(~out)), seed=seed)
    best = frontier.chosen
    own, form = (frontier.centred, None), (best.centred, best.whitening)
    fold = held_out(of, gram, out, (own, form), (best.penalty,))
    both = ((own, 0.0), (form, best.balance))
    scores = [Score.of(of, [fold], one, best.penalty, weight, drawn) for one, weight in both]
    return np.array([[score.likeness, score.ability] for score in scores], np.float64)


def _gain(scores: Floats, n: int, tested: int) -> Gain | None:
    """Mean change of a measure, before and after by fold, (r, k, 2), with its interval."""
    if np.isnan(scores).all():
        return None
    repeats, folds, _ = scores.shape
    each = scores[..., 1] - scores[..., 0]
    variance = np.nanvar(each, axis=1, ddof=1).mean()
    # Partitions share their objects: together they have the freedom of two at most.
    width = student_t.ppf((1 + LEVEL) / 2, min(repeats, 2) * (folds - 1))
    of_one = variance * n / folds  # of a measurement on one object
    before, after = np.nanmean(scores, axis=(0, 1)).tolist()
    gain = float(np.nanmean(each))
    expected, test = width * np.sqrt([of_one / n, of_one * (1 / n + 1 / tested)])
    ends = (gain - expected, gain + expected, gain - test, gain + test)
    return Gain(before, after, gain, *map(float, ends))
