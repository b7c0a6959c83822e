"""What else moves a choice than similarity: terms that a setting switches on.

A term is one object that brings all of its stages: the columns that it needs, an array aligned with
the choices, variables that it adds to the open PyMC model, how these change the probabilities of
answers (one definition for fitting, predicting and the pilot, as in :mod:`twoalike.choice`), and
what a posterior keeps.

=====================  =============================================================================
``position``           a bias of each answer by its place among the items shown, of each question,
                       with people around the mean: log-odds, zero-sum over answers
``temperature ~ ...``  what the log temperature of a choice depends on: columns of the table of
                       choices, numbers or categories; ``response_time`` is the logarithm,
                       standardised within a person
``lapse ~ ...``        the same of the logit of the lapse
``memory``             the rate at which a person who is asked again gives the answer of before
=====================  =============================================================================

Numbers are standardised over the fit, categories centred on their shares, so that a choice of which
nothing is known is an average one: where a value, or in predictions a column, is missing, a term
changes nothing. A typical observer, who labels of a teacher and similarities are of, has no terms.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import Change, Question
from twoalike.embedding._priors import imported
from twoalike.study import Floats, Integers, TwoalikeError

BIAS, SPREAD, SLOPE = 0.5, 0.3, 0.5
"""Scales of the priors: of biases of places, in log-odds, of how far people differ in theirs, and
of slopes, a standard deviation of the column."""
ONE_PLACE = 0.95
"""Share of the answers in one place from which on items are listed by their answers."""
MOST_LEVELS = 20
"""Of a category: more tell people or objects apart."""
NOT_TERMS = ("participant", "kind", "chosen", "second", "trial_type", "correct")
EXTREME = 3.0
"""Standard deviations beyond which a number counts as that many: some answers take hours."""


type Values = Mapping[str, Any]
"""Stored variables of a draw by name, or those of the open PyMC model."""
type Asked = Any
"""Choices that answer one question: :class:`twoalike.embedding._choices.ChoiceGroup`."""


@dataclass(frozen=True)
class Term(ABC):
    """A term of the model of choices.

    Attributes
    ----------
    name
        As the setting ``terms=...`` has it.
    known
        What it learnt from the choices of the fit, as JSON can hold it; the posterior keeps it.
    axis
        What the second axis of :meth:`array` is: ``answers`` to the question as
        shown, which a fit brings into an order in which the answer given is the first; else
        ``columns``.
    stored
        Variables that the posterior keeps, and their axes, such as ``"participant place"``.
    """

    name: str = ""
    known: Mapping[str, Any] = field(default_factory=dict)
    axis: ClassVar[Literal["columns", "answers"]] = "columns"
    stored: ClassVar[Mapping[str, str]]

    @property
    def labels(self) -> dict[str, list[str]]:
        """Axes of the stored variables that only it has, with their labels."""
        return {}

    @property
    def size(self) -> int:
        """Numbers that a pilot fits."""
        return max(1, sum(map(len, self.labels.values())))

    def learn(self, asked: Sequence[Asked], table: pd.DataFrame) -> Self:
        """Learn what is ``known`` from the choices of a fit; refuse what cannot be fitted."""
        return self

    @abstractmethod
    def array(self, of: Asked, table: pd.DataFrame) -> npt.NDArray[Any]:
        """Array of some choices, whose ``rows`` are those of the table, (n, columns)."""

    @abstractmethod
    def add(self) -> dict[str, Any]:
        """Add the stored variables to the open PyMC model, and give them by name."""

    @abstractmethod
    def change(self, values: Values, array: Any, judge: Any, question: Question) -> Change:
        """Say what the values change of choices, by their array and judges, (n,).

        For numpy as for PyTensor: operators and methods of arrays only.
        """

    def point(self, numbers: Floats) -> Values:
        """Values of the stored variables by the numbers of a pilot, (size,), people all alike."""
        raise NotImplementedError


@dataclass(frozen=True)
class Position(Term):
    """A bias of each answer by its place; ``known`` has the number of places by question."""

    axis = "answers"
    stored: ClassVar = {
        "position_mean": "place",
        "position_spread": "",
        "position_bias": "participant place",
    }

    @property
    def labels(self) -> dict[str, list[str]]:
        return {"place": [f"{name} {k + 1}" for name, n in self.known.items() for k in range(n)]}

    @property
    def _centring(self) -> Floats:
        """Matrix that takes the mean over the places of each question away."""
        question = np.repeat(np.arange(len(self.known)), list(self.known.values()))
        same = (question[:, None] == question).astype(np.float32)
        return np.asarray(np.eye(len(same), dtype=np.float32) - same / same.sum(axis=0))

    def learn(self, asked: Sequence[Asked], table: pd.DataFrame) -> Self:
        for of in asked:
            share = np.bincount(of.answer).max() / len(of.answer)
            if share >= ONE_PLACE and len(of.answer) > len(of.question.answers) ** 2:
                raise TwoalikeError(
                    where="`terms=position`",
                    expected="items in the order in which they were shown",
                    found=f"the answer in one place in {share:.0%} of the choices of the "
                    f"{of.question.label}",
                    remedy="Items seem to be listed by their answers. Leave the term out.",
                )
        return replace(self, known={_asked(of.question): len(of.question.answers) for of in asked})

    def array(self, of: Asked, table: pd.DataFrame) -> npt.NDArray[Any]:
        names, name = list(self.known), _asked(of.question)
        before = sum(self.known[one] for one in names[: names.index(name)]) if name in names else 0
        places = before + np.arange(len(of.question.answers), dtype=np.int32)
        return np.tile(places, (len(of.shown), 1))

    def add(self) -> dict[str, Any]:
        import pymc as pm

        mean = pm.Normal("position_location", 0.0, BIAS, dims="place") @ self._centring
        dims = ("participant", "place")
        apart = pm.Normal("position_offset", 0.0, 1.0, dims=dims) @ self._centring
        bias = mean + pm.HalfNormal("position_spread", SPREAD) * apart
        pm.Deterministic("position_mean", mean, dims="place")
        return {"position_bias": pm.Deterministic("position_bias", bias, dims=dims)}

    def change(self, values: Values, array: Any, judge: Any, question: Question) -> Change:
        if _asked(question) not in self.known:
            return Change()
        return Change(offsets=values["position_bias"][judge[:, None], array])

    def point(self, numbers: Floats) -> Values:
        return {"position_bias": (numbers @ self._centring)[None]}


def _asked(question: Question) -> str:
    return f"{question.kind}_{question.items}"


@dataclass(frozen=True)
class Depends(Term):
    """What the noise of a choice depends on: ``temperature ~ block + response_time``."""

    @property
    def target(self) -> str:
        return self.name.split("~")[0].strip()

    @property
    def stored(self) -> Mapping[str, str]:  # type: ignore[override]
        """Slopes."""
        return {f"{self.target}_on": f"{self.target}_column"}

    @property
    def labels(self) -> dict[str, list[str]]:
        found = [
            f"{name}={level}" if level else name
            for name, of in self.known.items()
            for level in of.get("levels", [""])
        ]
        return {f"{self.target}_column": found}

    def learn(self, asked: Sequence[Asked], table: pd.DataFrame) -> Self:
        rows = np.concatenate([of.rows for of in asked])
        names = [name.strip() for name in self.name.split("~")[1].split("+")]
        found = {name: _learnt(self.name, name, table, rows) for name in names}
        return replace(self, known=found)

    def array(self, of: Asked, table: pd.DataFrame) -> npt.NDArray[Any]:
        parts = [np.zeros((len(of.rows), 0))]
        for name, known in self.known.items():
            levels, n = known.get("levels"), len(of.rows)
            if name not in table:
                parts.append(np.zeros((n, len(levels or [name]))))
            elif levels is None:
                z = (_numbers(table, name)[of.rows] - known["mean"]) / known["sd"]
                parts.append(np.clip(np.nan_to_num(z), -EXTREME, EXTREME)[:, None])
            else:
                text = table[name].astype(str).to_numpy()[of.rows]
                there = text[:, None] == np.array(list(levels))
                share = np.array(list(levels.values()))
                parts.append(np.where(there.any(axis=1)[:, None], there - share, 0.0))
        return np.concatenate(parts, axis=1).astype(np.float32)

    def add(self) -> dict[str, Any]:
        import pymc as pm

        ((name, dims),) = self.stored.items()
        return {name: pm.Normal(name, 0.0, SLOPE, dims=dims)}

    def change(self, values: Values, array: Any, judge: Any, question: Question) -> Change:
        shift = array @ values[f"{self.target}_on"]
        is_lapse = self.target == "lapse"
        return Change(logit_lapse=shift) if is_lapse else Change(log_temperature=shift)

    def point(self, numbers: Floats) -> Values:
        return {f"{self.target}_on": numbers}


RESPONSE_TIME = "response_time"


def _numbers(table: pd.DataFrame, name: str) -> Floats:
    """Numbers of a column, (rows,); of response times logarithms, standardised within a person."""
    values = table[name].to_numpy(dtype=np.float64, na_value=np.nan)
    if name != RESPONSE_TIME:
        return values
    logs = pd.Series(np.log(np.maximum(values, 0.01)))
    by = logs.groupby(table["participant"].to_numpy())
    sd = by.transform("std").to_numpy()
    apart = (logs - by.transform("mean")).to_numpy()
    return np.asarray(np.divide(apart, sd, out=np.full(len(sd), np.nan), where=sd > 0))


def _learnt(term: str, name: str, table: pd.DataFrame, rows: Integers) -> dict[str, Any]:
    """Mean and standard deviation of a column of numbers, or shares of the levels of others."""
    expected, values = f"choices with the column {name!r}", table.get(name)
    found = f"none; it has {', '.join(columns_of(table))}"
    if values is not None and pd.api.types.is_numeric_dtype(values):
        numbers = _numbers(table, name)[rows]
        numbers = numbers[np.isfinite(numbers)]
        if len(numbers) and np.ptp(numbers) > 0:
            return {"mean": float(numbers.mean()), "sd": float(numbers.std())}
    elif values is not None:
        shares = values.iloc[rows].value_counts(normalize=True)
        levels = {str(level): float(share) for level, share in shares.items() if share}
        if 2 <= len(levels) <= MOST_LEVELS:
            return {"levels": levels}
        found = f"{len(levels)} categories"
    expected += f" that differs between them, in at most {MOST_LEVELS} categories"
    raise TwoalikeError(where=f"`terms={term}`", expected=expected, found=found)


def columns_of(table: pd.DataFrame) -> list[str]:
    """Columns of a table of choices that say something of a choice but its answer."""
    there = map(str, table.columns[table.notna().any()])
    return [name for name in there if name not in NOT_TERMS and not name.startswith("item_")]


@dataclass(frozen=True)
class Memory(Term):
    """Answers that people remember."""

    axis = "answers"
    stored: ClassVar = {"memory": ""}

    def learn(self, asked: Sequence[Asked], table: pd.DataFrame) -> Self:
        if not any(len(asked_before(of)[0]) for of in asked):
            raise TwoalikeError(
                where="`terms=memory`",
                expected="people who were asked about the same items twice",
                found="nobody",
                remedy="Leave the term out.",
            )
        return self

    def array(self, of: Asked, table: pd.DataFrame) -> npt.NDArray[Any]:
        marks = np.zeros((len(of.rows), len(of.question.answers)), dtype=np.float32)
        rows, before, same = asked_before(of)
        marks[rows, same[np.arange(len(rows)), of.answer[before]]] = 1
        return marks

    def add(self) -> dict[str, Any]:
        import pymc as pm

        return {"memory": pm.Beta("memory", 1.0, 1.0)}

    def change(self, values: Values, array: Any, judge: Any, question: Question) -> Change:
        return Change(again=(values["memory"], array))

    def point(self, numbers: Floats) -> Values:
        return {"memory": 1 / (1 + np.exp(2 - numbers[0]))}


def asked_before(of: Asked) -> tuple[Integers, Integers, Integers]:
    """Find choices of a person who was asked about the same items before, by order in the table.

    Gives the places of these r choices, ascending, and of the last ones before, (r,) each, and
    which answer of the later one is the same as each of the earlier one, (r, A).
    """
    items, answers = of.ordered
    table = pd.DataFrame(items).assign(judge=of.judge)
    number = table.groupby(list(table)).ngroup().to_numpy()
    order = np.argsort(number, kind="stable")
    same = number[order][1:] == number[order][:-1]
    rows, before = order[1:][same], order[:-1][same]
    rows, before = rows[np.argsort(rows)], before[np.argsort(rows)]
    later = np.argsort(answers[rows], axis=1)
    return rows, before, np.take_along_axis(later, answers[before], axis=1)


@dataclass(frozen=True, eq=False)
class Expected:
    """What a short fit expects of choices held out.

    ``of`` is their group, with arrays of the terms that are tried; ``pairs`` (n, P) are
    similarities over temperature, ``lapse`` (n,) is that of the judges, means over draws both.
    """

    of: Asked
    pairs: Floats
    lapse: Floats

    def losses(self, number: int | None, numbers: Floats, some: Any) -> Floats:
        """Log-loss of some of the choices, with one of the terms or none.

        The first of the numbers is a log temperature of all, the others are the term's.
        """
        of, question, change = self.of, self.of.question, Change()
        if number is not None:
            term, judge = of.terms[number], np.zeros(len(self.lapse[some]), dtype=np.int64)
            change = term.change(term.point(numbers[1:]), of.told[number][some], judge, question)
        pairs, heat = list(self.pairs[some].T), np.exp(numbers[0])
        logs = np.stack(change.log_choice(pairs, heat, self.lapse[some], question))
        return np.asarray(-logs[of.answer[some], np.arange(logs.shape[1])])


def term_gains(expected: Sequence[Expected], seed: int) -> dict[str, Floats]:
    """Find what each term that choices have arrays of would gain on them, in nats a choice, (n,).

    Its numbers are fitted to one half of the choices and scored on the other, both ways.
    """
    from scipy.optimize import minimize

    rng = np.random.default_rng([seed, 7])
    halves = [rng.permutation(len(one.lapse)) % 2 == 0 for one in expected]

    def losses(number: int | None, size: int) -> Floats:
        found = [np.empty(len(one.lapse)) for one in expected]
        for side in (True, False):
            own = [half == side for half in halves]
            n = sum(int(one.sum()) for one in own)

            def loss(x: Floats, own: Any = own, n: int = n) -> float:
                each = zip(expected, own, strict=True)
                total = sum(one.losses(number, x, some).sum() for one, some in each)
                return float(total + 0.5 * (x[1:] ** 2).sum() / SLOPE**2) / n

            x = minimize(loss, np.zeros(1 + size), method="L-BFGS-B").x
            for one, some, of in zip(expected, own, found, strict=True):
                of[~some] = one.losses(number, x, ~some)
        return np.concatenate(found)

    terms, without = expected[0].of.terms, losses(None, 0)
    return {term.name: without - losses(k, term.size) for k, term in enumerate(terms)}


MOST_COLUMNS = 12
"""Of a table that are tried."""


def terms_to_try(asked: Sequence[Asked], table: pd.DataFrame) -> list[Term]:
    """Give the terms that a table of choices has the columns of, and whose numbers are few."""
    columns = columns_of(table)[:MOST_COLUMNS]
    names = [f"{target} ~ {of}" for of in columns for target in TARGETS]
    found = []
    for name in ["position", "memory", *names]:
        try:
            found.append(find_term(name).learn(asked, table))
        except TwoalikeError:  # nothing in the table that it could be learnt from
            continue
    return found


TERMS: Mapping[str, Term] = {"position": Position("position"), "memory": Memory("memory")}
"""By name; a formula such as ``temperature ~ block`` is a :class:`Depends`."""
TARGETS = ("temperature", "lapse")
_FORMULA = re.compile(rf"({'|'.join(TARGETS)}) *~ *[^~+]+(\+[^~+]+)*")


def find_term(name: str, known: Mapping[str, Any] | None = None) -> Term:
    """Look up a term, parse a formula, or import a term of another module, ``module:name``."""
    found = Depends(name) if _FORMULA.fullmatch(name) else TERMS.get(name) or imported(name)
    if not isinstance(found, Term):
        raise TwoalikeError(
            where=f"`terms={name}`",
            expected=f"{', '.join(TERMS)}, a formula such as 'temperature ~ block', or module:name "
            "of a Term that can be imported",
            found=repr(name),
            remedy="See the how-to on terms.",
        )
    return replace(found, name=name, known=known or found.known)


def term_names(terms: str | Sequence[str]) -> list[str]:
    """Split what a setting lists at its commas, and join formulas of one target."""
    listed = ",".join([terms] if isinstance(terms, str) else terms).split(",")
    found: dict[str, list[str]] = {}
    for name in filter(None, map(str.strip, listed)):
        target, _, columns = name.partition("~")
        found.setdefault(target.strip(), []).append(columns.strip())
    joined = {name: " + ".join(filter(None, of)) for name, of in found.items()}
    return [find_term(f"{name} ~ {of}" if of else name).name for name, of in joined.items()]
