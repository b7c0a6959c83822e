"""From networks and people's judgments to :class:`~twoalike.results.Results`.

Agreement with people (:mod:`twoalike.evaluation`), and beside it: the same in parts
(``agreement``), how well any model could agree (``ceilings``), calibration and uncertainty
(``uncertainty``), what alignment did to the similarity structure (``structure``), and what else
the features are good for (``transfer``). A part whose inputs are not there is None, and
``missing`` says what it needs.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from twoalike.calibration import uncertainty
from twoalike.ceilings import ceilings, majority_agreement, majority_scores, votes_of
from twoalike.evaluation import (
    CHANCE_ACCURACY,
    CHANCE_LOG_LOSS,
    Candidate,
    ChoiceScores,
    Judgments,
    PeopleScores,
    Scored,
    Similarity,
    TwoWayBootstrap,
    by_category,
    by_participant,
    check_names,
    compare_choices,
    compare_structure,
    judgments_of,
    score_choices,
    triplet_similarities,
)
from twoalike.judgments import JudgmentTable, RdmTable, is_scored, participant_index, read_judgments
from twoalike.results._inputs import (
    FeatureSource,
    Labels,
    LabelSource,
    Networks,
    as_features,
    read_labels,
    read_networks,
    read_people,
    student_candidates,
)
from twoalike.results._model import (
    AgreementParts,
    Chance,
    JudgmentCounts,
    ModelScores,
    Results,
    TransferResults,
)
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
from twoalike.transfer import TransferSettings, compare_transfer

if TYPE_CHECKING:
    from twoalike.embedding import Posterior

NEEDS = {
    "agreement": "needs choices",
    "ceilings": "needs choices",
    "uncertainty": "needs choices",
    "structure": "needs two networks, dissimilarities, arrangements or a posterior",
    "transfer": "needs labels of the objects",
}
"""Parts that may be missing, and what they need."""
MOST_CATEGORIES = 60
"""At levels with more, each is in few choices and is not scored by itself."""


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
    posterior: "str | Path | Posterior | None" = None,
    objects: str | Path | None = None,
    labels: LabelSource | None = None,
    similarity: Similarity | None = None,
    seed: int = 0,
    resamples: int = 2000,
    out: str | Path | None = None,
) -> Results:
    """Score networks, side by side, against people's choices, dissimilarities or both.

    Accuracy of the odd one out (ties count 1/k), log-loss after one temperature fitted on other
    choices, Spearman's correlation with dissimilarities; each with a 95 % interval over
    participants and objects, and its difference to the first network. Beside them how well any
    model could agree with these people, calibration, what changed in the similarity structure and,
    with ``labels``, what else the features are good for.

    Parameters
    ----------
    features
        Name of each network -> its features, or pairs of these, or
        :class:`~twoalike.evaluation.Candidate` objects. Features are a file, a FeatureTable, a
        frame whose index holds the object ids, or a pair of ids and an array of shape (m, p). The
        first network is the one that the others are compared with.
    baseline
        Name and features of the network that the others are compared with, if it is not the first.
    model, images
        A student's folder, and the images of the objects: it is scored, and its base network.
    ceiling
        Where answers were simulated: name and embedding of the true observer.
    choices, arrangements
        Tables of judgments, or their files (.parquet).
    rdm
        People's dissimilarities, instead of arrangements: a file (.mat, .npy, .npz, .csv), or a
        table that was read before.
    posterior
        A fitted embedding, or its file (.nc): its calibration and its similarities beside those of
        the networks.
    objects
        File of object ids, one a line: the order of ``rdm``, and of features in .npy.
    labels
        File (tab-separated, column id, then levels from coarse to fine), frame, or level -> object
        id -> label: scores also by kind of triplet and category. Structure and transfer are
        computed for labelled objects only: leave out those that a network learnt from.
    similarity
        ``cosine``: of features minus their mean over the objects scored. ``raw-cosine``: of
        features as they are. ``dot``: their dot product. None: that of a student is its own, which
        it was trained with, of any other network ``cosine``.
    resamples
        Bootstrap resamples for the scores on choices.
    out
        File to write (.json).

    Raises
    ------
    TwoalikeError
        If there is nothing to score, or to score on; an input cannot be read; an object has no
        features or no label.

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
        others = [base, *others, aligned]
    candidates += others
    if ceiling is not None:
        name, source = ceiling
        files |= {name: Path(source)} if isinstance(source, str | Path) else {}
        oracle = as_features(source, where, name)
        candidates.append(Candidate(name, oracle, "dot", role="ceiling", temperature=1.0))
    by_level = read_labels(labels, files)
    _check(candidates, by_level, choices, rdm, arrangements, posterior)
    files |= {"objects": where} if where else {}
    fitted = _posterior(posterior, files)
    measured = _measured(
        candidates, by_level, choices, (rdm, arrangements, objects), fitted, seed, resamples, files
    )
    config = {"resamples": resamples, "interval": 0.95}
    about = provenance("results", seed=seed, inputs=files, config=config)
    results = Results(**about, **measured)
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
    similarity: Similarity = "cosine",
    seed: int = 0,
    out: str | Path | None = None,
) -> TransferResults:
    """Measure how networks' features serve other tasks than similarity.

    Few-shot classification, linear probe, new subclasses of known superclasses, and the labels of
    nearest neighbours; each with a 95 % interval, and its difference to the first network on the
    same images.

    Parameters
    ----------
    features, objects, similarity, out
        As in :func:`evaluate`.
    labels
        As in :func:`evaluate`; the folders in the image ids unless given.
    only
        Ids of the images to use, or a file of them, one a line.
    others
        The same networks, by name, with features of another set of images of the same classes.
    settings
        How much is measured.

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
    choices: object,
    rdm: object,
    arrangements: object,
    posterior: object,
) -> None:
    """Refuse too little to score, or two networks of one name."""
    if not any(candidate.role == "model" for candidate in candidates):
        raise TwoalikeError("no model to score", remedy="Give `features=...` or `model=...`.")
    if arrangements is not None and rdm is not None:
        raise TwoalikeError(
            "`arrangements=...` and `rdm=...` are both people's dissimilarities",
            remedy="Give one of them.",
        )
    judged = (choices, rdm, arrangements, posterior)
    if not labels and all(source is None for source in judged):
        raise TwoalikeError(
            "no judgments to score on", remedy="Give `choices=...`, `rdm=...` or both."
        )
    check_names(candidates)


def _posterior(
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
    choices: JudgmentTable | None,
    people: tuple[Any, Any, Any],
    posterior: "Posterior | None",
    seed: int,
    resamples: int,
    files: dict[str, Path],
) -> dict[str, Any]:
    """Fields of :class:`Results` beside its provenance."""
    on_choices, on_people, on_structure = np.random.default_rng(seed).spawn(3)
    nets = [candidate for candidate in candidates if candidate.role == "model"]
    scores: Sequence[ChoiceScores] = [_NO_SCORES for _ in candidates]
    parts: dict[str, Any] = {"judgments": None, **dict.fromkeys(NEEDS)}
    if choices is not None:
        name = choices if isinstance(choices, str | Path) else "choices"
        if isinstance(choices, str | Path):
            files["choices"] = Path(choices)
        table = read_judgments(choices)
        scores, found = _on_choices(
            candidates, table, str(name), labels, posterior, on_choices, resamples
        )
        parts |= found
    rdm, evidence = read_people(*people, files)
    summary, agreement = None, None
    with_people: Sequence[PeopleScores | None] = [None for _ in candidates]
    if rdm is not None:
        summary, with_people = agreed = compare_structure(candidates, rdm, on_people)
        kept = [of for of, c in zip(agreed[1], candidates, strict=True) if c.role == "model"]
        agreement = (summary, kept)
        source = "rdm" if evidence is None else "arrangements"
        summary = summary.model_copy(update={"source": source})
    parts["rdm"] = summary
    labelled = _labelled(nets, labels) if labels else None
    if len(nets) > 1 or rdm is not None or posterior is not None:
        parts["structure"] = structure(
            nets,
            on_structure,
            rdm=rdm,
            evidence=evidence,
            agreement=agreement,
            posterior=posterior,
            labels=labels or None,
            ids=labelled,
        )
    if labels:
        parts["transfer"] = compare_transfer(nets, labels, ids=labelled, seed=seed)
    models = tuple(map(_described, candidates, scores, with_people))
    missing = {part: NEEDS[part] for part in NEEDS if parts[part] is None}
    return {**parts, "models": models, "missing": missing}


_NO_SCORES = ChoiceScores(
    accuracy=None, log_loss=None, temperature=None, difference=None, gap_closed=None, groups={}
)


def _described(candidate: Candidate, scores: ChoiceScores, rdm: PeopleScores | None) -> ModelScores:
    return ModelScores(
        name=candidate.name,
        role=candidate.role,
        similarity=candidate.similarity,
        features=dict(candidate.features.meta),
        rdm=rdm,
        **dict(scores),
    )


def _on_choices(
    candidates: Sequence[Candidate],
    table: pd.DataFrame,
    name: str,
    labels: Labels,
    posterior: "Posterior | None",
    rng: np.random.Generator,
    resamples: int,
) -> tuple[list[ChoiceScores], dict[str, Any]]:
    """Scores of every model, and the parts of the results that need choices."""
    on_halves, on_resamples, on_parts, on_ceilings, on_uncertainty = rng.spawn(5)
    judged, left_out = judgments_of(table, name)
    _check_labels(judged, labels)
    judged = judged.with_labels(
        {level: [by_id[name] for name in judged.ids] for level, by_id in labels.items()}
    )
    scored = score_choices(candidates, judged, on_halves)
    boot = TwoWayBootstrap(judged.participants, judged.triplets, on_resamples, resamples=resamples)
    rows = table[is_scored(table)]
    seconds = rows["response_time"].to_numpy(np.float64, na_value=np.nan)
    coarsest = next(iter(labels.values()), None)
    # Independent of each other, each seconds of sorting and counting for a million choices.
    with ThreadPoolExecutor() as pool:
        parts: dict[str, Future[Any]] = {
            "agreement": pool.submit(
                agreement_parts, scored, judged, participant_index(rows)[1], labels, boot, on_parts
            ),
            "ceilings": pool.submit(ceilings, judged, on_ceilings, choices=table, labels=coarsest),
            "uncertainty": pool.submit(
                uncertainty,
                scored,
                judged,
                boot,
                on_uncertainty,
                response_times=None if np.isnan(seconds).all() else seconds,
                posterior=_probabilities(posterior, judged, rows["participant"]),
            ),
        }
        scores = compare_choices(scored, judged, boot)
        found = {part: future.result() for part, future in parts.items()}
    return scores, {"judgments": _summary(judged, left_out), **found}


def _check_labels(judged: Judgments, labels: Labels) -> None:
    """Refuse labels that lack a judged object at some level."""
    for level, by_id in labels.items():
        unknown = [name for name in judged.ids if name not in by_id]
        if unknown:
            raise TwoalikeError(
                f"object {unknown[0]!r} has no label at level {level!r}",
                remedy="The table of labels must cover all judged objects.",
            )


def _probabilities(
    posterior: "Posterior | None", judged: Judgments, people: "pd.Series[str]"
) -> Floats | None:
    """Answers to every choice by the posterior, with participants' own noise where it knows it.

    None where there is no posterior, or it does not know all objects judged.
    """
    if posterior is None or not set(judged.ids) <= set(posterior.ids):
        return None
    place = {name: row for row, name in enumerate(posterior.ids)}
    rows = np.array([place[name] for name in judged.ids])
    person = {name: row for row, name in enumerate(posterior.participants)}
    known = np.array([person.get(name, -1) for name in people.astype(str)])
    triplets = rows[judged.triplets]
    return posterior.choice_probabilities(triplets, lapse=True, participants=known)


def _summary(judged: Judgments, left_out: dict[str, int]) -> JudgmentCounts:
    return JudgmentCounts(
        choices=len(judged.chosen),
        participants=int(judged.participants.max()) + 1,
        objects=len(np.unique(judged.triplets)),
        triplets=len(judged.numbers[0]),
        left_out=left_out,
        chance=Chance(accuracy=CHANCE_ACCURACY, log_loss=CHANCE_LOG_LOSS),
    )


def agreement_parts(
    scored: Sequence[Scored],
    judged: Judgments,
    people: Sequence[str],
    labels: Labels,
    boot: TwoWayBootstrap,
    rng: np.random.Generator,
    *,
    resamples: int = 1000,
) -> tuple[AgreementParts, ...]:
    """Agreement of every model by participant and category, and with majorities."""
    scores = [(of.hits, of.losses) for of in scored]
    categories: list[dict[str, Any]] = [{} for _ in scored]
    for level, names in _of_few(labels, judged):
        for own, found in zip(
            categories, by_category(scores, judged.triplets, names, boot), strict=True
        ):
            own[level] = found
    cast = votes_of(judged)
    draws = int(rng.integers(2**63))  # the same majorities for every candidate
    parts = []
    for of, by_level in zip(scored, categories, strict=True):
        values = of.candidate.features.select(judged.ids, of.candidate.name)
        alike = triplet_similarities(values, cast.triplets, of.candidate.similarity)
        of_votes, of_resamples = np.random.default_rng(draws).spawn(2)
        # The odd one of a pair is the object outside it: pairs are in the reverse order of objects.
        named = majority_scores(alike[:, ::-1], cast, of_votes)
        by_person = None
        if judged.known_people:
            by_person = by_participant(of.hits, of.losses, judged.participants, people)
        parts.append(
            AgreementParts(
                participants=by_person,
                categories=by_level,
                majority=majority_agreement(named, cast, of_resamples, resamples=resamples),
            )
        )
    return tuple(parts)


def _of_few(labels: Labels, judged: Judgments) -> Iterator[tuple[str, list[str]]]:
    """Levels of two to :data:`MOST_CATEGORIES` categories, with that of each object or ""."""
    for level, category_of in labels.items():
        names = ["" if category_of[name] == MISSING else category_of[name] for name in judged.ids]
        if 1 < len(set(names) - {""}) <= MOST_CATEGORIES:
            yield level, names


def _labelled(nets: Sequence[Candidate], labels: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Images of the first network that have a label at every level."""
    ids = nets[0].features.ids
    found = [
        name
        for name in ids
        if all(by_id.get(name, MISSING) != MISSING for by_id in labels.values())
    ]
    if not found:
        raise TwoalikeError(
            f"none of {counted(len(ids), 'object')} of {nets[0].name}, first {ids[0]!r}, has a "
            f"label at every level ({', '.join(labels)})",
            remedy="Give labels of these objects.",
        )
    return found
