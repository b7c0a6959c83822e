"""The Levels data: files of the published format, made up, in each form; and hostile ones."""

import json
import os
import pickle
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.conftest import call

from twoalike.cli.app import main
from twoalike.features import FeatureTable, write_features
from twoalike.judgments import import_levels, level_times, read_judgments
from twoalike.results import Results
from twoalike.study import TwoalikeError

IDS = [f"5f{number:022x}" for number in range(7, 13)]
"""As Prolific gives them; five people answer to each triplet."""
KINDS = {"within_class": 1, "class_border": 2, "between_class": 3}
NO_ANSWER = "No image selected"

type Study = dict[str, list[dict[str, Any]]]


def triplets(rng: np.random.Generator) -> list[tuple[str, list[str]]]:
    """Of each kind 30, with WordNet ids accordingly; no image recurs."""
    found, image = [], 0
    for kind, different in KINDS.items():
        for number in range(30):
            classes = [f"n{1000 * different + number:08d}"] * 3
            for k in range(different - 1):
                classes[k] = f"n{90000000 + 10 * image + k:08d}"
            names = [f"{each}_{image + place}.JPEG" for place, each in enumerate(classes)]
            image += 3
            found.append((kind, [str(name) for name in rng.permutation(names)]))
    return found


def trial(kind: str, names: list[str], chosen: int | None, rt: float | None, of: str) -> Any:
    return {
        "rt": rt,
        **{f"image{k + 1}Path": name for k, name in enumerate(names)},
        "selected_image": NO_ANSWER if chosen is None else names[chosen],
        "exp_trial_type": of,
        "triplet_type": kind,
    }


@pytest.fixture
def study(rng: np.random.Generator) -> Study:
    """Six people; each triplet is judged by five or all of them, a few trials without an answer."""
    people: Study = {}
    shown = triplets(rng)
    practice = ["a_1.JPEG", "b_1.JPEG", "b_2.JPEG"]
    check = ["n00000001_1.JPEG", "n00000002_1.JPEG", "n00000001_2.JPEG"]
    for number, name in enumerate(IDS):
        trials = [trial("", practice, 0, 900.0, "training_trial")]
        for k, (kind, names) in enumerate(shown):
            if k % 7 and k % 6 == number:
                continue
            odd = int(rng.choice(3, p=(0.7, 0.2, 0.1)))
            order = rng.permutation(3)
            rt = float(np.round(1000 * np.exp(rng.normal(1, 0.4)), 1))
            late = rng.random() < 0.02
            place = int(np.flatnonzero(order == odd)[0])
            mixed = [names[j] for j in order]
            trials.append(
                trial(kind, mixed, None if late else place, None if late else rt, "exp_trial")
            )
            if not k % 10:
                trials.append(trial("", check, 1, 800.0, "catch_trial"))
        people[name] = trials
    return people


def pickled(path: Path, study: Any, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(study, protocol))
    return path


def command(*words: object) -> int:
    with pytest.raises(SystemExit) as end:
        main(["import", "levels", *map(str, words)])
    return int(end.value.code or 0)


def test_the_published_file(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = pickled(tmp_path / "pruned_dataset.pkl", study), tmp_path / "levels.parquet"
    assert command(path, "--out", out) == 0
    said = capsys.readouterr()
    table = read_judgments(out)
    trials = [each for of in study.values() for each in of if each["exp_trial_type"] == "exp_trial"]
    answered = [each for each in trials if each["selected_image"] != NO_ANSWER]
    assert len(table) == len(answered) < len(trials)
    assert table["participant"].nunique() == 6
    for (_, row), given in zip(table.iterrows(), answered, strict=True):
        items = [str(row[f"item_{k}"]) for k in (1, 2, 3)]
        assert items == [given[f"image{k}Path"].removesuffix(".JPEG") for k in (1, 2, 3)]
        assert f"{items[row['chosen'] - 1]}.JPEG" == given["selected_image"]
        assert row["response_time"] == pytest.approx(given["rt"] / 1000)
        of = {"within_class": "fine", "class_border": "boundary", "between_class": "coarse"}
        assert row["level"] == of[given["triplet_type"]]
    assert f"{len(answered)} judgments by 6 participants" in said.out
    checks = sum(each["exp_trial_type"] == "catch_trial" for of in study.values() for each in of)
    assert said.out.startswith(
        f"left out: 6 rows (practice)\nleft out: {checks} rows (attention check)\n"
        f"left out: {len(trials) - len(answered)} rows (no answer)\n"
    )
    for text in (said.out, said.err, out.read_bytes().decode("latin1")):
        assert not any(name in text for name in IDS)
    times = level_times(table).loc["fine"]
    fine = table[(table["level"] == "fine") & (table["response_time"] <= 10)]
    medians = fine.groupby("participant", observed=True)["response_time"].median()
    assert times["median_s"] == pytest.approx(medians.mean())
    assert times["standard_error_s"] == pytest.approx(medians.sem())
    assert times["triplets"] == 30


def test_each_form_of_the_file_gives_the_same_table(study: Study, tmp_path: Path) -> None:
    rows = [{"participant": name, **each} for name, of in study.items() for each in of]
    counts = defaultdict(list, {name: tuple(of) for name, of in study.items()})
    expected = import_levels(pickled(tmp_path / "old.pkl", study, 0))
    (tmp_path / "tree.json").write_text(json.dumps(study))
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    frame = pd.DataFrame(rows)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    frame.to_csv(tmp_path / "rows.tsv", index=False, sep="\t")
    pickled(tmp_path / "new.pkl", counts, 5)
    for name in ("tree.json", "rows.json", "rows.csv", "rows.tsv", "new.pkl"):
        table = import_levels(tmp_path / name)
        pd.testing.assert_frame_equal(table, expected)
        assert table.attrs == expected.attrs


def test_labels_of_people_follow_neither_their_ids_nor_their_places(
    study: Study, tmp_path: Path
) -> None:
    """Who is p001 depends on the trials alone."""
    first = import_levels(pickled(tmp_path / "a.pkl", study))
    renamed = {f"x{name}": study[name] for name in reversed(IDS)}
    second = import_levels(pickled(tmp_path / "b.pkl", renamed))

    def answers(table: pd.DataFrame) -> set[tuple[Any, ...]]:
        names = ["participant", "trial", "item_1", "item_2", "item_3", "chosen"]
        return set(table[names].itertuples(index=False, name=None))

    assert answers(first) == answers(second)
    assert list(first["participant"].unique()) == list(second["participant"].unique())[::-1]


def published_leave_one_out(trials: list[Any], rng: np.random.Generator) -> dict[str, float]:
    """The definition of the notebook, response by response; of k tied answers each counts 1/k."""
    votes: dict[tuple[str, ...], list[str]] = defaultdict(list)
    kinds: dict[tuple[str, ...], str] = {}
    for each in trials:
        key = tuple(sorted(each[f"image{k}Path"] for k in (1, 2, 3)))
        votes[key].append(each["selected_image"])
        kinds[key] = each["triplet_type"]
    scores = defaultdict(list)
    for key, given in votes.items():
        if len(given) < 4:
            continue
        kept = list(rng.choice(given, 5, replace=False)) if len(given) > 5 else given
        matches = 0.0
        for i, own in enumerate(kept):
            counts = Counter(kept[:i] + kept[i + 1 :])
            top = [answer for answer, n in counts.items() if n == max(counts.values())]
            matches += (own in top) / len(top)
        scores[kinds[key]].append(matches / len(kept))
    overall = np.mean([score for of in scores.values() for score in of])
    return {kind: float(np.mean(of)) for kind, of in scores.items()} | {"all": float(overall)}


def test_people_agree_as_published(study: Study, tmp_path: Path, rng: np.random.Generator) -> None:
    """From the file to results.json: leave-one-out by level, by the notebook's own definition."""
    kept = {  # five votes or four: nothing is drawn, so that the figures are equal
        name: [
            each for each in of if int(str(each["image1Path"]).split("_")[1].split(".")[0]) // 3 % 7
        ]
        for name, of in study.items()
    }
    out, results = tmp_path / "levels.parquet", tmp_path / "results.json"
    assert command(pickled(tmp_path / "x.pkl", kept), "--out", out) == 0
    ids = read_judgments(out)["item_1"].cat.categories
    values = rng.normal(size=(len(ids), 4)).astype(np.float32)
    write_features(tmp_path / "f.npz", FeatureTable(tuple(ids), values, {}))
    words = ["evaluate", "--features", tmp_path / "f.npz", "--choices", out, "--out", results]
    assert call(*words) == 0
    found = Results.load(results)

    def published(key: str, level: str = "") -> float:
        row = found.at(f"odd_one_out.ceilings.published.{key}", level=level)
        assert row is not None, (key, level)
        return row.value

    trials = [
        each
        for of in kept.values()
        for each in of
        if each["exp_trial_type"] == "exp_trial" and each["selected_image"] != NO_ANSWER
    ]
    expected = published_leave_one_out(trials, rng)
    assert published("leave_one_out") == pytest.approx(expected["all"], abs=1e-9)
    for kind, level in (
        ("within_class", "fine"),
        ("class_border", "boundary"),
        ("between_class", "coarse"),
    ):
        level = f"level: {level}"  # noqa: PLW2901
        assert published("leave_one_out", level) == pytest.approx(expected[kind], abs=1e-9)
        assert published("vanilla", level) > 0.4
    row = found.at("odd_one_out.ceilings.published.leave_one_out")
    assert row is not None and row.n == len(
        {tuple(sorted(t[f"image{k}Path"] for k in (1, 2, 3))) for t in trials}
    )


def test_people_are_excluded_by_the_published_rules(study: Study, tmp_path: Path) -> None:
    lazy, absent, fine = IDS[:3]
    checks = [each for each in study[lazy] if each["exp_trial_type"] == "catch_trial"]
    checks[0]["selected_image"] = checks[0]["image1Path"]  # 8 of 9 are right
    for each in [t for t in study[absent] if t["exp_trial_type"] == "exp_trial"][:11]:
        each["selected_image"], each["rt"] = NO_ANSWER, None
    study[fine][-1]["catch_trial_correct"] = None
    table = import_levels(pickled(tmp_path / "x.pkl", study), exclude=True)
    assert (table["participant"].nunique(), table.attrs["n_excluded"]) == (4, 2)
    for each in checks:  # what the experiment itself recorded counts first
        each["catch_trial_correct"] = True
    table = import_levels(pickled(tmp_path / "x.pkl", study), exclude=True)
    assert table.attrs["n_excluded"] == 1
    passed = {
        name: [t for t in of if t["exp_trial_type"] == "exp_trial" and t["rt"] is not None]
        for name, of in study.items()
    }
    path = pickled(tmp_path / "pruned.pkl", passed)
    assert len(import_levels(path)) > 300
    with pytest.raises(TwoalikeError, match=r"has neither attention checks nor .* Leave `exclude"):
        import_levels(path, exclude=True)


def test_a_level_follows_from_wordnet_ids(study: Study, tmp_path: Path) -> None:
    wrong = next(t for t in study[IDS[0]] if t["triplet_type"] == "within_class")
    wrong["triplet_type"] = "between_class"
    table = import_levels(pickled(tmp_path / "x.pkl", study))
    assert table.attrs["n_other_level"] == 1
    assert (table["level"] == "fine").sum() == sum(
        t["selected_image"] != NO_ANSWER and (t["triplet_type"] == "within_class" or t is wrong)
        for of in study.values()
        for t in of
    )
    for key in ("image1Path", "image2Path", "image3Path"):
        wrong[key] = f"stimuli/{key}.png"
    wrong["selected_image"] = "stimuli/image2Path.png"
    table = import_levels(pickled(tmp_path / "x.pkl", study))
    assert table.loc[table["item_1"] == "image1Path", "level"].tolist() == ["coarse"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"selected_image": "n1_1.JPEG"}, "the selected image 'n1_1' was not shown"),
        ({"image1Path": None}, "expected three different images in image1Path"),
        ({"rt": "soon"}, "expected milliseconds in rt, found 'soon'"),
        ({"rt": -1.0}, "expected milliseconds in rt, found -1.0"),
        ({"exp_trial_type": "other"}, "expected one of exp_trial, catch_trial"),
    ],
)
def test_errors_name_the_trial_and_not_the_person(
    study: Study,
    tmp_path: Path,
    change: dict[str, Any],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for of in study.values():
        of[-1 if of[-1]["exp_trial_type"] == "exp_trial" else -2].update(change, triplet_type="")
    path, out = pickled(tmp_path / "x.pkl", study), tmp_path / "levels.parquet"
    assert command(path, "--out", out) == 1
    said = capsys.readouterr().err
    assert message in said
    assert not any(name in said for name in IDS)
    assert not out.exists()


def test_errors_name_the_row_of_a_text(study: Study, tmp_path: Path) -> None:
    rows = [{"participant": name, **each} for name, of in study.items() for each in of]
    k = next(k for k, row in enumerate(rows[200:], 200) if row["exp_trial_type"] == "exp_trial")
    path = tmp_path / "rows.csv"

    def said(change: dict[str, Any]) -> str:
        pd.DataFrame([*rows[:k], {**rows[k], **change}, *rows[k + 1 :]]).to_csv(path, index=False)
        with pytest.raises(TwoalikeError) as caught:
            import_levels(path)
        assert str(caught.value).startswith(f"{path}: row {k + 2}")
        return str(caught.value)

    assert "was not shown" in said({"selected_image": "n1_1.JPEG"})
    assert "expected one of exp_trial" in said({"exp_trial_type": "other"})
    assert "expected a field 'participant'" in said({"participant": ""})
    pd.DataFrame(rows).to_csv(path, index=False)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:9], lines[9] + ",1,2", *lines[10:]]))
    with pytest.raises(TwoalikeError, match=r"rows\.csv: .*in line 10, saw"):
        import_levels(path)
    path.write_text("\n".join([lines[0].replace("triplet_type", "rt"), *lines[1:]]))
    with pytest.raises(TwoalikeError, match=r"row 1: expected one column 'rt', found several"):
        import_levels(path)


def test_times_in_seconds_are_noticed(study: Study, tmp_path: Path) -> None:
    for of in study.values():
        for each in of:
            each["rt"] = None if each["rt"] is None else each["rt"] / 1000
    with pytest.raises(
        TwoalikeError, match=r"response times in ms, with a median from 0.1 to 100 s"
    ):
        import_levels(pickled(tmp_path / "x.pkl", study))


class Runs:
    """A pickle of this runs a command when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


def test_a_file_that_would_run_a_program_is_refused(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mark, out = tmp_path / "mark", tmp_path / "levels.parquet"
    study[IDS[0]].append(trial("", ["a", "b", "c"], 0, 1.0, "exp_trial") | {"rt": Runs(mark)})
    assert command(pickled(tmp_path / "x.pkl", study), "--out", out) == 1
    said = capsys.readouterr().err
    assert "may run any program" in said
    assert "Save it as JSON" in said
    assert not mark.exists()
    assert not out.exists()
    frames = {name: pd.DataFrame(of) for name, of in study.items() if name != IDS[0]}
    assert command(pickled(tmp_path / "x.pkl", frames), "--out", out) == 1
    assert "holds pandas." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "expected trials of participants, found none"),
        ("{}", "expected trials of participants, found none"),
        ("3", "expected a list of trials for each participant"),
        ('{"a": 3}', "expected a list of trials for each participant"),
        ('{"a": [{}], "b": [{}, 3]}', "participant 2, trial 2: expected a trial with named fields"),
        ('[{"participant": "a"}, 3]', "trial 2: expected a trial with named fields, found int"),
        ('[{"rt": 3}]', "trial 1: expected a field 'participant', found none"),
    ],
)
def test_other_content_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(TwoalikeError, match=message):
        import_levels(path)
    with pytest.raises(TwoalikeError, match="found a file .npy"):
        import_levels(tmp_path / "x.npy")
