"""What a posterior says of its participants: their noise, who answered carelessly, covariates.

A participant is careless with prior probability ``share``. The judgments of the careless follow
nothing: choices are guesses. Those of the careful follow the embedding, more or less closely: how
closely is unknown, and integrated over the priors below, so that a careful person may be noisy.
Choices follow it with a temperature and a lapse rate of the person's own. Of all other judgments
only their order tells, since people use scales and space differently: judgments of pairs and
similarities are replaced by the normal scores of their ranks, a and b, and follow each other by a
normal copula of correlation r (Sklar 1959; Klaassen & Wellner 1997, doi:10.2307/3318652):

    log density = -log(1 - r^2) / 2 - (r^2 (a^2 + b^2) - 2 r a b) / (2 (1 - r^2)),

zero for judgments that follow nothing. The pairs of a layout or of a sorting depend on each other:
their density counts for as many pairs as the trial tells independent numbers. Evidence is the log
Bayes factor of careless against careful, in nats; that of all kinds, and of attention checks, adds
up.

This finds the people whom the authors of a study of 252 rocks left out as well as a mixture did
that also modelled response times, habits of positions and the consistency of repeats (area .987
against .985). How long a person took, and whether they kept to one side, are listed beside it.

The posterior was fitted to the same judgments, which favours the careful by little: an embedding
has few parameters a person.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import ChoiceKind, log_choice, random_triplets
from twoalike.embedding._choices import Choices
from twoalike.embedding._judged import as_table
from twoalike.embedding._model import KINDS
from twoalike.embedding._posterior import (
    QUESTIONS,
    Posterior,
    PosteriorSource,
    as_posterior,
    fitted_kinds,
)
from twoalike.embedding._posterior_file import flat_attrs
from twoalike.embedding._similarity import central_interval
from twoalike.judgments import (
    JudgmentKind,
    JudgmentTable,
    given_tables,
    is_scored,
    person_of,
    read_judgments,
    set_choices,
)
from twoalike.study import Floats, Integers, TwoalikeError

SHARE = 0.05
"""Prior share of careless participants: a convention; paid samples online may hold more."""
TEMPERATURES = np.geomspace(0.15, 10.0, 18)
LOG_TEMPERATURE_SD = 0.6
"""Careful people: two thirds are within a factor of 1.8 of the typical temperature."""
LAPSES = np.linspace(0.01, 0.6, 20)
LAPSE_PRIOR = (1.0, 9.0)
"""Beta: a careful person guesses in 10 % of the trials, above 28 % with probability .05."""
CORRELATIONS = np.linspace(0.025, 0.975, 39)
FOLLOWING = (3.0, 2.0)
"""Beta: how closely careful people follow the embedding."""
CHECKS = (9.0, 1.0)
"""Beta: how often careful people answer an attention check rightly."""
DRAWS = 200  # of the posterior, for choice probabilities and similarities
BLOCK = 20_000  # choices at once: bounds memory


def careless_table(
    posterior: PosteriorSource,
    choices: JudgmentTable | None = None,
    *,
    arrangements: JudgmentTable | None = None,
    ratings: JudgmentTable | None = None,
    sortings: JudgmentTable | None = None,
    share: float = SHARE,
) -> pd.DataFrame:
    """Probability that each participant answered carelessly, and why.

    Parameters
    ----------
    posterior
        Fit of the judgments.
    choices, arrangements, ratings, sortings
        The judgments, with attention checks and response times where known. Practice is left out,
        as are judgments of objects that the posterior does not know.
    share
        Prior share of careless participants.

    Returns
    -------
    One row a participant of the posterior, in its order, and whoever else arranged, rated or
    sorted, with such tables: ``participant``; ``p_careless``, the posterior probability; and log
    Bayes factors in nats, positive for careless, missing where there is no evidence:
    ``evidence_choices``, ``_arrangements``, ``_ratings``, ``_sortings`` (whether they follow the
    embedding) and ``evidence_checks``; ``seconds``, the median response time, and of choices
    ``same_place``, the share of the most frequent place of the chosen item. ``attrs["not_used"]``
    names kinds that would have accused most participants: that is a property of the table, and was
    not used. ``attrs["left_out"]`` has participant, session and reason of the sessions that the
    study's rule keeps out of the tables.
    """
    if not 0 < share < 1:
        raise TwoalikeError(
            where="`share=...`", expected="a share between 0 and 1", found=f"{share:g}"
        )
    given = given_tables(
        choices=choices, arrangements=arrangements, ratings=ratings, sortings=sortings
    )
    if not given:
        raise TwoalikeError(
            expected="choices, arrangements, ratings or sortings to look at", found="none of them"
        )
    tables = {
        kind: as_table(one) if kind == "choices" else read_judgments(one, kind)
        for kind, one in given.items()
    }
    posterior = as_posterior(posterior).thinned(DRAWS)
    labels = [
        person_of(name)
        for kind in tables
        if kind != "choices"
        for name in posterior.labels(KINDS[kind].axis)
    ]
    people = pd.Index(list(dict.fromkeys([*posterior.participants, *labels])))
    found = pd.DataFrame({"participant": people, "p_careless": np.nan})
    evidence, not_used = np.zeros(len(people)), []
    for kind, table in tables.items():
        if kind == "choices":
            own = guesses(posterior, Choices.known_to(posterior, table))
        else:
            own = not_following(posterior, KINDS[kind].compared(table, posterior.ids))
        known = pd.Series(own, dtype=float).reindex(people)
        if (known.dropna() > 0).mean() > 0.5:
            not_used.append(f"{kind}, which do not follow the embedding for most participants")
            known[:] = np.nan
        found[f"evidence_{kind}"] = known.to_numpy()
        evidence += known.fillna(0.0).to_numpy()
    checks = pd.Series(_of_checks(tables), dtype=float).reindex(people)
    found["evidence_checks"] = checks.to_numpy()
    evidence += checks.fillna(0.0).to_numpy()
    found["p_careless"] = 1 / (1 + (1 - share) / share * np.exp(-evidence))
    for name, values in _described(tables).items():
        found[name] = values.reindex(people).to_numpy()
    made = [(table.attrs.get("provenance") or {}).get("config") for table in tables.values()]
    out = [tuple(one) for config in made for one in (config or {}).get("excluded", ())]
    found.attrs |= {"not_used": not_used, "left_out": list(dict.fromkeys(out))}
    return found


def guesses(posterior: Posterior, choices: Choices) -> dict[str, float]:
    """Evidence that each participant guesses, and does not choose by the embedding."""
    from scipy.special import logsumexp
    from scipy.stats import beta, norm

    log_prior = norm.logpdf(np.log(TEMPERATURES), 0, LOG_TEMPERATURE_SD)[:, None]
    log_prior = log_prior + beta.logpdf(LAPSES, *LAPSE_PRIOR)
    log_prior -= logsumexp(log_prior)
    people = len(posterior.participants)
    careful, careless = np.zeros((people, *log_prior.shape)), np.zeros(people)
    for group in choices.groups:
        chance = group.question.chance
        careless += np.bincount(group.judge, minlength=people) * np.log(chance)
        for start in range(0, group.size, BLOCK):
            some = group.take(slice(start, start + BLOCK))
            p = posterior.answers(some.shown, group.question)
            p = p[:, :, None] ** (1 / TEMPERATURES)  # of a softmax, at another temperature
            chosen = p[np.arange(some.size), some.answer] / p.sum(axis=1)
            log_p = np.log((1 - LAPSES) * chosen[:, :, None] + LAPSES * chance)
            np.add.at(careful, some.judge, log_p)
    factor = careless - logsumexp(careful + log_prior, axis=(1, 2))
    chose = np.unique(choices.judge)
    return {posterior.participants[who]: float(factor[who]) for who in chose}


def not_following(
    posterior: Posterior, judged: Iterable[tuple[str, Floats, Integers, float]]
) -> dict[str, float]:
    """Evidence that judgments of pairs follow nothing; see :meth:`Kind.compared`."""
    from scipy.special import logsumexp
    from scipy.stats import beta

    x, logs = posterior.embedding.astype(np.float64), dict[str, Floats]()
    if posterior.weights is not None:
        logs = dict(zip(posterior.participants, posterior.weights.log.swapaxes(0, 1), strict=True))
    seen: dict[str | None, Floats] = {}  # all similarities, to each who weighs; None: to others
    sums: dict[str, npt.NDArray[Any]] = {}
    for person, alike, pairs, telling in judged:
        who = person if person in logs else None
        if who not in seen:
            own = x if who is None else x * np.exp(logs[who][:, None] / 2)
            seen[who] = np.asarray(sum(posterior.kernel.matrix(one, one) for one in own)) / len(own)
        a, b = normal_scores(alike), normal_scores(seen[who][pairs[:, 0], pairs[:, 1]])
        parts = np.array([len(a), a @ b])  # zero if all are equal: that follows nothing, either
        sums[person] = sums.get(person, np.zeros(2)) + parts * telling / len(a)
    r, prior = CORRELATIONS, beta.logpdf(CORRELATIONS, *FOLLOWING)
    found = {}
    for person, (n, product) in sums.items():  # the squares of a, and of b, add up to n
        log_c = -n * np.log1p(-(r**2)) / 2 - (r**2 * n - r * product) / (1 - r**2)
        found[person] = float(logsumexp(prior) - logsumexp(log_c + prior))
    return found


def normal_scores(values: Floats) -> Floats:
    """Give normal quantiles of mid-ranks, (n,), standardised; zero where all are equal."""
    from scipy.stats import norm, rankdata

    if not len(values) or np.ptp(values) == 0:
        return np.zeros(len(values))
    scores = norm.ppf((rankdata(values) - 0.5) / len(values))
    return np.asarray((scores - scores.mean()) / scores.std())


def _attention_checks(tables: Mapping[JudgmentKind, pd.DataFrame]) -> pd.DataFrame:
    """Attention checks whose right answer is known: who, whether right, accuracy of guesses."""
    parts = []
    for kind in ("choices", "ratings"):
        if kind not in tables:
            continue
        table = tables[kind]
        scored = table[(table["trial_type"] == "catch") & table["correct"].notna()]
        chance = np.full(len(scored), 0.5)  # the upper or the lower half of the scale
        if kind == "choices":
            for of in set_choices(scored)[0] if len(scored) else ():
                chance[of.rows] = of.question.chance
        who, right = scored["participant"].astype(str), scored["correct"] == "true"
        parts.append(pd.DataFrame({"participant": who, "right": right, "chance": chance}))
    none = pd.DataFrame({"participant": [], "right": [], "chance": []})
    return pd.concat(parts) if parts else none


def _of_checks(tables: Mapping[JudgmentKind, pd.DataFrame]) -> dict[str, float]:
    from scipy.special import betaln

    a, b = CHECKS
    found = {}
    for person, own in _attention_checks(tables).groupby("participant"):
        right = own["right"].to_numpy(bool)
        guessed = np.log(np.where(right, own["chance"], 1 - own["chance"])).sum()
        careful = betaln(a + right.sum(), b + (~right).sum()) - betaln(a, b)
        found[str(person)] = float(guessed - careful)
    return found


def _described(tables: Mapping[JudgmentKind, pd.DataFrame]) -> "dict[str, pd.Series[float]]":
    """Median response time of each participant, and how often they chose the same place."""
    used = {kind: table[is_scored(table)] for kind, table in tables.items()}
    times = pd.concat([one[["participant", "response_time"]] for one in used.values()])
    people = times["participant"].astype(str)
    found = {"seconds": times.groupby(people)["response_time"].median()}
    if "choices" in used:
        who, chosen = used["choices"]["participant"].astype(str), used["choices"]["chosen"]
        found["same_place"] = chosen.groupby(who).agg(lambda of: of.value_counts(True).iloc[0])
    return found


def without_careless(
    fitted: Callable[..., Posterior],
    tables: Mapping[Any, JudgmentTable | None],
    limit: float,
    checkpoint: Path | None,
    collect: Callable[..., object],
) -> Posterior:
    """Fit to everybody, and where the rule leaves somebody out to the rest; record whom, and why.

    With ``[exclusion] careless`` in study.toml, those whose ``p_careless`` is at least the declared
    one are left out. There is one such round: whoever looks careless beside the rest only then
    stays. ``fitted`` reads the tables and fits them, with a ``checkpoint``; ``collect`` writes the
    tables anew without the participants ``left_out``.
    """
    first = None if checkpoint is None else checkpoint.with_name(f"everybody.{checkpoint.name}")
    posterior = fitted(checkpoint=first)
    if reasons := careless_reasons(posterior, tables, limit):
        collect(left_out=reasons)
        posterior = fitted(checkpoint=checkpoint)
    if first is not None:
        first.unlink(missing_ok=True)
    posterior.tree.attrs |= flat_attrs({"excluded": {"careless": limit, "people": reasons}})
    return posterior


def careless_reasons(
    posterior: Posterior, tables: Mapping[Any, JudgmentTable | None], limit: float
) -> dict[str, str]:
    given: Any = {kind: one for kind, one in tables.items() if kind != "dissimilarities"}
    found = careless_table(posterior, **given)
    judged = found[found.filter(like="evidence_").notna().any(axis=1)]
    out = judged[judged["p_careless"] >= limit]
    if 2 * len(out) >= len(judged):
        raise TwoalikeError(
            where="study.toml: exclusion.careless",
            expected="a rule that leaves out fewer than half of the participants",
            found=f"{len(out)} of {len(judged)} with p_careless {limit:g} or more",
            remedy="Look at `twoalike participants`: the embedding is fitted to everybody.",
        )
    return {
        row["participant"]: f"p_careless {row['p_careless']:.3f}, {limit:g} leaves out"
        for row in out.to_dict("records")
    }


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
    if "choices" in tables or "ratings" in tables:
        right = _attention_checks(tables).groupby("participant")["right"]
        for column, count in (("checks", right.size()), ("passed", right.sum())):
            table[column] = count.reindex(table["participant"], fill_value=0).to_numpy(np.int64)
    return table.sort_values(by, ascending=ascending, kind="stable", ignore_index=True)


def agreement(posterior: Posterior, *, seed: int = 0, kind: ChoiceKind = "odd_one_out") -> Floats:
    """How often each participant gives the answer that the embedding makes most probable, (S, P).

    The embedding is their own, where people weigh the dimensions.
    It is 1/3 for a participant who only guesses (1/2 in anchored choices), whether by lapses or at
    a high temperature, and averaged over random triplets of the posterior's objects.
    """
    triplets = random_triplets(len(posterior.ids), TRIPLETS, np.random.default_rng(seed))
    question, lapse, best = QUESTIONS[kind], posterior.lapse, np.empty_like(posterior.lapse)
    people = np.arange(lapse.shape[1])
    for place, draw in enumerate(map(posterior.draw, range(len(lapse)))):
        pairs = draw.pairs(triplets, question)
        for some in np.array_split(people, TRIPLETS * len(people) // BLOCK + 1):
            if draw.roots is not None:
                tiled, judges = np.tile(triplets, (len(some), 1)), np.repeat(some, TRIPLETS)
                own = draw.pairs(tiled, question, judges)
                pairs = tuple(of.reshape(-1, TRIPLETS) for of in own)
            logs = log_choice(pairs, posterior.temperature[place, some, None], question=question)
            best[place, some] = np.exp(np.max(logs, axis=0)).mean(axis=1)
    return (1 - lapse) * best + lapse * question.chance


def _judgments(posterior: Posterior) -> "pd.Series[int]":
    """Count the judgments of each participant, missing where the file does not say."""
    tree = posterior.tree
    if "constant_data" not in tree.children or "judgments" not in tree["constant_data"].dataset:
        return pd.Series([pd.NA] * len(posterior.participants), dtype="Int64")
    return pd.Series(tree["constant_data"].dataset["judgments"].values, dtype="Int64")
