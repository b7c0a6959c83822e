"""What tests put into a study without a session, and without a command."""

from collections.abc import Mapping
from pathlib import Path

from twoalike.record import AskedQuestion, RunName
from twoalike.record._dataset import register_participant
from twoalike.record._journal import Journal
from twoalike.record._people import answer_rows
from twoalike.record._views import Lines, progress_of, views_of
from twoalike.stimuli import StimulusSet, image_table
from twoalike.study import Study, readable_by


def list_images(folder: Path) -> StimulusSet:
    """Write the manifest of a folder of images."""
    return StimulusSet.write(folder, image_table(folder))


def store_answers(
    root: Path,
    study: Study,
    name: RunName,
    *,
    simulated: bool,
    measure: str,
    answers: Mapping[AskedQuestion, object],
) -> None:
    """Keep answers of a participant outside a session, as :meth:`RunRecord.answers`."""
    with readable_by(study.config.data.access):
        register_participant(root, study, name.participant, simulated)
        journal = Journal(name.journal(root), lambda line: None)
        rows = answer_rows(measure, answers)
        journal.append("answers", progress_of(journal.entries).time_s, sync=True, answers=rows)
        for view in views_of(root, name, Lines(tuple(journal.entries), b"")):
            view.write()
        journal.close()
