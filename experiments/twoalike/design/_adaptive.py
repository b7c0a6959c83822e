"""Triplets chosen for the information that their answers would give, and sessions of them.

The score of a triplet is the mutual information of its answer and the embedding, from choice
probabilities under posterior draws: the entropy of the mean prediction less the mean entropy.
It is high where draws are sure but disagree, and zero where everybody would guess.

The n best triplets ask nearly the same question n times. So they are picked one by one, each for
what is left to learn once the others are answered: deviations of the draws from their mean are
taken as Gaussian, so that an answer shrinks the uncertainty of all other triplets by an amount that
does not depend on what the answer is.

A session that adapts grows: blocks that were judged stay as they are, and the next follows them.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import combinations
from math import ceil, comb

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import entropy
from twoalike.design._assemble import assemble
from twoalike.design._covering import filling_triplets
from twoalike.design._list import COLUMNS, typed
from twoalike.design._objects import shown_table
from twoalike.design._session import random_practice, require_triplets
from twoalike.design._triplets import Chosen, Triplets, fresh_triplets
from twoalike.stimuli import StimulusSet
from twoalike.study import Booleans, DesignConfig, Floats, Integers, TwoalikeError
from twoalike.tables import STIMULI

ChoiceDraws = Callable[[Triplets], npt.NDArray[np.floating]]
"""From triplets, shape (n, 3), to choice probabilities under S draws, shape (S, n, 3); that is
``Posterior.choice_draws``. A block of n trials wants some 2 n draws or more."""

Candidates = Callable[[int, Triplets, np.random.Generator], Triplets]
"""From the number of trials of a block, triplets that are not to come again and a source of
randomness to the triplets to choose from, shape (k, 3), ascending in each row."""

CANDIDATES = 20_000
"""Triplets scored; all there are of up to 50 objects."""
DRAWS = 300
"""Most posterior draws whose covariance measures what answers share: bounds memory."""
SLACK = 1.5
"""An object is shown at most this many times as often as the average one."""
ROWS = 2_048  # triplets predicted at once: bounds memory
CERTAIN = 1e-6  # least probability that deviations are divided by
NOISE_FLOOR = 1e-3  # variance of an answer that draws are all sure of but split about


@dataclass(frozen=True, eq=False)
class AdaptiveTriplets:
    """A block of n trials, in the order to show them."""

    triplets: Triplets
    """Object indices, shape (n, 3), ascending in each row."""
    score: Floats
    """Expected information of each trial on its own in nats, shape (n,); NaN where random."""
    is_random: Booleans
    """Whether the triplet was drawn at random, shape (n,)."""


def expected_information(probabilities: npt.ArrayLike) -> Floats:
    """Information that the answer to each triplet is expected to give about the embedding.

    Parameters
    ----------
    probabilities
        Choice probabilities under S posterior draws, shape (S, n, 3).

    Returns
    -------
    Entropy of the mean prediction less the mean entropy, in nats, shape (n,), in [0, log 3].

    References
    ----------
    Houlsby, Huszár, Ghahramani & Lengyel (2011), doi:10.48550/arXiv.1112.5745.

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


def adaptive_triplets(
    choice_probabilities: ChoiceDraws,
    m: int,
    n: int,
    *,
    rng: np.random.Generator,
    random_share: float = 0.2,
    shown: Triplets | None = None,
    candidates: int | Triplets = CANDIDATES,
) -> AdaptiveTriplets:
    """Choose a block of triplets: most for their information, a share at random.

    No triplet comes twice, in the block or among ``shown``. No pick makes an object's number of
    trials, those ``shown`` included, more than ``SLACK`` times the average (rounded up); where
    nothing else is left that bound gives way by one trial at a time.

    Parameters
    ----------
    choice_probabilities
        Gives the probability of items 1, 2, 3 being called the odd one under each of S posterior
        draws: triplets of shape (k, 3) in, shape (S, k, 3) out.
    n
        Number of trials of the block.
    random_share
        Share of trials drawn at random, in [0, 1]: a fair test set for any model.
    shown
        Triplets judged before, shape (k, 3), in any order of items.
    candidates
        Triplets to score, shape (k, 3), ascending in each row; those ``shown`` are passed over. Or
        how many, at least; drawn at random where there are more.

    Raises
    ------
    ValueError
        If fewer than n triplets are left, too few are among ``candidates``, or ``random_share`` is
        no share.
    """
    if not 0 <= random_share <= 1:
        raise ValueError(f"random_share must be in [0, 1], found {random_share}.")
    before = np.sort(np.asarray([] if shown is None else shown, dtype=np.int64).reshape(-1, 3))
    used = {tuple(row) for row in before.tolist()}
    if n > comb(m, 3) - len(used):
        raise ValueError(f"asked for {n} fresh triplets, {comb(m, 3) - len(used)} are left.")
    n_random = round(random_share * n)
    drawn = fresh_triplets(m, n_random, used, rng)
    if isinstance(candidates, int):
        pool = candidate_triplets(m, max(candidates, 4 * n), used, rng)
    else:
        pool = candidates[[tuple(row) not in used for row in candidates.tolist()]]
        if len(pool) < n - n_random:
            raise ValueError(f"asked for {n - n_random} of {len(pool)} fresh candidates.")
    information, deviations = _predict(choice_probabilities, pool)
    exposure = np.bincount(np.concatenate([before, drawn]).ravel(), minlength=m)
    cap = ceil(SLACK * 3 * (len(before) + n) / m)
    picks = _pick(pool, information, _Remaining(deviations), n - n_random, exposure, cap)
    is_random = np.zeros(n, dtype=bool)
    is_random[rng.permutation(n)[:n_random]] = True
    triplets, score = np.empty((n, 3), dtype=np.int64), np.full(n, np.nan)
    triplets[is_random], triplets[~is_random] = drawn, pool[picks]
    score[~is_random] = information[picks]
    return AdaptiveTriplets(triplets, score, is_random)


def candidate_triplets(
    m: int, size: int, used: set[tuple[int, ...]], rng: np.random.Generator
) -> Triplets:
    """Draw triplets to choose from that are not in ``used``: all, or ``size`` where more are left.

    Examples
    --------
    >>> candidate_triplets(4, 100, {(0, 1, 2)}, np.random.default_rng(0)).tolist()
    [[0, 1, 3], [0, 2, 3], [1, 2, 3]]
    """
    if comb(m, 3) - len(used) > size:
        return fresh_triplets(m, size, set(used), rng)
    everything = (row for row in combinations(range(m), 3) if row not in used)
    return np.array(list(everything), dtype=np.int64).reshape(-1, 3)


def _predict(
    choice_probabilities: ChoiceDraws, pool: Triplets
) -> tuple[Floats, npt.NDArray[np.float32]]:
    """Give expected information (n,) and whitened deviations (n, 2, S) of all candidates."""
    information, deviations = [], []
    for first in range(0, max(len(pool), 1), ROWS):
        rows = pool[first : first + ROWS]
        p = np.asarray(choice_probabilities(rows), dtype=np.float64)
        if p.ndim != 3 or p.shape[1:] != rows.shape:
            raise ValueError(
                f"choice_probabilities: expected shape (draws, {len(rows)}, 3), found {p.shape}."
            )
        information.append(expected_information(p))
        deviations.append(_whitened(p[:: ceil(len(p) / DRAWS)]))
    return np.concatenate(information), np.concatenate(deviations)


def _whitened(p: Floats) -> npt.NDArray[np.float32]:
    """Deviations of the draws from their mean, (n, 2, S), on the scale of an answer's own noise.

    An answer is one of three, so it varies in two directions; in the coordinates used here the
    covariance of an answer that the mean prediction is right about is the identity.
    """
    root = np.sqrt(np.maximum(p.mean(axis=0), CERTAIN))  # (n, 3)
    root /= np.linalg.norm(root, axis=1, keepdims=True)
    x = (p - p.mean(axis=0)) / root / np.sqrt(len(p))  # orthogonal to root but for rounding
    # The reflection that takes the third axis to `root` takes the first two to its complement.
    plane = x[..., :2] - (x[..., 2] / (1 + root[:, 2]))[..., None] * root[:, :2]
    return np.ascontiguousarray(plane.transpose(1, 2, 0), dtype=np.float32)


class _Remaining:
    """What is left to learn from each candidate while others are picked.

    Answers are taken for Gaussian, with the draws' covariance K as their prior and the rest
    of their variance, I - K, as noise.
    """

    def __init__(self, deviations: npt.NDArray[np.float32]) -> None:
        n, _, draws = deviations.shape
        self._rows = deviations.reshape(2 * n, draws)
        self._known = np.zeros((draws, 0), dtype=np.float32)  # directions of draws answered
        self.covariance = deviations @ deviations.transpose(0, 2, 1)  # (n, 2, 2)
        self._noise = np.eye(2, dtype=np.float32) - self.covariance
        self._noise += NOISE_FLOOR * np.eye(2, dtype=np.float32)
        self._at_first = self.gain()

    def gain(self) -> Floats:
        """Information left in each candidate's answer, nats in the Gaussian picture, (n,)."""
        noise = np.maximum(_det(self._noise), 1e-12)
        return np.asarray(0.5 * np.log(np.maximum(_det(self._noise + self.covariance) / noise, 1)))

    def share(self) -> Floats:
        """Share of its information that each candidate still has, (n,)."""
        return np.asarray(self.gain() / np.maximum(self._at_first, 1e-12))

    def answer(self, pick: int) -> None:
        """Condition all candidates on an answer to this one."""
        mine = self._rows[2 * pick : 2 * pick + 2].T  # (S, 2)
        mine = mine - self._known @ (self._known.T @ mine)
        spread = np.linalg.cholesky(self._noise[pick] + self.covariance[pick])
        direction = np.linalg.solve(spread, mine.T).T.astype(np.float32)
        shared = (self._rows @ direction).reshape(-1, 2, 2)
        self.covariance = self.covariance - shared @ shared.transpose(0, 2, 1)
        self._known = np.concatenate([self._known, direction], axis=1)


def _det(a: npt.NDArray[np.floating]) -> Floats:
    """Compute determinants of 2 x 2 matrices, (n, 2, 2) to (n,)."""
    a = a.astype(np.float64)
    return np.asarray(a[:, 0, 0] * a[:, 1, 1] - a[:, 0, 1] * a[:, 1, 0])


def _pick(
    pool: Triplets, information: Floats, remaining: _Remaining, n: int, exposure: Integers, cap: int
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
    config
        Numbers of trials, and the share kept random.
    choices
        From triplets of indices into the objects shown, shape (n, 3), to choice probabilities
        under S draws, shape (S, n, 3).
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
    first = 1 + int(config.practice + config.practice_checks > 0)
    return range(first, first + -(-config.n_judged // config.trials_per_block))


def with_adaptive_block(
    stimuli: StimulusSet,
    config: DesignConfig,
    table: pd.DataFrame | None,
    block: int,
    choices: ChoiceDraws | None,
    rng: np.random.Generator,
    *,
    before: Collection[pd.DataFrame] = (),
    candidates: Candidates | None = None,
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
    before
        Other trial lists whose main triplets are not to come again.
    candidates
        Gives the triplets to choose from; None: as :func:`adaptive_triplets` does by itself.

    Raises
    ------
    TwoalikeError
        If there is no such block, the one before is missing, or the objects do not allow it.
    """
    blocks = adaptive_blocks(config)
    if block not in blocks:
        raise TwoalikeError(
            f"`block={block}`: a session has the blocks {blocks[0]} to {blocks[-1]}"
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
        pool = CANDIDATES if candidates is None else candidates(own.trials, avoid, rng)
        main = _adaptive(choices, len(shown), own, rng, avoid, pool)
    practice = random_practice(own, len(shown), main, rng)
    new = assemble(shown, stimuli.levels, own, practice, main, rng, avoid=avoid)
    new["trial_index"] += len(kept)
    new["repeat_of"] += len(kept)
    new["block_index"] += block - int(new["block_index"].max())
    return typed(pd.concat([kept, new], ignore_index=True))


def main_triplets(tables: Collection[pd.DataFrame], shown: pd.DataFrame) -> Triplets:
    """Judged triplets of trial lists as ascending indices, without objects not shown any more."""
    where = pd.Index(shown["id"])
    parts: list[Triplets] = [np.empty((0, 3), dtype=np.int64)]
    for table in tables:
        judged = table[table["trial_type"] != "practice"]
        items = np.stack([where.get_indexer(pd.Index(judged[name])) for name in STIMULI], axis=1)
        parts.append(np.sort(items[(items >= 0).all(axis=1)], axis=1).astype(np.int64))
    return np.unique(np.concatenate(parts), axis=0)


def _adaptive(
    choices: ChoiceDraws,
    m: int,
    config: DesignConfig,
    rng: np.random.Generator,
    avoid: Triplets,
    candidates: int | Triplets = CANDIDATES,
) -> Chosen:
    try:
        block = adaptive_triplets(
            *(choices, m, config.trials),
            rng=rng,
            random_share=config.random_share,
            shown=avoid,
            candidates=candidates,
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
            f"`block={block}`: the trial list has no block {block - 1} yet. Design the blocks in "
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
