"""Choice probabilities, similarities and coordinates with intervals, and their files.

An interval is central: as much of the posterior lies below it as above. It measures how sure the
posterior is of a probability or a similarity, not the spread of answers to come.

The scale ``chance`` is the probability-like similarity of SPoSE and VICE
(doi:10.1038/s41562-020-00951-3):

    R_ij = mean over k of exp(s_ij) / (exp(s_ij) + exp(s_ik) + exp(s_jk)),

over all objects k but i and j. All m(m - 1)(m - 2) / 2 triplets are summed, none is sampled.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from twoalike.choice import ChoiceKind, Question
from twoalike.embedding._posterior import (
    QUESTIONS,
    Posterior,
    PosteriorSource,
    as_posterior,
    by_item,
)
from twoalike.study import (
    Floats,
    Integers,
    TwoalikeError,
    atomic_path,
    check_ending,
    inert_cell,
    mat_bytes,
    progress,
    provenance,
    read_ids,
)

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
    below = np.tril_indices(len(result), -1)
    result[below] = result.T[below]
    return result


type Scale = Literal["centred", "raw", "chance"]
VALUES = 2**26
"""Draws held at once, in numbers: 256 MiB of single precision."""


def central_interval(
    draws: Floats, level: float, axis: int = 0, *, overwrite: bool = False
) -> tuple[Floats, Floats]:
    """Find the central interval that holds the share ``level`` of the draws along ``axis``.

    With ``overwrite`` the draws are sorted in place, which saves their copy.
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
    interval: float = 0.9,
    *,
    lapse: bool = True,
    participants: Integers | None = None,
    kind: ChoiceKind = "odd_one_out",
) -> tuple[Floats, Floats]:
    """Central posterior interval of each choice probability: low and high ends, (n, 3) each.

    Arguments are those of :meth:`twoalike.embedding.Posterior.choice_probabilities`; ``interval``
    is the share of the posterior inside.
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
    asked = posterior, triplets, QUESTIONS[kind]
    _, low, high = set_probabilities(
        *asked, lapse=lapse, participants=participants, interval=interval
    )
    return by_item(low), by_item(high)


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

    ``items`` (n, k) are object indices, item 1 the reference of anchored questions; ``lapse`` and
    ``participants`` are those of :meth:`~twoalike.embedding.Posterior.choice_probabilities`, and
    ``interval`` is the share of the draws inside the central interval of each probability.

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

    ``mean``, ``low`` and ``high`` (the ends of the central interval that holds the share
    ``interval``) have shape (m, m), float32, symmetric, in the order of ``ids``; ``scale`` is that
    of :func:`similarity_table`.
    """

    ids: tuple[str, ...]
    mean: Floats
    low: Floats
    high: Floats
    interval: float
    scale: Scale

    def to_frame(self) -> pd.DataFrame:
        """One row a pair of objects: ``item_1``, ``item_2``, ``similarity``, ``low``, ``high``."""
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
    interval: float = 0.9,
    *,
    scale: Scale = "centred",
    objects: Sequence[str] | None = None,
) -> SimilarityTable:
    """Posterior mean and interval of the similarity of every two objects.

    Parameters
    ----------
    posterior
        S draws of an embedding.
    interval
        Share of the posterior inside the interval.
    scale
        As in :func:`save_similarity`. Choices do not change when all similarities grow by the same
        amount, so that amount is the prior's, and raw intervals hold it; ``centred`` is raw less
        its mean over all pairs of the table under the same draw.
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
        for draw, x in enumerate(posterior.embedding):
            matrix = posterior.pair_similarity(x[rows], x[rows]).astype(np.float64)
            origin[draw] = (matrix.sum() - np.trace(matrix)) / (m * (m - 1))
    with progress() as bar:
        starts = range(0, m, height)
        task = bar.add_task("similarities", total=len(starts) * n_draws, status="")
        for start in starts:
            band = slice(start, min(start + height, m))
            # Pairs only from the diagonal on: the rest is their mirror image.
            values = np.empty((band.stop - start, m - start, n_draws), dtype=np.float32)
            for draw, x in enumerate(posterior.embedding):
                if scale == "chance":
                    odds = pair_odds(posterior.pair_similarity(x[rows], x[rows]))
                    seen = kept_together(odds, band)
                else:
                    seen = posterior.pair_similarity(x[rows[band]], x[rows[start:]])
                values[..., draw] = seen - origin[draw]
                bar.update(task, advance=1)
            ends = central_interval(values, interval, axis=-1, overwrite=True)
            for whole, part in zip((mean, low, high), (values.mean(axis=-1), *ends), strict=True):
                whole[band, start:] = part
                whole[start:, band] = whole[band, start:].T
    if has_no_intervals(posterior):
        low[:], high[:] = np.nan, np.nan
    return SimilarityTable(ids, mean, low, high, interval, scale)


def pair_draws(posterior: Posterior, x: Floats, most: int = 20_000) -> Floats:
    """Similarities of pairs less their mean, (S, pairs), by draws of coordinates, (S, m, D).

    Of more pairs so many are drawn, the same for the same number of objects.
    """
    one, two = np.triu_indices(x.shape[1], 1)
    if len(one) > most:
        some = np.random.default_rng(0).choice(len(one), most, replace=False)
        one, two = one[some], two[some]
    found = np.stack([posterior.kernel.rows(draw[one], draw[two]) for draw in x])
    return np.asarray(found - found.mean(axis=1, keepdims=True))


SEPARATORS = {".csv": ",", ".tsv": "\t"}


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as .csv or .tsv, numbers with six digits, text that no spreadsheet runs."""
    separator = SEPARATORS[path.suffix]
    texts = table.select_dtypes(exclude="number").columns
    inert = table.assign(**{name: table[name].map(inert_cell) for name in texts})
    inert.columns = pd.Index(list(map(inert_cell, table.columns)))
    inert.to_csv(path, sep=separator, index=False, float_format="%.6g", lineterminator="\n")


def _write_similarity(
    path: Path, table: SimilarityTable, meta: Mapping[str, Any], *, square: bool
) -> None:
    if path.suffix in SEPARATORS:
        frame = table.to_frame()
        if square:
            frame = pd.DataFrame(table.mean, columns=list(table.ids))
            frame.insert(0, "object", list(table.ids), allow_duplicates=True)
        write_table(path, frame)
        return
    names = ("low", "high", "interval", "scale")
    content = {"similarity": table.mean} | {name: getattr(table, name) for name in names}
    if path.suffix == ".npz":
        ids = np.array(table.ids, dtype=np.str_)
        np.savez_compressed(path, ids=ids, meta=json.dumps(dict(meta)), **content)
        return
    cells = np.array(table.ids, dtype=object)[:, None]
    content = {"ids": cells, "meta": json.dumps(dict(meta))} | content
    path.write_bytes(mat_bytes(content, compressed=True))


def save_similarity(
    posterior: PosteriorSource,
    out: str | Path,
    *,
    scale: Scale = "centred",
    interval: float = 0.9,
    objects: str | Path | Sequence[str] | None = None,
    square: bool = False,
    group: str | None = None,
    participant: str | None = None,
) -> SimilarityTable:
    """Write how similar every two objects are, and return the same.

    Parameters
    ----------
    posterior
        File written by twoalike fit, or a posterior.
    out
        File to write. Text (.csv, .tsv) has a row for each pair: item_1, item_2, similarity, low,
        high; .npz and .mat have square matrices: ids, similarity, low, high, and interval, scale
        and meta (JSON).
    scale
        ``centred``: in units of log-odds of a choice; 0 is the mean similarity of two of these
        objects. ``raw``: not centred; dot products, unless the posterior has distances. Choices
        determine only how pairs differ, not their common level. ``chance``: from 0 to 1, the
        probability that the two are kept together when a third object is shown with them, as
        defined by SPoSE and VICE. For 1,854 objects and 100 draws this takes about eight minutes.
    interval
        Share of the posterior between low and high.
    objects
        Ids of the objects to write, one per line, in the desired order; all if left out. ``chance``
        draws the third object from these.
    square
        For text: only the means, as a square table with names.
    group
        Similarities of the average person of this group; the posterior needs weights by person
        (twoalike fit with people weights, and groups).
    participant
        Similarities of this participant; the posterior needs weights by person as well.
    """
    out = Path(out)
    check_ending(out, [".csv", ".tsv", ".npz", ".mat"], "similarity")
    if square and out.suffix not in SEPARATORS:
        raise TwoalikeError(
            "`square=True` is for .csv and .tsv, the matrices are square here", where=out
        )
    fit = as_posterior(posterior)
    inputs = {} if fit.path is None else {"posterior": fit.path}
    if isinstance(objects, str | Path):
        inputs["objects"], objects = Path(objects), read_ids(Path(objects))
    fit = as_posterior(fit, group, participant)
    settings = {"scale": scale, "interval": interval, **fit.likeness}
    origin = provenance("similarity", inputs=inputs, config=settings)
    with atomic_path(out) as temporary:
        temporary.touch()  # a place that cannot be written to is refused before the work
        table = similarity_table(fit, interval, scale=scale, objects=objects)
        _write_similarity(temporary, table, origin, square=square)
    return table


def save_embedding(posterior: PosteriorSource, out: str | Path, *, draws: bool = False) -> None:
    """Write the objects' coordinates: posterior means, or every draw.

    Dimensions are in order of importance, the same in all draws. Coordinates are for inspection;
    for predictions and similarities, twoalike predict and twoalike similarity average over draws.

    Parameters
    ----------
    posterior
        File written by twoalike fit, or a posterior.
    out
        File to write: .csv or .tsv with columns object, dimension_1, ... (with ``draws`` also
        draw); .npz with ids, features (the means, m x D, so that every reader of features reads
        it), sd, meta (JSON) and, with ``draws``, draws (draw x object x dimension).
    draws
        Write every draw.
    """
    out = Path(out)
    check_ending(out, [".csv", ".tsv", ".npz"], "an embedding")
    fit = as_posterior(posterior)
    origin = provenance("embedding", inputs={} if fit.path is None else {"posterior": fit.path})
    with atomic_path(out) as temporary:
        if out.suffix in SEPARATORS:
            write_table(temporary, embedding_table(fit, draws=draws))
            return
        x = fit.embedding
        arrays: dict[str, Any] = {"features": x.mean(axis=0), "sd": x.std(axis=0)}
        arrays |= {"draws": x} if draws else {}
        ids = np.array(fit.ids, dtype=np.str_)
        np.savez_compressed(temporary, ids=ids, meta=json.dumps(origin), **arrays)


def save_table(out: str | Path, table: pd.DataFrame) -> None:
    """Write a table as :func:`write_table` does, all or nothing."""
    with atomic_path(Path(out)) as temporary:
        write_table(temporary, table)


def embedding_table(posterior: PosteriorSource, *, draws: bool = False) -> pd.DataFrame:
    """Coordinates as a table: ``object``, ``dimension_1``, ...; posterior means, one row an object.

    With ``draws`` every draw, S x m rows, and ``draw`` from 1.
    """
    posterior = as_posterior(posterior)
    x = posterior.embedding if draws else posterior.embedding.mean(axis=0)[None]
    n_draws, m, d = x.shape
    names = [f"dimension_{k + 1}" for k in range(d)]
    table = pd.DataFrame(x.reshape(-1, d), columns=names)
    table.insert(0, "object", list(posterior.ids) * n_draws)
    if draws:
        table.insert(0, "draw", np.repeat(np.arange(1, n_draws + 1), m))
    return table
