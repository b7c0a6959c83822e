"""A session of choices among many images: its files, its hands; its script is odd-one-out's."""

from functools import partial

import numpy as np

from twoalike.tasks._listed import listed_times
from twoalike.tasks.choice_of_many._trial import ManyActivity, PairActivity, PairTrial, many_trials
from twoalike.tasks.odd_one_out import (
    PreparedTriplets,
    Trial,
    TripletActivity,
    TripletHands,
)
from twoalike.tasks.screens import View

_FIRST = 0.6
"""Share of the time for a pair after which simulated observers choose its first image."""
_CHANGES = 0.05
"""Share of trials in which they choose another image first and take it back."""


class ManyHands(TripletHands):
    """Chooses as an observer would: the odd one out of many, or the most alike pair."""

    def presses(self, trial: Trial, rng: np.random.Generator) -> tuple[tuple[str, float], ...]:
        """Places to press in a trial, each with its time since the onset, s."""
        if not isinstance(trial, PairTrial):
            return super().presses(trial, rng)
        pair, taken = self.observer.respond_pair(trial.stimuli, rng)
        one, other = (trial.positions[item] for item in rng.permutation(pair))
        presses = ((one, _FIRST * taken), (other, taken))
        if rng.random() >= _CHANGES:
            return presses
        third = next(place for place in trial.positions if place not in (one, other))
        return ((third, 0.3 * taken), (third, 0.4 * taken), *presses)


class PreparedMany(PreparedTriplets):
    """A session of choices among many images that can start."""

    read = staticmethod(many_trials)
    hands_of = ManyHands

    def image_size(self, view: View) -> int:
        """Side of the square that images are fitted into; in the trial with the most of them."""
        return self.layout(view, max(len(trial.stimuli) for trial in self.trials)).image

    def kind_of(self, trial: Trial) -> type[TripletActivity]:
        """Choose what shows a trial."""
        return PairActivity if isinstance(trial, PairTrial) else ManyActivity


many_times = partial(listed_times, made=PreparedMany)
"""Time for the trials of a list, in proportion to the images of each."""
