"""K-means clusters of an image collection's features, saved with their provenance.

The clusters describe only which images are close to each other for a network; people's choices are
those of the teacher. AligNet uses 500 for 1.28 million images (doi:10.1038/s41586-025-09631-6).

Centres are found from at most 256 images a cluster, as in Faiss (arXiv:1702.08734): their position
hardly depends on more (``docs/decisions/aligning.md``). All images are then assigned in blocks of
rows, so that memory is bounded by the number of clusters, not of images.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.distill._sampling import SAMPLE
from twoalike.features import ROWS, FeatureTable, Rows
from twoalike.study import (
    PROVENANCE,
    TwoalikeError,
    atomic_path,
    load_parquet,
    parse_json_table,
    progress,
    provenance,
)

MOST_BY_DEFAULT = 500
BATCH = 4096  # images per step of k-means
STARTS = 3  # random starts, of which the best is kept
SAMPLED = 256  # images a cluster from which centres are found
CHECKSUMS = "crc32:"
"""How a digest begins that is made of the checksums in the features' files."""
COLUMNS = ("image", "cluster")


@dataclass(frozen=True, eq=False)
class Clusters:
    """Cluster membership of a collection's images.

    Attributes
    ----------
    ids
        Ids of the n images.
    labels
        Cluster of each image, numbered 0, 1, ... without gaps, shape (n,).
    meta
        Provenance, with a hash of the features and the settings.
    """

    ids: tuple[str, ...]
    labels: npt.NDArray[np.int32]
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def k(self) -> int:
        """Number of clusters with images."""
        return int(self.labels.max()) + 1


def default_k(images: int) -> int:
    """Default number of clusters: the square root of half the images, from 3 to 500.

    Examples
    --------
    >>> [default_k(n) for n in (10, 200, 20_000, 1_281_167)]
    [3, 10, 100, 500]
    """
    return min(max(round(sqrt(images / 2)), 3), MOST_BY_DEFAULT)


def features_digest(features: FeatureTable) -> str:
    """Hash of ids and values, which shows whether a file was made from these features.

    For features in archives it is made of their CRC-32 checksums, which were compared with the
    values when they were read: they are not read again.
    """
    digest = hashlib.sha256("\n".join(features.ids).encode())
    checksums = getattr(features.values, "checksums", None)
    if checksums is None:
        return _values_digest(features)
    digest.update(json.dumps(checksums).encode())
    return CHECKSUMS + digest.hexdigest()


def _values_digest(features: FeatureTable) -> str:
    """Hash of ids and values themselves."""
    digest = hashlib.sha256("\n".join(features.ids).encode())
    for start in range(0, len(features.values), ROWS):
        block = features.values[start : start + ROWS]
        digest.update(np.ascontiguousarray(block, dtype="<f4"))
    return digest.hexdigest()


def _made_from(found: Any, features: FeatureTable) -> bool:
    """Whether a digest is that of the features; before checksums were used, it was of values."""
    own = features_digest(features)
    older = own.startswith(CHECKSUMS) and not str(found).startswith(CHECKSUMS)
    return bool(found == (_values_digest(features) if older else own))


def find_clusters(features: FeatureTable, k: int | None = None, *, seed: int = 0) -> Clusters:
    """Cluster images by their features (scikit-learn's MiniBatchKMeans).

    Parameters
    ----------
    features
        Features of n images.
    k
        Number of clusters, from 3 to n; None: :func:`default_k`. Empty clusters are removed, so
        the result may have fewer.
    seed
        The same seed and features give the same clusters.
    """
    asked = _checked_k(k, len(features.ids))
    found, inertia = _assigned(features.values, asked, seed)
    kept, labels = np.unique(found, return_inverse=True)
    if len(kept) < 3:
        raise TwoalikeError(
            where=f"clusters of {len(features.ids)} images",
            expected="at least 3",
            found=f"{len(kept)}; the features hardly differ",
            remedy="Check that the features belong to these images.",
        )
    meta = provenance("clusters", seed=seed, config={"k": asked}) | {
        "features_sha256": features_digest(features),
        "backbone": features.meta.get("backbone"),
        "found": len(kept),
        "inertia": inertia,
    }
    return Clusters(features.ids, labels.astype(np.int32), meta)


def _assigned(values: Rows, k: int, seed: int) -> tuple[npt.NDArray[np.int32], float]:
    """Nearest centre of each row, and the sum of squared distances from it."""
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    search = MiniBatchKMeans(k, batch_size=BATCH, n_init=STARTS, random_state=seed)
    # One thread: the clusters are then bit-identical for any number of cores, and on a busy
    # machine threads that wait for one another took seventeen times as long.
    with threadpool_limits(1), progress() as bar:
        if len(values) <= SAMPLED * k:
            search.fit(values[:])
            return search.labels_, float(search.inertia_)
        task = bar.add_task("clusters", total=len(values), status="")
        drawn = np.random.default_rng([seed, SAMPLE]).permutation(len(values))[: SAMPLED * k]
        search.fit(values[np.sort(drawn)])
        labels, inertia = np.empty(len(values), np.int32), 0.0
        for start in range(0, len(values), ROWS):
            block = values[start : start + ROWS]
            own = search.predict(block)
            labels[start : start + ROWS] = own
            inertia += float(np.square(block - search.cluster_centers_[own]).sum(dtype=np.float64))
            bar.update(task, advance=len(block))
    return labels, inertia


def cached_clusters(
    path: Path, features: FeatureTable, k: int | None = None, *, seed: int = 0
) -> Clusters:
    """Read clusters from a file if it was made from these features, otherwise find and write them.

    Parameters
    ----------
    path
        Parquet file, made or replaced.
    features, k, seed
        As in :func:`find_clusters`; if the file was made with others, it is replaced.
    """
    asked = _checked_k(k, len(features.ids))
    if path.exists():
        before = read_clusters(path)
        settings = (before.meta.get("seed"), before.meta.get("config", {}).get("k"))
        if settings == (seed, asked) and _made_from(before.meta.get("features_sha256"), features):
            return before
    clusters = find_clusters(features, k, seed=seed)
    write_clusters(path, clusters)
    return clusters


def write_clusters(path: Path, clusters: Clusters) -> None:
    """Write clusters as Parquet, all or nothing: columns ``image`` and ``cluster``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = pa.table({"image": list(clusters.ids), "cluster": clusters.labels})
    content = content.replace_schema_metadata({PROVENANCE: json.dumps(dict(clusters.meta))})
    with atomic_path(path) as temporary:
        pq.write_table(content, temporary, compression="zstd")


def read_clusters(path: str | Path) -> Clusters:
    """Read clusters written by :func:`write_clusters`, or by a tool with the same columns."""
    path = Path(path)
    what, remedy = "clusters of images (parquet)", "Remove it; it will be made again."
    content = load_parquet(path, what, remedy=remedy)
    if set(COLUMNS) - set(content.column_names):
        raise TwoalikeError(
            where=path,
            expected=f"columns {' and '.join(COLUMNS)}",
            found=", ".join(content.column_names),
        )
    meta = parse_json_table((content.schema.metadata or {}).get(PROVENANCE, b"{}"), path, remedy)
    numbers = content["cluster"].to_numpy()
    if not np.issubdtype(numbers.dtype, np.integer):  # missing values turn them into floats
        raise TwoalikeError(
            where=path,
            expected="whole numbers without gaps in column cluster",
            found=f"{content['cluster'].type} with {content['cluster'].null_count} missing",
        )
    _, labels = np.unique(numbers, return_inverse=True)
    ids = tuple(str(name) for name in content["image"].to_pylist())
    return Clusters(ids, labels.astype(np.int32), meta)


def _checked_k(k: int | None, images: int) -> int:
    """Return the number of clusters, if that many are possible."""
    asked = default_k(images) if k is None else k
    if asked < 3:
        raise TwoalikeError(
            where="clusters", expected="at least 3", found=asked, remedy="Choose more."
        )
    if asked > images:
        raise TwoalikeError(
            where="clusters",
            expected=f"at most one per image, {images}",
            found=asked,
            remedy="Choose fewer, or give more images.",
        )
    return asked
