"""Labels of AligNet's size: time and memory.

    python -P benchmarks/imagenet_labels.py [--scale 1] [--folder FOLDER]

The published recipe: 10 million triplets by the rule cluster-boundary, of 500 clusters of 1.28
million images with 1,152 features (doi:10.1038/s41586-025-09631-6). Features are random, 500 heaps
of very different sizes, written as shards of float16 like those of `twoalike features --shard`;
the teacher is a random map to 49 dimensions beside the network's own part, so that positions have
1,201 coordinates. `--scale 0.1` makes a tenth of the images and triplets.

Each step runs in processes of its own, as from the command line, and reports its time and its
largest resident memory, mapped pages included. Labels are made by two processes that share one
folder, one for each core. The table goes to benchmarks/results/imagenet_labels.md.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from twoalike.distill import label_images, read_labels
from twoalike.distill._sampled import find_clusters
from twoalike.features import FeatureTable, feature_shard, read_features, write_features
from twoalike.study import provenance, write_json
from twoalike.teacher import AffineTeacher, save_teacher

RESULTS = Path(__file__).parent / "results" / "imagenet_labels.md"
IMAGES, FEATURES, CLUSTERS, TRIPLETS = 1_281_167, 1152, 500, 10_000_000
SHARD = 10_000
"""Images of a shard of features."""
DIMENSIONS = 49
MOST_GIB, MOST_HOURS = 4.0, 2.0
STEPS = ("clusters", "labels")


def write_world(folder: Path, images: int) -> None:
    """Write features and a teacher."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((CLUSTERS, FEATURES), dtype=np.float32)
    share = rng.gamma(2.0, size=CLUSTERS)
    shards = -(-images // SHARD)
    plan = provenance("features", seed=0) | {"backbone": "random", "shards": shards}
    (folder / "features").mkdir()
    write_json(folder / "features" / "features.json", plan)
    for number in range(shards):
        rows = np.arange(number * SHARD, min((number + 1) * SHARD, images))
        heap = rng.choice(CLUSTERS, size=len(rows), p=share / share.sum())
        values = centres[heap] + 1.5 * rng.standard_normal((len(rows), FEATURES), dtype=np.float32)
        ids = tuple(f"n{row:08d}" for row in rows)
        table = FeatureTable(ids, values.astype(np.float16), plan)  # type: ignore[arg-type]
        write_features(feature_shard(folder / "features", number), table)
    weight = rng.standard_normal((DIMENSIONS, FEATURES), dtype=np.float32) / FEATURES**0.5
    teacher = AffineTeacher(
        mean=np.zeros(FEATURES, np.float32),
        scale=2.0,
        weight=weight,
        bias=np.zeros(DIMENSIONS, np.float32),
        identity=0.05,
        temperature=1.0,
        description={"method": "affine", "from": {"features": FEATURES}, "to": {"objects": 1854}},
    )
    save_teacher(folder / "teacher", teacher, provenance("teacher", seed=0))


def do_step(step: str, folder: Path, triplets: int, part: str) -> None:
    """Do one step in this process and print its time and memory."""
    start = time.perf_counter()
    labels = folder / "labels"
    found: dict[str, Any] = {}
    if step == "clusters":
        features = read_features(folder / "features")
        found["read_s"] = time.perf_counter() - start
        members = np.bincount(find_clusters(features, CLUSTERS))
        found["clusters"] = members[members > 0].tolist()
    else:
        label_images(
            folder / "teacher",
            folder / "features",
            labels,
            number=triplets,
            clusters=CLUSTERS,
            part=part,
        )
    found["seconds"] = time.perf_counter() - start
    found["gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps(found))


def run(step: str, folder: Path, triplets: int, processes: int) -> list[dict[str, Any]]:
    """Run a step in one process or several, each on one thread."""
    one_thread = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    started = [
        subprocess.Popen(
            [sys.executable, "-P", __file__, "--step", step, "--folder", str(folder)]
            + ["--triplets", str(triplets), "--part", f"{number}/{processes}"],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | one_thread,
        )
        for number in range(1, processes + 1)
    ]
    said = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise RuntimeError(f"{step} failed")
    return [json.loads(words.splitlines()[-1]) for words in said]


def check(folder: Path, triplets: int) -> int:
    """Read the labels back: all are there; gives the number of their images."""
    table = read_labels(folder / "labels")
    if len(table.triplets) != triplets:
        raise RuntimeError("the labels are not those that were planned")
    return len(table.ids)


def report(scale: float, sizes: dict[str, int], found: dict[str, Any]) -> str:
    """Lay out the table."""
    clusters, labels = found["clusters"][0], found["labels"]
    members, seen = clusters["clusters"], found["seen"]
    seconds = clusters["seconds"] + max(part["seconds"] for part in labels)
    most = max(part["gib"] for part in [clusters, *labels])
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("twoalike", "numpy", "scikit-learn")
    )
    lines = [
        "# Labels of AligNet's size",
        "",
        f"`python -P benchmarks/imagenet_labels.py --scale {scale:g}` ({packages}, Python "
        f"{platform.python_version()}, load average {os.getloadavg()[1]:.1f} on {os.cpu_count()} "
        f"cores). {sizes['triplets']:,} triplets by cluster-boundary of {sizes['images']:,} images "
        f"with {FEATURES:,} features, {sizes['bytes'] / 2**30:.2f} GiB as float16 in shards of "
        f"{SHARD:,}. Memory is the largest resident set of a process, mapped pages included.",
        "",
        "| step | processes | seconds | GiB a process |",
        "|---|---|---|---|",
        f"| read and check the features | 1 | {clusters['read_s']:.0f} | |",
        f"| these, and {len(members)} clusters of {min(members):,} to {max(members):,} images "
        f"| 1 | {clusters['seconds']:.0f} | {clusters['gib']:.2f} |",
        f"| labels, with clusters found by each process | {len(labels)} "
        f"| {max(part['seconds'] for part in labels):.0f} "
        f"| {max(part['gib'] for part in labels):.2f} |",
        f"| together | | {seconds:.0f} | {most:.2f} |",
        f"| bound | | {3600 * MOST_HOURS:.0f} | {MOST_GIB:.0f} |",
        "",
        "| | found | possible |",
        "|---|---|---|",
        f"| different images | {seen:,} ({seen / sizes['images']:.1%}) | {sizes['images']:,} |",
        "",
        *found["note"],
    ]
    return "\n".join(lines)


def main() -> None:
    """Run all steps and write the table, or do a single step of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--folder", type=Path, help="where features and labels go; kept if given")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--triplets", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        do_step(given.step, given.folder, given.triplets, given.part)
        return
    images, triplets = round(IMAGES * given.scale), round(TRIPLETS * given.scale)
    with tempfile.TemporaryDirectory(delete=given.folder is None, dir=given.folder) as name:
        folder = Path(name)
        write_world(folder, images)
        size = sum(path.stat().st_size for path in (folder / "features").iterdir())
        found: dict[str, Any] = {
            "clusters": run("clusters", folder, triplets, 1),
            "labels": run("labels", folder, triplets, 2),
            "note": [],
        }
        found["seen"] = check(folder, triplets)
    if given.scale != 1:
        found["note"] = [
            f"One process labels in proportion to triplets, and memory hardly depends on images: "
            f"the whole recipe has {1 / given.scale:g} times as many of both.",
            "",
        ]
    text = report(given.scale, {"images": images, "triplets": triplets, "bytes": size}, found)
    print(text)
    if given.scale == 1:
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
