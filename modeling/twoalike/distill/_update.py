"""One step of training: batches to a loss, a loss to new weights."""

import math
from collections.abc import Iterator
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricOptimizer

from twoalike.distill._base import Base
from twoalike.distill._config import DistillConfig
from twoalike.distill._losses import choice_logs, relational_loss, triplet_loss
from twoalike.distill._metrics import Record
from twoalike.distill._optimizer import AdamToInit, learning_rate
from twoalike.distill._shards import whole
from twoalike.distill._sources import ImageSource, Source
from twoalike.distill._stream import NOISE, seed_of
from twoalike.distill._student import Student


class Update:
    """The student, shared out among processes, with its optimiser.

    Parameters
    ----------
    fabric
        Launched.
    student
        At its first weights and temperature.
    source
        Batches, and what the teacher says of them.
    config
        Settings.
    base
        The network at the start, if the loss has a term that compares the student with it.
    """

    def __init__(
        self,
        fabric: Fabric,
        student: Student,
        source: Source,
        config: DistillConfig,
        base: Base | None = None,
    ) -> None:
        self.fabric, self.student, self.source, self.config = fabric, student, source, config
        self.base = base
        learns_temperature = config.objective != "relational" and config.temperature_rate > 0
        student.log_temperature.requires_grad_(learns_temperature)
        if config.compile:
            student.compile()
        self.network = fabric.setup_module(student)
        # After the network is shared out: the initial weights are kept in the same parts.
        self.optimizer = AdamToInit(_groups(student, config), config.rate, config.decay_to_init)
        self.stepper = cast(_FabricOptimizer, fabric.setup_optimizers(self.optimizer))

    def take(self, step: int, data: Iterator[Any]) -> Record:
        """Take step 0, 1, ... on the next batches, and return what is to be told of it.

        Raises
        ------
        FloatingPointError
            If the gradient is not finite, in all processes alike; the weights are as before.
        """
        config = self.config
        factor = learning_rate(step, config.steps, config.warmup)
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
        record = {
            "step": step + 1,
            "loss": float(total),
            "rate": config.rate * factor,
            "gradient": norm,
            "temperature": float(temperature.detach()),
        }
        # The norm is that of all processes: none goes on where another stops.
        if not (math.isfinite(record["gradient"]) and math.isfinite(record["temperature"])):
            said = f"the loss is {record['loss']:g} and its gradient {record['gradient']:g}"
            raise FloatingPointError(said)
        self.stepper.step()
        self.stepper.zero_grad()
        return record

    def _clip(self) -> float:
        """Shorten the gradient to the largest norm that is wanted; its norm before that."""
        learnt = [p for group in self.optimizer.param_groups for p in group["params"]]
        gradients = [p.grad for p in learnt if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        length = float(whole(norm))
        # Gradients that are short enough are left alone: a pass over them costs what the loss does.
        if self.config.clip and math.isfinite(length) and length > self.config.clip:
            torch.nn.utils.clip_grads_with_norm_(learnt, self.config.clip, norm)
        return length

    def _loss(
        self, indices: torch.Tensor, images: torch.Tensor, number: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss of one batch, and the temperature it was taken at."""
        config, source, device = self.config, self.source, self.fabric.device
        inputs = images.to(device)
        if config.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        seen = self.network(inputs)
        similarity = self.student.similarity_of(seen.features)
        if config.objective == "relational":
            assert isinstance(source, ImageSource)
            loss = relational_loss(similarity, source.similarity(number, indices, device))
        else:
            triplets, labels = source.labels(number, indices, device)
            logs = choice_logs(similarity, triplets, seen.temperature)
            loss = triplet_loss(config.objective, logs, labels)
        if self.base is not None:
            loss = loss + self.base.terms(inputs, seen)
        return loss, seen.temperature


def _groups(student: Student, config: DistillConfig) -> list[dict[str, Any]]:
    """Group what is learnt by peak rate; the temperature is not pulled to where it began."""
    weights = [
        parameter
        for name, parameter in student.named_parameters()
        if parameter.requires_grad and name != "log_temperature"
    ]
    groups: list[dict[str, Any]] = [{"params": weights, "peak": config.rate}]
    if student.log_temperature.requires_grad:
        own = {"params": [student.log_temperature], "peak": config.temperature_rate, "decay": 0.0}
        groups.append(own)
    return groups
