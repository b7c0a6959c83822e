"""``twoalike power``."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from twoalike.cli._options import check_seed

if TYPE_CHECKING:
    from twoalike.recovery import PowerResult


def power(
    study: Path,
    /,
    *,
    task: Literal["odd-one-out", "multi-arrangement"] = "odd-one-out",
    target_information: float | None = None,
    target_regret: float | None = None,
    target_log_loss: float | None = None,
    target_width: float | None = None,
    trials_per_person: int | None = None,
    sampler: Literal["random", "coverage", "levels"] | None = None,
    observer: Path | None = None,
    accuracy: float = 0.69,
    people_differ: bool = True,
    worlds: int = 6,
    assurance: float = 0.8,
    most_participants: int = 200,
    engine: Literal["vi", "nuts", "auto"] = "vi",
    steps: int | None = None,
    seed: int | None = None,
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
    target_information
        Share of the oracle's gain over guessing that predictions are to reach, 0.9 by default.
    target_regret
        Instead: how much the log-loss on new triplets may exceed that of one who knows the truth,
        in nats.
    target_log_loss
        Instead: log-loss on new triplets, in nats; guessing has 1.099.
    target_width
        Instead: mean width of the 95 % intervals of choice probabilities.
    trials_per_person
        Main trials of each person; those of a session of study.toml if left out.
    sampler
        Use this sampler instead of the study's.
    observer
        Where people's space comes from: an observer (.npz), or the posterior (.nc) of a pilot,
        each draw of which is tried. If left out it is drawn: from the categories of the stimuli,
        or, without categories, objects have some of many qualities.
    accuracy
        How predictable people are in a drawn space: accuracy of one who knows it.
    people_differ
        Whether people differ in how noisy their choices are and in how often they guess (3 % on
        average). Those whom attention checks exclude do not count as participants.
    worlds
        Spaces that are tried.
    assurance
        Share of studies that should reach the target.
    most_participants
        Where to give up.
    engine
        Engine of the fits. vi, stopped early, comes as near to the truth as nuts, which fit takes
        for small studies, in a third of the time.
    steps
        Steps of each vi fit, 1,500 if left out; few are quicker, and ask for more participants.
    seed
        Use this seed instead of one that follows from the study's.
    out
        Table of everything as JSON; derived/power.json in the study if left out.
    figure
        Figure to write as well (.svg or .png).
    """
    from twoalike.cli._power_table import show_power
    from twoalike.design import study_with
    from twoalike.embedding import FitConfig
    from twoalike.recovery import VI_STEPS, PowerAnalysis, PowerConfig
    from twoalike.study import Study, TwoalikeError, check_output

    if task != "odd-one-out":
        raise TwoalikeError(
            f"--task {task}: power is for odd-one-out so far. How long arrangements take says: "
            "twoalike design --task multi-arrangement --summary."
        )
    check_seed(seed)
    _check_options(steps, engine, figure)
    opened = study_with(Study.load(study), seed=seed, sampler=sampler)
    vi_steps = steps or VI_STEPS if engine == "vi" else None
    fit = FitConfig(engine=engine, steps=vi_steps)
    config = PowerConfig(
        trials=trials_per_person,
        accuracy=accuracy,
        people_differ=people_differ,
        worlds=worlds,
        assurance=assurance,
        most=most_participants,
        fit=fit,
    )
    analysis = PowerAnalysis(opened, config, observer)
    target = analysis.target(
        information=target_information,
        regret=target_regret,
        log_loss=target_log_loss,
        width=target_width,
    )
    out = out or opened.derived / "power.json"
    for path in (out, figure) if figure else (out,):
        check_output(path)
    result = analysis.run(target)
    show_power(result)
    _write(result, out, figure)


def _write(result: "PowerResult", out: Path, figure: Path | None) -> None:
    """Write the result as JSON and, if wanted, the figure, whose words are in both."""
    from twoalike.figures import power_curves, power_description, to_png, to_svg
    from twoalike.study import atomic_path, write_json

    content = result.to_json()
    if figure is not None:
        words = power_description(result)
        content["figure"] = {"file": figure.name, "description": words}
        draw = to_png if figure.suffix == ".png" else to_svg
        with atomic_path(figure) as temporary:
            temporary.write_bytes(draw(power_curves(result), description=words))
        print(f"Wrote {figure}")  # noqa: T201
    write_json(out, content)
    print(f"Wrote {out}")  # noqa: T201


def _check_options(steps: int | None, engine: str, figure: Path | None) -> None:
    from twoalike.study import TwoalikeError

    if steps is not None and (engine != "vi" or steps < 100):
        raise TwoalikeError(
            f"--steps {steps}: expected 100 or more, with --engine vi. Leave it out."
        )
    if figure is not None and figure.suffix not in {".svg", ".png"}:
        raise TwoalikeError(f"{figure}: expected a figure ending in .svg or .png.")
