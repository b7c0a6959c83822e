"""The columns of a raw table, defined once.

The writer, the reader, the sidecar and the column dictionary of ``data/README.md`` all come
from here. BIDS validators enforce what a sidecar says, so a value that the writer knows and
the sidecar does not would make the data set invalid.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from twoalike.design import POSITIONS

MISSING = "n/a"
"""How BIDS tables write a missing value."""
_TRUTH = {"true": "yes", "false": "no"}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: what it means and which values it takes.

    Attributes
    ----------
    kind
        ``string``, ``integer``, ``number`` or ``boolean`` (written ``true`` and ``false``).
    levels
        The only values allowed, with their meaning; empty for free values.
    minimum
        Smallest number allowed.
    missing
        Whether ``n/a`` is allowed, and what it says.
    decimals
        Digits after the point of a number.
    """

    name: str
    kind: Literal["string", "integer", "number", "boolean"]
    description: str
    levels: Mapping[str, str] = field(default_factory=dict)
    units: str = ""
    minimum: float | None = None
    missing: str = ""
    decimals: int = 4

    def format(self, value: object) -> str:
        """Text of ``value`` in the table.

        Raises
        ------
        ValueError
            If the column does not allow it: a defect of the caller, never of a participant.
        """
        text = MISSING if value is None else self._text(value)
        self.parse(text)
        return text

    def _text(self, value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        return f"{value:.{self.decimals}f}" if isinstance(value, float) else str(value)

    def parse(self, text: str) -> Any:
        """Value behind ``text``; None where it is missing.

        Raises
        ------
        ValueError
            If the column does not allow it; the message says what it allows.
        """
        if text == MISSING:
            if not self.missing:
                raise ValueError("must not be missing")
            return None
        if self.levels and text not in self.levels:
            raise ValueError(f"expected one of {', '.join(self.levels)}, found {text!r}")
        if self.kind == "string":
            if not text or any(mark in text for mark in "\t\n\r"):
                raise ValueError(f"expected text without tabs or line breaks, found {text!r}")
            return text
        return self._parse_boolean(text) if self.kind == "boolean" else self._parse_number(text)

    def _parse_boolean(self, text: str) -> bool:
        if text not in _TRUTH:
            raise ValueError(f"expected true or false, found {text!r}")
        return text == "true"

    def _parse_number(self, text: str) -> int | float:
        try:
            value = int(text) if self.kind == "integer" else float(text)
        except ValueError:
            article = "an integer" if self.kind == "integer" else "a number"
            raise ValueError(f"expected {article}, found {text!r}") from None
        if not abs(value) < float("inf"):
            raise ValueError(f"expected a finite number, found {text!r}")
        if self.minimum is not None and value < self.minimum:
            raise ValueError(f"expected at least {self.minimum:g}, found {text}")
        return value

    def sidecar(self) -> dict[str, Any]:
        """Entry of the BIDS sidecar."""
        entry: dict[str, Any] = {"Description": self.description}
        if self.missing:
            entry["Description"] += f" n/a: {self.missing}."
        levels = _TRUTH if self.kind == "boolean" else self.levels
        if levels:
            entry["Levels"] = dict(levels)
        else:
            entry["Format"] = self.kind
        if self.units:
            entry["Units"] = self.units
        if self.minimum is not None:
            entry["Minimum"] = self.minimum
        return entry


def _stimulus(number: int) -> Column:
    return Column(
        name=f"stimulus_{number}",
        kind="string",
        description=f"Id of object {number} of the triplet, in the order of the design.",
    )


def _position(number: int) -> Column:
    return Column(
        name=f"position_{number}",
        kind="string",
        description=f"Where stimulus_{number} was shown.",
        levels={place: f"{place} of the row" for place in POSITIONS},
    )


_ITEM = {str(number): f"stimulus_{number}" for number in (1, 2, 3)}

COLUMNS: tuple[Column, ...] = (
    Column(
        name="trial_index",
        kind="integer",
        description="Number of the trial in the run, in the order shown.",
        minimum=1,
    ),
    Column(
        name="block_index", kind="integer", description="Block the trial belongs to.", minimum=1
    ),
    Column(
        name="trial_type",
        kind="string",
        description="Why the trial was shown.",
        levels={
            "practice": "to learn the task; not for analysis",
            "main": "a judgment",
            "catch": "attention check with one obviously odd object",
            "repeat": "a main trial shown a second time",
        },
    ),
    Column(name="triplet_id", kind="string", description="Id of the triplet in the design."),
    *map(_stimulus, (1, 2, 3)),
    *map(_position, (1, 2, 3)),
    Column(
        name="response",
        kind="integer",
        description="The object chosen as the odd one: 1, 2, 3 for stimulus_1, _2, _3.",
        levels=_ITEM,
        missing="no choice before the time limit",
    ),
    Column(
        name="odd_stimulus",
        kind="string",
        description="Id of the chosen object, a check on response.",
        missing="no choice",
    ),
    Column(
        name="response_position",
        kind="string",
        description="Where the chosen object stood.",
        levels={place: f"{place} of the row" for place in POSITIONS},
        missing="no choice",
    ),
    Column(
        name="response_key",
        kind="string",
        description="Name of the key pressed.",
        missing="no key (mouse, or no choice)",
    ),
    Column(
        name="response_method",
        kind="string",
        description="How the choice was given.",
        levels={
            "keyboard": "a key",
            "mouse": "a click on the image",
            "touch": "a touch on the image",
            "none": "no choice",
        },
    ),
    Column(
        name="response_time",
        kind="number",
        description="From the first frame that showed the triplet to the choice.",
        units="s",
        minimum=0,
        missing="no choice",
    ),
    Column(
        name="rt_source",
        kind="string",
        description="Where the response time comes from.",
        levels={
            "pyglet": "time at which the window received the event; rounded up to a screen frame",
            "simulated": "response-time model of a simulated observer, not a person",
        },
    ),
    Column(
        name="rt_flag",
        kind="string",
        description="Why to look at the response time with care; no trial is ever deleted.",
        levels={
            "fast": "shorter than the protocol's flag_fast_s",
            "slow": "longer than the protocol's flag_slow_s",
            "interrupted": "the trial was shown a second time after Esc",
        },
        missing="nothing to remark",
    ),
    Column(
        name="onset",
        kind="number",
        description="First frame that showed the triplet, since the start of the run; after "
        "a resume the time goes on from the last trial recorded before.",
        units="s",
        minimum=0,
    ),
    Column(
        name="timed_out",
        kind="boolean",
        description="Whether the time limit passed without a choice.",
    ),
    Column(
        name="n_early_presses",
        kind="integer",
        description="Presses that came before the shortest time allowed and were ignored.",
        minimum=0,
    ),
    Column(
        name="dropped_frames",
        kind="integer",
        description="Screen frames that came late while the triplet was shown.",
        minimum=0,
        missing="refresh rate of the screen not known",
    ),
    Column(
        name="expected_odd",
        kind="integer",
        description="The right answer of a trial that has one (attention checks).",
        levels=_ITEM,
        missing="a matter of judgment",
    ),
    Column(
        name="correct",
        kind="boolean",
        description="Whether response is expected_odd.",
        missing="no right answer, or no choice",
    ),
    Column(
        name="repeat_of",
        kind="integer",
        description="trial_index of the first showing of a repeated trial.",
        minimum=1,
        missing="not a repeat",
    ),
    Column(
        name="sampler",
        kind="string",
        description="How the design chose the triplet (random, coverage, adaptive, list, ...).",
    ),
    Column(
        name="sampler_score",
        kind="number",
        description="Score that made the sampler choose it, such as the expected information.",
        decimals=6,
        missing="the sampler has none",
    ),
    Column(
        name="condition",
        kind="string",
        description="Condition of the design, such as a level of abstraction.",
        missing="none",
    ),
    Column(
        name="pilot",
        kind="boolean",
        description="Whether this was a pilot or dry run.",
    ),
)
"""Columns of ``*_task-oddoneout_*_beh.tsv``, one row a trial shown to its end."""


def format_row(values: Mapping[str, object]) -> str:
    """One line of the raw table, with its line end.

    Raises
    ------
    ValueError
        If the names are not exactly those of :data:`COLUMNS`, or a value is not allowed.
    """
    names = [column.name for column in COLUMNS]
    if set(values) != set(names):
        raise ValueError(f"row differs in {sorted(set(values) ^ set(names))}")
    cells = []
    for column in COLUMNS:
        try:
            cells.append(column.format(values[column.name]))
        except ValueError as error:
            raise ValueError(f"column {column.name}: {error}") from error
    return "\t".join(cells) + "\n"


def header() -> str:
    """First line of the raw table, with its line end."""
    return "\t".join(column.name for column in COLUMNS) + "\n"


def column_dictionary() -> str:
    """Markdown table of the columns, as ``data/README.md`` shows it."""
    lines = ["| column | values | meaning |", "|---|---|---|"]
    for column in COLUMNS:
        values = ", ".join(f"`{level}`" for level in column.levels) or column.kind
        if column.units:
            values += f", {column.units}"
        if column.missing:
            values += f", `{MISSING}` ({column.missing})"
        lines.append(f"| `{column.name}` | {values} | {column.description} |")
    return "\n".join(lines) + "\n"
