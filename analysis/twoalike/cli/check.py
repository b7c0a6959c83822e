"""``twoalike check``."""

from pathlib import Path

from twoalike.cli._options import check_seed
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
    """Say whether a posterior can be trusted: convergence, predictive checks, leave-one-out.

    Convergence is judged on choice probabilities and similarities. With the judgments it was
    fitted on (--choices or --study), the model is also asked whether it would give such judgments
    again, in all and by participant, and how well each choice, rating or sorting is
    predicted from the others.

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
    ratings
        Table of the rated pairs that it was fitted on (.parquet).
    sortings
        Table of the objects in piles that it was fitted on (.parquet).
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
    from twoalike.embedding import Posterior
    from twoalike.embedding import check as check_fit
    from twoalike.study import TwoalikeError

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
