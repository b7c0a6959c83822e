"""How much of the way to people a distilled network goes, on species without judgments.

    python -P benchmarks/creatures.py [--seeds 3]

Drawn creatures: 3 kingdoms of 3 families of 6 species of 4 individuals, 216 in all; colour, size,
pose and background vary and mislead. A simulated observer sees the hierarchy (`twoalike.observers`,
scaled to be .69 right about random triplets). Eight people judge the 144 creatures of four species
of every family; the 72 creatures of the other two are in no judgment and no training step. Every
seed draws creatures, species, people and judgments anew.

Each person judges 1,500 triplets, 20 % coarse, 30 % middle, 40 % fine and 10 % boundary.

EfficientNet-Lite0 (ImageNet weights) is aligned with the posterior, its species being the classes
by which `distill` judges ability: `closed form` and `40 steps` by the recipe distill_demo;
`100 steps` by the same recipe, but with the default number of steps; and `trained` for likeness
above all: all weights learn, at 128 pixels, and the last of 80 steps is taken. `control` is the
control of `40 steps`: its teacher has no human transform.

Scores are on held-out species, by the cosine of each vector as it is. Likeness is over 20,000
triplets a level, against the observer's own probabilities (no noise of answers): accuracy, ties
split, and `gap closed`, the share of the way from the untouched network to the observer. Levels:
coarse, three families, which ask for kingdoms; middle, three creatures of one kingdom but not of
one family, which ask for families; fine, three of one family, which ask for species; boundary, two
of one family and one of another; within, any three of one kingdom, which is the fine level of a
study whose classes are kingdoms; random, any three.

Ability is few-shot classification of the 18 species by 1 and 3 of their four creatures (nearest
mean, 200 draws), and a linear probe.

Everything runs through the command line. Finished seeds are kept in derived/creatures/; the table
goes to benchmarks/results/creatures.md.
"""

import argparse
import json
import runpy
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from twoalike.choice import log_choice, pair_similarities, random_triplets
from twoalike.demo._run import held_out_species, write_ids
from twoalike.embedding import Posterior
from twoalike.evaluation import similarity_matrix
from twoalike.features import FeatureTable, read_features
from twoalike.judgments import choices_table, write_judgments
from twoalike.observers import SimulatedObserver, draw_population, hierarchical_embedding
from twoalike.stimuli import StimulusSet, draw_creatures
from twoalike.study import provenance
from twoalike.teacher import odd_logits, score_soft

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "creatures"
RESULTS = ROOT / "benchmarks" / "results" / "creatures.md"
RECIPE = ROOT / "modeling" / "recipes" / "distill_demo.toml"
PEOPLE, TEST = 8, 20_000
JUDGED = ("coarse", "middle", "fine", "boundary")
LEVELS = (*JUDGED, "within", "random")
STUDY, TRIALS = {"coarse": 0.2, "middle": 0.3, "fine": 0.4, "boundary": 0.1}, 1500
"""Mix of the judgments of each person, and their number."""
LIKENESS = {
    **{"mix": 1.0, "select": "last", "preserve": 0.0},
    **{"train": "full", "rate": 5e-4, "size": 128, "steps": 80},
}
"""Settings for likeness above all, what else the network could do aside."""
ARMS: dict[str, tuple[str, dict[str, Any]]] = {
    "closed form": ("posterior", {"train": "probe"}),
    "40 steps": ("posterior", {}),
    "100 steps": ("posterior", {"steps": 100}),
    "control": ("control", {}),
    "trained": ("posterior", LIKENESS),
}
"""Teacher, and settings that differ from the recipe's."""
ABILITIES = ("1-shot", "3-shot", "probe")
aligned = SimpleNamespace(**runpy.run_path(str(ROOT / "benchmarks" / "aligned.py")))


def call(*words: Any) -> None:
    """Run one command of twoalike."""
    subprocess.run([sys.executable, "-m", "twoalike.cli.app", *map(str, words)], check=True)


def judge(stimuli: StimulusSet, judged: np.ndarray, space: np.ndarray, seed: int) -> pd.DataFrame:
    """Judgments of all people, on triplets of the creatures that are judged."""
    rng = np.random.default_rng([seed, 3])
    kinds = kinds_of(stimuli)
    temperature, lapse = draw_population(PEOPLE, rng)
    rows, chosen, people = [], [], []
    for person, (t, guess) in enumerate(zip(temperature, lapse, strict=True)):
        observer = SimulatedObserver(stimuli.ids, space, float(t), float(guess))
        parts = [
            level_triplets(kinds, judged, level, round(share * TRIALS), rng)
            for level, share in STUDY.items()
        ]
        shown = rng.permuted(np.concatenate(parts), axis=1)
        chances = observer.choice_probabilities(shown)
        rows.append(shown)
        chosen.append((rng.random((TRIALS, 1)) > chances.cumsum(axis=1)).sum(axis=1).clip(0, 2))
        people += [f"p{person}"] * TRIALS
    shown = np.concatenate(rows)
    names = np.array(stimuli.ids)
    columns: dict[str, Any] = {f"item_{k + 1}": names[shown[:, k]] for k in range(3)}
    columns |= {"chosen": np.concatenate(chosen) + 1, "participant": people}
    return choices_table(columns, names[judged].tolist())


def kinds_of(stimuli: StimulusSet) -> np.ndarray:
    """Kingdom and family of every creature, shape (m, 2)."""
    return stimuli.table[["kingdom", "family"]].to_numpy().astype(str)


def level_triplets(
    kinds: np.ndarray, rows: np.ndarray, level: str, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Random triplets of one level, shape (n, 3); ``kinds`` are kingdoms and families, (m, 2)."""
    if level in ("fine", "within"):
        own = kinds[rows, 1 if level == "fine" else 0]
        members = {name: rows[own == name] for name in np.unique(own)}
        names = rng.choice(list(members), n)
        return np.concatenate([random_triplets(members[name], 1, rng) for name in names])
    if level == "random":
        return random_triplets(rows, n, rng)
    shown = random_triplets(rows, 20 * n, rng)
    kingdoms, families = (
        np.array([len(set(names)) for names in kinds[shown, place].tolist()]) for place in (0, 1)
    )
    wanted = {
        "coarse": families == 3,
        "middle": (kingdoms == 1) & (families > 1),
        "boundary": families == 2,
    }
    return shown[wanted[level]][:n]


def chances_of(similarity: np.ndarray, triplets: np.ndarray) -> np.ndarray:
    """Choice probabilities at temperature 1, shape (n, 3)."""
    return np.exp(np.stack(log_choice(pair_similarities(similarity, triplets)), axis=1))


def run_seed(seed: int) -> dict[str, Any]:
    """One world from its drawings to the scores of its networks."""
    folder = WORK / f"seed{seed}"
    done = folder / "scores.json"
    if done.is_file():
        return dict(json.loads(done.read_text()))
    images = folder / "stimuli"
    if not images.exists():
        draw_creatures(images, seed=seed)
    stimuli = StimulusSet.load(images)
    held_out = held_out_species(stimuli, 1 / 3, np.random.default_rng([seed, 0]))
    is_out = stimuli.table["species"].isin(held_out).to_numpy()
    space = hierarchical_embedding(stimuli, np.random.default_rng([seed, 1]))
    names = np.array(stimuli.ids)
    write_ids(folder / "judged.txt", names[~is_out].tolist())
    if not (folder / "base.npz").exists():
        words = ("--backbone", "efficientnet_lite0", "--images", images)
        call("features", *words, "--out", folder / "base.npz")
    choices = judge(stimuli, np.flatnonzero(~is_out), space, seed)
    write_judgments(folder / "choices.parquet", choices, provenance("choices", seed=seed))
    species = stimuli.table.loc[~is_out, ["id", "species"]]
    species.to_csv(folder / "species.tsv", sep="\t", index=False)
    make_teachers(folder, seed)
    tables = {"base": read_features(folder / "base.npz")}
    middle = tables["base"].select(names[~is_out]).mean(axis=0)
    tables["centred"] = replace(tables["base"], values=tables["base"].values - middle)
    for arm in ARMS:
        tables |= aligned.named_parts(arm, make_student(folder, images, arm, seed))
    scores = score(stimuli, np.flatnonzero(is_out), space, tables, seed)
    scores["posterior"] = posterior_scores(folder, stimuli, space @ space.T, seed)
    done.write_text(json.dumps(scores, indent=1))
    return scores


def make_teachers(folder: Path, seed: int) -> None:
    """Fit a study and make its teachers."""
    choices, posterior = (folder / name for name in ("choices.parquet", "posterior.nc"))
    if not posterior.exists():
        call("fit", "--choices", choices, "--out", posterior, "--seed", seed)
    mapped = ("--features", folder / "base.npz", "--choices", choices, "--untransformed")
    for name, words in {"posterior": (), "control": mapped}.items():
        if not (folder / name).exists():
            call("teach", posterior, *words, "--out", folder / name)


def make_student(folder: Path, images: Path, arm: str, seed: int) -> FeatureTable:
    """Distil one network; its vectors of all creatures."""
    teacher, more = ARMS[arm]
    name = aligned.file_of(arm)
    features = folder / f"{name}.npz"
    if not features.exists():
        settings = tomllib.loads(RECIPE.read_text()) | more | {"seed": seed}
        own = folder / f"{name}.toml"
        own.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
        student = folder / f"student_{name}"
        call(
            *("distill", "--teacher", folder / teacher, "--student", "efficientnet_lite0"),
            *("--images", images, "--only", folder / "judged.txt"),
            *("--features", folder / "base.npz", "--classes", folder / "species.tsv"),
            *("--config", own, "--out", student, "--resume"),
        )
        call("features", "--backbone", student, "--images", images, "--out", features)
    return read_features(features)


def score(
    stimuli: StimulusSet,
    rows: np.ndarray,
    space: np.ndarray,
    tables: dict[str, FeatureTable],
    seed: int,
) -> dict[str, Any]:
    """Accuracy of every vector and of the observer at every level, and abilities."""
    rng = np.random.default_rng([seed, 4])
    kinds, own = kinds_of(stimuli), space @ space.T
    names = [stimuli.ids[row] for row in rows]
    species = stimuli.table["species"].to_numpy()[rows].tolist()
    values = {name: table.select(names) for name, table in tables.items()}
    similarity = {name: similarity_matrix(x, "raw-cosine") for name, x in values.items()}
    accuracy: dict[str, Any] = {}
    place = np.full(len(stimuli.ids), -1)
    place[rows] = np.arange(len(rows))
    for level in LEVELS:
        shown = level_triplets(kinds, rows, level, TEST, rng)
        truth = chances_of(own, shown)
        accuracy[level] = {
            name: score_soft(odd_logits(matrix, place[shown]), truth)["accuracy"]
            for name, matrix in similarity.items()
        } | {"observer": score_soft(np.log(truth), truth)["accuracy"]}
    ability = {name: aligned.ability(x, species, (1, 3)) for name, x in values.items()}
    return {"accuracy": accuracy, "ability": ability}


def posterior_scores(
    folder: Path, stimuli: StimulusSet, own: np.ndarray, seed: int
) -> dict[str, dict[str, float]]:
    """Accuracy of the posterior and of the observer about the creatures that were judged."""
    posterior, rng = Posterior.load(folder / "posterior.nc"), np.random.default_rng([seed, 5])
    rows = np.array([stimuli.ids.index(name) for name in posterior.ids])
    place = np.full(len(stimuli.ids), -1)
    place[rows] = np.arange(len(rows))
    similarity = posterior.similarity()
    scores = {}
    for level in JUDGED:
        shown = level_triplets(kinds_of(stimuli), rows, level, TEST, rng)
        truth = chances_of(own, shown)
        logits = {"posterior": odd_logits(similarity, place[shown]), "observer": np.log(truth)}
        scores[level] = {name: score_soft(x, truth)["accuracy"] for name, x in logits.items()}
    return scores


def gap_closed(accuracy: dict[str, float], arm: str) -> float:
    """Share of the way from the untouched network to the observer."""
    return (accuracy[arm] - accuracy["base"]) / (accuracy["observer"] - accuracy["base"])


def cell(values: list[float], form: str) -> str:
    """Mean and standard error over seeds."""
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    return f"{np.mean(values):{form}} ± {error:{form}}"


def tables(found: list[dict[str, Any]]) -> list[str]:
    """Share of the gap that is closed, accuracy by level, and abilities.

    A student has no parts where its vector is the network's: parts are shown that all worlds have.
    """
    names = [name for name in found[0]["ability"] if all(name in s["ability"] for s in found)]
    whole = [name for name in names if ":" not in name and name != "base"]
    closed = [f"| gap closed | {' | '.join(whole)} |", "|---" * (len(whole) + 1) + "|"]
    for level in LEVELS:
        by_seed = [scores["accuracy"][level] for scores in found]
        cells = [cell([gap_closed(of, arm) for of in by_seed], ".0%") for arm in whole]
        closed.append(f"| {level} | {' | '.join(cells)} |")
    columns = (*LEVELS, *ABILITIES)
    both = [f"| accuracy | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name in (*names, "observer"):
        levels = [cell([s["accuracy"][level][name] for s in found], ".3f") for level in LEVELS]
        able = [
            "" if name == "observer" else cell([s["ability"][name][key] for s in found], ".3f")
            for key in ABILITIES
        ]
        title = name if ":" not in name else f"— its {name.split(':')[1]}"
        both.append(f"| {title} | {' | '.join([*levels, *able])} |")
    return [*closed, "", *both]


def write_table(found: list[dict[str, Any]]) -> None:
    """Write benchmarks/results/creatures.md."""
    judged = []
    for level in JUDGED:
        by_seed = [scores["posterior"][level] for scores in found]
        ours, theirs = (
            cell([scores[name] for scores in by_seed], ".3f") for name in ("posterior", "observer")
        )
        judged.append(f"{level} {ours}, {theirs}")
    lines = [
        "# Species without judgments",
        "",
        f"`python -P benchmarks/creatures.py --seeds {len(found)}` ({aligned.versions()}). Mean ± "
        f"standard error over {len(found)} worlds; worlds, networks and scores: see the script. "
        "All by the cosine of each vector as it is; `centred` is the network minus the mean of the "
        f"judged creatures. Students of {PEOPLE * TRIALS:,} judgments.",
        "",
        *tables(found),
        "",
        "Accuracy of the posterior, their teacher, and of the observer for the judged creatures: "
        f"{'; '.join(judged)}.",
    ]
    RESULTS.write_text("\n".join([*lines, ""]), encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


def main() -> None:
    """Run all seeds and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    found = []
    for seed in range(given.seeds):
        found.append(run_seed(seed))
        write_table(found)


if __name__ == "__main__":
    main()
