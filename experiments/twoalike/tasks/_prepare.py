"""Everything a session needs, read and checked before anything is shown or written."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from twoalike.design import read_trial_list, session_trial_list
from twoalike.observers import SimulatedObserver
from twoalike.record import MISSING, RunName, RunPlan, participant_label
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import Study, TwoalikeError, load_toml
from twoalike.tasks._protocol import OddOneOut
from twoalike.tasks._trial import Trial, trials_from_table

_STIMULI = ("stimulus_1", "stimulus_2", "stimulus_3")


@dataclass(frozen=True, kw_only=True)
class PreparedSession:
    """A session that can start.

    Attributes
    ----------
    root
        Data set it is recorded in.
    plan
        What is recorded about it.
    inputs
        Files it was made from, by role.
    """

    root: Path
    protocol: OddOneOut
    stimuli: StimulusSet
    trials: tuple[Trial, ...]
    plan: RunPlan
    inputs: Mapping[str, Path]

    @property
    def instructions(self) -> str:
        """What the participant is told."""
        return "\n\n".join(self.protocol.texts.instruction)


def observer_seed(seed: int, participant: str, session: int) -> tuple[int, int, int]:
    """Words of the seed of a simulated participant's session; trials add their number."""
    label = int.from_bytes(hashlib.sha256(participant.encode()).digest()[:8], "big")
    return seed, label, session


def _as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Table of strings, as the file of it would be read."""
    return table.astype(object).where(table.notna(), MISSING).astype(str)


def _check_observer(observer: SimulatedObserver, trials: tuple[Trial, ...]) -> None:
    shown = {name for trial in trials for name in trial.stimuli}
    if unknown := sorted(shown - set(observer.ids)):
        raise TwoalikeError(
            f"the simulated observer does not know {len(unknown)} of the {len(shown)} objects of "
            f"this session, such as {unknown[0]!r}. Use one made for this stimulus set."
        )


def prepare_session(
    study: Study,
    participant: str,
    session: int,
    *,
    pilot: bool = False,
    observer: SimulatedObserver | None = None,
) -> PreparedSession:
    """Read and check protocol, stimuli and trial list of a session.

    The trial list is the one in the study's ``design`` folder; where there is none, it is made
    from the study's seed, always the same.

    Parameters
    ----------
    pilot
        Record in the study's pilot data set.
    observer
        Simulated observer who answers; None for a person.

    Raises
    ------
    TwoalikeError
        If something is missing, damaged or does not fit.
    """
    label = participant_label(participant)
    if session < 1:
        raise TwoalikeError(f"--session {session}: sessions count from 1.")
    protocol = load_toml(study.protocol, OddOneOut)
    stimuli = StimulusSet.load(study.stimuli)
    listed = study.trial_list("oddoneout", label, session)
    table = (
        read_trial_list(listed, stimuli.ids)
        if listed.exists()
        else session_trial_list(study, stimuli, label, session)
    )
    trials = trials_from_table(table)
    if observer is not None:
        _check_observer(observer, trials)
    shown = set(table[list(_STIMULI)].to_numpy().ravel())
    hashes = dict(zip(stimuli.table["id"], stimuli.table["sha256"], strict=True))
    plan = RunPlan(
        name=RunName(label, session),
        seed=study.config.seed,
        protocol=protocol.model_dump(mode="json"),
        trials=_as_text(table),
        stimuli={name: digest for name, digest in hashes.items() if name in shown},
        pilot=pilot,
        observer=None if observer is None else observer.describe(),
    )
    return PreparedSession(
        root=study.pilot if pilot else study.raw,
        protocol=protocol,
        stimuli=stimuli,
        trials=trials,
        plan=plan,
        inputs={"protocol": study.protocol, "stimuli": study.stimuli / MANIFEST},
    )
