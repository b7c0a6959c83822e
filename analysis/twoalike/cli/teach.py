"""``twoalike teach``."""

from collections.abc import Mapping
from typing import Any

from twoalike import teacher
from twoalike.cli._derived import takes
from twoalike.cli._show import plain_table, show_notes, wide_console
from twoalike.study import TwoalikeError


@takes(teacher.teach)
def teach(**given: Any) -> None:
    """Make a teacher: the posterior itself for judged objects, a map of features for other images.

    Parameters
    ----------
    out
        Teacher's folder to make; required unless only a --forecast is wanted.
    features
        The network's features (.npz, .parquet, .h5, or .npy with --objects); the map is fitted to
        the judged objects among them. Without features, the teacher knows judged objects only.
    choices
        Judgments (choices.parquet), preferably all of them: they determine the penalty and the
        temperature, and the map is scored on them. Choices that the posterior was not fitted to
        also decide the kind of labels and of teacher.
    group
        Teach the similarities of this group's average person; the posterior needs weights by person
        (twoalike fit --people weights --groups). --choices of other people are left out.
    participant
        Teach the similarities of this participant; the posterior needs weights by person as well.
    classes
        Labels of objects (.tsv: id and a column per level): the forecast's ability is few-shot
        classification of the last level. Without it: of the folders that ids name, if any.

    Examples
    --------
        twoalike teach posterior.nc --features base.npz --out teacher
        twoalike teach posterior.nc --features clip.npy --objects ids.txt --choices new.parquet --out teacher
        twoalike teach posterior.nc --features base.npz --untransformed --out control
        twoalike teach posterior.nc --features base.npz --classes stimuli.tsv --forecast
        twoalike teach posterior.nc --out teacher
        twoalike teach posterior.nc --features base.npz --group experts --out experts
    """  # noqa: E501
    if given["out"] is None and not given["forecast"]:
        raise TwoalikeError(
            where="a teacher", expected="`out=...`, a folder to write it to", found="none"
        )
    made = teacher.teach(**given)
    description = made.description
    if given["forecast"]:
        show_notes([description["forecast"]["verdict"]])
        return
    print(f"{given['out']}  {_summary(description)}")  # noqa: T201
    of = (what for what in ("group", "participant") if what in description)
    show_notes(f"likeness: {what} {description[what]}" for what in of)
    if left_out := description.get("choices_left_out"):
        print(f"{left_out:,} choices of objects that the posterior does not know are left out")  # noqa: T201
    if in_sets := description.get("choices_in_sets"):
        print(f"{in_sets:,} choices among more than three items are left out")  # noqa: T201
    if of_others := description.get("choices_of_others"):
        print(f"{of_others:,} choices of other people are left out")  # noqa: T201
    _show_comparisons(description)
    if "forecast" in description:
        show_notes([f"forecast: {description['forecast']['verdict']}"])
    if "validation" in description:
        _show_validation(description)


def _summary(description: Mapping[str, Any]) -> str:
    to = description["to"]
    if description["method"] == "posterior":
        return f"posterior of {to['objects']} judged objects, {to['draws']} draws"
    source = description["from"].get("backbone") or "unnamed network"
    if description["method"] == "untransformed":
        return f"control: {source} as it is, temperature {description['temperature']:.3g}"
    mixed = description["judged_objects"] == "posterior"
    kept = ", which keep the posterior's places" if mixed else ""
    total = f" of {to['judged']} judged" if to["judged"] > to["objects"] else ""
    return (
        f"{description['from']['features']} features of {source} to {to['dimensions']} "
        f"dimensions, fitted to {to['objects']}{total} objects{kept}"
    )


def _show_comparisons(description: Mapping[str, Any]) -> None:
    """Print how labels and kinds of teachers compare, and what was chosen."""
    labels, kinds = description["label_comparison"], description["kind_comparison"]
    if "skipped" in labels:
        why = f"not compared: {labels['skipped']}"
    else:
        losses = labels["log_loss"]
        why = (
            f"log-loss on {labels['n']} new choices: predictive {losses['predictive']:.4f}, plugin "
            f"{losses['plugin']:.4f}"
        )
    print(f"labels: {description['labels']} ({why})")  # noqa: T201
    why = kinds["why"]
    if "log_loss" in kinds:
        scores = ", ".join(f"{name} {value:.4f}" for name, value in kinds["log_loss"].items())
        why = f"log-loss on {kinds['n']} new choices: {scores}"
    print(f"kind: {kinds['chosen']} ({why})")  # noqa: T201


def _show_validation(description: Mapping[str, Any]) -> None:
    """Print by what the map was settled, and how well it predicts held-out objects."""
    validation = description["validation"]
    print(f"penalty and temperature: by {description['settled_on']} about held-out objects")  # noqa: T201
    title = f"Objects held out from the map, {validation['folds']} folds"
    table = plain_table(title, "", "accuracy", "log-loss")
    for part, source in (
        ("soft_labels", "choices of the posterior"),
        ("choices", "choices of the people"),
        ("anchored_choices", "anchored choices of the people"),
    ):
        for name in ("untransformed", "teacher", "ceiling"):
            if score := validation.get(part, {}).get(name):
                row = (f"{name}, {source}", f"{score['accuracy']:.3f}")
                table.add_row(*row, f"{score['log_loss']:.3f}")
    wide_console().print(table)
