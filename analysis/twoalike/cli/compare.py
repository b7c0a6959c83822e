"""``twoalike compare``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from twoalike import embedding
from twoalike.cli._derived import takes
from twoalike.cli._show import plain, plain_table, show_doubts, show_written, wide_console
from twoalike.study import TwoalikeError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


@takes(embedding.compare)
def compare(
    first: Path,
    second: Path | None = None,
    /,
    *,
    groups: Path | None = None,
    labels: Path | None = None,
    **given: Any,
) -> None:
    """Compare two posteriors, or the groups of people in one.

    Two posteriors: how well they predict --choices (log-loss and accuracy, and the paired
    difference with its standard error), how their similarities correlate over the objects that both
    know, and how their dimensions match one to one.

    Groups: in which dimensions, clusters of objects and pairs of objects they differ, with
    intervals from resampled people and p-values from permuted group labels. Clusters are the
    categories of --labels, or else clusters of the embedding. Fit the posterior with --people
    weights but without --groups, which would shrink people toward their group. The report of a
    study shows the results in derived/groups.json.

    Examples
    --------
        twoalike compare first.nc second.nc
        twoalike compare plain.nc with_features.nc --choices heldout.parquet --out comparison.json
        twoalike compare weights.nc --groups groups.tsv --labels stimuli.tsv --out groups.json
        twoalike compare my-study/derived/posterior.nc --groups my-study/data/raw/participants.tsv

    Parameters
    ----------
    first
        A posterior (.nc).
    second
        Another one; differences are second minus first. None with --groups.
    groups
        Group of each participant: a tab-separated file with columns participant and group, or the
        participants.tsv of a study with groups.
    labels
        With --groups, categories of the objects: a tab-separated file with the column id and one
        column for each level, such as stimuli.tsv.
    interval
        Share of the draws, or of the resamples of people, inside the intervals.
    """
    of_posteriors = second is not None or given["choices"] is not None
    if (groups is None) == (second is None) or (groups is not None and of_posteriors):
        raise TwoalikeError(
            expected="a second posterior, or --groups without --choices",
            found="none of them" if groups is None else "--groups and a second file",
            remedy="See `twoalike compare --help`.",
        )
    if groups is None and labels is not None:
        raise TwoalikeError(expected="--labels with --groups", found="--labels alone")
    out, interval = given["out"], given["interval"]
    if groups is not None:
        found = embedding.compare_groups(first, groups, labels=labels, interval=interval, out=out)
        _show_groups(found)
    elif second is not None:
        _compare({"first": first, "second": second}, **given)
    show_written(out)


def _compare(paths: dict[str, Path], **given: Any) -> None:
    """Compare two posteriors, and show how they differ."""
    models = {name: embedding.Posterior.load(path) for name, path in paths.items()}
    result = embedding.compare(models["first"], models["second"], **given)
    console = wide_console()
    for model in models.values():
        show_doubts(model, intervals=True)
    if given["choices"] is not None:
        _show_predictions(console, result["predictions"], paths)
    _show_similarity(console, result["similarity"], paths)


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


MOST_ROWS = 10
"""Clusters, and pairs of objects, that are listed for two groups."""


def _show_groups(result: dict[str, Any]) -> None:
    console = wide_console()
    for found in result["differences"]:
        names = [plain(found[side]) for side in ("first", "second")]
        counts = [result["people"][found[side]] for side in ("first", "second")]
        console.print(
            f"{names[1]} ({counts[1]} people) minus {names[0]} ({counts[0]}): p {found['p']:.3f} "
            "that they weigh all dimensions alike; their similarities correlate "
            f"{found['correlation']:.3f}"
        )
        rows = {str(row["dimension"]): row for row in found["dimensions"]}
        title = "Log weights of the dimensions (p corrected for their number)"
        console.print(_differences(title, "dimension", rows))
        clusters = sorted(found["clusters"], key=lambda row: (row["p"], -abs(row["effect"])))
        rows = {_cluster(row, result["clusters"]): row for row in clusters[:MOST_ROWS]}
        title = "Mean likeness within clusters (p corrected for their number)"
        console.print(_differences(title, "cluster", rows))
        rows = {", ".join(row["items"]): row for row in found["pairs"][:MOST_ROWS]}
        title = "Pairs of objects whose likeness differs most (p corrected for all pairs)"
        console.print(_differences(title, "pair", rows))


def _differences(title: str, what: str, rows: dict[str, dict[str, Any]]) -> "Table":
    table = plain_table(title, what, "difference", "", "in SD of people", "p")
    for name, row in rows.items():
        cells = (plain(name), f"{row['difference']:+.2f}", _span(row))
        table.add_row(*cells, f"{row['effect']:+.1f}", f"{row['p']:.3f}")
    return table


def _cluster(row: dict[str, Any], members: dict[str, dict[str, list[str]]]) -> str:
    """Name a category, or a cluster of the embedding by its most typical members."""
    from twoalike.study import shortened

    level, name = row["level"], row["cluster"]
    if level != "embedding":
        return name if len(members) == 1 else f"{level}: {name}"
    typical = shortened(", ".join(members[level][name]), 50)
    return f"{typical} ({row['objects']} objects)"
