"""Numbers of a run in Weights & Biases and MLflow, which are offline here."""

from pathlib import Path
from typing import Any

import pytest
from tests.distill.conftest import Squares
from tests.distill.test_distill import QUICK, run

from twoalike.distill._update import Update
from twoalike.study import TwoalikeError, read_json

# Of mlflow, by SQLAlchemy 2.1.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader")


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


def test_mlflow_has_one_run_of_a_run_that_resumed(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("alembic")
    from mlflow.tracking import MlflowClient

    store = f"sqlite:///{tmp_path / 'runs.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
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
    # The step after the last checkpoint was taken twice, to the same end.
    assert sorted({(metric.step, metric.value) for metric in losses}) == sorted(
        {metric.step: (metric.step, metric.value) for metric in losses}.values()
    )
    assert {metric.step for metric in losses} == {1, 2, 3, 4, 5, 6}
    assert found.data.metrics["held_out/kl"] > 0
    assert b"anna" not in (tmp_path / "runs.db").read_bytes()


@pytest.mark.parametrize(
    ("uri", "match"),
    [("", "Set MLFLOW_TRACKING_URI"), ("sqlite:///runs.db", r"pip install 'twoalike\[tracking\]'")],
)
def test_mlflow_says_in_one_line_what_it_lacks(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str, match: str
) -> None:
    """An address, or what mlflow-skinny needs beside itself for a database."""
    from mlflow.tracking import MlflowClient

    def without(self: MlflowClient, name: str) -> None:
        raise ModuleNotFoundError("No module named 'alembic'")

    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", without)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(TwoalikeError, match=match) as caught:
        run(squares, tmp_path / "student", QUICK.model_copy(update={"logger": "mlflow"}))
    assert "\n" not in str(caught.value)


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
