"""Whether a fit can be trusted: convergence, predictive checks, leave-one-out.

The file alone shows convergence. The rest needs the judgments.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from twoalike.embedding._advice import (
    APART_LIMIT,
    advise,
    has_spare,
    judged_triplets,
    link_warnings,
    predictions,
    scaled_alike,
    with_chains,
)
from twoalike.embedding._choices import Choices
from twoalike.embedding._follow import KindChecks, follow
from twoalike.embedding._judged import as_table, is_own, some_draws
from twoalike.embedding._loo import LEAST_DRAWS, LeaveOneOut
from twoalike.embedding._model import KINDS
from twoalike.embedding._posterior import (
    Posterior,
    PosteriorSource,
    Verdict,
    as_posterior,
    html_of,
    source_advice,
    term_advice,
)
from twoalike.embedding._predictive import Predictive, calibration_gap, check_choices
from twoalike.judgments import JudgmentKind, JudgmentTable, given_tables, read_judgments
from twoalike.study import (
    Floats,
    Study,
    TwoalikeError,
    check_ending,
    check_output,
    counted,
    provenance,
    write_json,
)

MOST_DRAWS, MOST_REPLICATED = 1000, 250
"""Draws by which choices, and other judgments, are checked."""
PARTS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "terms": (
        ("position", "memory", "lapse_on", "temperature_on"),
        "Collect more judgments, or leave the term out of `terms=...`.",
    ),
    "observers": (
        ("lapse", "temperature", "log_temperature"),
        "Collect more judgments of each person, or state what is known of them by `observers=...`.",
    ),
    "sources": (
        ("source_",),
        "Collect more judgments of people on what the sources answered, or leave them out.",
    ),
    "weights": (
        ("weight",),
        "Collect more judgments of each person, or fit with `people=noise`.",
    ),
    "noise": (
        ("arrangement", "object_noise", "pair_noise", "rating", "sorting"),
        "Collect more judgments other than choices from each person.",
    ),
    "coordinates": (
        ("",),
        "Collect more judgments or fit fewer `dimensions=...`, and report only what holds under "
        "another `prior=...` too.",
    ),
}
"""Parts of the model: how the names of their variables begin (the first that fits counts), and what
to do where their prior matters."""
type _Tables = Mapping[JudgmentKind, JudgmentTable]


@dataclass(frozen=True)
class PosteriorCheck:
    """What was found of a posterior.

    Attributes
    ----------
    verdict
        Whether the fit has converged, in two parts.
    convergence
        Its figures: of the chains, recomputed from the draws, where there are two or more (or
        one of ``nuts``); and those that the fit stored.
    advice
        What speaks against the fit and what to do about it, a sentence each.
    missing
        What could not be checked and what it would need, a sentence each.
    judgments, left_out
        Judgments checked, and those of people or objects that the posterior does not know.
    predictive, loo
        None without judgments.
    prior_sensitivity
        By part of the model, by how many percentage points a prior of twice the power moves choice
        probabilities; beyond 2, as between fits, it matters. Empty without log priors in the file.
    held_out
        ``log_loss`` and ``log_loss_se`` of the ``judgments`` that the fit held out, if any.
    guessing
        ``log_loss`` in nats and ``accuracy`` of guesses at the judgments; None without judgments.
    arrangements, dissimilarities, ratings, sortings
        Checks of these; None where none were given.
    remarks
        On judgments that are not, or not certainly, those of the fit; a sentence each.
    """

    verdict: Verdict
    convergence: dict[str, Any]
    advice: list[str]
    missing: list[str]
    judgments: int = 0
    left_out: int = 0
    predictive: Predictive | None = None
    loo: LeaveOneOut | None = None
    guessing: dict[str, float] | None = None
    arrangements: KindChecks | None = None
    dissimilarities: KindChecks | None = None
    ratings: KindChecks | None = None
    sortings: KindChecks | None = None
    prior_sensitivity: dict[str, float] = field(default_factory=dict)
    held_out: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def headline(self) -> str:
        """The verdict, and how many remarks there are on what follows from the fit."""
        said, n = str(self.verdict), len(self.advice)
        return said[0].upper() + said[1:] + (f"; {counted(n, 'remark')}" if n else "")

    def __str__(self) -> str:
        doubts = [f"! {sentence}" for sentence in (*self.advice, *self.remarks)]
        figures = [f"{name}: {value}" for name, value in self._figures().items()]
        missing = [f"not checked: {sentence}" for sentence in self.missing]
        return "\n".join([self.headline, *doubts, *figures, *missing])

    def _repr_html_(self) -> str:
        from html import escape

        doubts = "".join(f"<li>{escape(one)}</li>" for one in (*self.advice, *self.remarks))
        table = html_of(self._figures())
        return f"<p><b>{escape(self.headline)}</b></p><ul>{doubts}</ul>{table}"

    def _figures(self) -> dict[str, str]:
        state, facts = self.convergence, {}
        for name, words in (("choice", "choice probabilities"), ("similarity", "similarities")):
            if f"{name}_rhat_95" in state:
                facts[f"R-hat of 95 % of the {words}"] = f"{state[f'{name}_rhat_95']:.3f}"
        if "fits_apart" in state:
            facts["difference between chains"] = (
                f"{state['fits_apart']:.1f} percentage points of choice probability, "
                f"{state['fits_cost']:.4f} nats a judgment"
            )
        if self.prior_sensitivity:
            each = (f"{part} {value:.1f} points" for part, value in self.prior_sensitivity.items())
            facts["sensitivity to the prior"] = ", ".join(each)
        checks = [] if self.predictive is None else self.predictive.checks
        for kind in (self.arrangements, self.dissimilarities, self.ratings, self.sortings):
            checks = checks if kind is None else [*checks, kind.follow]
        for one in checks:
            interval = f"{one.low:.3f} to {one.high:.3f}"
            facts[one.name] = f"{one.observed:.3f} (replicated {interval}, p {one.p:.3f})"
        if self.predictive is not None:
            gap = calibration_gap(self.predictive.calibration)
            facts["mean gap of calibration"] = f"{gap:.4f}"
        if self.held_out:
            facts["held-out log-loss"] = "{log_loss:.4f} ± {log_loss_se:.4f}".format(
                **self.held_out
            )
        for name, rated in (("rating", self.ratings), ("decision on piles", self.sortings)):
            if rated is not None and rated.score is not None:
                loss = f"{rated.score.log_loss:.4f} ± {rated.score.log_loss_se:.4f}"
                facts[f"log-loss of a {name}"] = f"{loss}, of guesses {rated.score.guessing:.4f}"
        if (loo := self.loo) is not None:
            loss = f"{loo.log_loss:.4f} ± {loo.log_loss_se:.4f}"
            facts["leave-one-out log-loss"] = f"{loss}, Pareto k high in {loo.k_high:.1%}"
            if self.guessing is not None:
                facts["log-loss of guesses"] = f"{self.guessing['log_loss']:.4f}"
        return facts


def check(
    posterior: PosteriorSource,
    choices: JudgmentTable | None = None,
    *,
    arrangements: JudgmentTable | None = None,
    dissimilarities: JudgmentTable | None = None,
    ratings: JudgmentTable | None = None,
    sortings: JudgmentTable | None = None,
    study: Study | str | Path | None = None,
    fitted: bool | None = None,
    seed: int = 0,
    out: str | Path | None = None,
) -> PosteriorCheck:
    """Check whether a posterior can be trusted; with its judgments, also what it predicts.

    Parameters
    ----------
    posterior
        Posterior (.nc).
    choices
        The choices that it was fitted to (.parquet); practice and catch trials are left out.
    arrangements
        The multi-arrangement trials that it was fitted to (.parquet), or others of the same people.
    dissimilarities
        The RDMs or rated pairs that it was fitted to (.parquet), or others of the same people.
    ratings
        The rated pairs that it was fitted to (.parquet); each is also predicted from the others.
    sortings
        The objects in piles that it was fitted to (.parquet); each trial is also predicted from the
        others.
    study
        Folder of the study whose judgments it was fitted to, instead of the tables.
    fitted
        False if the tables hold other judgments: they are predicted, and nothing is left out.
        None: as the posterior's record says; a remark tells where that is uncertain.
    seed
        Seed of the triplets by which convergence is judged, of the replicated layouts, and of the
        subset for leave-one-out when there are many judgments.
    out
        File to write all numbers to (.json).
    """
    if out is not None:
        check_ending(Path(out), [".json"], "the numbers")
        check_output(Path(out))
    tables = given_tables(
        choices=choices,
        arrangements=arrangements,
        dissimilarities=dissimilarities,
        ratings=ratings,
        sortings=sortings,
    )
    if tables and study is not None:
        raise TwoalikeError(
            expected=f"`{next(iter(tables))}=...` or `study=...`",
            found="both",
            remedy="Give one of them.",
        )
    fit = as_posterior(posterior)
    if study is not None:
        tables = _of_study(study if isinstance(study, Study) else Study.load(study), fit)
    found = _checked(fit, tables, fitted, seed)
    if out is not None:
        inputs = [("posterior", fit.path), *tables.items()]
        files = {role: Path(one) for role, one in inputs if isinstance(one, str | Path)}
        numbers = {name: part for name, part in asdict(found).items() if name != "remarks"}
        write_json(Path(out), provenance("check", seed=seed, inputs=files) | as_json(numbers))
    return found


def _of_study(study: Study, posterior: Posterior) -> dict[JudgmentKind, JudgmentTable]:
    files = {kind: study.derived / f"{kind}.parquet" for kind in _fitted_kinds(posterior)}
    found = given_tables(**{kind: path for kind, path in files.items() if path.is_file()})
    if not found:
        raise TwoalikeError(
            where=study.choices,
            expected="the study's judgments",
            found="no such file",
            remedy=f"Make it with: twoalike fit {study.root}",
        )
    return found


def as_json(value: Any) -> Any:
    """Numbers as JSON can hold them: what is not finite becomes null."""
    if isinstance(value, dict):
        return {name: as_json(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(part) for part in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _checked(
    posterior: Posterior, tables: _Tables, fitted: bool | None, seed: int
) -> PosteriorCheck:
    convergence = _convergence(posterior, seed)
    known: dict[str, Any] = {}
    remarks, missing, own_choices = [], [], False
    for kind, source in tables.items():
        table = as_table(source) if kind == "choices" else read_judgments(source, kind)
        own, remark = is_own(posterior, source, table, kind, fitted)
        remarks.append(remark)
        if kind == "choices":
            some, own_choices = some_draws(posterior, MOST_DRAWS), own
            choices = Choices.known_to(posterior, table)
            known |= check_choices(posterior, choices, some, seed, fitted=own)
        else:
            some = some_draws(posterior, MOST_REPLICATED)
            judged = KINDS[kind].replicated(posterior, table, seed, len(some))
            known[kind] = follow(judged, some, seed, fitted=own)
    for kind in (kind for kind in _fitted_kinds(posterior) if kind not in tables):
        missing.append(
            "Predictive checks and leave-one-out need the judgments: `choices=...`."
            if kind == "choices"
            else f"Predictive checks of {kind} need them: `{kind}=...`."
        )
    if "choices" in tables and not own_choices:
        missing.append("Leave-one-out needs the judgments of the fit, these are others.")
    elif "choices" in tables and known["loo"] is None:
        n = len(some_draws(posterior, MOST_DRAWS))
        missing.append(f"Leave-one-out needs {LEAST_DRAWS} draws or more, found {n}.")
    engine, links = str(posterior.attrs.get("engine")), posterior.attrs.get("links", {})
    spare = has_spare(posterior.attrs.get("dimensions", {}))
    others = [known[kind] for kind in KINDS if kind in known]
    advice = advise(
        engine, convergence, known.get("predictive"), known.get("loo"), others, spare=spare
    )
    moved = prior_sensitivity(posterior, seed)
    advice += [
        f"The prior of {part}, twice as strong, would move choice probabilities by {of:.1f} "
        f"percentage points: the judgments leave them open. {PARTS[part][1]}"
        for part, of in moved.items()
        if of > APART_LIMIT
    ]
    return PosteriorCheck(
        verdict=Verdict(convergence.get("predictions"), convergence.get("intervals")),
        convergence=convergence,
        advice=advice
        + link_warnings(links)
        + [*source_advice(posterior.attrs), *term_advice(posterior.attrs)],
        missing=missing,
        prior_sensitivity=moved,
        held_out=posterior.attrs.get("held_out", {}),
        remarks=[remark for remark in remarks if remark],
        **known,
    )


def _fitted_kinds(posterior: Posterior) -> list[JudgmentKind]:
    """Kinds of judgments of the fit; choices also where the file does not tell."""
    known: Any = posterior.tree.children.get("constant_data", {})
    told = "constant_data" not in posterior.tree.children or "judgments" in known
    people = [k for k in KINDS if KINDS[k].of_people]
    return [k for k in people if (told if k == "choices" else posterior.labels(KINDS[k].axis))]


def prior_sensitivity(posterior: Posterior, seed: int) -> dict[str, float]:
    """How much the prior of each part of the model moves choice probabilities of the embedding.

    The gradient of their means by log2 of the power of the prior (power-scaling, Kallioinen et al.
    2024, doi:10.1007/s11222-023-10366-5), root mean square over triplets, in percentage points.
    What chance may add is taken off: the most by log priors that are shifted along the chains.
    """
    known = posterior.tree.children.get("log_prior")
    x = posterior.tree["posterior"].dataset["embedding"].values
    draws = x.shape[1]
    if known is None or known.sizes.get("draw") != draws or draws < LEAST_DRAWS:
        return {}
    logs: dict[str, Floats] = {}
    for name, values in known.dataset.items():
        part = next(part for part, (begin, _) in PARTS.items() if str(name).startswith(begin))
        logs[part] = logs.get(part, 0.0) + values.values.astype(np.float64)
    similarity = str(posterior.attrs.get("similarity", "dot"))
    if "choices" not in _fitted_kinds(posterior):
        x = scaled_alike(x, similarity)
    p = predictions(x, judged_triplets(x.shape[2], seed, 100), similarity)[0][..., 0]
    shifts = [draws * place // 10 for place in range(2, 9)]
    moved = {
        part: _moved(p, log) - max(_moved(p, np.roll(log, by, axis=1)) for by in shifts)
        for part, log in logs.items()
        if np.ptp(log) > 0
    }
    return {part: 100 * float(np.sqrt(max(square, 0.0))) for part, square in moved.items()}


def _moved(values: Floats, log_prior: Floats) -> float:
    """Mean square of the gradients of the means of values (chains, draws, n)."""
    # Chains keep their weights, since fits of vi are in modes of their own.
    log = log_prior - log_prior.mean(axis=1, keepdims=True)
    gradient = np.log(2) * (log[..., None] * values).mean(axis=(0, 1))
    return float((gradient**2).mean())


def _convergence(posterior: Posterior, seed: int) -> dict[str, Any]:
    tree, attrs = posterior.tree, posterior.attrs
    group = tree["sample_stats"].dataset if "sample_stats" in tree.children else {}
    return with_chains(
        dict(attrs.get("convergence", {})),
        tree["posterior"].dataset["embedding"].values,
        {name: group[name].values for name in ("logp", "step_size", "diverging") if name in group},
        engine=str(attrs.get("engine")),
        seed=seed,
        of=(str(attrs.get("similarity", "dot")), "choices" in _fitted_kinds(posterior)),
    )
