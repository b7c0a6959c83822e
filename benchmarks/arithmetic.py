"""What ImageNet takes: hours, memory and bytes of every step, on 1, 8 and 64 GPUs.

    python -P benchmarks/arithmetic.py [--share-training .4] [--cores 16] [...]

Nothing is run on a GPU. Counted on tensors without data: parameters and operations of timm's
networks (FLOPs, a multiplication and an addition are two; torch's FlopCounterMode), and the
activations that the backward pass keeps, with and without gradient checkpointing (hooks of saved
tensors, under bf16 autocast). Measured on this machine: how many JPEG images a core decodes and
resizes in a second by twoalike's own reader, and the arithmetic of a core. Assumed, as arguments:
the share of a card's peak that is reached, cores beside each GPU, sizes of files. Hours of a step
are those of whatever takes longest: arithmetic, decoding, or the sending of gradients.

The table goes to benchmarks/results/arithmetic.md.
"""

import argparse
import os
import platform
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from twoalike.backbones import Preprocessing
from twoalike.collections import open_collection

RESULTS = Path(__file__).parent / "results" / "arithmetic.md"
STUDENT = "vit_base_patch16_siglip_224"
TEACHERS = ("vit_so400m_patch14_siglip_224", "vit_so400m_patch14_siglip_384")
GPUS = (1, 8, 64)
PEAKS = {"A100": 312.0, "H100": 989.0}
"""Peak of dense bf16 products, TFLOP/s, as NVIDIA gives it for the SXM cards."""
MEMORY_GB = 80
PIXELS = (500, 375)
"""Most frequent size of ImageNet's images."""


@dataclass(frozen=True)
class Network:
    """What one image costs a network."""

    name: str
    size: int
    """Width and height of an input, pixels."""
    parameters: int
    forward: float
    training: float
    """``forward``, ``training``: operations of an image, FLOPs; forward and backward."""
    kept: float
    kept_checkpointed: float
    """``kept``, ``kept_checkpointed``: bytes of an image that the backward pass keeps."""

    @property
    def training_checkpointed(self) -> float:
        """Operations where the forward pass is repeated, FLOPs."""
        return self.training + self.forward

    @property
    def state(self) -> float:
        """Bytes of weights, gradients, Adam's moments and initial weights, float32."""
        return 5 * 4.0 * self.parameters


def count(name: str) -> Network:
    """Count operations and activations of timm's network, which is made without data."""
    with torch.device("meta"):
        network = timm.create_model(name, num_classes=0)
    size = network.default_cfg["input_size"][-1]
    with torch.device("meta"):
        images = torch.empty(1, 3, size, size)
    with FlopCounterMode(display=False) as forward:
        network.eval()(images)
    with FlopCounterMode(display=False) as training:
        network.train()(images).square().mean().backward()
    kept = [of_an_image(name, size, checkpointing) for checkpointing in (False, True)]
    return Network(
        name,
        size,
        sum(parameter.numel() for parameter in network.parameters()),
        forward.get_total_flops(),
        training.get_total_flops(),
        *kept,
    )


def of_an_image(name: str, size: int, checkpointing: bool) -> float:
    """Bytes that the backward pass keeps of an image, and not of the weights."""
    two, four = (kept_bytes(name, size, batch, checkpointing) for batch in (2, 4))
    return (four - two) / 2


def kept_bytes(name: str, size: int, batch: int, checkpointing: bool) -> int:
    """Bytes of all tensors that the backward pass keeps, of bf16 networks with fused attention."""
    with torch.device("meta"):
        network = timm.create_model(name, num_classes=0).train()
    network.set_grad_checkpointing(checkpointing)
    kept: dict[int, torch.Tensor] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        kept.setdefault(
            tensor.untyped_storage()._cdata, tensor
        )  # alive, so that no place is reused
        return tensor

    # As on a CPU, whose fused attention keeps what that of a GPU keeps.
    with FakeTensorMode(allow_non_fake_inputs=True):
        network = network.to_empty(device="cpu")
        images = torch.empty(batch, 3, size, size)
        with saved_tensors_hooks(pack, lambda t: t), torch.autocast("cpu", torch.bfloat16):
            network(images)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def decoding_rate(size: int, kilobytes: float) -> tuple[float, float]:
    """Images a second that a core reads, decodes and resizes, and their mean size in kB."""
    rng = np.random.default_rng(0)
    width, height = PIXELS
    with tempfile.TemporaryDirectory() as folder:
        for number in range(64):
            coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
            smooth = np.asarray(Image.fromarray(coarse).resize(PIXELS, Image.Resampling.BICUBIC))
            noisy = smooth + rng.normal(0, 17, (height, width, 3))
            path = Path(folder, f"{number:03d}.jpg")
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, quality=93)
        images = open_collection(folder)
        mean = np.mean([path.stat().st_size for path in Path(folder).iterdir()]) / 1000
        reader = Preprocessing(size=size)
        rounds = []
        for _ in range(5):
            before = time.process_time()
            for index in range(len(images)):
                reader.read(images, index)
            rounds.append(len(images) / (time.process_time() - before))
    if not 0.85 < mean / kilobytes < 1.15:
        sys.exit(f"the drawn images have {mean:.0f} kB on average, not about {kilobytes:.0f}")
    return float(np.median(rounds)), float(mean)


def core_speed() -> float:
    """Float32 operations a second of a core in products of matrices, FLOP/s."""
    torch.set_num_threads(1)
    a, b = torch.randn(4096, 1152), torch.randn(1152, 500)
    seconds = []
    for _ in range(9):
        before = time.process_time()
        a @ b
        seconds.append(time.process_time() - before)
    return float(2 * 4096 * 1152 * 500 / np.median(seconds))


@dataclass(frozen=True)
class Step:
    """A step of the chain on GPUs."""

    name: str
    images: float
    """Images that pass through the network, each as often as it does."""
    flops: float
    """Of an image."""
    share: float
    """Of the peak."""
    size: int
    """Width and height of an input, pixels."""
    trained: int = 0
    """Parameters whose gradients are exchanged."""


def steps(networks: dict[str, Network], a: argparse.Namespace) -> Iterator[Step]:
    """Features by both teachers; the student's training, with and without checkpointing."""
    for name in TEACHERS:
        teacher = networks[name]
        yield Step(
            f"features, SO400M/14 at {teacher.size}",
            a.images,
            teacher.forward,
            a.share_forward,
            teacher.size,
        )
    student, passed = networks[STUDENT], 3 * a.triplets * a.steps
    trained = student.parameters
    what = f"distillation, ViT-B/16 at {student.size}"
    yield Step(what, passed, student.training, a.share_training, student.size, trained)
    more = f"{what}, gradient checkpointing"
    yield Step(more, passed, student.training_checkpointed, a.share_training, student.size, trained)


def sent_bytes(parameters: int, gpus: int) -> float:
    """Bytes of float32 gradients that each GPU sends in a step, by a ring (all-reduce)."""
    return 2 * (gpus - 1) / gpus * 4.0 * parameters


def hours(step: Step, peak: float, rate: float, gpus: int, a: argparse.Namespace) -> str:
    """Hours of a step, and what takes them; all three go on at the same time."""
    seconds = {
        "arithmetic": step.images * step.flops / (step.share * peak * 1e12 * gpus),
        "decoding": step.images / (rate * a.cores * gpus),
        "sending": a.steps * sent_bytes(step.trained, gpus) / (a.network * 1e9),
    }
    longest = max(seconds, key=lambda key: seconds[key])
    return f"{seconds[longest] / 3600:.2g}" + f" ({longest})" * (longest != "arithmetic")


def hours_table(
    networks: dict[str, Network], rates: dict[int, float], a: argparse.Namespace
) -> list[str]:
    """Hours of each step by card and number of GPUs."""
    lines = [
        "| step | card | images a second and GPU | cores a GPU that keep up | "
        + " | ".join(f"{n} GPU{'s' * (n > 1)}, hours" for n in GPUS)
        + " |",
        "|---" * (4 + len(GPUS)) + "|",
    ]
    for step in steps(networks, a):
        for card, peak in PEAKS.items():
            rate = step.share * peak * 1e12 / step.flops
            shown = " | ".join(hours(step, peak, rates[step.size], n, a) for n in GPUS)
            needed = np.ceil(rate / rates[step.size])
            lines.append(f"| {step.name} | {card} | {rate:,.0f} | {needed:.0f} | {shown} |")
    return lines


def memory_table(networks: dict[str, Network]) -> list[str]:
    """Parameters, operations and memory of each network."""
    lines = [
        "| network | parameters, millions | forward, GFLOP | forward and backward, GFLOP | "
        "activations of an image, MB; with checkpointing | weights, gradients, moments, initial "
        f"weights, GB | images of a step in {MEMORY_GB} GB; with checkpointing |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in networks.values():
        room = 0.9 * MEMORY_GB * 1e9 - each.state  # a tenth for buffers and fragments
        fit = [int(room // kept) for kept in (each.kept, each.kept_checkpointed)]
        lines.append(
            f"| {each.name} | {each.parameters / 1e6:.1f} | {each.forward / 1e9:.1f} "
            f"| {each.training / 1e9:.1f} | {each.kept / 1e6:.1f}; "
            f"{each.kept_checkpointed / 1e6:.1f} | {each.state / 1e9:.2f} "
            f"| {fit[0]:,}; {fit[1]:,} |"
        )
    return lines


def step_table(student: Network, a: argparse.Namespace) -> list[str]:
    """Tabulate what a step of the distillation takes on each number of GPUs."""
    images = 3 * a.triplets
    lines = [
        "| GPUs | images of a GPU and step | activations of a GPU, GB; with checkpointing | "
        "gradients that a GPU sends a step, GB | a step on H100s, ms | sending them at "
        f"{a.network:g} GB/s, ms |",
        "|---|---|---|---|---|---|",
    ]
    for n in GPUS:
        own = images / n
        seconds = own * student.training / (a.share_training * PEAKS["H100"] * 1e12)
        sent = sent_bytes(student.parameters, n)
        kept = [own * each / 1e9 for each in (student.kept, student.kept_checkpointed)]
        lines.append(
            f"| {n} | {own:,.0f} | {kept[0]:.1f}; {kept[1]:.1f} | {sent / 1e9:.2f} "
            f"| {1000 * seconds:,.0f} | {1000 * sent / (a.network * 1e9):,.0f} |"
        )
    return lines


def bytes_table(student: Network, speed: float, a: argparse.Namespace) -> list[str]:
    """Files of the chain, what is read how often, and what processors compute."""
    passes = 3 * a.triplets * a.steps / a.images
    whole, features = a.images * a.kilobytes * 1e3, 4.0 * a.images * a.width
    clustering = 2.0 * a.images * a.clusters * a.width * a.iterations
    labelled = 2.0 * a.labels * 3 * a.width
    mapped = 2.0 * a.images * a.width**2
    core_hours = [f"{flops / speed / 3600:.2g}" for flops in (clustering, mapped, labelled)]
    rows = {
        "JPEG files": f"{whole / 1e9:,.0f} GB, read once by each pass of `features`",
        "the same in a distillation": f"{passes:,.0f} passes, {passes * whole / 1e12:,.1f} TB from "
        f"disk or its cache; {whole / 1e9:,.0f} GB where machines hold the files in memory",
        f"pixels at {student.size}": f"{3 * student.size**2 * a.images / 1e9:,.0f} GB, if decoded "
        "images were kept",
        f"features, {a.width} numbers": f"{features / 1e9:,.1f} GB (float32)",
        f"{a.labels / 1e6:,.0f} million labels": f"{a.labels * (3 * 4 + 3 * 4) / 1e9:,.2f} GB "
        "(three images and three probabilities each)",
        "rows that labels read": f"{a.labels * 3 * 4.0 * a.width / 1e9:,.0f} GB of features, if "
        "each row is read for each triplet",
        "a checkpoint": f"{3 * 4 * student.parameters / 1e9:,.2f} GB (weights and two moments)",
        f"{a.clusters} clusters, {a.iterations} iterations": f"{clustering / 1e12:,.0f} TFLOP, "
        f"{core_hours[0]} core hours; reads {a.iterations * features / 1e9:,.0f} GB of memory",
        f"map of all features, {a.width} x {a.width}": f"{mapped / 1e12:,.1f} TFLOP a "
        f"draw, {core_hours[1]} core hours",
        "dot products of labels": f"{labelled / 1e12:,.2f} TFLOP a draw, {core_hours[2]} core "
        "hours",
    }
    return ["| what | size |", "|---|---|", *(f"| {key} | {rows[key]} |" for key in rows)]


def arguments_of() -> argparse.Namespace:
    """Parse what is assumed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1_281_167, help="of ImageNet's training set")
    parser.add_argument("--kilobytes", type=float, default=117.0, help="of an image: 150 GB in all")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--triplets", type=int, default=512, help="of a step")
    parser.add_argument("--labels", type=int, default=10_000_000)
    parser.add_argument("--width", type=int, default=1152, help="of the teacher's features")
    parser.add_argument("--clusters", type=int, default=500)
    parser.add_argument("--iterations", type=int, default=25, help="of k-means")
    parser.add_argument("--share-training", type=float, default=0.4, help="of the peak")
    parser.add_argument("--share-forward", type=float, default=0.5, help="of the peak")
    parser.add_argument("--cores", type=int, default=16, help="beside each GPU")
    parser.add_argument("--network", type=float, default=25.0, help="between GPUs, GB/s each way")
    return parser.parse_args()


def main() -> None:
    """Count, measure, and write the table."""
    a = arguments_of()
    networks = {name: count(name) for name in (STUDENT, *TEACHERS)}
    sizes = sorted({each.size for each in networks.values()})
    measured = {size: decoding_rate(size, a.kilobytes) for size in sizes}
    speed = core_speed()
    rates = {size: rate for size, (rate, _) in measured.items()}
    decoded = ", ".join(f"{rate:,.0f} at {size} pixels" for size, rate in rates.items())
    peaks = ", ".join(f"{card} {peak:g} TFLOP/s" for card, peak in PEAKS.items())
    assumed = ", ".join(f"`--{key.replace('_', '-')} {value}`" for key, value in vars(a).items())
    command = shlex.join(["python", "-P", "benchmarks/arithmetic.py", *sys.argv[1:]])
    student = networks[STUDENT]
    lines = [
        "# ImageNet in numbers",
        "",
        f"`{command}` (twoalike {version('twoalike')}, torch {torch.__version__}, timm "
        f"{timm.__version__}, Python {platform.python_version()}). No GPU was used: hours are "
        "arithmetic. **Counted**: parameters, operations, activations (bf16, fused attention). "
        f"**Measured** on a core of this machine (load average {os.getloadavg()[0]:.1f}): images "
        f"of {PIXELS[0]} x {PIXELS[1]} pixels and {measured[student.size][1]:.0f} kB read, decoded "
        f"and resized in a second of processor time: {decoded}; {speed / 1e9:.0f} GFLOP/s in "
        f"products of float32 matrices. **Assumed**: {assumed}; peaks of bf16: {peaks}.",
        "",
        "## Hours",
        "",
        f"Arithmetic, decoding by {a.cores} cores a GPU and sending of gradients at {a.network:g} "
        "GB/s go on at the same time; hours are those of the longest, which is named where it is "
        "not arithmetic.",
        "",
        *hours_table(networks, rates, a),
        "",
        "## Memory",
        "",
        *memory_table(networks),
        "",
        f"## A step of {3 * a.triplets:,} images",
        "",
        *step_table(student, a),
        "",
        "## Bytes, and arithmetic of processors",
        "",
        *bytes_table(student, speed, a),
    ]
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
