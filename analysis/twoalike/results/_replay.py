"""How many answers a design would have saved: designs run against recorded answers."""

import hashlib
import json
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from twoalike.embedding import FitConfig
from twoalike.evaluation import Interval
from twoalike.features import FeatureTable, read_features
from twoalike.judgments import (
    JudgmentKind,
    JudgmentTable,
    collect_judgments,
    list_sources,
    read_judgments,
    read_sources,
)
from twoalike.recovery import Design, Recorded, Replayed, ReplayPrior, answers_needed, named
from twoalike.results._frame import Judged, Row, Rows
from twoalike.results._model import Saved, TableView
from twoalike.results._views import cell
from twoalike.study import Study, TwoalikeError, check_output, one_of

FULL = "random"
"""The design and prior that others are compared with."""


class Replay(Saved):
    """Held-out log-loss of designs by number of answers, as :func:`replay` measures it.

    A design and its prior, such as ``adaptive, features``, are the level of a figure, the number of
    answers its ``n``.
    """

    command: ClassVar[str] = "replay"

    kind: Literal["replay"] = "replay"
    """What the file is."""

    def curve(self, arm: str) -> list[Row]:
        """Log-loss of a design after each number of answers, with its interval over seeds."""
        return [row for row in self.rows if (row.measure, row.level) == ("replay.log_loss", arm)]

    @property
    def arms(self) -> list[str]:
        """Designs with their priors."""
        return self.levels("replay.log_loss")

    def tables(self) -> list[TableView]:
        """Tables of what each design needed, and of log-loss by number of answers."""
        full = self.curve(FULL)[-1]
        heads = ["answers needed", "share", "log-loss at the end"]
        needed, curves = {}, {}
        for arm in self.arms:
            rows = self.curve(arm)
            curves[arm] = {f"{row.n:,}": cell(row, ".4f") for row in rows}
            answers, share = (self.at(f"replay.{name}", level=arm) for name in ("answers", "share"))
            why = self.missing.get(f"replay.share: {arm}", "")
            ends = cell(rows[-1], ".4f") if rows[-1].n == full.n else ""
            needed[arm] = [cell(answers, ",.0f") or why, cell(share, ".0%"), ends]
        title = f"Answers for the log-loss of {full.n:,} at random, {full.value:.4f}"
        frame = pd.DataFrame.from_dict(needed, orient="index", columns=heads, dtype=object)
        by_number = pd.DataFrame.from_dict(curves, orient="index", dtype=object).fillna("")
        n = self.config["seeds"]
        seeds = f"{n} seeds, 95 % intervals over them" if n > 1 else "one seed, no intervals"
        return [
            TableView(title, frame, "replay", seeds),
            TableView("Held-out log-loss by number of answers", by_number, "replay", seeds),
        ]


def replay(
    study: Study | str | Path | None = None,
    /,
    *,
    choices: JudgmentTable | None = None,
    ratings: JudgmentTable | None = None,
    features: FeatureTable | str | Path | None = None,
    sources: JudgmentTable | Sequence[JudgmentTable] | None = None,
    designs: Sequence[Design] = ("random", "adaptive"),
    priors: Sequence[ReplayPrior] = ("none", "features", "sources", "shuffled"),
    answers: int | None = None,
    batches: int = 10,
    held_out: float = 0.2,
    whole: bool = False,
    seeds: int = 3,
    steps: int = 1000,
    similarity: Literal["dot", "distance"] = "dot",
    seed: int = 0,
    out: str | Path | None = None,
    announce: Callable[[str], object] | None = None,
) -> Replay:
    """Run designs against recorded answers, to see how many would have been enough.

    Each design is given the recorded answers batch by batch, and fitted to what it has after each.
    What is compared is the log-loss of answers that no design ever sees. The full design is random,
    without features, and has all answers. Finished fits are kept beside the results, so that the
    same call goes on.

    Parameters
    ----------
    study
        The study, or its folder, whose recorded answers are taken; or give a table.
    choices
        Choices of one kind (.parquet): triplets, anchored ones, or larger sets.
    ratings
        Ratings of pairs on one scale of points (.parquet), predicted for a typical rater.
    features
        Features of every object (.npz), for the priors that know them; of a study those of
        ``[adaptive]`` if left out.
    sources
        Tables of choices by networks, language models or other studies, likewise.
    designs
        ``random``: the next of an order drawn at random. ``adaptive``: a fifth of them so, the
        others those expected to tell most, by the last fit.
    priors
        ``none``; ``features``: the prior mean is a learnt map of the features; ``sources``: the
        answers of the sources are fitted as well; ``shuffled``: features of other objects, to see
        what a wrong prior costs. Those for which nothing is given are left out.
    answers
        Answers of the full design; all that are not held out if left out.
    batches
        Batches, and so fits, in which they are revealed.
    held_out
        Share of the judgments that is predicted.
    whole
        Follow every design to the end, not only until it predicts as well as the full one.
    seeds
        How often everything is repeated, with other judgments held out.
    steps
        Steps of each fit (``vi``, quick, two chains).
    similarity
        ``dot``: dot product of non-negative coordinates; ``distance``: the closer, the more alike.
    seed
        The first seed; the others follow it.
    out
        Results to write (.json); for a study derived/replay.json if left out.
    announce
        Receives a line for each finished fit.
    """
    for name, given, values in (("designs", designs, Design), ("priors", priors, ReplayPrior)):
        for asked in given:
            one_of(name, asked, get_args(values.__value__))
    if study is not None:
        study = study if isinstance(study, Study) else Study.load(study)
        features = study.known.get("features") if features is None else features
        sources = study.known.get("sources") if sources is None else sources
    kind, table, inputs, out = _recorded(study, choices, ratings, out)
    known = _known(features, sources, inputs)
    check_output(out)
    recorded = Recorded.of(table, kind)
    pool = len(recorded.table) - round(held_out * len(recorded.table))
    number = pool if answers is None else answers
    if not (0 < held_out < 1 and 2 <= batches <= number <= pool and seeds > 0):
        raise TwoalikeError(
            where="replay",
            expected=f"held_out between 0 and 1, seeds, 2 batches or more, at most {pool} answers",
            found=f"{held_out:g}, {seeds}, {batches} and {number}",
        )
    config: dict[str, Any] = {"answers": number, "batches": batches, "held_out": held_out}
    config |= {"steps": steps, "similarity": similarity}
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    digest.update(pd.util.hash_pandas_object(recorded.table, index=False).to_numpy().tobytes())
    if "features" in known:
        digest.update(np.ascontiguousarray(known["features"].select(recorded.ids)).tobytes())
    if "sources" in known:
        digest.update(pd.util.hash_pandas_object(known["sources"], index=False).to_numpy())
    run = Replayed(
        recorded=recorded,
        known=known,
        sizes=tuple(np.linspace(0, number, batches + 1).round().astype(int).tolist()[1:]),
        held_out=held_out,
        whole=whole,
        fit=FitConfig(quick=True, engine="vi", steps=steps, chains=2, similarity=similarity),
        folder=out.parent / "replay" / digest.hexdigest()[:12],
        announce=announce or (lambda line: None),
    )
    run.folder.mkdir(parents=True, exist_ok=True)
    there = [prior for prior in priors if prior == "none" or prior in known]
    arms = {named(*arm): arm for arm in [("random", "none"), *product(designs, there)]}
    curves: dict[str, list[dict[int, float]]] = {arm: [] for arm in arms}
    for one in range(seed, seed + seeds):
        target = -np.inf
        for arm, (design, prior) in arms.items():
            curves[arm].append(run.run(design, prior, one, target))
            target = curves[FULL][-1][number]
    rows = Rows({})
    people = len(recorded.table["participant"].unique())
    rows.judged[kind] = Judged(kind=kind, judgments=len(recorded.table), participants=people)
    for arm, each in curves.items():
        _add(rows, arm, each, [of[number] for of in curves[FULL]])
    about = {**config, "whole": whole, "seeds": seeds}
    return Replay.made(rows, (), seed=seed, inputs=inputs, config=about, out=out)


def _recorded(
    study: Study | None,
    choices: JudgmentTable | None,
    ratings: JudgmentTable | None,
    out: str | Path | None,
) -> tuple[JudgmentKind, pd.DataFrame, dict[str, Path], Path]:
    """Kind and table of the recorded answers, its file, and where results go."""
    given: dict[Any, Any] = {"choices": choices, "ratings": ratings}
    tables = {kind: table for kind, table in given.items() if table is not None}
    if study is not None and not tables:
        tables = dict(collect_judgments(study))
        out = study.derived / "replay.json" if out is None else out
    if len(tables) != 1 or out is None:
        raise TwoalikeError(
            where="replay",
            expected="a study of one kind of judgments, or one table, and `out=...` with a table",
            found=", ".join(tables) or "none",
        )
    ((kind, source),) = tables.items()
    inputs = {kind: Path(source)} if isinstance(source, str | Path) else {}
    return kind, read_judgments(source, kind), inputs, Path(out)


def _known(
    features: FeatureTable | str | Path | None,
    sources: JudgmentTable | Sequence[JudgmentTable] | None,
    inputs: dict[str, Path],
) -> dict[str, Any]:
    """Give what each prior knows that can be run; files are added to ``inputs``."""
    models: dict[str, Any] = {"features": features, **list_sources(sources)}
    inputs |= {name: Path(of) for name, of in models.items() if isinstance(of, str | Path)}
    known: dict[str, Any] = {}
    if (read := models.pop("features")) is not None:
        read = read if isinstance(read, FeatureTable) else read_features(Path(read))
        known = {"features": read, "shuffled": read}
    if models:
        known["sources"] = read_sources(models.values())
    return known


def _add(rows: Rows, arm: str, curves: Sequence[dict[int, float]], targets: list[float]) -> None:
    """Add the curve of a design, where all seeds have one, and what it needed of the full one."""
    for n in sorted(set.intersection(*map(set, curves))):
        rows.add("replay.log_loss", over_seeds([of[n] for of in curves]), level=arm, n=n)
    full = max(rows.rows, key=lambda row: row.n or 0).n or 0
    ends = [of[full] - target for of, target in zip(curves, targets, strict=True) if full in of]
    needed = [answers_needed(of, target) for of, target in zip(curves, targets, strict=True)]
    late = int(np.isnan(needed).sum())
    if len(ends) == len(curves):
        rows.add("replay.difference", over_seeds(ends), level=arm, n=full)
    if late:
        rows.missing[f"replay.share: {arm}"] = f"not reached by {late} of {len(curves)} seeds"
        return
    rows.add("replay.answers", over_seeds(needed), level=arm, n=len(needed))
    rows.add("replay.share", over_seeds([one / full for one in needed]), level=arm, n=len(needed))


def over_seeds(values: Sequence[float]) -> Interval | float:
    """Mean, and Student's 95 % interval of it where there are several."""
    n, mean = len(values), float(np.mean(values))
    if n == 1:
        return mean
    half = float(stdtrit(n - 1, 0.975) * np.std(values, ddof=1) / np.sqrt(n))
    return Interval(mean, mean - half, mean + half)
