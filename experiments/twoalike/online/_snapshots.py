"""Snapshots: the results of background fits, by which blocks of trials are chosen.

A snapshot is a folder ``NNNN`` that is renamed into place when complete and never changed:

- ``snapshot.json``: its number, its cut-off (which records were fitted), the hash of the draws
- ``draws.npz``: draws of the embedding and of a typical lapse rate, and the information that the
  answer to each triplet of a large pool is expected to give

It contains neither answers nor participants, so that a withdrawal requires no change.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from twoalike.design import CANDIDATES, AnswerDraws, candidate_trials, expected_information
from twoalike.online._records import Sent
from twoalike.planning import choice_draws
from twoalike.study import (
    Floats,
    Integers,
    Study,
    TwoalikeError,
    atomic_directory,
    load_arrays,
    provenance,
    read_json,
    write_json,
)

if TYPE_CHECKING:
    from twoalike.embedding import Posterior

DRAWS = 200
"""Most draws kept."""
WIDTH = 8
"""Candidates for each trial; with more, simultaneous participants share more triplets."""
_ABOUT, _ARRAYS = "snapshot.json", "draws.npz"
_ROWS = 2_048  # triplets scored at once: bounds memory
_NAME = re.compile(r"[0-9]{4,}")


class CutOff(Sent):
    """Data of a fit: all that was stored when it began."""

    records: Annotated[int, Field(ge=0)]
    """Records read, of all sessions."""
    sessions: Annotated[int, Field(ge=0)]
    """Sessions that were fitted."""
    trials: Annotated[int, Field(ge=0)]
    """Choices that were fitted."""
    time: str
    """When the records were read, ISO 8601, UTC."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A published snapshot of m objects, with S draws in D dimensions."""

    number: int
    cut_off: CutOff
    posterior: str
    """SHA-256 of the draws."""
    ids: tuple[str, ...]
    """Objects, in the order of ``embedding``."""
    embedding: npt.NDArray[np.float32]
    """Draws, shape (S, m, D)."""
    lapse: npt.NDArray[np.float32]
    """Lapse rate of a typical person, shape (S,)."""
    triplets: Integers
    """The pool, shape (n, 3), ascending in each row."""
    information: Floats
    """Expected information of each triplet of the pool, nats, shape (n,)."""

    @cached_property
    def choices(self) -> AnswerDraws:
        """Choice probabilities under the draws."""
        return choice_draws(self.embedding, self.lapse)

    def candidates(self, n: int, avoid: Integers, rng: np.random.Generator) -> Integers:
        """Draw candidates for a block of ``n`` triplets, informative ones with higher probability.

        Weighted sampling without replacement (Efraimidis & Spirakis 2006,
        doi:10.1016/j.ipl.2005.11.003), without those to ``avoid``: (k, 3), ascending in each row.
        """
        places = np.array([len(self.ids) ** 2, len(self.ids), 1])  # a number for each triplet
        free = ~np.isin(self.triplets @ places, avoid @ places)
        with np.errstate(divide="ignore"):
            key = np.log(rng.random(int(free.sum()))) / self.information[free]
        # Triplets without information come last, in random order.
        order = np.lexsort((rng.random(len(key)), -key))
        return self.triplets[free][order[: WIDTH * n]]

    def check_objects(self, ids: Sequence[str]) -> None:
        """Check that the objects are those of a design."""
        if self.ids != tuple(ids):
            raise TwoalikeError(
                where=f"snapshot {self.number}",
                expected=f"the {len(ids)} objects of the design",
                found=f"{len(self.ids)} objects, not the same",
                remedy="The design was changed: build the study anew, in a new folder.",
            )


def snapshot_folder(study: Study) -> Path:
    """Folder of a study's snapshots."""
    return study.derived / "snapshots"


def publish_snapshot(
    folder: Path, posterior: "Posterior", ids: Sequence[str], cut_off: CutOff, seed: int
) -> Snapshot:
    """Score a pool of triplets under a posterior and publish it under the next number.

    Parameters
    ----------
    ids
        Objects of the design, all known to the posterior.
    seed
        Of the pool, where there are more triplets than it holds.
    """
    number = 1 + max(_numbers(folder), default=0)
    where = [posterior.ids.index(name) for name in ids]
    kept = np.unique(np.linspace(0, len(posterior.embedding) - 1, DRAWS).round().astype(int))
    embedding = posterior.embedding[kept][:, where].astype(np.float32)
    lapse = posterior.typical_lapse[kept].astype(np.float32)
    pool = candidate_trials(len(ids), CANDIDATES, set(), np.random.default_rng([seed, number]))
    choices = choice_draws(embedding, lapse)
    information = np.concatenate(
        [
            expected_information(choices(pool[first : first + _ROWS]))
            for first in range(0, len(pool), _ROWS)
        ]
    )
    digest = _digest(embedding, lapse)
    about = provenance(
        "snapshot",
        seed=seed,
        config={
            "number": number,
            "cut_off": cut_off.model_dump(),
            "posterior": digest,
            "fit": posterior.attrs.get("provenance", {}).get("config", {}),
            "engine": posterior.attrs.get("engine"),
            "converged": posterior.verdict.predictions,
            "objects": list(ids),
        },
    )
    path = folder / f"{number:04d}"
    arrays = {"embedding": embedding, "lapse": lapse, "information": information}
    with atomic_directory(path) as temporary:
        np.savez(temporary / _ARRAYS, **arrays, triplets=pool.astype(np.int32))
        write_json(temporary / _ABOUT, about)
        if path.exists():
            raise TwoalikeError(
                "another process has published this snapshot",
                where=path,
                remedy="Only one background fit of a study may run.",
            )
    return read_snapshot(path)


def _digest(embedding: npt.NDArray[np.float32], lapse: npt.NDArray[np.float32]) -> str:
    parts = (np.ascontiguousarray(one).tobytes() for one in (embedding, lapse))
    return hashlib.sha256(b"".join(parts)).hexdigest()


def read_snapshot(path: Path) -> Snapshot:
    """Read a published snapshot and check it."""
    about: dict[str, Any] = read_json(path / _ABOUT, "snapshot")["config"]
    arrays: Any = load_arrays(path / _ARRAYS, "draws of a snapshot")
    found = _digest(arrays["embedding"], arrays["lapse"])
    if found != about["posterior"]:
        raise TwoalikeError(
            where=path / _ARRAYS,
            expected=f"draws with the hash {about['posterior'][:12]}",
            found=found[:12],
            remedy="The file is damaged: move the folder away; the one before is used.",
        )
    cut_off, ids = CutOff.model_validate(about["cut_off"]), tuple(about["objects"])
    arrays = dict(arrays) | {"triplets": arrays["triplets"].astype(np.int64)}
    return Snapshot(about["number"], cut_off, about["posterior"], ids, **arrays)


def latest_snapshot(folder: Path, known: Snapshot | None = None) -> Snapshot | None:
    """Read the snapshot with the highest number; ``known`` is returned if it is still that one."""
    number = max(_numbers(folder), default=0)
    if known is not None and known.number == number:
        return known
    return read_snapshot(folder / f"{number:04d}") if number else None


def _numbers(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    return [int(path.name) for path in folder.iterdir() if _NAME.fullmatch(path.name)]
