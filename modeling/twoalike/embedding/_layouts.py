"""Multi-arrangement trials in the model: a layout is a random two-dimensional view of objects.

A person who arranges k objects shows their d-dimensional positions in the plane: the layout is a
view Y = Z A + noise of the objects' coordinates Z (k x d) through a map A (d x 2) that nobody
knows and that differs from trial to trial. With independent standard normal entries A is
integrated out: the two columns of Y are independent draws of a Gaussian process over the objects
with covariance Z Zᵀ + b I, centred, since places have no origin. The layout's size is arbitrary
too (the arena is to be filled), so only its shape counts: the density of Y / |Y| is the angular
central Gaussian. It changes neither when a layout is turned, mirrored, moved or scaled, nor when
the embedding is turned, moved, or scaled together with the noise.

A layout of k objects so has 2 (k - 1) - 1 numbers to tell, not k (k - 1) / 2 independent
distances, and what the plane cannot hold is lost to the view instead of being explained. Layouts
made by metric scaling are no random views: of them, 90 % intervals hold the truth in 83 % of cases
(benchmarks/results/joint.md), with independent noise a pair in 11 %.

References
----------
Tyler (1987), doi:10.1093/biomet/74.3.579: the angular central Gaussian.
Lawrence (2005), Journal of Machine Learning Research 6, 1783-1816: linear maps integrated out,
positions of a Gaussian process latent variable model.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.embedding._judged import none_known
from twoalike.embedding._kind import (
    BINS,
    Noise,
    PaddedGroup,
    Replicated,
    TrialKind,
    Unknown,
    correlations,
    means_of,
    pairs_of,
)
from twoalike.embedding._posterior import Posterior
from twoalike.judgments import JudgedTrial, judged_rows, judged_trials, trial_numbers
from twoalike.study import Floats, Integers

FEWEST = 3  # two objects have no shape
SURE = 0.95  # that somebody's noise exceeds the spread of what they arrange


@dataclass(frozen=True, eq=False, kw_only=True)
class Layouts(TrialKind[PaddedGroup]):
    """Layouts of all arrangers; ``values`` of a group are places, centred and of norm 1 a trial."""

    kind = "arrangements"
    axis = "arranger"
    counted = "arrangements", "placed"
    at_once = 200  # trials
    wanted = f"arrangements of {FEWEST} objects or more in different places"

    noise: Noise = Noise(0.3)  # sd, as a share of the embedding's

    @classmethod
    def tells(cls, trial: JudgedTrial) -> bool:
        spread = np.ptp(trial.values, axis=0).max() if len(trial.items) else 0.0
        return len(trial.items) >= FEWEST and bool(spread > 1e-6)

    @classmethod
    def prepared(
        cls, trial: JudgedTrial, rng: np.random.Generator
    ) -> tuple[Integers, npt.NDArray[Any]]:
        centred = trial.values - trial.values.mean(axis=0)
        return trial.items, (centred / np.linalg.norm(centred)).astype(np.float32)

    def unknowns(self, unknown: Unknown) -> Any:
        """Add the noise of each arranger.

        It is a standard deviation as a share of the embedding's: .3 means that a coordinate of the
        layout has .09 times the variance that objects have in its view. What of a layout is no view
        of the embedding counts as noise, so even an exact hand has some.
        """
        return self.noise.add("arrangement_noise", "arrangement", len(self.people), self.axis)

    def log_likelihood(
        self, unknown: Unknown, own: Any, group: PaddedGroup, arrays: Sequence[Any], n: int
    ) -> Any:
        """Give that of each layout's shape, up to a constant.

        With Z the centred coordinates of the trial's k objects, b the noise variance and Y the
        places, of norm 1: -log det(Z Zᵀ + b I) - (k - 1) log tr(Yᵀ (Z Zᵀ + b I)⁻¹ Y), both on the
        k - 1 directions that sum to zero. Of the padded number of objects and the dimensions, the
        smaller is the side of the matrices that are factorised.
        """
        import pytensor.tensor as pt

        items, places, there, arranger = arrays
        x, size, d = unknown.x, group.items.shape[1], unknown.dimensions
        shown: Any = pt.as_tensor(there)[:, :, None]
        spread, roots = ((x - x.mean(axis=0)) ** 2).mean(axis=0), unknown.roots_of(self.people)
        of_view = spread.sum() if roots is None else (roots[arranger] ** 2 * spread).sum(axis=1)
        # An embedding of one point has no views.
        variance = (own[arranger] ** 2 * of_view + 1e-6)[:, None, None]
        count, z = shown.sum(axis=1), unknown.seen(items, arranger, self.people)
        z = (z - (z * shown).sum(axis=1, keepdims=True) / count[:, None]) * shown
        free = count[:, 0] - 1
        if d < size:
            gram = pt.matmul(z.swapaxes(1, 2), z) + variance * np.eye(d, dtype="float32")
            root, half = _factor(gram, pt.matmul(z.swapaxes(1, 2), places))
            # det and inverse of Z Zᵀ + b I by those of Zᵀ Z + b I; powers of b collected.
            left = pt.maximum(1.0 - (half**2).sum(axis=(1, 2)), 1e-6)
            return d * pt.log(variance[:, 0, 0]) - root - free * pt.log(left)
        # A constant on the direction that is left out, of size b: its share is taken off below.
        diagonal = (variance * shown + 1 - shown) * np.eye(size, dtype="float32")
        root, half = _factor(pt.matmul(z, z.swapaxes(1, 2)) + diagonal, places)
        return pt.log(variance[:, 0, 0]) - root - free * pt.log((half**2).sum(axis=(1, 2)))

    @classmethod
    def compared(
        cls, table: pd.DataFrame, ids: Sequence[str]
    ) -> Iterator[tuple[str, Floats, Integers, float]]:
        """Give who arranged, negative distances, and pairs: of k objects 2 (k - 1) - 1 numbers."""
        for trial in judged_trials(table, ids)[0]:
            if cls.tells(trial):
                k = len(trial.items)
                pairs = pairs_of(k)
                near = -_distances(trial.values, pairs)
                yield trial.participant, near, trial.items[pairs], 2.0 * (k - 1) - 1

    @classmethod
    def replicated(
        cls, posterior: Posterior, table: pd.DataFrame, seed: int, draws: int
    ) -> "PlacedTrials":
        names = posterior.labels("arranger")
        used = judged_rows(table, cls.kind)
        number = trial_numbers(used)
        known = used["item"].isin(posterior.ids) & used["participant"].isin(names)
        strange = np.isin(number, number[~known.to_numpy()])
        if strange.all():
            raise none_known(posterior, "arrangements", len(np.unique(number)), names)
        layouts = cls.from_table(used[~strange], posterior.ids)
        left_out = len(np.unique(number[strange])) + layouts.left_out
        # The trials of all groups one after the other.
        grouped = [(group, group.shown > 0) for group in layouts.groups]
        size = np.concatenate([there.sum(axis=1) for _, there in grouped])
        arranger = np.concatenate([group.judge for group in layouts.groups])
        who = pd.Index(names).get_indexer(pd.Index(layouts.people))[arranger]
        starts = np.cumsum(size) - size
        pairs = np.concatenate([at + pairs_of(k) for at, k in zip(starts, size, strict=True)])
        return PlacedTrials(
            posterior=posterior,
            names=names,
            who=who,
            weight=size,
            cases=np.bincount(who, minlength=len(names)),
            left_out=left_out,
            given=np.concatenate([group.values[there] for group, there in grouped]),
            n_pairs=len(pairs),
            bins=[f"{10 * k} to {10 * (k + 1)} %" for k in range(BINS)],
            bin_cases=np.bincount(np.arange(len(pairs)) * BINS // len(pairs), minlength=BINS),
            items=np.concatenate([group.items[there] for group, there in grouped]),
            trial=np.repeat(np.arange(len(size)), size),
            pairs=pairs,
        )


def _factor(matrices: Any, right: Any) -> tuple[Any, Any]:
    """Log-determinants of positive matrices, and the right-hand sides over their roots."""
    import pytensor.tensor as pt

    root = pt.linalg.cholesky(matrices)
    half = pt.linalg.solve_triangular(root, right, lower=True, b_ndim=2)
    return 2 * pt.log(pt.diagonal(root, axis1=1, axis2=2)).sum(axis=1), half


def replicated_layouts(
    x: Floats,
    noise: Floats,
    items: Integers,
    trial: Integers,
    rng: np.random.Generator,
    roots: Floats | None = None,
) -> Floats:
    """Draw one layout of every trial, shape (K, 2): a random view of its objects, and noise.

    ``noise`` (T,) of whoever arranged a trial is a share of the standard deviation of what they
    see: the embedding, or coordinates multiplied by ``roots`` (T, D). ``items`` and ``trial`` (K,)
    are object and trial of each placement. Places are neither centred nor scaled: only shapes are
    modelled.
    """
    x = np.asarray(x, dtype=np.float64)
    roots = np.ones((len(noise), x.shape[1])) if roots is None else roots
    spread = (roots**2) @ ((x - x.mean(axis=0)) ** 2).mean(axis=0)
    sd = np.sqrt(noise**2 * spread + 1e-6)  # as in the likelihood
    views = roots[:, :, None] * rng.standard_normal((len(noise), x.shape[1], 2))
    places = np.einsum("kd,kdc->kc", x[items], views[trial])
    return np.asarray(places + sd[trial][:, None] * rng.standard_normal((len(items), 2)))


@dataclass(frozen=True, eq=False, kw_only=True)
class PlacedTrials(Replicated):
    """Layouts of T trials, K placements in all, P pairs of objects within a trial.

    ``items`` and ``trial`` (K,) are object and trial of each placement, ``given`` (K, 2) places
    centred and of norm 1 a trial, ``pairs`` (P, 2) two placements of one trial.
    """

    kind = "arrangements"
    stream = 3

    items: Integers
    trial: Integers
    pairs: Integers

    def under(self, draw: int) -> tuple[Any, Floats, Integers]:
        """Give what makes a layout, and of each pair its distance, a share of the trial's mean.

        The first is the embedding, by what whoever arranged weighs it, (T, D), and noise, (T,); the
        last the tenth of each pair among all by distance.
        """
        x = self.posterior.embedding[draw]
        roots = Unknown.under(self.posterior, draw).roots_of(self.names)
        own = np.ones((len(self.who), x.shape[1])) if roots is None else roots[self.who]
        wanted = self._relative(x[self.items] * own[self.trial])
        rank = np.empty(len(wanted), dtype=np.int64)
        rank[np.argsort(wanted, kind="stable")] = np.arange(len(rank))
        noise = self.posterior.drawn("arrangement_noise")[draw, self.who]
        return (x, own, noise), wanted, rank * BINS // len(rank)

    def statistics(self, expected: Any, judged: Floats) -> tuple[Floats, Floats]:
        """Correlate distances, and average them by tenths of the expected ones."""
        found, (_, wanted, tenth) = self._relative(judged), expected
        r = correlations(wanted, found, self.trial[self.pairs[:, 0]])
        return r, means_of(found, tenth, BINS)

    def again(self, expected: Any, rng: np.random.Generator) -> Floats:
        x, roots, noise = expected[0]
        return replicated_layouts(x, noise, self.items, self.trial, rng, roots)

    def at_random(self) -> list[str]:
        """Name those with trials whose noise is surely above 1."""
        noise = self.posterior.drawn("arrangement_noise")
        sure = ((noise > 1).mean(axis=0) >= SURE) & (self.cases > 0)
        order = np.argsort(-noise.mean(axis=0), kind="stable")
        return [self.names[place] for place in order if sure[place]]

    def _relative(self, places: npt.NDArray[Any]) -> Floats:
        """Distances of pairs as shares of their trial's mean; 0 where all are 0."""
        distances, trial = _distances(places, self.pairs), self.trial[self.pairs[:, 0]]
        return np.asarray(distances / np.maximum(means_of(distances, trial, 0), 1e-12)[trial])


def _distances(places: npt.NDArray[Any], pairs: Integers) -> Floats:
    gaps = places[pairs[:, 0]].astype(np.float64) - places[pairs[:, 1]]
    return np.asarray(np.sqrt((gaps**2).sum(axis=1)))
