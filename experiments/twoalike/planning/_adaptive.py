"""Trial lists chosen by a posterior: whole sessions, or the next block of one."""

from collections.abc import Callable, Mapping, Sequence
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
    ScoredTrials,
    adaptive_blocks,
    checks_before,
    participant_number,
    shown_objects,
    with_adaptive_block,
)
from twoalike.record import RunName
from twoalike.registry import Task, find_task, task_names
from twoalike.stimuli import StimulusSet
from twoalike.study import Floats, Integers, Study, TwoalikeError, read_json, sha256_file
from twoalike.tasks import PairRating, protocol_or_default

if TYPE_CHECKING:
    from twoalike.embedding import Posterior, PosteriorSource

DRAWS = 300
"""Posterior draws used; the design itself uses no more."""
ROWS = 65_536
"""Answers predicted at once, over draws and trials: fits the processor's cache."""
RATER = ("threshold", "noise", "origin", "unit")
type Draws = Mapping[str, npt.NDArray[np.floating]]
"""Of S draws: ``embedding`` (S, m, D) and ``lapse`` (S,) of a typical person, and the ``RATER``,
who has the mean thresholds and the geometric mean noise of those who used a scale."""
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
    def settings(self) -> Any:
        """Settings of the task's lists."""
        return self.task.lists.settings(self.study)

    @cached_property
    def scored(self) -> ScoredTrials | None:
        """What the posterior says of the task's trials."""
        if self.posterior is None:
            return None
        from twoalike.embedding import Posterior

        posterior = Posterior.load(Path(self.posterior))
        draws = self.draws(posterior, self.posterior)
        return self.score(draws, posterior.kernel.rows, [self.study.config.seed, 0])

    def draws(self, posterior: "Posterior", where: str | Path) -> Draws:
        """Draws of what the task shows and of who answers; messages name the file ``where``."""
        draws = typical_draws(posterior, shown_objects(self.stimuli, self.settings), where)
        if self.task.lists.question(self.settings) is not None:
            return draws
        return {**draws, **typical_rater(posterior, scale_points(self.study), where)}

    def score(
        self, draws: Draws, similarity: Rows, seed: Sequence[int], judged: Integers | int = 0
    ) -> ScoredTrials:
        """Score the task's trials."""
        form, m = self.task.lists.trial_form(self.settings), draws["embedding"].shape[1]
        answers = answer_draws(draws, self.task.lists.question(self.settings), similarity)
        return ScoredTrials.of(answers, m, form, np.random.default_rng(seed), judged)

    def check(self) -> None:
        """Refuse parts of a study, and more where there is enough."""
        table = self.task.lists.table
        several = self.study.condition or self.study.conditions_of(self.task.name)
        if several or self.study.config.objects_per_person:
            raise TwoalikeError(
                f"{table}: an adaptive design chooses by all judgments so far. In conditions "
                "they are about different similarities, and with objects_per_person about "
                f"different objects. Choose another {table}.{self.task.lists.chooser}, leave "
                "[[conditions]] out, or set objects_per_person = 0."
            )
        if (path := self.study.known.get("features")) is not None:
            from twoalike.features import read_features

            read_features(path).select(shown_objects(self.stimuli, self.settings), str(path))
        if self.posterior is not None and self.study.config.stop.limits:
            from twoalike.embedding import enough

            if (said := enough(self.study, self.posterior)).met is not False:
                raise TwoalikeError(f"[stop] of study.toml: {said}.", where=self.posterior)

    def session(
        self, label: str, number: int, block: int | None, before: Sequence[pd.DataFrame]
    ) -> pd.DataFrame:
        """Design a session, or its next block; trials of ``before`` do not come again.

        Nor do those of the participant's sessions before this one.
        """
        table, first = self.task.lists.table, adaptive_blocks(self.settings)[0]
        if self.posterior is None and block != first:
            raise TwoalikeError(
                f"{table}: the adaptive sampler chooses by a posterior. Name it with "
                f"`posterior=P.nc`; only the first block (`block={first}`) can do without."
            )
        path = self.study.trial_list(self.task.lists.label, label, number)
        known = block is not None and path.exists()
        there = self.task.lists.read(path, self.stimuli.ids) if known else None
        earlier = [*before, *self.earlier(label, number)]
        return self.block(self.scored, label, number, block, there, earlier)

    def earlier(self, label: str, number: int) -> list[pd.DataFrame]:
        """Read the lists of a participant's sessions before this one, of lab or server."""
        found = []
        for session in range(1, number):
            path = self.study.trial_list(self.task.lists.label, label, session)
            if not path.exists():
                path = RunName(label, session, self.task.lists.label, 1).trials(self.study.raw)
            # A list that is damaged must not be taken for one that is not there.
            if path.exists():
                found.append(self.task.lists.read(path, self.stimuli.ids))
        return found

    def block(
        self,
        scored: ScoredTrials | None,
        label: str,
        number: int,
        block: int | None,
        there: pd.DataFrame | None,
        before: Sequence[pd.DataFrame] = (),
    ) -> pd.DataFrame:
        """Put the next block of a session behind the list that is ``there``; None: all blocks.

        It depends on nothing but the arguments and the study's seed and settings. Without anything
        ``scored`` it is random; trials of the lists ``before`` do not come again.
        """
        words = [self.study.config.seed, participant_number(label), number]
        return with_adaptive_block(
            *(self.stimuli, self.settings, there, block, scored),
            np.random.default_rng(words if block is None else [*words, block]),
            task=self.task.lists,
            before=before,
            checks_before=checks_before(label, number, self.settings.catch),
        )

    def described(self, label: str, number: int, block: int | None) -> dict[str, Any]:
        """Give what a list was made of, for its description: files, and what chose each block.

        By block, that is the SHA-256 of the posterior that chose it; None for a random one.
        """
        chosen = None if self.posterior is None else Path(self.posterior)
        inputs = {} if chosen is None else {"posterior": chosen}
        if block is None:
            return {"inputs": inputs, "more": {}}
        beside = self.study.trial_list(self.task.lists.label, label, number).with_suffix(".json")
        about = read_json(beside, "trial_list")["config"] if beside.exists() else {}
        known = {name: one for name, one in about.get("blocks", {}).items() if int(name) < block}
        blocks = {**known, str(block): None if chosen is None else sha256_file(chosen)}
        return {"inputs": inputs, "more": {"blocks": blocks}}


def adaptive_designs(study: Study) -> dict[str, AdaptiveDesign]:
    """Return those designs of a study that a posterior makes, by task, once they are checked."""
    designs = {}
    for task in map(find_task, task_names()):
        if task.lists is not None and task.lists.is_adaptive(study):
            stimuli = StimulusSet.load(study.stimuli, verify=False)
            designs[task.name] = AdaptiveDesign(study, stimuli, task)
            designs[task.name].check()
    return designs


def scale_points(study: Study) -> int | None:
    """Points of the scale that a study's pairs are rated on; None: a slider."""
    scale = protocol_or_default(study, PairRating).scale
    return None if scale.kind == "slider" else scale.points


def typical_answers(
    posterior: "PosteriorSource",
    ids: Sequence[str],
    question: Question | None = TRIPLET,
    points: int | None = None,
) -> AnswerDraws:
    """Probabilities of a typical person's answers under a posterior's draws (:func:`answer_draws`).

    ``ids`` are the objects that the indices of trials refer to. Without a ``question`` they are
    those of ratings on a scale of so many ``points``, or on a slider.
    """
    from twoalike.embedding import as_posterior

    where = posterior if isinstance(posterior, str | Path) else "posterior"
    fit = as_posterior(posterior)
    rater = typical_rater(fit, points, where) if question is None else {}
    draws = {**typical_draws(fit, ids, where), **rater}
    return answer_draws(draws, question, fit.kernel.rows)


def _kept(posterior: "Posterior") -> Integers:
    n = len(posterior.embedding)
    return np.unique(np.linspace(0, n - 1, min(n, DRAWS)).round().astype(int))


def typical_draws(posterior: "Posterior", ids: Sequence[str], where: str | Path) -> Draws:
    """Draws of the objects ``ids`` and of a typical person; messages name the file ``where``."""
    at = pd.Index(posterior.ids).get_indexer(pd.Index(list(ids)))
    if (at < 0).any():
        first = ids[int(np.argmax(at < 0))]
        raise TwoalikeError(
            f"{where}: knows {int((at >= 0).sum())} of the {len(ids)} objects of the design, "
            f"not {first!r}. Judge every object at least once, and fit again."
        )
    kept = _kept(posterior)
    found = {"embedding": posterior.embedding[kept][:, at], "lapse": posterior.typical_lapse[kept]}
    return {name: values.astype(np.float32) for name, values in found.items()}


def typical_rater(posterior: "Posterior", points: int | None, where: str | Path) -> Draws:
    """Draws of the ``RATER`` on a scale of so many points; None: a slider."""
    from twoalike.embedding import RATING_LEVELS

    draws, levels = posterior.tree["posterior"].dataset, points or RATING_LEVELS
    known = "rating_threshold" in draws
    used = draws["rating_threshold"].values[0, 0] if known else np.empty((1, 0))
    own = np.isfinite(used).sum(axis=1) == levels - 1
    if not own.any():
        scale = f"a scale of {points} points" if points else "a slider"
        raise TwoalikeError(
            where=where,
            expected=f"ratings on {scale}, as the protocol has it",
            found="ratings on other scales" if known else "other judgments only",
            remedy="Begin with random pairs on this scale, and fit with their ratings.",
        )
    kept = _kept(posterior)
    threshold, noise, origin, unit = (
        draws[f"rating_{name}"].values.reshape(-1, *draws[f"rating_{name}"].shape[2:])[kept][:, own]
        for name in RATER
    )
    means = (
        threshold[..., : levels - 1].mean(axis=1),
        *(np.exp(np.log(noise).mean(axis=1)), origin.mean(axis=1), unit.mean(axis=1)),
    )
    return {name: values.astype(np.float32) for name, values in zip(RATER, means, strict=True)}


def _dots(left: Floats, right: Floats) -> Floats:
    return np.asarray(np.einsum("nd,nd->n", left, right))


def answer_draws(
    draws: Draws, question: Question | None = TRIPLET, similarity: Rows = _dots
) -> AnswerDraws:
    """Probabilities of a typical person's answers under draws; without a ``question`` of ratings.

    ``similarity`` is that of rows of coordinates. The result is a function from trials, (n, k), to
    the probabilities of their answers, (S, n, A): levels of a rating from the lowest.
    """
    x = draws["embedding"]
    pairs = np.array([[0, 1]]) if question is None else question.pairs

    def chosen(alike: Floats, at: slice) -> Floats:
        assert question is not None
        lapse = draws["lapse"][at, None]
        return np.asarray(np.exp(log_set_choice(alike, question, np.float32(1.0), lapse)))

    def rated(alike: Floats, at: slice) -> Floats:
        threshold, noise, origin, unit = (draws[name][at] for name in RATER)
        s = (alike - origin[:, None, None]) / unit[:, None, None]  # (S, n, 1)
        z = np.clip((threshold[:, None] - s) / noise[:, None, None], -80, 80)
        return np.maximum(np.diff(1 / (1 + np.exp(-z)), axis=2, prepend=0, append=1), 0)

    def answers(trials: Integers) -> Floats:
        step, parts = max(1, ROWS // max(len(trials), 1)), []
        for first in range(0, len(x), step):
            at = slice(first, first + step)
            rows = [np.take(x[at], items, axis=1).reshape(-1, x.shape[2]) for items in trials.T]
            alike = [similarity(rows[a], rows[b]) for a, b in pairs.tolist()]
            shaped = np.stack(alike, axis=-1).reshape(-1, len(trials), len(pairs))
            parts.append((rated if question is None else chosen)(shaped, at))
        return np.concatenate(parts)

    return answers
