"""How people differ beyond noise, in the model: weights of the dimensions, groups, covariates.

Person p sees object i at x_ik sqrt(w_pk): with dot products s_ij = sum_k w_pk x_ik x_jk, with
distances s_ij = -sqrt(sum_k w_pk (x_ik - x_jk)²), the weighted Euclidean model of INDSCAL (Carroll
& Chang 1970, doi:10.1007/BF02310791). People are shrunk to their group, and groups to all:

    log w_p = g_group(p) + B z_p + spread * offset_p,

where z_p are the person's covariates, such as age, standardised over people. Log-temperatures and
logits of the lapse depend on covariates alike (:mod:`._model`).

Over people the log weights of each dimension sum to zero, since their mean is the scale of the
dimension in the embedding; and over dimensions those of each person and group, since a common
factor is the person's temperature.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twoalike.study import MISSING, Floats, Integers, Study, TwoalikeError, shortened
from twoalike.tables import read_tsv

FREE = 3
"""People there must be beyond the number of covariates."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of the participants: ``names``, and the index of each participant's, (P,).

    People of whom no group is known are the last one, ``n/a``: to a fit a group like any other, so
    that they are shrunk to each other and all, and to a comparison none.
    """

    names: tuple[str, ...]
    of: Integers

    @classmethod
    def assign(
        cls,
        group_of: Mapping[str, str],
        participants: Sequence[str],
        where: object = None,
        *,
        absent: bool = False,
    ) -> "Groups":
        """Look up the group of each participant; other people are passed over.

        Those who are ``absent`` there, maybe by a mistyped code, are refused, or like ``n/a``.
        """
        missing = [person for person in participants if person not in group_of]
        if missing and not absent:
            raise TwoalikeError(
                where=where,
                expected=f"a group of each of the {len(participants)} participants",
                found=f"none of {shortened(', '.join(missing), 60)}",
                remedy="Add a row for each, with n/a where the group is not known.",
            )
        found = [group_of.get(person, MISSING) for person in participants]
        names = tuple(dict.fromkeys(name for name in found if name != MISSING))
        if len(names) < 2:
            known = len(found) - found.count(MISSING)
            raise TwoalikeError(
                where=where,
                expected="two groups of participants or more",
                found=f"{known} of {len(found)} in a group" + f", {names[0]!r}" * len(names),
                remedy="Are people named as in the judgments? Else leave `groups=...` out.",
            )
        index = {name: place for place, name in enumerate((*names, MISSING))}
        names += (MISSING,) * (MISSING in found)
        return cls(names, np.array([index[name] for name in found], dtype=np.int32))

    @property
    def known(self) -> tuple[str, ...]:
        """Names of the groups, without ``n/a``."""
        return tuple(name for name in self.names if name != MISSING)

    @property
    def counts(self) -> dict[str, int]:
        """Number of people in each known group."""
        return {name: int((self.of == place).sum()) for place, name in enumerate(self.known)}


@dataclass(frozen=True, eq=False)
class Covariates:
    """Numbers that may explain how people differ: ``names``, and ``values`` (P, C) of each."""

    names: tuple[str, ...]
    values: Floats

    @property
    def standardised(self) -> Floats:
        """Values less their mean over people, in standard deviations, (P, C)."""
        return np.asarray((self.values - self.values.mean(axis=0)) / self.values.std(axis=0))

    def described(self) -> dict[str, dict[str, float]]:
        """Give mean and standard deviation of each, over people."""
        columns = zip(self.names, self.values.T, strict=True)
        return {name: {"mean": float(v.mean()), "sd": float(v.std())} for name, v in columns}

    @classmethod
    def assign(
        cls,
        covariates: Mapping[str, Mapping[str, float]],
        participants: Sequence[str],
        where: object = None,
    ) -> "Covariates":
        """Look up the covariates of each participant; other people are passed over."""
        columns = [
            [float(of.get(one, np.nan)) for one in participants] for of in covariates.values()
        ]
        values = np.array(columns, dtype=np.float64).T
        if len(participants) < values.shape[1] + FREE:
            raise TwoalikeError(
                where=where,
                expected=f"{values.shape[1] + FREE} participants or more",
                found=f"{len(participants)}",
                remedy="Leave `covariates=...` out.",
            )
        for name, column in zip(covariates, values.T, strict=True):
            unknown = np.array(participants)[~np.isfinite(column)].tolist()
            if unknown:
                raise TwoalikeError(
                    where=where,
                    expected=f"{name} of each of the {len(participants)} participants, a number",
                    found=f"none of {shortened(', '.join(unknown), 60)}",
                    remedy="Add the values, or leave these people's judgments out.",
                )
            if np.ptp(column) == 0:
                raise TwoalikeError(
                    where=where,
                    expected=f"{name} that differs between participants",
                    found=f"{column[0]:g} of all {len(participants)}",
                    remedy="Leave it out of `covariates=...`.",
                )
        return cls(tuple(covariates), values)


def read_groups(source: str | Path, study: Study | None = None) -> dict[str, str]:
    """Read the group of each participant.

    ``source`` is a tab-separated file with the columns ``participant`` (or BIDS's
    ``participant_id``) and ``group``; or, of a study, a column of its ``participants.tsv``. It is
    ``n/a`` of people of whom no group is known.
    """
    if study is None or Path(source).is_file():
        return _read_people(Path(source), "groups of participants", ["group"])["group"]
    path = study.raw / "participants.tsv"
    return _read_people(path, "a table of participants", [str(source)])[str(source)]


def read_covariates(source: str | Path, study: Study | None = None) -> dict[str, dict[str, float]]:
    """Read covariates: by name, the value of each participant.

    ``source`` is a tab-separated file with a column ``participant`` (or ``participant_id``) and one
    a covariate; or, of a study, columns of its ``participants.tsv``, separated by
    commas. ``n/a`` is no value.
    """
    path, names = Path(source), None
    if study is not None and not path.is_file():
        path = study.raw / "participants.tsv"
        names = [name.strip() for name in str(source).split(",")]
    found: dict[str, dict[str, float]] = {}
    for name, of in _read_people(path, "covariates of participants", names).items():
        found[name] = {}
        for one, value in of.items():
            if value == MISSING:
                continue
            try:
                found[name][one] = float(value)
            except ValueError as error:
                raise TwoalikeError(
                    where=path,
                    expected=f"a number as {name} of {one}",
                    found=repr(value),
                    remedy="For categories use `groups=...`.",
                ) from error
    return found


BIDS_PERSON = "participant_id"


def _read_people(path: Path, what: str, columns: list[str] | None) -> dict[str, dict[str, str]]:
    """Read columns of a table of people: by column, the value of each participant."""
    person = BIDS_PERSON if BIDS_PERSON in read_tsv(path, what, []) else "participant"
    table = read_tsv(path, what, [person, *(columns or [])])
    people = table[person].str.removeprefix("sub-") if person == BIDS_PERSON else table[person]
    twice = people[people.duplicated()]
    if len(twice):
        raise TwoalikeError(
            where=path,
            expected="each participant once",
            found=f"{twice.iloc[0]!r} twice",
            remedy="Keep one row.",
        )
    if columns is None:
        columns = [str(name) for name in table if name != person]
    return {name: dict(zip(people, table[name], strict=True)) for name in columns}


def check_weights(n_people: int, dimensions: int | None) -> None:
    """Refuse weights where none can differ."""
    for found, what in ((n_people, "participants"), (dimensions or 2, "dimensions")):
        if found < 2:
            raise TwoalikeError(
                where="`people=weights`",
                expected=f"judgments with two {what} or more",
                found=str(found),
                remedy="Leave `people=...` out.",
            )


def add_weights(
    groups: Groups | None, covariates: Covariates | None, scale: float, slope: float
) -> Any:
    """Add the log weights of every participant to the open PyMC model, symbolic, (P, D).

    ``scale`` is of the spreads between people and between groups, ``slope`` of the slopes. Offsets
    are scaled afterwards (non-centred): people with few judgments, or without any difference, leave
    the sampler an ordinary normal distribution.
    """
    import pymc as pm

    spread = pm.HalfNormal("weight_spread", scale)
    dims = ("participant", "dimension")
    log_weight = spread * pm.ZeroSumNormal("weight_offset", 1.0, n_zerosum_axes=2, dims=dims)
    if groups is not None:
        between = pm.HalfNormal("weight_group_spread", scale)
        dims = ("group", "dimension")
        offset = pm.ZeroSumNormal("weight_group_offset", 1.0, n_zerosum_axes=2, dims=dims)
        share = np.bincount(groups.of) / np.float32(len(groups.of))
        # Over people, not over groups, the sum is zero.
        centred = offset - (share.astype(np.float32)[:, None] * offset).sum(axis=0)
        of_group = pm.Deterministic("group_log_weight", between * centred, dims=dims)
        log_weight = log_weight + of_group[groups.of]
    if covariates is not None:
        z = covariates.standardised.astype(np.float32)
        dims = ("covariate", "dimension")
        log_weight = log_weight + z @ pm.ZeroSumNormal("weight_slope", slope, dims=dims)
    return pm.Deterministic("log_weight", log_weight, dims=("participant", "dimension"))
