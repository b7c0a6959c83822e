"""Checks of a study that is served: certificate, proxy, clock, disk and backups."""

import shutil
import socket
import sqlite3
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from twoalike.online._site import default_store
from twoalike.study import Study, TwoalikeError, declared, shortened

_PATIENCE_S, _APART_S = 10.0, 5.0
_RENEWED_DAYS = 20.0
"""Certificates are renewed a month before they end: with less left, something is wrong."""
_LITTLE, _TOO_LITTLE = 5.0, 0.5
"""Free GiB: a thousand sessions of 300 trials take .13, and each backup as much."""
_OLD_H, _TOO_OLD_H = 26.0, 72.0


class Finding(NamedTuple):
    """What one check found: its state is ``ok``, ``warn`` or ``fail``."""

    check: str
    state: str
    found: str
    remedy: str
    """What to do; empty where nothing is."""

    def __str__(self) -> str:
        return f"{self.state:<5} {self.check:<12} {self.found}. {self.remedy}".strip()


def doctor(*targets: str | Path, token: str = "", backups: str | Path = "") -> list[Finding]:
    """Check a study that is served, from outside by its address, and on the machine that serves it.

    Parameters
    ----------
    targets
        The address, as people see it (``https://...``), the folder of the study, or both.
    token
        Of the operator. Without it, nothing is known of what the proxy passes on.
    backups
        Folder of backups of the store (``*.sqlite``); if left out, ``STUDY-backups``.
    """
    found: list[_Verdict] = []
    for target in map(str, targets):
        if target.startswith(("http://", "https://")):
            found += _of_address(target.rstrip("/"), token)
        else:
            root = Study.load(target).root
            folder = Path(backups) if backups else root.with_name(f"{root.name}-backups")
            found += [_disk(shutil.disk_usage(root).free), _backup(default_store(root), folder)]
    if not found:
        expected = "the address of a study, or its folder"
        raise TwoalikeError(where="doctor", expected=expected, found="neither")
    words = declared("twoalike.online", "doctor.toml")
    made: dict[str, Finding] = {}
    for verdict, about in found:  # of two disks, the last target's
        check, _, case = verdict.partition(".")
        state, said, remedy = words[check][case]
        made[check] = Finding(check, state, said.format(**about), remedy)
    return list(made.values())


type _Verdict = tuple[str, dict[str, Any]]
"""Key of the words, and what they are filled in with."""


def _of_address(address: str, token: str) -> Iterator[_Verdict]:
    import httpx

    context = ssl.create_default_context()
    certificate = _certificate(address, context)
    yield certificate
    if certificate[0] not in ("certificate.valid", "certificate.ending"):
        return  # nothing that is secret goes over such a connection
    path = "/api/operator/health" if token else "/session.json"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    began = time.time()
    try:
        answer = httpx.get(address + path, headers=headers, verify=context, timeout=_PATIENCE_S)
    except httpx.HTTPError as error:
        yield "server.silent", {"said": shortened(str(error) or type(error).__name__)}
        return
    status = answer.status_code
    if status != 200:
        yield f"server.{'refused' if status == 403 else 'other'}", {"status": status, "path": path}
        return
    yield "server.answers", {}
    if date := answer.headers.get("date"):
        # Dates have whole seconds.
        served = parsedate_to_datetime(date).timestamp() + 0.5
        apart = abs(served - (began + time.time()) / 2)
        yield f"clock.{'apart' if apart > _APART_S else 'same'}", {"apart": apart}
    if not token:
        yield "proxy.unknown", {}
        return
    seen = answer.json()
    yield _proxy(seen, urlsplit(address).scheme), seen
    yield _disk(seen["free_bytes"])


def _certificate(address: str, context: ssl.SSLContext) -> _Verdict:
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme != "https":
        return "certificate.plain", {}
    place = (host, parts.port or 443)
    try:
        with (
            socket.create_connection(place, _PATIENCE_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            about: Any = secure.getpeercert()
    except ssl.SSLError as error:
        said = getattr(error, "verify_message", "") or error.reason or str(error)
        return "certificate.refused", {"said": said}
    except OSError as error:
        return "certificate.closed", {"host": host, "said": error.strerror or error}
    days = (ssl.cert_time_to_seconds(about["notAfter"]) - time.time()) / 86_400
    case = "ending" if days < _RENEWED_DAYS else "valid"
    return f"certificate.{case}", {"host": host, "days": days}


def _proxy(seen: dict[str, Any], scheme: str) -> str:
    if not seen["forwarded_for"]:
        return "proxy.address"
    if seen["address"] not in [one.strip() for one in seen["forwarded_for"].split(",")]:
        return "proxy.untrusted"
    return "proxy.passes" if seen["scheme"] == scheme else "proxy.scheme"


def _disk(free: int) -> _Verdict:
    left = free / 2**30
    case = "full" if left < _TOO_LITTLE else "little" if left < _LITTLE else "enough"
    return f"disk.{case}", {"free": left}


def _backup(store: Path, folder: Path) -> _Verdict:
    if not store.is_file():
        return "backup.no_store", {"store": store}
    made = {path.stat().st_mtime: path for path in folder.glob("*.sqlite")}
    if not made:
        return "backup.none", {"folder": folder}
    newest = made[last := max(made)]
    hours, said = (time.time() - last) / 3600, "ok"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(newest))}?mode=ro", uri=True)) as opened:
            (said,) = opened.execute("PRAGMA quick_check").fetchone()
            opened.execute("SELECT count(*) FROM sessions").fetchone()
    except sqlite3.Error as error:
        said = str(error)
    if said != "ok":
        return "backup.damaged", {"name": newest.name, "said": said}
    changed = max(path.stat().st_mtime for path in store.parent.glob(f"{store.name}*"))
    case = "late" if hours > _TOO_OLD_H else "due" if hours > _OLD_H else "new"
    case = "new" if changed < last else case  # nothing has been stored since
    return f"backup.{case}", {"name": newest.name, "hours": hours}
