"""Sessions that adapt: between blocks the embedding is fitted and the next triplets are chosen.

Fit and design run in a process of their own while the participant rests: one process either shows
windows or computes. The posteriors and the trial list stay in the study, so that a session can be
resumed and examined later.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np

from twoalike.design import TRIPLET_LISTS, adaptive_blocks
from twoalike.planning._adaptive import AdaptiveDesign
from twoalike.planning._lists import adaptive_lists, write_all, write_lists
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, TwoalikeError
from twoalike.tables import ODD_ONE_OUT
from twoalike.tasks import (
    Item,
    MoreShown,
    PreparedTriplets,
    Sitting,
    Trial,
    as_text,
    trials_from_table,
)
from twoalike.tasks import prepare_triplets as prepare_listed

_FIT: Any = {"quick": True, "engine": "nuts", "draws": 100, "chains": 2}
"""The engine whose posterior is trusted at this size: choosing where to look needs its spread."""
_CHILD = "import json, sys; from twoalike.planning import refit; refit(**json.loads(sys.argv[1]))"


def prepare_triplets(sitting: Sitting) -> PreparedTriplets:
    """Prepare an odd-one-out session; an adaptive one gets its later blocks while it runs.

    The first block of an adaptive session is random; it is written to the study's ``design``
    folder like any list. A pilot run shows the first block only, and writes no list.

    Raises
    ------
    TwoalikeError
        If something is missing, damaged or does not fit.
    """
    study, who, number = sitting.study, sitting.participant, sitting.session
    if study.config.design.sampler != "adaptive":
        return prepare_listed(sitting)
    if study.condition:
        raise TwoalikeError(
            "design: the adaptive sampler cannot be used with [[conditions]]. Choose another "
            "design.sampler."
        )
    if not study.trial_list(ODD_ONE_OUT, who, number).exists():
        first = adaptive_blocks(study.config.design)[0]
        adaptive = AdaptiveDesign(study, StimulusSet.load(study.stimuli))
        lists = adaptive_lists(adaptive, [who], number, first)
        if sitting.pilot:
            return prepare_listed(sitting, table=lists[0].table)
        write_all(lists, TRIPLET_LISTS)
    return prepare_listed(sitting, more=None if sitting.pilot else NextBlocks(sitting))


def refit(
    study: str | Path, participant: str, session: int, block: int, posterior: str | Path, seed: int
) -> None:
    """Fit all sessions of a study so far, then add the next block to a session's trial list.

    Parameters
    ----------
    study
        Folder of the study.
    block
        Number of the block.
    posterior
        File that the fit is saved to.
    seed
        Seed of the study, or the one that the session was given instead.

    Raises
    ------
    TwoalikeError
        As :func:`twoalike.embedding.fit` and :func:`write_lists`.
    """
    from twoalike.embedding import fit

    opened = Study.load(study)
    fit(opened, out=posterior, seed=int(np.random.SeedSequence(seed).generate_state(1)[0]), **_FIT)
    write_lists(
        opened,
        [participant],
        sessions=session,
        sampler="adaptive",
        posterior=posterior,
        block=block,
        seed=seed,
    )


class NextBlocks:
    """Fits and designs in the background; see :class:`twoalike.tasks.MoreTrials`."""

    def __init__(self, sitting: Sitting) -> None:
        self._sitting = sitting
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._known = 0

    @property
    def total(self) -> int:
        """Trials of the whole session, practice not counted."""
        return self._sitting.study.config.design.n_judged

    @property
    def n_trials(self) -> int:
        """Trials of the whole session."""
        return self._sitting.study.config.design.n_listed

    def start(self) -> None:
        """Fit all sessions so far, then design the next block."""
        study, sitting = self._sitting.study, self._sitting
        table = TRIPLET_LISTS.read(self._path, self._ids)
        self._known = len(table)
        block = int(table["block_index"].max()) + 1
        stem = self._path.stem.removesuffix("_trials")
        task = {
            "study": str(study.root),
            "participant": sitting.participant,
            "session": sitting.session,
            "block": block,
            "posterior": str(study.derived / "adaptive" / f"{stem}_block-{block}.nc"),
            "seed": study.config.seed,
        }
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _CHILD, json.dumps(task)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
        )

    def ready(self) -> bool:
        """Whether the next block is there.

        Raises
        ------
        TwoalikeError
            If fit or design failed; the message is theirs.
        """
        if self._process is None:
            return True
        code = self._process.poll()
        if code is None:
            return False
        if code != 0:
            raise TwoalikeError(
                f"the next block could not be made ({self._last_words()}). The trials so far are "
                "safe: mend this, then continue with `resume=True`."
            )
        self.close()
        return True

    def take(self) -> tuple[Sequence[Trial], Item]:
        """Give the next block, and the item that records it."""
        table = TRIPLET_LISTS.read(self._path, self._ids)
        new = table.iloc[self._known :]
        return trials_from_table(new), MoreShown(as_text(new))

    def close(self) -> None:
        """End what is still being computed."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
        if self._errors is not None:
            self._errors.close()
        self._process = self._errors = None

    def _last_words(self) -> str:
        """Last line of the child's traceback, without the class of the error."""
        assert self._errors is not None
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        last = (lines or ["no message"])[-1]
        return last.partition("TwoalikeError: ")[2].rstrip(".") or last

    @cached_property
    def _path(self) -> Path:
        sitting = self._sitting
        return sitting.study.trial_list(ODD_ONE_OUT, sitting.participant, sitting.session)

    @cached_property
    def _ids(self) -> tuple[str, ...]:
        return StimulusSet.load(self._sitting.study.stimuli, verify=False).ids
