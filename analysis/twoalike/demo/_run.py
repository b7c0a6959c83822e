"""The demo from an empty folder to a report and a table."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from twoalike.backbones import WEIGHTS
from twoalike.demo._chain import Stage, run_stages, screen, session_done, set_design
from twoalike.demo._world import held_out_species, write_ids, write_observers, write_truth
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, write_json

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
    features: tuple[str, ...] = ()  # of the backbone, such as ("--size", "128")
    # Four fits of vi, which so many objects would be left to, end in different places.
    fit: tuple[str, ...] = (
        *("--quick", "--engine", "nuts"),
        *("--dimensions", "12", "--draws", "600"),
    )
    # Distillation as in modeling/recipes/distill_demo.toml: few steps, of the network's own size.
    distill: tuple[str, ...] = ("--steps", "40", "--batch", "36", "--sampling", "scales")

    @property
    def labels(self) -> tuple[str, ...]:
        """Participant labels."""
        return tuple(f"{number:02d}" for number in range(1, self.participants + 1))


def _prepare(root: Path, config: DemoConfig) -> None:
    """Make the simulated world in ``root/world``, once; its last file marks it complete."""
    world = root / "world"
    marker = world / "world.json"
    if marker.exists():
        return
    stimuli = StimulusSet.load(root / "stimuli")
    held_out = held_out_species(
        stimuli, config.held_out_share, np.random.default_rng([config.seed, 0])
    )
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
    return [
        Stage(
            f"participant {name}: {config.trials} trials in a window",
            ("run", str(root), "--task", "odd-one-out", "--participant", name)
            + (("--resume",) if (study.raw / f"sub-{name}").exists() else ())
            + ("--simulate", str(root / "world" / f"observer-{name}.npz"), "--windowed"),
            study.raw,
            finished=lambda name=name: session_done(study, name),  # type: ignore[misc]
        )
        for name in config.labels
    ]


@dataclass(frozen=True)
class _Network:
    """A network that the demo distils: where its files are, and what its teacher is told."""

    name: str
    teacher: Path
    student: Path
    features: Path
    options: tuple[str, ...] = ()


def _networks(derived: Path) -> tuple[_Network, _Network]:
    """Name the control, taught by the base network's own similarities, and the aligned network."""
    control, student = derived / "control", derived / "student"
    return (
        _Network(
            "control",
            derived / "control_teacher",
            control,
            derived / "control_features.npz",
            ("--untransformed",),
        ),
        _Network("aligned", derived / "teacher", student, derived / "student_features.npz"),
    )


def _fit(root: Path, config: DemoConfig) -> list[Stage]:
    """Fit the embedding, show it, and compute what the base network sees."""
    study = Study.load(root)
    features, first_look = study.derived / FEATURES, root / "first_look.html"
    return [
        Stage("fit the Bayesian embedding", ("fit", str(root), *config.fit), study.posterior),
        Stage(
            f"a first look, to open while networks learn: {first_look}",
            ("report", str(root), "--out", str(first_look)),
            first_look,
        ),
        Stage(
            f"features of {config.backbone}",
            ("features", "--backbone", config.backbone, "--images", str(root / "stimuli"))
            + ("--out", str(features), *config.features),
            features,
        ),
    ]


def _align(root: Path, config: DemoConfig, network: _Network) -> list[Stage]:
    """Make a network's teacher, distil it, and compute what it sees then."""
    study, images = Study.load(root), str(root / "stimuli")
    features = str(study.derived / FEATURES)
    return [
        Stage(
            f"teacher of the {network.name} network",
            ("teach", str(study.posterior), "--features", features, *network.options)
            + ("--choices", str(study.choices), "--out", str(network.teacher)),
            network.teacher,
        ),
        Stage(
            f"distil the {network.name} network",
            ("distill", "--teacher", str(network.teacher), "--images", images)
            + ("--student", config.backbone, "--only", str(root / "world" / "judged.txt"))
            + ("--features", features, *config.distill)
            + ("--out", str(network.student), "--resume"),
            network.student / WEIGHTS,
        ),
        Stage(
            f"features of the {network.name} network",
            ("features", "--backbone", str(network.student), "--images", images)
            + ("--out", str(network.features)),
            network.features,
        ),
    ]


def _score(root: Path) -> list[Stage]:
    """Score base, control and aligned network, and write the report."""
    derived, world = root / "derived", root / "world"
    results, page = derived / "results.json", root / "report.html"
    tables = {"base": derived / FEATURES} | {of.name: of.features for of in _networks(derived)}
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


def _learn(root: Path, config: DemoConfig) -> list[Stage]:
    """Fit, teach, distil and score, for the aligned network and for its control."""
    networks = _networks(root / "derived")
    aligned = [stage for network in networks for stage in _align(root, config, network)]
    return [*_fit(root, config), *aligned, *_score(root)]


def run_demo(root: Path, config: DemoConfig | None = None) -> dict[str, Any]:
    """Run the chain in ``root`` and return the content of its ``results.json``.

    Raises
    ------
    TwoalikeError
        If ``root`` holds something else, or a stage fails.
    """
    config = config or DemoConfig()
    console = Console(soft_wrap=True)
    start = time.monotonic()
    init = Stage(
        "draw the creatures",
        ("init", str(root), "--title", "Creatures", "--seed", str(config.seed)),
        root / "study.toml",
    )
    with screen() as environment:
        run_stages([init], environment, console)
        _prepare(root, config)
        run_stages([*_collect(root, config), *_learn(root, config)], environment, console)
    results: dict[str, Any] = json.loads((root / "derived" / "results.json").read_text("utf-8"))
    console.print(summary(results))
    console.print(f"{time.monotonic() - start:.0f} s. Open {root / 'report.html'}")
    return results


def summary(results: dict[str, Any]) -> Table:
    """Every model's accuracy, log-loss and share of the gap closed, with intervals.

    The gap is the one between the base network and the true observer.
    """
    table = Table(title="Odd-one-out on species that nobody judged (95 % intervals)")
    table.add_column("model")
    for column in ("accuracy", "log-loss", "gap closed"):
        table.add_column(column, justify="right")
    for model in results["models"]:
        closed = model.get("gap_closed")
        table.add_row(
            model["name"],
            *(_with_interval(model[measure], "{:.3f}") for measure in ("accuracy", "log_loss")),
            _with_interval(closed, "{:.0%}") if closed else "",
        )
    return table


def _with_interval(measure: dict[str, float], form: str) -> str:
    value, low, high = (form.format(measure[name]) for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"
