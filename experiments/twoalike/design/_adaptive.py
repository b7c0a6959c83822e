"""Sessions whose trials a posterior chooses, as a whole or block by block.

A session that adapts grows: blocks that were judged stay as they are, and the next follows them.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from twoalike.design._choices import require_trials, session_list
from twoalike.design._coverage import chosen
from twoalike.design._form import Sets
from twoalike.design._informative import AnswerDraws, Candidates, adaptive_trials
from twoalike.design._list import typed
from twoalike.design._list_design import TRIPLET_LISTS, ListDesign
from twoalike.stimuli import StimulusSet
from twoalike.study import TwoalikeError


def adaptive_trial_list(
    stimuli: StimulusSet,
    config: Any,
    answers: AnswerDraws,
    rng: np.random.Generator,
    *,
    task: ListDesign = TRIPLET_LISTS,
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
        How lists of the task are made; left out: of the odd-one-out task.
    before
        Trial lists whose main trials are not to come again.
    checks_before
        Attention checks that the participant had in earlier sessions, where their sides take
        turns.
    """
    shown = task.shown(stimuli, config)
    _require(task, config, len(shown))
    avoid = _avoided(task, before, shown, config, _no_trials(task))
    main = _chosen(task, answers, len(shown), config, rng, avoid)
    return session_list(task, shown, stimuli.levels, config, main, rng, before=checks_before)


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
    task: ListDesign = TRIPLET_LISTS,
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
    shown = task.shown(stimuli, config)
    m, at = len(shown), block - blocks[0]
    _require(task, config, m)
    own = _share(config, at, len(blocks))
    avoid = _avoided(task, before, shown, config, kept)
    if answers is None:
        rows = task.trial_form(config).least_shown(avoid, m, getattr(own, task.number), rng)
        main = chosen(rows, "random")
    else:
        pool = None if candidates is None else candidates(getattr(own, task.number), avoid, rng)
        main = _chosen(task, answers, m, own, rng, avoid, pool)
    new = session_list(
        *(task, shown, stimuli.levels, own, main, rng),
        avoid=avoid,
        before=checks_before + config.catch * at // len(blocks),
    )
    new["trial_index"] += len(kept)
    new["repeat_of"] += len(kept)
    new["block_index"] += block - int(new["block_index"].max())
    return typed(pd.concat([kept, new], ignore_index=True), task.form)


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
    kept: pd.DataFrame,
) -> Sets:
    """Trials that are not to come again: those of other lists, and of the session so far."""
    while True:
        found = judged_trials(task, [*tables, kept], shown, config)
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


def _no_trials(task: ListDesign) -> pd.DataFrame:
    return typed(pd.DataFrame([], columns=list(task.form.names)), task.form)


def _chosen(
    task: ListDesign,
    answers: AnswerDraws,
    m: int,
    config: Any,
    rng: np.random.Generator,
    avoid: Sets,
    candidates: Sets | None = None,
) -> pd.DataFrame:
    try:
        block = adaptive_trials(
            *(answers, m, getattr(config, task.number)),
            rng=rng,
            form=task.trial_form(config),
            random_share=config.random_share,
            shown=avoid,
            candidates=candidates,
        )
    except ValueError as error:
        raise TwoalikeError(
            f"{task.table}: {error} Lower {task.table}.{task.number} or add stimuli."
        ) from error
    samplers = ["random" if by_chance else "adaptive" for by_chance in block.is_random]
    return chosen(block.trials, samplers).assign(sampler_score=block.score)


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
