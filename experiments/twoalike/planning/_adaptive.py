"""Trial lists chosen by a posterior: whole sessions, or the next block of one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import TRIPLET, Question, log_set_choice
from twoalike.design import (
    AnswerDraws,
    adaptive_blocks,
    adaptive_trial_list,
    checks_before,
    participant_number,
    session_rng,
    shown_objects,
    with_adaptive_block,
)
from twoalike.registry import Task
from twoalike.stimuli import StimulusSet
from twoalike.study import (
    Floats,
    Integers,
    Study,
    TwoalikeError,
    read_json,
    sha256_file,
)
from twoalike.tasks import PairRating, protocol_or_default

if TYPE_CHECKING:
    from twoalike.embedding import Posterior

DRAWS = 300
"""Posterior draws used; the design itself uses no more."""
type Rows = Callable[[Floats, Floats], Floats]
"""Similarity of rows of coordinates with rows, (n, D), (n, D) -> (n,)."""


@dataclass(frozen=True)
class AdaptiveDesign:
    """Sessions of a task that a posterior chooses; without one, random first blocks only."""

    study: Study
    stimuli: StimulusSet
    task: Task
    posterior: str | Path | None = None

    @property
    def lists(self) -> Any:
        """How lists of the task are made and read (a ListDesign)."""
        return self.task.lists

    @property
    def settings(self) -> Any:
        """Settings of the task's lists."""
        return self.task.lists.settings(self.study)

    @cached_property
    def answers(self) -> AnswerDraws | None:
        """Probabilities of answers under the posterior's draws."""
        if self.posterior is None:
            return None
        shown = shown_objects(self.stimuli, self.settings)
        question = self.lists.question(self.settings)
        if question is not None:
            return read_choice_draws(Path(self.posterior), shown, question)
        protocol = protocol_or_default(self.study, PairRating)
        points = None if protocol.scale.kind == "slider" else protocol.scale.points
        return read_rating_draws(Path(self.posterior), shown, points)

    def check(self, block: int | None) -> None:
        """Refuse parts of a study, what needs a posterior, and more where there is enough."""
        table = self.lists.table
        if self.study.condition or self.study.conditions_of(self.task.name):
            raise TwoalikeError(
                f"{table}: the adaptive sampler chooses by all judgments so far, and those of "
                f"several conditions are about different similarities. Choose another "
                f"{table}.sampler, or leave [[conditions]] out."
            )
        if self.study.config.objects_per_person:
            raise TwoalikeError(
                f"{table}: the adaptive sampler chooses among all objects, but with "
                f"objects_per_person each participant sees others. Choose another {table}.sampler, "
                "or set objects_per_person = 0."
            )
        if self.posterior is not None and self.study.config.stop.similarity_interval is not None:
            from twoalike.embedding import enough

            if said := enough(self.study, self.posterior):
                raise TwoalikeError(f"{said}.", where=self.posterior)
        first = adaptive_blocks(self.settings)[0]
        if self.answers is None and block != first:
            raise TwoalikeError(
                f"{table}: the adaptive sampler chooses by a posterior. Name it with "
                f"`posterior=P.nc`; only the first block (`block={first}`) can do without."
            )

    def session(
        self, label: str, number: int, block: int | None, before: Sequence[pd.DataFrame]
    ) -> pd.DataFrame:
        """Design a session, or its next block; trials of ``before`` do not come again.

        Nor do those of the participant's sessions before this one.
        """
        seed, config = self.study.config.seed, self.settings
        path, *earlier = (
            self.study.trial_list(self.lists.label, label, session)
            for session in range(number, 0, -1)
        )
        # A list that is damaged must not be taken for one that is not there.
        read = {one: self.lists.read(one, self.stimuli.ids) for one in earlier if one.exists()}
        own: dict[str, Any] = {
            "task": self.lists,
            "before": [*before, *reversed(read.values())],
            "checks_before": checks_before(label, number, config.catch),
        }
        if block is None:
            assert self.answers is not None  # check() refuses it
            rng = session_rng(seed, label, number)
            return adaptive_trial_list(self.stimuli, config, self.answers, rng, **own)
        there = self.lists.read(path, self.stimuli.ids) if path.exists() else None
        rng = np.random.default_rng([seed, participant_number(label), number, block])
        return with_adaptive_block(self.stimuli, config, there, block, self.answers, rng, **own)

    def described(self, label: str, number: int, block: int | None) -> dict[str, Any]:
        """Give what a list was made of, for its description: files, and what chose each block.

        By block, that is the SHA-256 of the posterior that chose it; None for a random one.
        """
        chosen = None if self.posterior is None else Path(self.posterior)
        inputs = {} if chosen is None else {"posterior": chosen}
        if block is None:
            return {"inputs": inputs, "more": {}}
        beside = self.study.trial_list(self.lists.label, label, number).with_suffix(".json")
        about = read_json(beside, "trial_list")["config"] if beside.exists() else {}
        known = {name: one for name, one in about.get("blocks", {}).items() if int(name) < block}
        blocks = {**known, str(block): None if chosen is None else sha256_file(chosen)}
        return {"inputs": inputs, "more": {"blocks": blocks}}


def read_choice_draws(
    path: str | Path, ids: Sequence[str], question: Question = TRIPLET
) -> AnswerDraws:
    """Choice probabilities of a typical observer, :func:`choice_draws`, of a posterior's draws.

    ``ids`` are the objects that the indices of trials refer to.
    """
    posterior, where, kept = _read(path, ids)
    embedding, lapse = posterior.embedding[kept][:, where], posterior.typical_lapse[kept]
    return choice_draws(embedding, lapse, question, posterior.kernel.rows)


def read_rating_draws(path: str | Path, ids: Sequence[str], points: int | None) -> AnswerDraws:
    """Probabilities of the levels of a rating, :func:`rating_draws`, of a posterior's draws.

    The rater has the mean thresholds and the geometric mean noise of those who used the scale, of
    so many points; None: a slider.
    """
    from twoalike.embedding import RATING_LEVELS

    posterior, where, kept = _read(path, ids)
    draws = posterior.tree["posterior"].dataset
    names = ("rating_threshold", "rating_noise", "rating_origin", "rating_unit")
    levels = points or RATING_LEVELS
    scale = f"a scale of {points} points" if points else "a slider"
    if names[0] not in draws:
        raise TwoalikeError(
            where=path,
            expected=f"a posterior that knows people's ratings on {scale}",
            found="one that was fitted to other judgments only",
            remedy="Begin with random pairs, and fit with their ratings.",
        )
    threshold, *others = (
        draws[name].values.reshape(-1, *draws[name].shape[2:]).astype(np.float64)[kept]
        for name in names
    )
    own = np.isfinite(threshold[0]).sum(axis=1) == levels - 1
    if not own.any():
        raise TwoalikeError(
            where=path,
            expected=f"ratings on {scale}, as the protocol has it",
            found="ratings on other scales",
            remedy="Begin with random pairs on this scale, and fit with their ratings.",
        )
    noise, origin, unit = (values[:, own] for values in others)
    return rating_draws(
        posterior.embedding[kept][:, where],
        threshold[:, own, : levels - 1].mean(axis=1),
        np.exp(np.log(noise).mean(axis=1)),
        origin.mean(axis=1),
        unit.mean(axis=1),
        posterior.kernel.rows,
    )


def _read(path: str | Path, ids: Sequence[str]) -> "tuple[Posterior, Integers, Integers]":
    from twoalike.embedding import Posterior

    posterior = Posterior.load(Path(path))
    where = pd.Index(posterior.ids).get_indexer(pd.Index(list(ids)))
    if (where < 0).any():
        first = ids[int(np.argmax(where < 0))]
        raise TwoalikeError(
            f"{path}: knows {int((where >= 0).sum())} of the {len(ids)} objects of the design, "
            f"not {first!r}. Judge every object at least once, and fit again."
        )
    n = len(posterior.embedding)
    kept = np.unique(np.linspace(0, n - 1, min(n, DRAWS)).round().astype(int))
    return posterior, where, kept


def _dots(left: Floats, right: Floats) -> Floats:
    return np.asarray(np.einsum("nd,nd->n", left, right))


def choice_draws(
    embedding: npt.NDArray[np.floating],
    lapse: Floats,
    question: Question = TRIPLET,
    similarity: Rows = _dots,
) -> AnswerDraws:
    """Choice probabilities of a typical observer under draws of an embedding.

    ``embedding`` and ``lapse`` have shapes (S, m, D) and (S,), ``similarity`` is that of rows of
    coordinates. The result is a function from trials, shape (n, k), to probabilities of the answers
    to ``question``, shape (S, n, A).
    """

    def choices(trials: Integers) -> Floats:
        result = np.empty((len(embedding), len(trials), len(question.answers)))
        for at, (x, rate) in enumerate(zip(embedding, lapse.astype(np.float32), strict=True)):
            items = [x[trials[:, place]] for place in range(question.items)]
            pairs = [similarity(items[a], items[b]) for a, b in question.pairs.tolist()]
            logs = log_set_choice(np.stack(pairs, axis=1), question, np.float32(1.0), rate)
            result[at] = np.exp(logs)
        return result

    return choices


def rating_draws(
    embedding: npt.NDArray[np.floating],
    thresholds: Floats,
    noise: Floats,
    origin: Floats,
    unit: Floats,
    similarity: Rows = _dots,
) -> AnswerDraws:
    """Probabilities of the K levels of a rating under draws of an embedding and of a rater.

    ``embedding`` has shape (S, m, D); ``thresholds`` and ``noise`` of the rater, in units of the
    similarity, (S, K - 1) and (S,); ``origin`` and ``unit``, which a similarity is centred and
    divided by, (S,) each. The result is a function from pairs, shape (n, 2), to probabilities,
    shape (S, n, K).
    """

    def ratings(pairs: Integers) -> Floats:
        result = np.empty((len(embedding), len(pairs), thresholds.shape[1] + 1))
        for at, x in enumerate(embedding):
            s = (similarity(x[pairs[:, 0]], x[pairs[:, 1]]) - origin[at]) / unit[at]
            z = np.clip((thresholds[at] - s[:, None]) / noise[at], -500, 500)
            below = np.pad(1 / (1 + np.exp(-z)), ((0, 0), (1, 1)), constant_values=((0, 0), (0, 1)))
            result[at] = np.maximum(np.diff(below, axis=1), 0)
        return result

    return ratings
