"""What `twoalike features` costs beyond the network and the reading of images.

    OMP_NUM_THREADS=2 python -P benchmarks/features.py [--rounds 5]

Bare is the fastest loop that one writes oneself: `PIL.Image.open(...).convert("RGB")`, timm's
`create_transform`, torch's DataLoader, the network and its inputs with channels last, and its
outputs collected in memory. Ours is `twoalike.backbones.extract_features` on the same photographs,
with all that it checks and notes. Both have the same batches, threads and number of workers,
started by the same method.

JPEGs of 400 x 300 pixels in a folder, and the same in tar shards (the bare loop then reads each
member's bytes at its place, which it knows beforehand). Sides take turns. Times are those of the
clock, over rounds of several seconds; the processor time of all processes is compared as well, as
other work on the machine disturbs it least. Each worker starts within the time. The table goes to
benchmarks/results/features.md.
"""

import argparse
import io
import os
import platform
import resource
import statistics
import tarfile
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from timm.data.transforms_factory import create_transform
from torch.utils.data import DataLoader, Dataset

from twoalike.backbones import Backbone, extract_features, load_backbone
from twoalike.backbones._preprocessing import _worker_context

RESULTS = Path(__file__).parent / "results" / "features.md"
IMAGES, BATCH, TARGET = 64, 16, 0.95


@dataclass(frozen=True)
class Case:
    """A network, where its images are, and the processes that read them."""

    network: str
    size: int
    tars: bool
    workers: int


CASES = [
    Case("test_resnet", 64, tars=False, workers=0),
    Case("test_resnet", 64, tars=True, workers=0),
    Case("efficientnet_lite0", 224, tars=False, workers=0),
    Case("efficientnet_lite0", 128, tars=False, workers=0),
    Case("vit_tiny_patch16_224", 224, tars=False, workers=0),
    Case("efficientnet_lite0", 128, tars=False, workers=2),
    Case("efficientnet_lite0", 128, tars=True, workers=0),
]


def photographs(folder: Path) -> Path:
    """Images with the spatial statistics of photographs, in JPEG."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for number in range(IMAGES):
        coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        smooth = np.asarray(Image.fromarray(coarse).resize((400, 300), Image.Resampling.BICUBIC))
        noisy = smooth + rng.normal(0, 6, smooth.shape)
        image = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
        image.save(folder / f"p{number:04d}.jpg", quality=90)
    return folder


def shards(images: Path, folder: Path) -> Path:
    """Write the same images in four tar files."""
    folder.mkdir()
    paths = sorted(images.iterdir())
    for number in range(4):
        with tarfile.open(folder / f"part-{number:04d}.tar", "w") as tar:
            for path in paths[number * IMAGES // 4 : (number + 1) * IMAGES // 4]:
                tar.add(path, path.name)
    return folder


def members(folder: Path) -> list[tuple[Path, int, int]]:
    """Tar, offset and size of each image."""
    found = []
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            found += [(path, one.offset_data, one.size) for one in tar]
    return found


class Bare(Dataset[torch.Tensor]):
    """Images as one reads them oneself."""

    def __init__(self, places: list[Any], transform: Any) -> None:
        self.places, self.transform = places, transform

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> torch.Tensor:
        place = self.places[index]
        if isinstance(place, Path):
            image = Image.open(place)
        else:
            path, start, size = place
            with path.open("rb") as file:
                image = Image.open(io.BytesIO(os.pread(file.fileno(), size, start)))
        return self.transform(image.convert("RGB"))


def bare(network: Backbone, places: list[Any], workers: int) -> np.ndarray:
    """Features by a loop of a few lines."""
    transform = create_transform(**network.preprocessing.as_timm(), is_training=False)
    data = Bare(places, transform)
    context = _worker_context(data) if workers else None
    loader = DataLoader(
        data, batch_size=BATCH, num_workers=workers, multiprocessing_context=context
    )
    last = torch.channels_last
    with torch.inference_mode():
        outputs = [network.module(images.contiguous(memory_format=last)) for images in loader]
    return torch.cat(outputs).numpy()


def spent(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of the clock and of the processor, this process and the workers together."""

    def processor() -> float:
        kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        return sum(sum(resource.getrusage(kind)[:2]) for kind in kinds)

    clock, before = time.perf_counter(), processor()
    work()
    return time.perf_counter() - clock, processor() - before


def race(case: Case, images: Path, rounds: int) -> dict[str, Any]:
    """Let both sides take turns."""
    trained = case.network == "efficientnet_lite0"
    network, other = (
        load_backbone(case.network, untrained=not trained, size=case.size) for _ in range(2)
    )
    other.module.eval().to(memory_format=torch.channels_last)
    places = members(images) if case.tars else sorted(images.iterdir())

    def ours() -> np.ndarray:
        options = dict(batch=BATCH, workers=case.workers, device="cpu")
        return np.asarray(extract_features(network, images, **options).values)

    apart = float(np.abs(ours() - bare(other, places, case.workers)).max())
    turns = []
    for number in range(rounds):
        sides = [ours, lambda: bare(other, places, case.workers)]
        order = [0, 1] if number % 2 else [1, 0]
        found = {side: spent(sides[side]) for side in order}
        turns.append((*found[0], *found[1]))
    clock, processor, bare_clock, bare_processor = np.array(turns).T
    return {
        "case": case,
        "clock": np.quantile(bare_clock / clock, [0.25, 0.5, 0.75]),
        # Workers are children of the server that starts them, so getrusage misses their share.
        "processor": np.quantile(bare_processor / processor, [0.25, 0.5, 0.75]),
        "speed": IMAGES / statistics.median(clock),
        "apart": apart,
    }


def row(found: dict[str, Any]) -> str:
    """Lay out one line of the table."""
    case = found["case"]

    def share(values: np.ndarray) -> str:
        low, middle, high = values
        return f"{middle:.3f} [{low:.3f}, {high:.3f}]"

    where = "tar shards" if case.tars else "folder"
    processor = "" if case.workers else share(found["processor"])
    return (
        f"| {case.network}, {case.size} px | {where} | {case.workers} | {found['speed']:.0f} | "
        f"{share(found['clock'])} | {processor} | {found['apart']:.0e} |"
    )


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = photographs(Path(name) / "photographs")
        tars = shards(folder, Path(name) / "tars")
        rows: list[str] = []
        for case in CASES:
            rows.append(row(race(case, tars if case.tars else folder, rounds)))
            RESULTS.write_text(page(rows, rounds), encoding="utf-8")
            print(rows[-1], flush=True)


def page(rows: list[str], rounds: int) -> str:
    """Write the page of results."""
    about = (
        f"`python -P benchmarks/features.py --rounds {rounds}` (OMP_NUM_THREADS="
        f"{torch.get_num_threads()}, twoalike {version('twoalike')}, torch {version('torch')}, "
        f"timm {version('timm')}, Python {platform.python_version()}; load average "
        f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, no GPU). {IMAGES} JPEGs of 400 x 300 "
        f"pixels, {BATCH} a batch. Share: images per second of `extract_features` compared with a "
        "bare timm loop, channels last, with as many workers, whose start is included; medians of "
        "alternating rounds, in brackets the interquartile range. Processor time is compared where "
        "one process does all, and tells more where others use the machine. The last column is the "
        f"largest difference between both sides' features. The target is {TARGET}."
    )
    head = (
        "| network | images in | workers | images per second | share, by the clock | "
        "by processor time | difference |"
    )
    return "\n".join(["# Features of images", "", about, "", head, "|---" * 7 + "|", *rows, ""])


if __name__ == "__main__":
    main()
