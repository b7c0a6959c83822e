"""What people's choices tell ``twoalike teach``: which labels and which kind of teacher."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twoalike.study import TwoalikeError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from twoalike.embedding import Posterior
    from twoalike.features import FeatureTable
    from twoalike.teacher import AffineTeacher, Judgments


@dataclass(frozen=True, eq=False)
class KnownChoices:
    """Choices given to ``teach``.

    Attributes
    ----------
    judgments
        The choices; None: none were given.
    used
        Why they cannot compare teachers; empty if they can.
    labels
        How kinds of labels compare on them.
    """

    judgments: "Judgments | None"
    used: str
    labels: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, choices: Path | None, posterior: "Posterior") -> "KnownChoices":
        """Read choices, and compare labels on those that the posterior was not fitted to."""
        from twoalike.embedding import is_input
        from twoalike.study import sha256_file
        from twoalike.teacher import compare_labels

        if choices is None:
            return cls(None, "no choices given", {"skipped": "no choices given"})
        lapse = float(posterior.typical_lapse.mean())
        judgments = read_odd_choices(choices, posterior.ids, lapse)
        if is_input(posterior, "choices", sha256_file(choices)):
            reason = "the posterior was fitted to these choices"
            return cls(judgments, reason, {"skipped": reason})
        found = compare_labels(posterior, judgments.triplets, judgments.chosen)
        return cls(judgments, "", found)

    def compare(
        self,
        posterior: "Posterior",
        mixed: "AffineTeacher",
        table: "FeatureTable",
        mode: Any,
        judged: "npt.NDArray[np.bool_] | None",
    ) -> dict[str, Any]:
        """Compare posterior, map, and map with judged objects in place, on new choices."""
        from dataclasses import replace

        from twoalike.features import FeatureTable
        from twoalike.teacher import compare_kinds

        if self.judgments is None or self.used:
            return {"skipped": self.used}
        triplets, chosen = self.judgments.triplets, self.judgments.chosen
        if judged is not None:
            known = judged[triplets].all(axis=1)
            triplets, chosen = triplets[known], chosen[known]
        if not len(triplets):
            return {"skipped": "no choice is among judged objects only"}
        named = FeatureTable(posterior.ids, table.select(posterior.ids), table.meta)
        surrogate = replace(mixed, known_ids=(), known=None)
        return compare_kinds(
            {
                "posterior": posterior.choice_probabilities(triplets, mode),
                "surrogate": surrogate.choice_probabilities(triplets, named),
                "mixed": mixed.choice_probabilities(triplets, named),
            },
            chosen,
            self.judgments.lapse,
        )


def judged_objects(posterior: "Posterior") -> "npt.NDArray[np.bool_] | None":
    """Which objects were shown in judgments of any kind, where the posterior says so."""
    import numpy as np

    tree = posterior.tree
    if "constant_data" not in tree.children:
        return None
    stored = tree["constant_data"].dataset
    counts = [stored[name].values for name in ("shown", "placed", "compared") if name in stored]
    if not counts:
        return None
    judged: npt.NDArray[np.bool_] = np.sum(counts, axis=0) > 0
    return judged


def read_odd_choices(choices: Path, ids: Sequence[str], lapse: float = 0.0) -> "Judgments":
    """Read the odd-one-out choices of a table, as rows of ``ids``.

    Raises
    ------
    TwoalikeError
        If there are none, or an object is not among the ids.
    """
    from twoalike.evaluation import is_scored
    from twoalike.judgments import object_index, read_choices
    from twoalike.teacher import Judgments

    table = read_choices(choices)
    kept = is_scored(table)
    if not kept.any():
        raise TwoalikeError(f"{choices}: expected odd-one-out judgments, found none.")
    triplets, chosen, _ = object_index(table[kept], list(ids))
    return Judgments(triplets, chosen, lapse)
