"""Where a file came from: version, seed, inputs and settings, stored with every output.

No clock time is recorded, so the same inputs and seed give the same bytes.

Trial lists follow from the seed and the participant's code. A seed that can be found by trying
small numbers therefore reveals for which code a published list was made, so the seed of a new study
has 128 bits. TOML guarantees integers of 64 bits, and JSON of 53; larger seeds are written as
hexadecimal text in both.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Collection, Mapping
from functools import cache
from importlib.metadata import version
from numbers import Integral
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer

from twoalike.study._errors import TwoalikeError, shortened
from twoalike.study._reading import parse_json_table, require_file, sha256_file
from twoalike.study._settings import describe_changes

SCHEMA_VERSION = 1
"""Version of the file contracts between stages; readers refuse a newer one."""
_BITS = 128
"""Size of a seed that the operating system draws."""
_MOST_PARTS = 10_000_000
"""More parts than any folder has: their names alone would fill the memory."""
SAFE_SEED = 2**64
"""Smaller seeds can be found by trying."""
_EXACT = 2**53
"""Every reader of JSON keeps integers up to here exactly."""
_HEXADECIMAL = re.compile(r"0x[0-9a-f]+")


def draw_seed() -> int:
    """Draw a seed from the operating system, too large to be found by trying."""
    return secrets.randbits(_BITS)


def check_seed(seed: int | None) -> None:
    """Refuse a seed that no generator takes; None is the study's own."""
    if seed is not None and seed < 0:
        raise TwoalikeError(where=f"`seed={seed}`", expected="a whole number from 0")


def written_seed(seed: int) -> int | str:
    """Seed as written to files: a number, or hexadecimal text if a number would lose digits."""
    return seed if seed <= _EXACT else hex(seed)


def read_seed(value: Any) -> Any:
    """Seed from a file: :func:`written_seed` undone; anything else is returned unchanged."""
    hexadecimal = isinstance(value, str) and _HEXADECIMAL.fullmatch(value)
    return int(value, 16) if hexadecimal else value


Seed = Annotated[
    int, BeforeValidator(read_seed), PlainSerializer(written_seed, when_used="json"), Field(ge=0)
]
"""Type of a seed in settings."""


@cache
def own_version() -> str:
    """Version of twoalike; read from the installed package once."""
    return version("twoalike")


def provenance(
    kind: str,
    *,
    seed: int | None = None,
    inputs: Mapping[str, Path] | None = None,
    config: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Describe an output for whoever finds it later: what it is, and what makes it again.

    Of ``inputs``, files or folders of parts by role, the name (without folders, which may name a
    person) and the SHA-256 are stored; ``config`` are the resolved settings, JSON-ready.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "twoalike_version": own_version(),
        "seed": None if seed is None else written_seed(seed),
        "inputs": {
            role: {"file": path.name, "sha256": _digest(path)}
            for role, path in (inputs or {}).items()
        },
        "config": dict(config or {}),
    }


def _digest(path: Path) -> str:
    if not path.is_dir():
        return sha256_file(path)
    files = sorted(part for part in path.iterdir() if part.is_file() and part.name[0] != ".")
    listing = "".join(f"{part.name} {sha256_file(part)};" for part in files)
    return hashlib.sha256(listing.encode()).hexdigest()


def read_json(path: Path, kind: str) -> dict[str, Any]:
    """Read a JSON file with a :func:`provenance` and check that it is a ``kind``."""
    require_file(path, f"a {kind} description (JSON)")
    content = parse_json_table(path.read_bytes(), path)
    if content.get("kind") != kind:
        raise TwoalikeError(f"{path}: expected kind {kind!r}, found {content.get('kind')!r}.")
    check_schema(content.get("schema_version", 0), path)
    return content


def check_schema(found: Any, path: Path, latest: int = SCHEMA_VERSION) -> None:
    """Refuse a file of a form that is newer than the latest known."""
    if not isinstance(found, Integral):
        raise TwoalikeError(
            f"{path}: expected schema_version as a whole number, found {str(found)[:40]!r}. The "
            "file is damaged."
        )
    if int(found) > latest:
        raise TwoalikeError(
            f"{path}: written with schema {found}, this twoalike reads up to {latest}. Upgrade "
            "twoalike."
        )


def claim_parts(
    folder: Path, plan: Mapping[str, Any], name: str, *, beside: Collection[str] = ()
) -> None:
    """Make sure that a folder is new, or holds parts of this very plan.

    A folder of parts holds files that several machines make, each whole or absent, and a plan: a
    JSON file called ``name`` that says how many there will be (``shards``) and what they are made
    from. Files listed in ``beside`` may be there before the plan is.
    """
    kind = plan["kind"]
    if folder.exists() and not folder.is_dir():
        raise TwoalikeError(f"{folder}: expected a folder for the {kind}, found a file.")
    if (folder / name).is_file():
        changes = describe_changes(read_json(folder / name, kind), plan)
        if changes:
            raise TwoalikeError(
                f"{folder}: holds {kind} of another run ({changes}). Give the same, or choose "
                "another output."
            )
        return
    found = [path.name for path in folder.glob("*") if not path.name.startswith(".")]
    foreign = [other for other in found if other not in beside]
    if foreign:
        raise TwoalikeError(
            f"{folder}: expected a new folder for the {kind}, found {foreign[0]} in it."
        )


def part_of(words: str | None) -> tuple[int, int]:
    """Turn ``2/8`` into (1, 8): which worker this is, from 0, of how many; None: the only one."""
    if words is None:
        return 0, 1
    number, _, of = words.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise TwoalikeError(where="`part=...`", expected="a part such as 2/8", found=repr(words))
    return int(number) - 1, int(of)


def whole_parts(
    folder: Path, name: str, kind: str, part: Callable[[Path, int], Path]
) -> tuple[list[Path], dict[str, Any]]:
    """Files of a folder of parts (:func:`claim_parts`) that is complete, in order, and its plan.

    ``part`` gives the file of a part by its number, from 0.
    """
    if not folder.is_dir():
        raise TwoalikeError(f"{folder}: expected a folder of {kind}, found none. Check the path.")
    plan = read_json(folder / name, kind)
    shards = plan.get("shards")
    if type(shards) is not int or not 0 < shards < _MOST_PARTS:
        raise TwoalikeError(
            f"{folder / name}: expected shards as a whole number from 1, found "
            f"{shortened(repr(shards), 40)}. The file is damaged."
        )
    paths = [part(folder, number) for number in range(shards)]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise TwoalikeError(
            f"{folder}: expected {len(paths)} shards, found {len(paths) - len(missing)}, first "
            f"missing {missing[0]}. Give the command that made them again: it goes on."
        )
    return paths, plan
