"""Whether judgments are those that a posterior was fitted on."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from twoalike.embedding._fit import used_choices
from twoalike.judgments import object_index, participant_index

if TYPE_CHECKING:
    from twoalike.embedding._posterior import Posterior


def is_input(posterior: "Posterior", role: str, sha256: str) -> bool:
    """Whether a posterior names a file, by its hash, as what it was fitted on in that role."""
    return bool(_input(posterior, role).get("sha256") == sha256)


def _input(posterior: "Posterior", role: str) -> dict[str, str]:
    """File and hash that a posterior names in a role; empty if it names none."""
    inputs = posterior.attrs.get("provenance", {}).get("inputs", {})
    return dict(inputs.get(role, {}))


def fitted_on(posterior: "Posterior", choices: pd.DataFrame, sha256: str) -> tuple[bool, str]:
    """Compare judgments with what a posterior says of its own.

    By the hash of the file; where that differs or is not known, by the numbers of judgments of
    each participant and of each object, since a file written again may have other bytes.

    Parameters
    ----------
    choices
        Table of judgments.
    sha256
        Of the file that holds them.

    Returns
    -------
    Whether they are taken to be the same, and a sentence where that is not plain.
    """
    if is_input(posterior, "choices", sha256):
        return True, ""
    stored = _input(posterior, "choices")
    name = f"a file {stored['file']!r} of other content" if stored else "a file it does not name"
    if _same_counts(posterior, choices):
        return True, (
            f"The posterior was fitted on {name}, with as many judgments of each participant and "
            "object as here: taken to be the same."
        )
    return False, (
        f"These are not the judgments of the fit, which was made on {name}: they are predicted, "
        "as judgments that were held out would be."
    )


def other_file(posterior: "Posterior", role: str, sha256: str) -> str:
    """Say that a file is not the one of that role that a posterior was fitted on; empty if it is.

    Parameters
    ----------
    role
        ``arrangements`` or ``dissimilarities``.
    sha256
        Of the file.
    """
    stored = _input(posterior, role)
    if not stored:
        return f"The posterior does not say that it was fitted on {role}: these may be new to it."
    if is_input(posterior, role, sha256):
        return ""
    return (
        f"The posterior was fitted on {role} of another content ({stored['file']!r}): these may be "
        "new to it, and are then predicted, not described."
    )


def _same_counts(posterior: "Posterior", choices: pd.DataFrame) -> bool:
    if "constant_data" not in posterior.tree.children:
        return False
    stored = posterior.tree["constant_data"].dataset
    if not {"judgments", "shown"} <= set(stored.data_vars):
        return False
    table = used_choices(choices)
    items, _, ids = object_index(table)
    judge, people = participant_index(table)
    counts = (
        ("participant", "judgments", people, np.bincount(judge, minlength=len(people))),
        ("object", "shown", ids, np.bincount(items.ravel(), minlength=len(ids))),
    )
    for axis, variable, labels, found in counts:
        own = dict(zip(map(str, stored[axis].values), stored[variable].values, strict=True))
        if {k: int(v) for k, v in own.items() if v} != {
            k: int(v) for k, v in zip(labels, found, strict=True) if v
        }:
            return False
    return True
