"""Real judgments through the real commands: THINGS odd-one-out, 90 % to fit, 10 % to predict.

    python benchmarks/things.py

Needs the shared real data (environment variable TWOALIKE_SHARED_DATA, or ../shared/data beside
the checkout). Every step is the command a user types, timed as a whole process; the table goes
to benchmarks/results/things.md. The split is by triplet, so that no triplet is on both sides.

Scores: accuracy of the odd one out with ties counted 1/k, log-loss in nats, standard errors over
judgments; chance is .333 and 1.0986. `predict` answers for a typical participant.
"""

import os
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from twoalike.choice import expected_accuracy, log_loss
from twoalike.judgments import (
    object_index,
    read_choices,
    split_by_object,
    split_by_triplet,
    write_choices,
)
from twoalike.study import provenance

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("TWOALIKE_SHARED_DATA", ROOT.parent / "shared" / "data"))
THINGS = SHARED / "things"
WORK = ROOT / "derived" / "things"
SEED = 0


def command(*words: object) -> float:
    """Run one command of twoalike and return its wall time in seconds."""
    start = time.monotonic()
    full = [sys.executable, "-m", "twoalike.cli.app", *map(str, words)]
    subprocess.run(full, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def write_triplets(path: Path, choices: pd.DataFrame) -> np.ndarray:
    """Write the items of each judgment for ``predict``; return the places of the chosen ones."""
    items = choices[["item_1", "item_2", "item_3"]].astype(str)
    # Columns are shuffled row by row: in the source the odd one is always last, and a tie
    # broken by column order would flatter or punish.
    rng = np.random.default_rng(SEED)
    order = rng.permuted(np.tile(np.arange(3), (len(items), 1)), axis=1)
    shuffled = np.take_along_axis(items.to_numpy(), order, axis=1)
    np.savetxt(path, shuffled, fmt="%s", delimiter="\t")
    _, chosen, _ = object_index(choices)
    return np.argmax(order == chosen[:, None], axis=1)


def score(probabilities: Path, chosen: np.ndarray) -> tuple[str, str]:
    """Accuracy and log-loss with standard errors."""
    p = pd.read_csv(probabilities, sep="\t").to_numpy()
    hits, losses = expected_accuracy(p, chosen), log_loss(p, chosen)
    error = 1 / np.sqrt(len(chosen))
    return (
        f"{hits.mean():.4f} ± {hits.std() * error:.4f}",
        f"{losses.mean():.4f} ± {losses.std() * error:.4f}",
    )


def features() -> tuple[str, Path, str, Path]:
    """Arguments that name the image features."""
    return (
        "--features",
        THINGS / "clip_vit_b32_features.npy",
        "--objects",
        THINGS / "object_ids.txt",
    )


def fits(train: Path, test: pd.DataFrame) -> list[tuple[str, ...]]:
    """Fit on 90 % with several settings and score on the other 10 %."""
    chosen = write_triplets(WORK / "test.txt", test)
    rows = []
    for name, options in (
        ("default (softplus prior)", ()),
        ("spike-and-slab prior", ("--prior", "spike-and-slab")),
        ("CLIP features in the prior mean", features()),
    ):
        posterior, table = WORK / "posterior.nc", WORK / "probabilities.tsv"
        words = ("fit", "--choices", train, "--engine", "vi", *options, "--out", posterior)
        fitted = command(*words, "--seed", SEED)
        predicted = command("predict", posterior, "--triplets", WORK / "test.txt", "--out", table)
        rows.append(
            (f"posterior, {name}", *score(table, chosen), f"{fitted:.0f}", f"{predicted:.0f}")
        )
    return rows


def new_objects(choices: pd.DataFrame) -> tuple[str, ...]:
    """Hold a quarter of the objects out of fit and teacher, and predict triplets of them alone."""
    kept, aside, _ = split_by_object(choices, 0.25, np.random.default_rng(SEED))
    train, posterior = WORK / "train_objects.parquet", WORK / "posterior_objects.nc"
    write_choices(train, kept, provenance("choices", seed=SEED))
    chosen = write_triplets(WORK / "new.txt", aside)
    fitted = command("fit", "--choices", train, "--engine", "vi", "--out", posterior, *features())
    teacher, table = WORK / "teacher_objects", WORK / "new.tsv"
    fitted += command("teach", posterior, *features(), "--choices", train, "--out", teacher)
    words = ("predict", teacher, *features(), "--triplets", WORK / "new.txt", "--out", table)
    predicted = command(*words)
    name = f"teacher, {len(aside):,} triplets of objects nobody judged"
    return (name, *score(table, chosen), f"{fitted:.0f}", f"{predicted:.0f}")


def main() -> None:
    """Run everything and write the table."""
    if not THINGS.is_dir():
        sys.exit(f"no real data at {THINGS} (set TWOALIKE_SHARED_DATA)")
    WORK.mkdir(parents=True, exist_ok=True)
    words = ("import", "triplets", THINGS / "triplets_by_participant.txt")
    words += ("--objects", THINGS / "object_ids.txt", "--participant-column", 4)
    imported = command(*words, "--overwrite", "--out", WORK / "choices.parquet")
    choices = read_choices(WORK / "choices.parquet")
    train, test = split_by_triplet(choices, 0.1, np.random.default_rng(SEED))
    write_choices(WORK / "train.parquet", train, provenance("choices", seed=SEED))
    rows = [*fits(WORK / "train.parquet", test), new_objects(choices)]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    lines = [
        "# THINGS odd-one-out: real judgments through the real commands",
        "",
        f"`python benchmarks/things.py` (seed {SEED}; twoalike {version('twoalike')}, "
        f"pymc {version('pymc')}, jax {version('jax')}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores, no GPU). {len(train):,} judgments of 264 people on 1,854 objects "
        f"to fit, {len(test):,} others to predict; import {imported:.0f} s; peak memory of any "
        f"command {peak:.1f} GiB. One split, one seed: orientation, no record. ± is the standard "
        "error over judgments. Chance: .3333 and 1.0986.",
        "",
        "| what | accuracy (ties 1/k) | log-loss (nats) | fit (s) | predict (s) |",
        "|---|---|---|---|---|",
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
    ]
    print("\n".join(lines))
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / "things.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
