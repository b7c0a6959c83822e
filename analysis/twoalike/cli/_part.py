"""``--part 2/8``: which of several workers this is."""

from twoalike.study import TwoalikeError


def part_of(words: str | None) -> tuple[int, int]:
    """Turn ``2/8`` into (1, 8): which worker this is, from 0, and of how many."""
    if words is None:
        return 0, 1
    number, _, of = words.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise TwoalikeError(f"--part: expected a part such as 2/8, found {words!r}.")
    return int(number) - 1, int(of)
