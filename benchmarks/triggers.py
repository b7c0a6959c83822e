"""How long a trigger takes, by loop-backs on this computer: ``python benchmarks/triggers.py``.

A pseudo-terminal stands for the serial line and a stream on this machine for the network; both
show what the program and the system add. A cable, an adapter and an amplifier come on top.
"""

import os
import platform
import tempfile
import threading
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

from twoalike.display import open_triggers
from twoalike.display._devices import PulsePort
from twoalike.tasks._protocol import Triggers

RESULTS = Path(__file__).parent / "results" / "triggers.md"
N_MARKS = 500
GAP_S = 0.02
PULSE_MS = 5.0
N_WARM_UP = 20


def send_all(port: object, n_marks: int = N_MARKS) -> tuple[np.ndarray, np.ndarray]:
    """Send marks; give when each was begun and how long its call took (s)."""
    begun, took = [], []
    for number in range(n_marks):
        time.sleep(GAP_S)
        before = time.perf_counter()
        reason = port.send(1 + number % 255, "image_onset", before)  # type: ignore[attr-defined]
        took.append(time.perf_counter() - before)
        begun.append(before)
        if reason is not None:
            raise RuntimeError(reason)
    return np.array(begun), np.array(took)


def serial_line() -> dict[str, np.ndarray]:
    """Send marks through a pseudo-terminal and read them at its other end."""
    import tty

    amplifier, ours = os.openpty()
    tty.setraw(ours)
    arrived: list[float] = []

    def read() -> None:
        while len(arrived) < 2 * N_MARKS:
            n_bytes = len(os.read(amplifier, 16))
            arrived.extend([time.perf_counter()] * n_bytes)

    reader = threading.Thread(target=read)
    reader.start()
    settings = Triggers(kind="serial", port=os.ttyname(ours), pulse_ms=PULSE_MS)
    with open_triggers(settings) as port:
        begun, took = send_all(port)
    reader.join()
    codes, zeros = np.array(arrived[::2]), np.array(arrived[1::2])
    return {"call": took, "arrival": codes - begun, "pulse": zeros - codes}


def stream() -> dict[str, np.ndarray]:
    """Send marks through a stream and receive them in the same process."""
    import pylsl

    name = f"twoalike-benchmark-{os.getpid()}"
    arrived: list[float] = []
    stamps: list[float] = []
    offset = pylsl.local_clock() - time.perf_counter()
    with open_triggers(Triggers(kind="lsl", port=name), now=time.perf_counter) as port:
        inlet = pylsl.StreamInlet(pylsl.resolve_byprop("name", name, 1, 30)[0])
        inlet.open_stream(30)

        def read() -> None:
            while len(arrived) < N_MARKS:
                _, stamp = inlet.pull_sample(30)
                arrived.append(time.perf_counter())
                stamps.append(stamp)

        reader = threading.Thread(target=read)
        reader.start()
        begun, took = send_all(port)
        reader.join()
    return {
        "call": took,
        "arrival": np.array(arrived) - begun,
        "stamp": np.abs(np.array(stamps) - offset - begun),
    }


def own_share() -> dict[str, np.ndarray]:
    """Send marks on lines that cost nothing: the share of our own code in every port."""
    port = PulsePort(lambda code: None, PULSE_MS / 1000, lambda: None)
    _, took = send_all(port)
    port.close()
    return {"call": took}


def rows(name: str, measured: dict[str, np.ndarray]) -> list[str]:
    """Write lines of the table, in milliseconds."""
    what = {
        "call": "duration of the call",
        "arrival": "call to arrival",
        "pulse": f"length of a pulse of {PULSE_MS:g} ms",
        "stamp": "error of the stamp",
    }
    lines = []
    for key, values in measured.items():
        ms = 1000 * values[N_WARM_UP:]
        figures = (np.median(ms), np.quantile(ms, 0.95), np.quantile(ms, 0.99), ms.max())
        cells = " | ".join(f"{figure:.3f}" for figure in figures)
        lines.append(f"| {name} | {what[key]} | {cells} |")
    return lines


def main() -> None:
    """Measure, print and write benchmarks/results/triggers.md."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "lsl_api.cfg"
        config.write_text("[multicast]\nResolveScope = machine\n[log]\nlevel = -2\n")
        os.environ["LSLAPICFG"] = str(config)  # stay on this machine
        table = [
            *rows("no device", own_share()),
            *rows("serial (pseudo-terminal)", serial_line()),
            *rows("LSL (this machine)", stream()),
        ]
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    lines = [
        "# Latency of triggers",
        "",
        f"`python benchmarks/triggers.py` ({N_MARKS - N_WARM_UP} marks each, one every "
        f"{1000 * GAP_S:g} ms after {N_WARM_UP} for warm-up; {platform.system()}, Python "
        f"{platform.python_version()}, pyserial {version('pyserial')}, pylsl {version('pylsl')}, "
        f"{os.cpu_count()} cores, load average {load}). Loop-backs on one computer: the delays of "
        "cable, adapter and amplifier are not included. No parallel port was available; its mark "
        "takes the time in the first row plus one system call. Sender and receiver are threads "
        "of one process, so the arrivals "
        "are upper bounds. Milliseconds.",
        "",
        "| port | what | median | 95 % | 99 % | longest |",
        "|---|---|---|---|---|---|",
        *table,
        "",
    ]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
