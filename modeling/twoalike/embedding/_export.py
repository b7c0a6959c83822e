"""Tables of a posterior for people and other programs: text, numpy and MATLAB files."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from twoalike.choice import (
    OPTIONS,
    ChoiceKind,
    Question,
    SetKind,
    log_choice,
    random_triplets,
)
from twoalike.embedding._careless import careless_table
from twoalike.embedding._intervals import Scale, SimilarityTable, central_interval, similarity_table
from twoalike.embedding._judged import given_tables
from twoalike.embedding._posterior import (
    QUESTIONS,
    Posterior,
    PosteriorSource,
    as_posterior,
)
from twoalike.judgments import JudgmentTable, read_judgments
from twoalike.study import (
    Floats,
    TwoalikeError,
    atomic_path,
    inert_cell,
    mat_bytes,
    provenance,
    read_ids,
)

SEPARATORS = {".csv": ",", ".tsv": "\t"}


def check_ending(path: Path, endings: Sequence[str], what: str) -> None:
    """Check the ending of a file to write, before anything is computed."""
    if path.suffix not in endings:
        raise TwoalikeError(
            f"{path}: {what} is written as {' or '.join(endings)}; choose such an ending."
        )
    if path.is_dir():
        raise TwoalikeError(f"{path}: expected a file to write, found a folder. Name a file.")


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
    names = ("low", "high", "level", "scale")
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
        high; .npz and .mat have square matrices: ids, similarity, low, high, and level, scale and
        meta (JSON).
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


BOUND = 0.5
"""Lapse rate above which a participant counts as guessing: most answers carry no information."""
TRIPLETS = 300  # random ones on which agreement is averaged


def covariate_table(posterior: PosteriorSource, level: float = 0.9) -> pd.DataFrame:
    """How people's temperature, lapse rate and weights depend on their covariates.

    Returns
    -------
    One row for each covariate and quantity: ``covariate``; ``of``: ``temperature`` (its logarithm),
    ``lapse`` (its log-odds), or, where people weigh the dimensions, ``dimension 1`` and on (log
    weights); ``slope``, the posterior mean of the change for one standard deviation ``sd`` of the
    covariate; ``low`` and ``high``, the central interval that holds ``level``; ``positive``, the
    posterior probability that the slope is.
    """
    posterior = as_posterior(posterior)
    group, known = posterior.tree["posterior"].to_dataset(), posterior.attrs.get("covariates")
    if known is None or "temperature_slope" not in group:
        raise TwoalikeError(
            where=posterior.path or "the posterior",
            expected="slopes of covariates",
            found="none",
            remedy="Fit it with `covariates=...`.",
        )
    draws = group.stack(sample=("chain", "draw"))
    rows = []
    for name in known:
        own = draws.sel(covariate=name)
        slopes = {of: own[f"{of}_slope"].values for of in ("temperature", "lapse")}
        if "weight_slope" in own:
            by_dimension = own["weight_slope"].transpose("dimension", "sample").values
            slopes |= {f"dimension {k + 1}": values for k, values in enumerate(by_dimension)}
        for of, values in slopes.items():
            low, high = central_interval(values, level)
            found = {
                "slope": values.mean(),
                "low": low,
                "high": high,
                "positive": (values > 0).mean(),
            }
            rows.append({"covariate": name, "of": of, "sd": known[name]["sd"], **found})
    return pd.DataFrame(rows)


def participants_table(
    posterior: PosteriorSource,
    interval: float = 0.9,
    *,
    bound: float = BOUND,
    seed: int = 0,
    choices: JudgmentTable | None = None,
    arrangements: JudgmentTable | None = None,
    ratings: JudgmentTable | None = None,
    sortings: JudgmentTable | None = None,
) -> pd.DataFrame:
    """Temperature and lapse of every participant, most doubtful first.

    Temperatures are relative: their geometric mean over participants is 1. With any judgments,
    each participant's probability of careless answers is computed; with choices or ratings
    attention checks are counted.

    Parameters
    ----------
    posterior
        File written by twoalike fit, or a posterior.
    interval
        Share of the posterior between low and high.
    bound
        Lapse rate above which a participant counts as guessing.
    seed
        Seed of the triplets on which agreement is averaged.
    choices, arrangements, ratings, sortings
        The fitted tables (.parquet), with response times and attention checks where known.

    Returns
    -------
    One row a participant: ``participant``; ``judgments`` (missing where the file does not say);
    ``temperature``, ``lapse`` and ``agreement`` (see :func:`agreement`), posterior medians, with
    ``_low`` and ``_high`` ends of the central interval that holds ``interval``; ``guessed``, the
    posterior probability that the lapse rate is above ``bound``. In the order of that, then least
    agreement. ``agreement`` is about choices of the kind that the posterior was fitted to; if it
    was fitted to both kinds, about odd-one-out choices, and ``agreement_anchored`` about the
    others. With ``choices`` or ``ratings`` also ``checks``, how many attention checks with a known
    right answer each participant answered, and ``passed``, how many rightly; with any judgments the
    columns of :func:`careless_table`, in the order of whose ``p_careless`` the rows then are.
    People who only arranged, rated or sorted and are no participants of the posterior have no other
    columns.
    """
    if not 0 < bound < 1:
        raise TwoalikeError(
            where="`bound=...`", expected="a share between 0 and 1", found=f"{bound:g}"
        )
    posterior = as_posterior(posterior)
    first, *others = fitted_kinds(posterior)
    draws = {
        "temperature": posterior.temperature,
        "lapse": posterior.lapse,
        "agreement": agreement(posterior, seed=seed, kind=first),
        **{f"agreement_{kind}": agreement(posterior, seed=seed, kind=kind) for kind in others},
    }
    columns: dict[str, Floats] = {}
    for name, values in draws.items():
        low, high = central_interval(values, interval)
        median = np.median(values, axis=0)
        columns |= {name: median, f"{name}_low": low, f"{name}_high": high}
    table = pd.DataFrame(
        {
            "participant": list(posterior.participants),
            "judgments": _judgments(posterior),
            **columns,
            "guessed": (draws["lapse"] > bound).mean(axis=0),
        }
    )
    by, ascending = ["guessed", "agreement"], [False, True]
    given = given_tables(
        choices=choices, arrangements=arrangements, ratings=ratings, sortings=sortings
    )
    tables = {kind: read_judgments(one, kind) for kind, one in given.items()}
    if tables:
        careless = careless_table(posterior, **cast("dict[str, Any]", tables))
        table = table.merge(careless, on="participant", how="right")
        table.attrs = careless.attrs
        by, ascending = ["p_careless", *by], [False, *ascending]
    if checked := [tables[kind] for kind in ("choices", "ratings") if kind in tables]:
        _count_checks(table, checked)
    return table.sort_values(by, ascending=ascending, kind="stable", ignore_index=True)


def _count_checks(table: pd.DataFrame, judged: Sequence[pd.DataFrame]) -> None:
    """Add how many attention checks each participant answered, and how many rightly."""
    scored = pd.concat(
        [
            pd.DataFrame(
                {
                    "participant": one["participant"].astype(str),
                    "right": one["correct"] == "true",
                }
            )[(one["trial_type"] == "catch") & one["correct"].notna()]
            for one in judged
        ]
    )
    right = scored.groupby("participant")["right"]
    for column, count in (("checks", right.size()), ("passed", right.sum())):
        table[column] = count.reindex(table["participant"], fill_value=0).to_numpy(np.int64)


def fitted_kinds(posterior: Posterior) -> list[ChoiceKind]:
    """Kinds of the triplets that a posterior was fitted to, odd-one-out ones where not recorded."""
    asked = _asked(posterior)
    kinds: list[ChoiceKind] = [kind for kind in OPTIONS if f"{kind}_3" in asked]
    return kinds or ["odd_one_out"]


def _asked(posterior: Posterior) -> dict[str, int]:
    """How many choices of the fit answer each question, such as ``anchored_3``."""
    return dict(posterior.attrs.get("questions", {}).get("choices", {}))


def usual_question(
    posterior: Posterior, kind: SetKind | None = None, items: int | None = None
) -> Question:
    """Question that most choices of the fit answer, of this kind and number of items where named.

    Without such choices, or a record of them, the odd one of three items.
    """
    of = [(n, name[:-2], int(name[-1])) for name, n in _asked(posterior).items()]
    of = [one for one in of if one[1] == (kind or one[1]) and one[2] == (items or one[2])]
    _, what, k = max(of, default=(0, kind or fitted_kinds(posterior)[0], items or 3))
    return Question(cast("SetKind", what), k)


def agreement(posterior: Posterior, *, seed: int = 0, kind: ChoiceKind = "odd_one_out") -> Floats:
    """How often each participant gives the answer that the embedding makes most probable, (S, P).

    The embedding is their own, where people weigh the dimensions.
    It is 1/3 for a participant who only guesses (1/2 in anchored choices), whether by lapses or at
    a high temperature, and averaged over random triplets of the posterior's objects.
    """
    triplets = random_triplets(len(posterior.ids), TRIPLETS, np.random.default_rng(seed))
    kernel, question, weights = posterior.kernel, QUESTIONS[kind], posterior.weights
    temperature, lapse = posterior.temperature, posterior.lapse
    result = np.empty_like(lapse)
    for draw, x in enumerate(posterior.embedding):
        roots = np.ones((1, x.shape[1])) if weights is None else weights.roots(draw)
        sides = [kernel.pairs(x, triplets, question.pairs, roots=root) for root in roots]
        pairs = [np.stack(side, axis=1) for side in zip(*sides, strict=True)]  # (n, people or 1)
        best = np.exp(np.max(log_choice(pairs, temperature[draw], question=question), axis=0))
        result[draw] = (1 - lapse[draw]) * best.mean(axis=0) + lapse[draw] * question.chance
    return result


def _judgments(posterior: Posterior) -> "pd.Series[int]":
    """Count the judgments of each participant, missing where the file does not say."""
    tree = posterior.tree
    if "constant_data" not in tree.children or "judgments" not in tree["constant_data"].dataset:
        return pd.Series([pd.NA] * len(posterior.participants), dtype="Int64")
    return pd.Series(tree["constant_data"].dataset["judgments"].values, dtype="Int64")
