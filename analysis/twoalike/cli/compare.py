"""``twoalike compare``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from twoalike.cli._tables import plain, plain_table

if TYPE_CHECKING:
    from rich.console import Console


def compare(
    first: Path,
    second: Path,
    /,
    *,
    choices: Path | None = None,
    observers: Literal["own", "typical"] = "own",
    interval: float = 0.9,
    out: Path | None = None,
) -> None:
    """Compare two posteriors: what they predict, and how alike their similarities are.

    On --choices, log-loss and accuracy of both and their paired difference with its standard
    error. Over the objects that both know, the correlation of their similarities, and their
    dimensions matched one to one.

    Examples
    --------
        twoalike compare first.nc second.nc
        twoalike compare plain.nc with_features.nc --choices heldout.parquet --out comparison.json

    Parameters
    ----------
    first
        A posterior (.nc).
    second
        Another one; differences are second minus first.
    choices
        Judgments (.parquet) that neither was fitted to.
    observers
        own: participants whom a posterior knows answer with their own lapse and temperature,
        others as typical ones. typical: all as typical ones.
    interval
        Share of the draws inside the intervals.
    out
        All numbers, as .json.
    """
    from rich.console import Console

    from twoalike.cli._posterior_notes import show_doubts
    from twoalike.embedding import (
        Posterior,
        check_ending,
        compare_predictions,
        compare_similarity,
        is_input,
    )
    from twoalike.judgments import read_choices
    from twoalike.study import provenance, sha256_file, write_json

    if out is not None:
        check_ending(out, [".json"], "a comparison")
    paths = {"first": first, "second": second}
    models = {name: Posterior.load(path) for name, path in paths.items()}
    judged = read_choices(choices) if choices else None
    inputs = paths | ({"choices": choices} if choices else {})
    config = {"interval": interval, "observers": observers}
    result = provenance("comparison", inputs=inputs, config=config)
    console = Console()
    for name, model in models.items():
        show_doubts(model, paths[name], intervals=True)
    if choices is not None and judged is not None:
        judged_sha256 = sha256_file(choices)
        result["predictions"] = compare_predictions(
            models["first"], models["second"], judged, observers=observers
        )
        result["predictions"]["fitted_to_them"] = [
            name for name, model in models.items() if is_input(model, "choices", judged_sha256)
        ]
        _show_predictions(console, result["predictions"], paths)
    result["similarity"] = compare_similarity(models["first"], models["second"], interval)
    _show_similarity(console, result["similarity"], paths)
    if out is not None:
        write_json(out, result)
        print(f"Wrote {out}")  # noqa: T201


def _show_predictions(console: "Console", said: dict[str, Any], paths: dict[str, Path]) -> None:
    from twoalike.study import counted

    for name in said["fitted_to_them"]:
        where = plain(str(paths[name]))
        console.print(f"[bold red]{where}: fitted to these choices, not held out from it[/]")
    people = counted(said["participants"], "participant")
    title = f"{counted(said['judgments'], 'judgment')} by {people}"
    if said["left_out"]:
        title += f" ({said['left_out']} left out: practice, catch or other objects)"
    table = plain_table(title, "", "log-loss (nats)", "accuracy")
    rows = [(name, str(path)) for name, path in paths.items()] + [("difference", "second - first")]
    for key, label in rows:
        cells = [
            f"{said[score][key]['value']:{'+' if key == 'difference' else ''}.4f} "
            f"[dim]± {said[score][key]['standard_error']:.4f}[/]"
            for score in ("log_loss", "accuracy")
        ]
        table.add_row(plain(label), *cells)
    console.print(table)


def _span(of: dict[str, float]) -> str:
    return f"[dim]{of['low']:.2f} to {of['high']:.2f}[/]"


def _show_similarity(console: "Console", said: dict[str, Any], paths: dict[str, Path]) -> None:
    table = plain_table(f"Similarities of {said['objects']} objects", "", "correlation", "")
    table.add_row("posterior means, Pearson", f"{said['pearson']:.3f}", "")
    table.add_row("posterior means, Spearman", f"{said['spearman']:.3f}", "")
    rows = (
        ("draws", "a draw of one with a draw of the other"),
        ("first_draws", f"two draws of {plain(str(paths['first']))}"),
        ("second_draws", f"two draws of {plain(str(paths['second']))}"),
    )
    for key, label in rows:
        table.add_row(label, f"{said[key]['value']:.3f}", _span(said[key]))
    console.print(table)
    title = "Dimensions, matched one to one (r: correlation over objects)"
    matches = plain_table(title, "first", "second", "r of means", "r of draws")
    for match in said["dimensions"]:
        row = (str(match["first"]), str(match["second"]), f"{match['correlation']:.3f}")
        matches.add_row(*row, _span(match))
    console.print(matches)
