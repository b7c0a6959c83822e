"""Adaptive against random trials: of triplets in a large setting, of all tasks in a small one.

    python -P benchmarks/adaptive.py [--seeds 5] [--processes 2]
    python -P benchmarks/adaptive.py --tasks [anchored-choice ...] [--seeds 3]

Without tasks: triplets needed for the same held-out log-loss.

One simulated observer judges 50 objects (lapse .02, temperature 1). Both arms start with the same
200 random triplets; the random arm goes on with random ones, the adaptive arm with blocks of 100
of which a fifth is random, chosen from the posterior of all answers so far. Each triplet has one
answer, drawn beforehand, which both arms get. Both are fitted by the same settings, and scored by
the log-loss expected on 8,000 triplets under the observer's true probabilities: no noise from
test answers. All answers are fitted, the random share too: the test triplets are others.

With tasks: how much is known after the same number of trials. One such observer judges 24 objects.
Both arms begin with the same 80 random trials, which show objects evenly; the adaptive arm goes on
with blocks of 40, a fifth of them random, each chosen from the posterior of all answers so far. A
trial has one answer, drawn beforehand, which both arms get. Ratings are on seven points. r is the
correlation, over all pairs of objects, of the posterior's mean similarity with the true one (dot
products); accuracy is how often the observer's answer to all triplets would be the one that the
posterior holds likeliest, whatever the task.

Finished runs are kept in derived/adaptive/ and not run again; the tables go to
benchmarks/results/adaptive.md and adaptive_tasks.md.
"""

import argparse
import json
import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.choice import Question, entropy
from twoalike.design import AnswerDraws, TrialForm, adaptive_trials
from twoalike.embedding import FitConfig, Posterior, fit_embedding
from twoalike.judgments import choices_table, ratings_table
from twoalike.observers import SimulatedObserver, SimulatedRater, hierarchical_embedding
from twoalike.planning import answer_draws
from twoalike.planning._adaptive import typical_draws, typical_rater
from twoalike.stimuli import StimulusSet

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "adaptive"
RESULTS = ROOT / "benchmarks" / "results" / "adaptive.md"
WORLDS = ("sparse", "categories")
OBJECTS, START, BLOCK, TEST = 50, 200, 100, 8_000
ADAPTIVE_STOP, RANDOM_AT = 1_000, (200, 400, 600, 800, 1_000, 1_200, 1_400)
SHARE = 0.2
QUESTIONS: dict[str, Question | None] = {
    "odd-one-out": Question("odd_one_out", 3),
    "anchored-choice": Question("anchored", 3),
    "odd-one-of-many": Question("odd_one_out", 5),
    "most-alike-pair": Question("most_alike", 4),
    "pair-rating": None,
}
FEW, FIRST, NEXT, LAST, POINTS = 24, 80, 40, 240, 7
AT = (80, 160, 240)
FIT = FitConfig(quick=True, engine="nuts", tune=200, draws=100, chains=2)


def observer(world: str, rng: np.random.Generator, objects: int = OBJECTS) -> SimulatedObserver:
    """Draw an observer: six sparse dimensions, or three kinds of two sub-kinds each."""
    ids = tuple(f"object-{index:02d}" for index in range(objects))
    if world == "sparse":
        there = rng.random((objects, 6)) < 0.35
        large, small = rng.gamma(2.0, 0.6, there.shape), rng.exponential(0.03, there.shape)
        return SimulatedObserver(ids, 1.15 * np.where(there, large, small), lapse=0.02)
    rows = [
        (name, f"{name}.png", "0" * 64, f"kind-{i * 3 // objects}", f"sub-kind-{i * 6 // objects}")
        for i, name in enumerate(ids)
    ]
    columns = ["id", "file", "sha256", "kind", "sub-kind"]
    stimuli = StimulusSet(Path("nowhere"), pd.DataFrame(rows, columns=columns, dtype=str))
    return SimulatedObserver(ids, hierarchical_embedding(stimuli, rng, jitter=0.3), lapse=0.02)


class Arm:
    """Trials judged so far, the fit to them, and how well it predicts."""

    def __init__(self, judge: SimulatedObserver, answers: np.ndarray, seed: int) -> None:
        self.judge, self.answers, self.seed = judge, answers, seed
        self.losses: dict[int, float] = {}
        self.fit_s: list[float] = []

    def fit(self, triplets: np.ndarray, test: np.ndarray) -> Posterior:
        """Fit the answers to these triplets, and score on test triplets."""
        columns = {f"item_{k + 1}": triplets[:, k] for k in range(3)}
        columns["chosen"] = self.answers[tuple(triplets.T)] + 1
        choices = choices_table(columns, self.judge.ids)
        start = time.monotonic()
        posterior = fit_embedding(choices, config=FIT.model_copy(update={"seed": self.seed}))
        self.fit_s.append(time.monotonic() - start)
        truth = self.judge.choice_probabilities(test)
        predicted = posterior.choice_probabilities(test, lapse=True)
        excess = -(truth * np.log(predicted)).sum(axis=1) - entropy(truth)
        self.losses[len(triplets)] = float(excess.mean())
        return posterior


def run(world: str, seed: int) -> dict[str, Any]:
    """Run both arms of one simulated observer."""
    path = WORK / f"{world}-{seed}.json"
    if path.exists():
        return dict(json.loads(path.read_text(encoding="utf-8")))
    rng = np.random.default_rng([WORLDS.index(world), seed])
    judge = observer(world, rng)
    everything = rng.permutation(np.array(list(combinations(range(OBJECTS), 3))))
    answers = np.full((OBJECTS,) * 3, -1)
    cumulative = judge.choice_probabilities(everything).cumsum(axis=1)
    drawn = (rng.random((len(everything), 1)) * cumulative[:, -1:] > cumulative).sum(axis=1)
    answers[tuple(everything.T)] = drawn
    test, order = everything[:TEST], everything[TEST:]
    random, adaptive = Arm(judge, answers, seed), Arm(judge, answers, seed)
    for n in RANDOM_AT:
        random.fit(order[:n], test)
    shown, pick_s = order[:START], []
    while True:
        posterior = adaptive.fit(shown, test)
        if len(shown) >= ADAPTIVE_STOP:
            break
        start = time.monotonic()
        block = adaptive_trials(
            posterior.choice_draws, OBJECTS, BLOCK, rng=rng, random_share=SHARE, shown=shown
        )
        pick_s.append(time.monotonic() - start)
        shown = np.concatenate([shown, block.trials])
    result = {
        "world": world,
        "seed": seed,
        "random": random.losses,
        "adaptive": adaptive.losses,
        "fit_s": random.fit_s + adaptive.fit_s,
        "pick_s": pick_s,
        "exposure": np.bincount(shown.ravel(), minlength=OBJECTS).tolist(),
    }
    WORK.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result), encoding="utf-8")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def trials_needed(losses: dict[str, float], target: float) -> float:
    """Trials at which a curve first falls to a target, straight between its points; or NaN."""
    trials, values = np.array(list(map(int, losses))), np.array(list(losses.values()))
    below = np.flatnonzero(values <= target)
    if not len(below):
        return float("nan")
    at = below[0]
    if at == 0:
        return float(trials[0])
    share = (values[at - 1] - target) / (values[at - 1] - values[at])
    return float(trials[at - 1] + share * (trials[at] - trials[at - 1]))


def mean_se(values: Any, form: str) -> str:
    """Mean and its standard error over seeds."""
    array = np.array(values)
    error = array.std(ddof=1) / np.sqrt(len(array)) if len(array) > 1 else float("nan")
    return f"{array.mean():{form}} ± {error:{form}}"


def share_lines(runs: list[dict[str, Any]]) -> list[str]:
    """Trials the adaptive arm needs for what the random arm reaches, one line a target."""
    lines = [
        "| world | random trials | its excess log-loss | adaptive trials for the same | share |",
        "|---|---|---|---|---|",
    ]
    for world in WORLDS:
        mine = [run for run in runs if run["world"] == world]
        for n in RANDOM_AT[2:]:
            targets = [run["random"][str(n)] for run in mine]
            needed = [
                trials_needed(run["adaptive"], target)
                for run, target in zip(mine, targets, strict=True)
            ]
            cells = [world, str(n), mean_se(targets, ".4f")]
            late = int(np.isnan(needed).sum())
            bounded = np.where(np.isnan(needed), ADAPTIVE_STOP, needed)
            sign = f"at least ({late} of {len(mine)} not there by {ADAPTIVE_STOP}) " if late else ""
            cells += [sign + mean_se(bounded, ".0f"), sign[:9] + mean_se(bounded / n, ".0%")]
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def curve_lines(runs: list[dict[str, Any]]) -> list[str]:
    """Excess log-loss at equal numbers of trials, one line a number."""
    lines = ["| world | trials | random | adaptive | difference |", "|---|---|---|---|---|"]
    for world in WORLDS:
        mine = [run for run in runs if run["world"] == world]
        for n in [n for n in RANDOM_AT if n <= ADAPTIVE_STOP]:
            random, adaptive = (
                np.array([run[arm][str(n)] for run in mine]) for arm in ("random", "adaptive")
            )
            cells = (mean_se(v, ".4f") for v in (random, adaptive, adaptive - random))
            lines.append(f"| {world} | {n} | " + " | ".join(cells) + " |")
    return lines


def report(runs: list[dict[str, Any]], seeds: int) -> str:
    """Lay out the document."""
    fit_s = np.concatenate([run["fit_s"] for run in runs])
    pick_s = np.concatenate([run["pick_s"] for run in runs])
    uses = np.array([run["exposure"] for run in runs]) * OBJECTS / (3 * ADAPTIVE_STOP)
    packages = ", ".join(f"{name} {version(name)}" for name in ("twoalike", "pymc", "nutpie"))
    settings = ", ".join(f"{k} {v}" for k, v in FIT.model_dump(exclude_defaults=True).items())
    return "\n".join(
        [
            "# Adaptive and random triplets",
            "",
            f"`python -P benchmarks/adaptive.py --seeds {seeds}` ({packages}, Python "
            f"{platform.python_version()}, {os.cpu_count()} cores). {OBJECTS} objects, one "
            f"simulated observer per seed (lapse .02), {seeds} seeds per world, mean ± standard "
            f"error over seeds. Both arms begin with the same {START} random triplets, followed by "
            f"blocks of {BLOCK}, of which {SHARE:.0%} are random in the adaptive arm. Fit between "
            f"blocks: {settings}. Excess log-loss: nats above the observer's own entropy, in "
            "expectation "
            f"on {TEST:,} triplets that neither arm uses. Answers to the random share are fitted "
            "too: a study that holds them out for testing needs as many more trials in either arm.",
            "",
            "## Trials needed for the same log-loss",
            "",
            "The first 200 trials, which are the same in both arms, are included; the curve is "
            "interpolated linearly between fits.",
            "",
            *share_lines(runs),
            "",
            "## Log-loss at the same number of trials",
            "",
            *curve_lines(runs),
            "",
            f"Exposure after {ADAPTIVE_STOP} trials, relative to the average object: least "
            f"{uses.min():.2f}, most {uses.max():.2f}. One fit took {np.median(fit_s):.1f} s "
            f"(median; longest {fit_s.max():.1f} s), choosing a block {np.median(pick_s):.1f} s, "
            "on cores shared with other work.",
            "",
        ]
    )


class Judge:
    """An observer whose answer to a trial is the same whenever it is asked."""

    def __init__(self, observer: SimulatedObserver, question: Question | None, seed: int) -> None:
        self.observer, self.question, self.seed = observer, question, seed
        x = np.asarray(observer.embedding, dtype=np.float64)
        lapse = np.array([observer.lapse])
        draws = {"embedding": x[None], "lapse": lapse}
        self._p: AnswerDraws | None = None if question is None else answer_draws(draws, question)

    def answers(self, trials: np.ndarray) -> np.ndarray:
        """Answer trials, shape (n, k): places among the answers, or points from 1."""
        rngs = [np.random.default_rng([self.seed, *row]) for row in trials.tolist()]
        if self._p is not None:
            cumulative = self._p(trials)[0].cumsum(axis=1)
            drawn = np.array([rng.random() for rng in rngs])[:, None] * cumulative[:, -1:]
            return np.asarray((drawn > cumulative).sum(axis=1))
        rater, ids = SimulatedRater(self.observer), self.observer.ids
        places = [
            rater.rate((ids[a], ids[b]), rng)[0]
            for (a, b), rng in zip(trials.tolist(), rngs, strict=True)
        ]
        return np.minimum(1 + (np.array(places) * POINTS).astype(int), POINTS)

    def fit(self, trials: np.ndarray, path: Path) -> Posterior:
        """Fit the answers to these trials, and save the posterior."""
        config = FIT.model_copy(update={"seed": self.seed})
        answers, ids = self.answers(trials), self.observer.ids
        if self.question is None:
            columns = {"item_a": trials[:, 0], "item_b": trials[:, 1], "rating": answers}
            table = ratings_table({**columns, "scale_points": np.full(len(trials), POINTS)}, ids)
            posterior = fit_embedding(ratings=table, config=config)
        else:
            named = self.question.answers[answers] + 1
            columns = {f"item_{k + 1}": trials[:, k] for k in range(trials.shape[1])}
            columns |= {"kind": np.full(len(trials), self.question.kind), "chosen": named[:, 0]}
            if named.shape[1] > 1:
                columns["second"] = named[:, 1]
            posterior = fit_embedding(choices_table(columns, ids), config=config)
        posterior.save(path)
        return posterior

    def scores(self, posterior: Posterior) -> dict[str, float]:
        """Correlation with the true similarities, and accuracy over all triplets."""
        x, pairs = self.observer.embedding, np.triu_indices(FEW, 1)
        where = np.array([posterior.ids.index(name) for name in self.observer.ids])
        found = posterior.similarity()[np.ix_(where, where)]
        triplets = np.array(list(combinations(range(FEW), 3)))
        predicted = posterior.choice_probabilities(where[triplets]).argmax(axis=1)
        truth = self.observer.choice_probabilities(triplets)
        return {
            "r": float(np.corrcoef((x @ x.T)[pairs], found[pairs])[0, 1]),
            "accuracy": float(truth[np.arange(len(truth)), predicted].mean()),
            "highest": float(truth.max(axis=1).mean()),
        }


def first_trials(form: TrialForm, rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw random trials, one after the other of the objects that were shown least."""
    used: set[tuple[int, ...]] = set()
    shown, rows = np.zeros(FEW, dtype=int), []
    for _ in range(n):
        options = form.draw(FEW, min(20, form.count(FEW) - len(used)), set(used), rng)
        row = options[np.argmin(shown[options].sum(axis=1))]
        used.add(tuple(row.tolist()))
        shown[row] += 1
        rows.append(row)
    return np.array(rows)


def run_task(task: str, world: str, seed: int) -> dict[str, Any]:
    """Run both arms of one simulated observer."""
    path = WORK / f"task-{task}-{world}-{seed}.json"
    if path.exists():
        return dict(json.loads(path.read_text(encoding="utf-8")))
    WORK.mkdir(parents=True, exist_ok=True)
    question, file = QUESTIONS[task], path.with_suffix(".nc")
    rng = np.random.default_rng([WORLDS.index(world), seed])
    judge = Judge(observer(world, rng, FEW), question, seed)
    form = TrialForm.of(question)
    order = first_trials(form, rng, AT[-1])
    random = {n: judge.scores(judge.fit(order[:n], file)) for n in AT}
    adaptive, seconds = {FIRST: random[FIRST]}, []
    shown = order[:FIRST]
    posterior = judge.fit(shown, file)
    while len(shown) < LAST:
        began = time.monotonic()
        draws = typical_draws(posterior, judge.observer.ids, file)
        rater = typical_rater(posterior, POINTS, file) if question is None else {}
        answers = answer_draws({**draws, **rater}, question, posterior.kernel.rows)
        block = adaptive_trials(answers, FEW, NEXT, rng=rng, form=form, shown=shown)
        seconds.append(time.monotonic() - began)
        shown = np.concatenate([shown, block.trials])
        posterior = judge.fit(shown, file)
        adaptive[len(shown)] = judge.scores(posterior)
    result = {"task": task, "world": world, "random": random, "adaptive": adaptive}
    path.write_text(json.dumps({**result, "pick_s": seconds}), encoding="utf-8")
    file.unlink()
    return dict(json.loads(path.read_text(encoding="utf-8")))


def task_line(task: str, world: str, n: int, runs: list[dict[str, Any]]) -> str:
    """Row of the table: random, adaptive and their difference after n trials."""
    cells = [f"`{task}`", world, str(n)]
    for score in ("r", "accuracy"):
        random, adaptive = (
            np.array([run[arm][str(n)][score] for run in runs]) for arm in ("random", "adaptive")
        )
        cells += [f"{random.mean():.3f}", f"{adaptive.mean():.3f}"]
        cells.append(mean_se(adaptive - random, "+.3f").replace("± +", "± "))
    return f"| {' | '.join(cells)} |"


def report_tasks(found: dict[tuple[str, str], list[dict[str, Any]]], seeds: int) -> str:
    """Lay out the document of tasks."""
    tasks = " ".join(dict.fromkeys(task for task, _ in found))
    heads = "task | world | trials | r, random | r, adaptive | difference"
    heads += " | accuracy, random | accuracy, adaptive | difference"
    everything = [run for runs in found.values() for run in runs]
    highest = np.mean([run["random"][str(LAST)]["highest"] for run in everything])
    picked = np.concatenate([run["pick_s"] for run in everything])
    return "\n".join(
        [
            "# Adaptive and random trials, by task",
            "",
            f"`python -P benchmarks/adaptive.py --tasks {tasks} --seeds {seeds}` (twoalike "
            f"{version('twoalike')}, PyMC {version('pymc')}, Python {platform.python_version()}, "
            f"{os.cpu_count()} cores). What the columns hold: see the script. Means over {seeds} "
            "observers; of differences, which are within observers, with their standard error. The "
            f"observers' own best answers have an accuracy of {highest:.3f}. Choosing {NEXT} "
            f"trials took {np.median(picked):.1f} s (median; longest {picked.max():.1f} s), on "
            "cores shared with other work.",
            "",
            f"| {heads} |",
            f"|{'---|' * 9}",
            *(
                task_line(task, world, n, runs)
                for (task, world), runs in found.items()
                for n in AT[1:]
            ),
            "",
        ]
    )


def main() -> None:
    """Run what is not there yet and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--tasks", nargs="*", choices=list(QUESTIONS))
    arguments = parser.parse_args()
    if arguments.tasks is not None:
        found = {
            (task, world): [run_task(task, world, seed) for seed in range(arguments.seeds)]
            for task in arguments.tasks or QUESTIONS
            for world in WORLDS
        }
        text = report_tasks(found, arguments.seeds)
        RESULTS.with_name("adaptive_tasks.md").write_text(text, encoding="utf-8")
        print(text)
        return
    jobs = [(world, seed) for seed in range(arguments.seeds) for world in WORLDS]
    with ProcessPoolExecutor(arguments.processes) as pool:
        runs = list(pool.map(run, *zip(*jobs, strict=True)))
    text = report(runs, arguments.seeds)
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
