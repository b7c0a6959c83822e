"""The page for other hosts: JATOS, or a plain one whose records people download and send.

The study archive (.jzip) is a zip file with the page and a .jas file, in the format of JATOS 3.10
(www.jatos.org/JATOS-Study-Archive-JZIP.html).
"""

import json
import re
import uuid
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

from twoalike.online._records import BlockStep, OnlineSession
from twoalike.online._site import OnlineStudy, check_built
from twoalike.registry import find_task
from twoalike.study import (
    Study,
    TwoalikeError,
    atomic_directory,
    atomic_path,
    check_replaceable,
)

SETTINGS = "transport.json"
"""File of the page that says where records go."""
_DAY = (1980, 1, 1, 0, 0, 0)
"""Date of the files, so that the same page gives the same archive."""
_STUDY = files("twoalike.online") / "jatos.json"
_META = re.compile(r'(<meta name="transport" content=")[a-z]+(">)')
_TEXTS = (".html", ".css", ".js", ".json", ".md", ".txt", ".jas")
"""Files that are packed."""


def study_uuid(session: OnlineSession) -> str:
    """Identify a built study: the same for the same page."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"twoalike:{session.hash}"))


def _built_alone(study: Study | str | Path) -> OnlineStudy:
    built = check_built(study)
    parts = built.person(built.session.participants[0]).parts
    blocks = [step for part in parts for step in part.steps if isinstance(step, BlockStep)]
    if not blocks:
        return built
    place, found, remedy = f"{find_task(blocks[0].task).lists.table}.sampler", "adaptive", ""
    if blocks[0].task == "multi-arrangement":
        place, found = "arrangement", "arrangements that are chosen by the answers"
        remedy = ', or set scheduler = "covering" (or "full") and session_minutes = 0'
    raise TwoalikeError(
        where=f"{built.study.root / 'study.toml'}: {place}",
        expected="trials that are listed beforehand, as nothing chooses them there",
        found=found,
        remedy=f"Serve the study with: twoalike online serve{remedy}",
    )


def _page_files(built: OnlineStudy, transport: str) -> Iterator[tuple[str, bytes]]:
    """Yield the files of the page, by path, which sends its records by another ``transport``."""
    for path in (path for path in sorted(built.folder.rglob("*")) if path.is_file()):
        name, content = path.relative_to(built.folder).as_posix(), path.read_bytes()
        if name == "index.html":
            page = content.decode()
            page, n = _META.subn(rf"\g<1>{transport}\g<2>", page)
            assert n == 1  # the page is ours
            if transport == "jatos":
                page = page.replace("<script ", '<script src="jatos.js"></script>\n    <script ', 1)
            content = page.encode()
        yield name, content


def _payment_codes(study: Study) -> dict[str, str]:
    names = ("completion_code", "screened_out_code", "interrupted_code", "declined_code")
    return {name: value for name in names if (value := getattr(study.config.online, name))}


def write_jatos(study: Study | str | Path, out: str | Path) -> Path:
    """Write the page of a study as a study archive for JATOS.

    Records go to the result data, a line each; codes of participants are given out in the batch
    session.

    Parameters
    ----------
    study
        The study, or its folder, with its page (``online build``).
    out
        File to write, such as ``study.jzip``.

    Returns
    -------
    The file.
    """
    built, out = _built_alone(study), Path(out)
    folder = f"twoalike_{built.session.hash[:12]}"
    about = json.dumps(_properties(built, folder), ensure_ascii=False, indent=2).encode()
    with atomic_path(out) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        pages = ((f"{folder}/{name}", one) for name, one in _page_files(built, "jatos"))
        for name, content in chain(pages, [(f"{folder}.jas", about)]):
            info = zipfile.ZipInfo(name, _DAY)
            info.external_attr = 0o644 << 16
            packed = name.endswith(_TEXTS)
            archive.writestr(info, content, zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED)
    return out


def _properties(built: OnlineStudy, folder: str) -> dict[str, Any]:
    session, codes = built.session, _payment_codes(built.study)
    identifier = study_uuid(session)
    page, batch = (str(uuid.uuid5(uuid.UUID(identifier), name)) for name in ("page", "batch"))
    made: dict[str, Any] = json.loads(_STUDY.read_text(encoding="utf-8"))
    data = made["data"]
    data |= {"uuid": identifier, "title": session.study, "dirName": folder}
    data["description"] = f"Made with twoalike {session.version}; page {session.hash}."
    data["jsonData"] = json.dumps(codes) if codes else None
    data["componentList"][0]["uuid"] = page
    data["batchList"][0] |= {"uuid": batch, "maxTotalWorkers": len(session.participants)}
    return made


def write_static(
    study: Study | str | Path,
    out: str | Path,
    *,
    overwrite: bool = False,
) -> Path:
    """Write the page of a study for a host that only hands out files.

    Parameters
    ----------
    study
        The study, or its folder, with its page.
    out
        Folder to write.
    overwrite
        Replace a page that was written before.

    Returns
    -------
    The folder.
    """
    built, out = _built_alone(study), Path(out)
    check_replaceable(out, SETTINGS, overwrite=overwrite)
    known = json.dumps(_payment_codes(built.study), indent=1) + "\n"
    with atomic_directory(out) as temporary:
        pages = _page_files(built, "file")
        for name, content in chain(pages, [(SETTINGS, known.encode())]):
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return out
