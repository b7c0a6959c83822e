"""What ``twoalike power`` says on the terminal: the simulated sizes, and the answer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from twoalike.cli._tables import bare_table
from twoalike.study import counted

if TYPE_CHECKING:
    from twoalike.recovery import Outcome, PowerResult

_WORLDS = {
    "categories": "spaces drawn from the stimuli's categories",
    "sparse": "spaces of sparse qualities (the stimuli have no categories)",
    "observer": "the observer's space",
    "posterior": "draws of the posterior",
}
_SESSIONS = (100, 200, 300, 500)
"""Main trials a person of other ways to collect the same."""


def show_power(result: "PowerResult") -> None:
    """Print the table and the answer."""
    from rich.console import Console

    console = Console()
    console.print(_table(result))
    for line in power_lines(result):
        console.print(line, highlight=False, soft_wrap=True)


_COLUMNS = (
    "regret: log-loss on new triplets above that of one who knows the truth, nats; known: the "
    "share of the truth's gain over guessing that is reached; width: of the 95 % intervals of "
    "choice probabilities; hold: share of the truth inside them."
)


def _table(result: "PowerResult") -> Any:
    shown = bare_table(f"Simulated studies, {result.trials} trials a person")
    for column in ("people", "judgments", "regret", "known", "width", "hold", "reached"):
        shown.add_column(column, justify="right", no_wrap=True)
    for size in sorted({outcome.participants for outcome in result.found.outcomes}):
        rows = [outcome for outcome in result.found.outcomes if outcome.participants == size]
        style = "bold" if size == result.found.participants else None
        shown.add_row(*_cells(result, rows), style=style)
    return shown


def _cells(result: "PowerResult", rows: Sequence["Outcome"]) -> list[str]:
    from twoalike.recovery import CHANCE

    measure, target = result.target.measure, result.target.value
    regret = np.array([row.regret for row in rows])
    known = 1 - regret.mean() / (CHANCE - np.mean([row.oracle for row in rows]))
    reached = sum(row.value(measure) <= target for row in rows)
    return [
        str(rows[0].participants),
        f"{rows[0].judgments:,}",
        f"{regret.mean():.3f} ({regret.min():.3f}-{regret.max():.3f})",
        f"{known:.0%}",
        f"{np.mean([row.width for row in rows]):.3f}",
        f"{np.mean([row.coverage for row in rows]):.0%}",
        f"{reached} of {len(rows)}",
    ]


def power_lines(result: "PowerResult") -> list[str]:
    """Say the answer, what it rests on, and other ways to the same number of judgments."""
    config, target, found = result.analysis.config, result.target, result.found
    at = result.at_recommended
    low, high = found.curve.size_interval(target.value)
    half = found.curve.size_at(target.value)
    others = ", ".join(f"{people} × {trials}" for people, trials in result.splits(_SESSIONS))
    size = f"{counted(found.participants, 'participant')} × {counted(result.trials, 'trial')}"
    planned, stimuli = result.analysis.planned, result.analysis.stimuli
    from twoalike.planning import first_session_duration

    time = first_session_duration(planned, stimuli, "odd-one-out")
    answer = (
        f"[bold]{size}[/] ({at[0].judgments:,} judgments) for {target.words}. A session takes four "
        f"people out of five {time}."
    )
    people = "people differ" if config.people_differ else "people are alike"
    lines = [
        _COLUMNS,
        answer,
        f"Simulated at that size: {result.n_reached} of {len(at)} reach it. "
        f"{found.judgments:,.0f} judgments are enough for {config.assurance:.0%} of studies, "
        f"{half:,.0f} ({low:,.0f} to {high:,.0f}) for half of them.",
        f"About as good, participants × trials: {others}.",
        f"Assumed: {_WORLDS[result.analysis.source.kind]}, log-loss of one who knows it "
        f"{result.analysis.oracle:.3f}; {people}; fits by {config.fit.engine}.",
    ]
    doubtful = sum(not outcome.converged for outcome in found.outcomes)
    if doubtful:
        which = f"{counted(doubtful, 'fit')} of {len(found.outcomes)}"
        lines.append(f"{which} had not converged: their scores count as they are.")
    return lines
