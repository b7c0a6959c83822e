"""Browsers that people have, driven by WebDriver: keys, mouse and fingers as the engine takes them.

Firefox speaks the same commands by Marionette, its own socket, so that it needs no program beside.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

type Name = Literal["chromium", "firefox", "webkit"]
type Size = tuple[int, int]
PROGRAMS: dict[Name, tuple[str, ...]] = {
    "chromium": ("chromium", "chromedriver"),
    "firefox": ("firefox-esr",),
    "webkit": ("WebKitWebDriver", "Xvfb"),
}
ENGINES = ["chromium", "firefox", pytest.param("webkit", marks=pytest.mark.slow)]
"""What a test of all engines is done with: two in the default suite."""
PREFERENCES = {
    "marionette.port": 0,
    "dom.disable_beforeunload": True,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "media.cubeb.force_mock_context": True,  # a sound device, which machines of tests lack
    "toolkit.legacyUserProfileCustomizations.stylesheets": True,
}
FINGERS = {
    "dom.w3c_touch_events.enabled": 1,
    "ui.primaryPointerCapabilities": 1,
    "ui.allPointerCapabilities": 1,
}
LOOKS = Path(__file__).with_name("js").joinpath("looks.js").read_text("utf-8")
PATIENCE_S = 30.0
KEYS = {
    "Tab": "\ue004",
    "Enter": "\ue007",
    "End": "\ue010",
    "ArrowLeft": "\ue012",
    "ArrowUp": "\ue013",
    "ArrowRight": "\ue014",
    "ArrowDown": "\ue015",
    "Space": " ",
}


def opened(name: Name, folder: Path, size: Size, *, touch: bool = False) -> "Engine":
    """Give a browser that is to be started; a test is skipped where the machine has none."""
    lacks = [one for one in PROGRAMS[name] if shutil.which(one) is None]
    if lacks:
        pytest.skip(f"no {lacks[0]} here")
    return Engine(name, folder, size, touch)


def look(name: str) -> str:
    """Give a function that asks the page."""
    return f"(...given) => {LOOKS}.{name}(...given)"


class Gone(Exception):
    """The browser, its tab or the page's script was not there."""


def started(attempt: Any) -> Any:
    """Try until a browser answers."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with suppress(OSError, ValueError):
            return attempt()
        time.sleep(0.05)
    raise TimeoutError("the browser did not start")


class Marionette:
    """Firefox's socket: JSON behind its length."""

    def __init__(self, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as line:
            self.file = line.makefile("rwb")
        self._read()

    def _read(self) -> Any:
        length = b""
        while (one := self.file.read(1)) != b":":
            if not one:
                raise Gone("closed")
            length += one
        return json.loads(self.file.read(int(length)))

    def __call__(self, name: str, **content: Any) -> Any:
        sent = json.dumps([0, 1, f"WebDriver:{name}", content]).encode()
        self.file.write(b"%d:%s" % (len(sent), sent))
        self.file.flush()
        _, _, error, found = self._read()
        if error:
            raise Gone(f"{name}: {error['error']}: {error['message']}")
        return found["value"] if isinstance(found, dict) and found.keys() == {"value"} else found


PATHS = {
    "Navigate": ("POST", "url"),
    "ExecuteScript": ("POST", "execute/sync"),
    "PerformActions": ("POST", "actions"),
    "ReleaseActions": ("DELETE", "actions"),
    "TakeScreenshot": ("GET", "screenshot"),
    "NewWindow": ("POST", "window/new"),
    "SwitchToWindow": ("POST", "window"),
    "ExecuteCdp": ("POST", "goog/cdp/execute"),
    "CloseWindow": ("DELETE", "window"),
}


class Driver:
    """A driver's HTTP."""

    def __init__(self, port: int, capabilities: dict[str, Any]) -> None:
        self.address = f"http://127.0.0.1:{port}/session"
        wanted = {"capabilities": {"alwaysMatch": capabilities}}
        found = self._ask("POST", "", wanted)
        self.address += f"/{found['sessionId']}"

    def _ask(self, method: str, path: str, content: Any) -> Any:
        data = json.dumps(content).encode() if method == "POST" else None
        request = Request(
            self.address + path, data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urlopen(request, timeout=PATIENCE_S + 5) as answer:
                return json.load(answer)["value"]
        except HTTPError as error:
            with error:
                raise Gone(json.load(error)["value"]) from error

    def __call__(self, name: str, **content: Any) -> Any:
        method, path = PATHS[name]
        return self._ask(method, f"/{path}", content)


@dataclass
class Engine:
    """A browser with one tab in front, at the size of its page, in a profile that stays."""

    name: Name
    folder: Path
    size: Size
    touch: bool = False
    """Whether the device has a finger only."""
    send: Any = None
    process: Any = None
    display: Any = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        getattr(self, f"_start_{self.name}")()
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it: nothing may depend on a browser that is closed in peace."""
        if isinstance(self.send, Marionette):
            with suppress(OSError):
                self.send.file.close()
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (process / "cmdline").read_bytes()
                if str(self.folder).encode() in words:
                    os.kill(int(process.name), signal.SIGKILL)
        if self.display is not None:
            self.display.stop()

    def _run(self, *words: object, **more: str) -> None:
        self.process = subprocess.Popen(
            [*map(str, words)],
            env=os.environ | more,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _start_firefox(self) -> None:
        wanted = PREFERENCES | (FINGERS if self.touch else {})
        lines = [
            f"user_pref({json.dumps(key)}, {json.dumps(value)});" for key, value in wanted.items()
        ]
        (self.folder / "user.js").write_text("\n".join(lines))
        (self.folder / "chrome").mkdir(exist_ok=True)
        (self.folder / "chrome/userChrome.css").write_text(":root { min-width: 0 !important }")
        port = self.folder / "MarionetteActivePort"
        port.unlink(missing_ok=True)
        width, height = map(str, self.size)
        sizes = {"MOZ_HEADLESS_WIDTH": width, "MOZ_HEADLESS_HEIGHT": height}
        words = ("-headless", "-kiosk", "-marionette", "-no-remote", "-profile", self.folder)
        self._run("firefox-esr", *words, **sizes)
        self.send = started(lambda: Marionette(int(port.read_text())))
        self.send("NewSession")

    def _start_driver(self, program: str, capabilities: dict[str, Any], **more: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._run(program, f"--port={port}", **more)
        self.send = started(lambda: Driver(port, capabilities))

    def _start_chromium(self) -> None:
        screen = dict(zip(("width", "height"), self.size, strict=True))
        device = {
            "deviceMetrics": {**screen, "pixelRatio": 1, "touch": self.touch, "mobile": self.touch}
        }
        words = ["--headless=new", "--no-sandbox", f"--user-data-dir={self.folder}"]
        options = {"binary": shutil.which("chromium"), "args": words, "mobileEmulation": device}
        self._start_driver("chromedriver", {"goog:chromeOptions": options})

    def _start_webkit(self) -> None:
        from pyvirtualdisplay.display import Display

        self.display = Display(size=self.size, manage_global_env=False).start()
        words = [str(Path(__file__).with_name("webkit.py")), str(self.folder), *map(str, self.size)]
        options = {"webkitgtk:browserOptions": {"binary": "/usr/bin/python3", "args": words}}
        self._start_driver("WebKitWebDriver", options, DISPLAY=self.display.new_display_var)

    def go(self, address: str) -> None:
        """Open an address, with no button held."""
        self.send("ReleaseActions")
        self.send("Navigate", url=address)

    def new_tab(self) -> None:
        """Close the tab behind a new one."""
        handle = self.send("NewWindow", type="tab")["handle"]
        self.send("CloseWindow")
        self.send("SwitchToWindow", handle=handle)

    def ask(self, script: str, *given: Any) -> Any:
        """Ask the page by a function in JavaScript."""
        return self.send("ExecuteScript", script=f"return ({script})(...arguments)", args=given)

    def wait(self, script: str, *given: Any) -> Any:
        """Ask until there is an answer."""
        end = time.monotonic() + PATIENCE_S
        while (found := self.ask(script, *given)) is None:
            if time.monotonic() > end:
                raise Gone(f"the page has no {given}")
            time.sleep(0.05)
        return found

    def key(self, *keys: str) -> None:
        """Press keys, by their browsers' names, or characters."""
        codes = [KEYS.get(key, key) for key in keys]
        deeds = [{"type": kind, "value": code} for code in codes for kind in ("keyDown", "keyUp")]
        self._perform({"type": "key", "id": "keyboard", "actions": deeds})

    def point(self, kind: str, x: float, y: float) -> None:
        """Move there, press or release: the mouse, or the finger of a device that has no other."""
        if self.touch and self.name != "firefox":
            self._touch(kind, x, y)
            return
        move = {"type": "pointerMove", "x": x, "y": y, "duration": 0}
        button = {"press": "pointerDown", "release": "pointerUp"}.get(kind)
        deeds = [move, *([{"type": button, "button": 0}] if button else [])]
        pointer = "touch" if self.touch else "mouse"
        source = {"type": "pointer", "id": pointer, "parameters": {"pointerType": pointer}}
        self._perform({**source, "actions": deeds})

    def _touch(self, kind: str, x: float, y: float) -> None:
        """Touch where the driver's fingers cannot move: by the browser, or by the toolkit."""
        if self.name == "webkit":
            self.ask("(...given) => webkit.messageHandlers.touch.postMessage(given)", kind, x, y)
            return
        names = {"press": "touchStart", "move": "touchMove", "release": "touchEnd"}
        points = [] if kind == "release" else [{"x": x, "y": y}]
        event = {"type": names[kind], "touchPoints": points}
        self.send("ExecuteCdp", cmd="Input.dispatchTouchEvent", params=event)

    def click(self, selector: str, number: int = 0) -> None:
        """Click or tap on what the page shows, the nth of a kind."""
        x, y = self.wait(look("middle"), selector, number)
        for kind in ("press", "release"):
            self.point(kind, x, y)

    def _perform(self, *sources: Any) -> None:
        self.send("PerformActions", actions=sources)
