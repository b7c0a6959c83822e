"""The first screen: what was collected, what it says, what to distrust."""

from collections.abc import Iterator, Sequence
from math import log

import numpy as np
import pandas as pd

from twoalike.choice import OPTIONS
from twoalike.evaluation import triplet_kinds
from twoalike.judgments import ITEMS, object_index
from twoalike.report._blocks import Caution, Fact, number, percent, signed, span
from twoalike.report._fit import FitCheck, convergence, named_kind
from twoalike.report._groups import group_finding
from twoalike.report._inputs import Inputs, people_cautions
from twoalike.results import WHOLE, Results, ability_rows, lost_abilities
from twoalike.study import MISSING, counted

_FEW_PEOPLE = 5
_FEW_JUDGMENTS = 10
_FEW_WITHIN = 20
_MOST_NAMED = 6


def _coverage(choices: pd.DataFrame) -> tuple[int, int, float]:
    """Objects judged, judgments of the least judged one, share of pairs seen together."""
    codes = np.stack([choices[item].cat.codes.to_numpy(np.int64) for item in ITEMS], axis=1)
    counts = np.bincount(codes.ravel())
    m = int((counts > 0).sum())
    pairs = np.concatenate([codes[:, [0, 1]], codes[:, [0, 2]], codes[:, [1, 2]]])
    low, high = pairs.min(axis=1), pairs.max(axis=1)
    seen = len(np.unique(low * len(counts) + high))
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


def facts(inputs: Inputs, fits: Sequence[FitCheck]) -> list[Fact]:
    """Headline numbers."""
    listed = []
    if inputs.choices is not None:
        m, _, pairs = _coverage(inputs.choices)
        people = inputs.choices["participant"].nunique()
        listed += [
            Fact(f"{people}", "participant" if people == 1 else "participants"),
            Fact(f"{len(inputs.choices):,}", "judgments"),
            Fact(f"{m}", f"objects, {percent(pairs)} of their pairs seen together"),
        ]
    if inputs.larger_sets:
        listed.append(Fact(f"{inputs.larger_sets:,}", "judgments of more than three items"))
    if inputs.choices is None and inputs.sessions:
        names = {session.participant for session in inputs.sessions}
        trials = sum(session.trials for session in inputs.sessions)
        listed += [Fact(f"{len(names)}", "participants"), Fact(f"{trials:,}", "trials")]
    for fit in fits:
        which = named_kind(fit.kind, "choices", len(fits) > 1)
        chance = percent(1 / OPTIONS[fit.kind])
        label = f"{which} predicted by the embedding (chance {chance})"
        listed.append(Fact(percent(fit.accuracy.value), label))
    results = inputs.results
    best = _best_network(results, results.questions[0]) if results and results.questions else None
    if results and best and (closed := results.at(f"{results.questions[0]}.gap_closed", best)):
        listed.append(Fact(percent(closed.value), f"of the gap to the ceiling closed by {best}"))
    return listed


def _best_network(results: Results, question: str) -> str | None:
    """Return the most accurate network other than the first, by its whole vector."""
    scores = {
        network.name: row.value
        for network in results.networks[1:]
        if (network.role, network.representation) == ("model", WHOLE)
        and (row := results.at(f"{question}.accuracy", network.name))
    }
    return max(scores, key=scores.__getitem__, default=None)


_NAMES = {"odd_one_out": "names the odd one", "anchored": "names what is more like the reference"}


def findings(inputs: Inputs, fits: Sequence[FitCheck]) -> list[str]:
    """Say in sentences what the numbers say."""
    said = []
    for fit in fits:
        options = OPTIONS[fit.kind]
        said.append(
            f"The embedding {_NAMES[fit.kind]} in {span(fit.accuracy, percent)} of "
            f"{'judgments that are left out of it' if fit.left_out else 'the judgments'}, with a "
            f"log-loss of {number(fit.log_loss.value)} "
            f"(guessing: {percent(1 / options)}, {number(log(options))})."
        )
    if inputs.comparison is not None:
        said += map(group_finding, inputs.comparison.differences[:_MOST_NAMED])
    results = inputs.results
    if results is None:
        return said
    for question in results.questions:
        noun = named_kind(question, "judgments", len(results.questions) > 1)
        said += _changes(results, question, noun)
    said += filter(None, [_structure(results)])
    tasks = ability_rows(results)
    if tasks and len(results.names) > 1 and not lost_abilities(results):
        said.append(
            f"In none of {len(tasks)} measures of what else features are good for does a "
            f"network score more than a percentage point lower than {results.names[0]}."
        )
    return said


def _changes(results: Results, question: str, noun: str) -> Iterator[str]:
    """Compare the best network with the first one, on one kind of choices."""
    best, base = _best_network(results, question), results.names[0]
    difference = results.estimate(f"{question}.difference.accuracy", best) if best else None
    if best is None or difference is None:
        return
    shares = [results.at(f"{question}.accuracy", name) for name in (best, base)]
    mine, its = (percent(row.value) for row in shares if row)
    clear = difference.low > 0 or difference.high < 0
    doubt = "" if clear else " The interval includes no difference."
    yield (
        f"Network {best} agrees with people in {mine} of the {noun} scored, {base} in {its}: a "
        f"difference of {span(difference, signed)}.{doubt}"
    )
    if scored := results.judged[question].sentence():
        yield scored
    if closed := results.estimate(f"{question}.gap_closed", best):
        yield f"That is {span(closed, percent)} of the gap between {base} and the ceiling."


def _structure(results: Results) -> str:
    estimates = {name: results.estimate("rdm.spearman", name) for name in results.names}
    each = "; ".join(f"{name} {span(of, _two)}" for name, of in estimates.items() if of)
    ends = [results.at(f"rdm.ceiling.{end}") for end in ("lower", "upper")]
    said = [f"Rank correlation with the mean person's dissimilarities: {each}."] if each else []
    if all(ends):
        span_of = " to ".join(_two(end.value) for end in ends if end)
        said.append(f"Noise ceiling for single persons: {span_of}.")
    return " ".join(said)


def _two(value: float) -> str:
    return number(value, 2)


def cautions(inputs: Inputs, fits: Sequence[FitCheck]) -> list[Caution]:
    """List what to distrust, the gravest first."""
    listed = [*_fit_cautions(inputs, fits), *_data_cautions(inputs), *_result_cautions(inputs)]
    return sorted(listed, key=lambda caution: not caution.grave)


def _fit_cautions(inputs: Inputs, fits: Sequence[FitCheck]) -> Iterator[Caution]:
    posterior = inputs.posterior
    if posterior is None:
        return
    state = convergence(posterior)
    reason = f" ({state.reason})" if state.reason else ""
    if state.converged is False:
        yield Caution(
            f"The fit has not converged{reason}. Draw no conclusion from the embedding; "
            "twoalike check says what may mend it.",
            grave=True,
        )
    if state.converged is None:
        yield Caution("The posterior's file does not say whether the fit converged.")
    if state.divergences:
        yield Caution(
            f"{counted(state.divergences, 'divergent transition')}: the sampler may have "
            "missed a part of the posterior."
        )
    if posterior.attrs.get("engine") == "vi":
        yield Caution(
            "The posterior is a variational approximation: its intervals tend to be too narrow."
        )
    if inputs.made_from(posterior.attrs.get("provenance", {}), "choices") is False:
        yield Caution("The embedding was fitted to other judgments than those of choices.parquet.")
    if inputs.stale_comparison:
        yield Caution(
            "derived/groups.json compares groups in another posterior, and is not shown: make it "
            "again with twoalike compare."
        )
    if unknown := sum(fit.unknown for fit in fits):
        yield Caution(
            f"{counted(unknown, 'judgment')} by people or on objects that the fit does "
            "not know were left out."
        )


def _data_cautions(inputs: Inputs) -> Iterator[Caution]:
    simulated = {session.participant for session in inputs.sessions if session.simulated}
    if simulated:
        everyone = len(simulated) == len({session.participant for session in inputs.sessions})
        who = "All participants are" if everyone else f"{counted(len(simulated), 'participant')}"
        verb = "" if everyone else (" is" if len(simulated) == 1 else " are")
        yield Caution(f"{who}{verb} simulated: nothing here tells of people.")
    choices = inputs.choices
    if choices is not None:
        people = choices["participant"].nunique()
        if people < _FEW_PEOPLE:
            yield Caution(f"With {counted(people, 'participant')}, little is known about others.")
        m, least, _ = _coverage(choices)
        if least < _FEW_JUDGMENTS:
            yield Caution(
                f"The least judged of {m} objects was seen in {counted(least, 'judgment')}: "
                "its place is mostly a guess."
            )
    if inputs.larger_sets:
        yield Caution(
            f"{counted(inputs.larger_sets, 'judgment')} of more than three items inform the "
            "embedding; the figures of choices here are of triplets alone. twoalike check and "
            "twoalike evaluate score them."
        )
    seldom = _seldom_within(inputs)
    if seldom:
        yield Caution(
            f"Fewer than {_FEW_WITHIN} triplets were of three objects of one category "
            f"({', '.join(seldom)}): nothing was asked that tells likeness within it, of the "
            "embedding or of a network that learns from it."
        )
    said = people_cautions(inputs.sessions)
    yield from map(Caution, said[:_MOST_NAMED])
    if len(said) > _MOST_NAMED:
        yield Caution(f"{len(said) - _MOST_NAMED} further remarks on sessions: see the table.")


def _result_cautions(inputs: Inputs) -> Iterator[Caution]:
    results = inputs.results
    if results is None:
        return
    yield from (Caution(f"{lost}.") for lost in lost_abilities(results))
    said = [of.sentence(kind) for kind, of in results.seen.items()]
    yield from map(Caution, filter(None, said))
    if not results.questions:
        return
    if "choices" not in results.seen and inputs.made_from(results.provenance(), "choices"):
        yield Caution(
            "The networks were scored on the judgments of this study. If an aligned network "
            "learnt from them, its score is no test on new ones."
        )
    if results.judged[results.questions[0]].participants == 1:
        yield Caution(
            "The networks were scored on one participant: their intervals cover other "
            "objects, not other people."
        )
