"""What terms of the model add on real choices: held-out log-loss without and with each.

    python -P benchmarks/terms.py [--data clips things] [--people known new]
        [--settings none position ...] [--first 1]

Clips: 19,293 choices of the odd one of three clips by 172 people, items in the order on the screen,
with response times (../shared/data/videos). THINGS: 127,304 by 264 people, whose file lists the odd
one last and has neither the order on the screen nor response times, so that only biases of objects
can be tried there (../shared/data/things).

``known``: a fifth of the choices is held out, in folds, and predicted for the people of the fit.
``new``: all choices of a fifth of the people. Every fit is `vi` with ``quick``, two fits of 1,000
steps; ``weights`` are of the dimensions by person. What a term needs of a choice held out (how fast
it was for its person, what they answered before) is taken from the whole table. Differences are to
the same fit without terms, with standard errors over people. Finished fits are in derived/terms/.
The table goes to benchmarks/results/terms.md, with the folds that are finished.
"""

import argparse
import json
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from twoalike.choice import Change, log_loss
from twoalike.embedding import FitConfig, Posterior, Term, fit_embedding
from twoalike.embedding._choices import Choices
from twoalike.embedding._compare import mean_and_error
from twoalike.embedding._terms import Position
from twoalike.judgments import choices_table, participant_index

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "terms"
RESULT = ROOT / "benchmarks" / "results" / "terms.md"
SHARED = ROOT.parent / "shared" / "data"
WEIGHTS, DISTANCE = "weights", "distance"
FORMS: dict[str, Any] = {WEIGHTS: {"people": "weights"}, DISTANCE: {"similarity": "distance"}}
"""Settings beside terms, with which fits are compared with terms and without."""
ALL = "position, temperature ~ response_time, memory"
BOTH = "position, temperature ~ response_time, lapse ~ response_time, memory"
OBJECTS, ONE_POSITION = "__main__:OBJECT_BIAS", "__main__:COMMON"
LABELS = {OBJECTS: "bias of each object", ONE_POSITION: "position, the same for everybody"}
SETTINGS = {
    "clips": (
        "none",
        "position",
        "temperature ~ response_time",
        ALL,
        BOTH,
        ONE_POSITION,
        WEIGHTS,
        f"{WEIGHTS}, {ALL}",
        DISTANCE,
        f"{DISTANCE}, {ALL}",
        "lapse ~ response_time",
        "temperature ~ trial",
        "memory",
        OBJECTS,
    ),
    "things": ("none", OBJECTS),
}
STEPS, FITS = 1000, 2
"""Of `vi`: half of what a fit has by default, with and without terms."""
FOLDS = 5


@dataclass(frozen=True)
class Objects(Term):
    """A bias of each object to be called the odd one."""

    axis = "scores"
    stored: ClassVar = {"object_spread": "", "object_bias": "object"}

    def array(self, of: Any, table: pd.DataFrame) -> Any:
        """Object of each score."""
        return of.shown[:, of.question.anchored :].astype(np.int32)

    def add(self) -> dict[str, Any]:
        """Add biases that sum to zero."""
        import pymc as pm

        spread = pm.HalfNormal("object_spread", 0.5)
        bias = spread * pm.ZeroSumNormal("object_offset", 1.0, dims="object")
        return {"object_bias": pm.Deterministic("object_bias", bias, dims="object")}

    def change(self, values: Any, array: Any, judge: Any, question: Any) -> Change:
        """Add the bias of each object to its score."""
        return Change(offsets=values["object_bias"][array])


@dataclass(frozen=True)
class CommonPosition(Position):
    """The same bias of each place for all people."""

    stored: ClassVar = {"position_mean": "place"}

    def add(self) -> dict[str, Any]:
        """Add the mean alone."""
        import pymc as pm

        mean = pm.Normal("position_location", 0.0, 0.5, dims="place") @ self._centring
        return {"position_mean": pm.Deterministic("position_mean", mean, dims="place")}

    def change(self, values: Any, array: Any, judge: Any, question: Any) -> Change:
        """Add the bias of each place."""
        return Change(offsets=values["position_mean"][array])


OBJECT_BIAS, COMMON = Objects(), CommonPosition()


def clips() -> pd.DataFrame:
    """Choices of clips, without trials that repeat a clip or answer another."""
    rows = pd.read_csv(SHARED / "videos" / "trials.tsv", sep="\t", dtype={"participant": str})
    items = [f"item_{k}" for k in (1, 2, 3)]
    chosen = (rows[items].to_numpy() == rows["odd"].to_numpy()[:, None]).argmax(axis=1) + 1
    good = (rows[items].nunique(axis=1) == 3) & (rows[items].eq(rows["odd"], axis=0).any(axis=1))
    columns: dict[str, Any] = {name: rows[name][good].to_numpy() for name in items}
    columns |= {name: rows[name][good].to_numpy() for name in ("participant", "response_time")}
    columns |= {"trial": rows["trial"][good].to_numpy() + 1, "set": rows["set"][good].to_numpy()}
    return choices_table(columns | {"chosen": chosen[good]}, None)


def things() -> pd.DataFrame:
    """Choices of THINGS; the odd one is the third."""
    rows = np.loadtxt(SHARED / "things" / "triplets_by_participant.txt", dtype=int)
    ids = (SHARED / "things" / "object_ids.txt").read_text(encoding="utf-8").split()
    columns: dict[str, Any] = {f"item_{k + 1}": rows[:, k] for k in range(3)}
    people = [f"p{judge:03d}" for judge in rows[:, 3]]
    return choices_table(columns | {"chosen": np.full(len(rows), 3), "participant": people}, ids)


@cache
def table_of(data: str) -> pd.DataFrame:
    """Read the choices once."""
    return {"clips": clips, "things": things}[data]()


def fold_of(data: str, people: str) -> np.ndarray:
    """Fold of each choice: of all at random, or of its person."""
    table, rng = table_of(data), np.random.default_rng(0)
    judge, names = participant_index(table)
    if people == "known":
        return rng.permutation(len(table)) % FOLDS
    return (rng.permutation(len(names)) % FOLDS)[judge]


def losses(posterior: Posterior, table: pd.DataFrame, held: np.ndarray) -> np.ndarray:
    """Log-loss of the choices held out, in the order of the table."""
    choices = Choices.from_table(table, posterior.ids).with_terms(table, posterior.terms)
    found = np.full(len(table), np.nan)
    known = pd.Index(posterior.participants).get_indexer(pd.Index(choices.people))
    for group in choices.groups:
        some = group.take(held[group.rows])
        more: dict[str, Any] = {"participants": known[some.judge], "told": some.told}
        p = posterior.answers(some.shown, some.question, lapse=True, **more)
        found[some.rows] = log_loss(p, some.answer)
    return found[held]


def form_of(setting: str) -> list[str]:
    """Name what a setting has beside terms."""
    return [one for one in setting.split(", ") if one in FORMS]


def kept(data: str, people: str, setting: str, fold: int) -> Path:
    """File of a finished fit."""
    name = "".join(one if one.isalnum() else "_" for one in setting)
    return WORK / f"{data}-{people}-{name}-{fold}.json"


def run(data: str, people: str, setting: str, fold: int) -> dict[str, Any]:
    """Fit without a fold, unless it was done, and score it."""
    path = kept(data, people, setting, fold)
    if not path.exists():
        table, held = table_of(data), fold_of(data, people) == fold
        terms = [one for one in setting.split(", ") if one not in ("none", *FORMS)]
        more = {name: value for one in form_of(setting) for name, value in FORMS[one].items()}
        settings: Any = {"engine": "vi", "quick": True, "steps": STEPS, "chains": FITS}
        config = FitConfig(terms=terms, **settings, **more)
        start = time.process_time()
        posterior = fit_embedding(table[~held], config=config)
        found = losses(posterior, table, held)
        drawn = posterior.tree["posterior"].dataset
        means = {
            name: np.asarray(drawn[name].mean(("chain", "draw")))
            for term in posterior.terms
            for name in term.stored
            if "participant" not in drawn[name].dims
        }
        few = [(name, of.astype(float)) for name, of in means.items() if of.size < 20]
        values = {name: of.round(3).tolist() for name, of in few}
        WORK.mkdir(parents=True, exist_ok=True)
        record = {"losses": found.round(5).tolist(), "seconds": time.process_time() - start}
        path.write_text(json.dumps(record | {"values": values}), encoding="utf-8")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def line(data: str, people: str, setting: str, folds: range) -> str:
    """Row of the table, of the folds whose fits with and without terms are finished."""
    judge, _ = participant_index(table_of(data))
    of, with_it, without, who, n, seconds = fold_of(data, people), [], [], [], 0, 0.0
    base = ", ".join(form_of(setting)) or "none"
    base = "none" if base == setting else base
    values: dict[str, Any] = {}
    for fold in folds:
        paths = [kept(data, people, one, fold) for one in (setting, base)]
        if all(path.exists() for path in paths):
            one, other = (run(data, people, what, fold) for what in (setting, base))
            with_it += one["losses"]
            without += other["losses"]
            who.append(judge[of == fold])
            n, seconds, values = n + 1, seconds + one["seconds"], one["values"]
    if not n:
        return ""
    gain = mean_and_error(np.array(without) - np.array(with_it), np.concatenate(who))
    said = "" if setting in ("none",) else f"{gain['value']:.4f} ± {gain['standard_error']:.4f}"
    found = "; ".join(f"{name} {np.round(value, 3)}" for name, value in values.items())
    cells = (
        data,
        people,
        LABELS.get(setting, setting),
        n,
        f"{np.mean(with_it):.4f}",
        said,
        f"{seconds / n:.0f}",
        found,
    )
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Run what is asked for, and write the table of all that is finished."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="*", default=list(SETTINGS), choices=SETTINGS)
    parser.add_argument("--people", nargs="*", default=["known", "new"])
    parser.add_argument("--settings", nargs="*")
    parser.add_argument("--first", type=int, default=FOLDS, help="only the first so many folds")
    asked = parser.parse_args()
    for fold in range(asked.first):
        for data in asked.data:
            for people in asked.people:
                for setting in asked.settings or SETTINGS[data]:
                    run(data, people, setting, fold)
                    print(line(data, people, setting, range(FOLDS)), flush=True)
    rows = (
        line(data, people, setting, range(FOLDS))
        for data, settings in SETTINGS.items()
        if kept(data, "known", "none", 0).exists()
        for people in ("known", "new")
        for setting in settings
    )
    head = (
        "| data | people | terms | folds | log-loss | gain | processor s | means of the last fold |"
    )
    rule = "|---|---|---|---|---|---|---|---|"
    title = (
        "# Terms of the model on real choices\n\n`python -P benchmarks/terms.py` (fits and folds: "
        "see there; in parts, on a busy machine).\n"
    )
    RESULT.write_text("\n".join([title, head, rule, *filter(None, rows), ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
