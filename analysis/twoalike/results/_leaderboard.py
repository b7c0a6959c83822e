"""From many networks and one set of people's judgments to a leaderboard.

All networks are scored on the same judgments: those of objects that every one has features of. One
bootstrap moves all their scores together, so that differences are paired, and is corrected for
their number (:class:`~twoalike.evaluation.JointEstimates`). Networks are put into the order of
their names first: nothing depends on the order in which they were given.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twoalike.ceilings import candidate_majority_scores, ceilings, votes_of
from twoalike.evaluation import (
    CHOICE_MEASURES,
    Candidate,
    Figures,
    Interval,
    JointEstimates,
    Judgments,
    Similarity,
    TwoWayBootstrap,
    check_names,
    common_objects,
    compare_structure,
    first_of,
    normal_intervals,
    score_choices,
    similarity_matrix,
    subset_names,
)
from twoalike.judgments import JudgmentTable, RdmTable
from twoalike.results._board import Leaderboard
from twoalike.results._frame import Rows
from twoalike.results._inputs import (
    FEWEST_OBJECTS,
    Networks,
    read_networks,
    read_people,
    read_posterior,
    with_features,
)
from twoalike.results._judged import Given, asked_of, counts_of_people
from twoalike.rsa import dissimilarity_draws, posterior_covariance
from twoalike.study import Booleans, Floats, TwoalikeError, check_output, counted, one_of
from twoalike.tables import LabelSource, read_labels
from twoalike.transfer import few_shot_ability

if TYPE_CHECKING:
    import pandas as pd

    from twoalike.embedding import Posterior

_LEVEL = 0.95
_CEILINGS = ("oracle", "published")


type Limits = dict[str, Interval | float | None]
"""What scores are held against: `chance`, `best` (possible), `leave_one_out` (people)."""


@dataclass(frozen=True, eq=False)
class _Measured:
    """All networks by one measure, on all judgments or at one level."""

    measure: str
    scores: tuple[Interval, ...]
    joint: JointEstimates
    count: int
    level: str = ""
    unit: str = "correlation"
    limits: Limits = field(default_factory=dict)


def leaderboard(
    features: Networks,
    *,
    against: str | None = None,
    choices: JudgmentTable | None = None,
    posterior: "str | Path | Posterior | None" = None,
    rdm: str | Path | RdmTable | None = None,
    arrangements: "str | Path | pd.DataFrame | None" = None,
    objects: str | Path | None = None,
    labels: LabelSource | None = None,
    classes: LabelSource | None = None,
    similarity: Similarity | None = None,
    seed: int = 0,
    resamples: int = 2000,
    out: str | Path | None = None,
) -> Leaderboard:
    """Rank many networks by their agreement with one set of people's judgments.

    Only judgments of objects that all networks have features of are used. Networks are ordered by
    accuracy or, without ``choices``, by the correlation with the posterior or with people. Scores
    have 95 % intervals over participants and objects. Differences from the best network are
    corrected for all pairs of networks, and each network has a range of ranks. Scores above
    people's own agreement are marked and explained.

    Parameters
    ----------
    features
        Two networks or more: name -> features as in :func:`evaluate`, pairs of these, or files
        alone. A file's network is called as its metadata say, or else as the file; where that is
        the same for several, the file is added.
    against
        Network to compare all others with, if you chose it before you knew the scores. Differences
        are then corrected only for the comparisons with this network, instead of for all pairs.
    choices
        Judgments (choices.parquet); odd-one-out and anchored ones are scored separately, and the
        odd-one-out judgments determine the order.
    posterior
        Fitted embedding (.nc): Spearman's correlation with its dissimilarities.
    rdm, arrangements, objects, classes, similarity
        As in :func:`evaluate`.
    labels
        Table of labels (tab-separated, column id, then levels), such as stimuli.tsv. Adds scores by
        kind of triplet (within, boundary, between) at each level.
    seed
        Seed of the halves for temperatures and of the resamples.
    resamples
        Bootstrap resamples; corrected p-values are at least 1 / (``resamples`` + 1).
    out
        File for all results (.json).


    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> ids, space = [f"o{number}" for number in range(12)], rng.normal(size=(12, 4))
    >>> people = RdmTable(-similarity_matrix(space)[None], tuple(ids))
    >>> networks = {"own": (ids, space), "other": (ids, rng.normal(size=(12, 4)))}
    >>> leaderboard(networks, rdm=people)
    <Leaderboard: 2 networks, own first, 1 may be the best>
    """
    if out is not None:
        check_output(Path(out))
    if all(source is None for source in (choices, posterior, rdm, arrangements)):
        raise TwoalikeError(
            "no judgments to rank networks by",
            remedy="Give `choices=...`, `posterior=...` or `rdm=...`.",
        )
    files: dict[str, Path] = {}
    where = None if objects is None else Path(objects)
    candidates = _ranked(features, where, similarity, files)
    if against is not None:
        one_of("against", against, [one.name for one in candidates])
    if labels is not None and choices is None:
        raise TwoalikeError(
            where="`labels=...`", expected="choices to sort by them", found="no `choices=...`"
        )
    by_level = read_labels(labels, files)
    by_class = read_labels(classes, files, "classes") or by_level
    shared = _shared_objects(candidates)
    files |= {"choices": Path(choices)} if isinstance(choices, str | Path) else {}
    given = Given(
        candidates,
        Rows.of(candidates),
        by_level,
        {"choices": choices},
        with_features(read_people(rdm, arrangements, objects, files), shared),
        read_posterior(posterior, files),
        str(files.get("choices", "choices")),
        resamples,
    )
    files |= {"objects": where} if where else {}
    rngs = np.random.default_rng(seed).spawn(3)
    measured = [of for on, rng in zip(_MEASURED, rngs, strict=True) for of in on(given, rng)]
    order = np.argsort(-measured[0].joint.values, kind="stable").tolist()  # no log-loss
    names = [one.name for one in candidates]
    reference = order[0] if against is None else names.index(against)
    for of in measured:
        _add(of, names, order, reference, given.rows, named=against is not None)
    ranked = [candidates[row] for row in order]
    for task in few_shot_ability(ranked, by_class, seed=seed):
        given.rows.add("ability", task)
    return Leaderboard.made(
        given.rows,
        ranked,
        seed=seed,
        inputs=files,
        config={"resamples": resamples, "interval": _LEVEL, "against": against},
        out=out,
        reference=names[reference],
        objects=len(shared),
    )


def _ranked(
    features: Networks, where: Path | None, similarity: Similarity | None, files: dict[str, Path]
) -> list[Candidate]:
    """Read two networks or more, in the order of their names."""
    read: dict[str, Path] = {}
    candidates = sorted(read_networks(features, where, similarity, read), key=lambda of: of.name)
    files |= dict(sorted(read.items()))
    check_names(candidates)
    if (whole := sum("part" not in one.features.meta for one in candidates)) < 2:
        raise TwoalikeError(
            where="`features=...`",
            expected="two networks or more",
            found=counted(whole, "network"),
            remedy="Score a single one with `twoalike evaluate`.",
        )
    return candidates


def _shared_objects(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Objects that all networks have features of; too few are refused."""
    shared = common_objects(candidates)
    if len(shared) >= FEWEST_OBJECTS:
        return shared
    fewest = min(candidates, key=lambda one: len(one.features.ids))
    raise TwoalikeError(
        where="`features=...`",
        expected=f"at least {FEWEST_OBJECTS} objects that all networks have features of",
        found=f"{len(shared)}; {fewest.name} has features of "
        f"{counted(len(fewest.features.ids), 'object')}, the first {fewest.features.ids[0]!r}",
        remedy="Compute the features of all networks for the same images, under the same ids.",
    )


def _on_choices(given: Given, rng: np.random.Generator) -> Iterator[_Measured]:
    """Measure agreement with choices and majorities, question by question."""
    for judged, _, child in asked_of(given, rng):
        yield from _on_question(given, judged, child)


def _on_question(given: Given, judged: Judgments, rng: np.random.Generator) -> Iterator[_Measured]:
    on_halves, on_resamples, on_ceilings, on_votes = rng.spawn(4)
    scored = score_choices(given.candidates, judged, on_halves)
    for of in scored:
        given.rows.add(f"{judged.name}.temperature", of.temperature, model=of.candidate.name)
    limits = ceilings(judged, on_ceilings)
    reasons = limits["missing"].items()
    given.rows.missing.update({name: why for name, why in reasons if name in _CEILINGS})
    boot = TwoWayBootstrap(
        judged.participants, judged.things, on_resamples, resamples=given.resamples
    )
    every = {name: np.stack([of.scores[name] for of in scored]) for name in scored[0].scores}
    majorities = _majorities(given, judged, on_votes)
    parts = [("", limits, np.ones(len(judged.answer), dtype=bool))]
    parts += [
        (f"{group}: {subset}", limits["groups"][group][subset], of == subset)
        for group, of in judged.groups.items()
        for subset in subset_names(of)
    ]
    first = first_of(judged.number)
    for level, of_part, some in parts:
        part = boot.within(some)
        for name, scores in every.items():
            yield _of_scores(name, scores[:, some], part, judged, level, of_part)
        if majorities is not None:
            scores, voted, on_majority = majorities
            here = some[first][voted]
            if here.sum() > 1:
                within = on_majority.within(here)
                yield _of_scores("majority", scores[:, here], within, judged, level, of_part)


def _majorities(
    given: Given, judged: Judgments, rng: np.random.Generator
) -> tuple[Floats, Booleans, TwoWayBootstrap] | None:
    """Scores against majorities of the triplets that have enough votes, and which these are."""
    if judged.noun == "set":
        return None
    cast = votes_of(judged)
    named = [candidate_majority_scores(one, judged, cast) for one in given.candidates]
    voted = ~np.isnan(named[0])
    if voted.sum() < 2:
        return None
    nobody = np.zeros(int(voted.sum()), dtype=np.int64)
    boot = TwoWayBootstrap(nobody, cast.sets[voted], rng, resamples=given.resamples)
    return np.stack(named)[:, voted], voted, boot


def _of_scores(
    name: str, scores: Floats, boot: TwoWayBootstrap, judged: Judgments, level: str, of: Figures
) -> _Measured:
    """Scores of choices or triplets, (networks, n), and what they are held against."""
    published = (of.get("published") or {}).get("leave_one_out")
    about = CHOICE_MEASURES.get(name, CHOICE_MEASURES["accuracy"])
    limits: Limits = {}
    if name == "accuracy":
        limits = {"chance": 1 / judged.options, "best": of["oracle"], "leave_one_out": published}
    elif name == "log_loss":
        limits = {"chance": float(np.log(judged.options)), "best": of.get("entropy")}
    elif name == "majority" and (drawn := of["majority_drawn"]):
        limits = {"best": drawn["accepted"], "leave_one_out": published}
    own = [about.mean(of_network, boot) for of_network in scores]
    unit, count = about.unit, scores.shape[1]
    measure = f"{judged.name}.{name}"
    return _Measured(measure, tuple(own), boot.joint(scores), count, level, unit, limits)


def _on_posterior(given: Given, rng: np.random.Generator) -> Iterator[_Measured]:
    """Correlation with the draws of a posterior; its own mean is the best that is possible."""
    posterior, shared = given.posterior, set(common_objects(given.candidates))
    if posterior is None:
        return
    ids = [name for name in posterior.ids if name in shared]
    if len(ids) < FEWEST_OBJECTS:
        raise TwoalikeError(
            where=posterior.path or "posterior",
            expected=f"at least {FEWEST_OBJECTS} objects that all networks have features of",
            found=f"{len(ids)} of {len(posterior.ids)}",
            remedy="Compute features of the objects under the ids of the posterior.",
        )
    draws = list(dissimilarity_draws(posterior, ids))
    models = [
        -similarity_matrix(one.features.select(ids, one.name), one.similarity)
        for one in given.candidates
    ]
    values, total = posterior_covariance([*models, np.mean(draws, axis=0)], draws)
    *own, best = normal_intervals(values, np.diagonal(total))
    freedom = max(len(ids) / 2 - 1, 1.0)
    joint = JointEstimates.from_covariance(values[:-1], total[:-1, :-1], freedom, rng)
    limits: Limits = {"chance": 0.0, "best": best}
    yield _Measured("posterior.spearman", tuple(own), joint, len(ids), limits=limits)


def _on_rdm(given: Given, rng: np.random.Generator) -> Iterator[_Measured]:
    """Correlation with the mean person, and with single people."""
    rdm, lacking = given.people
    if rdm is None:
        return
    people, scores, covariance = compare_structure(given.candidates, rdm)
    # Degrees of freedom over people, or over pairs of objects that have none in common.
    groups = people.objects / 2
    if people.participants > 1:
        groups = min(groups, people.participants)
    own = tuple(of["spearman"] for of in scores)
    joint = JointEstimates.from_covariance(
        np.array([of.value for of in own]), covariance, max(groups - 1, 1.0), rng
    )
    given.rows.add("rdm.ceiling", people.ceiling)
    for candidate, of in zip(given.candidates, scores, strict=True):
        given.rows.add("rdm.per_person.mean", of["per_person"]["mean"], model=candidate.name)
    given.rows.judged["rdm"] = counts_of_people(people, lacking)
    yield _Measured("rdm.spearman", own, joint, people.objects, limits={"chance": 0.0})


_MEASURED = (_on_choices, _on_posterior, _on_rdm)


def _add(
    of: _Measured,
    names: Sequence[str],
    order: Sequence[int],
    reference: int,
    rows: Rows,
    *,
    named: bool,
) -> None:
    """Add one measure with differences to the reference and ranks, networks in their order."""
    every = of.joint.compare(level=_LEVEL)
    compared = of.joint.compare(reference, _LEVEL) if named else every
    measure = CHOICE_MEASURES.get(of.measure.rpartition(".")[2])
    ranks = every.ranks(high_is_good=measure is None or measure.high_is_good)
    about: dict[str, Any] = {"level": of.level, "n": of.count}
    for limit, value in of.limits.items():
        rows.add(f"{of.measure}.{limit}", value, unit=of.unit, **about)
    for row in order:
        model: dict[str, Any] = {"model": names[row], **about}
        rows.add(of.measure, of.scores[row], unit=of.unit, **model)
        if row != reference:
            gain, half = (float(x[row, reference]) for x in (compared.difference, compared.half))
            difference = Interval(gain, gain - half, gain + half)
            rows.add(f"{of.measure}.difference", difference, unit=of.unit, **model)
            rows.add(f"{of.measure}.p", float(compared.p[row, reference]), **model)
        for name, rank in zip(("best_rank", "worst_rank"), ranks[row], strict=True):
            rows.add(f"{of.measure}.{name}", int(rank), **model)
