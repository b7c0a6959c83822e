"""The first screen: what was collected, what it says, what to distrust."""

from collections.abc import Iterator, Sequence
from math import log
from typing import Any

import numpy as np
import pandas as pd

from twoalike.choice import OPTIONS
from twoalike.evaluation import triplet_kinds
from twoalike.judgments import ITEMS, object_index
from twoalike.report._blocks import Caution, Fact, percent, say
from twoalike.report._fit import FitCheck, convergence, named_kind
from twoalike.report._inputs import Inputs
from twoalike.report._sessions import people_cautions
from twoalike.results import WHOLE, Results, ability_rows, lost_abilities
from twoalike.study import MISSING

_FEW_PEOPLE = 5
_FEW_JUDGMENTS = 10
_FEW_WITHIN = 20
_MOST_NAMED = 6


def _coverage(choices: pd.DataFrame) -> tuple[int, int, float]:
    """Objects judged, judgments of the least judged one, share of pairs seen together."""
    codes = np.stack([choices[item].cat.codes.to_numpy(np.int64) for item in ITEMS], axis=1)
    counts = np.bincount(codes.ravel())
    m = int((counts > 0).sum())
    pairs = np.sort(np.concatenate([codes[:, [0, 1]], codes[:, [0, 2]], codes[:, [1, 2]]]), axis=1)
    seen = len(np.unique(pairs, axis=0))
    return m, int(counts[counts > 0].min()), seen / (m * (m - 1) / 2)


def _seldom_within(inputs: Inputs) -> list[str]:
    """Levels of which people judged hardly any triplet within one category."""
    stimuli, choices = inputs.stimuli, inputs.choices
    if stimuli is None or choices is None:
        return []
    triplets, _, ids = object_index(choices)
    if not set(ids) <= set(stimuli.ids):
        return []
    table = stimuli.table.set_index("id").loc[list(ids)]
    named = table[list(stimuli.levels)].where(lambda labels: labels != MISSING)
    levels = [name for name in stimuli.levels if named[name].value_counts().max() >= len(ITEMS)]
    return [
        level
        for level in levels
        if (triplet_kinds(table[level].tolist(), triplets) == "within").sum() < _FEW_WITHIN
    ]


def facts(inputs: Inputs, fits: Sequence[FitCheck]) -> Iterator[Fact]:
    """Headline numbers."""
    if inputs.choices is not None:
        m, _, pairs = _coverage(inputs.choices)
        people = inputs.choices["participant"].nunique()
        yield Fact(f"{people}", "participant" if people == 1 else "participants")
        yield Fact(f"{len(inputs.choices):,}", "judgments")
        yield Fact(f"{m}", f"objects, {percent(pairs)} of their pairs seen together")
    if inputs.larger_sets:
        yield Fact(f"{inputs.larger_sets:,}", "judgments of more than three items")
    if inputs.choices is None and inputs.sessions:
        yield Fact(f"{len({of.participant for of in inputs.sessions})}", "participants")
        yield Fact(f"{sum(of.trials for of in inputs.sessions):,}", "trials")
    for fit in fits:
        which = named_kind(fit.kind, "choices", len(fits) > 1)
        chance = percent(1 / OPTIONS[fit.kind])
        label = f"{which} predicted by the embedding (chance {chance})"
        yield Fact(percent(fit.accuracy.value), label)
    results = inputs.results
    best = _best_network(results, results.questions[0]) if results and results.questions else None
    if results and best and (closed := results.at(f"{results.questions[0]}.gap_closed", best)):
        yield Fact(percent(closed.value), f"of the gap to the ceiling closed by {best}")


def _best_network(results: Results, question: str) -> str | None:
    """Return the most accurate network other than the first, by its whole vector."""
    scores = {
        network.name: row.value
        for network in results.networks[1:]
        if (network.role, network.representation) == ("model", WHOLE)
        and (row := results.at(f"{question}.accuracy", network.name))
    }
    return max(scores, key=scores.__getitem__, default=None)


def findings(inputs: Inputs, fits: Sequence[FitCheck]) -> Iterator[str]:
    """Say in sentences what the numbers say."""
    for fit in fits:
        chance = 1 / OPTIONS[fit.kind]
        yield say("findings.fit", fit=fit, chance=chance, guessing=-log(chance))
    if inputs.comparison is not None:
        comparison = inputs.comparison
        for couple in (*comparison.differences, *comparison.correlations)[:_MOST_NAMED]:
            yield say("findings.groups", couple=couple)
    if (results := inputs.results) is None:
        return
    for question in results.questions:
        noun = named_kind(question, "judgments", len(results.questions) > 1)
        yield from _changes(results, question, noun)
    of = {name: results.estimate("rdm.spearman", name) for name in results.names}
    ends = [results.at(f"rdm.ceiling.{end}") for end in ("lower", "upper")]
    if structure := say("findings.structure", of=of, ends=ends if all(ends) else None):
        yield structure
    tasks = ability_rows(results)
    if tasks and len(results.names) > 1 and not lost_abilities(results):
        yield say("findings.abilities", n=len(tasks), first=results.names[0])


def _changes(results: Results, question: str, noun: str) -> Iterator[str]:
    """Compare the best network with the first one, on one kind of choices."""
    best, base = _best_network(results, question), results.names[0]
    difference = results.estimate(f"{question}.difference.accuracy", best) if best else None
    if best is None or difference is None:
        return
    shares = [results.at(f"{question}.accuracy", name) for name in (best, base)]
    named: dict[str, Any] = {"best": best, "base": base, "noun": noun}
    yield say("findings.change", **named, shares=shares, difference=difference)
    if scored := results.judged[question].sentence():
        yield scored
    if closed := results.estimate(f"{question}.gap_closed", best):
        yield say("findings.closed", **named, closed=closed)


def cautions(inputs: Inputs, fits: Sequence[FitCheck]) -> list[Caution]:
    """List what to distrust, the gravest first."""
    listed = [*_fit_cautions(inputs, fits), *_data_cautions(inputs), *_result_cautions(inputs)]
    return sorted(listed, key=lambda caution: not caution.grave)


def _caution(name: str, **values: Any) -> Caution:
    return Caution(say(f"cautions.{name}", **values), grave=name == "not_converged")


def _fit_cautions(inputs: Inputs, fits: Sequence[FitCheck]) -> Iterator[Caution]:
    if (posterior := inputs.posterior) is None:
        return
    (reason, divergences), verdict = convergence(posterior), posterior.verdict
    unknown = sum(fit.unknown for fit in fits)
    fitted_to = inputs.made_from(posterior.attrs.get("provenance", {}), "choices")
    found = {
        "not_converged": verdict.predictions is False,
        "convergence_unknown": verdict.predictions is None,
        "rough_intervals": bool(verdict.predictions) and not verdict.intervals,
        "divergences": divergences > 0,
        "other_judgments": fitted_to is False,
        "stale_comparison": inputs.stale_comparison,
        "unknown": unknown > 0,
    }
    values = {"reason": reason, "divergences": divergences, "unknown": unknown}
    yield from (_caution(name, **values) for name, there in found.items() if there)


def _data_cautions(inputs: Inputs) -> Iterator[Caution]:
    simulated = {session.participant for session in inputs.sessions if session.simulated}
    if simulated:
        everyone = len(simulated) == len({session.participant for session in inputs.sessions})
        yield _caution("simulated", n=len(simulated), everyone=everyone)
    if (choices := inputs.choices) is not None:
        people = choices["participant"].nunique()
        if people < _FEW_PEOPLE:
            yield _caution("few_people", people=people)
        m, least, _ = _coverage(choices)
        if least < _FEW_JUDGMENTS:
            yield _caution("few_judgments", m=m, least=least)
    if inputs.larger_sets:
        yield _caution("larger_sets", n=inputs.larger_sets)
    if seldom := _seldom_within(inputs):
        yield _caution("seldom_within", few=_FEW_WITHIN, levels=seldom)
    said = list(people_cautions(inputs.sessions))
    yield from map(Caution, said[:_MOST_NAMED])
    if len(said) > _MOST_NAMED:
        yield _caution("more", n=len(said) - _MOST_NAMED)


def _result_cautions(inputs: Inputs) -> Iterator[Caution]:
    if (results := inputs.results) is None:
        return
    yield from (Caution(f"{lost}.") for lost in lost_abilities(results))
    said = [of.sentence(kind) for kind, of in results.seen.items()]
    yield from map(Caution, filter(None, said))
    if not results.questions:
        return
    if "choices" not in results.seen and inputs.made_from(results.provenance(), "choices"):
        yield _caution("own_judgments")
    if results.judged[results.questions[0]].participants == 1:
        yield _caution("one_participant")
