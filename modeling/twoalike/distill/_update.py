"""The network that is trained, and one step of its training: batches, loss, new weights."""

import copy
import math
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricOptimizer
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from twoalike.distill._config import DistillConfig, Similarity
from twoalike.distill._losses import (
    choice_logs,
    image_similarity,
    neighbour_divergence,
    triplet_loss,
)
from twoalike.distill._sources import HEAD, NOISE, LabelSource, Source, seed_of
from twoalike.features import AlignedVector

type Record = dict[str, Any]
"""One line of training.jsonl: a step, or the scores after a step."""
CUT_SD = 0.87962566103423978
"""Standard deviation of a standard normal distribution that is cut off at 2 and -2."""


class Output(NamedTuple):
    features: torch.Tensor  # features whose similarities are trained, (n, q)
    temperature: torch.Tensor  # of the choices, (1,)
    unmapped: torch.Tensor  # features before the head, (n, p); the same if there is no head


def make_head(kind: str, p: int, width: int | None, seed: int) -> nn.Linear | None:
    """Map of p features whose similarities are trained; None for the features themselves.

    ``linear`` starts as the identity or, of another ``width``, at random, such that on average dot
    products divided by the number of features do not change. ``dense`` has a bias and starts as
    flax's ``Dense``, AligNet's triplet head: a normal distribution cut off at two standard
    deviations, of variance 1/p (``lecun_normal``). Random weights are drawn from ``seed``.
    """
    if kind == "none":
        return None
    head = nn.Linear(p, width or p, bias=kind == "dense")
    rng = torch.Generator().manual_seed(seed_of(seed, HEAD))
    if kind == "dense":
        sd = p**-0.5 / CUT_SD
        nn.init.trunc_normal_(head.weight, std=sd, a=-2 * sd, b=2 * sd, generator=rng)
        nn.init.zeros_(head.bias)
    elif width in {None, p}:
        nn.init.eye_(head.weight)
    else:
        nn.init.normal_(head.weight, std=p**-0.5, generator=rng)
    return head


class StudentNetwork(nn.Module):
    """Maps images to features, and holds the temperature of the choices by their similarities.

    The backbone maps images (n, 3, h, w) to p pooled features, and the head, if there is one, maps
    these to the features whose similarities are trained.
    """

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
        self.vector: AlignedVector | None = None  # what the written student gives, once trained
        self.log_temperature = nn.Parameter(torch.tensor([float(temperature)]).log())

    @property
    def temperature(self) -> float:
        return float(self.log_temperature.detach().exp())

    @torch.no_grad()
    def settle(self, temperature: float) -> None:
        self.log_temperature.fill_(math.log(temperature))

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


class AdamToInit(torch.optim.Adam):
    """Adam with weight decay towards the initial weights instead of zero.

        theta <- theta - rate * (adam(gradient) + decay * (theta - theta_0))

    AdamW's decay of the same size would shrink pretrained weights towards zero and destroy them
    within one schedule. A group of ``params`` may set its own ``decay``. The current weights become
    theta_0, so load pretrained weights before and those of a checkpoint afterwards.
    """

    def __init__(self, params: Iterable[Any], rate: float, decay: float) -> None:
        # One pass over weight, gradient and moments, on CPUs and GPUs alike.
        super().__init__(params, lr=rate, fused=True)
        self.initial: dict[torch.nn.Parameter, torch.Tensor] = {}
        for group in self.param_groups:
            group.setdefault("decay", decay)
            for parameter in group["params"]:
                self.initial[parameter] = parameter.detach().clone()

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Take one step: the pull, then Adam, whose update does not depend on the weights."""
        for group in self.param_groups:
            pull = group["lr"] * group["decay"]
            if pull:
                for parameter in group["params"]:
                    parameter.lerp_(self.initial[parameter], pull)
        super().step()


def learning_rate(step: int, steps: int, warmup: float, *, from_zero: bool = False) -> float:
    """Factor of the peak rate in step 0, 1, ...: linear warm-up, then cosine decay.

    ``from_zero`` is the schedule of optax (``warmup_cosine_decay_schedule``): the warm-up is one
    step later, so that the first step changes no weight.

    Examples
    --------
    >>> [round(learning_rate(step, 10, 0.2), 2) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.04]
    """
    rising = math.floor(steps * warmup)
    if step < rising:
        return (step if from_zero else step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / (steps - rising)))


@contextmanager
def mixed(optimizer: AdamToInit, share: float) -> Iterator[None]:
    """Put weights that share of the way from the initial ones to the present in place."""
    kept = {parameter: parameter.detach().clone() for parameter in optimizer.initial}
    try:
        for parameter, start in optimizer.initial.items():
            parameter.data.copy_(torch.lerp(start, kept[parameter], share))
        yield
    finally:
        for parameter, value in kept.items():
            parameter.data.copy_(value)


class Taken(NamedTuple):
    """A step that was taken; its numbers may still be computed."""

    step: int
    rate: float
    numbers: torch.Tensor  # loss, norm of the gradient before it was clipped, temperature

    def record(self) -> Record:
        """Wait for the numbers, and return the step's log record.

        FloatingPointError, in all processes, if the gradient is not finite.
        """
        loss, gradient, temperature = self.numbers.tolist()
        # The norm is that of all processes, so none continues where another stops.
        if not (math.isfinite(gradient) and math.isfinite(temperature)):
            raise FloatingPointError(f"the loss is {loss:g} and its gradient {gradient:g}")
        own = {"loss": loss, "rate": self.rate}
        return {"step": self.step, **own, "gradient": gradient, "temperature": temperature}


class Update:
    """The student, set up for the processes of a launched Fabric, with its optimiser.

    The student has its initial weights and temperature.
    """

    def __init__(
        self,
        fabric: Fabric,
        student: StudentNetwork,
        source: Source,
        config: DistillConfig,
    ) -> None:
        self.fabric, self.student, self.source, self.config = fabric, student, source, config
        if config.preserve:  # neighbourhoods at first
            self.base = copy.deepcopy(student.backbone).eval().requires_grad_(False)
        student.log_temperature.requires_grad_(config.temperature_rate > 0)
        if config.compile:
            # Of torch's own look at tensors where compiled code begins anew: of no consequence.
            message = "The .grad attribute of a Tensor that is not a leaf"
            warnings.filterwarnings("ignore", message=message, category=UserWarning)
            # For the shapes of each batch: the last bit of a result must not depend on which
            # shapes were seen before, by a run or one that resumed.
            student.compile(dynamic=False)
        self.network = fabric.setup_module(student)
        self.optimizer = AdamToInit(_groups(student, config), config.rate, config.decay_to_init)
        self.stepper = cast(_FabricOptimizer, fabric.setup_optimizers(self.optimizer))

    @property
    def n_weights(self) -> int:
        """Number of weights that are trained, the temperature left out."""
        own = (group["params"] for group in self.optimizer.param_groups)
        return sum(p.numel() for ps in own for p in ps if p is not self.student.log_temperature)

    def take(self, step: int, data: Iterator[Any]) -> "Taken":
        """Take step 0, 1, ... on the next batches, without waiting for a GPU."""
        config = self.config
        from_zero = config.first_rate == "zero"
        factor = learning_rate(step, config.steps, config.warmup, from_zero=from_zero)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        total = torch.zeros((), device=self.fabric.device)
        temperature = torch.ones(1)
        for part in range(config.accumulate):
            number = step * config.accumulate + part
            indices, images = next(data)
            torch.manual_seed(seed_of(config.seed, NOISE, number, self.fabric.global_rank))
            waiting = part + 1 < config.accumulate
            with self.fabric.no_backward_sync(self.network, enabled=waiting):
                loss, temperature = self._loss(indices, images, number)
                self.fabric.backward(loss / config.accumulate)
            total += loss.detach() / config.accumulate
        norm = self._clip()
        self.stepper.step()
        self.stepper.zero_grad()
        numbers = torch.stack([total, norm.float(), temperature.detach().to(total)[0]])
        return Taken(step + 1, config.rate * factor, numbers)

    def _clip(self) -> torch.Tensor:
        """Clip the gradient to the largest norm allowed, and return its original norm."""
        learnt = [p for group in self.optimizer.param_groups for p in group["params"]]
        norm = torch.nn.utils.get_total_norm([p.grad for p in learnt if p.grad is not None])
        if self.config.clip:
            torch.nn.utils.clip_grads_with_norm_(learnt, self.config.clip, norm)
        return torch.as_tensor(norm)

    def _loss(
        self, indices: torch.Tensor, images: torch.Tensor, number: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        config, source, device = self.config, self.source, self.fabric.device
        inputs = images.to(device)
        if config.channels_last and inputs.ndim == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        if config.compile and isinstance(source, LabelSource):
            # Batches of listed triplets have as many images as their triplets happen to show.
            torch._dynamo.maybe_mark_dynamic(inputs, 0)
        output = self.network(inputs)
        similarity = self.student.similarity_of(output.features)
        triplets, labels = source.labels(number, indices, device)
        logs = choice_logs(similarity, triplets, output.temperature)
        loss = triplet_loss(config.objective, logs, labels)
        if config.preserve:
            with torch.no_grad():
                before = self.base(inputs)
            loss = loss + config.preserve * neighbour_divergence(output.unmapped, before)
        return loss, output.temperature


def _groups(student: StudentNetwork, config: DistillConfig) -> list[dict[str, Any]]:
    """Group parameters by peak rate; the temperature is not pulled to its initial value."""
    learnt = {name: p for name, p in student.named_parameters() if p.requires_grad}
    learnt.pop("log_temperature", None)
    groups: list[dict[str, Any]] = []
    if learnt:
        groups.append({"params": list(learnt.values()), "peak": config.rate})
    if student.log_temperature.requires_grad:
        own = {"params": [student.log_temperature], "peak": config.temperature_rate, "decay": 0.0}
        groups.append(own)
    return groups
