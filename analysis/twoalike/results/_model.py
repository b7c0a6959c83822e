"""Files of results: a header, and the rows of one long frame."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from pydantic import model_validator

from twoalike.evaluation import Candidate, Count, Interval
from twoalike.results._frame import COLUMNS, WHOLE, Judged, Row, Rows, model_of, named
from twoalike.study import (
    Booleans,
    Content,
    TwoalikeError,
    check_content,
    provenance,
    read_json,
    write_json,
)


class InputFile(Content):
    """A file that the results were made from."""

    file: str
    """Name, without folders."""
    sha256: str
    """Checksum of the content."""


class Network(Content):
    """A network as it was scored, or a part of its vector."""

    model: str
    """Network."""
    representation: str = WHOLE
    """Part of its vector; `vector` for all of it."""
    role: str = "model"
    """`model`, or `ceiling`: the embedding of the simulated observer itself."""
    similarity: str
    """How similarities come from features: cosine, raw-cosine or dot."""
    objects: Count | None = None
    """Objects that it has features of."""
    features: dict[str, Any] = {}
    """Provenance of its features."""

    @property
    def name(self) -> str:
        """Network and part of its vector, in one word."""
        return named(self.model, self.representation)


class Seen(Content):
    """Judgments that what is scored was fitted to, itself or what taught it."""

    judgments: Count
    """Main and repeated judgments of the file."""
    seen: Count | None
    """Those of a participant about items that were fitted to; null if there is no record."""
    by: dict[str, Count] = {}
    """Network or posterior -> judgments that it was fitted to, if there are any."""
    excluded: bool
    """Whether these were left out."""

    @classmethod
    def of(
        cls,
        table: pd.DataFrame,
        by: Mapping[str, Booleans | None],
        kind: str,
        *,
        exclude: bool,
    ) -> "tuple[Seen, pd.DataFrame]":
        """Count the judgments that each was fitted to, (n,), and leave them out if asked to."""
        known = {name: seen for name, seen in by.items() if seen is not None}
        every = np.logical_or.reduce([np.zeros(len(table), dtype=bool), *known.values()])
        unknown = bool(by) and not known
        found = cls(
            judgments=len(table),
            seen=None if unknown else int(every.sum()),
            by={name: int(seen.sum()) for name, seen in known.items() if seen.any()},
            excluded=exclude,
        )
        if exclude and (unknown or every.all()):
            raise TwoalikeError(
                where=f"`exclude_seen=True`, {kind}",
                expected="judgments that were not fitted to",
                found="no record of what was" if unknown else f"{len(table):,}, all fitted to",
            )
        return found, table[~every] if exclude else table

    def titled(self, title: str) -> str:
        """Title of a table of these judgments, which says first whether they were fitted to."""
        if self.seen is None:
            return f"{title}; whether they were fitted to is not recorded"
        if not self.seen or self.excluded:
            return f"{title}; {self.seen:,} fitted to and left out" if self.seen else title
        some = "" if self.seen == self.judgments else f"{self.seen:,} of {self.judgments:,} "
        return f"{some}IN-SAMPLE ({', '.join(self.by)}): {title}"

    def sentence(self, kind: str) -> str:
        """State the same in a sentence; empty where nothing was fitted to."""
        if not self.seen:
            return ""
        fitted = f"{self.seen:,} of the {self.judgments:,} {kind} were fitted to by "
        fitted += ", ".join(self.by)
        if self.excluded:
            return f"{fitted}; they are left out."
        return f"In-sample: {fitted}, of which scores are no test on new ones."


@dataclass(frozen=True)
class TableView:
    """A table to show: cells as text, and the part of the results that they are of."""

    title: str
    frame: pd.DataFrame
    """The index names the rows; the second line of a cell is an interval."""
    part: str = ""
    note: str = ""
    """What the columns mean."""

    def to_html(self) -> str:
        """Return the table for a notebook."""
        cells = self.frame.map(lambda cell: escape(cell).replace("\n", "<br>"))
        shown = cells.to_html(escape=False, border=0, index_names=False)
        return f"<p><b>{escape(self.title)}</b></p>{shown}"


class Saved(Content, ABC):
    """Results: how they were made, what they are of, and every figure in a row."""

    command: ClassVar[str]

    schema_version: Literal[0, 1] = 0
    """Version of the form of the file."""
    kind: str
    """What the file is."""
    twoalike_version: str
    """Version of twoalike that wrote it."""
    seed: Any
    """Seed that makes the same results again."""
    inputs: dict[str, InputFile]
    """Files it was made from, by role."""
    config: dict[str, Any]
    """Resolved settings."""
    networks: tuple[Network, ...] = ()
    """Networks; the first is the one that the others are compared with."""
    judged: dict[str, Judged] = {}
    """Question or kind of judgments -> how many were scored."""
    seen: dict[str, Seen] = {}
    """Kind of judgments -> how many of them networks or the posterior were fitted to."""
    missing: dict[str, str] = {}
    """Part or figure -> why there is none."""
    rows: tuple[Row, ...]
    """Every figure."""

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        names = [network.name for network in self.networks]
        if len(set(names)) < len(names):
            raise ValueError("two networks have one name")
        if strange := {row.name for row in self.rows} - {*names, "", "posterior"}:
            raise ValueError(f"rows of {min(strange)!r}, which is not among the networks")
        return self

    @classmethod
    def made(
        cls,
        rows: Rows,
        candidates: Sequence[Candidate],
        *,
        seed: int,
        inputs: Mapping[str, Path],
        config: dict[str, Any],
        out: str | Path | None,
        **more: Any,
    ) -> Self:
        """Put results together, and write them where a file is wanted."""
        kind = cls.model_fields["kind"].default
        found = cls(
            **provenance(kind, seed=seed, inputs=inputs, config=config),
            networks=tuple(map(_described, candidates)),
            judged=rows.judged,
            missing=rows.missing,
            rows=tuple(rows.rows),
            **more,
        )
        if out is not None:
            found.save(out)
        return found

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file that :meth:`save` wrote."""
        content = read_json(Path(path), cls.model_fields["kind"].default)
        return check_content(content, cls, path, f"Make it again with: twoalike {cls.command}")

    def save(self, path: str | Path) -> None:
        """Write the file (.json), all or nothing."""
        write_json(Path(path), self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """Content of the file as plain dictionaries and lists."""
        return self.model_dump(mode="json")

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Every figure in a row: measure, representation, model, level, value, low, high, unit, n.

        Examples
        --------
        >>> frame = results.frame  # doctest: +SKIP
        >>> frame[frame["measure"] == "odd_one_out.accuracy"]  # doctest: +SKIP
        """
        columns = {name: [getattr(row, name) for row in self.rows] for name in COLUMNS}
        numbers = dict.fromkeys(("value", "low", "high"), "float64")
        return pd.DataFrame(columns).astype({**numbers, "n": "Int64"})

    @cached_property
    def _places(self) -> dict[tuple[str, str, str], Row]:
        return {(row.measure, row.name, row.level): row for row in self.rows}

    def at(self, measure: str, name: str = "", level: str = "") -> Row | None:
        """Find a figure by its measure, model and level; None where it was not measured."""
        return self._places.get((measure, name, level))

    def estimate(self, measure: str, name: str = "", level: str = "") -> Interval | None:
        """Find a figure with its interval; without one, the ends are equal to it."""
        row = self.at(measure, name, level)
        if row is None:
            return None
        low, high = (row.value if end is None else end for end in (row.low, row.high))
        return Interval(row.value, low, high)

    def levels(self, measure: str, name: str | None = None) -> list[str]:
        """Levels of a measure, of one model or of any, in their order."""
        found = (row for row in self.rows if row.measure == measure and name in (None, row.name))
        return list(dict.fromkeys(row.level for row in found if row.level))

    def has(self, start: str) -> bool:
        """Whether there is a figure of a part, by the start of the measure."""
        return any(row.measure.startswith(f"{start}.") for row in self.rows)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the networks, in order."""
        return tuple(network.name for network in self.networks)

    def titled(self, kind: str, title: str) -> str:
        """Title of a table of judgments of one kind, which says if it is in-sample."""
        return self.seen[kind].titled(title) if kind in self.seen else title

    def provenance(self) -> dict[str, Any]:
        """How the results were made: version, seed, inputs and settings."""
        named_keys = {"schema_version", "kind", "twoalike_version", "seed", "inputs", "config"}
        return self.model_dump(mode="json", include=named_keys)

    @abstractmethod
    def tables(self) -> list[TableView]:
        """Tables of the main figures, as the command shows them."""

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        return "".join(table.to_html() for table in self.tables())


def _described(candidate: Candidate) -> Network:
    """Describe a network for the header."""
    model, representation = model_of(candidate)
    meta = {name: value for name, value in candidate.features.meta.items() if name != "judged"}
    return Network(
        model=model,
        representation=representation,
        role=candidate.role,
        similarity=candidate.similarity,
        objects=len(candidate.features.ids),
        features=meta,
    )
