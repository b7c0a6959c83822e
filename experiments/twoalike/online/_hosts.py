"""The page for other hosts: JATOS, or a plain one with a data pipe or files that people download.

The study archive (.jzip) is a zip file with the page and a .jas file, in the format of JATOS 3.10
(www.jatos.org/JATOS-Study-Archive-JZIP.html).
"""

import json
import re
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from twoalike.online._records import BlockStep, OnlineSession
from twoalike.online._site import OnlineStudy, check_built
from twoalike.study import (
    Study,
    TwoalikeError,
    atomic_directory,
    atomic_path,
    check_replaceable,
)

SETTINGS = "transport.json"
"""File of the page that says where records go."""
DATAPIPE = "https://pipe.jspsych.org/"
_DAY = (1980, 1, 1, 0, 0, 0)
"""Date of the files, so that the same page gives the same archive."""
_WORKERS = ("Jatos", "PersonalSingle", "PersonalMultiple", "GeneralSingle", "GeneralMultiple")
_META = re.compile(r'(<meta name="transport" content=")[a-z]+(">)')
_FIRST_SCRIPT = re.compile(r"([ \t]*)<script ")
_TEXTS = (".html", ".css", ".js", ".json", ".md", ".txt")


def study_uuid(session: OnlineSession) -> str:
    """Identify a built study: the same for the same page."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"twoalike:{session.hash}"))


def with_transport(page: str, transport: str, script: str = "") -> str:
    """Make the page send its records by another transport: ``jatos``, ``pipe`` or ``file``.

    The source of a script may be given, which is loaded before the others.
    """
    changed, n = _META.subn(rf"\g<1>{transport}\g<2>", page)
    assert n == 1  # the page is ours
    if script:
        first = rf'\g<1><script src="{script}"></script>\n\g<0>'
        changed = _FIRST_SCRIPT.sub(first, changed, count=1)
    return changed


def built_alone(study: Study | str | Path) -> OnlineStudy:
    """Open a built study that needs no server of ours."""
    built = check_built(study)
    parts = built.person(built.session.participants[0]).parts
    blocks = [step for part in parts for step in part.steps if isinstance(step, BlockStep)]
    if not blocks:
        return built
    place, found, remedy = "design.sampler", "adaptive", ""
    if blocks[0].task == "multi-arrangement":
        place, found = "arrangement", "arrangements that are chosen by the answers"
        remedy = ', or set scheduler = "covering" (or "full") and session_minutes = 0'
    raise TwoalikeError(
        where=f"{built.study.root / 'study.toml'}: {place}",
        expected="trials that are listed beforehand, as nothing chooses them there",
        found=found,
        remedy=f"Serve the study with: twoalike online serve{remedy}",
    )


def page_files(built: OnlineStudy, changed: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a page, by their path in its folder, with other texts for some."""
    paths = (path for path in sorted(built.folder.rglob("*")) if path.is_file())
    for path in paths:
        name = path.relative_to(built.folder).as_posix()
        yield name, changed[name].encode() if name in changed else path.read_bytes()


def payment_codes(study: Study) -> dict[str, str]:
    """Codes that are shown at the end, by the end."""
    names = ("completion_code", "screened_out_code", "declined_code")
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
    built, out = built_alone(study), Path(out)
    folder = f"twoalike_{built.session.hash[:12]}"
    index = (built.folder / "index.html").read_text(encoding="utf-8")
    changed = {"index.html": with_transport(index, "jatos", "jatos.js")}
    with atomic_path(out) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in page_files(built, changed):
            _add(archive, f"{folder}/{name}", content)
        about = json.dumps(_properties(built, folder), ensure_ascii=False, indent=2)
        _add(archive, f"{folder}.jas", about.encode())
    return out


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, _DAY)
    info.external_attr = 0o644 << 16
    packed = zipfile.ZIP_DEFLATED if name.endswith((*_TEXTS, ".jas")) else zipfile.ZIP_STORED
    archive.writestr(info, content, packed)


def _properties(built: OnlineStudy, folder: str) -> dict[str, Any]:
    """Properties of the study, of its one component and of its batch."""
    session, codes = built.session, payment_codes(built.study)
    identifier = study_uuid(session)

    def own(name: str) -> str:
        return str(uuid.uuid5(uuid.UUID(identifier), name))

    return {
        "version": "3",
        "data": {
            "uuid": identifier,
            "title": session.study,
            "description": f"Made with twoalike {session.version}; page {session.hash}.",
            "groupStudy": False,
            "linearStudy": False,
            "allowPreview": False,
            "dirName": folder,
            "comments": "",
            "jsonData": json.dumps(codes) if codes else None,
            "endRedirectUrl": "",
            "studyEntryMsg": None,
            "componentList": [
                {
                    "uuid": own("page"),
                    "title": "Page",
                    "htmlFilePath": "index.html",
                    "reloadable": True,
                    "active": True,
                    "comments": "",
                    "jsonData": None,
                }
            ],
            "batchList": [
                {
                    "uuid": own("batch"),
                    "title": "Default",
                    "active": True,
                    "maxActiveMembers": None,
                    "maxTotalMembers": None,
                    "maxTotalWorkers": len(session.participants),
                    "allowedWorkerTypes": list(_WORKERS),
                    "comments": None,
                    "jsonData": None,
                }
            ],
        },
    }


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
        The study, or its folder, with its page.
    out
        Folder to write.
    pipe
        Id of the experiment at DataPipe; without it, people download their records.
    codes
        Where a participant's code comes from if the address does not contain one
        (?participant=w0001). id: drawn by the id in the address, so that two people may get the
        same code; pipe: DataPipe's condition, one after the other.
    overwrite
        Replace a page that was written before.

    Returns
    -------
    The folder.
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
