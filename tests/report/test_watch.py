"""A study is watched while it is collected: nothing but the page is written, nothing is fitted."""

import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.conftest import call

import twoalike.api as ta
from twoalike.online._store import SESSIONS, Store
from twoalike.sitting import simulate
from twoalike.study import Study, TwoalikeError


def text_of(page: Path) -> str:
    return " ".join(re.sub("<[^>]+>", " ", page.read_text("utf-8")).split())


def test_what_is_recorded_stays_as_it_was(
    study: Study, tmp_path: Path, snapshot: Callable[[Path], dict[str, bytes]]
) -> None:
    """Also where a row is half written, a run has no manifest yet, and a store is being written."""
    torn = next(study.raw.glob("sub-01/**/*_beh.tsv"))
    with torn.open("a") as file:
        file.write("01\t1\t99")
    next(study.raw.glob("sourcedata/sub-03/**/*_manifest.json")).unlink()
    folder = study.root.with_name("study-online")
    folder.mkdir()
    store = Store(folder / "records.sqlite")
    row = {"visit": 1, "participant": "p", "protocol": "", "entered": 1.0, "last": 1.0}
    for name, ended in (("a", "completed"), ("b", "completed"), ("c", None)):
        new = sa.insert(SESSIONS).values(name=name, withdrawal=name, ended=ended, **row)
        store.write(lambda connection, new=new: connection.execute(new))
    assert call("plan", str(study.root), "--participants", "4") == 0
    before = snapshot(study.root)
    online = {path: path.read_bytes() for path in store_files(study)}
    page = tmp_path / "watch.html"
    assert call("watch", str(study.root), "--once", "--out", str(page)) == 0
    assert snapshot(study.root) == before
    assert {path: path.read_bytes() for path in store_files(study)} == online
    store.close()
    said = text_of(page)
    assert 'http-equiv="refresh"' not in page.read_text("utf-8")  # readers lose their place
    for words in (
        "3 sessions (completed: 2, under way: 1). All else on this page is of sessions fetched",
        "sub-03_ses-01_task-oddoneout_run-01_beh.tsv",
        "2 of 4 planned participants so far (50",
        "Choices: 132 of about 176 answers of the plan (75",
        "90 % interval of",
        "choices 132 12 of 12",
    ):
        assert words in said.replace("\N{NO-BREAK SPACE}", " "), (words, said[:3000])
    again = ta.watch(study, every=7)  # with nobody who writes to the store
    assert again.path == study.derived / "watch.html" and "under way: 1" in text_of(again.path)
    assert '<meta http-equiv="refresh" content="7">' in again.path.read_text("utf-8")
    assert {path: path.read_bytes() for path in store_files(study)}.keys() <= online.keys()
    for out in (study.raw / "watch.html", tmp_path / "watch.txt"):
        with pytest.raises(TwoalikeError, match="outside of"):
            ta.watch(study, out)


def store_files(study: Study) -> list[Path]:
    """Files of the store but for the index of its journal, which every reader marks."""
    folder = study.root.with_name("study-online")
    return [path for path in sorted(folder.iterdir()) if not path.name.endswith("-shm")]


def test_a_session_that_is_being_written(study: Study) -> None:
    """Whatever moment is read, the page is made, and the session is whole in the end."""
    writer = threading.Thread(target=simulate, args=(study, ["04", "05"]))
    writer.start()
    seen = []
    while writer.is_alive() or not seen:
        seen.append(ta.watch(study).notes[1])
    writer.join()
    assert ta.watch(study).notes[:2] == ("5 participants", "5 started")
    assert call("validate", str(study.root)) == 0 and len(seen) >= 1
