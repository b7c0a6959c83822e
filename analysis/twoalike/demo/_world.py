"""The simulated world of the demo: who judges, which species nobody judges, and the truth.

Everything is drawn from the demo's seed and written as files that the chain's commands read.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from twoalike.choice import log_choice, pair_similarities, random_triplets
from twoalike.features import FeatureTable, write_features
from twoalike.judgments import write_judgments
from twoalike.observers import SimulatedObserver, draw_population, hierarchical_embedding
from twoalike.stimuli import StimulusSet
from twoalike.study import Floats, atomic_path, provenance


def held_out_species(
    stimuli: StimulusSet, share: float, rng: np.random.Generator
) -> tuple[str, ...]:
    """Choose the species that nobody judges: a share, in (0, 1), of those of every family."""
    chosen: list[str] = []
    for _, family in stimuli.table.groupby("family", sort=False):
        species = family["species"].unique().astype(str)
        chosen.extend(rng.choice(species, size=round(share * len(species)), replace=False))
    return tuple(chosen)


def write_ids(path: Path, ids: list[str]) -> None:
    """Write object ids, one a line."""
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(ids) + "\n", encoding="utf-8")


def write_observers(
    folder: Path, stimuli: StimulusSet, participants: tuple[str, ...], seed: int
) -> Floats:
    """Write one simulated observer a participant and return the space they share, (m, d).

    They differ in temperature and lapse, not in space: a participant's own space is a later
    question, and the chain fits one embedding.
    """
    rng = np.random.default_rng([seed, 1])
    embedding = hierarchical_embedding(stimuli, rng)
    temperature, lapse = draw_population(len(participants), rng)
    for name, t, guess in zip(participants, temperature, lapse, strict=True):
        observer = SimulatedObserver(stimuli.ids, embedding, float(t), float(guess))
        observer.save(folder / f"observer-{name}.npz")
    return embedding


def write_truth(
    folder: Path,
    stimuli: StimulusSet,
    embedding: Floats,
    held_out: tuple[str, ...],
    n_triplets: int,
    seed: int,
) -> None:
    """Write the true space as features, judgments of the held-out species, and their labels.

    The judgments are those of an observer who never lapses, at temperature 1, on random triplets
    of creatures whose species nobody judged: what every network is scored on.
    """
    table = FeatureTable(stimuli.ids, embedding.astype(np.float32), {"kind": "true observer"})
    write_features(folder / "truth.npz", table)
    rows = np.flatnonzero(stimuli.table["species"].isin(held_out).to_numpy())
    with atomic_path(folder / "held_out.tsv") as temporary:
        labels = stimuli.table.iloc[rows][["id", *stimuli.levels]]
        labels.to_csv(temporary, sep="\t", index=False)
    rng = np.random.default_rng([seed, 2])
    triplets = random_triplets(rows, n_triplets, rng)
    logs = np.stack(log_choice(pair_similarities(embedding @ embedding.T, triplets)), axis=1)
    # Gumbel noise turns the largest log-probability into a draw from the softmax.
    chosen = np.argmax(logs + rng.gumbel(size=logs.shape), axis=1)
    ids = np.array(stimuli.ids)
    choices = pd.DataFrame(
        {
            "participant": "truth",
            "session": "01",
            "trial": np.arange(1, n_triplets + 1),
            "kind": "odd_one_out",
            **{f"item_{k + 1}": ids[triplets[:, k]] for k in range(3)},
            "chosen": chosen + 1,
            "response_time": np.nan,
            "trial_type": "main",
            "level": None,
        }
    )
    write_judgments(folder / "held_out_choices.parquet", choices, provenance("choices", seed=seed))
