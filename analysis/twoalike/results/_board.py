"""``leaderboard.json``: many networks against the same people, and which of them differ.

A score has its own 95 % interval. The interval of a difference, its p-value and the range of ranks
are corrected for all networks compared (:mod:`twoalike.evaluation`). Scores are marked that lie
above people's own agreement, and :meth:`Leaderboard.notes` says what that means.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import model_validator

from twoalike.evaluation import CHOICE_MEASURES, Count
from twoalike.results._frame import Row
from twoalike.results._model import Saved, TableView
from twoalike.results._views import both_sides, cell
from twoalike.study import TwoalikeError, atomic_path, counted, declared, inert_cell

if TYPE_CHECKING:
    import pandas as pd

MEASURES = {
    "accuracy": "accuracy on single answers",
    "log_loss": "log-loss (nats), less is better",
    **{
        name: name.replace("_", " ") + ("" if of.high_is_good else ", less is better")
        for name, of in CHOICE_MEASURES.items()
        if name not in ("accuracy", "log_loss")
    },
    "majority": "accuracy against majorities",
    "posterior": "Spearman, posterior",
    "rdm": "Spearman, mean person",
}
"""Measure -> its name in tables and figures."""
MARKS = {"": "", "leave-one-out": "*", "best possible": "!"}
"""What a score lies above -> its mark in tables."""
_LIMITS = {"best possible": "best", "leave-one-out": "leave_one_out"}
_WORDS = declared("twoalike.results", "board.toml")
LEADERBOARD: Mapping[str, str] = _WORDS["columns"]
"""Columns of the table that ``leaderboard`` writes, and what they hold."""


@dataclass(frozen=True)
class Board:
    """All networks by one measure, on all judgments or at one level of them."""

    results: "Leaderboard"
    measure: str
    """Key of the frame, such as ``odd_one_out.accuracy``."""
    level: str = ""

    @property
    def kind(self) -> str:
        """Key of :data:`MEASURES`."""
        part, _, name = self.measure.partition(".")
        return part if part in MEASURES else name

    @property
    def question(self) -> str:
        """What was asked, in words; empty where it is the odd one of three, or no question."""
        part = self.measure.partition(".")[0]
        return "" if part in ("odd_one_out", *MEASURES) else part.replace("_", "-")

    @property
    def subset(self) -> str:
        """Part of the judgments; empty: all."""
        return self.level.partition(": ")[2]

    @property
    def title(self) -> str:
        """Measure, and the judgments that it is on."""
        group = self.level.partition(": ")[0]
        part = self.subset if group == "level" else f"{self.subset} {group}"
        parts = [MEASURES[self.kind], *([self.question] if self.question else [])]
        return ", ".join([*parts, part] if self.level else parts)

    def score(self, name: str) -> Row:
        """Score of a network."""
        row = self.results.at(self.measure, name, self.level)
        assert row is not None  # every network has one
        return row

    def of(self, key: str, name: str = "") -> Row | None:
        """Find a figure beside the score: difference, p, ranks, or a limit of all networks."""
        return self.results.at(f"{self.measure}.{key}", name, self.level)

    def ranks(self, name: str) -> tuple[int, int]:
        """Return the smallest and the largest rank that a network may have."""
        best, worst = (self.of(f"{end}_rank", name) for end in ("best", "worst"))
        return int(best.value) if best else 0, int(worst.value) if worst else 0

    def among_best(self) -> tuple[str, ...]:
        """Networks that no other is better than, after correction: each may be the best."""
        return tuple(name for name in self.results.names if self.ranks(name)[0] == 1)

    def above(self, name: str) -> str:
        """Name what a score lies above: the best possible one, or people's agreement."""
        measure = CHOICE_MEASURES.get(self.kind)
        sign = 1 if measure is None or measure.high_is_good else -1
        score = self.score(name).value
        for limit, key in _LIMITS.items():
            found = self.of(key)
            if found is not None and sign * score > sign * found.value:
                return limit
        return ""

    def cell(self, name: str) -> str:
        """Write the score of a network, with its mark."""
        return cell(self.score(name), star=MARKS[self.above(name)])


class Leaderboard(Saved):
    """Many networks against the same people's judgments.

    Examples
    --------
    >>> board = Leaderboard.load("leaderboard.json")  # doctest: +SKIP
    >>> board.boards[0].among_best()  # doctest: +SKIP
    ('dinov2', 'siglip')
    """

    command: ClassVar[str] = "leaderboard"

    kind: Literal["leaderboard"] = "leaderboard"
    """What the file is."""
    reference: str
    """Network that the others are compared with."""
    objects: Count
    """Objects that all networks have features of."""

    @model_validator(mode="after")
    def _boards_fit(self) -> Self:
        if self.reference not in self.names:
            raise ValueError("the reference does not fit the networks")
        for one in self.boards:
            if any(self.at(one.measure, name, one.level) is None for name in self.names):
                raise ValueError(f"{one.measure} lacks a network")
        if not self.boards:
            raise ValueError("no scores")
        return self

    @property
    def boards(self) -> tuple[Board, ...]:
        """Measures and levels that rank the networks; the first one decides the order."""
        ranked = (row for row in self.rows if row.measure.endswith(".best_rank"))
        keys = dict.fromkeys((row.measure.removesuffix(".best_rank"), row.level) for row in ranked)
        return tuple(Board(self, *key) for key in keys)

    def board(self, measure: str, subset: str | None = None) -> Board:
        """Find a measure such as ``accuracy``, on all judgments or a subset such as ``coarse``."""
        for one in self.boards:
            if measure in (one.kind, one.measure) and subset in (one.subset or None, one.level):
                return one
        known = [f"{one.kind} of {one.subset or 'all judgments'}" for one in self.boards]
        raise TwoalikeError(
            where="leaderboard",
            expected=f"one of {', '.join(known)}",
            found=f"{measure} of {subset or 'all judgments'}",
        )

    def to_frame(self) -> "pd.DataFrame":
        """Pivot the rows: a row per network and measure, with columns :data:`LEADERBOARD`."""
        import pandas as pd

        rows = []
        for one in self.boards:
            for place, name in enumerate(self.names, start=1):
                score, gain, p = one.score(name), one.of("difference", name), one.of("p", name)
                ends = (gain.value, gain.low, gain.high) if gain else (None, None, None)
                network = (place, name, one.measure, one.level or None, score.n)
                scores = (score.value, score.low, score.high, *ends, p.value if p else None)
                rows.append((*network, *scores, *one.ranks(name), one.above(name) or None))
        return pd.DataFrame(rows, columns=list(LEADERBOARD))

    def save_table(self, path: str | Path) -> None:
        """Write :meth:`to_frame` (.tsv)."""
        with atomic_path(Path(path)) as temporary:
            inert = self.to_frame().map(inert_cell)
            inert.to_csv(temporary, sep="\t", index=False, na_rep="n/a", float_format="%.6g")

    def tables(self) -> list[TableView]:
        """Ranks, scores by level and further measures, as ``twoalike leaderboard`` shows them."""
        first, *others = self.boards
        name = MEASURES[first.kind]
        by_level = [one for one in others if one.measure == first.measure]
        rest = [one for one in others if one not in by_level and not one.level]
        tables = [self._ranks(first)]
        for title, boards in (
            (f"{name[:1].upper()}{name[1:]}, by level", by_level),
            ("Other measures", rest),
        ):
            if boards:
                heads = [one.subset or one.title for one in boards]
                cells = {name: [one.cell(name) for one in boards] for name in self.names}
                tables.append(TableView(title, _frame(cells | _limits(boards), heads)))
        if self.levels("ability.few_shot"):
            tables.append(both_sides(self, {first.title: first.measure}))
        return tables

    def _ranks(self, one: Board) -> TableView:
        """Order of the networks by the first measure, and how sure it is."""
        unit = {"majority": "triplet", "posterior": "object", "rdm": "object"}
        n = counted(one.score(self.names[0]).n or 0, unit.get(one.kind, "choice"))
        title = f"{counted(len(self.names), 'network')} by {one.title} ({n})"
        rows = {}
        for name in self.names:
            best, worst = one.ranks(name)
            p = one.of("p", name)
            shown = "" if p is None else "< .001" if p.value < 0.001 else f"{p.value:.3f}"
            rank = f"{best}" if best == worst else f"{best} to {worst}"
            rows[name] = [rank, one.cell(name), cell(one.of("difference", name), "+.3f"), shown]
        rows |= {label: ["", cells[0], "", ""] for label, cells in _limits([one]).items()}
        columns = ("rank", "score", f"minus {self.reference}", "corrected p")
        return TableView(title, _frame(rows, columns), one.measure)

    def notes(self) -> list[str]:
        """Say which networks may be the best, what was left out, and what marks mean."""
        boards, k = self.boards, len(self.names)
        best, level = boards[0].among_best(), 1 - self.config["interval"]
        lines = [
            f"{best[0]} is better than each other network, corrected for all pairs of {k}."
            if len(best) == 1
            else f"{len(best)} of {k} networks may be the best ({', '.join(best)}): no network is "
            f"better than one of these at the {100 * level:.0f} % level, corrected for all pairs."
        ]
        lines += filter(None, (of.sentence() for of in self.judged.values()))
        most = max(self.networks, key=lambda of: of.objects or 0)
        if (most.objects or 0) > self.objects:
            lines.append(
                f"All networks have features of {counted(self.objects, 'object')}; "
                f"{most.name} has those of {most.objects:,}."
            )
        above = {one.above(name) for one in boards for name in self.names}
        lines += [said for mark, said in _WORDS["marks"].items() if mark in above]
        return lines

    def __repr__(self) -> str:
        may = len(self.boards[0].among_best())
        first = self.names[0]
        return f"<Leaderboard: {len(self.names)} networks, {first} first, {may} may be the best>"


def _frame(rows: dict[str, list[str]], columns: Sequence[str]) -> "pd.DataFrame":
    import pandas as pd

    # Columns are set later: two levels of one name are two columns.
    frame = pd.DataFrame.from_dict(rows, orient="index", dtype=object)
    return frame.set_axis(list(columns), axis=1).rename_axis("network")


def _limits(boards: Sequence[Board]) -> dict[str, list[str]]:
    """Rows of what scores are held against: chance, people, the best possible score."""
    keys = {"chance": "chance", "people, leave-one-out": "leave_one_out", "best possible": "best"}
    rows = {label: [cell(one.of(key)) for one in boards] for label, key in keys.items()}
    return {label: cells for label, cells in rows.items() if any(cells)}
