"""Trial lists chosen by a posterior: reading it, and designing sessions or blocks with it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import log_choice
from twoalike.cli._trial_lists import TASK, SessionList, describe_list, unique_labels
from twoalike.design import (
    ChoiceDraws,
    adaptive_blocks,
    adaptive_trial_list,
    participant_number,
    read_trial_list,
    session_rng,
    shown_objects,
    with_adaptive_block,
    with_dealt_checks,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, TwoalikeError, read_json, sha256_file

if TYPE_CHECKING:
    from twoalike.embedding import Posterior

DRAWS = 300
"""Posterior draws used; the design itself uses no more."""


def make_adaptive_lists(
    study: Study,
    participants: Sequence[str],
    sessions: int,
    posterior: Path | None,
    block: int | None,
) -> tuple[tuple[str, ...], list[SessionList]]:
    """Design adaptive sessions, or the next block of each, before any file is written.

    No two lists made in one call share a judged triplet, nor do sessions of a participant.

    Returns
    -------
    The objects that the design may show, and one list a participant and session.

    Raises
    ------
    TwoalikeError
        If the posterior is missing or does not know the objects, or the design cannot be made.
    """
    labels = unique_labels(participants)
    stimuli = StimulusSet.load(study.stimuli)
    config = study.config.design
    shown = shown_objects(stimuli, config)
    choices = None if posterior is None else read_choice_draws(posterior, shown)
    if choices is None and block != adaptive_blocks(config)[0]:
        raise TwoalikeError(
            "design: the adaptive sampler chooses by a posterior. Name it with --posterior P.nc; "
            f"only the first block (--block {adaptive_blocks(config)[0]}) can do without."
        )
    lists: list[SessionList] = []
    for label in labels:
        for number in range(1, sessions + 1) if block is None else [sessions]:
            before = [item.table for item in lists] + _earlier(study, stimuli, label, number)
            table = _session(study, stimuli, label, number, block, choices, before)
            path = study.trial_list(TASK, label, number)
            about = _describe(study, label, number, posterior, block)
            lists.append(SessionList(label, number, path, table, about, extends=block is not None))
    return shown, lists


def _session(
    study: Study,
    stimuli: StimulusSet,
    label: str,
    number: int,
    block: int | None,
    choices: ChoiceDraws | None,
    before: Sequence[pd.DataFrame],
) -> pd.DataFrame:
    config, seed = with_dealt_checks(study.config.design, label, number), study.config.seed
    if block is None:
        assert choices is not None  # make_adaptive_lists refuses it
        rng = session_rng(seed, label, number)
        return adaptive_trial_list(stimuli, config, choices, rng, before=before)
    path = study.trial_list(TASK, label, number)
    # A list that is damaged must not be taken for one that is not there.
    there = read_trial_list(path, stimuli.ids) if path.exists() else None
    rng = np.random.default_rng([seed, participant_number(label), number, block])
    return with_adaptive_block(stimuli, config, there, block, choices, rng, before=before)


def _earlier(study: Study, stimuli: StimulusSet, label: str, number: int) -> list[pd.DataFrame]:
    """Read the lists of the participant's sessions before this one, as far as there are any."""
    paths = [study.trial_list(TASK, label, session) for session in range(1, number)]
    return [read_trial_list(path, stimuli.ids) for path in paths if path.exists()]


def _describe(
    study: Study, label: str, number: int, posterior: Path | None, block: int | None
) -> dict[str, Any]:
    inputs = {} if posterior is None else {"posterior": posterior}
    if block is None:
        return describe_list(study, label, number, inputs, {})
    beside = study.trial_list(TASK, label, number).with_suffix(".json")
    blocks: dict[str, Any] = {}
    if beside.exists():
        blocks = dict(read_json(beside, "trial_list")["config"].get("blocks", {}))
    blocks = {name: digest for name, digest in blocks.items() if int(name) < block}
    blocks[str(block)] = None if posterior is None else sha256_file(posterior)
    # Which posterior (SHA-256) chose which block.
    return describe_list(study, label, number, inputs, {"blocks": blocks})


def read_choice_draws(path: Path, ids: Sequence[str]) -> ChoiceDraws:
    """Choice probabilities of a typical observer under draws of a posterior.

    Parameters
    ----------
    path
        The posterior (``posterior.nc``).
    ids
        Objects that the indices of triplets mean.

    Raises
    ------
    TwoalikeError
        If the file is no posterior or does not know all objects.
    """
    from twoalike.embedding import Posterior

    posterior = Posterior.load(path)
    where = pd.Index(posterior.ids).get_indexer(pd.Index(list(ids)))
    if (where < 0).any():
        first = ids[int(np.argmax(where < 0))]
        raise TwoalikeError(
            f"{path}: knows {int((where >= 0).sum())} of the {len(ids)} objects of the design, "
            f"not {first!r}. Judge every object at least once, and fit again."
        )
    return _draws(posterior, where)


def _draws(posterior: "Posterior", where: npt.NDArray[np.integer]) -> ChoiceDraws:
    n = len(posterior.embedding)
    kept = np.unique(np.linspace(0, n - 1, min(n, DRAWS)).round().astype(int))
    embeddings = posterior.embedding[kept][:, where]
    lapses = posterior.typical_lapse[kept].astype(np.float32)

    def choices(triplets: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
        result = np.empty((len(kept), len(triplets), 3))
        for at, (x, lapse) in enumerate(zip(embeddings, lapses, strict=True)):
            a, b, c = (x[triplets[:, item]] for item in range(3))
            pairs = tuple(np.einsum("nd,nd->n", p, q) for p, q in ((a, b), (a, c), (b, c)))
            logs = log_choice(pairs, np.float32(1.0), lapse)
            result[at] = np.exp(np.stack(logs, axis=1))
        return result

    return choices
