"""The page of files: columns of the raw and of the tidy tables, from the definitions of each."""

import inspect
import re
from itertools import pairwise
from types import ModuleType

from _reference.markdown import code, prose, table
from twoalike.embedding import _posterior
from twoalike.judgments import _arrangements, _dissimilarities, _schema
from twoalike.record import ANSWERS
from twoalike.registry import find_task, task_names
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
        "the objects: id, file, checksum, then categories from coarse to fine",
        "`init` → `design`, `run`, `fit`",
    ),
    ("`design/*_trials.tsv`", "one row a trial of a session", "`design`, or you → `run`"),
    (
        "`data/raw/`",
        "BIDS data set; [columns below](#raw-tables)",
        "`run` → `validate`, `fit`, `share`",
    ),
    (
        "`choices.parquet`, `arrangements.parquet`, `dissimilarities.parquet`",
        "judgments; [columns below](#tidy-tables)",
        "`fit`, `import` → `fit`, `check`, `evaluate`",
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
        "`model.safetensors`, `config.json`, `README.md` (model card), `training.jsonl`",
        "`distill` → plain timm, `features`, `evaluate`",
    ),
    ("`results.json`", "every measure with its interval", "`evaluate` → `report`"),
)
_TIDY = """(tidy-tables)=
## Tidy tables

Parquet. Strings are categories; the list of objects, in order, stands in the metadata of the file
(`twoalike_objects`), where it came from beside it (`twoalike`). A file of another tool with these
columns will do.
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
_MODULES = {
    "choices.parquet": _schema,
    "arrangements.parquet": _arrangements,
    "dissimilarities.parquet": _dissimilarities,
}
_NAMES = {"beh": "trials", "events": "events within a trial"}


def files_page() -> str:
    """Markdown of the page."""
    tidy = [f"### `{name}`\n\n{tidy_table(module)}" for name, module in _MODULES.items()]
    raw = [
        _raw_table(each.name, each.label, part)
        for each in map(find_task, task_names())
        for part in (each.trials, each.events)
        if part is not None
    ]
    draws = table(
        ["variable", "dimensions"],
        ([code(name), ", ".join(map(code, dims))] for name, dims in _posterior.NEEDED.items()),
    )
    raw.append(
        "### Answers outside the trials\n\n`sourcedata/*/*/*_answers.tsv`\n\n"
        + ANSWERS.dictionary()
    )
    files = table(["file", "what it is", "made by → read by"], _FILES)
    return "\n".join([_HEAD + files, _TIDY, *tidy, _RAW, *raw, _POSTERIOR, draws])


def _raw_table(name: str, label: str, part: Table) -> str:
    heading = f"### {name.capitalize()}: {_NAMES[part.name]}"
    return f"{heading}\n\n`*_task-{label}_run-*_{part.name}.tsv`\n\n{part.dictionary()}"


def tidy_table(module: ModuleType) -> str:
    """Table of columns in a module's docstring, as markdown.

    Parameters
    ----------
    module
        Defines a tidy table and describes it in a simple table of reStructuredText.
    """
    lines = (inspect.getdoc(module) or "").splitlines()
    rules = [number for number, line in enumerate(lines) if line.startswith("====")]
    starts = [mark.start() for mark in re.finditer("=+", lines[rules[0]])]
    rows: list[list[str]] = []
    for line in lines[rules[1] + 1 : rules[2]]:
        cells = [line[start:end].strip() for start, end in pairwise([*starts, None])]
        if cells[0]:
            rows.append(cells)
        else:  # goes on from the line above
            rows[-1] = [
                f"{above} {below}".strip() for above, below in zip(rows[-1], cells, strict=True)
            ]
    return table(
        ["column", "type", "content"],
        ([code(name), kind, prose(content)] for name, kind, content in rows),
    )
