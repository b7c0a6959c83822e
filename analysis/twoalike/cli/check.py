"""``twoalike check``."""

from pathlib import Path
from typing import Any

from twoalike import embedding
from twoalike.cli._check_page import check_page
from twoalike.cli._derived import takes
from twoalike.cli._options import Flag
from twoalike.cli._show import show_written, wide_console
from twoalike.study import TwoalikeError


@takes(embedding.check, without={"fitted", "out"})
def check(*, json: Path | None = None, strict: Flag = False, **given: Any) -> None:
    """Check whether a posterior can be trusted: convergence, predictive checks, leave-one-out.

    Convergence is judged by choice probabilities and similarities. With the judgments that it was
    fitted to (--study, --choices and so on), the command also compares them with judgments
    simulated from the model, overall and by participant, and estimates how well each choice, rating
    or sorting is predicted from the others.

    Exit status: 0, also if the fit has not converged; 1 in that case with --strict.

    Parameters
    ----------
    json
        File for all numbers (.json).
    strict
        End with exit status 1 if the fit has not converged, or if the file does not show whether it
        has.

    Examples
    --------
        twoalike check posterior.nc
        twoalike check posterior.nc --choices choices.parquet --json check.json
        twoalike check posterior.nc --arrangements arrangements.parquet
        twoalike check mystudy/derived/posterior.nc --study mystudy --strict
    """
    if json is not None and json.suffix != ".json":
        raise TwoalikeError(f"{json}: the numbers are written as .json; choose that ending.")
    fit = embedding.Posterior.load(given.pop("posterior"))
    found = embedding.check(fit, out=json, **given)
    console = wide_console()
    for block in check_page(fit, found):
        console.print(block)
    show_written(json)
    if strict and not found.converged:
        state = "cannot tell whether it has converged" if found.converged is None else "has not"
        raise TwoalikeError(f"{fit.path}: the fit {state} converged (--strict).")
