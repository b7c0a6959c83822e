"""What judgments leave open: objects judged never or once, and islands never compared."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.embedding._dissimilarities import PairGroup
from twoalike.embedding._layouts import LayoutGroup
from twoalike.embedding._model import Data

NAMED = 5
"""Objects of a kind that are named."""

type Pairs = tuple[npt.NDArray[np.integer[Any]], npt.NDArray[np.integer[Any]]]


def describe_links(data: Data) -> dict[str, Any]:
    """Count what a posterior knows from its prior alone.

    Similarities between two islands, groups of objects of which no judgment holds one of each,
    are the prior's; so is all about an object that was never judged.

    Returns
    -------
    ``never`` and ``once``, the numbers of objects in no judgment and in one, ``never_named`` and
    ``once_named``, the first few of each; ``islands``, sizes of the groups, largest first, and
    ``islands_named``, an object of each of the first few.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    m = len(data.ids)
    times = _times_judged(data)
    left, right = (np.concatenate(ends) for ends in zip(*_pairs(data), strict=True))
    graph = coo_array((np.ones(len(left), dtype=bool), (left, right)), shape=(m, m))
    _, label = connected_components(graph, directed=False)
    seen = np.flatnonzero(times)
    _, first, sizes = np.unique(label[seen], return_index=True, return_counts=True)
    order = np.argsort(-sizes, kind="stable")
    found: dict[str, Any] = {}
    for name, rows in (("never", np.flatnonzero(times == 0)), ("once", np.flatnonzero(times == 1))):
        found |= {name: len(rows), f"{name}_named": [data.ids[row] for row in rows[:NAMED]]}
    found["islands"] = sizes[order].tolist()
    found["islands_named"] = [data.ids[seen[first[place]]] for place in order[:NAMED]]
    return found


def link_warnings(links: dict[str, Any]) -> list[str]:
    """Say what :func:`describe_links` found, one sentence each; nothing of judgments that link all.

    Parameters
    ----------
    links
        What it returned; empty of a file that was written before there were any.
    """
    said = []
    if len(links.get("islands", ())) > 1:
        sizes = ", ".join(map(str, links["islands"][:NAMED]))
        said.append(
            f"{len(links['islands'])} islands of objects ({sizes} objects; such as "
            f"{_named(links, 'islands', len(links['islands']))}) were never compared with one "
            "another: similarities between them are the prior's. Judge triplets that mix them."
        )
    for name, words in (("never", "in no judgment"), ("once", "in one judgment only")):
        if number := links.get(name, 0):
            said.append(
                f"{number} of the objects {'is' if number == 1 else 'are'} {words} "
                f"({_named(links, name, number)}): their intervals are wide."
            )
    return said


def _named(links: dict[str, Any], name: str, number: int) -> str:
    more = ", ..." if number > len(links[f"{name}_named"]) else ""
    return ", ".join(links[f"{name}_named"]) + more


def _times_judged(data: Data) -> npt.NDArray[np.int64]:
    """In how many judgments each object is: choices, arrangements, judged pairs."""
    m = len(data.ids)
    times = np.bincount(data.items.ravel(), minlength=m)
    for group in data.groups:
        if isinstance(group, LayoutGroup):
            times += np.bincount(group.items[group.shown > 0], minlength=m)
        else:
            left, right = _judged_pairs(group)
            times += np.bincount(np.concatenate([left, right]), minlength=m)
    return times


def _pairs(data: Data) -> Iterator[Pairs]:
    """Pairs of objects in one judgment, enough of them to link all of its objects."""
    for other in (1, 2):
        yield data.items[:, 0], data.items[:, other]
    for group in data.groups:
        if isinstance(group, LayoutGroup):
            there = group.shown > 0  # the first of a trial is always there
            first = np.broadcast_to(group.items[:, :1], group.items.shape)
            yield first[there], group.items[there]
        else:
            yield _judged_pairs(group)


def _judged_pairs(group: PairGroup) -> Pairs:
    """Both objects of every judged pair, of each source that has pairs of its own."""
    which, left, right = np.nonzero(np.triu(group.judged, 1))
    # Where all sources judged the same pairs, these stand once for all of them.
    repeats = group.size // len(group.items)
    pairs = group.items[which, left], group.items[which, right]
    return np.repeat(pairs[0], repeats), np.repeat(pairs[1], repeats)
