"""``twoalike leaderboard``: many networks against the same people."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cyclopts import Parameter

from twoalike.cli._options import maybe_named
from twoalike.cli._show import show_notes, show_summary


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """What networks are ranked by."""

    choices: Path | None = None
    """Judgments (choices.parquet); odd-one-out and anchored ones are scored separately, and the
    odd-one-out judgments determine the order."""
    posterior: Path | None = None
    """Fitted embedding (.nc): Spearman's correlation with its dissimilarities."""
    rdm: Path | None = None
    """People's dissimilarities (.mat, .npy, .npz, .csv)."""
    arrangements: Path | None = None
    """Multi-arrangement (arrangements.parquet), instead of --rdm."""
    objects: Path | None = None
    """Object ids, one per line: the order of --rdm, and of features in .npy."""
    labels: Path | None = None
    """Table of labels (tab-separated, column id, then levels), such as stimuli.tsv. Adds scores by
    kind of triplet (within, boundary, between) at each level."""
    classes: Path | None = None
    """Table of classes of images, in the form of --labels: adds few-shot classification beside the
    likeness, of all images that every network has features of. Default: --labels, or else the
    folders of the images."""
    similarity: Literal["cosine", "raw-cosine", "dot"] | None = None
    """As in twoalike evaluate."""
    against: str | None = None
    """Network to compare all others with, if you chose it before you knew the scores. Differences
    are then corrected only for the comparisons with this network, instead of for all pairs."""


def leaderboard(
    *features: str,
    options: Options = Options(),
    seed: int = 0,
    out: Path,
    table: Path | None = None,
    figure: Path | None = None,
) -> None:
    """Rank many networks by their agreement with the same people, and test which differ.

    Only judgments of objects that all networks have features of are used. Networks are ordered by
    accuracy or, without --choices, by the correlation with the posterior or with people. Scores
    have 95 % intervals over participants and objects. Differences from the best network are
    corrected for all pairs of networks, and each network has a range of ranks. Scores above
    people's own agreement are marked and explained.

    Parameters
    ----------
    features
        Feature tables of two networks or more (.npz, .parquet, .h5, folders of shards, or .npy with
        --objects), as FILE or NAME=FILE. Without NAME, the name of the network in the file, or else
        the name of the file.
    seed
        Seed of the halves for temperatures and of the resamples.
    out
        File for all results (.json).
    table
        Table to write as well, with a row for each score (.tsv).
    figure
        Figure to write as well (.svg or .png).

    Examples
    --------
        twoalike leaderboard features/*.npz --posterior posterior.nc --choices choices.parquet --out leaderboard.json --table leaderboard.tsv --figure leaderboard.svg
        twoalike leaderboard dino=dino.npz siglip=siglip.npz clip.npz --rdm rdms.mat --objects ids.txt --against clip --out leaderboard.json
    """  # noqa: E501
    from twoalike.results import leaderboard as rank
    from twoalike.study import TwoalikeError, atomic_path, check_output, check_seed

    check_seed(seed)
    for path, endings in ((table, (".tsv",)), (figure, (".svg", ".png"))):
        if path is not None:
            if path.suffix not in endings:
                kinds = " or ".join(endings)
                raise TwoalikeError(where=path, expected=f"a file ending in {kinds}")
            check_output(path)
    given = (maybe_named(text) for text in features)
    board = rank(
        [(name, path) if name else path for name, path in given],
        seed=seed,
        out=out,
        **vars(options),
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
    for path in filter(None, (out, table, figure)):
        print(f"Wrote {path}")  # noqa: T201
