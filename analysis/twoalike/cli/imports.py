"""Commands that convert judgments and teachers of other tools to our files."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twoalike import judgments
from twoalike.cli._derived import takes
from twoalike.cli._show import say
from twoalike.study import counted

if TYPE_CHECKING:
    import pandas as pd


def _columns(text: str | None) -> tuple[int | str, ...] | None:
    """Read ``1,2,3`` or ``left,middle,right``."""
    if text is None:
        return None
    names = [part.strip() for part in text.split(",")]
    return tuple(int(name) if name.isdecimal() else name for name in names)


def _read(function: "Callable[..., pd.DataFrame]", *given: Any, **options: Any) -> "pd.DataFrame":
    """Import, and print what may have been misread and what was left out."""
    from twoalike.cli.app import with_options

    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", judgments.ImportNote)
        try:
            table = function(*given, **options)
        finally:
            for each in notes:
                say(f"note: {with_options(str(each.message))}")
    for reason, n in table.attrs.get("left_out", {}).items():
        say(f"left out: {counted(n, 'row')} ({reason})")
    return table


def _show(out: Path, what: str, table: "pd.DataFrame") -> None:
    from twoalike.exchange import find_private

    people = table["participant"].unique()
    say(f"{out}: {what} by {counted(len(people), 'participant')}")
    private = [found[0].kind for name in people if (found := find_private(str(name), ()))]
    if private:
        say(
            f"{out}: {counted(len(private), 'participant label')} may identify a person "
            f"({', '.join(sorted(set(private)))}) and would appear in posteriors and reports. "
            "Give these people other labels, and import again."
        )


@takes("judgments:import_choices")
def choices(
    *,
    item_columns: str | None = None,
    chosen_columns: str | None = None,
    votes_columns: str | None = None,
    out: Path,
    **given: Any,
) -> None:
    """Import choices among three to nine items, one per line, or numbers of votes.

    Examples
    --------
        twoalike import choices judgments.txt --objects ids.txt --participant-column 4 --out choices.parquet
        twoalike import choices judgments.csv --objects ids.txt --item-columns a,b,c --chosen-columns odd --response-time-column rt --response-time-unit ms --catch-column check --out choices.parquet
        twoalike import choices votes.csv --objects ids.txt --votes-columns n_a,n_b,n_c --out choices.parquet
        twoalike import choices ranked.csv --kind anchored --item-columns query,r1,r2,r3,r4,r5,r6,r7,r8 --chosen-columns first --participant-column worker --out choices.parquet
    """  # noqa: E501
    table = _read(
        judgments.import_choices,
        item_columns=_columns(item_columns),
        chosen_columns=_columns(chosen_columns),
        votes_columns=_columns(votes_columns),
        out=out,
        **given,
    )
    if table.attrs["header"] is not None:
        say(f"{given['file']}: columns {', '.join(table.attrs['header'])}")
    _show(out, counted(int(judgments.is_scored(table).sum()), "judgment"), table)
    if (checks := table[table["trial_type"] == "catch"])["trial_type"].size:
        known = int(checks["correct"].notna().sum())
        many = counted(len(checks), "attention check")
        say(f"{many}, {known} of them with a known right answer")


@takes("judgments:import_meadows")
def meadows(*, out: Path, **given: Any) -> None:
    """Import multi-arrangement sessions from Meadows' JSON trees.

    Examples
    --------
        twoalike import meadows Meadows_*_tree.json --out arrangements.parquet
    """
    table = _read(judgments.import_meadows, out=out, **given)
    trials = counted(len(judgments.trials_of(table)[0]), "trial")
    _show(out, f"{counted(len(table), 'item')} placed in {trials}", table)
    if n := table.attrs["n_other_tasks"]:
        say(f"left out: {counted(n, 'task')} of another type")


@takes("judgments:import_dissimilarities")
def rdm(*, out: Path, **given: Any) -> None:
    """Import dissimilarities: RDMs, or rated pairs.

    Examples
    --------
        twoalike import rdm rdms.mat --objects ids.txt --out dissimilarities.parquet
        twoalike import rdm ratings.csv --similarity --out dissimilarities.parquet
    """
    table = _read(judgments.import_dissimilarities, out=out, **given)
    names = counted(len(table["item_a"].cat.categories), "object")
    _show(out, f"{counted(len(table), 'pair')} of {names}", table)


@takes("judgments:import_ratings")
def ratings(*, out: Path, **given: Any) -> None:
    """Import ratings of pairs, for a fit in which each rater has thresholds of their own.

    Examples
    --------
        twoalike import ratings ratings.csv --scale-points 7 --out ratings.parquet
        twoalike import ratings sliders.csv --slider 0 100 --out ratings.parquet
    """
    table = _read(judgments.import_ratings, out=out, **given)
    _show(out, counted(len(table), "rating"), table)


@takes("judgments:import_sortings")
def sortings(*, out: Path, **given: Any) -> None:
    """Import objects that people sorted into piles.

    Examples
    --------
        twoalike import sortings piles.csv --out sortings.parquet
    """
    table = _read(judgments.import_sortings, out=out, **given)
    trials = counted(int(judgments.trial_numbers(table).max()) + 1, "trial")
    _show(out, f"{counted(len(table), 'object')} sorted in {trials}", table)


@takes("judgments:import_sessions")
def sessions(
    *,
    mapping: Path | None = None,
    write_mapping: Path | None = None,
    out: Path | None = None,
    **given: Any,
) -> None:
    """Import sessions of jsPsych, JATOS, PsychoPy and other programs, by a mapping of their fields.

    Without ``mapping=...``, one is guessed and shown with what it would read, and nothing is
    imported. Trials that a mapping does not explain (no answer, an unknown object, an answer to
    none of the items, no participant, a copy of another trial) are left out and counted.

    Parameters
    ----------
    mapping
        Which fields hold what (TOML); needs ``out=...``.
    write_mapping
        File for the guess (.toml), with the meaning of each key.

    Examples
    --------
        twoalike import jatos results/ --write-mapping mapping.toml
        twoalike import jatos results/ --mapping mapping.toml --out choices.parquet
    """
    from twoalike.study import TwoalikeError, atomic_path

    if (mapping is None) != (out is None) or (mapping and write_mapping):
        raise TwoalikeError(
            "`mapping=...`, `out=...`: expected both to import, neither to guess a mapping"
        )
    of: Any = mapping
    if mapping is None:
        of = judgments.guess_mapping(given["files"])
        say(re.sub("(?m)^(#.*)?\n", "", of.toml()))
    if write_mapping:
        with atomic_path(write_mapping) as temporary:
            temporary.write_text(of.toml(), encoding="utf-8")
    table = _read(judgments.import_sessions, mapping=of, out=out, **given)
    _show(out or Path("not imported"), counted(len(table), "row"), table)


jspsych = jatos = psychopy = sessions


@takes("distill:import_alignet", without={"shard"})
def alignet(*, out: Path, **given: Any) -> None:
    """Import AligNet's triplets (.npz) as labels.

    Each triplet's choice probabilities are the softmax of its three similarities. They determine
    which image is the odd one, whatever the order of the row. An image's id is the name of its file
    without the extension. The folder of labels is like those of twoalike predict --sample.

    Parameters
    ----------
    path
        Arrays filenames, similarities of the pairs (0,1), (0,2), (1,2), and optionally indices, all
        of shape (triplets, 3).
    overwrite
        Replace the folder if there is one.

    Examples
    --------
        twoalike import alignet alignet_train.npz --out labels
    """
    from twoalike.distill import import_alignet

    made = import_alignet(out=out, **given)
    checked, n = made["checked"], made["triplets"]
    say(f"{out}: {counted(n, 'triplet')} of {counted(made['images'], 'image')}")
    say(
        f"the odd image is not the last in {checked['odd_not_last'] / n:.1%} of the rows; the "
        f"largest similarities are equal in {checked['tied'] / n:.1%}"
    )
    if not checked["indices"]:
        say("the archive has no indices, so names could not be checked")
