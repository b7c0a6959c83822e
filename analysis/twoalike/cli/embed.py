"""``twoalike embed``."""

from pathlib import Path


def embed(posterior: Path, /, *, out: Path, draws: bool = False) -> None:
    """Write the objects' coordinates: posterior means, or every draw.

    Draws were brought to one order of dimensions when fitted, and dimensions are in order of
    importance. Coordinates are to look at; for predictions and similarities use twoalike predict
    and twoalike similarity, which average over draws what does not depend on that order.

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
    from twoalike.cli._posterior_notes import show_doubts
    from twoalike.embedding import Posterior, check_ending, write_embedding
    from twoalike.study import atomic_path, counted, provenance

    check_ending(out, [".csv", ".tsv", ".npz"], "an embedding")
    fitted = Posterior.load(posterior)
    origin = provenance("embedding", inputs={"posterior": posterior})
    with atomic_path(out) as temporary:
        write_embedding(temporary, fitted, origin, draws=draws)
    show_doubts(fitted, posterior)
    n_draws, m, d = fitted.embedding.shape
    what = f"{counted(n_draws, 'draw')} of " if draws else ""
    print(f"{out}  {what}{counted(m, 'object')} in {counted(d, 'dimension')}")  # noqa: T201
