"""The network as it was at the start, and what holds the student to it while it learns.

``preserve`` holds its features (:func:`twoalike.distill.linear_cka`), ``keep_classifier`` what its
own classifier says of them: the classifier's weights stay, so the features must go on meaning the
same classes (:func:`twoalike.distill.class_divergence`).
"""

import copy
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional

from twoalike.backbones import Backbone, no_classifier
from twoalike.distill._config import DistillConfig
from twoalike.distill._data import ImageSet
from twoalike.distill._losses import class_divergence, linear_cka
from twoalike.distill._student import Output, Student
from twoalike.study import TwoalikeError


def with_kept_classifier(backbone: Backbone, config: DistillConfig) -> Backbone:
    """Make sure that there is a classifier if it is to be kept, and leave it behind if not.

    Raises
    ------
    TwoalikeError
        If it is missing, or made for other features.
    """
    layer = backbone.classifier
    if not config.keep_classifier:
        return replace(backbone, classifier=None)
    if layer is None:
        raise no_classifier(backbone.name)
    if layer.in_features != backbone.n_features:
        raise TwoalikeError(
            f"{backbone.name}: expected a classifier of its {backbone.n_features} features, found "
            f"one of {layer.in_features}. Give the layer that stands on the pooled features."
        )
    return backbone


class Base:
    """A frozen copy of the network, with its classifier.

    Parameters
    ----------
    student
        At its first weights, which are copied while they are whole.
    classifier
        Features (n, p) to class scores (n, c); None if it is not kept.
    config
        ``preserve`` and ``keep_classifier``.
    """

    def __init__(
        self, student: Student, classifier: nn.Linear | None, config: DistillConfig
    ) -> None:
        self.config, self.device = config, student.log_temperature.device
        self.network = copy.deepcopy(student.backbone).eval().requires_grad_(False)
        self.classifier: nn.Linear | None = None
        if classifier is not None:
            self.classifier = copy.deepcopy(classifier).to(self.device).requires_grad_(False)
        self._likeliest: torch.Tensor | None = None

    @classmethod
    def of(
        cls, student: Student, classifier: nn.Linear | None, config: DistillConfig
    ) -> "Base | None":
        """Copy the network if a term of the loss asks for it."""
        wanted = config.preserve or config.keep_classifier
        return cls(student, classifier, config) if wanted else None

    def terms(self, inputs: torch.Tensor, seen: Output) -> torch.Tensor:
        """Give what is added to the loss of a batch, each part times its weight; 0 at the start.

        Parameters
        ----------
        inputs
            Images, shape (B, 3, h, w).
        seen
            The student's output for them.
        """
        with torch.no_grad():
            before = self.network(inputs)
        total = torch.zeros((), device=self.device)
        if self.config.preserve:
            total = total + self.config.preserve * (1 - linear_cka(seen.features, before))
        if self.config.keep_classifier:
            ours, theirs = self._scores(seen.unmapped), self._scores(before)
            total = total + self.config.keep_classifier * class_divergence(ours, theirs)
        return total

    @torch.no_grad()
    def same_class(self, features: torch.Tensor, images: ImageSet, batch: int) -> float:
        """Share of images whose likeliest class is what it was at the start.

        Parameters
        ----------
        features
            The student's of these images, not mapped by a head, shape (n, p).
        images
            The same n at each call: the network's own classes are kept.
        batch
            Images at once.
        """
        if self._likeliest is None:
            rows = torch.split(torch.arange(len(images)), batch)
            inputs = (images.stacked(r.tolist()).to(self.device) for r in rows)
            before = [self._scores(self.network(x)).argmax(dim=1) for x in inputs]
            self._likeliest = torch.cat(before)
        now = self._scores(features.to(self.device)).argmax(dim=1)
        return int((now == self._likeliest).sum()) / len(now)

    def _scores(self, features: torch.Tensor) -> torch.Tensor:
        """Class scores (n, c), float32."""
        assert self.classifier is not None
        with torch.autocast(features.device.type, enabled=False):
            return functional.linear(features.float(), self.classifier.weight, self.classifier.bias)
