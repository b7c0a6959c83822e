"""One step of training: from batches to a loss, new weights and their moving average."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricOptimizer
from torch.optim.swa_utils import get_ema_multi_avg_fn

from twoalike.distill._config import DistillConfig
from twoalike.distill._fabric import part_like, whole
from twoalike.distill._losses import choice_logs, relational_loss, triplet_loss
from twoalike.distill._metrics import Record
from twoalike.distill._sources import NOISE, ImageSource, LabelSource, Source, seed_of
from twoalike.distill._student import Base, StudentNetwork
from twoalike.distill._trainable import compile_training


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
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step: the pull, then Adam, whose update does not depend on the weights."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            pull = group["lr"] * group["decay"]
            if pull:
                for parameter in group["params"]:
                    parameter.lerp_(self.initial[parameter], pull)
        super().step()
        return loss


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


class WeightAverage:
    """Exponential moving average of a module's trained weights, starting from the current ones.

    ``decay`` is the share of the average that is kept per step. Early on it is (1 + steps) /
    (10 + steps) if that is less, since the initial weights would otherwise count too much. Only
    the weights are copied: torch's ``AveragedModel`` and timm's ``ModelEmaV3`` copy the module,
    which is impossible for a sharded one.
    """

    def __init__(self, module: torch.nn.Module, decay: float) -> None:
        self.decay = decay
        self.parameters = {
            name: parameter
            for name, parameter in module.named_parameters()
            if parameter.requires_grad
        }
        self.values = {name: p.detach().clone() for name, p in self.parameters.items()}

    def update(self, steps: int) -> None:
        """Include the weights after this many steps."""
        keep = min(self.decay, (1 + steps) / (10 + steps))
        average = get_ema_multi_avg_fn(keep)  # type: ignore[no-untyped-call]
        weights = [parameter.detach() for parameter in self.parameters.values()]
        average(list(self.values.values()), weights, steps)

    @torch.no_grad()
    def load(self, values: dict[str, torch.Tensor]) -> None:
        """Continue from the average of a checkpoint."""
        for name, value in self.values.items():
            value.copy_(part_like(values[name], value))

    def in_place(self) -> AbstractContextManager[None]:
        """Load the average into the module while the block runs."""
        return _with_values({self.parameters[name]: x for name, x in self.values.items()})


def mixed(optimizer: AdamToInit, share: float) -> AbstractContextManager[None]:
    """Put weights that share of the way from the initial ones to the present in place."""
    initial = optimizer.initial.items()
    return _with_values({p: torch.lerp(start, p.detach(), share) for p, start in initial})


@contextmanager
def _with_values(values: dict[torch.nn.Parameter, torch.Tensor]) -> Iterator[None]:
    """Give weights other values, taken out of ``values``, while the block runs."""
    kept = {parameter: parameter.detach().clone() for parameter in values}
    try:
        for parameter in kept:
            parameter.data.copy_(values.pop(parameter))  # no third copy while images are scored
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

    The student has its initial weights and temperature. ``base`` is the initial network, if the
    loss has a term that compares the student with it.
    """

    def __init__(
        self,
        fabric: Fabric,
        student: StudentNetwork,
        source: Source,
        config: DistillConfig,
        base: Base | None = None,
    ) -> None:
        self.fabric, self.student, self.source, self.config = fabric, student, source, config
        self.base = base
        learns_temperature = config.objective != "relational" and config.temperature_rate > 0
        student.log_temperature.requires_grad_(learns_temperature)
        if config.compile:
            compile_training(student, fabric.device)
        self.network = fabric.setup_module(student)
        # After sharding: the initial weights are kept in the same parts.
        self.optimizer = AdamToInit(_groups(student, config), config.rate, config.decay_to_init)
        self.stepper = cast(_FabricOptimizer, fabric.setup_optimizers(self.optimizer))

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
        return torch.as_tensor(whole(norm))

    def _loss(
        self, indices: torch.Tensor, images: torch.Tensor, number: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss of one batch, and its temperature."""
        config, source, device = self.config, self.source, self.fabric.device
        inputs = images.to(device)
        if config.channels_last and inputs.ndim == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        if config.compile and isinstance(source, LabelSource):
            # Batches of listed triplets have as many images as their triplets happen to show.
            torch._dynamo.maybe_mark_dynamic(inputs, 0)
        output = self.network(inputs)
        similarity = self.student.similarity_of(output.features)
        if config.objective == "relational":
            assert isinstance(source, ImageSource)
            loss = relational_loss(similarity, source.similarity(number, indices, device))
        else:
            triplets, labels = source.labels(number, indices, device)
            logs = choice_logs(similarity, triplets, output.temperature)
            loss = triplet_loss(config.objective, logs, labels)
        if self.base is not None:
            loss = loss + self.base.terms(inputs, output)
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
