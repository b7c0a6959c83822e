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

from twoalike.online._app import create_app
from twoalike.online._ids import Key
from twoalike.online._limits import USUAL, Limits
from twoalike.online._records import PageTexts
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
    session = {
        "version": "0.1.0",
        "hash": HASH,
        "study": "Fruit",
        "session": visit,
        "language": "en",
        "participants": list(participants),
        "protocols": {"odd": {}},
        "images": {},
        "texts": dict.fromkeys(PageTexts.model_fields, "..."),
        "least_window_px": [300, 300],
        "card": False,
        "return_hours": 24.0,
    }
    (site / "session.json").write_text(json.dumps(session), encoding="utf-8")
    for number, code in enumerate(participants):
        person = {"participant": code, "session": visit, "parts": _parts()}
        if groups:
            person["group"] = groups[number // 2 % len(groups)]
        (site / "people" / f"{code}.json").write_text(json.dumps(person), encoding="utf-8")
    return study


def _parts() -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = [page("instruction")]
    for index in (1, 2, 3):
        trial = {
            "trial_index": index,
            "block_index": 1,
            "trial_type": TRIALS[(index - 1) % 3][0],
            "stimuli": ["a", "b", "c"],
            "positions": ["middle", "left", "right"],
        }
        steps.append({"kind": "trial", "trial": trial})
    seats = {"items": ["a", "b", "d"], "order": [0, 1, 2], "rotation": 0.5}
    arrangements = [
        {"kind": "arrangement", "trial": {"trial_index": index, **seats}} for index in (1, 2)
    ]
    return [
        {
            "protocol": "odd",
            "task": "odd-one-out",
            "steps": [*steps, page("end")],
            "resume": page("resume"),
        },
        {
            "protocol": "odd",
            "task": "multi-arrangement",
            "steps": [page("instruction"), *arrangements, page("end")],
            "resume": page("resume"),
        },
    ]


def record(session: str, n: int, part: int, step: int, *items: dict[str, Any]) -> dict[str, Any]:
    """Record of a step."""
    return {
        "session": session,
        "n": n,
        "protocol": HASH,
        "part": part,
        "step": step,
        "items": list(items),
    }


def choice(index: int, position: str | None = "left", flag: str | None = None) -> dict[str, Any]:
    """Result of a trial of choices; None: not answered in time."""
    given = {"position": position, "method": "mouse", "response_time": 0.5, "key": None}
    return {
        "kind": "choice",
        "trial_index": index,
        "onset": 2.0 * index,
        "answer": None if position is None else given,
        "early": 0,
        "dropped": 0,
        "flag": flag,
        "planned_onset": 2.0 * index,
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


def note(event: str = "page", time: float = 1.0) -> dict[str, Any]:
    """Item for the log."""
    return {"kind": "note", "event": event, "time": time, "detail": {}}


def end(reason: str = "completed", time: float = 20.0) -> dict[str, Any]:
    """Item that ends a part."""
    return {"kind": "end", "time": time, "reason": reason}


def whole_session(session: str) -> list[dict[str, Any]]:
    """Records of a session that answers everything."""
    listed = [record(session, 1 + i, 0, i, choice(i)) for i in (1, 2, 3)]
    return [
        record(session, 1, 0, 0, note()),
        *listed,
        record(session, 5, 0, 4, note(), end()),
        record(session, 6, 1, 0, note()),
        record(session, 7, 1, 1, arrangement(1)),
        record(session, 8, 1, 2, arrangement(2)),
        record(session, 9, 1, 3, note(), end()),
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

    def send(self, entered: Mapping[str, Any], *records: Mapping[str, Any]) -> Any:
        """Answer to records."""
        return self.client.post("/api/records", json=list(records), headers=bearer(entered))

    def finish(self, entered: Mapping[str, Any], reason: str = "completed") -> Any:
        """Answer to the end of a session."""
        return self.client.post("/api/finish", json={"reason": reason}, headers=bearer(entered))

    def archive(self) -> list[dict[str, Any]]:
        """Lines of the archive."""
        with self.store.reading() as connection:
            return [json.loads(line) for line in archive(connection)]

    def change(self, session: str, **values: Any) -> None:
        """Change a session's row, as if time had passed."""
        statement = update(SESSIONS).where(SESSIONS.c.name == session).values(values)
        self.store.submit(lambda connection: connection.execute(statement) and None).result()


def bearer(entered: Mapping[str, Any]) -> dict[str, str]:
    """Header with the token of a session."""
    return {"authorization": f"Bearer {entered['token']}"}


class _Page(OnlineStudy):
    """Page that was made by hand, and knows the right answers to its checks."""

    @classmethod
    def of(cls, study: Path) -> "_Page":
        read = read_built(study)
        return cls(read.study, read.session)

    def prepared(self, participant: str) -> list[Any]:
        trials = [
            Trial(index, 1, kind, "t", ("a", "b", "c"), ("middle", "left", "right"), right)
            for index, (kind, right) in enumerate(TRIALS, start=1)
        ]
        odd_one_out = Mock(PreparedTriplets, trials=trials)
        return [odd_one_out, Mock(Prepared)]


@contextmanager
def served(study: Path, limits: Limits = USUAL, store: str | None = None) -> Iterator[Served]:
    """Serve a study in this process."""
    opened, key = open_store(study, store)
    with TestClient(create_app(_Page.of(study), opened, key, limits)) as client:
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
    protocol = entered["protocol"]
    for part, shown in enumerate(entered["person"]["parts"]):
        for step, one in enumerate(shown["steps"]):
            items = [note()]
            if one["kind"] == "trial":
                trial = one["trial"]
                items = [choice(trial["trial_index"], trial["positions"][0])]
            if step == len(shown["steps"]) - 1:
                items.append(end())
            n = len(found) + 1
            sent = record(entered["session"], n, part, step, *items)
            found.append(sent | {"protocol": protocol})
    return found
