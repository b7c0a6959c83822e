"""What is asked of a study, in words and as a number that a fit can reach or not."""

from dataclasses import dataclass

from twoalike.recovery._outcome import Measure
from twoalike.recovery._world import CHANCE
from twoalike.study import TwoalikeError

INFORMATION = 0.9
"""Default share of what can be known of choices: the part of ln 3 that the oracle is above chance.

A share and not a log-loss, since how predictable choices are differs between worlds; at .9 a
model predicts nearly as well as one who knows the space, and further trials mostly sharpen
intervals."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A measure and the value at which a study is good enough; less is better.

    Attributes
    ----------
    measure
        ``regret`` (nats) or ``width`` (of a probability).
    value
        Reached at this value or below.
    asked
        How it was asked for.
    """

    measure: Measure
    value: float
    asked: str

    @property
    def words(self) -> str:
        """Name it for a sentence."""
        if self.measure == "width":
            return f"95 % intervals of choice probabilities {self.value:.3g} wide on average"
        return f"a log-loss within {self.value:.3g} nats of the truth's"


def make_target(
    oracle: float,
    *,
    information: float | None = None,
    regret: float | None = None,
    log_loss: float | None = None,
    width: float | None = None,
) -> Target:
    """Turn what was asked for into a target; at most one may be given.

    Parameters
    ----------
    oracle
        Mean log-loss of the oracle over worlds, nats.
    information
        Share of the oracle's gain over chance, between 0 and 1.
    regret
        Nats above the oracle's log-loss.
    log_loss
        On new triplets, nats.
    width
        Mean width of the 95 % intervals of choice probabilities.

    Raises
    ------
    TwoalikeError
        If several are given, or guessing reaches the target, or nobody can.

    Examples
    --------
    >>> round(make_target(0.6, log_loss=0.65).value, 6)
    0.05
    >>> make_target(0.6).asked
    '--target-information 0.9'
    """
    asked = {"information": information, "regret": regret, "log-loss": log_loss, "width": width}
    given = {name: value for name, value in asked.items() if value is not None}
    if len(given) > 1:
        names = " and ".join(f"--target-{name}" for name in given)
        raise TwoalikeError(f"expected one target, found {names}. Leave all but one out.")
    name, value = next(iter(given.items()), ("information", INFORMATION))
    said = f"--target-{name} {value:g}"
    if name in ("information", "width"):
        if not 0 < value < 1:
            raise TwoalikeError(f"{said}: expected a number between 0 and 1.")
        if name == "width":
            return Target(measure="width", value=value, asked=said)
        return Target(measure="regret", value=(1 - value) * (CHANCE - oracle), asked=said)
    above = value - oracle if name == "log-loss" else value
    if above <= 0:
        least = "0"
        if name == "log-loss":
            least = f"{oracle:.3f}, the log-loss of one who knows the truth"
        raise TwoalikeError(f"{said}: expected a number above {least}.")
    if above >= CHANCE - oracle:
        most = CHANCE if name == "log-loss" else CHANCE - oracle
        raise TwoalikeError(
            f"{said}: guessing reaches that without a trial. Ask for less than {most:.3f}."
        )
    return Target(measure="regret", value=above, asked=said)
