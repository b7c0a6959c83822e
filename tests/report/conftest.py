"""A study as the chain leaves it, small and quick: drawn shapes, simulated people, a fit made up.

The raw rows come from the real writer, the posterior is draws around the truth.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image, ImageDraw

from twoalike.design import TRIPLET_LISTS
from twoalike.embedding import Posterior
from twoalike.evaluation import Candidate
from twoalike.features import FeatureTable
from twoalike.judgments import read_raw, write_judgments
from twoalike.observers import SimulatedObserver
from twoalike.record import Apparatus, RunName, RunPlan, open_run
from twoalike.results import evaluate
from twoalike.stimuli import StimulusSet
from twoalike.study import DesignConfig, Study, provenance, sha256_file

COLOURS = ("#c0392b", "#2471a3", "#1e8449", "#b9770e")


@dataclass(frozen=True)
class World:
    """What the builder needs: who judges what, how often, and by which truth."""

    stimuli: StimulusSet
    embedding: np.ndarray  # (m, D), the truth
    participants: tuple[str, ...]
    trials: int
    catch: int = 4
    seed: int = 1


def draw_shapes(folder: Path, n: int = 12, names: tuple[str, ...] | None = None) -> StimulusSet:
    """Coloured squares and discs, in two kinds of n / 4 sizes of two each."""
    folder.mkdir(parents=True)
    rows = []
    for index in range(n):
        kind, size = ("disc", "square")[index % 2], 12 + 4 * (index // 4)
        image = Image.new("RGB", (64, 64), "white")
        draw = ImageDraw.Draw(image)
        shape = draw.ellipse if kind == "disc" else draw.rectangle
        shape((32 - size, 32 - size, 32 + size, 32 + size), fill=COLOURS[index % 4])
        image.save(folder / f"{index:02d}.png")
        name = names[index] if names else f"s{index:02d}"
        rows.append({"id": name, "file": f"{index:02d}.png", "kind": kind, "size": f"{size}px"})
    table = pd.DataFrame(rows)
    table.insert(2, "sha256", [sha256_file(folder / file) for file in table["file"]])
    return StimulusSet.write(folder, table)


def truth_of(stimuli: StimulusSet, strength: float = 1.6) -> np.ndarray:
    """One dimension a category of every level."""
    blocks = [pd.get_dummies(stimuli.table[level]).to_numpy(float) for level in stimuli.levels]
    return strength * np.concatenate(blocks, axis=1)


def run_session(study: Study, world: World, participant: str, manner: tuple[float, float]) -> None:
    """One session through the real raw writer."""
    rng = np.random.default_rng([world.seed, int(participant)])
    observer = SimulatedObserver(world.stimuli.ids, world.embedding, *manner)
    config = DesignConfig(trials=world.trials, practice=2, catch=world.catch, repeats=4)
    listed = replace(study, config=study.config.model_copy(update={"design": config}))
    trials = TRIPLET_LISTS.one(listed, world.stimuli, participant, 1)
    as_text = trials.astype(object).where(trials.notna(), "n/a").astype(str)
    plan = RunPlan(
        name=RunName(participant, 1),
        seed=world.seed,
        protocol={},
        trials=as_text,
        n_trials=len(as_text),
        stimuli=dict(world.stimuli.table[["id", "sha256"]].itertuples(index=False)),
        pilot=False,
        observer=observer.describe(),
    )
    apparatus = Apparatus(software="PsychoPy", software_version="2026.2.5")
    with open_run(study.raw, study, plan, apparatus, "Pick the odd one out.", {}, print) as record:
        clock = 0.0
        for trial in trials.itertuples(index=False):
            ids = [trial.stimulus_1, trial.stimulus_2, trial.stimulus_3]
            item, seconds = observer.respond(ids, rng)
            places = [trial.position_1, trial.position_2, trial.position_3]
            expected = None if pd.isna(trial.expected_odd) else int(trial.expected_odd)
            clock += 1.0
            row = {
                "trial_index": int(trial.trial_index),
                "block_index": int(trial.block_index),
                "trial_type": trial.trial_type,
                "triplet_id": trial.triplet_id,
                **{f"stimulus_{k + 1}": ids[k] for k in range(3)},
                **{f"position_{k + 1}": places[k] for k in range(3)},
                "response": item + 1,
                "odd_stimulus": ids[item],
                "response_position": places[item],
                "response_key": None,
                "response_method": "mouse",
                "response_time": seconds,
                "rt_source": "simulated",
                "rt_flag": None,
                "onset": clock,
                "timed_out": False,
                "n_early_presses": 0,
                "dropped_frames": None,
                "expected_odd": expected,
                "correct": None if expected is None else expected == item + 1,
                "repeat_of": None if pd.isna(trial.repeat_of) else int(trial.repeat_of),
                "sampler": trial.sampler,
                "sampler_score": None,
                "condition": None,
                "pilot": False,
            }
            record.append([row])
            clock += seconds
        record.end("completed")


def make_posterior(world: World, manners: list[tuple[float, float]], *, choices: Path) -> Posterior:
    """Draws around the truth, for the objects judged; chains of 40 draws."""
    rng = np.random.default_rng([world.seed, 99])
    m, dimensions = world.embedding.shape
    noise = rng.normal(scale=0.3, size=(2, 40, m, dimensions))
    people = np.array(manners)
    temperature = people[:, 0] * np.exp(rng.normal(scale=0.1, size=(2, 40, len(people))))
    lapse = np.clip(people[:, 1] + rng.normal(scale=0.01, size=(2, 40, len(people))), 1e-3, 1)
    dims = ("chain", "draw")
    group = xr.Dataset(
        {
            "embedding": ((*dims, "object", "dimension"), np.abs(world.embedding + noise)),
            "temperature": ((*dims, "participant"), temperature),
            "lapse": ((*dims, "participant"), lapse),
        },
        coords={"object": list(world.stimuli.ids), "participant": list(world.participants)},
    )
    state = {"converged": True, "choice_rhat_95": 1.01, "divergences": 0}
    tree = xr.DataTree.from_dict({"posterior": group})
    attrs = {"engine": "nuts", "prior": "spike-and-slab", "schema_version": 1}
    made = provenance("posterior", seed=world.seed, inputs={"choices": choices})
    tree.attrs = {**attrs, "convergence": json.dumps(state), "provenance": json.dumps(made)}
    return Posterior(tree)


def scored(world: World, choices: Path, noise: dict[str, float], out: Path) -> None:
    """Networks that see the truth through noise, scored on the study's judgments."""
    rng = np.random.default_rng([world.seed, 7])
    ids = world.stimuli.ids

    def features(values: np.ndarray) -> FeatureTable:
        return FeatureTable(ids, values.astype(np.float32))

    candidates = [
        Candidate(
            name, features(world.embedding + rng.normal(scale=sd, size=world.embedding.shape))
        )
        for name, sd in noise.items()
    ]
    oracle = Candidate("true observer", features(world.embedding), "dot", "ceiling", 1.0)
    table = world.stimuli.table.set_index("id")
    labels = {level: table[level].to_dict() for level in world.stimuli.levels}
    given = {"choices": choices, "labels": labels, "seed": world.seed, "resamples": 200}
    evaluate([*candidates, oracle], **given, out=out)


def build(study: Study, world: World) -> None:
    """Leave behind what the chain does."""
    rng = np.random.default_rng([world.seed, 3])
    n = len(world.participants)
    manners = [(float(t), 0.02) for t in np.exp(0.2 * rng.standard_normal(n))]
    for participant, manner in zip(world.participants, manners, strict=True):
        run_session(study, world, participant, manner)
    table = read_raw(study.raw, world.stimuli.ids)
    write_judgments(study.choices, table, provenance("choices"))
    posterior = make_posterior(world, manners, choices=study.choices)
    posterior.save(study.posterior)
    noise = {"base": 3.0, "control": 2.8, "aligned": 0.8}
    scored(world, study.choices, noise, study.derived / "results.json")


def new_study(root: Path, title: str = "Shapes & <em>shadows</em>") -> Study:
    """An empty study."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "study.toml").write_text(f'title = "{title}"\nseed = 5\n', encoding="utf-8")
    return Study.load(root)


def small_study(root: Path, names: tuple[str, ...] | None = None) -> Study:
    """Three participants, twelve shapes, 40 main trials each, everything derived."""
    study = new_study(root)
    stimuli = draw_shapes(study.stimuli, names=names)
    build(study, World(stimuli, truth_of(stimuli), ("01", "02", "03"), trials=40))
    card = study.derived / "student" / "README.md"
    card.parent.mkdir()
    card.write_text("# Card\n<script>alert(2)</script>\n", encoding="utf-8")
    return study


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A whole study, built once; not to be changed."""
    return small_study(tmp_path_factory.mktemp("finished") / "study")


@pytest.fixture
def study(finished: Study, tmp_path: Path) -> Study:
    """A copy of the whole study that a test may damage."""
    shutil.copytree(finished.root, tmp_path / "study")
    return Study.load(tmp_path / "study")


@pytest.fixture
def study_of(tmp_path: Path) -> Callable[[tuple[str, ...]], Study]:
    """A function that builds a whole study with objects of the given twelve names."""
    return lambda names: small_study(tmp_path / "study", names)
