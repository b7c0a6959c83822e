"""Choice probabilities of given triplets by a posterior or a teacher, as a table."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import OPTIONS, ChoiceKind, Question, SetKind
from twoalike.embedding import (
    Posterior,
    as_posterior,
    choice_intervals,
    set_probabilities,
    usual_question,
)
from twoalike.features import FeatureTable, as_features
from twoalike.judgments import read_sets
from twoalike.study import Floats, Integers, TwoalikeError, atomic_path, read_delimited
from twoalike.teacher._teacher import AffineTeacher, PosteriorTeacher, load_teacher

type PredictionSource = str | Path | Posterior | AffineTeacher | PosteriorTeacher


def predict(
    source: PredictionSource,
    triplets: str | Path | npt.ArrayLike,
    *,
    interval: float | None = None,
    participant: str | Sequence[str] | None = None,
    participant_column: int | None = None,
    kind: SetKind | None = None,
    items: int | None = None,
    features: FeatureTable | str | Path | None = None,
    objects: str | Path | None = None,
    out: str | Path | None = None,
) -> pd.DataFrame:
    """Predict the choices in given triplets, or in larger sets of items.

    Parameters
    ----------
    source
        A posterior or a teacher, or the file or folder of either. A posterior predicts what a
        new person will answer, averaged over its draws and over the lapses and temperatures of the
        population; a teacher what a typical observer would, who never guesses.
    triplets
        Object ids or indices from 0, shape (n, 3), or a file of delimited text with three per line;
        of larger sets (n, items).
    interval
        Share of the posterior inside each probability's central interval, such as 0.9.
    participant
        Participant of the posterior whose lapse rate and temperature are used; or one per
        triplet, among whom people unknown to the posterior answer as new ones.
    participant_column
        Column of the file of triplets, from 1, that names the participant, known or new.
    kind
        ``anchored``: item 1 is the reference, and the most similar of the others is chosen;
        ``most_alike``: the most alike pair. None: what most choices of the posterior's fit answer,
        and of a teacher ``odd_one_out``.
    items
        Number of items of a set. Of more than three, and of the most alike pair, only a posterior
        predicts choices. None: as the kind, or the width of an array of triplets.
    features, objects
        For a teacher that maps features: a network's features or their file, and a file of object
        ids if that file has none.
    out
        File to write, tab-separated.

    Returns
    -------
    Columns ``item_1``, ``item_2``, ``item_3``: the probability that each is chosen (called the
    odd one); with ``interval`` also ``item_1_low`` and so on, then ``item_1_high`` and so on. Of
    larger sets one column a possible answer, such as ``item_4``, or ``items_1_4`` for a pair.
    ``attrs["new_people"]`` of the table maps each person named that the posterior does not know to
    the number of their triplets, which a new person answers; ``attrs["question"]`` says what was
    asked, in words.
    """
    posterior = None
    if isinstance(source, Posterior) or (
        isinstance(source, str | Path) and not Path(source).is_dir()
    ):
        posterior = as_posterior(source)
    if items is None and not isinstance(triplets, str | Path):
        items = np.shape(triplets)[-1]
    question = Question(kind or "odd_one_out", items or 3)
    if posterior is not None:
        question = usual_question(posterior, kind, items)
    larger = question.items != 3 or question.kind not in OPTIONS
    names, new_people = [f"item_{k}" for k in (1, 2, 3)], dict[str, int]()
    columns: list[Floats]
    if posterior is not None:
        indices = read_sets(triplets, posterior.ids, question.items)
        named = _named(triplets, len(indices), participant, participant_column)
        judges, new_people = _judges(posterior, named, triplets, participant_column)
        of_triplets: ChoiceKind = "anchored" if question.kind == "anchored" else "odd_one_out"
        known: dict[str, Any] = {"participants": judges}
        if larger:
            stem = "item_" if question.answers.shape[1] == 1 else "items_"
            names = [stem + "_".join(map(str, one)) for one in (question.answers + 1).tolist()]
            known["interval"] = interval
            columns = list(set_probabilities(posterior, indices, question, lapse=True, **known))
        else:
            known["kind"] = of_triplets
            columns = [posterior.choice_probabilities(indices, lapse=True, **known)]
            if interval is not None:
                columns += choice_intervals(posterior, indices, interval, **known)
        if interval is not None:
            names += [f"{name}_{end}" for end in ("low", "high") for name in names]
    else:
        asked = (interval, participant, participant_column)
        if larger or question.kind != "odd_one_out" or any(one is not None for one in asked):
            raise TwoalikeError(
                "a teacher knows no draws, participants, anchored choices or larger sets",
                where=source,
                remedy="Give a posterior (.nc), or leave out `interval=...`, `participant=...`, "
                "`kind=...` and `items=...`.",
            )
        assert not isinstance(source, Posterior)
        columns = [_of_teacher(source, triplets, features, objects)]
    table = pd.DataFrame(np.concatenate(columns, axis=1).astype(np.float64), columns=names)
    if out is not None:
        with atomic_path(Path(out)) as temporary:
            table.to_csv(temporary, sep="\t", index=False, float_format="%.6f")
    table.attrs |= {"new_people": new_people, "question": question.label}
    return table


def _of_teacher(
    source: str | Path | AffineTeacher | PosteriorTeacher,
    triplets: Any,
    features: FeatureTable | str | Path | None,
    objects: str | Path | None,
) -> Floats:
    teacher = source
    if isinstance(teacher, str | Path):
        teacher = load_teacher(teacher, any_kind=True)
    if features is not None:
        table = as_features(features, objects)
        return teacher.choice_probabilities(read_sets(triplets, table.ids), table)
    if isinstance(teacher, PosteriorTeacher):
        return teacher.choice_probabilities(read_sets(triplets, teacher.ids))
    raise TwoalikeError(
        "this teacher predicts from features", where=source, remedy="Add `features=...`."
    )


def _named(
    triplets: Any, n: int, participant: str | Sequence[str] | None, column: int | None
) -> list[str] | None:
    if participant is not None and column is not None:
        raise TwoalikeError(expected="`participant=...` or `participant_column=...`", found="both")
    if column is None:
        one = [participant] * n if isinstance(participant, str) else participant
        return None if one is None else list(one)
    rows = read_delimited(Path(triplets), "triplets, three objects per line")
    if not 1 <= column <= rows.shape[1]:
        raise TwoalikeError(
            where=str(triplets),
            expected=f"column {column}",
            found=f"{rows.shape[1]} columns (numbered from 1)",
        )
    return list(rows[column - 1].str.strip())


def _judges(
    posterior: Posterior, named: list[str] | None, triplets: Any, column: int | None
) -> tuple[Integers | None, dict[str, int]]:
    """Index of each triplet's participant, (n,), -1 for a new person; new ones and their triplets.

    None where nobody is named. One of those named has to be known: another column would be the
    likelier reason, and people who are all new need no names.
    """
    if named is None:
        return None, {}
    place = {name: row for row, name in enumerate(posterior.participants)}
    new = Counter(name for name in named if name not in place)
    if named and new.total() == len(named):
        where = "`participant=...`" if column is None else f"{triplets}: row 1, column {column}"
        raise TwoalikeError(
            f"{named[0]!r} is not one of the {len(place)} participants of "
            f"{posterior.path or 'the posterior'}" + (", nor is any other" if len(new) > 1 else ""),
            where=where,
            remedy="List them with: twoalike participants; for new people only, name nobody",
        )
    return np.array([place.get(name, -1) for name in named], dtype=np.int64), dict(new)
