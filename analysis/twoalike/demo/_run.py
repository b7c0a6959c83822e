"""The whole chain as a list of commands, each in a process of its own.

A process either shows windows or trains (importing torch's compiler stack after a window was
opened on a software renderer ends the process), and what the demo runs is what a user types.
Stages that do not wait for each other run at once. A stage whose output is there is not run again,
so a demo that was stopped goes on.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from twoalike.backbones import WEIGHTS
from twoalike.features import FeatureTable, write_features
from twoalike.judgments import read_judgments, write_judgments
from twoalike.observers import (
    SimulatedObserver,
    draw_population,
    hierarchical_embedding,
    simulate_choices,
)
from twoalike.record import RunName, read_manifest
from twoalike.results import Results
from twoalike.stimuli import StimulusSet
from twoalike.study import Floats, Study, TwoalikeError, atomic_path, provenance, write_json


@dataclass(frozen=True)
class Stage:
    """One command of the chain; done when its output exists, or as ``finished`` says."""

    title: str
    arguments: tuple[str, ...]  # the words after ``twoalike``
    output: Path
    finished: Callable[[], bool] | None = None  # where existing is not enough

    @property
    def done(self) -> bool:
        return self.finished() if self.finished else self.output.exists()


def run_stage(stage: Stage, threads: int = 0) -> float:
    """Run one stage to its end and return its wall time in seconds.

    ``threads``: of a stage that others run beside, which says what it has to once it has ended; 0:
    it is alone.
    """
    start = time.monotonic()
    command = [sys.executable, "-m", "twoalike.cli.app", *stage.arguments]
    how: dict[str, Any] = {}
    if threads:
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        how["env"] = os.environ | {"OMP_NUM_THREADS": str(threads)}
    ended = subprocess.run(command, check=False, text=True, **how)
    sys.stdout.write(ended.stdout or "")
    if ended.returncode == 130:
        raise KeyboardInterrupt
    if ended.returncode != 0:
        raise TwoalikeError(
            f"stage {stage.title!r} ended with status {ended.returncode}",
            where="demo",
            remedy=f"Run it by itself: twoalike {shlex.join(stage.arguments)}",
        )
    return time.monotonic() - start


def run_stages(stages: Sequence[Stage], console: Console, threads: int = 0) -> None:
    """Run what is not done yet, in order, and say so."""
    for stage in stages:
        title = escape(stage.title)
        if stage.done:
            console.print(f"[dim]{title}: there already")
            continue
        console.print(f"[bold]{title}")
        seconds = run_stage(stage, threads)
        console.print(f"[dim]{seconds:.0f} s{f': {title}' if threads else ''}")


def run_at_once(lines: Sequence[Sequence[Stage]], console: Console) -> None:
    """Run lines of stages beside each other, one a core, with the cores shared among them."""
    cores = os.cpu_count() or 1
    at_once = min(cores, len(lines))
    run = partial(run_stages, console=console, threads=cores // at_once)
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(run, lines))


def set_design(
    root: Path, settings: Mapping[str, int | str], exclude: Mapping[str, Sequence[str]]
) -> None:
    """Set keys of ``[design]`` in a new study's ``study.toml``, and what is never shown.

    ``exclude`` lists, by column of the manifest, what is left out.
    """
    path = root / "study.toml"
    head, table, rest = path.read_text(encoding="utf-8").partition("[design]\n")
    design, following, others = rest.partition("\n[")
    for key, value in settings.items():
        design, n = re.subn(rf"(?m)^{key} = .*$", f"{key} = {json.dumps(value)}", design)
        if n != 1:
            raise TwoalikeError(where=path, expected=f"one line '{key} = ...'", found=n)
    lines = [f"{column} = {json.dumps([*values], indent=4)}" for column, values in exclude.items()]
    text = f"{head}{table}{design}{following}{others}".rstrip()
    text = "\n".join([text, "", "[design.exclude]", *lines, ""])
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def check_title(root: Path, title: str) -> None:
    """Refuse the folder of another study, whose settings the demo would change."""
    found = Study.load(root).config.title
    if found != title:
        raise TwoalikeError(
            where=root,
            expected=f"a study called {title!r}",
            found=repr(found),
            remedy="Name another folder.",
        )


def session_done(study: Study, participant: str) -> bool:
    """Whether the manifest of the participant's session says that every trial was shown."""
    manifest = RunName(participant, 1).manifest(study.raw)
    return manifest.is_file() and read_manifest(manifest)["end_reason"] == "completed"


def held_out_species(
    stimuli: StimulusSet, share: float, rng: np.random.Generator
) -> tuple[str, ...]:
    """Choose the species that nobody judges: a share, in (0, 1), of those of every family."""
    chosen: list[str] = []
    for _, family in stimuli.table.groupby("family", sort=False):
        species = family["species"].unique().astype(str)
        chosen.extend(rng.choice(species, size=round(share * len(species)), replace=False))
    return tuple(chosen)


def write_ids(path: Path, ids: list[str]) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(ids) + "\n", encoding="utf-8")


def write_observers(
    folder: Path, stimuli: StimulusSet, participants: tuple[str, ...], seed: int
) -> Floats:
    """Write one simulated observer a participant and return the space they share, (m, d).

    They differ in temperature and lapse, not in space: a participant's own space is a later
    question, and the chain fits one embedding.
    """
    rng = np.random.default_rng([seed, 1])
    embedding = hierarchical_embedding(stimuli, rng)
    temperature, lapse = draw_population(len(participants), rng)
    for name, t, guess in zip(participants, temperature, lapse, strict=True):
        observer = SimulatedObserver(stimuli.ids, embedding, float(t), float(guess))
        observer.save(folder / f"observer-{name}.npz")
    return embedding


def write_truth(
    folder: Path, stimuli: StimulusSet, embedding: Floats, unseen: Sequence[str], n: int, seed: int
) -> None:
    """Write the true space as features, judgments of the held-out species, and their labels.

    The judgments are those of an observer who never lapses, at temperature 1, on random triplets
    of creatures whose species nobody judged: what every network is scored on.
    """
    table = FeatureTable(stimuli.ids, embedding.astype(np.float32), {"kind": "true observer"})
    write_features(folder / "truth.npz", table)
    rows = np.flatnonzero(stimuli.table["species"].isin(unseen).to_numpy())
    with atomic_path(folder / "held_out.tsv") as temporary:
        labels = stimuli.table.iloc[rows][["id", *stimuli.levels]]
        labels.to_csv(temporary, sep="\t", index=False)
    truth = SimulatedObserver(tuple(np.array(stimuli.ids)[rows].tolist()), embedding[rows])
    choices = read_judgments(simulate_choices({"truth": truth}, n, seed=seed + 2))
    write_judgments(folder / "held_out_choices.parquet", choices, provenance("choices", seed=seed))


TITLE = "Creatures"
"""Of the study that the demo makes."""
FEATURES = "features.npz"
"""Of the base network, in the study's folder for what is derived."""


@dataclass(frozen=True)
class DemoConfig:
    """Size of the demo; the defaults fit ten minutes on two cores."""

    seed: int = 20261125
    participants: int = 8
    trials: int = 300  # a participant; a person would need 17 to 40 minutes
    held_out_share: float = 1 / 3  # of each family's species, shown to nobody
    test_triplets: int = 4000  # of held-out creatures, judged by the true observer
    backbone: str = "efficientnet_lite0"
    features: str = ""  # options of the backbone's, such as "--size 128"
    # Four fits of vi, which so many objects would be left to, end in different places.
    fit: str = "--quick --engine nuts --dimensions 12 --draws 400"
    # Distillation as in modeling/recipes/distill_demo.toml: few steps, of the network's own size.
    distill: str = "--steps 40 --batch 36 --sampling scales"

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(f"{number:02d}" for number in range(1, self.participants + 1))


def _prepare(root: Path, config: DemoConfig) -> None:
    """Make the simulated world in ``root/world``, once; its last file marks it complete."""
    world = root / "world"
    marker = world / "world.json"
    if marker.exists():
        return
    stimuli = StimulusSet.load(root / "stimuli")
    rng = np.random.default_rng([config.seed, 0])
    held_out = held_out_species(stimuli, config.held_out_share, rng)
    if "[design.exclude]" not in (root / "study.toml").read_text(encoding="utf-8"):
        levels: dict[str, int | str] = {"sampler": "levels", "level": "family"}
        settings = levels | {"trials": config.trials, "practice": 0, "practice_checks": 0}
        set_design(root, settings, {"species": held_out})
    is_out = stimuli.table["species"].isin(held_out)
    write_ids(world / "judged.txt", stimuli.table.loc[~is_out, "id"].tolist())
    write_ids(world / "held_out.txt", stimuli.table.loc[is_out, "id"].tolist())
    embedding = write_observers(world, stimuli, config.labels, config.seed)
    write_truth(world, stimuli, embedding, held_out, config.test_triplets, config.seed)
    write_json(marker, {"kind": "world", "held_out": list(held_out), **asdict(config)})


def _collect(root: Path, config: DemoConfig) -> list[Stage]:
    study = Study.load(root)
    hidden = sys.platform == "linux" and not os.environ.get("DISPLAY")
    window = ("--windowed", *(["--virtual-display"] if hidden else []))
    return [
        Stage(
            f"participant {name}: {config.trials} trials{'' if number else ' in a window'}",
            ("run", str(root), "--task", "odd-one-out", "--participant", name)
            + (("--resume",) if (study.raw / f"sub-{name}").exists() else ())
            + ("--simulate", str(root / "world" / f"observer-{name}.npz"))
            + (("--no-window",) if number else window),
            study.raw,
            finished=lambda name=name: session_done(study, name),  # type: ignore[misc]
        )
        for number, name in enumerate(config.labels)
    ]


_NETWORKS = {
    "control": ("control_teacher", "control", "control_features.npz"),
    "aligned": ("teacher", "student", "student_features.npz"),
}
"""Network that is distilled -> its teacher, its folder and its features, in derived/. The control
is taught by the base network's own similarities."""


def _fit(root: Path, config: DemoConfig) -> list[Stage]:
    """Fit the embedding, show it, and compute what the base network sees."""
    study = Study.load(root)
    features, first_look = study.derived / FEATURES, root / "first_look.html"
    fit = config.fit.split()
    return [
        Stage("fit the Bayesian embedding", ("fit", str(root), *fit), study.posterior),
        Stage(
            f"a first look, to open while networks learn: {first_look}",
            ("report", str(root), "--out", str(first_look)),
            first_look,
        ),
        Stage(
            f"features of {config.backbone}",
            ("features", "--backbone", config.backbone, "--images", str(root / "stimuli"))
            + ("--out", str(features), *config.features.split()),
            features,
        ),
    ]


def _align(root: Path, config: DemoConfig, name: str) -> list[Stage]:
    """Make a network's teacher, distil it, and compute what it sees then."""
    study, images = Study.load(root), str(root / "stimuli")
    base = str(study.derived / FEATURES)
    teacher, student, features = (study.derived / file for file in _NETWORKS[name])
    options = ("--untransformed",) if name == "control" else ()
    return [
        Stage(
            f"teacher of the {name} network",
            ("teach", str(study.posterior), "--features", base, *options)
            + ("--choices", str(study.choices), "--out", str(teacher)),
            teacher,
        ),
        Stage(
            f"distil the {name} network",
            ("distill", "--teacher", str(teacher), "--images", images)
            + ("--student", config.backbone, "--only", str(root / "world" / "judged.txt"))
            + ("--features", base, *config.distill.split())
            + ("--out", str(student), "--resume"),
            student / WEIGHTS,
        ),
        Stage(
            f"features of the {name} network",
            ("features", "--backbone", str(student), "--images", images, "--out", str(features)),
            features,
        ),
    ]


def _score(root: Path) -> list[Stage]:
    derived, world = root / "derived", root / "world"
    results, page = derived / "results.json", root / "report.html"
    tables = {"base": derived / FEATURES}
    tables |= {name: derived / files[-1] for name, files in _NETWORKS.items()}
    named = [word for name, path in tables.items() for word in ("--features", f"{name}={path}")]
    return [
        Stage(
            "score on species nobody judged",
            ("evaluate", *named, "--ceiling", f"true observer={world / 'truth.npz'}")
            + ("--choices", str(world / "held_out_choices.parquet"))
            + ("--labels", str(world / "held_out.tsv"), "--out", str(results)),
            results,
        ),
        Stage("write the report", ("report", str(root), "--out", str(page)), page),
    ]


def run_demo(root: Path, config: DemoConfig | None = None) -> Results:
    """Run the chain in ``root`` and return its results; ``root`` may hold nothing else."""
    config = config or DemoConfig()
    console = Console(soft_wrap=True)
    start = time.monotonic()
    init = Stage(
        "draw the creatures",
        ("init", str(root), "--title", TITLE, "--seed", str(config.seed)),
        root / "study.toml",
    )
    run_stages([init], console)
    check_title(root, TITLE)
    _prepare(root, config)
    first, *others = _collect(root, config)
    run_stages([first], console)
    run_at_once([[stage] for stage in others], console)
    fit, look, features = _fit(root, config)
    run_at_once([[fit], [features]], console)
    networks = [_align(root, config, name) for name in _NETWORKS]
    run_at_once([[look], *networks], console)
    run_stages(_score(root), console)
    results = Results.load(root / "derived" / "results.json")
    console.print(summary(results))
    console.print(f"{time.monotonic() - start:.0f} s. Open {root / 'report.html'}")
    return results


def summary(results: Results) -> Table:
    """Scores of every network, with intervals; the gap is that to the true observer."""
    frame = results.tables()[0].frame.drop(columns="temperature", errors="ignore")
    columns = [Column(str(name), justify="right") for name in frame]
    title = "Odd-one-out on species that nobody judged (95 % intervals)"
    table = Table("model", *columns, title=title)
    for name, cells in frame.iterrows():
        table.add_row(str(name), *(cell.replace("\n", " ") for cell in cells))
    return table
