"""Trial lists chosen by a posterior: whole sessions, or the next block of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import log_choice
from twoalike.design import (
    TRIPLET_LISTS,
    ChoiceDraws,
    adaptive_blocks,
    adaptive_trial_list,
    participant_number,
    session_rng,
    shown_objects,
    with_adaptive_block,
    with_dealt_checks,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import Floats, Integers, Study, TwoalikeError, read_json, sha256_file
from twoalike.tables import ODD_ONE_OUT

DRAWS = 300
"""Posterior draws used; the design itself uses no more."""


@dataclass(frozen=True)
class AdaptiveDesign:
    """Sessions of a study that a posterior chooses; without one, random first blocks only."""

    study: Study
    stimuli: StimulusSet
    posterior: str | Path | None = None

    @property
    def inputs(self) -> dict[str, Path]:
        """Files that the lists were made of, for their descriptions."""
        return {} if self.posterior is None else {"posterior": Path(self.posterior)}

    @cached_property
    def choices(self) -> ChoiceDraws | None:
        """Choice probabilities under the posterior's draws."""
        if self.posterior is None:
            return None
        shown = shown_objects(self.stimuli, self.study.config.design)
        return read_choice_draws(Path(self.posterior), shown)

    def check(self, block: int | None) -> None:
        """Refuse what cannot be chosen without a posterior."""
        first = adaptive_blocks(self.study.config.design)[0]
        if self.choices is None and block != first:
            raise TwoalikeError(
                "design: the adaptive sampler chooses by a posterior. Name it with "
                f"`posterior=P.nc`; only the first block (`block={first}`) can do without."
            )

    def session(
        self, label: str, number: int, block: int | None, before: Sequence[pd.DataFrame]
    ) -> pd.DataFrame:
        """Design a session, or its next block; triplets of ``before`` do not come again."""
        seed = self.study.config.seed
        config = with_dealt_checks(self.study.config.design, label, number)
        before = [*before, *self._earlier(label, number)]
        if block is None:
            assert self.choices is not None  # check() refuses it
            rng = session_rng(seed, label, number)
            return adaptive_trial_list(self.stimuli, config, self.choices, rng, before=before)
        path = self.study.trial_list(ODD_ONE_OUT, label, number)
        # A list that is damaged must not be taken for one that is not there.
        there = TRIPLET_LISTS.read(path, self.stimuli.ids) if path.exists() else None
        rng = np.random.default_rng([seed, participant_number(label), number, block])
        return with_adaptive_block(
            self.stimuli, config, there, block, self.choices, rng, before=before
        )

    def _earlier(self, label: str, number: int) -> list[pd.DataFrame]:
        """Read the lists of the participant's sessions before this one that exist."""
        paths = [self.study.trial_list(ODD_ONE_OUT, label, session) for session in range(1, number)]
        return [TRIPLET_LISTS.read(path, self.stimuli.ids) for path in paths if path.exists()]

    def blocks(self, label: str, number: int, block: int) -> dict[str, str | None]:
        """SHA-256 of the posterior that chose each block so far, None for a random one."""
        beside = self.study.trial_list(ODD_ONE_OUT, label, number).with_suffix(".json")
        earlier = {}
        if beside.exists():
            earlier = read_json(beside, "trial_list")["config"].get("blocks", {})
        known = {name: digest for name, digest in earlier.items() if int(name) < block}
        digest = None if self.posterior is None else sha256_file(Path(self.posterior))
        return {**known, str(block): digest}


def read_choice_draws(path: str | Path, ids: Sequence[str]) -> ChoiceDraws:
    """Choice probabilities of a typical observer under draws of a posterior.

    Parameters
    ----------
    path
        The posterior (``posterior.nc``).
    ids
        Objects that the indices of triplets refer to.

    Returns
    -------
    Function from triplets, shape (n, 3), to probabilities, shape (S, n, 3).

    Raises
    ------
    TwoalikeError
        If the file is no posterior or does not know all objects.
    """
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
    return choice_draws(posterior.embedding[kept][:, where], posterior.typical_lapse[kept])


def choice_draws(embedding: npt.NDArray[np.floating], lapse: Floats) -> ChoiceDraws:
    """Choice probabilities of a typical observer under draws of an embedding.

    Parameters
    ----------
    embedding, lapse
        Draws, shapes (S, m, D) and (S,); similarity is the dot product.

    Returns
    -------
    Function from triplets, shape (n, 3), to probabilities, shape (S, n, 3).
    """

    def choices(triplets: Integers) -> Floats:
        result = np.empty((len(embedding), len(triplets), 3))
        for at, (x, rate) in enumerate(zip(embedding, lapse.astype(np.float32), strict=True)):
            a, b, c = (x[triplets[:, item]] for item in range(3))
            pairs = tuple(np.einsum("nd,nd->n", p, q) for p, q in ((a, b), (a, c), (b, c)))
            logs = log_choice(pairs, np.float32(1.0), rate)
            result[at] = np.exp(np.stack(logs, axis=1))
        return result

    return choices
