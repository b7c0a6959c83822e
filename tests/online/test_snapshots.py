"""Adaptive sessions online: snapshots are whole and final, blocks follow from them at once."""

import json
import subprocess
import sys
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from twoalike.design import adaptive_blocks
from twoalike.embedding import Posterior, Precision, Verdict, find_kernel
from twoalike.online import Block, CutOff, Snapshot, publish_snapshot, refit
from twoalike.online._blocks import block_table, choose_block, spliced
from twoalike.online._records import BlockStep, PageStep, Step, TrialStep
from twoalike.online._refitting import read_answers
from twoalike.online._snapshots import latest_snapshot, read_snapshot, snapshot_folder
from twoalike.planning import AdaptiveDesign
from twoalike.registry import find_task
from twoalike.stimuli import StimulusSet
from twoalike.study import AdaptiveConfig, DesignConfig, Study, StudyConfig, TwoalikeError
from twoalike.tables import STIMULI
from twoalike.tasks import OddOneOut

OBJECTS = 24
DESIGN = DesignConfig(
    sampler="adaptive", trials=60, practice=2, catch=3, repeats=3, trials_per_block=22
)
CUT_OFF = CutOff(records=300, sessions=5, trials=280, time="2026-11-28T12:00:00+00:00")
PAGE = PageStep(name="break", text="Rest.", minimum_s=1.0)
PRACTICE_END = PAGE.model_copy(update={"name": "practice_end"})
PROTOCOL = OddOneOut()


def block_step(block: int) -> BlockStep:
    return BlockStep(block=block, practice_end=PRACTICE_END, pause=PAGE)


class FakePosterior:
    """Draws of an embedding, without a fit."""

    def __init__(self, ids: tuple[str, ...], seed: int = 0, draws: int = 60) -> None:
        rng = np.random.default_rng(seed)
        self.ids = ids
        self.embedding: NDArray[np.float32] = np.abs(
            rng.normal(size=(draws, len(ids), 4)).astype(np.float32)
        )
        self.typical_lapse = np.full(draws, 0.03)
        self.attrs: dict[str, object] = {"engine": "nuts"}
        self.verdict = Verdict(True, True)
        self.kernel = find_kernel("dot")


@pytest.fixture
def stimuli() -> StimulusSet:
    rows = [
        (f"o{i:02d}", f"o{i:02d}.png", "0" * 64, f"kind-{i // 8}", f"sub-{i // 4}")
        for i in range(OBJECTS)
    ]
    columns = ["id", "file", "sha256", "kind", "sub"]
    return StimulusSet(Path("nowhere"), pd.DataFrame(rows, columns=columns, dtype=str))


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path, StudyConfig(title="A", seed=7, design=DESIGN))


def design(study: Study, stimuli: StimulusSet) -> AdaptiveDesign:
    return AdaptiveDesign(study, stimuli, find_task("odd-one-out"))


def publish(study: Study, stimuli: StimulusSet, seed: int = 0, **judged: int) -> Snapshot:
    posterior = cast(Posterior, FakePosterior(stimuli.ids, seed))
    return publish_snapshot([design(study, stimuli)], posterior, CUT_OFF, judged)


def next_block(
    of: AdaptiveDesign,
    snapshot: Snapshot | None,
    who: str,
    block: int,
    there: pd.DataFrame | None = None,
) -> pd.DataFrame:
    return of.block(None if snapshot is None else snapshot.scored(of), who, 1, block, there)


def session(
    study: Study, stimuli: StimulusSet, snapshot: Snapshot | None, who: str
) -> pd.DataFrame:
    table = None
    for block in adaptive_blocks(DESIGN):
        table = next_block(design(study, stimuli), snapshot, who, block, table)
    assert table is not None
    return table


def triplets(table: pd.DataFrame, *kinds: str) -> list[tuple[str, ...]]:
    rows = table[table["trial_type"].isin(kinds)]
    return [tuple(sorted(row)) for row in rows[list(STIMULI)].to_numpy().tolist()]


def test_a_block_depends_on_its_session_and_the_snapshot_alone(
    study: Study, stimuli: StimulusSet
) -> None:
    first = publish(study, stimuli)
    table = session(study, stimuli, first, "01")
    assert session(study, stimuli, read_snapshot(snapshot_folder(study) / "0001"), "01").equals(
        table
    )
    assert not session(study, stimuli, publish(study, stimuli, 1), "01").equals(table)
    # A later snapshot leaves the blocks before as they were.
    before = table[table["block_index"] < 3]
    latest = latest_snapshot(snapshot_folder(study))
    later = next_block(design(study, stimuli), latest, "01", 3, before)
    assert later.iloc[: len(before)].equals(before)


def test_scores_are_the_information_and_higher_than_chance(
    study: Study, stimuli: StimulusSet
) -> None:
    snapshot = publish(study, stimuli)
    scored = snapshot.scored(design(study, stimuli))
    known = dict(zip(map(tuple, scored.trials.tolist()), scored.information, strict=True))
    table = session(study, stimuli, snapshot, "01")
    main = table[table["sampler"] == "adaptive"]
    shown = triplets(main, "main", "repeat")
    keys = [tuple(sorted(map(stimuli.ids.index, row))) for row in shown]
    np.testing.assert_allclose(main["sampler_score"], [known[key] for key in keys], atol=1e-6)
    assert main["sampler_score"].mean() > np.quantile(scored.information, 0.6)


def test_people_of_one_moment_see_different_triplets(study: Study, stimuli: StimulusSet) -> None:
    snapshot = publish(study, stimuli)
    of = design(study, stimuli)
    tables = [next_block(of, snapshot, f"{who:02d}", 2) for who in range(8)]
    each = [set(triplets(table, "main")) for table in tables]
    shared = [len(a & b) / len(a) for n, a in enumerate(each) for b in each[:n]]
    assert np.mean(shared) < 0.1


def ask(
    study: Study, stimuli: StimulusSet, before: list[Block], block: int, who: str = "01"
) -> Block:
    """What the server chooses for a session that has come to a block."""
    key = {"session": f"s-{who}", "part": 0, "block": block, "task": "odd-one-out"}
    snapshot = latest_snapshot(snapshot_folder(study))
    person, step = (who, 1), block_step(block)
    return choose_block(design(study, stimuli), snapshot, person, step, before, PROTOCOL, key)


def test_the_server_stores_and_splices_blocks(study: Study, stimuli: StimulusSet) -> None:
    first = ask(study, stimuli, [], 2)
    assert first.snapshot is None
    publish(study, stimuli)
    second = ask(study, stimuli, [first], 3)
    assert second.snapshot is not None
    assert (second.snapshot.number, second.snapshot.trials) == (1, 280)
    assert Block.model_validate_json(second.model_dump_json()) == second
    assert ask(study, stimuli, [first], 3) == second
    third = ask(study, stimuli, [first, second], 4)
    note = third.note(12.5)
    assert note.detail == {
        "block": 4,
        "snapshot": 1,
        "records": 300,
        "trials": 280,
        "fitted": CUT_OFF.time,
        "posterior": second.snapshot.posterior,
    }
    table = block_table([first, second, third])
    assert table["trial_index"].tolist() == list(range(1, 69))
    compiled: list[Step] = [PAGE, *(block_step(n) for n in (2, 3, 4)), PAGE]
    kinds = [step.kind for step in spliced(compiled, [first])]
    assert kinds == ["page"] + [step.kind for step in first.steps] + ["block", "block", "page"]
    steps = spliced(compiled, [first, second, third])
    assert [step.trial.trial_index for step in steps if isinstance(step, TrialStep)] == list(
        range(1, 69)
    )
    pages = [step for step in steps if isinstance(step, PageStep)][1:-1]
    assert [page.name for page in pages] == ["practice_end", "break", "break"]
    assert [page.progress for page in pages] == [None, (22, 66), (44, 66)]
    # Attention checks cannot be read from the page.
    trials = [step.trial for step in steps if isinstance(step, TrialStep)]
    assert [trial.trial_type for trial in trials] == ["practice"] * 2 + ["main"] * 66
    assert all(trial.expected is None for trial in trials)
    with pytest.raises(TwoalikeError, match="has no block 3 yet"):
        ask(study, stimuli, [first], 4)
    with pytest.raises(TwoalikeError, match="has the blocks 2 to 4"):
        ask(study, stimuli, [], 9)


def test_no_answer_waits_for_a_fit(study: Study, stimuli: StimulusSet) -> None:
    publish(study, stimuli)
    # A fit holds its lock and has not renamed its folder: the snapshot before it is used.
    (snapshot_folder(study) / ".0002.00ff00-1.part.x").mkdir()
    made = ask(study, stimuli, [], 2)
    assert made.snapshot is not None and made.snapshot.number == 1
    heavy = {"pymc", "pytensor", "jax", "torch", "psychopy"}
    code = (
        "import sys; from twoalike.online._session_blocks import SessionBlocks; "
        f"sys.exit(bool({heavy} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def archive(
    study: Study,
    stimuli: StimulusSet,
    people: int,
    answers: int,
    wrong: frozenset[int] = frozenset(),
) -> list[str]:
    """Records of people who answered so many trials of their first block."""
    lines, ending = [], []
    for who in range(people):
        block = ask(study, stimuli, [], 2, f"{who:02d}")
        name = block.session
        about = {"kind": "session", "session": name, "participant": f"{who:02d}"}
        lines += [json.dumps(about | {"protocol": "0" * 64, "entered": None, "ended": None})]
        lines.append(block.model_dump_json())
        for n, row in enumerate(block.rows[:answers], start=1):
            right = row["expected_odd"] if row["expected_odd"] != "n/a" else str(1 + (n + who) % 3)
            item = int(right) if who not in wrong else 1 + int(right) % 3
            answer = {"position": row[f"position_{item}"], "method": "mouse", "response_time": 1.5}
            result = {"kind": "choice", "trial_index": n, "onset": 1.0, "answer": answer}
            record = {"session": name, "n": n, "part": 0, "step": n, "items": [result]}
            ending.append(json.dumps(record))
    return lines + ending


def test_answers_are_read_from_records(study: Study, stimuli: StimulusSet) -> None:
    lines = archive(study, stimuli, 3, 24, frozenset({1}))
    tables, cut_off, left_out = read_answers(lines, study)
    table = tables["odd-one-out"]
    assert cut_off.records == 72
    assert list(left_out) == ["01"]
    assert "attention checks" in left_out["01"]
    assert set(table["participant"]) == {"00", "02"}
    assert cut_off.trials == len(table) == 2 * 21
    row = json.loads(lines[1])["rows"][2]
    shown = {row[f"position_{n}"]: row[f"stimulus_{n}"] for n in (1, 2, 3)}
    first = table.iloc[0]
    assert [first[f"item_{n}"] for n in (1, 2, 3)] == [
        shown[place] for place in ("left", "middle", "right")
    ]
    answer = json.loads(lines[8])["items"][0]["answer"]["position"]
    assert ("left", "middle", "right")[first["chosen"] - 1] == answer
    with pytest.raises(TwoalikeError, match="line 2: not valid JSON"):
        read_answers([lines[0], "{"], study)


def test_a_fit_uses_nothing_after_its_cut_off(
    study: Study, stimuli: StimulusSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StimulusSet, "load", lambda *_, **__: stimuli)
    lines = archive(study, stimuli, 6, 24)
    fitted = []

    config = study.config.model_copy(update={"adaptive": AdaptiveConfig(sources=("m.parquet",))})
    study = Study(study.root, config)

    def fit(choices: pd.DataFrame, sources: list[Path], **_: object) -> Posterior:
        assert sources == [study.root / "m.parquet"]
        fitted.append(len(choices))
        lines.extend(lines[-5:])  # answers that come while the fit runs
        return cast(Posterior, FakePosterior(stimuli.ids))

    monkeypatch.setattr("twoalike.embedding.fit", fit)
    known = Precision({"similarity_interval": 1.0}, {"similarity_interval": 0.5})
    monkeypatch.setattr("twoalike.embedding.enough", lambda *_: known)
    said: list[str] = []
    early = refit(study, lambda: lines[:-60], announce=said.append)
    assert early is None
    assert said == ["73 answers so far; the first fit takes 96"]
    made = refit(study, lambda: list(lines), announce=said.append)
    assert made is not None
    assert made.number == 1
    assert said[1].startswith(f"{known}. Invite nobody else")
    assert made.cut_off.records == 144
    assert fitted == [made.cut_off.trials] == [126]
    assert refit(study, lambda: lines[:-5], announce=said.append) is None
    assert said[-1] == "no record since snapshot 1"
    with_later = refit(study, lambda: lines, announce=said.append)
    assert with_later is not None
    assert with_later.cut_off.records == 149


def test_snapshots_are_final_and_checked(study: Study, stimuli: StimulusSet) -> None:
    folder = snapshot_folder(study)
    publish(study, stimuli)
    (folder / "0002").mkdir()
    (folder / "0002" / "mine").touch()
    with pytest.raises(TwoalikeError, match="snapshot description"):
        latest_snapshot(folder)
    (folder / "0002" / "mine").unlink()
    (folder / "0002").rmdir()
    arrays = dict(np.load(folder / "0001" / "draws.npz"))
    np.savez(
        folder / "0001" / "draws.npz",
        **arrays | {"oddoneout_lapse": arrays["oddoneout_lapse"] + 0.1},
    )
    with pytest.raises(TwoalikeError, match="expected draws with the hash"):
        latest_snapshot(folder)


def test_other_designs_are_refused(
    study: Study, stimuli: StimulusSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StimulusSet, "load", lambda *_, **__: stimuli)

    def changed(**settings: object) -> Study:
        return Study(study.root, study.config.model_copy(update=settings))

    snapshot = publish(study, stimuli)
    fewer = changed(design=DESIGN.model_copy(update={"exclude": {"id": ["o03"]}}))
    with pytest.raises(TwoalikeError, match="expected the 23 objects of the design, found 24"):
        next_block(design(fewer, stimuli), snapshot, "01", 2)
    listed = changed(design=DESIGN.model_copy(update={"sampler": "random"}))
    with pytest.raises(TwoalikeError, match="chosen by the answers so far"):
        refit(listed, list)
    with pytest.raises(TwoalikeError, match="set objects_per_person = 0"):
        refit(changed(objects_per_person=12), list)
