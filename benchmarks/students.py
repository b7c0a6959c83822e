"""What of a network to train: all weights, last blocks, adapters, or nothing.

    python -P benchmarks/students.py [--seeds 2]

Drawn creatures: 216, of 54 species in 9 families; colour, size, pose and background mislead. The
teacher is the simulated observer itself, who sees the hierarchy, so that nothing but the student
limits the result. EfficientNet-Lite0 (ImageNet weights, 128 pixels) learns from the 144 creatures
of four species of every family (22 of them are held out), in batches of 36, takes its last step,
and is scored on the 72 creatures of the other two: accuracy of the cosine of its vector on 20,000
triplets against the observer's probabilities, ties split. Every seed draws creatures and species
anew. `probe` is the aligned vector in closed form.

Steps and rates of each kind were chosen on seed 100, which is in no table. Processor time is that
of a training step on one thread, preparation and scoring left out: other work on the machine
disturbs it least. Exports: largest difference of the
features of 8 creatures (32 for ONNX) between the trained network and what was written.

The table goes to benchmarks/results/students.md; finished runs are kept in derived/students/.
"""

import argparse
import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from twoalike.backbones import extract_features, load_backbone
from twoalike.choice import log_choice, pair_similarities, random_triplets
from twoalike.demo._run import held_out_species, write_ids
from twoalike.distill import DistillConfig, distill, export_onnx
from twoalike.distill._update import Update
from twoalike.evaluation import similarity_matrix
from twoalike.features import FeatureTable
from twoalike.observers import hierarchical_embedding
from twoalike.stimuli import StimulusSet, draw_creatures
from twoalike.study import provenance
from twoalike.teacher import AffineTeacher, odd_logits, save_teacher, score_soft

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "students"
RESULTS = ROOT / "benchmarks" / "results" / "students.md"
TEST = 20_000
COMMON = {
    **{"size": 128, "batch": 36, "held_out": 0.15, "evaluate_every": 20},
    **{"mix": 1.0, "select": "last"},  # whether training earned its place or not
}
KINDS: dict[str, dict[str, Any]] = {
    "full": {"train": "full", "steps": 40, "rate": 5e-4},
    "last 4": {"train": "last", "last_blocks": 4, "steps": 40, "rate": 1e-3},
    "last 1": {"train": "last", "last_blocks": 1, "steps": 40, "rate": 1e-3},
    "lora 8": {"train": "lora", "lora_rank": 8, "steps": 40, "rate": 2e-3},
    "probe": {"train": "probe"},
}


class Clock:
    """Adds up the time of training steps."""

    def __init__(self) -> None:
        self.seconds, self.steps, self.real = 0.0, 0, Update.take

    def __enter__(self) -> "Clock":
        def step(trainer: Update, number: int, data: Any) -> Any:
            started = time.process_time()
            record = self.real(trainer, number, data)
            self.seconds += time.process_time() - started
            self.steps += 1
            return record

        Update.take = step  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        Update.take = self.real  # type: ignore[method-assign]


def make_world(seed: int) -> tuple[Path, StimulusSet, np.ndarray, np.ndarray]:
    """Creatures, which of them are held out, the observer's space (m, d), and its teacher."""
    folder = WORK / f"seed{seed}"
    if not (folder / "stimuli").exists():
        draw_creatures(folder / "stimuli", seed=seed)
    stimuli = StimulusSet.load(folder / "stimuli")
    names = held_out_species(stimuli, 1 / 3, np.random.default_rng([seed, 0]))
    is_out = stimuli.table["species"].isin(names).to_numpy()
    space = hierarchical_embedding(stimuli, np.random.default_rng([seed, 1]))
    write_ids(folder / "learn.txt", np.array(stimuli.ids)[~is_out].tolist())
    if not (folder / "teacher").exists():
        d = space.shape[1]
        observer = AffineTeacher(
            mean=np.zeros(d, np.float32),
            scale=1.0,
            weight=np.eye(d, dtype=np.float32),
            bias=np.zeros(d, np.float32),
            identity=0.0,
            temperature=1.0,
            description={
                "method": "the observer itself",
                "from": {"features": d},
                "to": {"objects": len(space)},
            },
        )
        save_teacher(folder / "teacher", observer, provenance("teacher", seed=seed))
    return folder, stimuli, is_out, space


def run_kind(seed: int, kind: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Distil one student and measure it; what was measured before is read."""
    folder, stimuli, is_out, space = make_world(seed)
    done = folder / f"{kind.replace(' ', '')}.json"
    if done.is_file():
        return dict(json.loads(done.read_text()))
    out = folder / kind.replace(" ", "")
    config = DistillConfig.model_validate(COMMON | settings | {"seed": seed})
    table = FeatureTable(stimuli.ids, space.astype(np.float32))
    with Clock() as clock:
        said = distill(
            *(folder / "teacher", folder / "stimuli", "efficientnet_lite0", out, config),
            features=table,
            only=folder / "learn.txt",
        )
    paths = [stimuli.path(name) for name in stimuli.ids]
    exported = export_onnx(load_backbone(out), folder / f"{out.name}.onnx", paths)
    rng = np.random.default_rng([seed, 4])
    rows = np.flatnonzero(is_out)
    shown = random_triplets(len(rows), TEST, rng)
    own = space[rows] @ space[rows].T
    truth = np.exp(np.stack(log_choice(pair_similarities(own, shown)), axis=1))

    def accuracy(backbone: Any) -> float:
        features = extract_features(backbone, folder / "stimuli", size=128)
        matrix = similarity_matrix(features.select(stimuli.ids)[rows], "raw-cosine")
        return score_soft(odd_logits(matrix, shown), truth)["accuracy"]

    result = {
        "base": accuracy("efficientnet_lite0"),
        "student": accuracy(out),
        "observer": score_soft(np.log(truth), truth)["accuracy"],
        "learnt": said["learnt"],
        "seconds": clock.seconds / max(clock.steps, 1),
        "file": said["check"]["difference"],
        "onnx": exported["check"]["images"],
        "held_out": said["held_out"]["student"]["kl"],
    }
    done.write_text(json.dumps(result, indent=1))
    return result


def write_table(seeds: int) -> None:
    """Write benchmarks/results/students.md."""
    lines = [
        "# Trained part of a network",
        "",
        f"`python -P benchmarks/students.py --seeds {seeds}` (twoalike {version('twoalike')}, "
        f"torch {version('torch')}, peft {version('peft')}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores, no GPU). Mean ± standard error over {seeds} "
        f"world{'s' if seeds > 1 else ''}, see the script; differences: maxima.",
        "",
        "| train | steps, rate | trained weights | accuracy on new species | gap to the observer "
        "closed | processor s per step | difference of file | of ONNX |",
        "|---|---|---|---|---|---|---|---|",
    ]
    found: dict[str, list[dict[str, Any]]] = {
        kind: [run_kind(seed, kind, settings) for seed in range(seeds)]
        for kind, settings in KINDS.items()
    }
    for kind, results in found.items():
        gap = [(r["student"] - r["base"]) / (r["observer"] - r["base"]) for r in results]
        cells = [
            kind,
            f"{KINDS[kind]['steps']}, {KINDS[kind]['rate']:g}" if "steps" in KINDS[kind] else "",
            f"{results[0]['learnt']:,}",
            cell([r["student"] for r in results], ".3f"),
            cell(gap, ".0%"),
            f"{np.median([r['seconds'] for r in results]):.2g}",
            f"{max(r['file'] for r in results):.0e}",
            f"{max(r['onnx'] for r in results):.0e}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    some = found["full"]
    lines += [
        "",
        f"Base network {cell([r['base'] for r in some], '.3f')}, observer "
        f"{cell([r['observer'] for r in some], '.3f')}.",
    ]
    RESULTS.write_text("\n".join([*lines, ""]), encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


def cell(values: list[float], form: str) -> str:
    """Mean and standard error over seeds; of one seed there is no error."""
    if len(values) == 1:
        return f"{values[0]:{form}}"
    return f"{np.mean(values):{form}} ± {np.std(values, ddof=1) / np.sqrt(len(values)):{form}}"


def main() -> None:
    """Run all seeds and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=2)
    torch.set_num_threads(1)
    write_table(parser.parse_args().seeds)


if __name__ == "__main__":
    main()
