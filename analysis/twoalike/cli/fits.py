"""Commands that plan a fit, make it, and write what it predicts."""

import inspect
import shlex
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from cyclopts import Parameter

from twoalike import embedding, recovery
from twoalike.cli._derived import takes
from twoalike.cli._show import (
    say,
    show_doubts,
    show_notes,
    show_table,
    show_tables,
    show_written,
    wide_console,
)
from twoalike.study import Study, TwoalikeError, check_ending, check_output, counted, write_json

if TYPE_CHECKING:
    from twoalike.choice import SetKind
    from twoalike.embedding import Posterior
    from twoalike.recovery import GroupPowerResult, PowerResult


_OTHER_KINDS = ("arrangements", "dissimilarities", "ratings", "sortings")


_NOT_SHOWN = "study_or_choices config announce max_depth batch rate warmup hold".split()


@takes("embedding:fit", settings="embedding:FitConfig", without=_NOT_SHOWN)
def fit(
    study: Path | None = None,
    /,
    *,
    choices: Path | None = None,
    sources: Annotated[list[Path] | None, Parameter(negative=())] = None,
    groups: str | None = None,
    covariates: str | None = None,
    prior: str = "auto",
    observers: str = "pooled",
    dimensions: str = "auto",
    people: Literal["noise", "weights"] | None = None,
    **given: Any,
) -> None:
    """Fit the Bayesian embedding to a study's sessions, or to tables of judgments."""
    tables = {"choices": choices, **{kind: given[kind] for kind in _OTHER_KINDS}}
    fitted = {name: path for name, path in tables.items() if path is not None}
    if (study is None) == (not fitted):
        raise TwoalikeError(
            "expected either a study's folder, or tables of judgments (one or several of "
            f"{', '.join(f'--{name}' for name in tables)}). See --help."
        )
    if study is None and given["out"] is None:
        raise TwoalikeError("expected --out, the posterior to write (.nc).")
    if people is not None:
        given["people"] = people
    posterior = embedding.fit(
        choices if study is None else study,
        sources=sources,
        groups=groups,
        covariates=covariates,
        announce=lambda line: show_notes([line]),
        prior=prior,
        observers=observers,
        dimensions=dimensions,
        **given,
    )
    _show(posterior)
    for row in embedding.source_table(posterior).itertuples():
        worth = f"{row.worth:.2f} [{row.low:.2f}, {row.high:.2f}]"
        say(f"source {row.source}: an answer tells {worth} of what a person's does")
    if study is not None and (said := embedding.enough(study, posterior)).limits:
        show_notes([str(said)])
    say(posterior.path)
    if study is not None and (condition := given["condition"]) is not None:
        own = {name: study / "derived" / f"{name}_{condition}.parquet" for name in tables}
        fitted = {name: path for name, path in own.items() if path.is_file()}
    words = [word for name, path in fitted.items() for word in (f"--{name}", path)]
    files = words or ["--study", str(study)]
    say(f"next: twoalike check {shlex.join(map(str, [posterior.path, *files]))}")


def _show(posterior: "Posterior") -> None:
    show = wide_console().print
    from rich.markup import escape

    from twoalike.cli.app import with_options
    from twoalike.embedding import advise, has_spare, link_warnings

    attrs = posterior.attrs
    kept = attrs["dimensions"]
    show(f"{kept['kept']} of {kept['fitted']} dimensions kept, {len(posterior.ids)} objects")
    for warning in link_warnings(attrs["links"]):
        show(f"[bold]note[/]: {escape(warning)}")
    if held := attrs.get("held_out"):
        show(
            f"held-out log-loss {held['log_loss']:.4f} ± {held['log_loss_se']:.4f} nats, "
            f"of {held['judgments']:,} judgments (guessing: {held.get('guessing', log(3)):.4f})"
        )
    said = advise(attrs["engine"], attrs["convergence"], spare=has_spare(kept))
    advice = with_options(" ".join(said))
    verdict = posterior.verdict
    colour = "red" if not verdict.predictions else "green" if verdict.intervals else "yellow"
    show(f"[bold {colour}]{str(verdict).capitalize()}.[/] {escape(advice)}")


@takes("results:score", without={"resamples"})
def score(**given: Any) -> None:
    """Score a posterior on judgments, usually others than those it was fitted to."""
    from twoalike import results

    show_tables(results.score(**given).tables())
    show_written(given["out"])


@takes("results:replay", without={"announce"})
def replay(
    *,
    sources: Annotated[list[Path] | None, Parameter(negative=())] = None,
    designs: str = "random,adaptive",
    priors: str = "none,features,sources,shuffled",
    table: Path | None = None,
    figure: Path | None = None,
    **given: Any,
) -> None:
    """Run designs against recorded answers, to see how many would have been enough."""
    from twoalike import results
    from twoalike.embedding import save_table
    from twoalike.figures import replay_chart, to_svg
    from twoalike.study import check_ending

    for path, endings in ((table, [".csv", ".tsv"]), (figure, [".svg"])):
        if path is not None:
            check_ending(path, endings, "what replay found")
    given |= {"designs": designs.split(","), "priors": priors.split(",")}
    given |= {"sources": sources, "announce": lambda line: show_notes([line])}
    study = given.pop("study")
    found = results.replay(study, **given)
    show_tables(found.tables())
    if table is not None:
        save_table(table, found.frame)
    if figure is not None:
        figure.write_bytes(to_svg(replay_chart(found)))
    show_written(given["out"] or Path(study, "derived", "replay.json"), table, figure)


@takes("teacher:predict")
def predict(
    source: Path,
    /,
    *,
    triplets: Path | None = None,
    sample: Literal["cluster-boundary", "within", "between", "uniform"] | None = None,
    number: int | None = None,
    clusters: int | None = None,
    pool: int | None = None,
    part: str | None = None,
    seed: int = 0,
    kind: Literal["odd-one-out", "anchored", "most-alike", "least-like"] | None = None,
    participant: str | None = None,
    out: Path,
    **given: Any,
) -> None:
    """Write the choice probabilities of a posterior or a teacher, for given or sampled triplets."""
    features, objects, items = (given[name] for name in ("features", "objects", "items"))
    of_people = {given["interval"], participant, given["participant_column"]} != {None}
    if sample is not None:
        if triplets is not None or of_people or (kind, items) != (None, None):
            raise TwoalikeError(
                "--sample: labels of sampled triplets are odd-one-out probabilities of a typical "
                "observer. Leave out --triplets, --interval, --participant, --kind and --items."
            )
        if features is None:
            raise TwoalikeError(
                f"{source}: triplets are sampled among images with features; add --features."
            )
        sampling = {"number": number, "clusters": clusters, "pool": pool, "part": part}
        _label(source, features, out, sample, objects=objects, seed=seed, **sampling)
        return
    if triplets is None:
        raise TwoalikeError("expected --triplets FILE, or --sample RULE, found neither.")
    if {number, clusters, pool, part} != {None}:
        raise TwoalikeError(
            "--number, --clusters, --pool and --part are of sampled triplets: add --sample, or "
            "leave them out."
        )
    from twoalike import teacher
    from twoalike.embedding import Posterior

    fitted = source if source.is_dir() else Posterior.load(source)
    table = teacher.predict(
        fitted,
        triplets,
        participant=participant,
        kind=None if kind is None else cast("SetKind", kind.replace("-", "_")),
        out=out,
        **given,
    )
    if isinstance(fitted, Posterior):
        show_doubts(fitted, intervals=given["interval"] is not None)
        if new := table.attrs["new_people"]:
            say(
                f"{fitted.path}: does not know {counted(len(new), 'participant')} "
                f"({counted(sum(new.values()), 'triplet')}), for whom a new person answers"
            )
    say(f"{out}  {counted(len(table), 'set')}: {table.attrs['question']}")


def _label(source: Path, features: Path, out: Path, rule: Any, **settings: Any) -> None:
    from twoalike.distill import label_images

    made = label_images(source, features, out, sample=rule, **settings)
    shards = counted(made.shards, "shard")
    count = shards if made.made == made.shards else f"{made.made} of {shards} so far"
    say(
        f"{out}  {counted(made.triplets, 'triplet')} ({made.rule}) of "
        f"{counted(made.images, 'image')}, {count}"
    )


@takes("embedding:save_similarity")
def similarity(**given: Any) -> None:
    """Write how similar every two objects are, with intervals."""
    fitted = embedding.Posterior.load(given.pop("posterior"))
    table = embedding.save_similarity(fitted, **given)
    show_doubts(fitted, intervals=not given["square"])
    say(f"{given['out']}  {len(table.ids)} objects, scale {table.scale}")


@takes("embedding:save_embedding")
def embed(**given: Any) -> None:
    """Write the objects' coordinates: posterior means, or every draw."""
    fitted = embedding.Posterior.load(given.pop("posterior"))
    embedding.save_embedding(fitted, **given)
    show_doubts(fitted)
    n_draws, m, d = fitted.embedding.shape
    what = f"{counted(n_draws, 'draw')} of " if given["draws"] else ""
    say(f"{given['out']}  {what}{counted(m, 'object')} in {counted(d, 'dimension')}")


@takes("recovery:power", groups="recovery:group_power")
def power(
    *,
    task: Literal["odd-one-out", "multi-arrangement"] = "odd-one-out",
    groups: bool = False,
    out: Path | None = None,
    figure: Path | None = None,
    **options: Any,
) -> None:
    """Estimate how many participants and trials a study needs, before anyone is invited."""
    if task != "odd-one-out":
        raise TwoalikeError(
            f"--task {task}: power is for odd-one-out so far. How long arrangements take is shown "
            "by: twoalike design --task multi-arrangement --summary."
        )
    if figure is not None:
        check_ending(figure, [".svg", ".png"], "a figure")
    opened = Study.load(options.pop("study"))
    given = _given(options, groups=groups)
    if groups and figure is not None:
        raise TwoalikeError("--figure draws learning curves, and there are none with --groups.")
    out = out or opened.derived / ("group_power.json" if groups else "power.json")
    for path in (out, figure) if figure else (out,):
        check_output(path)
    if groups:
        sized = recovery.group_power(opened, **given)
        _show_sizes(sized, f"2 × {sized.found.participants // 2}")
        write_json(out, sized.to_json())
        show_written(out)
        return
    result = recovery.power(opened, **given)
    _show_sizes(result, str(result.found.participants))
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


def _show_sizes(result: "PowerResult | GroupPowerResult", people: str) -> None:
    from rich.markup import escape

    trials, table = result.analysis.trials, result.table()
    asked = [number for number, size in enumerate(table["people"]) if size == people]
    title = f"Simulated studies, {trials} trials a person"
    show_table(title, list(map(str, table)), table.itertuples(index=False), bold=asked)
    console = wide_console()
    size, _, rest = result.answer().partition(" (")
    for line in (
        result.columns,
        f"[bold]{size}[/] ({escape(rest)}",
        *map(escape, result.reasons()),
    ):
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
