"""``twoalike leaderboard``: many networks against the same people."""

from pathlib import Path
from typing import Any

from twoalike import results
from twoalike.cli._derived import takes
from twoalike.cli._options import maybe_named
from twoalike.cli._show import show_notes, show_summary, show_written


@takes(results.leaderboard, without={"resamples"})
def leaderboard(
    *features: str,
    out: Path,
    table: Path | None = None,
    figure: Path | None = None,
    **given: Any,
) -> None:
    """Rank many networks by their agreement with the same people, and test which differ.

    Parameters
    ----------
    features
        Feature tables of two networks or more (.npz, .parquet, .h5, folders of shards, or .npy with
        --objects), as FILE or NAME=FILE. Without NAME, the name of the network in the file, or else
        the name of the file.
    table
        Table to write as well, with a row for each score (.tsv).
    figure
        Figure to write as well (.svg or .png).

    Examples
    --------
        twoalike leaderboard features/*.npz --posterior posterior.nc --choices choices.parquet --out leaderboard.json --table leaderboard.tsv --figure leaderboard.svg
        twoalike leaderboard dino=dino.npz siglip=siglip.npz clip.npz --rdm rdms.mat --objects ids.txt --against clip --out leaderboard.json
    """  # noqa: E501
    from twoalike.study import TwoalikeError, atomic_path, check_output

    for path, endings in ((table, (".tsv",)), (figure, (".svg", ".png"))):
        if path is not None:
            if path.suffix not in endings:
                kinds = " or ".join(endings)
                raise TwoalikeError(where=path, expected=f"a file ending in {kinds}")
            check_output(path)
    networks = (maybe_named(text) for text in features)
    board = results.leaderboard(
        [(name, path) if name else path for name, path in networks], out=out, **given
    )
    show_summary(board.tables())
    show_notes(board.notes())
    if table is not None:
        board.save_table(table)
    if figure is not None:
        from twoalike.figures import leaderboard_chart, leaderboard_description, to_png, to_svg

        draw = to_png if figure.suffix == ".png" else to_svg
        words = leaderboard_description(board)
        with atomic_path(figure) as temporary:
            temporary.write_bytes(draw(leaderboard_chart(board), description=words))
    show_written(out, table, figure)
