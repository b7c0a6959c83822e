"""``twoalike teach``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from twoalike.embedding import Posterior
    from twoalike.teacher import Judgments


def teach(
    posterior: Path,
    /,
    *,
    features: Path,
    out: Path,
    objects: Path | None = None,
    choices: Path | None = None,
    labels: Literal["auto", "predictive", "plugin"] = "auto",
    untransformed: bool = False,
    folds: int = 8,
    seed: int = 0,
) -> None:
    """Fit the map from a network's features into the human space of a posterior.

    The map makes a teacher for images that nobody judged. It is fitted to the objects that were
    judged, and its penalty, temperature and scores come from objects held out from it.

    Examples
    --------
        twoalike teach posterior.nc --features base.npz --out teacher
        twoalike teach posterior.nc --features clip.npy --objects ids.txt --choices new.parquet --out teacher
        twoalike teach posterior.nc --features base.npz --untransformed --out control

    Parameters
    ----------
    posterior
        File written by twoalike fit.
    features
        The network's features of at least the judged objects (.npz, .parquet, .h5, or .npy with --objects).
    out
        Teacher's folder to make.
    objects
        Object ids, one a line, of a file of features that holds none.
    choices
        Judgments (choices.parquet), at best all there are: they set the penalty and the
        temperature, and the map is scored on them. Choices the posterior was not fitted to
        also decide which labels are taught.
    labels
        predictive: averaged over the posterior's draws; plugin: of its mean similarities; auto:
        whichever predicts --choices better, predictive without new choices.
    untransformed
        Make the control: the network's own similarities at the temperature that suits the
        labels.
    folds
        Folds of objects.
    seed
        Seed of the folds and of the triplets with labels.
    """  # noqa: E501
    from twoalike.embedding import Posterior
    from twoalike.features import read_features
    from twoalike.study import TwoalikeError, provenance
    from twoalike.teacher import TeachConfig, fit_teacher, save_teacher

    if folds < 2:
        raise TwoalikeError(f"--folds: expected at least 2, found {folds}.")
    if seed < 0:
        raise TwoalikeError(f"--seed: expected a number from 0, found {seed}.")
    fitted = Posterior.load(posterior)
    table = read_features(features, objects)
    judgments = _judgments(choices, fitted) if choices else None
    gate = _compare(fitted, choices, judgments)
    mode = gate.get("chosen", "predictive") if labels == "auto" else labels
    config = TeachConfig(untransformed=untransformed, mode=mode, folds=folds, seed=seed)
    teacher = fit_teacher(fitted, table, config, judged=_judged(fitted), choices=judgments)
    inputs = {"posterior": posterior, "features": features}
    inputs |= {"choices": choices} if choices else {}
    origin = provenance("teacher", seed=seed, inputs=inputs, config=config.model_dump(mode="json"))
    save_teacher(out, teacher, {**origin, "label_comparison": gate})
    print(f"{out}  {_summary(teacher.description)}")  # noqa: T201
    said = teacher.description
    _show(gate, mode, said["settled_on"], said["validation"])


def _judged(posterior: "Posterior") -> "npt.NDArray[np.bool_] | None":
    """Which objects were shown in judgments, where the posterior says so."""
    tree = posterior.tree
    if "constant_data" not in tree.children or "shown" not in tree["constant_data"].dataset:
        return None
    counts = tree["constant_data"].dataset["shown"].values
    judged: npt.NDArray[np.bool_] = counts > 0
    return judged


def _judgments(choices: Path, posterior: "Posterior") -> "Judgments":
    """Odd-one-out judgments of the posterior's objects."""
    from twoalike.judgments import object_index, read_choices
    from twoalike.study import TwoalikeError
    from twoalike.teacher import Judgments

    table = read_choices(choices)
    kept = (table["kind"] == "odd_one_out") & table["trial_type"].isin(["main", "repeat"])
    if not kept.any():
        raise TwoalikeError(f"{choices}: expected odd-one-out judgments, found none.")
    triplets, chosen, _ = object_index(table[kept], list(posterior.ids))
    return Judgments(triplets, chosen, float(posterior.typical_lapse.mean()))


def _compare(
    posterior: "Posterior", choices: Path | None, judgments: "Judgments | None"
) -> dict[str, Any]:
    """Compare kinds of labels, on choices that the posterior was not fitted to."""
    from twoalike.study import sha256_file
    from twoalike.teacher import compare_labels

    if choices is None or judgments is None:
        return {"skipped": "no choices given"}
    inputs = posterior.attrs.get("provenance", {}).get("inputs", {})
    if inputs.get("choices", {}).get("sha256") == sha256_file(choices):
        return {"skipped": "the posterior was fitted to these choices"}
    return compare_labels(posterior, judgments.triplets, judgments.chosen)


def _summary(said: Mapping[str, Any]) -> str:
    source = said["from"].get("backbone") or "unnamed network"
    if said["method"] == "untransformed":
        return f"control: {source} as it is, temperature {said['temperature']:.3g}"
    return (
        f"{said['from']['features']} features of {source} to {said['to']['dimensions']} "
        f"dimensions, fitted to {said['to']['objects']} objects"
    )


def _show(gate: dict[str, Any], mode: str, settled_on: str, validation: dict[str, Any]) -> None:
    """Print how labels compare and how well held-out objects are predicted."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    if "skipped" in gate:
        said = f"labels: {mode} (not compared: {gate['skipped']})"
    else:
        losses = gate["log_loss"]
        said = (
            f"labels: {mode} (log-loss on {gate['n']} new choices: predictive "
            f"{losses['predictive']:.4f}, plugin {losses['plugin']:.4f})"
        )
    print(said)  # noqa: T201
    print(f"penalty and temperature: by {settled_on} about held-out objects")  # noqa: T201
    table = Table(
        title=f"Objects held out from the map, {validation['folds']} folds",
        box=SIMPLE_HEAD,
        title_justify="left",
    )
    for column in ("", "accuracy", "log-loss"):
        table.add_column(column)
    for part, title in (("soft_labels", "posterior"), ("choices", "people")):
        for name in ("untransformed", "teacher", "ceiling"):
            score = validation.get(part, {}).get(name)
            if score:
                row = (f"{name}, choices of the {title}", f"{score['accuracy']:.3f}")
                table.add_row(*row, f"{score['log_loss']:.3f}")
    Console().print(table)
