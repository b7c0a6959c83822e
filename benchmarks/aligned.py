"""What rocks, photographs and mur92 share: students of an arm, and both sides of their vectors.

Not a benchmark by itself. Scores are by the cosine of a vector as it is, of base and student alike.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from scipy.stats import t as students_t
from sklearn.linear_model import LogisticRegression

from twoalike.backbones import Backbone, extract_features, load_backbone
from twoalike.collections import as_collection
from twoalike.distill import distill
from twoalike.embedding import Posterior
from twoalike.evaluation import prepare
from twoalike.features import FeatureTable, read_features, write_features

BACKBONE = "efficientnet_lite0"
ARMS: dict[str, dict[str, Any]] = {
    "closed form": {"train": "probe"},
    "default": {},
    "crops": {"train": "probe"},
    "control": {"train": "probe"},
    "control by defaults": {},
    "trained": {"mix": 1.0, "select": "last", "preserve": 0.0, "steps": 50},
    "50 steps": {"steps": 50},
    "200 steps": {"steps": 200},
    "no local term": {"preserve": 0.0},
    "more blocks": {"last_blocks": 5},
    "faster": {"rate": 1e-3},
}
"""Settings of each student that differ from the defaults."""
TITLES = {
    "base": "network as it is",
    "centred": "the same, minus the mean of the learning images",
    "closed form": 'closed form (`train = "probe"`)',
    "default": "**aligned, defaults**",
    "crops": "closed form chosen by crops, without classes",
    "control": "control: closed form, objects' names shuffled in the posterior",
    "control by defaults": "control by defaults",
    "trained": "trained whatever it costs (`mix = 1`, `preserve = 0`, last of 50 steps)",
    "50 steps": "50 steps instead of 100 (`steps = 50`)",
    "200 steps": "200 steps instead of 100 (`steps = 200`)",
    "no local term": "without the local term (`preserve = 0`)",
    "more blocks": "five of seven blocks instead of three (`last_blocks = 5`)",
    "faster": "`rate = 1e-3` instead of 3e-4",
}
SEED, DRAWS = 0, 200


def is_control(arm: str) -> bool:
    """Whether the arm's teacher knows no people."""
    return arm.startswith("control")


def shuffled(path: Path) -> Posterior:
    """Posterior whose objects carry each other's names: a teacher that knows no people."""
    known = Posterior.load(path)
    names = np.random.default_rng(SEED).permutation(np.array(known.ids))
    tree = known.tree.copy()
    for node in tree.subtree:
        if "object" in node.coords:
            node.dataset = node.to_dataset().assign_coords(object=names)
    return Posterior(tree)


def student(
    arm: str,
    folder: Path,
    teacher: Path,
    images: Path,
    learnt: Sequence[str],
    classes: Mapping[str, str],
    base: FeatureTable,
    scored: Sequence[str],
    network: Callable[[], str | Backbone] = lambda: BACKBONE,
    **settings: Any,
) -> FeatureTable:
    """Vectors of the images ``scored`` by the student of an arm, unless that was done.

    ``base`` are the network's features of all images. Where no weight was changed, the vectors are
    the student's layer of these; otherwise all is computed by the student.
    """
    out = folder / file_of(arm)
    table = out.with_suffix(".npz")
    if table.is_file():
        return read_features(table)
    if arm == "closed form" and _kept_closed_form(folder):
        shutil.copy(folder / "default.npz", table)
        return read_features(table)
    beside = Path(f"{out}.checkpoints")
    for old in (out, beside):
        shutil.rmtree(old, ignore_errors=True)
    named = None if arm == "crops" else {"class": dict(classes)}
    given = {"only": learnt, "classes": named, "features": base, "seed": SEED}
    start = time.process_time()
    found = distill(teacher, images, network(), out, **given, **ARMS[arm], **settings)
    said = {key: found[key] for key in ("selected_step", "mix", "both_sides", "vector")}
    said |= {"processor": time.process_time() - start}
    shutil.rmtree(beside, ignore_errors=True)
    if found["selected_step"]:
        every, kept = as_collection(images), set(scored)
        rows = [row for row, name in enumerate(every.ids) if name in kept]
        vectors = extract_features(out, every.only(rows))
    else:
        loaded = load_backbone(out)
        with torch.inference_mode():
            x = torch.tensor(np.asarray(base.select(scored)))
            values = loaded.module.get_classifier()(x).numpy()
        vectors = FeatureTable(tuple(scored), values, {"parts": dict(loaded.parts)})
    out.with_suffix(".json").write_text(json.dumps(said), encoding="utf-8")
    write_features(table, vectors)
    return vectors


def _kept_closed_form(folder: Path) -> bool:
    """Whether the student by defaults is the closed form, which need not be made again then."""
    said = folder / "default.json"
    return said.is_file() and json.loads(said.read_text(encoding="utf-8"))["selected_step"] == 0


def file_of(arm: str) -> str:
    """Name of an arm's files."""
    return arm.replace(" ", "-")


def named_parts(name: str, table: FeatureTable) -> dict[str, FeatureTable]:
    """Name the vector and, of a student, its parts."""
    parts = table.meta.get("parts", {})
    parts = parts if len(parts) > 1 else {}
    cut = {
        f"{name}:{part}": FeatureTable(table.ids, table.values[:, start:end], {})
        for part, (start, end) in parts.items()
    }
    return {name: table, **cut}


def spearman(x: np.ndarray, truth: np.ndarray) -> float:
    """Correlation of raw cosines of rows (m, p) with similarities (m, m), over all pairs."""
    rows = prepare(x, "raw-cosine")
    pairs = np.triu_indices(len(rows), 1)
    return float(spearmanr((rows @ rows.T)[pairs], truth[pairs]).statistic)


def ability(x: np.ndarray, labels: Sequence[str], shots: Iterable[int]) -> dict[str, float]:
    """Few-shot classification (nearest mean by raw cosine) and a linear probe, up to five folds."""
    rows, classes = prepare(x, "raw-cosine"), np.unique(labels, return_inverse=True)[1]
    members = [np.flatnonzero(classes == k) for k in range(int(classes.max()) + 1)]
    found = {}
    for number in shots:
        rng, right = np.random.default_rng(SEED), []
        for _ in range(DRAWS):
            orders = [rng.permutation(each) for each in members]
            means = np.stack([rows[order[:number]].mean(axis=0) for order in orders])
            means /= np.linalg.norm(means, axis=1, keepdims=True)
            rest = np.concatenate([order[number:] for order in orders])
            right.append(((rows[rest] @ means.T).argmax(axis=1) == classes[rest]).mean())
        found[f"{number}-shot"] = float(np.mean(right))
    place = np.concatenate([np.arange(len(each)) for each in members])[
        np.argsort(np.concatenate(members))
    ]
    flat = x - x.mean(axis=0)
    axes, sizes, _ = np.linalg.svd(flat.astype(np.float64), full_matrices=False)
    scaled = axes * sizes / flat.std()  # a rotation: the probe is the same, in fewer numbers
    hits = np.zeros(len(x))
    parts = min(5, max(map(len, members)))
    for k in range(parts):
        out = place % parts == k
        probe = LogisticRegression(C=0.1, max_iter=1000).fit(scaled[~out], classes[~out])
        hits[out] = probe.predict(scaled[out]) == classes[out]
    return found | {"probe": float(hits.mean())}


def interval(differences: Sequence[float]) -> tuple[float, float, float]:
    """Mean and ends of its 95 % interval, by Student's t over folds."""
    x = np.asarray(differences, float)
    if len(x) < 2:
        return float(x.mean()), np.nan, np.nan
    half = students_t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x))
    return float(x.mean()), float(x.mean() - half), float(x.mean() + half)


type Scores = Mapping[str, Mapping[str, float]]
"""Measures of each network or part, of one fold."""


def _difference(folds: Sequence[Scores], name: str, other: str, key: str) -> str:
    pairs = [(one[name][key], one[other][key]) for one in folds if name in one and other in one]
    mean, low, high = interval([a - b for a, b in pairs])
    return f"{mean:+.3f}" + ("" if np.isnan(low) else f" [{low:+.3f}, {high:+.3f}]")


def scores_table(folds: Sequence[Scores], keys: Sequence[str], unit: str = "folds") -> list[str]:
    """Give each network or part a row: means over folds, and differences from the base."""
    lines = [f"| vector | {unit} | " + " | ".join(keys) + " |", "|---" * (len(keys) + 2) + "|"]
    names = dict.fromkeys(name for one in folds for name in one)
    order = ["base", "centred", *ARMS]
    for name in sorted(names, key=lambda name: order.index(name.split(":")[0])):
        of = [one for one in folds if name in one]
        title = f"— its {name.split(':')[1]}" if ":" in name else TITLES[name]
        cells = [f"{np.mean([one[name][key] for one in of]):.3f}" for key in keys]
        if name != "base":
            cells = [
                f"{cell} ({_difference(folds, name, 'base', key)})"
                for cell, key in zip(cells, keys, strict=True)
            ]
        lines.append(f"| {title} | {len(of)} | " + " | ".join(cells) + " |")
    return lines


def asked_table(
    folds: Sequence[Scores], asked: Mapping[str, tuple[str, float, bool]], name: str = "default"
) -> list[str]:
    """Compare the vector by defaults with what was asked: words, least gain, interval above 0.

    Without the last, the bound is on the mean difference alone.
    """
    lines = [
        "| measure | base | aligned | difference | asked | reached |",
        "|---|---|---|---|---|---|",
    ]
    for key, (words, least, clear) in asked.items():
        mean, low, _ = interval([one[name][key] - one["base"][key] for one in folds])
        ends = [np.mean([one[who][key] for one in folds]) for who in ("base", name)]
        good = mean >= least and (low > 0 or not clear)
        lines.append(
            f"| {key} | {ends[0]:.3f} | {ends[1]:.3f} | {_difference(folds, name, 'base', key)} | "
            f"{words} | {'yes' if good else '**no**'} |"
        )
    return lines


def training_line(folds: Sequence[Scores], keys: Sequence[str]) -> str:
    """Say what the vector by defaults gains over the closed form."""
    words = []
    for key in keys:
        more = sum(one["default"][key] > one["closed form"][key] for one in folds)
        gain = _difference(folds, "default", "closed form", key)
        words.append(f"{key} {gain}, more in {more} of {len(folds)}")
    return f"Defaults less the closed form: {'; '.join(words)}."


def control_row(folds: Sequence[Scores], key: str) -> str:
    """Row of the control: its gain as a share of that by defaults."""
    having = [one for one in folds if "control" in one]
    gains = [
        np.mean([one[name][key] - one["base"][key] for one in having])
        for name in ("control", "default")
    ]
    share = gains[0] / gains[1]
    return (
        f"| control: {gains[0]:+.3f} | | | {share:.0%} of the gain in {key} | < a third | "
        f"{'yes' if share < 1 / 3 else '**no**'} |"
    )


def how_chosen(folder: Path, arm: str) -> tuple[str, float]:
    """Put into words what distill chose in each fold, and processor seconds of the median one."""
    paths = sorted(folder.glob(f"*/{file_of(arm)}.json"))
    said = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    kept = sum(one["selected_step"] == 0 for one in said)
    forms = ", ".join(
        f"{one['vector']['balance']:g} "
        + ("(not whitened)" if (w := one["vector"]["whitening"]) is None else f"(whitened, {w:g})")
        for one in said
    )
    words = f"balances {forms}; training was not kept in {kept} of {len(said)}"
    return words, float(np.median([one["processor"] for one in said]))


def versions() -> str:
    """Of what the numbers depend on."""
    return (
        f"twoalike {version('twoalike')}, torch {version('torch')}, {os.cpu_count()} cores, no GPU"
    )
