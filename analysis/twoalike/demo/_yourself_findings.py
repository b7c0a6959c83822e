"""What a few dozen choices say about the person who made them, and how surely.

Everything is a share of counted trials or an average over posterior draws, so that it comes
with its own uncertainty.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import log_choice, pair_similarities
from twoalike.demo._yourself_objects import Triplets, tree_odd

type Floats = npt.NDArray[np.float64]

N_GROUPS = 3


@dataclass(frozen=True)
class Share:
    """``hits`` of ``n`` trials."""

    hits: float
    n: int

    def as_dict(self) -> dict[str, float]:
        """Return both numbers for JSON."""
        return {"hits": self.hits, "n": self.n}


@dataclass(frozen=True)
class Group:
    """Objects that are kept together.

    Attributes
    ----------
    rows
        The objects.
    together
        Share of posterior draws in which two of them are in one group, mean over their pairs;
        1 for an object by itself.
    """

    rows: tuple[int, ...]
    together: float


def tree_shares(
    categories: pd.DataFrame, triplets: Triplets, chosen: npt.NDArray[np.int64]
) -> dict[str, Share]:
    """How often the choices follow the categories, by the level that decides.

    Parameters
    ----------
    categories
        Categories of the m objects, one column a level, coarse to fine.
    triplets, chosen
        Objects shown, shape (n, 3), and the place of the odd one called, shape (n,).

    Returns
    -------
    A share for each level at which some triplet is decided, fine to coarse.
    """
    odd, level = tree_odd(categories, triplets)
    shares = {}
    for column, name in reversed(list(enumerate(categories))):
        asked = level == column
        if asked.any():
            shares[str(name)] = Share(float((odd == chosen)[asked].sum()), int(asked.sum()))
    return shares


def repeat_share(triplets: Triplets, chosen: npt.NDArray[np.int64]) -> Share:
    """How often a triplet shown again got the same odd one.

    Parameters
    ----------
    triplets, chosen
        All trials in the order shown, as in :func:`tree_shares`.
    """
    first: dict[frozenset[int], int] = {}
    same = []
    for items, place in zip(triplets.tolist(), chosen.tolist(), strict=True):
        key = frozenset(items)
        if key in first:
            same.append(first[key] == items[place])
        first.setdefault(key, items[place])
    return Share(float(sum(same)), len(same))


def held_out_probabilities(
    probabilities: Floats, triplets: Triplets, chosen: npt.NDArray[np.int64]
) -> Floats:
    """Probabilities of each choice by the posterior without the judgments of its triplet.

    The draws are weighted by one over the probability they give to what was chosen (importance
    sampling; weights truncated at the mean times the root of the number of draws: Ionides 2008,
    doi:10.1198/106186008X320456). A triplet shown twice is left out with both its judgments.

    Parameters
    ----------
    probabilities
        Of each item being called odd, by draw, shape (S, n, 3).
    triplets, chosen
        Shapes (n, 3) and (n,).

    Returns
    -------
    Shape (n, 3), rows sum to one.
    """
    s, n, _ = probabilities.shape
    made = np.log(probabilities[:, np.arange(n), chosen])
    keys = np.unique(np.sort(triplets, axis=1), axis=0, return_inverse=True)[1].ravel()
    left_out = np.zeros((s, int(keys.max()) + 1))
    np.add.at(left_out.T, keys, made.T)
    weights = np.exp(left_out.min(axis=0) - left_out)
    weights = np.minimum(weights, weights.mean(axis=0) * np.sqrt(s))
    weights = (weights / weights.sum(axis=0))[:, keys]
    return np.asarray(np.einsum("sn,snk->nk", weights, probabilities))


def draw_probabilities(
    draws: npt.NDArray[np.floating], triplets: Triplets, lapse: Floats | None = None
) -> Floats:
    """Probability that each item is called the odd one, by draw, shape (S, n, 3).

    Parameters
    ----------
    draws
        Embedding, shape (S, m, D).
    lapse
        Lapse rate of the person, shape (S,); None for someone who never guesses.
    """
    similarity = np.einsum("smd,skd->smk", draws, draws)
    pairs = pair_similarities(similarity, triplets)
    logs = log_choice(pairs, lapse=None if lapse is None else lapse[:, None])
    return np.exp(np.stack(logs, axis=-1))


def kept_together(draws: npt.NDArray[np.floating]) -> Floats:
    """How often two objects are kept and a third called odd, mean over third objects.

    Parameters
    ----------
    draws
        Embedding, shape (S, m, D).

    Returns
    -------
    Shape (S, m, m), in [0, 1], with ones on the diagonal; a third is no preference.
    """
    m = draws.shape[1]
    triplets = np.array(list(combinations(range(m), 3)), dtype=np.int64)
    odd = draw_probabilities(draws, triplets)
    total = np.zeros((len(draws), m, m))
    for left, right, out in ((1, 2, 0), (0, 2, 1), (0, 1, 2)):
        index = triplets[:, left] * m + triplets[:, right]
        np.add.at(total.reshape(len(draws), -1).T, index, odd[:, :, out].T)
    total = (total + total.transpose(0, 2, 1)) / (m - 2)
    total[:, np.arange(m), np.arange(m)] = 1.0
    return np.asarray(total)


def to_coordinates(together: Floats) -> Floats:
    """Coordinates whose distances are one minus how often two objects are kept together.

    Classical scaling of each draw; what a Euclidean space cannot hold is left out. Coordinates
    of the embedding itself would put objects that are hardly known next to each other, at its
    origin; here they are as far apart as no preference says.

    Parameters
    ----------
    together
        Of :func:`kept_together`, shape (S, m, m).

    Returns
    -------
    Shape (S, m, m - 1).
    """
    m = together.shape[1]
    centre = np.eye(m) - 1 / m
    inner = -0.5 * centre @ (1 - together) ** 2 @ centre
    values, vectors = np.linalg.eigh(inner)
    scaled = vectors * np.sqrt(np.maximum(values, 0))[:, None, :]
    coordinates: Floats = scaled[:, :, :0:-1]
    return coordinates


def find_groups(together: Floats, n_groups: int = N_GROUPS) -> tuple[list[Group], float]:
    """Find groups of objects that the draws agree on.

    Each draw's objects are clustered (complete linkage), and so is how often two objects came
    into one cluster: the groups are those that hold across draws.

    Parameters
    ----------
    together
        Of :func:`kept_together`, shape (S, m, m).

    Returns
    -------
    The groups, those held together most first and lone objects last; and the share of draws in
    which any two objects, whichever, are in one cluster: what a group must exceed.
    """
    labels = np.stack([_clusters(draw, n_groups) for draw in together])
    shared = (labels[:, :, None] == labels[:, None, :]).mean(axis=0)
    found = _clusters(shared, n_groups)
    groups = []
    for label in np.unique(found):
        rows = np.flatnonzero(found == label)
        pairs = shared[np.ix_(rows, rows)][np.triu_indices(len(rows), 1)]
        groups.append(Group(tuple(rows.tolist()), float(pairs.mean()) if len(pairs) else 1.0))
    groups.sort(key=lambda group: (len(group.rows) == 1, -group.together, group.rows))
    return groups, float(shared[np.triu_indices(len(shared), 1)].mean())


def _clusters(similarity: Floats, n_groups: int) -> npt.NDArray[np.int64]:
    from scipy.cluster.hierarchy import fcluster, linkage

    distances = 1 - similarity[np.triu_indices(len(similarity), 1)]
    tree = linkage(np.maximum(distances, 0), method="complete")
    return np.asarray(fcluster(tree, n_groups, criterion="maxclust"), dtype=np.int64)
