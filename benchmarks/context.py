"""Does a third object change how alike two are? THINGS odd-one-out, with and without context.

    python -P benchmarks/context.py [--folds 5] [--seeds 3]

Needs the shared real data (environment variable TWOALIKE_SHARED_DATA, or ../shared/data beside
the checkout). In the choice model the similarity of i and j is sum_k x_ik x_jk whatever the third
object is. What all three share adds the same to their three similarities and changes no choice, so
context has to change how much a dimension counts: sum_k c_k x_ik x_jk, with weights c_k of the
triplet that depend on a strength g; g = 0 is no context, c = 1. If g > 0, a dimension counts less
the more all three share it, which is Tversky's diagnosticity (1977,
doi:10.1037/0033-295X.84.4.327); if g < 0, it counts more.

    least of three   c_k = exp(-g min(x_ik, x_jk, x_lk))
    geometric mean   c_k = exp(-g (x_ik x_jk x_lk)^(1/3))
    third object     c_k = exp(-g x_lk), where l is the third
    attention        c_k = (variance / mean square of x_ik, x_jk, x_lk)^g
    least of two     c_k = exp(-g min(x_ik, x_jk)): no context, but as curved; what it gains is owed
                     to the form of similarity, not to the third object

Weights are divided by their mean over what they multiply, so that g does not change the scale of
similarity, and with it what the penalty costs.

Embeddings, all by maximum a posteriori with one lapse rate, Adam, batches of 1,024 and a rate that
falls to zero by a cosine, from the same start and with the same batches whatever the context:

    judgments   relu(E), E starting near the spectrum of the judgments, with as many dimensions as
                `fit` would offer; penalty (sum x + .5 sum E^2) / judgments
    CLIP        relu(E + F W + b), 50 dimensions, F 50 components of the CLIP features; penalty
                (.5 sum x + 4 sum E^2 + .15 sum W^2) / judgments
    SPoSE-49    published coordinates, fitted by others to 1.46 million judgments of the same study;
                only the scale of each dimension is fitted, so that there is little to overfit

Penalties suit the fits without context (by hand, on the first fold). g is fixed to a small value of
either sign, or fitted with all else. Each of five folds of triplets is predicted from the other
four. Single: mean log-loss of fits from different seeds. Together: of the mean of their
probabilities. Gains are over the fits without context, paired, with standard errors over people.

Sensitivity: the same triplets, answered anew by SPoSE-49 with "least of three" and a g of 0, .5, 1.

Finished fits are kept in derived/context/ and not run again; the table goes to
benchmarks/results/context.md.
"""

import argparse
import importlib.util
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from twoalike.choice import expected_accuracy
from twoalike.embedding._model import Data, Form
from twoalike.embedding._spectrum import Spectrum
from twoalike.judgments import import_choices, object_index, participant_index

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "context"
RESULTS = ROOT / "benchmarks" / "results" / "context.md"
DIMENSIONS, COMPONENTS = 50, 50
FOLDS, BATCH = 5, 1024
CONTEXTS = ("least of three", "geometric mean", "third object", "attention", "least of two")
SMALL = (-0.3, 0.3)
"""Strengths that are tried; of the five definitions, weights are then typically .8 to 1.2."""
KINDS = {
    "judgments": (1.0, 0.5, 0.004, 15),
    "CLIP": (0.5, 4.0, 0.004, 15),
    "SPoSE-49": (0.0, 0.0, 0.02, 5),
}
"""Embeddings: penalties of size and of E, rate, passes over the judgments."""
TRUE = (0.0, 0.5, 1.0)
ENOUGH = 0.002
"""Nats a judgment that context has to gain to be worth its cost, and two standard errors."""

type Array = np.ndarray[Any, Any]
type Tensor = torch.Tensor


def weigh(context: str, x: Tensor, g: Tensor) -> Tensor:
    """Weights of the dimensions for coordinates of triplets (n, 3, d): (n, 3 pairs or 1, d)."""
    first, second, third = x.unbind(1)
    if context == "least of three":
        return torch.exp(-g * x.amin(1, keepdim=True))
    if context == "geometric mean":
        return torch.exp(-g * (x.prod(1, keepdim=True) + 1e-6) ** (1 / 3))
    if context == "third object":
        return torch.exp(-g * torch.stack([third, second, first], dim=1))
    if context == "attention":
        variance = x.var(1, correction=0, keepdim=True)
        return ((variance + 1e-3) / (x.square().mean(1, keepdim=True) + 1e-3)) ** g
    if context == "least of two":
        pairs = ((first, second), (first, third), (second, third))
        return torch.exp(-g * torch.stack([torch.minimum(*pair) for pair in pairs], dim=1))
    return torch.ones(())


def weighted(context: str, x: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    """Similarities of the pairs of triplets (n, 3, d), (n, 3) in PAIRS order; the mean weight."""
    first, second, third = x.unbind(1)
    products = torch.stack([first * second, first * third, second * third], dim=1)
    found = (weigh(context, x, g) * products).sum(2)
    return found, found.sum() / products.sum()


class Fit:
    """One fit of a kind of embedding: ``e`` (m, d) is its start, or SPoSE-49."""

    def __init__(self, kind: str, context: str, g: float | None, e: Tensor, seed: int) -> None:
        self.kind, self.context, self.e = kind, context, e.clone()
        self.rng = torch.Generator().manual_seed(seed)
        d = e.shape[1]
        self.w = 0.1 * torch.randn((COMPONENTS, d), generator=self.rng)
        self.b = torch.full((d,), 0.2) if kind == "CLIP" else torch.zeros(d)
        self.lapse, self.mean_weight = torch.tensor(-3.0), torch.ones(())
        # By the first order "third object" changes nothing: from zero it would not move.
        self.g = torch.tensor(0.1 if g is None else g)
        own = {"judgments": [self.e], "CLIP": [self.e, self.w, self.b], "SPoSE-49": [self.b]}
        self.parameters = [*own[kind], self.lapse, *([self.g] if g is None else [])]
        for each in self.parameters:
            each.requires_grad_()

    def x(self, features: Tensor) -> Tensor:
        """Coordinates."""
        if self.kind == "SPoSE-49":
            return self.e * self.b.exp()
        return (self.e + (features @ self.w + self.b if self.kind == "CLIP" else 0.0)).relu()

    def log_answers(self, pairs: Tensor) -> Tensor:
        """Log-probability of each pair, from similarities (n, 3)."""
        guess = torch.sigmoid(self.lapse)
        return torch.log((1 - guess) * pairs.softmax(1) + guess / 3)

    def train(self, kept: Array, features: Tensor) -> "Fit":
        """Fit judgments (n, 3), whose last object is the odd one."""
        items = torch.as_tensor(kept).long()
        l1, l2, rate, passes = KINDS[self.kind]
        steps = passes * len(items) // BATCH
        optimiser = torch.optim.Adam(self.parameters, lr=rate)
        fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for _ in range(steps):
            rows = torch.randint(len(items), (BATCH,), generator=self.rng)
            x = self.x(features)
            pairs, weight = weighted(self.context, x[items[rows]], self.g)
            loss = -self.log_answers(pairs / weight)[:, 0].mean()
            size = l1 * x.sum() + l2 * self.e.square().sum()
            size = size + (0.15 * self.w.square().sum() if self.kind == "CLIP" else 0.0)
            optimiser.zero_grad()
            (loss + size / len(items)).backward()
            optimiser.step()
            fall.step()
        with torch.no_grad():
            x = self.x(features)[items[: 20 * BATCH]]
            _, self.mean_weight = weighted(self.context, x, self.g)
        return self

    @torch.no_grad()
    def predict(self, items: Array, features: Tensor) -> Array:
        """Probability of each pair of triplets (n, 3), in PAIRS order: (n, 3)."""
        x, parts = self.x(features), torch.as_tensor(items).long().split(10_000)
        pairs = torch.cat([weighted(self.context, x[part], self.g)[0] for part in parts])
        p = self.log_answers(pairs / self.mean_weight).exp()
        return np.asarray(p.numpy(), dtype=np.float64)


def sibling(name: str) -> ModuleType:
    """Load another script of this folder."""
    spec = importlib.util.spec_from_file_location(Path(name).stem, ROOT / "benchmarks" / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Judgments:
    """THINGS: items (n, 3) with the odd one last, fold and person of each, features, SPoSE-49."""

    def __init__(self) -> None:
        things = sibling("things.py")
        folder = things.THINGS
        if not folder.is_dir():
            sys.exit(f"no real data at {folder} (set TWOALIKE_SHARED_DATA)")
        objects = (folder / "object_ids.txt").read_text().split()
        choices = import_choices(
            folder / "triplets_by_participant.txt", objects=objects, participant_column=4
        )
        self.items, chosen, self.ids = object_index(choices)
        assert (chosen == 2).all()
        self.fold = things.fold_of(choices, FOLDS)
        self.person, _ = participant_index(choices)
        raw = np.load(folder / "clip_vit_b32_features.npy").astype(np.float64)
        left, _, _ = np.linalg.svd((raw - raw.mean(axis=0)) / raw.std(axis=0), full_matrices=False)
        self.features = torch.as_tensor(left[:, :COMPONENTS] * np.sqrt(len(raw))).float()
        spose = np.load(folder / "spose49_embedding.npy")
        self.spose = torch.as_tensor(spose).float().clamp(min=0.0)
        WORK.mkdir(parents=True, exist_ok=True)

    def start(self, kind: str, items: Array, seed: int) -> Tensor:
        """Where a fit to judgments (n, 3) starts."""
        if kind == "SPoSE-49":
            return self.spose
        if kind == "CLIP":
            rng = torch.Generator().manual_seed(seed)
            return 0.1 * torch.randn((len(self.ids), DIMENSIONS), generator=rng)
        nobody = np.zeros(len(items), dtype=np.int32)
        data = Data(items.astype(np.int32), nobody, nobody.astype(bool), tuple(self.ids), ("all",))
        spectrum = Spectrum.of(data, "dot")
        assert spectrum is not None
        near = spectrum.start(Form(spectrum.dimensions, "softplus"), np.random.default_rng(seed))
        x = np.log1p(np.exp(near["location"] + near["residual"] * near["residual_scale"]))
        return torch.as_tensor(x).float()

    def predicted(
        self, kind: str, context: str, g: float | None, fold: int, seed: int, items: Array | None
    ) -> dict[str, Array]:
        """Predict a fold from the others, unless it was done; ``items`` instead of people's."""
        words = [kind, context, "fitted" if g is None else f"{g:g}", str(fold), str(seed)]
        place = "_".join(words).replace(" ", "-") + ("" if items is None else f"_{hash_of(items)}")
        kept = WORK / f"{place}.npz"
        if not kept.exists():
            shown = self.items if items is None else items
            here = self.fold == fold
            fit = Fit(kind, context, g, self.start(kind, shown[~here], seed), seed)
            fit.train(shown[~here], self.features)
            p = fit.predict(shown[here], self.features).astype(np.float32)
            np.savez(kept, p=p, g=fit.g.detach().numpy())
        with np.load(kept) as told:
            found = dict(told)
        print(place, f"{-np.log(found['p'][:, 0]).mean():.4f} {found['g']:.2f}", flush=True)
        return found


def hash_of(items: Array) -> str:
    """Name of simulated judgments."""
    return f"{int((items * [1, 3, 7]).sum()):x}"


class Arm:
    """Fits of one kind with one context, several seeds each of some folds."""

    def __init__(
        self,
        judgments: Judgments,
        kind: str,
        context: str,
        g: float | None,
        folds: int,
        seeds: int,
        items: Array | None = None,
    ) -> None:
        fits = [
            [judgments.predicted(kind, context, g, fold, seed, items) for seed in range(seeds)]
            for fold in range(folds)
        ]
        stacked = [np.stack([one["p"] for one in fold], axis=1) for fold in fits]
        p = np.concatenate(stacked).astype(np.float64)  # (n, seeds, 3), the pair kept first
        together = p.mean(axis=1)
        self.single, self.together = -np.log(p[..., 0]).mean(axis=1), -np.log(together[:, 0])
        self.hits = expected_accuracy(together, np.zeros(len(p), dtype=int))
        self.g = np.array([float(one["g"]) for fold in fits for one in fold])
        self.people = np.concatenate(
            [judgments.person[judgments.fold == fold] for fold in range(folds)]
        )

    def gain(self, control: "Arm", losses: str) -> tuple[float, float]:
        """By how much losses are lower than those of a control, and its error over people."""
        gap = getattr(control, losses) - getattr(self, losses)
        by_person = np.bincount(self.people, gap - gap.mean())
        return float(gap.mean()), float(np.sqrt((by_person**2).sum()) / len(gap))


def rows(judgments: Judgments, kind: str, folds: int, seeds: int) -> list[str]:
    """Lines of the table for one kind of embedding."""
    control = Arm(judgments, kind, "none", 0.0, folds, seeds)
    scores = [f"{x.mean():.4f}" for x in (control.hits, control.single, control.together)]
    lines = [f"| {kind} | none | | {' | '.join(scores)} | | | |"]
    for context in CONTEXTS:
        for g in (None,) if kind == "SPoSE-49" else (*SMALL, None):
            arm = Arm(judgments, kind, context, g, folds, seeds)
            scores = [f"{x.mean():.4f}" for x in (arm.hits, arm.single, arm.together)]
            for losses in ("single", "together"):
                mean, error = arm.gain(control, losses)
                scores.append(f"{mean:+.5f} ± {error:.5f}")
            scores.append("yes" if mean >= max(ENOUGH, 2 * error) else "no")
            told = f"{g:+.1f}" if g is not None else f"fitted: {arm.g.mean():+.2f}"
            lines.append(f"| {kind} | {context} | {told} | {' | '.join(scores)} |")
    return lines


def simulated(judgments: Judgments, g: float) -> str:
    """Line on answers that a context of known strength gave."""
    truth = Fit("SPoSE-49", "least of three", g, judgments.spose, 0)
    x = judgments.spose[torch.as_tensor(judgments.items[: 20 * BATCH]).long()]
    _, truth.mean_weight = weighted(truth.context, x, truth.g)
    p = truth.predict(judgments.items, judgments.features)
    kept = (p.cumsum(axis=1) < np.random.default_rng(0).random((len(p), 1))).sum(axis=1)
    order = np.array([[0, 1, 2], [0, 2, 1], [1, 2, 0]])[kept.clip(max=2)]
    items = np.take_along_axis(judgments.items, order, axis=1)
    cells = [f"{g:g}"]
    for kind in ("CLIP", "SPoSE-49"):
        control = Arm(judgments, kind, "none", 0.0, 1, 1, items)
        for tried in (0.3, None) if kind == "CLIP" else (None,):
            arm = Arm(judgments, kind, "least of three", tried, 1, 1, items)
            mean, error = arm.gain(control, "single")
            found = f" (g {arm.g[0]:.2f})" if tried is None else ""
            cells.append(f"{mean:+.4f} ± {error:.4f}{found}")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--folds", type=int, default=FOLDS, help="of the five, how many to run")
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    judgments = Judgments()
    found = [line for kind in KINDS for line in rows(judgments, kind, asked.folds, asked.seeds)]
    lines = [
        "# Context: does a third object change the likeness of two?",
        "",
        f"`python -P benchmarks/context.py --folds {asked.folds} --seeds {asked.seeds}` (twoalike "
        f"{version('twoalike')}, torch {version('torch')}, Python {platform.python_version()}). "
        f"THINGS, {asked.folds} of five folds; log-loss in nats, of single fits and of "
        f"{asked.seeds} together. Gains are over the fits without context, ± standard error over "
        f"people; worth it is a gain together of at least {ENOUGH} and two standard errors. "
        "Contexts and embeddings: see the script.",
        "",
        "| embedding | context | g | accuracy | log-loss, single | together | gain, single | gain, "
        "together | worth it |",
        "|---|---|---|---|---|---|---|---|---|",
        *found,
        "",
        'Gain where the same triplets are answered by SPoSE-49 with "least of three" (one fold, '
        "one fit):",
        "",
        "| true g | CLIP, g = .3 | CLIP, g fitted | SPoSE-49, g fitted |",
        "|---|---|---|---|",
        *(simulated(judgments, g) for g in TRUE),
        "",
    ]
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
