"""Where the items of a session go: rows, events and notes into the run, answers beside it.

Nothing is stored of somebody who does not consent but that, so the run is opened only once
nothing stands in its way.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from twoalike.record import RunRecord
from twoalike.tasks._activity import EventRow, Given, Item, MoreShown, Note


@dataclass
class Keeper:
    """Takes each item of a session.

    Parameters
    ----------
    open_record
        Opens the run; called once, at the first item that belongs into it.
    store_answers
        Stores what the participant said outside the trials, by measure.
    consent_first
        Whether the run must wait for consent.
    """

    open_record: Callable[[], RunRecord]
    store_answers: Callable[[str, Mapping[str, object]], None]
    consent_first: bool
    rt_source: str
    pilot: bool
    record: RunRecord | None = None
    _held: list[Item] = field(default_factory=list)

    def __call__(self, item: Item) -> None:
        """Keep ``item``, or hold it until consent is given."""
        if isinstance(item, Given):
            self.store_answers(item.measure, item.values)
            if item.measure == "consent" and item.values["consent"]:
                self._open()
            return
        if self.record is None and self.consent_first:
            self._held.append(item)
            return
        self._store(item)

    def _open(self) -> RunRecord:
        if self.record is None:
            self.record = self.open_record()
            held, self._held = self._held, []
            for item in held:
                self._store(item)
        return self.record

    def _store(self, item: Item) -> None:
        record = self._open()
        match item:
            case Note():
                record.note(item.event, item.time, **item.detail)
            case EventRow():
                record.event(item.values)
            case MoreShown():
                record.extend(item.table)
            case Given():
                raise AssertionError("answers do not belong into the run")
            case _:
                record.append(item.rows(rt_source=self.rt_source, pilot=self.pilot))
