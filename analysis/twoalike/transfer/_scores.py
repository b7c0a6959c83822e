r"""Scores by class, and intervals for what they say of other classes.

Images of one class are alike, so the classes are what was sampled, not the images. The estimate
is the mean over classes of their scores; its variance has two parts:

- between classes, which holds the noise of their images as well: the variance of the class
  means, over the number of classes (within each superclass, where classes lie in superclasses
  that are fixed), times two. Two classes that are easily confused lower the scores of both, so
  classes do not vary independently: where all that varies is how much each two are confused, the
  mean has 2 (c - 1) / (c - 2) times the variance that c independent classes would give it;
- between episodes or splits, in what all classes share; what single classes scatter is in the
  first part already, and is subtracted.

The interval is Student's t with the degrees of freedom of the first part: with a handful of
classes the percentiles of a bootstrap over them would lie far too close together. Differences of
two networks are taken class by class and episode by episode first, so they are paired.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from twoalike.evaluation import Interval
from twoalike.study import TwoalikeError

type Floats = npt.NDArray[np.float64]


_CONFUSED = 2.0
"""Variance of a mean over classes that are confused with each other, in units of that over
independent ones: the most there can be with many classes."""


class NotMeasurable(TwoalikeError):
    """These images and labels do not allow a measure; the message says why.

    Wrong input (NaN, a missing label) is no such case.
    """


@dataclass(frozen=True)
class ClassScores:
    """Scores of one network.

    Attributes
    ----------
    values
        Mean score of the images of each class in each episode, shape (e, c); NaN where a class
        was not in an episode, never in all of them.
    classes
        Names, c of them.
    chance
        What guessing scores.
    groups
        Superclass of each class, where the classes lie in superclasses that are fixed: other
        classes of these, not other superclasses, are what the interval is about.
    left_out
        Names of classes with too few images.
    most
        The highest score.
    """

    values: Floats
    classes: tuple[str, ...]
    chance: float
    groups: tuple[str, ...] | None = None
    left_out: tuple[str, ...] = ()
    most: float = 1.0

    def interval(self) -> Interval:
        """Mean over classes, with the 95 % interval over other classes, images and episodes."""
        return _limited(class_interval(self.values, self.groups), 0.0, self.most)

    def difference(self, base: "ClassScores") -> Interval:
        """Mean of these scores minus those of ``base`` on the same classes and episodes."""
        found = class_interval(self.values - base.values, self.groups)
        return _limited(found, -self.most, self.most)


def _limited(found: Interval, low: float, high: float) -> Interval:
    return Interval(found.value, max(found.low, low), min(found.high, high))


def class_interval(values: Floats, groups: tuple[str, ...] | None = None) -> Interval:
    """Mean over classes with its 95 % interval.

    Parameters
    ----------
    values
        Scores, shape (e, c), as in :class:`ClassScores`.
    groups
        Superclass of each class; superclasses weigh the same, and so do the classes of one.

    Raises
    ------
    NotMeasurable
        If there are not two classes (in each superclass): they could not be told to differ.

    Examples
    --------
    >>> found = class_interval(np.array([[0.5, 0.7, 0.6]]))
    >>> round(found.low, 3), round(found.value, 3), round(found.high, 3)
    (0.249, 0.6, 0.951)
    """
    n_classes = values.shape[1]
    _, group = np.unique(groups if groups else ("",) * n_classes, return_inverse=True)
    sizes = np.bincount(group)
    if sizes.min() < 2:
        raise NotMeasurable("needs two classes, has one")
    weights = 1.0 / (len(sizes) * sizes[group])
    means = np.nanmean(values, axis=0)
    group_means = np.bincount(group, weights=means) / sizes
    centred = means - group_means[group]
    of_classes = _CONFUSED * float((weights**2 * centred**2 * (sizes / (sizes - 1))[group]).sum())
    variance = of_classes + _of_episodes(values - means, weights)
    value = float(group_means.mean())
    half = float(stdtrit(n_classes - len(sizes), 0.975)) * float(np.sqrt(variance))
    return Interval(value, value - half, value + half)


def _of_episodes(errors: Floats, weights: Floats) -> float:
    """Variance of the mean by what the classes of an episode share."""
    n_episodes = len(errors)
    if n_episodes == 1:
        return 0.0
    present = ~np.isnan(errors)
    parts = np.where(present, errors, 0.0) * weights / present.sum(axis=0)
    shared = float((parts.sum(axis=1) ** 2).sum() - (parts**2).sum())
    return max(shared, 0.0) * n_episodes / (n_episodes - 1)
