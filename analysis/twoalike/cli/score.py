"""``twoalike score``."""

from typing import Any

from twoalike import results
from twoalike.cli._derived import takes
from twoalike.cli._show import show_summary, show_written


@takes(results.score, without={"resamples"})
def score(**given: Any) -> None:
    """Score a posterior on judgments, usually others than those it was fitted to.

    Examples
    --------
        twoalike score posterior.nc --choices later.parquet
        twoalike score posterior.nc --choices later.parquet --people new --out scores.json
        twoalike score posterior.nc --choices all.parquet --exclude-seen
    """
    show_summary(results.score(**given).tables())
    show_written(given["out"])
