"""What a few dozen choices say about the person who made them, and how surely.

Everything is a share of counted trials or an average over posterior draws, so that it comes
with its own uncertainty.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from twoalike.ceilings import repeated_answers
from twoalike.choice import PAIRS, expected_accuracy, log_choice, pair_similarities
from twoalike.embedding import Posterior
from twoalike.evaluation import Judgments
from twoalike.figures import MapLayout, map_layout
from twoalike.judgments import object_index, read_judgments
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import Booleans, Floats, Integers, Study, provenance
from twoalike.tables import JUDGED

N_GROUPS = 3
_MOST_DRAWS = 400


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
    """Objects that are kept together, and the share of draws in which two of them are.

    The share is a mean over their pairs; 1 for an object by itself.
    """

    rows: tuple[int, ...]
    together: float


def tree_odd(categories: pd.DataFrame, triplets: Integers) -> tuple[Integers, Integers]:
    """Find the odd one by the categories alone, and the level (column) that decides.

    Two objects are as close as the finest level that they share, counted from the coarsest on.
    Where one pair is closer than the two others, the third object is odd: its place in the
    triplet, 0, 1 or 2. Both are -1 where no pair is closest. Shape (n,) each.

    Examples
    --------
    >>> table = pd.DataFrame({"realm": list("aaab"), "group": list("ccde")})
    >>> odd, level = tree_odd(table, np.array([[0, 1, 2], [0, 2, 3], [3, 2, 1]]))
    >>> odd.tolist(), level.tolist()
    ([2, 2, 0], [1, 0, 0])
    """
    codes = np.stack([pd.factorize(categories[name])[0] for name in categories], axis=1)
    same = codes[:, None, :] == codes[None, :, :]
    depth = np.cumprod(same, axis=2).sum(axis=2)  # levels shared, from the coarsest on
    i, j, k = triplets.T
    # Column c is the pair that leaves item c out.
    close = np.stack([depth[j, k], depth[i, k], depth[i, j]], axis=1)
    best = close.max(axis=1)
    alone = (close == best[:, None]).sum(axis=1) == 1
    odd = np.where(alone, close.argmax(axis=1), -1)
    return odd.astype(np.int64), np.where(alone, best - 1, -1).astype(np.int64)


def tree_shares(categories: pd.DataFrame, triplets: Integers, chosen: Integers) -> dict[str, Share]:
    """How often the choices follow the categories, by the level that decides, fine to coarse.

    Triplets have shape (n, 3); ``chosen`` is the place of the odd one called, shape (n,).
    """
    odd, level = tree_odd(categories, triplets)
    shares = {}
    for column, name in reversed(list(enumerate(categories))):
        asked = level == column
        if asked.any():
            shares[str(name)] = Share(float((odd == chosen)[asked].sum()), int(asked.sum()))
    return shares


def repeat_share(triplets: Integers, chosen: Integers) -> Share:
    """How often a triplet shown again got the same odd one; trials in the order shown."""
    nobody = np.zeros(len(chosen), dtype=np.int64)
    _, same = repeated_answers(Judgments(triplets, chosen, nobody, ()))
    return Share(float(same.sum()), len(same))


def held_out_probabilities(probabilities: Floats, triplets: Integers, chosen: Integers) -> Floats:
    """Probabilities of each choice by the posterior without the judgments of its triplet.

    The draws are weighted by one over the probability they give to what was chosen (importance
    sampling; weights truncated at the mean times the root of the number of draws: Ionides 2008,
    doi:10.1198/106186008X320456). A triplet shown twice is left out with both its judgments.
    From probabilities by draw, shape (S, n, 3), to (n, 3).
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


def draw_probabilities(draws: Floats, triplets: Integers, lapse: Floats | None = None) -> Floats:
    """Probability that each item is called the odd one, by draw, shape (S, n, 3).

    From embeddings, shape (S, m, D), and the person's lapse rates, shape (S,).
    """
    similarity = np.einsum("smd,skd->smk", draws, draws)
    pairs = pair_similarities(similarity, triplets)
    logs = log_choice(pairs, lapse=None if lapse is None else lapse[:, None])
    return np.exp(np.stack(logs, axis=-1))


def kept_together(draws: Floats) -> Floats:
    """How often two objects are kept and a third called odd, mean over third objects.

    From embeddings, shape (S, m, D), to (S, m, m), with ones on the diagonal; 1/3 is no
    preference.
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
    origin; here they are as far apart as no preference says. Shape (S, m, m - 1).
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
    into one cluster: the groups are those that hold across draws, those held together most
    first and lone objects last. The second value is the share of draws in which any two
    objects are in one cluster: what a group must exceed.
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


def _clusters(similarity: Floats, n_groups: int) -> Integers:
    from scipy.cluster.hierarchy import fcluster, linkage

    distances = 1 - similarity[np.triu_indices(len(similarity), 1)]
    tree = linkage(np.maximum(distances, 0), method="complete")
    return np.asarray(fcluster(tree, n_groups, criterion="maxclust"), dtype=np.int64)


@dataclass(frozen=True)
class Result:
    """One person's session and what it says."""

    title: str
    ids: tuple[str, ...]  # the m objects shown
    categories: pd.DataFrame  # of each object, one column a level, coarse to fine
    stimuli: StimulusSet
    layout: MapLayout
    triplets: Integers  # objects of all n trials in the order shown, shape (n, 3)
    chosen: Integers  # place of the odd one called, shape (n,)
    first: Booleans  # whether the triplet was shown for the first time, shape (n,)
    tree: dict[str, Share]  # first choices that follow the categories, by the deciding level
    repeats: Share  # triplets shown again with the same odd one
    predicted: Share  # first choices named by the map without them; ties count 1 / (number tied)
    groups: list[Group]
    together_by_chance: float
    pairs_shown: float  # share of the pairs of the m objects that were shown together
    pair_median: float  # how often the median pair was
    response_time: float  # median, s; NaN if none was recorded
    converged: bool
    simulated: bool
    made_from: dict[str, Any]  # provenance

    @property
    def tree_total(self) -> Share:
        """Choices that follow the categories, at whichever level."""
        shares = self.tree.values()
        return Share(sum(share.hits for share in shares), sum(share.n for share in shares))

    @property
    def own_way(self) -> list[tuple[tuple[int, ...], int, int]]:
        """Triplets whose choice left the categories: objects, place called, place expected."""
        odd, _ = tree_odd(self.categories, self.triplets)
        return [
            (tuple(items), int(place), int(expected))
            for items, place, expected, new in zip(
                self.triplets.tolist(), self.chosen, odd, self.first, strict=True
            )
            if new and expected not in (-1, place)
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers for JSON, with where they come from."""
        return {
            **self.made_from,
            "objects": list(self.ids),
            "trials": len(self.chosen),
            "pairs_shown": self.pairs_shown,
            "pair_median": self.pair_median,
            "response_time_s": self.response_time if np.isfinite(self.response_time) else None,
            "follows_categories": {name: share.as_dict() for name, share in self.tree.items()},
            "same_on_repeat": self.repeats.as_dict(),
            "predicted_without_the_triplet": self.predicted.as_dict(),
            "groups": [
                {"objects": [self.ids[row] for row in group.rows], "together": group.together}
                for group in self.groups
            ],
            "together_by_chance": self.together_by_chance,
            "positions": dict(zip(self.ids, self.layout.positions.tolist(), strict=True)),
            "converged": self.converged,
            "simulated": self.simulated,
        }


def read_result(study: Study, *, seed: int, simulated: bool) -> Result:
    """Read a session's choices and posterior, and work out what they say."""
    posterior = Posterior.load(study.posterior)
    stimuli = StimulusSet.load(study.stimuli)
    choices = read_judgments(study.choices)
    choices = choices[choices["trial_type"].isin(JUDGED)]
    triplets, chosen, ids = object_index(choices, posterior.ids)
    first = (choices["trial_type"] == "main").to_numpy()
    categories = stimuli.table.set_index("id").loc[list(ids), list(stimuli.levels)]
    step = max(1, -(-len(posterior.embedding) // _MOST_DRAWS))
    draws, lapse = posterior.embedding[::step], posterior.typical_lapse[::step]
    together = kept_together(draws)
    groups, by_chance = find_groups(together)
    guesses = held_out_probabilities(draw_probabilities(draws, triplets, lapse), triplets, chosen)
    hits = expected_accuracy(guesses[first], chosen[first])
    pairs = _pair_counts(triplets, len(ids))
    return Result(
        title=study.config.title,
        ids=ids,
        categories=categories,
        stimuli=stimuli,
        layout=map_layout(to_coordinates(together)),
        triplets=triplets,
        chosen=chosen,
        first=first,
        tree=tree_shares(categories, triplets[first], chosen[first]),
        repeats=repeat_share(triplets, chosen),
        predicted=Share(float(hits.sum()), len(hits)),
        groups=groups,
        together_by_chance=by_chance,
        pairs_shown=float((pairs > 0).mean()),
        pair_median=float(np.median(pairs)),
        response_time=float(np.nanmedian(choices["response_time"].to_numpy(dtype=float))),
        converged=bool(posterior.attrs["converged"]),
        simulated=simulated,
        made_from=provenance(
            "yourself",
            seed=seed,
            inputs={
                "choices": study.choices,
                "posterior": study.posterior,
                "manifest": study.stimuli / MANIFEST,
            },
            config={"groups": len(groups), "draws": len(draws)},
        ),
    )


def _pair_counts(triplets: Integers, m: int) -> Integers:
    """How often each pair of objects was on the screen together, shape (m (m - 1) / 2,)."""
    counts = np.zeros((m, m), dtype=np.int64)
    for a, b in PAIRS:
        np.add.at(counts, (triplets[:, a], triplets[:, b]), 1)
    return (counts + counts.T)[np.triu_indices(m, 1)]
