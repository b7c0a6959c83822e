"""``twoalike fit``."""

import shlex
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from twoalike import embedding
from twoalike.cli._derived import takes
from twoalike.cli._show import show_notes, wide_console
from twoalike.study import TwoalikeError

if TYPE_CHECKING:
    from twoalike.embedding import Posterior

_OTHER_KINDS = ("arrangements", "dissimilarities", "ratings", "sortings")
_NOT_SHOWN = "study_or_choices config announce max_depth batch rate warmup hold".split()


@takes(embedding.fit, settings=embedding.FitConfig, without=_NOT_SHOWN)
def fit(
    study: Path | None = None,
    /,
    *,
    choices: Path | None = None,
    groups: str | None = None,
    covariates: str | None = None,
    dimensions: str = "auto",
    people: Literal["noise", "weights"] | None = None,
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
    if people is not None:
        given["people"] = people
    posterior = embedding.fit(
        choices if study is None else study,
        groups=groups,
        covariates=covariates,
        announce=lambda line: show_notes([line]),
        dimensions=dimensions,
        **given,
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
