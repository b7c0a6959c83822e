"""Whether participants can read a study's texts: checked by ``validate``, and by ``run``."""

import sys
from importlib.util import find_spec

from twoalike.registry import find_task
from twoalike.study import Study, TwoalikeError, how_to_install, load_profile
from twoalike.tasks import (
    SMALLEST_SCREEN,
    Prepared,
    Protocol,
    View,
    check_contrast,
    check_protocol,
    check_texts,
    protocol_or_default,
    protocols,
)

_LETTERING = ("matplotlib", "bidi", "arabic_reshaper")
"""Packages that measuring text needs; all come with the extra for experiments."""


def reading_faults(study: Study) -> tuple[list[str], list[str]]:
    """List the texts of a study's protocols that cannot be read, one line each.

    Returns
    -------
    Problems on this computer's screen if it was measured, otherwise on the smallest one; and
    remarks about the smallest screen if this computer's is larger.
    """
    problems: list[str] = []
    remarks: list[str] = []
    measurable = all(find_spec(name) is not None for name in _LETTERING)
    if not measurable:
        remarks.append(f"{study.root}: texts were not measured. {how_to_install('experiments')}")
    profile = load_profile()
    for task, model in protocols().items():
        if check_protocol(study, model):
            continue  # already reported
        protocol: Protocol = protocol_or_default(study, model)
        where = study.protocol_of(find_task(task).label)
        problems += [f"{where}: {line}" for line in check_contrast(protocol)]
        if not measurable:
            continue
        small = check_texts(protocol, View(SMALLEST_SCREEN))
        here = check_texts(protocol, View(profile.size_px, profile)) if profile.measured else small
        problems += [f"{where}: {line}" for line in here]
        if profile.measured:
            keys = {line.partition(":")[0] for line in here}
            others = (line for line in small if line.partition(":")[0] not in keys)
            remarks += [f"{where}: {line}" for line in others]
    return problems, remarks


def check_readable(prepared: Prepared, view: View, *, begun: bool) -> None:
    """Check that a session's texts fit its window, and warn of colours that differ too little.

    Parameters
    ----------
    begun
        Whether the session was begun before: its protocol can no longer be changed, so a text that
        does not fit is only a warning.

    Raises
    ------
    TwoalikeError
        Naming the first text that does not fit.
    """
    faults = check_texts(prepared.protocol, view)
    where = prepared.inputs["protocol"]
    if faults and not begun:
        more = f" {len(faults) - 1} more: twoalike validate names them." if len(faults) > 1 else ""
        raise TwoalikeError(f"{where}: {faults[0]}{more}")
    for line in (*faults, *check_contrast(prepared.protocol)):
        print(f"{where}: {line}", file=sys.stderr)  # noqa: T201
