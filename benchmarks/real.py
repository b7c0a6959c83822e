"""Can posteriors of real people be read from by default? Six sets, one fit each, nothing told.

    python -P benchmarks/real.py [--sets clips rocks colours spices mur92 things] [--again things]

Needs the shared real data (environment variable TWOALIKE_SHARED_DATA, or ../shared/data beside the
checkout). A fifth of the judgments, at random (of sortings and RDMs none), is held out, and `fit`
sees the rest with its defaults. Clips and THINGS are odd-one-out choices, rocks and colours ratings
of pairs (of colours 0 to 7 for unlike, turned), spices piles, and mur92 the RDMs of 16 people.
Log-loss is in nats a judgment, of people who are known to the fit, over all levels of a rating;
guessing is that of equal probabilities.

The verdict is that of `check`: predictions are stable if the probabilities of two chains (of `vi`:
of two runs, each an average of fits) differ by at most 2 points and one costs at most .002 nats;
intervals are usable if R-hat of 95 % of choice probabilities and similarities is at most 1.05, with
100 effective draws. Processor seconds are of all (pilot and compilation included), and of the fit
alone, beside what is estimated before it; and all by judgment.

With --again sets are fitted with another seed as well, pilot included, and the two runs compared by
the choice probabilities of 2,000 random triplets and by held-out log-loss: what the verdict
foretells of two runs of `vi`; likewise averages of one half of the fits of a run and of the other.
Finished fits are kept in derived/real/ and not made again; the table goes to
benchmarks/results/real.md, where rows of sets that were not asked for stay. Of colours most ratings
are listed twice, in both orders; they are taken once.
"""

import argparse
import json
import os
import platform
import time
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.embedding import FitConfig, Posterior, fit_embedding
from twoalike.embedding._advice import judged_triplets, predictions
from twoalike.embedding._form import nuts_plan, seconds_each, sizes, vi_minutes
from twoalike.embedding._model import Data
from twoalike.judgments import (
    JudgmentKind,
    choices_table,
    dissimilarities_table,
    import_ratings,
    import_sortings,
    read_rdms,
)
from twoalike.results import score

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("TWOALIKE_SHARED_DATA", ROOT.parent / "shared" / "data"))
WORK = ROOT / "derived" / "real"
RESULTS = ROOT / "benchmarks" / "results" / "real.md"
HELD = 0.2

type Tables = dict[JudgmentKind, pd.DataFrame]


def choices(shown: np.ndarray, odd: np.ndarray, people: list[str]) -> pd.DataFrame:
    """Table of odd-one-out choices among ids, (n, 3), of which the odd one is given, (n,)."""
    ids, index = np.unique(shown, return_inverse=True)
    index = index.reshape(shown.shape)
    columns: dict[str, Any] = {f"item_{k + 1}": index[:, k] for k in range(3)}
    columns |= {"chosen": (shown == odd[:, None]).argmax(axis=1) + 1, "participant": people}
    return choices_table(columns, ids.tolist())


def clips() -> Tables:
    """Triplets of 200 clips; trials that repeat a clip, or answer another item, are left out."""
    table = pd.read_csv(SHARED / "videos" / "trials.tsv", sep="\t", dtype=str)
    shown, odd = table[["item_1", "item_2", "item_3"]].to_numpy(), table["odd"].to_numpy()
    good = np.array([len(set(row)) == 3 for row in shown]) & (shown == odd[:, None]).any(axis=1)
    people = table["participant"][good].tolist()
    return {"choices": choices(shown[good], odd[good], people)}


def things() -> Tables:
    """Triplets of 1,854 objects, in an order that does not tell the answer."""
    rows = np.loadtxt(SHARED / "things" / "triplets_by_participant.txt", dtype=np.int64)
    names = np.array((SHARED / "things" / "object_ids.txt").read_text().split())
    shown = np.random.default_rng(0).permuted(rows[:, :3], axis=1)
    return {"choices": choices(names[shown], names[rows[:, 2]], rows[:, 3].astype(str).tolist())}


def mirrored(table: pd.DataFrame) -> np.ndarray:
    """Tell rows of a pair that the same person has in a row above, in whichever order."""
    pairs = np.sort(table[["item_a", "item_b"]].to_numpy(str), axis=1)
    keys = pd.DataFrame(pairs).assign(participant=table["participant"].to_numpy())
    return keys.duplicated().to_numpy()


def rated(folder: str, scale: dict[str, Any], turn: float | None = None) -> Tables:
    """Ratings of pairs, turned around where they are of unlikeness; those listed twice once."""
    table = pd.read_csv(SHARED / folder / "ratings.tsv", sep="\t", dtype={"participant": str})
    if turn is not None:
        table["rating"] = turn - table["rating"]
        table = table[~mirrored(table)]
    WORK.mkdir(parents=True, exist_ok=True)
    path = WORK / f"{folder}.tsv"
    table.to_csv(path, sep="\t", index=False)
    return {"ratings": import_ratings(path, **scale)}


def spices() -> Tables:
    """Piles of 16 blends of spices."""
    table = pd.read_csv(SHARED / "sortings" / "sortings.tsv", sep="\t", dtype=str)
    table.columns = ["participant", "item", "pile"]
    WORK.mkdir(parents=True, exist_ok=True)
    path = WORK / "spices.tsv"
    table.to_csv(path, sep="\t", index=False)
    return {"sortings": import_sortings(path)}


def mur92() -> Tables:
    """RDMs of 16 people from arrangements of 92 photographs."""
    ids = [f"object-{k:02d}" for k in range(92)]
    values = read_rdms(SHARED / "mur92" / "behavior_rdms.mat", ids).values
    first, second = np.triu_indices(len(ids), 1)
    n = len(first)
    columns = {
        "participant": [f"p{k:02d}" for k in range(len(values)) for _ in range(n)],
        "item_a": np.tile(first, len(values)),
        "item_b": np.tile(second, len(values)),
        "dissimilarity": values[:, first, second].ravel(),
        "kind": ["arrangement"] * (n * len(values)),
    }
    return {"dissimilarities": dissimilarities_table(columns, ids)}


SETS = {
    "clips": clips,
    "rocks": lambda: rated("rocks", {"scale_points": 9, "skip_bad": True}),
    "colours": lambda: rated("colours", {"slider": (0.0, 7.0), "skip_bad": True}, 7.0),
    "spices": spices,
    "mur92": mur92,
    "things": things,
}


def split(tables: Tables) -> tuple[Tables, Tables]:
    """Judgments to fit, and a fifth that is held out of choices and ratings."""
    ((kind, table),) = tables.items()
    if kind in ("dissimilarities", "sortings"):
        return tables, {}
    out = np.random.default_rng(1).random(len(table)) < HELD
    return {kind: table[~out]}, {kind: table[out]}


def run(name: str, seed: int = 0) -> dict[str, Any]:
    """Give what the table says of a set; the fit is made unless it is there."""
    path = WORK / (f"{name}_{seed}.json" if seed else f"{name}.json")
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text())
        return found
    fitted, held = split(SETS[name]())
    marks = [time.process_time()]

    def mark(line: str) -> None:
        marks.append(time.process_time())  # the pilot is over

    config = FitConfig(seed=seed)
    posterior = fit_embedding(**fitted, config=config, announce=mark)  # type: ignore[arg-type]
    end = time.process_time()
    found = described(posterior, held) | {"seconds": end - marks[0], "fit": end - marks[-1]}
    ((kind, table),) = fitted.items()
    found |= {"kind": kind, "judgments": len(table), "told": told(posterior, fitted)}
    WORK.mkdir(parents=True, exist_ok=True)
    posterior.save(path.with_suffix(".nc"))
    path.write_text(json.dumps(found))
    return found


def told(posterior: Posterior, fitted: Tables) -> float:
    """Seconds that all chains, or fits, are estimated to take."""
    config, d = FitConfig(), posterior.attrs["dimensions"]["fitted"]
    data = Data.from_tables(fitted)
    size = sizes(data, config, d)
    if posterior.attrs["engine"] == "vi":
        return 60 * vi_minutes(*size, config)
    chains = posterior.tree["posterior"].sizes["chain"]
    return 60 * chains * nuts_plan(*size, config, seconds_each(data))[1]


def answers(name: str, seed: int = 0) -> np.ndarray:
    """Choice probabilities of random triplets, averaged over the draws of each chain or fit."""
    posterior = Posterior.load(WORK / (f"{name}_{seed}.nc" if seed else f"{name}.nc"))
    x = posterior.tree["posterior"]["embedding"].values
    shown = judged_triplets(x.shape[2], 0, 2000)
    return predictions(x, shown, posterior.attrs["similarity"])[0].mean(axis=1)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference in percentage points."""
    return 100 * float(np.abs(one - other).mean())


def halves(name: str) -> str:
    """Compare the averages of halves of the fits of a run, in a sentence."""
    fits = answers(name)
    k = len(fits)
    two = np.mean([apart(fits[i], fits[j]) for i in range(k) for j in range(i)])
    parts = [sorted({0, *rest}) for rest in combinations(range(1, k), k // 2 - 1)]
    both = [(fits[own].mean(axis=0), np.delete(fits, own, axis=0).mean(axis=0)) for own in parts]
    found = np.mean([apart(one, other) for one, other in both])
    return (
        f"The {k} fits of {name}: two differ by {two:.2f} percentage points on 2,000 random "
        f"triplets, averages of {k // 2} and {k // 2} by {found:.2f} (foretold: over the root of "
        f"{k // 2}, {two / np.sqrt(k // 2):.2f})."
    )


def again(name: str) -> str:
    """Compare two runs of a set, in a sentence."""
    losses = [run(name, seed).get("log_loss", float("nan")) for seed in (0, 1)]
    found = apart(*(answers(name, seed).mean(axis=0) for seed in (0, 1)))
    state = run(name)["convergence"]
    return (
        f"Two runs of {name}, of other seeds: {found:.2f} percentage points apart "
        f"({state.get('runs_apart', state['fits_apart']):.2f} foretold by the first); held-out "
        f"log-loss {losses[0]:.4f} and {losses[1]:.4f}."
    )


def described(posterior: Posterior, held: Tables) -> dict[str, Any]:
    """Form and verdict of a fit, and the log-loss of held-out judgments with that of guesses."""
    attrs = posterior.attrs
    found = {name: attrs[name] for name in ("engine", "similarity", "convergence")}
    found |= {"objects": len(posterior.ids), "dimensions": posterior.embedding.shape[2]}
    for kind, table in held.items():
        scores = score(posterior, **{kind: table}, resamples=200)  # type: ignore[arg-type]
        (title,) = scores.judged
        for what in ("log_loss", "guessing" if kind == "ratings" else "chance.log_loss"):
            row = scores.at(f"{title}.{what}", "posterior") or scores.at(f"{title}.{what}")
            found["log_loss" if what == "log_loss" else "guessing"] = row.value
    return found


def line(name: str, found: dict[str, Any]) -> str:
    """One line of the table."""
    state = found["convergence"]
    loss = f"{found['log_loss']:.4f} ({found['guessing']:.4f})" if "log_loss" in found else "-"
    cells = [
        f"{name}, {found['judgments']:,} {found['kind']} of {found['objects']:,} objects",
        f"{found['engine']}, {found['similarity']}, {found['dimensions']}",
        loss,
        f"{state['fits_apart']:.2f} / {state['fits_cost']:.4f}",
        f"{state['runs_apart']:.2f} / {state['runs_cost']:.4f}" if "runs_apart" in state else "",
        "yes" if state["predictions"] else "**no**",
        f"{state['choice_rhat_95']:.3f} / {state['similarity_rhat_95']:.3f}",
        f"{min(state['choice_ess_05'], state['similarity_ess_05']):.0f}",
        "yes" if state["intervals"] else "**no**",
        f"{found['seconds']:.0f} ({1000 * found['seconds'] / found['judgments']:.1f} ms)",
        f"{found['fit']:.0f} ({found['told']:.0f})",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Fit the sets, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--again", nargs="*", default=[], choices=list(SETS))
    options = parser.parse_args()
    heads = (
        "set",
        "engine, similarity, dimensions",
        "held-out log-loss (guessing)",
        "chains apart, points / nats",
        "runs apart (`vi`)",
        "predictions stable",
        "R-hat, choices / similarities",
        "effective draws, 5 % below",
        "intervals usable",
        "CPU s (a judgment)",
        "of the fit (estimated)",
    )
    kept = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    rows = {name: [one for one in kept if one.startswith(f"| {name},")] for name in SETS}
    rows |= {name: [line(name, run(name))] for name in options.sets}
    compared = [one for one in kept if one.startswith(("Two runs", "The "))]
    if options.again:
        compared = [say(name) for name in options.again for say in (halves, again)]
    names = [name for name, row in rows.items() if row]
    lines = [
        "# Posteriors of real people, by default",
        "",
        f"`python -P benchmarks/real.py --sets {' '.join(names)}"
        f"{' --again things' if compared else ''}` (twoalike {version('twoalike')}, "
        f"PyMC {version('pymc')}, nutpie {version('nutpie')}, Python {platform.python_version()}; "
        "processor seconds on two cores, busy with other work; rows are of runs of single sets).",
        "",
        f"| {' | '.join(heads)} |",
        "|---|" + "---|" * (len(heads) - 1),
        *(row for name in names for row in rows[name]),
        "",
        *compared,
    ]
    RESULTS.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
