"""Do groups of people weigh the dimensions differently? Differences, intervals, and a test.

The people are the sample, not their judgments. Their weights come from a fit that does not know the
groups and shrinks everybody to all people alike. Where groups do not differ their labels are
therefore exchangeable, and a test by permuted labels holds its level whichever engine was used;
over dimensions and over pairs of objects it is corrected by the largest statistic (Westfall and
Young 1993). Intervals resample the people of each group and take another draw of the posterior each
time. Shrinkage makes differences too small rather than too large, the more the fewer judgments a
person gave.
"""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twoalike.embedding._export import check_ending
from twoalike.embedding._intervals import central_interval
from twoalike.embedding._people import Groups, read_groups
from twoalike.embedding._posterior import PosteriorSource, as_posterior
from twoalike.study import (
    Booleans,
    Floats,
    Integers,
    TwoalikeError,
    progress,
    provenance,
    write_json,
)

if TYPE_CHECKING:
    from twoalike.embedding._posterior import Posterior

FEWEST = 3
"""People that a group needs, for its spread to be known."""


def compare_groups(
    posterior: PosteriorSource,
    groups: Mapping[str, str] | str | Path,
    *,
    interval: float = 0.9,
    permutations: int = 999,
    resamples: int = 400,
    pairs: int = 20,
    seed: int = 0,
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Compare how groups of people weigh the dimensions, and the similarities that follow.

    Parameters
    ----------
    posterior
        A posterior or its file, fitted with ``people="weights"`` and without ``groups``.
    groups
        Group of each participant: a mapping, or a tab-separated file with the columns
        ``participant`` and ``group``.
    interval
        Share of the resamples inside the intervals.
    permutations, resamples
        Numbers of permuted labels, and of resamples of the people.
    pairs
        Pairs of objects to list, those that differ most.
    seed
        Everything random derives from it.
    out
        File to write (.json).

    Returns
    -------
    Provenance; ``people``, the number in each group; and ``differences``, one for each two groups:
    ``first`` and ``second``; ``p``, of the hypothesis that they weigh all dimensions alike;
    ``correlation`` of their mean similarities over pairs of objects; ``dimensions``, each with its
    ``difference`` of mean log weights second minus first, ``low``, ``high``, ``effect`` (the
    difference in standard deviations of people within groups) and ``p``, corrected for the number
    of dimensions; ``pairs``, each with ``items``, the ``difference`` of their similarity less that
    of all pairs, ``low``, ``high`` and ``p``, corrected for the number of pairs.

    Raises
    ------
    TwoalikeError
        If people have no weights or the fit knew groups, if a participant has no group, or a group
        has fewer than three people.
    """
    if out is not None:
        check_ending(Path(out), [".json"], "a comparison")
    model = as_posterior(posterior)
    table = groups if isinstance(groups, Mapping) else read_groups(groups)
    where = "`groups=...`" if isinstance(groups, Mapping) else groups
    found = Groups.assign(table, model.participants, where)
    _check(model, found, where)
    inputs = {} if model.path is None else {"posterior": model.path}
    if not isinstance(groups, Mapping):
        inputs["groups"] = Path(groups)
    settings = {"interval": interval, "permutations": permutations, "resamples": resamples}
    result = provenance("comparison of groups", seed=seed, inputs=inputs, config=settings)
    result["people"] = {
        name: int((found.of == place).sum()) for place, name in enumerate(found.names)
    }
    couples = list(combinations(range(len(found.names)), 2))
    result["differences"] = []
    with progress() as bar:
        steps = len(couples) * (2 * permutations + resamples)
        task = bar.add_task("groups", total=steps, status="permuted labels")
        for number, (one, two) in enumerate(couples):
            people = np.flatnonzero((found.of == one) | (found.of == two))
            rng = np.random.default_rng([seed, number])
            couple = _Couple(model, people, found.of[people] == two, rng)
            named = {"first": found.names[one], "second": found.names[two]}
            step = partial(bar.update, task, advance=1)
            result["differences"].append(
                named | couple.compared(permutations, resamples, pairs, interval, step)
            )
    if out is not None:
        write_json(Path(out), result)
    return result


def _check(model: "Posterior", groups: Groups, where: object) -> None:
    if model.weights is None or model.weights.centre.shape[1] > 1:
        raise TwoalikeError(
            where=model.path or "the posterior",
            expected="weights of the dimensions by person, from a fit that does not know groups",
            found="no weights"
            if model.weights is None
            else "weights that were shrunk to the people's groups, which makes any two differ",
            remedy="Fit with `people=weights` and without `groups=...`.",
        )
    for place, name in enumerate(groups.names):
        if (count := int((groups.of == place).sum())) < FEWEST:
            raise TwoalikeError(
                where=where, expected=f"at least {FEWEST} people a group", found=f"{count} {name!r}"
            )


class _Couple:
    """Two groups: log weights of their people, and the space they weigh."""

    def __init__(
        self, model: "Posterior", people: Integers, second: Booleans, rng: np.random.Generator
    ) -> None:
        assert model.weights is not None
        self.model, self.second, self.rng = model, second, rng
        self.log = model.weights.log[:, people].astype(np.float64)  # draws x people x dimensions
        self.mean = self.log.mean(axis=0)
        self.embedding = model.embedding.mean(axis=0)
        self.upper = np.triu_indices(len(self.embedding), 1)

    def compared(
        self,
        permutations: int,
        resamples: int,
        pairs: int,
        interval: float,
        step: Callable[[], None],
    ) -> dict[str, Any]:
        t, seen = _statistics(self.mean, self.second), self._pairs(self.mean, self.second)
        labels = [self.rng.permutation(self.second) for _ in range(permutations)]
        # A pair is as uncertain as it varies under permuted labels: the first of two passes.
        square, largest_t, total = np.zeros(len(seen)), [], []
        for label in labels:
            square += self._pairs(self.mean, label) ** 2
            permuted = _statistics(self.mean, label)
            largest_t.append(np.abs(permuted).max())
            total.append((permuted**2).sum())
            step()
        size = np.sqrt(square / permutations) + 1e-12
        largest = []
        for label in labels:
            largest.append(np.abs(self._pairs(self.mean, label) / size).max())
            step()
        top = np.argsort(-np.abs(seen / size), kind="stable")[:pairs]
        by_dimension, by_pair = self._resampled(resamples, top, step)
        ends = central_interval(by_dimension, interval), central_interval(by_pair, interval)
        first, other = (self._similarity(self.mean[side]) for side in (~self.second, self.second))
        gap, spread = _difference(self.mean, self.second), _within(self.mean, self.second)
        return {
            "p": _p(np.array(total), float((t**2).sum())),
            "correlation": float(np.corrcoef(first, other)[0, 1]),
            "dimensions": [
                {
                    "dimension": k + 1,
                    "difference": float(gap[k]),
                    "low": float(ends[0][0][k]),
                    "high": float(ends[0][1][k]),
                    "effect": float(gap[k] / spread[k]),
                    "p": _p(np.array(largest_t), abs(t[k])),
                }
                for k in range(len(gap))
            ],
            "pairs": [
                {
                    "items": [self.model.ids[self.upper[side][pair]] for side in (0, 1)],
                    "difference": float(seen[pair]),
                    "low": float(ends[1][0][place]),
                    "high": float(ends[1][1][place]),
                    "p": _p(np.array(largest), abs(seen[pair] / size[pair])),
                }
                for place, pair in enumerate(top)
            ],
        }

    def _similarity(self, log: Floats, embedding: Floats | None = None) -> Floats:
        """Similarities of all pairs less their mean, to the average of people, (pairs,)."""
        x = self.embedding if embedding is None else embedding
        view = x * np.exp(log.mean(axis=0) / 2)
        found = self.model.pair_similarity(view, view)[self.upper]
        return np.asarray(found - found.mean(), dtype=np.float64)

    def _pairs(self, log: Floats, second: Booleans, embedding: Floats | None = None) -> Floats:
        """Differences of similarities, second group minus first, (pairs,)."""
        one, two = (self._similarity(log[side], embedding) for side in (~second, second))
        return np.asarray(two - one)

    def _resampled(self, n: int, top: Integers, step: Callable[[], None]) -> tuple[Floats, Floats]:
        """Differences of dimensions, (n, D), and of some pairs, (n, pairs), of resampled people."""
        sides = [np.flatnonzero(~self.second), np.flatnonzero(self.second)]
        second = np.repeat([False, True], [len(side) for side in sides])
        by_dimension, by_pair = [], []
        for draw in self.rng.integers(0, len(self.log), n):
            people = np.concatenate([self.rng.choice(side, len(side)) for side in sides])
            log = self.log[draw][people]
            by_dimension.append(_difference(log, second))
            by_pair.append(self._pairs(log, second, self.model.embedding[draw])[top])
            step()
        return np.stack(by_dimension), np.stack(by_pair)


def _difference(log: Floats, second: Booleans) -> Floats:
    """Difference of mean log weights (P, D), second group minus first, (D,)."""
    return np.asarray(log[second].mean(axis=0) - log[~second].mean(axis=0))


def _within(log: Floats, second: Booleans) -> Floats:
    """Pool the standard deviation of people within the two groups, (D,)."""
    squares = sum(
        ((log[side] - log[side].mean(axis=0)) ** 2).sum(axis=0) for side in (second, ~second)
    )
    return np.asarray(np.sqrt(squares / (len(log) - 2)) + 1e-12)


def _statistics(log: Floats, second: Booleans) -> Floats:
    """Two-sample t statistics, (D,)."""
    error = _within(log, second) * np.sqrt(1 / second.sum() + 1 / (~second).sum())
    return np.asarray(_difference(log, second) / error)


def _p(permuted: Floats, seen: float) -> float:
    """Share of permuted labels whose statistic is as large, the seen one counted among them."""
    return float((1 + (permuted >= seen * (1 - 1e-12)).sum()) / (1 + len(permuted)))
