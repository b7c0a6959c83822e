"""``twoalike embed``."""

from pathlib import Path

from twoalike.cli._show import show_doubts


def embed(posterior: Path, /, *, out: Path, draws: bool = False) -> None:
    """Write the objects' coordinates: posterior means, or every draw.

    Dimensions are in order of importance, the same in all draws. Coordinates are for inspection;
    for predictions and similarities, twoalike predict and twoalike similarity average over draws.

    Examples
    --------
        twoalike embed posterior.nc --out embedding.csv
        twoalike embed posterior.nc --draws --out embedding.npz

    Parameters
    ----------
    posterior
        File written by twoalike fit.
    out
        File to write: .csv or .tsv with columns object, dimension_1, ... (with --draws also
        draw); .npz with ids, features (the means, so that every --features option reads it),
        sd and, with --draws, draws (draw x object x dimension).
    draws
        Write every draw.
    """
    from twoalike.embedding import Posterior, save_embedding
    from twoalike.study import counted

    fitted = Posterior.load(posterior)
    save_embedding(fitted, out, draws=draws)
    show_doubts(fitted)
    n_draws, m, d = fitted.embedding.shape
    what = f"{counted(n_draws, 'draw')} of " if draws else ""
    print(f"{out}  {what}{counted(m, 'object')} in {counted(d, 'dimension')}")  # noqa: T201
