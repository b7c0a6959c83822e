"""What ``twoalike teach`` says about the teacher it made."""

from collections.abc import Mapping
from typing import Any

from twoalike.cli._tables import plain_table


def show_gate(labels: Mapping[str, Any], mode: str, kinds: Mapping[str, Any]) -> None:
    """Print how labels and kinds of teachers compare, and what was chosen."""
    if "skipped" in labels:
        said = f"labels: {mode} (not compared: {labels['skipped']})"
    else:
        losses = labels["log_loss"]
        said = (
            f"labels: {mode} (log-loss on {labels['n']} new choices: predictive "
            f"{losses['predictive']:.4f}, plugin {losses['plugin']:.4f})"
        )
    print(said)  # noqa: T201
    if "log_loss" in kinds:
        scores = ", ".join(f"{name} {value:.4f}" for name, value in kinds["log_loss"].items())
        print(f"kind: {kinds['chosen']} (log-loss on {kinds['n']} new choices: {scores})")  # noqa: T201
    else:
        print(f"kind: {kinds['chosen']} ({kinds['why']})")  # noqa: T201


def show_validation(said: Mapping[str, Any]) -> None:
    """Print how the map was settled and how well it predicts held-out objects."""
    from rich.console import Console

    penalty, validation = said["penalty"], said["validation"]
    if penalty is not None and len({row["method"] for row in penalty["tried"]}) > 1:
        best = [
            min((row for row in penalty["tried"] if row["method"] == name), key=_log_loss)
            for name in ("ridge", "gradient")
        ]
        scores = ", ".join(f"{row['method']} {row['log_loss']:.4f}" for row in best)
        print(f"map: {penalty['chosen']['method']} (log-loss about held-out objects: {scores})")  # noqa: T201
    print(f"penalty and temperature: by {said['settled_on']} about held-out objects")  # noqa: T201
    title = f"Objects held out from the map, {validation['folds']} folds"
    table = plain_table(title, "", "accuracy", "log-loss")
    for part, title in (("soft_labels", "posterior"), ("choices", "people")):
        for name in ("untransformed", "teacher", "ceiling"):
            score = validation.get(part, {}).get(name)
            if score:
                row = (f"{name}, choices of the {title}", f"{score['accuracy']:.3f}")
                table.add_row(*row, f"{score['log_loss']:.3f}")
    Console().print(table)


def _log_loss(row: Mapping[str, Any]) -> float:
    return float(row["log_loss"])
