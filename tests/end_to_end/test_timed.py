"""Timed and plain sessions in one study: columns, resuming, validating, fitting's reader."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import twoalike.sitting._part as sitting
from twoalike.judgments import collect_judgments
from twoalike.record import find_runs, read_run
from twoalike.sitting import sit
from twoalike.study import TwoalikeError
from twoalike.tasks import validate_study
from twoalike.tasks._session import Keeper

DESIGN = "trials = 6\npractice = 0\n"
TIMED = """
[timing]
presentation_ms = 50
mask = "scrambled"
mask_ms = 50
[scanner]
start = "block"
"""


def run(
    root: Path, who: str, *, session: int = 1, resume: bool = False, task: str | None = None
) -> Path:
    return sit(
        root,
        task=task,
        participant=who,
        session=session,
        resume=resume,
        simulate=True,
        window=False,
        panel=False,
        show=lambda line: None,
    ).path


@pytest.fixture
def study(make_study: Callable[..., Path]) -> Iterator[Path]:
    yield make_study("study", DESIGN, "")


def test_sessions_with_and_without_timing_are_read_together(study: Path) -> None:
    plain = run(study, "901")
    (study / "protocols" / "odd_one_out.toml").write_text(TIMED)
    timed = run(study, "901", session=2)
    names = [path.read_text().partition("\n")[0].split("\t") for path in (plain, timed)]
    assert "image_duration_1" not in names[0]
    assert {"image_duration_1", "mask_onset_3", "onset_from_trigger"} <= set(names[1])
    assert names[1][-2:] == names[0][-2:] == ["pilot", "seen_before"]
    assert read_run(plain).rows["timing_flag"].isna().all()
    assert read_run(timed).rows["image_duration_1"].round(3).eq(0.05).all()
    assert validate_study(study).n_problems == 0
    assert collect_judgments(study)["choices"].exists()


@pytest.mark.parametrize("task", ["anchored-choice", "odd-one-of-many", "most-alike-pair"])
def test_other_tasks_of_choices_are_timed_too(make_study: Callable[..., Path], task: str) -> None:
    few = "trials = 3\npractice = 0\npractice_checks = 0\ncatch = 0\nrepeats = 0\n"
    tables = "".join(
        f"[{one}]\n{few}" for one in ("anchored", "odd_one_of_many", "most_alike_pair")
    )
    study = make_study("study", f"{DESIGN}{tables}", "")
    with (study / "study.toml").open("a") as file:
        file.write('[[conditions]]\nname = "shape"\ninstruction = { en = ["Judge by shape."] }\n')
    (study / "protocols" / f"{task.replace('-', '_')}.toml").write_text(f'{TIMED}key = "t"\n')
    path = run(study, "905", task=task)
    names = path.read_text().partition("\n")[0].split("\t")
    assert names[-3:] == ["pilot", "seen_before", "run_condition"]
    rows = read_run(path).rows
    shown = [name for name in names if name.startswith("image_duration_")]
    n = 3 if task == "anchored-choice" else 4
    assert rows[shown].notna().sum(axis=1).eq(n).all()
    assert rows["timing_flag"].isna().all()
    assert rows["trigger_time"].notna().all()
    assert validate_study(study).n_problems == 0


def test_a_timed_session_that_broke_off_goes_on(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (study / "protocols" / "odd_one_out.toml").write_text(TIMED)
    whole = read_run(run(study, "902")).rows
    store, left = Keeper._store, 3

    def failing(keeper: Keeper, item: object) -> None:
        nonlocal left
        if hasattr(item, "rows"):
            left -= 1
            if left < 0:
                raise TwoalikeError("the cable is out")
        store(keeper, item)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(sitting.Keeper, "_store", failing)
        with pytest.raises(TwoalikeError, match="cable"):
            run(study, "903")
    rows = read_run(run(study, "903", resume=True)).rows
    assert len(rows) == len(whole) == len(rows.dropna(subset="mask_duration_1"))
    assert rows["seen_before"].sum() == 1
    assert rows["trigger_time"].nunique() > 1
    assert len(find_runs(study / "data" / "raw")) == 2
    assert validate_study(study).n_problems == 0


def test_masks_that_change_end_the_session(study: Path) -> None:
    (study / "protocols" / "odd_one_out.toml").write_text(
        TIMED.replace('"scrambled"', '"images"\nmask_folder = "stimuli"')
    )
    rows = read_run(run(study, "904")).rows
    assert (rows["mask_1"] == rows["stimulus_1"]).all()  # named as the objects
    (study / "masks").mkdir()
    (study / "protocols" / "odd_one_out.toml").write_text(
        TIMED.replace('"scrambled"', '"images"\nmask_folder = "masks"')
    )
    assert "found none" in validate_study(study).faults[0]


def test_a_pilot_run_previews_timed_images_on_any_screen(
    make_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TWOALIKE_SCREEN", str(tmp_path / "screen.toml"))  # never measured
    images = "[images]\nimage_deg = 30\nimage_fraction = 0\n"
    short = "[timing]\npresentation_ms = 5\nmask_ms = 5\nmask = 'scrambled'\n"
    root = make_study("study", DESIGN, images + short)
    with pytest.raises(TwoalikeError, match="degrees"):
        run(root, "901")
    pilot = sit(root, "901", pilot=True, simulate=True, window=False, panel=False)
    assert pilot.end_reason == "completed"
    rows = read_run(pilot.path).rows
    assert rows["pilot"].all()
    assert (rows["image_duration_1"] > 0).all()
    assert not (root / "data" / "raw").exists()
    assert [str(one) for data in validate_study(root).data for one in data.problems] == []
