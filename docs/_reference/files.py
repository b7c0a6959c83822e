"""The page of files: columns of the raw and of the tidy tables, from the definitions of each."""

from dataclasses import replace

from _reference.markdown import code, table
from twoalike.design import (
    ALIKE_PAIR_LIST,
    ANCHORED_LIST,
    ARRANGEMENT_LIST,
    ODD_OF_MANY_LIST,
    PAIR_LIST,
    SORTING_LIST,
    TRIAL_LIST,
)
from twoalike.embedding._posterior_file import OTHER_AXES, VARIABLES
from twoalike.judgments import ARRANGEMENTS, CHOICES, DISSIMILARITIES, RATINGS, SORTINGS
from twoalike.record import ANSWERS, GROUP, PARTICIPANTS
from twoalike.registry import find_task, task_names
from twoalike.results import LEADERBOARD
from twoalike.stimuli import STIMULUS_LIST
from twoalike.tables import Table

_HEAD = """# Files and columns

Stages meet only through files, and another tool may write any of them. Those that are computed say
which version of twoalike wrote them, from which inputs (their SHA-256), with which seed and
settings, but not when: the same seed gives the same file.

"""
_FILES = (
    (
        "`study.toml`, `protocols/*.toml`",
        "[settings](configuration.md)",
        "you, `init` → every verb that takes a study",
    ),
    (
        "`stimuli/stimuli.tsv`",
        "[the objects](#stimuli-tsv), with their categories",
        "`init` → `design`, `run`, `fit`",
    ),
    ("`design/*_trials.tsv`", "[trials of a session](#trial-lists)", "`design`, or you → `run`"),
    (
        "`data/raw/`",
        "BIDS data set; [columns below](#raw-tables)",
        "`run` → `validate`, `fit`, `share`",
    ),
    (
        "`data/erased.json`",
        "keyed hashes of the codes and sessions of erased people",
        "`erase` → `run`, `merge`, `online fetch`",
    ),
    (
        "`choices.parquet`, `arrangements.parquet`, `dissimilarities.parquet`, `ratings.parquet`, "
        "`sortings.parquet`, `sources.parquet`",
        "judgments; [columns below](#tidy-tables)",
        "`fit`, `import` → `fit`, `check`, `evaluate`",
    ),
    (
        "`online/`, `STUDY-online/`, archives of records",
        "[a study in a browser](online.md)",
        "`online build`, `online serve` → `online fetch`",
    ),
    (
        "`posterior.nc`",
        "[draws of the embedding](#posterior-nc)",
        "`fit` → `predict`, `similarity`, `teach`, `design`, `report`",
    ),
    (
        "`teacher/`",
        "`teacher.json` says what it is, `teacher.safetensors` holds arrays",
        "`teach`, `import` → `distill`, `predict`",
    ),
    (
        "`student/`",
        "`model.safetensors` (with the layer of the vector, or `vector.safetensors` beside it), "
        "`config.json`, `README.md` (model card), "
        "`training.jsonl`",
        "`distill` → plain timm, `features`, `evaluate`",
    ),
    ("`results.json`", "[every measure with its interval](results.md)", "`evaluate` → `report`"),
    (
        "`scores.json`",
        "[how well a posterior predicts judgments](results.md)",
        "`score` → you",
    ),
    (
        "`replay.json`, `replay/`",
        "[log-loss of designs by number of recorded answers](results.md), and finished fits",
        "`replay` → `report`",
    ),
    (
        "`leaderboard.json`, `leaderboard.tsv`",
        "networks in order: [everything](results.md), and [a row per score](#leaderboard-tsv)",
        "`leaderboard` → you",
    ),
)
_TIDY = """(tidy-tables)=
## Tidy tables

Parquet. Strings are categories. The metadata of the file hold the list of objects, in order
(`twoalike_objects`), and the provenance (`twoalike`). A file of another tool with these columns
will do.
"""
_STIMULI = """(stimuli-tsv)=
## `stimuli/stimuli.tsv`

Tab-separated, UTF-8. Lists of images only may leave out `kind` and `text`. Further columns are
levels of categories, from coarse to fine. A column `kind` without any of the four kinds is a
category as well.

"""
_TRIAL_LISTS = """(trial-lists)=
## Trial lists

Tab-separated, UTF-8, `n/a` where a value is missing; objects are those of `stimuli/stimuli.tsv`. A
list of another tool may have its columns in another order, and further ones.
"""
_RAW = """(raw-tables)=
## Raw tables

Tab-separated, UTF-8, `n/a` where a value is missing. The sidecars say the same as these tables.
"""
_POSTERIOR = """(posterior-nc)=
## `posterior.nc`

netCDF with the groups of ArviZ: `arviz.from_netcdf` opens it. Coordinates are named by their object
and participant ids. Draws are aligned across chains. What every such file has in its group
`posterior`:
"""
_LEADERBOARD = """
(leaderboard-tsv)=
## `leaderboard.tsv`

Tab-separated, UTF-8. One row a network and measure, on all judgments or a part of them.

"""
_POSTERIOR_OTHERS = """
Where there are other judgments than choices also those of their axis: `arranger`, `source` (of
dissimilarities), `rater`, `sorter`, `answerer` (a source that is no person: slope and residual of
its similarities on people's, and lapse). Noise and thresholds of ratings and sortings are in
standard deviations of the similarities of the pairs that were rated or shown together (`unit`),
counted from their mean (`origin`). A `rater` is a person on one scale; thresholds that a scale does
not have are NaN.
"""
_POSTERIOR_WEIGHTS = """
Where people weigh the dimensions (`fit --people weights`) also these, the last with groups. The
coordinate `participant_group` holds the group of each participant, if groups were given. What
`Posterior.for_group` and `for_person` save has the name in the attribute `group` or `participant`.
"""
_TIDY_TABLES = {
    "choices.parquet": CHOICES,
    "arrangements.parquet": ARRANGEMENTS,
    "dissimilarities.parquet": DISSIMILARITIES,
    "ratings.parquet": RATINGS,
    "sortings.parquet": SORTINGS,
}
_LISTS = (
    ("Odd-one-out: one row a trial", "design/*_task-oddoneout_trials.tsv", TRIAL_LIST),
    (
        "Anchored choice: one row a trial",
        "design/*_task-anchoredchoice_trials.tsv",
        ANCHORED_LIST,
    ),
    (
        "Odd one of many: one row a trial",
        "design/*_task-oddoneofmany_trials.tsv",
        ODD_OF_MANY_LIST,
    ),
    (
        "Most alike pair: one row a trial",
        "design/*_task-mostalikepair_trials.tsv",
        ALIKE_PAIR_LIST,
    ),
    (
        "Multi-arrangement: one row an image of a trial",
        "design/*_task-multiarrangement_trials.tsv",
        ARRANGEMENT_LIST,
    ),
    ("Pair rating: one row a trial", "design/*_task-pairrating_trials.tsv", PAIR_LIST),
    (
        "Free sorting: one row an image of a trial",
        "design/*_task-freesorting_trials.tsv",
        SORTING_LIST,
    ),
)
_PEOPLE = (*PARTICIPANTS.columns, GROUP)
_BESIDE = (
    ("Answers outside the trials", "sourcedata/*/*/*_answers.tsv", ANSWERS),
    ("Participants", "participants.tsv", replace(PARTICIPANTS, columns=_PEOPLE)),
)
_NAMES = {"beh": "trials", "events": "events within a trial"}


def files_page() -> str:
    """Markdown of the page."""
    tidy = [f"### `{name}`\n\n{one.dictionary()}" for name, one in _TIDY_TABLES.items()]
    raw = [
        _raw_table(each.name, each.label, part)
        for each in map(find_task, task_names())
        for part in (each.trials, each.events)
        if part is not None
    ]
    draws, others, weights = (
        table(
            ["variable", "dimensions"],
            (
                [code(name), ", ".join(map(code, variable.dims))]
                for name, variable in VARIABLES.items()
                if variable.beside in beside
            ),
        )
        for beside in (("always",), OTHER_AXES, ("log_weight", "group_log_weight"))
    )
    raw += [_section(*one) for one in _BESIDE]
    lists = [_section(*one) for one in _LISTS]
    files = table(["file", "what it is", "made by → read by"], _FILES)
    return "\n".join(
        [
            _HEAD + files,
            _STIMULI + STIMULUS_LIST.dictionary(),
            _TRIAL_LISTS,
            *lists,
            _RAW,
            *raw,
            _TIDY,
            *tidy,
            _POSTERIOR,
            draws,
            _POSTERIOR_OTHERS,
            others,
            _POSTERIOR_WEIGHTS,
            weights,
            _LEADERBOARD
            + table(["column", "meaning"], ([code(of), what] for of, what in LEADERBOARD.items())),
        ]
    )


def _section(title: str, files: str, part: Table) -> str:
    return f"### {title}\n\n`{files}`\n\n{part.dictionary()}"


def _raw_table(name: str, label: str, part: Table) -> str:
    title = f"{name.capitalize()}: {_NAMES[part.name]}"
    return _section(title, f"*_task-{label}_run-*_{part.name}.tsv", part)
