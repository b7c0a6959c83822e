"""``twoalike power``."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from twoalike.recovery import PowerResult

_COLUMNS = (
    "regret: log-loss on new triplets above that of one who knows the truth, nats; known: the "
    "share of the truth's gain over guessing that is reached; width: of the 95 % intervals of "
    "choice probabilities; hold: share of the truth inside them."
)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """What is looked for, and in which simulated studies."""

    target_information: float | None = None
    """Share of the oracle's gain over guessing that predictions are to reach, 0.9 by default."""
    target_regret: float | None = None
    """Instead: how much the log-loss on new triplets may exceed that of one who knows the truth, in
    nats."""
    target_log_loss: float | None = None
    """Instead: log-loss on new triplets, in nats; guessing has 1.099."""
    target_width: float | None = None
    """Instead: mean width of the 95 % intervals of choice probabilities."""
    trials_per_person: int | None = None
    """Main trials of each person; those of a session of study.toml if left out."""
    sampler: Literal["random", "coverage", "levels"] | None = None
    """Use this sampler instead of the study's."""
    observer: Path | None = None
    """Where people's space comes from: an observer (.npz), or the posterior (.nc) of a pilot, each
    draw of which is tried. If left out it is drawn: from the categories of the stimuli, or, without
    categories, objects have some of many qualities."""
    accuracy: float = 0.69
    """How predictable people are in a drawn space: accuracy of one who knows it."""
    people_differ: bool = True
    """Whether people differ in how noisy their choices are and in how often they guess (3 % on
    average). Those whom attention checks exclude do not count as participants."""
    worlds: int = 6
    """Spaces that are tried."""
    assurance: float = 0.8
    """Share of studies that should reach the target."""
    most_participants: int = 200
    """Where to give up."""
    engine: Literal["vi", "nuts", "auto"] = "vi"
    """Engine of the fits. vi, stopped early, comes as near to the truth as nuts, which fit takes
    for small studies, in a third of the time."""
    steps: int | None = None
    """Steps of each vi fit, 1,500 if left out; few are quicker, and ask for more participants."""
    seed: int | None = None
    """Use this seed instead of one that follows from the study's."""


def power(
    study: Path,
    /,
    *,
    task: Literal["odd-one-out", "multi-arrangement"] = "odd-one-out",
    options: Options = Options(),
    out: Path | None = None,
    figure: Path | None = None,
) -> None:
    """Say how many participants and trials a study needs, before anyone is invited.

    Whole studies of these objects are simulated: trial lists of the design in study.toml, people
    who answer from a space drawn at random, and the fit of twoalike fit. Each is scored on new
    triplets against the true choice probabilities. The answer is the smallest number of
    participants with which most studies (--assurance) reach the target. The target's default is
    90 % of what can be known: of the gain in log-loss over guessing that knowing the true space
    brings.

    Simulated studies are kept in derived/power/: a command that was interrupted goes on, and
    another target costs little more. With 30 objects it takes some minutes.

    Examples
    --------
        twoalike power my-study
        twoalike power my-study --target-width 0.2 --trials-per-person 200 --figure power.svg
        twoalike power my-study --target-log-loss 0.7 --most-participants 1000
        twoalike power my-study --observer my-study/derived/posterior.nc

    Parameters
    ----------
    study
        Folder of the study; what its [design] excludes is left out.
    task
        The task; power is for odd-one-out so far.
    out
        Table of everything as JSON; derived/power.json in the study if left out.
    figure
        Figure to write as well (.svg or .png).
    """
    from twoalike.recovery import power as find_power
    from twoalike.study import Study, TwoalikeError, check_output

    if task != "odd-one-out":
        raise TwoalikeError(
            f"--task {task}: power is for odd-one-out so far. How long arrangements take is shown "
            "by: twoalike design --task multi-arrangement --summary."
        )
    if figure is not None and figure.suffix not in {".svg", ".png"}:
        raise TwoalikeError(f"{figure}: expected a figure ending in .svg or .png.")
    opened = Study.load(study)
    out = out or opened.derived / "power.json"
    for path in (out, figure) if figure else (out,):
        check_output(path)
    result = find_power(opened, **vars(options))
    _show(result)
    _write(result, out, figure)


def _show(result: "PowerResult") -> None:
    """Print the simulated sizes, and the answer."""
    from rich.console import Console
    from rich.markup import escape

    from twoalike.cli._show import bare_table

    shown, table = bare_table(f"Simulated studies, {result.trials} trials a person"), result.table()
    for column in table.columns:
        shown.add_column(column, justify="right", no_wrap=True)
    for row in table.itertuples(index=False):
        recommended = row.people == str(result.found.participants)
        shown.add_row(*row, style="bold" if recommended else None)
    console = Console()
    console.print(shown)
    size, _, rest = result.answer().partition(" (")
    for line in (_COLUMNS, f"[bold]{size}[/] ({escape(rest)}", *map(escape, result.reasons())):
        console.print(line, highlight=False, soft_wrap=True)


def _write(result: "PowerResult", out: Path, figure: Path | None) -> None:
    """Write the result as JSON and, if asked for, the figure, whose description is in both."""
    from twoalike.cli.app import with_options
    from twoalike.figures import power_curves, power_description, to_png, to_svg
    from twoalike.study import atomic_path, write_json

    content = result.to_json()
    content["target"]["asked"] = with_options(content["target"]["asked"])
    if figure is not None:
        words = power_description(result)
        content["figure"] = {"file": figure.name, "description": words}
        draw = to_png if figure.suffix == ".png" else to_svg
        with atomic_path(figure) as temporary:
            temporary.write_bytes(draw(power_curves(result), description=words))
        print(f"Wrote {figure}")  # noqa: T201
    write_json(out, content)
    print(f"Wrote {out}")  # noqa: T201
