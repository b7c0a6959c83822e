"""The posterior itself as a teacher of the judged objects.

No network is involved: each draw of the posterior gives the similarities of all judged objects, and
a student may learn the choice probabilities averaged over draws, those of one draw per step, or
those of the mean similarities. Other objects need the map from features
(:class:`twoalike.teacher.AffineTeacher`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.features import FeatureTable
from twoalike.study import Booleans, Floats, Integers, TwoalikeError
from twoalike.teacher._labels import ChoiceModel, Mode, matrix_probabilities
from twoalike.teacher._maps import spectral_positions

DRAWS = 50
"""Draws that are kept: more would change a probability by less than .01."""
_SHOWN = 10
_REMEDY = "Teach with `features=...`."


def known_rows(
    known: Sequence[str], wanted: Sequence[str], where: str, remedy: str
) -> npt.NDArray[np.int64]:
    """Rows of the ``wanted`` ids among the ``known`` ids, which must include them, shape (n,).

    Examples
    --------
    >>> known_rows(["ant", "bee", "cat"], ["cat", "ant"], "the features", "")
    array([2, 0])
    """
    row_of = {name: row for row, name in enumerate(known)}
    missing = [name for name in wanted if name not in row_of]
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise TwoalikeError(
            f"{len(missing)} of {len(wanted)} objects not found: {', '.join(missing[:_SHOWN])}"
            f"{more}; available: {', '.join(known[:2]) or 'none'}, ...",
            where=where,
            remedy=remedy,
        )
    return np.array([row_of[name] for name in wanted], np.int64)


@dataclass(frozen=True, eq=False)
class PosteriorTeacher:
    """Choice probabilities for judged objects, by posterior draw.

    Attributes
    ----------
    ids
        The m judged objects.
    draws
        Their positions under each draw, shape (S, m, D): similarities are dot products.
    mode
        ``predictive`` averages probabilities over the draws; ``plugin`` computes them from the
        mean similarities.
    description
        Content of teacher.json: the posterior it comes from, the labels, how they compare.
    folder
        Folder it was saved in; None before it is saved.
    """

    ids: tuple[str, ...]
    draws: npt.NDArray[np.float32]
    mode: Mode = "predictive"
    description: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    temperature = 1.0
    """The posterior's similarities already include the typical observer's temperature."""
    needs_features = False

    @property
    def known_ids(self) -> tuple[str, ...]:
        """Objects in the posterior's own positions: all."""
        return self.ids

    def __repr__(self) -> str:
        return f"<PosteriorTeacher: {len(self.draws)} draws of {len(self.ids)} judged objects>"

    def _repr_html_(self) -> str:
        return teacher_html(repr(self), self.description)

    @property
    def source(self) -> Mapping[str, Any]:
        """The network it maps from: none."""
        return {}

    def check(self, features: FeatureTable) -> None:
        """Check that these objects were judged; their features are not used."""
        known_rows(self.ids, features.ids, "the posterior's teacher", _REMEDY)

    def positions(
        self, ids: Sequence[str], features: FeatureTable | None = None
    ) -> npt.NDArray[np.float32]:
        """Positions of objects under each draw, shape (S, n, D); dot products are log-odds."""
        return self.draws[:, known_rows(self.ids, ids, "the posterior's teacher", _REMEDY)]

    def embed(self, features: FeatureTable) -> npt.NDArray[np.float32]:
        """Positions of a table's objects under each draw, shape (S, n, D)."""
        return self.positions(features.ids)

    def choice_probabilities(
        self, triplets: Integers, features: FeatureTable | None = None
    ) -> npt.NDArray[np.float64]:
        """Probability that item 1, 2, 3 is the odd one, shape (n, 3).

        ``triplets`` (n, 3) are indices into ``ids``, or into the rows of ``features`` if given.
        """
        triplets = np.asarray(triplets)
        rows, inverse = np.unique(triplets, return_inverse=True)
        names = self.ids if features is None else features.ids
        x = self.positions([names[row] for row in rows])
        place = inverse.reshape(triplets.shape)
        if self.mode == "plugin":
            mean = np.zeros((len(rows), len(rows)))
            for draw in x:
                mean += draw @ draw.T
            return matrix_probabilities(mean / len(x), place).astype(np.float64)
        total = np.zeros((len(triplets), 3))
        for draw in x:
            total += matrix_probabilities(draw @ draw.T, place)
        return np.asarray(total / total.sum(axis=1, keepdims=True))


def make_posterior_teacher(
    posterior: ChoiceModel,
    *,
    judged: Booleans | None = None,
    mode: Mode = "predictive",
    draws: int = DRAWS,
) -> PosteriorTeacher:
    """Make a teacher of the objects of a posterior that were judged, (m,); None: all.

    It keeps at most ``draws`` draws, evenly spaced over all chains.
    """
    rows = np.arange(len(posterior.ids)) if judged is None else np.flatnonzero(judged)
    if len(rows) < 3:
        raise TwoalikeError(
            where="a teacher",
            expected="judgments of at least 3 objects",
            found=len(rows),
            remedy="Collect more.",
        )
    found = len(posterior.embedding)
    kept = np.unique(np.linspace(0, found - 1, min(draws, found)).round().astype(int))
    positions = [dot_positions(posterior, posterior.embedding[draw][rows]) for draw in kept]
    widest = max(x.shape[1] for x in positions)
    padded = [np.pad(x, ((0, 0), (0, widest - x.shape[1]))) for x in positions]
    return PosteriorTeacher(
        ids=tuple(posterior.ids[row] for row in rows),
        draws=np.stack(padded).astype(np.float32),
        mode=mode,
        description={
            "method": "posterior",
            "from": {},
            "to": {"objects": len(rows), "dimensions": widest, "draws": len(kept)},
            "labels": mode,
        },
    )


def teacher_html(title: str, description: Mapping[str, Any]) -> str:
    """Show a teacher in a notebook: its name and any scores on held-out objects."""
    scores = {
        (name, part): score
        for part, by_name in (description.get("validation") or {}).items()
        if part in {"soft_labels", "choices", "anchored_choices"}
        for name, score in by_name.items()
        if isinstance(score, Mapping) and "accuracy" in score
    }
    rows = "".join(
        f"<tr><td>{escape(name)}, {escape(part.replace('_', ' '))}</td>"
        f"<td>{score['accuracy']:.3f}</td><td>{score['log_loss']:.3f}</td></tr>"
        for (name, part), score in scores.items()
    )
    head = "<tr><th>held-out objects</th><th>accuracy</th><th>log-loss</th></tr>"
    return f"<p>{escape(title)}</p>" + (f"<table>{head}{rows}</table>" if rows else "")


def dot_positions(posterior: ChoiceModel, x: npt.NDArray[np.float32]) -> Floats:
    """Positions of one draw whose dot products give its choices, shape (m, D) or (m, m).

    If the similarity is the dot product, they are the coordinates themselves. If it is minus the
    distance, choices depend only on differences, so a constant may be added to the similarities:
    with the right one the matrix has no negative eigenvalue and thus is a matrix of dot products.
    """
    similarity = posterior.pair_similarity(x, x).astype(np.float64)
    if np.allclose(similarity, x @ x.T, rtol=1e-3, atol=1e-4):
        return x.astype(np.float64)
    # Minus a distance is positive definite on contrasts of objects, so a constant is sufficient;
    # the smallest is where the determinant of S + c 1 1' vanishes.
    ones = np.ones(len(x))
    constant = -1 / float(ones @ np.linalg.solve(similarity, ones))
    return spectral_positions(similarity + constant, len(x))
