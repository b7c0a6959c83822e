"""Views of the tables of judgments: arrays of indices, trials and sources."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any
from zlib import compress, decompress
from zlib import error as ZlibError

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import SET_KINDS, Question
from twoalike.judgments._tables import (
    ITEMS,
    MORE_ITEMS,
    PAIR,
    PAIR_KINDS,
    item_counts,
    trial_numbers,
    with_reference,
)
from twoalike.study import Floats, Integers, TwoalikeError, counted
from twoalike.tables import JUDGED, item_indices

FEWEST_PAIRS = 3  # of two pairs, location and scale leave nothing but their order


def object_index(
    choices: pd.DataFrame, ids: Sequence[str] | None = None
) -> tuple[Integers, Integers, tuple[str, ...]]:
    """Choices of triplets: items shown, (n, 3), position of the chosen one (0..2), (n,), and ids.

    Items are indices into ``ids``, the table's own list by default; :func:`split_sets` leaves
    choices of larger sets out.
    """
    if n := int((item_counts(choices) > len(ITEMS)).sum()):
        raise TwoalikeError(
            where="a table of triplets",
            expected="choices among three items",
            found=f"{counted(n, 'choice')} among more",
            remedy="Leave them out.",
        )
    triplets, names = item_indices(choices, ITEMS, ids)
    chosen = np.asarray(choices["chosen"], dtype=np.int64) - 1
    return triplets, chosen, names


def split_sets(choices: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split choices into those of triplets and those of larger sets; either may have no rows.

    Triplets have only the columns of such, and only the kinds ``odd_one_out`` and ``anchored``: the
    most alike pair of three leaves the odd one, and both are the same choice. A table of triplets
    alone is returned as it is.

    Examples
    --------
    >>> from twoalike.judgments import choices_table
    >>> table = choices_table(
    ...     {"item_1": [0, 1], "item_2": [1, 2], "item_3": [2, 3], "item_4": [-1, 0]}
    ...     | {"kind": ["most_alike"] * 2, "chosen": [1, 1], "second": [3, 4]},
    ...     ["ant", "bee", "cat", "dog"],
    ... )
    >>> triplets, sets = split_sets(table)
    >>> triplets["kind"].tolist(), triplets["chosen"].tolist(), len(sets)
    (['odd_one_out'], [2], 1)
    """
    more = [name for name in ("second", *MORE_ITEMS) if name in choices]
    if not more:
        return choices, choices.iloc[:0]
    larger = item_counts(choices) > len(ITEMS)
    triplets, sets = choices[~larger].copy(), choices[larger]
    pair = (triplets["kind"] == "most_alike").to_numpy()
    if pair.any():
        left = 6 - triplets.loc[pair, "chosen"] - triplets.loc[pair, "second"].astype(np.int8)
        triplets.loc[pair, "chosen"] = left.astype(np.int8)
        kinds = triplets["kind"].astype(str).where(~pair, "odd_one_out")
        triplets["kind"] = pd.Categorical(kinds)
    return triplets.drop(columns=more), sets


@dataclass(frozen=True, eq=False)
class SetChoices:
    """The n choices of a table that answer one question.

    ``rows`` (n,) are their places in the table, ``items`` (n, k) object indices in the order shown,
    ``answer`` (n,) that given, among the question's answers.
    """

    question: Question
    rows: Integers
    items: Integers
    answer: Integers


def set_choices(
    choices: pd.DataFrame, ids: Sequence[str] | None = None
) -> tuple[list[SetChoices], tuple[str, ...]]:
    """Sort choices by the question that they answer, by kind and then by number of items.

    ``ids`` are the objects to index into, the table's own by default; also what the items of each
    question point into.
    """
    kinds = choices["kind"].astype(str).to_numpy(dtype=object)
    counts, chosen = item_counts(choices), choices["chosen"].to_numpy(np.int64)
    columns, found = [*ITEMS, *[item for item in MORE_ITEMS if item in choices]], []
    names = tuple(map(str, choices[ITEMS[0]].cat.categories if ids is None else ids))
    for kind in SET_KINDS:
        for k in np.unique(counts[kinds == kind]).tolist():
            rows = np.flatnonzero((kinds == kind) & (counts == k))
            question = Question(kind, k)
            items, _ = item_indices(choices.iloc[rows], columns[:k], ids)
            second = None
            if kind == "most_alike":
                second = choices["second"].to_numpy()[rows].astype(np.int64) - 1
            answer = question.answer_of(chosen[rows] - 1, second)
            found.append(SetChoices(question, rows, items, answer))
    return found, names


def participant_index(choices: pd.DataFrame) -> tuple[Integers, tuple[str, ...]]:
    """Participant of each choice as an index, shape (n,), and the participants' labels.

    Only participants with at least one row are listed, in the table's order.
    """
    used = choices["participant"].cat.remove_unused_categories()
    return np.asarray(used.cat.codes, dtype=np.int64), tuple(map(str, used.cat.categories))


def judgment_codes(table: pd.DataFrame) -> Integers:
    """Give each judgment of a table of any kind a number, by who judged which items, shape (n,).

    48 bits of a hash, the same in every file, whatever the order of rows or items, so that
    judgments can be recognised in another file. The answer does not count: to leave out judgments
    that were seen before must not depend on what was answered. The reference of an anchored choice
    counts as such; rows of one arrangement or sorting have one number.
    """
    who, what = _labels_hashed(table["participant"], b"who"), np.zeros(len(table), dtype=np.uint64)
    if "item" in table:
        trial = trial_numbers(table)
        n_trials, other = int(trial.max(initial=-1)) + 1, 2 if "pile" in table else 1
        total = np.full(n_trials, other, dtype=np.uint64)  # than a choice among the same items
        np.add.at(total, trial, _labels_hashed(table["item"], b"item"))
        return _mixed(who, total[trial])
    columns = PAIR if PAIR[0] in table else [*ITEMS, *(one for one in MORE_ITEMS if one in table)]
    for column in columns:
        what += _labels_hashed(table[column], b"item")
    if "kind" in table and columns[0] == ITEMS[0]:
        anchored = with_reference(table)
        what[anchored] += _labels_hashed(table[ITEMS[0]], b"reference")[anchored]
    return _mixed(who, what)


def _mixed(who: npt.NDArray[np.uint64], what: npt.NDArray[np.uint64]) -> Integers:
    odd = np.uint64(0x9E3779B97F4A7C15)  # with many bits: 64-bit products stay different
    return np.asarray((who * odd + what) >> np.uint64(16), dtype=np.int64)


def packed_codes(*parts: Integers) -> str:
    """Write sets of numbers of judgments, in text that JSON can hold; each once.

    Examples
    --------
    >>> unpacked_codes(packed_codes(np.array([7, 2**47]), np.array([7, 9]))).tolist()
    [7, 9, 140737488355328]
    """
    gaps = np.diff(np.unique(np.concatenate(parts)), prepend=0).astype("<i8")
    return b64encode(compress(gaps.view(np.uint8).reshape(-1, 8).T.tobytes())).decode()


def unpacked_codes(text: str) -> Integers:
    """Read what :func:`packed_codes` wrote, in ascending order, shape (n,)."""
    try:
        content = np.frombuffer(decompress(b64decode(text, validate=True)), dtype=np.uint8)
        return np.cumsum(np.ascontiguousarray(content.reshape(8, -1).T).view("<i8").ravel())
    except (ValueError, ZlibError) as error:
        raise TwoalikeError(
            f"the record of the judgments that were fitted to is damaged ({error})",
            remedy="Make the file that holds it again.",
        ) from error


def _labels_hashed(labels: "pd.Series[str]", role: bytes) -> npt.NDArray[np.uint64]:
    """64 bits of a hash of each label, 0 where there is none, shape (n,)."""
    code, names = pd.factorize(labels)
    digests = (blake2b(str(name).encode(), digest_size=8, key=role).digest() for name in names)
    hashed = np.frombuffer(b"".join(digests) + bytes(8), dtype="<u8").astype(np.uint64)
    return np.asarray(hashed[code])


@dataclass(frozen=True, eq=False)
class JudgedTrial:
    """Several objects that somebody arranged or sorted together.

    ``items`` (k,) are object indices; ``values`` are places in arena diameters, (k, 2), or numbers
    of piles from 0, (k,), in order of first appearance. ``session`` is empty, ``response_time`` (in
    seconds) NaN where the table has none.
    """

    participant: str
    session: str
    trial: int
    trial_type: str
    items: Integers
    values: npt.NDArray[Any]
    response_time: float


def trials_of(
    table: pd.DataFrame, ids: Sequence[str] | None = None
) -> tuple[list[JudgedTrial], tuple[str, ...]]:
    """Trials of a table of arrangements or sortings, in the order of first appearance.

    ``ids`` are the objects to index into, the table's own by default; also those that the items
    point into.
    """
    items, names = item_indices(table, ["item"], ids)
    sorted_, trials = "pile" in table, []
    values = table["pile" if sorted_ else ["x", "y"]].to_numpy()
    about = ["participant", "session", "trial", "trial_type", "response_time"]
    number = trial_numbers(table)
    order = np.argsort(number, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(number[order])) + 1)
    firsts = table[about].iloc[[int(rows[0]) for rows in parts]].itertuples(index=False)
    for rows, (who, session, trial, kind, seconds) in zip(parts, firsts, strict=True):
        own = pd.factorize(values[rows])[0] if sorted_ else values[rows]
        name = "" if pd.isna(session) else str(session)
        judged = JudgedTrial(str(who), name, int(trial), str(kind), items[rows, 0], own, seconds)
        trials.append(judged)
    return trials, names


def judged_trials(
    table: pd.DataFrame, ids: Sequence[str] | None = None
) -> tuple[list[JudgedTrial], tuple[str, ...]]:
    """List the main and repeated trials of a table, as :func:`trials_of` does."""
    kind = "sortings" if "pile" in table else "arrangements"
    return trials_of(judged_rows(table, kind), ids)


def judged_rows(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Select the main and repeated trials of a table; refuse one without any."""
    used = table[table["trial_type"].isin(JUDGED)]
    if used.empty:
        raise TwoalikeError(
            f"expected {kind} of main or repeated trials, found none among "
            f"{counted(len(table), 'row')}."
        )
    return used


@dataclass(frozen=True, eq=False)
class PairSource:
    """What one participant said of pairs of objects: dissimilarities, or ratings on one scale.

    ``label`` is the participant, with the kind or scale where they used several; ``pairs`` (n, 2)
    are object indices, ``values`` (n,) theirs, ``points`` those of a Likert scale.
    """

    label: str
    participant: str
    pairs: Integers
    values: Floats
    points: int | None = None


def pair_sources(
    dissimilarities: pd.DataFrame, ids: Sequence[str] | None = None
) -> tuple[list[PairSource], tuple[str, ...]]:
    """List the sources of a table, in the order of first appearance.

    A pair given several times by one source, in either order, counts once, with its mean: what
    it deviates by is mostly the pair's own and does not shrink when it is judged again. Pairs are
    different, the smaller object first, and in order. ``ids`` are as in :func:`trials_of`.
    """
    sources, names = _sources(dissimilarities, "dissimilarity", dissimilarities["kind"], ids)
    return [_checked(_averaged(source, len(names))) for source in sources], names


def _averaged(source: PairSource, m: int) -> PairSource:
    first, second = np.sort(source.pairs, axis=1).T
    found, inverse = np.unique(first * m + second, return_inverse=True)
    mean = np.bincount(inverse, weights=source.values) / np.bincount(inverse)
    return replace(source, pairs=np.stack(np.divmod(found, m), axis=1), values=mean)


def rating_sources(
    ratings: pd.DataFrame, ids: Sequence[str] | None = None
) -> tuple[list[PairSource], tuple[str, ...]]:
    """List the main and repeated ratings by person and scale, as :func:`pair_sources`."""
    table = judged_rows(ratings, "ratings")
    points = table["scale_points"].to_numpy(np.float64)
    scales = ["slider" if np.isnan(one) else f"{one:.0f} points" for one in points]
    return _sources(table, "rating", scales, ids, points)


def _sources(
    table: pd.DataFrame,
    value: str,
    kinds: "Sequence[str] | pd.Series[str]",
    ids: Sequence[str] | None,
    points: Floats | None = None,
) -> tuple[list[PairSource], tuple[str, ...]]:
    """Values of pairs by person, and by kind where a person gave several."""
    pairs, names = item_indices(table, PAIR, ids)
    people = table["participant"].astype(str).to_numpy(dtype=object)
    named, values = np.array(kinds, dtype=object), table[value].to_numpy(np.float64)
    several = pd.Series(named).groupby(people).transform("nunique").to_numpy() > 1
    labels, sources = np.where(several, people + ", " + named, people), []
    for label in dict.fromkeys(labels):
        rows = np.flatnonzero(labels == label)
        scale = None if points is None or np.isnan(points[rows[0]]) else int(points[rows[0]])
        own = PairSource(str(label), people[rows[0]], pairs[rows], values[rows], scale)
        sources.append(own)
    return sources, names


def person_of(label: str) -> str:
    """Name of the participant who gave a source of this label, or rated under it.

    Examples
    --------
    >>> person_of("p1, rating"), person_of("p1, 7 points"), person_of("p1")
    ('p1', 'p1', 'p1')
    """
    name, _, kind = label.rpartition(", ")
    of_several = kind in (*PAIR_KINDS, "slider") or kind.endswith(" points")
    return name if of_several else label


def _checked(source: PairSource) -> PairSource:
    if len(source.pairs) < FEWEST_PAIRS:
        raise TwoalikeError(
            f"dissimilarities of {source.label!r}: expected {FEWEST_PAIRS} pairs or more, found "
            f"{counted(len(source.pairs), 'pair')}, too few to fit. Leave it out."
        )
    if np.ptp(source.values) == 0:
        raise TwoalikeError(
            f"dissimilarities of {source.label!r}: all {len(source.pairs)} pairs have the value "
            f"{source.values[0]:g}. Leave them out."
        )
    return source
