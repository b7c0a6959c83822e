"""Posterior intervals of choice probabilities and similarities, in bounded memory.

An interval is central: as much of the posterior lies below it as above. It measures how sure the
posterior is of a probability or a similarity, not the spread of answers to come.

The scale ``chance`` is the probability-like similarity of SPoSE and VICE
(doi:10.1038/s41562-020-00951-3):

    R_ij = mean over k of exp(s_ij) / (exp(s_ij) + exp(s_ik) + exp(s_jk)),

over all objects k but i and j. All m(m - 1)(m - 2) / 2 triplets are summed, none is sampled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from twoalike.choice import ChoiceKind, Question
from twoalike.embedding._posterior import QUESTIONS, Posterior, PosteriorSource, as_posterior
from twoalike.study import Floats, Integers, TwoalikeError, progress

SINGLE_SPAN, DOUBLE_SPAN = 60.0, 600.0
"""Spans of similarities, in nats, whose exponentials are normal numbers of that precision."""
TILE = 2**18  # numbers a tile: it stays in the processor's cache


def pair_odds(similarity: Floats) -> Floats:
    """Exponentials of the similarities, (m, m), up to a factor.

    Infinite on the diagonal, so that a third object that is one of the two adds nothing to a sum of
    reciprocals. Similarities that span more than double precision can hold are refused.
    """
    odds = np.array(similarity, dtype=np.float64)
    np.fill_diagonal(odds, -np.inf)
    top = odds.max()
    np.fill_diagonal(odds, np.inf)
    span = float(top - odds.min())
    if span > DOUBLE_SPAN:
        raise TwoalikeError(
            f"similarities span {span:.0f} nats, more than {DOUBLE_SPAN:.0f}; every triplet is "
            "certain",
            where="`scale=chance`",
            remedy="Use `scale=raw`.",
        )
    odds -= top
    np.exp(odds, out=odds)
    return odds.astype(np.float32) if span < SINGLE_SPAN else odds


def kept_together(odds: Floats, band: slice) -> Floats:
    """Chance that each two objects are kept together, of a band of rows from its first on.

    ``odds`` (m, m) are from :func:`pair_odds`; the result has shape (stop - start, m - start), 1
    where an object meets itself.
    """
    m = len(odds)
    height = max(TILE // m, 1)
    tile = np.empty((height, m), dtype=odds.dtype)
    result = np.ones((band.stop - band.start, m - band.start), dtype=odds.dtype)
    for i in range(band.start, band.stop):
        own = odds[i]
        for start in range(i + 1, m, height):
            others = slice(start, min(start + height, m))
            part = tile[: others.stop - start]
            np.add(odds[others], own, out=part)
            part += own[others, None]
            np.reciprocal(part, out=part)
            chance = own[others] * part.sum(axis=1) / (m - 2)
            result[i - band.start, start - band.start : others.stop - band.start] = chance
    _mirror(result)
    return result


def _mirror(result: Floats) -> None:
    """Fill what lies below the diagonal of the leading square."""
    square = result[:, : len(result)]
    below = np.tril_indices(len(result), -1)
    square[below] = square.T[below]


type Scale = Literal["centred", "raw", "chance"]

if TYPE_CHECKING:
    import pandas as pd

VALUES = 2**26
"""Draws held at once, in numbers: 256 MiB of single precision."""


def central_interval(
    draws: Floats, level: float, axis: int = 0, *, overwrite: bool = False
) -> tuple[Floats, Floats]:
    """Find the central interval that holds the share ``level`` of the draws along ``axis``.

    With ``overwrite`` the draws are sorted in place, which saves their copy.

    Examples
    --------
    >>> low, high = central_interval(np.arange(101.0), 0.9)
    >>> round(float(low), 6), round(float(high), 6)
    (5.0, 95.0)
    """
    if not 0 < level < 1:
        raise TwoalikeError(
            where="`interval=...`",
            expected="a share between 0 and 1, such as 0.9",
            found=f"{level:g}",
        )
    if draws.shape[axis] < 2:
        raise TwoalikeError(
            f"an interval needs at least 2 draws, the posterior has {draws.shape[axis]}. Fit it "
            "again with more `draws=...`."
        )
    # Sorting short contiguous runs is some 40 times faster than numpy.quantile along an axis.
    ordered = np.ascontiguousarray(np.moveaxis(draws, axis, -1))
    if not overwrite and np.shares_memory(ordered, draws):
        ordered = ordered.copy()
    ordered.sort(axis=-1)
    return _quantile(ordered, (1 - level) / 2), _quantile(ordered, (1 + level) / 2)


def _quantile(ordered: Floats, share: float) -> Floats:
    """Quantile along the last axis, interpolated between neighbours as numpy does by default."""
    place = (ordered.shape[-1] - 1) * share
    below = min(int(place), ordered.shape[-1] - 2)
    left, right = ordered[..., below], ordered[..., below + 1]
    return np.asarray(left + ordered.dtype.type(place - below) * (right - left))


def choice_intervals(
    posterior: PosteriorSource,
    triplets: Integers,
    level: float = 0.9,
    *,
    lapse: bool = True,
    participants: Integers | None = None,
    kind: ChoiceKind = "odd_one_out",
) -> tuple[Floats, Floats]:
    """Central posterior interval of each choice probability: low and high ends, (n, 3) each.

    Arguments are those of :meth:`twoalike.embedding.Posterior.choice_probabilities`; ``level`` is
    the share of the posterior inside.
    """
    posterior = as_posterior(posterior)
    if has_no_intervals(posterior):
        raise TwoalikeError(
            where="`interval=...`",
            expected="judgments whose errors the model knows",
            found="a posterior of RDMs that were computed from arrangements, where intervals would "
            "be far too narrow",
            remedy="Fit the arrangements themselves, or ask for no intervals.",
        )
    _, *ends = set_probabilities(
        posterior,
        triplets,
        QUESTIONS[kind],
        lapse=lapse,
        participants=participants,
        interval=level,
    )
    low, high = ends
    if kind == "anchored":  # the reference, item 1, is never chosen
        low, high = (np.pad(end, ((0, 0), (1, 0))) for end in ends)
    return low, high


def set_probabilities(
    posterior: Posterior,
    items: Integers,
    question: Question,
    *,
    lapse: bool = False,
    participants: Integers | None = None,
    interval: float | None = None,
) -> tuple[Floats, ...]:
    """Probability of each answer to a question about sets of k items, averaged over draws.

    Parameters
    ----------
    items
        Object indices, shape (n, k); item 1 is the reference of anchored questions.
    question
        What is asked; its ``answers`` are the columns of the result.
    lapse
        Whether these are people's answers, guesses included.
    participants
        Index of each set's judge, shape (n,), -1 for somebody new, as are all if None; see
        :meth:`~twoalike.embedding.Posterior.choice_probabilities`.
    interval
        Share of the draws inside the central interval of each probability.

    Returns
    -------
    Shape (n, A), rows sum to one; with ``interval`` also the low and the high end, (n, A) each.
    """
    items = np.asarray(items)
    if interval is None:
        return (posterior.answers(items, question, lapse=lapse, participants=participants),)
    width, n_draws = len(question.answers), len(posterior.embedding)
    parts = []
    # Half of the numbers, since the sorted copy of the draws is as large again.
    block = max(VALUES // (2 * width * n_draws), 1)
    for start in range(0, max(len(items), 1), block):
        rows = slice(start, start + block)
        judges = None if participants is None else participants[rows]
        each = posterior.answer_draws(items[rows], question, lapse, judges)
        parts.append([each.mean(axis=0, dtype=np.float64), *central_interval(each, interval)])
    mean, *ends = (np.concatenate(of) for of in zip(*parts, strict=True))
    return (mean / mean.sum(axis=1, keepdims=True), *ends)


def has_no_intervals(posterior: Posterior) -> bool:
    """Whether it was fitted to RDMs computed from arrangements.

    What did not fit into a plane is lost in them, and nothing in them shows it
    (benchmarks/results/dissimilarities.md).
    """
    return bool(posterior.attrs.get("links", {}).get("arranged", 0))


@dataclass(frozen=True)
class SimilarityTable:
    """Similarities of m objects with their uncertainty.

    ``mean``, ``low`` and ``high`` (the ends of the central interval that holds ``level``) have
    shape (m, m), float32, symmetric, in the order of ``ids``; ``scale`` is that of
    :func:`similarity_table`.
    """

    ids: tuple[str, ...]
    mean: Floats
    low: Floats
    high: Floats
    level: float
    scale: Scale

    def to_frame(self) -> "pd.DataFrame":
        """One row a pair of objects: ``item_1``, ``item_2``, ``similarity``, ``low``, ``high``."""
        import pandas as pd

        upper = np.triu_indices(len(self.ids), 1)
        names = np.array(self.ids, dtype=object)
        columns = {"item_1": names[upper[0]], "item_2": names[upper[1]]}
        ends = {"similarity": self.mean, "low": self.low, "high": self.high}
        return pd.DataFrame(columns | {name: matrix[upper] for name, matrix in ends.items()})

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(max_rows=10, float_format="{:.3g}".format, border=0))


def select_objects(ids: Sequence[str], wanted: Sequence[str]) -> Integers:
    """Rows of the wanted objects, in their order; refuse unknown ones and repetitions."""
    place = {name: row for row, name in enumerate(ids)}
    unknown = [name for name in wanted if name not in place]
    if unknown:
        raise TwoalikeError(
            f"object {unknown[0]!r} is not one of the {len(ids)} objects of the posterior."
        )
    rows = np.array([place[name] for name in wanted], dtype=np.int64)
    if len(np.unique(rows)) < len(rows):
        raise TwoalikeError("expected every object once, found one named twice.")
    return rows


def similarity_table(
    posterior: PosteriorSource,
    level: float = 0.9,
    *,
    scale: Scale = "centred",
    objects: Sequence[str] | None = None,
) -> SimilarityTable:
    """Posterior mean and interval of the similarity of every two objects.

    Parameters
    ----------
    posterior
        S draws of an embedding.
    level
        Share of the posterior inside the interval.
    scale
        ``raw``: the posterior's own similarity, a dot product unless it says otherwise; its
        unit is that of log-odds of a choice at temperature 1, and the diagonal is what the
        formula gives. Choices do not change when all similarities grow by the same amount, so
        that amount is the prior's, and raw intervals hold it. ``centred``: raw, less its mean
        over all pairs of the table under the same draw: 0 is as alike as two objects are on
        average. ``chance``: the chance that the two are kept together in a triplet whose
        third object is drawn from the other objects of the table, by an observer at temperature
        1 who never guesses; 1 on the diagonal. This is how the similarity of SPoSE and VICE is
        defined (doi:10.1038/s41562-020-00951-3); it depends on which objects are in the table.
    objects
        Ids of the objects to compare, in the order wanted; None: all.

    Returns
    -------
    The table; ``low`` and ``high`` are NaN where the posterior was fitted to RDMs that were
    computed from arrangements. Memory: three matrices and :data:`VALUES` numbers.
    """
    posterior = as_posterior(posterior)
    ids = posterior.ids if objects is None else tuple(objects)
    rows = select_objects(posterior.ids, ids)
    m, n_draws = len(ids), len(posterior.embedding)
    if scale == "chance" and m < 3:
        raise TwoalikeError(where="`scale=chance`", expected="at least 3 objects", found=str(m))
    mean, low, high = (np.empty((m, m), dtype=np.float32) for _ in range(3))
    height = max(VALUES // (n_draws * m), 1)
    origin = np.zeros(n_draws, dtype=np.float32)
    if scale == "centred":
        origin[:] = [_pair_mean(posterior, x[rows]) for x in posterior.embedding]
    with progress() as bar:
        starts = range(0, m, height)
        task = bar.add_task("similarities", total=len(starts) * n_draws, status="")
        for start in starts:
            band = slice(start, min(start + height, m))
            # Pairs only from the diagonal on: the rest is their mirror image.
            values = np.empty((band.stop - start, m - start, n_draws), dtype=np.float32)
            for draw, x in enumerate(posterior.embedding):
                values[..., draw] = _band(posterior, x[rows], band, scale) - origin[draw]
                bar.update(task, advance=1)
            ends = central_interval(values, level, axis=-1, overwrite=True)
            for whole, part in zip((mean, low, high), (values.mean(axis=-1), *ends), strict=True):
                whole[band, start:] = part
                whole[start:, band] = whole[band, start:].T
    if has_no_intervals(posterior):
        low[:], high[:] = np.nan, np.nan
    return SimilarityTable(ids, mean, low, high, level, scale)


def _pair_mean(posterior: Posterior, x: Floats) -> float:
    """Mean similarity of all pairs of different objects under one draw."""
    matrix = posterior.pair_similarity(x, x).astype(np.float64)
    return float((matrix.sum() - np.trace(matrix)) / (len(x) * (len(x) - 1)))


def _band(posterior: Posterior, x: Floats, band: slice, scale: Scale) -> Floats:
    """Similarities of the band's objects with those from its start on, under one draw."""
    if scale != "chance":
        return posterior.pair_similarity(x[band], x[band.start :])
    return kept_together(pair_odds(posterior.pair_similarity(x, x)), band)
