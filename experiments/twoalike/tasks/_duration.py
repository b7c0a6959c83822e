"""Duration of a session: a range for most people, from published times."""

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from twoalike.observers import ArrangedSession
from twoalike.registry import find_task
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, TwoalikeError
from twoalike.tasks._protocol import Protocol, Question, TrialTiming
from twoalike.tasks._protocol_file import protocol_or_default

PACE = 1.6
"""Mean times of slow people relative to average ones, and of those relative to quick ones:
the tenth and the ninetieth percentile of a log-normal spread of .37."""
_WORDS_S = 175 / 60
_GLANCE_S = 2.0
"""Shortest stay on any page: some people skim."""
_LONGEST_BREAK_S = 30.0
"""Mean break of people who like breaks. An assumption: no published value was found."""
_ANSWER_S = {
    "choice": 10.0,
    "choices": 20.0,
    "likert": 10.0,
    "slider": 15.0,
    "age": 10.0,
    "number": 15.0,
    "text": 90.0,
    "long_text": 180.0,
}
"""Most time for an answer, after reading the question. An assumption."""


@dataclass(frozen=True)
class Duration:
    """A range of time, in seconds; as text such as ``25 to 40 minutes``."""

    low_s: float = 0.0
    high_s: float = 0.0

    def __add__(self, other: "Duration") -> "Duration":
        return Duration(self.low_s + other.low_s, self.high_s + other.high_s)

    def times(self, low: float, high: float | None = None) -> "Duration":
        return Duration(self.low_s * low, self.high_s * (low if high is None else high))

    def capped(self, low_s: float, high_s: float) -> "Duration":
        """At most ``low_s`` and ``high_s``."""
        return Duration(min(self.low_s, low_s), min(self.high_s, high_s))

    def less(self, spent_s: float) -> "Duration":
        """Subtract ``spent_s``; never below 0."""
        return Duration(max(0.0, self.low_s - spent_s), max(0.0, self.high_s - spent_s))

    def __str__(self) -> str:
        if self.high_s < 60:
            low, high = (5 * round(s / 5) for s in (self.low_s, self.high_s))
            unit = "seconds"
        else:
            low, high = round(self.low_s / 60), math.ceil(self.high_s / 60)
            unit = "minute" if high == 1 else "minutes"
        if low == high:
            return f"about {high} {unit}"
        return f"{low} to {high} {unit}" if low else f"up to {high} {unit}"


@dataclass(frozen=True)
class Times:
    """Time for the trials of a session, and for the pages between and after them."""

    trials: Duration
    pages: Duration


def paced(mean_s: float) -> Duration:
    """Range over people of something that takes ``mean_s`` on average."""
    return Duration(mean_s / PACE, mean_s * PACE)


_BETWEEN = Duration(0.0, 0.3)
"""To keep an answer and fetch the next images."""


def answer_duration(timing: TrialTiming, mean_s: float, shown_s: float) -> Duration:
    """Time for a trial answered after ``mean_s`` on average; ``shown_s``: what else is shown."""
    limit_s, fixed_s = timing.response_limit_s or math.inf, timing.fixation_s + shown_s
    return paced(mean_s).capped(limit_s, limit_s) + Duration(fixed_s, fixed_s) + _BETWEEN


def _words(text: str) -> float:
    """Words; two characters of a script without spaces count as one."""
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    return len(text.split()) + wide / 2


def page_duration(text: str, minimum_s: float) -> Duration:
    """Time for a page of text: between a glance and slow reading."""
    low = max(_GLANCE_S, minimum_s)
    return Duration(low, max(low, _GLANCE_S + _words(text) / _WORDS_S))


def question_duration(question: Question, minimum_s: float) -> Duration:
    """Time for a question."""
    words = "\n".join((question.text, *(row.text for row in question.rows)))
    answers = sum(_ANSWER_S[part.kind] for part in question.parts)
    return page_duration(words, minimum_s) + Duration(0, answers)


def break_duration(protocol: Protocol) -> Duration:
    """Time for a break."""
    low = max(_GLANCE_S, protocol.pages.page_s)
    return Duration(low, max(low, min(protocol.breaks.break_limit_s or math.inf, _LONGEST_BREAK_S)))


def opening_duration(
    protocol: Protocol, *, consent: bool, form: Sequence[Question], resumed: bool = False
) -> Duration:
    """Time for the pages and questions before the first trial."""
    settings, texts = protocol.pages, protocol.texts
    parts = [question_duration(question, settings.page_s) for question in form]
    if consent:
        parts.append(page_duration(texts.consent, protocol.consent.minimum_s))
        parts.append(Duration(0, _ANSWER_S["choice"]))
    if resumed:
        parts.append(page_duration(texts.resume, settings.page_s))
    parts += [page_duration(text, settings.instruction_s) for text in texts.instruction]
    return sum(parts, Duration())


def closing_duration(protocol: Protocol) -> Duration:
    """Time for the pages and questions after the last trial."""
    page_s = protocol.pages.page_s
    asked = [question_duration(question, page_s) for question in protocol.debrief.questions]
    return sum(asked, page_duration(protocol.texts.end, page_s))


def listening_duration(
    protocol: Protocol, stimuli: StimulusSet, table: pd.DataFrame | None
) -> Duration:
    """Time to hear the sounds of listed trials: each once, where they must be heard at all.

    Slow people hear some again (an assumption).
    """
    lengths = {} if table is None else stimuli.sound_lengths()
    if table is None or not lengths:
        return Duration()
    columns = [name for name in table.columns if str(name).startswith("stimulus")]
    heard = sum(lengths.get(str(name), 0.0) for name in table[columns].to_numpy().ravel())
    return Duration(heard if protocol.sounds.heard else 0.0, PACE * heard)


def session_duration(
    study: Study,
    stimuli: StimulusSet,
    task: str,
    table: pd.DataFrame,
    *,
    session: int = 1,
    simulated: ArrangedSession | None = None,
) -> Duration:
    """Time for a session: consent and form in the first one, instruction, practice, trials, breaks.

    ``table`` is its trial list, ``simulated`` a simulation of arrangement trials that are chosen
    during the session, if there is one.
    """
    found = find_task(task)
    if found.session is None:
        raise TwoalikeError(f"the task {found.name} does not say how long its trials take")
    protocol: Protocol = protocol_or_default(study, found.protocol)
    first = session == 1
    opening = opening_duration(
        protocol,
        consent=first and protocol.consent.ask,
        form=protocol.form.questions if first else (),
    )
    times: Times = found.session.listed_times(protocol, study, stimuli, table, simulated)
    return opening + times.trials + listening_duration(protocol, stimuli, table) + times.pages
