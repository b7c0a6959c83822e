"""What twoalike reaches on a GPU: fit, features and distillation, against bare loops and the CPU.

    python -P benchmarks/gpu.py [PART ...] [--batch 128] [--workers 8] [--peak TFLOPs]
    python -P benchmarks/gpu.py --quick

Each part runs in a process of its own, so that JAX and torch do not share the card's memory, and
its row is in benchmarks/results/gpu.md as soon as it ends. A run that was stopped goes on with the
parts that have no row of this card and these versions; parts that are named are measured again.

fit            judgments of THINGS if TWOALIKE_SHARED_DATA is set, otherwise as many simulated ones
               (127,304 of 1,854 objects, sparse dimensions): `vi`, as `fit --quick` runs it, by the
               clock, compilation included; `nuts`, one chain, by the draw
features       ViT-B/16 at 224 pixels in bf16 from JPEG files, by the slope between two numbers of
               images, against a bare loop: timm's transform in torch's DataLoader with as many
               workers, the network under autocast
distil         the same network, all weights, bf16, torch.compile, labels of a teacher made by
               `teach`, by the slope between two numbers of steps, against a bare loop: forward
               pass, mean square, backward pass and torch's fused Adam on images in the card's
               memory; the share of the card's peak counts the operations of forward and backward
               passes; memory is the most that torch allocated; and the same with checkpointing
ddp            `distill` by torchrun on all cards (two processes on the CPU if there are not two)
               against one process
same-fits      the same seeds on the CPU: choice probabilities of fits of 48 objects (vi, nuts)
same-features  features (float32, bf16)
same-losses    losses of the first steps (float32, bf16)

With --quick everything runs on the CPU with small networks and few images, which shows that the
code runs and measures nothing.
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
"""Largest differences from the CPU that count as equal; see ``differences``."""
DRY, NONE_YET = "none: dry run", "No card has been used yet."


def settings(quick: bool) -> dict[str, Any]:
    """Sizes of everything."""
    keys = "network", "size", "images", "steps", "objects", "judgments", "nuts_draws", "rounds"
    small = "vit_tiny_patch16_224", 32, 48, (2, 4), 12, 400, 10, 1
    full = "vit_base_patch16_224", 224, 4096, (20, 60), 1854, 127_304, 20, 3
    return dict(zip(keys, small if quick else full, strict=True))


def judgments(objects: int, number: int, ids: tuple[str, ...] | None = None) -> Any:
    """Judgments of simulated people whose embedding is known."""
    from twoalike.choice import random_triplets
    from twoalike.judgments import choices_table
    from twoalike.observers import SimulatedObserver, sparse_embedding

    rng = np.random.default_rng(0)
    ids = ids or tuple(f"object-{k:04d}" for k in range(objects))
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
        words = ["import", "choices", things / "triplets_by_participant.txt"]
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


def prepared(a: argparse.Namespace, folder: Path, number: int) -> tuple[Any, Path]:
    """Images, and a teacher by simulated judgments of some and by the network's features."""
    from twoalike.backbones import extract_features, load_backbone
    from twoalike.collections import open_collection
    from twoalike.embedding import FitConfig, fit_embedding
    from twoalike.teacher import teach

    how = settings(a.quick)
    photographs(folder / "images", number)
    images = open_collection(folder / "images")
    judged = min(number, 256)
    choices = judgments(judged, 40 * judged, tuple(images.ids[:judged]))
    steps = {"steps": 100} if a.quick else {}
    posterior = fit_embedding(choices, config=FitConfig(engine="vi", quick=True, **steps))
    network = load_backbone(how["network"], untrained=True, seed=0).resized(how["size"])
    device = "cpu" if a.on == "cpu" else "cuda"
    table = extract_features(network, images, device=device, out=folder / "base.npz")
    teach(posterior, table, choices=choices, out=folder / "teacher")
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
        n = 32 if a.equal else max(4 * batch, how["images"] // 4)
        images, teacher = prepared(a, folder, n)
        count = iter(range(10**6))

        def run(**more: Any) -> Path:
            out = folder / f"student-{next(count)}"
            network = load_backbone(how["network"], untrained=True, seed=0)
            config = recipe(a, **more)
            features = folder / "base.npz"
            distill(teacher, images, network, out, config, features=features, device=device)
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


def ddp(a: argparse.Namespace) -> dict[str, Any]:
    """Images a second of a distillation by one process and by several."""
    import torch

    how, cards = settings(a.quick), 0 if a.on == "cpu" else torch.cuda.device_count()
    many, device = max(cards, 2), "cuda" if cards > 1 else "cpu"
    batch, (short, long) = min(a.batch, how["images"] // 8), how["steps"]
    found: dict[str, Any] = {"processes": many, "device": device}
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        _, teacher = prepared(a, folder, max(2 * many * batch, 32))
        count, recipe_ = iter(range(10**6)), folder / "recipe.toml"
        recipe_.write_text('train = "full"\nprecision = "bf16"\nheld_out = 0.0\n')
        for name, processes in {"one": 1, "many": many}.items():

            def run(steps: int, processes: int = processes) -> float:
                out = folder / f"student-{next(count)}"
                run_by = f"torch.distributed.run --standalone --nproc-per-node {processes}"
                what = f"distill --teacher {teacher} --images {folder / 'images'} --out {out}"
                what += f" --features {folder / 'base.npz'}"
                how_ = f"--student {how['network']} --untrained --size {how['size']}"
                how_ += f" --steps {steps} --batch {batch} --device {device} --config {recipe_}"
                words = f"-m {run_by} -m twoalike.cli.app {what} {how_}".split()
                command = [sys.executable, "-P", *words]
                return seconds(lambda: subprocess.run(command, check=True, stdout=sys.stderr))

            slopes = [
                (long - short) * batch * processes / (run(long) - run(short))
                for _ in range(how["rounds"])
            ]
            found[name] = float(np.median(slopes))
    return found


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    **{"fit": fit, "features": features, "distil": distil, "ddp": ddp},
    **{"same-fits": fits_to_compare, "same-features": features, "same-losses": distil},
}


def apart(part: str, on: str, a: argparse.Namespace) -> dict[str, Any]:
    """Run a part in a process of its own, with or without the card."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "found.json")
        words = ["--part", part, "--on", on, "--out", str(out), "--nuts-d", str(a.nuts_d)]
        words += ["--batch", str(a.batch), "--workers", str(a.workers)] + ["--quick"] * a.quick
        hidden = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"} if on == "cpu" else {}
        print(f"{part} on the {on} ...", file=sys.stderr, flush=True)
        command = [sys.executable, "-P", str(Path(__file__)), *words]
        subprocess.run(command, check=True, env={**os.environ, **hidden}, stdout=sys.stderr)
        return json.loads(out.read_text())  # type: ignore[no-any-return]


def differences(here: dict[str, Any], cpu: dict[str, Any]) -> dict[str, float]:
    """Differences from the CPU's float32, as the page states them."""
    found = {}
    for name, values in here.items():
        exact = np.asarray(cpu[name.removesuffix("_bf16")])
        apart = np.abs(values - exact)
        if name.startswith("features"):
            found[name] = np.linalg.norm(apart) / np.linalg.norm(exact)
        else:
            found[name] = apart.mean() if name in ("vi", "nuts") else (apart / exact).max()
    return {name: float(value) for name, value in found.items()}


def measured(part: str, a: argparse.Namespace, on: str, peak: float | None) -> str:
    """Measure a part, and tell what was found."""
    found = apart(part, on, a)
    if part.startswith("same"):
        unlike = differences(found, apart(part, "cpu", a))
        over = [name for name, value in unlike.items() if value > TOLERANCE[name]]
        said = ", ".join(f"{name} {value:.2g}" for name, value in unlike.items())
        return f"{said}: {'above tolerance: ' + ', '.join(over) if over else 'within tolerance'}"
    if a.quick:  # slopes of so few images may be negative: that they are numbers shows that it ran
        assert np.isfinite([value for value in found.values() if isinstance(value, float)]).all()
        return "ran"
    if part == "fit":
        whose = "real" if found["real"] else "simulated"
        draw = f"{1000 * found['nuts_s_a_draw']:.0f} ms"
        return f"`vi` {found['vi_s']:.0f} s; a draw of `nuts` {draw} ({whose} judgments)"
    if part == "ddp":
        where = f"{found['processes']} processes on {found['device']}"
        return speeds(found["many"], found["one"], f"{where}, one process")
    said = speeds(found["ours"], found["bare"], "ours, bare loop")
    if part == "distil":
        share = f"{found['ours'] * found['flops'] / (peak * 1e12):.0%}" if peak else "not known"
        said += f"; share of peak {share}; {found['ours_gb']:.1f} GB at {found['batch']} images; "
        time_, memory = found["ours"] / found["twice"], found["twice_gb"] / found["ours_gb"]
        said += f"with checkpointing {time_:.2f} of the time, {memory:.2f} of the memory"
    return said


def speeds(first: float, second: float, whose: str) -> str:
    """Two speeds and their ratio."""
    return f"images a second, {whose}, ratio: {first:,.0f}, {second:,.0f}, {first / second:.2f}"


HEAD = "| card | part | found | with |\n|---|---|---|---|"


def rows_of(table: str) -> dict[tuple[str, ...], str]:
    """Read what was found before, by card, part and versions."""
    lines = table.partition(HEAD)[2].splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    return {(card, part, using): found for card, part, found, using in cells}


def page(rows: dict[tuple[str, ...], str]) -> str:
    """Write the page of results."""
    limits = ", ".join(f"{name} {limit:g}" for name, limit in TOLERANCE.items())
    none = [] if any(card != DRY for card, *_ in rows) else [f"**{NONE_YET}**", ""]
    about = (
        "`python -P benchmarks/gpu.py`. ViT-B/16 at 224 pixels in bf16; distillation of all "
        "weights, with torch.compile. Equality: difference from the CPU at most "
        f"{limits} (fits: mean absolute difference of choice probabilities; features: norm of the "
        "difference by theirs; losses: largest relative one). A dry run (`--quick`) shows that the "
        "parts run, on a CPU and with small networks."
    )
    found = [
        f"| {card} | {part} | {said} | {using} |" for (card, part, using), said in rows.items()
    ]
    return "\n".join(["# On GPUs", "", about, "", *none, HEAD, *found, ""])


def card_of(a: argparse.Namespace) -> tuple[str, float | None]:
    """Name and peak, TFLOP/s, of the card; ends the script if there is none."""
    import torch

    if a.quick:
        return DRY, None
    if not torch.cuda.is_available():
        sys.exit("torch finds no GPU here. A dry run on the CPU: --quick")
    card = torch.cuda.get_device_name()
    known = next((peak for part, peak in PEAKS.items() if part in card), None)
    return card, a.peak or known


def main() -> None:
    """Measure what has no row yet, and write each row when it is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: what has no row")
    parser.add_argument("--quick", action="store_true", help="dry run on the CPU")
    parser.add_argument("--batch", type=int, default=128, help="images of a batch")
    parser.add_argument("--workers", type=int, default=0, help="processes that decode images")
    parser.add_argument("--peak", type=float, help="of the card in bf16, TFLOP/s")
    parser.add_argument("--nuts-d", type=int, default=20, help="dimensions of the fit by nuts")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--on", choices=("cpu", "card"), help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.part:
        a.equal = a.part.startswith("same")
        a.out.write_text(json.dumps(PARTS[a.part](a)))
        return
    card, peak = card_of(a)
    names = [f"{name} {version(name)}" for name in ("twoalike", "torch", "jax")]
    using = ", ".join([*names, f"Python {platform.python_version()}"])
    rows = rows_of(RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "")
    for part in a.parts or PARTS:
        if part in a.parts or (card, part, using) not in rows:
            rows[card, part, using] = measured(part, a, "cpu" if a.quick else "card", peak)
            RESULTS.write_text(page(rows), encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
