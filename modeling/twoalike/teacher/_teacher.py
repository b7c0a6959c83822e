"""Teachers of both kinds, and their folders.

``teacher.json`` describes the teacher, ``teacher.safetensors`` holds its arrays. Both are read
without torch, which predicting choices does not need.
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
    usual_permissions,
    write_json,
)
from twoalike.teacher._affine import AffineTeacher
from twoalike.teacher._posterior import PosteriorTeacher

ARRAYS = ("mean", "weight", "bias")


type Teacher = AffineTeacher | PosteriorTeacher
"""Similarities of objects, one set or one per posterior draw.

Training needs only ``positions``: the dot products of a draw's positions are the logits of the
choice model. With one draw per step a student learns the posterior's uncertainty over time;
averaged over draws, probabilities are predictive. The dot products of all draws' positions,
concatenated and divided by the root of their number, are the mean similarities.
"""


def likeness_of(description: Mapping[str, Any]) -> dict[str, str]:
    """Say whose likeness a teacher or a posterior is, for the public; nothing if of all people.

    A group is named; a participant is not. With it goes the record of the judgments that it was
    fitted to (:func:`twoalike.judgments.packed_codes`), which holds no answers.
    """
    found = {"judged": description["judged"]} if "judged" in description else {}
    if "participant" in description:
        found["likeness"] = "one participant"
    elif "group" in description:
        found["likeness"] = f"the group {str(description['group'])!r}"
    return found


def save_teacher(folder: str | Path, teacher: Teacher, provenance: Mapping[str, Any]) -> None:
    """Write a teacher to a folder, all or nothing; an earlier one is replaced.

    Its description goes into teacher.json, with ``provenance`` of the kind ``teacher``.
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
    with atomic_directory(Path(folder)) as temporary:
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        save_file(contiguous, temporary / "teacher.safetensors")
        usual_permissions(temporary / "teacher.safetensors")
        content = {
            **provenance,
            **teacher.description,
            **numbers,
            "arrays_sha256": sha256_file(temporary / "teacher.safetensors"),
            **({"ids": list(ids)} if ids else {}),
        }
        write_json(temporary / "teacher.json", content)


@overload
def load_teacher(folder: str | Path) -> AffineTeacher: ...
@overload
def load_teacher(folder: str | Path, *, any_kind: Literal[True]) -> Teacher: ...
def load_teacher(folder: str | Path, *, any_kind: bool = False) -> Teacher:
    """Read a teacher's folder; with ``any_kind`` also one that maps no features."""
    folder = Path(folder)
    if not folder.is_dir():
        raise TwoalikeError(
            where=folder,
            expected="a teacher's folder",
            found="none",
            remedy="Make one with: twoalike teach",
        )
    content = read_json(folder / "teacher.json", "teacher")
    of_posterior = content.get("method") == "posterior"
    if of_posterior and not any_kind:
        raise TwoalikeError(
            where=folder,
            expected="a teacher that maps features",
            found="a posterior, which covers judged objects only",
            remedy="Teach with `features=...`.",
        )
    arrays = _arrays(folder, content)
    try:
        if of_posterior:
            return PosteriorTeacher(
                ids=_ids(content, arrays["draws"].shape[1]),
                draws=arrays["draws"],
                mode=content["labels"],
                description=content,
                folder=folder,
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
            folder=folder,
        )
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise _damaged(folder, error) from error


def _arrays(folder: Path, content: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = require_file(folder / "teacher.safetensors", "the teacher's arrays")
    if sha256_file(path) != content.get("arrays_sha256"):
        raise TwoalikeError(
            "the arrays are not those that teacher.json describes (damaged or exchanged)",
            where=path,
            remedy="Teach again.",
        )
    try:
        arrays: dict[str, npt.NDArray[Any]] = load_file(path)
    except (SafetensorError, OSError) as error:
        raise _damaged(folder, error) from error
    return arrays


def _ids(content: Mapping[str, Any], n: int) -> tuple[str, ...]:
    ids = tuple(map(str, content["ids"]))
    if len(ids) != n:
        raise ValueError(f"{len(ids)} ids for {n} objects")
    return ids


def _damaged(folder: Path, error: Exception) -> TwoalikeError:
    return TwoalikeError(f"incomplete teacher ({error})", where=folder, remedy="Teach again.")
