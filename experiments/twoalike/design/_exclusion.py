"""The declared rule by which a session counts as unusable.

It only says so: raw data stay as they are, and an analysis leaves the session out.
"""

import pandas as pd

from twoalike.study import ExclusionConfig, counted


def excluded(trials: pd.DataFrame, rule: ExclusionConfig) -> str | None:
    """Why a session is to be left out; None where the rule keeps it.

    Parameters
    ----------
    trials
        Raw table of one odd-one-out session, as text or with types: columns ``trial_type``,
        ``response`` and ``expected_odd`` (1, 2, 3; ``n/a`` or missing).
    rule
        Lowest accuracy in attention checks, and most trials without a response. A check without
        a response is not answered right; one exactly at the limit is kept.

    Examples
    --------
    >>> trials = pd.DataFrame({
    ...     "trial_type": ["catch"] * 16,
    ...     "expected_odd": ["1"] * 16,
    ...     "response": ["1"] * 14 + ["2", "n/a"],
    ... })
    >>> excluded(trials, ExclusionConfig())
    'attention checks: 14 of 16 right, 90 % expected'
    >>> excluded(trials[1:], ExclusionConfig(catch_accuracy=0.8)) is None
    True
    """
    response = pd.to_numeric(trials["response"], errors="coerce").astype("float64")
    expected = pd.to_numeric(trials["expected_odd"], errors="coerce").astype("float64")
    checks = trials["trial_type"] == "catch"
    right = int((checks & (response == expected)).sum())
    # Compared as counts: 0.9 * 10 checks are 9 and not a little more.
    if right < round(rule.catch_accuracy * int(checks.sum()), 9):
        return (
            f"attention checks: {right} of {int(checks.sum())} right, "
            f"{rule.catch_accuracy * 100:g} % expected"
        )
    missed = int(response.isna().sum())
    if missed > rule.missed:
        return f"no response in {counted(missed, 'trial')}, {rule.missed} allowed"
    return None
