"""From the files of a finished session to everything that the page about it shows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import PAIRS, expected_accuracy
from twoalike.demo._yourself_findings import (
    Group,
    Share,
    draw_probabilities,
    find_groups,
    held_out_probabilities,
    kept_together,
    repeat_share,
    to_coordinates,
    tree_shares,
)
from twoalike.demo._yourself_objects import Triplets, tree_odd
from twoalike.embedding import Posterior
from twoalike.figures import MapLayout, map_layout
from twoalike.judgments import JUDGED, object_index, read_choices
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import Study, provenance

_MOST_DRAWS = 400


@dataclass(frozen=True)
class Result:
    """One person's session and what it says.

    Attributes
    ----------
    ids, categories
        The m objects shown, and their categories, one column a level, coarse to fine.
    triplets, chosen
        All n trials in the order shown: objects, shape (n, 3), and place of the odd one called.
    first
        Whether a triplet was shown for the first time, shape (n,).
    tree
        Choices that follow the categories, by the level that decides; first showings only.
    repeats
        Triplets shown again with the same odd one.
    predicted
        First showings whose odd one the map names that was fitted without them; ties count
        1 / (number tied).
    groups, together_by_chance
        As of :func:`find_groups`.
    pairs_shown, pair_median
        Share of the pairs of the m objects that were on the screen together, and how often the
        median pair was.
    response_time
        Median, s; NaN if none was recorded.
    converged
        Whether the fit did.
    made_from
        Provenance.
    """

    title: str
    ids: tuple[str, ...]
    categories: pd.DataFrame
    stimuli: StimulusSet
    layout: MapLayout
    triplets: Triplets
    chosen: npt.NDArray[np.int64]
    first: npt.NDArray[np.bool_]
    tree: dict[str, Share]
    repeats: Share
    predicted: Share
    groups: list[Group]
    together_by_chance: float
    pairs_shown: float
    pair_median: float
    response_time: float
    converged: bool
    simulated: bool
    made_from: dict[str, Any]

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
    """Read a session's choices and posterior, and work out what they say.

    Raises
    ------
    TwoalikeError
        If a file is missing or damaged.
    """
    posterior = Posterior.load(study.posterior)
    stimuli = StimulusSet.load(study.stimuli)
    choices = read_choices(study.choices)
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


def _pair_counts(triplets: Triplets, m: int) -> npt.NDArray[np.int64]:
    """How often each pair of objects was on the screen together, shape (m (m - 1) / 2,)."""
    counts = np.zeros((m, m), dtype=np.int64)
    for a, b in PAIRS:
        np.add.at(counts, (triplets[:, a], triplets[:, b]), 1)
    return (counts + counts.T)[np.triu_indices(m, 1)]
