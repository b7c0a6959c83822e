"""Checks of options that several commands have."""


def check_seed(seed: int | None) -> None:
    """Refuse a seed that no generator takes; None is the study's own.

    Raises
    ------
    TwoalikeError
        If it is negative.
    """
    from twoalike.study import TwoalikeError

    if seed is not None and seed < 0:
        raise TwoalikeError(f"--seed {seed}: expected a whole number from 0.")
