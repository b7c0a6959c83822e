"""Commands that say what a posterior holds, and whether it can be trusted."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from twoalike import embedding
from twoalike.cli._derived import Flag, takes
from twoalike.cli._show import (
    check_page,
    plain,
    say,
    show_doubts,
    show_notes,
    show_table,
    show_written,
    wide_console,
)
from twoalike.study import TwoalikeError, check_ending, counted

if TYPE_CHECKING:
    import pandas as pd

    from twoalike.embedding import DimensionCurve


@takes("embedding:check", without={"fitted", "out"})
def check(*, json: Path | None = None, strict: Flag = False, **given: Any) -> None:
    """Check whether a posterior can be trusted: convergence, predictive checks, leave-one-out."""
    fit = embedding.Posterior.load(given.pop("posterior"))
    found = embedding.check(fit, out=json, **given)
    console = wide_console()
    for block in check_page(fit, found):
        console.print(block)
    show_written(json)
    if strict and not found.verdict.intervals:
        raise TwoalikeError(
            where=fit.path,
            expected="stable predictions and usable intervals (--strict)",
            found=str(found.verdict),
        )


def dimensions(
    posterior: Path,
    /,
    *,
    other: Annotated[list[Path] | None, Parameter(negative=())] = None,
    top: int = 6,
    choices: Path | None = None,
    curve: Path | None = None,
    seed: int = 0,
    out: Path | None = None,
) -> None:
    """Show what each dimension is about, and whether it recurs in other fits."""
    from twoalike.study import check_seed

    check_seed(seed)
    for path, what in ((out, "the table of dimensions"), (curve, "the curve")):
        if path is not None:
            check_ending(path, [".csv", ".tsv"], what)
    if curve is not None and choices is None:
        raise TwoalikeError("--curve needs the judgments of the fit: give --choices.")
    fitted = embedding.Posterior.load(posterior)
    table = embedding.dimension_table(fitted, other or [], top=top)
    found = None
    if choices is not None:
        found = embedding.dimension_curve(fitted, choices, fitted=None, seed=seed)
    if out is not None:
        embedding.save_table(out, table)
    if curve is not None and found is not None:
        embedding.save_table(curve, found.table)
    show_doubts(fitted)
    _show_dimensions(table)
    if table["stable"].notna().all():
        kept, share = table["stable"].to_numpy(bool), table["importance"].to_numpy()
        say(
            f"{kept.sum()} of {counted(len(table), 'dimension')} stable (found again in every "
            f"fit, from {embedding.AGAIN:g} on), {share[kept].sum():.0%} of the importance"
        )
    if found is not None:
        _show_curve(found)
    show_written(out, curve)


def _show_curve(found: "DimensionCurve") -> None:
    score = "leave-one-out log-loss" if found.fitted else "log-loss"
    rows = found.table.to_dict("records")
    show_table(
        f"How many are needed, {counted(found.subset, 'judgment')}",
        ("the first", score, "more than the best"),
        (
            (
                str(row["dimensions"]),
                f"{row['log_loss']:.4f} ± {row['se']:.4f}",
                f"{row['difference']:.5f} ± {row['difference_se']:.5f}",
            )
            for row in rows
        ),
        bold=[place for place, row in enumerate(rows) if row["needed"]],
    )
    say(f"guessing: {found.guessing:.4f}")
    if found.remark:
        wide_console().print(f"[yellow]![/] {plain(found.remark)}")
    if found.left_out:
        many = counted(found.left_out, "judgment")
        say(f"left out: {many} by people or of objects that the posterior does not know")
    say(_needed(found))


def _needed(found: "DimensionCurve") -> str:
    offered = len(found.table)
    if found.needed == offered:
        return (
            f"All {offered} dimensions are needed, maybe more: fit again with more --dimensions."
            if offered > 1
            else "1 dimension was offered: fit again with more --dimensions."
        )
    verb = "is" if found.needed == 1 else "are"
    return (
        f"{counted(found.needed, 'dimension')} of {offered} {verb} needed: the fewest within two "
        "standard errors of the best log-loss."
    )


def _show_dimensions(table: "pd.DataFrame") -> None:
    columns = ("", "importance", "again", "highest objects")
    rows = (
        (
            str(row["dimension"]),
            f"{row['importance']:.1%}",
            "" if isnan(row["again"]) else f"{row['again']:.2f}",  # missing: no other fit
            str(row["objects"]).replace("; ", ", ") or "\nnot stable",
        )
        for row in table.to_dict("records")
    )
    show_table("Dimensions, most important first", columns, rows, left=columns[-1:])


@takes("embedding:compare")
def compare(
    first: Path,
    second: Path | None = None,
    /,
    *,
    groups: Path | None = None,
    labels: Path | None = None,
    **given: Any,
) -> None:
    """Compare two posteriors, or the groups of people in one."""
    named = {"--groups": groups, "a second posterior": second, "--choices": given["choices"]}
    there = [name for name, one in named.items() if one is not None]
    if (groups is None) == (second is None) or (groups is not None and len(there) > 1):
        raise TwoalikeError(
            expected="a second posterior, or --groups without --choices",
            found=" and ".join(there) or "none of them",
            remedy="See `twoalike compare --help`.",
        )
    out = given["out"]
    if groups is not None:
        how = {"labels": labels, "interval": given["interval"], "out": out}
        _show_groups(embedding.compare_groups(first, groups, **how))
    elif labels is not None:
        raise TwoalikeError(expected="--labels with --groups", found="--labels alone")
    elif second is not None:
        _compare({"first": first, "second": second}, **given)
    show_written(out)


def _compare(paths: dict[str, Path], **given: Any) -> None:
    models = {name: embedding.Posterior.load(path) for name, path in paths.items()}
    result = embedding.compare(models["first"], models["second"], **given)
    for model in models.values():
        show_doubts(model, intervals=True)
    if given["choices"] is not None:
        _show_predictions(result["predictions"], paths)
    similar = result["similarity"]
    rows = [
        (f"posterior means, {name.capitalize()}", f"{similar[name]:.3f}", "")
        for name in ("pearson", "spearman")
    ]
    for key, label in (
        ("draws", "a draw of one with a draw of the other"),
        ("first_draws", f"two draws of {paths['first']}"),
        ("second_draws", f"two draws of {paths['second']}"),
    ):
        rows.append((label, f"{similar[key]['value']:.3f}", _span(similar[key])))
    title = f"Similarities of {similar['objects']} objects"
    show_table(title, ("", "correlation", ""), rows)
    show_table(
        "Dimensions, matched one to one (r: correlation over objects)",
        ("first", "second", "r of means", "r of draws"),
        (
            (str(of["first"]), str(of["second"]), f"{of['correlation']:.3f}", _span(of))
            for of in similar["dimensions"]
        ),
    )


def _show_predictions(result: dict[str, Any], paths: dict[str, Path]) -> None:
    for name in result["fitted_to_them"]:
        where = plain(str(paths[name]))
        text = f"[bold red]{where}: was fitted to these choices, they are not held out[/]"
        wide_console().print(text)
    people = counted(result["participants"], "participant")
    title = f"{counted(result['judgments'], 'judgment')} by {people}"
    if result["left_out"]:
        title += f" ({result['left_out']} left out: practice, catch or other objects)"
    rows = []
    for key, label in [*paths.items(), ("difference", "second - first")]:
        sign = "+" if key == "difference" else ""
        scores = (result[score][key] for score in ("log_loss", "accuracy"))
        cells = (f"{of['value']:{sign}.4f} ± {of['standard_error']:.4f}" for of in scores)
        rows.append((str(label), *cells))
    guess = result["guessing"]
    rows.append(("guessing", f"{guess['log_loss']:.4f}", f"{guess['accuracy']:.4f}"))
    show_table(title, ("", "log-loss (nats)", "accuracy"), rows)


def _span(of: dict[str, float]) -> str:
    return f"\n{of['low']:.2f} to {of['high']:.2f}"


MOST_ROWS = 10
"""Clusters, and pairs of objects, that are listed for two groups."""


def _show_groups(result: dict[str, Any]) -> None:
    people, show = result["people"], wide_console().print
    if out := result["left_out"]:
        show(f"[bold]note[/]: {counted(out, 'participant')} without a group left out")
    for found in result["differences"]:
        second, first = (f"{plain(of)} ({people[of]}" for of in (found["second"], found["first"]))
        show(
            f"{second} people) minus {first}): p {found['p']:.3f} that they weigh all dimensions "
            f"alike; their similarities correlate {found['correlation']:.3f}"
        )
        _show_rows(found)


def _show_rows(found: dict[str, Any]) -> None:
    clusters = sorted(found["clusters"], key=lambda row: (row["p"], -abs(row["difference"])))
    shown = {
        "Log weights of the dimensions": {str(of["dimension"]): of for of in found["dimensions"]},
        "Mean likeness within clusters": {
            f"{of['level']} {of['cluster']} ({of['objects']} objects)": of
            for of in clusters[:MOST_ROWS]
        },
        "Most telling pairs": {", ".join(of["items"]): of for of in found["pairs"][:MOST_ROWS]},
    }
    for title, rows in shown.items():
        cells = (
            (
                name,
                f"{of['difference']:+.2f}{_span(of)}",
                f"{of['effect']:+.1f}",
                f"{of['p']:.3f}",
            )
            for name, of in rows.items()
        )
        columns = ("", "difference", "in SD of people", "p")
        show_table(f"{title} (p corrected for their number)", columns, cells)


SHOWN = 20
"""Rows on the terminal; the file has all."""


@takes("embedding:participants_table", without={"seed"})
def participants(*, out: Path | None = None, **given: Any) -> None:
    """Show every participant's temperature and lapse rate, and who probably guessed."""
    from twoalike.choice import OPTIONS

    if out is not None:
        check_ending(out, [".csv", ".tsv"], "the participants' table")
    fitted = embedding.Posterior.load(given.pop("posterior"))
    bound, table = given["bound"], embedding.participants_table(fitted, **given)
    if out is not None:
        embedding.save_table(out, table)
    show_doubts(fitted, intervals=True)
    _show_people(table, bound)
    chances = [f"{1 / OPTIONS[kind]:.2f}" for kind in embedding.fitted_kinds(fitted)]
    say(f"agreement by chance: {', of anchored choices '.join(chances)}")
    suspects = int((table["guessed"] > 0.5).sum())
    say(
        f"{suspects} of {counted(len(table), 'participant')}: a lapse rate that is, more probably "
        f"than not, above {bound:g}"
    )
    if "p_careless" in table:
        _show_careless(table)
        show_notes(_notes(table))
        careless = int((table["p_careless"] > 0.5).sum())
        say(f"{careless} of {counted(len(table), 'participant')}: more probably than not careless")
    show_written(out)


def _show_careless(table: "pd.DataFrame") -> None:
    evidence = _evidence(table)
    described = [name for name in ("seconds", "same_place") if name in table]
    words = [name.replace("_", " ") for name in described]
    columns = ("participant", "P(careless)", *evidence.values(), *words)
    rows = []
    for row in table.head(SHOWN).to_dict("records"):
        factors = ["" if isnan(row[name]) else f"{row[name]:+.1f}" for name in evidence]
        others = ["" if isnan(row[name]) else f"{row[name]:.2f}" for name in described]
        rows.append((str(row["participant"]), f"{row['p_careless']:.2f}", *factors, *others))
    show_table("Careless: log Bayes factors, positive for careless", columns, rows)


def _notes(table: "pd.DataFrame") -> list[str]:
    missing = [what for name, what in _evidence(table).items() if table[name].isna().all()]
    notes = [f"no evidence from {', '.join(missing)}"] if missing else []
    notes += [f"not used: {reason}" for reason in table.attrs["not_used"]]
    said = "left out by the rule of study.toml: participant {}, session {} ({})"
    return notes + [said.format(*session) for session in table.attrs["left_out"]]


def _evidence(table: "pd.DataFrame") -> dict[str, str]:
    start = "evidence_"
    names = [name for name in map(str, table) if name.startswith(start)]
    return {name: name.removeprefix(start).replace("_", " ") for name in names}


def _show_people(table: "pd.DataFrame", bound: float) -> None:
    more = f" (first {SHOWN} of {len(table)})" if len(table) > SHOWN else ""
    agreements = [name for name in table if name in ("agreement", "agreement_anchored")]
    shown = [*agreements, "lapse", "temperature"]
    checked = ["checks passed"] if "checks" in table else []
    columns = (
        *("participant", "judgments", *(str(name).replace("_", ", ") for name in shown)),
        *(f"P(lapse > {bound:g})", *checked),
    )
    rows = []
    for row in table.head(SHOWN).to_dict("records"):
        judged = row["judgments"]
        rows.append(
            (
                str(row["participant"]),
                str(judged) if isinstance(judged, int) else "",  # missing: the file does not say
                *(_cell(row, str(name)) for name in shown),
                "" if isnan(row["guessed"]) else f"{row['guessed']:.2f}",
                *(f"{row['passed']} of {row['checks']}" for _ in checked),
            )
        )
    show_table(f"Participants, most doubtful first{more}", columns, rows)


def _cell(row: dict[Any, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if isnan(low):  # of somebody who is no participant of the posterior
        return ""
    return f"{row[name]:.2f}\n{low:.2f} to {high:.2f}"
