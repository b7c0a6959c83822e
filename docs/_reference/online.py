"""The page of files of a study in a browser, from the models that write and read them."""

import tomllib
from importlib.resources import files

from pydantic import BaseModel

from _reference.markdown import cell, code, table
from _reference.results import anchor, descriptions, key_table, models_within
from twoalike.online import Block, OnlineSession, Person, Record, SessionLine

_HEAD = """# Files of a study in a browser

All are JSON in UTF-8. Times are in seconds; unless a key says otherwise, they are those of the
run's clock, which is 0 at the first page of a part. Keys that are not listed here are refused. What
`online fetch` makes of records is in [Files and columns](files.md#raw-tables).

"""
_OVERVIEW = (
    (
        "`STUDY/online/session.json`",
        "[the study as built](#online-onlinesession)",
        "`online build` → the page, `online serve`",
    ),
    (
        "`STUDY/online/people/CODE.json`",
        "[what a participant does](#online-person)",
        "`online build` → the page, `online serve`",
    ),
    (
        "`STUDY/protocols/page.toml`",
        "[texts of the page](#texts-of-the-page) that replace the shipped ones",
        "you → `online build`",
    ),
    (
        "`STUDY-online/records.sqlite`",
        "sessions with encrypted ids, their records and blocks, keyed hashes of one-time links",
        "`online serve` → `online fetch`, `online refit`",
    ),
    (
        "`STUDY-online/key`",
        "32 random bytes in base64, from which ids are encrypted and tokens and codes are made",
        "`online serve`",
    ),
    (
        "archive (`.ndjson`, results of JATOS, files of people)",
        "one line of JSON for each [session](#online-sessionline), [block](#online-block) and "
        "[record](#online-record)",
        "the operator's page, JATOS, people's files → `online fetch`",
    ),
    (
        "`STUDY/derived/snapshots/NNNN/`",
        "draws of a background fit, and which records were fitted",
        "`online refit` → `online serve`",
    ),
    (
        "`data/raw/sourcedata/*/*/*_online.json`",
        "the session that raw data were made from, with a hash of its records",
        "`online fetch`",
    ),
)
_FILES: tuple[tuple[str, type[BaseModel]], ...] = (
    ("session.json", OnlineSession),
    ("people/CODE.json", Person),
    ("Archive: a session", SessionLine),
    ("Archive: a block of trials that the server chose", Block),
    ("Archive: a record", Record),
)


def online_page() -> str:
    """Markdown of the page."""
    seen: list[type[BaseModel]] = []
    parts = []
    for title, model in _FILES:
        before = len(seen)
        models_within(model, seen)
        parts.append(f"## {title}\n")
        parts += [_section(one) for one in seen[before:]]
    overview = table(["file", "content", "made by → read by"], _OVERVIEW)
    shipped = files("twoalike.online") / "texts" / "page.en.toml"
    texts = tomllib.loads(shipped.read_text(encoding="utf-8"))
    texts.pop("read_by_speaker")
    words = table(["key", "in English"], [[code(key), cell(text)] for key, text in texts.items()])
    return "\n".join([_HEAD + overview, *parts, "## Texts of the page\n", words])


def _section(model: type[BaseModel]) -> str:
    meanings = dict.fromkeys(model.model_fields, "") | descriptions(model)
    what = cell((model.__doc__ or "").split("\n\n")[0])
    return f"({anchor(model)})=\n### {model.__name__}\n\n{what}\n\n{key_table(model, meanings)}"
