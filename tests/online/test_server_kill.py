"""Servers that are killed while people send: nothing acknowledged is lost or stored twice."""

import json
import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from tests.online.crowd import serving
from tests.online.server_study import answers, bearer, compiled_study
from tests.online.simulated import DEVICE

from twoalike.online import default_store, fetch, read_store
from twoalike.study import Study

N_PEOPLE = 6
PER_KILL = 30
"""Records that are acknowledged before the next kill, at least."""


class Someone(threading.Thread):
    """Someone who answers everything, and whose page sends again until all is acknowledged."""

    def __init__(self, number: int, address: str, stop: threading.Event) -> None:
        super().__init__()
        self.rng = np.random.default_rng([20261128, number])
        self.pid, self.address, self.stop = f"p{number}", address, stop
        self.acknowledged: dict[int, dict[str, Any]] = {}
        self.session = ""
        self.fault: BaseException | None = None

    def run(self) -> None:
        try:
            with httpx.Client(base_url=self.address, timeout=20) as client:
                self.sit(client)
        except Exception as fault:  # shown by the test
            self.fault = fault

    def sit(self, client: httpx.Client) -> None:
        entered = self.ask(client, "/api/enter", {"external": {"PROLIFIC_PID": self.pid}})
        self.session = entered["session"]
        sent = answers(entered | {"protocol": self.ask(client, "/session.json")["hash"]})
        sent[0]["items"].insert(0, {"kind": "segment", "time": 0.0, "device": DEVICE})
        while len(self.acknowledged) < len(sent):
            first = len(self.acknowledged)
            batch = sent[max(0, first - int(self.rng.integers(3))) : first + 3]
            batch = [batch[at] for at in self.rng.permutation(len(batch))]  # doubled, reordered
            answer = self.ask(client, "/api/records", batch, bearer(entered))
            self.acknowledged |= {n: sent[n - 1] for n in answer["acknowledged"]}
            time.sleep(0.03)
        self.ask(client, "/api/finish", {"reason": "completed"}, bearer(entered))

    def ask(
        self,
        client: httpx.Client,
        path: str,
        content: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """Ask until there is an answer, as the page does it."""
        method = "GET" if content is None else "POST"
        while not self.stop.is_set():
            try:
                answer = client.request(method, path, json=content, headers=headers)
            except httpx.TransportError:
                time.sleep(0.02)
                continue
            if answer.status_code not in (429, 503):
                assert answer.status_code == 200, answer.text
                return answer.json()
            time.sleep(0.1)
        raise InterruptedError


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
@pytest.mark.parametrize("n_kills", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_servers_lose_and_double_nothing(
    n_kills: int, tmp_path: Path, rng: np.random.Generator
) -> None:
    study = compiled_study(tmp_path, N_PEOPLE, 60 * n_kills)
    stop = threading.Event()
    with serving(Study.load(study)) as server:
        people = [Someone(number, server.address, stop) for number in range(N_PEOPLE)]

        def n_acknowledged() -> int:
            assert [one.fault for one in people] == [None] * N_PEOPLE
            return sum(len(one.acknowledged) for one in people)

        for one in people:
            one.start()
        try:
            for _ in range(n_kills):
                before = n_acknowledged()
                while n_acknowledged() < before + PER_KILL:
                    assert any(one.is_alive() for one in people)
                    time.sleep(0.01)
                time.sleep(float(rng.uniform(0, 0.2)))
                server.kill()
                server.again()
            for one in people:
                one.join(timeout=120)
            n_acknowledged()
        finally:
            stop.set()
            for one in people:
                one.join()
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(30) == 130
    lines = [json.loads(line) for line in read_store(default_store(study))]
    stored = [((line["session"], line["n"]), line) for line in lines if "n" in line]
    assert max(Counter(name for name, _ in stored).values()) == 1
    sent = {(one.session, n): line for one in people for n, line in one.acknowledged.items()}
    assert dict(stored) == sent
    fetched = fetch(study)
    assert fetched.problems == []
    items = [item["kind"] for line in people[0].acknowledged.values() for item in line["items"]]
    assert [one.n_trials for one in fetched.written] == [items.count("choice")] * N_PEOPLE
