"""The training loop, on one process or many, over Lightning Fabric."""

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric

from twoalike.distill._agreement import Agreement, Record
from twoalike.distill._checkpoint import (
    Progress,
    checkpoint_path,
    find_checkpoints,
    load_checkpoint,
    load_weights,
    save_checkpoint,
)
from twoalike.distill._config import DistillConfig
from twoalike.distill._data import ImageSet, batches
from twoalike.distill._losses import triplet_kl
from twoalike.distill._optimizer import AdamToInit, learning_rate
from twoalike.distill._stream import NOISE, TRIPLETS, BatchStream, batch_triplets
from twoalike.distill._student import Student
from twoalike.study import progress as progress_bar


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a student learns from, and what it is scored on.

    Attributes
    ----------
    images
        To learn from, n of them.
    positions
        The teacher's for these images, divided by the root of its temperature, shape (n, D).
    agreement
        Held-out images; None without.
    """

    images: ImageSet
    positions: npt.NDArray[np.float32]
    agreement: Agreement | None


def make_fabric(device: str, precision: str) -> Fabric:
    """Fabric for this process: alone, or one of those that torchrun or SLURM started."""
    together = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    nodes = int(os.environ.get("WORLD_SIZE", "1")) // together
    accelerator, _, number = device.partition(":")
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    fabric = Fabric(
        accelerator=accelerator,
        devices=[int(number)] if number else together,
        num_nodes=max(nodes, 1),
        precision="bf16-mixed" if precision == "bf16" else "32-true",
    )
    fabric.launch()
    return fabric


class Trainer:
    """One run: the network, its optimiser, and where it stands."""

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
        learnt = [p for name, p in student.named_parameters() if name != "log_temperature"]
        groups = [
            {"params": learnt, "peak": config.rate},
            {"params": [student.log_temperature], "peak": config.temperature_rate, "decay": 0.0},
        ]
        self.optimizer = AdamToInit(groups, config.rate, config.decay_to_init)
        self.network, self.stepper = fabric.setup(student, self.optimizer)
        self.positions = torch.from_numpy(lesson.positions)
        self.stream = BatchStream(
            len(lesson.images), config.batch, config.seed, fabric.world_size, fabric.global_rank
        )
        self.progress = Progress(0, 0, None)
        self.log: list[Record] = []

    def resume(self) -> None:
        """Go on from the last checkpoint, if there is one."""
        found = find_checkpoints(self.folder)
        if found:
            self.progress, self.log = load_checkpoint(
                found[-1], self.student, self.optimizer, self.fingerprint
            )

    def run(self) -> None:
        """Take all steps that are left; score and save on the way."""
        config, first = self.config, self.progress.step
        if first == 0 and not self.log:
            self._score()
        data = batches(
            self.lesson.images,
            self.stream,
            first * config.accumulate,
            config.steps * config.accumulate,
            config.workers,
        )
        self.student.train()
        started = time.monotonic()
        with progress_bar() as bar:
            task = bar.add_task("distilling", total=config.steps, completed=first, status="")
            for step in range(first, config.steps):
                record = self._step(step, data)
                self.log.append(record)
                self.progress = replace(self.progress, step=step + 1)
                if (step + 1) % config.evaluate_every == 0 or step + 1 == config.steps:
                    self._score()
                seen = (step + 1 - first) * config.batch * config.accumulate * self.stream.world
                speed = seen / (time.monotonic() - started)
                bar.update(task, advance=1, status=f"KL {record['loss']:.3f}, {speed:.0f} images/s")

    def _step(self, step: int, data: Any) -> Record:
        """One update of the weights."""
        config = self.config
        factor = learning_rate(step, config.steps, config.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        total = 0.0
        for part in range(config.accumulate):
            number = step * config.accumulate + part
            indices, images = next(data)
            self._seed(NOISE, number)
            waiting = part + 1 < config.accumulate
            with self.fabric.no_backward_sync(self.network, enabled=waiting):
                loss = self._loss(indices, images, number) / config.accumulate
                self.fabric.backward(loss)
            total += float(loss.detach())
        norm = self.fabric.clip_gradients(self.network, self.stepper, max_norm=config.clip)
        self.stepper.step()
        self.stepper.zero_grad()
        return {
            "step": step + 1,
            "loss": total,
            "rate": config.rate * factor,
            "gradient": float(norm) if norm is not None else None,
            "temperature": float(self.student.log_temperature.detach().exp()),
        }

    def _loss(self, indices: torch.Tensor, images: torch.Tensor, number: int) -> torch.Tensor:
        """KL from the teacher over the triplets of one batch."""
        device = self.fabric.device
        rng = np.random.default_rng([self.config.seed, TRIPLETS, number, self.stream.rank])
        triplets = batch_triplets(len(indices), self.config.triplets, rng)
        teacher = self.positions[indices].to(device)
        inputs = images.to(device).contiguous(memory_format=torch.channels_last)
        features, temperature = self.network(inputs)
        return triplet_kl(
            self.student.similarity_of(features),
            teacher @ teacher.T,
            torch.from_numpy(triplets).to(device),
            temperature,
        )

    def _seed(self, purpose: int, number: int) -> None:
        """Noise of the network itself (dropout), the same whether or not the run was stopped."""
        entropy = [self.config.seed, purpose, number, self.stream.rank]
        torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1)[0]))

    def _score(self) -> None:
        """Score on held-out images, and save a checkpoint."""
        step, best = self.progress.step, self.progress
        if self.lesson.agreement is not None:
            held_out = self.lesson.agreement.score(self.student, self.config.batch)
            self.log.append({"step": step, "held_out": held_out})
            if best.best_kl is None or held_out["kl"] < best.best_kl:
                best = Progress(step, step, held_out["kl"])
        else:
            best = Progress(step, step, None)
        self.progress = replace(best, step=step)
        if self.fabric.is_global_zero:
            save_checkpoint(
                self.folder,
                self.student,
                self.optimizer,
                self.progress,
                self.fingerprint,
                self.log,
            )
        self.fabric.barrier()

    def finish(self) -> int:
        """Put the weights that were asked for into the student; return the step they are of."""
        last = self.config.select == "last" or self.lesson.agreement is None
        step = self.progress.step if last else self.progress.best_step
        load_weights(checkpoint_path(self.folder, step), self.student)
        return step
