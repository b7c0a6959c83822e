"""A study in a browser: the page's files, a session over HTTP, and the raw data made of it.

What the page sent is in ``online/sent-TASK.json``, recorded of the window's simulated participant.
Where a file is missing, it is recorded anew with TWOALIKE_GOLDEN=write.
"""

import json
import shutil
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from tests.conftest import write_study
from tests.golden.golden import HERE, WRITE, check, masked, pages, succeed, text_table
from tests.golden.test_window import ASKED, DESIGN, MANIFEST, read, sidecar
from tests.online.crowd import serving

from twoalike.study import Study

TASKS = ("odd-one-out", "anchored-choice", "multi-arrangement")
QUESTIONS = ASKED.replace("ask = true", "ask = false")


def write(root: Path, task: str) -> Path:
    """The study of the window, with its questions in the protocol of this task."""
    write_study(root, DESIGN)
    protocol = root / "protocols" / f"{task.replace('-', '_')}.toml"
    protocol.write_text(f"schema_version = 1\n{QUESTIONS}", encoding="utf-8")
    return root


def ask(url: str, body: object = None, token: str = "") -> Any:
    """What the server answers, as JSON or as its lines."""
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data, headers)) as answer:
        text = answer.read().decode()
    return [json.loads(line) for line in text.splitlines()]


def sent(root: Path, task: str) -> list[dict[str, Any]]:
    """Records of a session, without what only the server knows."""
    path = HERE / "online" / f"sent-{task}.json"
    if WRITE and not path.exists():
        from tests.online.simulated import items_of, records_of

        from twoalike.online import read_built

        built = read_built(root)
        copy = shutil.copytree(root, root.with_name("recorded"))
        records = records_of(built, "w0001", items_of(copy, "w0001", task=task))
        lines = ",\n".join(json.dumps(each | {"session": "", "protocol": ""}) for each in records)
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    found: list[dict[str, Any]] = read(path)
    return found


@pytest.mark.parametrize("task", TASKS)
def test_a_session_over_http(task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(tmp_path / "study", task)
    succeed("online", "build", root, "--participants", 1, "--task", task)
    site = root / "online"
    records = sent(root, task)
    with serving(Study.load(root)) as server:
        address = server.address
        (entered,) = ask(f"{address}api/enter", {"external": {}})
        named = {"session": entered["session"], "protocol": read(site / "session.json")["hash"]}
        for record in records:
            ask(f"{address}api/records", [record | named], entered["token"])
        (finished,) = ask(f"{address}api/finish", {"reason": "completed"}, entered["token"])
        archive = ask(f"{address}api/operator/records", token=server.token)
    succeed("online", "fetch", root)
    succeed("validate", root)
    raw = root / "data" / "raw"
    tables = {path.relative_to(raw).as_posix(): text_table(path) for path in raw.rglob("*.tsv")}
    (manifest,) = (read(path) for path in raw.rglob("*_manifest.json"))
    (journal,) = raw.rglob("*_journal.jsonl")
    page = read(site / "session.json")
    found = {
        "said": masked(capsys.readouterr().out, root, tmp_path).splitlines(),
        "page": {key: page[key] for key in ("study", "language", "texts", "least_window_px")},
        "finished": sorted(finished),
        "archive": [line.get("kind", "record") for line in archive[:2]],
        "pages": pages(journal),
        "tables": dict(sorted(tables.items())),
        "sidecars": {
            path.relative_to(raw).as_posix(): sidecar(read(path))
            for path in sorted(raw.rglob("*_beh.json"))
        },
        "manifest": {key: manifest[key] for key in MANIFEST if key != "config"},
    }
    check(f"online/{task}", found, absolute=1e-3)
