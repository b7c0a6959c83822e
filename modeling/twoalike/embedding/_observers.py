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
different ones in each draw, so that the mean over draws has next to none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from twoalike.choice import Question, log_choice
from twoalike.embedding._posterior_file import (
    COVARIATES,
    GROUP_OF,
    OTHER_AXES,
    VARIABLES,
    stacked,
)
from twoalike.embedding._priors import Kernel
from twoalike.judgments import person_of
from twoalike.study import Booleans, Floats, Integers, TwoalikeError, shortened

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


@dataclass(frozen=True)
class Observers:
    """Lapse and temperature of P participants under S draws, and of new people.

    ``lapse`` and ``temperature`` have shape (S, P); ``new_lapse`` (S,) is the mean lapse of the
    population and ``new_spread`` (S,) the standard deviation of a new person's log-temperature.
    """

    lapse: Floats
    temperature: Floats
    new_lapse: Floats
    new_spread: Floats

    @classmethod
    def of(cls, group: "xr.Dataset") -> "Observers":
        """Take them from a posterior's draws.

        The population is that of each draw. Draws without one, such as those of a single
        participant or made elsewhere, have the mean lapse and the spread of their participants.
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
        return cls(lapse, temperature, new_lapse, spread * np.sqrt(1 + 1 / people))

    def mean(self) -> "Observers":
        """Means over the draws, as one draw; of temperatures and their spread on the log scale."""
        return Observers(
            self.lapse.mean(axis=0, keepdims=True),
            np.exp(np.log(self.temperature).mean(axis=0, keepdims=True)),
            self.new_lapse.mean(keepdims=True),
            self.new_spread.mean(keepdims=True),
        )

    def answers(
        self,
        draw: int,
        pairs: Sequence[Any],
        judges: Integers | None,
        question: Question,
        *,
        lapse: bool,
    ) -> npt.NDArray[Any]:
        """Probability of each answer to a question under one draw, shape (n, A).

        ``pairs`` are similarities of the question's pairs, (n,) each; ``judges`` (n,) are
        participants, -1 for somebody new, None for new people only. Without ``lapse`` nobody
        guesses, and who is unknown is a typical observer.
        """
        n, width = len(pairs[0]), len(question.answers)
        known = np.zeros(n, dtype=bool) if judges is None else judges >= 0

        def answer(rows: Booleans, noise: Any, rate: Any) -> npt.NDArray[Any]:
            some = pairs if rows.all() else [side[rows] for side in pairs]
            return np.exp(np.stack(log_choice(list(some), noise, rate, question=question), axis=1))

        p = np.empty((n, width), dtype=np.result_type(pairs[0].dtype, np.float32))
        if judges is not None and known.any():
            who = judges[known]
            noise = self.temperature[draw, who].astype(np.float32)
            rate = self.lapse[draw, who].astype(np.float32) if lapse else None
            p[known] = answer(known, noise, rate)
        if not known.all():
            new = self._of_somebody_new if lapse else _of_typical
            p[~known] = new(draw, partial(answer, ~known))
        return p

    def _of_somebody_new(
        self, draw: int, answer: Callable[[Any, Any], npt.NDArray[Any]]
    ) -> npt.NDArray[Any]:
        """Probability of each answer, integrated over the population."""
        rate, spread = np.float32(self.new_lapse[draw]), self.new_spread[draw]
        z, weights = _normal_nodes(NODES if spread > 0 else 1)
        return np.asarray(
            sum(
                np.float32(weight) * answer(np.float32(np.exp(spread * at)), rate)
                for at, weight in zip(z, weights, strict=True)
            )
        )


def _of_typical(draw: int, answer: Callable[[Any, Any], npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Probability of each answer of a typical observer, the same in each draw."""
    return answer(np.float32(1.0), None)


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

    def roots_of(self, draw: int, judges: Integers) -> Floats:
        """By what each judge multiplies coordinates, (n, D); those who are unknown, -1, by one."""
        return np.append(self.roots(draw), np.ones((1, self.log.shape[2])), axis=0)[judges]

    def mean_pairs(
        self, kernel: Kernel, x: Floats, items: Integers, judges: Integers, question: Question
    ) -> list[Floats]:
        """Mean over draws of the similarities of the question's pairs to their judges, (n,) each.

        Of unknown judges, -1, they are those of the embedding itself, (S, m, D).
        """
        total = np.zeros((len(question.pairs), len(items)))
        for draw, values in enumerate(x):
            total += kernel.pairs(values, items, question.pairs, roots=self.roots_of(draw, judges))
        return list(total / len(x))

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


def weighted_answers(
    observers: Observers,
    weights: Weights,
    kernel: Kernel,
    draw: int,
    x: Floats,
    items: Integers,
    judges: Integers | None,
    question: Question,
    *,
    lapse: bool,
) -> npt.NDArray[Any]:
    """Probability of each answer under one draw, shape (n, A).

    As :meth:`Observers.answers`, but from the embedding ``x`` (m, D) and items (n, k). Without
    ``lapse`` an unknown person has the embedding itself, that of the average participant.
    """
    judges = np.full(len(items), -1) if judges is None else np.asarray(judges)
    known, p = judges >= 0, np.empty((len(items), len(question.answers)), dtype=np.float32)
    if known.any():
        who = judges[known]
        own = kernel.pairs(x, items[known], question.pairs, roots=weights.roots(draw)[who])
        p[known] = observers.answers(draw, own, who, question, lapse=lapse)
    if not known.all():
        shown = items[~known]
        views = [x * root for root in weights.new(draw)] if lapse else [x]
        answers = [
            observers.answers(draw, pairs, None, question, lapse=lapse)
            for view in views
            for pairs in [
                kernel.pairs(view, shown, question.pairs, matrix=kernel.whole(view, shown.size))
            ]
        ]
        p[~known] = np.mean(answers, axis=0)
    return p


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
