"""``twoalike fit``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from twoalike.embedding import FitConfig


def fit(
    study: Path | None = None,
    /,
    *,
    choices: Path | None = None,
    features: Path | None = None,
    objects: Path | None = None,
    out: Path | None = None,
    dimensions: str = "auto",
    engine: Literal["auto", "nuts", "vi"] = "auto",
    prior: Literal["auto", "spike-and-slab", "softplus"] = "auto",
    draws: int | None = None,
    chains: int | None = None,
    steps: int | None = None,
    seed: int = 0,
) -> None:
    """Fit the Bayesian embedding to a study's sessions, or to a table of choices.

    Examples
    --------
        twoalike fit mystudy
        twoalike fit --choices choices.parquet --out posterior.nc
        twoalike fit --choices choices.parquet --features features.npz --engine vi --out posterior.nc

    Parameters
    ----------
    study
        Folder of a study: its sessions are read, the tidy choices and the posterior go into
        derived/.
    choices
        Table of choices (.parquet) instead of a study.
    features
        Features of every object (.npz, or .npy with --objects): the prior mean of the embedding
        becomes a learnt map of them.
    objects
        Object ids of features in .npy, one a line.
    out
        Posterior to write (.nc); for a study derived/posterior.nc if left out.
    dimensions
        auto (more than needed, empty ones dropped) or a number.
    engine
        nuts samples, vi approximates in minibatches, auto chooses by size and says why.
    prior
        Of the coordinates; auto: softplus with features or for vi, else spike-and-slab.
    draws
        Draws to keep, a chain.
    chains
        Chains of nuts.
    steps
        Optimiser steps of vi.
    seed
        The same seed gives the same posterior.
    """  # noqa: E501
    from rich import print as show

    from twoalike.embedding import fit_embedding
    from twoalike.features import read_features
    from twoalike.study import TwoalikeError, provenance

    if (study is None) == (choices is None):
        raise TwoalikeError("expected a study's folder or --choices, one of them. See --help.")
    if study is not None:
        choices, out = _from_study(study, out)
    if out is None:
        raise TwoalikeError("expected --out, the posterior to write (.nc).")
    if out.suffix != ".nc":
        raise TwoalikeError(f"{out}: a posterior is written as .nc; choose that ending.")
    assert choices is not None
    inputs = {"choices": choices} | ({"features": features} if features else {})
    options: dict[str, Any] = {"draws": draws, "chains": chains, "steps": steps}
    config = _settings(
        {"engine": engine, "prior": prior, "seed": seed, "dimensions": _number(dimensions)}
        | {name: value for name, value in options.items() if value is not None}
    )
    from twoalike.judgments import read_choices

    posterior = fit_embedding(
        read_choices(choices),
        features=read_features(features, objects) if features else None,
        config=config,
        source=provenance("posterior", seed=seed, inputs=inputs, config=config.model_dump()),
    )
    posterior.save(out)
    attrs = posterior.attrs
    show(f"engine {attrs['engine']}: {attrs['engine_reason']}")
    kept = attrs["dimensions"]
    show(f"{kept['kept']} of {kept['fitted']} dimensions kept, {len(posterior.ids)} objects")
    if not attrs["converged"]:
        show(f"[bold red]The fit has not converged[/]: {attrs['convergence']}")
    print(out)  # noqa: T201


def _settings(values: dict[str, Any]) -> "FitConfig":
    """Check the settings; the message names the option that does not fit."""
    from pydantic import ValidationError

    from twoalike.embedding import FitConfig
    from twoalike.study import TwoalikeError

    try:
        return FitConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise TwoalikeError(f"--{name}: {first['msg']}, found {first['input']!r}.") from error


def _number(dimensions: str) -> int | None:
    from twoalike.study import TwoalikeError

    if dimensions == "auto":
        return None
    if not dimensions.isdigit() or int(dimensions) < 1:
        raise TwoalikeError(f"--dimensions: expected auto or a number, found {dimensions!r}.")
    return int(dimensions)


def _from_study(folder: Path, out: Path | None) -> tuple[Path, Path]:
    """Read a study's raw data into its table of choices."""
    from twoalike.judgments import read_raw, write_choices
    from twoalike.stimuli import StimulusSet
    from twoalike.study import Study, provenance

    study = Study.load(folder)
    table = read_raw(study.raw, StimulusSet.load(study.stimuli, verify=False).ids)
    write_choices(study.choices, table, provenance("choices"))
    print(f"{study.choices}  {len(table)} choices")  # noqa: T201
    return study.choices, out or study.posterior
