"""``twoalike compare``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from twoalike.cli._show import plain, plain_table, show_doubts

if TYPE_CHECKING:
    from rich.console import Console


def compare(
    first: Path,
    second: Path,
    /,
    *,
    choices: Path | None = None,
    observers: Literal["own", "new"] = "own",
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
        others as new people. new: all as new people.
    interval
        Share of the draws inside the intervals.
    out
        All numbers, as .json.
    """
    from rich.console import Console

    from twoalike import embedding

    paths = {"first": first, "second": second}
    models = {name: embedding.Posterior.load(path) for name, path in paths.items()}
    result = embedding.compare(
        models["first"],
        models["second"],
        choices,
        observers=observers,
        interval=interval,
        out=out,
    )
    console = Console()
    for model in models.values():
        show_doubts(model, intervals=True)
    if choices is not None:
        _show_predictions(console, result["predictions"], paths)
    _show_similarity(console, result["similarity"], paths)
    if out is not None:
        print(f"Wrote {out}")  # noqa: T201


def _show_predictions(console: "Console", result: dict[str, Any], paths: dict[str, Path]) -> None:
    from twoalike.study import counted

    for name in result["fitted_to_them"]:
        where = plain(str(paths[name]))
        console.print(f"[bold red]{where}: was fitted to these choices, they are not held out[/]")
    people = counted(result["participants"], "participant")
    title = f"{counted(result['judgments'], 'judgment')} by {people}"
    if result["left_out"]:
        title += f" ({result['left_out']} left out: practice, catch or other objects)"
    table = plain_table(title, "", "log-loss (nats)", "accuracy")
    rows = [(name, str(path)) for name, path in paths.items()] + [("difference", "second - first")]
    for key, label in rows:
        cells = [
            f"{result[score][key]['value']:{'+' if key == 'difference' else ''}.4f} "
            f"[dim]± {result[score][key]['standard_error']:.4f}[/]"
            for score in ("log_loss", "accuracy")
        ]
        table.add_row(plain(label), *cells)
    guess = result["guessing"]
    table.add_row("guessing", f"{guess['log_loss']:.4f}", f"{guess['accuracy']:.4f}")
    console.print(table)


def _span(of: dict[str, float]) -> str:
    return f"[dim]{of['low']:.2f} to {of['high']:.2f}[/]"


def _show_similarity(console: "Console", result: dict[str, Any], paths: dict[str, Path]) -> None:
    table = plain_table(f"Similarities of {result['objects']} objects", "", "correlation", "")
    table.add_row("posterior means, Pearson", f"{result['pearson']:.3f}", "")
    table.add_row("posterior means, Spearman", f"{result['spearman']:.3f}", "")
    rows = (
        ("draws", "a draw of one with a draw of the other"),
        ("first_draws", f"two draws of {plain(str(paths['first']))}"),
        ("second_draws", f"two draws of {plain(str(paths['second']))}"),
    )
    for key, label in rows:
        table.add_row(label, f"{result[key]['value']:.3f}", _span(result[key]))
    console.print(table)
    title = "Dimensions, matched one to one (r: correlation over objects)"
    matches = plain_table(title, "first", "second", "r of means", "r of draws")
    for match in result["dimensions"]:
        row = (str(match["first"]), str(match["second"]), f"{match['correlation']:.3f}")
        matches.add_row(*row, _span(match))
    console.print(matches)
