"""The triplets that a sampler chose for a session, and what is to be said of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from twoalike.design._triplets import Triplets


@dataclass(frozen=True, eq=False)
class Chosen:
    """Triplets in the order they will be shown.

    Attributes
    ----------
    triplets
        Object indices, shape (n, 3), ascending in each row.
    samplers
        Name of the sampler that chose each, n of them.
    scores
        Score of each by its sampler, shape (n,); NaN where there is none.
    conditions
        Condition of each, n of them; None where there is none.
    """

    triplets: Triplets
    samplers: tuple[str, ...]
    scores: np.ndarray
    conditions: tuple[str | None, ...]

    @classmethod
    def of(
        cls,
        triplets: Triplets,
        sampler: str | Sequence[str],
        conditions: Sequence[str | None] | None = None,
        scores: np.ndarray | None = None,
    ) -> Self:
        """Triplets of one sampler, or with the name of a sampler each."""
        n = len(triplets)
        return cls(
            triplets.reshape(-1, 3),
            (sampler,) * n if isinstance(sampler, str) else tuple(sampler),
            np.full(n, np.nan) if scores is None else scores,
            (None,) * n if conditions is None else tuple(conditions),
        )

    def __len__(self) -> int:
        return len(self.triplets)

    def take(self, order: np.ndarray) -> Self:
        """Those at the places of ``order``, in that order."""
        return type(self)(
            self.triplets[order],
            tuple(self.samplers[at] for at in order),
            self.scores[order],
            tuple(self.conditions[at] for at in order),
        )

    def joined(self, other: "Chosen") -> Self:
        """Append the others."""
        return type(self)(
            np.concatenate([self.triplets, other.triplets]),
            self.samplers + other.samplers,
            np.concatenate([self.scores, other.scores]),
            self.conditions + other.conditions,
        )
