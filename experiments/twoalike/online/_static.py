"""The page for a plain host: records go to a data pipe, or to a file that people download."""

import json
from pathlib import Path
from typing import Literal

from twoalike.online._jatos import built_alone, page_files, payment_codes, with_transport
from twoalike.study import Study, TwoalikeError, atomic_directory, check_replaceable

SETTINGS = "transport.json"
"""File of the page that says where records go."""
DATAPIPE = "https://pipe.jspsych.org/"


def write_static(
    study: Study | str | Path,
    out: str | Path,
    *,
    pipe: str = "",
    codes: Literal["id", "pipe"] = "id",
    overwrite: bool = False,
) -> Path:
    """Write the page of a study for a host that only hands out files.

    Parameters
    ----------
    study
        The study, or its folder, with its page (``online build``).
    out
        Folder to write.
    pipe
        Id of the experiment at DataPipe, which takes the records; empty: people download them.
    codes
        Where a participant's code comes from if the address has none (``?participant=w0001``):
        ``id``, drawn from what else the address says of the person, so that two people may have
        the same; ``pipe``, DataPipe's condition, one after the other.
    overwrite
        Replace a page that was written before.

    Returns
    -------
    The folder.

    Raises
    ------
    TwoalikeError
        If there is no page, it is not what the study would build now, its trials are chosen during
        the session, or the folder holds something else.
    """
    if codes == "pipe" and not pipe:
        raise TwoalikeError(
            where="`codes=pipe`", expected="the id of an experiment (`pipe=...`)", found="none"
        )
    built, out = built_alone(study), Path(out)
    check_replaceable(out, SETTINGS, overwrite=overwrite)
    index = (built.folder / "index.html").read_text(encoding="utf-8")
    changed = {"index.html": with_transport(index, "pipe" if pipe else "file")}
    settings = {"pipe": DATAPIPE, "experiment": pipe, "codes": codes}
    with atomic_directory(out) as temporary:
        for name, content in page_files(built, changed):
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        known = {**(settings if pipe else {}), **payment_codes(built.study)}
        (temporary / SETTINGS).write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    return out
