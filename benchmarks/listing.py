"""The listing of a collection of ImageNet's size: time, memory, and bytes sent to each worker.

    python -P benchmarks/listing.py [--scale 1] [--folder FOLDER]

Makes 1,281,167 images of one pixel and lists them: as files in a thousand class folders, in 1,282
tar shards of WebDataset's layout, and in 129 Parquet files of 10,000 rows. Each listing is opened
in a process of its own, which states how much its resident memory grew at most and in the end, the
bytes that are sent to a worker, and processor seconds: for the listing, for the hash by which a
resumed run recognises the collection, and for sending it to a worker. The operating system has just
written the files, so a disk may take longer. `--scale 0.01` takes a hundredth of the images. The
table goes to benchmarks/results/listing.md, at other scales than 1 to the terminal only.
"""

import argparse
import io
import json
import os
import pickle
import platform
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from twoalike.collections import open_collection

RESULTS = Path(__file__).parent / "results" / "listing.md"
IMAGES, CLASSES, SHARD, ROWS = 1_281_167, 1000, 1000, 10_000
KINDS = {
    "tree": "files in class folders",
    "tars": "tar shards",
    "parquet": "Parquet",
}
"""Ways to store the images, and what they are."""


def names(n: int) -> list[str]:
    """List the names of ImageNet's images, each with its class folder."""
    return [f"n{k % CLASSES:08d}/n{k % CLASSES:08d}_{k}" for k in range(n)]


def make(folder: Path, n: int) -> None:
    """Write n images in each way."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = io.BytesIO()
    Image.new("RGB", (1, 1)).save(file, "PNG")
    content, listed = file.getvalue(), names(n)
    for number in range(CLASSES):
        (folder / "tree" / f"n{number:08d}").mkdir(parents=True)
    for name in listed:
        (folder / "tree" / f"{name}.PNG").write_bytes(content)
    (folder / "tars").mkdir()
    for first in range(0, n, SHARD):
        with tarfile.open(folder / "tars" / f"{first:08d}.tar", "w") as tar:
            for name in listed[first : first + SHARD]:
                for ending, part in (("cls", b"1"), ("png", content)):
                    member = tarfile.TarInfo(f"{name.rpartition('/')[2]}.{ending}")
                    member.size = len(part)
                    tar.addfile(member, io.BytesIO(part))
    (folder / "parquet").mkdir()
    for first in range(0, n, ROWS):
        cells = [{"bytes": content, "path": f"{x}.png"} for x in listed[first : first + ROWS]]
        path = folder / "parquet" / f"{first:08d}.parquet"
        pq.write_table(pa.table({"image": cells}), path, row_group_size=100)


def measure(path: Path) -> None:
    """Open a collection in this process and print what that takes."""
    memory = psutil.Process().memory_info
    for warm in sorted((path.parent / "few").iterdir()):  # imports what is needed
        open_collection(warm)
    before = memory().rss
    took = [time.process_time()]
    images = open_collection(path)
    took.append(time.process_time())
    rss, peak = memory().rss, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    digest = images.digest
    took.append(time.process_time())
    sent = pickle.dumps(images)
    pickle.loads(sent)
    took.append(time.process_time())
    if len(digest) != 64 or images.picture(len(images) - 1).size != (1, 1):
        raise SystemExit(f"{path}: not what was written")
    grown = {"peak": peak - before, "after": rss - before, "sent": len(sent)}
    print(json.dumps({"seconds": np.diff(took).tolist(), "images": len(images), **grown}))


def main() -> None:
    """Make the images, open each listing in a process of its own, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--folder", type=Path, help="where the images go")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measure(given.measure)
        return
    n, rows = round(IMAGES * given.scale), []
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        make(Path(name), n)
        make(Path(name, "few"), 10)
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        for kind, what in KINDS.items():
            path = f"{name}/{kind}"
            command = [sys.executable, "-P", __file__, "--measure", path]
            done = subprocess.run(command, env=environment, capture_output=True, check=True)
            found = json.loads(done.stdout.splitlines()[-1])
            if found["images"] != n:
                raise SystemExit(f"{what}: {found['images']} of {n} images")
            mib = [f"{found[key] / 2**20:,.0f}" for key in ("peak", "after", "sent")]
            rows.append([what, *(f"{s:.1f}" for s in found["seconds"]), *mib])
    script = "benchmarks/listing.py" + ("" if given.scale == 1 else f" --scale {given.scale:g}")
    lines = [
        "# The listing of a collection of ImageNet's size",
        "",
        f"`python -P {script}` (twoalike {version('twoalike')}, Python "
        f"{platform.python_version()}; load average {os.getloadavg()[0]:.1f} on "
        f"{os.cpu_count()} cores). {n:,} images of one pixel, just "
        "written; seconds are those of the processor. Memory is that by which the resident set "
        "of a process grows: at most, and once the listing is open.",
        "",
        "| images as | open, s | hash, s | to a worker and back, s | memory at most, MiB "
        "| after, MiB | sent, MiB |",
        "|---|---|---|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]
    print("\n".join(lines))
    if given.scale == 1:
        RESULTS.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
