"""What networks are scored on, from files or from memory, and whether it is enough."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.evaluation import Candidate, Similarity
from twoalike.features import FeatureTable, read_features
from twoalike.judgments import (
    JudgmentKind,
    JudgmentTable,
    RdmTable,
    is_scored,
    judgment_codes,
    read_judgments,
    read_rdms,
    unpacked_codes,
)
from twoalike.results._model import Seen
from twoalike.rsa import arranged_rdms
from twoalike.study import TwoalikeError, read_ids

if TYPE_CHECKING:
    from twoalike.embedding import Posterior

FEWEST_OBJECTS = 4
"""With fewer, dissimilarities have no structure to compare."""
type FeatureSource = str | Path | FeatureTable | pd.DataFrame | tuple[Sequence[str], npt.ArrayLike]
type Listed = Candidate | tuple[str, FeatureSource] | str | Path
type Networks = Mapping[str, FeatureSource] | Iterable[Listed]


def read_networks(
    networks: Networks, objects: Path | None, similarity: Similarity | None, files: dict[str, Path]
) -> list[Candidate]:
    """Candidates from tables of features, wherever these are; ``files`` gets those read.

    A file alone is called as the network in its metadata, or else as the file; where that is the
    same for several, the file is added. Of a student there are several: its vectors, and each part
    of them.
    """
    listed = list(networks.items() if isinstance(networks, Mapping) else networks)
    read = [
        one if isinstance(one, Candidate) else _read(one, objects, similarity) for one in listed
    ]
    names = [one.name for one in read]
    for place, each in enumerate(listed):
        if isinstance(each, str | Path) and names.count(names[place]) > 1:
            name = f"{names[place]} ({_stem(Path(each))})"
            read[place] = replace(read[place], name=name)
        source = each[1] if isinstance(each, tuple) else each
        if isinstance(source, str | Path):
            files[f"features {read[place].name}"] = Path(source)
    return [part for one in read for part in one.with_parts()]


def _read(
    each: tuple[str, FeatureSource] | str | Path,
    objects: Path | None,
    similarity: Similarity | None,
) -> Candidate:
    if isinstance(each, tuple):
        name, source = each
        return Candidate.of(name, as_features(source, objects, name), similarity)
    table = as_features(each, objects, str(each))
    backbone = table.meta.get("backbone")
    name = Path(backbone).name if isinstance(backbone, str) and backbone else _stem(Path(each))
    return Candidate.of(name, table, similarity)


def _stem(path: Path) -> str:
    """Name of a file without its ending, or of a folder."""
    return path.name if path.is_dir() else path.stem


def as_features(source: FeatureSource, objects: Path | None, name: str) -> FeatureTable:
    """Features from a file, a frame whose index holds the object ids, or ids and an array."""
    if isinstance(source, FeatureTable):
        return source
    if isinstance(source, str | Path):
        return read_features(Path(source), objects)
    rows = (source.index, source.to_numpy()) if isinstance(source, pd.DataFrame) else source
    ids, values = tuple(map(str, rows[0])), np.asarray(rows[1], dtype=np.float32)
    if values.ndim != 2 or len(values) != len(ids) or len(set(ids)) < len(ids):
        raise TwoalikeError(
            where=f"features of {name}",
            expected="an array of shape (objects, features) and the id of each object, once",
            found=f"shape {values.shape} and {len(set(ids))} different ids of {len(ids)}",
        )
    if not np.isfinite(values).all():
        raise TwoalikeError("NaN or infinite values", where=f"features of {name}")
    return FeatureTable(ids, values)


def student_candidates(
    student: str | Path, images: str | Path | None, similarity: Similarity | None
) -> tuple[Candidate, list[Candidate]]:
    """Network that a student started from; the student, and each part of its vector."""
    from twoalike.backbones import CONFIG, extract_features  # torch: not before it is needed
    from twoalike.study import read_json

    if images is None:
        raise TwoalikeError(
            "a student is scored on images", where=student, remedy="Name them with `images=...`."
        )
    config = read_json(Path(student) / CONFIG, "student")
    pool, block = config.get("pool"), config.get("block")
    base = extract_features(str(config["backbone"]), Path(images), pool=pool, block=block)
    if base.meta["weights_sha256"] != config["initial_sha256"]:
        raise TwoalikeError(
            f"the student started from other weights than {config['backbone']!r} has here",
            where=student,
            remedy="Compute the features of both networks and give them with `features=...`.",
        )
    aligned = extract_features(Path(student), Path(images))
    student_own = Candidate.of("aligned", aligned, similarity)
    return Candidate.of("base", base, similarity), student_own.with_parts()


def recognised(
    candidates: Sequence[Candidate],
    posterior: "Posterior | None",
    judged: Mapping[JudgmentKind, JudgmentTable | None],
    *,
    exclude: bool,
) -> tuple[dict[JudgmentKind, JudgmentTable | None], dict[str, Seen]]:
    """Find judgments that networks or the posterior were fitted to, and leave them out if asked to.

    Networks are students, or features by them, which carry the record of their teacher.
    """
    from twoalike.embedding import seen_judgments

    records = {
        one.name: unpacked_codes(str(one.features.meta["judged"]))
        for one in candidates
        if "judged" in one.features.meta and "part" not in one.features.meta
    }
    kept, found = dict(judged), {}
    for kind, source in judged.items():
        if source is None or not (records or posterior):
            continue
        table = read_judgments(source, kind)
        scored = table[is_scored(table)]
        codes = judgment_codes(scored)
        by = {name: np.isin(codes, record) for name, record in records.items()}
        if posterior is not None:
            file = Path(source) if isinstance(source, str | Path) else None
            own = seen_judgments(posterior, scored, kind, file)
            by |= {} if own is None else {"posterior": own}
        found[str(kind)], rest = Seen.of(scored, by, kind, exclude=exclude)
        if len(rest) < len(scored):
            kept[kind] = pd.concat([table[~is_scored(table)], rest])
    return kept, found


def read_posterior(
    source: "str | Path | Posterior | None", files: dict[str, Path]
) -> "Posterior | None":
    """Read a fitted embedding, if one is given as a file."""
    if not isinstance(source, str | Path):
        return source
    from twoalike.embedding import as_posterior

    files["posterior"] = Path(source)
    return as_posterior(source)


def read_people(
    rdm: str | Path | RdmTable | None,
    arrangements: JudgmentTable | None,
    objects: str | Path | None,
    files: dict[str, Path],
) -> RdmTable | None:
    """People's dissimilarities, given or from where they arranged objects."""
    if isinstance(rdm, RdmTable):
        return rdm
    if rdm is not None:
        files["rdm"] = Path(rdm)
        return read_rdms(Path(rdm), read_ids(Path(objects)) if objects else None, gaps=True)
    if arrangements is None:
        return None
    return arranged_rdms(read_judgments(arrangements, "arrangements"))


def with_features(
    rdm: RdmTable | None, shared: Collection[str] | None
) -> tuple[RdmTable | None, int]:
    """Dissimilarities of the objects with features; how many have none."""
    if rdm is None or rdm.ids is None or shared is None:
        return rdm, 0
    rows = np.flatnonzero(np.isin(rdm.ids, list(shared))).tolist()
    lacking = len(rdm.ids) - len(rows)
    if not lacking:
        return rdm, 0
    if len(rows) < FEWEST_OBJECTS:
        raise TwoalikeError(
            where="dissimilarities",
            expected=f"at least {FEWEST_OBJECTS} objects that all networks have features of",
            found=f"{len(rows)} of {len(rdm.ids)}",
            remedy="Compute features of the objects under the ids of the dissimilarities.",
        )
    square = np.ix_(np.arange(len(rdm.values)), rows, rows)
    ids = tuple(rdm.ids[row] for row in rows)
    return RdmTable(rdm.values[square], ids, rdm.participants), lacking
