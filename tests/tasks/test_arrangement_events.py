"""Any sequence of events leads to a valid recorded outcome."""

import math
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.tasks.scripts import replay

from twoalike.record import ARRANGEMENT_EVENTS as EVENTS
from twoalike.record import ARRANGEMENTS as BEH
from twoalike.tasks import Phase
from twoalike.tasks._activity import (
    Arena,
    Event,
    EventRow,
    Focus,
    KeyPress,
    Nudge,
    Page,
    PointerMove,
    PointerPress,
    PointerRelease,
    Shown,
    Tick,
    Typed,
)
from twoalike.tasks.multi_arrangement import (
    ArrangementActivity,
    ArrangementResult,
    ArrangementTrial,
    MultiArrangement,
    Seating,
    lay_out_arena,
)

KEYS = st.sampled_from(
    ["return", "num_enter", "backspace", "space", "tab", "pageup", "escape", "a"]
)
BUTTONS = st.sampled_from(["left", "right"])
STEPS = st.sampled_from([0.0, 0.01, 0.5, 2.0, 4.0])


class Arranging(RuleBasedStateMachine):
    """Somebody, or a cat, at the mouse and the keys."""

    @initialize(
        n=st.integers(2, 6),
        limit=st.sampled_from([0.0, 15.0, 60.0]),
        unplaced=st.sampled_from([0, 0, 1]),
        confirm=st.booleans(),
        rotation=st.floats(0, 360),
        data=st.data(),
    )
    def begin(
        self, n: int, limit: float, unplaced: int, confirm: bool, rotation: float, data: Any
    ) -> None:
        self.protocol = MultiArrangement.model_validate(
            {
                "timing": {"trial_limit_s": limit},
                "rules": {"unplaced_allowed": unplaced},
                "answers": {"confirm_done": confirm},
            }
        )
        trial = ArrangementTrial(
            trial_index=1,
            trial_type="main",
            items=tuple(f"o{item}" for item in range(n)),
            seats=Seating(tuple(data.draw(st.permutations(range(n)))), rotation),
        )
        layout = lay_out_arena(self.protocol, (1280, 1024), n)
        self.activity = ArrangementActivity(trial, self.protocol, layout)
        self.time = 100.0
        self.items: list[Any] = []
        self.outside_at_done: int | None = None

    def give(self, event: Event) -> None:
        outside = self.activity.n_outside
        items = list(self.activity.handle(event))
        if any(isinstance(item, ArrangementResult) for item in items):
            self.outside_at_done = outside
        self.items += items

    def point(self, where: tuple[str, float, float]) -> tuple[float, float]:
        """Somewhere: at an image, a button, in the arena, or far away."""
        kind, x, y = where
        places, layout = self.activity.places, self.activity.layout
        if kind == "image":
            place = places[round(abs(x) * 1000) % len(places)]
            return place[0] + 20 * y, place[1] + 20 * x
        if kind == "arena":
            return layout.to_pixels(0.45 * x, 0.2 * y)
        if kind == "button":
            box = layout.done if x > 0 else layout.start_over
            return box.x, box.y
        return 3000 * x, 3000 * y

    @rule(
        step=STEPS,
        what=st.sampled_from(["press", "move", "release"]),
        button=BUTTONS,
        where=st.tuples(
            st.sampled_from(["image", "arena", "button", "far"]), st.floats(-1, 1), st.floats(-1, 1)
        ),
    )
    def use_pointer(
        self, step: float, what: str, button: Any, where: tuple[str, float, float]
    ) -> None:
        self.time += step
        x, y = self.point(where)
        if what == "press":
            self.give(PointerPress(self.time, x, y, button))
        elif what == "move":
            self.give(PointerMove(self.time, x, y))
        else:
            self.give(PointerRelease(self.time, x, y, button))

    @rule(item=st.integers(0, 5), x=st.floats(-0.4, 0.4), y=st.floats(-0.25, 0.25))
    def drag_inside(self, item: int, x: float, y: float) -> None:
        start = self.activity.places[item % len(self.activity.places)]
        self.give(PointerPress(self.time, *start))
        self.time += 0.5
        self.give(PointerRelease(self.time, *self.activity.layout.to_pixels(x, y)))

    @rule(step=STEPS, key=KEYS)
    def press_key(self, step: float, key: str) -> None:
        self.time += step
        self.give(KeyPress(self.time, key))
        self.give(Typed(self.time, key))

    @rule(
        dx=st.integers(-1, 1),
        dy=st.integers(-1, 1),
        fine=st.booleans(),
        repeats=st.sampled_from([1, 12]),
    )
    def hold_an_arrow(self, dx: int, dy: int, fine: bool, repeats: int) -> None:
        for _ in range(repeats):
            self.time += 0.04
            self.give(Nudge(self.time, dx, dy, fine))

    @rule(step=STEPS)
    def show(self, step: float) -> None:
        self.time += step
        self.give(Shown(self.time))

    @rule(step=STEPS)
    def let_time_pass(self, step: float) -> None:
        self.time += step
        self.give(Tick(self.time))

    @rule(here=st.booleans())
    def change_focus(self, here: bool) -> None:
        self.give(Focus(self.time, here))

    @precondition(lambda self: not self.activity.finished)
    @rule(pause=st.floats(0, 300))
    def press_escape_and_go_on(self, pause: float) -> None:
        self.time += pause
        self.items += self.activity.restart(self.time)
        assert self.activity.held is None and self.activity.look is None

    @invariant()
    def images_are_all_there(self) -> None:
        state = self.activity
        width, height = state.layout.size
        assert sorted(state.stack) == list(range(len(state.places)))
        for x, y in state.places:
            assert math.isfinite(x) and math.isfinite(y)
            assert abs(x) <= width / 2 and abs(y) <= height / 2
        if state.held is not None:
            assert state.stack[-1] == state.held.item
        scene = state.scene
        if isinstance(scene, Arena):
            assert {placed.stimulus for placed in scene.images} == set(state.trial.items)
            allowed = self.protocol.rules.unplaced_allowed
            assert scene.buttons[0].enabled == (state.open and state.n_outside <= allowed)
        else:
            assert isinstance(scene, Page) and state.phase is Phase.MESSAGE

    @invariant()
    def no_deadline_is_missed(self) -> None:
        self.give(Tick(self.time))
        deadline = self.activity.deadline
        assert deadline is None or deadline > self.time

    @invariant()
    def records_are_valid(self) -> None:
        rows = [item.values for item in self.items if isinstance(item, EventRow)]
        for row in rows:
            EVENTS.format_row(row)
        state = self.activity
        if state.onset is not None and state.held is None:
            assert replay(rows)[1] == {
                name: self.activity.layout.to_arena(*place)
                for name, place in zip(state.trial.items, state.places, strict=True)
            }

    @invariant()
    def one_result_and_it_agrees_with_the_events(self) -> None:
        results = [item for item in self.items if isinstance(item, ArrangementResult)]
        state = self.activity
        assert len(results) == (state.result is not None)
        for result in results:
            self.check_result(result)

    def check_result(self, result: ArrangementResult) -> None:
        written = result.rows(rt_source="pyglet", pilot=False)
        for row in written:
            BEH.format_row(row)
        rows: list[Any] = [item.values for item in self.items if isinstance(item, EventRow)]
        assert replay(rows)[1] == {row["stimulus"]: (row["x"], row["y"]) for row in written}
        moves = [row["stimulus"] for row in rows if row["trial_type"] == "drag"]
        looks = [row["stimulus"] for row in rows if row["trial_type"] == "inspect"]
        for row in written:
            assert row["n_moves"] == moves.count(row["stimulus"])
            assert row["n_inspections"] == looks.count(row["stimulus"])
            drags = [
                event
                for event in rows
                if event["trial_type"] == "drag" and event["stimulus"] == row["stimulus"]
            ]
            if drags:
                first, last = drags[0]["onset"], drags[-1]["onset"] + drags[-1]["duration"]
                assert math.isclose(row["first_move_time"], first - result.onset, abs_tol=1e-6)
                assert math.isclose(row["last_move_time"], last - result.onset, abs_tol=1e-6)
            else:
                assert row["first_move_time"] is None and row["last_move_time"] is None
        outside = sum(not row["inside"] for row in written)
        if not result.timed_out:
            assert outside <= self.protocol.rules.unplaced_allowed
            assert self.outside_at_done == outside

    def teardown(self) -> None:
        """A trial can always be finished, whatever came before."""
        if not hasattr(self, "activity"):
            return
        activity, layout = self.activity, self.activity.layout
        self.give(Focus(self.time, False))
        self.give(Shown(self.time))
        for item in reversed(activity.stack):
            self.time += 0.1
            self.give(PointerPress(self.time, *activity.places[item]))
            self.give(PointerRelease(self.time, *layout.to_pixels(0.01 * item, 0.0)))
        for _ in range(20):
            # Whatever covers an image comes off it and goes in.
            left = [place for place in activity.places if not layout.inside(*place)]
            if left:
                self.give(PointerPress(self.time, *left[0]))
                self.give(PointerRelease(self.time, *layout.to_pixels(0.0, 0.1)))
        for _ in range(2):
            self.time += 1.5
            self.give(KeyPress(self.time, "return"))
            self.give(Shown(self.time))
        self.time += 1.5
        self.give(KeyPress(self.time, "return"))
        assert activity.finished
        self.one_result_and_it_agrees_with_the_events()


Arranging.TestCase.settings = settings(
    max_examples=80, stateful_step_count=40, deadline=None, print_blob=True
)
TestArranging = Arranging.TestCase
