"""Places of the texts around the three images."""

from collections.abc import Iterator

from twoalike.design import POSITIONS
from twoalike.tasks._scenes import Page
from twoalike.tasks.odd_one_out._layout import lay_out
from twoalike.tasks.odd_one_out._protocol import OddOneOut
from twoalike.tasks.screens import Frame, Room, View, room_faults, single_page_faults, widest


def triplet_text_faults(protocol: OddOneOut, view: View) -> Iterator[tuple[str, str]]:
    """Texts of a trial that do not fit a window, by key, each with the reason.

    Raises
    ------
    TwoalikeError
        If the images do not fit.
    """
    layout = lay_out(protocol, view)
    frame, texts = Frame(layout.size, layout.text), protocol.texts
    above = [("prompt", texts.prompt), ("right", texts.right), ("wrong", texts.wrong)]
    rooms = [
        Room(f"texts.{key}", text, 1.3, widest(frame), layout.prompt_room) for key, text in above
    ]
    rooms += [
        Room("texts.labels", text, 1, layout.label_width(place), layout.label_room)
        for place, text in zip(POSITIONS, texts.labels, strict=True)
    ]
    rooms.append(Room("texts.ready", texts.ready, 1.3, widest(frame), 3.8 * layout.text))
    yield from room_faults(rooms, frame)
    yield from single_page_faults([("texts.time_out", Page(texts.time_out, texts.go_on))], frame)
