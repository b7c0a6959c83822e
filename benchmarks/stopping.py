"""Studies that a rule ends: whether their intervals hold the truth, and it was planned so.

    python -P benchmarks/stopping.py [--studies 100] [--without-plan] [--rule dimension_interval]

A study of 12 drawn objects, 50 random triplets a person, ends where the 90 % intervals of the
similarities of all pairs are on average one standard deviation of these similarities wide: `[stop]
similarity_interval = 1.0`, or where another rule is met (LIMITS). Spaces are drawn from the
categories of the objects, as `power` draws them; people are alike, and guess 3 % of the time. From
the fourth on, after every two people all answers so far are fitted (`vi`, quick, as by `power`) and
the rule is asked by the function that `design --block` and `online refit` ask; after 24 people a
study ends anyway.

Coverage: share of pairs whose true similarity, centred over pairs as in `similarity`, is inside its
90 % interval when the study ends. Plan: judgments by which `power` expects half of such studies to
end, from the curve through nine other simulated studies of three sizes.

Finished studies are kept in derived/stopping/, those of another rule in a folder there; the table
goes to benchmarks/results/stopping.md, of another rule only where `--out` names a file.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.embedding import enough, fit_embedding, similarity_table
from twoalike.recovery import PowerAnalysis, collect, fit_curve
from twoalike.study import Study

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "stopping"
RESULTS = ROOT / "benchmarks" / "results" / "stopping.md"
USUAL = "similarity_interval"
LIMITS = {USUAL: 1.0, "dimension_interval": 0.8}
TRIALS, FIRST, STEP, MOST = 50, 4, 2, 24
PLANNED, WORLDS = (4, 8, 16), 3
SETTINGS = """
title = "Stopping"
seed = 7
[stop]
{rule} = {limit}
[design]
trials = {trials}
[design.exclude]
domain = ["belonging"]
group = ["bird", "sea_animal", "insect", "vegetable", "flower", "tree", "rail_vehicle", "aircraft",
  "watercraft"]
"""


def folder(rule: str) -> Path:
    """Where the study of a rule is, and what was simulated of it."""
    return WORK if rule == USUAL else WORK / rule


def analysis(rule: str) -> PowerAnalysis:
    """Make the study by `init`, and what simulates it."""
    root = folder(rule) / "study"
    if not root.exists():
        words = [sys.executable, "-P", "-m", "twoalike.cli.app", "init", str(root)]
        subprocess.run([*words, "--stimuli", "familiar"], check=True, stdout=subprocess.DEVNULL)
        settings = SETTINGS.format(rule=rule, limit=LIMITS[rule], trials=TRIALS)
        (root / "study.toml").write_text(settings, encoding="utf-8")
    return PowerAnalysis(study=Study.load(root), worlds=1_000, people_differ=False)


def run(of: PowerAnalysis, number: int, rule: str) -> dict[str, Any]:
    """One study from its first people to its end, unless it was run."""
    path = folder(rule) / f"study-{number}.json"
    if path.exists():
        return dict(json.loads(path.read_text(encoding="utf-8")))
    world, began = of.drawn[100 + number], time.process_time()
    table = collect(of.planned, of.stimuli, world, MOST, (7, 9, number), people_differ=False)
    widths: dict[int, float] = {}
    for people in range(FIRST, MOST + 1, STEP):
        labels = [f"{one:03d}" for one in range(1, people + 1)]
        answers = table[table["participant"].isin(labels)].reset_index(drop=True)
        posterior = fit_embedding(answers, config=of.fit.model_copy(update={"seed": number}))
        found = enough(of.study, posterior)
        widths[len(answers)], stopped = found.widths[rule], found.met
        if stopped:
            break
    seen = similarity_table(posterior, objects=world.observer.ids)
    pairs = np.triu_indices(len(seen.ids), 1)
    x = world.observer.embedding
    true = (x @ x.T)[pairs]
    true = (true - true.mean()) / world.observer.temperature
    inside = (seen.low[pairs] <= true) & (true <= seen.high[pairs])
    result = {"judgments": len(answers), "stopped": stopped, "coverage": float(inside.mean())}
    result |= {"widths": widths, "seconds": time.process_time() - began}
    path.write_text(json.dumps(result), encoding="utf-8")
    print(number, {key: result[key] for key in ("judgments", "coverage", "seconds")}, flush=True)
    return result


def planned(of: PowerAnalysis, rule: str) -> tuple[float, float, float]:
    """Judgments at which half of the studies are expected to end, with a 95 % interval."""
    studies = pd.concat([of.simulate(people, WORLDS) for people in PLANNED], ignore_index=True)
    studies["width"] = studies[rule] / LIMITS[rule]
    curve = fit_curve(studies, "width", np.random.default_rng(len(studies)))
    return curve.size_at(1), *curve.size_interval(1)


def mean(values: Any, form: str) -> str:
    """Mean with its standard error over studies."""
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{np.mean(values):{form}} ± {error:{form}}"


def main() -> None:
    """Run what is not there yet and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--studies", type=int, default=100)
    parser.add_argument("--without-plan", action="store_true", help="leave power out")
    parser.add_argument("--rule", choices=LIMITS, default=USUAL)
    parser.add_argument("--out", type=Path, help="file for the table of another rule")
    asked = parser.parse_args()
    n, rule, words = asked.studies, asked.rule, " --without-plan" * asked.without_plan
    words += f" --rule {rule}" * (rule != USUAL)
    folder(rule).mkdir(parents=True, exist_ok=True)
    of = analysis(rule)
    found = pd.DataFrame([run(of, number, rule) for number in range(n)])
    lines = [
        "# Studies that a rule ends",
        "",
        f"`python -P benchmarks/stopping.py --studies {n}{words}` (twoalike "
        f"{version('twoalike')}, PyMC {version('pymc')}, Python {platform.python_version()}; "
        f"{found['seconds'].mean():.0f} processor seconds a study, on a busy machine). 12 "
        "objects, 50 triplets a person, `[stop] "
        f"{rule} = {LIMITS[rule]:g}`, looked at after every {STEP} people from the "
        f"{FIRST}th on; what else: see the script. Mean ± standard error over studies.",
        "",
        "| what | figure |",
        "|---|---|",
        f"| similarities of pairs inside their 90 % interval at the end (asked: 88 to 92 %) | "
        f"{mean(found['coverage'], '.1%')} |",
        f"| studies that the rule ended before {MOST} people | {found['stopped'].sum()} of {n} |",
        f"| judgments at the end | {mean(found['judgments'], ',.0f')} (median "
        f"{found['judgments'].median():,.0f}) |",
    ]
    if not asked.without_plan:
        value, low, high = planned(of, rule)
        what = "judgments by which `power` expects half of the studies to end"
        lines += [f"| {what} | {value:,.0f} ({low:,.0f} to {high:,.0f}) |"]
    lines += [""]
    if (out := asked.out or (RESULTS if rule == USUAL else None)) is not None:
        out.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
