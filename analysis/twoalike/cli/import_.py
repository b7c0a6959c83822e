"""``twoalike import``: judgments and teachers from other sources, converted to our files."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from twoalike.cli._options import Flag, ReplaceFolder, ReplaceTable

if TYPE_CHECKING:
    import pandas as pd

app = App(name="import", help="Import judgments and teachers from other sources.")

type Objects = Annotated[
    Path | None,
    Parameter(help="All object ids, one per line; if left out, those that the file names."),
]
type ItemNumbers = Annotated[
    Literal["ids", "from-0", "from-1"] | None,
    Parameter(
        help="What numbers in the columns of items are: object ids, or indices that count from 0 "
        "or 1. Needed only where the file could be read in two ways."
    ),
]
type TimeUnit = Annotated[
    Literal["s", "ms"] | None, Parameter(help="Unit of the response times, if there are any.")
]
type CatchObjects = Annotated[
    Path | None,
    Parameter(
        help="File of objects that identify attention checks. A line contains one id, an object "
        "that is obviously the odd one, or two ids, a pair that obviously belongs together."
    ),
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Output:
    """Where the table goes, and what may be left out."""

    out: Path
    """Table to write (.parquet)."""
    skip_bad: Flag = False
    """Leave out rows that cannot be judgments, and count them: an object twice, an unknown object,
    no answer, an answer that is not among the items, a copy of another row."""
    overwrite: ReplaceTable = False


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Checks:
    """What identifies attention checks."""

    catch_label: str | None = None
    """Sampler (or Alg Label) whose questions are attention checks, such as Validation."""
    catch_objects: CatchObjects = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Columns:
    """Columns beside those of the items."""

    participant_column: str | None = None
    """Column of participant labels; without it all judgments are by one unknown person."""
    response_time_column: str | None = None
    """Column of response times; needs --response-time-unit."""
    response_time_unit: Literal["s", "ms"] | None = None
    """Unit of the response times; times that are implausible in this unit are refused."""
    catch_column: str | None = None
    """Column that marks attention checks (1, true, yes or catch)."""

    def read(self) -> dict[str, Any]:
        """Read each of them; the unit of times is not a number, and stays as it is."""
        return {name: _column(text) for name, text in vars(self).items()}


def _column(text: str | None) -> int | str | None:
    """Read a column's number, or its name in the header."""
    return int(text) if text is not None and text.isdecimal() else text


def _columns(text: str) -> tuple[int | str, ...]:
    """Read ``1,2,3`` or ``left,middle,right``."""
    return tuple(_column(part.strip()) or "" for part in text.split(","))


def _read(function: "Callable[..., pd.DataFrame]", *given: Any, **options: Any) -> "pd.DataFrame":
    """Import, and print what may have been misread and what was left out."""
    from twoalike.cli.app import with_options
    from twoalike.judgments import ImportNote
    from twoalike.study import counted

    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", ImportNote)
        try:
            table = function(*given, **options)
        finally:
            for each in notes:
                print(f"note: {with_options(str(each.message))}")  # noqa: T201
    for reason, n in table.attrs.get("left_out", {}).items():
        print(f"left out: {counted(n, 'row')} ({reason})")  # noqa: T201
    return table


def _show(out: Path, what: str, table: "pd.DataFrame") -> None:
    """Print what was imported, by how many people, and whether labels tell who they are."""
    from twoalike.exchange import find_private
    from twoalike.study import counted

    people = table["participant"].unique()
    print(f"{out}: {what} by {counted(len(people), 'participant')}")  # noqa: T201
    private = [found[0].kind for name in people if (found := find_private(str(name), ()))]
    if private:
        print(  # noqa: T201
            f"{out}: {counted(len(private), 'participant label')} may identify a person "
            f"({', '.join(sorted(set(private)))}) and would appear in posteriors and reports. "
            "Give these people other labels, and import again."
        )


def _show_choices(out: Path, table: "pd.DataFrame") -> None:
    """Print how many choices were imported, and what is known of attention checks."""
    from twoalike.judgments import is_scored
    from twoalike.study import counted

    _show(out, counted(int(is_scored(table).sum()), "judgment"), table)
    if (checks := table[table["trial_type"] == "catch"])["trial_type"].size:
        known = int(checks["correct"].notna().sum())
        many = counted(len(checks), "attention check")
        print(f"{many}, {known} of them with a known right answer")  # noqa: T201


@app.command
def triplets(
    file: Path,
    /,
    *,
    objects: Path,
    kind: Literal["odd-one-out", "anchored"] = "odd-one-out",
    item_columns: str = "1,2,3",
    chosen_column: str | None = None,
    votes_columns: str | None = None,
    item_numbers: ItemNumbers = None,
    columns: Columns = Columns(),
    catch_objects: CatchObjects = None,
    output: Output,
) -> None:
    """Import judgments (one per line) or numbers of votes from delimited text.

    Columns are given by number, from 1, or by their names in the header. The first line is a
    header if a column is named, or if none of its items is an object or a number. A header whose
    names contradict the columns used (odd, reference, winner, loser and the like) is refused.

    Parameters
    ----------
    file
        Text split at tabs, commas, semicolons or spaces. Items are object ids or indices into the
        list of objects.
    objects
        All object ids, one per line.
    kind
        odd-one-out: the chosen item is the odd one. anchored: the first item column is the
        reference, and the chosen item is the more similar one of the other two.
    item_columns
        The three columns of items.
    chosen_column
        Column of the chosen item: one of the item columns, or another column that repeats the item.
        If left out, the last item is the odd one; anchored judgments need it.
    votes_columns
        Instead of a chosen item, three columns with the number of people who chose item 1, 2 and 3
        (anchored: two columns, items 2 and 3). Each vote becomes a judgment by an unknown person.

    Examples
    --------
        twoalike import triplets judgments.txt --objects ids.txt --participant-column 4 --out choices.parquet
        twoalike import triplets judgments.csv --objects ids.txt --item-columns a,b,c --chosen-column odd --response-time-column rt --response-time-unit ms --catch-column check --out choices.parquet
        twoalike import triplets votes.csv --objects ids.txt --votes-columns n_a,n_b,n_c --out choices.parquet
    """  # noqa: E501
    from twoalike.judgments import import_triplets

    table = _read(
        import_triplets,
        file,
        objects,
        kind=kind,
        item_columns=_columns(item_columns),
        chosen_column=_column(chosen_column),
        votes_columns=None if votes_columns is None else _columns(votes_columns),
        item_numbers=item_numbers,
        catch_objects=catch_objects,
        **columns.read(),
        **vars(output),
    )
    if table.attrs["header"] is not None:
        print(f"{file}: columns {', '.join(table.attrs['header'])}")  # noqa: T201
    _show_choices(output.out, table)


@app.command
def sets(
    file: Path,
    /,
    *,
    objects: Objects = None,
    kind: Literal["odd-one-out", "most-alike", "anchored", "anchored-pair"] | None = None,
    item_columns: str | None = None,
    chosen_columns: str | None = None,
    item_numbers: ItemNumbers = None,
    columns: Columns = Columns(),
    output: Output,
) -> None:
    """Import choices among three to nine items, such as the two of eight most like a reference.

    Columns are given by number, from 1, or by their names in the header. Without --item-columns,
    the file must have twoalike's own columns: item_1, item_2 and so on, chosen, second and kind.

    Parameters
    ----------
    file
        Text split at tabs, commas, semicolons or spaces, or Parquet.
    kind
        The question. odd-one-out: which is the odd one. most-alike: which two are most alike.
        anchored: which is most like the reference (the first item column); with two chosen columns,
        also which comes second. anchored-pair: which two are most like the reference, in no order.
    item_columns
        Columns of the items; the last ones may be empty in rows with fewer items.
    chosen_columns
        The one or two columns of the chosen items: item columns, or other columns that repeat an
        item. If left out, the last item is the odd one, the first two are the most alike, and the
        one or two after the reference are most like it.

    Examples
    --------
        twoalike import sets choices.csv --out choices.parquet
        twoalike import sets ranked.csv --kind anchored --item-columns query,r1,r2,r3,r4,r5,r6,r7,r8 --chosen-columns first,second --participant-column worker --out choices.parquet
    """  # noqa: E501
    from twoalike.judgments import import_sets

    table = _read(
        import_sets,
        file,
        objects,
        kind=kind,
        item_columns=None if item_columns is None else _columns(item_columns),
        chosen_columns=None if chosen_columns is None else _columns(chosen_columns),
        item_numbers=item_numbers,
        **columns.read(),
        **vars(output),
    )
    _show_choices(output.out, table)


@app.command
def salmon(
    file: Path, /, *, objects: Objects = None, checks: Checks = Checks(), output: Output
) -> None:
    """Import anchored judgments from Salmon's responses.csv.

    The head is the reference, and the winner is the more similar one of the other two. An object's
    id is the text that was shown, or the name of its file without folder and extension.

    Parameters
    ----------
    file
        Responses, as downloaded from Salmon's dashboard. If they have only indices, --objects must
        list the targets in order.

    Examples
    --------
        twoalike import salmon responses.csv --out choices.parquet
        twoalike import salmon responses.csv --catch-label Validation --out choices.parquet
    """
    from twoalike.judgments import import_salmon

    table = _read(import_salmon, file, objects, **vars(checks), **vars(output))
    _show_choices(output.out, table)


@app.command
def levels(file: Path, /, *, exclude: Flag = False, output: Output) -> None:
    """Import the Levels data that were published with AligNet.

    Practice, attention checks and trials without an answer are left out. Levels follow from the
    WordNet ids in the images' names; an object's id is the name of its image without folder and
    extension. Participants get new labels.

    Parameters
    ----------
    file
        The published dictionary of trials by participant (.pkl; only plain data are read, and no
        code is run), or the same trials as .json, .csv or .tsv.
    exclude
        Leave out people by the published rules: fewer than 90 % of their attention checks right,
        or more than 10 trials without an answer. Everybody in the published file has passed.

    Examples
    --------
        twoalike import levels pruned_dataset.pkl --out levels.parquet
    """
    from twoalike.judgments import import_levels, level_times
    from twoalike.study import counted

    table = _read(import_levels, file, exclude=exclude, **vars(output))
    _show_choices(output.out, table)
    for level, row in level_times(table).iterrows():
        print(  # noqa: T201
            f"{level}: {counted(int(row['judgments']), 'judgment')} of "
            f"{counted(int(row['triplets']), 'triplet')}, median response time "
            f"{row['median_s']:.2f} s"
        )
    if n := table.attrs["n_excluded"]:
        print(f"left out: {counted(n, 'participant')} by the published rules")  # noqa: T201
    if other := table.attrs["n_other_level"]:
        print(  # noqa: T201
            f"{counted(other, 'trial')} with another triplet_type than that of the WordNet ids, "
            "which count"
        )


@app.command(name="next")
def next_(
    file: Path,
    /,
    *,
    objects: Objects = None,
    response_time_unit: Literal["s", "ms"] = "s",
    checks: Checks = Checks(),
    output: Output,
) -> None:
    """Import anchored judgments from the responses to NEXT's triplets (.csv), or tripletTools' tables.

    The centre is the reference, and the answer is the more similar one of left and right. An
    object's id is the text that was shown, or the name of its file without folder and extension.

    Parameters
    ----------
    file
        Participants' responses, as downloaded from NEXT's dashboard or cleaned by tripletTools.
    response_time_unit
        Unit of the response times: s in NEXT's files, ms in those of tripletTools.

    Examples
    --------
        twoalike import next participant-responses.csv --out choices.parquet
        twoalike import next triplets.csv --response-time-unit ms --catch-label check --skip-bad --out choices.parquet
    """  # noqa: E501
    from twoalike.judgments import import_next

    unit = response_time_unit
    table = _read(
        import_next, file, objects, response_time_unit=unit, **vars(checks), **vars(output)
    )
    _show_choices(output.out, table)


@app.command
def meadows(
    files: Annotated[list[Path], Parameter(negative=())],
    /,
    *,
    out: Path,
    overwrite: ReplaceTable = False,
) -> None:
    """Import multi-arrangement sessions from Meadows' JSON trees.

    Reads old and new trees, with one or several participants and tasks. The participant is the
    person's alias on the platform, the session is the name of the task. Positions are converted to
    arena diameters, with the centre at 0 and y upward.

    Parameters
    ----------
    files
        Data in the tree structure, as downloaded.
    out
        Table of arrangements to write (.parquet).

    Examples
    --------
        twoalike import meadows Meadows_*_tree.json --out arrangements.parquet
    """
    from twoalike.judgments import import_meadows, trials_of
    from twoalike.study import counted

    table = _read(import_meadows, files, out=out, overwrite=overwrite)
    placed = f"{counted(len(table), 'item')} placed in {counted(len(trials_of(table)[0]), 'trial')}"
    _show(out, placed, table)
    if n := table.attrs["n_other_tasks"]:
        print(f"left out: {counted(n, 'task')} of another type")  # noqa: T201


@app.command
def rdm(
    files: Annotated[list[Path], Parameter(negative=())],
    /,
    *,
    objects: Path | None = None,
    kind: Literal["rdm", "arrangement", "rating"] | None = None,
    similarity: Flag = False,
    output: Output,
) -> None:
    """Import dissimilarities: RDMs, or rated pairs.

    Matrices may be square, stacked, or upper triangles (row by row, one row for each participant);
    Meadows' export is one of these. Pairs that are NaN are left out. A long table of pairs has a
    header with item_a, item_b, dissimilarity (or similarity) and, if several people judged,
    participant.

    Parameters
    ----------
    files
        .mat, .npy, .npz, or text split at tabs, commas, semicolons or spaces.
    objects
        All object ids, one per line, in the order of the matrix; needed if the file does not name
        them.
    kind
        What the numbers are. Use arrangement for RDMs that were computed from arrangements in a
        plane; fits of these have no intervals. If left out, rdm for a matrix, arrangement for one
        of Meadows, and rating for a long table.
    similarity
        The values are similarities (large means alike). Each value is subtracted from the largest
        one of its participant.

    Examples
    --------
        twoalike import rdm rdms.mat --objects ids.txt --out dissimilarities.parquet
        twoalike import rdm ratings.csv --similarity --out dissimilarities.parquet
    """
    from twoalike.judgments import import_dissimilarities
    from twoalike.study import counted

    options = {"kind": kind, "similarity": similarity, **vars(output)}
    table = _read(import_dissimilarities, files, objects, **options)
    names = counted(len(table["item_a"].cat.categories), "object")
    _show(output.out, f"{counted(len(table), 'pair')} of {names}", table)


@app.command
def ratings(
    file: Path,
    /,
    *,
    objects: Objects = None,
    scale_points: int | None = None,
    slider: tuple[float, float] = (0.0, 1.0),
    response_time_unit: TimeUnit = None,
    output: Output,
) -> None:
    """Import ratings of pairs, for a fit in which each rater has thresholds of their own.

    The header names item_a, item_b and rating (higher is more alike); participant, session, trial,
    trial_type, scale_points and response_time are optional.

    Parameters
    ----------
    file
        Text split at tabs, commas, semicolons or spaces, one rating per line.
    scale_points
        Number of points of the Likert scale, numbered from 1. If left out, the file's column
        scale_points; without that column, ratings are from a slider.
    slider
        Lowest and highest number of the slider.

    Examples
    --------
        twoalike import ratings ratings.csv --scale-points 7 --out ratings.parquet
        twoalike import ratings sliders.csv --slider 0 100 --out ratings.parquet
    """
    from twoalike.judgments import import_ratings
    from twoalike.study import counted

    table = _read(
        import_ratings,
        file,
        objects,
        scale_points=scale_points,
        slider=slider,
        response_time_unit=response_time_unit,
        **vars(output),
    )
    _show(output.out, counted(len(table), "rating"), table)


@app.command
def sortings(
    file: Path,
    /,
    *,
    objects: Objects = None,
    response_time_unit: TimeUnit = None,
    output: Output,
) -> None:
    """Import objects that people sorted into piles.

    The header names item and pile (a number or a name); participant, session, trial, trial_type,
    pile_name and response_time are optional. Without the column trial, each person sorted once.

    Parameters
    ----------
    file
        Text split at tabs, commas, semicolons or spaces, with a line for each object of a trial.

    Examples
    --------
        twoalike import sortings piles.csv --out sortings.parquet
    """
    from twoalike.judgments import import_sortings, trial_numbers
    from twoalike.study import counted

    unit = response_time_unit
    table = _read(import_sortings, file, objects, response_time_unit=unit, **vars(output))
    trials = counted(int(trial_numbers(table).max()) + 1, "trial")
    _show(output.out, f"{counted(len(table), 'object')} sorted in {trials}", table)


@app.command
def transform(
    file: Path,
    /,
    *,
    out: Path,
    backbone: str | None = None,
    choices: Path | None = None,
    features: Path | None = None,
    objects: Path | None = None,
    overwrite: ReplaceFolder = False,
) -> None:
    """Import a transform fitted by gLocal (transform.npz) as a teacher.

    The teacher's folder is like those of twoalike teach, for predict and distill. Its temperature
    is 1 unless --choices are given.

    Parameters
    ----------
    file
        Arrays weights (features x dimensions), mean, std and optionally bias.
    out
        Teacher's folder to make.
    backbone
        Name of the network whose features it maps, as in twoalike features; without it, distill
        needs --features.
    choices
        Judgments (choices.parquet) by which the temperature is fitted; needs --features.
    features
        The network's features of at least the judged objects (.npz, .parquet, .h5, or .npy with
        --objects).
    objects
        Object ids, one per line, for a file of features without ids.

    Examples
    --------
        twoalike import transform transform.npz --out teacher
        twoalike import transform transform.npz --choices choices.parquet --features clip.npz --out teacher
    """  # noqa: E501
    from twoalike.teacher import import_transform

    teacher = import_transform(
        file,
        out,
        backbone=backbone,
        choices=choices,
        features=features,
        objects=objects,
        overwrite=overwrite,
    )
    made = teacher.description
    print(  # noqa: T201
        f"{out}  {made['from']['features']} features of {backbone or 'unnamed network'} to "
        f"{made['to']['dimensions']} dimensions, temperature {teacher.temperature:.3g}"
    )
    for part in ("choices", "anchored_choices"):
        if (scores := (made["validation"] or {}).get(part)) is None:
            continue
        before, after = scores["before"], scores["teacher"]
        print(  # noqa: T201
            f"{scores['n']} {part.replace('_', ' ')}: accuracy {after['accuracy']:.3f}, log-loss "
            f"{after['log_loss']:.3f} (at temperature 1: {before['log_loss']:.3f})"
        )


@app.command
def alignet(
    file: Path, /, *, out: Path, temperature: float = 1.0, overwrite: ReplaceFolder = False
) -> None:
    """Import AligNet's triplets (.npz) as labels.

    Each triplet's choice probabilities are the softmax of its three similarities. They determine
    which image is the odd one, whatever the order of the row. An image's id is the name of its file
    without the extension. The folder of labels is like those of twoalike predict --sample.

    Parameters
    ----------
    file
        Arrays filenames, similarities of the pairs (0,1), (0,2), (1,2), and optionally indices, all
        of shape (triplets, 3).
    out
        Folder of labels to make.
    temperature
        Number by which similarities are divided; 1, as in AligNet, leaves them unchanged.

    Examples
    --------
        twoalike import alignet alignet_train.npz --out labels
    """
    from twoalike.distill import import_alignet
    from twoalike.study import counted

    made = import_alignet(file, out, temperature=temperature, overwrite=overwrite)
    checked, n = made["checked"], made["triplets"]
    print(f"{out}: {counted(n, 'triplet')} of {counted(made['images'], 'image')}")  # noqa: T201
    print(  # noqa: T201
        f"the odd image is not the last in {checked['odd_not_last'] / n:.1%} of the rows; the "
        f"largest similarities are equal in {checked['tied'] / n:.1%}"
    )
    if not checked["indices"]:
        print("the archive has no indices, so names could not be checked")  # noqa: T201
