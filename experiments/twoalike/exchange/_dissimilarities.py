"""Dissimilarities of participants from their arrangements, in the files of other tools."""

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.design import ArrangedTrial, rescaled_average
from twoalike.study import TwoalikeError, mat_bytes

_LONGEST_NAME = 63
"""Characters of a name that MATLAB reads."""


@dataclass(frozen=True, eq=False)
class Dissimilarities:
    """Dissimilarities of the same m objects by p participants.

    Attributes
    ----------
    participants
        Their codes.
    objects
        Object ids.
    vectors
        Upper triangles read row by row, shape (p, m(m-1)/2); NaN for pairs that a participant
        never had together. Each has Euclidean norm one.
    converged
        Whether a participant's rescaling settled.
    """

    participants: tuple[str, ...]
    objects: tuple[str, ...]
    vectors: npt.NDArray[np.float64]
    converged: tuple[bool, ...]

    @property
    def n_missing(self) -> int:
        """Pairs without a value, over all participants."""
        return int(np.isnan(self.vectors).sum())


def arranged_dissimilarities(
    trials: Mapping[str, Sequence[ArrangedTrial]], objects: Sequence[str]
) -> Dissimilarities:
    """Evidence-weighted, rescaled average of each participant's arrangements.

    Parameters
    ----------
    trials
        Arrangements by participant; items index ``objects``.
    objects
        Object ids; those nobody placed are left out.

    References
    ----------
    Kriegeskorte and Mur (2012), doi:10.3389/fpsyg.2012.00245
    """
    placed = sorted({int(item) for own in trials.values() for t in own for item in t.items})
    pairs = np.triu_indices(len(placed), 1)
    averages = [rescaled_average(own, len(objects)) for own in trials.values()]
    chosen = [average.dissimilarities[np.ix_(placed, placed)][pairs] for average in averages]
    return Dissimilarities(
        tuple(trials),
        tuple(objects[place] for place in placed),
        np.stack(chosen),
        tuple(average.converged for average in averages),
    )


def as_mat(table: Dissimilarities, meta: Mapping[str, Any]) -> bytes:
    """MATLAB file as Meadows writes it, and as ``rsatoolbox.io.meadows.load_rdms`` reads it.

    Variables ``stimuli`` and ``rdmutv`` for one participant, ``stimuli_<code>`` and
    ``rdmutv_<code>`` for each of several, with underscores for hyphens. As on Meadows, stimuli
    have the ending of an image: their names are padded to one length, and readers cut at the
    point. ``twoalike`` holds ``meta`` as JSON.

    Raises
    ------
    TwoalikeError
        If a code cannot be part of a variable's name, or two codes give the same one.
    """
    content: dict[str, Any] = {}
    stimuli = np.array([f"{name}.png" for name in table.objects])
    for ending, vector in zip(_endings(table.participants), table.vectors, strict=True):
        content[f"stimuli{ending}"] = stimuli
        content[f"rdmutv{ending}"] = vector[None]
    content["twoalike"] = json.dumps(dict(meta), ensure_ascii=True)
    return mat_bytes(content)


def _endings(participants: Sequence[str]) -> list[str]:
    if len(participants) == 1:
        return [""]
    endings = ["_" + code.replace("-", "_") for code in participants]
    for code, ending in zip(participants, endings, strict=True):
        if not re.fullmatch(r"\w+", ending, re.ASCII) or len(f"stimuli{ending}") > _LONGEST_NAME:
            raise TwoalikeError(
                f"participant {code}: cannot be part of a MATLAB variable's name (letters, digits, "
                "hyphens). Write .npz instead."
            )
        if endings.count(ending) > 1:
            raise TwoalikeError(
                f"participant {code}: differs from another by hyphens and underscores only, which "
                "MATLAB variables cannot. Write .npz instead."
            )
    return endings


def as_npz(table: Dissimilarities, meta: Mapping[str, Any]) -> bytes:
    """Numpy archive: ``ids``, ``rdmutv`` (p, m(m-1)/2) and ``meta``, JSON with ``participants``."""
    file = io.BytesIO()
    about = json.dumps({**meta, "participants": list(table.participants)})
    np.savez(
        file,
        ids=np.array(table.objects, dtype=np.str_),
        rdmutv=table.vectors,
        meta=np.array(about),
    )
    return file.getvalue()
