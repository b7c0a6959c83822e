"""A window of WebKitGTK for its driver: `/usr/bin/python3 webkit.py FOLDER WIDTH HEIGHT`.

The driver's own browser forgets everything at its end, and the driver has no fingers: pages give
them by `webkit.messageHandlers.touch`, as events of the toolkit. Needs the system's Python (`gi`).
"""

import ctypes
import json
import sys
from typing import Any

import gi  # type: ignore[import-not-found]

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import Gdk, GLib, Gtk, WebKit2  # type: ignore[import-not-found]  # noqa: E402

SEQUENCE = 56
"""Where GdkEventTouch has the finger, which Python cannot set."""
KINDS = {"press": "TOUCH_BEGIN", "move": "TOUCH_UPDATE", "release": "TOUCH_END"}


def touch(view: Any, message: Any) -> None:
    """Touch the window."""
    kind, x, y = json.loads(message.get_js_value().to_json(0))
    event = Gdk.Event.new(getattr(Gdk.EventType, KINDS[kind]))
    finger = event.touch
    finger.window, finger.time = view.get_window(), GLib.get_monotonic_time() // 1000 % 2**32
    finger.x, finger.y, finger.x_root, finger.y_root = x, y, x, y
    event.set_device(Gdk.Display.get_default().get_default_seat().get_pointer())
    ctypes.c_void_p.from_address(hash(event) + SEQUENCE).value = 1
    Gtk.main_do_event(event)


def show(*_: object) -> Any:
    """Open a window that has exactly the size of the page."""
    view = WebKit2.WebView(web_context=context, is_controlled_by_automation=True)
    window = Gtk.Window(decorated=False, default_width=width, default_height=height)
    window.add(view)
    view.connect("close", lambda _: window.destroy())
    messages = view.get_user_content_manager()
    messages.connect("script-message-received::touch", lambda _, given: touch(view, given))
    messages.register_script_message_handler("touch")
    window.show_all()
    window.present()
    view.grab_focus()
    return view


folder, (width, height) = sys.argv[1], map(int, sys.argv[2:4])
manager = WebKit2.WebsiteDataManager(base_data_directory=folder, base_cache_directory=folder)
context = WebKit2.WebContext(website_data_manager=manager)
context.set_automation_allowed(True)
context.connect("automation-started", lambda _, session: session.connect("create-web-view", show))
Gtk.main()
