"""Real judgments through the real commands: THINGS odd-one-out, ten folds.

    python -P benchmarks/things.py [--folds 10] [--people]

Needs the shared real data (environment variable TWOALIKE_SHARED_DATA, or ../shared/data beside
the checkout). Every step is the command a user types, timed as a whole process. Folds are of
triplets, so that no triplet is fitted and predicted; each fold is predicted from the other nine.

Scores: accuracy of the odd one out with ties counted 1/k, log-loss in nats, over all judgments of
the folds that were run, standard errors over judgments; chance is .333 and 1.0986. `predict`
answers for a new person, and for the person who judged ("own"), with their temperature
and lapses as fitted to their other judgments.

With ``--people`` it is instead whether weights of the dimensions by person (`fit --people weights`)
predict the person who judged better than temperatures and lapses alone (`noise`). Differences are
paired, with standard errors over people.

Finished parts are kept in derived/things/ and not run again; the tables go to
benchmarks/results/things.md and things_people.md.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.choice import expected_accuracy, log_loss
from twoalike.embedding import Posterior
from twoalike.judgments import object_index, read_judgments, write_judgments
from twoalike.study import provenance

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("TWOALIKE_SHARED_DATA", ROOT.parent / "shared" / "data"))
THINGS = SHARED / "things"
WORK = ROOT / "derived" / "things"
SEED = 0
FOLDS = 10


def command(*words: object) -> float:
    """Run one command of twoalike and return its wall time in seconds."""
    start = time.monotonic()
    full = [sys.executable, "-m", "twoalike.cli.app", *map(str, words)]
    subprocess.run(full, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def write_triplets(path: Path, choices: pd.DataFrame) -> np.ndarray:
    """Write items and person of each judgment for ``predict``; places of the chosen ones."""
    items = choices[["item_1", "item_2", "item_3"]].astype(str)
    # Columns are shuffled row by row: in the source the odd one is always last, and a tie
    # broken by column order would flatter or punish.
    rng = np.random.default_rng(SEED)
    order = rng.permuted(np.tile(np.arange(3), (len(items), 1)), axis=1)
    shuffled = np.take_along_axis(items.to_numpy(), order, axis=1)
    people = choices["participant"].astype(str).to_numpy()[:, None]
    np.savetxt(path, np.hstack([shuffled, people]), fmt="%s", delimiter="\t")
    _, chosen, _ = object_index(choices)
    return np.argmax(order == chosen[:, None], axis=1)


def score(probabilities: Path, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy and log-loss of every judgment."""
    p = pd.read_csv(probabilities, sep="\t").to_numpy()
    return expected_accuracy(p, chosen), log_loss(p, chosen)


def cell(values: np.ndarray) -> str:
    """Mean with its standard error."""
    return f"{values.mean():.4f} ± {values.std() / np.sqrt(len(values)):.4f}"


def features() -> tuple[Any, ...]:
    """Arguments that name the image features."""
    return (
        "--features",
        THINGS / "clip_vit_b32_features.npy",
        "--objects",
        THINGS / "object_ids.txt",
    )


def fold_of(choices: pd.DataFrame, folds: int) -> np.ndarray:
    """Fold of each judgment; all judgments of a triplet are in one."""
    triplets, _, _ = object_index(choices)
    _, triplet = np.unique(np.sort(triplets, axis=1), axis=0, return_inverse=True)
    triplet = triplet.ravel()
    order = np.random.default_rng(SEED).permutation(triplet.max() + 1)
    return np.asarray(order[triplet] % folds)


ARMS: dict[str, tuple[tuple[Any, ...], int]] = {
    "default": ((), FOLDS),
    "CLIP features in the prior mean": (features(), FOLDS),
    "distance": (("--similarity", "distance"), 1),
    "distance, CLIP features": ((*features(), "--similarity", "distance"), 1),
}
"""Options of `fit`, and how many of the ten folds are run at most."""


PEOPLE: dict[str, tuple[Any, ...]] = {
    "noise": ("--people", "noise"),
    "weights": ("--people", "weights"),
    "noise, CLIP features": ("--people", "noise", *features()),
    "weights, CLIP features": ("--people", "weights", *features()),
}
"""Options of `fit` with ``--people``."""
CONTROLS = {
    "weights": "noise",
    "weights, CLIP features": "noise, CLIP features",
}
"""What an arm is compared with."""


FIT_FIGURES = {"choice_rhat_95": ".2f", "fits_apart": ".1f", "fits_cost": ".4f"}
"""Figures of convergence in the table, by their name in the posterior, and their number formats."""


def run(
    kept: Path, options: tuple[Any, ...], fold: int, choices: pd.DataFrame
) -> dict[str, np.ndarray]:
    """Fit nine folds and predict the other, unless it was done and is in ``kept``."""
    if not kept.exists():
        aside = fold_of(choices, FOLDS) == fold
        write_judgments(WORK / "train.parquet", choices[~aside], provenance("choices", seed=SEED))
        chosen = write_triplets(WORK / "test.txt", choices[aside])
        posterior, table = WORK / "posterior.nc", WORK / "probabilities.tsv"
        words = ("fit", "--choices", WORK / "train.parquet", "--engine", "vi", *options)
        found: dict[str, Any] = {"fit_s": command(*words, "--out", posterior, "--seed", SEED)}
        fitted = Posterior.load(posterior)
        attrs = fitted.attrs
        if fitted.weights is not None:
            found["spread"] = fitted.weights.spread
        found |= {key: attrs["convergence"][key] for key in FIT_FIGURES}
        found["dimensions"] = attrs["dimensions"]["fitted"]
        found["distance"] = float(attrs["similarity"] == "distance")
        words = ("predict", posterior, "--triplets", WORK / "test.txt", "--out", table)
        found["predict_s"] = command(*words)
        found["hits"], found["losses"] = score(table, chosen)
        command(*words, "--participant-column", 4)
        found["own_hits"], found["own_losses"] = score(table, chosen)
        np.savez(kept, **found)
    with np.load(kept) as told:
        result = dict(told)
    print(kept.stem, {key: round(float(value.mean()), 4) for key, value in result.items()})
    return result


def row(name: str, folds: list[dict[str, np.ndarray]]) -> list[str]:
    """Cells of one arm."""
    together = {key: np.concatenate([np.atleast_1d(f[key]) for f in folds]) for key in folds[0]}
    scores = [cell(together[key]) for key in ("hits", "losses", "own_hits", "own_losses")]
    times = [f"{together[key].mean():.0f}" for key in ("fit_s", "predict_s")]
    fit = [
        f"{together['distance'].sum():.0f}",
        f"{together['dimensions'].min():.0f} to {together['dimensions'].max():.0f}",
        *(f"{together[key].mean():{form}}" for key, form in FIT_FIGURES.items()),
    ]
    return [name, f"{len(folds)}", *scores, *fit, *times]


def new_objects(choices: pd.DataFrame) -> list[str]:
    """Hold a quarter of the objects out of fit and teacher, and predict triplets of them alone."""
    items = object_index(choices)[0]
    judged = np.random.default_rng(SEED).permutation(np.unique(items))
    held_out = np.isin(items, judged[: round(0.25 * len(judged))])
    kept, aside = choices[~held_out.any(axis=1)], choices[held_out.all(axis=1)]
    train, posterior = WORK / "train_objects.parquet", WORK / "posterior_objects.nc"
    write_judgments(train, kept, provenance("choices", seed=SEED))
    chosen = write_triplets(WORK / "new.txt", aside)
    words: tuple[Any, ...] = ("fit", "--choices", train, "--engine", "vi", *features())
    fitted = command(*words, "--out", posterior)
    teacher, table = WORK / "teacher_objects", WORK / "new.tsv"
    words = ("teach", posterior, *features(), "--choices", train, "--out", teacher)
    fitted += command(*words)
    words = ("predict", teacher, *features(), "--triplets", WORK / "new.txt", "--out", table)
    predicted = command(*words)
    name = f"teacher, {len(aside):,} triplets of objects without judgments"
    hits, losses = score(table, chosen)
    scores = [cell(hits), cell(losses), "", ""]
    return [name, "1", *scores, "", "", "", "", "", f"{fitted:.0f}", f"{predicted:.0f}"]


def gain(one: np.ndarray, other: np.ndarray, people: np.ndarray) -> str:
    """Mean by which losses of the second are lower, with its standard error over people."""
    gap = one - other
    by_person = np.bincount(people, gap - gap.mean())
    return f"{gap.mean():+.4f} ± {np.sqrt((by_person**2).sum()) / len(gap):.4f}"


def of_people(choices: pd.DataFrame, folds: int) -> list[str]:
    """Lines of the table of weights by person."""
    fold, found = fold_of(choices, FOLDS), {}
    codes = choices["participant"].astype("category").cat.codes.to_numpy()
    people = np.concatenate([codes[fold == k] for k in range(folds)])
    for place, (name, options) in enumerate(PEOPLE.items()):
        words = (*options, "--similarity", "dot")
        parts = [run(WORK / f"p{place}-{k}.npz", words, k, choices) for k in range(folds)]
        found[name] = {
            key: np.concatenate([np.atleast_1d(p[key]) for p in parts]) for key in parts[0]
        }
    rows = []
    for name, one in found.items():
        cells = [cell(one[key]) for key in ("hits", "losses", "own_hits", "own_losses")]
        control = found.get(CONTROLS.get(name, ""))
        cells += [
            "" if control is None else gain(control[key], one[key], people)
            for key in ("losses", "own_losses")
        ]
        low, middle, high = np.quantile(one.get("spread", np.full(1, np.nan)), [0.05, 0.5, 0.95])
        cells += [f"{middle:.2f} [{low:.2f}, {high:.2f}]" if "spread" in one else ""]
        cells += [f"{one['dimensions'].min():.0f} to {one['dimensions'].max():.0f}"]
        cells += [f"{one['fits_apart'].mean():.1f}", f"{one['fit_s'].mean():.0f}"]
        rows.append(f"| {' | '.join([name, *cells])} |")
    return [
        "# THINGS odd-one-out: weights of the dimensions by person",
        "",
        f"`python -P benchmarks/things.py --people --folds {folds}` ({setting()}). {folds} of ten "
        f"folds, {len(people):,} judgments predicted of {len(np.unique(people))} people; dot "
        "products. Gains are of the log-loss against the same fit without weights, for a new "
        "person and for the person who judged, ± their standard error over people. Spread: "
        "standard deviation of log weights over people, posterior median and 90 % interval.",
        "",
        "| people differ in | accuracy (ties 1/k) | log-loss (nats) | own accuracy | own log-loss "
        "| gain | own gain | spread | dimensions offered | apart | fit (s) |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        *rows,
        "",
    ]


def setting() -> str:
    """By what a table was made."""
    return (
        f"seed {SEED}; twoalike {version('twoalike')}, pymc {version('pymc')}, jax "
        f"{version('jax')}, Python {platform.python_version()}, {os.cpu_count()} cores, no GPU; "
        "elapsed seconds on a shared machine"
    )


def of_arms(choices: pd.DataFrame, wanted: int, imported: float) -> list[str]:
    """Lines of the table of fits and of a teacher."""
    rows = []
    for place, (name, (options, most)) in enumerate(ARMS.items()):
        folds = range(min(most, wanted))
        found = [run(WORK / f"{place}-{fold}.npz", options, fold, choices) for fold in folds]
        rows.append(row(name, found))
    rows.append(new_objects(choices))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    return [
        "# THINGS odd-one-out: real judgments and the actual commands",
        "",
        f"`python -P benchmarks/things.py --folds {wanted}` ({setting()}). "
        f"{len(choices):,} judgments of 264 people on 1,854 objects; nine tenths "
        "are fitted and the other tenth is predicted, for the number of the ten folds given in "
        "the "
        f"table; import {imported:.0f} s; peak memory of any command {peak:.1f} GiB. ± is the "
        "standard error over judgments. Chance: .3333 and 1.0986. Of each fit: how often the pilot "
        "chose distances, the dimensions it offered, R-hat of 95 % of the choice probabilities, "
        "mean difference between the fits of `vi` in percentage points of probability, and nats a "
        "judgment by which one of them would predict worse than all.",
        "",
        "| what | folds | accuracy (ties 1/k) | log-loss (nats) | own accuracy | own log-loss | "
        "distance | dimensions | R-hat | apart | cost of one | fit (s) | predict (s) |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
        *("| " + " | ".join(each) + " |" for each in rows),
        "",
    ]


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folds", type=int, default=FOLDS, help="of the ten, how many to run")
    parser.add_argument("--people", action="store_true", help="weights by person instead")
    asked = parser.parse_args()
    if not THINGS.is_dir():
        sys.exit(f"no real data at {THINGS} (set TWOALIKE_SHARED_DATA)")
    WORK.mkdir(parents=True, exist_ok=True)
    words = ("import", "choices", THINGS / "triplets_by_participant.txt")
    words += ("--objects", THINGS / "object_ids.txt", "--participant-column", 4)
    imported = command(*words, "--overwrite", "--out", WORK / "choices.parquet")
    choices = read_judgments(WORK / "choices.parquet")
    if asked.people:
        lines, name = of_people(choices, asked.folds), "things_people.md"
    else:
        lines, name = of_arms(choices, asked.folds, imported), "things.md"
    print("\n".join(lines))
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / name).write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
