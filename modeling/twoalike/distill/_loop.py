"""The training loop, on one process or many."""

import copy
import math
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricOptimizer

from twoalike.distill._agreement import Agreement
from twoalike.distill._average import WeightAverage
from twoalike.distill._checkpoint import (
    Progress,
    State,
    checkpoint_path,
    find_checkpoints,
    read_checkpoint,
    read_weights,
    save_checkpoint,
)
from twoalike.distill._config import DistillConfig
from twoalike.distill._data import batches
from twoalike.distill._lesson import Lesson
from twoalike.distill._losses import choice_logs, linear_cka, relational_loss, triplet_loss
from twoalike.distill._metrics import Metrics, Record, open_metrics
from twoalike.distill._optimizer import AdamToInit, learning_rate
from twoalike.distill._shards import load_whole, load_whole_optimizer, whole
from twoalike.distill._sources import ImageSource
from twoalike.distill._stream import NOISE, seed_of
from twoalike.distill._student import Student
from twoalike.study import Interrupt, TwoalikeError, held_interrupt
from twoalike.study import progress as progress_bar

UNCALIBRATED = ("hard", "relational")
"""Objectives that teach no temperature, or a far too sure one: it is settled afterwards."""


class Trainer:
    """One run: the network, its optimiser, and where it stands.

    Parameters
    ----------
    fabric
        Launched.
    student
        At its first weights and temperature.
    lesson
        For this process.
    config
        Settings.
    folder
        The student's; checkpoints are a folder in it.
    fingerprint
        What a checkpoint must agree with to be gone on from.
    """

    def __init__(
        self,
        fabric: Fabric,
        student: Student,
        lesson: Lesson,
        config: DistillConfig,
        folder: Path,
        fingerprint: dict[str, Any],
    ) -> None:
        self.fabric, self.student, self.lesson, self.config = fabric, student, lesson, config
        self.folder, self.fingerprint = folder, fingerprint
        # Copies are made while the weights are still whole.
        self.base = _frozen(student.backbone) if config.preserve else None
        self.unparted = copy.deepcopy(student).cpu() if config.parallel == "fsdp" else student
        learns_temperature = config.objective != "relational" and config.temperature_rate > 0
        student.log_temperature.requires_grad_(learns_temperature)
        if config.compile:
            student.compile()
        self.network = fabric.setup_module(student)
        # After the network is shared out: the initial weights are kept in the same parts.
        self.optimizer = AdamToInit(_groups(student, config), config.rate, config.decay_to_init)
        self.stepper = cast(_FabricOptimizer, fabric.setup_optimizers(self.optimizer))
        self.average = WeightAverage(student, config.ema) if config.ema else None
        self.progress = Progress(0, 0, None)
        self.log: list[Record] = []
        self.last_score: dict[str, float] | None = None

    @property
    def checkpoints(self) -> Path:
        """Their folder."""
        return self.folder / "checkpoints"

    def resume(self) -> None:
        """Go on from the last checkpoint, if there is one."""
        found = find_checkpoints(self.checkpoints)
        if not found:
            return
        averaged = self.average is not None
        state, self.progress, self.log = read_checkpoint(
            found[-1], self.student, self.fingerprint, average=averaged
        )
        load_whole(self.student, state.weights)
        load_whole_optimizer(self.optimizer, state.optimizer)
        if self.average is not None and state.average is not None:
            self.average.load(state.average)

    def run(self) -> None:
        """Take all steps that are left; score and save on the way.

        Raises
        ------
        KeyboardInterrupt
            When a signal asked to stop and the checkpoint is written.
        TwoalikeError
            If the loss is no number, memory does not suffice, or a checkpoint cannot be written.
        """
        if self.fabric.is_global_zero:
            with open_metrics(
                self.folder, self.log, tensorboard=self.config.tensorboard
            ) as metrics:
                self._run(metrics)
        else:
            self._run(None)

    def _run(self, metrics: Metrics | None) -> None:
        config, first, source = self.config, self.progress.step, self.lesson.source
        try:
            with held_interrupt(signal.SIGTERM) as interrupt, progress_bar() as bar:
                if first == 0 and not self.log:
                    self._score(metrics)
                    self._save()
                data = batches(
                    self.lesson.images,
                    source,
                    first * config.accumulate,
                    config.steps * config.accumulate,
                    config.workers,
                )
                started = time.monotonic()
                a_step = source.images_a_batch * config.accumulate * self.fabric.world_size
                task = bar.add_task("distil", total=config.steps, completed=first, status="")
                for step in range(first, config.steps):
                    loss = self._advance(step, data, metrics)
                    self._stop_if_asked(interrupt)
                    speed = (step + 1 - first) * a_step / (time.monotonic() - started)
                    bar.update(task, advance=1, status=self._status(loss, speed))
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not _out_of_memory(error):
                raise
            raise TwoalikeError(
                f"step {self.progress.step + 1}: memory does not suffice for batches of "
                f"{config.batch}. Lower --batch (and raise accumulate, which keeps images a step), "
                "lower --size, or set precision = 'bf16' in the recipe; then start again."
            ) from error

    def _advance(self, step: int, data: Any, metrics: Metrics | None) -> float:
        """Take a step, and score and save where it is time."""
        record = self._step(step, data)
        self._note(record, metrics)
        self.progress = replace(self.progress, step=step + 1)
        if self.average is not None:
            self.average.update(step)
        if (step + 1) % self.config.evaluate_every == 0 or step + 1 == self.config.steps:
            self._score(metrics)
            self._save()
        return float(record["loss"])

    def _step(self, step: int, data: Any) -> Record:
        """One update of the weights."""
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
            raise self._diverged(step + 1, said)
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
        config, source, device = self.config, self.lesson.source, self.fabric.device
        inputs = images.to(device)
        if config.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        features, temperature = self.network(inputs)
        similarity = self.student.similarity_of(features)
        if config.objective == "relational":
            assert isinstance(source, ImageSource)
            loss = relational_loss(similarity, source.similarity(number, indices, device))
        else:
            triplets, labels = source.labels(number, indices, device)
            logs = choice_logs(similarity, triplets, temperature)
            loss = triplet_loss(config.objective, logs, labels)
        if self.base is not None:
            with torch.no_grad():
                before = self.base(inputs)
            loss = loss + config.preserve * (1 - linear_cka(features, before))
        return loss, temperature

    def _diverged(self, step: int, said: str) -> TwoalikeError:
        last = find_checkpoints(self.checkpoints)
        kept = f"{last[-1]} is of before" if last else "no checkpoint was written"
        return TwoalikeError(
            f"step {step}: {said}; {kept}. Start again with a lower --rate (it was "
            f"{self.config.rate:g}) or a longer warm-up."
        )

    def _score(self, metrics: Metrics | None) -> None:
        """Score on held-out images."""
        step, best, agreement = self.progress.step, self.progress, self.lesson.agreement
        if agreement is None:
            self.progress = Progress(step, step, None)
            return
        if self.average is None:
            held_out = self._held_out(agreement)
        else:
            with self.average.in_place():
                held_out = self._held_out(agreement)
        self._note({"step": step, "held_out": held_out}, metrics)
        self.last_score = held_out
        if best.best_kl is None or held_out["kl"] < best.best_kl:
            self.progress = Progress(step, step, held_out["kl"])

    def _held_out(self, agreement: Agreement) -> dict[str, float]:
        rescale = self.config.objective in UNCALIBRATED
        try:
            return agreement.score(self.student, self.config.batch, rescale=rescale)
        except FloatingPointError as error:
            raise self._diverged(self.progress.step, str(error)) from error

    def _note(self, record: Record, metrics: Metrics | None) -> None:
        self.log.append(record)
        if metrics is not None:
            metrics.add(record)

    def _status(self, loss: float, speed: float) -> str:
        """Write what the progress bar says."""
        name = {"kl": "KL", "jsd": "JSD"}.get(self.config.objective, self.config.objective)
        score = self.last_score
        held_out = f", held out {score['accuracy']:.3f}" if score else ""
        return f"{name} {loss:.3f}{held_out}, {speed:.0f} images/s"

    def _save(self) -> None:
        """Save a checkpoint, by one of the processes."""
        state = State(
            whole(self.student.state_dict()),
            whole(self.optimizer.state_dict()),
            whole(self.average.values) if self.average is not None else None,
        )
        if self.fabric.is_global_zero:
            save_checkpoint(self.checkpoints, state, self.progress, self.fingerprint, self.log)
        self.fabric.barrier()

    def _stop_if_asked(self, interrupt: Interrupt) -> None:
        """Stop between two steps, all processes after the same one."""
        asked = interrupt.asked
        if self.fabric.world_size > 1:
            flag = torch.tensor(float(asked), device=self.fabric.device)
            asked = bool(self.fabric.all_reduce(flag, reduce_op="sum"))
        if asked:
            if not checkpoint_path(self.checkpoints, self.progress.step).is_dir():
                self._save()
            raise KeyboardInterrupt(
                f"{self.folder}: stopped after step {self.progress.step} of {self.config.steps}; "
                "go on with --resume"
            )

    def finish(self) -> tuple[Student, int]:
        """Return the student at the weights that were asked for, and the step they are of."""
        last = self.config.select == "last" or self.lesson.agreement is None
        step = self.progress.step if last else self.progress.best_step
        path = checkpoint_path(self.checkpoints, step)
        load_whole(self.unparted, read_weights(path, self.student, average=False))
        if self.average is not None:
            averaged = read_weights(path, self.student, average=True)
            load_whole(self.unparted, {**self.unparted.state_dict(), **averaged})
        if self.config.objective in UNCALIBRATED:
            judge = self.lesson.agreement or self.lesson.probe
            judge.settle_temperature(self.unparted, self.config.batch)
        return self.unparted, step


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


def _frozen(backbone: torch.nn.Module) -> torch.nn.Module:
    """Copy of a network that stays as it is."""
    return copy.deepcopy(backbone).eval().requires_grad_(False)


def _out_of_memory(error: BaseException) -> bool:
    """CUDA has an error of its own; the processor's allocator says it in words."""
    words = str(error)
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in words
