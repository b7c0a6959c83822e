"""What twoalike reaches on a GPU: fit, features and distillation, against bare loops and the CPU.

    python -P benchmarks/gpu.py [--batch 128] [--workers 8] [--peak TFLOPs]
    python -P benchmarks/gpu.py --quick

Each part runs in a process of its own, so that JAX and torch do not share the card's memory.

fit          judgments of THINGS if TWOALIKE_SHARED_DATA is set, otherwise as many simulated ones
             (127,304 of 1,854 objects, sparse dimensions): `vi`, as `fit --quick` runs it, by the
             clock, compilation included; `nuts`, one chain, by the draw
features     ViT-B/16 at 224 pixels in bf16 from JPEG files, by the slope between two numbers of
             images, against a bare loop: timm's transform in torch's DataLoader with as many
             workers, the network under autocast
distil       the same network, all weights, bf16, torch.compile, by the slope between two numbers of
             steps, against a bare loop: forward pass, mean square, backward pass and torch's fused
             Adam on images in the card's memory; the share of the card's peak counts the
             operations of forward and backward passes; memory is the most that torch allocated;
             and the same with checkpointing
equality     the same seeds on the CPU: choice probabilities of fits of 48 objects (vi, nuts),
             features (float32, bf16), losses of the first steps (float32, bf16)

With --quick everything runs on the CPU with small networks and few images, which shows that the
code runs and measures nothing. The table, benchmarks/results/gpu.md, keeps a row for each card.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "gpu.md"
SHARED = os.environ.get("TWOALIKE_SHARED_DATA")
PEAKS = {"H200": 989, "H100": 989, "A100": 312, "L40S": 362, "L4": 121, "A10": 125, "4090": 165}
"""Peak of dense bf16 products by NVIDIA's data sheets, TFLOP/s, by a part of the card's name."""
TOLERANCE = {"vi": 0.02, "nuts": 0.03, "features": 0.01, "features_bf16": 0.05, "loss": 0.01}
TOLERANCE |= {"loss_bf16": 0.05}
"""Largest differences from the CPU that count as equal; see ``verdicts``."""
SPEEDS = ("features", "distil")
"""Parts that give images a second."""
NONE_YET = "No card has been used yet."


def settings(quick: bool) -> dict[str, Any]:
    """Sizes of everything."""
    if quick:
        return {
            "network": "vit_tiny_patch16_224",
            "size": 32,
            "images": 48,
            "steps": (2, 4),
            "objects": 12,
            "judgments": 400,
            "nuts_draws": 10,
            "rounds": 1,
        }
    return {
        "network": "vit_base_patch16_224",
        "size": 224,
        "images": 4096,
        "steps": (20, 60),
        "objects": 1854,
        "judgments": 127_304,
        "nuts_draws": 20,
        "rounds": 3,
    }


def judgments(objects: int, number: int) -> Any:
    """Judgments of simulated people whose embedding is known."""
    from twoalike.choice import random_triplets
    from twoalike.judgments import choices_table
    from twoalike.observers import SimulatedObserver, sparse_embedding

    rng = np.random.default_rng(0)
    ids = tuple(f"object-{k:04d}" for k in range(objects))
    person = SimulatedObserver(ids, sparse_embedding(objects, rng), lapse=0.03)
    shown = np.concatenate([random_triplets(objects, 100, rng) for _ in range(-(-number // 100))])
    shown = shown[:number]
    p = person.choice_probabilities(shown)
    chosen = 1 + np.argmax(np.log(p) + rng.gumbel(size=p.shape), axis=1)
    columns = {f"item_{k + 1}": shown[:, k] for k in range(3)}
    return choices_table(columns | {"chosen": chosen}, list(ids))


def things() -> Any:
    """Real judgments of THINGS, imported as a user would."""
    from twoalike.judgments import read_judgments

    with tempfile.TemporaryDirectory() as folder:
        out, things = Path(folder, "choices.parquet"), Path(str(SHARED), "things")
        words = ["import", "triplets", things / "triplets_by_participant.txt"]
        words += ["--objects", things / "object_ids.txt", "--participant-column", 4, "--out", out]
        command = [sys.executable, "-m", "twoalike.cli.app", *map(str, words)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return read_judgments(out)


def fit(a: argparse.Namespace) -> dict[str, Any]:
    """Fit judgments of THINGS' size by both engines."""
    import jax

    from twoalike.embedding import FitConfig, fit_embedding

    how = settings(a.quick)
    real = SHARED is not None and not a.quick
    choices = things() if real else judgments(how["objects"], how["judgments"])
    steps = {"steps": 100} if a.quick else {}
    found: dict[str, Any] = {"judgments": len(choices), "real": real}
    start = time.monotonic()
    posterior = fit_embedding(choices, config=FitConfig(engine="vi", quick=True, **steps))
    found["vi_s"] = time.monotonic() - start
    draws = how["nuts_draws"]
    config = FitConfig(
        engine="nuts", quick=True, chains=1, tune=50, draws=draws, max_depth=6, dimensions=a.nuts_d
    )
    start = time.monotonic()
    fit_embedding(choices, config=config)
    found["nuts_s_a_draw"] = (time.monotonic() - start) / (50 + draws)
    found["dimensions"] = posterior.embedding.shape[2]
    return found | {"backend": jax.default_backend()}


def fits_to_compare(a: argparse.Namespace) -> dict[str, Any]:
    """Choice probabilities by both engines of a study as small as they come."""
    from twoalike.choice import random_triplets
    from twoalike.embedding import FitConfig, fit_embedding

    objects = 8 if a.quick else 48
    choices = judgments(objects, 200 if a.quick else 1000)
    triplets = random_triplets(objects, 50, np.random.default_rng(1))
    few: dict[str, Any] = {"chains": 1, "tune": 50, "draws": 50, "steps": 100} if a.quick else {}
    found = {}
    for engine in ("vi", "nuts"):
        config = FitConfig(engine=engine, quick=True, **(few if engine == "nuts" else {}))
        found[engine] = fit_embedding(choices, config=config).choice_probabilities(triplets)
    return {engine: np.asarray(p).tolist() for engine, p in found.items()}


def photographs(folder: Path, number: int) -> None:
    """JPEG files of 500 x 375 pixels, smooth and noisy as photographs are."""
    from PIL import Image

    rng = np.random.default_rng(0)
    folder.mkdir()
    for image in range(number):
        coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        smooth = np.asarray(Image.fromarray(coarse).resize((500, 375), Image.Resampling.BICUBIC))
        noisy = smooth + rng.normal(0, 17, smooth.shape)
        pixels = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
        pixels.save(folder / f"i{image:05d}.jpg", quality=93)


def seconds(work: Callable[[], Any]) -> float:
    """Time of a piece of work by the clock, until the card has done it too."""
    import torch

    start = time.monotonic()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.monotonic() - start


def features(a: argparse.Namespace) -> dict[str, Any]:
    """Images a second of features, of a bare loop, and features of 16 images to compare."""
    from twoalike.backbones import extract_features, load_backbone
    from twoalike.collections import open_collection

    how, device = settings(a.quick), "cpu" if a.on == "cpu" else "cuda"
    n, batch = how["images"], min(a.batch, how["images"] // 2)
    network = load_backbone(how["network"], untrained=True, seed=0).resized(how["size"])
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        photographs(Path(folder, "images"), 16 if a.equal else n)
        images = open_collection(Path(folder, "images"))
        if a.equal:
            same = {"features": "32", "features_bf16": "bf16"}
            for name, precision in same.items():
                table = extract_features(network, images, device=device, precision=precision)
                found[name] = np.asarray(table.values).tolist()
            return found

        def ours(number: int) -> float:
            few = images.only(range(number))
            how_read = {"batch": batch, "workers": a.workers, "precision": "bf16"}
            return seconds(lambda: extract_features(network, few, device=device, **how_read))

        def bare(number: int) -> float:
            few = images.only(range(number))
            return seconds(lambda: bare_features(network, few, batch, device, a.workers))

        for name, side in {"ours": ours, "bare": bare}.items():
            side(n // 2)  # compiles kernels, fills caches
            slopes = [(n // 2) / (side(n) - side(n // 2)) for _ in range(how["rounds"])]
            found[name] = float(np.median(slopes))
    return found


def bare_features(network: Any, images: Any, batch: int, device: str, workers: int) -> None:
    """Pass images through a network: DataLoader, autocast, nothing else."""
    import torch

    class Pixels(torch.utils.data.Dataset[torch.Tensor]):
        def __len__(self) -> int:
            return len(images)

        def __getitem__(self, index: int) -> torch.Tensor:
            return network.preprocessing.read(images, index)  # type: ignore[no-any-return]

    module = network.module.to(device).eval()
    loader = torch.utils.data.DataLoader(
        Pixels(), batch, num_workers=workers, pin_memory=device == "cuda"
    )
    with torch.inference_mode(), torch.autocast(device, torch.bfloat16):
        for inputs in loader:
            module(inputs.to(device, non_blocking=True)).float().cpu()


def recipe(a: argparse.Namespace, **more: Any) -> Any:
    """Give the settings of the distillation that is measured."""
    from twoalike.distill import DistillConfig

    how = settings(a.quick)
    usual: dict[str, Any] = {"size": how["size"], "train": "full", "precision": "bf16"}
    usual |= {"held_out": 0.0, "evaluate_every": 10**6, "triplets": 8000, "workers": a.workers}
    return DistillConfig(**(usual | more))


def prepared(folder: Path, number: int) -> Any:
    """Images, and a teacher that cares for one quality of them."""
    from twoalike.collections import open_collection
    from twoalike.study import provenance
    from twoalike.teacher import PosteriorTeacher, save_teacher

    photographs(folder / "images", number)
    images = open_collection(folder / "images")
    quality = np.random.default_rng(1).uniform(0, 1, (1, number, 3)).astype(np.float32)
    teacher = PosteriorTeacher(tuple(images.ids), 3 * quality)
    save_teacher(folder / "teacher", teacher, provenance("teacher", seed=0))
    return images, folder / "teacher"


def distil(a: argparse.Namespace) -> dict[str, Any]:
    """Images a second of a distillation and of a bare loop; losses of first steps to compare."""
    import torch

    from twoalike.backbones import load_backbone
    from twoalike.distill import distill

    how, device = settings(a.quick), "cpu" if a.on == "cpu" else "cuda"
    batch = min(a.batch, how["images"] // 4)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        images, teacher = prepared(folder, 32 if a.equal else max(4 * batch, how["images"] // 4))
        count = iter(range(10**6))

        def run(**more: Any) -> Path:
            out = folder / f"student-{next(count)}"
            network = load_backbone(how["network"], untrained=True, seed=0)
            config = recipe(a, **more)
            distill(teacher, images, network, out, config, device=device)
            return out

        if a.equal:
            same = {"compile": False, "steps": 3, "batch": 8}
            for name, precision in {"loss": "32", "loss_bf16": "bf16"}.items():
                out = run(**(same | {"precision": precision}))
                lines = (out / "training.jsonl").read_text().splitlines()
                found[name] = [one["loss"] for one in map(json.loads, lines) if "loss" in one]
            return found
        short, long = how["steps"]

        found["batch"] = batch
        for name, twice in {"ours": False, "twice": True}.items():
            same = {"batch": batch, "compile": True, "checkpointing": twice}

            def measured(steps: int, same: dict[str, Any] = same) -> float:
                return seconds(lambda: run(steps=steps, **same))

            if device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            measured(short)  # compiles
            slopes = []
            for _ in range(how["rounds"]):
                before = measured(short)
                slopes.append((long - short) * batch / (measured(long) - before))
            found[name] = float(np.median(slopes))
            if device == "cuda":
                found[f"{name}_gb"] = torch.cuda.max_memory_allocated() / 1e9
    network = load_backbone(how["network"], untrained=True, seed=0).resized(how["size"])
    found["bare"] = bare_training(network.module, batch, how, device)
    found["flops"] = operations(how)
    return found


def bare_training(module: Any, batch: int, how: dict[str, Any], device: str) -> float:
    """Images a second of forward pass, mean square, backward pass and Adam, compiled, in bf16."""
    import torch

    net = module.to(device).train()
    step = torch.compile(net)
    optimizer = torch.optim.Adam(net.parameters(), 1e-4, fused=True)
    images = torch.randn(batch, 3, how["size"], how["size"], device=device)

    def run(steps: int) -> None:
        for _ in range(steps):
            with torch.autocast(device, torch.bfloat16):
                features = step(images)
            features.float().square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()

    short, long = how["steps"]
    run(short)
    slopes = [
        (long - short) * batch / (seconds(lambda: run(long)) - seconds(lambda: run(short)))
        for _ in range(how["rounds"])
    ]
    return float(np.median(slopes))


def operations(how: dict[str, Any]) -> float:
    """Operations of forward and backward pass of an image, FLOPs."""
    import timm
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        network = timm.create_model(how["network"], num_classes=0, img_size=how["size"]).train()
        image = torch.empty(1, 3, how["size"], how["size"])
    with FlopCounterMode(display=False) as counter:
        network(image).square().mean().backward()
    return float(counter.get_total_flops())


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "fit": fit,
    "fits_to_compare": fits_to_compare,
    "features": features,
    "distil": distil,
}


def apart(part: str, on: str, a: argparse.Namespace, *more: str) -> dict[str, Any]:
    """Run a part in a process of its own, with or without the card."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "found.json")
        words = ["--part", part, "--on", on, "--out", str(out), *more]
        words += ["--batch", str(a.batch), "--workers", str(a.workers), "--nuts-d", str(a.nuts_d)]
        words += ["--quick"] * a.quick
        hidden = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"} if on == "cpu" else {}
        print(f"{part} on the {on} ...", file=sys.stderr, flush=True)
        command = [sys.executable, "-P", str(Path(__file__)), *words]
        subprocess.run(command, check=True, env={**os.environ, **hidden}, stdout=sys.stderr)
        return json.loads(out.read_text())  # type: ignore[no-any-return]


def verdicts(here: dict[str, Any], cpu: dict[str, Any]) -> dict[str, float]:
    """Differences between a device and the CPU.

    Fits: mean absolute difference of choice probabilities. Features: norm of the difference by
    that of the features. Losses: largest difference of a step's loss, relative.
    """
    found = {}
    for name in ("vi", "nuts"):
        found[name] = float(np.abs(np.subtract(here[name], cpu[name])).mean())
    for name in ("features", "features_bf16"):
        difference = np.linalg.norm(np.subtract(here[name], cpu["features"]))
        found[name] = float(difference / np.linalg.norm(cpu["features"]))
    for name in ("loss", "loss_bf16"):
        relative = np.subtract(here[name], cpu["loss"]) / np.asarray(cpu["loss"])
        found[name] = float(np.abs(relative).max())
    return found


def compared(on: str, a: argparse.Namespace) -> dict[str, Any]:
    """Everything that is compared between devices, on one of them."""
    return (
        apart("fits_to_compare", on, a)
        | apart("features", on, a, "--equal")
        | apart("distil", on, a, "--equal")
    )


def row(card: str, peak: float | None, found: dict[str, Any], unlike: dict[str, float]) -> str:
    """Row of the table."""
    fitted, seen, trained = found["fit"], found["features"], found["distil"]
    share = trained["ours"] * trained["flops"] / (peak * 1e12) if peak else None
    wrong = [f"{name} {value:.2g}" for name, value in unlike.items() if value > TOLERANCE[name]]
    cells = [
        card,
        f"{fitted['vi_s']:.0f} s",
        f"{1000 * fitted['nuts_s_a_draw']:.0f} ms",
        f"{seen['ours']:,.0f}, {seen['bare']:,.0f}, {seen['ours'] / seen['bare']:.2f}",
        f"{trained['ours']:,.0f}, {trained['bare']:,.0f}, {trained['ours'] / trained['bare']:.2f}",
        "not known" if share is None else f"{share:.0%}",
        f"{trained['ours_gb']:.1f} GB at {trained['batch']} images",
        f"{trained['ours'] / trained['twice']:.2f}, {trained['twice_gb'] / trained['ours_gb']:.2f}",
        "; ".join(wrong) or "all within tolerance",
        f"twoalike {version('twoalike')}, torch {version('torch')}, jax {version('jax')}, "
        f"{'real' if fitted['real'] else 'simulated'} judgments",
    ]
    return f"| {' | '.join(cells)} |"


HEAD = (
    "| card | fit of THINGS' size, `vi` | a draw of `nuts` | features: images a second, bare loop, "
    "ratio | distillation: images a second, bare loop, ratio | share of peak | memory | with "
    "checkpointing: time, memory, ratios | equality with the CPU | with |"
)


def rows_of(table: str) -> dict[str, str]:
    """Rows of a table that was written before, by card."""
    found = {}
    for line in table.partition(HEAD)[2].splitlines()[2:]:
        if line.startswith("| "):
            found[line.split(" | ")[0].removeprefix("| ")] = line
    return found


def page(rows: dict[str, str], dry: str) -> str:
    """Write the page of results: a row for each card, or that none was used, and the dry run."""
    limits = ", ".join(f"{name} {limit:g}" for name, limit in TOLERANCE.items())
    flag = "" if rows else " --quick"
    lines = [
        "# On GPUs",
        "",
        f"`python -P benchmarks/gpu.py{flag}`. ViT-B/16 at 224 pixels in bf16; distillation of all "
        "weights, with torch.compile. Equality: difference from the CPU at most "
        f"{limits} (fits: mean absolute difference of choice probabilities; features and losses: "
        "relative).",
        "",
    ]
    if rows:
        lines += [HEAD, "|---" * 10 + "|", *rows.values(), ""]
    else:
        lines += [f"**{NONE_YET}**", ""]
    return "\n".join([*lines, dry, ""])


def dry_run(a: argparse.Namespace) -> str:
    """Run all parts on the CPU, and tell that they ran."""
    found = {name: apart(name, "cpu", a) for name in ("fit", *SPEEDS)}
    unlike = verdicts(compared("cpu", a), compared("cpu", a))
    again = max(value for name, value in unlike.items() if "bf16" not in name)
    # Slopes of so few images may be negative; that they are numbers shows that all of it ran.
    speeds = [found[part][side] for part in SPEEDS for side in ("ours", "bare")]
    assert np.isfinite([*speeds, found["distil"]["twice"]]).all()
    return (
        f"Dry run: `python -P benchmarks/gpu.py --quick` ran all parts on a CPU (torch "
        f"{version('torch')}, jax {version('jax')}, Python {platform.python_version()}); a second "
        f"time on the same CPU, fits, features and losses differed by {again:.1g} at most; bf16 "
        f"differed from float32 by {unlike['features_bf16']:.1g} in features and by "
        f"{unlike['loss_bf16']:.1g} in losses."
    )


def card_of(a: argparse.Namespace) -> tuple[str, float | None]:
    """Name and peak, TFLOP/s, of the card; ends the script if there is none."""
    import torch

    if not torch.cuda.is_available():
        sys.exit("torch finds no GPU here. A dry run on the CPU: --quick")
    card = torch.cuda.get_device_name()
    known = next((peak for part, peak in PEAKS.items() if part in card), None)
    return card, a.peak or known


def main() -> None:
    """Measure, or run dry, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="dry run on the CPU")
    parser.add_argument("--batch", type=int, default=128, help="images of a batch")
    parser.add_argument("--workers", type=int, default=0, help="processes that decode images")
    parser.add_argument("--peak", type=float, help="of the card in bf16, TFLOP/s")
    parser.add_argument("--nuts-d", type=int, default=20, help="dimensions of the fit by nuts")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--on", choices=("cpu", "card"), help=argparse.SUPPRESS)
    parser.add_argument("--equal", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.part:
        a.out.write_text(json.dumps(PARTS[a.part](a)))
        return
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    rows, dry = rows_of(old), "Dry run:" + old.partition("Dry run:")[2].rstrip("\n")
    if a.quick:
        dry = dry_run(a)
    else:
        card, peak = card_of(a)
        found = {name: apart(name, "card", a) for name in ("fit", "features", "distil")}
        rows[card] = row(card, peak, found, verdicts(compared("card", a), compared("cpu", a)))
    RESULTS.write_text(page(rows, dry), encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
