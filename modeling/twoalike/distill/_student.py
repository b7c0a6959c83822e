"""The network that is trained, and a copy of its initial state to which it may be held close."""

import copy
from contextlib import nullcontext
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from twoalike.backbones import Backbone, no_classifier
from twoalike.distill._config import DistillConfig, Similarity
from twoalike.distill._fabric import whole
from twoalike.distill._losses import cka_loss, class_divergence, image_similarity
from twoalike.distill._sources import ImageSet
from twoalike.features import AlignedVector
from twoalike.study import TwoalikeError

CUT_SD = 0.87962566103423978
"""Standard deviation of a standard normal distribution that is cut off at 2 and -2."""


class Output(NamedTuple):
    """A student's output for images."""

    features: torch.Tensor  # features whose similarities are trained, (n, q)
    temperature: torch.Tensor  # of the choices, (1,)
    unmapped: torch.Tensor  # features before the head, (n, p); the same if there is no head


def identity_head(p: int, *, bias: bool, width: int | None = None, seed: int = 0) -> nn.Linear:
    """Map of p features that starts as the identity.

    With another ``width`` it starts at random, drawn from ``seed``, such that on average dot
    products divided by the number of features do not change.
    """
    head = nn.Linear(p, width or p, bias=bias)
    if width in {None, p}:
        nn.init.eye_(head.weight)
    else:
        rng = torch.Generator().manual_seed(seed)
        nn.init.normal_(head.weight, std=p**-0.5, generator=rng)
    if bias:
        nn.init.zeros_(head.bias)
    return head


def dense_head(p: int, width: int | None = None, seed: int = 0) -> nn.Linear:
    """Linear map of p features with a bias, as flax's ``Dense`` starts it; AligNet's triplet head.

    Weights are drawn from ``seed``: a normal distribution cut off at two standard deviations, of
    variance 1/p (``lecun_normal``). The bias is zero.
    """
    head = nn.Linear(p, width or p)
    sd = p**-0.5 / CUT_SD
    rng = torch.Generator().manual_seed(seed)
    nn.init.trunc_normal_(head.weight, std=sd, a=-2 * sd, b=2 * sd, generator=rng)
    nn.init.zeros_(head.bias)
    return head


class StudentNetwork(nn.Module):
    """Maps images to features, and holds the temperature of the choices by their similarities.

    The backbone maps images (n, 3, h, w) to p pooled features, and the head, if there is one, maps
    these to the features whose similarities are trained.
    """

    vector: AlignedVector | None = None  # what the written student gives, once it is trained

    def __init__(
        self,
        backbone: nn.Module,
        head: nn.Linear | None = None,
        *,
        similarity: Similarity = "dot",
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.similarity: Similarity = similarity
        self.head = head
        # One element instead of a scalar, which cannot be sharded among processes.
        self.log_temperature = nn.Parameter(torch.tensor([float(temperature)]).log())

    @property
    def temperature(self) -> float:
        """Temperature of the choices; all processes must call this."""
        return float(whole(self.log_temperature.detach()).exp())

    def forward(self, images: torch.Tensor) -> Output:
        """Features, through the head and before it, and the temperature."""
        unmapped = self.backbone(images)
        features = unmapped if self.head is None else self.head(unmapped)
        return Output(features, self.log_temperature.exp(), unmapped)

    def train(self, mode: bool = True) -> "StudentNetwork":
        """Train with frozen batch normalisation: small batches would distort its statistics."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
        return self

    @torch.no_grad()
    def output_of(self, images: torch.Tensor) -> Output:
        """Output for prepared images, float32, on the CPU."""
        training = self.training
        self.eval()
        # Compiled code is for training: here shapes vary, and each would be compiled.
        compiled = self._compiled_call_impl is not None
        with torch.compiler.set_stance("force_eager") if compiled else nullcontext():
            made = self(images.to(self.log_temperature.device))
        output = Output(*(x.float().cpu() for x in made))
        self.train(training)
        return output

    def similarity_of(self, features: torch.Tensor) -> torch.Tensor:
        """Similarities (n, n) of features, in float32."""
        return image_similarity(features, self.similarity)


def with_kept_classifier(backbone: Backbone, config: DistillConfig) -> Backbone:
    """Check that there is a classifier of these features if it is to be kept; otherwise omit it."""
    layer = backbone.classifier
    if not config.keep_classifier:
        return replace(backbone, classifier=None)
    if layer is None:
        raise no_classifier(backbone.name)
    if layer.in_features != backbone.n_features:
        raise TwoalikeError(
            where=backbone.name,
            expected=f"a classifier of its {backbone.n_features} features",
            found=f"one of {layer.in_features}",
            remedy="Give the layer whose inputs are the pooled features.",
        )
    return backbone


class Base:
    """A frozen copy of the initial network, with its classifier if that is kept.

    ``preserve`` keeps the student's features close to the initial ones
    (:func:`twoalike.distill.cka_loss`), ``keep_classifier`` their classes: the classifier is
    frozen, so its inputs must preserve them (:func:`twoalike.distill.class_divergence`).
    """

    def __init__(
        self, student: StudentNetwork, classifier: nn.Linear | None, config: DistillConfig
    ) -> None:
        self.config, self.device = config, student.log_temperature.device
        self.network = copy.deepcopy(student.backbone).eval().requires_grad_(False)
        self.classifier: nn.Linear | None = None
        if classifier is not None:
            self.classifier = copy.deepcopy(classifier).to(self.device).requires_grad_(False)
        self._likeliest: torch.Tensor | None = None

    @classmethod
    def of(
        cls, student: StudentNetwork, classifier: nn.Linear | None, config: DistillConfig
    ) -> "Base | None":
        """Copy the network, before it is sharded, if a term of the loss needs it."""
        wanted = config.preserve or config.keep_classifier
        return cls(student, classifier, config) if wanted else None

    def terms(self, inputs: torch.Tensor, output: Output) -> torch.Tensor:
        """Weighted terms added to the loss of a batch of images (B, 3, h, w); 0 at the start."""
        with torch.no_grad():
            before = self.network(inputs)
        total = torch.zeros((), device=self.device)
        if self.config.preserve:
            total = total + self.config.preserve * cka_loss(output.unmapped, before)
        if self.config.keep_classifier:
            ours, theirs = self._scores(output.unmapped), self._scores(before)
            total = total + self.config.keep_classifier * class_divergence(ours, theirs)
        return total

    @torch.no_grad()
    def same_class(self, features: torch.Tensor, images: ImageSet, batch: int) -> float:
        """Share of images whose most probable class is the initial one.

        ``features`` (n, p) are the student's, before any head. The images must be the same at each
        call, since the initial network's classes are computed once.
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
