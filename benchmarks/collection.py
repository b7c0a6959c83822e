"""The second half of the chain at scale: images in tar shards to a student, killed and resumed.

    python -P benchmarks/collection.py [--scale 1] [--folder FOLDER]

Makes 100,000 images of 32 pixels in 100 tar shards of WebDataset's layout (250 kinds of coloured
gratings, with noise), and runs the public commands on them: features of an untrained network of
timm's, a million labels of triplets by the rule of boundaries between clusters, and the
distillation of a student from these labels in two gloo processes. The distillation is run twice:
once left alone; and once killed (SIGKILL, every process) after a checkpoint, and resumed. The
teacher is a random map of the features to eight dimensions: what it says does not change what is
measured.

Of each step the table states the time and the largest memory of all its processes together (PSS:
what they share is counted once), sampled five times a second. Diversity is counted again from the
files of labels and clusters. `--scale 0.01` does all with a hundredth of the images, labels and
steps. The table goes to benchmarks/results/collection.md, at other scales than 1 to the terminal
only. Exits with 1 if the weights differ or diversity is too low.
"""

import argparse
import io
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
from PIL import Image

from twoalike.choice import PAIRS
from twoalike.distill import read_labels
from twoalike.features import read_features
from twoalike.study import provenance, sha256_file
from twoalike.teacher import AffineTeacher, save_teacher

RESULTS = Path(__file__).parent / "results" / "collection.md"
PIXELS, KINDS, MIB = 32, 250, 2**20
NETWORK = "test_resnet"
MOST_REUSE, LEAST_IMAGES = 3, 0.95


@dataclass(frozen=True)
class Scale:
    """How much of everything."""

    images: int
    shards: int
    labels: int
    validation: int
    steps: int

    @classmethod
    def of(cls, share: float) -> "Scale":
        """Share of the whole size; validation stays large enough to score on."""
        return cls(
            images=round(100_000 * share),
            shards=max(round(100 * share), 2),
            labels=round(1_000_000 * share),
            validation=max(round(1_000 * share), 100),
            steps=max(round(1_000 * share), 60),
        )

    @property
    def every(self) -> int:
        """Steps from checkpoint to checkpoint."""
        return self.steps // 4


def make_shards(folder: Path, scale: Scale) -> None:
    """Write the images, each with its kind, as WebDataset does."""
    rng = np.random.default_rng(0)
    colours = rng.uniform(0, 255, (KINDS, 2, 3))
    waves = rng.uniform(-1.2, 1.2, (KINDS, 2))
    y, x = np.mgrid[:PIXELS, :PIXELS]
    folder.mkdir()
    bounds = np.linspace(0, scale.images, scale.shards + 1).astype(int)
    for shard, (start, stop) in enumerate(zip(bounds[:-1], bounds[1:], strict=True)):
        with tarfile.open(folder / f"train-{shard:04d}.tar", "w") as tar:
            for number in range(start, stop):
                kind = int(rng.integers(KINDS))
                phase = rng.uniform(0, 2 * np.pi)
                share = (1 + np.sin(waves[kind, 0] * x + waves[kind, 1] * y + phase)) / 2
                pixels = colours[kind, 0] * share[..., None]
                pixels += colours[kind, 1] * (1 - share[..., None])
                pixels += rng.normal(0, 12, pixels.shape)
                image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
                content = io.BytesIO()
                image.save(content, "JPEG", quality=90)
                add(tar, f"{number:06d}.cls", str(kind).encode())
                add(tar, f"{number:06d}.jpg", content.getvalue())


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a member; its time is 0, so that the same images give the same tar."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def make_teacher(folder: Path, features: Path) -> None:
    """Write a map of the features to eight dimensions."""
    values = read_features(features).values[:1000]
    rng = np.random.default_rng(1)
    weights = rng.standard_normal((8, values.shape[1])).astype(np.float32)
    weights /= (values @ weights.T).std(axis=0, keepdims=True).T
    bias = -(weights @ values.mean(axis=0))
    teacher = AffineTeacher(
        np.zeros(values.shape[1], np.float32), 1.0, weights, bias, 0.0, 1.0,
        {"method": "affine", "from": {"features": values.shape[1]}, "to": {"objects": 8}},
    )  # fmt: skip
    save_teacher(folder, teacher, provenance("teacher", seed=1))


class Memory:
    """Largest memory of a process and its descendants together, in MiB."""

    def __init__(self, pid: int) -> None:
        self.root, self.largest, self.over = psutil.Process(pid), 0.0, threading.Event()
        self.thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Memory":
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self.thread.join()

    def _watch(self) -> None:
        while not self.over.wait(0.2):
            self.largest = max(self.largest, sum(map(pss, tree(self.root))) / MIB)


def tree(root: psutil.Process) -> list[psutil.Process]:
    """List a process and its descendants; none if it is over."""
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def pss(process: psutil.Process) -> int:
    """Memory of a process in bytes, with its share of what it shares; 0 if it is over."""
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return 0


@dataclass(frozen=True)
class Step:
    """What a step took."""

    name: str
    seconds: float
    mib: float


def command(*words: object, processes: int = 1) -> list[str]:
    """Command line of ours, in a process or in several of torchrun's."""
    start = [sys.executable, "-m"]
    if processes > 1:
        start += ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m"]
    return [*start, "twoalike.cli.app", *map(str, words)]


def run(
    name: str, words: list[str], until: Callable[[], bool] = lambda: False, *, log: Path
) -> Step:
    """Run a command to its end, or kill it and all its processes when ``until`` is true."""
    start = time.perf_counter()
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with (
        log.open("a") as output,
        subprocess.Popen(words, stdout=output, stderr=output, env=environment) as process,
        Memory(process.pid) as memory,
    ):
        killed = False
        while process.poll() is None:
            if until():
                killed = True
                for one in tree(memory.root):
                    one.kill()
                break
            time.sleep(0.02)
        process.wait()
    if process.returncode and not killed:
        raise SystemExit(f"{name} failed: {log.read_text()[-2000:]}")
    return Step(name, time.perf_counter() - start, memory.largest)


def last_step(student: Path) -> int:
    """Step of the latest checkpoint of a run; 0 if there is none."""
    found = student.with_name(f"{student.name}.checkpoints").glob("step-*")
    return max((int(path.stem.removeprefix("step-")) for path in found), default=0)


def diversity(labels: Path, images: int) -> dict[str, float]:
    """Count images and reuse of pairs from the files that were written."""
    table = read_labels(labels)
    clusters = pd.read_parquet(labels / "clusters.parquet")
    cluster = clusters.set_index("image")["cluster"].loc[list(table.ids)].to_numpy()
    n = len(table.ids)
    pairs = np.concatenate([np.sort(table.triplets[:, pair], axis=1) for pair in PAIRS])
    numbers, times = np.unique(pairs[:, 0].astype(np.int64) * n + pairs[:, 1], return_counts=True)
    inside = cluster[numbers // n] == cluster[numbers % n]
    return {
        "share": len(np.unique(table.triplets)) / images,
        "clusters": len(np.unique(cluster)),
        "pairs": len(numbers),
        "reuse": int(times.max()),
        "inside": int(times[inside].max(initial=0)),
    }


def work(folder: Path, scale: Scale) -> tuple[list[Step], dict[str, Any]]:
    """Run all steps in a folder."""
    images, log = folder / "images", folder / "log.txt"
    start = time.perf_counter()
    make_shards(images, scale)
    steps = [Step("images (by this script)", time.perf_counter() - start, 0)]
    network = ("--untrained", "--device", "cpu")
    words = ["features", "--backbone", NETWORK, "--size", PIXELS, *network, "--images", images]
    words += ["--shard", max(scale.images // 20, 1), "--batch", 256, "--workers", 1]
    features = folder / "features"
    steps.append(run("features", command(*words, "--out", features), log=log))
    make_teacher(folder / "teacher", features)
    for name, number, seed in (("labels", scale.labels, 0), ("validation", scale.validation, 1)):
        words = ["predict", folder / "teacher", "--features", features, "--out", folder / name]
        words += ["--sample", "cluster-boundary", "--number", number, "--seed", seed]
        steps.append(run(f"clusters and {name}", command(*words), log=log))
    (folder / "recipe.toml").write_text(
        f"steps = {scale.steps}\nbatch = 128\nsize = {PIXELS}\nevaluate_every = {scale.every}\n"
        "select = 'last'\nflip = true\nworkers = 1\n"
    )
    words = ["distill", "--labels", folder / "labels", "--validation", folder / "validation"]
    words += ["--images", images, "--student", NETWORK, *network]
    words += ["--config", folder / "recipe.toml", "--out"]

    def distilled(name: str, out: str, *more: str, until: Any = lambda: False) -> Step:
        line = command(*words, folder / out, *more, processes=2)
        return run(f"distillation, {name}", line, until, log=log)

    steps.append(distilled("left alone", "whole"))
    killed = folder / "killed"
    half = scale.steps // 2

    def after_a_checkpoint() -> bool:
        lines = killed / "training.jsonl"
        return last_step(killed) >= half and lines.read_text().count("\n") > half + scale.every // 3

    steps.append(distilled("killed", "killed", until=after_a_checkpoint))
    found: dict[str, Any] = {"checkpoint": last_step(killed)}
    if (killed / "model.safetensors").exists():
        raise SystemExit("the run ended before it was killed")
    steps.append(distilled("resumed", "killed", "--resume"))
    found["sums"] = [sha256_file(folder / out / "model.safetensors") for out in ("whole", "killed")]
    return steps, found | diversity(folder / "labels", scale.images)


def report(scale: Scale, share: float, steps: list[Step], found: dict[str, Any]) -> str:
    """Lay out the table."""
    same = found["sums"][0] == found["sums"][1]
    lines = [
        "# A collection of images, from tar shards to a student",
        "",
        f"`python -P benchmarks/collection.py{'' if share == 1 else f' --scale {share:g}'}` "
        f"(twoalike {version('twoalike')}, torch {version('torch')}, timm {version('timm')}, "
        f"Python {platform.python_version()}; load average {os.getloadavg()[0]:.1f} on "
        f"{os.cpu_count()} cores, no GPU). {scale.images:,} images of {PIXELS} pixels in "
        f"{scale.shards} tar shards, {NETWORK} (untrained), {scale.labels:,} triplets, "
        f"{scale.steps:,} steps of 128 triplets in each of two gloo processes with one worker "
        "each. Memory: the largest sum of PSS of all processes of a step.",
        "",
        "| step | seconds | memory, MiB |",
        "|---|---|---|",
        *(f"| {one.name} | {one.seconds:.0f} | {f'{one.mib:,.0f}' if one.mib else ''} |"
          for one in steps),
        "",
        "| what | measured | target |",
        "|---|---|---|",
        f"| images in the triplets | {found['share']:.2%} | at least {LEAST_IMAGES:.0%} |",
        f"| different pairs; clusters | {found['pairs']:,}; {found['clusters']} | |",
        f"| triplets with the most frequent pair of one cluster | {found['inside']} | at most "
        f"{MOST_REUSE} |",
        f"| triplets with the most frequent pair of any | {found['reuse']} | |",
        f"| killed and resumed from step {found['checkpoint']}: SHA-256 of the weights | "
        f"{'equal' if same else 'DIFFERENT'} ({found['sums'][0][:8]}, {found['sums'][1][:8]}) | "
        "equal |",
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    """Run, write the table, and say by the exit status whether all is as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--folder", type=Path, help="new folder that keeps all files")
    given = parser.parse_args()
    scale = Scale.of(given.scale)
    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        folder.mkdir(exist_ok=True)
        steps, found = work(folder, scale)
    table = report(scale, given.scale, steps, found)
    print(table)
    if given.scale == 1:
        RESULTS.write_text(table, encoding="utf-8")
    enough = found["share"] >= LEAST_IMAGES and found["inside"] <= MOST_REUSE
    if found["sums"][0] != found["sums"][1] or not enough:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
