"""How wide intervals of similarities, dimensions and groups are, and whether that is enough.

Widths are means over 90 % intervals, in standard deviations; ``[stop]`` has a limit for each.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from twoalike.embedding._dimensions import dimension_shares
from twoalike.embedding._judged import some_draws
from twoalike.embedding._posterior import Posterior, PosteriorSource, as_posterior
from twoalike.embedding._similarity import central_interval, has_no_intervals, pair_draws
from twoalike.study import MISSING, Floats, Study


def similarity_width(posterior: Posterior) -> float:
    """Width of similarities less their mean over pairs; in those of their posterior means."""
    alike = _alike(posterior)
    return _mean_width(alike) / float(alike.mean(axis=0).std())


def dimension_width(posterior: Posterior) -> float:
    """Width of objects' coordinates on a dimension, mean over dimensions by their importance.

    Standard deviations are over objects within a draw, root mean square over draws: those of means
    vanish where nothing is known. Unknown coordinates are some 3.3 wide, whatever their importance.
    """
    x = posterior.embedding
    widths = np.array([_mean_width(x[..., k]) for k in range(x.shape[2])])
    sd = np.sqrt(x.var(axis=1, dtype=np.float64).mean(axis=0))
    return float(dimension_shares(posterior) @ (widths / np.maximum(sd, 1e-6)))


def group_width(posterior: Posterior) -> float:
    """Width of how similarities of two groups' average people differ; mean over couples of groups.

    In standard deviations as those of :func:`similarity_width`; NaN without weights of groups.
    """
    if "group_log_weight" not in posterior.tree["posterior"]:
        return np.nan
    names = [name for name in posterior.labels("group") if name != MISSING]
    groups = [_alike(posterior.for_group(name)) for name in names]
    widths = [_mean_width(second - first) for first, second in combinations(groups, 2)]
    return float(np.mean(widths) / _alike(posterior).mean(axis=0).std())


def _alike(posterior: Posterior) -> Floats:
    return pair_draws(posterior, posterior.embedding[some_draws(posterior, 500)])


def _mean_width(draws: Floats) -> float:
    low, high = central_interval(draws, 0.9)
    return float((high - low).mean())


WIDTHS: Mapping[str, Callable[[Posterior], float]] = {
    "similarity_interval": similarity_width,
    "dimension_interval": dimension_width,
    "group_interval": group_width,
}


@dataclass(frozen=True)
class Precision:
    """Limits of ``[stop]``, and widths by a posterior, NaN where it does not tell; or as text."""

    limits: Mapping[str, float]
    widths: Mapping[str, float]

    @property
    def met(self) -> bool | None:
        """Whether there are limits and all are met; None where widths that are not told decide."""
        if not self.limits or any(self.widths[name] > most for name, most in self.limits.items()):
            return False
        return None if np.isnan([*self.widths.values()]).any() else True

    def __str__(self) -> str:
        head = {True: "enough", False: "not enough yet", None: "undecided"}[self.met]
        told = self.limits.items()
        said = [f"{name} {self.widths[name]:.2f} (at most {most:g})" for name, most in told]
        text = f"{head}: {', '.join(said)}".replace(" nan ", " unknown ")
        if np.isnan(self.widths.get("group_interval", 0)):
            text += "; fit with `people=weights` and `groups=...`"
        return text


def enough(study: Study | str | Path, posterior: PosteriorSource) -> Precision:
    """Judge a posterior by the rule ``[stop]`` of its study, whether collection is at an end."""
    limits = (study if isinstance(study, Study) else Study.load(study)).config.stop.limits
    if has_no_intervals(model := as_posterior(posterior)):
        return Precision(limits, dict.fromkeys(limits, np.nan))
    return Precision(limits, {name: WIDTHS[name](model) for name in limits})
