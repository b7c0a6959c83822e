"""Adaptive sessions: all at once from a posterior, or block by block with fits in between.

A session that adapts grows: the trials of the blocks that were judged stay as they are, and the
next block is put behind them.
"""

from collections.abc import Collection

import numpy as np
import pandas as pd

from twoalike.design._adaptive import ChoiceDraws, adaptive_triplets
from twoalike.design._assemble import assemble
from twoalike.design._chosen import Chosen
from twoalike.design._coverage import filling_triplets
from twoalike.design._list import COLUMNS, typed
from twoalike.design._random import random_practice, require_triplets
from twoalike.design._shown import shown_table
from twoalike.design._triplets import Triplets
from twoalike.stimuli import StimulusSet
from twoalike.study import DesignConfig, TwoalikeError
from twoalike.tables import STIMULI

NONE: Triplets = np.empty((0, 3), dtype=np.int64)


def adaptive_trial_list(
    stimuli: StimulusSet,
    config: DesignConfig,
    choices: ChoiceDraws,
    rng: np.random.Generator,
    *,
    before: Collection[pd.DataFrame] = (),
) -> pd.DataFrame:
    """Design a whole session from a posterior.

    Parameters
    ----------
    stimuli
        The objects.
    config
        Numbers of trials, and the share kept random.
    choices
        From triplets of indices into the objects shown, shape (n, 3), to choice probabilities
        under S draws, shape (S, n, 3).
    rng
        Source of randomness.
    before
        Trial lists whose main triplets are not to come again.

    Raises
    ------
    TwoalikeError
        If the objects do not allow the trials asked for.
    """
    shown = shown_table(stimuli, config.exclude)
    require_triplets(config, len(shown))
    avoid = main_triplets(before, shown)
    main = _adaptive(choices, len(shown), config, rng, avoid)
    practice = random_practice(config, len(shown), main, rng)
    return assemble(shown, stimuli.levels, config, practice, main, rng)


def adaptive_blocks(config: DesignConfig) -> range:
    """Numbers (``block_index``) of the blocks of main trials; practice is block 1."""
    total = config.trials + config.catch + config.repeats
    first = 1 + int(config.practice + config.practice_checks > 0)
    return range(first, first + -(-total // config.trials_per_block))


def with_adaptive_block(
    stimuli: StimulusSet,
    config: DesignConfig,
    table: pd.DataFrame | None,
    block: int,
    choices: ChoiceDraws | None,
    rng: np.random.Generator,
    *,
    before: Collection[pd.DataFrame] = (),
) -> pd.DataFrame:
    """Trial list so far and the next block behind it.

    Parameters
    ----------
    stimuli, config
        As for :func:`adaptive_trial_list`; trials, checks and repeats are spread over the
        blocks evenly.
    table
        Trial list so far; its rows before ``block`` stay as they are, others are dropped. None
        before the first block, which has the practice in front of it.
    block
        Number of the block, one of :func:`adaptive_blocks`.
    choices
        As for :func:`adaptive_trial_list`; None: a random block.
    rng
        Source of randomness of this block.
    before
        Other trial lists whose main triplets are not to come again.

    Raises
    ------
    TwoalikeError
        If there is no such block, the one before is missing, or the objects do not allow it.
    """
    blocks = adaptive_blocks(config)
    if block not in blocks:
        raise TwoalikeError(
            f"--block {block}: a session has the blocks {blocks[0]} to {blocks[-1]}"
            f"{' (practice is block 1)' if blocks[0] > 1 else ''}."
        )
    if config.plan:
        raise TwoalikeError("design: blocks that adapt cannot follow design.plan. Empty it.")
    kept = _kept(table, block, blocks[0])
    shown = shown_table(stimuli, config.exclude)
    require_triplets(config, len(shown))
    own = _share(config, block - blocks[0], len(blocks), first=block == blocks[0])
    avoid = main_triplets([*before, kept], shown)
    if choices is None:
        main = Chosen.of(filling_triplets(avoid, len(shown), own.trials, rng), "random")
    else:
        main = _adaptive(choices, len(shown), own, rng, avoid)
    practice = random_practice(own, len(shown), main, rng)
    new = assemble(shown, stimuli.levels, own, practice, main, rng, avoid=avoid)
    new["trial_index"] += len(kept)
    new["repeat_of"] += len(kept)
    new["block_index"] += block - int(new["block_index"].max())
    return typed(pd.concat([kept, new], ignore_index=True))


def main_triplets(tables: Collection[pd.DataFrame], shown: pd.DataFrame) -> Triplets:
    """Judged triplets of trial lists as ascending indices, without objects not shown any more."""
    where = pd.Index(shown["id"])
    parts = [NONE]
    for table in tables:
        judged = table[table["trial_type"] != "practice"]
        items = np.stack([where.get_indexer(pd.Index(judged[name])) for name in STIMULI], axis=1)
        parts.append(np.sort(items[(items >= 0).all(axis=1)], axis=1).astype(np.int64))
    return np.unique(np.concatenate(parts), axis=0)


def _adaptive(
    choices: ChoiceDraws, m: int, config: DesignConfig, rng: np.random.Generator, avoid: Triplets
) -> Chosen:
    try:
        block = adaptive_triplets(
            choices, m, config.trials, rng=rng, random_share=config.random_share, shown=avoid
        )
    except ValueError as error:
        raise TwoalikeError(f"design: {error} Lower design.trials or add stimuli.") from error
    samplers = ["random" if by_chance else "adaptive" for by_chance in block.is_random]
    return Chosen.of(block.triplets, samplers, scores=block.score)


def _kept(table: pd.DataFrame | None, block: int, first: int) -> pd.DataFrame:
    """Rows of the blocks before ``block``."""
    if block == first:
        return typed(pd.DataFrame([], columns=list(COLUMNS)))
    last = 0 if table is None else int(table.loc[table["block_index"] < block, "block_index"].max())
    if table is None or last != block - 1:
        raise TwoalikeError(
            f"--block {block}: the trial list has no block {block - 1} yet. Design the blocks in "
            f"order, from {first}."
        )
    return table[table["block_index"] < block]


def _share(config: DesignConfig, at: int, blocks: int, *, first: bool) -> DesignConfig:
    """Give block ``at`` (from 0) of so many an even share of each kind of trial."""

    def even(total: int) -> int:
        return total * (at + 1) // blocks - total * at // blocks

    numbers = {name: even(getattr(config, name)) for name in ("trials", "catch", "repeats")}
    # Sides take turns in the order left, middle, right while they last, in every block alike.
    turns = sorted((k / n, side) for side, n in enumerate(config.catch_sides) for k in range(n))
    start = config.catch * at // blocks
    own = [side for _, side in turns[start : start + numbers["catch"]]]
    sides = [own.count(side) for side in range(3)] if config.catch_sides else []
    other = {
        "practice": config.practice if first else 0,
        "practice_checks": config.practice_checks if first else 0,
        "catch_sides": sides,
        "trials_per_block": sum(numbers.values()),
    }
    return config.model_copy(update=numbers | other)
