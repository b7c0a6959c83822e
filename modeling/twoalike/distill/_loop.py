"""The training loop, in one process or several, and its log."""

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from twoalike.backbones import load_batches
from twoalike.distill._checkpoint import (
    LOG,
    Checkpoint,
    DamagedCheckpointError,
    Progress,
    as_lines,
    checkpoint_path,
    checkpoint_step,
    checkpoints_of,
    find_checkpoints,
    read_checkpoint,
    save_checkpoint,
)
from twoalike.distill._config import DistillConfig
from twoalike.distill._evidence import ClosedForm
from twoalike.distill._lesson import Lesson
from twoalike.distill._losses import UNCALIBRATED
from twoalike.distill._update import Record, StudentNetwork, Taken, Update, mixed
from twoalike.study import (
    Interrupt,
    TwoalikeError,
    held_interrupt,
    writing,
)
from twoalike.study import progress as progress_bar


class Trainer:
    """One run: the network, its optimiser and its progress.

    The Fabric must be launched, the student have its initial weights and temperature, and the
    lesson be that of this process. Checkpoints are written beside the student's ``folder``; a run
    resumes from those with the same ``fingerprint``. ``start`` is the closed form that a teacher's
    student has to improve on, if images were held out.
    """

    def __init__(
        self,
        fabric: Fabric,
        student: StudentNetwork,
        lesson: Lesson,
        config: DistillConfig,
        folder: Path,
        fingerprint: dict[str, Any],
        start: ClosedForm | None = None,
    ) -> None:
        self.fabric, self.student, self.lesson, self.config = fabric, student, lesson, config
        self.folder, self.fingerprint, self.start = folder, fingerprint, start
        self.checkpoints = checkpoints_of(folder)
        self.update = Update(fabric, student, lesson.source, config)
        self.progress = Progress()
        self.taken: Taken | None = None
        self.log: list[Record] = []
        self._note: Callable[[Record], None] = self.log.append
        self._said = {"loss": "", "held out": ""}  # on the progress bar

    @property
    def _is_due(self) -> bool:
        step = self.progress.step
        return step % self.config.evaluate_every == 0 or step == self.config.steps

    def resume(self) -> None:
        found = find_checkpoints(self.checkpoints)
        if not found:
            return
        state = self._first_whole(found[::-1], "The run continues from", self.fingerprint)
        self.progress, self.log[:] = state.progress, state.log
        self.student.load_state_dict(state.weights)
        self.update.optimizer.load_state_dict(state.optimizer)

    def _first_whole(
        self, paths: list[Path], then: str, fingerprint: dict[str, Any] | None = None
    ) -> Checkpoint:
        """Read the first intact one of several checkpoints; report those that are damaged."""
        faults: list[str] = []
        for path in paths:
            try:
                content = read_checkpoint(path, self.student, fingerprint)
            except DamagedCheckpointError as error:
                faults.append(str(error).rstrip("."))
                continue
            if faults and self.fabric.is_global_zero:
                print(f"{'; '.join(faults)}. {then} {path.stem}.", file=sys.stderr)  # noqa: T201
            return content
        raise TwoalikeError(
            "; ".join(faults),
            remedy="No checkpoint is intact: remove "
            f"{self.folder} and {self.checkpoints}, then start again.",
        )

    def run(self) -> None:
        """Take the remaining steps, scoring and saving at intervals."""
        config, first, source = self.config, self.progress.step, self.lesson.source
        with (
            self._written() if self.fabric.is_global_zero else nullcontext(),
            enough_memory(config, lambda: self.progress.step + 1),
            held_interrupt(signal.SIGTERM) as interrupt,
            progress_bar() as bar,
        ):
            if first == 0 and not self.log:
                self._score()
                self._save()
            keys = source.keys(first * config.accumulate, config.steps * config.accumulate)
            data = load_batches(self.lesson.images, keys, config.workers)
            task = bar.add_task("distil", total=config.steps, completed=first, status="")
            for step in range(first, config.steps):
                if self._is_in_vain:
                    break
                self._advance(step, data)
                self._stop_if_asked(interrupt)
                bar.update(task, advance=1, status=", ".join(filter(None, self._said.values())))

    @contextmanager
    def _written(self) -> Iterator[None]:
        """Write each record to training.jsonl, and as event files if asked for."""
        path, events = self.folder / LOG, None
        with writing(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            path.write_text(as_lines(self.log), encoding="utf-8")
        if self.config.tensorboard:
            from lightning_fabric.loggers.tensorboard import TensorBoardLogger

            after = self.log[-1]["step"] + 1 if self.log else None
            events = TensorBoardLogger(
                self.folder, name="tensorboard", version="", purge_step=after
            )

        def note(record: Record) -> None:
            self.log.append(record)
            with writing(path), path.open("a", encoding="utf-8") as lines:
                lines.write(as_lines([record]))
            if events is not None:
                numbers = dict(_flat(record))
                events.log_metrics(numbers, int(numbers.pop("step")))

        self._note = note
        try:
            yield
        finally:
            if events is not None:
                events.finalize("")

    def _advance(self, step: int, data: Any) -> None:
        before, self.taken = self.taken, self.update.take(step, data)
        # Read when the next step is under way, for which a GPU does not wait.
        self._record(before)
        self.progress = replace(self.progress, step=step + 1)
        if self._is_due:
            self._settle()
            self._score()
            self._save()

    @property
    def _is_in_vain(self) -> bool:
        """Whether half of the steps are done and none improved on the closed form."""
        if self.start is None or self.config.select == "last" or not self._is_due:
            return False
        done = self.progress.step >= self.config.steps / 2
        scores = scores_by_step(self.log).values()
        return done and not any(self.start.is_improved(score) for score in scores)

    def _record(self, taken: Taken | None) -> None:
        if taken is None:
            return
        try:
            record = taken.record()
        except FloatingPointError as error:
            raise self._diverged(taken.step, str(error)) from error
        self._said["loss"] = f"{self.config.objective} {record['loss']:.3f}"
        self._note(record)

    def _settle(self) -> None:
        taken, self.taken = self.taken, None
        self._record(taken)

    def _diverged(self, step: int, reason: str) -> TwoalikeError:
        last = find_checkpoints(self.checkpoints)
        kept = f"{last[-1]} was written before" if last else "no checkpoint was written"
        return TwoalikeError(
            f"{reason}; {kept}",
            where=f"step {step}",
            remedy=f"Start again with a lower `rate=...` (it was {self.config.rate:g}) or a longer "
            "warm-up.",
        )

    def _score(self) -> None:
        step = self.progress.step
        held_out = self._held_out()
        if held_out is None:
            self.progress = Progress(step, step)
            return
        self._note({"step": step, "held_out": held_out})
        self._said["held out"] = f"held out {held_out['accuracy']:.3f}"
        merit = _merit(held_out)
        if self.progress.best is None or merit < self.progress.best:
            self.progress = Progress(step, step, merit)

    def _held_out(self) -> dict[str, Any] | None:
        agreement, config, start = self.lesson.agreement, self.config, self.start
        found: list[dict[str, Any]] = []
        try:
            for mix in (0.0,) if start is not None and not self.progress.step else self.mixes:
                with self._mixed(mix):
                    if start is not None:
                        found.append(start.compared(self.student, config.batch, mix))
                    elif agreement is not None:
                        rescale = config.objective in UNCALIBRATED or mix < 1
                        score = agreement.score(self.student, config.batch, rescale=rescale)
                        found.append({**score, "mix": mix})
        except FloatingPointError as error:
            raise self._diverged(self.progress.step, str(error)) from error
        return min(found, key=_merit, default=None)

    def _mixed(self, mix: float) -> Any:
        return mixed(self.update.optimizer, mix) if mix < 1 else nullcontext()

    @property
    def mixes(self) -> tuple[float, ...]:
        """Shares of the way to the trained weights that are tried."""
        if self.config.mix is not None:
            return (self.config.mix,)
        return (0.5,) if self.start is None else (0.5, 1.0)

    def _save(self) -> None:
        if self.fabric.is_global_zero:
            state = Checkpoint(
                self.progress,
                self.fingerprint,
                self.log,
                self.student.state_dict(),
                self.update.optimizer.state_dict(),
            )
            save_checkpoint(self.checkpoints, state, self.config.keep)
        self.fabric.barrier()

    def _stop_if_asked(self, interrupt: Interrupt) -> None:
        """Stop between two steps; all processes stop after the same one."""
        asked = interrupt.asked
        if self.fabric.world_size > 1:
            flag = torch.tensor(float(asked), device=self.fabric.device)
            asked = bool(self.fabric.all_reduce(flag, reduce_op="sum"))
        if asked:
            # Derived, not looked up: saving involves all processes, which must agree on it.
            if not self._is_due:
                self._settle()
                self._save()
            raise KeyboardInterrupt(
                f"{self.folder}: stopped after step {self.progress.step} of {self.config.steps}; "
                "go on with `resume=True`"
            )

    @torch.no_grad()
    def finish(self) -> tuple[int, float]:
        """Give the student the selected weights; their step, and how far they are mixed.

        A mix of 0 is the closed form: no step of training improved on it.
        """
        chosen, mix = self._selected()
        paths = [checkpoint_path(self.checkpoints, step) for step in chosen]
        state = self._first_whole(paths, "The student is taken from")
        student, config = self.student, self.config
        student.load_state_dict(state.weights)
        if mix < 1:
            for weights, start in self.update.optimizer.initial.items():
                weights.copy_(torch.lerp(start, weights, mix))
        if self.lesson.sides is None and (mix < 1 or config.objective in UNCALIBRATED):
            judge = self.lesson.agreement or self.lesson.probe
            judge.settle_temperature(student, config.batch)
        return state.progress.step if mix else 0, mix

    def _selected(self) -> tuple[list[int], float]:
        """Choose the step to take the student from, with fallbacks after it, and the mix."""
        scores, last = scores_by_step(self.log), self.progress.step
        if self.config.select == "last" or not scores:
            return [last], scores.get(last, {}).get("mix", self.mixes[-1])
        steps = {checkpoint_step(path) for path in find_checkpoints(self.checkpoints)}
        order = sorted(steps & scores.keys(), key=lambda step: _merit(scores[step]))
        best = self.progress.best_step
        order = [best, *(step for step in order if step != best)]
        pays = self.start is None or self.start.pays(scores)
        return order, scores[best]["mix"] if pays else 0.0


def scores_by_step(log: list[Record]) -> dict[int, dict[str, Any]]:
    return {row["step"]: row["held_out"] for row in log if "held_out" in row}


def _merit(score: Mapping[str, Any]) -> float:
    """Rank a step, best lowest: by likeness if no ability is lost; of listed labels by KL."""
    if "able" not in score:
        return float(score["kl"])
    return float(1 - score["likeness"] + 2 * (not score["able"]))


def _flat(record: Record, prefix: str = "") -> Iterator[tuple[str, float]]:
    """Numbers of a record by name; those of nested records as ``part/name``."""
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}/")
        elif value is not None:
            yield f"{prefix}{name}", float(value)


@contextmanager
def enough_memory(config: DistillConfig, step: Callable[[], int]) -> Iterator[None]:
    """Say in one line what to lower where memory runs out in a step."""
    try:
        yield
    except RuntimeError as error:
        # CUDA has its own error, the CPU allocator only a message.
        ran_out = isinstance(error, torch.OutOfMemoryError)
        if not (ran_out or "DefaultCPUAllocator" in str(error)):
            raise
        raise TwoalikeError(
            f"not enough memory for batches of {config.batch}",
            where=f"step {step()}",
            remedy="Lower `batch=...` (and raise accumulate in proportion), lower `size=...`, or "
            "set precision = 'bf16' or checkpointing = true in the recipe; then start again.",
        ) from error
