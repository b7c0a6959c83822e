"""What a student asks of its teacher, whichever kind that is."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from twoalike.features import FeatureTable


class Teacher(Protocol):
    """Opinions about the likeness of objects, one or one a posterior draw.

    Positions are all a loop needs: the dot products of a draw's positions are what the choice
    model's softmax takes. With one draw a step a student meets the posterior's uncertainty over
    time; averaged over draws, probabilities are predictive; side by side and divided by the root
    of their number, the draws' positions have the mean similarities for their dot products.
    """

    @property
    def needs_features(self) -> bool:
        """Whether it places objects by features; else it knows judged objects by their ids."""
        ...

    @property
    def source(self) -> Mapping[str, Any]:
        """The network whose features it needs: backbone, weights_sha256, preprocessing."""
        ...

    @property
    def description(self) -> Mapping[str, Any]:
        """What teacher.json says."""
        ...

    def check(self, features: FeatureTable) -> None:
        """Make sure that it can place these objects."""
        ...

    def positions(
        self, ids: Sequence[str], features: FeatureTable | None = None
    ) -> npt.NDArray[np.float32]:
        """Positions of n objects by draw, shape (S, n, D), the temperature taken up in them."""
        ...


def similarity_draws(
    teacher: Teacher, ids: Sequence[str], features: FeatureTable | None = None
) -> npt.NDArray[np.float32]:
    """Similarity matrices of n objects by draw, shape (S, n, n), in log-odds of a choice.

    Parameters
    ----------
    teacher
        Of either kind.
    ids
        Objects.
    features
        Of these objects, for a teacher that needs them.
    """
    x = teacher.positions(ids, features)
    return np.asarray(x @ x.swapaxes(1, 2))
