"""Twoalike by default and other methods on the same real judgments.

    python -P benchmarks/peers_real.py [--sets clips rocks] [--fits quick default]

Needs the shared real data (environment variable TWOALIKE_SHARED_DATA, or ../shared/data beside the
checkout). Clips: 19,293 odd-one-out choices of 172 people among 200 clips; rocks: 63,294 ratings of
pairs of 252 rocks, 1 to 9, by 274 people, of whom 60 are drawn. A fifth of the judgments, at
random, is predicted from the rest (for clips, the split of real.py). `fit` has its defaults and
predicts for the person who judged; ``quick`` are two fits of `vi` of 1,000 steps, without a pilot.

Other methods of choices: runners of benchmarks/peers/ (environments as in peers.py; psiz is left
out, since one setting takes minutes), and `MAP`, the most probable embedding under a normal prior,
for dot products of coordinates of any sign and for
distances. Each is fitted to nine tenths of what `fit` sees, in every setting of its grid; on the
tenth left out are chosen the setting and, where a method has no probabilities of three-way
choices, link and factor of the similarities (see peers.py; where it has them, the power of the
probabilities). With these the method is fitted again to all.

Other methods of ratings, cumulative logits in all, each with thresholds that a rater shifts and
stretches, the most probable values by Adam, penalties and dimensions chosen on a tenth: `mean of
each pair`, a value a pair of normal prior; `INDSCAL-like`, minus a distance with weights of the
dimensions by rater.

Log-loss in nats a judgment. Difference: of the method less that of `fit`, on the same judgments,
with its standard error over judgments; above zero `fit` is better. Finished runs are kept in
derived/peers/real/; the table goes to benchmarks/results/peers_real.md.
"""

import argparse
import itertools
import json
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import cdist

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import peers, real  # noqa: E402

from twoalike.choice import log_loss  # noqa: E402
from twoalike.embedding import FitConfig, Posterior, fit_embedding  # noqa: E402
from twoalike.embedding._ratings import Ratings  # noqa: E402
from twoalike.judgments import object_index  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "peers_real.md"
WORK = ROOT / "derived" / "peers" / "real"
HELD, RATERS = 10, 60
ALL_FITS: dict[str, dict[str, Any]] = {
    "quick": {"engine": "vi", "quick": True, "steps": 1000, "chains": 2},
    "default": {},
}
FITS = list(ALL_FITS)

type Array = np.ndarray[Any, np.dtype[np.float64]]


SIZES = (4, 10)
METHODS: dict[str, tuple[Any, list[tuple[int, tuple[str, ...]]]]] = {
    "VICE-like": (
        peers.Method("_variational.py"),
        [(20, (json.dumps({"dimensions": 20, "slab": slab}),)) for slab in (0.5, 1.0)],
    ),
    **{
        f"cblearn {name}": (
            peers.Method("_cblearn.py", (name,), "cblearn"),
            [(d, ()) for d in (*SIZES, *[20] * (name == "CKL"))],
        )
        for name in ("CKL", "TSTE", "SOE")
    },
    **{
        f"MAP, {kind}": (
            peers.Method("_map.py", (kind,)),
            [(d, (str(p),)) for d, p in itertools.product((14,), (0.3, 1.0, 3.0, 10.0))],
        )
        for kind in ("dot", "distance")
    },
}
"""Runner, and grid of dimensions with further arguments."""


@dataclass(frozen=True)
class Split:
    """Choices to fit and to predict: (n, 3) objects and (n,) the odd one's place."""

    shown: np.ndarray
    chosen: np.ndarray
    test: np.ndarray
    answer: np.ndarray
    objects: int

    def run(self, path: Path, method: Any, d: int, arguments: tuple[str, ...]) -> dict[str, Array]:
        """Run a method, unless it was run; it predicts ``test``."""
        if not path.exists():
            judgments, part = path.with_suffix(".told.npz"), path.with_suffix(".part.npz")
            path.parent.mkdir(parents=True, exist_ok=True)
            known = dict(shown=self.shown, chosen=self.chosen, test=self.test)
            np.savez(judgments, **known, objects=self.objects, dimensions=d, seed=0)
            known_arguments = (*method.arguments, *arguments)
            full = peers.Method(method.runner, known_arguments, method.package)
            reason = peers.start(full, judgments, part)
            judgments.unlink()
            if reason:
                raise RuntimeError(f"{path.stem}: {reason}")
            part.rename(path)
        with np.load(path) as found:
            return dict(found)


def links(answer: dict[str, Array]) -> dict[str, Array]:
    """Similarities of a method that has no probabilities, each of unit spread."""
    x = answer["embedding"].astype(np.float64)
    centred, squared = x - x.mean(axis=0), cdist(x, x, "sqeuclidean")
    found = {
        "dot": centred @ centred.T,
        "-d^2": -squared,
        "-d": -np.sqrt(squared),
        "-log(1 + d^2)": -np.log1p(squared),
    }
    upper = np.triu_indices(len(x), 1)
    return {name: one / one[upper].std() for name, one in found.items()}


def logits(answer: dict[str, Array], test: np.ndarray, link: str) -> Array:
    """Log-odds of the three answers to ``test``, up to a factor, (n, 3)."""
    if link == "own" and "probabilities" in answer:
        return np.asarray(np.log(np.maximum(answer["probabilities"].astype(np.float64), 1e-12)))
    s = answer["similarity"] if link == "own" else links(answer)[link]
    return np.stack([s[test[:, i], test[:, j]] for i, j in ((1, 2), (0, 2), (0, 1))], axis=1)


def losses(scores: Array, factor: float, answer: np.ndarray) -> Array:
    """Log-loss of each answer."""
    scaled = factor * scores
    return np.asarray(np.logaddexp.reduce(scaled, axis=1) - scaled[np.arange(len(answer)), answer])


def calibrated(answer: dict[str, Array], split: Split) -> tuple[float, str, float]:
    """Least log-loss of what a method has not seen, with the link and the factor for it."""
    best = []
    for link in ["own"] if "embedding" not in answer else links(answer):
        scores = logits(answer, split.test, link)
        found = minimize_scalar(
            lambda b, scores=scores: losses(scores, np.exp(b), split.answer).mean(),
            bounds=(-4.0, 4.0),
            method="bounded",
        )
        best.append((float(found.fun), link, float(np.exp(found.x))))
    return min(best)


def other_of_choices(name: str, split: Split, folder: Path) -> tuple[Array, dict[str, Any]]:
    """Losses of a method on ``split.test``, and what was chosen."""
    method, grid = METHODS[name]
    if method.package and (reason := peers.environment(method.package)):
        raise RuntimeError(reason)
    slug = name.replace(",", "").replace(" ", "-")
    inner = np.arange(len(split.shown)) % HELD == 0
    part = Split(
        split.shown[~inner],
        split.chosen[~inner],
        split.shown[inner],
        split.chosen[inner],
        split.objects,
    )
    tried = []
    for number, (d, arguments) in enumerate(grid):
        answer = part.run(folder / f"{slug}-{number}.npz", method, d, arguments)
        tried.append((*calibrated(answer, part), number))
    _, link, factor, number = min(tried)
    d, arguments = grid[number]
    answer = split.run(folder / f"{slug}-all.npz", method, d, arguments)
    found = losses(logits(answer, split.test, link), factor, split.answer)
    said = {"dimensions": d, "setting": " ".join((link, *arguments)), "factor": factor}
    return found, said | {"seconds": float(answer["seconds"])}


def ours(name: str, **tables: Any) -> Iterator[tuple[str, Posterior, dict[str, Any]]]:
    """Fits of a set that were asked for, unless they were done, and what the table says of them."""
    for which in FITS:
        path = WORK / name / f"{which}.nc"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            start = time.process_time()
            posterior = fit_embedding(**tables, config=FitConfig(**ALL_FITS[which]))
            seconds = time.process_time() - start
            path.with_suffix(".txt").write_text(f"{seconds:.0f}", encoding="utf-8")
            posterior.save(path)
        posterior = Posterior.load(path)
        yield (
            f"twoalike, {which}",
            posterior,
            {
                "dimensions": posterior.embedding.shape[2],
                "setting": f"{posterior.attrs['engine']}, {posterior.attrs['similarity']}",
                "seconds": float(path.with_suffix(".txt").read_text(encoding="utf-8")),
            },
        )


def clips() -> Iterator[tuple[str, Array, dict[str, Any]]]:
    """Losses of every method on the choices."""
    table = real.clips()["choices"]
    out = np.random.default_rng(1).random(len(table)) < real.HELD
    shown, chosen, ids = object_index(table)
    for name, posterior, said in ours("clips", choices=table[~out]):
        people = pd.Index(posterior.participants).get_indexer(pd.Index(table["participant"][out]))
        items = pd.Index(posterior.ids).get_indexer(pd.Index(ids))[shown[out]]
        p = posterior.choice_probabilities(items, lapse=True, participants=people)
        yield name, log_loss(p, chosen[out]), said
    split = Split(shown[~out], chosen[~out], shown[out], chosen[out], len(ids))
    for name in METHODS:
        yield name, *other_of_choices(name, split, WORK / "clips")


@dataclass(frozen=True)
class Rated:
    """Ratings: (n, 2) objects, (n,) levels from 0 and raters."""

    items: torch.Tensor
    level: torch.Tensor
    rater: torch.Tensor
    pair: torch.Tensor

    def take(self, rows: np.ndarray) -> "Rated":
        """Take some of them."""
        some = torch.as_tensor(rows)
        return Rated(self.items[some], self.level[some], self.rater[some], self.pair[some])


STEPS, LEVELS = 300, 9
PENALTIES = (0.3, 1.0, 3.0, 10.0)


def ordinal(s: torch.Tensor, values: dict[str, torch.Tensor], of: Rated) -> torch.Tensor:
    """Log-loss of each rating, whose similarity is s, (n,)."""
    steps = torch.cat([values["first"], values["steps"].exp()]).cumsum(0)
    stretch, shift = values["stretch"].exp()[of.rater], values["shift"][of.rater]
    ends = torch.cat([torch.tensor([-1e4]), steps, torch.tensor([1e4])])
    lower, upper = ((ends[of.level + k] * stretch + shift - s) for k in (0, 1))
    inside = torch.sigmoid(upper) - torch.sigmoid(lower)
    return -inside.clamp_min(1e-7).log()


def other_of_ratings(
    train: Rated, test: Rated, sizes: tuple[int, int, int], d: int, penalty: float
) -> Array:
    """Losses on ``test`` of the most probable model; without dimensions each pair has a value."""
    m, people, pairs = sizes
    rng = torch.Generator().manual_seed(0)
    values = {
        "first": torch.tensor([-3.0]),
        "steps": torch.zeros(LEVELS - 2),
        "stretch": torch.zeros(people),
        "shift": torch.zeros(people),
        "pair": torch.zeros(0 if d else pairs),
        "x": torch.randn((m, max(d, 1)), generator=rng),
        "weights": torch.zeros((people, max(d, 1))),
    }
    for value in values.values():
        value.requires_grad_()
    optimiser = torch.optim.Adam(list(values.values()), lr=0.05)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)

    def similarity(of: Rated) -> torch.Tensor:
        if not d:
            return values["pair"][of.pair]
        apart = values["x"][of.items[:, 0]] - values["x"][of.items[:, 1]]
        return -((apart**2 * values["weights"][of.rater].exp()).sum(dim=1) + 1e-6).sqrt()

    for _ in range(STEPS):
        loss = ordinal(similarity(train), values, train).sum()
        # Raters' shifts and stretches have the spreads that the model has; weights that of .5.
        loss = loss + penalty * ((values["pair"] ** 2).sum() + 0.3 * (values["x"] ** 2).sum())
        loss = loss + 0.5 * (values["shift"] ** 2).sum() / 2.0**2
        loss = loss + 0.5 * (values["stretch"] ** 2).sum() / 0.5**2
        loss = loss + 0.5 * (values["weights"] ** 2).sum() / 0.5**2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        fall.step()
    with torch.no_grad():
        return ordinal(similarity(test), values, test).double().numpy()


def rocks() -> Iterator[tuple[str, Array, dict[str, Any]]]:
    """Losses of every method on the ratings of some people."""
    table = real.SETS["rocks"]()["ratings"]
    people = np.random.default_rng(1).permutation(np.unique(table["participant"]))[:RATERS]
    fitted, left = (
        part["ratings"]
        for part in real.split({"ratings": table[table["participant"].isin(people)]})
    )
    for name, posterior, said in ours("rocks", ratings=fitted):
        held = Ratings.replicated(posterior, left, 0, len(left))
        draws = np.linspace(0, len(posterior.embedding) - 1, 100).round().astype(int)
        each = [held.log_probability(held.under(draw)) for draw in draws]
        yield name, -(np.logaddexp.reduce(each, axis=0) - np.log(len(each))), said
    data = Ratings.from_table(fitted, posterior.ids)
    (group,) = data.groups
    names = {name: row for row, name in enumerate(data.sources)}
    items, low, _, rater = group.arrays
    kept = held.kept
    theirs = np.array([names[name] for name in held.names])[held.who[held.source[kept]]]
    m = len(posterior.ids)

    def rated(items: np.ndarray, low: np.ndarray, rater: np.ndarray) -> Rated:
        pair = items.min(axis=1) * m + items.max(axis=1)
        return Rated(*(torch.as_tensor(part).long() for part in (items, low, rater, pair)))

    whole, test = rated(items, low, rater), rated(held.pairs[kept], held.given[0][kept], theirs)
    inner = np.arange(len(items)) % HELD == 0
    sizes = m, len(data.sources), m * m
    for name, widths in {"mean of each pair": (0,), "INDSCAL-like": (4, 8)}.items():
        tried = [
            (other_of_ratings(whole.take(~inner), whole.take(inner), sizes, d, p).mean(), d, p)
            for d, p in itertools.product(widths, PENALTIES)
        ]
        _, d, p = min(tried)
        start = time.process_time()
        found = other_of_ratings(whole, test, sizes, d, p)
        said = {"dimensions": d or "-", "setting": f"penalty {p}"}
        yield name, found, said | {"seconds": time.process_time() - start}


SETS = {"clips": clips, "rocks": rocks}


def run(name: str) -> dict[str, dict[str, Any]]:
    """Losses of every method on a set, unless they are there."""
    path = WORK / f"{name}.json"
    if not path.exists():
        found = {}
        for method, each, said in SETS[name]():
            print(name, method, round(float(each.mean()), 4), said, flush=True)
            found[method] = {"losses": each.round(5).tolist(), **said}
        WORK.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found), encoding="utf-8")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def lines(name: str) -> Iterator[str]:
    """Lines of the table about one set."""
    found = run(name)
    ours = np.array(found[f"twoalike, {FITS[0]}"]["losses"])
    for method, said in found.items():
        more = np.array(said["losses"]) - ours
        error = more.std() / np.sqrt(len(more))
        cells = (
            f"{name}, {len(ours):,}",
            method,
            f"{said['dimensions']}; {said['setting']}",
            f"{np.mean(said['losses']):.4f}",
            f"{more.mean():+.4f} ± {error:.4f}" if said["losses"] != list(ours) else "",
            f"{said['seconds']:.0f}",
        )
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    """Run what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument(
        "--fits", nargs="+", default=FITS, choices=FITS, help="the first: yardstick"
    )
    options = parser.parse_args()
    sets, FITS[:] = options.sets, options.fits
    torch.set_num_threads(1)
    text = [
        "# Twoalike and other methods on real judgments",
        "",
        f"`python -P benchmarks/peers_real.py --sets {' '.join(sets)} --fits {' '.join(FITS)}` "
        f"(twoalike {version('twoalike')}, PyMC {version('pymc')}, torch {version('torch')}, "
        f"{peers.PACKAGES['cblearn']}, Python {platform.python_version()}; processor "
        "seconds of one fit with the settings chosen, on a busy machine of two cores).",
        "",
        "| held out | method | dimensions; setting | log-loss | less that of `fit` | CPU s |",
        "|---|---|---|---|---|---|",
        *(line for name in sets for line in lines(name)),
        "",
    ]
    RESULTS.write_text("\n".join(text), encoding="utf-8")
    print("\n".join(text))


if __name__ == "__main__":
    main()
