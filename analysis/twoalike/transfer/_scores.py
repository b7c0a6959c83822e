"""Scores by class, and intervals over other classes.

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
classes the percentiles of a bootstrap over them would lie far too close together. Two or three
classes tell little about others, so there is a second interval, of the same classes with
other images: the scatter of images within classes takes the place of that between classes. It
counts twice, since an image is tested and is also learnt from.

Differences of two networks are taken image by image, class by class and episode by episode
first, so they are paired.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from twoalike.evaluation import Interval, NotMeasurable
from twoalike.study import Floats, Integers

_CONFUSED = 2.0
"""Variance of a mean over classes that are confused with each other, in units of that over
independent ones: the most there can be with many classes."""
_ROLES = 2.0
"""Variance over other images, in units of that of images that are only tested."""


@dataclass(frozen=True)
class ClassScores:
    """Scores of one network, or their differences to those of another."""

    values: Floats
    """Mean score of the images of each class in each episode, shape (e, c); NaN where a class was
    not in an episode, never in all of them."""
    images: Floats
    """Mean score of each image over the episodes in which it was asked, shape (n,); NaN for an
    image that never was."""
    members: Integers
    """Class of each image, 0..c-1, shape (n,)."""
    classes: tuple[str, ...]
    """Names, c of them."""
    chance: float
    """What guessing scores."""
    groups: tuple[str, ...] | None = None
    """Superclass of each class, where the classes lie in superclasses that are fixed and weigh the
    same: other classes of these, not other superclasses, are what the interval is about."""
    left_out: tuple[str, ...] = ()
    """Names of classes with too few images."""
    least: float = 0.0
    """The lowest score; the highest is 1, of differences as far above 0."""

    def interval(self) -> Interval:
        """Mean over classes, with the 95 % interval over other classes, images and episodes."""
        return class_interval(self.values, self.groups).within(self.least, max(1.0, -self.least))

    def same_classes(self) -> Interval:
        """Mean over classes, with the 95 % interval over other images of these, and episodes."""
        found = image_interval(self.values, self.images, self.members, self.groups)
        return found.within(self.least, max(1.0, -self.least))

    def minus(self, base: "ClassScores") -> "ClassScores":
        """Differences to the scores of another network on the same images and episodes."""
        values, images = self.values - base.values, self.images - base.images
        return replace(self, values=values, images=images, least=self.least - 1)


def class_interval(values: Floats, groups: tuple[str, ...] | None = None) -> Interval:
    """Mean over classes with its 95 % interval; ``values`` and ``groups`` as in ClassScores."""
    n_classes = values.shape[1]
    group, sizes = _superclasses(groups, n_classes)
    if sizes.min() < 2:
        raise NotMeasurable("needs two classes, has one")
    weights = 1.0 / (len(sizes) * sizes[group])
    means = np.nanmean(values, axis=0)
    group_means = np.bincount(group, weights=means) / sizes
    centred = means - group_means[group]
    of_classes = float((weights**2 * centred**2 * (sizes / (sizes - 1))[group]).sum())
    parts = _parts(values - means, weights)
    # What single classes scatter between episodes is in the scatter of the classes already.
    of_episodes = max(_squares(parts.sum(axis=1)) - _squares(parts), 0.0)
    variance = _CONFUSED * of_classes + of_episodes * _unbiased(len(values))
    return _student(float(group_means.mean()), variance, n_classes - len(sizes))


def image_interval(
    values: Floats,
    images: Floats,
    members: Integers,
    groups: tuple[str, ...] | None = None,
) -> Interval:
    """Mean over classes with its 95 % interval over other images of the same classes.

    A class of which one image was asked is taken to scatter like the others; where all are such,
    nothing is known of other images, and the interval has no ends.
    """
    n_classes = values.shape[1]
    group, sizes = _superclasses(groups, n_classes)
    weights = 1.0 / (len(sizes) * sizes[group])
    means = np.nanmean(values, axis=0)
    value = float((np.bincount(group, weights=means) / sizes).mean())
    asked = ~np.isnan(images)
    scores, of = images[asked], members[asked]
    counts = np.bincount(of, minlength=n_classes)
    centred = scores - (np.bincount(of, weights=scores, minlength=n_classes) / counts)[of]
    squares = np.bincount(of, weights=centred**2, minlength=n_classes)
    free = int((counts - 1).sum())
    if not free:
        return Interval(value, -np.inf, np.inf)
    spread = np.where(counts > 1, squares / np.maximum(counts - 1, 1), squares.sum() / free)
    of_images = _ROLES * float((weights**2 * spread / counts).sum())
    of_episodes = _squares(_parts(values - means, weights).sum(axis=1))
    return _student(value, of_images + of_episodes * _unbiased(len(values)), free)


def _superclasses(groups: tuple[str, ...] | None, n_classes: int) -> tuple[Integers, Integers]:
    """Superclass of each class, and the classes in each; one superclass where there are none."""
    _, group = np.unique(groups if groups else ("",) * n_classes, return_inverse=True)
    return group.astype(np.int64), np.bincount(group)


def _parts(errors: Floats, weights: Floats) -> Floats:
    """Errors of the mean by each class in each episode, shape (e, c)."""
    present = ~np.isnan(errors)
    return np.asarray(np.where(present, errors, 0.0) * weights / present.sum(axis=0))


def _squares(of: Floats) -> float:
    return float((of**2).sum())


def _unbiased(n_episodes: int) -> float:
    """Correct for errors that are taken from the episodes' own mean; one has no error left."""
    return n_episodes / (n_episodes - 1) if n_episodes > 1 else 0.0


def _student(value: float, variance: float, free: int) -> Interval:
    half = float(stdtrit(free, 0.975)) * float(np.sqrt(variance))
    return Interval(value, value - half, value + half)
