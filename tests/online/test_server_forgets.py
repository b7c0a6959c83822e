"""What the server no longer holds: withdrawn text, used links, answers behind a payment."""

import csv
import io
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tests.online.server_study import (
    Served,
    built_study,
    choice,
    note,
    record,
    served,
    whole_session,
)

from twoalike.online import default_store, make_links, new_token, online_folder

SECRET = "my-secret-words"


def written(study: Path) -> bytes:
    """Bytes of everything in the folder beside the study."""
    return b"".join(path.read_bytes() for path in sorted(online_folder(study).iterdir()))


def rows(study: Path, query: str) -> list[tuple[object, ...]]:
    """Rows of the store."""
    connection = sqlite3.connect(default_store(study))
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def wait_for(is_so: Callable[[], bool]) -> bool:
    """Whether something becomes so within ten seconds."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.05)
    return is_so()


def says(server: Served, person: str, n_words: int, words: str) -> dict[str, object]:
    """Let someone enter and say much."""
    entered: dict[str, object] = server.enter(person).json()
    for n in range(1, n_words + 1):
        said = note() | {"detail": {"what": f"{words} {n} " * 20}}
        assert server.send(entered, record(str(entered["session"]), n, 0, 0, said)).is_success
    return entered


def test_withdrawn_text_leaves_the_files_once_no_reader_needs_it(tmp_path: Path) -> None:
    study = built_study(tmp_path, [f"{n:03d}" for n in range(1, 9)])
    with served(study) as server:
        says(server, "p1", 30, "others may stay")
        gone = says(server, "p2", 30, SECRET)
        other = says(server, "p3", 30, "others may stay")
        reader = sqlite3.connect(default_store(study))
        reader.execute("BEGIN")
        assert reader.execute("SELECT COUNT(*) FROM records").fetchone() == (90,)

        began = time.monotonic()
        assert server.client.post("/api/withdraw", json={"code": gone["withdraw"]}).json() == {}
        more = [record(str(other["session"]), n, 0, 0, note()) for n in range(31, 41)]
        assert all(server.send(other, one).is_success for one in more)
        assert time.monotonic() - began < 10  # a checkpoint that waits takes 30 s

        assert reader.execute("SELECT COUNT(*) FROM records").fetchone() == (90,)
        reader.close()
        assert wait_for(lambda: SECRET.encode() not in written(study))
        assert b"others may stay" in written(study)
        assert server.send(other, record(str(other["session"]), 41, 0, 0, note())).is_success


def test_withdrawal_keeps_no_trace_of_the_session(tmp_path: Path) -> None:
    study = built_study(tmp_path)
    link = make_links(study, 1, "http://x")[0].partition("?link=")[2]
    with served(study) as server:
        entered = server.enter("p1", link=link).json()
        server.send(entered, *whole_session(entered["session"])[:4])
        assert server.client.post("/api/withdraw", json={"code": entered["withdraw"]}).json() == {}
        assert server.enter("p1", link=link).json() == {"error": "used"}
    state = "n, part, step, clock, over, answered, trials, fast, person"
    assert rows(study, f"SELECT {state} FROM sessions") == [(0, 0, -1, 0.0, 0, 0, 0, 0, None)]
    assert rows(study, "SELECT session FROM links") == [("",)]
    assert rows(study, "SELECT * FROM ids") == []


def test_used_links_lead_nowhere_without_the_key(tmp_path: Path) -> None:
    from hashlib import sha256

    study = built_study(tmp_path, [f"{n:03d}" for n in range(1, 21)], online='entry = "link"')
    links = [one.partition("?link=")[2] for one in make_links(study, 20, "http://x")]
    with served(study) as server:
        for link in links:
            assert server.enter(link=link).is_success
    (online_folder(study) / "key").unlink()
    content = written(study)
    for link in links:
        for trace in (link, sha256(link.encode()).hexdigest()):
            assert trace.encode() not in content
    # Nor does their order: that of the file of links is that of the invitations.
    stored = rows(study, "SELECT link FROM links")
    assert stored == sorted(stored)


def operator(server: Served) -> dict[str, str]:
    return {"authorization": f"Bearer {new_token(server.study)}"}


def test_payments_lead_to_answers_no_better_than_chance(tmp_path: Path) -> None:
    """Forty people, matched with what raw data show of the same: end, minutes, checks, trials."""
    rng = np.random.default_rng(5)
    codes = [f"{n:03d}" for n in range(1, 41)]
    shown: dict[str, dict[str, float]] = {}
    with served(built_study(tmp_path, codes)) as server:
        for code in codes:
            entered = server.enter(f"p{rng.integers(10**9)}-{code}").json()
            sent = whole_session(entered["session"])
            right = bool(rng.integers(2))
            sent[2]["items"][0]["answer"]["position"] = "right" if right else "left"
            flags = rng.integers(2, size=2)
            for at, flag in zip((1, 3), flags, strict=True):
                sent[at]["items"][0]["flag"] = "fast" if flag else None
            server.send(entered, *sent)
            server.finish(entered)
            minutes = float(rng.gamma(8, 3))
            server.change(entered["session"], ended_at=1e9 + 60 * minutes, entered=1e9)
            shown[code] = {"minutes": minutes, "checks_right": right, "fast": int(sum(flags))}
        answer = server.client.get("/api/operator/payments.csv", headers=operator(server))
    paid = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(paid) == 40

    def candidates(row: dict[str, str]) -> list[str]:
        """Codes whose raw data fit a row best."""
        low, _, high = row["minutes"].partition("-")
        middle = (float(low) + float(high or low)) / 2
        inside = [c for c in codes if float(low) <= shown[c]["minutes"] <= float(high or low)]
        near = inside or sorted(codes, key=lambda code: abs(shown[code]["minutes"] - middle))[:3]
        for column in ("checks_right", "fast"):
            if column in row:
                near = [c for c in near if shown[c][column] == float(row[column])] or near
        return near

    chances = [1 / len(near) for row in paid if (near := candidates(row))]
    assert max(chances) <= 1 / 5
    found = sum(min(candidates(row)) == row["PROLIFIC_PID"].partition("-")[2] for row in paid)
    assert found <= sum(chances) + 3 * sum(p * (1 - p) for p in chances) ** 0.5
    assert set(paid[0]) == {"PROLIFIC_PID", "status", "minutes"}
    assert min(Counter((row["status"], row["minutes"]) for row in paid).values()) >= 5


def test_few_people_show_no_minutes(tmp_path: Path) -> None:
    with served(built_study(tmp_path)) as server:
        entered = server.enter("p1").json()
        server.send(entered, record(entered["session"], 1, 0, 1, choice(1)))
        answer = server.client.get("/api/operator/payments.csv", headers=operator(server))
        assert "narrows down who gave" in server.client.get("/operator/").text
    assert answer.text == "PROLIFIC_PID,status,minutes\np1,under way,\n"
