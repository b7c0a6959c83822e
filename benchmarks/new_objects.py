"""Real judgments of objects that the fit never saw: THINGS odd-one-out, five folds of objects.

    python -P benchmarks/new_objects.py [--folds 5]

Needs the shared real data (environment variable TWOALIKE_SHARED_DATA, or ../shared/data beside
the checkout). For each fold of objects, every judgment that shows one of them is taken out of
the fit; what is left is fitted with CLIP features in the prior mean, and teachers are made of
that. Then the people's choices are predicted that show at least one of the fold's objects. Every
step is the command that a user types.

Scores: accuracy of the odd one out with ties counted 1/k, log-loss in nats; chance is .333 and
1.0986. As elsewhere, people's lapses are part of the prediction: those of a typical observer, or
lapse and temperature of the person who judged ("own"), as fitted to their judgments of the other
objects.

Finished parts are kept in derived/new_objects/ and not run again; the table goes to
benchmarks/results/new_objects.md.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax

from twoalike.choice import expected_accuracy, log_loss
from twoalike.embedding import Posterior
from twoalike.judgments import (
    object_index,
    participant_index,
    read_judgments,
    read_sets,
    write_judgments,
)
from twoalike.study import provenance

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("TWOALIKE_SHARED_DATA", ROOT.parent / "shared" / "data"))
THINGS = SHARED / "things"
WORK = ROOT / "derived" / "new_objects"
FEATURES = (
    "--features",
    THINGS / "clip_vit_b32_features.npy",
    "--objects",
    THINGS / "object_ids.txt",
)
SEED = 0
FOLDS = 5


def command(*words: object) -> float:
    """Run one command of twoalike and return its wall time in seconds."""
    start = time.monotonic()
    full = [sys.executable, "-m", "twoalike.cli.app", *map(str, words)]
    subprocess.run(full, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def fold_of(choices: pd.DataFrame) -> np.ndarray:
    """Fold of each object."""
    ids = object_index(choices)[2]
    return np.random.default_rng(SEED).permutation(len(ids)) % FOLDS


def fit(fold: int, choices: pd.DataFrame, removed: np.ndarray) -> None:
    """Fit what shows none of the fold's objects, unless it was done."""
    train, posterior = WORK / f"train-{fold}.parquet", WORK / f"posterior-{fold}.nc"
    if posterior.exists():
        return
    write_judgments(train, choices[~removed], provenance("choices", seed=SEED))
    words = ("fit", "--choices", train, "--engine", "vi", *FEATURES, "--seed", SEED)
    taken = command(*words, "--out", posterior)
    (WORK / f"fit-{fold}.txt").write_text(f"{taken:.0f}\n", encoding="utf-8")


ARMS: dict[str, tuple[Any, ...]] = {
    "posterior": (),
    "network": ("--untransformed",),
    "mixed": ("--kind", "mixed"),
    "surrogate": ("--kind", "surrogate"),
}
"""Options of `teach`; the posterior, whose prior mean is a map of features, predicts by itself."""

TITLES = {
    "posterior": "`fit --features`: the posterior itself",
    "mixed": "`teach --kind mixed`: removed objects by their features, the others by the posterior",
    "surrogate": "`teach --kind surrogate`: all objects by their features",
    "network": "`teach --untransformed`: the network's own similarities",
}


def predictions(fold: int, name: str, triplets: Path) -> np.ndarray:
    """Probabilities that each item is the odd one, without people's lapses, unless it was done."""
    kept = WORK / f"{name}-{fold}.npy"
    if not kept.exists():
        posterior, table = WORK / f"posterior-{fold}.nc", WORK / "probabilities.tsv"
        if name == "posterior":
            model = Posterior.load(posterior)
            items = read_sets(triplets, model.ids)
            np.save(kept, model.choice_probabilities(items))
        else:
            teacher, train = WORK / f"teacher-{fold}", WORK / f"train-{fold}.parquet"
            words: tuple[Any, ...] = ("teach", posterior, *FEATURES, "--choices", train)
            taken = command(*words, *ARMS[name], "--out", teacher)
            words = ("predict", teacher, *FEATURES, "--triplets", triplets, "--out", table)
            command(*words)
            np.save(kept, pd.read_csv(table, sep="\t").to_numpy())
            said = json.loads((teacher / "teacher.json").read_text())
            print(name, fold, f"{taken:.0f} s", said["penalty"] and said["penalty"]["chosen"])
    found: np.ndarray = np.load(kept)
    return found


def with_lapses(p: np.ndarray, posterior: Posterior, judge: np.ndarray | None = None) -> np.ndarray:
    """Give probabilities the lapses of a typical observer, or lapse and temperature of each judge.

    A temperature t raises probabilities to the power 1/t.
    """
    if judge is None:
        rate: Any = posterior.typical_lapse.mean()
    else:
        rate = posterior.lapse.mean(axis=0)[judge][:, None]
        t = np.exp(np.log(posterior.temperature).mean(axis=0))[judge][:, None]
        p = softmax(np.log(np.maximum(p, 1e-12)) / t, axis=1)
    return np.asarray((1 - rate) * p + rate / 3)


def run(fold: int, choices: pd.DataFrame) -> dict[str, dict[str, np.ndarray]]:
    """Scores of each arm on each choice that shows an object of the fold."""
    triplets, chosen, _ = object_index(choices)
    new = fold_of(choices)[triplets] == fold
    removed = new.any(axis=1)
    fit(fold, choices, removed)
    # Columns are shuffled row by row: in the source the odd one is always last.
    order = np.random.default_rng(SEED).permuted(
        np.tile(np.arange(3), (int(removed.sum()), 1)), axis=1
    )
    shown = np.take_along_axis(triplets[removed], order, axis=1)
    place = np.argmax(order == chosen[removed][:, None], axis=1)
    np.savetxt(WORK / f"test-{fold}.txt", shown, fmt="%d", delimiter="\t")
    posterior = Posterior.load(WORK / f"posterior-{fold}.nc")
    judge, people = participant_index(choices)
    known = {name: row for row, name in enumerate(posterior.participants)}
    rows = np.array([known[name] for name in people])[judge[removed]]
    scores = {}
    for name in ARMS:
        p = predictions(fold, name, WORK / f"test-{fold}.txt")
        typical, own = with_lapses(p, posterior), with_lapses(p, posterior, rows)
        scores[name] = {
            "hits": expected_accuracy(p, place),
            "losses": log_loss(typical, place),
            "own": log_loss(own, place),
            "all_new": new[removed].all(axis=1),
        }
    return scores


def cells(folds: list[dict[str, np.ndarray]], *, all_new: bool) -> str:
    """Accuracy and log-losses over the choices of all folds, standard errors over choices."""
    kept = [f["all_new"] if all_new else np.ones(len(f["hits"]), bool) for f in folds]
    values = []
    for key in ("hits", "losses", "own"):
        each = np.concatenate([f[key][k] for f, k in zip(folds, kept, strict=True)])
        values.append(f"{each.mean():.4f} ± {each.std() / np.sqrt(len(each)):.4f}")
    return " | ".join(values)


def table(title: str, folds: list[dict[str, dict[str, np.ndarray]]], *, all_new: bool) -> list[str]:
    """One table: an arm a row."""
    return [
        f"## {title}",
        "",
        "| what | accuracy (ties 1/k) | log-loss (nats) | log-loss with lapse and temperature of "
        "the "
        "participant |",
        "|---|---|---|---|",
        *(
            f"| {words} | {cells([f[name] for f in folds], all_new=all_new)} |"
            for name, words in TITLES.items()
        ),
        "",
    ]


def main() -> None:
    """Run everything and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folds", type=int, default=FOLDS, help="of the five, how many to run")
    wanted = parser.parse_args().folds
    if not THINGS.is_dir():
        sys.exit(f"no real data at {THINGS} (set TWOALIKE_SHARED_DATA)")
    WORK.mkdir(parents=True, exist_ok=True)
    if not (WORK / "choices.parquet").exists():
        words: tuple[Any, ...] = ("import", "choices", THINGS / "triplets_by_participant.txt")
        words += ("--objects", THINGS / "object_ids.txt", "--participant-column", 4)
        command(*words, "--out", WORK / "choices.parquet")
    choices = read_judgments(WORK / "choices.parquet")
    folds = [run(fold, choices) for fold in range(wanted)]
    some = sum(len(f["mixed"]["hits"]) for f in folds)
    whole = sum(int(f["mixed"]["all_new"].sum()) for f in folds)
    fits = [float((WORK / f"fit-{fold}.txt").read_text()) for fold in range(wanted)]
    lines = [
        "# THINGS odd-one-out: objects excluded from the fit",
        "",
        f"`python -P benchmarks/new_objects.py --folds {wanted}` (seed {SEED}; twoalike "
        f"{version('twoalike')}, pymc {version('pymc')}, jax {version('jax')}, torch "
        f"{version('torch')}, {os.cpu_count()} cores, no GPU). {len(choices):,} judgments of 264 "
        "people on 1,854 objects, five folds of objects; every judgment of one of a fold's "
        "objects is excluded from the fit (about half of all remain). A fit takes "
        f"{np.mean(fits):.0f} s on a shared machine. ± is the standard error over judgments. "
        "Chance: .3333 and 1.0986.",
        "",
        *table(f"{some:,} choices with at least one removed object", folds, all_new=False),
        *table(f"{whole:,} choices of three removed objects", folds, all_new=True),
    ]
    print("\n".join(lines))
    results = ROOT / "benchmarks" / "results"
    (results / "new_objects.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
