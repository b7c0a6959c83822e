"""``twoalike fit``."""

import shlex
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cyclopts import Parameter

from twoalike import embedding
from twoalike.cli._derived import takes
from twoalike.cli._options import Flag
from twoalike.cli._show import show_notes, wide_console
from twoalike.study import TwoalikeError

if TYPE_CHECKING:
    from twoalike.embedding import Posterior

_OTHER_KINDS = ("arrangements", "dissimilarities", "ratings", "sortings")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """How the embedding is fitted."""

    people: Literal["noise", "weights"] | None = None
    """How people differ. noise: in temperature and lapse rate; weights: also in how they weigh the
    dimensions. If left out, noise, and a pilot tests whether weights would help."""
    response_times: Flag = False
    """Let response times inform the embedding, if a pilot shows that they clearly improve the
    prediction of held-out choices."""
    dimensions: str = "auto"
    """A number, or auto: one and a half times as many as matter in a pilot, plus two; empty ones
    are dropped."""
    engine: Literal["auto", "nuts", "vi"] = "auto"
    """nuts samples, vi approximates; auto: nuts if a chain is estimated to take at most ten minutes
    (two with --quick)."""
    similarity: Literal["auto", "dot", "distance"] = "auto"
    """dot: dot product of non-negative coordinates; distance: the closer, the more alike; auto:
    dot, unless a pilot shows that distances clearly predict held-out judgments better."""
    prior: Literal["auto", "spike-and-slab", "softplus", "gaussian"] = "auto"
    """Of the coordinates; auto: gaussian for distances, softplus with features or for vi, otherwise
    spike-and-slab."""
    draws: int | None = None
    """Draws to keep from each chain: 300 for nuts and 100 for vi if left out."""
    chains: int | None = None
    """Independent chains of nuts (2 if left out), or independent fits of vi (4)."""
    tune: int | None = None
    """Warm-up draws of each chain of nuts."""
    steps: int | None = None
    """Optimiser steps of vi; if left out, the number depends on the number of judgments."""
    holdout: float | None = None
    """Share of judgments that are left out of the fit, to measure the log-loss on them; if left
    out, 0.02 for vi from 20,000 judgments."""
    quick: Flag = False
    """Skip the pilot: take the dot product and the largest sensible number of dimensions."""
    seed: int = 0
    """The same seed gives the same posterior."""


@takes(embedding.fit, without={"study_or_choices", "config", "announce"})
def fit(
    study: Path | None = None,
    /,
    *,
    choices: Path | None = None,
    groups: str | None = None,
    covariates: str | None = None,
    options: Options = Options(),
    **given: Any,
) -> None:
    """Fit the Bayesian embedding to a study's sessions, or to tables of judgments.

    A fit that was interrupted continues when the same command is given again.

    Examples
    --------
        twoalike fit mystudy
        twoalike fit --choices choices.parquet --out posterior.nc
        twoalike fit --choices choices.parquet --arrangements arrangements.parquet --out posterior.nc
        twoalike fit --dissimilarities dissimilarities.parquet --out posterior.nc
        twoalike fit --ratings ratings.parquet --sortings sortings.parquet --out posterior.nc
        twoalike fit --choices choices.parquet --features features.npz --engine vi --out posterior.nc
        twoalike fit --choices choices.parquet --similarity distance --out posterior.nc
        twoalike fit mystudy --people weights --groups handedness
        twoalike fit mystudy --covariates age,expertise
        twoalike fit mystudy --condition shape

    Parameters
    ----------
    study
        Folder of a study. Sessions of all tasks are fitted; tables and posterior go into derived/.
    choices
        Table of choices (.parquet) instead of a study.
    groups
        Group of each participant: a tab-separated file with columns participant and group or, for
        a study, a column of its participants.tsv. The posterior keeps the groups; with --people
        weights, people are shrunk toward their group.
    covariates
        Numbers, such as age, on which people's temperatures, lapse rates and (with --people
        weights) weights may depend: a tab-separated file with the column participant and a column
        for each covariate or, for a study, columns of its participants.tsv, separated by commas.
    """  # noqa: E501
    tables = {"choices": choices, **{kind: given[kind] for kind in _OTHER_KINDS}}
    fitted = {name: path for name, path in tables.items() if path is not None}
    if (study is None) == (not fitted):
        raise TwoalikeError(
            "expected either a study's folder, or tables of judgments (one or several of "
            f"{', '.join(f'--{name}' for name in tables)}). See --help."
        )
    if study is None and given["out"] is None:
        raise TwoalikeError("expected --out, the posterior to write (.nc).")
    posterior = embedding.fit(
        choices if study is None else study,
        groups=groups,
        covariates=covariates,
        announce=lambda line: show_notes([line]),
        **given,
        **{name: value for name, value in vars(options).items() if value is not None},
    )
    _show(posterior)
    print(posterior.path)  # noqa: T201
    if study is not None and (condition := given["condition"]) is not None:
        own = {name: study / "derived" / f"{name}_{condition}.parquet" for name in tables}
        fitted = {name: path for name, path in own.items() if path.is_file()}
    words = [word for name, path in fitted.items() for word in (f"--{name}", path)]
    files = words or ["--study", str(study)]
    print(f"next: twoalike check {shlex.join(map(str, [posterior.path, *files]))}")  # noqa: T201


def _show(posterior: "Posterior") -> None:
    """Print how the fit was made, and what to know before it is used."""
    show = wide_console().print
    from rich.markup import escape

    from twoalike.cli.app import with_options
    from twoalike.embedding import advise, has_spare, link_warnings

    attrs = posterior.attrs
    kept = attrs["dimensions"]
    show(f"{kept['kept']} of {kept['fitted']} dimensions kept, {len(posterior.ids)} objects")
    for warning in link_warnings(attrs["links"]):
        show(f"[bold]note[/]: {escape(warning)}")
    if held := attrs.get("held_out"):
        show(
            f"held-out log-loss {held['log_loss']:.4f} ± {held['log_loss_se']:.4f} nats, "
            f"of {held['judgments']:,} judgments (guessing: {held.get('guessing', log(3)):.4f})"
        )
    said = advise(attrs["engine"], attrs["convergence"], spare=has_spare(kept))
    advice = with_options(" ".join(said))
    if not attrs["converged"]:
        show(f"[bold red]The fit has not converged.[/] {escape(advice)}")
    elif advice:
        show(f"[bold]note[/]: {escape(advice)}")
