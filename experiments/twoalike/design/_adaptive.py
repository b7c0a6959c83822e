"""Trials chosen for the information that their answers would give, and sessions made of them.

The score of a trial is the mutual information of its answer and the embedding, from the
probabilities of its answers under posterior draws: the entropy of the mean prediction less the mean
entropy. It is high where draws are sure but disagree, and zero where everybody would guess.

The n best trials ask nearly the same question n times. So they are picked one by one, each for
what is left to learn once the others are answered: deviations of the draws from their mean are
taken as Gaussian, so that an answer shrinks the uncertainty of all other trials by an amount that
does not depend on what the answer is.

Scoring is slow and choosing is fast, so a posterior is asked once about a large pool, and blocks of
any number of people are chosen from the result (:class:`ScoredTrials`). A session is chosen as a
whole or block by block: blocks that were judged stay as they are, and the next follows them.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import entropy
from twoalike.design._choices import TRIPLET_LISTS, require_trials, session_list
from twoalike.design._dealing import chosen
from twoalike.design._design import ListDesign
from twoalike.design._form import Sets, TrialForm, Used
from twoalike.stimuli import StimulusSet
from twoalike.study import Booleans, Floats, Integers, TwoalikeError

AnswerDraws = Callable[[Sets], npt.NDArray[np.floating]]
"""From trials, shape (n, k), to the probabilities of their answers under S draws, shape (S, n, A);
of triplets that is ``Posterior.choice_draws``. A block of n trials wants some 2 n draws or more."""

DRAWS = 300
"""Most posterior draws whose covariance measures what answers share: bounds memory."""
SLACK = 1.5
"""An object is shown at most this many times as often as the average one."""
FLOOR = 0.5
"""An object that was shown less than this many times as often comes into the random share first."""
WIDTH = 16
"""Candidates for each trial online; with more, simultaneous participants share more trials."""
ROWS = 2_048  # trials predicted at once: bounds memory
CERTAIN = 1e-6  # least probability that deviations are divided by
NOISE_FLOOR = 1e-3  # variance of an answer that draws are all sure of but split about


TRIPLETS = TrialForm()
"""Three objects, of which one is the odd one out."""


@dataclass(frozen=True, eq=False)
class AdaptiveTrials:
    """A block of n trials, in the order to show them."""

    trials: Sets
    """Object indices, shape (n, k), in the order of the form in each row."""
    score: Floats
    """Expected information of each trial on its own in nats, shape (n,); NaN where random."""
    is_random: Booleans
    """Whether the trial was drawn at random, shape (n,)."""


@dataclass(frozen=True, eq=False)
class ScoredTrials:
    """What a posterior says of the trials of a task: all that a block is chosen from."""

    answers: AnswerDraws
    form: TrialForm
    trials: Sets
    """The pool, shape (n, k), in the order of the form in each row."""
    information: Floats
    """Expected information of each trial of the pool, nats, shape (n,)."""
    judged: Integers
    """How often each object was shown in what the posterior has seen, shape (m,)."""
    width: int | None = None
    """Candidates drawn for each trial of a block; None: all, as one person chooses at a time."""

    @classmethod
    def of(
        cls,
        answers: AnswerDraws,
        m: int,
        form: TrialForm,
        rng: np.random.Generator,
        judged: Integers | int = 0,
    ) -> "ScoredTrials":
        """Score all trials of ``m`` objects, or as many as the form says."""
        pool = candidate_trials(m, form.candidates, set(), rng, form)
        parts = [expected_information(answers(rows)) for rows in _parts(pool)]
        return cls(answers, form, pool, np.concatenate(parts), np.zeros(m, np.int64) + judged)

    def candidates(self, n: int, avoid: Sets, rng: np.random.Generator) -> Sets:
        """Draw candidates for a block of ``n`` trials, informative ones with higher probability.

        Weighted sampling without replacement (Efraimidis & Spirakis 2006,
        doi:10.1016/j.ipl.2005.11.003), without those to ``avoid``, shape (j, k); further ones are
        random where others have used the pool up.
        """
        m, wanted = len(self.judged), n * (self.width or WIDTH)
        places = m ** np.arange(self.form.items)  # a number for each trial
        free = ~np.isin(self.trials @ places, avoid @ places)
        # Trials without information come last, in random order.
        weight = np.maximum(self.information[free], 1e-12)
        order = np.argsort(-np.log(rng.random(len(weight))) / weight)
        found = self.trials[free][order[: wanted if self.width else None]]
        used = {tuple(row) for part in (avoid, found) for row in part.tolist()}
        more = max(0, min(wanted - len(found), self.form.count(m) - len(used)))
        return np.concatenate([found, self.form.draw(m, more, used, rng)])


def expected_information(probabilities: npt.ArrayLike) -> Floats:
    """Information that the answer to each trial is expected to give about the embedding.

    From probabilities of its A answers (the odd one of a triplet, the most alike pair of a set,
    levels of a rating) under S posterior draws, (S, n, A): the entropy of the mean prediction less
    the mean entropy, in nats, (n,), in [0, log A] (Houlsby et al. 2011,
    doi:10.48550/arXiv.1112.5745).

    Examples
    --------
    >>> agreed, split = [0.8, 0.1, 0.1], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    >>> expected_information([[agreed, split[0]], [agreed, split[1]]]).round(3)
    array([0.   , 0.693])
    """
    p = np.asarray(probabilities, dtype=np.float64)
    draws, n, outcomes = p.shape
    within = entropy(p.reshape(-1, outcomes)).reshape(draws, n).mean(axis=0)
    # Rounding can leave a hair less than nothing.
    return np.clip(entropy(p.mean(axis=0)) - within, 0.0, np.log(outcomes))


def adaptive_trials(
    answers: AnswerDraws,
    m: int,
    n: int,
    *,
    rng: np.random.Generator,
    form: TrialForm = TRIPLETS,
    random_share: float = 0.2,
    shown: Sets | None = None,
    candidates: int | Sets | None = None,
    judged: Integers | int = 0,
) -> AdaptiveTrials:
    """Choose a block of ``n`` trials of ``m`` objects: most for their information.

    No trial comes twice, in the block or among ``shown``. No pick makes an object's number of
    trials, those ``shown`` included, more than ``SLACK`` times the average (rounded up); where
    nothing else is left that bound gives way by one trial at a time.

    A share of the trials is drawn at random: a fair test set for any model. Objects that were shown
    less than ``FLOOR`` times the average come first there, in ``shown`` and to others (``judged``,
    how often each was, (m,)). ``shown`` are trials judged before, (j, k), in any order of items but
    for a reference. ``candidates`` are those to score, (c, k), in the order of the form; or how
    many, at least, drawn at random where there are more (None: as many as the form says).
    """
    k = form.items
    before = form.in_order(np.asarray([] if shown is None else shown, np.int64).reshape(-1, k))
    used = {tuple(row) for row in before.tolist()}
    left = form.count(m) - len(used)
    if n > left:
        raise ValueError(f"asked for {n} fresh {form.noun}, {left} are left.")
    n_random = round(random_share * n)
    exposure = np.bincount(before.ravel(), minlength=m)
    seen = exposure + judged
    left_of_each = form.count(m) * k // m - exposure
    rare = rng.permutation(np.flatnonzero((seen < FLOOR * seen.mean()) & (left_of_each > n_random)))
    drawn = form.draw(m, n_random, used, rng, rare.tolist())
    if candidates is None or isinstance(candidates, int):
        pool = candidate_trials(m, max(candidates or form.candidates, 4 * n), used, rng, form)
    else:
        pool = candidates[[tuple(row) not in used for row in candidates.tolist()]]
        if len(pool) < n - n_random:
            raise ValueError(f"asked for {n - n_random} of {len(pool)} fresh candidates.")
    information, deviations = _predict(answers, pool)
    exposure = exposure + np.bincount(drawn.ravel(), minlength=m)
    cap = ceil(SLACK * k * (len(before) + n) / m)
    picks = _pick(pool, information, _Remaining(deviations), n - n_random, exposure, cap)
    is_random = np.zeros(n, dtype=bool)
    is_random[rng.permutation(n)[:n_random]] = True
    trials, score = np.empty((n, k), dtype=np.int64), np.full(n, np.nan)
    trials[is_random], trials[~is_random] = drawn, pool[picks]
    score[~is_random] = information[picks]
    return AdaptiveTrials(trials, score, is_random)


def candidate_trials(
    m: int,
    size: int,
    used: Used,
    rng: np.random.Generator,
    form: TrialForm = TRIPLETS,
) -> Sets:
    """Draw trials to choose from that are not in ``used``: all, or ``size`` where more are left.

    Examples
    --------
    >>> candidate_trials(4, 100, {(0, 1, 2)}, np.random.default_rng(0)).tolist()
    [[0, 1, 3], [0, 2, 3], [1, 2, 3]]
    """
    if form.count(m) - len(used) > size:
        return form.draw(m, size, set(used), rng)
    everything = (row for row in form.every(m) if row not in used)
    return np.array(list(everything), dtype=np.int64).reshape(-1, form.items)


def _parts(pool: Sets) -> list[Sets]:
    return [pool[first : first + ROWS] for first in range(0, max(len(pool), 1), ROWS)]


def _predict(answers: AnswerDraws, pool: Sets) -> tuple[Floats, npt.NDArray[np.float32]]:
    """Give expected information (n,) and whitened deviations (n, A - 1, S) of all candidates."""
    information, deviations = [], []
    for rows in _parts(pool):
        p = np.asarray(answers(rows), dtype=np.float64)
        information.append(expected_information(p))
        deviations.append(_whitened(p[:: ceil(len(p) / DRAWS)]))
    return np.concatenate(information), np.concatenate(deviations)


def _whitened(p: Floats) -> npt.NDArray[np.float32]:
    """Deviations of the draws from their mean, (n, A - 1, S), on the scale of an answer's noise.

    An answer is one of A, so it varies in A - 1 directions; in the coordinates used here the
    covariance of an answer that the mean prediction is right about is the identity.
    """
    root = np.sqrt(np.maximum(p.mean(axis=0), CERTAIN))  # (n, A)
    root /= np.linalg.norm(root, axis=1, keepdims=True)
    x = (p - p.mean(axis=0)) / root / np.sqrt(len(p))  # orthogonal to root but for rounding
    # The reflection that takes the last axis to `root` takes the others to its complement.
    plane = x[..., :-1] - (x[..., -1] / (1 + root[:, -1]))[..., None] * root[:, :-1]
    return np.ascontiguousarray(plane.transpose(1, 2, 0), dtype=np.float32)


class _Remaining:
    """What is left to learn from each candidate while others are picked.

    Answers are taken for Gaussian, with the draws' covariance K as their prior and the rest
    of their variance, I - K, as noise.
    """

    def __init__(self, deviations: npt.NDArray[np.float32]) -> None:
        n, self._axes, draws = deviations.shape
        self._rows = deviations.reshape(self._axes * n, draws)
        self._known = np.zeros((draws, 0), dtype=np.float32)  # directions of draws answered
        self.covariance = deviations @ deviations.transpose(0, 2, 1)  # (n, A - 1, A - 1)
        identity = np.eye(self._axes, dtype=np.float32)
        self._noise = identity - self.covariance
        self._noise += NOISE_FLOOR * identity
        self._least = np.maximum(_det(self._noise), 1e-12)
        self._at_first = np.maximum(self.gain(), 1e-12)

    def gain(self) -> Floats:
        """Information left in each candidate's answer, nats in the Gaussian picture, (n,)."""
        ratio = _det(self._noise + self.covariance) / self._least
        return np.asarray(0.5 * np.log(np.maximum(ratio, 1)))

    def share(self) -> Floats:
        """Share of its information that each candidate still has, (n,)."""
        return np.asarray(self.gain() / self._at_first)

    def answer(self, pick: int) -> None:
        """Condition all candidates on an answer to this one."""
        d = self._axes
        mine = self._rows[d * pick : d * pick + d].T  # (S, A - 1)
        mine = mine - self._known @ (self._known.T @ mine)
        spread = np.linalg.cholesky(self._noise[pick] + self.covariance[pick])
        direction = np.linalg.solve(spread, mine.T).T.astype(np.float32)
        shared = (self._rows @ direction).reshape(-1, d, d)
        self.covariance = self.covariance - shared @ shared.transpose(0, 2, 1)
        self._known = np.concatenate([self._known, direction], axis=1)


def _det(a: npt.NDArray[np.floating]) -> Floats:
    a = a.astype(np.float64)
    if a.shape[1] != 2:
        return np.asarray(np.linalg.det(a))
    return np.asarray(a[:, 0, 0] * a[:, 1, 1] - a[:, 0, 1] * a[:, 1, 0])


def _pick(
    pool: Sets, information: Floats, remaining: _Remaining, n: int, exposure: Integers, cap: int
) -> list[int]:
    """Rows of the pool, best first, that keep each object's exposure within the cap."""
    exposure = exposure.copy()
    free = np.ones(len(pool), dtype=bool)
    picks: list[int] = []
    while len(picks) < n:
        allowed = free & (exposure[pool] < cap).all(axis=1)
        if not allowed.any():
            cap += 1
            continue
        worth = np.where(allowed, information * remaining.share(), -np.inf)
        pick = int(np.argmax(worth))
        remaining.answer(pick)
        free[pick] = False
        exposure[pool[pick]] += 1
        picks.append(pick)
    return picks


def adaptive_blocks(config: Any) -> range:
    """Numbers (``block_index``) of the blocks of main trials; practice is block 1."""
    first = 1 + int(config.n_listed > config.n_judged)
    return range(first, first + -(-config.n_judged // config.trials_per_block))


def with_adaptive_block(
    stimuli: StimulusSet,
    config: Any,
    table: pd.DataFrame | None,
    block: int | None,
    scored: ScoredTrials | None,
    rng: np.random.Generator,
    *,
    task: ListDesign = TRIPLET_LISTS,
    before: Sequence[pd.DataFrame] = (),
    checks_before: int = 0,
) -> pd.DataFrame:
    """Trial list so far and the next block behind it, by the task's table of study.toml.

    Trials, checks and repeats are spread over the blocks (:func:`adaptive_blocks`) evenly. Rows of
    the ``table`` before ``block`` stay as they are, others are dropped; it is None before the first
    block, which has the practice in front of it. ``block=None`` is the whole session at once. What
    is not ``scored`` is random. Main trials of the lists ``before`` do not come again;
    ``checks_before`` are the attention checks that the participant had in earlier sessions, whose
    sides take turns.
    """
    shown, blocks = task.shown(stimuli, config), adaptive_blocks(config)
    m, own, kept, at = len(shown), config, list[pd.DataFrame](), 0
    _require(task, config, m)
    if block is not None:
        if block not in blocks:
            raise TwoalikeError(
                f"`block={block}`: a session has the blocks {blocks[0]} to {blocks[-1]}"
                f"{' (practice is block 1)' if blocks[0] > 1 else ''}."
            )
        if getattr(config, "plan", None):
            raise TwoalikeError("design: blocks that adapt cannot follow design.plan. Empty it.")
        at = block - blocks[0]
        kept = [_kept(table, block, blocks[0])] if at else []
        own = _share(config, at, len(blocks))
    avoid = _avoided(task, before, shown, config, kept)
    if scored is None:
        rows = task.trial_form(config).least_shown(avoid, m, getattr(own, task.number), rng)
        main = chosen(rows, "random")
    else:
        main = _chosen(task, scored, m, own, rng, avoid)
    new = session_list(
        *(task, shown, stimuli.levels, own, main, rng),
        avoid=None if block is None else avoid,
        before=checks_before + config.catch * at // len(blocks),
    )
    if block is None:
        return new
    new["block_index"] += block - int(new["block_index"].max())
    if not kept:
        return new
    new["trial_index"] += len(kept[0])
    new["repeat_of"] += len(kept[0])
    return pd.concat([*kept, new], ignore_index=True)


def judged_trials(
    task: ListDesign, tables: Collection[pd.DataFrame], shown: pd.DataFrame, config: Any
) -> Sets:
    """Judged trials of lists as indices, without those of objects that are not shown any more."""
    form, where = task.trial_form(config), pd.Index(shown["id"])
    parts: list[Sets] = [np.empty((0, form.items), dtype=np.int64)]
    for table in tables:
        judged = table[table["trial_type"] != "practice"]
        if "n_items" in judged:
            judged = judged[judged["n_items"] == form.items]
        names = task.form.items[: form.items]
        items = np.stack([where.get_indexer(pd.Index(judged[name])) for name in names], axis=1)
        different = (np.diff(np.sort(items, axis=1), axis=1) > 0).all(axis=1)
        rows = items[different & (items >= 0).all(axis=1)]
        parts.append(form.in_order(rows).astype(np.int64))
    return np.unique(np.concatenate(parts), axis=0)


def _avoided(
    task: ListDesign,
    tables: Sequence[pd.DataFrame],
    shown: pd.DataFrame,
    config: Any,
    kept: Sequence[pd.DataFrame],
) -> Sets:
    """Trials that are not to come again: those of other lists, and of the session so far."""
    while True:
        found = judged_trials(task, [*tables, *kept], shown, config)
        left = task.trial_form(config).count(len(shown)) - len(found)
        if not (task.again and tables) or left >= getattr(config, task.number):
            return found
        tables = tables[1:]


def _require(task: ListDesign, config: Any, m: int) -> None:
    """Refuse numbers of trials that leave nothing to choose among ``m`` objects."""
    require_trials(task, config, m)
    n, form = getattr(config, task.number), task.trial_form(config)
    if n >= form.count(m):
        raise TwoalikeError(
            f"{task.table}: asked for {n} {form.noun}, and {m} objects have {form.count(m)}: "
            f"there is nothing to choose. Lower {task.table}.{task.number}, or use another "
            f"{task.table}.sampler."
        )


def _chosen(
    task: ListDesign,
    scored: ScoredTrials,
    m: int,
    config: Any,
    rng: np.random.Generator,
    avoid: Sets,
) -> pd.DataFrame:
    n = getattr(config, task.number)
    try:
        block = adaptive_trials(
            *(scored.answers, m, n),
            rng=rng,
            form=scored.form,
            random_share=config.random_share,
            shown=avoid,
            candidates=scored.candidates(n, avoid, rng),
            judged=scored.judged,
        )
    except ValueError as error:
        raise TwoalikeError(
            f"{task.table}: {error} Lower {task.table}.{task.number} or add stimuli."
        ) from error
    samplers = ["random" if by_chance else "adaptive" for by_chance in block.is_random]
    return chosen(block.trials, samplers).assign(sampler_score=block.score)


def _kept(table: pd.DataFrame | None, block: int, first: int) -> pd.DataFrame:
    last = 0 if table is None else int(table.loc[table["block_index"] < block, "block_index"].max())
    if table is None or last != block - 1:
        raise TwoalikeError(
            f"`block={block}`: the trial list has no block {block - 1} yet. Design the blocks in "
            f"order, from {first}."
        )
    return table[table["block_index"] < block]


def _share(config: Any, at: int, blocks: int) -> Any:
    """Give block ``at`` (from 0) of so many an even share of each kind of trial."""

    def even(total: int) -> int:
        return total * (at + 1) // blocks - total * at // blocks

    fields = type(config).model_fields
    kinds = [name for name in ("trials", "pairs", "catch", "repeats") if name in fields]
    updates: dict[str, Any] = {name: even(getattr(config, name)) for name in kinds}
    updates["trials_per_block"] = sum(updates.values())
    if at > 0:
        updates |= {name: 0 for name in ("practice", "practice_checks") if name in fields}
    if getattr(config, "catch_sides", None):
        # Sides take turns in the order left, middle, right while they last, in every block alike.
        turns = sorted((k / n, side) for side, n in enumerate(config.catch_sides) for k in range(n))
        start = config.catch * at // blocks
        own = [side for _, side in turns[start : start + updates["catch"]]]
        updates["catch_sides"] = [own.count(side) for side in range(3)]
    return config.model_copy(update=updates)
