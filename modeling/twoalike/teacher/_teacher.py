"""Teachers of both kinds, and their folders.

The posterior itself teaches about judged objects: each draw gives the similarities of all of them.
The affine map of a network's features teaches about any image:

    z = (x - mean) / scale,    x' = [W z + b ; alpha z],    S_ij = <x'_i, x'_j> / temperature

``mean`` is a vector and ``scale`` a single number: dividing each feature by its own spread would
give features that hardly vary as much weight as the others, which cost up to .03 in accuracy.
The lower block is the scaled identity. For a square map, gLocal (arXiv:2306.04507) shrinks W
towards a multiple of the identity, so that directions on which the judgments have no bearing keep
the network's own geometry. The map here is not square, so the multiple of the identity is a block
of its own, and W is shrunk towards zero, where x' = alpha z, the same limit.
Judged objects may keep their positions in the posterior, and W z + b then places only the others.

``teacher.json`` describes the teacher, ``teacher.safetensors`` holds its arrays. Both are read
without torch, which predicting choices does not need.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.features import FeatureTable
from twoalike.study import (
    DAMAGED,
    Booleans,
    Floats,
    Integers,
    TwoalikeError,
    atomic_directory,
    read_json,
    require_file,
    sha256_file,
    usual_permissions,
    write_json,
)
from twoalike.teacher._labels import (
    ChoiceModel,
    Mode,
    log_probabilities,
    matrix_probabilities,
    odd_logits,
    spectral_positions,
)

ARRAYS = ("mean", "weight", "bias")
PLACED = 16_384
"""Objects that are placed at once: features may not fit into memory."""


@dataclass(frozen=True, eq=False)
class AffineTeacher:
    """Choice probabilities for any image, from a network's features.

    Attributes
    ----------
    mean
        Shape (p,).
    scale
        One number for all features.
    weight
        W, shape (D, p); D is 0 for the control, which has no human space.
    bias
        b, shape (D,).
    identity
        alpha.
    temperature
        Fitted on objects held out from the map.
    known_ids, known
        Objects that keep the posterior's positions instead of W z + b, and these positions, shape
        (k, D); empty for a teacher that uses the map alone.
    description
        Content of teacher.json: the network it maps from, how it was fitted and validated.
    folder
        Folder it was saved in; None before it is saved.
    """

    mean: npt.NDArray[np.float32]
    scale: float
    weight: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    identity: float
    temperature: float
    description: Mapping[str, Any] = field(default_factory=dict)
    known_ids: tuple[str, ...] = ()
    known: npt.NDArray[np.float32] | None = None
    folder: Path | None = None

    needs_features = True

    def __repr__(self) -> str:
        of = f" of {self.source['backbone']}" if self.source.get("backbone") else ""
        d, p = self.weight.shape
        kept = f", {len(self.known_ids)} objects in the posterior's places" * bool(self.known_ids)
        return f"<AffineTeacher: {p} features{of} to {d} dimensions{kept}>"

    def _repr_html_(self) -> str:
        return teacher_html(repr(self), self.description)

    @property
    def source(self) -> Mapping[str, Any]:
        """The network it maps from: backbone, weights_sha256, preprocessing, ... (may be empty)."""
        found: Mapping[str, Any] = self.description.get("from", {})
        return found

    def check(self, features: FeatureTable) -> None:
        """Check that features are those of the network that the map was fitted to."""
        source, meta, p = self.source, features.meta, features.values.shape[1]
        name = source.get("backbone") or "an unnamed network"
        if p != len(self.mean):
            raise TwoalikeError(
                expected=f"the {len(self.mean)} features of {name} that the teacher maps",
                found=f"{p} features of {meta.get('backbone') or 'an unnamed network'}",
                remedy="Use the same network.",
            )
        ours, theirs = (
            ", ".join(f"{key} {of[key]}" for key in ("pool", "block") if of.get(key) is not None)
            or "the usual tokens"
            for of in (source, meta)
        )
        # A network that is known and names neither pool nor block has those of timm.
        if ours != theirs and source.get("weights_sha256") and meta.get("weights_sha256"):
            raise TwoalikeError(
                expected=f"{ours} of {name}, which the teacher maps",
                found=theirs,
                remedy="Compute features with the teacher's pool and block.",
            )
        for key in ("weights_sha256", "preprocessing"):
            own, other = source.get(key), meta.get(key)
            if own is not None and other is not None and own != other:
                raise TwoalikeError(
                    expected=f"features of {name} with the teacher's {key} {_short(own)}",
                    found=_short(other),
                    remedy="Compute features with the teacher's network and size.",
                )

    def embed(self, features: FeatureTable) -> npt.NDArray[np.float32]:
        """Positions in the human space, shape (m, D + p), or (m, D) if ``identity`` is 0."""
        return self._placed(features, np.arange(len(features.ids)))

    def _placed(self, features: FeatureTable, rows: Integers) -> npt.NDArray[np.float32]:
        """Positions of these rows of features, which may not fit into memory at once."""
        self.check(features)
        d, p = self.weight.shape
        placed = np.empty((len(rows), d + (p if self.identity else 0)), np.float32)
        row_of = {name: row for row, name in enumerate(self.known_ids)}
        for start in range(0, len(rows), PLACED):
            own = rows[start : start + PLACED]
            z = (features.values[own] - self.mean) / np.float32(self.scale)
            human = z @ self.weight.T + self.bias
            if self.known is not None:
                places = np.array([row_of.get(features.ids[row], -1) for row in own], np.int64)
                human[places >= 0] = self.known[places[places >= 0]]
            placed[start : start + PLACED, :d] = human
            if self.identity:
                placed[start : start + PLACED, d:] = np.float32(self.identity) * z
        return placed

    def positions(
        self, ids: Sequence[str], features: FeatureTable | None = None
    ) -> npt.NDArray[np.float32]:
        """Positions of n objects with features, shape (1, n, D + p); dot products are log-odds."""
        if features is None:
            raise TwoalikeError(
                where="this teacher", expected="`features=...` to place objects", found="none"
            )
        placed = self._placed(features, features.rows_of(ids))
        return np.asarray((placed / np.sqrt(np.float32(self.temperature)))[None])

    def choice_probabilities(
        self, triplets: Integers, features: FeatureTable, anchored: Booleans | None = None
    ) -> npt.NDArray[np.float64]:
        """Probability that item 1, 2, 3 is the odd one, shape (n, 3).

        ``triplets`` (n, 3) are rows of ``features``. Where ``anchored`` (n,), item 1 is a reference
        and never the odd one.
        """
        part, place = features.shown(np.asarray(triplets))
        x = self.embed(part).astype(np.float64)
        pairs = ((1, 2), (0, 2), (0, 1))  # the two that remain when item 1, 2, 3 is odd
        if len(x) ** 2 <= 4 * len(place) * x.shape[1]:
            logits = odd_logits(x @ x.T, place)
        else:
            logits = np.stack(
                [np.einsum("nd,nd->n", x[place[:, i]], x[place[:, j]]) for i, j in pairs], axis=1
            )
        return np.exp(log_probabilities(logits / self.temperature, anchored))


def _short(value: object) -> str:
    return str(value)[:12] + "..." if isinstance(value, str) else str(value)


DRAWS = 50
"""Draws that are kept: more would change a probability by less than .01."""


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
        self._rows(features.ids)

    def positions(
        self, ids: Sequence[str], features: FeatureTable | None = None
    ) -> npt.NDArray[np.float32]:
        """Positions of objects under each draw, shape (S, n, D); dot products are log-odds."""
        return self.draws[:, self._rows(ids)]

    def _rows(self, ids: Sequence[str]) -> Integers:
        rows = pd.Index(self.ids).get_indexer(pd.Index(list(ids)))
        if missing := [name for name, row in zip(ids, rows, strict=True) if row < 0]:
            raise TwoalikeError(
                f"{len(missing)} of {len(ids)} objects were not judged, first "
                f"{', '.join(missing[:10])}",
                where="the posterior's teacher",
                remedy="Teach with `features=...`.",
            )
        return np.asarray(rows)

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


type Teacher = AffineTeacher | PosteriorTeacher
"""Similarities of objects, one set or one per posterior draw.

Training needs only ``positions``: the dot products of a draw's positions are the logits of the
choice model. With one draw per step a student learns the posterior's uncertainty over time;
averaged over draws, probabilities are predictive. The dot products of all draws' positions,
concatenated and divided by the root of their number, are the mean similarities.
"""


def likeness_of(description: Mapping[str, Any]) -> dict[str, str]:
    """Say whose likeness a teacher or a posterior is, for the public; nothing if of all people.

    A group is named; a participant is not. With it goes the record of the judgments that it was
    fitted to (:func:`twoalike.judgments.packed_codes`), which holds no answers.
    """
    found = {"judged": description["judged"]} if "judged" in description else {}
    if "participant" in description:
        found["likeness"] = "one participant"
    elif "group" in description:
        found["likeness"] = f"the group {str(description['group'])!r}"
    return found


def save_teacher(folder: str | Path, teacher: Teacher, provenance: Mapping[str, Any]) -> None:
    """Write a teacher to a folder, all or nothing; an earlier one is replaced.

    Its description goes into teacher.json, with ``provenance`` of the kind ``teacher``.
    """
    from safetensors.numpy import save_file

    numbers: dict[str, Any] = {"temperature": teacher.temperature}
    if isinstance(teacher, PosteriorTeacher):
        arrays, ids = {"draws": teacher.draws}, teacher.ids
        numbers |= {"method": "posterior", "labels": teacher.mode}
    else:
        arrays, ids = {name: getattr(teacher, name) for name in ARRAYS}, teacher.known_ids
        arrays |= {} if teacher.known is None else {"known": teacher.known}
        numbers |= {"scale": teacher.scale, "identity": teacher.identity}
    with atomic_directory(Path(folder)) as temporary:
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        save_file(contiguous, temporary / "teacher.safetensors")
        usual_permissions(temporary / "teacher.safetensors")
        content = {
            **provenance,
            **teacher.description,
            **numbers,
            "arrays_sha256": sha256_file(temporary / "teacher.safetensors"),
            **({"ids": list(ids)} if ids else {}),
        }
        write_json(temporary / "teacher.json", content)


@overload
def load_teacher(folder: str | Path) -> AffineTeacher: ...
@overload
def load_teacher(folder: str | Path, *, any_kind: Literal[True]) -> Teacher: ...
def load_teacher(folder: str | Path, *, any_kind: bool = False) -> Teacher:
    """Read a teacher's folder; with ``any_kind`` also one that maps no features."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    folder = Path(folder)
    if not folder.is_dir():
        raise TwoalikeError(
            where=folder,
            expected="a teacher's folder",
            found="none",
            remedy="Make one with: twoalike teach",
        )
    content = read_json(folder / "teacher.json", "teacher")
    of_posterior = content.get("method") == "posterior"
    if of_posterior and not any_kind:
        raise TwoalikeError(
            where=folder,
            expected="a teacher that maps features",
            found="a posterior, which covers judged objects only",
            remedy="Teach with `features=...`.",
        )
    path = require_file(folder / "teacher.safetensors", "the teacher's arrays")
    if sha256_file(path) != content.get("arrays_sha256"):
        raise TwoalikeError(
            "the arrays are not those that teacher.json describes (damaged or exchanged)",
            where=path,
            remedy="Teach again.",
        )
    try:
        arrays: dict[str, npt.NDArray[Any]] = load_file(path)
        known = arrays["draws"][0] if of_posterior else arrays.get("known", ())
        ids = tuple(map(str, content["ids"])) if len(known) else ()
        if len(ids) != len(known):
            raise ValueError(f"{len(ids)} ids for {len(known)} objects")
        about: dict[str, Any] = {"description": content, "folder": folder}
        if of_posterior:
            return PosteriorTeacher(ids, arrays["draws"], content["labels"], **about)
        numbers = {name: float(content[name]) for name in ("scale", "identity", "temperature")}
        about |= numbers | {name: arrays[name] for name in ARRAYS}
        return AffineTeacher(known_ids=ids, known=arrays.get("known"), **about)
    except (SafetensorError, *DAMAGED, IndexError, TypeError) as error:
        raise TwoalikeError(
            f"incomplete teacher ({error})", where=folder, remedy="Teach again."
        ) from error
