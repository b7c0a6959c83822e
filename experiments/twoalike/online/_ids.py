"""The key of an online study: it makes tokens and codes, and encrypts the ids of people.

The secret of 32 bytes is in a file of its own, apart from the records. Tokens of sessions and codes
for withdrawal are computed from it (HMAC-SHA256, with one label per purpose) and need no table; ids
such as PROLIFIC_PID and one-time links are recognised by such a code; ids are also kept encrypted
(Fernet) for the payment. Once the key is deleted, no session can be traced to a person.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from twoalike.study import TwoalikeError, sync_folder, writing

_BYTES = 32
_ALPHABET = str.maketrans("OI", "89")
"""Base32 without letters that look like digits: it has neither 8 nor 9."""


def hashed(secret: str) -> str:
    """SHA-256 of a random secret, by which it is recognised where it must not be kept."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Key:
    """The secret of one study: 32 random bytes."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def _code(self, purpose: str, value: str) -> bytes:
        return hmac.digest(self._secret, f"{purpose}:{value}".encode(), "sha256")

    def token(self, session: str, participant: str) -> str:
        """Token by which a browser shows that a session is its own.

        It carries the participant's code: a session may be entered again in a restored store.
        """
        code = self._code("token", f"{session}.{participant}")
        text = base64.urlsafe_b64encode(code).decode().rstrip("=")
        return f"{session}.{participant}.{text}"

    def session_of(self, token: str) -> tuple[str, str] | None:
        """Session and participant of a token; None if the token was not made by this key."""
        session, _, rest = token.partition(".")
        participant, _, _ = rest.partition(".")
        right = hmac.compare_digest(self.token(session, participant).encode(), token.encode())
        return (session, participant) if right else None

    def withdrawal(self, session: str) -> str:
        """Code by which a participant withdraws, such as ``K7QP-M2XA-9CVB-T4RD``."""
        code = base64.b32encode(self._code("withdraw", session)[:10]).decode().translate(_ALPHABET)
        return "-".join(code[start : start + 4] for start in range(0, 16, 4))

    def mark(self, kind: str, value: str = "") -> str:
        """Code by which an id of a person, a one-time link or the key itself is recognised."""
        return self._code(kind, value).hex()

    def erased(self, participant: str) -> str:
        """Fact by which the participant's code of an erased person is recognised."""
        return f"erased {self.mark('erased', participant)}"

    @cached_property
    def _fernet(self) -> Any:
        from cryptography.fernet import Fernet

        return Fernet(base64.urlsafe_b64encode(self._code("ids", "")))

    def close(self, ids: Mapping[str, str]) -> str:
        """Encrypt the ids of a person."""
        return str(self._fernet.encrypt(json.dumps(dict(ids)).encode()).decode())

    def open(self, closed: str) -> dict[str, str]:
        """Decrypt the ids of a person, for the payment."""
        found: dict[str, str] = json.loads(self._fernet.decrypt(closed.encode()))
        return found


def withdrawal_as_typed(code: str) -> str:
    """Bring a code for withdrawal that a person typed into the form it was given in."""
    letters = "".join(mark for mark in code.upper() if mark.isalnum()).translate(_ALPHABET)
    return "-".join(letters[start : start + 4] for start in range(0, len(letters), 4))


def load_key(path: Path) -> Key:
    """Read the key from its file."""
    if not path.is_file():
        raise TwoalikeError(
            where=path,
            expected="the key of the study",
            found="none",
            remedy="Put it back, or copy it from the machine that serves the study already. Where "
            "it was deleted on purpose, ids and tokens are lost: serve with another store.",
        )
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise TwoalikeError(
            where=path,
            expected="a file that only its owner can read",
            found=f"permissions {path.stat().st_mode & 0o777:o}",
            remedy=f"Run: chmod 600 {path}",
        )
    try:
        secret = base64.b64decode(path.read_bytes().strip(), validate=True)
    except ValueError:
        secret = b""
    if len(secret) != _BYTES:
        raise TwoalikeError(
            where=path, expected=f"{_BYTES} bytes in base64", found="something else"
        )
    return Key(secret)


def make_key(path: Path) -> Key:
    """Make a key, in a file that only its owner can read."""
    secret = secrets.token_bytes(_BYTES)
    with writing(path):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(secret) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
    return Key(secret)
