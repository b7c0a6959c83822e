"""From many networks and one set of people's judgments to a leaderboard.

All networks are scored on the same judgments: those of objects that every one has features of. One
bootstrap moves all their scores together, so that differences are paired, and is corrected for
their number (:class:`~twoalike.evaluation.JointEstimates`). Networks are put into the order of
their names first: nothing depends on the order in which they were given.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twoalike.ceilings import candidate_majority_scores, ceilings, votes_of
from twoalike.evaluation import (
    Z95,
    Candidate,
    Figures,
    Interval,
    JointEstimates,
    Judgments,
    People,
    Similarity,
    TwoWayBootstrap,
    compare_structure,
    first_of,
    score_choices,
    similarity_matrix,
    subset_names,
)
from twoalike.judgments import JudgmentTable, RdmTable, read_judgments
from twoalike.results._board import Leaderboard
from twoalike.results._frame import Rows
from twoalike.results._inputs import (
    FEWEST_OBJECTS,
    ManyNetworks,
    common_objects,
    read_people,
    read_posterior,
    read_ranked,
    with_features,
)
from twoalike.results._judged import asked_of, counts_of
from twoalike.results._model import Judged, networks_of
from twoalike.rsa import dissimilarity_draws, posterior_covariance
from twoalike.study import (
    Floats,
    TwoalikeError,
    check_output,
    counted,
    provenance,
)
from twoalike.tables import Labels, LabelSource, read_labels
from twoalike.transfer import few_shot_ability

if TYPE_CHECKING:
    import pandas as pd

    from twoalike.embedding import Posterior

_LEVEL = 0.95
_CEILINGS = ("oracle", "published")


@dataclass(frozen=True, eq=False)
class _Measured:
    """All networks by one measure, on all judgments or at one level."""

    measure: str
    scores: tuple[Interval, ...]
    joint: JointEstimates
    count: int
    level: str = ""
    unit: str = "correlation"
    limits: Mapping[str, Interval | float | None] = field(default_factory=dict)
    """What scores are held against: `chance`, `best` (possible), `leave_one_out` (people)."""


def leaderboard(
    features: ManyNetworks,
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
    candidates = read_ranked(features, where, similarity, files)
    if against is not None and against not in {one.name for one in candidates}:
        raise TwoalikeError(
            where="`against=...`",
            expected=f"one of {', '.join(one.name for one in candidates)}",
            found=repr(against),
        )
    if labels is not None and choices is None:
        raise TwoalikeError(
            where="`labels=...`", expected="choices to sort by them", found="no `choices=...`"
        )
    by_level = read_labels(labels, files)
    by_class = read_labels(classes, files, "classes") or by_level
    fitted = read_posterior(posterior, files)
    rng = np.random.default_rng(seed)
    found = _measure(
        candidates, choices, by_level, fitted, (rdm, arrangements, objects), rng, resamples, files
    )
    files |= {"objects": where} if where else {}
    config = {"resamples": resamples, "interval": _LEVEL, "against": against}
    about = provenance("leaderboard", seed=seed, inputs=files, config=config)
    order, reference = _rank(candidates, found, against)
    for task in few_shot_ability([candidates[row] for row in order], by_class, seed=seed):
        found.rows.add("ability", task)
    result = Leaderboard(
        **about,
        reference=candidates[reference].name,
        objects=found.objects,
        networks=tuple(networks_of([candidates[row] for row in order])),
        judged=found.judged,
        rows=tuple(found.rows.rows),
        missing=found.rows.missing,
    )
    if out is not None:
        result.save(out)
    return result


@dataclass(frozen=True)
class _Found:
    """What was measured of the networks."""

    rows: Rows
    objects: int
    measured: list[_Measured] = field(default_factory=list)
    judged: dict[str, Judged] = field(default_factory=dict)


def _measure(
    candidates: Sequence[Candidate],
    choices: JudgmentTable | None,
    labels: Labels,
    posterior: "Posterior | None",
    people: tuple[Any, Any, Any],
    rng: np.random.Generator,
    resamples: int,
    files: dict[str, Path],
) -> _Found:
    """Measure all networks on every kind of judgments that was given."""
    shared = _shared_objects(candidates)
    on_choices, on_posterior, on_people = rng.spawn(3)
    found = _Found(Rows.of(candidates), len(shared))
    if choices is not None:
        if isinstance(choices, str | Path):
            files["choices"] = Path(choices)
        name, table = str(files.get("choices", "choices")), read_judgments(choices)
        asked = asked_of(table, name, labels, candidates)
        for judged, child in zip(asked, on_choices.spawn(len(asked)), strict=True):
            found.judged[judged.name] = counts_of(judged)
            found.measured.extend(_on_choices(candidates, judged, child, resamples, found.rows))
    if posterior is not None:
        found.measured.append(_on_posterior(candidates, posterior, shared, on_posterior))
    rdm, _, lacking = with_features(*read_people(*people, files), shared)
    if rdm is not None:
        one, summary, means = _on_people(candidates, rdm, on_people)
        left_out = summary.left_out | ({"objects": lacking} if lacking else {})
        found.judged["rdm"] = Judged(
            kind="dissimilarity",
            participants=summary.participants,
            objects=summary.objects,
            items=summary.pairs,
            left_out=left_out,
        )
        found.measured.append(one)
        found.rows.add("rdm.ceiling", summary.ceiling)
        for candidate, mean in zip(candidates, means, strict=True):
            found.rows.add("rdm.per_person.mean", mean, model=candidate.name)
    return found


def _shared_objects(candidates: Sequence[Candidate]) -> set[str]:
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


def _on_choices(
    candidates: Sequence[Candidate],
    judged: Judgments,
    rng: np.random.Generator,
    resamples: int,
    rows: Rows,
) -> Iterator[_Measured]:
    """Measure agreement with choices and majorities, over all and in parts."""
    on_halves, on_resamples, on_ceilings, on_votes = rng.spawn(4)
    scored = score_choices(candidates, judged, on_halves)
    for of in scored:
        rows.add(f"{judged.name}.temperature", of.temperature, model=of.candidate.name)
    limits = ceilings(judged, on_ceilings)
    reasons = limits["missing"].items()
    rows.missing |= {name: why for name, why in reasons if name in _CEILINGS}
    boot = TwoWayBootstrap(judged.participants, judged.things, on_resamples, resamples=resamples)
    hits, losses = (np.stack([getattr(of, name) for of in scored]) for name in ("hits", "losses"))
    votes, of_votes, on_majority = None, np.zeros(0, dtype=bool), None
    if judged.noun == "triplet":
        cast = votes_of(judged)
        votes = np.stack([candidate_majority_scores(of.candidate, judged, cast) for of in scored])
        of_votes = ~np.isnan(votes[0])
        if of_votes.sum() > 1:
            nobody = np.zeros(int(of_votes.sum()), dtype=np.int64)
            on_majority = TwoWayBootstrap(
                nobody, cast.sets[of_votes], on_votes, resamples=resamples
            )
    first = first_of(judged.number)
    parts = [("", limits, np.ones(len(judged.answer), dtype=bool))]
    parts += [
        (f"{group}: {subset}", limits["groups"][group][subset], of == subset)
        for group, of in judged.groups.items()
        for subset in subset_names(of)
    ]
    for level, of_part, some in parts:
        part = boot.within(some)
        yield _of_scores("accuracy", hits[:, some], part, judged, level, of_part)
        yield _of_scores("log_loss", losses[:, some], part, judged, level, of_part)
        here = some[first] & of_votes if votes is not None else of_votes
        if votes is not None and on_majority is not None and here.sum() > 1:
            within = on_majority.within(here[of_votes])
            yield _of_scores("majority", votes[:, here], within, judged, level, of_part)


def _of_scores(
    name: str, scores: Floats, boot: TwoWayBootstrap, judged: Judgments, level: str, of: Figures
) -> _Measured:
    """Scores of choices or triplets, (networks, n), and what they are held against."""
    published = (of.get("published") or {}).get("leave_one_out")
    limits: dict[str, Interval | float | None]
    if name == "accuracy":
        limits = {"chance": 1 / judged.options, "best": of["oracle"], "leave_one_out": published}
    elif name == "log_loss":
        limits = {"chance": float(np.log(judged.options)), "best": of.get("entropy")}
    else:
        drawn = of["majority_drawn"]
        limits = {"best": drawn["accepted"], "leave_one_out": published} if drawn else {}
    own = [boot.interval(of_network) for of_network in scores]
    if name != "log_loss":
        own = [interval.within(0.0, 1.0) for interval in own]
    unit, count = "nats" if name == "log_loss" else "share", scores.shape[1]
    measure = f"{judged.name}.{name}"
    return _Measured(measure, tuple(own), boot.joint(scores), count, level, unit, limits)


def _dissimilarities(candidates: Sequence[Candidate], ids: Sequence[str]) -> list[Floats]:
    return [-similarity_matrix(c.features.select(ids, c.name), c.similarity) for c in candidates]


def _on_posterior(
    candidates: Sequence[Candidate],
    posterior: "Posterior",
    shared: set[str],
    rng: np.random.Generator,
) -> _Measured:
    """Correlation with the draws of a posterior; its own mean is the best that is possible."""
    ids = [name for name in posterior.ids if name in shared]
    if len(ids) < FEWEST_OBJECTS:
        raise TwoalikeError(
            where=posterior.path or "posterior",
            expected=f"at least {FEWEST_OBJECTS} objects that all networks have features of",
            found=f"{len(ids)} of {len(posterior.ids)}",
            remedy="Compute features of the objects under the ids of the posterior.",
        )
    own_mean, n = np.zeros((len(ids), len(ids))), 0
    for draw in dissimilarity_draws(posterior, ids):
        own_mean, n = own_mean + draw, n + 1
    models = [*_dissimilarities(candidates, ids), own_mean / n]
    values, total = posterior_covariance(models, dissimilarity_draws(posterior, ids))
    *own, best = (
        Interval(value, value - half, value + half)
        for value, half in zip(values.tolist(), Z95 * np.sqrt(np.diagonal(total)), strict=True)
    )
    joint = JointEstimates.from_covariance(
        values[:-1], total[:-1, :-1], max(len(ids) / 2 - 1, 1.0), rng
    )
    limits: dict[str, Interval | float | None] = {"chance": 0.0, "best": best}
    return _Measured("posterior.spearman", tuple(own), joint, len(ids), limits=limits)


def _on_people(
    candidates: Sequence[Candidate], rdm: RdmTable, rng: np.random.Generator
) -> tuple[_Measured, Any, list[float]]:
    """Correlation with the mean person; the people, and the mean over single persons."""
    people, scores, covariance = compare_structure(candidates, rdm)
    own = tuple(of["spearman"] for of in scores)
    values = np.array([of.value for of in own])
    joint = JointEstimates.from_covariance(values, covariance, _freedom(people), rng)
    found = _Measured("rdm.spearman", own, joint, people.objects, limits={"chance": 0.0})
    return found, people, [of["per_person"]["mean"] for of in scores]


def _freedom(people: People) -> float:
    """Degrees of freedom over people, or over pairs of objects that have none in common."""
    groups = people.objects / 2
    if people.participants > 1:
        groups = min(groups, people.participants)
    return max(groups - 1, 1.0)


def _rank(
    candidates: Sequence[Candidate], found: _Found, against: str | None
) -> tuple[list[int], int]:
    """Order the networks by the first measure, and add every score with its rank to the rows."""
    order = np.argsort(-found.measured[0].joint.values, kind="stable").tolist()  # no log-loss
    names = [one.name for one in candidates]
    reference = order[0] if against is None else names.index(against)
    for of in found.measured:
        _add(of, names, order, reference, found.rows, named=against is not None)
    return order, reference


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
    ranks = every.ranks(high_is_good=not of.measure.endswith("log_loss"))
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
