"""Sessions of jsPsych, JATOS, PsychoPy, Psych-DS and BIDS, in made-up files of each."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.conftest import call

from twoalike.judgments import SessionMapping, guess_mapping, import_sessions, read_judgments
from twoalike.study import TwoalikeError

pytestmark = pytest.mark.filterwarnings("ignore::twoalike.judgments.ImportNote")  # README.txt
ITEMS = ["item_1", "item_2", "item_3"]
BUTTONS: dict[str, Any] = {
    "kind": "odd-one-out",
    "items": ("stimuli",),
    "answer": ("response",),
    "answer_is": "from-0",
    "participant": "response.id",
    "time": "rt",
    "time_unit": "ms",
    "practice": {"part": "practice"},
}
HELLO = {"trial_type": "survey", "trial_index": 0, "rt": 4000, "response": {"id": "p1"}}


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def triplet(items: str, response: object, rt: object = 900, **more: Any) -> dict[str, Any]:
    """A trial of jsPsych with images in a list, answered by buttons counted from 0."""
    images = [f"img/{name}.png" for name in items.split()]
    kind = {"trial_type": "triplet-buttons", "trial_index": 3, "part": "main"}
    return kind | {"stimuli": images, "response": response, "rt": rt} | more


def test_jspsych_in_json_and_csv(tmp_path: Path) -> None:
    trials = [
        HELLO,
        triplet("ant bee cat", 0, part="practice"),
        triplet("bee cat dog", 2, 1250),
        triplet("ant cat dog", None, None),
        triplet("ant dog", 1),
        triplet("bee dog ant", 7),
        triplet("ant bee dog", 1),
    ]
    of = SessionMapping(**BUTTONS)
    table = import_sessions([write(tmp_path / "1.json", trials)], of)
    assert table[ITEMS].to_numpy().tolist()[1] == ["bee", "cat", "dog"]
    assert table["chosen"].tolist() == [1, 3, 2]
    assert table["trial_type"].tolist() == ["practice", "main", "main"]
    assert table["response_time"].tolist() == pytest.approx([0.9, 1.25, 0.9])
    assert set(table["participant"]) == {"p1"}
    again = write(tmp_path / "more" / "1.json", trials[:3])
    copies = import_sessions([tmp_path / "1.json", again], of).attrs["left_out"]
    assert copies["copy of another row"] == 2
    unknown = {"no answer": 1, "wrong number of items": 1, "answer without a meaning": 1}
    assert table.attrs["left_out"] == unknown | {"without these items": 1}
    rows = [
        {k: json.dumps(v) if isinstance(v, list | dict) else v for k, v in trial.items()}
        for trial in trials
    ]
    text = pd.DataFrame(rows).to_csv(index=False)
    two = write(tmp_path / "1.txt", text + text.replace("p1", "p2") + "torn,3")
    table = import_sessions([two], of)
    assert table["participant"].tolist() == ["p1"] * 3 + ["p2"] * 3
    assert table.attrs["left_out"]["torn or not under its header"] == 1


def test_jatos_between_marks_and_in_archives(tmp_path: Path) -> None:
    """Results of a component have all that was before; answers are apart from what was shown."""
    planned = [
        {"ref": "img/ant.png", "left": "img/bee.png", "right": "img/cat.png", "right_key": "f"}
    ]
    planned += [
        {"ref": "img/cat.png", "left": "img/bee.png", "right": "img/dog.png", "right_key": "j"}
    ]
    answers = [{"response": "f", "rt": 800, "right_key": "f"}, {"response": "j", "rt": 0.7e3}]

    def result(name: str, n: int, **more: str) -> str:
        out = {"task": [answers[:n]], "breaks": [{"rt": 5000}]}
        whole = {"in": {"task_trials": [planned]}, "out": out, "workerId": "w1"} | more
        return f"[{name}_start---{json.dumps(whole)}---{name}_end]\n"

    text = '[hello_start---{"workerId": "w1"}---hello_end]\n' + result("task", 1)
    text += f"done\n{result('task', 2)}{result('send', 2)}" + '[send_start---{"out": {"task": [{"re'
    folder = tmp_path / "results"
    write(folder / "study_result_7" / "comp-result_9" / "data.txt", text)
    write(folder / "README.txt", "Sessions of June, by two, all\n")
    of = guess_mapping([folder])
    assert (of.trials, of.beside, of.items) == (
        ("out.task",),
        ("in.task_trials",),
        ("ref", "left", "right"),
    )
    assert (of.kind, of.answer_is, of.participant) == ("anchored", {"f": 2, "j": 3}, "workerId")
    table = import_sessions([folder], of)
    assert table[[*ITEMS, "chosen"]].to_numpy().tolist() == [
        ["ant", "bee", "cat", 2],
        ["cat", "bee", "dog", 3],
    ]
    copies = {"torn or not under its header": 1, "copy of another row": 3}
    assert table.attrs["left_out"] == copies
    with zipfile.ZipFile(tmp_path / "all.jrzip", "w") as archive:
        archive.writestr("study_result_7/comp-result_9/data.txt", text)
        archive.writestr("study_result_8/comp-result_11/data.txt", text.replace("w1", ""))
    named = {"participant": "file.study_result", "where": {"file.result": "send*"}}
    table = import_sessions([tmp_path / "all.jrzip"], of.model_copy(update=named))
    assert table["participant"].tolist() == ["7", "7", "8", "8"]
    assert table.attrs["left_out"]["other than `where`"] == 6
    swapped = [{"right_key": "j"}] * 2
    write(
        folder / "x.json",
        {"in": {"task_trials": swapped}, "out": {"task": answers}, "workerId": "w"},
    )
    assert import_sessions([folder], of).attrs["left_out"]["two lists of trials that disagree"] == 1


PSYCHOPY = """\
stim1,stim2,stim3,practice.thisN,trials.thisN,mouse.clicked_name,mouse.time,participant,session,
ant,bee,cat,0,,['bee'],[1.5],p1,001,
,,,,,,,p1,001,
cat,bee,ant,,0,['cat'],[0.75],p1,001,
cat,dog,ant,,1,None,None,p1,001,
dog,bee,ant,,2,"['dog', 'bee']",[2.25],p1,001,
"""


def test_psychopy(tmp_path: Path) -> None:
    write(tmp_path / "p1_sort_2025.csv", PSYCHOPY)
    write(tmp_path / "p2_sort_2025.csv", PSYCHOPY.replace("p1", "p2").replace("None", ""))
    of = guess_mapping([tmp_path])
    assert (of.items, of.answer, of.time) == (
        ("stim1", "stim2", "stim3"),
        ("mouse.clicked_name",),
        "",
    )
    table = import_sessions([tmp_path], of.model_copy(update={"time": "mouse.time"}))
    assert table["chosen"].tolist() == [2, 1, 2, 1]
    assert table["trial_type"].tolist() == ["practice", "main"] * 2
    assert table["session"].tolist() == ["001"] * 4
    assert table["response_time"].tolist() == [1.5, 0.75, 1.5, 0.75]
    assert table.attrs["left_out"] == {"without these items": 2, "no answer": 2} | {
        "answer not among the items": 2
    }


def test_data_sets_in_psychds_and_bids(tmp_path: Path) -> None:
    """The person is in the name of a file, or in a column; ratings are dissimilarities."""
    psychds = tmp_path / "psychds"
    write(psychds / "dataset_description.json", {"name": "x", "variableMeasured": ["a", "b"]})
    text = "word_a,word_b,rating,rt\nant,bee,1,0.5\ncat,bee,3,1.5\ncat,ant,,\n"
    write(psychds / "data" / "raw" / "subject-03_session-b_data.csv", text)
    of = guess_mapping([psychds])
    assert (of.kind, of.items, of.participant) == ("ratings", ("word_a", "word_b"), "file.subject")
    turned = {"answer_is": {"1": 3, "2": 2, "3": 1}, "scale_points": 3}
    table = import_sessions([psychds], of.model_copy(update=turned))
    assert table["rating"].tolist() == [3.0, 1.0] and table["participant"].tolist() == ["03", "03"]
    assert (table["session"].tolist(), table.attrs["left_out"]) == (["b", "b"], {"no answer": 1})
    beh = tmp_path / "bids" / "sub-01" / "ses-2" / "beh" / "sub-01_ses-2_task-piles_beh.tsv"
    write(beh.with_suffix(".json"), {"item": {"Description": "name"}})
    write(tmp_path / "bids" / "participants.tsv", "participant_id\tage\nsub-01\tn/a\n")
    write(
        beh, "round\titem\tpile\n1\tant\tbig\n1\tbee\tbig\n1\tcat\tn/a\n2\tant\tbig\n2\tcat\tlow\n"
    )
    piles: Any = {"kind": "sortings", "items": ("item",), "answer": ("pile",), "trial": "round"}
    of = SessionMapping(**piles, participant="file.sub", where={"file.task": "piles"})
    table = import_sessions([tmp_path / "bids"], of)
    assert table["pile_name"].tolist() == ["big", "big", "big", "low"]
    assert table.attrs["left_out"] == {"no answer": 1}


def test_the_command_guesses_and_then_imports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = [triplet("ant bee cat", 0), triplet("cat bee dog", 2), triplet("cat ant dog", 1)]
    write(Path("data") / "one.json", [HELLO, *shown])
    assert call("import", "jspsych", "data", "--write-mapping", "of.toml") == 0
    said = capsys.readouterr().out
    assert 'items = ["stimuli"]' in said and "3 rows by 1 participant" in said
    assert "# " not in said and "# Fields of the participant" in Path("of.toml").read_text()
    assert call("import", "jspsych", "data", "--mapping", "of.toml", "--out", "c.parquet") == 0
    assert "left out: 1 row (without these items)" in capsys.readouterr().out
    found = read_judgments("c.parquet")
    assert found["chosen"].tolist() == [1, 3, 2]
    assert found.attrs["provenance"]["config"]["mapping"]["answer_is"] == "from-0"
    assert call("import", "jspsych", "data", "--mapping", "of.toml") == 1
    assert "--mapping, --out: expected both" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"items": ("a", "b")}, "expected 3 to 9 items of odd-one-out, or one for all"),
        ({"answer": ("a", "b")}, "2 fields of the answer do not fit odd-one-out"),
        ({"pattern": "("}, "valid regular expression"),
        ({"trials": ("a",), "beside": ("b", "c")}, "a list in `trials` for each of `beside`"),
    ],
)
def test_a_mapping_fits_together(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        SessionMapping(**BUTTONS | change)


def test_nothing_is_read_in_silence(tmp_path: Path) -> None:
    of = SessionMapping(**BUTTONS)
    file = write(tmp_path / "1.json", [HELLO])
    with pytest.raises(TwoalikeError, match="trials with stimuli, response, found none in 1 file"):
        import_sessions([file], of)
    with pytest.raises(TwoalikeError, match=r"numbers \(item_1, item_2\), found file.*trial_type"):
        guess_mapping([file])
    with pytest.raises(TwoalikeError, match="not a readable archive"):
        import_sessions([write(tmp_path / "1.zip", "no")], of)
