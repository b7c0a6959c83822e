"""``twoalike fit``."""

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from twoalike.cli._checks import AllowProblems, check_raw

if TYPE_CHECKING:
    import pandas as pd

    from twoalike.embedding import FitConfig, Posterior


def fit(
    study: Path | None = None,
    /,
    *,
    choices: Path | None = None,
    arrangements: Path | None = None,
    dissimilarities: Path | None = None,
    features: Path | None = None,
    objects: Path | None = None,
    out: Path | None = None,
    dimensions: str = "auto",
    engine: Literal["auto", "nuts", "vi"] = "auto",
    similarity: Literal["dot", "distance"] = "dot",
    prior: Literal["auto", "spike-and-slab", "softplus", "gaussian"] = "auto",
    draws: int | None = None,
    chains: int | None = None,
    tune: int | None = None,
    steps: int | None = None,
    holdout: float | None = None,
    seed: int = 0,
    allow_problems: AllowProblems = False,
) -> None:
    """Fit the Bayesian embedding to a study's sessions, or to tables of judgments.

    A fit that was interrupted goes on where it was when the same command is given again.

    Examples
    --------
        twoalike fit mystudy
        twoalike fit --choices choices.parquet --out posterior.nc
        twoalike fit --choices choices.parquet --arrangements arrangements.parquet --out posterior.nc
        twoalike fit --dissimilarities dissimilarities.parquet --out posterior.nc
        twoalike fit --choices choices.parquet --features features.npz --engine vi --out posterior.nc
        twoalike fit --choices choices.parquet --similarity distance --out posterior.nc

    Parameters
    ----------
    study
        Folder of a study: its sessions of both tasks are read, the tidy tables and the posterior
        go into derived/.
    choices
        Table of choices (.parquet) instead of a study.
    arrangements
        Table of multi-arrangement trials (.parquet), with other judgments or alone.
    dissimilarities
        Table of RDMs or rated pairs (.parquet, see: twoalike import rdm), with other judgments
        or alone.
    features
        Features of every object (.npz, .parquet, .h5, or .npy with --objects): the prior mean of the embedding
        becomes a learnt map of them.
    objects
        Object ids, one a line, of a file of features that holds none.
    out
        Posterior to write (.nc); for a study derived/posterior.nc if left out.
    dimensions
        auto (more than needed, empty ones dropped) or a number.
    engine
        nuts samples, vi approximates in minibatches, auto chooses by size and says why.
    similarity
        dot: dot product of non-negative coordinates; distance: the nearer, the more alike.
    prior
        Of the coordinates; auto: gaussian for distances, softplus with features or for vi, else
        spike-and-slab.
    draws
        Draws to keep, a chain.
    chains
        Independent chains of nuts (2 if left out), or independent fits of vi (4).
    tune
        Warm-up draws a chain, of nuts.
    steps
        Optimiser steps of vi; if left out, by the number of judgments.
    holdout
        Share of judgments that are not fitted and whose log-loss is told; if left out, 0.02 for
        vi from 20,000 judgments.
    seed
        The same seed gives the same posterior.
    allow_problems
        Fit a study's data as they are, even if twoalike validate finds problems in them.
    """  # noqa: E501
    from twoalike.embedding import fit_embedding, remove_checkpoint
    from twoalike.features import read_features
    from twoalike.study import TwoalikeError, check_output, provenance

    tables = {
        "choices": choices,
        "arrangements": arrangements,
        "dissimilarities": dissimilarities,
    }
    if (study is None) == (not any(tables.values())):
        raise TwoalikeError(
            "expected either a study's folder, or --choices, --arrangements or --dissimilarities "
            "(one or several). See --help."
        )
    if study is not None:
        choices, arrangements, out = _from_study(study, out, allow_problems)
    if out is None:
        raise TwoalikeError("expected --out, the posterior to write (.nc).")
    if out.suffix != ".nc":
        raise TwoalikeError(f"{out}: a posterior is written as .nc; choose that ending.")
    given = tables | {"choices": choices, "arrangements": arrangements, "features": features}
    inputs = {name: path for name, path in given.items() if path is not None}
    config = _settings(
        {
            "engine": engine,
            "similarity": similarity,
            "prior": prior,
            "dimensions": _number(dimensions),
            "draws": draws,
            "chains": chains,
            "steps": steps,
            "holdout": holdout,
            "seed": seed,
        }
        | ({} if tune is None else {"tune": tune})
    )
    from twoalike.judgments import read_arrangements, read_choices, read_dissimilarities

    check_output(out)
    part = out.with_suffix(".part.npz")
    posterior = fit_embedding(
        read_choices(choices) if choices else None,
        arrangements=read_arrangements(arrangements) if arrangements else None,
        dissimilarities=read_dissimilarities(dissimilarities) if dissimilarities else None,
        features=read_features(features, objects) if features else None,
        config=config,
        source=provenance("posterior", seed=seed, inputs=inputs, config=config.model_dump()),
        checkpoint=part,
    )
    posterior.save(out)
    remove_checkpoint(part)
    _show(posterior)
    print(out)  # noqa: T201
    judged = [word for name in tables if name in inputs for word in (f"--{name}", inputs[name])]
    print(f"next: twoalike check {shlex.join(map(str, [out, *judged]))}")  # noqa: T201


def _show(posterior: "Posterior") -> None:
    """Print how the fit was made, and what to know before it is used."""
    from rich import print as show
    from rich.markup import escape

    from twoalike.embedding import advise, link_warnings

    attrs = posterior.attrs
    show(f"engine {attrs['engine']}: {attrs['engine_reason']} (on a {attrs['device']})")
    kept = attrs["dimensions"]
    show(f"{kept['kept']} of {kept['fitted']} dimensions kept, {len(posterior.ids)} objects")
    for warning in link_warnings(attrs["links"]):
        show(f"[bold]note[/]: {escape(warning)}")
    if held := attrs.get("held_out"):
        show(
            f"held-out log-loss {held['log_loss']:.4f} ± {held['log_loss_se']:.4f} nats, "
            f"of {held['judgments']:,} judgments (guessing: 1.0986)"
        )
    advice = " ".join(advise(attrs["engine"], attrs["convergence"]))
    if not attrs["converged"]:
        show(f"[bold red]The fit has not converged.[/] {escape(advice)}")
    elif advice:
        show(f"[bold]note[/]: {escape(advice)}")


def _settings(values: dict[str, Any]) -> "FitConfig":
    """Check the settings; the message names the option that does not fit."""
    from pydantic import ValidationError

    from twoalike.embedding import FitConfig
    from twoalike.study import TwoalikeError, plain_words

    try:
        return FitConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise TwoalikeError(f"--{name}: {plain_words(first)}.") from error


def _number(dimensions: str) -> int | None:
    from twoalike.study import TwoalikeError

    if dimensions == "auto":
        return None
    if not dimensions.isdigit() or int(dimensions) < 1:
        raise TwoalikeError(f"--dimensions: expected auto or a number, found {dimensions!r}.")
    return int(dimensions)


def _from_study(
    folder: Path, out: Path | None, allow_problems: bool
) -> tuple[Path | None, Path | None, Path]:
    """Read a study's raw data into its tables of choices and of arrangements, as far as it has."""
    from twoalike.design import excluded
    from twoalike.judgments import (
        raw_tasks,
        read_raw,
        read_raw_arrangements,
        write_arrangements,
        write_choices,
    )
    from twoalike.stimuli import StimulusSet
    from twoalike.study import Study, TwoalikeError, counted, provenance

    study = Study.load(folder)
    check_raw(study, allow_problems)
    tasks, ids = raw_tasks(study.raw), StimulusSet.load(study.stimuli, verify=False).ids
    choices, arrangements = None, None
    if "oddoneout" in tasks:
        rule = study.config.exclusion
        table = read_raw(study.raw, ids, partial(excluded, rule=rule))
        choices, without = study.choices, table.attrs["excluded"]
        applied = {"exclusion": rule.model_dump(), "excluded": without}
        write_choices(choices, table, provenance("choices", config=applied))
        print(f"{choices}  {counted(len(table), 'choice')}{_left_out(table)}")  # noqa: T201
        for participant, session, reason in without:
            who = f"participant {participant}" + (f", session {session}" if session else "")
            print(f"left out by the rule of study.toml: {who} ({reason})")  # noqa: T201
    if "multiarrangement" in tasks:
        table, arrangements = read_raw_arrangements(study.raw, ids), study.arrangements
        write_arrangements(arrangements, table, provenance("arrangements"))
        trials = table.groupby(["participant", "session", "trial"], observed=True, dropna=False)
        said = f"{counted(trials.ngroups, 'arrangement')}{_left_out(table)}"
        print(f"{arrangements}  {said}")  # noqa: T201
    if choices is None and arrangements is None:
        raise TwoalikeError(
            f"{study.raw}: expected sessions of a task (sub-*/ses-*/beh/*_beh.tsv), found none. "
            "Run one with: twoalike run"
        )
    return choices, arrangements, out or study.posterior


def _left_out(table: "pd.DataFrame") -> str:
    """Say what of the raw data is not in the table; empty where all is."""
    late, torn = table.attrs.get("n_without_choice", 0), table.attrs.get("n_torn", 0)
    parts = [f"{late} without an answer"] * (late > 0) + [f"{torn} torn by a crash"] * (torn > 0)
    return f" (left out: {', '.join(parts)})" if parts else ""
