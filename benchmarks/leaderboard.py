"""How often a leaderboard tells networks apart that are equally good.

    python -P benchmarks/leaderboard.py [--studies 200]

Networks see one space of four dimensions through independent noise of the same size, so that none
is better than another on new objects. Simulated people with equal temperatures judge random
triplets. A false alarm is a study in which, at the 5 % level, any network differs from the best one
found: without correction, by Holm's for the others, or by the bound of all pairs, which is what
`leaderboard` reports; and any that differs from a network named beforehand (`--against`).

The table goes to benchmarks/results/leaderboard.md.
"""

import argparse
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.special import stdtr

from twoalike.choice import random_triplets
from twoalike.evaluation import TwoWayBootstrap

RESULTS = Path(__file__).resolve().parent / "results" / "leaderboard.md"
WORLDS = ((8, 40, 12, 600), (8, 60, 30, 3000), (40, 40, 12, 600), (40, 60, 30, 3000))
PAIRS = ((1, 2), (0, 2), (0, 1))


def _odd(
    space: np.ndarray, shown: np.ndarray, noise: float, rng: np.random.Generator
) -> np.ndarray:
    alike = np.stack([(space[shown[:, i]] * space[shown[:, j]]).sum(axis=1) for i, j in PAIRS], 1)
    return np.asarray((alike + noise * rng.gumbel(size=alike.shape)).argmax(axis=1))


def alarms(world: tuple[int, int, int, int], seed: int) -> list[bool]:
    """Whether each of the four procedures gives a false alarm in one study."""
    k, m, people, n = world
    rng = np.random.default_rng([seed, *world])
    truth, shown = rng.normal(size=(m, 4)), random_triplets(m, n, rng)
    chosen = _odd(truth, shown, 1.0, rng)
    seen = (truth + 0.8 * rng.normal(size=truth.shape) for _ in range(k))
    hits = np.stack([_odd(space, shown, 0.0, rng) == chosen for space in seen])
    joint = TwoWayBootstrap(rng.integers(people, size=n), shown, rng).joint(hits)
    best = int(np.argmax(joint.values))
    others = np.arange(k) != best
    t = (joint.values[best] - joint.values[others]) / joint.errors[best, others]
    p = np.sort(2 * stdtr(joint.freedom, -t))
    named = joint.compare(against=0).differs.any()
    return [bool(x) for x in (p[0] <= 0.05, p[0] * (k - 1) <= 0.05,
                              joint.compare().differs[best].any(), named)]  # fmt: skip


def row(world: tuple[int, int, int, int], studies: int) -> str:
    """Line of the table."""
    found = np.array([alarms(world, seed) for seed in range(studies)]).mean(axis=0)
    errors = np.sqrt(found * (1 - found) / studies)
    cells = [*map(str, world), *(f"{x:.3f} ± {e:.3f}" for x, e in zip(found, errors, strict=True))]
    line = f"| {' | '.join(cells)} |"
    print(line, flush=True)
    return line


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--studies", type=int, default=200, help="studies a line")
    studies = parser.parse_args().studies
    lines = [
        "# False alarms of leaderboards",
        "",
        f"`python -P benchmarks/leaderboard.py --studies {studies}` (twoalike "
        f"{version('twoalike')}, Python {platform.python_version()}). What the columns hold: see "
        "the script. Shares of studies of equal networks, ± standard error; .05 was asked for.",
        "",
        "| networks | objects | people | choices | uncorrected | Holm, others against the best | "
        "all pairs | named reference |",
        "|---|---|---|---|---|---|---|---|",
        *(row(world, studies) for world in WORLDS),
        "",
    ]
    RESULTS.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
