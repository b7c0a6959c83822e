"""``twoalike similarity``."""

from pathlib import Path
from typing import Literal

from twoalike.cli._show import show_doubts


def similarity(
    posterior: Path,
    /,
    *,
    out: Path,
    scale: Literal["centred", "raw", "chance"] = "centred",
    interval: float = 0.9,
    objects: Path | None = None,
    square: bool = False,
    group: str | None = None,
    participant: str | None = None,
) -> None:
    """Write how similar every two objects are, with intervals.

    Similarities are means over the posterior's draws. Text has a row for each pair: item_1, item_2,
    similarity, low, high. A .npz or .mat file has square matrices: ids, similarity, low, high.

    Examples
    --------
        twoalike similarity posterior.nc --out similarity.csv
        twoalike similarity posterior.nc --scale chance --out similarity.npz
        twoalike similarity posterior.nc --objects ids.txt --square --out similarity.csv
        twoalike similarity posterior.nc --group experts --out experts.csv

    Parameters
    ----------
    posterior
        File written by twoalike fit.
    out
        File to write (.csv, .tsv, .npz or .mat).
    scale
        centred: in units of log-odds of a choice; 0 is the mean similarity of two of these objects.
        raw: not centred; dot products, unless the posterior has distances. Choices determine only
        how pairs differ, not their common level. chance: from 0 to 1, the probability that the two
        are kept together when a third object is shown with them, as defined by SPoSE and VICE. For
        1,854 objects and 100 draws this takes about eight minutes.
    interval
        Share of the posterior between low and high.
    objects
        Ids of the objects to write, one per line, in the desired order; all if left out. chance
        draws the third object from these.
    square
        For text: only the means, as a square table with names.
    group
        Similarities of the average person of this group; the posterior needs weights by person
        (twoalike fit --people weights --groups).
    participant
        Similarities of this participant; the posterior needs weights by person as well.
    """
    from twoalike.embedding import Posterior, save_similarity

    fitted = Posterior.load(posterior)
    table = save_similarity(
        fitted,
        out,
        scale=scale,
        interval=interval,
        objects=objects,
        square=square,
        group=group,
        participant=participant,
    )
    show_doubts(fitted, intervals=not square)
    print(f"{out}  {len(table.ids)} objects, scale {scale}")  # noqa: T201
