"""``twoalike participants``."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twoalike import embedding
from twoalike.cli._derived import takes
from twoalike.cli._show import (
    bare_table,
    plain,
    show_doubts,
    show_notes,
    show_written,
    wide_console,
)
from twoalike.study import counted

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 20
"""Rows on the terminal; the file has all."""


@takes(embedding.participants_table, without={"seed"})
def participants(*, out: Path | None = None, **given: Any) -> None:
    """Show every participant's temperature and lapse rate, and who probably guessed.

    A lapse rate is the share of answers that are guesses. The column guessed is the posterior
    probability that it lies above --bound; the most doubtful participants come first. Temperature
    is how noisy the other answers are, relative to the other participants (their geometric mean is
    1). Random answers may appear as a high lapse rate or a high temperature; agreement combines
    both: how often a participant gives the answer that is most probable according to the embedding
    (by chance 0.33, for anchored choices 0.5). If both kinds were fitted, agreement is for
    odd-one-out choices, and a column agreement_anchored is for the others.

    With any table of judgments, the command also shows the probability that each participant
    answered carelessly: that their judgments follow nothing rather than the embedding. The reasons
    are shown as log Bayes factors, positive for careless, of each kind of judgments and of
    attention checks, beside the median response time and, of choices, the share of the place that
    was chosen most often. A careful person may be slow or noisy.

    Examples
    --------
        twoalike participants posterior.nc
        twoalike participants posterior.nc --choices choices.parquet
        twoalike participants posterior.nc --arrangements arrangements.parquet
        twoalike participants posterior.nc --ratings ratings.parquet --sortings sortings.parquet
        twoalike participants posterior.nc --bound 0.3 --interval 0.95 --out participants.csv

    Parameters
    ----------
    out
        Table to write (.csv or .tsv): participant, judgments, temperature, temperature_low,
        temperature_high, and the same for lapse and agreement (medians and intervals); guessed;
        with --choices or --ratings also checks (with a known right answer) and passed; with any
        table p_careless; evidence_choices, evidence_arrangements, evidence_ratings,
        evidence_sortings and evidence_checks; seconds, the median response time; and with --choices
        same_place, the share of the place that was chosen most often.
    """
    from twoalike.choice import OPTIONS

    if out is not None:
        embedding.check_ending(out, [".csv", ".tsv"], "the participants' table")
    fitted = embedding.Posterior.load(given.pop("posterior"))
    bound, table = given["bound"], embedding.participants_table(fitted, **given)
    if out is not None:
        embedding.save_table(out, table)
    show_doubts(fitted, intervals=True)
    wide_console().print(_table(table, bound))
    chances = [f"{1 / OPTIONS[kind]:.2f}" for kind in embedding.fitted_kinds(fitted)]
    print(f"agreement by chance: {', of anchored choices '.join(chances)}")  # noqa: T201
    suspects = int((table["guessed"] > 0.5).sum())
    print(  # noqa: T201
        f"{suspects} of {counted(len(table), 'participant')}: a lapse rate that is, more probably "
        f"than not, above {bound:g}"
    )
    if "p_careless" in table:
        wide_console().print(_careless(table))
        show_notes(_notes(table))
        careless = int((table["p_careless"] > 0.5).sum())
        print(  # noqa: T201
            f"{careless} of {counted(len(table), 'participant')}: more probably than not careless"
        )
    show_written(out)


def _careless(table: "pd.DataFrame") -> Any:
    evidence = _evidence(table)
    described = [name for name in ("seconds", "same_place") if name in table]
    words = [name.replace("_", " ") for name in described]
    columns = ("participant", "P(careless)", *evidence.values(), *words)
    title = "Careless: log Bayes factors, positive for careless"
    shown = bare_table(title, *columns)
    for row in table.head(SHOWN).to_dict("records"):
        factors = [f"{row[name]:+.1f}" if row[name] == row[name] else "" for name in evidence]
        others = [f"{row[name]:.2f}" if row[name] == row[name] else "" for name in described]
        shown.add_row(plain(str(row["participant"])), f"{row['p_careless']:.2f}", *factors, *others)
    return shown


def _notes(table: "pd.DataFrame") -> list[str]:
    """Say which evidence of carelessness there is none of, and what was not used."""
    missing = [what for name, what in _evidence(table).items() if table[name].isna().all()]
    notes = [f"no evidence from {', '.join(missing)}"] if missing else []
    return notes + [f"not used: {reason}" for reason in table.attrs["not_used"]]


def _evidence(table: "pd.DataFrame") -> dict[str, str]:
    """Columns of evidence, and what each is about."""
    start = "evidence_"
    names = [name for name in map(str, table) if name.startswith(start)]
    return {name: name.removeprefix(start).replace("_", " ") for name in names}


def _table(table: "pd.DataFrame", bound: float) -> Any:
    more = f" (first {SHOWN} of {len(table)})" if len(table) > SHOWN else ""
    agreements = [name for name in table if name in ("agreement", "agreement_anchored")]
    columns = (
        "participant",
        "judgments",
        *(name.replace("_", ", ") for name in agreements),
        "lapse",
        "temperature",
        f"P(lapse > {bound:g})",
        *(["checks passed"] if "checks" in table else []),
    )
    shown = bare_table(f"Participants, most doubtful first{more}", *columns)
    for row in table.head(SHOWN).to_dict("records"):
        judged = row["judgments"]
        shown.add_row(
            plain(str(row["participant"])),
            str(judged) if isinstance(judged, int) else "",  # missing: the file does not say
            *(_cell(row, name) for name in agreements),
            _cell(row, "lapse"),
            _cell(row, "temperature"),
            "" if isnan(row["guessed"]) else f"{row['guessed']:.2f}",
            *([f"{row['passed']} of {row['checks']}"] if "checks" in table else []),
        )
    return shown


def _cell(row: dict[Any, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if isnan(low):  # of somebody who is no participant of the posterior
        return ""
    return f"{row[name]:.2f} [dim]{low:.2f} to {high:.2f}[/]"
