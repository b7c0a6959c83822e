"""A small study as the chain leaves it: drawn shapes, simulated people, a fit made up."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw
from tests.posteriors import around, posterior_of

from twoalike.evaluation import Candidate
from twoalike.features import FeatureTable
from twoalike.judgments import read_raw, write_judgments
from twoalike.observers import SimulatedObserver
from twoalike.results import evaluate
from twoalike.sitting import simulate
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, provenance, sha256_file

PEOPLE = ("01", "02", "03")
STUDY = """title = "Shapes & <em>shadows</em>"
seed = 5
[design]
trials = 40
practice = 2
catch = 4
repeats = 4
"""


def draw_shapes(folder: Path, names: tuple[str, ...] | None = None) -> StimulusSet:
    """Twelve coloured squares and discs, in two kinds of three sizes."""
    folder.mkdir(parents=True)
    rows = []
    for index in range(12):
        kind, size = ("disc", "square")[index % 2], 12 + 4 * (index // 4)
        image = Image.new("RGB", (64, 64), "white")
        draw = ImageDraw.Draw(image)
        shape = draw.ellipse if kind == "disc" else draw.rectangle
        colour = ("#c0392b", "#2471a3", "#1e8449", "#b9770e")[index % 4]
        shape((32 - size, 32 - size, 32 + size, 32 + size), fill=colour)
        file = folder / f"{index:02d}.png"
        image.save(file)
        name = names[index] if names else f"s{index:02d}"
        rows.append((name, file.name, sha256_file(file), kind, f"{size}px"))
    return StimulusSet.write(
        folder, pd.DataFrame(rows, columns=["id", "file", "sha256", "kind", "size"])
    )


def small_study(root: Path, names: tuple[str, ...] | None = None) -> Study:
    """Three participants, twelve shapes, 40 main trials each, everything derived."""
    (root / "protocols").mkdir(parents=True)
    (root / "protocols" / "odd_one_out.toml").write_text("schema_version = 1\n")
    (root / "study.toml").write_text(STUDY, encoding="utf-8")
    study = Study.load(root)
    stimuli = draw_shapes(study.stimuli, names)
    ids, table, rng = stimuli.ids, stimuli.table.set_index("id"), np.random.default_rng(3)
    blocks = [pd.get_dummies(table[level]).to_numpy(float) for level in stimuli.levels]
    truth = 1.6 * np.concatenate(blocks, axis=1)  # one dimension a category of every level
    temperatures = np.exp(0.2 * rng.standard_normal(3))
    observers = [SimulatedObserver(ids, truth, float(t), 0.02) for t in temperatures]
    simulate(study, PEOPLE, observer=observers)
    write_judgments(study.choices, read_raw(study.raw, ids), provenance("choices"))
    draws = {
        "embedding": np.abs(truth + rng.normal(scale=0.3, size=(2, 40, *truth.shape))),
        "temperature": around(temperatures, 0.1, rng, 2, 40),
        "lapse": np.clip(0.02 + rng.normal(scale=0.01, size=(2, 40, 3)), 1e-3, 1),
    }
    state = {"predictions": True, "intervals": True, "choice_rhat_95": 1.01, "divergences": 0}
    made = provenance("posterior", seed=1, inputs={"choices": study.choices})
    about = {"prior": "spike-and-slab", "convergence": state, "provenance": made}
    posterior_of(draws, {"object": ids, "participant": PEOPLE}, **about).save(study.posterior)
    noise = {"base": 3.0, "control": 2.8, "aligned": 0.8, "true observer": 0.0}
    seen = {name: truth + rng.normal(scale=sd, size=truth.shape) for name, sd in noise.items()}
    networks = [
        Candidate(name, FeatureTable(ids, x.astype(np.float32)), *how)
        for (name, x), how in zip(seen.items(), [(), (), (), ("dot", "ceiling", 1.0)], strict=True)
    ]
    labels = {level: table[level].to_dict() for level in stimuli.levels}
    out = study.derived / "results.json"
    evaluate(networks, choices=study.choices, labels=labels, seed=1, resamples=200, out=out)
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
