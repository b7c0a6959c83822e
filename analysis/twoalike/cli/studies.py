"""Commands of a study: make, run, check, share and export it, report on it, and the demo."""

import shlex
import sys
import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from twoalike.cli._derived import Flag, TaskName, takes
from twoalike.cli._show import say, show_notes, wide_console
from twoalike.study import TwoalikeError, counted

if TYPE_CHECKING:
    from twoalike.planning import ListSummary, TrialList
    from twoalike.study import ScreenProfile


_SOURCES = {"creatures": "drawn creatures", "familiar": "familiar things"}


@takes("planning:create_study")
def init(
    *,
    protocol: Literal[
        "default", "eeg", "faces-2afc", "levels", "similarity-arrangement", "things", "words"
    ] = "default",
    **given: Any,
) -> None:
    """Make a study folder: settings, stimuli and protocol, ready to run."""
    from twoalike import planning
    from twoalike.design import refused_tasks
    from twoalike.registry import find_task
    from twoalike.tasks import study_tasks

    created = planning.create_study(protocol=protocol, **given)
    objects, study = created.stimuli, given["folder"]
    own = (kind for kind in ("images", "words", "sounds") if given[kind] is not None)
    source = next(own, _SOURCES[given["stimuli"] or "creatures"])
    categories = f", categories: {', '.join(objects.levels)}" if objects.levels else ""
    say(f"{study / 'study.toml'}  settings of the study")
    whole = "every knob, and all texts" if protocol == "default" else "what differs from defaults"
    say(f"{study / 'protocols'}  protocols of the tasks: {whole}")
    say(f"{study / 'stimuli'}  {len(objects.ids)} {source}{categories}")
    tasks = [name for name in study_tasks(created.study) if find_task(name).lists]
    refused = {task: refused_tasks(created.study, objects, [task]) for task in tasks}
    remarks = (*created.remarks, *(line for lines in refused.values() for line in lines))
    show_notes(f"note: {remark}" for remark in remarks)
    for task in (task for task, lines in refused.items() if not lines):
        takes = planning.first_session_duration(created.study, objects, task)
        say(f"a first session of {task} takes {takes} (four people out of five)")
    folder = shlex.quote(str(study))
    mend = f"change that in {study / 'study.toml'}, then: " if any(refused.values()) else ""
    say(f"next: {mend}twoalike design {folder} --task {tasks[0]} --participants 001 --summary")


@takes("planning:write_lists")
def design(
    *,
    task: TaskName,
    participants: Annotated[list[str], Parameter(consume_multiple=True, negative=())],
    summary: Flag = False,
    **given: Any,
) -> None:
    """Write the trial lists of sessions, and show how well they cover the objects."""
    from twoalike import planning

    made = planning.write_lists(participants=participants, task=task, **given)
    kind = "fixed trial" if task == "multi-arrangement" else "trial"
    for item in made.lists:
        if item.state != "empty":
            say(_line(item, kind))
    if task == "multi-arrangement" and made.study.config.arrangement.scheduler == "lift_weakest":
        say("the main trials are chosen during the session")
    if summary:
        _show(made.summary())


def _line(item: "TrialList", kind: str) -> str:
    state = {
        "written": "",
        "unchanged": ", there already",
        "begun": ", kept: its session has begun",
    }.get(item.state, f", {item.state}")
    return f"{item.path}  {counted(item.table['trial_index'].nunique(), kind)}{state}"


def _show(summary: "ListSummary") -> None:
    from rich.table import Table

    table = Table(title=summary.title, caption=summary.note)
    table.add_column("")
    for name in summary.table.columns:
        table.add_column(name.replace(" ses-", "\nses-"), justify="right")
    for row, cells in summary.table.iterrows():
        table.add_row(str(row), *cells)
    wide_console().print(table)


@takes("planning:describe_study", without={"tasks"})
def describe(
    *,
    task: Annotated[list[TaskName] | None, Parameter(negative=())] = None,
    out: Path | None = None,
    **given: Any,
) -> None:
    """Describe a study for an ethics committee, on about one page."""
    from twoalike import planning

    page = planning.describe_study(tasks=task or (), **given)
    say(page if out is None else f"{page.save(out)}  {page.title}")


@takes("display:measure_screen")
def screen(*, distance_cm: float | None = None, **given: Any) -> None:
    """Measure this computer's screen, once for all studies."""
    from twoalike import display
    from twoalike.study import load_profile, profile_path

    distance = ask_distance(load_profile()) if distance_cm is None else distance_cm
    found = display.measure_screen(distance_cm=distance, **given)
    if found is None:
        print("left before the card matched; nothing was saved", file=sys.stderr)  # noqa: T201
        sys.exit(130)
    say(screen_table(found))
    say(profile_path())


def ask_distance(before: "ScreenProfile") -> float:
    """Ask on the terminal how far the eyes are from the screen; cm."""
    if not sys.stdin.isatty():
        raise TwoalikeError(
            "the distance of the eyes is not known", remedy="Add: `distance_cm=60`."
        )
    known = f" [{100 * before.distance_m:g}]" if before.distance_m else ""
    answer = input(f"From the participant's eyes to the screen, in cm{known}: ").strip()
    if not answer and before.distance_m:
        return 100 * before.distance_m
    try:
        return float(answer.removesuffix("cm").strip().replace(",", "."))
    except ValueError as error:
        raise TwoalikeError(where=repr(answer), expected="a distance in cm, such as 60") from error


def screen_table(profile: "ScreenProfile") -> str:
    """Lines that show a measurement to whoever made it."""
    from twoalike.display import verdict

    width, height = profile.size_px
    how = {"card": "matched with a card", "given": "as given", "none": "not measured"}
    rows = [
        ("screen", f"{profile.number}, {width} x {height} pixels"),
        ("width", f"{100 * profile.width_m:.2f} cm, {how[profile.how]}"),
        ("distance", f"{100 * profile.distance_m:.1f} cm"),
        ("one degree", f"{profile.pixels(1.0, width):.1f} pixels, in the middle of the screen"),
        ("scale factor", f"{profile.scale_factor:g}"),
        ("graphics", profile.renderer),
    ]
    if profile.refresh_hz:
        spread = f"sd {1000 * profile.frame_sd_s:.2f} ms, 99 % within "
        rows.append(("frames", f"{spread}{1000 * profile.frame_p99_s:.2f} ms"))
    rows.append(("timing", verdict(profile)))
    return "\n".join(f"{name:<14}{value}" for name, value in rows)


@takes("sitting:sit", without={"show", "panel"})
def run(
    *,
    task: TaskName | None = None,
    simulate: Annotated[bool | Path, Parameter(negative=())] = False,
    **given: Any,
) -> None:
    """Run one session with a participant, or with a simulated one."""
    from twoalike import sitting
    from twoalike.cli.app import with_options

    outcome = sitting.sit(
        show=lambda line: print(with_options(line), file=sys.stderr),  # noqa: T201
        task=task,
        simulate=simulate,
        **given,
    )
    if outcome.end_reason == "declined":
        say(f"participant {given['participant']} did not consent; nothing else was stored")
        return
    for part in (*outcome.earlier, outcome):
        done = counted(part.n_done if part.n_trials is None else part.n_trials, "trial")
        if part.n_trials is not None:
            done = f"{part.n_done} of {done}"
        if part.end_reason != "completed":
            done += f", {part.end_reason}; continue with --resume"
        say(f"{part.path}  {done}")
    if outcome.end_reason != "completed":
        sys.exit(130)


def validate(study: Path, /) -> None:
    """Check a study's settings, protocols and raw data, including pilot data."""
    from twoalike.tasks import validate_study

    checked = validate_study(study)
    if checked.faults and not checked.data and checked.n_problems == 1:
        *before, fault = checked.lines()
        show_notes(before)
        raise TwoalikeError(fault)
    show_notes(checked.lines())
    if checked.n_problems:
        raise TwoalikeError(f"{checked.summary}, see above.")
    show_notes([checked.summary])


@takes("exchange:merge_studies")
def merge(**given: Any) -> None:
    """Merge copies of one study, run on several computers, into a new study."""
    from twoalike import exchange
    from twoalike.study import Study
    from twoalike.tasks import check_lists

    merged, out = exchange.merge_studies(**given), given["out"]
    runs, trials = counted(merged.n_runs, "run"), counted(merged.n_trials, "trial")
    show_notes([f"{out}: {runs} of {counted(merged.n_participants, 'participant')}, {trials}"])
    show_notes(merged.groups)
    show_notes(f"left out: {path}" for path in merged.left_out)
    show_notes(f"note: {fault}" for fault in check_lists(Study.load(out)))


@takes("online:erase")
def erase(study: Path, participant: str, /, **given: Any) -> None:
    """List or remove everything that a study holds of a person."""
    from twoalike import online

    found, yes = online.erase(study, participant, **given), given["yes"]
    nothing = [f"nothing of participant {participant} is left"]
    show_notes([f"{'removed' if yes else 'holds'}: {one}" for one in found.removed] or nothing)
    show_notes(f"computed from their data, compute again: {path}" for path in found.derived)
    show_notes(found.notes if yes else ["Nothing was changed. Remove it with `yes=True`."])


@takes("exchange:share")
def share(
    *, allow: Annotated[list[str] | None, Parameter(negative=())] = None, **given: Any
) -> None:
    """Write a copy of a study's raw data that is fit for publication."""
    from twoalike import exchange

    shared = exchange.share(allow=allow or (), **given)
    runs, people = counted(shared.n_runs, "run"), counted(shared.n_people, "participant")
    show_notes(shared.notes)
    show_notes([f"{given['out']}: {runs} of {people}"])
    show_notes(f"left out: {what}" for what in shared.left_out)
    show_notes(f"warning: {what}" for what in shared.warnings)


@takes(
    "report:write_plan",
    settings="embedding:FitConfig",
    some="engine similarity prior people terms dimensions",
    without={"fit"},
)
def plan(study: Path, /, *, prior: str | None = None, **given: Any) -> None:
    """Write down what a study plans to do, before it is done."""
    from twoalike.report import write_plan

    names = ("participants", "power", "hypotheses", "overwrite")
    made = write_plan(
        study, **{name: given.pop(name) for name in names}, fit=given | {"prior": prior}
    )
    if made.sessions_before:
        found = counted(made.sessions_before, "session")
        show_notes([f"{found} had been recorded before: this is no preregistration of them"])
    say(f"Wrote {made.page} and {made.path}, SHA-256 {made.sha256}")


@takes("report:write_report")
def report(study: Path, other: Path | None = None, /, **given: Any) -> None:
    """Write a study's report, or two studies side by side, as one HTML file."""
    from twoalike.report import write_report

    made = write_report(study, other=other, **given)
    show_notes(made.notes)
    say(f"Wrote {made.path} ({made.path.stat().st_size / 1e6:.1f} MB)")
    if files := given["files"]:
        say(f"Wrote {files} (figures as .svg, .pdf and .png, numbers as .csv)")


@takes("report:write_progress")
def watch(
    study: Path, /, *, every: float = 30.0, once: Flag = False, open_: Flag = False, **given: Any
) -> None:
    """Show how a study that is being collected is getting on."""
    from twoalike.report import watched, write_progress

    before = None
    while before is None or not once:
        if (now := watched(study)) != before:
            made = write_progress(study, every=0 if once else max(every, 1), **given)
            say(f"{time.strftime('%H:%M:%S')}  {'; '.join(made.notes)}  {made.path}")
            if open_ and before is None:
                webbrowser.open(made.path.resolve().as_uri())
            before = now
        time.sleep(0 if once else max(every, 1))


def demo(folder: Path = Path("demo"), /, *, seed: int = 20261125) -> None:
    """Run the whole chain on drawn creatures."""
    from twoalike.demo import DemoConfig, run_demo

    run_demo(folder, DemoConfig(seed=seed))


@takes("exchange:export_psychds")
def psychds(**given: Any) -> None:
    """Export a study's raw data as a Psych-DS data set: CSV files and their description."""
    from twoalike import exchange

    n_tables, notes = exchange.export_psychds(**given)
    show_notes([*notes, f"{given['out']}: {n_tables} tables in Psych-DS"])


@takes("exchange:export_dissimilarities")
def meadows(**given: Any) -> None:
    """Export dissimilarities from arrangements in Meadows' format, which rsatoolbox reads."""
    from twoalike import exchange

    found = exchange.export_dissimilarities(**given)
    table = found.table
    objects, people = counted(len(table.objects), "object"), len(table.participants)
    lines = [*found.notes]
    lines.append(
        f"{given['out']}: dissimilarities of {objects} by {counted(people, 'participant')}"
    )
    if given["session"] is None and len(found.sessions) > 1:
        names = ", ".join(name or "none" for name in found.sessions)
        lines.append(f"sessions {names} together; one alone with --session")
    if table.n_missing:
        lines.append(f"{counted(table.n_missing, 'pair')} never placed together (NaN)")
    for code, converged in zip(table.participants, table.converged, strict=True):
        if not converged:
            lines.append(f"participant {code}: the rescaling did not converge")
    show_notes(lines)


@takes("distill:export_onnx")
def onnx(network: str, /, *, out: Path, **given: Any) -> None:
    """Export a student, or any network, as ONNX."""
    from twoalike.distill import export_onnx

    made = export_onnx(network, out, **given)
    differences = ", ".join(f"{value:.0e} on {kind}" for kind, value in made["check"].items())
    size = made["preprocessing"]["input_size"][-1]
    width = made["output"]["shape"][1]
    outputs = f"vectors of {width} numbers" if "parts" in made else counted(width, "feature")
    say(f"{out}: {outputs} of images of {size} pixels; differs from torch by {differences}")
