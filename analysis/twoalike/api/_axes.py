"""What the figures share: axes to draw into, and the stimuli that they show."""

from pathlib import Path
from typing import TYPE_CHECKING

from twoalike.stimuli import StimulusSet
from twoalike.study import Study, TwoalikeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

type Pathlike = str | Path
type SomeStimuli = StimulusSet | Study | Pathlike


def new_axes(ax: "Axes | None", height: float, width: float = 5.0) -> "Axes":
    """Axes given, or those of a new figure, so many inches high."""
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.figure(figsize=(width, height), layout="constrained").add_subplot()


def inches(ax: "Axes") -> float:
    """Width of axes, in inches."""
    return float(ax.get_window_extent().width / ax.figure.dpi)


def legend(ax: "Axes", columns: int = 3) -> None:
    """Legend above the axes, in rows of so many."""
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.2)


def some_stimuli(stimuli: SomeStimuli | None, ids: tuple[str, ...]) -> StimulusSet | None:
    """Stimulus set with all objects of the embedding."""
    if stimuli is None:
        return None
    if isinstance(stimuli, str | Path) and Path(stimuli, "study.toml").is_file():
        stimuli = Study.load(stimuli)
    if isinstance(stimuli, Study):
        stimuli = stimuli.stimuli
    if not isinstance(stimuli, StimulusSet):
        stimuli = StimulusSet.load(stimuli, verify=False)
    missing = set(ids) - set(stimuli.ids)
    if missing:
        raise TwoalikeError(
            where="`stimuli=...`",
            expected="all objects of the posterior",
            found=f"{len(missing)} missing, such as {min(missing)!r}",
        )
    return stimuli
