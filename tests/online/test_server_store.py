"""The store: one writer, several processes, two kinds of database, a disk that fails."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from tests.online.server_study import (
    built_study,
    choice,
    links,
    note,
    record,
    served,
    whole_session,
)

from twoalike.online import default_store, online_folder, read_store
from twoalike.online._ids import load_key, make_key
from twoalike.online._serve import open_store
from twoalike.online._store import Store, fact, set_fact, store_url
from twoalike.study import TwoalikeError


def test_one_that_fails_does_not_take_others_along(tmp_path: Path) -> None:
    store = Store(tmp_path / "records.sqlite")
    gate = threading.Event()
    store.submit(lambda _: gate.wait(10) and None)
    good = store.submit(lambda connection: set_fact(connection, "a", "1"))
    bad = store.submit(lambda connection: connection.exec_driver_sql("SELECT * FROM nothing"))
    after = store.submit(lambda connection: fact(connection, "a"))
    gate.set()
    assert good.result(10) is None
    with pytest.raises(OperationalError):
        bad.result(10)
    assert after.result(10) == "1"
    store.close()


def test_a_store_that_cannot_be_written_acknowledges_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with served(built_study(tmp_path)) as server:
        entered = server.entered("secret-person")
        server.store.write(lambda one: one.exec_driver_sql("DROP TABLE records") and None)
        sent = record(entered["session"], 1, 0, 0, note("private-words"))
        answer = server.send(entered, sent)
        assert (answer.status_code, answer.json()) == (503, {"error": "slow_down"})
    assert "could not be written" in caplog.text
    assert "private-words" not in caplog.text


def test_two_processes_share_a_file(tmp_path: Path) -> None:
    study = built_study(tmp_path, [f"{n:03d}" for n in range(20)])
    with served(study) as one, served(study) as other:
        entered = [(one, other)[n % 2].entered(f"p{n}") for n in range(20)]
        assert len({answer["person"]["participant"] for answer in entered}) == 20
        for number, answer in enumerate(entered):
            sent = whole_session(answer["session"])
            for part, server in ((sent[:4], one), (sent[2:], other)):
                assert server.send(answer, *part).status_code == 200, number
        assert one.entered("p0") == other.entered("p0")
    assert len(list(read_store(default_store(study)))) == 20 * 10


def test_the_key_is_kept_and_checked(tmp_path: Path) -> None:
    study = built_study(tmp_path)
    path = online_folder(study) / "key"
    links(study, 1)
    path.chmod(0o644)
    with pytest.raises(TwoalikeError, match="only its owner"):
        open_store(study)
    path.unlink()
    with pytest.raises(TwoalikeError, match="expected the key of the study, found none"):
        open_store(study)
    make_key(path)
    with pytest.raises(TwoalikeError, match="the key that the store was written with"):
        open_store(study)
    path.write_text("x", encoding="utf-8")
    with pytest.raises(TwoalikeError, match="32 bytes"):
        load_key(path)


def test_stores_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(TwoalikeError, match="expected a store of records, found none"):
        list(read_store(tmp_path / "records.sqlite"))
    with pytest.raises(TwoalikeError, match="expected a path, or postgresql"):
        store_url("mysql://lab@example.org/x")
    with pytest.raises(TwoalikeError, match="cannot be opened") as raised:
        Store("postgresql+psycopg://lab:sesame@127.0.0.1:1/x")
    assert "sesame" not in str(raised.value)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pgserver = pytest.importorskip("pgserver")
    server = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


@pytest.mark.slow
def test_postgresql_serves_several_machines(tmp_path: Path, postgres: str) -> None:
    studies = [built_study(tmp_path / name, ["001", "002", "003"]) for name in ("a", "b")]
    with served(studies[0], store=postgres) as one:
        key = online_folder(studies[1]) / "key"
        key.parent.mkdir()
        key.touch(mode=0o600)
        key.write_bytes((online_folder(studies[0]) / "key").read_bytes())
        with served(studies[1], store=postgres) as other:
            entered = one.entered("p1")
            assert other.entered("p1") == entered
            second = other.entered("p2")
            assert second["person"]["participant"] == "002"
            sent = whole_session(entered["session"])
            assert one.send(entered, *sent[:4]).json()["stored"] == 4
            assert other.send(entered, *sent).json()["stored"] == 9
            forged = record(entered["session"], 2, 0, 1, choice(1, "right"))
            assert one.send(entered, forged).json() == {"error": "changed"}
            assert other.finish(entered).status_code == 200
            assert one.withdraw(second).json() == {}
            assert other.entered("p3")["person"]["participant"] == "002"
    lines = [json.loads(line) for line in read_store(postgres)]
    assert lines[1:10] == sent
    ends = [line["ended"] for line in lines if line.get("kind") == "session"]
    assert ends == ["completed", "withdrawn", None]
