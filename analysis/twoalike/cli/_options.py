"""Checks of options that several commands have."""


def check_seed(seed: int | None) -> None:
    """Refuse a seed that no generator takes; None is the study's own.

    Raises
    ------
    TwoalikeError
        If it is negative.
    """
    from twoalike.study import check_seed as check

    check(seed)
