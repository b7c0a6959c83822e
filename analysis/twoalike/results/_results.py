"""From files to the content of ``results.json``.

What people's agreement with networks is (:mod:`twoalike.evaluation`), and beside it: the same in
parts (``agreement``), how well any model could agree (``ceilings``), calibration and uncertainty
(``uncertainty``), what alignment did to the similarity structure (``structure``), and what else
the features are good for (``transfer``). A part whose inputs are not there is null, and
``missing`` says what it needs.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twoalike.calibration import uncertainty
from twoalike.ceilings import ceilings
from twoalike.evaluation import (
    CHANCE_ACCURACY,
    CHANCE_LOG_LOSS,
    Candidate,
    Judgments,
    TwoWayBootstrap,
    compare_choices,
    compare_structure,
    is_scored,
    judgments_of,
    score_choices,
)
from twoalike.judgments import participant_index, read_choices
from twoalike.results._agreement import agreement_parts
from twoalike.results._sources import (
    Labels,
    Sources,
    check,
    check_labels,
    posterior_probabilities,
    read_dissimilarities,
    read_posterior,
)
from twoalike.rsa import structure
from twoalike.study import MISSING, TwoalikeError, counted, provenance
from twoalike.transfer import transfer

if TYPE_CHECKING:
    from twoalike.embedding import Posterior

NEEDS = {
    "agreement": "needs choices",
    "ceilings": "needs choices",
    "uncertainty": "needs choices",
    "structure": "needs two networks, dissimilarities, arrangements or a posterior",
    "transfer": "needs labels of the objects",
}


def make_results(
    candidates: Sequence[Candidate],
    sources: Sources,
    *,
    labels: Labels | None = None,
    seed: int = 0,
    inputs: Mapping[str, Path] | None = None,
    resamples: int = 2000,
) -> dict[str, Any]:
    """Score networks in every way that the files allow.

    Parameters
    ----------
    candidates
        The networks; the first is the one that the others are compared with.
    sources
        What they are scored on.
    labels
        Level -> object id -> label, coarse to fine: scores also by kind of triplet. Structure and
        transfer are told of the objects that are in it, so that those a network learnt from can
        be left out.
    seed
        Seed of halves, resamples, episodes and draws.
    inputs
        Further files to name in the provenance.
    resamples
        Bootstrap resamples for the scores on choices.

    Returns
    -------
    The content of ``results.json``: provenance, then ``judgments``, ``rdm`` and ``models``
    (accuracy, log-loss and rank correlations, as :func:`twoalike.evaluation.compare_choices` and
    :func:`~twoalike.evaluation.compare_structure` give them), ``agreement``, ``ceilings``,
    ``uncertainty``, ``structure``, ``transfer``, and ``missing``: part -> why it is null.

    Raises
    ------
    TwoalikeError
        If there is nothing to score on, an input cannot be read, or an object has no features.
    """
    labels = labels or {}
    check(candidates, sources, labels)
    on_choices, on_people, on_structure = np.random.default_rng(seed).spawn(3)
    nets = [candidate for candidate in candidates if candidate.role == "model"]
    posterior = read_posterior(sources.posterior)
    models = [_described(candidate) for candidate in candidates]
    parts: dict[str, Any] = {"judgments": None, "rdm": None, **dict.fromkeys(NEEDS)}
    if sources.choices:
        scores, told = _on_choices(
            candidates, sources.choices, labels, posterior, on_choices, resamples
        )
        models = [model | of for model, of in zip(models, scores, strict=True)]
        parts |= told
    rdm, evidence = read_dissimilarities(sources)
    agreement = None
    if rdm is not None:
        people, compared = compare_structure(candidates, rdm, on_people)
        parts["rdm"] = people | {"source": "arrangements" if sources.arrangements else "rdm"}
        models = [model | {"rdm": of} for model, of in zip(models, compared, strict=True)]
        agreement = (
            people,
            [of for of, c in zip(compared, candidates, strict=True) if c.role == "model"],
        )
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
        parts["transfer"] = transfer(nets, labels, ids=labelled, seed=seed)
    missing = {part: NEEDS[part] for part in NEEDS if parts[part] is None}
    config = {"resamples": resamples, "interval": 0.95}
    about = provenance(
        "results", seed=seed, inputs={**(inputs or {}), **sources.files()}, config=config
    )
    return {**about, "models": models, **parts, "missing": missing}


def _described(candidate: Candidate) -> dict[str, Any]:
    return {
        "name": candidate.name,
        "role": candidate.role,
        "similarity": candidate.similarity,
        "features": dict(candidate.features.meta),
        "accuracy": None,
        "log_loss": None,
        "temperature": None,
        "difference": None,
        "gap_closed": None,
        "groups": {},
        "rdm": None,
    }


def _on_choices(
    candidates: Sequence[Candidate],
    path: Path,
    labels: Labels,
    posterior: "Posterior | None",
    rng: np.random.Generator,
    resamples: int,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Scores of every model, and the parts of the results that choices tell."""
    on_halves, on_resamples, on_parts, on_ceilings, on_uncertainty = rng.spawn(5)
    table = read_choices(path)
    judged, left_out = judgments_of(table, path)
    check_labels(judged, labels)
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
                posterior=posterior_probabilities(posterior, judged, rows["participant"]),
            ),
        }
        scores = compare_choices(scored, judged, boot)
        told = {part: future.result() for part, future in parts.items()}
    return scores, {"judgments": _summary(judged, left_out), **told}


def _summary(judged: Judgments, left_out: dict[str, int]) -> dict[str, Any]:
    return {
        "choices": len(judged.chosen),
        "participants": int(judged.participants.max()) + 1,
        "objects": len(np.unique(judged.triplets)),
        "triplets": len(judged.numbers[0]),
        "left_out": left_out,
        "chance": {"accuracy": CHANCE_ACCURACY, "log_loss": CHANCE_LOG_LOSS},
    }


def _labelled(nets: Sequence[Candidate], labels: Labels) -> list[str]:
    """Images of the first network that have a label at every level: what labels are told of.

    Raises
    ------
    TwoalikeError
        If there is none.
    """
    ids = nets[0].features.ids
    found = [
        name
        for name in ids
        if all(by_id.get(name, MISSING) != MISSING for by_id in labels.values())
    ]
    if not found:
        raise TwoalikeError(
            f"evaluate: none of {counted(len(ids), 'object')} of {nets[0].name}, first "
            f"{ids[0]!r}, has a label at every level ({', '.join(labels)}). Give labels of these "
            "objects."
        )
    return found
