"""An anchored-choice session: its files; script and trials are those of the odd-one-out task."""

import pandas as pd

from twoalike.tasks._listed import MoreTrials
from twoalike.tasks._prepare import Sitting, load_listed
from twoalike.tasks.anchored_choice._protocol import AnchoredChoice
from twoalike.tasks.odd_one_out import PreparedTriplets, Trial, prepared_choices


def prepare_anchored(
    sitting: Sitting, *, table: pd.DataFrame | None = None, more: MoreTrials[Trial] | None = None
) -> PreparedTriplets:
    """Read and check what an anchored-choice session needs, as :func:`prepare_triplets`."""
    protocol, stimuli, table = load_listed(sitting, AnchoredChoice, table)
    return prepared_choices(sitting, protocol, stimuli, table, more)
