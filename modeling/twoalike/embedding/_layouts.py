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

Where people weigh the dimensions (:mod:`twoalike.embedding._people`), a layout is a view of the
arranger's own coordinates, x_ik sqrt(w_pk), and noise is a share of their standard deviation: a
factor common to a person's weights changes nothing.

References
----------
Tyler (1987), doi:10.1093/biomet/74.3.579: the angular central Gaussian.
Lawrence (2005), Journal of Machine Learning Research 6, 1783-1816: linear maps integrated out,
positions of a Gaussian process latent variable model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twoalike.embedding._parts import (
    PaddedGroup,
    PaddedTrials,
    in_size_groups,
    name_axes,
    pooled_noise,
)
from twoalike.judgments import Arrangement, trials_of
from twoalike.study import Floats, Integers, TwoalikeError
from twoalike.tables import JUDGED

POTENTIAL = "arrangements_"
FEWEST = 3  # two objects have no shape
TYPICAL_NOISE = 0.3  # sd of the noise, as a share of the embedding's


@dataclass(frozen=True, eq=False)
class LayoutGroup(PaddedGroup):
    """T trials of about one size, padded to k objects.

    ``items`` (T, k) are object indices, ``places`` (T, k, 2) centred and of norm 1 a trial,
    ``shown`` (T, k) is 1 for an object and 0 for padding, ``arranger`` (T,) says who arranged.
    """

    items: Integers
    places: Floats
    shown: Floats
    arranger: Integers


class Layouts(PaddedTrials[LayoutGroup]):
    """All trials of those who arranged."""

    axis = "arranger"

    @classmethod
    def from_arrangements(cls, table: pd.DataFrame, ids: Sequence[str] | None = None) -> "Layouts":
        """Take the main and repeated trials of a table; ``ids`` are the objects to index into."""
        trials, ids = trials_of(table, ids)
        used = [trial for trial in trials if trial.trial_type in JUDGED]
        telling = [trial for trial in used if _has_shape(trial)]
        if not telling:
            raise TwoalikeError(
                f"expected arrangements of {FEWEST} objects or more in different places (main or "
                f"repeated trials), found none among {len(trials)} trials."
            )
        arrangers = tuple(dict.fromkeys(trial.participant for trial in telling))
        index = {name: place for place, name in enumerate(arrangers)}
        groups = in_size_groups(telling, lambda trial: len(trial.items))
        padded = tuple(_padded(group, index) for group in groups)
        left_out = len(used) - len(telling)
        return cls(groups=padded, people=arrangers, ids=ids, left_out=left_out)

    @property
    def n_trials(self) -> int:
        """Trials in all groups."""
        return sum(group.size for group in self.groups)


def _has_shape(trial: Arrangement) -> bool:
    spread = np.ptp(trial.positions, axis=0).max() if len(trial.items) else 0.0
    return len(trial.items) >= FEWEST and bool(spread > 1e-6)


def _padded(trials: Sequence[Arrangement], arrangers: dict[str, int]) -> LayoutGroup:
    shape = (len(trials), max(len(trial.items) for trial in trials))
    items, shown = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.float32)
    places = np.zeros((*shape, 2), dtype=np.float32)
    for row, trial in enumerate(trials):
        k = len(trial.items)
        centred = trial.positions - trial.positions.mean(axis=0)
        items[row, :k], shown[row, :k] = trial.items, 1
        places[row, :k] = centred / np.linalg.norm(centred)
    who = np.array([arrangers[trial.participant] for trial in trials], dtype=np.int32)
    return LayoutGroup(items, places, shown, who)


def add_layouts(
    x: Any,
    layouts: Layouts,
    dimensions: int,
    batch: Sequence[Sequence[Any]] | None = None,
    *,
    observed: bool = False,
    log_weight: Any = None,
) -> None:
    """Add the trials to the open PyMC model: noise a person, and one potential a group.

    ``batch`` has symbolic stand-ins for the four arrays of each group; None: all trials. With
    ``observed`` a group is an observed variable, (T, k, 2), instead of a potential. ``log_weight``,
    (A, d), of each arranger, if people weigh the dimensions.
    """
    import pymc as pm

    # A standard deviation as a share of the embedding's: .3 means that a coordinate of the layout
    # has .09 times the variance that objects have in its view. What of a layout is no view of the
    # embedding counts as noise, so even an exact hand has some.
    noise = pooled_noise(
        "arrangement_noise", "arrangement", TYPICAL_NOISE, len(layouts.people), "arranger"
    )
    for number, group in enumerate(layouts.groups):
        if observed:
            _observe(f"{POTENTIAL}{number}", x, noise, log_weight, group, dimensions)
            continue
        arrays = batch[number] if batch is not None else group.arrays
        size = group.items.shape[1]
        logs = layout_log_likelihood(
            x, noise, *arrays, size=size, d=dimensions, log_weight=log_weight
        )
        pm.Potential(f"{POTENTIAL}{number}", logs.sum())


def _observe(name: str, x: Any, noise: Any, log_weight: Any, group: LayoutGroup, d: int) -> None:
    """Add a group of trials as an observed variable, which can be simulated."""
    import pymc as pm
    import pytensor.tensor as pt

    items, places, shown, arranger = group.arrays
    there, arrays = shown[:, :, None], (shown, arranger)
    if log_weight is None:
        log_weight = pt.zeros((noise.shape[0], d))

    def logp(value: Any, x: Any, noise: Any, log_weight: Any) -> Any:
        form: dict[str, Any] = {"size": items.shape[1], "d": d, "log_weight": log_weight}
        return layout_log_likelihood(x, noise, items, value, *arrays, **form)

    def simulate(x: Any, noise: Any, log_weight: Any, _: Any) -> Any:
        view = pm.Normal.dist(shape=(len(items), d, 2))
        error = pm.Normal.dist(shape=places.shape)
        weight = pt.exp(log_weight)[arranger]
        sd = pt.sqrt(_noise_variance(x, noise[arranger], weight))[:, None, None]
        z = x[items] * pt.sqrt(weight)[:, None]
        layout = (pt.matmul(z, view) + sd * error) * there
        centre = layout.sum(axis=1, keepdims=True) / there.sum(axis=1, keepdims=True)
        layout = (layout - centre) * there
        return layout / pt.sqrt((layout**2).sum(axis=(1, 2), keepdims=True))

    pm.CustomDist(
        name,
        x,
        noise,
        log_weight,
        dist=simulate,
        logp=logp,
        signature="(m,d),(a),(a,d)->(t,k,c)",
        observed=places,
        dims=name_axes(name, ("trial", "place", "axis"), places.shape),
    )


def _noise_variance(x: Any, noise: Any, weight: Any = None) -> Any:
    """Variance of noises, (T,), that are shares of the standard deviation of a view.

    A view is of the embedding, or of that with the dimensions weighed, (T, d).
    """
    spread = ((x - x.mean(axis=0)) ** 2).mean(axis=0)
    of_view = spread.sum() if weight is None else (weight * spread).sum(axis=1)
    return noise**2 * of_view + 1e-6  # an embedding of one point has no views


def layout_log_likelihood(
    x: Any,
    noise: Any,
    items: Any,
    places: Any,
    shown: Any,
    arranger: Any,
    *,
    size: int,
    d: int,
    log_weight: Any = None,
) -> Any:
    """Log-density of each layout's shape, up to a constant, shape (T,).

    With Z the centred coordinates of the trial's k objects, b the noise variance and Y the places,
    of norm 1: -log det(Z Zᵀ + b I) - (k - 1) log tr(Yᵀ (Z Zᵀ + b I)⁻¹ Y), both on the k - 1
    directions that sum to zero. The four arrays are those of :class:`LayoutGroup`; of the padded
    number of objects and the dimensions, the smaller is the side of the matrices that are
    factorised. ``log_weight``, (A, d), of each arranger, if people weigh the dimensions.
    """
    import pytensor.tensor as pt

    shown, places = pt.as_tensor(shown), pt.as_tensor(places)
    count = shown.sum(axis=1)
    weight = None if log_weight is None else pt.exp(log_weight)[arranger]
    variance = _noise_variance(x, noise[arranger], weight)
    z = x[items] if weight is None else x[items] * pt.sqrt(weight)[:, None]
    z = (z - (z * shown[:, :, None]).sum(axis=1, keepdims=True) / count[:, None, None]) * shown[
        :, :, None
    ]
    if d < size:
        gram = pt.matmul(z.swapaxes(1, 2), z) + variance[:, None, None] * np.eye(d, dtype="float32")
        target = pt.matmul(z.swapaxes(1, 2), places)
        root, half = _factor(gram, target)
        explained = (half**2).sum(axis=(1, 2))
        # det and inverse of Z Zᵀ + b I by those of Zᵀ Z + b I; powers of b collected.
        left = pt.maximum(1.0 - explained, 1e-6)
        return d * pt.log(variance) - root - (count - 1) * pt.log(left)
    padding = (1 - shown)[:, :, None] * np.eye(size, dtype="float32")
    pairs = shown[:, :, None] * shown[:, None, :]
    # A constant on the direction that is left out, of size b: its share is taken off below.
    covariance = pt.matmul(z, z.swapaxes(1, 2)) + variance[:, None, None] * (
        pairs * np.eye(size, dtype="float32")
    )
    root, half = _factor(covariance + padding, places)
    return pt.log(variance) - root - (count - 1) * pt.log((half**2).sum(axis=(1, 2)))


def _factor(matrices: Any, right: Any) -> tuple[Any, Any]:
    """Log-determinants of positive matrices, and the right-hand sides over their roots."""
    import pytensor.tensor as pt

    root = pt.linalg.cholesky(matrices)
    half = pt.linalg.solve_triangular(root, right, lower=True, b_ndim=2)
    return 2 * pt.log(pt.diagonal(root, axis1=1, axis2=2)).sum(axis=1), half
