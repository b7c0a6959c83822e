"""A built study for tests of the server, without the builder: three trials and two arrangements."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import Mock

from sqlalchemy import update
from starlette.testclient import TestClient

from twoalike.online import make_links, new_token
from twoalike.online._app import create_app
from twoalike.online._ids import Key
from twoalike.online._limits import USUAL, Limits
from twoalike.online._serve import open_store
from twoalike.online._site import OnlineStudy, build_online, read_built
from twoalike.online._store import SESSIONS, Store, archive
from twoalike.planning import create_study
from twoalike.tasks import Prepared, PreparedTriplets, Trial

HASH = "ab" * 32
TRIALS = (("main", None), ("catch", 3), ("main", None))
"""Type of each trial, and the number of its right answer."""


def page(name: str) -> dict[str, Any]:
    """Step that shows a page."""
    return {"kind": "page", "name": name, "text": name, "minimum_s": 0.0}


def built_study(
    folder: Path,
    participants: Sequence[str] = ("001", "002"),
    online: str = "",
    *,
    visit: int = 1,
    groups: Sequence[str] = (),
) -> Path:
    """Write a study with its built page; ``online`` are lines of its table ``[online]``.

    With ``groups``, participants are in them by turns, two at a time.
    """
    study = folder / "study"
    site = study / "online"
    for name in (site / "people", site / "js", site / "images"):
        name.mkdir(parents=True)
    lines = f'title = "Fruit"\nseed = 1\n[online]\n{online}\n'
    lines += f"[groups]\nnames = {json.dumps(groups)}\n"
    (study / "study.toml").write_text(lines, encoding="utf-8")
    (site / "index.html").write_text("<!doctype html><title>Fruit</title>", encoding="utf-8")
    (site / "js" / "main.js").write_text("export {};", encoding="utf-8")
    session = {"version": "0.1.0", "hash": HASH, "study": "Fruit", "session": visit}
    session |= {"language": "en", "participants": list(participants), "protocols": {"odd": {}}}
    session |= {"images": {}, "texts": {}, "least_window_px": [300, 300], "card": False}
    content = json.dumps(session | {"return_hours": 24.0})
    (site / "session.json").write_text(content, encoding="utf-8")
    for number, code in enumerate(participants):
        person = {"participant": code, "session": visit, "parts": _parts()}
        if groups:
            person["group"] = groups[number // 2 % len(groups)]
        (site / "people" / f"{code}.json").write_text(json.dumps(person), encoding="utf-8")
    return study


def _parts() -> list[dict[str, Any]]:
    trials = [
        {"trial_index": index, "block_index": 1, "trial_type": kind, "stimuli": ["a", "b", "c"]}
        | {"positions": ["middle", "left", "right"]}
        for index, (kind, _) in enumerate(TRIALS, start=1)
    ]
    seats = {"items": ["a", "b", "d"], "order": [0, 1, 2], "rotation": 0.5}
    listed = {
        "odd-one-out": [{"kind": "trial", "trial": trial} for trial in trials],
        "multi-arrangement": [
            {"kind": "arrangement", "trial": {"trial_index": index, **seats}} for index in (1, 2)
        ],
    }
    return [
        {"protocol": "odd", "task": task, "resume": page("resume")}
        | {"steps": [page("instruction"), *steps, page("end")]}
        for task, steps in listed.items()
    ]


def record(session: str, n: int, part: int, step: int, *items: dict[str, Any]) -> dict[str, Any]:
    """Record of a step."""
    place = {"session": session, "n": n, "protocol": HASH, "part": part, "step": step}
    return {**place, "items": list(items)}


def choice(index: int, position: str | None = "left", flag: str | None = None) -> dict[str, Any]:
    """Result of a trial of choices; None: not answered in time."""
    given = {"position": position, "method": "mouse", "response_time": 0.5, "key": None}
    given |= {"first": None, "first_time": None}
    return {
        "kind": "choice",
        "trial_index": index,
        "onset": 2.0 * index,
        "answer": None if position is None else given,
        "early": 0,
        "dropped": 0,
        "flag": flag,
        "planned_onset": 2.0 * index,
        "taken_back": 0,
        "starts": [],
        "away": False,
    }


def arrangement(index: int, items: Sequence[str] = ("a", "b", "d")) -> dict[str, Any]:
    """Result of an arrangement."""
    n = len(items)
    return {
        "kind": "arrangement",
        "trial_index": index,
        "items": list(items),
        "onset": 1.0,
        "planned_onset": 1.0,
        "places": [[0.1, 0.2]] * n,
        "inside": [True] * n,
        "seat_angles": [0.1] * n,
        "handling": [{"n_moves": 1, "first_move": 1.0, "last_move": 2.0, "n_inspections": 0}] * n,
        "ending": {"time": 30.0, "reason": "done", "method": "mouse"},
        "radius_px": 300.0,
        "item_px": 60.0,
    }


def note(event: str = "page", time: float = 1.0, **detail: Any) -> dict[str, Any]:
    """Item for the log."""
    return {"kind": "note", "event": event, "time": time, "detail": detail}


def end(reason: str = "completed", time: float = 20.0) -> dict[str, Any]:
    """Item that ends a part."""
    return {"kind": "end", "time": time, "reason": reason}


def whole_session(session: str) -> list[dict[str, Any]]:
    """Records of a session that answers everything."""
    parts = [
        [[note()], *([choice(index)] for index in (1, 2, 3)), [note(), end()]],
        [[note()], [arrangement(1)], [arrangement(2)], [note(), end()]],
    ]
    places = [(part, step) for part, steps in enumerate(parts) for step in range(len(steps))]
    return [
        record(session, n, part, step, *parts[part][step])
        for n, (part, step) in enumerate(places, start=1)
    ]


@dataclass
class Served:
    """A study that is served, and its client."""

    study: Path
    client: TestClient
    store: Store
    key: Key

    def enter(self, pid: str | None = None, **sent: Any) -> Any:
        """Answer to someone who enters."""
        external = {} if pid is None else {"PROLIFIC_PID": pid}
        return self.client.post("/api/enter", json={"external": external, **sent})

    def entered(self, pid: str | None = None, **sent: Any) -> dict[str, Any]:
        """Session of someone who may enter."""
        answer = self.enter(pid, **sent)
        assert answer.is_success, answer.text
        return dict(answer.json())

    def send(self, entered: Mapping[str, Any], *records: Mapping[str, Any]) -> Any:
        """Answer to records."""
        return self.client.post("/api/records", json=list(records), headers=bearer(entered))

    def finish(self, entered: Mapping[str, Any], reason: str = "completed") -> Any:
        """Answer to the end of a session."""
        return self.client.post("/api/finish", json={"reason": reason}, headers=bearer(entered))

    def withdraw(self, entered: Mapping[str, Any]) -> Any:
        """Answer to a withdrawal."""
        return self.client.post("/api/withdraw", json={"code": entered["withdraw"]})

    def operator(self, path: str, body: Any = None) -> Any:
        """Answer to the operator, who asks, or sends something."""
        headers = {"authorization": f"Bearer {new_token(self.study)}"}
        method = "GET" if body is None else "POST"
        return self.client.request(method, f"/api/operator/{path}", json=body, headers=headers)

    def archive(self) -> list[dict[str, Any]]:
        """Lines of the archive."""
        with self.store.reading() as connection:
            return [json.loads(line) for line in archive(connection)]

    def change(self, session: str, **values: Any) -> None:
        """Change a session's row, as if time had passed."""
        statement = update(SESSIONS).where(SESSIONS.c.name == session).values(values)
        self.store.write(lambda connection: connection.execute(statement) and None)


def bearer(entered: Mapping[str, Any]) -> dict[str, str]:
    """Header with the token of a session."""
    return {"authorization": f"Bearer {entered['token']}"}


def links(study: Path, number: int) -> list[str]:
    """Make one-time links."""
    return [one.partition("?link=")[2] for one in make_links(study, number, "https://lab.test/")]


class _Page(OnlineStudy):
    """Page that was made by hand, and knows the right answers to its checks."""

    def prepared(self, participant: str) -> list[Any]:
        trials = [
            Trial(index, 1, kind, "t", ("a", "b", "c"), ("middle", "left", "right"), right)
            for index, (kind, right) in enumerate(TRIALS, start=1)
        ]
        return [Mock(PreparedTriplets, trials=trials), Mock(Prepared)]


@contextmanager
def served(study: Path, limits: Limits = USUAL, store: str | None = None) -> Iterator[Served]:
    """Serve a study in this process."""
    opened, key = open_store(study, store)
    built = read_built(study)
    by_hand = _Page(built.study, built.session) if built.session.hash == HASH else built
    with TestClient(create_app(by_hand, opened, key, limits)) as client:
        yield Served(study, client, opened, key)


def compiled_study(folder: Path, n_people: int, n_trials: int) -> Path:
    """Make a real study of a few words, with attention checks, and build its page."""
    words = folder / "words.txt"
    folder.mkdir(parents=True, exist_ok=True)
    kinds = ("animal", "tool", "fruit", "place")
    lines = [f"{kind}{number}\t{kind}\n" for kind in kinds for number in range(8)]
    words.write_text("".join(lines), encoding="utf-8")
    study = folder / "study"
    create_study(study, words=words, seed=1)
    settings = f'title = "Words"\nseed = 1\n[design]\ntrials = {n_trials}\ncatch = 4\n'
    (study / "study.toml").write_text(settings, encoding="utf-8")
    build_online(study, n_people, task="odd-one-out")
    return study


def answers(entered: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Records of someone who does all that their file asks for, of choices."""
    found: list[dict[str, Any]] = []
    for part, shown in enumerate(entered["person"]["parts"]):
        for step, one in enumerate(shown["steps"]):
            items = [note()]
            if one["kind"] == "trial":
                items = [choice(one["trial"]["trial_index"], one["trial"]["positions"][0])]
            if step == len(shown["steps"]) - 1:
                items.append(end())
            sent = record(entered["session"], len(found) + 1, part, step, *items)
            found.append(sent | {"protocol": entered["protocol"]})
    return found
