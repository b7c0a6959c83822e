"""Fitting a teacher: a map to positions; everything else by cross-entropy on held-out objects.

The target positions are those of the posterior's mean similarities. Ridge regression gives the map
in closed form for every penalty. The penalty, the weight of each human axis and the
identity block minimise the cross-entropy of triplets whose objects were all placed by maps fitted
without them: of people's own choices if there are any, otherwise of the posterior's soft labels.
Choices are the better criterion. A posterior fitted without features treats whatever they could
predict beyond it as chance, and its labels give the identity block too little weight: from CLIP
features, held-out objects of THINGS are predicted with an accuracy of .539 instead of .552.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from twoalike.features import FeatureTable
from twoalike.study import Booleans, Floats, Integers, Strict, TwoalikeError
from twoalike.teacher._labels import (
    ChoiceModel,
    Mode,
    fit_mixture,
    odd_logits,
    sample_triplets,
    score_choices,
    score_soft,
    spectral_positions,
)
from twoalike.teacher._teacher import AffineTeacher

LEAST_VARIANCE = 1e-3
"""Of an axis, relative to all."""
LEAST_WEIGHT = 1e-3
"""Of a human axis times its variance, relative to the largest: it bounds shifts by main effects."""
FEWEST = 6
"""Objects: with fewer, folds leave too few to fit a map."""
ENOUGH_CHOICES = 200
"""Fewer choices than this determine three numbers less well than soft labels do."""


class TeachConfig(Strict):
    """How a teacher is fitted."""

    untransformed: bool = Field(
        default=False, description="the control: the network's own features, one temperature"
    )
    known: bool = Field(default=False, description="judged objects keep the posterior's positions")
    mode: Mode = Field(default="predictive", description="kind of soft labels")
    folds: int = Field(default=8, ge=2, description="of objects")
    strengths: tuple[float, ...] = Field(
        default=(0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
        min_length=1,
        description="ridge penalties tried, in mean squared norms of the features",
    )
    triplets: int = Field(default=40_000, ge=100, description="with soft labels")
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True, eq=False)
class Choices:
    """People's choices."""

    triplets: Integers  # rows of the posterior's objects, or of a table of features, shape (n, 3)
    chosen: Integers  # item called the odd one, 0 to 2, shape (n,)
    lapse: float = 0.0  # share of guesses among the choices
    # Which are anchored choices, shape (n,): item 1 is the reference, and the odd one is the item
    # that is not called the more similar to it. None: none
    anchored: Booleans | None = None
    left_out: int = 0  # number of choices that name other objects
    of_others: int = 0  # number of choices of people whose likeness the teacher is not

    def within(self, rows: Integers, m: int) -> "Choices":
        """Choices whose objects are all among ``rows`` of m, as positions there."""
        place = np.full(m, -1)
        place[rows] = np.arange(len(rows))
        placed = place[self.triplets]
        inside = (placed >= 0).all(axis=1)
        anchored = None if self.anchored is None else self.anchored[inside]
        return Choices(placed[inside], self.chosen[inside], self.lapse, anchored)

    def by_kind(self) -> dict[str, Integers]:
        """Rows of the odd-one-out and of the anchored choices, by name in teacher.json."""
        anchored = np.zeros(len(self.chosen), bool) if self.anchored is None else self.anchored
        parts = {"choices": ~anchored, "anchored_choices": anchored}
        return {name: np.flatnonzero(rows) for name, rows in parts.items() if rows.any()}

    def score(self, logits: Floats, rows: Integers | slice = slice(None)) -> dict[str, float]:
        """Score logits, shape (n, 3), on some of the choices."""
        anchored = None if self.anchored is None else self.anchored[rows]
        return score_choices(logits[rows], self.chosen[rows], self.lapse, anchored)

    def fit_mixture(self, parts: list[Floats]) -> Floats:
        """Non-negative weights of logits that predict the choices best."""
        return fit_mixture(parts, np.eye(3)[self.chosen], self.lapse, self.anchored)


def fit_teacher(
    posterior: ChoiceModel,
    features: FeatureTable,
    config: TeachConfig | None = None,
    *,
    judged: Booleans | None = None,
    choices: Choices | None = None,
) -> AffineTeacher:
    """Fit the map from features to a posterior's space.

    It is fitted to those of the objects ``judged``, (m,), that have features, six or more. People's
    choices, ideally all of them, set penalty, identity block and temperature if there are enough,
    and the map is scored on them. The teacher's ``description`` holds the scores.
    """
    config = config or TeachConfig()
    was_judged = np.ones(len(posterior.ids), bool) if judged is None else judged
    judged_ids = [posterior.ids[row] for row in np.flatnonzero(was_judged)]
    rows = np.flatnonzero(was_judged & np.isin(posterior.ids, features.ids))
    if len(rows) < FEWEST:
        raise TwoalikeError(
            where="a teacher",
            expected=f"features of at least {FEWEST} judged objects",
            found=f"features of {len(rows)} of {was_judged.sum()} (judged: "
            f"{', '.join(judged_ids[:2])}, ...; with features: {', '.join(features.ids[:2])}, ...)",
            remedy="Compute features for the judged objects, under the ids of the judgments.",
        )
    ids = tuple(posterior.ids[row] for row in rows)
    x = features.select(ids).astype(np.float64)
    if (x == x[0]).all():
        raise TwoalikeError(
            where="the features",
            expected="values that differ between objects",
            found=f"{x.shape[1]} values that are the same for all {len(x)}",
            remedy="Check the network that made them.",
        )
    mean = x.mean(axis=0)
    scale = float((x - mean).std())
    known = None if choices is None else choices.within(rows, len(posterior.ids))
    known = known if known and len(known.chosen) else None
    search = _Search(posterior, rows, (x - mean) / scale, config, known)
    fitted = search.untransformed() if config.untransformed else search.best()
    kept = config.known and not config.untransformed
    return AffineTeacher(
        mean=mean.astype(np.float32),
        scale=scale,
        weight=fitted["weight"].astype(np.float32),
        bias=fitted["bias"].astype(np.float32),
        identity=fitted["identity"],
        temperature=fitted["temperature"],
        description=_describe(features.meta, x.shape, int(was_judged.sum()), config, fitted),
        known_ids=ids if kept else (),
        known=fitted["known"].astype(np.float32) if kept else None,
    )


def _describe(
    meta: Mapping[str, Any],
    shape: tuple[int, ...],
    judged: int,
    config: TeachConfig,
    fitted: dict[str, Any],
) -> dict[str, Any]:
    keys = ("backbone", "architecture", "weights_sha256", "preprocessing", "pool", "block")
    return {
        "method": "untransformed" if config.untransformed else "affine",
        "from": {"features": shape[1]} | {key: meta[key] for key in keys if key in meta},
        "to": {"objects": shape[0], "judged": judged, "dimensions": len(fitted["bias"])},
        "judged_objects": "posterior" if config.known else "map",
        "labels": config.mode,
        "settled_on": fitted["settled_on"],
        "penalty": fitted["penalty"],
        "identity": fitted["identity"],
        "axes": fitted.get("axes"),
        "temperature": fitted["temperature"],
        "validation": fitted["validation"],
    }


class _Search:
    """Penalties, and ways to fit the map, compared on held-out objects.

    ``rows`` are the m judged objects of the posterior, ``z`` their features (m, p), centred and at
    one scale; triplets of ``choices`` are rows of ``z``.
    """

    def __init__(
        self,
        posterior: ChoiceModel,
        rows: npt.NDArray[np.int64],
        z: Floats,
        config: TeachConfig,
        choices: Choices | None,
    ) -> None:
        rng = np.random.default_rng(config.seed)
        self.z, self.config, self.choices = z, config, choices
        triplets = sample_triplets(len(rows), config.triplets, rng)
        probabilities = posterior.choice_probabilities(rows[triplets], config.mode)
        self.triplets, self.probabilities = triplets, probabilities
        self.fold = object_folds(len(rows), config.folds, rng)
        self.own = z @ z.T / z.shape[1]
        similarity = posterior.similarity()[np.ix_(rows, rows)]
        self.y, self.main = principal_positions(similarity, posterior.embedding.shape[-1])
        self.deciding = choices if choices and len(choices.chosen) >= ENOUGH_CHOICES else None
        self.settled_on = "choices" if self.deciding else "soft labels"

    def settle(self, x: Floats | None = None) -> tuple[Floats, float]:
        """Best multiples of what makes objects similar, and the log-loss with these multiples.

        The multiples are of each axis of held-out positions ``x`` (m, D), of the main effect and,
        last, of the network's own similarities; without ``x`` of the latter alone. They shrink
        what features do not predict: of THINGS, hardly anything but the first axes.
        """
        people = self.deciding
        triplets = self.triplets if people is None else people.triplets
        parts = [odd_logits(self.own, triplets)]
        if x is not None:
            parts = [*axis_logits(x, triplets), -(x @ self.main)[triplets], *parts]
        if people is not None:
            shares = people.fit_mixture(parts)
            logits = np.tensordot(shares, parts, axes=1)
            return shares, people.score(logits)["log_loss"]
        shares = fit_mixture(parts, self.probabilities)
        logits = np.tensordot(shares, parts, axes=1)
        return shares, score_soft(logits, self.probabilities)["log_loss"]

    def untransformed(self) -> dict[str, Any]:
        """Return the network's own similarities at the temperature that fits the judgments best."""
        p = self.z.shape[1]
        (share,), _ = self.settle()
        return {
            "weight": np.zeros((0, p)),
            "bias": np.zeros(0),
            "identity": float(1 / np.sqrt(p)),
            "temperature": 1 / _positive(share),
            "penalty": None,
            "settled_on": self.settled_on,
            "validation": self._validation({"untransformed": self.own * share}),
        }

    def best(self) -> dict[str, Any]:
        """Fit the map with the settings that predict held-out objects best."""
        strengths = self.config.strengths
        predicted = predicted_without_own_fold(self.z, self.y, strengths, self.fold)
        # Of each penalty: best multiples of similarities, and the log-loss with these multiples.
        settled = [self.settle(x) for x in predicted]
        tried = [
            {"strength": strength, "log_loss": loss}
            for strength, (_, loss) in zip(strengths, settled, strict=True)
        ]
        best = min(range(len(tried)), key=lambda k: tried[k]["log_loss"])
        ((weight, bias),) = ridge_maps(self.z, self.y, [strengths[best]])
        (share,), _ = self.settle()
        shares, x = settled[best][0], predicted[best]
        axes, main, own = shares[:-2], shares[-2], shares[-1]
        _positive(max(float(axes.max(initial=0.0)), float(own)))
        effect = x @ self.main
        held_out = (x * axes) @ x.T + main * (effect[:, None] + effect) + own * self.own
        # The main effect is a shift along axes that count for something.
        spread = np.maximum(x.var(axis=0), np.finfo(np.float64).tiny)
        largest = (axes * spread).max(initial=0.0)
        lengths = np.sqrt(np.maximum(axes, LEAST_WEIGHT * largest / spread))
        kept = slice(None) if axes.max(initial=0.0) > 0 else slice(0)
        # The same for judged objects: constants of similarities with and without them would differ.
        shift = main * self.main[kept] / lengths[kept]
        return {
            "weight": (lengths[:, None] * weight)[kept],
            "bias": (lengths * bias)[kept] + shift,
            "known": self.y[:, kept] + shift,
            "identity": float(np.sqrt(own / self.z.shape[1])),
            "temperature": 1.0,
            "axes": [float(share) for share in axes],
            "penalty": {
                "chosen": tried[best],
                "why": f"lowest log-loss of {self.settled_on} on objects held out from the map",
                "tried": tried,
            },
            "settled_on": self.settled_on,
            "validation": self._validation(
                {"teacher": held_out, "untransformed": self.own * share}
            ),
        }

    def _validation(self, similarities: Mapping[str, Floats]) -> dict[str, Any]:
        labels = self.probabilities
        soft = {
            name: score_soft(odd_logits(matrix, self.triplets), labels)
            for name, matrix in similarities.items()
        }
        sure = np.log(np.maximum(labels, 1e-300))
        result: dict[str, Any] = {
            "split": "objects",
            "folds": int(self.fold.max()) + 1,
            "soft_labels": {"n": len(labels), **soft, "ceiling": score_soft(sure, labels)},
        }
        if (people := self.choices) is not None:
            logits = {
                name: odd_logits(matrix, people.triplets) for name, matrix in similarities.items()
            }
            for part, rows in people.by_kind().items():
                scores = {name: people.score(each, rows) for name, each in logits.items()}
                result[part] = {"n": len(rows), "lapse": people.lapse, **scores}
        return result


class UninformativeError(TwoalikeError):
    """Features do not predict the judgments."""


def _positive(share: float) -> float:
    """Check that the best multiple of similarities is above 0: that features predict anything."""
    if not share > 0:
        raise UninformativeError(
            "the features do not predict the judgments: the best choice probabilities ignore them",
            remedy="Check that ids and features belong together.",
        )
    return float(share)


def principal_positions(similarity: Floats, dimensions: int) -> tuple[Floats, Floats]:
    """Spectral positions about their mean along their principal axes, (m, D), and the mean, (D,).

    The dot product of two objects is that of these positions, plus what each of the objects has in
    common with the mean, the main effect, plus a constant, which no choice depends on. Axes with
    less than a thousandth of the variance are omitted.
    """
    positions = spectral_positions(similarity, dimensions)
    mean = positions.mean(axis=0)
    _, sizes, axes = np.linalg.svd(positions - mean, full_matrices=False)
    axes = axes[sizes**2 > LEAST_VARIANCE * (sizes**2).sum()]
    return (positions - mean) @ axes.T, axes @ mean


def axis_logits(x: Floats, triplets: Integers) -> Floats:
    """Logits that item 1, 2, 3 is the odd one by each axis of positions alone, (D, n, 3)."""
    first, second, third = (x[triplets[:, item]].T for item in range(3))
    return np.stack([second * third, first * third, first * second], axis=2)


def object_folds(m: int, n_folds: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Fold of each object, shape (m,); sizes differ by one at most."""
    return np.asarray(rng.permutation(m) % min(n_folds, m))


def ridge_maps(z: Floats, y: Floats, strengths: Sequence[float]) -> list[tuple[Floats, Floats]]:
    """Weight (D, p) and bias (D,) of y ≈ W z + b for each penalty; z is (m, p), y (m, D).

    Minimises the squared error plus ``strength`` times the mean squared norm of the centred
    features times the squared norm of W, so a strength means the same for any number and scale
    of features. The bias is not penalised.
    """
    centre, middle = z.mean(axis=0), y.mean(axis=0)
    u, s, vt = np.linalg.svd(z - centre, full_matrices=False)
    kept = s > 1e-10 * s[0]
    u, s, vt = u[:, kept], s[kept], vt[kept]
    target = u.T @ (y - middle)  # (r, D)
    unit = float((s**2).sum()) / len(z)
    maps = []
    for strength in strengths:
        weight = (target * (s / (s**2 + strength * unit))[:, None]).T @ vt
        maps.append((weight, middle - weight @ centre))
    return maps


def predicted_without_own_fold(
    z: Floats, y: Floats, strengths: Sequence[float], fold: Integers
) -> Floats:
    """Positions of each object by maps fitted without its fold, shape (L, m, D)."""
    predicted = np.empty((len(strengths), *y.shape))
    for k in np.unique(fold):
        out = fold == k
        for place, (weight, bias) in enumerate(ridge_maps(z[~out], y[~out], strengths)):
            predicted[place, out] = z[out] @ weight.T + bias
    return predicted
