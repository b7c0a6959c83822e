"""Find figures again that others measured on the shared human data.

    python -P benchmarks/reference.py

Needs the shared real data (environment variable TWOALIKE_SHARED_DATA, or ../shared/data beside
the checkout). Three evaluations through the command line:

1. 92 photographs, dissimilarities by 16 people (Mur et al. 2013): EfficientNet-Lite0 by the cosine
   of its features as they are, against the mean person, and people against one another;
2. THINGS odd-one-out judgments by 264 people: the published embedding SPoSE-49 by dot products, at
   its own scale;
3. 48 of these objects of which every triplet was judged: the share of third objects with which two
   are called alike, against that which SPoSE-49 gives.

The table goes to benchmarks/results/reference.md.
"""

import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from twoalike.embedding._similarity import kept_together, pair_odds
from twoalike.evaluation import upper
from twoalike.judgments import read_rdms
from twoalike.results import Results

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("TWOALIKE_SHARED_DATA", ROOT.parent / "shared" / "data"))
MUR92, THINGS = SHARED / "mur92", SHARED / "things"
RESULTS = ROOT / "benchmarks" / "results" / "reference.md"


def call(*words: Any) -> None:
    """Run one command of twoalike."""
    subprocess.run([sys.executable, "-m", "twoalike.cli.app", *map(str, words)], check=True)


def photographs(folder: Path) -> list[tuple[str, float, float]]:
    """Measure the 92 photographs: name, ours, theirs."""
    features, out, ids = (folder / name for name in ("lite0.npz", "mur92.json", "ids.txt"))
    ids.write_text("\n".join(f"{row:02d}" for row in range(92)), encoding="utf-8")
    words = ("--backbone", "efficientnet_lite0", "--images", MUR92 / "images", "--out", features)
    call("features", *words)
    people = ("--rdm", MUR92 / "behavior_rdms.mat", "--objects", ids)
    how = ("--similarity", "raw-cosine")
    call("evaluate", "--features", f"lite0={features}", *people, *how, "--out", out)
    found = Results.load(out).frame.set_index(["measure", "level"])["value"]
    lower, upper = (found[f"rdm.ceiling.{end}", ""] for end in ("lower", "upper"))
    return [
        (
            "92 photographs: EfficientNet-Lite0 with the mean person, Spearman",
            found["rdm.spearman", ""],
            0.38,
        ),
        ("the same: a person with the mean ranks of others (rsatoolbox)", lower, 0.477),
        ("the same: a person with the mean ranks of all (rsatoolbox)", upper, 0.577),
    ]


def judgments(folder: Path) -> list[tuple[str, float, float]]:
    """Score SPoSE-49 on the odd-one-out judgments."""
    choices, out = folder / "choices.parquet", folder / "things.json"
    objects = ("--objects", THINGS / "object_ids.txt")
    file = THINGS / "triplets_by_participant.txt"
    call("import", "choices", file, *objects, "--participant-column", 4, "--out", choices)
    spose = THINGS / "spose49_embedding.npy"
    words = ("--features", f"fitted={spose}", "--ceiling", f"own-scale={spose}", *objects)
    call("evaluate", *words, "--choices", choices, "--similarity", "dot", "--out", out)
    found = Results.load(out)
    accuracy, loss = (found.at(f"odd_one_out.{of}", "own-scale") for of in ("accuracy", "log_loss"))
    assert accuracy is not None and loss is not None
    return [
        ("THINGS, 127,304 judgments: SPoSE-49, accuracy", accuracy.value, 0.640),
        ("the same: log-loss at its own scale", loss.value, 0.817),
    ]


def every_triplet() -> list[tuple[str, float, float]]:
    """Compare SPoSE-49 with the 48 objects whose triplets were all judged."""
    rows = np.load(THINGS / "rdm48_index.npy").ravel()
    ids = (THINGS / "object_ids.txt").read_text(encoding="utf-8").split()
    people = read_rdms(THINGS / "rdm48_triplet.mat", [ids[row] for row in rows])
    x = np.load(THINGS / "spose49_embedding.npy")[rows].astype(np.float64)
    predicted = kept_together(pair_odds(x @ x.T), slice(0, len(x)))
    correlation = np.corrcoef(upper(predicted), upper(1 - people.values[0]))[0, 1]
    return [("48 objects, every triplet judged: SPoSE-49, Pearson", float(correlation), 0.90)]


def main() -> None:
    """Measure everything and write the table."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        found = [*photographs(folder), *judgments(folder), *every_triplet()]
    lines = [
        "# Published figures, reproduced",
        "",
        f"`python -P benchmarks/reference.py` (twoalike {version('twoalike')}).",
        "",
        "| what | here | published |",
        "|---|---|---|",
        *(f"| {name} | {ours:.3f} | {theirs:g} |" for name, ours, theirs in found),
        "",
    ]
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
