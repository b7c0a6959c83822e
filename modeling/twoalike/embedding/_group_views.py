"""How alike objects are to the average person of a group, and how sure that is.

The average person is at the group's mean log weights. Similarities are taken less their mean over
all pairs, since a common factor is temperature.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from twoalike.embedding._intervals import central_interval
from twoalike.embedding._people import Groups
from twoalike.study import Booleans, Floats, Integers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twoalike.embedding._posterior import Posterior


class Views:
    """Similarities of all pairs of objects to whoever weighs the dimensions in some way."""

    def __init__(self, model: "Posterior") -> None:
        self.model = model
        self.embedding = model.embedding.mean(axis=0)
        self.pairs = np.triu_indices(len(self.embedding), 1)

    def similarity(self, log: Floats, embedding: Floats | None = None) -> Floats:
        """Similarities less their mean, (pairs,), at log weights (D,); of the mean embedding."""
        x = self.embedding if embedding is None else embedding
        view = x * np.exp(log / 2)
        found = self.model.pair_similarity(view, view)[self.pairs]
        return np.asarray(found - found.mean(), dtype=np.float64)

    def difference(self, logs: Floats, embedding: Floats | None = None) -> Floats:
        """Differences of similarities, (pairs,), second minus first of the log weights (2, D)."""
        return self.similarity(logs[1], embedding) - self.similarity(logs[0], embedding)


def mean_logs(log: Floats, second: Booleans) -> Floats:
    """Mean log weights, (2, D), of the people (P, D) of a first and a second group."""
    return np.stack([log[~second].mean(axis=0), log[second].mean(axis=0)])


def resampled_logs(
    log: Floats, draws: int, groups: Groups, n: int, rng: np.random.Generator
) -> "Iterator[tuple[int, Floats]]":
    """Resample people n times: one of the draws, and mean log weights of every group, (G, D).

    ``log`` (P, D) are estimates without shrinkage: they vary between people by as much as people
    differ and are uncertain.
    """
    members = [np.flatnonzero(groups.of == place) for place in range(len(groups.names))]
    for draw in rng.integers(0, draws, n).tolist():
        people = [rng.choice(own, len(own)) for own in members]
        yield draw, np.stack([log[own].mean(axis=0) for own in people])


@dataclass(frozen=True, eq=False)
class GroupViews:
    """Groups of people as a posterior has them.

    ``of`` (P,) are places of the participants among the ``names`` (G,). ``log``, ``low`` and
    ``high`` are log weights of the average person, (G, D) each, with the ends of their intervals:
    of the centres that the fit had for these groups, or else with people resampled
    (``resampled``). ``pairs`` are those of objects that differ most between each two groups.
    """

    names: tuple[str, ...]
    of: Integers
    resampled: bool
    log: Floats
    low: Floats
    high: Floats
    pairs: tuple["PairsApart", ...]


@dataclass(frozen=True, eq=False)
class PairsApart:
    """Pairs of objects, (n, 2) indices, that are more alike to one group than to another.

    ``difference`` (n,) is that of their similarity less that of all pairs, second group minus
    first, in falling order; ``low`` and ``high`` (n,) are the ends of its interval.
    """

    first: int
    second: int
    items: Integers
    difference: Floats
    low: Floats
    high: Floats


def view_groups(
    model: "Posterior",
    group_of: Mapping[str, str],
    *,
    most: int = 8,
    interval: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> GroupViews:
    """Describe groups of people: the weights of their average person, and pairs that they part.

    Without a test: :func:`compare_groups` has that. Of a posterior that was fitted with these
    groups, intervals are those of the groups' centres; of others, the people are resampled.

    Parameters
    ----------
    model
        A posterior with weights of the dimensions.
    group_of
        Group of each of its participants.
    most
        Pairs of objects for each direction of a difference.
    interval
        Share of the resamples inside the intervals.
    resamples
        Number of resamples.
    seed
        Of the resamples.
    """
    weights, views = model.weights, Views(model)
    assert weights is not None
    groups = Groups.assign(group_of, model.participants)
    rng = np.random.default_rng(seed)
    centres = _own_centres(model, groups)
    if centres is None:
        log = weights.unshrunk()
        draws = list(resampled_logs(log, len(weights.log), groups, resamples, rng))
        mean = np.stack(
            [log[groups.of == place].mean(axis=0) for place in range(len(groups.names))]
        )
    else:
        which = rng.integers(0, len(centres), resamples).tolist()
        draws, mean = [(draw, centres[draw]) for draw in which], centres.mean(axis=0)
    low, high = central_interval(np.stack([logs for _, logs in draws]), interval)
    couples = list(combinations(range(len(groups.names)), 2))
    whole = [views.similarity(log) for log in mean]
    tops = [_most_different(whole[two] - whole[one], most) for one, two in couples]
    drawn: list[list[Floats]] = [[] for _ in couples]
    for draw, logs in draws:
        seen = [views.similarity(log, model.embedding[draw]) for log in logs]
        for (one, two), top, found in zip(couples, tops, drawn, strict=True):
            found.append(seen[two][top] - seen[one][top])
    apart = []
    for (one, two), top, found in zip(couples, tops, drawn, strict=True):
        items = np.stack([side[top] for side in views.pairs], axis=1)
        ends = central_interval(np.stack(found), interval)
        apart.append(PairsApart(one, two, items, (whole[two] - whole[one])[top], *ends))
    return GroupViews(groups.names, groups.of, centres is None, mean, low, high, tuple(apart))


def _own_centres(model: "Posterior", groups: Groups) -> Floats | None:
    """Draws of the centres of the groups, (S, G, D), if the posterior was fitted with them."""
    if "group_log_weight" not in model.tree["posterior"] or model.group_of != dict(
        zip(model.participants, (groups.names[k] for k in groups.of), strict=True)
    ):
        return None
    assert model.weights is not None
    names = list(map(str, model.tree["posterior"].dataset["group"].values))
    return model.weights.centre[:, [names.index(name) for name in groups.names]].astype(np.float64)


def _most_different(difference: Floats, most: int) -> Integers:
    """Places of the largest positive differences, and of the largest negative ones, falling."""
    order = np.argsort(-difference, kind="stable")
    most = min(most, len(order) // 2)
    return np.concatenate([order[:most], order[len(order) - most :]])
