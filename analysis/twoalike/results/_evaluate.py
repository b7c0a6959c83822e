"""From networks and people's judgments to :class:`~twoalike.results.Results`.

Agreement with people (:mod:`twoalike.evaluation`), and beside it: the same in parts
(``agreement``), how well any model could agree (``ceilings``), calibration and uncertainty
(``uncertainty``), what alignment did to the similarity structure (``structure``), and what else
the features are good for (``transfer``). A part whose inputs are not there is None, and
``missing`` says what it needs.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from twoalike.choice import ChoiceKind
from twoalike.evaluation import (
    Candidate,
    ChoiceScores,
    People,
    PeopleScores,
    Similarity,
    check_names,
    compare_people,
    compare_structure,
    kinds_of,
    score_ratings,
    score_sortings,
)
from twoalike.judgments import JudgmentKind, JudgmentTable, RdmTable, read_judgments, split_sets
from twoalike.results._inputs import (
    FeatureSource,
    Networks,
    as_features,
    read_networks,
    read_people,
    recognised,
    student_candidates,
)
from twoalike.results._judged import NO_SCORES, on_choices, on_rated, on_sets
from twoalike.results._model import KindResults, ModelScores, Results, TransferResults
from twoalike.rsa import structure
from twoalike.study import (
    MISSING,
    Floats,
    TwoalikeError,
    check_output,
    counted,
    provenance,
    read_ids,
)
from twoalike.tables import Labels, LabelSource, read_labels
from twoalike.transfer import TransferSettings, compare_transfer, few_shot_ability

if TYPE_CHECKING:
    from twoalike.embedding import Posterior

NEEDS = {
    "agreement": "needs choices among three items",
    "ceilings": "needs choices among three items",
    "uncertainty": "needs choices among three items",
    "structure": "needs two networks, dissimilarities, arrangements or a posterior",
    "transfer": "needs labels of the objects",
}
"""Parts that may be missing, and what they need."""
FEWEST_OBJECTS = 4
"""With fewer, dissimilarities have no structure to compare."""


def evaluate(
    features: Networks = (),
    *,
    baseline: tuple[str, FeatureSource] | None = None,
    model: str | Path | None = None,
    images: str | Path | None = None,
    ceiling: tuple[str, FeatureSource] | None = None,
    choices: JudgmentTable | None = None,
    arrangements: str | Path | pd.DataFrame | None = None,
    rdm: str | Path | RdmTable | None = None,
    ratings: JudgmentTable | None = None,
    sortings: JudgmentTable | None = None,
    posterior: "str | Path | Posterior | None" = None,
    objects: str | Path | None = None,
    labels: LabelSource | None = None,
    classes: LabelSource | None = None,
    similarity: Similarity | None = None,
    exclude_seen: bool = False,
    seed: int = 0,
    resamples: int = 2000,
    out: str | Path | None = None,
) -> Results:
    """Score networks, side by side, against people's judgments of any kind.

    The scores are the accuracy of the odd one out (ties count 1/k), the log-loss with a temperature
    fitted to other choices, Spearman's correlation with dissimilarities and ratings, and the area
    under the curve for sorting into one pile. Each score has a 95 % interval over participants and
    objects, and a difference from the first network. The results also show how well any model could
    agree with these people, calibration, changes of the similarity structure and, with ``labels``,
    how useful the features are for other tasks. The tables show the main numbers; the file contains
    all. Judgments of objects that some network has no features of are left out and counted. Without
    a network, ``rdm`` or ``arrangements`` give people's noise ceiling.

    Parameters
    ----------
    features
        Name of each network -> its features, or pairs of these, or
        :class:`~twoalike.evaluation.Candidate` objects. Features are a file, a FeatureTable, a
        frame whose index holds the object ids, or a pair of ids and an array of shape (m, p). The
        first network is the one that the others are compared with.
    baseline
        Name and features of the network that the others are compared with, if it is not the first.
    model
        A student's folder: the whole vector and each of its parts (NAME:features and NAME:human)
        are scored. The network it started from is scored as well, and all others are compared with
        that network. Needs ``images``.
    images
        Folder with the images of the objects.
    ceiling
        Where answers were simulated: name and embedding of the true observer.
    choices
        Judgments (choices.parquet); odd-one-out, anchored and larger ones are scored apart.
    arrangements
        Multi-arrangement (arrangements.parquet), instead of ``rdm``.
    rdm
        People's dissimilarities (.mat, .npy, .npz, .csv, or the .parquet of twoalike import rdm).
    ratings
        Ratings of pairs (ratings.parquet).
    sortings
        Sortings into piles (sortings.parquet).
    posterior
        Fitted embedding (.nc): its calibration and similarities are shown beside the networks', and
        its predictions of ratings and sortings if it was fitted to any. Those of a frame count as
        those of the fit, each left out of what predicts it; of a file its checksum tells.
    objects
        Object ids, one per line: the order of ``rdm``, and of features in .npy.
    labels
        Table of labels (tab-separated, column id, then levels), such as stimuli.tsv. Adds scores by
        kind of triplet (within, boundary, between) at each level, changes of distances, few-shot
        classification and shifts to new subclasses. These are computed only for the objects in the
        table: leave out those that a network was trained on.
    classes
        Table of classes of images, in the form of ``labels``: adds few-shot classification beside
        the likeness, of all images that every network has features of. If left out, ``labels``, or
        else the folders of the images.
    similarity
        ``cosine``: of features minus their mean over the scored objects. ``raw-cosine``: of
        unchanged features. ``dot``: dot product. If left out, raw-cosine for students, whose origin
        was learnt, and cosine for other networks.
    exclude_seen
        Leave out, and count, judgments that a student, by way of its teacher, or the posterior was
        fitted to: those of the same participant about the same items, whatever the answer.
    seed
        Seed of the halves for the temperature and of the resamples.
    resamples
        Bootstrap resamples for the scores on choices.
    out
        Results to write (.json).

    Raises
    ------
    TwoalikeError
        If there is nothing to score, or too little to score on; an input cannot be read; none of
        the judged objects has a label.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> ids = [f"o{number}" for number in range(12)]
    >>> kinds = {"kind": {name: "ab"[number % 2] for number, name in enumerate(ids)}}
    >>> networks = {name: (ids, rng.normal(size=(12, 4))) for name in ("base", "aligned")}
    >>> evaluate(networks, labels=kinds)
    <Results: base, aligned; structure, transfer>
    """
    if out is not None:
        check_output(Path(out))
    files: dict[str, Path] = {}
    where = None if objects is None else Path(objects)
    candidates = read_networks([baseline] if baseline else (), where, similarity, files)
    others = read_networks(features, where, similarity, files)
    if model is not None:
        base, aligned = student_candidates(model, images, similarity)
        others = [base, *others, *aligned]
    candidates += others
    if ceiling is not None:
        name, source = ceiling
        files |= {name: Path(source)} if isinstance(source, str | Path) else {}
        oracle = as_features(source, where, name)
        candidates.append(Candidate(name, oracle, "dot", role="ceiling", temperature=1.0))
    by_level = read_labels(labels, files)
    by_class = read_labels(classes, files, "classes") or by_level
    _check(candidates, by_level, (choices, ratings, sortings), rdm, arrangements, posterior)
    files |= {"objects": where} if where else {}
    fitted = read_posterior(posterior, files)
    given: dict[JudgmentKind, JudgmentTable | None] = {
        "choices": choices,
        "arrangements": arrangements,
        "ratings": ratings,
        "sortings": sortings,
    }
    files |= {kind: Path(one) for kind, one in given.items() if isinstance(one, str | Path)}
    judged, seen = recognised(candidates, fitted, given, exclude=exclude_seen)
    people = (rdm, judged["arrangements"], objects)
    measured = _measured(candidates, by_level, judged, people, fitted, seed, resamples, files)
    nets = [one for one in candidates if one.role == "model"]
    measured["ability"] = few_shot_ability(nets, by_class, seed=seed) if nets else ()
    config = {"resamples": resamples, "interval": 0.95}
    about = provenance("results", seed=seed, inputs=files, config=config)
    results = Results(**about, **measured, seen=seen)
    if out is not None:
        results.save(out)
    return results


def transfer(
    features: Networks,
    *,
    objects: str | Path | None = None,
    labels: LabelSource | None = None,
    only: str | Path | Sequence[str] | None = None,
    others: Networks = (),
    settings: TransferSettings | None = None,
    similarity: Similarity | None = None,
    seed: int = 0,
    out: str | Path | None = None,
) -> TransferResults:
    """Measure how networks' features serve other tasks than similarity.

    The tasks are few-shot classification, a linear probe, new subclasses of known superclasses, and
    another set of images. Each score has a 95 % interval, and a difference from the
    first network on the same images. Intervals are for other classes; with fewer than 6 classes,
    they have a star and are for other images of the same classes. The file contains both.

    Parameters
    ----------
    features, similarity, out
        As in :func:`evaluate`.
    objects
        Image ids, one per line: the order of features in .npy.
    labels
        Table of labels (tab-separated, column id, then levels from coarse to fine), such as
        stimuli.tsv. Without it, an image's folders are its labels.
    only
        Ids of the images to use, one per line.
    others
        The same networks, by name, with features of another set of images of the same classes.
    settings
        How much is measured.
    seed
        Seed of episodes, folds and halvings.

    Raises
    ------
    TwoalikeError
        If there is no network, an input cannot be read, an image has no features or no label, or
        features are NaN or the same for all images.
    """
    if out is not None:
        check_output(Path(out))
    files: dict[str, Path] = {}
    where = None if objects is None else Path(objects)
    candidates = read_networks(features, where, similarity, files)
    of_others: dict[str, Path] = {}
    other_set = read_networks(others, None, similarity, of_others)
    files |= {f"other {role}": path for role, path in of_others.items()}
    by_level = read_labels(labels, files)
    files |= {"objects": where} if where else {}
    if isinstance(only, str | Path):
        files["only"] = Path(only)
        only = read_ids(Path(only))
    found = compare_transfer(
        candidates, by_level, ids=only, others=other_set, settings=settings, seed=seed
    )
    parts = found.model_dump(exclude_unset=True)
    config = {**parts.pop("settings"), "similarity": similarity, "interval": 0.95}
    about = provenance("transfer", seed=seed, inputs=files, config=config)
    measured = {name: getattr(found, name) for name in parts}
    results = TransferResults(**about, **measured)
    if out is not None:
        results.save(out)
    return results


def _check(
    candidates: Sequence[Candidate],
    labels: Labels,
    judgments: tuple[object, ...],
    rdm: object,
    arrangements: object,
    posterior: object,
) -> None:
    """Refuse too little to score, or two networks of one name."""
    of_networks = [
        *candidates,
        *labels,
        *(one for one in (*judgments, posterior) if one is not None),
    ]
    no_people = rdm is None and arrangements is None
    if (of_networks or no_people) and all(one.role != "model" for one in candidates):
        raise TwoalikeError(
            "no model to score",
            remedy="Give `features=...` or `model=...`; without them, `rdm=...` or "
            "`arrangements=...` alone show how far people agree.",
        )
    if arrangements is not None and rdm is not None:
        raise TwoalikeError(
            "`arrangements=...` and `rdm=...` are both people's dissimilarities",
            remedy="Give one of them.",
        )
    judged = (*judgments, rdm, arrangements, posterior)
    if not labels and all(source is None for source in judged):
        raise TwoalikeError(
            "no judgments to score on",
            remedy="Give `choices=...`, `rdm=...`, `ratings=...` or `sortings=...`.",
        )
    check_names(candidates)


def read_posterior(
    source: "str | Path | Posterior | None", files: dict[str, Path]
) -> "Posterior | None":
    """Read a fitted embedding, if one is given as a file."""
    if not isinstance(source, str | Path):
        return source
    from twoalike.embedding import as_posterior

    files["posterior"] = Path(source)
    return as_posterior(source)


def _measured(
    candidates: Sequence[Candidate],
    labels: Labels,
    judged: Mapping[JudgmentKind, JudgmentTable | None],
    people: tuple[Any, Any, Any],
    posterior: "Posterior | None",
    seed: int,
    resamples: int,
    files: dict[str, Path],
) -> dict[str, Any]:
    """Fields of :class:`Results` beside its provenance."""
    of_choices, _, of_structure, of_anchored, of_sets, of_rated, of_sorted = np.random.default_rng(
        seed
    ).spawn(7)
    shared = common_objects(candidates) if candidates else set()
    nets = [candidate for candidate in candidates if candidate.role == "model"]
    scores: Sequence[ChoiceScores] = [NO_SCORES for _ in candidates]
    parts: dict[str, Any] = {"judgments": None, **dict.fromkeys(NEEDS)}
    if (choices := judged["choices"]) is not None:
        name = files.get("choices", "choices")
        table, larger = split_sets(read_judgments(choices))
        kinds = kinds_of(table)
        if len(larger):
            parts["sets"] = on_sets(candidates, larger, of_sets)
        first: ChoiceKind = kinds[0] if kinds else "odd_one_out"
        inputs = (candidates, table, str(name), labels, posterior, shared, resamples)
        if kinds or not parts.get("sets"):
            scores, found = on_choices(first, *inputs, of_choices)
            parts |= found
        for kind in kinds[1:]:
            of_kind, found = on_choices(kind, *inputs, of_anchored)
            parts[kind] = KindResults(models=tuple(of_kind), **found)
    if (ratings := judged["ratings"]) is not None:
        rated = (candidates, ratings, posterior, of_rated)
        parts["ratings"] = on_rated("ratings", score_ratings, *rated)
    if (sortings := judged["sortings"]) is not None:
        piled = (candidates, sortings, posterior, of_sorted)
        parts["sortings"] = on_rated("sortings", score_sortings, *piled)
    people_given = with_features(*read_people(*people, files), shared if candidates else None)
    rdm, evidence, _ = people_given
    parts["rdm"], with_people = _on_people(candidates, *people_given)
    labelled = _labelled(nets, labels) if labels else None
    if len(nets) > 1 or (nets and rdm is not None) or posterior is not None:
        scored = zip(with_people, candidates, strict=True)
        of_nets = [of for of, candidate in scored if of and candidate.role == "model"]
        parts["structure"] = structure(
            nets,
            of_structure,
            rdm=rdm,
            evidence=evidence,
            agreement=(parts["rdm"], of_nets) if rdm is not None else None,
            posterior=posterior,
            labels=labels or None,
            ids=labelled,
        )
    if labels:
        parts["transfer"] = compare_transfer(nets, labels, ids=labelled, seed=seed)
    models = tuple(map(_described, candidates, scores, with_people))
    missing = {part: NEEDS[part] for part in NEEDS if parts[part] is None}
    return {**parts, "models": models, "missing": missing}


def _on_people(
    candidates: Sequence[Candidate],
    rdm: RdmTable | None,
    evidence: Floats | None,
    lacking: int,
) -> tuple[People | None, Sequence[PeopleScores | None]]:
    """Agreement of people with each other, and of every network with them."""
    if rdm is None:
        return None, [None for _ in candidates]
    if candidates:
        summary, scores = compare_structure(candidates, rdm)
    else:
        summary, scores = compare_people(rdm)[0], []
        if summary.ceiling is None:
            raise TwoalikeError(
                where="dissimilarities",
                expected="two people or more, whose agreement is measured without a network",
                found="one",
                remedy="Give `features=...` or `model=...` to score a network.",
            )
    source = "rdm" if evidence is None else "arrangements"
    left_out = summary.left_out | ({"objects": lacking} if lacking else {})
    return summary.model_copy(update={"source": source, "left_out": left_out}), scores


def _described(candidate: Candidate, scores: ChoiceScores, rdm: PeopleScores | None) -> ModelScores:
    return ModelScores(
        name=candidate.name,
        role=candidate.role,
        similarity=candidate.similarity,
        features={name: v for name, v in candidate.features.meta.items() if name != "judged"},
        rdm=rdm,
        **dict(scores),
    )


def common_objects(candidates: Sequence[Candidate]) -> set[str]:
    """Objects that every network has features of."""
    return set.intersection(*(set(candidate.features.ids) for candidate in candidates))


def with_features(
    rdm: RdmTable | None, evidence: Floats | None, shared: set[str] | None
) -> tuple[RdmTable | None, Floats | None, int]:
    """Dissimilarities, and the evidence, of the objects with features; how many have none."""
    if rdm is None or rdm.ids is None or shared is None:
        return rdm, evidence, 0
    rows = [row for row, name in enumerate(rdm.ids) if name in shared]
    lacking = len(rdm.ids) - len(rows)
    if not lacking:
        return rdm, evidence, 0
    if len(rows) < FEWEST_OBJECTS:
        raise TwoalikeError(
            where="dissimilarities",
            expected=f"at least {FEWEST_OBJECTS} objects that all networks have features of",
            found=f"{len(rows)} of {len(rdm.ids)}",
            remedy="Compute features of the objects under the ids of the dissimilarities.",
        )
    square = np.ix_(np.arange(len(rdm.values)), rows, rows)
    ids = tuple(rdm.ids[row] for row in rows)
    kept = RdmTable(rdm.values[square], ids, rdm.participants)
    return kept, None if evidence is None else evidence[square], lacking


def _labelled(nets: Sequence[Candidate], labels: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Images of the first network that the others have, too, with a label at every level."""
    shared = common_objects(nets)
    ids = [name for name in nets[0].features.ids if name in shared]
    found = [
        name
        for name in ids
        if all(by_id.get(name, MISSING) != MISSING for by_id in labels.values())
    ]
    if not found:
        raise TwoalikeError(
            f"none of {counted(len(ids), 'object')} that all networks have features of has a "
            f"label at every level ({', '.join(labels)})",
            remedy="Give labels of these objects.",
        )
    return found
