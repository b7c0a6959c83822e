"""Sessions that adapt: between blocks the embedding is fitted and the next triplets are chosen.

Fit and design run in a process of their own while the participant rests: one process either shows
windows or computes. The posteriors and the trial list stay in the study, so that a session can be
resumed and examined later.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from twoalike.design import adaptive_blocks, shown_objects
from twoalike.planning._adaptive import AdaptiveDesign, adaptive_designs
from twoalike.planning._lists import adaptive_lists, write_all, write_lists
from twoalike.registry import find_task
from twoalike.study import StopConfig, Study, TwoalikeError
from twoalike.tasks import Item, MoreShown, PreparedTrials, Sitting, as_text, prepare_listed

_FIT: Any = {"quick": True, "engine": "nuts", "draws": 100, "chains": 2}
"""The engine whose posterior is trusted at this size: choosing where to look needs its spread."""
_CHILD = "import json, sys; from twoalike.planning import refit; refit(**json.loads(sys.argv[1]))"


def prepare_trials(sitting: Sitting, *, task: str) -> PreparedTrials[Any]:
    """Prepare a session of a task; an adaptive one gets its later blocks while it runs.

    The first block of an adaptive session is random; it is written to the study's ``design``
    folder like any list. A pilot run shows the first block only, and writes no list.
    """
    study, who, number, of = sitting.study, sitting.participant, sitting.session, find_task(task)
    made: type[PreparedTrials[Any]] = of.session
    adaptive = adaptive_designs(study).get(of.name)
    if adaptive is None:
        return prepare_listed(made, sitting, task)
    first = adaptive_blocks(adaptive.settings)[0]
    if not study.trial_list(of.label, who, number).exists():
        lists = adaptive_lists(adaptive, [who], number, first)
        if sitting.pilot:
            return prepare_listed(made, sitting, task, table=lists[0].table)
        write_all(lists, of.lists)
    more = None if sitting.pilot else NextBlocks(sitting, adaptive, made.read)
    return prepare_listed(made, sitting, task, more=more)


def refit(
    study: str | Path,
    participant: str,
    session: int,
    block: int,
    posterior: str | Path,
    seed: int,
    task: str = "odd-one-out",
) -> None:
    """Fit all sessions of a study so far, then add the next block to a session's trial list.

    ``seed`` is that of the study, or the one that the session was given instead. All judgments of
    the study are fitted, those of other tasks as well.
    """
    from twoalike.embedding import fit

    opened = Study.load(study)
    # A session that has begun is finished, whatever [stop] says.
    opened = replace(opened, config=opened.config.model_copy(update={"stop": StopConfig()}))
    begin, known = int(np.random.SeedSequence(seed).generate_state(1)[0]), opened.known
    engine = {"engine": "vi"} if "sources" in known else {}  # nuts may take people for guessers
    fit(opened, out=posterior, seed=begin, **known, **_FIT | engine)
    write_lists(
        opened,
        [participant],
        task=task,
        sessions=session,
        sampler="adaptive",
        posterior=posterior,
        block=block,
        seed=seed,
    )


class NextBlocks:
    """Fits and designs in the background; see :class:`twoalike.tasks.MoreTrials`.

    ``read`` makes trials of a list.
    """

    def __init__(
        self,
        sitting: Sitting,
        adaptive: AdaptiveDesign,
        read: Callable[[pd.DataFrame], Sequence[Any]],
    ) -> None:
        self._sitting, self._adaptive, self._read = sitting, adaptive, read
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._known = 0
        label, settings = adaptive.task.lists.label, adaptive.settings
        self._path = sitting.study.trial_list(label, sitting.participant, sitting.session)
        self.total: int = settings.n_judged
        self.n_trials: int = settings.n_listed
        self.per_block: int = settings.trials_per_block
        self.objects = frozenset(shown_objects(adaptive.stimuli, settings))

    def start(self) -> None:
        """Fit all sessions so far, then design the next block."""
        study, sitting = self._sitting.study, self._sitting
        table = self._adaptive.task.lists.read(self._path, self._adaptive.stimuli.ids)
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
            "task": self._adaptive.task.name,
        }
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _CHILD, json.dumps(task)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
        )

    def ready(self) -> bool:
        """Whether the next block is there."""
        if self._process is None:
            return True
        code = self._process.poll()
        if code is None:
            return False
        if code != 0:
            assert self._errors is not None
            self._errors.seek(0)
            lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
            last = (lines or ["no message"])[-1]
            said = last.partition("TwoalikeError: ")[2].rstrip(".") or last
            raise TwoalikeError(
                f"the next block could not be made ({said}). The trials so far are "
                "safe: mend this, then continue with `resume=True`."
            )
        self.close()
        return True

    def take(self) -> tuple[Sequence[Any], Item]:
        """Give the next block, and the item that records it."""
        table = self._adaptive.task.lists.read(self._path, self._adaptive.stimuli.ids)
        new = table.iloc[self._known :]
        return self._read(new), MoreShown(as_text(new))

    def close(self) -> None:
        """End what is still being computed."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
        if self._errors is not None:
            self._errors.close()
        self._process = self._errors = None
