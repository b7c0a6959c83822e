"""Where things are in the window of an arrangement."""

import math
from itertools import combinations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from twoalike.study import TwoalikeError
from twoalike.tasks.multi_arrangement import ArenaLayout, MultiArrangement, lay_out_arena
from twoalike.tasks.multi_arrangement._layout import Seat

WINDOWS = [(1280, 1024), (1088, 870), (1024, 768), (1920, 1080), (3840, 2160), (1366, 768)]
UPRIGHT = [(360, 740), (768, 1024), (1080, 1920)]


def layout(size: tuple[int, int] = (1280, 1024), n: int = 20, **arena: float) -> ArenaLayout:
    return lay_out_arena(MultiArrangement.model_validate({"arena": arena}), size, n)


def check_seats(found: ArenaLayout, seats: tuple[Seat, ...]) -> None:
    """Whole in the window, outside the circle, apart from each other, buttons and texts."""
    width, height = found.size
    half = found.item / 2
    for seat in seats:
        assert abs(seat.x) + half <= width / 2 + 1e-6
        assert not found.inside(seat.x, seat.y)
        assert seat.y + half < min(found.lines.prompt, found.lines.timer) + 1e-6
        assert seat.y - half > max(found.lines.counter, found.lines.progress) - 1e-6
        for button in (found.done, found.start_over):
            across, up = abs(seat.x - button.x), abs(seat.y - button.y)
            assert across >= half + button.width / 2 or up >= half + button.height / 2
    for one, other in combinations(seats, 2):
        assert max(abs(one.x - other.x), abs(one.y - other.y)) >= found.item - 1e-6


@settings(max_examples=150, deadline=None)
@given(
    size=st.sampled_from([*WINDOWS, *UPRIGHT]),
    most=st.integers(2, 90),
    fewer=st.integers(0, 60),
    rotation=st.floats(0, 360),
    fraction=st.sampled_from([0.04, 0.08, 0.2]),
)
def test_every_seat_is_free(
    size: tuple[int, int], most: int, fewer: int, rotation: float, fraction: float
) -> None:
    try:
        found = layout(size, most, item_fraction=fraction)
    except TwoalikeError:
        assume(False)
    n = max(2, most - fewer)
    seats = found.seats(n, rotation)
    assert len(seats) == n
    check_seats(found, seats)


@pytest.mark.parametrize("size", WINDOWS)
def test_the_fewer_images_the_larger_they_are(size: tuple[int, int]) -> None:
    sides = [layout(size, n).item for n in (2, 3, 5, 8, 12, 20, 30, 50)]
    assert sides == sorted(sides, reverse=True)
    diameter = 2 * layout(size, 5).radius
    # At 1024 x 768 five images had 42 px.
    assert sides[2] > 0.17 * diameter
    usual = [layout(size, n, item_fraction=0.08).item for n in (20, 30, 50)]
    assert all(new >= old for new, old in zip(sides[5:], usual, strict=True))


def test_seats_are_numbered_counter_clockwise_and_turn() -> None:
    found = layout()
    angles = [seat.angle for seat in found.seats(20, 12.0)]
    assert angles == sorted(angles)
    assert all(0 <= angle < 360 for angle in angles)
    for seat in found.seats(20, 12.0):
        x, y = seat.x - found.centre[0], seat.y - found.centre[1]
        assert math.degrees(math.atan2(y, x)) % 360 == pytest.approx(seat.angle)
    assert found.seats(20, 12.0) != found.seats(20, 13.0)
    ends = zip(found.seats(20, 0.0), found.seats(20, 360.0), strict=True)
    assert all(math.dist((a.x, a.y), (b.x, b.y)) < 1e-6 for a, b in ends)


@given(x=st.floats(-2000, 2000), y=st.floats(-2000, 2000))
def test_units_go_there_and_back(x: float, y: float) -> None:
    found = layout()
    back = found.to_pixels(*found.to_arena(x, y))
    assert back == pytest.approx((x, y), abs=2e-6 * 2 * found.radius)
    # The diameter is 1, and the recorded coordinates alone say who is inside.
    assert found.inside(x, y) == (math.hypot(*found.to_arena(x, y)) <= 0.5)


@pytest.mark.parametrize(
    ("size", "n", "arena", "setting"),
    [
        ((1280, 1024), 400, {}, "arena.minimum_px"),
        ((1280, 1024), 10, {"arena_fraction": 0.95}, "arena.arena_fraction"),
        ((300, 1000), 4, {"arena_fraction": 0.9}, "arena.arena_fraction"),
    ],
)
def test_what_does_not_fit_names_the_setting(
    size: tuple[int, int], n: int, arena: dict[str, float], setting: str
) -> None:
    with pytest.raises(TwoalikeError, match=setting) as raised:
        layout(size, n, **arena)
    assert "\n" not in str(raised.value)
