"""One column of a raw table: how its values are written, read and described."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from twoalike.study import MISSING

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
    added
        Whether tables of version 0.1 lack the column; such columns are the last ones.
    """

    name: str
    kind: Literal["string", "integer", "number", "boolean"]
    description: str
    levels: Mapping[str, str] = field(default_factory=dict)
    units: str = ""
    minimum: float | None = None
    missing: str = ""
    decimals: int = 4
    added: bool = False

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


SEEN_BEFORE = Column(
    name="seen_before",
    kind="boolean",
    description="Whether the trial had been on the screen before, and was broken off.",
    missing="recorded by version 0.1",
    added=True,
)
"""Last column of every table of trials; :class:`RunRecord` fills it in."""
