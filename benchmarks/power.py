"""Does the answer of ``twoalike power`` hold? The recommended study, simulated anew.

    python -P benchmarks/power.py [--studies 10]

A study of 30 drawn creatures is made by ``twoalike init --images`` and sized by ``twoalike power``
in a process of its own, timed: for the default target, and then for a width of intervals, which
goes on from the simulated studies of the first. Then so many studies of the recommended size are
simulated with seeds, and so spaces and people, that the power analysis never saw; how many reach
the target is counted, with power's own fits and, for the default target, with those that
``twoalike fit`` makes (``nuts`` for a study of this size).

Finished fits are kept in derived/power_benchmark/; the table goes to benchmarks/results/power.md.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from twoalike.design import study_with
from twoalike.embedding import FitConfig
from twoalike.recovery import (
    CHANCE,
    VI_STEPS,
    Outcome,
    PowerAnalysis,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, provenance

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "power_benchmark"
RESULTS = ROOT / "benchmarks" / "results" / "power.md"
OBJECTS, SEED, NEW_SEED = 30, 5, 20_000
TARGETS = {"default": [], "width": ["--target-width", "0.25"]}
FITS = {
    "power's": FitConfig(quick=True, engine="vi", steps=VI_STEPS),
    "`twoalike fit`": FitConfig(),
}


def twoalike(*words: object) -> str:
    """Run a command; what it printed."""
    command = [sys.executable, "-P", "-m", "twoalike.cli.app", *map(str, words)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout


def make_study() -> Path:
    """Make a study of creatures in folders by kingdom and family."""
    root, images = WORK / "study", WORK / "images"
    if root.exists():
        return root
    shutil.rmtree(images, ignore_errors=True)
    shutil.rmtree(WORK / "creatures", ignore_errors=True)
    twoalike("init", WORK / "creatures", "--seed", SEED)
    stimuli = StimulusSet.load(WORK / "creatures" / "stimuli")
    rng = np.random.default_rng(SEED)
    for row in np.sort(rng.choice(len(stimuli.ids), OBJECTS, replace=False)):
        name, *categories = stimuli.table.iloc[row][["id", "kingdom", "family"]]
        folder = images.joinpath(*categories)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(stimuli.path(name), folder / f"{name}.png")
    twoalike("init", root, "--images", images, "--seed", SEED)
    return root


def size(study: Path, name: str) -> dict[str, Any]:
    """Ask ``twoalike power``, unless that was done; its answer and the seconds it took."""
    out, told = WORK / f"{name}.json", WORK / f"{name}-seconds.json"
    if not told.exists():
        start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        figure = WORK / f"{name}.svg"
        print(twoalike("power", study, "--out", out, "--figure", figure, *TARGETS[name]))
        seconds = time.monotonic() - start
        cpu = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        about = {"seconds": seconds, "cpu": cpu, "load": os.getloadavg()[1]}
        told.write_text(json.dumps(about))
    return json.loads(out.read_text()) | json.loads(told.read_text())


def studies_anew(study: Path, people: int, n: int, fit: str) -> list[Outcome]:
    """Simulate studies of new worlds, unless that was done."""
    anew = study_with(Study.load(study), seed=NEW_SEED, sampler=None)
    found = PowerAnalysis(study=anew, worlds=max(n, 2), fit=FITS[fit]).simulate(people, n)
    print(fit, found, flush=True)
    return found


def row(answer: dict[str, Any], fit: str, outcomes: list[Outcome]) -> str:
    """One line of the table."""
    target, recommended = answer["target"], answer["recommended"]
    values = [outcome.value(target["measure"]) for outcome in outcomes]
    reached = sum(value <= target["value"] for value in values)
    what = "log-loss above the truth's" if target["measure"] == "regret" else "width"
    cells = (
        f"{what} ≤ {target['value']:.3f}",
        f"{recommended['participants']} × {recommended['trials_per_person']}",
        f"{answer['seconds']:.0f} s ({answer['cpu']:.0f} s)",
        f"{recommended['reached']} of {recommended['simulated']}",
        fit,
        f"{reached} of {len(outcomes)}",
        f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})",
        f"{np.mean([outcome.coverage for outcome in outcomes]):.0%}",
    )
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--studies", type=int, default=10)
    n = parser.parse_args().studies
    WORK.mkdir(parents=True, exist_ok=True)
    study = make_study()
    lines = []
    for name in TARGETS:
        answer = size(study, name)
        people = answer["recommended"]["participants"]
        for fit in FITS if name == "default" else ["power's"]:
            lines.append(row(answer, fit, studies_anew(study, people, n, fit)))
            print(lines[-1], flush=True)
    loads = [json.loads((WORK / f"{name}-seconds.json").read_text())["load"] for name in TARGETS]
    oracle = size(study, "default")["assumptions"]["oracle_log_loss"]
    about = provenance("benchmark", seed=SEED, config={"studies": n})
    text = [
        "# Does the answer of `twoalike power` hold?",
        "",
        f"`python -P benchmarks/power.py --studies {n}`: {OBJECTS} creatures in families and "
        "kingdoms, 300 trials per person, people who differ, 6 worlds, assurance 80 %. The default "
        f"target is 90 % of the truth's gain over guessing (log-loss {oracle:.3f} against "
        f"{CHANCE:.3f}). New studies differ in spaces, people, trial lists and choices. The time "
        "is "
        "that of the command, in brackets its processor time; the second command reuses the "
        "simulated studies of the first. Two cores, shared with other work, load "
        f"{min(loads):.0f} to {max(loads):.0f}.",
        "",
        "| target | answer | time (processor) | reached in its simulations | fits of new "
        "studies | reached by these | value in these | coverage of 95 % intervals |",
        "|---|---|---|---|---|---|---|---|",
        *lines,
        "",
        "The answer promises that 80 % of studies reach the target.",
        "",
        f"twoalike {version('twoalike')}, PyMC {version('pymc')}, jax {version('jax')}, Python "
        f"{platform.python_version()}. Provenance: `{json.dumps(about)}`",
        "",
    ]
    RESULTS.write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    main()
