"""Sessions of any task whose answers have probabilities: a posterior may choose their trials.

A session that adapts grows: blocks that were judged stay as they are, and the next follows them.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twoalike.choice import Question
from twoalike.design._assemble import assemble
from twoalike.design._covering import coverage_sessions, filling_triplets
from twoalike.design._informative import AnswerDraws, Candidates, TrialForm, adaptive_trials
from twoalike.design._list import TRIAL_LIST, typed
from twoalike.design._objects import shown_table
from twoalike.design._session import (
    checks_before,
    level_lists,
    random_practice,
    random_triplets,
    require_posterior,
    require_triplets,
    session_rng,
    with_dealt_checks,
)
from twoalike.design._triplets import Chosen, Sets
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, TwoalikeError
from twoalike.tables import STIMULI, Table


@dataclass(frozen=True, kw_only=True)
class Adapting:
    """How sessions of a task are made of trials, also where a posterior chooses these."""

    table: str
    """Table of study.toml with the settings."""
    number: str = "trials"
    """Its key for the number of main trials."""
    trial_list: Table
    """Columns of a list."""
    columns: tuple[str, ...]
    """Those of the objects; trials may have fewer objects."""
    question: Callable[[Any], Question | None]
    """``(settings)``: what a trial asks about its objects; None: how alike the two are."""
    require: Callable[[Any, int], None]
    """``(settings, m)``: refuse numbers of trials that m objects do not allow."""
    balanced: Callable[[Sets, int, int, np.random.Generator], Sets]
    """``(taken, m, n, rng)``: n random trials, none of those taken, which show objects evenly."""
    coverage: Callable[[int, Any, int, np.random.Generator], list[Chosen]]
    """``(m, settings, sessions, rng)``: main trials of sessions that together show each pair."""
    random: Callable[[int, Any, np.random.Generator], Chosen]
    """``(m, settings, rng)``: random main trials of a session."""
    assemble: Callable[..., pd.DataFrame]
    """``(shown, levels, settings, main, rng, avoid=, checks_before=)``: list of a session that
    shows ``main``. Its checks and practice are none of the trials ``avoid``; places of checks are
    dealt from :func:`~twoalike.design._session.checks_before` on."""
    again: bool = False
    """Whether trials of other sessions may come again where too few are left."""

    def lists(
        self,
        study: Study,
        stimuli: StimulusSet,
        sessions: Sequence[tuple[str, int]],
        shared: np.random.Generator,
    ) -> list[pd.DataFrame]:
        """Make trial lists without a posterior, as :attr:`ListDesign.make` describes."""
        config, seed = getattr(study.config, self.table), study.config.seed
        require_posterior(config.sampler, self.table)
        shown = shown_table(stimuli, config.exclude, self.table)
        m = len(shown)
        if not self.again:
            self.require(config, m)
        rngs = [session_rng(seed, label, number) for label, number in sessions]
        if config.sampler == "coverage":
            mains = self.coverage(m, config, len(sessions), shared)
        else:
            mains = [self.random(m, config, rng) for rng in rngs]
        checks = [checks_before(*session, config.catch) for session in sessions]
        return [
            self.assemble(shown, stimuli.levels, config, main, rng, checks_before=before)
            for main, rng, before in zip(mains, rngs, checks, strict=True)
        ]

    def form(self, config: Any) -> TrialForm:
        """Form of a main trial."""
        return TrialForm.of(self.question(config))

    def judged(self, tables: Collection[pd.DataFrame], shown: pd.DataFrame, config: Any) -> Sets:
        """Judged trials of lists as indices, without objects that are not shown any more."""
        form, where = self.form(config), pd.Index(shown["id"])
        parts: list[Sets] = [np.empty((0, form.items), dtype=np.int64)]
        for table in tables:
            judged = table[table["trial_type"] != "practice"]
            if "n_items" in judged:
                judged = judged[judged["n_items"] == form.items]
            names = self.columns[: form.items]
            items = np.stack([where.get_indexer(pd.Index(judged[name])) for name in names], axis=1)
            different = (np.diff(np.sort(items, axis=1), axis=1) > 0).all(axis=1)
            rows = items[different & (items >= 0).all(axis=1)]
            parts.append(form.in_order(rows).astype(np.int64))
        return np.unique(np.concatenate(parts), axis=0)

    def avoided(
        self, tables: Sequence[pd.DataFrame], shown: pd.DataFrame, config: Any, kept: pd.DataFrame
    ) -> Sets:
        """Trials that are not to come again: those of other lists, and of the session so far."""
        while True:
            found = self.judged([*tables, kept], shown, config)
            left = self.form(config).count(len(shown)) - len(found)
            if not (self.again and tables) or left >= getattr(config, self.number):
                return found
            tables = tables[1:]


def _assemble_triplets(
    shown: pd.DataFrame,
    levels: Sequence[str],
    config: Any,
    main: Chosen,
    rng: np.random.Generator,
    *,
    avoid: Sets | None = None,
    checks_before: int,
) -> pd.DataFrame:
    practice = random_practice(config, len(shown), main, rng)
    dealt = with_dealt_checks(config, checks_before)
    return assemble(shown, levels, dealt, practice, main, rng, avoid=avoid)


TRIPLET_BLOCKS = Adapting(
    table="design",
    trial_list=TRIAL_LIST,
    columns=STIMULI,
    question=lambda config: Question("odd_one_out", 3),
    require=require_triplets,
    balanced=filling_triplets,
    coverage=coverage_sessions,
    random=random_triplets,
    assemble=_assemble_triplets,
)
"""Sessions of the odd-one-out task, but for those by levels; the sides of the checks of a session
in blocks are dealt beforehand."""


def triplet_lists(
    study: Study,
    stimuli: StimulusSet,
    sessions: Sequence[tuple[str, int]],
    shared: np.random.Generator,
) -> list[pd.DataFrame]:
    """Make trial lists of odd-one-out sessions, as :attr:`ListDesign.make` describes."""
    by_levels = study.config.design.sampler == "levels"
    return (level_lists if by_levels else TRIPLET_BLOCKS.lists)(study, stimuli, sessions, shared)


def adaptive_trial_list(
    stimuli: StimulusSet,
    config: Any,
    answers: AnswerDraws,
    rng: np.random.Generator,
    *,
    task: Adapting = TRIPLET_BLOCKS,
    before: Sequence[pd.DataFrame] = (),
    checks_before: int = 0,
) -> pd.DataFrame:
    """Design a whole session from a posterior.

    Parameters
    ----------
    config
        Numbers of trials, and the share kept random: the task's table of study.toml.
    answers
        From trials, indices into the objects shown, shape (n, k), to the probabilities of their
        answers under S draws, shape (S, n, A).
    task
        How sessions of the task adapt; left out: of the odd-one-out task.
    before
        Trial lists whose main trials are not to come again.
    checks_before
        Attention checks that the participant had in earlier sessions, where their sides take
        turns.
    """
    shown = shown_table(stimuli, config.exclude, task.table)
    task.require(config, len(shown))
    avoid = task.avoided(before, shown, config, _no_trials(task))
    main = _chosen(task, answers, len(shown), config, rng, avoid)
    return task.assemble(
        *(shown, stimuli.levels, config, main, rng), avoid=None, checks_before=checks_before
    )


def adaptive_blocks(config: Any) -> range:
    """Numbers (``block_index``) of the blocks of main trials; practice is block 1."""
    first = 1 + int(config.n_listed > config.n_judged)
    return range(first, first + -(-config.n_judged // config.trials_per_block))


def with_adaptive_block(
    stimuli: StimulusSet,
    config: Any,
    table: pd.DataFrame | None,
    block: int,
    answers: AnswerDraws | None,
    rng: np.random.Generator,
    *,
    task: Adapting = TRIPLET_BLOCKS,
    before: Sequence[pd.DataFrame] = (),
    checks_before: int = 0,
    candidates: Candidates | None = None,
) -> pd.DataFrame:
    """Trial list so far and the next block behind it.

    Parameters
    ----------
    stimuli, config, task, checks_before
        As for :func:`adaptive_trial_list`; trials, checks and repeats are spread over the
        blocks evenly.
    table
        Trial list so far; its rows before ``block`` stay as they are, others are dropped. None
        before the first block, which has the practice in front of it.
    block
        Number of the block, one of :func:`adaptive_blocks`.
    answers
        As for :func:`adaptive_trial_list`; None: a random block.
    before
        Other trial lists whose main trials are not to come again.
    candidates
        Gives the trials to choose from; None: as :func:`adaptive_trials` does by itself.
    """
    blocks = adaptive_blocks(config)
    if block not in blocks:
        raise TwoalikeError(
            f"`block={block}`: a session has the blocks {blocks[0]} to {blocks[-1]}"
            f"{' (practice is block 1)' if blocks[0] > 1 else ''}."
        )
    if getattr(config, "plan", None):
        raise TwoalikeError("design: blocks that adapt cannot follow design.plan. Empty it.")
    kept = _no_trials(task) if block == blocks[0] else _kept(table, block, blocks[0])
    shown = shown_table(stimuli, config.exclude, task.table)
    m, at = len(shown), block - blocks[0]
    task.require(config, m)
    own = _share(config, at, len(blocks))
    avoid = task.avoided(before, shown, config, kept)
    if answers is None:
        rows = task.balanced(avoid, m, getattr(own, task.number), rng)
        main = Chosen.of(rows, "random")
    else:
        pool = None if candidates is None else candidates(getattr(own, task.number), avoid, rng)
        main = _chosen(task, answers, m, own, rng, avoid, pool)
    new = task.assemble(
        *(shown, stimuli.levels, own, main, rng),
        avoid=avoid,
        checks_before=checks_before + config.catch * at // len(blocks),
    )
    new["trial_index"] += len(kept)
    new["repeat_of"] += len(kept)
    new["block_index"] += block - int(new["block_index"].max())
    return typed(pd.concat([kept, new], ignore_index=True), task.trial_list)


def _no_trials(task: Adapting) -> pd.DataFrame:
    return typed(pd.DataFrame([], columns=list(task.trial_list.names)), task.trial_list)


def _chosen(
    task: Adapting,
    answers: AnswerDraws,
    m: int,
    config: Any,
    rng: np.random.Generator,
    avoid: Sets,
    candidates: Sets | None = None,
) -> Chosen:
    try:
        block = adaptive_trials(
            *(answers, m, getattr(config, task.number)),
            rng=rng,
            form=task.form(config),
            random_share=config.random_share,
            shown=avoid,
            candidates=candidates,
        )
    except ValueError as error:
        raise TwoalikeError(
            f"{task.table}: {error} Lower {task.table}.{task.number} or add stimuli."
        ) from error
    samplers = ["random" if by_chance else "adaptive" for by_chance in block.is_random]
    return Chosen.of(block.trials, samplers, scores=block.score)


def _kept(table: pd.DataFrame | None, block: int, first: int) -> pd.DataFrame:
    """Rows of the blocks before ``block``, which is not the first."""
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
