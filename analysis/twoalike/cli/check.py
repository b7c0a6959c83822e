"""``twoalike check``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from twoalike.cli._options import check_seed
from twoalike.cli._tables import wide_console

if TYPE_CHECKING:
    import pandas as pd

    from twoalike.embedding import Posterior, PosteriorCheck

DISTANCES = ("arrangements", "dissimilarities")


def check(
    posterior: Path,
    /,
    *,
    choices: Path | None = None,
    arrangements: Path | None = None,
    dissimilarities: Path | None = None,
    study: Path | None = None,
    json: Path | None = None,
    strict: bool = False,
    seed: int = 0,
) -> None:
    """Say whether a posterior can be trusted: convergence, predictive checks, leave-one-out.

    Convergence is judged on choice probabilities and similarities. With the judgments it was
    fitted on (--choices or --study), the model is also asked whether it would give such judgments
    again, in all and by participant, and how well each choice is predicted from the others.

    Exit status: 0, also of a fit that has not converged; with --strict that is 1.

    Parameters
    ----------
    posterior
        Posterior (.nc).
    choices
        Table of the choices that it was fitted on (.parquet).
    arrangements
        Table of the multi-arrangement trials that it was fitted on (.parquet).
    dissimilarities
        Table of the RDMs or rated pairs that it was fitted on (.parquet).
    study
        Folder of the study whose judgments it was fitted on, instead of the tables.
    json
        File for all numbers (.json).
    strict
        End with exit status 1 if the fit has not converged, or the file cannot tell.
    seed
        Of the triplets that convergence is judged on, of replicated layouts, and of the subset
        that is left out when there are many judgments.

    Examples
    --------
        twoalike check posterior.nc
        twoalike check posterior.nc --choices choices.parquet --json check.json
        twoalike check posterior.nc --arrangements arrangements.parquet
        twoalike check mystudy/derived/posterior.nc --study mystudy --strict
    """
    from twoalike.cli._check_page import check_page
    from twoalike.embedding import Posterior, check_posterior
    from twoalike.study import TwoalikeError, check_output

    check_seed(seed)
    paths = {
        "choices": choices,
        "arrangements": arrangements,
        "dissimilarities": dissimilarities,
    }
    if study is not None and any(paths.values()):
        given = next(name for name, path in paths.items() if path is not None)
        raise TwoalikeError(f"expected --{given} or --study, found both. Give one of them.")
    if json is not None and json.suffix != ".json":
        raise TwoalikeError(f"{json}: the numbers are written as .json; choose that ending.")
    if json is not None:
        check_output(json)
    fit = Posterior.load(posterior)
    if study is not None:
        paths |= _of_study(study, fit)
    from twoalike.judgments import read_arrangements, read_dissimilarities

    table, fitted, remark = _judgments(fit, paths["choices"])
    placed, pairs = paths["arrangements"], paths["dissimilarities"]
    found = check_posterior(
        fit,
        table,
        arrangements=None if placed is None else read_arrangements(placed),
        dissimilarities=None if pairs is None else read_dissimilarities(pairs),
        fitted=fitted,
        seed=seed,
    )
    console = wide_console()
    remarks = [remark, *(_unlike_the_fit(fit, role, paths[role]) for role in DISTANCES)]
    for block in check_page(posterior, fit, found, remarks):
        console.print(block)
    if json is not None:
        inputs = {name: path for name, path in paths.items() if path is not None}
        _write(json, found, {"posterior": posterior} | inputs, seed)
        print(f"Wrote {json}")  # noqa: T201
    if strict and not found.converged:
        state = "cannot tell whether it has converged" if found.converged is None else "has not"
        raise TwoalikeError(f"{posterior}: the fit {state} converged (--strict).")


def _of_study(folder: Path, posterior: "Posterior") -> dict[str, Path]:
    """Tables of a study's judgments; arrangements only if the posterior was fitted on such."""
    from twoalike.study import Study, TwoalikeError

    study = Study.load(folder)
    tables = {"choices": study.choices}
    if "arranger" in posterior.tree["posterior"].coords:
        tables["arrangements"] = study.arrangements
    found = {name: path for name, path in tables.items() if path.is_file()}
    if not found:
        raise TwoalikeError(
            f"{study.choices}: expected the study's judgments, found no such file. Make it with: "
            f"twoalike fit {folder}"
        )
    return found


def _judgments(
    posterior: "Posterior", path: Path | None
) -> tuple["pd.DataFrame | None", bool, str]:
    """Read judgments; whether they are those of the fit, and a remark where that is not plain."""
    if path is None:
        return None, True, ""
    from twoalike.embedding import fitted_on
    from twoalike.judgments import read_choices
    from twoalike.study import sha256_file

    table = read_choices(path)
    fitted, remark = fitted_on(posterior, table, sha256_file(path))
    return table, fitted, remark


def _unlike_the_fit(posterior: "Posterior", role: str, path: Path | None) -> str:
    """Write a remark on arrangements or dissimilarities that are not those of the fit."""
    from twoalike.embedding import other_file
    from twoalike.study import sha256_file

    return "" if path is None else other_file(posterior, role, sha256_file(path))


def _write(out: Path, found: "PosteriorCheck", inputs: dict[str, Path], seed: int) -> None:
    from dataclasses import asdict

    from twoalike.study import provenance, write_json

    write_json(out, provenance("check", seed=seed, inputs=inputs) | _plain(asdict(found)))


def _plain(value: Any) -> Any:
    """Numbers as JSON can hold them: what is not finite becomes null."""
    from math import isfinite

    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not isfinite(value) else value
