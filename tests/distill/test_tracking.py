"""Numbers of a run in Weights & Biases and MLflow, which are offline here."""

from pathlib import Path
from typing import Any

import pytest
from tests.distill.conftest import Squares
from tests.distill.test_distill import QUICK, run

from twoalike.distill._update import Update
from twoalike.study import TwoalikeError, read_json


def stopped_and_resumed(
    squares: Squares, out: Path, update: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """A run that is killed in the sixth step and goes on; what it noted of itself when killed."""
    config, real = QUICK.model_copy(update=update), Update.take

    def killed(self: Update, step: int, data: Any) -> Any:
        if step == 5:
            raise KeyboardInterrupt
        return real(self, step, data)

    monkeypatch.setattr(Update, "take", killed)
    with pytest.raises(KeyboardInterrupt):
        run(squares, out, config)
    monkeypatch.setattr(Update, "take", real)
    before = read_json(Path(f"{out}.checkpoints") / "tracking.json", "tracking")
    run(squares, out, config, resume=True)
    assert read_json(Path(f"{out}.checkpoints") / "tracking.json", "tracking") == before
    return before


@pytest.mark.filterwarnings("ignore:The ``noload`` loader")  # of mlflow, by SQLAlchemy 2.1
@pytest.mark.parametrize("kind", ["database", "files"])
def test_mlflow_has_one_run_of_a_run_that_resumed(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    from mlflow.tracking import MlflowClient

    store = (tmp_path / "store").as_uri()
    if kind == "database":
        pytest.importorskip("alembic")
        (tmp_path / "store").mkdir()
        store = f"sqlite:///{tmp_path / 'store' / 'runs.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    out = tmp_path / "student-anna"
    known = stopped_and_resumed(squares, out, {"logger": "mlflow"}, monkeypatch)
    client = MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("twoalike")
    assert experiment is not None
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.run_id == known["mlflow"]
    assert found.info.status == "FINISHED"
    assert found.data.params["steps"] == "6"
    losses = client.get_metric_history(known["mlflow"], "loss")
    values = {metric.step: metric.value for metric in losses}
    assert sorted(values) == [1, 2, 3, 4, 5, 6]
    # The step after the last checkpoint was taken twice, to the same end.
    assert len({(metric.step, metric.value) for metric in losses}) == 6
    assert found.data.metrics["held_out/kl"] > 0
    files = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    content = b"".join(path.read_bytes() for path in files)
    assert b"anna" not in content


def test_mlflow_needs_to_be_told_where(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(TwoalikeError, match="expected MLFLOW_TRACKING_URI: a server's address"):
        run(squares, tmp_path / "student", QUICK.model_copy(update={"logger": "mlflow"}))


@pytest.mark.slow
def test_wandb_offline_has_one_run_of_a_run_that_resumed(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    out = tmp_path / "student-anna"
    both = {"logger": "wandb", "tensorboard": True}
    known = stopped_and_resumed(squares, out, both, monkeypatch)
    files = sorted((out / "wandb").glob("offline-run-*/run-*.wandb"))
    assert {path.stem for path in files} == {f"run-{known['wandb']}"}
    content = b"".join(path.read_bytes() for path in files)
    assert b"held_out/kl" in content
    assert b"anna" not in content
    assert list((out / "tensorboard").iterdir())


def test_a_database_without_its_packages_is_told_in_one_line(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of mlflow-skinny alone."""
    from mlflow.tracking import MlflowClient

    def without(self: MlflowClient, name: str) -> None:
        raise ModuleNotFoundError("No module named 'alembic'")

    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", without)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'runs.db'}")
    with pytest.raises(TwoalikeError, match=r"pip install 'twoalike\[tracking\]'"):
        run(squares, tmp_path / "student", QUICK.model_copy(update={"logger": "mlflow"}))
