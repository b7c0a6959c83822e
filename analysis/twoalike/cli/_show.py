"""What commands print: what functions have to say, one kind of table, the page of a check."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from twoalike.study import counted

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console, JustifyMethod, OverflowMethod
    from rich.table import Table

    from twoalike.embedding import (
        Comparison,
        KindChecks,
        LeaveOneOut,
        Posterior,
        PosteriorCheck,
        Predictive,
    )
    from twoalike.results import TableView


def say(line: object) -> None:
    """Print a line."""
    print(line)  # noqa: T201


def plain(text: str) -> str:
    """Text from data for a table or a console: no markup, and no orders to the terminal."""
    from rich.markup import escape

    from twoalike.study import visible

    return escape(visible(text))


def show_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    bold: Collection[int] = (),
    left: Collection[str] = (),
) -> None:
    """Print a table of texts, second lines of cells in faint print.

    The first column names the rows and may wrap; the others have numbers on the right, but those of
    ``left``. Intervals are below their figures if lines would be long. ``bold`` are rows.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    console, cells = wide_console(), [tuple(row) for row in rows]
    lengths = [max(map(len, column)) + 3 for column in zip(columns, *cells, strict=True)]
    between = " " if sum(lengths) < console.width else "\n"
    shown = Table(title=plain(title), box=SIMPLE_HEAD, title_justify="left")
    for place, column in enumerate(columns):
        head = plain(column).replace(", ", f",{between}")
        side: JustifyMethod = "right" if place and column not in left else "left"
        overflow: OverflowMethod = "ellipsis" if place else "fold"
        no_wrap = place > 0 and column not in left
        shown.add_column(head, justify=side, no_wrap=no_wrap, overflow=overflow)
    for number, row in enumerate(cells):
        texts = (_cell(text, between) for text in row)
        shown.add_row(*texts, style="bold" if number in bold else None)
    console.print(shown)


def _cell(text: str, between: str) -> str:
    figure, _, interval = text.partition("\n")
    return f"{plain(figure)}{between}[dim]{plain(interval)}[/]" if interval else plain(figure)


def show_tables(tables: "Iterable[TableView]") -> None:
    """Print tables of results."""
    for view in tables:
        cells = view.frame.reset_index().rename(columns={"index": ""}).astype(str)
        show_table(view.title, list(map(str, cells)), cells.itertuples(index=False))


def wide_console() -> "Console":
    """Console that breaks no sentence or path, of at least 100 columns: a log file counts as 80."""
    from rich.console import Console

    console = Console(soft_wrap=True)
    console.width = max(console.width, 100)
    return console


def show_notes(lines: Iterable[str]) -> None:
    """Print what a function of the domain has to say, parameters as options."""
    from twoalike.cli.app import with_options
    from twoalike.study import visible

    for line in lines:
        print(visible(with_options(line)), flush=True)  # noqa: T201


def show_written(*paths: "Path | None") -> None:
    """Print which files were written; None is a file that nobody asked for."""
    for path in filter(None, paths):
        say(f"Wrote {path}")


def show_doubts(posterior: "Posterior", *, intervals: bool = False) -> None:
    """Print that a fit has not converged, or that the intervals in use are approximate."""
    show = wide_console().print
    attrs, name = posterior.attrs, plain(str(posterior.path))
    if (verdict := posterior.verdict).predictions is False:
        show(f"[bold red]{name}: {verdict}[/]; see twoalike check")
    if intervals and attrs.get("links", {}).get("arranged", 0):
        show(f"{name}: fitted to RDMs that were computed from arrangements: it has no intervals")
    elif intervals and not verdict.intervals and verdict.predictions is not False:
        show(f"{name}: its intervals are rough; see twoalike check")


CHECKS = {
    "agreement": "answer is a draw's most probable one",
    "consistency": "a person's two answers agree",
    "consensus": "two people's answers agree",
    "arrangements": "mean r with the embedding's distances",
    "dissimilarities": "mean r with the embedding's",
    "ratings": "mean r with the embedding's similarities",
    "sortings": "mean r of sharing a pile with similarity",
}
_KINDS = {
    "arrangements": ("arrangement", "layouts"),
    "dissimilarities": ("dissimilarity", "dissimilarities"),
    "ratings": ("rating", "ratings"),
    "sortings": ("sorting", "sortings"),
}
"""Kind -> one such judgment, and what the model would give again."""
COMPARED = ("", "cases", "observed", "replicated, 90 %", "p")
"""Columns of a table of comparisons."""
MOST_PEOPLE = 10
ROUGH = 0.05
"""Share of ratings or sortings with a high Pareto k above which the page calls the figure rough."""


def check_page(posterior: "Posterior", found: "PosteriorCheck") -> Iterator[Any]:
    """Compose what ``twoalike check`` prints: the verdict, then one block a kind of check."""
    from twoalike.cli.app import with_options

    of = found.verdict
    colour = "red" if of.predictions is False else "green" if of.intervals else "yellow"
    yield f"[bold {colour}]{found.headline}[/]  {plain(str(posterior.path))}"
    yield _described(posterior)
    for sentence in (*found.advice, *found.remarks):
        yield f"[yellow]![/] {plain(with_options(sentence))}"
    if found.left_out:
        yield (
            f"[yellow]![/] {found.left_out:,} judgments by people or of objects that the "
            "posterior does not know are left out."
        )
    yield from _convergence(found.convergence)
    if found.predictive is not None:
        yield from _predictive(found.predictive, found.judgments)
    if found.held_out:
        yield _held_out(found.held_out, vi=posterior.attrs.get("engine") == "vi")
    if found.loo is not None:
        yield from _loo(found.loo, found.guessing)
    for kind, words in _KINDS.items():
        if (checks := getattr(found, kind)) is not None:
            yield from _kind(kind, checks, *words)
    for sentence in found.missing:
        yield f"[dim]not checked: {plain(with_options(sentence))}[/]"


def _described(posterior: "Posterior") -> str:
    sizes = posterior.tree["posterior"].sizes
    attrs = posterior.attrs
    chains = f"{sizes['chain']} chains of " if sizes["chain"] > 1 else ""
    approximate = " (approximate)" if attrs.get("engine") == "vi" else ""
    return (
        f"engine {attrs.get('engine', 'unknown')}{approximate}, prior "
        f"{attrs.get('prior', 'unknown')}, {len(posterior.ids):,} objects in "
        f"{counted(sizes['dimension'], 'dimension')}, "
        f"{counted(len(posterior.participants), 'participant')}, "
        f"{chains}{sizes['draw']:,} draws"
    )


def _table(title: str, *columns: str) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, box=SIMPLE_HEAD, title_style="bold", title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(column, no_wrap=place > 0, justify="left" if place == 0 else "right")
    return table


def _convergence(state: dict[str, Any]) -> Iterator[Any]:
    if "choice_rhat_95" in state:
        columns = ("R-hat, 95 % below", "largest", "ESS, median", "5 % below")
        table = _table("Convergence", "", *columns)
        for name, words in (("choice", "choice probabilities"), ("similarity", "similarities")):
            rhats = [f"{state[f'{name}_rhat_{which}']:.3f}" for which in ("95", "max")]
            sizes = [f"{state[f'{name}_ess_{which}']:,.0f}" for which in ("median", "05")]
            table.add_row(words, *rhats, *sizes)
        yield table
    if "fits_apart" in state:
        yield (
            f"  choice probabilities of the chains differ by {state['fits_apart']:.1f} percentage "
            f"points; one alone predicts {state['fits_cost']:.4f} nats a judgment worse than all"
        )
    if "chain_log_density" in state:
        values = ", ".join(f"{value:,.1f}" for value in state["chain_log_density"])
        yield f"  log density of the chains {values}; {state.get('divergences', 0)} divergences"
    if "loss_change" in state:
        yield (
            f"  evidence bound {state['loss']:.4f} nats a judgment, last change "
            f"{state['loss_change']:+.4f}"
        )
        if "choice_rhat_95" not in state:
            yield "  one variational fit: there is no R-hat, and its draws are independent"


def _row(found: "Comparison", words: str) -> tuple[str, ...]:
    return (
        plain(words),
        f"{found.n:,.0f}",
        f"{found.observed:.3f}",
        f"{found.expected:.3f} [dim]{found.low:.3f} to {found.high:.3f}[/]",
        f"{found.p:.3f}",
    )


def _predictive(found: "Predictive", judgments: int) -> Iterator[Any]:
    from twoalike.embedding import calibration_gap

    title = f"Would the model give such answers again? {judgments:,} judgments"
    table = _table(title, *COMPARED)
    for check in found.checks:
        of_question = f"{check.name}: {CHECKS['agreement']}"
        table.add_row(*_row(check, CHECKS.get(check.name, of_question)))
    yield from _with_people(table, found.participants, found.outstanding)
    yield _curve("Calibration", "predicted", "answered", found.calibration)
    yield f"  mean gap {calibration_gap(found.calibration):.4f}"


def _with_people(
    table: "Table", people: "Sequence[Comparison]", outstanding: "Sequence[str]"
) -> Iterator[Any]:
    by_name = {person.name: person for person in people}
    for name in outstanding[:MOST_PEOPLE]:
        table.add_row(*_row(by_name[name], f"stands out: {name}"))
    yield table
    count = len(outstanding)
    more = f", the first {MOST_PEOPLE} are shown" if count > MOST_PEOPLE else ""
    yield f"  {count or 'none'} of {len(people):,} participants stand out{more}"


def _kind(kind: str, found: "KindChecks", one: str, such: str) -> Iterator[Any]:
    n = f"{found.judgments:,} {one if found.judgments == 1 else kind}"
    table = _table(f"Would the model give such {such} again? {n}", *COMPARED)
    table.add_row(*_row(found.follow, CHECKS[found.follow.name]))
    by_name = {person.name: person for person in found.participants}
    for name in found.at_random[:MOST_PEOPLE]:
        table.add_row(*_row(by_name[name], f"at random: {name}"))
    yield from _with_people(table, found.participants, found.outstanding)
    if found.left_out:
        yield (
            f"  left out: {found.left_out:,} of people or of objects that the posterior does not "
            "know, or too small to tell anything"
        )
    if found.calibration and one == "arrangement":
        title = "Distances, by tenths of the embedding's, as shares of a layout's mean"
        yield _curve(title, "replicated", "placed", found.calibration)
    if (score := found.score) is None:
        return
    title = "Levels of the scale, as shares of the ratings" if one == "rating" else "Piles"
    table = _table(title, *COMPARED)
    for part in found.calibration:
        table.add_row(*_row(part, part.name))
    yield table
    unit = "rating" if one == "rating" else "decision to join a pile"
    how = "from all others" if score.left_out else "by the posterior as it is"
    yield (
        f"  log-loss of a {unit}, {how}: {score.log_loss:.4f} ± {score.log_loss_se:.4f}; guessing: "
        f"{score.guessing:.4f}"
    )
    if score.left_out:
        rough = ": the figure is rough, rather too good" if score.k_high > ROUGH else ""
        yield f"  Pareto k above {score.k_limit:.2f} in {score.k_high:.1%}{rough}"


def _curve(title: str, expected: str, observed: str, parts: "Sequence[Comparison]") -> "Table":
    curve = _table(title, expected, *(f"{part.expected:.2f}" for part in parts))
    shown = [(f"{part.observed:.2f}", part.two_sided < 0.01) for part in parts]
    curve.add_row(observed, *(f"[yellow]{text}[/]" if far else text for text, far in shown))
    return curve


def _held_out(held: dict[str, Any], *, vi: bool) -> str:
    better = "; to be preferred to leave-one-out, which is too pessimistic for vi" if vi else ""
    return (
        "\n[bold]Held out by the fit[/]\n"
        f"  log-loss {held['log_loss']:.4f} ± {held['log_loss_se']:.4f}, of "
        f"{counted(held['judgments'], 'judgment')}{better}"
    )


def _loo(loo: "LeaveOneOut", guessing: dict[str, float] | None) -> Iterator[str]:
    yield "\n[bold]Leave-one-out[/]"
    subset = ""
    if loo.subset < loo.judgments:
        subset = (
            f" (from {loo.subset:,} of them, which adds a standard error of {loo.subset_se:.1f})"
        )
    yield (
        f"  log-loss {loo.log_loss:.4f} ± {loo.log_loss_se:.4f}, accuracy {loo.accuracy:.4f} "
        f"± {loo.accuracy_se:.4f}"
    )
    if guessing is not None:
        yield f"  guessing: {guessing['log_loss']:.4f}, accuracy {guessing['accuracy']:.4f}"
    yield (
        f"  elpd {loo.elpd:,.1f} ± {loo.se:,.1f} over {loo.judgments:,} judgments{subset}, "
        f"{loo.p_loo:,.1f} effective parameters"
    )
    yield f"  Pareto k above {loo.k_limit:.2f} in {loo.k_high:.1%}, largest {loo.k_max:.2f}\n"
