"""A student is not scored in silence on the judgments that its teacher was fitted to."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.distill.conftest import Squares

from twoalike.backbones import extract_features
from twoalike.distill import DistillConfig, distill, label_images
from twoalike.features import write_features
from twoalike.judgments import choices_table, judgment_codes, packed_codes, write_judgments

Run = Callable[..., tuple[int, str]]
QUICK = DistillConfig(
    steps=2, batch=8, size=32, held_out=0, evaluate_every=2, head="none", mix=1, train="full"
)


@pytest.mark.parametrize("by_labels", [False, True])
def test_a_student_is_not_scored_in_silence_on_what_its_teacher_saw(
    squares: Squares, tmp_path: Path, rng: np.random.Generator, run: Run, by_labels: bool
) -> None:
    ids = squares.features.ids
    items = np.array([rng.choice(40, 3, replace=False) for _ in range(60)])
    columns = {f"item_{k + 1}": items[:, k] for k in range(3)} | {"chosen": [1, 2, 3] * 20}
    columns["participant"] = ["p1", "p2"] * 30
    table = choices_table(columns, ids)
    write_judgments(tmp_path / "choices.parquet", table.sample(frac=1.0, random_state=2), {})
    described = json.loads((squares.teacher / "teacher.json").read_text())
    described["judged"] = packed_codes(judgment_codes(table[:40]))
    (squares.teacher / "teacher.json").write_text(json.dumps(described))
    guide = {"teacher": squares.teacher, "features": squares.features}
    if by_labels:
        label_images(squares.teacher, squares.features, tmp_path / "labels", number=200, pool=40)
        guide = {"teacher": None, "labels": tmp_path / "labels"}
    student = tmp_path / "student"
    distill(
        images=squares.images,
        student="test_resnet",
        untrained=True,
        out=student,
        config=QUICK,
        **guide,
    )
    write_features(tmp_path / "base.npz", squares.features)
    write_features(tmp_path / "aligned.npz", extract_features(student, squares.images))
    words = ["evaluate", "--features", f"base={tmp_path / 'base.npz'}"]
    words += ["--features", f"aligned={tmp_path / 'aligned.npz'}", "--out", tmp_path / "r.json"]
    words += ["--choices", tmp_path / "choices.parquet"]
    status, said = run(*words)
    assert status == 0 and "40 of 60 IN-SAMPLE (aligned): 60 odd-one-out choices" in said
    results = json.loads((tmp_path / "r.json").read_text())
    assert results["seen"]["choices"]["by"] == {"aligned": 40}
    assert "judged" not in results["networks"][1]["features"]
    status, said = run(*words, "--exclude-seen")
    assert status == 0 and "20 odd-one-out choices" in said and "40 fitted to and left out" in said
    assert "IN-SAMPLE" not in said
    described = json.loads((student / "config.json").read_text())
    record = described["teacher"].pop("judged")  # before it is published
    described["teacher"] = None if by_labels else described["teacher"]
    files = [path for path in student.rglob("*") if path.is_file()]
    assert [path.name for path in files if record.encode() in path.read_bytes()] == ["config.json"]
    (student / "config.json").write_text(json.dumps(described))
    features = extract_features(student, squares.images)
    assert "judged" not in features.meta
    write_features(tmp_path / "aligned.npz", features)
    status, said = run(*words)
    assert status == 0 and "IN-SAMPLE" not in said and "60 odd-one-out choices" in said
