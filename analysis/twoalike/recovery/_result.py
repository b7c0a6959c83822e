"""The answer of a power analysis: how many participants, and what it rests on."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from twoalike.recovery._collect import unit_of
from twoalike.recovery._curve import LearningCurve, fit_curve
from twoalike.recovery._outcome import Measure, Outcome
from twoalike.recovery._search import FoundSize
from twoalike.recovery._target import Target
from twoalike.recovery._world import CHANCE

if TYPE_CHECKING:
    from twoalike.recovery._power import PowerAnalysis


@dataclass(frozen=True, eq=False)
class PowerResult:
    """How many participants, and why.

    Attributes
    ----------
    analysis
        What was simulated.
    target
        What was to be reached.
    found
        The size.
    """

    analysis: "PowerAnalysis"
    target: Target
    found: FoundSize

    @property
    def trials(self) -> int:
        """Main trials a person."""
        return self.analysis.planned.config.design.trials

    @property
    def at_recommended(self) -> list[Outcome]:
        """Simulated studies of the recommended size."""
        return [o for o in self.found.outcomes if o.participants == self.found.participants]

    @property
    def n_reached(self) -> int:
        """How many of them reach the target."""
        value = self.target.value
        return sum(o.value(self.target.measure) <= value for o in self.at_recommended)

    def curve(self, measure: Measure) -> LearningCurve:
        """Learning curve of one of the measures."""
        if measure == self.target.measure:
            return self.found.curve
        rng = np.random.default_rng([self.analysis.seed, 5])
        return fit_curve(self.found.outcomes, measure, rng)

    def splits(self, trials: Sequence[int]) -> list[tuple[int, int]]:
        """Other ways to the same number of judgments: participants, trials a person."""
        design = self.analysis.planned.config.design
        unit, share = unit_of(self.analysis.planned), 1 + design.repeats / design.trials
        people = [-(-self.found.judgments // (t * share * unit)) * unit for t in trials]
        return [(max(int(n), unit), t) for n, t in zip(people, trials, strict=True)]

    def to_json(self) -> dict[str, Any]:
        """Give everything, JSON-ready."""
        config, target, found = self.analysis.config, self.target, self.found
        low, high = found.curve.size_interval(target.value)
        at = self.at_recommended
        return self.analysis.about | {
            "assumptions": {
                "worlds": config.worlds,
                "assurance": config.assurance,
                "most_participants": config.most,
                "oracle_log_loss": self.analysis.oracle,
                "chance_log_loss": CHANCE,
            },
            "target": asdict(target),
            "recommended": {
                "participants": found.participants,
                "trials_per_person": self.trials,
                "judgments": at[0].judgments,
                "reached": self.n_reached,
                "simulated": len(at),
            },
            "needed": {
                "judgments_assured": found.judgments,
                "judgments_half": {
                    "value": found.curve.size_at(target.value),
                    "low": low,
                    "high": high,
                },
            },
            "curves": {name: _describe(self.curve(name)) for name in ("regret", "width")},
            "studies": [outcome.to_json() for outcome in found.outcomes],
        }


def _describe(curve: LearningCurve) -> dict[str, float]:
    """Parameters of y = exp(log_scale) (n + shift)^-exponent."""
    return {
        "log_scale": curve.log_scale,
        "exponent": curve.exponent,
        "shift": curve.shift,
        "sd": curve.sd,
    }
