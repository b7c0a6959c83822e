"""The training loop, in one process or several, and its log."""

import copy
import math
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from twoalike.backbones import load_batches
from twoalike.distill._checkpoint import (
    Checkpoint,
    DamagedCheckpointError,
    Progress,
    checkpoint_path,
    checkpoint_step,
    checkpoints_of,
    find_checkpoints,
    read_checkpoint,
    save_checkpoint,
)
from twoalike.distill._config import DistillConfig
from twoalike.distill._evidence import BothSides, Score
from twoalike.distill._fabric import load_whole, load_whole_optimizer, whole
from twoalike.distill._lesson import Lesson
from twoalike.distill._losses import UNCALIBRATED
from twoalike.distill._metrics import Metrics, Record, open_metrics
from twoalike.distill._student import Base, StudentNetwork
from twoalike.distill._update import Taken, Update, WeightAverage, mixed
from twoalike.study import Interrupt, TwoalikeError, held_interrupt
from twoalike.study import progress as progress_bar
from twoalike.teacher import VectorSettings


class Trainer:
    """One run: the network, its optimiser and its progress.

    The Fabric must be launched, the student have its initial weights and temperature, and the
    lesson be that of this process. Checkpoints are written beside the student's ``folder``; a run
    resumes from those with the same ``fingerprint``. ``classifier`` is the network's own, if kept,
    ``sides`` the closed form that a teacher's student has to improve on.
    """

    def __init__(
        self,
        fabric: Fabric,
        student: StudentNetwork,
        lesson: Lesson,
        config: DistillConfig,
        folder: Path,
        fingerprint: dict[str, Any],
        classifier: torch.nn.Linear | None = None,
        sides: "ClosedForm | None" = None,
    ) -> None:
        self.sides = sides
        self.fabric, self.student, self.lesson, self.config = fabric, student, lesson, config
        self.folder, self.fingerprint = folder, fingerprint
        # Copies are made before the weights are sharded.
        self.unsharded = copy.deepcopy(student).cpu() if config.parallel == "fsdp" else student
        self.base = Base.of(student, classifier, config)
        self.update = Update(fabric, student, lesson.source, config, self.base)
        self.average = WeightAverage(student, config.ema) if config.ema else None
        self.progress = Progress(0, 0, None)
        self.taken: Taken | None = None
        self.loss = math.nan
        self.log: list[Record] = []
        self.saved: list[int] = []
        self.last_score: dict[str, Any] | None = None

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return checkpoints_of(self.folder)

    @property
    def _is_due(self) -> bool:
        """Whether to score and save after the current step."""
        step = self.progress.step
        return step % self.config.evaluate_every == 0 or step == self.config.steps

    def resume(self) -> None:
        """Continue from the last intact checkpoint, if there is one."""
        found = find_checkpoints(self.checkpoints)
        if not found:
            return
        state = self._first_whole(found[::-1], "The run continues from", self.fingerprint)
        self.progress, self.log = state.progress, state.log
        steps = map(checkpoint_step, found)
        self.saved = [step for step in steps if step <= self.progress.step]
        load_whole(self.student, state.weights)
        load_whole_optimizer(self.update.optimizer, state.optimizer)
        if self.average is not None and state.average is not None:
            self.average.load(state.average)

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
        if self.fabric.is_global_zero:
            origin = {
                key: value for key, value in self.fingerprint.items() if isinstance(value, str)
            }
            with open_metrics(self.folder, self.log, self.config, origin) as metrics:
                self._run(metrics)
        else:
            self._run(None)

    def _run(self, metrics: Metrics | None) -> None:
        config, first, source = self.config, self.progress.step, self.lesson.source
        with (
            enough_memory(config, lambda: self.progress.step + 1),
            held_interrupt(signal.SIGTERM) as interrupt,
            progress_bar() as bar,
        ):
            if first == 0 and not self.log:
                self._score(metrics)
                self._save()
            keys = source.keys(first * config.accumulate, config.steps * config.accumulate)
            data = load_batches(self.lesson.images, keys, config.workers)
            task = bar.add_task("distil", total=config.steps, completed=first, status="")
            for step in range(first, config.steps):
                self._advance(step, data, metrics)
                self._stop_if_asked(interrupt, metrics)
                bar.update(task, advance=1, status=self._status())

    def _advance(self, step: int, data: Any, metrics: Metrics | None) -> None:
        """Take a step; score and save if due."""
        before, self.taken = self.taken, self.update.take(step, data)
        # Read when the next step is under way, for which a GPU does not wait.
        self._record(before, metrics)
        self.progress = replace(self.progress, step=step + 1)
        if self.average is not None:
            self.average.update(step)
        if self._is_due:
            self._settle(metrics)
            self._score(metrics)
            self._save()

    def _settle(self, metrics: Metrics | None) -> None:
        """Log the last step."""
        taken, self.taken = self.taken, None
        self._record(taken, metrics)

    def _record(self, taken: Taken | None, metrics: Metrics | None) -> None:
        if taken is None:
            return
        try:
            record = taken.record()
        except FloatingPointError as error:
            raise self._diverged(taken.step, str(error)) from error
        self.loss = float(record["loss"])
        self._note(record, metrics)

    def _diverged(self, step: int, reason: str) -> TwoalikeError:
        last = find_checkpoints(self.checkpoints)
        kept = f"{last[-1]} was written before" if last else "no checkpoint was written"
        return TwoalikeError(
            f"{reason}; {kept}",
            where=f"step {step}",
            remedy=f"Start again with a lower `rate=...` (it was {self.config.rate:g}) or a longer "
            "warm-up.",
        )

    def _score(self, metrics: Metrics | None) -> None:
        """Score on held-out images."""
        step, best = self.progress.step, self.progress
        with self.average.in_place() if self.average is not None else nullcontext():
            held_out = self._held_out()
        if held_out is None:
            self.progress = Progress(step, step, None)
            return
        self._note({"step": step, "held_out": held_out}, metrics)
        self.last_score = held_out
        merit = _merit(held_out)
        if best.best is None or merit < best.best:
            self.progress = Progress(step, step, merit)

    def _held_out(self) -> dict[str, Any] | None:
        """Score the present weights, or the best mix of them with the initial ones."""
        agreement, sides = self.lesson.agreement, self.sides
        try:
            if sides is not None:
                step = self.progress.step
                mixes = (0.0,) if step == 0 else self.mixes
                return min((self._both_sides(mix) for mix in mixes), key=_merit)
            if agreement is None:
                return None
            mix = self.mixes[0]
            with mixed(self.update.optimizer, mix) if mix < 1 else nullcontext():
                rescale = self.config.objective in UNCALIBRATED or mix < 1
                batch = self.config.batch
                found = agreement.score(self.student, batch, rescale=rescale, base=self.base)
            return {**found, "mix": mix}
        except FloatingPointError as error:
            raise self._diverged(self.progress.step, str(error)) from error

    def _both_sides(self, mix: float) -> dict[str, Any]:
        """Likeness and ability of the vector by these weights, beside those of the closed form."""
        assert self.sides is not None
        with mixed(self.update.optimizer, mix) if mix < 1 else nullcontext():
            found = self.sides.of.features(self.student, self.config.batch)
            if self.base is not None and self.base.classifier is not None:
                assert found.held_out is not None
                assert self.sides.of.held_out is not None
                x, images = torch.from_numpy(found.held_out), self.sides.of.held_out
                kept = {"same_class": self.base.same_class(x, images, self.config.batch)}
            else:
                kept = {}
        score = found.score(self.sides.settings.fit(found.evidence()))
        floors = (one.ability for one in (self.sides.base, self.sides.closed))
        floor = max((ability for ability in floors if ability is not None), default=0.0)
        able = floor <= self.sides.of.least_ability or (score.ability or 0.0) >= floor
        return {**score.as_dict(), **kept, "mix": mix, "able": able}

    @property
    def mixes(self) -> tuple[float, ...]:
        """Shares of the way to the trained weights that are tried."""
        if self.config.mix is not None:
            return (self.config.mix,)
        return (0.5,) if self.sides is None else (0.5, 1.0)

    def _note(self, record: Record, metrics: Metrics | None) -> None:
        self.log.append(record)
        if metrics is not None:
            metrics.add(record)

    def _status(self) -> str:
        """Compose the text of the progress bar."""
        name = {"kl": "KL", "jsd": "JSD"}.get(self.config.objective, self.config.objective)
        score = self.last_score
        held_out = f", held out {score['accuracy']:.3f}" if score else ""
        loss = "" if math.isnan(self.loss) else f"{name} {self.loss:.3f}"
        return f"{loss}{held_out}"

    def _save(self) -> None:
        """Save a checkpoint; one process writes it."""
        state = Checkpoint(
            self.progress,
            self.fingerprint,
            self.log,
            whole(self.student.state_dict()),
            whole(self.update.optimizer.state_dict()),
            whole(self.average.values) if self.average is not None else None,
        )
        if self.fabric.is_global_zero:
            keep = self.saved[1 - self.config.keep :] if self.config.keep > 1 else ()
            save_checkpoint(self.checkpoints, state, keep)
        self.saved.append(self.progress.step)
        self.fabric.barrier()

    def _stop_if_asked(self, interrupt: Interrupt, metrics: Metrics | None) -> None:
        """Stop between two steps; all processes stop after the same one."""
        asked = interrupt.asked
        if self.fabric.world_size > 1:
            flag = torch.tensor(float(asked), device=self.fabric.device)
            asked = bool(self.fabric.all_reduce(flag, reduce_op="sum"))
        if asked:
            # Derived, not looked up: saving involves all processes, which must agree on it.
            if not self._is_due:
                self._settle(metrics)
                self._save()
            raise KeyboardInterrupt(
                f"{self.folder}: stopped after step {self.progress.step} of {self.config.steps}; "
                "go on with `resume=True`"
            )

    def finish(self) -> tuple[StudentNetwork, int, float]:
        """Return the student with the selected weights, their step, and how far they are mixed.

        A mix of 0 is the closed form: no step of training improved on it.
        """
        chosen, mix = self._selected()
        paths = [checkpoint_path(self.checkpoints, step) for step in chosen]
        state = self._first_whole(paths, "The student is taken from")
        load_whole(self.unsharded, state.weights | (state.average or {}))
        if mix < 1:
            self._mix(mix)
        if self.lesson.sides is None and (mix < 1 or self.config.objective in UNCALIBRATED):
            judge = self.lesson.agreement or self.lesson.probe
            judge.settle_temperature(self.unsharded, self.config.batch)
        return self.unsharded, state.progress.step if mix else 0, mix

    @torch.no_grad()
    def _mix(self, share: float) -> None:
        """Take the student's trained weights part of the way back to the initial ones."""
        known = self.update.optimizer.initial
        named = self.student.named_parameters()
        initial = whole({name: known[weights] for name, weights in named if weights in known})
        for name, weights in self.unsharded.named_parameters():
            if name in initial:
                start = initial[name].to(weights.device)
                weights.copy_(torch.lerp(start, weights, share))

    def _selected(self) -> tuple[list[int], float]:
        """Choose the step to take the student from, with fallbacks after it, and the mix."""
        scores = {row["step"]: row["held_out"] for row in self.log if "held_out" in row}
        last = self.progress.step
        if self.config.select == "last" or not scores:
            return [last], scores.get(last, {}).get("mix", self.mixes[-1])
        steps = {checkpoint_step(path) for path in find_checkpoints(self.checkpoints)}
        order = sorted(steps & scores.keys(), key=lambda step: _merit(scores[step]))
        best = self.progress.best_step
        order = [best, *(step for step in order if step != best)]
        if self.sides is None:
            return order, scores[best]["mix"]
        closed = self.sides.closed.likeness
        earned = scores[best]["able"] and scores[best]["likeness"] > closed
        return order, scores[best]["mix"] if earned else 0.0


def _merit(score: Mapping[str, Any]) -> float:
    """Rank a step, best lowest: by likeness if no ability is lost; of listed labels by KL."""
    if "able" not in score:
        return float(score["kl"])
    return float(1 - score["likeness"] + 2 * (not score["able"]))


@dataclass(frozen=True, eq=False)
class ClosedForm:
    """What training has to improve on: the vector of the initial network, and how it is made."""

    of: BothSides
    settings: VectorSettings
    closed: Score
    base: Score


@contextmanager
def enough_memory(config: DistillConfig, step: int | Callable[[], int]) -> Iterator[None]:
    """Tell in one line what to lower where memory runs out in a step."""
    try:
        yield
    except RuntimeError as error:
        if not _out_of_memory(error):
            raise
        raise TwoalikeError(
            f"not enough memory for batches of {config.batch}",
            where=f"step {step() if callable(step) else step}",
            remedy="Lower `batch=...` (and raise accumulate in proportion), lower `size=...`, or "
            "set precision = 'bf16' or checkpointing = true in the recipe; then start again.",
        ) from error


def _out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: CUDA has its own error, the CPU allocator only a message."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
