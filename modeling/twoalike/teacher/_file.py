"""A teacher's folder: ``teacher.json`` says what it is, ``teacher.safetensors`` holds arrays.

Both are read without torch: whoever predicts choices needs none.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt

from twoalike.study import (
    TwoalikeError,
    atomic_directory,
    read_json,
    require_file,
    sha256_file,
    write_json,
)
from twoalike.teacher._affine import AffineTeacher
from twoalike.teacher._posterior import PosteriorTeacher

ARRAYS = ("mean", "weight", "bias")
type Arrays = dict[str, npt.NDArray[Any]]


def save_teacher(
    folder: Path, teacher: AffineTeacher | PosteriorTeacher, provenance: Mapping[str, Any]
) -> None:
    """Write a teacher, all or nothing.

    Parameters
    ----------
    folder
        Made or replaced.
    teacher
        Its description goes into teacher.json.
    provenance
        Of :func:`twoalike.study.provenance`, kind ``teacher``.
    """
    from safetensors.numpy import save_file

    numbers: dict[str, Any] = {"temperature": teacher.temperature}
    if isinstance(teacher, PosteriorTeacher):
        arrays, ids = {"draws": teacher.draws}, teacher.ids
        numbers |= {"method": "posterior", "labels": teacher.mode}
    else:
        arrays, ids = {name: getattr(teacher, name) for name in ARRAYS}, teacher.known_ids
        arrays |= {} if teacher.known is None else {"known": teacher.known}
        numbers |= {"scale": teacher.scale, "identity": teacher.identity}
    with atomic_directory(folder) as temporary:
        whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        save_file(whole, temporary / "teacher.safetensors")
        content = {
            **provenance,
            **teacher.description,
            **numbers,
            "arrays_sha256": sha256_file(temporary / "teacher.safetensors"),
            **({"ids": list(ids)} if ids else {}),
        }
        write_json(temporary / "teacher.json", content)


@overload
def load_teacher(folder: Path) -> AffineTeacher: ...
@overload
def load_teacher(folder: Path, *, any_kind: Literal[True]) -> AffineTeacher | PosteriorTeacher: ...
def load_teacher(folder: Path, *, any_kind: bool = False) -> AffineTeacher | PosteriorTeacher:
    """Read a teacher's folder.

    Parameters
    ----------
    any_kind
        Whether a teacher will do that knows judged objects only; else it must map features.

    Raises
    ------
    TwoalikeError
        If it is missing, damaged, or of another kind.
    """
    if not folder.is_dir():
        raise TwoalikeError(
            f"{folder}: expected a teacher's folder, found none. Make one with: twoalike teach"
        )
    content = read_json(folder / "teacher.json", "teacher")
    of_posterior = content.get("method") == "posterior"
    if of_posterior and not any_kind:
        raise TwoalikeError(
            f"{folder}: expected a teacher that maps features, found a posterior, which knows "
            "judged objects only. Teach with --features."
        )
    arrays = _arrays(folder, content)
    try:
        if of_posterior:
            return PosteriorTeacher(
                ids=_ids(content, arrays["draws"].shape[1]),
                draws=arrays["draws"],
                mode=content["labels"],
                description=content,
            )
        known = arrays.get("known")
        return AffineTeacher(
            **{name: arrays[name] for name in ARRAYS},
            scale=float(content["scale"]),
            identity=float(content["identity"]),
            temperature=float(content["temperature"]),
            description=content,
            known_ids=() if known is None else _ids(content, len(known)),
            known=known,
        )
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise TwoalikeError(f"{folder}: not a whole teacher ({error}). Teach again.") from error


def _arrays(folder: Path, content: Mapping[str, Any]) -> Arrays:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = require_file(folder / "teacher.safetensors", "the teacher's arrays")
    if sha256_file(path) != content.get("arrays_sha256"):
        raise TwoalikeError(
            f"{path}: not the arrays that teacher.json describes, damaged or exchanged. Teach "
            "again."
        )
    try:
        arrays: Arrays = load_file(path)
    except (SafetensorError, OSError) as error:
        raise TwoalikeError(f"{folder}: not a whole teacher ({error}). Teach again.") from error
    return arrays


def _ids(content: Mapping[str, Any], n: int) -> tuple[str, ...]:
    ids = tuple(map(str, content["ids"]))
    if len(ids) != n:
        raise ValueError(f"{len(ids)} ids for {n} objects")
    return ids
