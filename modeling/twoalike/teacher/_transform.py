"""Transforms fitted by gLocal (``transform.npz``), read as teachers.

    x' = weightsᵀ (x - mean) / std + bias,    S_ij = <x'_i, x'_j>

``mean`` and ``std`` are one number for all features or one per feature, and choice probabilities
are the softmax of the raw dot products (Muttenthaler et al., NeurIPS 2023, arXiv:2306.04507). As an
:class:`AffineTeacher` the map has no identity block and the temperature 1; people's choices, if
there are any, set another temperature.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from twoalike.features import FeatureTable, as_features
from twoalike.study import Floats, TwoalikeError, check_replaceable, load_arrays, provenance
from twoalike.teacher._fit import Choices
from twoalike.teacher._labels import odd_logits
from twoalike.teacher._teach import odd_choices
from twoalike.teacher._teacher import AffineTeacher, load_teacher, save_teacher

NEEDED = ("weights", "mean", "std")


def import_transform(
    file: str | Path,
    out: str | Path | None = None,
    *,
    backbone: str | None = None,
    choices: str | Path | None = None,
    features: str | Path | None = None,
    objects: str | Path | None = None,
    overwrite: bool = False,
) -> AffineTeacher:
    """Make a teacher of a transform fitted by gLocal.

    Parameters
    ----------
    file
        The ``transform.npz``, as for :func:`read_transform`.
    out
        Folder to write the teacher to; None: do not save it.
    backbone
        The network whose features it maps.
    choices
        Judgments that set the temperature (:func:`set_temperature_by_choices`); needs
        ``features``. Without them it is 1.
    features
        File of the network's features of at least the judged objects.
    objects
        File of object ids, one per line, if the file of features has none.
    overwrite
        Replace ``out`` if it holds a teacher.
    """
    if out is not None:
        check_replaceable(Path(out), "teacher.json", overwrite=overwrite)
    if (choices is None) != (features is None):
        given, missing = ("choices", "features") if features is None else ("features", "choices")
        raise TwoalikeError(
            f"sets the temperature with `{missing}=...`",
            where=f"`{given}=...`",
            remedy="Give both.",
        )
    teacher = read_transform(file, backbone)
    inputs = {"transform": Path(file)}
    if choices is not None and features is not None:
        table = as_features(features, objects)
        teacher = set_temperature_by_choices(teacher, table, odd_choices(choices, table.ids))
        inputs |= {"choices": Path(choices), "features": Path(features)}
    if out is None:
        return teacher
    save_teacher(out, teacher, provenance("teacher", inputs=inputs, config={"backbone": backbone}))
    return load_teacher(out)


def read_transform(path: str | Path, backbone: str | None = None) -> AffineTeacher:
    """Read gLocal's ``transform.npz`` as a teacher at temperature 1.

    It has arrays ``weights`` (p, D), ``mean`` and ``std`` (one number, or (p,)), optionally
    ``bias`` (D,). The file does not name the network whose p features it maps.
    """
    path = Path(path)
    found = load_arrays(path, "a transform (.npz with weights, mean, std)")
    arrays = found if isinstance(found, dict) else {"an array without a name": found}
    names = [name for name in (*NEEDED, "bias") if name in arrays]
    if names[:3] != list(NEEDED):
        expected = f"arrays {', '.join(NEEDED)}"
        raise TwoalikeError(where=path, expected=expected, found=", ".join(arrays) or "none")
    for name in names:
        if arrays[name].dtype.kind not in "fiu" or not np.isfinite(arrays[name]).all():
            odd = f"{arrays[name].dtype}, or NaN or infinite values"
            raise TwoalikeError(where=path, expected=f"{name} as finite numbers", found=odd)
    weights = arrays["weights"].astype(np.float64)
    if weights.ndim != 2 or 0 in weights.shape:
        raise TwoalikeError(
            where=path, expected="weights of shape (features, dimensions)", found=weights.shape
        )
    p, d = weights.shape
    mean, std = (_one_or_each(arrays[name], p, f"{path}: {name}") for name in ("mean", "std"))
    if not (std > 0).all():
        raise TwoalikeError(where=path, expected="std above 0", found=f"{std.min():g}")
    bias = _one_or_each(arrays.get("bias", np.zeros(d)), d, f"{path}: bias")
    one = bool((std == std[0]).all())
    # If each feature has its own spread, the weights are divided by it.
    weight = weights.T if one else weights.T / std
    return AffineTeacher(
        mean=mean.astype(np.float32),
        scale=float(std[0]) if one else 1.0,
        weight=np.ascontiguousarray(weight, dtype=np.float32),
        bias=bias.astype(np.float32),
        identity=0.0,
        temperature=1.0,
        description={
            "method": "imported affine",
            "from": {"features": p} | ({"backbone": backbone} if backbone else {}),
            "to": {"objects": "unknown", "dimensions": d},
            "settled_on": "nothing: the temperature is that of the file, 1",
            "validation": None,
        },
    )


def _one_or_each(values: Floats, n: int, where: str) -> Floats:
    """Values of n features, from one number for all of them or one per feature."""
    if values.size not in (1, n):
        raise TwoalikeError(
            where=where, expected=f"one number or {n}", found=f"shape {values.shape}"
        )
    return np.broadcast_to(values.astype(np.float64).reshape(-1), n)


def set_temperature_by_choices(
    teacher: AffineTeacher, features: FeatureTable, choices: Choices
) -> AffineTeacher:
    """Return the teacher at the temperature that predicts people's choices best.

    One number is fitted to all choices, whose triplets are rows of ``features``, so its score on
    them is close to that on new choices of the same objects. The description holds the scores at
    the old and the new temperature.
    """
    part, triplets = features.shown(choices.triplets)
    x = teacher.embed(part).astype(np.float64)
    logits = odd_logits(x @ x.T, triplets)
    (share,) = choices.fit_mixture([logits])
    if not share > 0:
        raise TwoalikeError(
            "the transform does not predict the choices: the best probabilities ignore it",
            remedy="Check that it was made for these features, and that ids and features belong "
            "together.",
        )
    scores: dict[str, Any] = {}
    for kind, of_kind in choices.by_kind().items():
        before = choices.score(logits * (1 / teacher.temperature), of_kind)
        scores[kind] = {
            "n": len(of_kind),
            "lapse": choices.lapse,
            "teacher": choices.score(logits * share, of_kind),
            "before": before | {"temperature": teacher.temperature},
        }
    description = {
        **teacher.description,
        "settled_on": "choices",
        "validation": {"split": "none: the temperature is fitted to these", **scores},
    }
    return replace(teacher, temperature=float(1 / share), description=description)
