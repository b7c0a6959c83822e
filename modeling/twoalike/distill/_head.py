"""Where a head starts: as the teacher's map into the human space, on the student's own features.

A student whose similarities are human-like from the first step has little left to change in its
features, which stay useful for other tasks: of THINGS, with photographs nobody judged, an identity
as the start costs half of what the features could be used for (benchmarks/results/photographs.md).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from twoalike.backbones import Backbone
from twoalike.choice import ChoiceKind
from twoalike.distill._lesson import Lesson
from twoalike.distill._sources import ImageSource, Opinion
from twoalike.distill._student import StudentNetwork, identity_head
from twoalike.features import FeatureTable
from twoalike.study import Floats, Integers
from twoalike.teacher import (
    AffineTeacher,
    Mode,
    PosteriorTeacher,
    Teacher,
    UninformativeError,
    fit_teacher,
)

MOST_FITTED = 2000
"""Images that a map is fitted to: its cost is cubic in them."""
FEWEST = 24
"""With fewer images a map fits only themselves."""

Start = Literal["teacher", "fitted", "identity"]


def human_head(
    teacher: Teacher | None, backbone: Backbone, plain: StudentNetwork, lesson: Lesson, batch: int
) -> tuple[nn.Linear, Start]:
    """Make the head that maps a network's features into the human space, and tell how it starts.

    It starts as a map fitted to the similarities of the judged images to learn from: the teacher's
    map knows the held-out ones too. With few judged images it starts as the teacher's own map, if
    that is of this very network, otherwise as one fitted to the teacher's similarities of all
    images; and as the identity if there are no similarities (listed labels), hardly any images, or
    features that do not predict them.
    """
    source = lesson.source
    if isinstance(source, ImageSource):
        rows = np.flatnonzero(source.opinion.judged)
        if len(rows) < FEWEST:
            if isinstance(teacher, AffineTeacher) and _is_of(teacher, backbone):
                return as_layer(teacher), "teacher"
            rows = np.arange(len(lesson.images))
        if len(rows) >= FEWEST:
            try:
                return as_layer(_fitted(plain, lesson, source.opinion, rows, batch)), "fitted"
            except UninformativeError:
                pass  # nothing to start from but the network itself, which config.json records
    return identity_head(backbone.n_features, bias=True), "identity"


def as_layer(teacher: AffineTeacher) -> nn.Linear:
    """Make a layer of a map: features (n, p) to positions [W z + b ; alpha z], (n, D or D + p)."""
    weight, bias = [teacher.weight], [teacher.bias]
    if teacher.identity:
        p = len(teacher.mean)
        weight.append(np.float32(teacher.identity) * np.eye(p, dtype=np.float32))
        bias.append(np.zeros(p, np.float32))
    # Dot products at temperature 1; z = (x - mean) / scale is part of the layer.
    size = np.float32(1 / np.sqrt(teacher.temperature))
    w = torch.from_numpy(size / np.float32(teacher.scale) * np.concatenate(weight))
    b = torch.from_numpy(size * np.concatenate(bias)) - w @ torch.from_numpy(teacher.mean)
    layer = nn.Linear(w.shape[1], w.shape[0])
    with torch.no_grad():
        layer.weight.copy_(w)
        layer.bias.copy_(b)
    return layer


def _is_of(teacher: AffineTeacher, backbone: Backbone) -> bool:
    """Whether a teacher maps the features of this very network, prepared and pooled like this."""
    source, tokens = teacher.source, backbone.tokens
    return (
        source.get("weights_sha256") == backbone.weights_sha256
        and source.get("preprocessing") == backbone.preprocessing.as_timm()
        and all(source.get(key) == tokens.get(key) for key in ("pool", "block"))
    )


def _fitted(
    plain: StudentNetwork,
    lesson: Lesson,
    opinion: Opinion,
    rows: Integers,
    batch: int,
) -> AffineTeacher:
    """Fit the map from a network's features to what a teacher says of some images."""
    every = np.linspace(0, len(rows) - 1, min(len(rows), MOST_FITTED))
    rows = rows[np.unique(every.round().astype(np.int64))]
    parts = torch.split(torch.from_numpy(rows), batch)
    features = torch.cat(
        [plain.output_of(lesson.images.stacked(r.tolist())).unmapped for r in parts]
    )
    here = opinion.only(rows)
    human = here.judgments if here.judged.all() else None
    judge = _Judge(here.draws.numpy() if human is None else human.numpy()[None])
    return fit_teacher(judge, FeatureTable(judge.ids, features.numpy()))


@dataclass(frozen=True, eq=False)
class _Judge:
    """A teacher's similarities of n images, as what a map is fitted to."""

    embedding: npt.NDArray[np.float32]  # positions by draw, (S, n, D)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(map(str, range(self.embedding.shape[1])))

    def pair_similarity(self, left: Floats, right: Floats) -> Floats:
        return left @ right.T

    def similarity(self) -> Floats:
        total = np.zeros((self.embedding.shape[1],) * 2)
        for draw in self.embedding:
            total += draw @ draw.T
        return np.asarray(total / len(self.embedding))

    def choice_probabilities(
        self,
        triplets: Integers,
        mode: Mode = "predictive",
        *,
        lapse: bool = False,
        kind: ChoiceKind = "odd_one_out",
    ) -> Floats:
        del lapse, kind  # a teacher has no lapses, and a map is fitted to odd-one-out choices
        return PosteriorTeacher(self.ids, self.embedding, mode).choice_probabilities(triplets)
