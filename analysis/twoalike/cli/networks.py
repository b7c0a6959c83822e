"""Commands of networks: features, teachers, students, and how they score."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from twoalike.cli._derived import maybe_named, named, takes
from twoalike.cli._show import (
    say,
    show_notes,
    show_table,
    show_tables,
    show_written,
    wide_console,
)
from twoalike.study import TwoalikeError, atomic_path, check_ending, check_output, counted

if TYPE_CHECKING:
    from twoalike.distill import Student


NAMED = 5
"""So many unreadable images are named; the file that was written names all."""


@takes("backbones:extract_features")
def features(
    *,
    backbone: str,
    images: Path,
    out: Path,
    shard: int | None = None,
    part: str | None = None,
    **given: Any,
) -> None:
    """Compute a network's features of images."""
    from twoalike.backbones import extract_features, extract_shards
    from twoalike.features import feature_shard

    if shard is not None:
        plan = extract_shards(out, backbone, images, shard=shard, part=part, **given)
        done = sum(feature_shard(out, number).is_file() for number in range(plan["shards"]))
        say(f"{out}  {done} of {counted(plan['shards'], 'shard')} by {plan['backbone']}")
        return
    if part is not None:
        raise TwoalikeError("--part: parts are of shards; say with --shard how many images each.")
    table = extract_features(backbone, images, out=out, **given)
    n, p = table.values.shape
    what = f"{counted(p, 'feature')} of {counted(n, 'image')}"
    say(f"{out}  {what} by {table.meta['backbone']}")
    if unreadable := table.meta.get("unreadable"):
        say(left_out(unreadable))


def left_out(unreadable: Sequence[str]) -> str:
    """Say how many images were left out, and which."""
    more = ", ..." if len(unreadable) > NAMED else ""
    many = "were" if len(unreadable) > 1 else "was"
    return (
        f"{counted(len(unreadable), 'image')} cannot be read and {many} left out: "
        f"{', '.join(unreadable[:NAMED])}{more}"
    )


@takes("teacher:teach")
def teach(**given: Any) -> None:
    """Make a teacher: the posterior for judged objects, a map of features for other images."""
    if given["out"] is None:
        raise TwoalikeError(
            where="a teacher", expected="`out=...`, a folder to write it to", found="none"
        )
    from twoalike import teacher

    description = teacher.teach(**given).description
    say(f"{given['out']}  {_summary(description)}")
    of = (what for what in ("group", "participant") if what in description)
    show_notes(f"likeness: {what} {description[what]}" for what in of)
    if left_out := description.get("choices_left_out"):
        say(f"{left_out:,} choices of objects that the posterior does not know are left out")
    if in_sets := description.get("choices_in_sets"):
        say(f"{in_sets:,} choices among more than three items are left out")
    if of_others := description.get("choices_of_others"):
        say(f"{of_others:,} choices of other people are left out")
    _show_comparisons(description)
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
    labels, kinds = description["label_comparison"], description["kind_comparison"]
    if "skipped" in labels:
        why = f"not compared: {labels['skipped']}"
    else:
        losses = labels["log_loss"]
        why = (
            f"log-loss on {labels['n']} new choices: predictive {losses['predictive']:.4f}, plugin "
            f"{losses['plugin']:.4f}"
        )
    say(f"labels: {description['labels']} ({why})")
    why = kinds["why"]
    if "log_loss" in kinds:
        scores = ", ".join(f"{name} {value:.4f}" for name, value in kinds["log_loss"].items())
        why = f"log-loss on {kinds['n']} new choices: {scores}"
    say(f"kind: {kinds['chosen']} ({why})")


def _show_validation(description: Mapping[str, Any]) -> None:
    validation = description["validation"]
    say(f"penalty and temperature: by {description['settled_on']} about held-out objects")
    title = f"Objects held out from the map, {validation['folds']} folds"
    rows = []
    for part, source in (
        ("soft_labels", "choices of the posterior"),
        ("choices", "choices of the people"),
        ("anchored_choices", "anchored choices of the people"),
    ):
        for name in ("untransformed", "teacher", "ceiling"):
            if score := validation.get(part, {}).get(name):
                scores = (f"{score['accuracy']:.3f}", f"{score['log_loss']:.3f}")
                rows.append((f"{name}, {source}", *scores))
    show_table(title, ("", "accuracy", "log-loss"), rows)


_REPLACED = "train head balance sampling steps size batch rate seed workers precision"
"""Settings of a recipe that are options."""


@takes("distill:distill", settings="distill:DistillConfig", some=_REPLACED)
def distill(
    *, images: Path, student: str, out: Path, teacher: Path | None = None, **given: Any
) -> None:
    """Align a network with a teacher: fine-tune it on the teacher's choice probabilities."""
    from twoalike import distill as distillation
    from twoalike.study import is_first_process

    made = distillation.distill(teacher, images, student, out, **given)
    if not is_first_process():
        return  # one of several processes reports
    say(f"{out}  student of {made['backbone']}, {made['data']['learnt']} images")
    if unreadable := made["data"].get("unreadable"):
        say(left_out(unreadable))
    if made["held_out"]:
        _show_student(made)


def _show_student(student: "Student") -> None:
    scores, sides = student.scores, student["both_sides"]
    title = f"Agreement with the teacher on {student['held_out']['images']} held-out images"
    known = ("likeness", "ability", "accuracy", "kl")
    columns = [name for name in known if name in scores]
    rows = [
        (str(name), *("" if math.isnan(x) else f"{x:.3f}" for x in score))
        for name, score in scores[columns].iterrows()
    ]
    show_table(title, ("", *(name.replace("_", " ") for name in columns)), rows)
    if sides:
        how = "closed form" if not student["mix"] else f"step {student['selected_step']}"
        share = f", {student['mix']:.0%} of the way from the initial weights"
        chosen = how + (share if 0 < student["mix"] < 1 else "")
        say(f"likeness: {sides['measures']['likeness']}\nability: {sides['measures']['ability']}")
        say(f"student: {chosen}")


@takes("results:evaluate", without={"resamples"})
def evaluate(
    *,
    features: list[str] | None = None,
    baseline: str | None = None,
    ceiling: str | None = None,
    out: Path,
    **given: Any,
) -> None:
    """Score networks against people's judgments of any kind."""
    from twoalike import results

    found = results.evaluate(
        [named(text) for text in features or []],
        baseline=named(baseline) if baseline else None,
        ceiling=named(ceiling) if ceiling else None,
        out=out,
        **given,
    )
    show_tables(found.tables())
    show_notes(results.lost_abilities(found))
    show_written(out)


@takes("results:leaderboard", without={"resamples"})
def leaderboard(
    *features: str,
    out: Path,
    table: Path | None = None,
    figure: Path | None = None,
    **given: Any,
) -> None:
    """Rank many networks by their agreement with the same people, and test which differ."""
    for path, endings, what in ((table, ".tsv", "a table"), (figure, ".svg .png", "a figure")):
        if path is not None:
            check_ending(path, endings.split(), what)
            check_output(path)
    networks = (maybe_named(text) for text in features)
    from twoalike import results

    board = results.leaderboard(
        [(name, path) if name else path for name, path in networks], out=out, **given
    )
    show_tables(board.tables())
    show_notes(board.notes())
    if table is not None:
        board.save_table(table)
    if figure is not None:
        from twoalike.figures import leaderboard_chart, leaderboard_description, to_png, to_svg

        draw = to_png if figure.suffix == ".png" else to_svg
        words = leaderboard_description(board)
        with atomic_path(figure) as temporary:
            temporary.write_bytes(draw(leaderboard_chart(board), description=words))
    show_written(out, table, figure)


@takes("results:transfer", without={"settings"})
def transfer(
    *,
    features: list[str],
    shots: str = "1,5,10",
    ways: int | None = None,
    classifier: Literal["logistic", "nearest-mean"] = "logistic",
    out: Path,
    **given: Any,
) -> None:
    """Measure how useful networks' features are for other tasks than similarity."""
    from twoalike import results
    from twoalike.transfer import TransferSettings

    found = results.transfer(
        [named(text) for text in features],
        settings=TransferSettings(shots=_numbers(shots), ways=ways, classifier=classifier),
        out=out,
        **given,
    )
    show_tables(found.tables())
    console = wide_console()
    if any((row.n or 0) < results.FEW_CLASSES for row in found.rows if row.level):
        console.print(
            f"* over other images of the same classes, as fewer than {results.FEW_CLASSES} tell "
            "little about others",
            highlight=False,
        )
    for name, why in found.missing.items():
        part = name.removeprefix("transfer.")
        console.print(f"not measured: {part}: {why}", markup=False, highlight=False)
    show_notes(results.lost_abilities(found))
    show_written(out)


def _numbers(text: str) -> tuple[int, ...]:
    """Read ``1,5,10``."""
    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise TwoalikeError(
            f"--shots: expected numbers of images such as 1,5,10, found {text!r}."
        ) from None
