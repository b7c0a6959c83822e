"""Pictures for a browser: the same as in a window, and as networks see them.

A file that a browser shows as :func:`twoalike.stimuli.read_picture` reads it is copied byte for
byte; any other becomes a PNG of the same pixels, and so does a word.
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from twoalike.online._session import ImageFile
from twoalike.stimuli import StimulusSet, shown_as_it_is
from twoalike.tasks import Protocol


@dataclass(frozen=True)
class Picture:
    """A picture as it lies beside session.json."""

    name: str
    """Object id."""
    content: bytes
    about: ImageFile


def pictures(stimuli: StimulusSet, names: Iterable[str], protocol: Protocol) -> Iterator[Picture]:
    """Yield the picture of each object, in the order of the stimulus set; words in colours."""
    wanted, screen = set(names), protocol.screen
    for name in (one for one in stimuli.ids if one in wanted):
        image = stimuli.picture(name, ink=screen.foreground, paper=screen.background)
        kept = stimuli.kind(name) == "image" and shown_as_it_is(stimuli.path(name))
        if kept:
            content, ending = stimuli.path(name).read_bytes(), kept
        else:
            buffer = io.BytesIO()
            image.save(buffer, format="PNG")
            content, ending = buffer.getvalue(), "png"
        digest = sha256(content).hexdigest()
        about = ImageFile(
            file=f"images/{digest[:16]}.{ending}",
            width=image.width,
            height=image.height,
            sha256=digest,
        )
        yield Picture(name, content, about)
