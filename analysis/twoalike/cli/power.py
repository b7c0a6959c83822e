"""``twoalike power``."""

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from twoalike import recovery
from twoalike.cli._derived import takes
from twoalike.cli._show import show_table, show_written, wide_console
from twoalike.study import Study, TwoalikeError, check_output, write_json

if TYPE_CHECKING:
    from twoalike.recovery import GroupPowerResult, PowerResult

_COLUMNS = (
    "regret: log-loss on new triplets minus that of an observer who knows the truth, in nats; "
    "known: share of that observer's gain over guessing; width: mean width of the 95 % intervals "
    "of choice probabilities; hold: share of the true probabilities inside them."
)
_GROUP_COLUMNS = (
    "all, dimension, pair: percentage of studies that differ at the 5 % level, with its 95 % "
    "interval, by the test of all dimensions together, of any dimension, of any pair of objects."
)


@takes("recovery:power", groups="recovery:group_power")
def power(
    *,
    task: Literal["odd-one-out", "multi-arrangement"] = "odd-one-out",
    groups: bool = False,
    out: Path | None = None,
    figure: Path | None = None,
    slurm: Annotated[list[str] | None, Parameter(negative=())] = None,
    **options: Any,
) -> None:
    """Estimate how many participants and trials a study needs, before anyone is invited."""
    from twoalike.jobs import slurm_settings

    if task != "odd-one-out":
        raise TwoalikeError(
            f"--task {task}: power is for odd-one-out so far. How long arrangements take is shown "
            "by: twoalike design --task multi-arrangement --summary."
        )
    if figure is not None and figure.suffix not in {".svg", ".png"}:
        raise TwoalikeError(f"{figure}: expected a figure ending in .svg or .png.")
    opened = Study.load(options.pop("study"))
    given = _given(options, groups=groups)
    given["slurm"] = slurm_settings(slurm) if slurm else None
    if groups and figure is not None:
        raise TwoalikeError("--figure draws learning curves, and there are none with --groups.")
    out = out or opened.derived / ("group_power.json" if groups else "power.json")
    for path in (out, figure) if figure else (out,):
        check_output(path)
    if groups:
        sized = recovery.group_power(opened, **given)
        _show(sized, f"2 × {sized.found.participants // 2}", _GROUP_COLUMNS)
        write_json(out, sized.to_json())
        show_written(out)
        return
    result = recovery.power(opened, **given)
    _show(result, str(result.found.participants), _COLUMNS)
    _write(result, out, figure)


def _given(options: dict[str, Any], *, groups: bool) -> dict[str, Any]:
    """Collect the arguments of the analysis asked for; refuse those of the other one."""
    both = [inspect.signature(of).parameters for of in (recovery.power, recovery.group_power)]
    taken, others = reversed(both) if groups else both
    for name, value in options.items():
        if name not in taken and value != (others[name].default if groups else None):
            raise TwoalikeError(
                where=f"`{name}={value}`",
                expected="no such option with --groups" if groups else "--groups with it",
            )
    left_out = {name for name, value in options.items() if value is None and name not in others}
    return {name: options[name] for name in options.keys() & taken.keys() - left_out}


def _show(result: "PowerResult | GroupPowerResult", people: str, columns: str) -> None:
    from rich.markup import escape

    trials, table = result.analysis.trials, result.table()
    asked = [number for number, size in enumerate(table["people"]) if size == people]
    title = f"Simulated studies, {trials} trials a person"
    show_table(title, list(map(str, table)), table.itertuples(index=False), bold=asked)
    console = wide_console()
    size, _, rest = result.answer().partition(" (")
    for line in (columns, f"[bold]{size}[/] ({escape(rest)}", *map(escape, result.reasons())):
        console.print(line, highlight=False, soft_wrap=True)


def _write(result: "PowerResult", out: Path, figure: Path | None) -> None:
    """Write the result as JSON and, if asked for, the figure, whose description is in both."""
    from twoalike.cli.app import with_options
    from twoalike.figures import power_curves, power_description, to_png, to_svg
    from twoalike.study import atomic_path

    content = result.to_json()
    content["target"]["asked"] = with_options(content["target"]["asked"])
    if figure is not None:
        words = power_description(result)
        content["figure"] = {"file": figure.name, "description": words}
        draw = to_png if figure.suffix == ".png" else to_svg
        with atomic_path(figure) as temporary:
            temporary.write_bytes(draw(power_curves(result), description=words))
    write_json(out, content)
    show_written(figure, out)
