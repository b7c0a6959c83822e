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

from twoalike.online import default_store, read_store
from twoalike.study import Study

N_PEOPLE, N_KILLS = 6, 20


class Person(threading.Thread):
    """Someone who answers, and whose page sends again until all is acknowledged."""

    def __init__(self, number: int, address: str, stop: threading.Event) -> None:
        super().__init__()
        self.rng = np.random.default_rng([20261128, number])
        self.pid, self.stop = f"p{number}", stop
        self.client = httpx.Client(base_url=address, timeout=20)
        self.acknowledged: dict[int, dict[str, Any]] = {}
        self.session = ""
        self.fault: Exception | None = None

    def ask(self, path: str, content: Any, headers: dict[str, str] | None = None) -> Any:
        while not self.stop.is_set():
            try:
                answer = self.client.post(path, json=content, headers=headers)
            except httpx.TransportError:
                time.sleep(0.02)
                continue
            if answer.status_code not in (429, 503):
                assert answer.status_code == 200, answer.text
                return answer.json()
            time.sleep(0.1)
        return None

    def run(self) -> None:
        try:
            entered = self.ask("/api/enter", {"external": {"PROLIFIC_PID": self.pid}})
            self.session = entered["session"]
            hash_ = self.client.get("/session.json").json()["hash"]
            sent = answers(entered | {"protocol": hash_})
            while not self.stop.is_set() and len(self.acknowledged) < len(sent):
                first = len(self.acknowledged)
                batch = sent[max(0, first - int(self.rng.integers(3))) : first + 3]
                batch = [batch[i] for i in self.rng.permutation(len(batch))]  # doubled, reordered
                answer = self.ask("/api/records", batch, bearer(entered))
                if answer is not None:
                    self.acknowledged |= {n: sent[n - 1] for n in answer["acknowledged"]}
                time.sleep(0.03)
        except Exception as fault:  # shown by the test
            self.fault = fault
        finally:
            self.client.close()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_killed_servers_lose_nothing(tmp_path: Path, rng: np.random.Generator) -> None:
    study = compiled_study(tmp_path, N_PEOPLE, 60 * N_KILLS)
    stop = threading.Event()
    with serving(Study.load(study)) as server:
        people = [Person(number, server.address, stop) for number in range(N_PEOPLE)]
        for person in people:
            person.start()
        try:
            for _ in range(N_KILLS):
                before = sum(len(person.acknowledged) for person in people)
                while sum(len(person.acknowledged) for person in people) < before + 30:
                    assert [person.fault for person in people] == [None] * N_PEOPLE
                    time.sleep(0.01)
                time.sleep(float(rng.uniform(0, 0.2)))
                server.kill()
                server.again()
        finally:
            stop.set()
            for person in people:
                person.join()
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(30) == 130
    assert [person.fault for person in people] == [None] * N_PEOPLE
    lines = [json.loads(line) for line in read_store(default_store(study))]
    stored = [((line["session"], line["n"]), line) for line in lines if "n" in line]
    assert max(Counter(name for name, _ in stored).values()) == 1
    by_name = dict(stored)
    for person in people:
        for n, sent in person.acknowledged.items():
            assert by_name.get((person.session, n)) == sent
    assert sum(len(person.acknowledged) for person in people) >= 30 * N_KILLS
