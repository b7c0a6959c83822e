"""From files to the content of ``results.json``.

What people's agreement with networks is (:mod:`twoalike.evaluation`), and beside it: the same in
parts (``agreement``), how well any model could agree (``ceilings``), calibration and uncertainty
(``uncertainty``), what alignment did to the similarity structure (``structure``), and what else
the features are good for (``transfer``). A part whose inputs are not there is null, and
``missing`` says what it needs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from twoalike.calibration import uncertainty
from twoalike.ceilings import ceilings
from twoalike.evaluation import Candidate, Judgments, evaluate, is_scored, judgments_of
from twoalike.judgments import participant_index, read_arrangements, read_choices, read_rdms
from twoalike.results._agreement import agreement_parts
from twoalike.rsa import arranged_rdms, structure
from twoalike.study import TwoalikeError, read_ids
from twoalike.transfer import transfer

if TYPE_CHECKING:
    from twoalike.embedding import Posterior

type Labels = Mapping[str, Mapping[str, str]]

NEEDS = {
    "agreement": "needs choices",
    "ceilings": "needs choices",
    "uncertainty": "needs choices",
    "structure": "needs two networks, dissimilarities, arrangements or a posterior",
    "transfer": "needs labels of the objects",
}


@dataclass(frozen=True)
class Sources:
    """Files that networks are scored on.

    Attributes
    ----------
    choices, arrangements
        Tables of judgments (.parquet).
    rdm, objects
        People's dissimilarities, and the list of object ids in their order.
    posterior
        A fitted embedding (.nc), whose calibration is told beside the networks', and whose
        similarities they are compared with.
    """

    choices: Path | None = None
    arrangements: Path | None = None
    rdm: Path | None = None
    objects: Path | None = None
    posterior: Path | None = None

    def files(self) -> dict[str, Path]:
        """Return those that are given, by role."""
        return {role: path for role, path in vars(self).items() if path is not None}


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
        Level -> object id -> label, coarse to fine. Structure and transfer are told of the
        objects that are in it, so that those a network learnt from can be left out.
    seed
        Seed of halves, resamples, episodes and draws.
    inputs
        Further files to name in the provenance.
    resamples
        Bootstrap resamples for the scores on choices.

    Returns
    -------
    What :func:`twoalike.evaluation.evaluate` gives, with ``agreement``, ``ceilings``,
    ``uncertainty``, ``structure``, ``transfer``, and ``missing``: part -> why it is null.

    Raises
    ------
    TwoalikeError
        If there is nothing to score on, an input cannot be read, or an object has no features.
    """
    if sources.arrangements and sources.rdm:
        raise TwoalikeError(
            "evaluate: --arrangements and --rdm both tell people's dissimilarities; give one."
        )
    on_ceilings, on_uncertainty, on_structure, on_parts = np.random.default_rng([seed, 1]).spawn(4)
    nets = [candidate for candidate in candidates if candidate.role == "model"]
    results = _scores(candidates, sources, labels, seed, inputs, resamples)
    posterior = _posterior(sources.posterior)
    parts: dict[str, Any] = dict.fromkeys(NEEDS)
    if sources.choices:
        table = read_choices(sources.choices)
        judged, _ = judgments_of(table, sources.choices)
        judged = judged.with_labels(
            {level: [by_id[name] for name in judged.ids] for level, by_id in (labels or {}).items()}
        )
        known = _known_people(table)
        parts["agreement"] = agreement_parts(
            candidates,
            judged,
            participant_index(table[is_scored(table)])[1],
            labels or {},
            on_parts,
            known_people=known,
            resamples=min(resamples, 1000),
        )
        parts["ceilings"] = ceilings(
            judged, on_ceilings, known_people=known, choices=table, labels=_coarsest(labels)
        )
        seconds = table["response_time"].to_numpy(np.float64, na_value=np.nan)[is_scored(table)]
        parts["uncertainty"] = uncertainty(
            candidates,
            judged,
            on_uncertainty,
            response_times=None if np.isnan(seconds).all() else seconds,
            posterior=_probabilities(posterior, judged, table),
            known_people=known,
            resamples=min(resamples, 1000),
        )
    if len(nets) > 1 or sources.rdm or sources.arrangements or posterior is not None:
        parts["structure"] = _structure(nets, sources, posterior, labels, on_structure)
    if labels:
        parts["transfer"] = transfer(nets, labels, ids=_labelled(nets, labels), seed=seed)
    missing = {part: NEEDS[part] for part, content in parts.items() if content is None}
    return results | parts | {"missing": missing}


def _scores(
    candidates: Sequence[Candidate],
    sources: Sources,
    labels: Labels | None,
    seed: int,
    inputs: Mapping[str, Path] | None,
    resamples: int,
) -> dict[str, Any]:
    """Accuracy, log-loss and rank correlations."""
    extra = {
        role: path
        for role, path in sources.files().items()
        if role in ("arrangements", "posterior")
    }
    return evaluate(
        candidates,
        choices=sources.choices,
        rdm=sources.rdm,
        objects=sources.objects,
        labels=labels,
        seed=seed,
        inputs={**(inputs or {}), **extra},
        resamples=resamples,
        alone=not extra and not labels,
    )


def _structure(
    nets: Sequence[Candidate],
    sources: Sources,
    posterior: "Posterior | None",
    labels: Labels | None,
    rng: np.random.Generator,
) -> dict[str, Any]:
    rdm, evidence = None, None
    if sources.rdm:
        ids = read_ids(sources.objects) if sources.objects else None
        rdm = read_rdms(sources.rdm, ids, gaps=True)
    elif sources.arrangements:
        arranged = arranged_rdms(read_arrangements(sources.arrangements))
        rdm, evidence = arranged.rdms, arranged.evidence
    return structure(
        nets,
        rng,
        rdm=rdm,
        evidence=evidence,
        posterior=posterior,
        labels=labels or None,
        ids=_labelled(nets, labels) if labels else None,
    )


def _posterior(path: Path | None) -> "Posterior | None":
    if path is None:
        return None
    from twoalike.embedding import Posterior

    return Posterior.load(path)


def _probabilities(
    posterior: "Posterior | None", judged: Judgments, table: pd.DataFrame
) -> np.ndarray | None:
    """Answers to every choice by the posterior, with participants' own noise where it knows it.

    None where there is no posterior, or it does not know all objects judged.
    """
    if posterior is None or not set(judged.ids) <= set(posterior.ids):
        return None
    place = {name: row for row, name in enumerate(posterior.ids)}
    rows = np.array([place[name] for name in judged.ids])
    person = {name: row for row, name in enumerate(posterior.participants)}
    names = table["participant"][is_scored(table)].astype(str)
    people = np.array([person.get(name, -1) for name in names])
    triplets = rows[judged.triplets]
    return posterior.choice_probabilities(triplets, lapse=True, participants=people)


def _known_people(table: pd.DataFrame) -> bool:
    """Whether judgments say by whom they are."""
    return bool((table["participant"] != "unknown").any())


def _coarsest(labels: Labels | None) -> Mapping[str, str] | None:
    return next(iter(labels.values()), None) if labels else None


def _labelled(nets: Sequence[Candidate], labels: Labels) -> list[str]:
    """Images of the first network that have a label at every level: what labels are told of."""
    return [
        name for name in nets[0].features.ids if all(name in by_id for by_id in labels.values())
    ]
