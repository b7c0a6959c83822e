"""Two studies on one page: how far their embeddings agree, and in what their people differ."""

from collections.abc import Iterator
from math import log
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from twoalike.choice import OPTIONS
from twoalike.embedding import (
    Posterior,
    compare_predictions,
    compare_similarity,
    pair_draws,
    select_objects,
    shared_objects,
    some_draws,
)
from twoalike.figures import agreement_chart, people_beside
from twoalike.report._blocks import (
    DASH,
    Block,
    Caution,
    Fact,
    Gallery,
    Grid,
    Page,
    Row,
    Section,
    bare,
    confidence,
    number,
    p_value,
    pair_tiles,
    percent,
    picture,
    say,
    section,
)
from twoalike.report._fit import check_fits, convergence, times_by_participant
from twoalike.report._inputs import Inputs
from twoalike.study import Floats, TwoalikeError

_DRAWS = 100
_CANDIDATES = 60
_SURE = 2.0
"""Posterior standard deviations by which the similarity of a pair shown differs, at the least."""


class Beside(NamedTuple):
    """Two studies with an embedding each, their names, and what both embeddings know."""

    inputs: tuple[Inputs, Inputs]
    names: tuple[str, str]
    models: tuple[Posterior, Posterior]
    similar: dict[str, Any]
    ids: tuple[str, ...]
    pairs: tuple[Floats, Floats]
    """Similarities of pairs of shared objects in draws, standardised over pairs, (S, m (m - 1) / 2)
    each."""


def side_by_side(first: Inputs, second: Inputs, seed: int) -> Page:
    """Make the page of two studies, the second held against the first."""
    inputs, models = (first, second), (_fitted(first), _fitted(second))
    titles = [of.study.config.title for of in inputs]
    if titles[0] == titles[1]:
        titles = ["the first study", "the second study"]
    ids = shared_objects(*models)
    similar = compare_similarity(*models, level=0.95)
    pairs = standardised(models[0], ids), standardised(models[1], ids)
    of = Beside(inputs, (titles[0], titles[1]), models, similar, ids, pairs)
    found = [*_findings(of)]
    return Page(
        title=" and ".join(of.names),
        subtitle=say("beside.subtitle"),
        facts=[
            Fact(f"{len(ids)}", "objects in both studies"),
            Fact(f"r = {bare(similar['pearson'])}", "between the similarities of their pairs"),
        ],
        findings=found,
        cautions=[*_cautions(of)],
        sections=[
            section("beside-studies", Grid(say("beside-studies.caption"), _table(of, seed))),
            _agreement(of),
            *_people(of),
        ],
    )


def _fitted(inputs: Inputs) -> Posterior:
    if inputs.posterior is None:
        raise TwoalikeError(
            where=inputs.study.root,
            expected="a study with a fitted embedding (derived/posterior.nc)",
            found="none",
            remedy=f"Make it with: twoalike fit {inputs.study.root}",
        )
    return inputs.posterior.thinned()


def standardised(model: Posterior, ids: tuple[str, ...]) -> Floats:
    """Similarities of all pairs of objects in some draws, each standardised over the pairs."""
    drawn = model.embedding[some_draws(model, _DRAWS)][:, select_objects(model.ids, ids)]
    centred = pair_draws(model, drawn, most=len(ids) ** 2)
    return np.asarray(centred / centred.std(axis=1, keepdims=True), dtype=np.float64)


def _findings(of: Beside) -> Iterator[str]:
    within = [of.similar["first_draws"], of.similar["second_draws"]]
    alike = of.similar["draws"]["high"] >= min(one["low"] for one in within)
    said = {"names": of.names, "m": len(of.ids)}
    yield say("beside.agreement", **said, similar=of.similar, within=within, alike=alike)
    for one, other in ((0, 1), (1, 0)):
        choices = of.inputs[other].choices
        if choices is None:
            continue
        scored = compare_predictions(of.models[one], of.models[other], choices, observers="new")
        yield say("beside.predictions", names=(of.names[one], of.names[other]), scored=scored)


def _cautions(of: Beside) -> Iterator[Caution]:
    for name, model in zip(of.names, of.models, strict=True):
        reason, _ = convergence(model)
        if not (model.verdict.predictions and model.verdict.intervals):
            key = "not_converged" if model.verdict.predictions is False else "rough_intervals"
            yield Caution(f"{name}: {say(f'cautions.{key}', reason=reason)}")


def _table(of: Beside, seed: int) -> pd.DataFrame:
    columns = {name: _column(one, seed) for name, one in zip(of.names, of.inputs, strict=True)}
    return pd.DataFrame(columns).dropna(how="all").fillna(DASH).rename_axis("measure")


def _column(inputs: Inputs, seed: int) -> dict[str, str]:
    """Collect what a study has, by measure."""
    posterior, sessions, cells = inputs.posterior, inputs.sessions, dict[str, str]()
    assert posterior is not None
    if inputs.runs:
        came = {(run.name.participant, run.name.session) for run in inputs.runs}
        cells["sessions"] = f"{len(came)}"
        cells["participants"] = f"{len({run.name.participant for run in inputs.runs})}"
    if (choices := inputs.choices) is not None:
        cells["participants with choices"] = f"{choices['participant'].nunique()}"
        cells["choices"] = f"{len(choices):,}"
    cells["objects"] = f"{len(posterior.ids)}"
    if caught := sum(one.catches for one in sessions):
        cells["attention checks passed"] = percent(sum(one.caught for one in sessions) / caught)
    if repeats := sum(one.repeats for one in sessions):
        cells["repeats answered alike"] = percent(sum(one.same for one in sessions) / repeats)
    for fit in check_fits(inputs, seed):
        how = "predicted by the own embedding" + (", left out" if fit.left_out else "")
        share = f"{percent(fit.accuracy.value, 1)}\n{confidence(fit.accuracy, percent, 1)}"
        cells[f"{fit.kind.replace('_', '-')} choices {how}"] = share
        loss = f"{number(fit.log_loss.value)}\n{confidence(fit.log_loss)}"
        cells[f"log-loss (guessing: {number(log(OPTIONS[fit.kind]))})"] = loss
    cells["dimensions"] = f"{posterior.embedding.shape[-1]}"
    return cells


def _agreement(of: Beside) -> Section:
    first, second = (pairs.mean(axis=0) for pairs in of.pairs)
    rows, columns = np.triu_indices(len(of.ids), 1)
    names = np.array(of.ids, dtype=object)
    apart = (second - first) / np.hypot(*(pairs.std(axis=0) for pairs in of.pairs))
    numbers = pd.DataFrame({"item_a": names[rows], "item_b": names[columns]})
    numbers = numbers.assign(first=first.round(4), second=second.round(4), apart=apart.round(2))
    shown = picture(
        "beside-agreement",
        lambda width: agreement_chart(first, second, of.names, width=width),
        numbers,
        names=of.names,
        similar=of.similar,
        m=len(of.ids),
    )
    found = []
    for name, sign in zip(of.names, (-1, 1), strict=True):
        order = np.argsort(-sign * apart, kind="stable")[:_CANDIDATES]
        told = [k for k in order.tolist() if sign * apart[k] >= _SURE]
        tiles = pair_tiles(
            [(names[rows[k]], names[columns[k]]) for k in told],
            [f"{number(abs(apart[k]), 1)} SD" for k in told],
            next((one.pictured for one in of.inputs if one.pictured is not None), None),
        )
        found.append(Row(f"More alike in {name}", "" if tiles else "no pair clearly is", tiles))
    gallery = Gallery(say("beside-agreement.pairs", sure=_SURE, n=len(rows)), found, pairs=True)
    return section("beside-agreement", shown, gallery, _dimensions(of))


def _dimensions(of: Beside) -> Grid:
    cells = [
        {
            of.names[0]: f"dimension {one['first']}",
            of.names[1]: f"dimension {one['second']}",
            "r of means": bare(one["correlation"]),
            "r of draws": f"{bare(one['low'])} to {bare(one['high'])}",
        }
        for one in of.similar["dimensions"]
    ]
    frame = pd.DataFrame(cells).set_index(of.names[0])
    return Grid(say("beside-agreement.dimensions"), frame)


def _people(of: Beside) -> Iterator[Section]:
    """Compare what is known of every person, where both studies know it."""
    from scipy.stats import mannwhitneyu

    measured = [_of_people(*pair) for pair in zip(of.inputs, of.models, strict=True)]
    both = [name for name in measured[0] if name in measured[1]]
    if not both:
        return
    rows, blocks = [], list[Block]()
    for name in both:
        values = [one[name] for one in measured]
        if min(map(len, values)) < 2:
            continue
        test = mannwhitneyu(values[0], values[1])
        effect = 1 - 2 * float(test.statistic) / (len(values[0]) * len(values[1]))
        cells = {
            study: f"{number(float(np.median(one)), 2)}\n"
            f"{' to '.join(number(float(end), 2) for end in np.quantile(one, [0.25, 0.75]))}"
            for study, one in zip(of.names, values, strict=True)
        }
        shown = {"rank-biserial r": bare(effect), "Mann–Whitney test": p_value(float(test.pvalue))}
        rows.append({"measure": name, **cells, **shown})
        blocks.append(_strips(name, dict(zip(of.names, values, strict=True))))
    if rows:
        table = Grid(say("beside-people.table"), pd.DataFrame(rows).set_index("measure"))
        yield section("beside-people", table, *blocks)


OF_PEOPLE = {
    "response_time": "median response time (s)",
    "temperature": "temperature",
    "lapse": "lapse rate",
}
"""What is known of a person, and how a figure calls it."""


def _of_people(inputs: Inputs, model: Posterior) -> dict[str, Floats]:
    times = times_by_participant(inputs)
    found = {"response_time": np.array([np.median(of) for of in times.values()])}
    if not inputs.fitted_to or "choices" in inputs.fitted_to:
        found["temperature"] = np.median(model.temperature, axis=0)
        found["lapse"] = np.median(model.lapse, axis=0)
    return {OF_PEOPLE[name]: of for name, of in found.items() if len(of)}


def _strips(name: str, values: dict[str, Floats]) -> Block:
    numbers = pd.DataFrame(
        [(study, value) for study, of in values.items() for value in of], columns=["study", name]
    )
    medians = {study: float(np.median(of)) for study, of in values.items()}
    return picture(
        "beside-people",
        lambda width: people_beside(values, name, width=width),
        numbers,
        name=name,
        medians=medians,
    )
