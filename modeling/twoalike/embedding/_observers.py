"""Whose answers are predicted: those of a participant of the fit, or of somebody new.

Of a new person only the population is known: in each draw, log-temperatures are normal and lapses
normal on the scale of log-odds (:mod:`._model`). Their answers are therefore integrated over it.
A lapse enters the probability of an answer linearly, so its mean suffices; over temperatures five
nodes of Gauss-Hermite quadrature give probabilities to .001 for a spread up to .7.

A typical observer is somebody else: at temperature 1 and without guesses, the embedding itself,
which is what labels of a teacher are made of.

Where people weigh the dimensions, a participant is predicted with their own weights. Of somebody
new the weights are integrated over the population, or over their group: in each draw over a few
people drawn from it, in pairs of opposite weights, which cancels the linear part of the error;
different ones in each draw, so that the mean over draws has next to none. In the terms of the model
(:mod:`._terms`) somebody new is like one of the participants, another for each choice and draw.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from twoalike.choice import Change, Question
from twoalike.embedding._posterior_file import (
    COVARIATES,
    GROUP_OF,
    OTHER_AXES,
    VARIABLES,
    stacked,
)
from twoalike.embedding._priors import ROWS, Kernel, cheaper_whole
from twoalike.embedding._terms import Term
from twoalike.judgments import person_of
from twoalike.study import Floats, Integers, TwoalikeError, shortened

if TYPE_CHECKING:
    import xarray as xr

NODES = 5  # of the temperatures
LAPSE_NODES = 20
NEW_PAIRS = 4
"""Pairs of new people that answers are averaged over, in each draw."""
LEAST_RELIABLE = 0.1
"""Of dimensions that say less of people the estimates would be noise alone."""
LIKENESS = ("group", "participant")
"""Attributes of the posterior of a group or of a participant: its name."""


def _normal_nodes(n: int) -> tuple[Floats, Floats]:
    """Nodes and weights for the mean of a function of a standard normal variable, (n,) each."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    return nodes, weights / weights.sum()


@dataclass(frozen=True, eq=False)
class Draw:
    """One draw: the embedding (m, D), and those who judge by it.

    ``temperature`` and ``lapse`` (P,) are of every participant, as is what each multiplies
    coordinates by, ``roots`` (P, D), if they weigh dimensions. Of new people it has the mean lapse,
    the standard deviation of their log-temperature, and what draws ``roots`` of a few, (N, D).
    ``terms`` of the model have ``values`` by name.
    """

    embedding: Floats
    kernel: Kernel
    temperature: Floats
    lapse: Floats
    roots: Floats | None = None
    new_lapse: float = 0.0
    new_spread: float = 0.0
    new_roots: Callable[[], Floats] | None = None
    terms: tuple[Term, ...] = ()
    values: Mapping[str, Floats] = field(default_factory=dict)
    number: int = 0

    @cached_property
    def matrix(self) -> Floats:
        """Similarities of all objects, (m, m)."""
        return self.kernel.matrix(self.embedding, self.embedding)

    def pairs(
        self, items: Integers, question: Question, judges: Integers | None = None, total: int = 0
    ) -> tuple[Any, ...]:
        """Similarities of the question's pairs in sets of items, (n, k), to judges: (n,) each.

        Without judges they are those of the embedding itself. ``total`` counts the items of all
        sets, of which these may be some.
        """
        roots = None if self.roots is None or judges is None else self.roots[judges]
        number = max(total, items.size)
        whole = roots is None and cheaper_whole(len(self.embedding), number)
        matrix = self.matrix if whole else None
        return self.kernel.pairs(self.embedding, items, question.pairs, matrix=matrix, roots=roots)

    def answers(
        self,
        items: Integers,
        question: Question,
        judges: Integers | None = None,
        *,
        lapse: bool = True,
        told: Sequence[npt.NDArray[Any]] = (),
    ) -> Floats:
        """Probability of each answer to a question about sets of items, (n, k): shape (n, A).

        ``judges`` (n,) are participants, -1 for somebody new, None for new people only. Without
        ``lapse`` nobody guesses, and who is unknown is a typical observer. ``told`` are the arrays
        of the terms, (n, ...) each; without them no term counts.
        """
        n, people = len(items), len(self.temperature)
        p = np.empty((n, len(question.answers)), dtype=self.temperature.dtype)
        who = np.full(n, -1) if judges is None else judges
        alike = np.random.default_rng(self.number).integers(0, people, n) if len(told) else who
        alike = np.where(who < 0, alike, who)
        step = max(3 * ROWS // len(question.pairs), 1)
        for start in range(0, n, step):
            here = np.arange(start, min(start + step, n))
            for known in (True, False):
                rows = here[(who[here] >= 0) == known]
                if not len(rows):
                    continue
                arrays = [array[rows] for array in told]
                change = changed(self.terms, self.values, arrays, alike[rows], question)
                if known:
                    own = who[rows]
                    guess = self.lapse[own] if lapse else None
                    pairs = self.pairs(items[rows], question, own, items.size)
                    p[rows] = _answered(pairs, question, self.temperature[own], guess, change)
                else:
                    p[rows] = self._of_new(items[rows], question, lapse, items.size, change)
        return p

    def _of_new(
        self, items: Integers, question: Question, lapse: bool, total: int, change: Change
    ) -> Floats:
        """Answers of new people, integrated over the population; or of a typical observer."""
        number = self.temperature.dtype.type
        if not lapse:
            pairs = self.pairs(items, question, total=total)
            return _answered(pairs, question, number(1), None, change)
        z, weights = _normal_nodes(NODES if self.new_spread > 0 else 1)
        heat, rate = np.exp(self.new_spread * z), number(self.new_lapse)
        mean: Any = 0
        roots = [None] if self.new_roots is None else self.new_roots()
        for root in roots:
            view = self
            if root is not None:  # has its own matrix, if at all, for these items only
                view, total = replace(self, embedding=self.embedding * root, roots=None), 0
            pairs = view.pairs(items, question, total=total)
            for one, weight in zip(heat, weights / len(roots), strict=True):
                mean += number(weight) * _answered(pairs, question, number(one), rate, change)
        return np.asarray(mean)


def changed(
    terms: Iterable[Term],
    values: Mapping[str, Any],
    arrays: Iterable[Any],
    judge: Any,
    question: Question,
) -> Change:
    """Say what all terms change of choices, by the array of each; nothing without arrays."""
    change = Change()
    for term, array in zip(terms, arrays, strict=False):
        change += term.change(values, array, judge, question)
    return change


def _answered(
    pairs: Any, question: Question, temperature: Any, lapse: Any, change: Change
) -> Floats:
    """Probability of each answer by similarities of the question's pairs, (n, A)."""
    logs = change.log_choice(list(pairs), temperature, lapse, question)
    return np.exp(np.stack(logs, axis=1))


def drawn(
    found: Mapping[str, Floats], kernel: Kernel, terms: tuple[Term, ...] = ()
) -> Iterator[Draw]:
    """Draws by the model's quantities, each (S, ...), without new people; answers are float64."""
    log_weight = found.get("log_weight")
    temperature, lapse = (found[name].astype(np.float64) for name in ("temperature", "lapse"))
    for place, x in enumerate(found["embedding"]):
        roots = None if log_weight is None else np.exp(log_weight[place] / 2)
        values = {name: of[place] for name, of in found.items()}
        observers = temperature[place], lapse[place], roots
        yield Draw(x, kernel, *observers, terms=terms, values=values, number=place)


def population(group: "xr.Dataset") -> tuple[Floats, Floats]:
    """Mean lapse of people and standard deviation of a new person's log-temperature, (S,) each.

    The population is that of each draw. Draws without one, such as those of a single participant or
    made elsewhere, have the mean lapse and the spread of their participants.
    """
    draws = partial(stacked, group)
    lapse, temperature = draws("lapse"), draws("temperature")
    people = lapse.shape[1]
    # What depends on covariates varies as it does over the participants.
    shift = {
        name: draws(name) @ group[COVARIATES].values.T
        for name in ("lapse_slope", "temperature_slope")
        if name in group
    }
    if "lapse_spread" in group:
        z, weight = _normal_nodes(LAPSE_NODES)
        place, scale = draws("lapse_location"), draws("lapse_spread")
        if "lapse_slope" in shift:
            place = place + shift["lapse_slope"].mean(axis=1)
            scale = np.hypot(scale, shift["lapse_slope"].std(axis=1))
        logit = place[:, None] + scale[:, None] * z
        new_lapse: Floats = (1 / (1 + np.exp(-logit))) @ weight
    else:
        new_lapse = lapse.mean(axis=1)
    if "temperature_spread" in group:
        spread: Floats = draws("temperature_spread")
        if "temperature_slope" in shift:
            spread = np.hypot(spread, shift["temperature_slope"].std(axis=1))
    else:
        spread = np.log(temperature).std(axis=1, ddof=1 if people > 1 else 0)
    # Temperatures are relative to the participants' geometric mean, which has an error itself.
    return new_lapse, spread * np.sqrt(1 + 1 / people)


@dataclass(frozen=True, eq=False)
class Weights:
    """Log weights of P participants under S draws, and of the population that new people are from.

    ``log`` has shape (S, P, D); ``centre`` (S, G, D) is the centre of each group, of one group
    where there are none, and ``group`` (P,) the index of each participant's; ``slope`` (S, C, D)
    how log weights depend on the covariates, ``z`` (P, C), C = 0 where there are none; ``spread``
    (S,) the standard deviation of a person's log weights around all this.
    """

    log: Floats
    centre: Floats
    group: Integers
    slope: Floats
    z: Floats
    spread: Floats

    @classmethod
    def of(cls, group: "xr.Dataset") -> "Weights | None":
        """Take them from a posterior's draws; None if people have no weights of their own."""
        if "log_weight" not in group:
            return None

        draws = partial(stacked, group, dtype=np.float32)
        log = draws("log_weight")
        centre = np.zeros((len(log), 1, log.shape[2]), dtype=np.float32)
        place = np.zeros(log.shape[1], dtype=np.int64)
        if "group_log_weight" in group:
            centre = draws("group_log_weight")
            names = {str(name): k for k, name in enumerate(group["group"].values)}
            place = np.array([names[str(name)] for name in group[GROUP_OF].values])
        slope, z = np.zeros((len(log), 0, log.shape[2]), np.float32), np.zeros((len(place), 0))
        if "weight_slope" in group:
            slope, z = draws("weight_slope"), group[COVARIATES].values
        return cls(log, centre, place, slope, z.astype(np.float32), draws("weight_spread"))

    @property
    def reliability(self) -> Floats:
        """Share of the variance between people that posterior means of log weights have, (D,)."""
        between = self.log.mean(axis=0, dtype=np.float64).var(axis=0)
        within = self.log.var(axis=0, dtype=np.float64).mean(axis=0)
        return np.asarray(np.maximum(between / (between + within + 1e-12), LEAST_RELIABLE))

    def unshrunk(self) -> Floats:
        """Estimate log weights without the shrinkage of people to their population, (P, D).

        A posterior mean is, on average, the truth times the reliability: means of people are as
        much too small as those of each.
        """
        return np.asarray(self.log.mean(axis=0, dtype=np.float64) / self.reliability)

    def roots(self, draw: int) -> Floats:
        """By what each participant multiplies coordinates, (P, D)."""
        return np.asarray(np.exp(self.log[draw] / 2))

    def new(self, draw: int) -> Floats:
        """By what each of a few new people multiplies coordinates, (N, D).

        They have the group and the covariates of some participant.
        """
        rng = np.random.default_rng(draw)
        level = (rng.permutation(NEW_PAIRS) + rng.random()) / NEW_PAIRS
        alike = np.argsort(self.group, kind="stable")[(level * len(self.group)).astype(np.int64)]
        mean = self.centre[draw][self.group[alike]] + self.z[alike] @ self.slope[draw]
        z = rng.standard_normal((NEW_PAIRS, self.log.shape[2]), dtype=np.float32)
        z -= z.mean(axis=1, keepdims=True)
        away = self.spread[draw] * np.concatenate([z, -z])
        return np.asarray(np.exp((np.tile(mean, (2, 1)) + away) / 2))


def view_of_person(tree: "xr.DataTree", name: str) -> "xr.DataTree":
    """Take the embedding of one participant, who is the only one left in the groups of draws."""
    group = _weighted(tree)
    _check_label(name, group["participant"].values, "participant")
    log_weight = group["log_weight"].sel(participant=name, drop=True)
    others = [n for n in VARIABLES if "weight" in n or n.startswith(("lapse_", "temperature_"))]
    left = group.drop_vars([*others, "group"], errors="ignore")
    return _view(tree, left, log_weight, np.array([name]), {"participant": name})


def view_of_group(tree: "xr.DataTree", name: str) -> "xr.DataTree":
    """Take the embedding of a group's average person into the groups of draws.

    Its participants are those of the group, their weights relative to the group's.
    """
    group = _weighted(tree)
    labels = group["group"].values if "group_log_weight" in group else np.empty(0, dtype=str)
    _check_label(name, labels, "group")
    log_weight = group["group_log_weight"].sel(group=name, drop=True)
    left = group.drop_vars(["group_log_weight", "weight_group_spread", "group"])
    left = left.assign(log_weight=left["log_weight"] - log_weight)
    members = group["participant"].values[group[GROUP_OF].values == name]
    return _view(tree, left, log_weight, members, {"group": name})


def _weighted(tree: "xr.DataTree") -> "xr.Dataset":
    group = tree["posterior"].to_dataset()
    if "log_weight" not in group:
        raise TwoalikeError(
            "in this posterior people differ in noise only, not in weights of the dimensions",
            remedy="Fit it with `people=weights`.",
        )
    return group


def _check_label(name: str, labels: npt.NDArray[Any], what: str) -> None:
    if name not in labels:
        raise TwoalikeError(
            expected=f"one of the {len(labels)} {what}s of the posterior",
            found=repr(name),
            remedy=f"It has {shortened(', '.join(map(str, labels)), 100)}."
            if len(labels)
            else f"Fit it with `{what}s=...`.",
        )


def _view(
    tree: "xr.DataTree",
    group: "xr.Dataset",
    log_weight: "xr.DataArray",
    people: npt.NDArray[Any],
    likeness: dict[str, str],
) -> "xr.DataTree":
    """Weigh the embedding of ``group``, keep some of the participants, and record whose it is.

    Of other people's arrangements and the like this is no embedding: they are left out too.
    """
    kept_people: dict[str, Any] = {"participant": people}
    for axis in OTHER_AXES:
        if axis in group.coords:
            names = group[axis].values
            kept_people[axis] = names[np.isin(list(map(person_of, names)), people)]
    order = group["embedding"].dims
    weighed = (group["embedding"] * np.exp(log_weight / 2)).transpose(*order)
    view = tree.copy()
    kept = {key: value for key, value in tree.attrs.items() if key not in LIKENESS}
    view.attrs = kept | likeness
    view["posterior"] = group.assign(embedding=weighed.astype("float32")).sel(kept_people)
    if "constant_data" in view.children:
        counts = view["constant_data"].to_dataset()
        view["constant_data"] = counts.sel(kept_people)
    return view
