"""How well a student's choices agree with the teacher's, on images it did not learn from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from twoalike.distill._data import ImageSet
from twoalike.distill._stream import TRIPLETS, batch_triplets
from twoalike.distill._student import Student
from twoalike.teacher import fit_mixture, odd_logits, score_soft

Floats = npt.NDArray[np.float64]
MOST_TRIPLETS = 20_000


@dataclass(frozen=True, eq=False)
class Agreement:
    """A fixed set of images and triplets to score on.

    Attributes
    ----------
    images
        Held-out images.
    logits
        The teacher's, for each item to be the odd one, shape (n, 3).
    triplets
        Indices into the images, shape (n, 3).
    """

    images: ImageSet
    logits: Floats
    triplets: npt.NDArray[np.int64]

    @classmethod
    def of(cls, images: ImageSet, positions: npt.NDArray[np.float32], seed: int) -> "Agreement":
        """All triplets of the images, or some of them, with the teacher's opinion of each.

        ``positions`` are the teacher's, divided by the root of its temperature, shape (m, D).
        """
        rng = np.random.default_rng([seed, TRIPLETS])
        triplets = batch_triplets(len(images), MOST_TRIPLETS, rng)
        return cls(images, odd_logits(positions @ positions.T, triplets), triplets)

    @property
    def labels(self) -> Floats:
        """The teacher's choice probabilities, shape (n, 3)."""
        raised = np.exp(self.logits - self.logits.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    @property
    def ceiling(self) -> float:
        """Accuracy of the teacher itself on choices drawn from its probabilities."""
        return score_soft(self.logits, self.labels)["accuracy"]

    def similarity_logits(self, student: Student, batch: int) -> Floats:
        """Logits of the student before its temperature, shape (n, 3)."""
        inputs = self.images.stacked(range(len(self.images)))
        features = student.features_of(inputs, batch)
        return odd_logits(student.similarity_of(features).numpy(), self.triplets)

    def score(self, student: Student, batch: int) -> dict[str, float]:
        """Accuracy on choices drawn from the teacher (ties 1/k) and KL from the teacher, nats."""
        temperature = float(student.log_temperature.detach().exp())
        score = score_soft(self.similarity_logits(student, batch) / temperature, self.labels)
        return {"accuracy": score["accuracy"], "kl": score["kl"]}

    def best_temperature(self, student: Student, batch: int) -> float:
        """Temperature at which the student as it is agrees best with the teacher."""
        logits = self.similarity_logits(student, batch)
        (share,) = fit_mixture([logits], self.labels)
        # Where the features contradict the teacher, none is best: take the similarities' own size.
        return float(1 / share) if share > 1e-6 else float(max(logits.std(), 1e-3))


def set_temperature(student: Student, temperature: float) -> None:
    """Start the student from a temperature."""
    with torch.no_grad():
        student.log_temperature.fill_(float(np.log(temperature)))


Record = dict[str, Any]
"""One line of training.jsonl."""
