"""The affine map from a network's features to the human space.

    z = (x - mean) / scale,    x' = [W z + b ; alpha z],    S_ij = <x'_i, x'_j> / temperature

``mean`` is a vector and ``scale`` a single number: dividing each feature by its own spread would
give features that hardly vary as much weight as the others, which cost up to .03 in accuracy.

The lower block is the scaled identity. For a square map, gLocal (arXiv:2306.04507) shrinks W
towards a multiple of the identity, so that directions on which the judgments have no bearing keep
the network's own geometry. The map here is not square (D human dimensions for p features), so the
multiple of the identity is a separate block: W is shrunk towards zero, where x' = alpha z, the same
limit. ``alpha`` is fitted, not chosen.

Judged objects may keep their positions in the posterior, and W z + b then places only the others.
Both sets of positions are in one space, so similarities between them are meaningful.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.features import FeatureTable
from twoalike.study import Booleans, Integers, TwoalikeError
from twoalike.teacher._labels import log_probabilities, odd_logits
from twoalike.teacher._posterior import teacher_html

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
        p = features.values.shape[1]
        name = self.source.get("backbone") or "an unnamed network"
        if p != len(self.mean):
            raise TwoalikeError(
                expected=f"the {len(self.mean)} features of {name} that the teacher maps",
                found=f"{p} features of {features.meta.get('backbone') or 'an unnamed network'}",
                remedy="Use the same network.",
            )
        both = (self.source, features.meta)
        our_tokens, their_tokens = map(_tokens, both)
        # A network that is known and names neither pool nor block has those of timm.
        if our_tokens != their_tokens and all(
            described.get("weights_sha256") for described in both
        ):
            raise TwoalikeError(
                expected=f"{our_tokens} of {name}, which the teacher maps",
                found=their_tokens,
                remedy="Compute features with the teacher's pool and block.",
            )
        for key in ("weights_sha256", "preprocessing"):
            ours, theirs = self.source.get(key), features.meta.get(key)
            if ours is not None and theirs is not None and ours != theirs:
                raise TwoalikeError(
                    expected=f"features of {name} with the teacher's {key} {_short(ours)}",
                    found=_short(theirs),
                    remedy="Compute features with the teacher's network and size.",
                )

    def embed(self, features: FeatureTable) -> npt.NDArray[np.float32]:
        """Positions in the human space, shape (m, D + p), or (m, D) if ``identity`` is 0."""
        self.check(features)
        return _together(self._blocks(features, np.arange(len(features.ids))), self.width)

    @property
    def width(self) -> int:
        """Number of coordinates of a position: D + p, or D if ``identity`` is 0."""
        d, p = self.weight.shape
        return int(d + (p if self.identity else 0))

    def _blocks(self, features: FeatureTable, rows: Integers) -> Iterator[npt.NDArray[np.float32]]:
        """Yield positions of these rows of features, block by block, shape (n, width)."""
        row_of = {name: row for row, name in enumerate(self.known_ids)}
        for start in range(0, len(rows), PLACED):
            own = rows[start : start + PLACED]
            z = (features.values[own] - self.mean) / np.float32(self.scale)
            human = z @ self.weight.T + self.bias
            if self.known is not None:
                places = np.array([row_of.get(features.ids[row], -1) for row in own], np.int64)
                human[places >= 0] = self.known[places[places >= 0]]
            if self.identity:
                human = np.concatenate([human, np.float32(self.identity) * z], axis=1)
            yield np.asarray(human, np.float32)

    def position_blocks(
        self, ids: Sequence[str], features: FeatureTable
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Yield :meth:`positions` of consecutive objects, where all together are too many."""
        self.check(features)
        root = np.sqrt(np.float32(self.temperature))
        for block in self._blocks(features, features.rows_of(ids)):
            yield block / root

    def positions(
        self, ids: Sequence[str], features: FeatureTable | None = None
    ) -> npt.NDArray[np.float32]:
        """Positions of n objects with features, shape (1, n, D + p); dot products are log-odds."""
        if features is None:
            raise TwoalikeError(
                where="this teacher", expected="`features=...` to place objects", found="none"
            )
        return _together(self.position_blocks(ids, features), self.width)[None]

    def choice_probabilities(
        self, triplets: Integers, features: FeatureTable, anchored: Booleans | None = None
    ) -> npt.NDArray[np.float64]:
        """Probability that item 1, 2, 3 is the odd one, shape (n, 3).

        ``triplets`` (n, 3) are rows of ``features``. Where ``anchored`` (n,), item 1 is a reference
        and never the odd one.
        """
        triplets = np.asarray(triplets)
        rows, inverse = np.unique(triplets, return_inverse=True)
        part = FeatureTable(
            tuple(features.ids[row] for row in rows), features.values[rows], features.meta
        )
        x = self.embed(part).astype(np.float64)
        pairs = ((1, 2), (0, 2), (0, 1))  # the two that remain when item 1, 2, 3 is odd
        place = inverse.reshape(triplets.shape)
        if len(x) ** 2 <= 4 * len(triplets) * x.shape[1]:
            logits = odd_logits(x @ x.T, place)
        else:
            logits = np.stack(
                [np.einsum("nd,nd->n", x[place[:, i]], x[place[:, j]]) for i, j in pairs], axis=1
            )
        return np.exp(log_probabilities(logits / self.temperature, anchored))


def _together(blocks: Iterator[npt.NDArray[np.float32]], width: int) -> npt.NDArray[np.float32]:
    """Blocks of rows, one below the other."""
    return np.concatenate([np.empty((0, width), np.float32), *blocks])


def _tokens(described: Mapping[str, Any]) -> str:
    """Name the tokens that features are made of."""
    keys = ("pool", "block")
    found = [f"{key} {described[key]}" for key in keys if described.get(key) is not None]
    return ", ".join(found) or "the usual tokens"


def _short(value: object) -> str:
    return str(value)[:12] + "..." if isinstance(value, str) else str(value)
