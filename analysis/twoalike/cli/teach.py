"""``twoalike teach``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from twoalike.cli._teach_choices import KnownChoices
    from twoalike.embedding import Posterior
    from twoalike.features import FeatureTable
    from twoalike.teacher import AffineTeacher, PosteriorTeacher, TeachConfig

Kind = Literal["auto", "posterior", "surrogate", "mixed"]


def teach(
    posterior: Path,
    /,
    *,
    out: Path,
    features: Path | None = None,
    objects: Path | None = None,
    choices: Path | None = None,
    kind: Kind = "auto",
    labels: Literal["auto", "predictive", "plugin"] = "auto",
    regulariser: Literal["ridge", "contrastive"] = "ridge",
    untransformed: bool = False,
    draws: int = 50,
    folds: int = 8,
    seed: int = 0,
) -> None:
    """Make a teacher: of judged objects the posterior itself, of other images a map of features.

    The map goes from a network's features into the human space, so that images nobody judged have
    a place in it. It is fitted to the objects that were judged, and its penalty, temperature and
    scores come from objects held out from it.

    Examples
    --------
        twoalike teach posterior.nc --features base.npz --out teacher
        twoalike teach posterior.nc --features clip.npy --objects ids.txt --choices new.parquet --out teacher
        twoalike teach posterior.nc --features base.npz --untransformed --out control
        twoalike teach posterior.nc --out teacher

    Parameters
    ----------
    posterior
        File written by twoalike fit.
    out
        Teacher's folder to make.
    features
        The network's features of at least the judged objects (.npz, .parquet, .h5, or .npy with
        --objects). Without them the teacher knows judged objects only.
    objects
        Object ids, one a line, of a file of features that holds none.
    choices
        Judgments (choices.parquet), at best all there are: they set the penalty and the
        temperature, and the map is scored on them. Choices the posterior was not fitted to
        also decide which labels are taught, and by which kind of teacher.
    kind
        posterior: judged objects only, by draws of the posterior; surrogate: all images by their
        features; mixed: judged objects keep the posterior's places, others are placed by their
        features; auto: posterior without --features, else surrogate or mixed, whichever predicts
        new --choices better (surrogate without new ones).
    labels
        predictive: averaged over the posterior's draws; plugin: of its mean similarities; auto:
        whichever predicts --choices better, predictive without new choices.
    regulariser
        ridge: the map in closed form; contrastive: also maps fitted by gradient, with and without
        a term that keeps the network's neighbourhoods; what predicts held-out objects best is taken.
    untransformed
        Make the control: the network's own similarities at the temperature that suits the
        labels.
    draws
        Draws that a posterior's teacher keeps.
    folds
        Folds of objects.
    seed
        Seed of the folds and of the triplets with labels.
    """  # noqa: E501
    from twoalike.cli._teach_choices import KnownChoices
    from twoalike.cli._teach_report import show_gate, show_validation
    from twoalike.embedding import Posterior
    from twoalike.features import read_features
    from twoalike.study import provenance
    from twoalike.teacher import AffineTeacher, PosteriorTeacher, TeachConfig, save_teacher

    _check(kind, features, untransformed, draws=draws, folds=folds, seed=seed)
    fitted = Posterior.load(posterior)
    known = KnownChoices.of(choices, fitted)
    config = TeachConfig(
        untransformed=untransformed,
        mode=known.labels.get("chosen", "predictive") if labels == "auto" else labels,
        folds=folds,
        regulariser=regulariser,
        known=not untransformed and kind in {"auto", "mixed"},
        seed=seed,
    )
    teacher: AffineTeacher | PosteriorTeacher
    if features is None or kind == "posterior":
        teacher, comparison = _of_draws(fitted, config, kind, draws)
    else:
        teacher, comparison = _map(fitted, read_features(features, objects), config, known, kind)
    config = config.model_copy(update={"known": comparison["chosen"] == "mixed"})
    inputs = {"posterior": posterior, "features": features, "choices": choices}
    given = {name: path for name, path in inputs.items() if path is not None}
    origin = provenance("teacher", seed=seed, inputs=given, config=config.model_dump(mode="json"))
    gates = {"label_comparison": known.labels, "kind_comparison": comparison}
    save_teacher(out, teacher, {**origin, **gates})
    print(f"{out}  {_summary(teacher.description)}")  # noqa: T201
    show_gate(known.labels, config.mode, comparison)
    if "validation" in teacher.description:
        show_validation(teacher.description)


def _check(
    kind: Kind,
    features: Path | None,
    untransformed: bool,
    *,
    draws: int,
    folds: int,
    seed: int,
) -> None:
    """Refuse settings that cannot go together."""
    from twoalike.study import TwoalikeError

    for name, value, least in (("draws", draws, 1), ("folds", folds, 2), ("seed", seed, 0)):
        if value < least:
            raise TwoalikeError(f"--{name}: expected at least {least}, found {value}.")
    if features is None and (kind in {"surrogate", "mixed"} or untransformed):
        asked = "--untransformed" if untransformed else f"--kind {kind}"
        raise TwoalikeError(f"{asked}: expected --features FILE to map from, found none.")
    if untransformed and kind in {"posterior", "mixed"}:
        raise TwoalikeError(
            f"--untransformed: the control has the network's own similarities only, found --kind "
            f"{kind}. Leave one of them out."
        )


def _of_draws(
    posterior: "Posterior", config: "TeachConfig", kind: Kind, draws: int
) -> "tuple[PosteriorTeacher, dict[str, Any]]":
    """Take the posterior itself, for judged objects."""
    from twoalike.cli._teach_choices import judged_objects
    from twoalike.teacher import make_posterior_teacher

    judged = judged_objects(posterior)
    teacher = make_posterior_teacher(posterior, judged=judged, mode=config.mode, draws=draws)
    why = "asked for" if kind == "posterior" else "no features given: judged objects only"
    return teacher, {"chosen": "posterior", "why": why}


def _map(
    posterior: "Posterior",
    table: "FeatureTable",
    config: "TeachConfig",
    known: "KnownChoices",
    kind: Kind,
) -> "tuple[AffineTeacher, dict[str, Any]]":
    """Fit the map, and say whether judged objects keep the posterior's places in its space."""
    from dataclasses import replace

    from twoalike.cli._teach_choices import judged_objects
    from twoalike.teacher import fit_teacher

    judged = judged_objects(posterior)
    mapped = fit_teacher(posterior, table, config, judged=judged, choices=known.judgments)
    if not config.known:
        why = "the control" if config.untransformed else "asked for"
        return mapped, {"chosen": "surrogate", "why": why}
    found = known.compare(posterior, mapped, table, config.mode, judged)
    if kind == "mixed":
        return mapped, {**found, "chosen": "mixed", "why": "asked for"}
    if "skipped" in found:
        chosen, why = "surrogate", f"the map alone, as kinds cannot be compared: {found['skipped']}"
    else:
        losses = found["log_loss"]
        chosen = min(("surrogate", "mixed"), key=losses.__getitem__)
        why = "lower log-loss on new choices, of the two that place images nobody judged"
    if chosen == "surrogate":
        said = {**mapped.description, "judged_objects": "map"}
        mapped = replace(mapped, known_ids=(), known=None, description=said)
    return mapped, {**found, "chosen": chosen, "why": why}


def _summary(said: Mapping[str, Any]) -> str:
    if said["method"] == "posterior":
        to = said["to"]
        return f"posterior of {to['objects']} judged objects, {to['draws']} draws"
    source = said["from"].get("backbone") or "unnamed network"
    if said["method"] == "untransformed":
        return f"control: {source} as it is, temperature {said['temperature']:.3g}"
    kept = ", which keep the posterior's places" if said["judged_objects"] == "posterior" else ""
    return (
        f"{said['from']['features']} features of {source} to {said['to']['dimensions']} "
        f"dimensions, fitted to {said['to']['objects']} objects{kept}"
    )
