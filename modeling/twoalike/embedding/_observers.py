"""Whose answers are predicted: those of a participant of the fit, or of somebody new.

Of a new person only the population is known: in each draw, log-temperatures are normal and lapses
normal on the scale of log-odds (:mod:`._model`). Their answers are therefore integrated over it.
A lapse enters the probability of an answer linearly, so its mean suffices; over temperatures five
nodes of Gauss-Hermite quadrature give probabilities to .001 for a spread up to .7.

A typical observer is somebody else: at temperature 1 and without guesses, the embedding itself,
which is what labels of a teacher are made of.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from twoalike.choice import Question, log_choice
from twoalike.study import Booleans, Floats, Integers

if TYPE_CHECKING:
    import xarray as xr

NODES = 5  # of the temperatures
LAPSE_NODES = 20
COVARIATES = "participant_covariates"
"""Coordinate of a posterior: the covariates of each participant, standardised over all."""


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

        def draws(name: str) -> Floats:
            values = group[name].values  # chain x draw x ...
            return np.asarray(values.reshape(-1, *values.shape[2:]), dtype=np.float64)

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
