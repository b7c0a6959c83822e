"""Engines against what they replace: nutpie against pm.sample, `vi` against a plain torch loop.

    python -P benchmarks/engines.py [--parts samplers steps million]

`nuts`, size S: world and judgments of benchmarks/calibration.py, replicate 0. Both samplers get the
very model of our engine, the same start, warm-up, draws, depth of trajectories and two chains, one
after the other. Effective draws are the median bulk ESS of the choice probabilities of 300 random
triplets, from the embedding alone. The claim is effective draws per processor second, compilation
included; it is also given without: compilation is what trajectories of one step take.

Steps: our compiled loop with all terms of its participants, softplus prior, against a loop after
the equations of VICE in torch (benchmarks/peers/_variational.py: normal q, relu, spike and slab,
cross-entropy of a batch) that knows no participants. At M its similarities come from the matrix,
at L from the rows of the batch. Both run in one process on two threads, in
blocks by turns; the ratio is the median over pairs of blocks. On busy cores it means nothing, since
torch's threads wait for one another: the race is refused there.

A million judgments at L (world of benchmarks/scale.py): held-out log-loss above the truth's, of
`vi` as the command fits it and of the torch loop after as much processor time (on one thread,
where it wastes none; rate .01 to 0 by a cosine over the budget, or .005 throughout; standard
deviations start at .05; predictions average 50 samples).

--budget gives the torch loop other processor seconds than `vi` took, --rate constant the other
rate. Finished parts are kept in derived/engines/ and not run again; the table goes to
benchmarks/results/engines.md.
"""

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "engines"
RESULTS = ROOT / "benchmarks" / "results" / "engines.md"
SIZES = {"M": (200, 8, 50_000, 50, 1_000), "L": (1_854, 50, 1_000_000, 2_000, 10_000)}
"""Objects, dimensions, judgments, people, batch."""
BLOCKS = {"M": (15, 2), "L": (9, 1)}
"""Blocks a side, and chunks of our loop (50 steps each) in a block."""
PARTS = ("samplers", "steps", "million")
BUSY = 1.5
"""Load average above which a race of steps is not run; an earlier part alone makes about 1."""
TARGETS = {"nuts": 3.0, "M": 4.0, "L": 1.7}
START_LOG_SD, SAMPLES = -3.0, 50


def sibling(name: str) -> ModuleType:
    """Load another script of this folder, as a module of its own."""
    spec = importlib.util.spec_from_file_location(Path(name).stem, ROOT / "benchmarks" / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def processor(run: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds of a call, and what it gives."""
    start = time.process_time()
    found = run()
    return time.process_time() - start, found


def sampled(sampler: str) -> dict[str, float]:
    """Effective draws and processor seconds of a sampler at size S."""
    import pymc as pm

    from twoalike.embedding import FitConfig
    from twoalike.embedding._advice import judged_triplets, mixing, predictions
    from twoalike.embedding._form import default_dimensions
    from twoalike.embedding._model import Data, Form
    from twoalike.embedding._nuts import fit_nuts

    data = Data.from_tables({"choices": sibling("calibration.py").World(0).choices()})
    objects = len(data.ids)
    form = Form(default_dimensions(data), "spike-and-slab")
    config = FitConfig(quick=True, engine="nuts", chains=2, draws=300, tune=400)
    start = form.start(objects, np.random.default_rng([config.seed, 0]))

    def ours(config: FitConfig) -> Any:
        return fit_nuts(data, form, config=config)[0]["embedding"]

    def theirs(config: FitConfig) -> Any:
        with form.model(data):
            tree = pm.sample(
                draws=config.draws,
                tune=config.tune,
                chains=config.chains,
                cores=1,
                initvals=start,
                random_seed=config.seed,
                nuts_sampler="pymc",
                nuts={"max_treedepth": config.max_depth},
                progressbar=False,
                compute_convergence_checks=False,
            )
        return tree["posterior"]["embedding"].values

    fit = ours if sampler == "nutpie" else theirs
    short = config.model_copy(update={"draws": 4, "tune": 50, "max_depth": 1})
    compiling, _ = processor(lambda: fit(short))
    seconds, x = processor(lambda: fit(config))
    chances = predictions(x, judged_triplets(objects, config.seed))[0][..., 0]
    rhat, ess = mixing(chances)
    return {
        "ess": float(np.median(ess)),
        "rhat_95": float(np.quantile(rhat, 0.95)),
        "cpu_s": seconds,
        "compiling_s": compiling,
    }


class Torch:
    """The plain loop: variational embedding after the equations of VICE."""

    def __init__(self, shown: Any, kept: Any, size: str, *, rate: float) -> None:
        import torch

        objects, dimensions, _, _, self.batch = SIZES[size]
        self.by_rows = size == "L"
        self.rng = torch.Generator().manual_seed(0)
        self.log_prior = sibling("peers/_variational.py").log_prior
        self.shown, self.kept = torch.as_tensor(shown).long(), torch.as_tensor(kept).long()
        shape = (objects, dimensions)
        spread = float(np.sqrt(2 / objects))
        self.mean = (spread * torch.randn(shape, generator=self.rng)).requires_grad_()
        self.log_sd = torch.full(shape, START_LOG_SD, requires_grad=True)
        self.optimiser = torch.optim.Adam([self.mean, self.log_sd], lr=rate)

    def step(self) -> None:
        """Make one step on a batch of random judgments."""
        import torch

        rows = torch.randint(len(self.shown), (self.batch,), generator=self.rng)
        q = torch.distributions.Normal(self.mean, self.log_sd.exp())
        x = self.mean + q.stddev * torch.randn(self.mean.shape, generator=self.rng)
        pairs = self.similarities(x.relu(), self.shown[rows])
        loss = torch.nn.functional.cross_entropy(pairs, self.kept[rows])
        loss = loss + (q.log_prob(x) - self.log_prior(x)).sum() / len(self.shown)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()

    def similarities(self, embedding: Any, triplets: Any) -> Any:
        """Similarities of the pairs of triplets, shape (n, 3)."""
        import torch

        from twoalike.choice import pair_similarities

        if not self.by_rows:
            return torch.stack(pair_similarities(embedding @ embedding.T, triplets), dim=1)
        a, b, c = (embedding[triplets[:, place]] for place in range(3))
        return torch.stack([(a * b).sum(1), (a * c).sum(1), (b * c).sum(1)], dim=1)

    def chances(self, triplets: Any) -> Any:
        """Probability that each pair of the triplets is kept, the mean over samples, (n, 3)."""
        import torch

        total = torch.zeros(len(triplets), 3)
        with torch.no_grad():
            for _ in range(SAMPLES):
                noise = torch.randn(self.mean.shape, generator=self.rng)
                x = (self.mean + self.log_sd.exp() * noise).relu()
                total += self.similarities(x, triplets).softmax(dim=1) / SAMPLES
        return total


def simulated(size: str) -> Any:
    """Judgments of the world of benchmarks/scale.py in another size."""
    scale = sibling("scale.py")
    scale.OBJECTS, scale.DIMENSIONS, judgments, people, _ = SIZES[size]  # type: ignore[attr-defined]
    return scale.World(judgments, people)


def our_block(world: Any, size: str) -> Callable[[int], None]:
    """Give a function that makes some chunks of steps of `vi`."""
    import jax
    import optax

    from twoalike.embedding import FitConfig
    from twoalike.embedding import _vi as vi
    from twoalike.embedding._model import Data, Form
    from twoalike.embedding._spectrum import starts_near
    from twoalike.embedding._vi import begin, jax_density

    data = Data.from_tables({"choices": world.choices()})
    config = FitConfig(quick=True, engine="vi", batch=SIZES[size][-1])
    plan = vi.plan_steps(config, data.size, len(data.ids))
    form = Form(SIZES[size][1], "softplus")
    starts = starts_near([data], form, [np.random.default_rng(0)])
    jax.config.update("jax_enable_x64", False)  # as fit_vi has it
    density = jax_density(data, form, starts, vi.rows_a_step(data, plan.batch))
    family = vi.Family.of(density)
    optimiser = optax.adam(optax.cosine_decay_schedule(plan.rate, plan.steps))
    many = vi.many_steps(family, data, config, plan, optimiser)
    fit, key = begin(family, density.starts[0], optimiser), jax.random.key(0)
    judged = vi.columns_of(data)

    def block(chunks: int) -> None:
        for _ in range(chunks):
            fit.q, fit.state, value = many(fit.q, fit.state, key, fit.done, judged)
            fit.done += vi.CHUNK
        jax.block_until_ready(value)

    return block


def raced(size: str) -> dict[str, float]:
    """Milliseconds of a step of both loops, in blocks by turns."""
    load = os.getloadavg()[0]
    if load > BUSY:
        raise SystemExit(
            f"expected idle cores for a race of steps, found a load of {load:.1f}. "
            "Run this again when nothing else runs, or leave out --parts steps."
        )
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    import torch

    from twoalike.embedding import _vi as vi

    torch.set_num_threads(2)
    world = simulated(size)
    ours = our_block(world, size)
    loop = Torch(world.shown, 3 - world.chosen, size, rate=0.01)
    blocks, chunks = BLOCKS[size]

    def theirs(chunks: int) -> None:
        for _ in range(chunks * vi.CHUNK):
            loop.step()

    found: dict[str, list[list[float]]] = {"wall": [], "cpu": []}
    ours(1)  # compiles
    for _ in range(blocks):
        pair = []
        for run in (ours, theirs):
            wall = time.perf_counter()
            cpu, _ = processor(lambda run=run: run(chunks))  # type: ignore[misc]
            pair.append((time.perf_counter() - wall, cpu))
        for place, clock in enumerate(found):
            found[clock].append([1000 * each[place] / (chunks * vi.CHUNK) for each in pair])
    result = {}
    for clock, pairs in found.items():
        mine, other = np.array(pairs).T
        result |= {
            f"{clock}_ours_ms": float(np.median(mine)),
            f"{clock}_theirs_ms": float(np.median(other)),
            f"{clock}_ratio": float(np.median(other / mine)),
        }
    return result


def torch_million(rate: str, budget: float) -> dict[str, float]:
    """Held-out log-loss of the plain loop after some processor seconds, and steps made."""
    import torch

    torch.set_num_threads(1)
    world = simulated("L")
    n = len(world.shown)
    # The rows that `vi` holds out: the same generator gives them (see benchmarks/scale.py).
    held = np.random.default_rng([0, 2]).choice(n, size=round(0.02 * n), replace=False)
    fitted = np.ones(n, dtype=bool)
    fitted[held] = False
    kept = 3 - world.chosen
    loop = Torch(world.shown[fitted], kept[fitted], "L", rate=0.005)
    start, spent, steps = time.process_time(), 0.0, 0
    while spent < budget:
        if rate == "cosine":
            loop.optimiser.param_groups[0]["lr"] = 0.005 * (1 + np.cos(np.pi * spent / budget))
        loop.step()
        steps += 1
        spent = time.process_time() - start
    chances = loop.chances(torch.as_tensor(world.shown[held]).long()).numpy()
    p = chances[np.arange(len(held)), kept[held]]
    truth = -world.log_p[held, world.chosen[held] - 1].mean()
    return {
        "log_loss": float(-np.log(p).mean()),
        "truth": float(truth),
        "cpu_s": spent,
        "steps": steps,
    }


def part(name: str) -> dict[str, float]:
    """Run one part by its name."""
    kind, _, what = name.partition("-")
    if kind == "nuts":
        return sampled(what)
    if kind == "steps":
        return raced(what)
    if what == "vi":
        found: dict[str, float] = sibling("scale.py").million()
        return found
    rate, _, budget = what.partition("-")
    return torch_million(rate, float(budget))


def apart(name: str) -> dict[str, float]:
    """Run a part in a process of its own, unless it was done."""
    told = WORK / f"{name}.json"
    if not told.exists():
        full = [sys.executable, "-P", __file__, "--one", name]
        done = subprocess.run(full, check=True, stdout=subprocess.PIPE, text=True)
        told.parent.mkdir(parents=True, exist_ok=True)
        told.write_text(done.stdout.splitlines()[-1])
    found: dict[str, float] = json.loads(told.read_text())
    print(name, found, flush=True)
    return found


def sampler_rows() -> list[str]:
    """Rows of nutpie against pm.sample."""
    both = [apart(f"nuts-{name}") for name in ("nutpie", "pymc")]
    rows = []
    for what, less in (("compilation included", 0.0), ("without compilation", 1.0)):
        spent = [each["cpu_s"] - less * each["compiling_s"] for each in both]
        a, b = (each["ess"] / seconds for each, seconds in zip(both, spent, strict=True))
        said = [
            f"{rate:.2f} ({each['ess']:.0f} in {seconds:.0f} s)"
            for rate, each, seconds in zip((a, b), both, spent, strict=True)
        ]
        target = f"{TARGETS['nuts']:.0f}" if not less else ""
        rows.append(
            f"| S: effective draws per processor second, nutpie / pm.sample, {what} "
            f"| {said[0]} | {said[1]} | {a / b:.1f} | {target} |"
        )
    return rows


def step_rows() -> list[str]:
    """Rows of steps a second."""
    rows = []
    for size in SIZES:
        found = apart(f"steps-{size}")
        for clock, said in (("wall", "wall time"), ("cpu", "processor time")):
            target = f"{TARGETS[size]:g}" if clock == "wall" else ""
            rows.append(
                f"| {size}, {SIZES[size][-1]:,} judgments per step: a step of `vi` / torch, {said} "
                f"| {found[f'{clock}_ours_ms']:.2f} ms | {found[f'{clock}_theirs_ms']:.2f} ms "
                f"| {found[f'{clock}_ratio']:.1f} | {target} |"
            )
    return rows


def million_row(rate: str, budget: float | None) -> str:
    """Row of the million judgments."""
    ours = apart("million-vi")
    theirs = apart(f"million-{rate}-{budget or ours['cpu_s']:.0f}")
    a, b = (each["log_loss"] - each["truth"] for each in (ours, theirs))
    return (
        f"| L, a million judgments: held-out log-loss above the truth's, `vi` / torch ({rate}) "
        f"| {a:.4f} in {ours['cpu_s']:.0f} s | {b:.4f} in {theirs['cpu_s']:.0f} s, "
        f"{theirs['steps']:,.0f} steps | {b / a:.1f} | .025 |"
    )


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--budget", type=float, help="processor seconds; default: what vi took")
    parser.add_argument("--rate", choices=("cosine", "constant"), default="cosine")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(part(options.one)))
        return
    rows = []
    if "samplers" in options.parts:
        rows += sampler_rows()
    if "steps" in options.parts:
        rows += step_rows()
    if "million" in options.parts:
        rows.append(million_row(options.rate, options.budget))
    command = " ".join(["python -P benchmarks/engines.py", *sys.argv[1:]])
    lines = [
        "# Engines",
        "",
        f"`{command}` (twoalike {version('twoalike')}, PyMC "
        f"{version('pymc')}, nutpie {version('nutpie')}, jax {version('jax')}, torch "
        f"{version('torch')}, Python {platform.python_version()}; two cores, shared with other "
        "work; one run).",
        "",
        "| what | ours | theirs | ratio | target |",
        "|---|---|---|---|---|",
        *rows,
        "",
    ]
    text = "\n".join(lines)
    RESULTS.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
