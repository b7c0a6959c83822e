"""Table of a finished demo for the documents: ``python benchmarks/demo.py demo``."""

import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from twoalike.results import Results, Row, ability_rows

RESULTS = Path(__file__).parent / "results" / "demo.md"


def cell(measure: Row | None, form: str) -> str:
    """Value and interval."""
    if measure is None:
        return ""
    value, low, high = (form.format(x) for x in (measure.value, measure.low, measure.high))
    return f"{value} [{low}, {high}]"


def abilities(found: Results) -> list[str]:
    """Table of what else the features are good for on the same creatures."""
    rows = ability_rows(found)
    first, *others = [name for name in found.names if found.at(rows[0][0], name, rows[0][1])]
    lines = [
        "What else the features are good for on these creatures, and the difference from the base "
        "network with a 95 % interval over images of the same classes:",
        "",
        f"| | {first} | {' | '.join(others)} |",
        "|---" * (len(others) + 2) + "|",
    ]
    for measure, level in rows:
        cells = [f"{score.value:.3f}" for score in [found.at(measure, first, level)] if score]
        for name in others:
            score = found.at(measure, name, level)
            change = found.at(f"{measure}.difference.same_classes", name, level)
            change = change or found.at(f"{measure}.difference", name, level)
            assert score is not None
            cells.append(f"{score.value:.3f} ({cell(change, '{:+.3f}')})")
        lines.append(f"| {level} | {' | '.join(cells)} |")
    return lines


def main(demo: Path) -> None:
    """Write benchmarks/results/demo.md."""
    results = Results.load(demo / "derived" / "results.json")
    world = json.loads((demo / "world" / "world.json").read_text(encoding="utf-8"))
    said = results.judged["odd_one_out"]
    lines = [
        "# The demo: species without judgments",
        "",
        f"`make demo`, then `python benchmarks/demo.py demo` (seed {world['seed']}; twoalike "
        f"{version('twoalike')}, torch {version('torch')}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores, no GPU). {world['participants']} simulated participants judged "
        f"{world['trials']} triplets each of 144 creatures; scored on {said.judgments:,} "
        f"judgments of the true observer on {said.objects} creatures of 18 other species, "
        "which were neither judged nor used in training. 95 % intervals over objects. Gap closed: "
        "share of the difference between the base network and the true observer. The control is "
        "distilled in the same way from a teacher without the map to the human space. One world, "
        "one seed.",
        "",
        "| network | accuracy (ties 1/k) | log-loss (nats) | gap closed |",
        "|---|---|---|---|",
    ]
    for name in results.names:
        scores = (
            cell(results.at(f"odd_one_out.{measure}", name), form)
            for measure, form in (
                ("accuracy", "{:.3f}"),
                ("log_loss", "{:.3f}"),
                ("gap_closed", "{:.0%}"),
            )
        )
        cells = (name, *scores)
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *abilities(results)]
    text = "\n".join([*lines, ""])
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
