"""Fitting a teacher: a map to positions, everything else by cross-entropy on held-out objects.

The target positions are those of the posterior's mean similarities. By ridge regression the map
has a closed form for every penalty; a map fitted by gradient starts from the best of these, and is
taken if it is better about held-out objects. Penalty, identity block and temperature minimise the
cross-entropy of triplets whose objects were all placed by maps fitted without them: of people's
own choices where they are given, else of the posterior's soft labels. Choices are the better
judge. A posterior that knows nothing of the features holds whatever they say beyond it for
chance, and its labels give the identity block too little: .539 instead of .552 right about
held-out objects on THINGS with CLIP features.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.features import FeatureTable
from twoalike.study import TwoalikeError
from twoalike.teacher._affine import AffineTeacher
from twoalike.teacher._config import Judgments, TeachConfig
from twoalike.teacher._labels import ChoiceModel
from twoalike.teacher._names import known_rows
from twoalike.teacher._search import Search

FEWEST = 6
"""Objects: with fewer, folds leave maps nothing to be fitted to."""


def fit_teacher(
    posterior: ChoiceModel,
    features: FeatureTable,
    config: TeachConfig | None = None,
    *,
    judged: npt.NDArray[np.bool_] | None = None,
    choices: Judgments | None = None,
) -> AffineTeacher:
    """Fit the map from features to a posterior's space.

    Parameters
    ----------
    posterior
        Soft labels and similarities of m objects.
    features
        Of at least these objects.
    config
        Penalties, folds, seed.
    judged
        Which objects people judged, shape (m,); the map is fitted on those. None: all.
    choices
        Choices people made, at best all of them: they set penalty, identity block and
        temperature if there are enough, and are what the map is scored on.

    Returns
    -------
    The teacher; its ``description`` holds the penalty and the scores on held-out objects.

    Raises
    ------
    TwoalikeError
        If objects have no features or all the same, or fewer than six were judged.
    """
    config = config or TeachConfig()
    rows = np.arange(len(posterior.ids)) if judged is None else np.flatnonzero(judged)
    if len(rows) < FEWEST:
        raise TwoalikeError(
            f"a teacher needs judgments of at least {FEWEST} objects, found {len(rows)}. Collect "
            "more."
        )
    ids = tuple(posterior.ids[row] for row in rows)
    x = _values(features, ids)
    mean = x.mean(axis=0)
    scale = float((x - mean).std())
    known = None if choices is None else _choices_among(choices, rows, len(posterior.ids))
    search = Search(posterior, rows, (x - mean) / scale, config, known)
    fitted = search.untransformed() if config.untransformed else search.best()
    kept = config.known and not config.untransformed
    return AffineTeacher(
        mean=mean.astype(np.float32),
        scale=scale,
        weight=fitted["weight"].astype(np.float32),
        bias=fitted["bias"].astype(np.float32),
        identity=fitted["identity"],
        temperature=fitted["temperature"],
        description=_describe(features.meta, x.shape, config, fitted),
        known_ids=ids if kept else (),
        known=fitted["known"].astype(np.float32) if kept else None,
    )


def _values(features: FeatureTable, ids: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """Features of the judged objects, which must differ, shape (m, p)."""
    advice = "Compute features for all judged objects, under the ids of the judgments."
    x = features.values[known_rows(features.ids, ids, "the features", advice)].astype(np.float64)
    if not np.isfinite(x).all():
        odd = ids[int(np.flatnonzero(~np.isfinite(x).all(axis=1))[0])]
        raise TwoalikeError(
            f"the features: expected finite numbers, found NaN or infinite ones, first for "
            f"{odd!r}. Compute them again."
        )
    if (x == x[0]).all():
        raise TwoalikeError(
            f"the features: expected values that differ between objects, found {x.shape[1]} that "
            f"are the same for all {len(x)}. Check the network that made them."
        )
    return x


def _choices_among(choices: Judgments, rows: npt.NDArray[np.int64], m: int) -> Judgments | None:
    """Choices whose three objects are all among ``rows``, as positions there."""
    place = np.full(m, -1)
    place[rows] = np.arange(len(rows))
    triplets = place[choices.triplets]
    known = (triplets >= 0).all(axis=1)
    if not known.any():
        return None
    return Judgments(triplets[known], choices.chosen[known], choices.lapse)


def _describe(
    meta: Mapping[str, Any], shape: tuple[int, ...], config: TeachConfig, fitted: dict[str, Any]
) -> dict[str, Any]:
    """Describe the map for teacher.json, without provenance."""
    keys = ("backbone", "architecture", "weights_sha256", "preprocessing")
    return {
        "method": "untransformed" if config.untransformed else "affine",
        "from": {"features": shape[1]} | {key: meta[key] for key in keys if key in meta},
        "to": {"objects": shape[0], "dimensions": len(fitted["bias"])},
        "judged_objects": "posterior" if config.known else "map",
        "labels": config.mode,
        "settled_on": fitted["settled_on"],
        "penalty": fitted["penalty"],
        "identity": fitted["identity"],
        "temperature": fitted["temperature"],
        "validation": fitted["validation"],
    }
