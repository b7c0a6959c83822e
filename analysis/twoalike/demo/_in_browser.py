"""A demo's session in the browser of this machine: served on the loopback until it is over."""

import json
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from twoalike.study import TwoalikeError

CODE = "w0001"
"""Code of the first participant of a study that is built for the browser."""
_LOOK_S = 0.5


def sit_in_browser(root: Path, console: Console, environment: dict[str, str]) -> None:
    """Open the built study in a browser and wait until its session is over."""
    if _ended(root) is None:
        with _served(root, environment) as address:
            shown = webbrowser.open(address)
            console.print("Answer in your browser:" if shown else "Open this in your browser:")
            console.print(address, style="bold", highlight=False)
            while _ended(root) is None:
                time.sleep(_LOOK_S)
    if (end := _ended(root)) != "completed":
        raise TwoalikeError(
            f"the session in the browser ended without a map ({end})",
            where=root,
            remedy="Name another folder to begin anew.",
        )


def _ended(root: Path) -> str | None:
    """How the session of the store ended; None while it is not over."""
    from twoalike.online import default_store, read_store

    path = default_store(root)
    if not path.exists():
        return None
    lines = (json.loads(line) for line in read_store(path))
    ends = [line["ended"] for line in lines if line.get("kind") == "session"]
    return ends[-1] if ends else None  # an earlier one has expired, and its code went on


@contextmanager
def _served(root: Path, environment: dict[str, str]) -> Iterator[str]:
    """Serve a built study while the block runs; gives its address."""
    command = [sys.executable, "-m", "twoalike.cli.app", "online", "serve", str(root)]
    process = subprocess.Popen(
        [*command, "--port", "0"], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            name, _, address = line.partition(" ")
            if name == "study":
                yield address.strip()
                return
        raise TwoalikeError(
            f"the server ended with status {process.wait()}",
            where="demo",
            remedy=f"Run it by itself: twoalike online serve {root}",
        )
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
