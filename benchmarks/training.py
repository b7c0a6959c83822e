"""What a training step costs, and that a stopped run ends as one that never stopped.

    python -P benchmarks/training.py [--rounds 9]

A ResNet-18 (untrained) at 64 x 64 pixels, 48 images a batch, one thread. Sides take turns, and what
is compared is processor time, so that other work on the machine spoils little; medians of rounds.

all triplets    forward pass, similarity matrix, loss of all 17,296 triplets, backward pass, update;
                against the same with the 16 disjoint triplets of the batch
loss            similarity matrix and loss of 16,000 triplets, forward and backward, as a share of
                that step
loop            images a second of `twoalike.distill`'s own loop (loading from memory, labels,
                loss, clipping, pull to the initial weights, log), against a bare loop of forward
                pass, mean square, backward pass and torch's fused Adam on as many images
compile,        a step of that loop with the setting, against one without; and how much of the
checkpointing   activations a forward pass keeps (on a CPU, the peak is mostly that of libraries)
resume          a run by the command line, in one process and in two, is stopped by Ctrl-C at some
                step and resumed; SHA-256 of its weights against the run that was left alone

The table goes to benchmarks/results/training.md.
"""

import argparse
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from PIL import Image

from twoalike.backbones import load_backbone, load_batches
from twoalike.collections import as_collection
from twoalike.distill import (
    AdamToInit,
    DistillConfig,
    batch_triplets,
    choice_logs,
    image_similarity,
    triplet_loss,
)
from twoalike.distill._lesson import Division, image_lesson
from twoalike.distill._loop import Trainer
from twoalike.distill._run import make_fabric
from twoalike.distill._sources import Opinion
from twoalike.distill._trainable import compute_twice
from twoalike.distill._update import StudentNetwork
from twoalike.features import FeatureTable, write_features
from twoalike.study import provenance, sha256_file
from twoalike.teacher import AffineTeacher, save_teacher

RESULTS = Path(__file__).parent / "results" / "training.md"
B, SIZE, IMAGES, STEPS = 48, 64, 192, 4


def cpu(work: Callable[[], Any]) -> float:
    """Processor seconds of a piece of work."""
    before = time.process_time()
    work()
    return time.process_time() - before


def turns(rounds: int, *sides: Callable[[], Any]) -> np.ndarray:
    """Processor seconds of each side in turn, shape (rounds, sides), after one to warm up."""
    for side in sides:
        side()
    return np.array([[cpu(side) for side in sides] for _ in range(rounds)])


def middle(ratios: np.ndarray) -> str:
    """Median and the middle half."""
    low, mid, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    return " ".join([_short(mid), f"[{_short(low)}, {_short(high)}]"])


def _short(value: float) -> str:
    """Three digits, never as a power of ten."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def triplet_modes(rounds: int) -> list[str]:
    """All triplets against disjoint ones, and the share of the loss."""
    torch.manual_seed(0)
    net = timm.create_model("resnet18", num_classes=0).eval()
    optimizer = AdamToInit(net.parameters(), 1e-4, 1.0)
    images = torch.randn(B, 3, SIZE, SIZE)
    positions = torch.randn(B, 5)
    own = positions @ positions.T
    every = torch.from_numpy(batch_triplets(B, 10**9, np.random.default_rng(0)))
    few = torch.from_numpy(batch_triplets(B, 16_000, np.random.default_rng(0)))
    disjoint = torch.arange(B).reshape(-1, 3)

    def loss_of(features: torch.Tensor, triplets: torch.Tensor) -> torch.Tensor:
        labels = choice_logs(own, triplets).exp()
        return triplet_loss("kl", choice_logs(image_similarity(features, "dot"), triplets), labels)

    def step(triplets: torch.Tensor) -> None:
        loss_of(net(images), triplets).backward()
        optimizer.step()
        optimizer.zero_grad()

    ready = net(images).detach().requires_grad_()
    seconds = turns(
        rounds,
        lambda: step(disjoint),
        lambda: step(every),
        lambda: step(few),
        lambda: loss_of(ready, few).backward(),
    )
    cost = seconds[:, 1] / seconds[:, 0]
    more = len(every) / len(disjoint) / cost
    share = seconds[:, 3] / seconds[:, 2]
    bound = 0.9 * (B - 1) * (B - 2) / 2
    return [
        f"| all triplets compared with disjoint ones: triplets per second | {middle(more)} | "
        f"{bound:.0f} |",
        f"| the same: time of a step | {middle(cost)} | at most 1.05 |",
        f"| similarity and loss of 16,000 triplets: share of a step | {middle(share)} "
        "| at most .05 |",
    ]


def squares(folder: Path, size: int) -> tuple[list[Path], np.ndarray]:
    """Images of one colour each, and the colours."""
    rng = np.random.default_rng(0)
    colours = rng.uniform(0, 1, (IMAGES, 3))
    folder.mkdir()
    paths = [folder / f"s{number:03d}.png" for number in range(IMAGES)]
    for path, colour in zip(paths, colours, strict=True):
        pixels = 255 * np.clip(colour + 0.05 * rng.standard_normal((size, size, 3)), 0, 1)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    return paths, colours


def loop_of(folder: Path, **settings: bool) -> Callable[[], None]:
    """Four steps of the loop, of an untrained network and images that are in memory."""
    paths, colours = squares(folder, SIZE)
    config = DistillConfig(
        steps=10**6, batch=B, size=SIZE, held_out=0.0, evaluate_every=10**6, **settings
    )
    backbone = load_backbone("resnet18", untrained=True, seed=0).resized(SIZE)
    if config.checkpointing:
        compute_twice(backbone.network)
    opinion = Opinion((3 * colours[:, :1]).astype(np.float32))
    images = as_collection(paths)
    division = Division.of(config, images, opinion.judged, None)
    lesson = image_lesson(config, images, division, backbone.preprocessing, opinion)
    student = StudentNetwork(backbone.module)
    student.to(memory_format=torch.channels_last)
    trainer = Trainer(make_fabric("cpu", "32"), student, lesson, config, folder / "out", {})
    data = load_batches(lesson.images, lesson.source.keys(0, 10**6), 0)
    place = iter(range(10**6))

    def steps() -> None:
        for _ in range(STEPS):
            trainer._advance(next(place), data)

    return steps


def loop_speed(rounds: int, folder: Path) -> list[str]:
    """Compare the loop with forward pass, backward pass and Adam alone, and with two settings."""
    seconds = turns(
        rounds,
        loop_of(folder / "plain"),
        bare_loop(),
        loop_of(folder / "compiled", compile=True),
        loop_of(folder / "twice", checkpointing=True),
    )
    bare, compiled, twice = (seconds[:, 1:] / seconds[:, :1]).T
    plain, less = kept(checkpointing=False), kept(checkpointing=True)
    return [
        f"| images per second of the loop compared with a minimal loop | {middle(bare)} | .96 |",
        f"| `compile`: time of a step | {middle(compiled)} | |",
        f"| `checkpointing`: time of a step | {middle(twice)} | at most 1.5 |",
        "| the same: activations kept for the backward pass, "
        f"{less:.0f} MiB against {plain:.0f} | {less / plain:.2f} | |",
    ]


def kept(checkpointing: bool) -> float:
    """Mebibytes that a forward pass keeps for the backward pass, weights aside."""
    backbone = load_backbone("resnet18", untrained=True, seed=0).resized(SIZE)
    if checkpointing:
        compute_twice(backbone.network)
    student = StudentNetwork(backbone.module).train()
    own, sizes = {p.data_ptr() for p in student.parameters()}, {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.data_ptr() not in own:
            storage = tensor.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = student(torch.randn(B, 3, SIZE, SIZE))
    del output  # until now, so that no memory is used twice
    return sum(sizes.values()) / 2**20


def bare_loop() -> Callable[[], None]:
    """Forward pass, mean square, backward pass, torch's Adam; as many steps."""
    fresh = load_backbone("resnet18", untrained=True, seed=0).resized(SIZE)
    net = fresh.module.to(memory_format=torch.channels_last).train()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    optimizer = torch.optim.Adam(net.parameters(), 1e-4, fused=True)
    inputs = torch.randn(B, 3, SIZE, SIZE).contiguous(memory_format=torch.channels_last)

    def work() -> None:
        for _ in range(STEPS):
            net(inputs).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()

    return work


def prepare_run(place: Path, colours: np.ndarray) -> None:
    """Write features, teacher and recipe of a short run into a folder."""
    place.mkdir()
    ids = tuple(f"s{number:03d}" for number in range(IMAGES))
    write_features(place / "colours.npz", FeatureTable(ids, colours.astype(np.float32), {}))
    teacher = AffineTeacher(
        np.full(3, 0.5, np.float32), 0.3, np.array([[2.0, 0, 0]], np.float32),
        np.zeros(1, np.float32), 0.0, 1.0,
        {"method": "affine", "from": {"features": 3}, "to": {"objects": IMAGES}},
    )  # fmt: skip
    save_teacher(place / "teacher", teacher, provenance("teacher", seed=0))
    (place / "recipe.toml").write_text(
        "steps = 60\nbatch = 16\nsize = 32\nevaluate_every = 25\nselect = 'last'\nflip = true\n"
    )


def resumed(folder: Path, processes: int) -> str:
    """Stop a run by a signal, resume it, and compare it with one that was left alone."""
    _, colours = squares(folder / f"images{processes}", 32)
    place = folder / f"resume{processes}"
    prepare_run(place, colours)
    words = [sys.executable, "-m"]
    if processes > 1:
        words += ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m"]
    words += ["twoalike.cli.app", "distill", "--teacher", place / "teacher", "--untrained"]
    words += ["--images", folder / f"images{processes}", "--student", "test_resnet"]
    words += ["--features", place / "colours.npz", "--config", place / "recipe.toml"]
    words += ["--device", "cpu", "--out"]

    def start(name: str, *more: str) -> "subprocess.Popen[bytes]":
        command = [str(word) for word in (*words, place / name, *more)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    interrupt(start("stopped"), place / "stopped" / "training.jsonl")
    found = (place / "stopped.checkpoints").glob("step-*")
    step = max(int(path.stem.removeprefix("step-")) for path in found)
    for name, more in (("stopped", ("--resume",)), ("whole", ())):
        if start(name, *more).wait():
            raise SystemExit(f"the run {name} failed")
    sums = [sha256_file(place / name / "model.safetensors") for name in ("stopped", "whole")]
    said = "equal" if sums[0] == sums[1] else "DIFFERENT"
    named = "process" if processes == 1 else "processes"
    return (
        f"| stopped after step {step} of 60 and resumed, {processes} {named}: "
        f"SHA-256 of the weights | {said} ({sums[0][:8]}, {sums[1][:8]}) | equal |"
    )


def interrupt(process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Stop a run by Ctrl-C at some step, which its log tells."""
    wanted = int(np.random.default_rng().integers(3, 55))
    while not (log.is_file() and len(log.read_text().splitlines()) > wanted):
        if process.poll() is not None:
            raise SystemExit("the run ended before it was stopped")
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    process.wait()


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    every = len(list(combinations(range(B), 3)))
    with tempfile.TemporaryDirectory() as name:
        rows = triplet_modes(rounds) + loop_speed(rounds, Path(name))
        rows += [resumed(Path(name), processes) for processes in (1, 2)]
    lines = [
        "# A training step",
        "",
        f"`python -P benchmarks/training.py --rounds {rounds}` (twoalike {version('twoalike')}, "
        f"torch {version('torch')}, timm {version('timm')}, Python {platform.python_version()}; "
        f"one thread, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, no GPU). "
        f"ResNet-18 at {SIZE} pixels, {B} images per batch: {every:,} triplets, {B // 3} of them "
        "disjoint. Ratios of processor time in alternating rounds; medians, in brackets the "
        "interquartile range.",
        "",
        "| what | measured | target |",
        "|---|---|---|",
        *rows,
    ]
    RESULTS.write_text("\n".join([*lines, ""]), encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
