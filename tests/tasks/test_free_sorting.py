"""Free sorting: images go into piles and out of them, by the pointer and by keys alone."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twoalike.design import ListedSorting
from twoalike.record import SORTING_EVENTS, SORTINGS
from twoalike.study import TwoalikeError
from twoalike.tasks import (
    EventRow,
    Focus,
    FreeSorting,
    KeyPress,
    Nudge,
    Page,
    Piles,
    PointerMove,
    PointerPress,
    PointerRelease,
    Shown,
    Tick,
    Typed,
    View,
)
from twoalike.tasks.free_sorting import (
    PreparedSortings,
    SortingActivity,
    SortingResult,
    lay_out_sorting,
)

NAMES = ("a", "b", "c", "d")
SIZE = (1280, 1024)


def begun(names: Sequence[str] = NAMES, **settings: Any) -> SortingActivity:
    values = {"timing": {"minimum_s": 0.5, **settings.pop("timing", {})}, **settings}
    protocol = FreeSorting.model_validate(values)
    layout = lay_out_sorting(protocol, SIZE, len(names))
    activity = SortingActivity(ListedSorting(1, "main", tuple(names)), protocol, layout)
    activity.handle(Shown(10.0))
    return activity


def feed(activity: SortingActivity, *events: Any) -> list[Any]:
    return [item for event in events for item in activity.handle(event)]


def put(activity: SortingActivity, item: int, cell: int | None, time: float = 20.0) -> list[Any]:
    """Drag an image into a pile, or beside all of them."""
    x, y = activity.places[item]
    box = activity.layout.tray if cell is None else activity.layout.cells[cell]
    return feed(
        activity,
        PointerPress(time, x + 3, y - 2),
        PointerMove(time + 0.2, box.x, box.y),
        PointerRelease(time + 0.4, box.x, box.y),
    )


def rows(items: Sequence[Any]) -> list[dict[str, Any]]:
    (result,) = [item for item in items if isinstance(item, SortingResult)]
    made = [dict(row) for row in result.rows(rt_source="simulated", pilot=False)]
    for row in made:
        SORTINGS.format_row(row)
    return made


def test_piles_are_made_by_dropping_and_numbered_by_first_use() -> None:
    activity = begun()
    for item, cell in enumerate([5, 2, 5, 2]):
        put(activity, item, cell)
    made = rows(feed(activity, KeyPress(30.0, "return")))
    assert [row["pile"] for row in made] == [1, 2, 1, 2]
    assert [row["place"] for row in made] == [6, 3, 6, 3]
    assert {row["end_method"] for row in made} == {"keyboard"}
    assert [row["n_moves"] for row in made] == [1, 1, 1, 1]
    assert activity.finished


def test_images_move_between_piles_and_back() -> None:
    activity = begun()
    (event,) = put(activity, 0, 1)
    assert isinstance(event, EventRow)
    SORTING_EVENTS.format_row(event.values)
    assert (event.values["place_start"], event.values["place"]) == (None, 2)
    (event,) = put(activity, 0, 3)
    assert (event.values["place_start"], event.values["place"]) == (2, 4)
    assert put(activity, 0, 3) == []  # dropped where it was
    (event,) = put(activity, 0, None)
    assert (event.values["place_start"], event.values["place"]) == (4, None)
    assert activity.n_outside == 4
    assert activity.handling[0].n_moves == 3


def test_done_wants_all_images_in_at_least_so_many_piles() -> None:
    activity = begun(rules={"min_piles": 2})
    texts = activity.protocol.texts

    def counter() -> str:
        assert isinstance(activity.scene, Piles)
        return activity.scene.counter

    put(activity, 0, 0)
    feed(activity, KeyPress(21.0, "return"))
    assert counter() == texts.too_few
    for item in (1, 2, 3):
        put(activity, item, 0, 25.0)
    assert counter() == texts.too_few_piles.format(n=2)
    assert feed(activity, KeyPress(30.0, "return")) == []
    put(activity, 3, 1, 31.0)
    assert counter() == texts.left_none
    done = activity.layout.done
    made = rows(feed(activity, PointerPress(33.0, done.x, done.y)))
    assert [row["pile"] for row in made] == [1, 1, 1, 2]
    assert made[0]["response_time"] == 23.0


def test_the_keyboard_alone_sorts() -> None:
    activity = begun()
    columns = activity.layout.columns
    for item in range(4):
        feed(activity, KeyPress(20.0 + item, "tab"))
        assert activity.held is not None and activity.held.item == item
        feed(activity, Nudge(20.2 + item, 1, 0))
        feed(activity, *[Nudge(20.3 + item, 1, 0)] * (item % 2))
    items = feed(activity, KeyPress(30.0, "return"))
    made = rows(items)
    # From the images that are not sorted, an arrow leads to the nearest row.
    assert [(row["place"] - 1) % columns for row in made] == [0, 1, 0, 1]
    drags = [item.values for item in items if isinstance(item, EventRow)]
    assert drags[0]["pointer"] == "keyboard"


def test_names_of_piles_are_asked_for_after_done() -> None:
    activity = begun(rules={"name_piles": True})
    for item, cell in enumerate([3, 3, 1, 1]):
        put(activity, item, cell)
    (ended,) = feed(activity, KeyPress(30.0, "return"))
    assert ended.values["trial_type"] == "done"
    scene = activity.scene
    assert isinstance(scene, Piles)
    assert scene.entry == ""
    assert [number for number, pile in enumerate(scene.piles) if pile.rim == "target"] == [3]
    assert feed(activity, KeyPress(31.0, "return")) == []
    assert isinstance(activity.scene, Piles)
    assert activity.scene.counter == activity.protocol.texts.name_missing
    feed(activity, *(Typed(32.0, sign) for sign in "big  catsx"), KeyPress(32.5, "backspace"))
    (named,) = feed(activity, KeyPress(33.0, "return"))
    assert (named.values["trial_type"], named.values["place"]) == ("name", 4)
    activity.restart(34.0)
    done = activity.layout.done
    made = rows(feed(activity, Typed(35.0, "Übrige"), PointerPress(36.0, done.x, done.y)))
    assert [row["pile_name"] for row in made] == ["big cats", "big cats", "Übrige", "Übrige"]
    assert made[0]["response_time"] == 20.0


def test_when_time_is_up_images_left_have_no_pile() -> None:
    activity = begun(timing={"trial_limit_s": 30})
    put(activity, 0, 4)
    made = rows(feed(activity, Tick(40.0)))
    assert [row["pile"] for row in made] == [1, None, None, None]
    assert {row["end_reason"] for row in made} == {"timeout"}
    assert activity.scene == Page(activity.protocol.texts.time_out, activity.protocol.texts.go_on)


POINT = st.tuples(st.integers(-640, 640), st.integers(-512, 512))
EVENTS = st.one_of(
    st.builds(KeyPress, st.just(0.0), st.sampled_from(["tab", "return", "backspace", "space"])),
    st.builds(Nudge, st.just(0.0), st.sampled_from([-1, 0, 1]), st.sampled_from([-1, 0, 1])),
    st.builds(Typed, st.just(0.0), st.sampled_from(["a", " "])),
    st.builds(Focus, st.just(0.0), st.booleans()),
    *(
        st.builds(lambda at, kind=kind: kind(0.0, *at), POINT)
        for kind in (PointerPress, PointerMove, PointerRelease)
    ),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(EVENTS, st.sampled_from([0.0, 0.3, 2.0])), max_size=40), st.booleans())
def test_any_events_lead_to_a_valid_record(events: list[tuple[Any, float]], named: bool) -> None:
    rules = {"name_piles": named, "min_piles": 1, "max_piles": 3}
    activity, time = begun(NAMES[:2], rules=rules, timing={"trial_limit_s": 60}), 11.0
    items: list[Any] = []
    for number, (event, wait) in enumerate(events):
        time += wait
        items += feed(activity, replace(event, time=time), Shown(time))
        if number == 20:
            items += activity.restart(time)
    items += feed(activity, Tick(time + 100))
    places: dict[str, int | None] = {}
    for item in items:
        if isinstance(item, EventRow):
            SORTING_EVENTS.format_row(item.values)
            if item.values["trial_type"] == "drag":
                places[str(item.values["stimulus"])] = item.values["place"]  # type: ignore[assignment]
            if item.values["trial_type"] == "reset":
                places.clear()
    if activity.result is not None:
        for row in rows(items):
            assert places.get(row["stimulus"]) == row["place"]


@pytest.mark.parametrize("size", [(1024, 768), (1280, 1024), (1920, 1080), (2560, 1440)])
@pytest.mark.parametrize("n", [3, 24, 60])
def test_images_and_piles_fit_without_overlap(size: tuple[int, int], n: int) -> None:
    protocol = FreeSorting()
    layout = lay_out_sorting(protocol, size, n)
    boxes = [layout.tray, *layout.cells]
    for number, one in enumerate(boxes):
        assert abs(one.x) + one.width / 2 <= size[0] / 2
        assert abs(one.y) + one.height / 2 <= size[1] / 2
        for other in boxes[:number]:
            apart = abs(one.x - other.x) >= (one.width + other.width) / 2 - 1e-6
            assert apart or abs(one.y - other.y) >= (one.height + other.height) / 2 - 1e-6
    ready = layout.tray_places(n)
    half = layout.item / 2
    for number, (x, y) in enumerate(ready):
        assert abs(x - layout.tray.x) + half <= layout.tray.width / 2
        assert abs(y - layout.tray.y) + half <= layout.tray.height / 2
        for other in ready[:number]:
            assert max(abs(x - other[0]), abs(y - other[1])) >= layout.item
    side, places = layout.pile_places(0, n)
    cell = layout.cells[0]
    assert 0 < side <= layout.item
    for x, y in places:
        assert abs(x - cell.x) + side / 2 <= cell.width / 2
        assert abs(y - cell.y) + side / 2 <= cell.height / 2


def test_what_does_not_fit_says_why() -> None:
    with pytest.raises(TwoalikeError, match=r"900 images of 32 px and 12 piles do not fit"):
        lay_out_sorting(FreeSorting(), (1024, 768), 900)
    with pytest.raises(ValueError, match="min_piles must not be more than max_piles"):
        FreeSorting.model_validate({"rules": {"min_piles": 5, "max_piles": 3}})
    for language in ("en", "de"):
        protocol = FreeSorting.model_validate({"language": language, "rules": {"name_piles": True}})
        assert list(PreparedSortings.text_faults(protocol, View((1024, 768)))) == []
