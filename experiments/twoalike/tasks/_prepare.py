"""Everything a session needs, read and checked before anything is shown or written."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record import (
    AskedQuestion,
    Progress,
    RunName,
    RunPlan,
    asked_questions,
    read_answers,
)
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import MISSING, Study, TwoalikeError
from twoalike.tasks._duration import Duration, Times, opening_duration
from twoalike.tasks._session import Script
from twoalike.tasks._settings import PageTexts, Protocol, Question
from twoalike.tasks._simulated import Hands
from twoalike.tasks._sitting import Sitting
from twoalike.tasks._texts import consent_remarks
from twoalike.tasks._virtual import PlayableScreen, VirtualClock
from twoalike.tasks.screens import Opening, View, consent_text_hash


@dataclass(frozen=True, kw_only=True)
class Prepared(ABC):
    """A session that can start.

    Attributes
    ----------
    inputs
        Files it was made from, by role.
    """

    sitting: Sitting
    protocol: Protocol
    stimuli: StimulusSet
    plan: RunPlan
    inputs: Mapping[str, Path]

    @property
    @abstractmethod
    def texts(self) -> PageTexts:
        """What the participant reads."""

    @property
    def instructions(self) -> str:
        """What the participant is told."""
        return "\n\n".join(self.texts.instruction)

    @property
    def budget_s(self) -> float | None:
        """Time that the session may take, in seconds; None where nothing limits it."""
        return None

    @property
    def evidence_goal(self) -> float | None:
        """Evidence at which a pair is known well enough; None where none is counted."""
        return None

    @abstractmethod
    def checks_done(self, rows: Sequence[Mapping[str, str]]) -> list[bool | None]:
        """Say of each attention check in raw rows whether it was right; None without an answer."""

    @abstractmethod
    def first_images(self, progress: Progress) -> tuple[str, ...]:
        """Objects to get ready, those shown first first."""

    @abstractmethod
    def image_size(self, view: View) -> int:
        """Side of the square that images are fitted into.

        Raises
        ------
        TwoalikeError
            If they do not fit.
        """

    @abstractmethod
    def script(self, view: View, progress: Progress) -> Script:
        """Make the order of what is shown."""

    @abstractmethod
    def hands(self, screen: PlayableScreen, clock: VirtualClock) -> Hands:
        """Hands of the simulated observer."""

    @abstractmethod
    def times(self, progress: Progress) -> Times:
        """Time left after the instruction: for trials, and the pages around them."""

    def duration(self, progress: Progress) -> Duration:
        """Time left of the session."""
        opening, times = self.opening(progress), self.times(progress)
        before = opening_duration(
            self.protocol,
            self.texts,
            consent=opening.consent,
            form=opening.form,
            resumed=opening.resumed,
        )
        return before + times.trials + times.pages

    def opening(self, progress: Progress) -> Opening:
        """Which pages this participant still has to see."""
        return Opening(
            consent=self.protocol.consent.ask and not progress.begun and not self._consented(),
            form=self._open_questions(),
            resumed=progress.n_done > 0,
        )

    def check_consent(self, progress: Progress) -> None:
        """Check that a person is not asked to agree to the text that only holds the place.

        Raises
        ------
        TwoalikeError
            If the protocol still has the text that comes with twoalike, or none.
        """
        sitting, shown = self.sitting, " ".join(self.texts.consent.split())
        if sitting.observer is not None or sitting.pilot or not self.opening(progress).consent:
            return
        if not shown or any(remark in shown for remark in consent_remarks()):
            has = "still has the text that comes with twoalike" if shown else "is empty"
            raise TwoalikeError(
                f"{self.inputs['protocol']}: the consent page {has}. Write the text that your "
                "ethics committee approved into this file, as consent below [texts]; or ask on "
                "paper, and set ask = false below [consent]. "
                "--pilot and --simulate show the page as it is."
            )

    def _open_questions(self) -> tuple[Question, ...]:
        """Questions of the form that this participant was not asked in any session or task."""
        asked = asked_questions(self.sitting.root, "form", self.sitting.participant)
        return tuple(
            question
            for question in self.protocol.form.questions
            if not any(_as_asked(question).matches(before) for before in asked)
        )

    def _consented(self) -> bool:
        """Whether the participant has agreed to this very text before."""
        table = read_answers(self.sitting.root, "consent", self.sitting.participant)
        agreed = {"consent": "true", "consent_sha256": consent_text_hash(self.texts)}
        return any(
            agreed.items() <= dict(zip(rows["question"], rows["answer"], strict=True)).items()
            for _, rows in table.groupby(["session_id", "task"])
        )

    def asked(self, measure: str) -> Mapping[str, AskedQuestion]:
        """Questions of ``consent``, ``form`` or ``debrief`` as they will be asked, by id."""
        if measure == "consent":
            return {question.id: question for question in _CONSENT}
        settings = self.protocol.form if measure == "form" else self.protocol.debrief
        return {question.id: _as_asked(question) for question in settings.questions}


_CONSENT = (
    AskedQuestion(
        "consent", "Whether the participant agreed to take part.", "choice", ("true", "false")
    ),
    AskedQuestion("consent_version", "Version of the text that was shown.", "text"),
    AskedQuestion("consent_sha256", "SHA-256 of the text and the two answers, as shown.", "text"),
    AskedQuestion("consent_language", "Language of the text.", "text"),
)


def _as_asked(question: Question) -> AskedQuestion:
    return AskedQuestion(question.id, question.text, question.kind, question.options)


def run_plan(
    sitting: Sitting,
    task: str,
    protocol: Protocol,
    stimuli: StimulusSet,
    *,
    shown: Iterable[str],
    trials: pd.DataFrame | None,
    n_trials: int | None,
    design: Mapping[str, Any] | None = None,
) -> RunPlan:
    """Describe a session for its record.

    Parameters
    ----------
    shown
        Objects that may be shown.
    trials
        Trial list, any types; stored as the file of it reads.
    """
    hashes = dict(zip(stimuli.table["id"], stimuli.table["sha256"], strict=True))
    names = set(shown) | {name for page in protocol.pages.images for name in page}
    observer = sitting.observer
    return RunPlan(
        name=RunName(sitting.participant, sitting.session, task),
        seed=sitting.study.config.seed,
        protocol=protocol.model_dump(mode="json"),
        trials=None if trials is None else as_text(trials),
        n_trials=n_trials,
        stimuli={name: digest for name, digest in hashes.items() if name in names},
        pilot=sitting.pilot,
        observer=None if observer is None else observer.describe(),
        design=design or {},
    )


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Table of strings, as the file of it would be read."""
    return table.astype(object).where(table.notna(), MISSING).astype(str)


def check_objects(
    sitting: Sitting, protocol: Protocol, stimuli: StimulusSet, shown: Iterable[str]
) -> None:
    """Check that the observer knows what is shown, and the stimulus set what pages show.

    Raises
    ------
    TwoalikeError
        Naming one that is not known.
    """
    known = set(stimuli.ids)
    for page in protocol.pages.images:
        for name in page:
            if name not in known:
                raise TwoalikeError(
                    f"pages.images of the protocol names the object {name!r}, which is not in the "
                    f"manifest of {stimuli.folder}. Check the spelling."
                )
    if sitting.observer is None:
        return
    names = set(shown)
    if unknown := sorted(names - set(sitting.observer.ids)):
        raise TwoalikeError(
            f"the simulated observer does not know {len(unknown)} of the {len(names)} objects of "
            f"this session, such as {unknown[0]!r}. Use one made for this stimulus set."
        )


def stimuli_inputs(study: Study, protocol: Path) -> dict[str, Path]:
    """Files that every session is made from."""
    return {"protocol": protocol, "stimuli": study.stimuli / MANIFEST}
