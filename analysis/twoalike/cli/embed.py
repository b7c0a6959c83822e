"""``twoalike embed``."""

from typing import Any

from twoalike import embedding
from twoalike.cli._derived import takes
from twoalike.cli._show import show_doubts
from twoalike.study import counted


@takes(embedding.save_embedding)
def embed(**given: Any) -> None:
    """Write the objects' coordinates: posterior means, or every draw.

    Examples
    --------
        twoalike embed posterior.nc --out embedding.csv
        twoalike embed posterior.nc --draws --out embedding.npz
    """
    fitted = embedding.Posterior.load(given.pop("posterior"))
    embedding.save_embedding(fitted, **given)
    show_doubts(fitted)
    n_draws, m, d = fitted.embedding.shape
    what = f"{counted(n_draws, 'draw')} of " if given["draws"] else ""
    print(f"{given['out']}  {what}{counted(m, 'object')} in {counted(d, 'dimension')}")  # noqa: T201
