"""Table of a finished demo for the documents: ``python benchmarks/demo.py demo``."""

import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from twoalike.results import Results, ability_rows

RESULTS = Path(__file__).parent / "results" / "demo.md"


def cell(measure: dict[str, float] | None, form: str) -> str:
    """Value and interval."""
    if not measure:
        return ""
    value, low, high = (form.format(measure[name]) for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def abilities(path: Path) -> list[str]:
    """Table of what else the features are good for on the same creatures."""
    found = Results.load(path).transfer
    assert found is not None
    first, *others = [of.name for of in found.measures[0].models]
    lines = [
        "What else the features are good for on these creatures, and the difference from the base "
        "network with a 95 % interval over images of the same classes:",
        "",
        f"| | {first} | {' | '.join(others)} |",
        "|---" * (len(others) + 2) + "|",
    ]
    for measure, row in ability_rows(found):
        cells = [f"{measure.models[0].value:.3f}"]
        for of in measure.models[1:]:
            change = of.difference
            assert change is not None
            ends = change.same_classes or change
            cells.append(
                f"{of.value:.3f} ({change.value:+.3f} [{ends.low:+.3f}, {ends.high:+.3f}])"
            )
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return lines


def main(demo: Path) -> None:
    """Write benchmarks/results/demo.md."""
    path = demo / "derived" / "results.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    world = json.loads((demo / "world" / "world.json").read_text(encoding="utf-8"))
    said = results["judgments"]
    lines = [
        "# The demo: species without judgments",
        "",
        f"`make demo`, then `python benchmarks/demo.py demo` (seed {world['seed']}; twoalike "
        f"{version('twoalike')}, torch {version('torch')}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores, no GPU). {world['participants']} simulated participants judged "
        f"{world['trials']} triplets each of 144 creatures; scored on {said['choices']:,} "
        f"judgments of the true observer on {said['objects']} creatures of 18 other species, "
        "which were neither judged nor used in training. 95 % intervals over objects. Gap closed: "
        "share of the difference between the base network and the true observer. The control is "
        "distilled in the same way from a teacher without the map to the human space. One world, "
        "one seed.",
        "",
        "| network | accuracy (ties 1/k) | log-loss (nats) | gap closed |",
        "|---|---|---|---|",
    ]
    for model in results["models"]:
        cells = (
            model["name"],
            cell(model["accuracy"], "{:.3f}"),
            cell(model["log_loss"], "{:.3f}"),
            cell(model.get("gap_closed"), "{:.0%}"),
        )
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *abilities(path)]
    text = "\n".join([*lines, ""])
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
