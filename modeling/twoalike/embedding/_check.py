"""Whether a fit can be trusted: convergence, predictive checks, leave-one-out, prior sensitivity.

The file alone shows convergence and, where it holds the log prior of its draws, sensitivity to
the prior. The rest needs the judgments.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from twoalike.choice import guessing
from twoalike.embedding._advice import (
    advise,
    has_spare,
    judged_triplets,
    link_warnings,
    predictions,
    with_chains,
)
from twoalike.embedding._distance_checks import MOST_DRAWS as MOST_REPLICATED
from twoalike.embedding._distance_checks import DistanceChecks, check_layouts, check_pairs
from twoalike.embedding._export import check_ending
from twoalike.embedding._judged import (
    AXIS_OF,
    Judged,
    answer_probabilities,
    as_table,
    draws_of,
    given_tables,
    is_own,
    known_judgments,
    known_layouts,
    known_pairs,
    labels_of,
    thinned,
    used_choices,
)
from twoalike.embedding._loo import (
    LEAST_DRAWS,
    LeaveOneOut,
    leave_one_out,
    separate_fits,
    subset_rows,
)
from twoalike.embedding._parts import ROWS
from twoalike.embedding._posterior import Posterior, PosteriorSource, as_posterior
from twoalike.embedding._predictive import ChoiceChecks, Predictive, calibration_gap
from twoalike.embedding._rated_checks import RatedChecks, check_ratings, check_sortings
from twoalike.embedding._sensitivity import Sensitivity, sensitivities
from twoalike.embedding._set_answers import SetChecks, check_sets
from twoalike.judgments import JudgmentKind, JudgmentTable, read_judgments, split_sets
from twoalike.study import (
    Floats,
    Integers,
    Study,
    TwoalikeError,
    check_output,
    counted,
    progress,
    provenance,
    write_json,
)

MOST_DRAWS = 1000
type _Tables = Mapping[JudgmentKind, JudgmentTable]


@dataclass(frozen=True)
class PosteriorCheck:
    """What was found of a posterior.

    Attributes
    ----------
    converged
        Whether what is predicted has converged; None where the file cannot tell.
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
    held_out
        ``log_loss`` and ``log_loss_se`` of the ``judgments`` that the fit held out, if any.
    guessing
        ``log_loss`` in nats and ``accuracy`` of guesses at the judgments; None without judgments.
    arrangements, dissimilarities, ratings, sortings, sets
        Checks of these; None where none were given. ``sets`` are choices among more than three
        items, which are in none of the figures above.
    sensitivity
        Empty where the file does not hold the log prior.
    remarks
        On judgments that are not, or not certainly, those of the fit; a sentence each.
    """

    converged: bool | None
    convergence: dict[str, Any]
    advice: list[str]
    missing: list[str]
    judgments: int = 0
    left_out: int = 0
    predictive: Predictive | None = None
    loo: LeaveOneOut | None = None
    guessing: dict[str, float] | None = None
    arrangements: DistanceChecks | None = None
    dissimilarities: DistanceChecks | None = None
    ratings: RatedChecks | None = None
    sortings: RatedChecks | None = None
    sets: SetChecks | None = None
    held_out: dict[str, Any] = field(default_factory=dict)
    sensitivity: list[Sensitivity] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """Whether the fit has converged, in a few words."""
        if self.converged is None:
            return "Cannot tell whether this fit has converged"
        if not self.converged:
            return "Has not converged"
        if "choice_rhat_95" not in self.convergence:
            return "Converged, as far as one variational fit can tell"
        return "Converged" + (f", {counted(len(self.advice), 'remark')}" if self.advice else "")

    def __str__(self) -> str:
        doubts = [f"! {sentence}" for sentence in (*self.advice, *self.remarks)]
        figures = [f"{name}: {value}" for name, value in self._figures().items()]
        missing = [f"not checked: {sentence}" for sentence in self.missing]
        return "\n".join([self.verdict, *doubts, *figures, *missing])

    def _repr_html_(self) -> str:
        from html import escape

        doubts = "".join(f"<li>{escape(one)}</li>" for one in (*self.advice, *self.remarks))
        rows = "".join(
            f'<tr><th style="text-align: left">{escape(name)}</th><td>{escape(value)}</td></tr>'
            for name, value in self._figures().items()
        )
        return f"<p><b>{escape(self.verdict)}</b></p><ul>{doubts}</ul><table>{rows}</table>"

    def _figures(self) -> dict[str, str]:
        """Most important figures by their name."""
        state, facts = self.convergence, {}
        for name, words in (("choice", "choice probabilities"), ("similarity", "similarities")):
            if f"{name}_rhat_95" in state:
                facts[f"R-hat of 95 % of the {words}"] = f"{state[f'{name}_rhat_95']:.3f}"
        if "fits_apart" in state:
            facts["difference between chains"] = (
                f"{state['fits_apart']:.1f} percentage points of choice probability, "
                f"{state['fits_cost']:.4f} nats a judgment"
            )
        checks = [] if self.predictive is None else self.predictive.checks
        for kind in (self.arrangements, self.dissimilarities, self.ratings, self.sortings):
            checks = checks if kind is None else [*checks, kind.follow]
        checks = checks if self.sets is None else [*checks, *self.sets.agreement]
        for one in checks:
            interval = f"{one.low:.3f} to {one.high:.3f}"
            facts[one.name] = f"{one.observed:.3f} (replicated {interval}, p {one.p:.3f})"
        if self.sets is not None and self.sets.loo is not None:
            loss = f"{self.sets.loo.log_loss:.4f} ± {self.sets.loo.log_loss_se:.4f}"
            guesses = f"guesses {self.sets.guessing['log_loss']:.4f}"
            facts["leave-one-out log-loss of larger sets"] = f"{loss}, {guesses}"
        if self.predictive is not None:
            gap = calibration_gap(self.predictive.calibration)
            facts["mean gap of calibration"] = f"{gap:.4f}"
        if self.held_out:
            facts["held-out log-loss"] = "{log_loss:.4f} ± {log_loss_se:.4f}".format(
                **self.held_out
            )
        for name, rated in (("rating", self.ratings), ("decision on piles", self.sortings)):
            if rated is not None:
                loss = f"{rated.score.log_loss:.4f} ± {rated.score.log_loss_se:.4f}"
                facts[f"log-loss of a {name}"] = f"{loss}, of guesses {rated.score.guessing:.4f}"
        if (loo := self.loo) is not None:
            loss = f"{loo.log_loss:.4f} ± {loo.log_loss_se:.4f}"
            facts["leave-one-out log-loss"] = f"{loss}, Pareto k high in {loo.k_high:.1%}"
            if self.guessing is not None:
                facts["log-loss of guesses"] = f"{self.guessing['log_loss']:.4f}"
        return facts


@dataclass(frozen=True)
class _Gathered:
    """One pass over draws and judgments."""

    predictive: Predictive
    loo: LeaveOneOut | None
    log_likelihood: Floats


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
    files: dict[JudgmentKind, Path] = {"choices": study.choices}
    for kind, axis in AXIS_OF.items():
        if labels_of(posterior, axis):
            files[kind] = study.derived / f"{kind}.parquet"
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
    chains, draws = (posterior.tree["posterior"].sizes[axis] for axis in ("chain", "draw"))
    which = thinned(chains, draws, MOST_DRAWS)
    convergence = _convergence(posterior, seed)
    distances, remarks = _other_checks(posterior, tables, fitted, seed)
    missing = [words for kind, words in _needed(posterior).items() if kind not in tables]
    gathered, judged, sets, own = None, None, None, False
    likelihood = np.zeros(len(which))
    if "choices" in tables:
        table = as_table(tables["choices"])
        own, remark = is_own(posterior, tables["choices"], table, fitted=fitted)
        remarks.insert(0, remark)
        triplets, larger = split_sets(used_choices(table))
        if len(triplets):
            judged = known_judgments(posterior, triplets)
            gathered = _gather(posterior, judged, which, own=own, seed=seed)
            likelihood += gathered.log_likelihood
        if len(larger):
            sets, logs = check_sets(posterior, larger, which, seed, fitted=own)
            likelihood += logs
        if not own:
            missing.append("Leave-one-out needs the judgments of the fit, these are others.")
        elif len(which) < LEAST_DRAWS:
            missing.append(f"Leave-one-out needs {LEAST_DRAWS} draws or more, found {len(which)}.")
    parts = _log_prior(posterior, which)
    if not parts:
        missing.append(
            "Prior sensitivity needs the log prior of every draw, which this file does not hold "
            "(group log_prior)."
        )
    elif own:
        parts["likelihood"] = likelihood
    predictive, loo = (gathered.predictive, gathered.loo) if gathered else (None, None)
    engine, links = str(posterior.attrs.get("engine")), posterior.attrs.get("links", {})
    spare = has_spare(posterior.attrs.get("dimensions", {}))
    checks = list(distances.values()), [] if sets is None else sets.agreement
    advice = advise(engine, convergence, predictive, loo, *checks, spare=spare)
    return PosteriorCheck(
        converged=convergence.get("converged"),
        convergence=convergence,
        advice=advice + link_warnings(links),
        missing=missing,
        judgments=0 if judged is None else len(judged),
        left_out=0 if judged is None else judged.left_out,
        predictive=predictive,
        loo=loo,
        held_out=posterior.attrs.get("held_out", {}),
        guessing=None if judged is None else guessing(judged.anchored),
        **distances,
        sets=sets,
        sensitivity=_sensitivity(posterior, which, parts, seed) if parts else [],
        remarks=[remark for remark in remarks if remark],
    )


def _other_checks(
    posterior: Posterior, tables: _Tables, fitted: bool | None, seed: int
) -> tuple[dict[str, Any], list[str]]:
    """Check all judgments but choices, and remark on those that are not of the fit."""
    sizes = posterior.tree["posterior"].sizes
    which = thinned(sizes["chain"], sizes["draw"], MOST_REPLICATED)
    found: dict[str, Any] = {}
    remarks = []
    for kind in AXIS_OF:
        if (source := tables.get(kind)) is None:
            continue
        read = read_judgments(source, kind)
        own, remark = is_own(posterior, source, read, kind, fitted)
        remarks.append(remark)
        if kind == "arrangements":
            found[kind] = check_layouts(posterior, known_layouts(posterior, read), which, seed)
        elif kind == "dissimilarities":
            found[kind] = check_pairs(posterior, known_pairs(posterior, read), which, seed)
        elif kind == "ratings":
            found[kind] = check_ratings(posterior, read, which, seed, fitted=own)
        else:
            found[kind] = check_sortings(posterior, read, which, seed, fitted=own)
    return found, remarks


def _needed(posterior: Posterior) -> dict[str, str]:
    """Kinds of judgments of the fit, and what needs them."""
    parts = {
        "choices": "Predictive checks and leave-one-out need the judgments: `choices=...`.",
        **{kind: f"Predictive checks of {kind} need them: `{kind}=...`." for kind in AXIS_OF},
    }
    there = {
        "choices": _has_choices(posterior),
        **{kind: bool(labels_of(posterior, axis)) for kind, axis in AXIS_OF.items()},
    }
    return {kind: words for kind, words in parts.items() if there[kind]}


def _has_choices(posterior: Posterior) -> bool:
    """Whether the fit had any; true where the file does not tell."""
    if "constant_data" not in posterior.tree.children:
        return True
    known = posterior.tree["constant_data"].dataset
    return "judgments" not in known or bool(known["judgments"].sum() > 0)


def _convergence(posterior: Posterior, seed: int) -> dict[str, Any]:
    """Figures that the fit stored, and those of the chains in the file."""
    stored = dict(posterior.attrs.get("convergence", {}))
    stats: dict[str, Floats] = {}
    if "sample_stats" in posterior.tree.children:
        group = posterior.tree["sample_stats"].dataset
        stats = {
            name: group[name].values
            for name in ("logp", "step_size", "diverging")
            if name in group and group[name].dims == ("chain", "draw")
        }
    attrs = posterior.attrs
    return with_chains(
        stored,
        posterior.tree["posterior"].dataset["embedding"].values,
        stats,
        engine=str(attrs.get("engine")),
        seed=seed,
        similarity=str(attrs.get("similarity", "dot")),
    )


def _gather(
    posterior: Posterior, judged: Judged, which: Integers, *, own: bool, seed: int
) -> _Gathered:
    """Predict every judgment under every draw, keeping sums and a subset."""
    loo, predicted = own and len(which) >= LEAST_DRAWS, None
    if not own:
        draws = draws_of(posterior, which, len(judged))
        predicted = np.zeros((len(judged), 3))
        for draw in draws:
            predicted += answer_probabilities(draw, judged) / len(which)
    checks = ChoiceChecks(judged, posterior.participants, predicted)
    n, kept = len(judged), subset_rows(len(judged), len(which), seed)
    answers = np.empty((len(which) if loo else 0, len(kept), 3), dtype=np.float32)
    mean, total = np.zeros(n), np.zeros(len(which))
    with progress() as bar:
        task = bar.add_task("predicting the judgments", total=len(which), status="")
        for place, draw in enumerate(draws_of(posterior, which, n)):
            for start in range(0, n, ROWS):
                rows = slice(start, min(start + ROWS, n))
                some = judged.take(rows)
                p = answer_probabilities(draw, some)
                checks.add(rows, p)
                given = p[np.arange(len(p)), some.chosen]
                mean[rows] += given / len(which)
                total[place] += np.log(np.maximum(given, 1e-30)).sum()
                if loo:
                    first, last = np.searchsorted(kept, [rows.start, rows.stop])
                    answers[place, first:last] = p[kept[first:last] - start]
            checks.end_draw(draw)
            bar.update(task, advance=1)
    estimate = None
    if loo:
        lpd = np.log(np.maximum(mean, 1e-30))
        chains, fits = (
            posterior.tree["posterior"].sizes["chain"],
            separate_fits(posterior, len(which)),
        )
        estimate = leave_one_out(answers, judged.chosen[kept], kept, lpd, chains, fits)
    return _Gathered(checks.result(), estimate, total)


def _log_prior(posterior: Posterior, which: Integers) -> dict[str, Floats]:
    """Log-density of each part of the prior, and of the whole, at some draws."""
    if "log_prior" not in posterior.tree.children:
        return {}
    group = posterior.tree["log_prior"].dataset
    parts = {}
    for name, values in group.data_vars.items():
        own = values.transpose("chain", "draw", ...).values
        own = own.reshape(own.shape[0] * own.shape[1], -1).sum(axis=1)
        parts[str(name)] = own.astype(np.float64)[which]
    if len(parts) > 1:
        parts = {"whole prior": np.sum(list(parts.values()), axis=0), **parts}
    return parts


def _sensitivity(
    posterior: Posterior, which: Integers, parts: Mapping[str, Floats], seed: int
) -> list[Sensitivity]:
    similarity, x = str(posterior.attrs.get("similarity", "dot")), posterior.embedding
    some = x[which][None]
    choice, pair = predictions(some, judged_triplets(x.shape[1], seed), similarity)
    return sensitivities(choice[0, ..., 0], pair[0], parts, seed)
