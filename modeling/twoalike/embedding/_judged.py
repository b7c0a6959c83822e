"""Judgments as a posterior sees them, and the probability of every answer under one draw.

Judgments by people, or of objects, that a posterior does not know are left out and counted; a
table with no others is refused. Probabilities are computed draw by draw, so that no array of the
size draws x judgments is needed. Trials of arrangements follow one another, without padding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import anchored_log_choice, log_choice
from twoalike.embedding._layouts import Layouts
from twoalike.embedding._parts import ROWS
from twoalike.judgments import (
    ITEMS,
    JudgmentKind,
    JudgmentTable,
    in_sets,
    is_scored,
    judgment_codes,
    object_index,
    pair_sources,
    participant_index,
    person_of,
    read_judgments,
    split_sets,
    trial_numbers,
)
from twoalike.study import Booleans, Floats, Integers, TwoalikeError, counted, sha256_file
from twoalike.tables import JUDGED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twoalike.embedding._model import Data
    from twoalike.embedding._parts import Kernel
    from twoalike.embedding._posterior import Posterior


@dataclass(frozen=True)
class Judged:
    """Judgments of objects and by people that a posterior knows.

    ``items`` (n, 3) are object indices in the order shown, ``chosen`` (n,) the position of the
    chosen one, ``judge`` (n,) participant indices; ``anchored`` (n,) marks those whose item 1 is a
    reference. ``left_out`` counts judgments by people, or of objects, that the posterior does not
    know; ``in_sets`` those of more than three items, which are not here either.
    """

    items: Integers
    chosen: Integers
    judge: Integers
    anchored: Booleans
    left_out: int = 0
    in_sets: int = 0

    @classmethod
    def of(cls, data: "Data") -> "Judged":
        """Take choices in the order of a fit's data: the odd one last, the chosen one second."""
        chosen = np.where(data.anchored, 1, 2).astype(np.int8)
        return cls(data.items, chosen, data.judge, data.anchored)

    def __len__(self) -> int:
        """Count the judgments."""
        return len(self.items)

    def take(self, rows: Any) -> "Judged":
        """Take some of the judgments: a slice, a mask or positions."""
        return Judged(self.items[rows], self.chosen[rows], self.judge[rows], self.anchored[rows])


def used_choices(choices: pd.DataFrame) -> pd.DataFrame:
    """Judgments that inform the embedding: main and repeated trials."""
    table = choices[choices["trial_type"].isin(JUDGED)]
    if table.empty:
        raise TwoalikeError(
            f"expected main or repeat trials to fit, found none among {len(choices)} judgments."
        )
    seen = pd.unique(pd.concat([table[item].astype(str) for item in ITEMS]))
    if len(seen) < 3:
        raise TwoalikeError(f"expected judgments of at least 3 objects, found {len(seen)}.")
    return table


def known_judgments(posterior: "Posterior", choices: pd.DataFrame) -> Judged:
    """Index main and repeated trials of triplets into a posterior's objects and participants."""
    return known_rows(posterior, choices)[0]


def known_rows(posterior: "Posterior", choices: pd.DataFrame) -> tuple[Judged, Booleans]:
    """Index judgments, as :func:`known_judgments` does; also whether each of the table is known.

    Those of more than three items are none of these.
    """
    larger = in_sets(choices)
    triplets = split_sets(choices)[0]
    if triplets.empty:
        raise TwoalikeError(
            expected="choices among three items",
            found=f"{counted(len(choices), 'choice')} among more",
            remedy="Look at them with twoalike check.",
        )
    own_items, chosen, objects = object_index(triplets)
    own_judge, people = participant_index(triplets)
    items = pd.Index(posterior.ids).get_indexer(pd.Index(objects))[own_items]
    judge = pd.Index(posterior.participants).get_indexer(pd.Index(people))[own_judge]
    known = np.asarray((items >= 0).all(axis=1) & (judge >= 0))
    if not known.any():
        raise none_known(posterior, "judgments", len(triplets), posterior.participants)
    anchored = (triplets["kind"] == "anchored").to_numpy()
    judged = Judged(
        items[known].astype(np.int32),
        chosen[known].astype(np.int8),
        judge[known].astype(np.int32),
        np.asarray(anchored[known], dtype=bool),
        left_out=int((~known).sum()),
        in_sets=int(larger.sum()),
    )
    if judged.in_sets:
        of_triplets = known
        known = np.zeros(len(choices), dtype=bool)
        known[~larger] = of_triplets
    return judged, known


@dataclass(frozen=True)
class Draw:
    """One draw: embedding (m, D), and temperature and lapse of every participant, (P,) each.

    ``roots`` (P, D) is what each participant multiplies coordinates by, if they weigh dimensions;
    ``matrix`` holds the similarities of all objects, where that is cheaper than those of the pairs.
    """

    embedding: Floats
    temperature: Floats
    lapse: Floats
    kernel: "Kernel"
    matrix: npt.NDArray[Any] | None = None
    roots: Floats | None = None

    def pairs(self, judged: Judged) -> tuple[Any, Any, Any]:
        """Similarities of each judgment's pairs, in PAIRS order, shape (n,) each."""
        roots = None if self.roots is None else self.roots[judged.judge]
        return self.kernel.triplets(self.embedding, judged.items, self.matrix, roots)


def thinned(chains: int, draws: int, most: int) -> Integers:
    """Positions of about ``most`` draws among all: of each chain equally many, evenly spaced."""
    each = min(draws, max(most // chains, 1))
    places = np.linspace(0, draws - 1, each).round().astype(np.int64)
    return np.asarray((np.arange(chains)[:, None] * draws + places).ravel())


def draws_of(posterior: "Posterior", which: Integers, n_judgments: int) -> "Iterator[Draw]":
    """Draws at some positions among all, one after the other, for a number of judgments a draw."""
    kernel, x = posterior.kernel, posterior.embedding
    temperature, lapse, weights = posterior.temperature, posterior.lapse, posterior.weights
    for place in which:
        matrix = kernel.whole(x[place], n_judgments) if weights is None else None
        roots = None if weights is None else weights.roots(place)
        yield Draw(x[place], temperature[place], lapse[place], kernel, matrix, roots)


def answer_probabilities(draw: Draw, judged: Judged) -> Floats:
    """Probability of each answer under one draw, with the judge's own temperature and lapse.

    Returns
    -------
    Shape (n, 3), rows sum to one; the reference of an anchored judgment has probability 0.
    """
    p = np.empty((len(judged), 3))
    for start in range(0, len(judged), ROWS):
        rows = slice(start, start + ROWS)
        p[rows] = _probabilities(draw, judged.take(rows))
    return p


def _probabilities(draw: Draw, judged: Judged) -> Floats:
    similarities = draw.pairs(judged)
    noise, guess = draw.temperature[judged.judge], draw.lapse[judged.judge]
    p = np.exp(np.stack(log_choice(similarities, noise, guess), axis=1))
    rows = np.flatnonzero(judged.anchored)
    if len(rows):
        first, second, _ = (values[rows] for values in similarities)
        near = anchored_log_choice((first, second), noise[rows], guess[rows])
        p[rows, 0], p[rows, 1], p[rows, 2] = 0.0, np.exp(near[0]), np.exp(near[1])
    return np.asarray(p / p.sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class KnownLayouts:
    """Layouts of T trials, K placements in all, P pairs of objects within a trial.

    ``items`` and ``trial`` (K,) are object and trial of each placement, ``places`` (K, 2) centred
    and of norm 1 a trial, ``pairs`` (P, 2) two placements of one trial, ``arranger`` (T,) an index
    among ``names``. Trials of unknown people or objects, or without a shape, are ``left_out``.
    """

    items: Integers
    places: Floats
    trial: Integers
    pairs: Integers
    arranger: Integers
    names: tuple[str, ...]
    left_out: int


@dataclass(frozen=True, eq=False)
class KnownPairs:
    """Dissimilarities of P pairs of objects, (P, 2), and whose each is among ``names``, (P,)."""

    pairs: Integers
    values: Floats
    source: Integers
    names: tuple[str, ...]
    left_out: int


AXIS_OF: dict[JudgmentKind, str] = {
    "arrangements": "arranger",
    "dissimilarities": "source",
    "ratings": "rater",
    "sortings": "sorter",
}
"""Axis of the draws that those who gave a kind of judgments have."""


def given_tables(**tables: JudgmentTable | None) -> dict[JudgmentKind, JudgmentTable]:
    """Leave out the kinds of judgments of which there is no table."""
    return {cast("JudgmentKind", kind): one for kind, one in tables.items() if one is not None}


def labels_of(posterior: "Posterior", axis: str) -> tuple[str, ...]:
    """Labels of an axis of the draws; none where the fit had nothing of the kind."""
    group = posterior.tree["posterior"].dataset
    return tuple(map(str, group[axis].values)) if axis in group.coords else ()


def drawn(posterior: "Posterior", name: str) -> Floats:
    """All draws of a variable, shape (S, ...)."""
    values = posterior.tree["posterior"].dataset[name].values
    return np.asarray(values.reshape(-1, *values.shape[2:]), dtype=np.float64)


def none_known(posterior: "Posterior", kind: str, n: int, people: Sequence[str]) -> TwoalikeError:
    """Error for judgments of people or of objects that a posterior does not know, all of them."""
    there = f"{counted(len(people), 'participant')} who gave some, {len(posterior.ids)} objects"
    return TwoalikeError(
        f"none of the {n} {kind} is by a participant and of objects of this posterior ({there})",
        remedy=f"Give the {kind} that it was fitted on.",
    )


def known_layouts(posterior: "Posterior", arrangements: pd.DataFrame) -> KnownLayouts:
    """Index main and repeated trials into a posterior's objects and arrangers, if it knows any."""
    names = labels_of(posterior, "arranger")
    table = arrangements[arrangements["trial_type"].isin(JUDGED)]
    if table.empty:
        raise TwoalikeError(
            "expected arrangements of main or repeated trials, found none among "
            f"{len(arrangements)} placements."
        )
    keys = ["participant", "session", "trial"]
    number = table.groupby(keys, observed=True, dropna=False).ngroup().to_numpy()
    known = table["item"].isin(posterior.ids) & table["participant"].isin(names)
    strange = np.isin(number, number[~known.to_numpy()])
    if strange.all():
        raise none_known(posterior, "arrangements", len(np.unique(number)), names)
    layouts = Layouts.from_arrangements(table[~strange], posterior.ids)
    sizes = [group.shown.sum(axis=1).astype(np.int64) for group in layouts.groups]
    size = np.concatenate(sizes)
    shown = [group.shown > 0 for group in layouts.groups]
    grouped = list(zip(layouts.groups, shown, strict=True))
    arranger = np.concatenate([group.arranger for group in layouts.groups])
    return KnownLayouts(
        items=np.concatenate([group.items[there] for group, there in grouped]),
        places=np.concatenate([group.places[there] for group, there in grouped]),
        trial=np.repeat(np.arange(len(size)), size),
        pairs=_pairs_within(size),
        arranger=pd.Index(names).get_indexer(pd.Index(layouts.people))[arranger],
        names=names,
        left_out=len(np.unique(number[strange])) + layouts.left_out,
    )


def _pairs_within(size: Integers) -> Integers:
    """All pairs of placements in each trial, of trials that follow each other, (P, 2)."""
    starts = np.cumsum(size) - size
    parts = [
        start + np.stack(np.triu_indices(k, 1), axis=1)
        for start, k in zip(starts, size, strict=True)
    ]
    return np.concatenate(parts)


def known_pairs(posterior: "Posterior", dissimilarities: pd.DataFrame) -> KnownPairs:
    """Index dissimilarities into a posterior's objects and sources; refuse if none is known."""
    names = labels_of(posterior, "source")
    n, place = len(dissimilarities), {name: row for row, name in enumerate(names)}
    people = set(map(person_of, names))
    known = dissimilarities["participant"].isin({*names, *people})
    for item in ("item_a", "item_b"):
        known &= dissimilarities[item].isin(posterior.ids)
    table = dissimilarities[known]
    sources = pair_sources(table, posterior.ids)[0] if len(table) else []
    found = [source for source in sources if source.label in place]
    if not found:
        raise none_known(posterior, "dissimilarities", n, names)
    counts = [len(source.pairs) for source in found]
    strange = sum(len(source.pairs) for source in sources if source.label not in place)
    return KnownPairs(
        pairs=np.concatenate([source.pairs for source in found]),
        values=np.concatenate([source.dissimilarity for source in found]),
        source=np.repeat([place[source.label] for source in found], counts),
        names=names,
        left_out=n - len(table) + strange,
    )


def seen_judgments(
    posterior: "Posterior", table: pd.DataFrame, role: str = "choices", file: Path | None = None
) -> Booleans | None:
    """Which judgments of a table a posterior was fitted to, (n,); None if it does not record any.

    The file is recognised by its hash, a judgment by its participant and items: in any other file.
    """
    inputs = posterior.attrs.get("provenance", {}).get("inputs", {})
    if file is not None and inputs.get(role, {}).get("sha256") == sha256_file(file):
        return np.ones(len(table), dtype=bool)
    if posterior.judged is None:
        return None
    return np.isin(judgment_codes(table), posterior.judged)


def fitted_on(
    posterior: "Posterior", table: pd.DataFrame, role: str = "choices", file: Path | None = None
) -> tuple[bool, str]:
    """Whether all judgments by participants of a fit were fitted to; a sentence where not."""
    seen = seen_judgments(posterior, table, role, file)
    if seen is None:
        return False, (
            f"The posterior does not record the {role} that it was fitted to: these are predicted, "
            "as new ones would be."
        )
    others = {person_of(name) for axis in AXIS_OF.values() for name in labels_of(posterior, axis)}
    known = table["participant"].isin({*posterior.participants, *others}).to_numpy()
    if "trial_type" in table:
        known = known & is_scored(table)
    if not seen.any():  # before what follows, which is true where nobody is known
        return False, f"The posterior was not fitted to these {role}: they are predicted."
    if (seen | ~known).all():
        return True, ""
    if role == "arrangements":  # their rows are objects
        seen = seen[np.unique(trial_numbers(table), return_index=True)[1]]
    return False, (
        f"The posterior was fitted to {seen.sum():,} of these {len(seen):,} {role}: all are "
        "predicted, as new ones would be, which is partly in-sample."
    )


def is_own(
    posterior: "Posterior",
    source: JudgmentTable,
    table: pd.DataFrame,
    role: str = "choices",
    fitted: bool | None = None,
) -> tuple[bool, str]:
    """As :func:`fitted_on`, of a table and where it was read from, unless it is known."""
    file = Path(source) if isinstance(source, str | Path) else None
    return (fitted, "") if fitted is not None else fitted_on(posterior, table, role, file)


def as_table(choices: JudgmentTable) -> pd.DataFrame:
    """Read choices from a file or a frame; a tidy table of ours is taken as it is."""
    if isinstance(choices, pd.DataFrame) and {"chosen", "trial_type"} <= set(choices):
        if isinstance(choices[ITEMS[0]].dtype, pd.CategoricalDtype):
            return choices
    return read_judgments(choices)
