"""Where a file came from: version, seed, inputs and settings, stored with every output.

No clock time is recorded, so the same inputs and seed give the same bytes.
"""

import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from twoalike.study._errors import TwoalikeError
from twoalike.study._files import require_file, sha256_file
from twoalike.study._json import parse_json
from twoalike.study._seed import written_seed

SCHEMA_VERSION = 1
"""Version of the file contracts between stages; readers refuse a newer one."""


def provenance(
    kind: str,
    *,
    seed: int | None = None,
    inputs: Mapping[str, Path] | None = None,
    config: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Describe an output for whoever finds it later.

    Parameters
    ----------
    kind
        What the file is (``posterior``, ``teacher``, ...).
    seed
        The seed that makes it again.
    inputs
        Input files, or folders of parts, by role; the name (without folders, which may tell of a
        person) and the SHA-256 of each is stored.
    config
        The resolved settings, JSON-ready.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "twoalike_version": version("twoalike"),
        "seed": None if seed is None else written_seed(seed),
        "inputs": {
            role: {"file": path.name, "sha256": _digest(path)}
            for role, path in (inputs or {}).items()
        },
        "config": dict(config or {}),
    }


def _digest(path: Path) -> str:
    """SHA-256 of a file, or of the names and hashes of a folder's files."""
    if not path.is_dir():
        return sha256_file(path)
    files = sorted(part for part in path.iterdir() if part.is_file() and part.name[0] != ".")
    listing = "".join(f"{part.name} {sha256_file(part)};" for part in files)
    return hashlib.sha256(listing.encode()).hexdigest()


def read_json(path: Path, kind: str) -> dict[str, Any]:
    """Read a JSON file that :func:`provenance` described and check that it is a ``kind``.

    Raises
    ------
    TwoalikeError
        If the file is missing, not JSON, of another kind or of a newer schema.
    """
    require_file(path, f"a {kind} description (JSON)")
    content = parse_json(path.read_bytes(), path)
    if not isinstance(content, dict) or content.get("kind") != kind:
        found = content.get("kind") if isinstance(content, dict) else type(content).__name__
        raise TwoalikeError(f"{path}: expected kind {kind!r}, found {found!r}.")
    version = content.get("schema_version", 0)
    if not isinstance(version, int):
        raise TwoalikeError(
            f"{path}: expected schema_version as a whole number, found {str(version)[:40]!r}. The "
            "file is damaged."
        )
    if version > SCHEMA_VERSION:
        raise TwoalikeError(
            f"{path}: written with schema {version}, this twoalike reads up to "
            f"{SCHEMA_VERSION}. Upgrade twoalike."
        )
    return content
