"""Settings of the trigger output: marks in the recording of an EEG, MEG or eye tracker.

Only what a protocol says; :mod:`twoalike.display` opens the port.
"""

import re
from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from twoalike.study import Strict

type Code = Annotated[int, Field(ge=0, le=255)]
type Moment = Literal[
    "session_start", "image_onset", "response", "trial_end", "break_", "session_end"
]
"""What is marked."""


class TriggerCodes(Strict):
    """The number sent for each kind of moment, 1 to 255; 0: this one is not sent."""

    session_start: Code = Field(default=1, description="the first page appears")
    image_onset: Code = Field(default=2, description="first frame that shows a trial's images")
    response: Code = Field(default=3, description="the participant answers")
    trial_end: Code = Field(default=4, description="the trial is over and recorded")
    break_: Code = Field(default=5, description="a break begins")
    session_end: Code = Field(default=6, description="the session is over")

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        counts = Counter(code for code in self.model_dump().values() if code)
        if twice := [code for code, count in counts.items() if count > 1]:
            raise ValueError(f"two moments have the code {twice[0]}; 0 leaves a moment out")
        return self


class Triggers(Strict):
    """Trigger output for recordings beside the session; off by default."""

    kind: Literal["none", "parallel", "serial", "lsl"] = Field(
        default="none",
        description="none; a parallel port; one byte on a serial port; a stream of the lab "
        "streaming layer",
    )
    port: str = Field(
        default="",
        description="serial: its name, such as /dev/ttyUSB0 or COM3; parallel: /dev/parport0 or "
        "an address such as 0x0378; lsl: name of the stream, twoalike if empty",
    )
    baud: int = Field(default=115200, gt=0, description="speed of the serial port, bits a second")
    pulse_ms: float = Field(
        default=5.0,
        ge=0,
        le=100,
        description="the code stands this long, then 0 does as long; take at least two samples "
        "of the recording; 0: the code stands until the next (not for lsl)",
    )
    codes: TriggerCodes = Field(default=TriggerCodes(), description="what is sent when")

    @model_validator(mode="after")
    def _port_is_named(self) -> Self:
        if self.kind in {"parallel", "serial"} and not self.port:
            raise ValueError(f"port must be given for kind {self.kind!r}")
        hexadecimal = re.fullmatch("0x[0-9a-fA-F]+", self.port)
        if self.kind == "parallel" and self.port.startswith("0x") and not hexadecimal:
            raise ValueError(f"port {self.port!r} is no address such as 0x0378")
        return self
