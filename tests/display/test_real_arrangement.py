"""Multi-arrangement by a person at the real command line: every drag as it was given.

The person knows nothing but what a person sees: where the images are comes from the seats as
recorded, and each place is looked up on the screen, by the colour of the image, before and after.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.tasks.scripts import replay

from twoalike.record import read_manifest, read_run
from twoalike.tasks import MultiArrangement
from twoalike.tasks.multi_arrangement import lay_out_arena

pytestmark = [pytest.mark.display, pytest.mark.filterwarnings("ignore")]

QUICK = Path(__file__).with_name("quick_arena.toml").read_text() + "[arena]\nitem_fraction = 0.08\n"
DESIGN = """trials = 3
[arrangement]
max_items = 6
max_trials = 1
practice_items = 3
"""
TASK = "multi-arrangement"
PROTOCOL = MultiArrangement.model_validate({"arena": {"item_fraction": 0.08}})
LAYOUT = lay_out_arena(PROTOCOL, (1280, 1024), 6)
SPREAD = [(-200, -150), (-40, 120), (130, -60), (210, 140), (-180, 60), (20, -220)]
COLOURS = {
    **{f"warm{n}": (200, 20 + 30 * n, 40) for n in range(4)},
    **{f"cold{n}": (40, 30 * n, 220) for n in range(4, 8)},
}


@dataclass
class Arranger:
    """The person at one trial: where each image should be now, and what must be on record."""

    session: Any
    trial: int
    places: dict[str, tuple[float, float]] = field(default_factory=dict)
    expected: list[tuple[Any, ...]] = field(default_factory=list)

    def sit_down(self, n: int) -> None:
        """Wait for the images, and look where they are."""
        session = self.session
        session.until(lambda: session.name.events(session.raw).exists())

        def seats() -> Any:
            rows = session.events("seat")
            return rows[rows["trial_index"] == self.trial]

        session.until(lambda: len(seats()) == n)
        for name, x, y in seats()[["stimulus", "x", "y"]].itertuples(index=False):
            self.places[str(name)] = LAYOUT.to_pixels(float(x), float(y))
        self.seats = dict(self.places)
        self.look()

    def look(self) -> None:
        """Each image is seen where it should be, unless another may lie on it."""
        for name, place in self.places.items():
            others = [self.places[other] for other in self.places if other != name]
            gaps = [max(abs(place[0] - x), abs(place[1] - y)) for x, y in others]
            if min(gaps) > LAYOUT.item:
                self.session.until(lambda name=name, at=place: self.shows(name, at))

    def shows(self, name: str, at: tuple[float, float]) -> bool:
        found = self.session.person.colour(*at)
        return max(abs(a - b) for a, b in zip(found, COLOURS[name], strict=True)) <= 3

    def _row(self, kind: str) -> Any:
        """The row of the table of events that the last act must bring."""
        session = self.session
        kinds = ("drag", "inspect", "reset", "done")

        def rows() -> Any:
            table = session.events(*kinds)
            return table[table["trial_index"] == self.trial]

        session.until(lambda: len(rows()) >= len(self.expected))
        assert len(rows()) == len(self.expected)
        last = rows().iloc[-1]
        assert last["trial_type"] == kind
        return last

    def drag(self, name: str, to: tuple[float, float], grip: tuple[float, float] = (0, 0)) -> None:
        """Take ``name`` at ``grip`` from its centre and move it to a place, as recorded then."""
        x, y = self.places[name]
        start = (x + grip[0], y + grip[1])
        stroke = self.session.person.drag(start, (to[0] + grip[0], to[1] + grip[1]))
        first, last, down, up = stroke
        end = (x + last[0] - first[0], y + last[1] - first[1])
        self.expected.append(("drag", name, (x, y), end))
        row = self._row("drag")
        self.session.saw("drag begins", down, float(row["onset"]))
        self.session.saw("drag ends", up, float(row["onset"] + row["duration"]))
        self.places[name] = end

    def magnify(self, name: str) -> None:
        """Look at an image large, by a key."""
        near = (LAYOUT.magnified / 4, 0.0)
        person = self.session.person
        person.point_at(*self.places[name])
        down = person.press("space")
        self.session.until(lambda: self.shows(name, near))
        up = person.press("space")
        self.expected.append(("inspect", name, None, None))
        row = self._row("inspect")
        self.session.saw("look begins", down, float(row["onset"]))
        self.session.saw("look ends", up, float(row["onset"] + row["duration"]))

    def start_over(self) -> None:
        """Press the button twice; the first time nothing moves."""
        box, person = LAYOUT.start_over, self.session.person
        person.click(box.x, box.y)
        self._nothing_new()
        stroke = person.click(box.x, box.y)
        self.expected.append(("reset", None, None, None))
        self.session.saw("start over", stroke[2], float(self._row("reset")["onset"]))
        self.places = dict(self.seats)
        self.look()

    def _nothing_new(self) -> None:
        """Give the session time for a few frames: it must write no event and no row."""
        self.session.person.wait(0.3)
        table = self.session.events("drag", "inspect", "reset", "done")
        assert (table["trial_index"] == self.trial).sum() == len(self.expected)

    def refused(self) -> None:
        """Ask for the end too early, in both ways."""
        self.session.person.click(LAYOUT.done.x, LAYOUT.done.y)
        self._nothing_new()
        self.session.person.press("Return")
        self._nothing_new()

    def stop_and_go_on(self) -> None:
        """Press Esc, and then another key: all images are where they were."""
        session, name = self.session, next(iter(self.places))
        session.person.press("Escape")
        session.until(lambda: session.notes("stop_asked"))
        assert not self.shows(name, self.places[name])
        session.person.press("x")
        session.until(lambda: session.notes("trial_paused"))
        self.look()

    def finish(self, by: str) -> None:
        """Say Done."""
        person = self.session.person
        button = (LAYOUT.done.x, LAYOUT.done.y)
        done = person.press("Return") if by == "keyboard" else person.click(*button)[2]
        self.expected.append(("done", None, None, None))
        self.session.saw("done", done, float(self._row("done")["onset"]))


STEP = PROTOCOL.answers.step_fraction * 2 * LAYOUT.radius
HELD = LAYOUT.item * PROTOCOL.arena.held_scale


RIM = tuple(bytes.fromhex(MultiArrangement().arena.held_rim[1:]))


def take_by_key(arranger: Arranger, among: set[str]) -> str:
    """Press Tab and look which image is seen to be held: it has a rim."""
    person = arranger.session.person

    def held() -> list[str]:
        places = {name: (x + HELD / 2 + 1.5, y) for name, (x, y) in arranger.places.items()}
        return [name for name, at in places.items() if person.colour(*at) == RIM]

    before = held()  # on a busy machine still seen a while after the key
    person.press("Tab")
    arranger.session.until(lambda: len(held()) == 1 and held() != before and held()[0] in among)
    (name,) = held()
    return name


def hold_an_arrow(arranger: Arranger) -> None:
    """A key that is held repeats: the image goes on along its line, to where the next key ends."""
    session, person, everyone = arranger.session, arranger.session.person, set(arranger.places)
    name = take_by_key(arranger, everyone)
    x, y = start = arranger.places[name]
    person.press("Up" if y < 0 else "Down", hold_s=1.2)
    person.press("Tab")
    session.until(lambda: len(session.events("drag")) == 1)
    row = session.events("drag").iloc[0]
    end = LAYOUT.to_pixels(float(row["x"]), float(row["y"]))
    steps = abs(end[1] - y) / STEP
    assert steps > 3 and steps == pytest.approx(round(steps), abs=0.01) and end[0] == x
    arranger.expected.append(("drag", name, start, end))
    arranger.places[name] = end
    arranger.look()


def carry(arranger: Arranger) -> None:
    """Bring all images inside by keys alone."""
    session, person = arranger.session, arranger.session.person
    hold_an_arrow(arranger)
    left = {name for name, place in arranger.places.items() if not LAYOUT.inside(*place)}
    while left:
        name = take_by_key(arranger, left)
        left.remove(name)
        x, y = start = arranger.places[name]
        across, up = round(abs(x) * 0.7 / STEP), round(abs(y) * 0.7 / STEP)
        person.type(*["Left" if x > 0 else "Right"] * across, *["Down" if y > 0 else "Up"] * up)
        place = (x - np.sign(x) * across * STEP, y - np.sign(y) * up * STEP)
        session.until(lambda at=place, name=name: arranger.shows(name, at))
        arranger.expected.append(("drag", name, start, place))
        arranger.places[name] = place


def practice(session: Any) -> Arranger:
    arranger = Arranger(session, 1)
    arranger.sit_down(3)
    carry(arranger)
    arranger.finish("keyboard")
    return arranger


def eventful(session: Any) -> Arranger:
    """Everything that can be done in a trial."""
    arranger = Arranger(session, 2)
    arranger.sit_down(6)
    names = list(arranger.seats)
    arranger.drag(names[0], (0, 0))
    arranger.drag(names[1], (20, 8))
    arranger.drag(names[1], (100, 100), grip=(-10, -4))  # a point of both: the topmost moves
    arranger.magnify(names[2])
    arranger.refused()
    arranger.start_over()
    for name, to in zip(names[:4], SPREAD, strict=False):
        arranger.drag(name, to, grip=(7, -5))
    arranger.stop_and_go_on()
    for name, to in zip(names[4:], SPREAD[4:], strict=True):
        arranger.drag(name, to)
    arranger.finish("mouse")
    return arranger


def check_events(session: Any, arrangers: list[Arranger]) -> None:
    """Every act is on record, in its order, its places to a pixel."""
    table = session.events("drag", "inspect", "reset", "done")
    expected = [(one.trial, *act) for one in arrangers for act in one.expected]
    assert len(table) == len(expected)
    for row, (trial, kind, name, start, end) in zip(table.itertuples(), expected, strict=True):
        assert (row.trial_index, row.trial_type) == (trial, kind)
        assert row.stimulus == name if name else table.isna().at[row.Index, "stimulus"]
        if kind == "drag":
            found = (*LAYOUT.to_pixels(row.x_start, row.y_start), *LAYOUT.to_pixels(row.x, row.y))
            np.testing.assert_allclose(found, (*start, *end), atol=1.0)


def check_rows(session: Any, arrangers: list[Arranger]) -> None:
    """The trials end where the images were left, and the events lead there."""
    rows = read_run(session.name.rows(session.raw)).rows
    replayed = replay(session.events().to_dict("records"))
    for one in arrangers:
        trial = rows[rows["trial_index"] == one.trial]
        assert set(trial["stimulus"]) == set(one.places) == set(replayed[one.trial])
        for row in trial.itertuples():
            assert row.arena_radius_px == LAYOUT.radius
            assert row.inside
            np.testing.assert_allclose(
                LAYOUT.to_pixels(row.x, row.y), one.places[row.stimulus], atol=1.0
            )
            np.testing.assert_allclose(replayed[one.trial][row.stimulus], (row.x, row.y))
    methods = rows.groupby("trial_index")["end_method"].first().tolist()
    assert methods == ["keyboard", "mouse"]
    assert set(rows["rt_source"]) == {"pyglet"}


def test_every_drag_is_recorded_as_given(
    make_study: Callable[..., Path], sit: Callable[..., Any]
) -> None:
    root = make_study("study", DESIGN, "", QUICK)
    session = sit(root, TASK)
    session.begin()
    arrangers = [practice(session)]
    session.until(lambda: session.notes("practice_end"), lambda: session.person.press("space"))
    arrangers.append(eventful(session))
    assert session.finish() == 0
    check_events(session, arrangers)
    check_rows(session, arrangers)
    session.check_times()
    assert session.problems() == []
    manifest = read_manifest(session.name.manifest(session.raw))
    assert (manifest["end_reason"], manifest["simulated"]) == ("completed", False)
