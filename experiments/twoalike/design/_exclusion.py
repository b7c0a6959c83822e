"""Why an analysis leaves a session out, by the rule that a study declares beforehand."""

import pandas as pd

from twoalike.study import ExclusionConfig, counted
from twoalike.tables import choice_columns


def excluded(trials: pd.DataFrame, rule: ExclusionConfig) -> str | None:
    """Give the reason why an analysis leaves a session out, by the declared rule, or None.

    Parameters
    ----------
    trials
        Raw table of one session of choices or ratings, as text or with types: columns
        ``trial_type``, ``response`` (a number; ``n/a`` or missing) and ``expected_odd`` or
        ``expected_response`` (the same), or ``expected_rating`` and ``correct``.
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
    checks = trials["trial_type"] == "catch"
    if "expected_rating" in trials:
        was_right = trials["correct"].astype(str).str.lower() == "true"
    else:
        answer = trials[choice_columns(trials.columns)[1]]
        was_right = response == pd.to_numeric(answer, errors="coerce").astype("float64")
    right = int((checks & was_right).sum())
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


def excluded_pairs(trials: pd.DataFrame, rule: ExclusionConfig) -> str | None:
    """Give the reason why an analysis leaves a session of the most-alike-pair task out, or None.

    Parameters
    ----------
    trials
        Raw table of one session: columns ``trial_type``, ``response_1``, ``response_2``,
        ``expected_1`` and ``expected_2``.
    rule
        As for :func:`excluded`.

    Examples
    --------
    >>> answers = {"response_1": ["1"], "response_2": ["3"]}
    >>> right = {"expected_1": ["1"], "expected_2": ["2"]}
    >>> trials = pd.DataFrame({"trial_type": ["catch"], **answers, **right})
    >>> excluded_pairs(trials, ExclusionConfig())
    'attention checks: 0 of 1 right, 90 % expected'
    """
    response, expected = (
        10 * pd.to_numeric(trials[f"{name}_1"], errors="coerce").astype("float64")
        + pd.to_numeric(trials[f"{name}_2"], errors="coerce").astype("float64")
        for name in ("response", "expected")
    )
    pairs = {"trial_type": trials["trial_type"], "response": response, "expected_odd": expected}
    return excluded(pd.DataFrame(pairs), rule)
