"""A trial of the odd-one-out task as an activity of a session."""

from collections.abc import Sequence

from twoalike.tasks._activity import Item, trial_shown
from twoalike.tasks._events import Event
from twoalike.tasks._scenes import Scene
from twoalike.tasks.odd_one_out._answering import (
    Phase,
    TrialState,
    advance,
    begin_trial,
    phase_end,
    restart_trial,
    trial_result,
    trial_scene,
)
from twoalike.tasks.odd_one_out._layout import Layout
from twoalike.tasks.odd_one_out._protocol import OddOneOut
from twoalike.tasks.odd_one_out._trial import Trial


class TripletActivity:
    """One trial; its result is given as soon as it is decided."""

    name = "trial"

    def __init__(self, trial: Trial, protocol: OddOneOut, layout: Layout) -> None:
        self.protocol, self.layout = protocol, layout
        self.state: TrialState = begin_trial(trial, protocol)

    @property
    def scene(self) -> Scene:
        """Cross, triplet, or what follows the choice."""
        return trial_scene(self.state, self.protocol)

    @property
    def deadline(self) -> float | None:
        """End of the present phase."""
        return phase_end(self.state, self.protocol)

    @property
    def finished(self) -> bool:
        """Whether the trial is over, feedback included."""
        return self.state.phase is Phase.DONE

    @property
    def choosing(self) -> bool:
        """Whether the triplet waits for a choice."""
        return self.state.phase is Phase.CHOICE

    def handle(self, event: Event) -> Sequence[Item]:
        """Take one event."""
        before, self.state = self.state, advance(self.state, event, self.protocol, self.layout)
        items: list[Item] = []
        if self.state.onset is not None and before.onset is None:
            items.append(trial_shown(self.state.onset, self.state.trial.trial_index))
        if self.state.decided and not before.decided:
            items.append(trial_result(self.state, self.protocol))
        return items

    def restart(self, time: float) -> Sequence[Item]:
        """Begin an open trial anew; end a decided one."""
        self.state = restart_trial(self.state, self.protocol)
        return []
