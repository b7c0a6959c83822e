"""A teacher's folder: ``teacher.json`` says what it is, ``teacher.safetensors`` holds arrays.

Both are read without torch: whoever predicts choices needs none.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from twoalike.study import (
    TwoalikeError,
    atomic_directory,
    read_json,
    require_file,
    sha256_file,
    write_json,
)
from twoalike.teacher._affine import AffineTeacher

ARRAYS = ("mean", "weight", "bias")


def save_teacher(folder: Path, teacher: AffineTeacher, provenance: Mapping[str, Any]) -> None:
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

    arrays = {name: np.ascontiguousarray(getattr(teacher, name)) for name in ARRAYS}
    with atomic_directory(folder) as temporary:
        save_file(arrays, temporary / "teacher.safetensors")
        content = {
            **provenance,
            **teacher.description,
            "scale": teacher.scale,
            "identity": teacher.identity,
            "temperature": teacher.temperature,
            "arrays_sha256": sha256_file(temporary / "teacher.safetensors"),
        }
        write_json(temporary / "teacher.json", content)


def load_teacher(folder: Path) -> AffineTeacher:
    """Read a teacher's folder.

    Raises
    ------
    TwoalikeError
        If it is missing, damaged, or of another kind.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not folder.is_dir():
        raise TwoalikeError(
            f"{folder}: expected a teacher's folder, found none. Make one with: twoalike teach"
        )
    content = read_json(folder / "teacher.json", "teacher")
    path = require_file(folder / "teacher.safetensors", "the teacher's arrays")
    if sha256_file(path) != content.get("arrays_sha256"):
        raise TwoalikeError(
            f"{path}: not the arrays that teacher.json describes, damaged or exchanged. Teach "
            "again."
        )
    try:
        arrays = load_file(path)
        teacher = AffineTeacher(
            **{name: arrays[name] for name in ARRAYS},
            scale=float(content["scale"]),
            identity=float(content["identity"]),
            temperature=float(content["temperature"]),
            description=content,
        )
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise TwoalikeError(f"{folder}: not a whole teacher ({error}). Teach again.") from error
    return teacher
