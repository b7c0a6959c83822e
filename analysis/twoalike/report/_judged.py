"""Networks on choices among more than three items, ratings and sortings, as blocks of a section."""

from collections.abc import Iterator, Mapping, Sequence

from twoalike.choice import Question
from twoalike.evaluation import Interval, JudgedBy, PersonCeiling, PredictedJudgments
from twoalike.figures import BOUND, PEOPLE, Line, dot, model_colours
from twoalike.report._blocks import DASH, Block, Grid, Text, estimates, lines_picture, number, span
from twoalike.results import SET_CEILINGS, Results, estimate_at
from twoalike.study import counted


def judged_blocks(results: Results) -> list[Block]:
    """Blocks of every such kind of judgments that networks were scored on."""
    return [*_sets(results), *_ratings(results), *_sortings(results)]


def _cell(found: Interval | None) -> str:
    return span(found, between="\n") if found else DASH


def _sets(results: Results) -> Iterator[Block]:
    """Scores of networks in a table a question, and how well people agree and a model could."""
    for name, found in results.sets.items():
        asked = Question(found.question, found.items)
        rows: list[list[str]] = []
        numbers: dict[str, Interval | None] = {}
        for place, (network, of) in enumerate(zip(results.models, found.models, strict=True)):
            error = found.calibration[place].error.debiased if found.calibration else None
            temperature = number(of.temperature.value, 2) if of.temperature is not None else DASH
            rows.append(
                [network.name, _cell(of.accuracy), _cell(of.log_loss), temperature, _cell(error)]
            )
            numbers |= {
                f"{network.name} {measure}": getattr(of, measure)
                for measure in ("accuracy", "log_loss")
            }
        chance = [number(found.chance_accuracy), number(found.chance_log_loss)]
        rows.append(["chance", *chance, DASH, DASH])
        for keys, words in SET_CEILINGS:
            value = estimate_at(found, keys)
            if value is not None:
                rows.append([words, _cell(value), DASH, DASH, DASH])
                numbers[words] = value
        bound = ""
        if found.ceilings and found.ceilings.oracle and found.ceilings.oracle.identified:
            ends = found.ceilings.oracle.identified
            bound = (
                " Best possible: expected accuracy of a model that knows people's probabilities; "
                f"their agreement alone leaves {number(ends.low)} to {number(ends.high)} open."
            )
        yield Grid(
            f"{asked.label.capitalize()}: {counted(found.choices, 'choice')} by "
            f"{counted(found.participants, 'participant')} on {counted(found.sets, 'set')}. "
            "Calibration error: of the likeliest answer, less what chance alone gives."
            + bound
            + _lacking(found.left_out, "choice"),
            ("", "accuracy", "log-loss", "temperature", "calibration error"),
            rows,
            numbers=estimates(numbers) | {"question": [name] * len(numbers)},
        )


def _lacking(left_out: int, what: str) -> str:
    if not left_out:
        return ""
    return (
        f" Left out: {counted(left_out, what)} of objects that not all networks have features of."
    )


def _named[Scored](results: Results, scored: Sequence[Scored]) -> dict[str, Scored]:
    return dict(zip((model.name for model in results.models), scored, strict=True))


def _whose(found: JudgedBy) -> str:
    return f"by {counted(found.participants, 'participant')} of {counted(found.objects, 'object')}"


def _ratings(results: Results) -> Iterator[Block]:
    """Rank correlations with raters, beside the ceiling."""
    found = results.ratings
    if found is None:
        return
    models = _named(results, found.models)
    means = {name: of.per_person.mean for name, of in models.items()}
    people = {"the same person again": found.repeats.spearman} if found.repeats else {}
    lead = (
        f"{counted(found.ratings, 'rating')} of {counted(found.pairs, 'pair')} {_whose(found)}."
        + _lacking(found.left_out, "rating")
    )
    yield from _picture(
        results,
        {name: mean for name, mean in means.items() if mean is not None},
        found.ceiling,
        people,
        label="rank correlation with a rater",
        caption=f"{lead} Mean over raters of Spearman's correlation of similarities and ratings. "
        "Squares: how well the mean of the other raters, and of all, predicts a rater. Lines: 95 % "
        "intervals over raters and objects.",
    )
    rows = [
        [name, _cell(of.spearman), number(of.rho_a), _cell(means[name])]
        for name, of in models.items()
    ]
    yield Grid(
        "With the mean rater: ranks of each rater's answers, averaged. Rho-a: ties broken at "
        "random.",
        ("network", "with the mean rater", "rho-a", "mean over raters"),
        rows,
        numbers=estimates({name: of.spearman for name, of in models.items()}),
    )
    yield from _posterior(found.posterior, "a rating")


def _sortings(results: Results) -> Iterator[Block]:
    """Areas under the curve for being in one pile, beside the ceiling."""
    found = results.sortings
    if found is None:
        return
    models = _named(results, found.models)
    each = {name: of.area.mean for name, of in models.items()}
    yield from _picture(
        results,
        each,
        found.ceiling,
        {},
        label="area under the curve (dashed: chance)",
        reference=0.5,
        caption=f"{counted(found.sortings, 'sorting')} {_whose(found)}."
        + _lacking(found.left_out, "row")
        + " How often two images of one pile are more alike to a network than two of different "
        "piles, averaged over people. Squares: the same by the share of the other people, and of "
        "all, who put two images together. Lines: 95 % intervals over people and objects.",
    )
    rows = [[name, _cell(each[name]), _cell(of.spearman), DASH] for name, of in models.items()]
    for words, value in (("two people", found.agreement), ("the same person again", found.repeats)):
        if value is not None:
            rows.append([words, DASH, DASH, _cell(value)])
    yield Grid(
        "Together: Spearman's correlation with the share of people who put a pair into one pile. "
        "Adjusted Rand index: agreement of two sortings, 0 by chance.",
        ("", "area under the curve", "together", "adjusted Rand index"),
        rows,
        numbers=estimates(each),
    )
    yield from _posterior(found.posterior, "the choice of a pile")


def _picture(
    results: Results,
    each: Mapping[str, Interval],
    ceiling: PersonCeiling | None,
    people: Mapping[str, Interval],
    *,
    label: str,
    caption: str,
    reference: float = 0.0,
) -> Iterator[Block]:
    """Draw every network, the ends of the ceiling, and how people agree with themselves."""
    colours = model_colours(results.models)
    lines = [
        Line(model.name, each[model.name], colours[model.name], dot(model))
        for model in results.models
        if model.name in each
    ]
    ends: Sequence[tuple[str, float]] = (
        [("the other people", ceiling.lower), ("all people", ceiling.upper)] if ceiling else []
    )
    lines += [Line(name, Interval(value, value, value), PEOPLE, "s") for name, value in ends]
    lines += [Line(name, value, BOUND, "D") for name, value in people.items()]
    if lines:
        alt = "; ".join(f"{line.name} {span(line.measure)}" for line in lines)
        yield lines_picture(
            lines, label, reference=reference, alt=f"{label.capitalize()}: {alt}.", caption=caption
        )


def _posterior(found: PredictedJudgments | None, what: str) -> Iterator[Block]:
    if found is not None:
        left = ", each left out of what predicts it" if found.left_out else ""
        yield Text(
            f"Log-loss of {what} under the embedding{left}: {span(found.log_loss)} nats; "
            f"{number(found.guessing)} by guessing."
        )
