"""``twoalike check``."""

from pathlib import Path

from twoalike.cli._show import wide_console


def check(
    posterior: Path,
    /,
    *,
    choices: Path | None = None,
    arrangements: Path | None = None,
    dissimilarities: Path | None = None,
    ratings: Path | None = None,
    sortings: Path | None = None,
    study: Path | None = None,
    json: Path | None = None,
    strict: bool = False,
    seed: int = 0,
) -> None:
    """Check whether a posterior can be trusted: convergence, predictive checks, leave-one-out.

    Convergence is judged by choice probabilities and similarities. With the judgments that it was
    fitted to (--study, --choices and so on), the command also compares them with judgments
    simulated from the model, overall and by participant, and estimates how well each choice, rating
    or sorting is predicted from the others.

    Exit status: 0, also if the fit has not converged; 1 in that case with --strict.

    Parameters
    ----------
    posterior
        Posterior (.nc).
    choices
        Table of the choices that it was fitted to (.parquet).
    arrangements
        Table of the multi-arrangement trials that it was fitted to (.parquet).
    dissimilarities
        Table of the RDMs or rated pairs that it was fitted to (.parquet).
    ratings
        Table of the rated pairs that it was fitted to (.parquet).
    sortings
        Table of the objects in piles that it was fitted to (.parquet).
    study
        Folder of the study whose judgments it was fitted to, instead of the tables.
    json
        File for all numbers (.json).
    strict
        End with exit status 1 if the fit has not converged, or if the file does not show whether it
        has.
    seed
        Seed of the triplets by which convergence is judged, of the replicated layouts, and of the
        subset for leave-one-out when there are many judgments.

    Examples
    --------
        twoalike check posterior.nc
        twoalike check posterior.nc --choices choices.parquet --json check.json
        twoalike check posterior.nc --arrangements arrangements.parquet
        twoalike check mystudy/derived/posterior.nc --study mystudy --strict
    """
    from twoalike.cli._check_page import check_page
    from twoalike.embedding import Posterior
    from twoalike.embedding import check as check_fit
    from twoalike.study import TwoalikeError, check_seed

    check_seed(seed)
    if json is not None and json.suffix != ".json":
        raise TwoalikeError(f"{json}: the numbers are written as .json; choose that ending.")
    fit = Posterior.load(posterior)
    found = check_fit(
        fit,
        choices,
        arrangements=arrangements,
        dissimilarities=dissimilarities,
        ratings=ratings,
        sortings=sortings,
        study=study,
        seed=seed,
        out=json,
    )
    console = wide_console()
    for block in check_page(fit, found):
        console.print(block)
    if json is not None:
        print(f"Wrote {json}")  # noqa: T201
    if strict and not found.converged:
        state = "cannot tell whether it has converged" if found.converged is None else "has not"
        raise TwoalikeError(f"{posterior}: the fit {state} converged (--strict).")
