"""Weights of the dimensions by person and by group, in the model.

Person p sees object i at x_ik sqrt(w_pk): with dot products s_ij = sum_k w_pk x_ik x_jk, with
distances s_ij = -sqrt(sum_k w_pk (x_ik - x_jk)²), the weighted Euclidean model of INDSCAL (Carroll
& Chang 1970, doi:10.1007/BF02310791). People are shrunk to their group, and groups to all:

    log w_p = g_group(p) + spread * offset_p.

Over people the log weights of each dimension sum to zero, since their mean is the scale of the
dimension in the embedding; and over dimensions those of each person and group, since a common
factor is the person's temperature.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twoalike.study import Integers, Study, TwoalikeError, shortened
from twoalike.tables import read_tsv

SPREAD = 0.5
"""Scale of the half-normal priors of how far log weights of people, and of groups, differ."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of the participants: ``names``, and the index of each participant's, (P,)."""

    names: tuple[str, ...]
    of: Integers

    @classmethod
    def assign(
        cls, group_of: Mapping[str, str], participants: Sequence[str], where: object = None
    ) -> "Groups":
        """Look up the group of each participant; other people are passed over.

        Raises
        ------
        TwoalikeError
            If a participant has no group, or all have the same.
        """
        missing = [person for person in participants if person not in group_of]
        if missing:
            raise TwoalikeError(
                where=where,
                expected=f"a group of each of the {len(participants)} participants",
                found=f"none of {shortened(', '.join(missing), 60)}",
                remedy="Add a row for each.",
            )
        found = [group_of[person] for person in participants]
        names = tuple(dict.fromkeys(found))
        if len(names) < 2:
            raise TwoalikeError(
                where=where,
                expected="two groups of participants or more",
                found=f"all {len(participants)} in {names[0]!r}",
                remedy="Leave `groups=...` out.",
            )
        index = {name: place for place, name in enumerate(names)}
        return cls(names, np.array([index[name] for name in found], dtype=np.int32))


def read_groups(source: str | Path, study: Study | None = None) -> dict[str, str]:
    """Read the group of each participant.

    ``source`` is a tab-separated file with the columns ``participant`` and ``group``; or, of a
    study, a column of its ``participants.tsv``, where people of whom it says ``n/a`` have no group.

    Raises
    ------
    TwoalikeError
        If there is no such file or column, or a participant is listed twice.
    """
    path, person, group = Path(source), "participant", "group"
    if study is not None and not path.is_file():
        path, person, group = study.raw / "participants.tsv", "participant_id", str(source)
    table = read_tsv(path, "groups of participants", [person, group])
    people = table[person].str.removeprefix("sub-") if person != "participant" else table[person]
    twice = people[people.duplicated()]
    if len(twice):
        raise TwoalikeError(
            where=path,
            expected="each participant once",
            found=f"{twice.iloc[0]!r} twice",
            remedy="Keep one row.",
        )
    known = table[group] != "n/a"
    return dict(zip(people[known], table[group][known], strict=True))


def check_weights(n_people: int, dimensions: int | None) -> None:
    """Refuse weights where none can differ.

    Raises
    ------
    TwoalikeError
        With fewer than two people who chose, or than two dimensions.
    """
    for found, what in ((n_people, "participants"), (dimensions or 2, "dimensions")):
        if found < 2:
            raise TwoalikeError(
                where="`people=weights`",
                expected=f"choices with two {what} or more",
                found=str(found),
                remedy="Leave `people=...` out.",
            )


def add_weights(groups: Groups | None) -> Any:
    """Add the log weights of every participant to the open PyMC model, symbolic, (P, D).

    Offsets are scaled afterwards (non-centred): people with few judgments, or without any
    difference, leave the sampler an ordinary normal distribution.
    """
    import pymc as pm

    spread = pm.HalfNormal("weight_spread", SPREAD)
    dims = ("participant", "dimension")
    log_weight = spread * pm.ZeroSumNormal("weight_offset", 1.0, n_zerosum_axes=2, dims=dims)
    if groups is not None:
        between = pm.HalfNormal("weight_group_spread", SPREAD)
        dims = ("group", "dimension")
        offset = pm.ZeroSumNormal("weight_group_offset", 1.0, n_zerosum_axes=2, dims=dims)
        share = np.bincount(groups.of) / np.float32(len(groups.of))
        # Over people, not over groups, the sum is zero.
        centred = offset - (share.astype(np.float32)[:, None] * offset).sum(axis=0)
        of_group = pm.Deterministic("group_log_weight", between * centred, dims=dims)
        log_weight = log_weight + of_group[groups.of]
    return pm.Deterministic("log_weight", log_weight, dims=("participant", "dimension"))
