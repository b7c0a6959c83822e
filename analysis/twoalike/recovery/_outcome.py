"""How near a fit comes to the truth, and one simulated study from its design to its score."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from twoalike.embedding import FitConfig, Posterior, choice_intervals, fit_embedding
from twoalike.recovery._collect import collect
from twoalike.recovery._world import World
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, TwoalikeError

LEVEL = 0.95
"""Share of the posterior inside the intervals whose width is told."""

type Measure = Literal["regret", "width"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a simulated study came to.

    Attributes
    ----------
    world
        Number of the world.
    participants, judgments
        Size of the study.
    regret
        Mean Kullback-Leibler divergence from the true to the predicted probabilities, in nats:
        how much the expected log-loss on new triplets exceeds the oracle's.
    width
        Mean width of the 95 % intervals of the choice probabilities.
    coverage
        Share of the true probabilities inside them.
    oracle
        Log-loss, in nats, of one who knows the truth.
    converged
        Whether the fit said so.
    """

    world: int
    participants: int
    judgments: int
    regret: float
    width: float
    coverage: float
    oracle: float
    converged: bool

    def value(self, measure: Measure) -> float:
        """Give the measure that a target is about."""
        return self.regret if measure == "regret" else self.width

    def to_json(self) -> dict[str, Any]:
        """Give all of it, JSON-ready."""
        return asdict(self) | {"log_loss": self.oracle + self.regret}


def score(posterior: Posterior, world: World) -> dict[str, float]:
    """Score a fit on the test triplets of its world, against probabilities and not choices.

    Returns
    -------
    ``regret``, ``width`` and ``coverage`` of an :class:`Outcome`.
    """
    place = {name: row for row, name in enumerate(posterior.ids)}
    rows = np.array([place[name] for name in world.observer.ids])
    triplets, true = rows[world.triplets], world.probabilities
    guess = np.asarray(posterior.choice_probabilities(triplets), dtype=np.float64)
    low, high = choice_intervals(posterior, triplets, LEVEL, lapse=False)
    ratio = np.log(np.maximum(true, 1e-300)) - np.log(guess)
    return {
        "regret": float((true * ratio).sum(axis=1).mean()),
        "width": float((high - low).mean()),
        "coverage": float(((low <= true) & (true <= high)).mean()),
    }


def simulate_study(
    study: Study,
    stimuli: StimulusSet,
    world: World,
    number: int,
    participants: int,
    seed: int,
    config: FitConfig,
    *,
    people_differ: bool,
) -> Outcome:
    """Design, collect, fit and compare: one study of world ``number``.

    Raises
    ------
    TwoalikeError
        If the stimuli do not allow the design, or the fit fails; the message says of which study.
    """
    seeds = (seed, 3, number, participants)
    choices = collect(study, stimuli, world, participants, seeds, people_differ=people_differ)
    fit_seed = int(np.random.SeedSequence(seeds).generate_state(1)[0])
    own = config.model_copy(update={"seed": fit_seed})
    try:
        posterior = fit_embedding(choices, config=own)
    except TwoalikeError as error:
        raise TwoalikeError(
            f"simulated study of {participants} participants, world {number}: {error}"
        ) from error
    return Outcome(
        world=number,
        participants=participants,
        judgments=len(choices),
        oracle=world.oracle,
        converged=bool(posterior.attrs["converged"]),
        **score(posterior, world),
    )
