"""What the doctor says of a server with a self-made certificate, behind a proxy or not."""

import ipaddress
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.online.server_study import built_study, served
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from twoalike.cli import app as cli
from twoalike.online import default_store, doctor, new_token


def certificate(folder: Path, days: float, name: str) -> Path:
    """Self-signed certificate and its key, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lab")])
    other = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))])
    made = x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(9)).not_valid_after(now + timedelta(days))
    signed = made.add_extension(other, critical=False).sign(key, hashes.SHA256())
    pem, own = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    content = key.private_bytes(pem, own, serialization.NoEncryption()) + signed.public_bytes(pem)
    (folder / "both.pem").write_bytes(content)
    return folder / "both.pem"


@contextmanager
def listening(study: Path, both: Path, *sent: tuple[bytes, bytes]) -> Iterator[str]:
    """Serve a study over TLS, with the headers that a proxy would add."""
    with served(study) as server:
        behind: Any = ProxyHeadersMiddleware(server.client.app)  # type: ignore[arg-type]

        async def app(scope: Any, receive: Any, send: Any) -> None:
            headers = [*scope["headers"], *sent]
            await behind({**scope, "scheme": "http", "headers": headers}, receive, send)

        files: Any = {"ssl_certfile": both, "ssl_keyfile": both}
        config = uvicorn.Config(app, port=0, lifespan="off", proxy_headers=False, **files)
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, daemon=True)
        thread.start()
        while not running.started:
            time.sleep(0.01)
        yield f"https://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
        running.should_exit = True
        thread.join()


PROXY = (b"x-forwarded-for", b"192.0.2.7"), (b"x-forwarded-proto", b"https")


@pytest.mark.parametrize(
    ("about", "check", "words"),
    [
        ({}, "certificate", "ok valid for 127.0.0.1, 60 days left"),
        ({}, "clock", "ok the server's differs"),
        ({}, "proxy", "ok passes on address and encryption"),
        ({"sent": ()}, "proxy", "fail X-Forwarded-For does not arrive"),
        ({"sent": PROXY[:1]}, "proxy", "fail X-Forwarded-Proto does not arrive"),
        ({"days": 5.0}, "certificate", "warn valid for 127.0.0.1, 5 days left"),
        ({"days": -1.0}, "certificate", "fail certificate has expired"),
        ({"name": "192.0.2.1"}, "certificate", "fail IP address mismatch"),
        ({"trusted": False}, "certificate", "fail self-signed certificate"),
        ({"token": "another"}, "server", "fail the token is refused (HTTP 403)"),
    ],
)
def test_what_is_right_or_wrong_with_a_server_is_said(
    about: dict[str, Any], check: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = built_study(tmp_path)
    both = certificate(tmp_path, about.get("days", 60.0), about.get("name", "127.0.0.1"))
    if about.get("trusted", True):
        monkeypatch.setenv("SSL_CERT_FILE", str(both))
    token = about.get("token") or new_token(study)
    with listening(study, both, *about.get("sent", PROXY)) as address:
        found = {one.check: f"{one.state} {one.found}" for one in doctor(address, token=token)}
    assert found[check].startswith(words)
    # After a failure of these, nothing else is asked, and no token is sent.
    ends = check in ("certificate", "server") and words.startswith("fail")
    assert ("proxy" not in found) == ends


def test_backups_are_there_new_and_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = built_study(tmp_path)
    new_token(study)
    copy = tmp_path / "study-backups" / "monday.sqlite"
    copy.parent.mkdir()
    assert doctor(study)[-1].found == f"none in {copy.parent}"
    with sqlite3.connect(default_store(study)) as opened, sqlite3.connect(copy) as made:
        opened.backup(made)
    assert doctor(study)[-1].state == "ok"
    os.utime(copy, (time.time() - 30 * 3600,) * 2)
    assert (doctor(study)[-1].state, doctor(study)[-1].found) == ("warn", "monday.sqlite, 30 h old")
    shutil.copyfile(study / "study.toml", copy)
    with pytest.raises(SystemExit) as caught:
        cli.main(["online", "doctor", str(study)])
    assert caught.value.code == 1
    printed = capsys.readouterr()
    assert "fail  backup" in printed.out
    assert "failed: backup" in printed.err
