"""``twoalike similarity``."""

from typing import Any

from twoalike import embedding
from twoalike.cli._derived import takes
from twoalike.cli._show import show_doubts


@takes(embedding.save_similarity)
def similarity(**given: Any) -> None:
    """Write how similar every two objects are, with intervals.

    Similarities are means over the posterior's draws.

    Examples
    --------
        twoalike similarity posterior.nc --out similarity.csv
        twoalike similarity posterior.nc --scale chance --out similarity.npz
        twoalike similarity posterior.nc --objects ids.txt --square --out similarity.csv
        twoalike similarity posterior.nc --group experts --out experts.csv
    """
    fitted = embedding.Posterior.load(given.pop("posterior"))
    table = embedding.save_similarity(fitted, **given)
    show_doubts(fitted, intervals=not given["square"])
    print(f"{given['out']}  {len(table.ids)} objects, scale {table.scale}")  # noqa: T201
