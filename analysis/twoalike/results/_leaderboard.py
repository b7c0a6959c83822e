"""From many networks and one set of people's judgments to a leaderboard.

All networks are scored on the same judgments: those of objects that every one has features of. One
bootstrap moves all their scores together, so that differences are paired, and is corrected for
their number (:class:`~twoalike.evaluation.JointEstimates`). Networks are put into the order of
their names first: nothing depends on the order in which they were given.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twoalike.ceilings import SubsetCeilings, candidate_majority_scores, ceilings, votes_of
from twoalike.choice import ChoiceKind
from twoalike.evaluation import (
    Z95,
    Candidate,
    Interval,
    JointEstimates,
    Judgments,
    People,
    Scored,
    Similarity,
    TwoWayBootstrap,
    first_of,
    joint_structure,
    judgments_of,
    kinds_of,
    score_choices,
    similarity_matrix,
    subset_names,
)
from twoalike.judgments import JudgmentTable, RdmTable, read_judgments, split_sets
from twoalike.results._board import (
    Board,
    Leaderboard,
    LeaderboardConfig,
    Limit,
    MeasureName,
    RankedNetwork,
    Standing,
)
from twoalike.results._evaluate import FEWEST_OBJECTS, common_objects, read_posterior, with_features
from twoalike.results._inputs import ManyNetworks, read_people, read_ranked
from twoalike.results._judged import check_labels, counts_of, labels_of
from twoalike.rsa import dissimilarity_draws, posterior_covariance
from twoalike.study import (
    Booleans,
    Floats,
    Integers,
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
    from twoalike.results._model import JudgmentCounts

_LEVEL = 0.95
_CEILINGS = ("oracle", "published")


@dataclass(frozen=True, eq=False)
class _Measured:
    """A board without its networks' ranks, and what these come from."""

    board: dict[str, Any]
    scores: tuple[Interval, ...]
    joint: JointEstimates


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

    Raises
    ------
    TwoalikeError
        If there are fewer than two networks or no judgments, two networks have one name,
        ``against`` is none of them, an input cannot be read, or they have too few objects in
        common with each other or with the judgments.

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
    config = LeaderboardConfig(resamples=resamples, interval=_LEVEL, against=against)
    about = provenance("leaderboard", seed=seed, inputs=files, config=config.model_dump())
    ranked = _ranked(candidates, found, against)
    by_name = {one.name: one for one in candidates}
    in_order = [by_name[of.name] for of in ranked["networks"]]
    ability = few_shot_ability(in_order, by_class, seed=seed)
    result = Leaderboard(**about, **ranked, ability=ability)
    if out is not None:
        result.save(out)
    return result


@dataclass(frozen=True)
class _Found:
    """What was measured of the networks."""

    measured: list[_Measured]
    judgments: tuple["JudgmentCounts", ...]
    about: list[dict[str, Any]]
    """Of each network: temperature, mean correlation with single persons."""
    more: dict[str, Any]
    objects: int


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
    measured: list[_Measured] = []
    judgments: list[JudgmentCounts] = []
    about: list[dict[str, Any]] = [{} for _ in candidates]
    more: dict[str, Any] = {"missing": {}}
    if choices is not None:
        name = str(choices) if isinstance(choices, str | Path) else "choices"
        if isinstance(choices, str | Path):
            files["choices"] = Path(choices)
        table = split_sets(read_judgments(choices))[0]
        kinds: list[ChoiceKind] = kinds_of(table) or ["odd_one_out"]
        for kind in kinds:
            judged, left_out, _ = judgments_of(table, name, kind, shared)
            judged = _labelled(judged, labels)
            judgments.append(counts_of(judged, left_out))
            scored = score_choices(candidates, judged, on_choices)
            if len(judgments) == 1:
                about = [{"temperature": of.temperature} for of in scored]
            found, missing = _on_choices(scored, judged, on_choices, resamples)
            measured += found
            more["missing"] |= missing
    if posterior is not None:
        measured.append(_on_posterior(candidates, posterior, shared, on_posterior))
    rdm, _, lacking = with_features(*read_people(*people, files), shared)
    if rdm is not None:
        one, summary, means = _on_people(candidates, rdm, on_people)
        left_out = summary.left_out | ({"objects": lacking} if lacking else {})
        more["people"] = summary.model_copy(update={"left_out": left_out})
        measured.append(one)
        about = [of | {"per_person": mean} for of, mean in zip(about, means, strict=True)]
    return _Found(measured, tuple(judgments), about, more, len(shared))


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


def _labelled(judged: Judgments, labels: Labels) -> Judgments:
    check_labels(judged, labels)
    return judged.with_labels({level: labels_of(judged, by_id) for level, by_id in labels.items()})


def _on_choices(
    scored: Sequence[Scored], judged: Judgments, rng: np.random.Generator, resamples: int
) -> tuple[list[_Measured], dict[str, str]]:
    """Measure agreement with choices and majorities, over all and in parts; what is missing."""
    on_resamples, on_ceilings, _, on_triplets = rng.spawn(4)
    limits = ceilings(judged, on_ceilings)
    boot = TwoWayBootstrap(judged.participants, judged.items, on_resamples, resamples=resamples)
    hits, losses = (np.stack([getattr(of, name) for of in scored]) for name in ("hits", "losses"))
    cast = votes_of(judged)
    named = [candidate_majority_scores(of.candidate, judged, cast) for of in scored]
    votes = _OfTriplets.of(np.stack(named), cast.sets, on_triplets, resamples)
    first = first_of(judged.number)
    found: list[_Measured] = []
    for group, subset, rows in _parts(judged):
        part = boot.within(rows)
        of_part = limits if subset is None else (limits.groups or {})[group or ""][subset]
        about = {"question": judged.kind, "group": group, "subset": subset}
        found += [
            _of_scores("accuracy", hits[:, rows], part, of_part, judged.options, about),
            _of_scores("log_loss", losses[:, rows], part, of_part, judged.options, about),
        ]
        if (of_votes := votes.within(rows[first])) is not None:
            found.append(_of_scores("majority", *of_votes, of_part, judged.options, about))
    missing = {name: why for name, why in limits.missing.items() if name in _CEILINGS}
    return found, missing


@dataclass(frozen=True, eq=False)
class _OfTriplets:
    """Scores against the majorities of those of m triplets that have enough votes."""

    scores: Floats
    """Shape (networks, kept)."""
    kept: Booleans
    """Triplets with enough votes, shape (m,)."""
    boot: TwoWayBootstrap | None
    """Resamples of objects; None without two triplets."""

    @classmethod
    def of(
        cls, scores: Floats, triplets: Integers, rng: np.random.Generator, resamples: int
    ) -> "_OfTriplets":
        """Keep the triplets that were scored; ``scores`` (networks, m) are NaN for others."""
        kept = ~np.isnan(scores[0])
        boot = None
        if kept.sum() > 1:
            nobody = np.zeros(int(kept.sum()), dtype=np.int64)
            boot = TwoWayBootstrap(nobody, triplets[kept], rng, resamples=resamples)
        return cls(scores[:, kept], kept, boot)

    def within(self, some: Booleans) -> tuple[Floats, TwoWayBootstrap] | None:
        """Scores and resamples of some of the triplets, (m,); None of fewer than two."""
        here = some[self.kept]
        if self.boot is None or here.sum() < 2:
            return None
        return self.scores[:, here], self.boot.within(here)


def _parts(judged: Judgments) -> Iterator[tuple[str | None, str | None, Booleans]]:
    """All choices, and every part of every group."""
    yield None, None, np.ones(len(judged.answer), dtype=bool)
    for group, subset_of in judged.groups.items():
        for subset in subset_names(subset_of):
            yield group, subset, subset_of == subset


def _of_scores(
    name: MeasureName,
    scores: Floats,
    boot: TwoWayBootstrap,
    limits: SubsetCeilings,
    options: int,
    about: dict[str, Any],
) -> _Measured:
    """Scores of choices or triplets, (networks, n), and what they are held against."""
    best: Interval | None = None
    loo, chance = None, None
    published = limits.published.leave_one_out if limits.published else None
    if name == "accuracy":
        best, loo, chance = limits.oracle, published, 1 / options
    elif name == "log_loss":
        best, chance = limits.entropy, float(np.log(options))
    elif limits.majority_drawn is not None:
        best, loo = limits.majority_drawn.accepted, published
    if best is not None:
        best = Interval(best.value, best.low, best.high)
    board = {"measure": name, **about, "count": scores.shape[1], "chance": chance}
    board |= {"best": best, "leave_one_out": loo}
    own = [boot.interval(of) for of in scores]
    if name != "log_loss":
        own = [of.within(0.0, 1.0) for of in own]
    return _Measured(board, tuple(own), boot.joint(scores))


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
    board = {"measure": "posterior", "count": len(ids), "best": best, "chance": 0.0}
    return _Measured(board, tuple(own), joint)


def _on_people(
    candidates: Sequence[Candidate], rdm: RdmTable, rng: np.random.Generator
) -> tuple[_Measured, Any, list[float]]:
    """Correlation with the mean person; the people, and the mean over single persons."""
    people, scores, covariance = joint_structure(candidates, rdm)
    own = tuple(of.spearman for of in scores)
    values = np.array([of.value for of in own])
    joint = JointEstimates.from_covariance(values, covariance, _freedom(people), rng)
    board = {"measure": "rdm", "count": people.objects, "chance": 0.0}
    return _Measured(board, own, joint), people, [of.per_person.mean for of in scores]


def _freedom(people: People) -> float:
    """Degrees of freedom over people, or over pairs of objects that have none in common."""
    groups = people.objects / 2
    if people.participants > 1:
        groups = min(groups, people.participants)
    return max(groups - 1, 1.0)


def _ranked(candidates: Sequence[Candidate], found: _Found, against: str | None) -> dict[str, Any]:
    """Fields of :class:`Leaderboard` beside its provenance."""
    first = found.measured[0].joint.values  # never the log-loss
    order = np.argsort(-first, kind="stable").tolist()
    names = [one.name for one in candidates]
    reference = order[0] if against is None else names.index(against)
    networks = [
        RankedNetwork(
            name=candidates[row].name,
            role="model",
            similarity=candidates[row].similarity,
            features=dict(candidates[row].features.meta),
            objects=len(candidates[row].features.ids),
            **found.about[row],
        )
        for row in order
    ]
    boards = [
        _board(of, names, order, reference, named=against is not None) for of in found.measured
    ]
    return {
        "reference": names[reference],
        "objects": found.objects,
        "networks": tuple(networks),
        "judgments": found.judgments,
        "boards": tuple(boards),
        **found.more,
    }


def _board(
    of: _Measured, names: Sequence[str], order: Sequence[int], reference: int, *, named: bool
) -> Board:
    """One measure with differences to the reference and ranks, networks in their order."""
    every = of.joint.compare(level=_LEVEL)
    compared = of.joint.compare(reference, _LEVEL) if named else every
    ranks = every.ranks(high_is_good=of.board["measure"] != "log_loss")
    standings = []
    for row in order:
        gain, half = (float(x[row, reference]) for x in (compared.difference, compared.half))
        other = row != reference
        standings.append(
            Standing(
                name=names[row],
                score=of.scores[row],
                difference=Interval(gain, gain - half, gain + half) if other else None,
                p=float(compared.p[row, reference]) if other else None,
                best_rank=ranks[row][0],
                worst_rank=ranks[row][1],
                above=_above(of.scores[row].value, of.board),
            )
        )
    return Board(**of.board, networks=tuple(standings))


def _above(score: float, board: Mapping[str, Any]) -> Limit | None:
    """Find what a score lies above: the best possible one, or people's agreement."""
    sign = -1 if board["measure"] == "log_loss" else 1
    limits: tuple[tuple[Limit, str], ...] = (
        ("best possible", "best"),
        ("leave-one-out", "leave_one_out"),
    )
    for name, field in limits:
        found = board.get(field)
        if found is not None and sign * score > sign * found.value:
            return name
    return None
