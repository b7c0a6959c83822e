"""Sessions of others against their authors' own tables: whether all trials are read, and right.

    python -P benchmarks/sessions.py FOLDER TABLE EARLIER

FOLDER has the JATOS results of 222 people (github.com/LevanBokeria/density_2_analysis at commit
6fdc3871, data/anonymized_jatos_data), in which the results of components stand between marks, each
has all that were before, and what was shown is in other lists than what was answered. TABLE is the
long table that the authors' script scripts/1_preprocess_into_long_format.py makes of them (numpy
1.26.4, pandas 1.5.3); the repository's own copy has more than the 4 MiB that its snapshots keep.
EARLIER is a table that it has, results/experiments/preprocessed_data/triplet_task_long_form.csv: 30
people of the same study, under other names. The mapping is the guess, and what no file tells: only
complete sessions count, a version with shorter trials does not, and a condition is kept.

Rows are compared in their order: person, part, three objects, the one chosen and response time. The
table goes to benchmarks/results/sessions.md.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from twoalike.judgments import guess_mapping, import_sessions

RESULT = Path(__file__).parent / "results" / "sessions.md"
READING = """# Sessions of others against their authors' tables

`python -P benchmarks/sessions.py FOLDER TABLE EARLIER`, on two busy cores.

FOLDER: JATOS results of 222 people (747 MB; github.com/LevanBokeria/density_2_analysis at commit
6fdc3871, data/anonymized_jatos_data). TABLE: the long table that the authors' script makes of them.
EARLIER: the table of 30 of these people, under other names, that the authors committed. The mapping
is the guess, and what no file tells: only results that were submitted count, not those of a version
with shorter trials; the names of parts and of the condition."""
TOLD = {
    "where": {"file.result": "data_submission_start"},
    "skip": {"inputData.experiment_parameters.triplet_trial_dur": "100"},
    "session": "trial_stage",
    "keep": ("inputData.cb_condition",),
}


def ours(table: pd.DataFrame) -> pd.DataFrame:
    """Columns as the authors name them; the number of an object is its level, counted from 1."""
    level = {
        name: table[item].astype(str).str.extract(r"F0Level(\d+)F1")[0].astype(int) + 1
        for name, item in zip(("query_item", "ref_left", "ref_right"), ITEMS, strict=True)
    }
    chosen = np.where(table["chosen"] == 2, level["ref_left"], level["ref_right"])
    return pd.DataFrame(
        level
        | {
            "prolific_id": table["participant"].astype(str),
            "trial_stage": table["session"].astype(str),
            "counterbalancing": table["cb_condition"],
            "chosen_ref_value": chosen,
            "rt": table["response_time"].astype(float) * 1000,
        }
    )


ITEMS = ("item_1", "item_2", "item_3")


def earlier(found: pd.DataFrame, path: Path) -> list[tuple[str, str]]:
    """Match the people of the earlier table, whose names are others, by all of their trials."""
    keys = ["trial_stage", "query_item", "ref_left", "ref_right", "chosen_ref_value", "rt"]

    def trials(table: pd.DataFrame) -> list[tuple[object, ...]]:
        table = table.assign(rt=table["rt"].round(2))
        people = table.groupby("prolific_id", sort=False)
        return [tuple(own[keys].itertuples(index=False, name=None)) for _, own in people]

    table = pd.read_csv(path)
    theirs = trials(table[table["chosen_ref_value"].notna()])
    ours = set(trials(found))
    same = [one for one in theirs if one in ours]
    n, all_n = sum(map(len, same)), sum(map(len, theirs))
    return [
        (
            "people of the earlier table all of whose trials are read the same",
            f"{len(same)} of {len(theirs)}",
        ),
        ("— their answered trials", f"{n:,} of {all_n:,}"),
    ]


def main() -> None:
    """Import, compare and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("earlier", type=Path)
    args = parser.parse_args()
    start = time.process_time()
    guess = guess_mapping([args.folder])
    guessed = time.process_time()
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        table = import_sessions([args.folder], guess.model_copy(update=TOLD))
        alone = import_sessions([args.folder], guess)
    read = time.process_time()
    authors = pd.read_csv(args.table, low_memory=False)
    answered = authors[authors["chosen_ref_value"].notna()].reset_index(drop=True)
    found, left_out = ours(table), table.attrs["left_out"]
    n = len(answered)
    rows = [
        ("people in the authors' table", authors["prolific_id"].nunique()),
        ("people read", found["prolific_id"].nunique()),
        ("trials in the authors' table", f"{len(authors):,}"),
        ("— answered", f"{n:,}"),
        ("trials read", f"{len(found):,}"),
        *((f"left out: {reason}", f"{many:,}") for reason, many in left_out.items()),
        *((f"noted: {str(note.message).split(':')[0]}", "") for note in notes[:1]),
    ]
    for name in found.columns.drop("rt"):
        same = (
            found[name].astype(str) == answered[name].astype(found[name].dtype).astype(str)
        ).sum()
        rows.append((f"the same `{name}`", f"{same:,} of {n:,}"))
    off = np.abs(found["rt"] - answered["rt"]).max()
    rows.append(("largest difference of response times, ms", f"{off:.4f}"))
    rows += earlier(found, args.earlier)
    rows.append(
        ("trials that the guess alone reads, also of sessions that broke off", f"{len(alone):,}")
    )
    rows.append(
        ("processor seconds: guess, both imports", f"{guessed - start:.1f}, {read - guessed:.0f}")
    )
    head = "| what | figure |\n|---|---|\n" + "".join(f"| {a} | {b} |\n" for a, b in rows)
    RESULT.write_text(f"{READING}\n\n{head}")
    print(RESULT.read_text())


if __name__ == "__main__":
    main()
