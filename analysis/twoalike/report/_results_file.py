"""``results.json`` as the report reads it: looked through once, so that its sections may trust it.

Anybody may have changed the file, and versions differ. What the report does not show is not
looked at.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from twoalike.study import TwoalikeError, check_shape, read_json

ESTIMATE = {"value": float, "low": float, "high": float}
PERHAPS = (ESTIMATE, None)
REASONS = {str: str}
MODEL = {
    "name": str,
    "role": str,
    "similarity": str,
    "accuracy": PERHAPS,
    "log_loss": PERHAPS,
    "temperature": ({"value": float, "fitted": bool}, None),
    "difference": ({"accuracy?": ESTIMATE}, None),
    "gap_closed": PERHAPS,
    "groups": {str: {str: {"choices": int, "accuracy": ESTIMATE}}},
    "rdm": ({"spearman": ESTIMATE, "per_person": {"mean": float}}, None),
}
JUDGMENTS = {
    **{"choices": int, "participants": int, "objects": int},
    "chance": {"accuracy": float, "log_loss": float},
}
PARTS_OF_AGREEMENT = {
    "categories": {str: {str: {"accuracy": ESTIMATE}}},
    "majority": {"accuracy": PERHAPS, "scoring": str, "triplets": int},
}
CEILINGS = {
    "choices": int,
    "triplets": int,
    "missing": REASONS,
    "oracle?": PERHAPS,
    "majority?": ({"accepted?": PERHAPS}, None),
    "pair_agreement?": PERHAPS,
    "repeats?": ({"agreement?": PERHAPS}, None),
    "published?": ({"leave_one_out?": PERHAPS, "vanilla?": PERHAPS}, None),
    "groups?": ({str: {str: {"pair_agreement?": PERHAPS, "oracle?": PERHAPS}}}, None),
}
UNCERTAINTY_OF_ONE = {
    "calibration": {"error": {"top": {"debiased": ESTIMATE}}, "brier": ESTIMATE},
    "entropy": {"mean": ESTIMATE, "people?": ({"posterior?": ({"all?": PERHAPS}, None)}, None)},
    "response_time?": ({"trials?": ({"all?": PERHAPS}, None)}, None),
    "missing": REASONS,
}
STRUCTURE_OF_ONE = {
    "name": str,
    "distances": ({"kinds": {str: {"percent": PERHAPS}}}, None),
    "cka": (float, None),
    "debiased_cka": (float, None),
    "neighbours": ({"value": float}, None),
    "posterior": ({"spearman": ESTIMATE}, None),
}
MEASURE = {
    "measure": str,
    "level?": (str, None),
    "shots?": (int, None),
    "subclasses?": (str, None),
    "neighbours?": (int, None),
    "models": [
        {"name": str, "value": float, "low?": (float, None), "high?": (float, None)}
        | {"same_classes": ({"low": float, "high": float}, None)}
    ],
}
RESULTS = {
    "twoalike_version": str,
    "seed": object,
    "inputs": {str: {"file": str, "sha256": str}},
    "config": {"resamples": int},
    "models": [MODEL],
    "judgments": (JUDGMENTS, None),
    "rdm": (
        {"participants": int, "objects": int}
        | {"ceiling": ({"lower": float, "upper": float}, None)},
        None,
    ),
    "missing?": REASONS,
    "agreement?": ([PARTS_OF_AGREEMENT], None),
    "ceilings?": (CEILINGS, None),
    "uncertainty?": (
        {"models": [UNCERTAINTY_OF_ONE], "posterior": (UNCERTAINTY_OF_ONE, None)},
        None,
    ),
    "structure?": ({"reference": str, "objects": int, "models": [STRUCTURE_OF_ONE]}, None),
    "transfer?": ({"images": int, "measures": [MEASURE], "missing": REASONS}, None),
}
AGAIN = "Make it again with: twoalike evaluate"


def read_results(path: Path) -> dict[str, Any]:
    """Read ``results.json``.

    Raises
    ------
    TwoalikeError
        If it is damaged, of another kind or version, or its parts do not fit together.
    """
    content = read_json(path, "results")
    check_shape(content, RESULTS, str(path), AGAIN)
    for part in _misfits(content):
        raise TwoalikeError(f"{path}: {part} does not fit the models. {AGAIN}")
    return content


def _misfits(content: Mapping[str, Any]) -> Iterator[str]:
    """Parts that tell of other networks, or that a network lacks something of."""
    models = content["models"]
    names = {model["name"] for model in models}
    if not models or len(names) < len(models):
        yield "the list of names"
    first, *others = models
    if content["judgments"]:
        scores = ("accuracy", "log_loss", "temperature")
        if any(model[score] is None for model in models for score in scores):
            yield "judgments"
        if any("accuracy" not in (model["difference"] or {}) for model in others):
            yield "difference"
        for group, subsets in first["groups"].items():
            if any(not subsets.keys() <= model["groups"].get(group, {}).keys() for model in others):
                yield "groups"
    if content["rdm"] and any(model["rdm"] is None for model in models):
        yield "rdm"
    yield from _misfitting_parts(content, names)


def _misfitting_parts(content: Mapping[str, Any], names: set[str]) -> Iterator[str]:
    n = len(content["models"])
    if parts := content.get("agreement"):
        levels = parts[0]["categories"]
        if len(parts) != n or any(
            not labels.keys() <= part["categories"].get(level, {}).keys()
            for part in parts
            for level, labels in levels.items()
        ):
            yield "agreement"
    if (found := content.get("uncertainty")) and len(found["models"]) != n:
        yield "uncertainty"
    if (found := content.get("structure")) and not {of["name"] for of in found["models"]} <= names:
        yield "structure"
    if found := content.get("transfer"):
        for measure in found["measures"]:
            if not {of["name"] for of in measure["models"]} <= names:
                yield "transfer"
