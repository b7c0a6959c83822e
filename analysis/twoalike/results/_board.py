"""``leaderboard.json``: many networks against the same people, and which of them differ.

A score has its own 95 % interval. The interval of a difference, its p-value and the range of ranks
are corrected for all networks compared (:mod:`twoalike.evaluation`). Scores are marked that lie
above people's own agreement, and :meth:`Leaderboard.notes` says what that means.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import model_validator

from twoalike.choice import ChoiceKind
from twoalike.evaluation import (
    Correlation,
    Count,
    Estimate,
    Measured,
    Number,
    People,
    Quantity,
    Share,
    ShareEstimate,
)
from twoalike.results._model import JudgmentCounts, Network, Saved
from twoalike.results._tables import Cell, SummaryTable, both_sides
from twoalike.study import TwoalikeError, counted
from twoalike.tables import Column, Table, write_tsv
from twoalike.transfer import TransferMeasure

if TYPE_CHECKING:
    import pandas as pd

    from twoalike.evaluation import Interval

type Limit = Literal["leave-one-out", "best possible"]
type MeasureName = Literal["accuracy", "log_loss", "majority", "posterior", "rdm"]
MEASURES: dict[MeasureName, str] = {
    "accuracy": "accuracy on single answers",
    "log_loss": "log-loss (nats), less is better",
    "majority": "accuracy against majorities",
    "posterior": "Spearman, posterior",
    "rdm": "Spearman, mean person",
}
"""Measure -> its name in tables and figures."""
MARKS: dict[Limit | None, str] = {None: "", "leave-one-out": "*", "best possible": "!"}
"""What a score lies above -> its mark in tables."""
_NAMED = 6
"""Networks that a sentence names."""


class Standing(Measured):
    """One network by one measure."""

    name: str
    """Network."""
    score: Estimate
    """Its score; the interval is its own, without correction."""
    difference: Estimate | None
    """Score minus that of the reference; the intervals of all differences compared hold the truth
    together in 95 % of studies. Null for the reference."""
    p: Share | None
    """Corrected p-value of that difference; null for the reference."""
    best_rank: Count
    """Smallest rank that the network may have, 1 for the best."""
    worst_rank: Count
    """Largest rank that it may have; the ranges of all networks hold together in 95 % of
    studies."""
    above: Limit | None = None
    """What the score lies above: people's leave-one-out agreement, or the best score that is
    possible."""


class Board(Measured):
    """All networks by one measure, on all judgments or on some of them."""

    measure: MeasureName
    """`accuracy` and `log_loss` on single answers, `majority`: accuracy against the majority of
    four answers, any of tied ones counts as right; `posterior` and `rdm`: Spearman's correlation
    of dissimilarities with those of a fitted embedding, and with the mean person's."""
    question: ChoiceKind | None = None
    """What was asked; null where the measure is not of choices."""
    group: str | None = None
    """`level`, or level of labels, by which judgments were parted; null: all of them."""
    subset: str | None = None
    """Part of the judgments."""
    count: Count
    """Choices, triplets with a majority, or objects."""
    chance: Number | None = None
    """What guessing scores."""
    best: Estimate | None = None
    """The best score that is possible in expectation."""
    leave_one_out: ShareEstimate | None = None
    """How often people's answers agree with the majority of the others', as published."""
    networks: tuple[Standing, ...]
    """Networks, in the order of the leaderboard."""

    @property
    def title(self) -> str:
        """Measure, and the judgments that it is on."""
        parts = [MEASURES[self.measure]]
        if self.question == "anchored":
            parts.append("anchored")
        if self.subset is not None:
            parts.append(self.subset if self.group == "level" else f"{self.subset} {self.group}")
        return ", ".join(parts)

    @property
    def high_is_good(self) -> bool:
        """Whether a larger score is better."""
        return self.measure != "log_loss"

    def among_best(self) -> tuple[str, ...]:
        """Networks that no other is better than, after correction: each may be the best."""
        return tuple(of.name for of in self.networks if of.best_rank == 1)


class RankedNetwork(Network):
    """A network of the leaderboard."""

    objects: Count
    """Objects that it has features of."""
    temperature: Annotated[float, Quantity("similarity", 0)] | None = None
    """Choice temperature, fitted to all choices; log-losses are at those fitted to the other half
    of the triplets."""
    per_person: Correlation | None = None
    """Mean Spearman correlation of its dissimilarities with single participants'."""


class LeaderboardConfig(Measured):
    """How networks were compared."""

    resamples: Count
    """Bootstrap resamples of participants and objects, the same for all networks."""
    interval: Share
    """Share of studies in which an interval holds the truth."""
    against: str | None
    """Reference that was named beforehand, so that differences are corrected for those to it; null:
    the reference is the best network found, and they are corrected for all pairs."""


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
    config: LeaderboardConfig  # type: ignore[assignment]
    """How networks were compared."""
    reference: str
    """Network that the others are compared with."""
    objects: Count
    """Objects that all networks have features of."""
    networks: tuple[RankedNetwork, ...]
    """Networks, the best by the first of `boards` first."""
    judgments: tuple[JudgmentCounts, ...]
    """Choices that networks were scored on, one entry a question."""
    people: People | None = None
    """People's dissimilarities."""
    boards: tuple[Board, ...]
    """Measures; the first one decides the order."""
    ability: tuple[TransferMeasure, ...] = ()
    """Few-shot classification by nearest class means."""
    missing: dict[str, str] = {}
    """Ceiling -> why it is null."""

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        names = [of.name for of in self.networks]
        if len(set(names)) < len(names) or self.reference not in names:
            raise ValueError("the reference does not fit the networks")
        if not self.boards or any([of.name for of in one.networks] != names for one in self.boards):
            raise ValueError("boards do not fit the networks")
        return self

    def board(
        self, measure: MeasureName, subset: str | None = None, group: str | None = None
    ) -> Board:
        """Find a measure, on all judgments or on a part of them.

        Parameters
        ----------
        measure
            Such as ``accuracy``.
        subset
            Part of the judgments, such as ``coarse``; None: all.
        group
            What parts them, where two groups have a part of this name.

        Raises
        ------
        TwoalikeError
            If there is none.
        """
        for one in self.boards:
            if (one.measure, one.subset) == (measure, subset) and group in (None, one.group):
                return one
        known = [f"{one.measure} of {one.subset or 'all judgments'}" for one in self.boards]
        raise TwoalikeError(
            where="leaderboard",
            expected=f"one of {', '.join(known)}",
            found=f"{measure} of {subset or 'all judgments'}",
        )

    def to_frame(self) -> "pd.DataFrame":
        """Every score in a row.

        Returns
        -------
        Columns of :data:`LEADERBOARD`.
        """
        import pandas as pd

        return pd.DataFrame(list(self._rows()), columns=LEADERBOARD.names)

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        for one in self.boards:
            for rank, of in enumerate(one.networks, start=1):
                score, gain = of.score, of.difference
                ends = (gain.value, gain.low, gain.high) if gain else (None, None, None)
                yield (
                    *(rank, of.name, one.measure, one.question, one.group, one.subset, one.count),
                    *(score.value, score.low, score.high, *ends, of.p),
                    *(of.best_rank, of.worst_rank, of.above),
                )

    def save_table(self, path: str | Path) -> None:
        """Write :meth:`to_frame` (.tsv), numbers as :data:`LEADERBOARD` has them."""
        frame = self.to_frame().astype(object)
        cells = frame.where(frame.notna(), None)
        for column in LEADERBOARD.columns:
            cells[column.name] = [column.format(value) for value in cells[column.name]]
        write_tsv(Path(path), cells)

    def tables(self) -> list[SummaryTable]:
        """Ranks, scores by level and further measures, as ``twoalike leaderboard`` shows them."""
        first, *others = self.boards
        by_level = [one for one in others if (one.measure, one.question) == _of(first)]
        rest = [one for one in others if one not in by_level and one.subset is None]
        tables = [self._ranks(first)]
        if by_level:
            tables.append(self._scores(f"{_capital(MEASURES[first.measure])}, by level", by_level))
        if rest:
            tables.append(self._scores("Other measures", rest))
        if self.ability:
            likeness = {first.title: {of.name: of.score for of in first.networks}}
            tables.append(both_sides(likeness, self.ability))
        return tables

    def _ranks(self, one: Board) -> SummaryTable:
        """Order of the networks by the first measure, and how sure it is."""
        title = f"{counted(len(self.networks), 'network')} by {one.title}"
        title += f" ({counted(one.count, _unit(one))})"
        minus = f"minus {self.reference}"
        table = SummaryTable(title, ("network", "rank", "score", minus, "corrected p"))
        for of in one.networks:
            gain = _estimate(of.difference, "+.3f")
            table.add(of.name, _ranks_text(of), _score(of), gain, _p_text(of.p))
        _add_limits(table, [one], before=1)
        return table

    def _scores(self, title: str, boards: Sequence[Board]) -> SummaryTable:
        """Scores by several measures, with the rank that each network may have."""
        heads = [of.subset or of.title for of in boards]
        table = SummaryTable(title, ("network", *heads))
        for place, network in enumerate(self.networks):
            table.add(network.name, *(_score(of.networks[place]) for of in boards))
        _add_limits(table, boards)
        return table

    def notes(self) -> list[str]:
        """Say which networks may be the best and what was left out; explain scores above limits."""
        first = self.boards[0]
        best = first.among_best()
        lines = [_best_sentence(best, len(self.networks), self.config.interval)]
        lines += [of.sentence() for of in self.judgments if of.sentence()]
        most = max(self.networks, key=lambda of: of.objects)
        if most.objects > self.objects:
            lines.append(
                f"All networks have features of {counted(self.objects, 'object')}; "
                f"{most.name} has those of {most.objects:,}."
            )
        measures = dict.fromkeys(map(_of, self.boards))
        for each in measures:
            lines += _above_notes([one for one in self.boards if _of(one) == each])
        return lines

    def _networks(self) -> tuple[str, ...]:
        return tuple(of.name for of in self.networks)

    def __repr__(self) -> str:
        """Networks, and how many may be the best."""
        may = len(self.boards[0].among_best())
        first = self.networks[0].name
        return f"<Leaderboard: {len(self.networks)} networks, {first} first, {may} may be the best>"


def _of(one: Board) -> tuple[str, str | None]:
    return one.measure, one.question


def _unit(one: Board) -> str:
    units = {"majority": "triplet", "posterior": "object", "rdm": "object"}
    return units.get(one.measure, "choice")


def _ranks_text(of: Standing) -> str:
    if of.best_rank == of.worst_rank:
        return f"{of.best_rank}"
    return f"{of.best_rank} to {of.worst_rank}"


def _p_text(p: float | None) -> str:
    if p is None:
        return ""
    return "< .001" if p < 0.001 else f"{p:.3f}"


def _estimate(found: "Interval | None", form: str = ".3f", mark: str = "") -> Cell:
    if found is None:
        return Cell("")
    return Cell(f"{found.value:{form}}", f"{found.low:{form}} to {found.high:{form}}", mark)


def _score(of: Standing) -> Cell:
    return _estimate(of.score, mark=MARKS[of.above])


def _add_limits(table: SummaryTable, boards: Sequence[Board], before: int = 0) -> None:
    """Add rows of what scores are held against: chance, people, the best possible score."""
    empty = [""] * before
    if any(one.chance is not None for one in boards):
        cells = ["" if one.chance is None else f"{one.chance:.3f}" for one in boards]
        table.add(Cell("", "chance"), *empty, *cells)
    for words, name in (("people, leave-one-out", "leave_one_out"), ("best possible", "best")):
        if any(getattr(one, name) is not None for one in boards):
            table.add(Cell("", words), *empty, *(_estimate(getattr(one, name)) for one in boards))


def _best_sentence(best: Sequence[str], k: int, level: float) -> str:
    if len(best) == 1:
        return f"{best[0]} is better than each other network, corrected for all pairs of {k}."
    return (
        f"{len(best)} of {k} networks may be the best ({', '.join(best)}): no network is better "
        f"than one of these at the {100 * (1 - level):.0f} % level, corrected for all pairs."
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _listed(names: Sequence[str]) -> str:
    """Names, of many the first ones."""
    if len(names) <= _NAMED:
        return ", ".join(names)
    return f"{', '.join(names[: _NAMED - 1])} and {len(names) - _NAMED + 1} others"


def _above_notes(boards: Sequence[Board]) -> Iterator[str]:
    """Explain scores by one measure above people's agreement, or above the bound."""
    first = boards[0]
    title, best = _capital(first.title), first.best
    parts = []
    for one in boards:
        names = [of.name for of in one.networks if of.above == "leave-one-out"]
        if names:
            counts = counted(len(names), "network")
            parts.append(f"{one.subset}: {counts}" if one.subset else _listed(names))
    if parts and first.leave_one_out:
        bound = "" if best is None else f"; the best possible score is {best.value:.3f}"
        yield (
            f"{title}, above people's leave-one-out agreement (marked "
            f"{MARKS['leave-one-out']}): {'; '.join(parts)}. This is not better than human. "
            "Leaving one out compares a single answer with the majority of a few others, and both "
            f"are noisy; {_FREE_OF_NOISE[first.measure]}. Of all judgments, people reach "
            f"{first.leave_one_out.value:.3f}{bound}."
        )
    for one in boards:
        beyond = [of for of in one.networks if of.above == "best possible"]
        if beyond and one.best:
            yield _beyond_note(one, beyond, one.best)


def _beyond_note(one: Board, beyond: Sequence[Standing], best: "Interval") -> str:
    """Explain scores above what is possible in expectation."""
    ends = (best.high, "above") if one.high_is_good else (best.low, "below")
    sure = [
        of.name
        for of in beyond
        if (of.score.low > ends[0] if one.high_is_good else of.score.high < ends[0])
    ]
    reason = "Both are estimates, and their intervals overlap."
    if sure:
        reason = (
            f"The intervals of {_listed(sure)} lie {ends[1]} that of the bound: check that no "
            "network learnt from these judgments."
        )
    return (
        f"{_capital(one.title)}, better than the best possible score of {best.value:.3f} (marked "
        f"{MARKS['best possible']}): {_listed([of.name for of in beyond])}. No model scores better "
        f"in expectation. {reason}"
    )


_FREE_OF_NOISE: dict[MeasureName, str] = {
    "accuracy": "a network that names the most probable answer has no noise of its own",
    "majority": "a network has no noise of its own, and where the majority's votes tie, any of "
    "these answers counts as right for it",
}


def _number(name: str, description: str, missing: str = "") -> Column:
    return Column(name, "number", description, missing=missing)


_FIRST = "the reference itself"
_ALL = "all judgments"
LEADERBOARD = Table(
    "leaderboard",
    (
        Column("place", "integer", "Place in the order of the first measure.", minimum=1),
        Column("network", "string", "Name of the network."),
        Column(
            "measure",
            "string",
            "Measure.",
            levels={name: words for name, words in MEASURES.items()},
        ),
        Column(
            "question",
            "string",
            "What was asked.",
            levels={"odd_one_out": "odd one out", "anchored": "anchored choice"},
            missing="no choices",
        ),
        Column("group", "string", "What parts the judgments.", missing=_ALL),
        Column("subset", "string", "Part of the judgments.", missing=_ALL),
        Column("count", "integer", "Choices, triplets or objects scored.", minimum=0),
        _number("score", "Score."),
        _number("low", "Lower end of its 95 % interval."),
        _number("high", "Upper end."),
        _number("difference", "Score minus that of the reference.", _FIRST),
        _number("difference_low", "Lower end of its corrected 95 % interval.", _FIRST),
        _number("difference_high", "Upper end.", _FIRST),
        _number("p", "Corrected p-value of the difference.", _FIRST),
        Column("best_rank", "integer", "Smallest rank that it may have.", minimum=1),
        Column("worst_rank", "integer", "Largest rank that it may have.", minimum=1),
        Column(
            "above",
            "string",
            "What the score lies above.",
            levels={
                "leave-one-out": "people's leave-one-out agreement",
                "best possible": "the best score that is possible in expectation",
            },
            missing="neither",
        ),
    ),
    rows="scores",
    keys=("network", "measure", "question", "group", "subset"),
)
"""Columns of the table that ``leaderboard`` writes."""
