"""Places of the texts around the arena and on its buttons."""

from collections.abc import Iterator

from twoalike.tasks._scenes import Page
from twoalike.tasks.multi_arrangement._layout import lay_out_arena
from twoalike.tasks.multi_arrangement._protocol import MultiArrangement
from twoalike.tasks.screens import Frame, Room, View, room_faults, single_page_faults, widest


def arena_text_faults(protocol: MultiArrangement, view: View) -> Iterator[tuple[str, str]]:
    """Texts of a trial that do not fit a window, by key, each with the reason.

    Buttons are as wide as their texts; where that leaves too little, the layout is refused.

    Raises
    ------
    TwoalikeError
        If circle, texts and buttons do not fit.
    """
    layout = lay_out_arena(protocol, view.size, 1)
    frame, texts = Frame(layout.size, layout.text), protocol.texts
    line = 1.4 * layout.text
    rooms = [
        Room("texts.prompt", texts.prompt, 1, widest(frame), line),
        Room("texts.ready", texts.ready, 1.3, widest(frame), 3.8 * layout.text),
    ]
    yield from room_faults(rooms, frame)
    yield from single_page_faults([("texts.time_out", Page(texts.time_out, texts.go_on))], frame)
