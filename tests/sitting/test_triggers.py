"""Marks of a whole session at the other end of the line, by the real command."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from twoalike.cli import app as cli
from twoalike.record import read_notes, read_run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")

DESIGN = "trials = 5\npractice = 0\n"
N_BREAKS, N_TRIALS = 2, 5


class Amplifier:
    """The other end of a serial line, and a thread that records what arrives."""

    def __init__(self) -> None:
        import tty

        self._handle, self._ours = os.openpty()
        tty.setraw(self._ours)
        self.port = os.ttyname(self._ours)
        self.times: list[tuple[float, int]] = []
        self._thread = threading.Thread(target=self._record, daemon=True)
        self._thread.start()

    def _record(self) -> None:
        while True:
            try:
                found = os.read(self._handle, 256)
            except OSError:  # the other end is closed
                return
            self.times += [(time.monotonic(), code) for code in found]

    @property
    def codes(self) -> list[int]:
        return [code for _, code in self.times]

    def unplug(self) -> None:
        """Close our ends: the recording ends with the last byte."""
        if self._ours >= 0:
            os.close(self._ours)
            self._ours = -1
            self._thread.join()
            os.close(self._handle)


@pytest.fixture
def amplifier() -> Iterator[Amplifier]:
    found = Amplifier()
    yield found
    found.unplug()


def _protocol(port: str) -> str:
    return (
        "schema_version = 1\n[breaks]\nbreak_every = 2\n"
        f'[triggers]\nkind = "serial"\nport = "{port}"\npulse_ms = 1\n'
    )


def _run(root: Path, *more: str) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(["run", str(root), "--participant", "901", "--simulate", "--no-window", *more])
    return int(str(caught.value.code))


def _notes(root: Path) -> list[dict[str, object]]:
    (journal,) = (root / "data" / "raw").rglob("*_journal.jsonl")
    return read_notes(journal)


def test_every_onset_answer_and_break_is_marked_in_order(
    make_study: Callable[..., Path], amplifier: Amplifier, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_study("study", DESIGN, _protocol(amplifier.port))
    assert _run(root, "--speed", "4") == 0
    amplifier.unplug()
    assert "image_onset 2, response 3, trial_end 4, break_ 5" in capsys.readouterr().err
    trial = [2, 3, 4]
    expected = [1, *trial, *trial, 5, *trial, *trial, 5, *trial, 6]
    assert [code for code in amplifier.codes if code] == expected
    assert amplifier.codes[::2] == expected  # each returned to 0 before the next
    assert not any(note["event"] == "trigger_failed" for note in _notes(root))
    (path,) = (root / "data" / "raw").rglob("*_beh.tsv")
    onsets = np.array([moment for moment, code in amplifier.times if code == 2])
    off = 4 * np.diff(onsets) - np.diff(read_run(path).rows["onset"].to_numpy(float))
    assert np.median(np.abs(off)) < 1.0  # a quarter of a second at four times the speed


def test_a_line_that_breaks_is_logged_and_the_session_goes_on(
    make_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, amplifier: Amplifier
) -> None:
    import serial

    sent: list[bytes] = []

    def broken(self: object, data: bytes) -> int:
        if len(sent) >= 10:
            raise serial.SerialException(5, "Input/output error")
        sent.append(data)
        return 1

    monkeypatch.setattr(serial.Serial, "write", broken)
    root = make_study("study", DESIGN, _protocol(amplifier.port))
    assert _run(root) == 0
    failed = [note for note in _notes(root) if note["event"] == "trigger_failed"]
    n_marks = 2 + 3 * N_TRIALS + N_BREAKS
    assert len(failed) == n_marks - 5  # ten bytes: five marks and their zeros
    assert {note["reason"] for note in failed} == {"Input/output error"}
    (table,) = (root / "data" / "raw").rglob("*_beh.tsv")
    assert len(table.read_text(encoding="utf-8").splitlines()) == 1 + N_TRIALS
