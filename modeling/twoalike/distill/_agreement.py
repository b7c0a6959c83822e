"""How well a student's choices agree with the teacher's, on images it did not learn from."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from twoalike.distill._base import Base
from twoalike.distill._data import ImageSet
from twoalike.distill._sources import Opinion, Sampling
from twoalike.distill._stream import TRIPLETS
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
    labels
        The teacher's choice probabilities, shape (n, 3).
    triplets
        Indices into the images, shape (n, 3).
    """

    images: ImageSet
    labels: Floats
    triplets: npt.NDArray[np.integer]

    @classmethod
    def of(
        cls, images: ImageSet, opinion: Opinion, seed: int, sampling: Sampling = "uniform"
    ) -> "Agreement":
        """All triplets of the images, or some of them, with the teacher's opinion of each."""
        rng, cpu = np.random.default_rng([seed, TRIPLETS]), torch.device("cpu")
        everyone = torch.arange(len(images))
        triplets = opinion.triplets(everyone, MOST_TRIPLETS, cpu, rng, sampling)
        chances = opinion.probabilities(everyone, triplets, cpu)
        return cls(images, chances.numpy().astype(np.float64), triplets.numpy())

    @property
    def ceiling(self) -> float:
        """Accuracy of the teacher itself on choices drawn from its probabilities."""
        with np.errstate(divide="ignore"):
            logits = np.maximum(np.log(self.labels), -1e4)
        return score_soft(logits, self.labels)["accuracy"]

    def similarity_logits(self, student: Student, batch: int) -> tuple[Floats, torch.Tensor]:
        """Logits before the temperature, shape (n, 3), and the images' features before a head."""
        rows = torch.split(torch.arange(len(self.images)), batch)
        seen = [student.output_of(self.images.stacked(r.tolist())) for r in rows]
        similarity = student.similarity_of(torch.cat([part.features for part in seen]))
        unmapped = torch.cat([part.unmapped for part in seen])
        return odd_logits(similarity.numpy(), self.triplets), unmapped

    def score(
        self, student: Student, batch: int, *, rescale: bool = False, base: Base | None = None
    ) -> dict[str, float]:
        """Accuracy on choices drawn from the teacher (ties 1/k) and KL from the teacher, nats.

        ``rescale`` takes the temperature that suits best instead of the student's own. With a
        ``base`` that has a classifier also ``same_class``, the share of images whose likeliest
        class is what it was.

        Raises
        ------
        FloatingPointError
            If the student's similarities are not finite.
        """
        logits, unmapped = self.similarity_logits(student, batch)
        if not np.isfinite(logits).all():
            raise FloatingPointError("its similarities are no numbers")
        temperature = self._best(logits) if rescale else student.temperature
        score = score_soft(logits / temperature, self.labels)
        found = {"accuracy": score["accuracy"], "kl": score["kl"]}
        if base is not None and base.classifier is not None:
            found["same_class"] = base.same_class(unmapped, self.images, batch)
        return found

    def settle_temperature(self, student: Student, batch: int) -> None:
        """Give the student the temperature at which it agrees best with the teacher as it is."""
        best = self._best(self.similarity_logits(student, batch)[0])
        with torch.no_grad():
            student.log_temperature.fill_(float(np.log(best)))

    def _best(self, logits: Floats) -> float:
        (share,) = fit_mixture([logits], self.labels)
        # Where the features contradict the teacher, none is best: take the similarities' own size.
        return float(1 / share) if share > 1e-6 else float(max(logits.std(), 1e-3))
