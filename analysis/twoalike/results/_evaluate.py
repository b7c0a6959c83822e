"""From networks and people's judgments to :class:`~twoalike.results.Results`.

Agreement with people, kind by kind of their judgments (:mod:`twoalike.results._judged`), and beside
it what alignment did to the similarity structure, and what else the features are good for. A part
whose inputs are not there has no rows, and ``missing`` says what it needs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from twoalike.evaluation import Candidate, Similarity, check_names, common_objects
from twoalike.judgments import JudgmentKind, JudgmentTable, RdmTable
from twoalike.results._frame import Rows
from twoalike.results._inputs import (
    FeatureSource,
    Networks,
    as_features,
    read_networks,
    read_people,
    read_posterior,
    recognised,
    student_candidates,
    with_features,
)
from twoalike.results._judged import SCORED, Given
from twoalike.results._views import Results, TransferResults
from twoalike.rsa import structure
from twoalike.study import (
    MISSING,
    TwoalikeError,
    check_output,
    counted,
    read_ids,
)
from twoalike.tables import Labels, LabelSource, read_labels
from twoalike.transfer import Transfer, TransferSettings, compare_transfer, few_shot_ability

if TYPE_CHECKING:
    from twoalike.embedding import Posterior

OF_CHOICES = ("agreement", "ceilings", "uncertainty")
"""Parts that choices among three items have."""
NEEDS = {
    "structure": "needs two networks or a posterior",
    "transfer": "needs labels of the objects",
}
"""Other parts that may be missing, and what they need."""


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
    shared = common_objects(candidates) if candidates else None
    people = with_features(read_people(rdm, judged["arrangements"], objects, files), shared)
    name = str(files.get("choices", "choices"))
    rows = Rows.of(candidates)
    scored_on = Given(candidates, rows, by_level, judged, people, fitted, name, resamples)
    _measure(scored_on, seed, by_class)
    config = {"resamples": resamples, "interval": 0.95}
    about: dict[str, Any] = {"seed": seed, "inputs": files, "config": config}
    return Results.made(rows, candidates, **about, seen=seen, out=out)


def transfer(
    features: Networks,
    *,
    objects: str | Path | None = None,
    labels: LabelSource | None = None,
    only: str | Path | Sequence[str] | None = None,
    settings: TransferSettings | None = None,
    similarity: Similarity | None = None,
    seed: int = 0,
    out: str | Path | None = None,
) -> TransferResults:
    """Measure how networks' features serve other tasks than similarity.

    The tasks are few-shot classification, a linear probe, and new subclasses of known superclasses.
    Each score has a 95 % interval, and a difference from the first network on the same images.
    Intervals are for other classes; with fewer than 6 classes, they have a star and are for other
    images of the same classes. The file contains both.

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
    settings
        How much is measured.
    seed
        Seed of episodes, folds and halvings.

    """
    if out is not None:
        check_output(Path(out))
    files: dict[str, Path] = {}
    where = None if objects is None else Path(objects)
    candidates = read_networks(features, where, similarity, files)
    by_level = read_labels(labels, files)
    files |= {"objects": where} if where else {}
    if isinstance(only, str | Path):
        files["only"] = Path(only)
        only = read_ids(Path(only))
    found = compare_transfer(candidates, by_level, ids=only, settings=settings, seed=seed)
    rows = Rows.of(candidates)
    _add_transfer(rows, found)
    how = asdict(found.settings) if found.settings else {}
    config = {**how, "similarity": similarity, "interval": 0.95}
    about: dict[str, Any] = {"seed": seed, "inputs": files, "config": config}
    return TransferResults.made(rows, candidates, **about, out=out)


def _check(
    candidates: Sequence[Candidate],
    labels: Labels,
    judgments: tuple[object, ...],
    rdm: object,
    arrangements: object,
    posterior: object,
) -> None:
    given = [one for one in (*judgments, posterior) if one is not None]
    people = [one for one in (rdm, arrangements) if one is not None]
    of_networks = [*candidates, *labels, *given]
    if (of_networks or not people) and all(one.role != "model" for one in candidates):
        raise TwoalikeError(
            "no model to score",
            remedy="Give `features=...` or `model=...`; without them, `rdm=...` or "
            "`arrangements=...` alone show how far people agree.",
        )
    if len(people) > 1:
        raise TwoalikeError(
            "`arrangements=...` and `rdm=...` are both people's dissimilarities",
            remedy="Give one of them.",
        )
    if not (labels or given or people):
        raise TwoalikeError(
            "no judgments to score on",
            remedy="Give `choices=...`, `rdm=...`, `ratings=...` or `sortings=...`.",
        )
    check_names(candidates)


def _measure(given: Given, seed: int, classes: Labels) -> None:
    *rngs, of_structure = np.random.default_rng(seed).spawn(len(SCORED) + 1)
    rows = given.rows
    for score, rng in zip(SCORED.values(), rngs, strict=True):
        score(given, rng)
    nets = [candidate for candidate in given.candidates if candidate.role == "model"]
    ids = _labelled(nets, given.labels) if given.labels else None
    if len(nets) > 1 or given.posterior is not None:
        found = structure(
            nets,
            of_structure,
            posterior=given.posterior,
            labels=given.labels or None,
            ids=ids,
        )
        rows.add("structure", found)
    if given.labels:
        _add_transfer(rows, compare_transfer(nets, given.labels, ids=ids, seed=seed))
    for task in few_shot_ability(nets, classes, seed=seed) if nets else ():
        rows.add("ability", task)
    there = {row.measure.partition(".")[0] for row in rows.rows}
    missing = {part: why for part, why in NEEDS.items() if part not in there}
    if not there & {"odd_one_out", "anchored"}:
        missing |= dict.fromkeys(OF_CHOICES, "needs choices among three items")
    rows.missing = missing | rows.missing


def _add_transfer(rows: Rows, found: Transfer) -> None:
    rows.add("transfer", found)
    rows.add("transfer.images", found.images)


def _labelled(nets: Sequence[Candidate], labels: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Images of the first network that the others have, too, with a label at every level."""
    ids = common_objects(nets)
    every = labels.values()
    found = [name for name in ids if all(of.get(name, MISSING) != MISSING for of in every)]
    if not found:
        raise TwoalikeError(
            f"none of {counted(len(ids), 'object')} that all networks have features of has a "
            f"label at every level ({', '.join(labels)})",
            remedy="Give labels of these objects.",
        )
    return found
