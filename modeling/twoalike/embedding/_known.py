"""Arrangements and dissimilarities as a posterior sees them: what it knows of a table.

As with choices (:func:`~twoalike.embedding._judged.known_judgments`), what is by people or of
objects that the posterior does not know is left out and counted, and a table of nothing else is
refused. Trials stand one after the other, without padding.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.embedding._layouts import Layouts
from twoalike.judgments import JUDGED, pair_sources
from twoalike.study import TwoalikeError

if TYPE_CHECKING:
    from twoalike.embedding._posterior import Posterior

type Indices = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class KnownLayouts:
    """Layouts of T trials, K placements in all, P pairs of objects within a trial.

    Attributes
    ----------
    items
        Objects of the posterior, shape (K,).
    places
        Centred, of norm 1 a trial, shape (K, 2).
    trial
        Of each placement, from 0 on, shape (K,).
    pairs
        Two placements of one trial, shape (P, 2).
    arranger
        Of each trial: index among ``names``, shape (T,).
    names
        Those whom the posterior knows.
    left_out
        Trials of people or objects that the posterior does not know, or without a shape.
    """

    items: Indices
    places: npt.NDArray[np.float32]
    trial: Indices
    pairs: Indices
    arranger: Indices
    names: tuple[str, ...]
    left_out: int


@dataclass(frozen=True, eq=False)
class KnownPairs:
    """Dissimilarities of P pairs of objects.

    Attributes
    ----------
    pairs
        Objects of the posterior, shape (P, 2).
    values
        Dissimilarities, shape (P,).
    source
        Of each pair: index among ``names``, shape (P,).
    names
        Sources that the posterior knows.
    left_out
        Rows of sources or objects that the posterior does not know.
    """

    pairs: Indices
    values: npt.NDArray[np.float64]
    source: Indices
    names: tuple[str, ...]
    left_out: int


def labels_of(posterior: "Posterior", axis: str) -> tuple[str, ...]:
    """Labels of an axis of the draws; none where the fit had nothing of the kind."""
    group = posterior.tree["posterior"].dataset
    return tuple(map(str, group[axis].values)) if axis in group.coords else ()


def known_layouts(posterior: "Posterior", arrangements: pd.DataFrame) -> KnownLayouts:
    """Index main and repeated trials into a posterior's objects and arrangers.

    Raises
    ------
    TwoalikeError
        If the posterior knows none of the trials, or none has a shape.
    """
    names = labels_of(posterior, "arranger")
    table = arrangements[arrangements["trial_type"].isin(JUDGED)]
    if table.empty:
        raise TwoalikeError(
            "expected arrangements of main or repeated trials, found none among "
            f"{len(arrangements)} placements."
        )
    keys = ["participant", "session", "trial"]
    number = table.groupby(keys, observed=True, dropna=False).ngroup().to_numpy()
    known = table["item"].isin(posterior.ids) & table["participant"].isin(names)
    strange = np.isin(number, number[~known.to_numpy()])
    if strange.all():
        raise TwoalikeError(
            f"none of the {len(np.unique(number))} arrangements is by a participant and of "
            f"objects of this posterior ({len(names)} participants who arranged, "
            f"{len(posterior.ids)} objects). Give the arrangements that it was fitted on."
        )
    layouts = Layouts.from_arrangements(table[~strange], posterior.ids)
    sizes = [group.shown.sum(axis=1).astype(np.int64) for group in layouts.groups]
    size = np.concatenate(sizes)
    shown = [group.shown > 0 for group in layouts.groups]
    grouped = list(zip(layouts.groups, shown, strict=True))
    arranger = np.concatenate([group.arranger for group in layouts.groups])
    return KnownLayouts(
        items=np.concatenate([group.items[there] for group, there in grouped]),
        places=np.concatenate([group.places[there] for group, there in grouped]),
        trial=np.repeat(np.arange(len(size)), size),
        pairs=_pairs_within(size),
        arranger=pd.Index(names).get_indexer(pd.Index(layouts.arrangers))[arranger],
        names=names,
        left_out=len(np.unique(number[strange])) + layouts.left_out,
    )


def _pairs_within(size: Indices) -> Indices:
    """All pairs of placements in each trial, of trials that follow each other, (P, 2)."""
    starts = np.cumsum(size) - size
    parts = [
        start + np.stack(np.triu_indices(k, 1), axis=1)
        for start, k in zip(starts, size, strict=True)
    ]
    return np.concatenate(parts)


def known_pairs(posterior: "Posterior", dissimilarities: pd.DataFrame) -> KnownPairs:
    """Index dissimilarities into a posterior's objects and sources.

    Raises
    ------
    TwoalikeError
        If the posterior knows none of them, or what is left of a source tells nothing.
    """
    names = labels_of(posterior, "source")
    n, place = len(dissimilarities), {name: row for row, name in enumerate(names)}
    # The label of a source is the participant, with the kind where somebody gave both.
    people = {name.removesuffix(f", {kind}") for name in names for kind in ("rdm", "rating")}
    known = dissimilarities["participant"].isin({*names, *people})
    for item in ("item_a", "item_b"):
        known &= dissimilarities[item].isin(posterior.ids)
    table = dissimilarities[known]
    sources = pair_sources(table, posterior.ids)[0] if len(table) else []
    found = [source for source in sources if source.label in place]
    if not found:
        raise TwoalikeError(
            f"none of the {n} dissimilarities is by a participant and of objects of this "
            f"posterior ({len(names)} participants who gave some, {len(posterior.ids)} objects). "
            "Give the dissimilarities that it was fitted on."
        )
    counts = [len(source.pairs) for source in found]
    strange = sum(len(source.pairs) for source in sources if source.label not in place)
    return KnownPairs(
        pairs=np.concatenate([source.pairs for source in found]),
        values=np.concatenate([source.dissimilarity for source in found]),
        source=np.repeat([place[source.label] for source in found], counts),
        names=names,
        left_out=n - len(table) + strange,
    )
