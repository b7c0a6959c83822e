"""Numbers of a run in Weights & Biases, MLflow and TensorBoard, which are offline here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.distill.conftest import Squares, run

from twoalike.study import TwoalikeError, read_json

# Of mlflow, by SQLAlchemy 2.1.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader")


def stopped_and_resumed(
    squares: Squares, out: Path, killed_at: Callable[..., Any], **settings: Any
) -> dict[str, str]:
    """A run that is killed in the sixth step and goes on; what it noted of itself when killed."""
    with killed_at(5):
        run(squares, out, **settings)
    before = read_json(Path(f"{out}.checkpoints") / "tracking.json", "tracking")
    run(squares, out, **settings, resume=True)
    assert read_json(Path(f"{out}.checkpoints") / "tracking.json", "tracking") == before
    return before


class Client:
    """MLflow's client, without a server or a database, whose tables take half a minute to make."""

    noted: list[tuple[str, Any]] = []

    def __init__(self, tracking_uri: str) -> None:
        assert tracking_uri == "sqlite:///runs.db"

    def get_experiment_by_name(self, name: str) -> Any:
        return None

    def create_experiment(self, name: str) -> str:
        return name

    def create_run(self, number: str) -> Any:
        return type("Run", (), {"info": type("Info", (), {"run_id": f"{number}-1"})})

    def log_batch(self, run: str, metrics: Any = (), params: Any = ()) -> None:
        assert run == "twoalike-1"
        self.noted.extend((one.key, (one.step, one.value)) for one in metrics)
        self.noted.extend((one.key, one.value) for one in params)

    def set_terminated(self, run: str, status: str) -> None:
        self.noted.append(("status", status))


def test_mlflow_gets_the_numbers_of_a_run_that_resumed_as_of_one(
    squares: Squares, tmp_path: Path, killed_at: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///runs.db")
    monkeypatch.setattr("mlflow.tracking.MlflowClient", Client)
    monkeypatch.setattr(Client, "noted", [])
    known = stopped_and_resumed(squares, tmp_path / "anna", killed_at, logger="mlflow")
    assert known["mlflow"] == "twoalike-1"
    found = Client.noted
    assert [value for key, value in found if key == "status"] == ["FAILED", "RUNNING", "FINISHED"]
    assert ("steps", "6") in found
    # The step after the last checkpoint was taken twice, to the same end.
    losses = {value for key, value in found if key == "loss"}
    assert sorted(step for step, _ in losses) == [1, 2, 3, 4, 5, 6]
    assert all(value > 0 for _, value in (one for key, one in found if key == "held_out/kl"))
    assert "anna" not in str(found)


@pytest.mark.slow
def test_mlflow_has_one_run_of_a_run_that_resumed(
    squares: Squares, tmp_path: Path, killed_at: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("alembic")
    from mlflow.tracking import MlflowClient

    store = f"sqlite:///{tmp_path / 'runs.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    known = stopped_and_resumed(squares, tmp_path / "anna", killed_at, logger="mlflow")
    client = MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("twoalike")
    assert experiment is not None
    (found,) = client.search_runs([experiment.experiment_id])
    assert (found.info.run_id, found.info.status) == (known["mlflow"], "FINISHED")
    assert found.data.params["steps"] == "6"
    losses = client.get_metric_history(known["mlflow"], "loss")
    assert {metric.step for metric in losses} == {1, 2, 3, 4, 5, 6}
    assert b"anna" not in (tmp_path / "runs.db").read_bytes()


@pytest.mark.parametrize(
    ("uri", "match"),
    [("", "Set MLFLOW_TRACKING_URI"), ("sqlite:///runs.db", r"pip install 'twoalike\[tracking\]'")],
)
def test_mlflow_says_in_one_line_what_it_lacks(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str, match: str
) -> None:
    """An address, or what mlflow-skinny needs beside itself for a database."""

    def without(self: Client, name: str) -> None:
        raise ModuleNotFoundError("No module named 'alembic'")

    monkeypatch.setattr(Client, "get_experiment_by_name", without)
    monkeypatch.setattr("mlflow.tracking.MlflowClient", Client)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if uri:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(TwoalikeError, match=match) as caught:
        run(squares, tmp_path / "student", logger="mlflow")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_wandb_offline_has_one_run_of_a_run_that_resumed(
    squares: Squares, tmp_path: Path, killed_at: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    out = tmp_path / "anna"
    known = stopped_and_resumed(squares, out, killed_at, logger="wandb")
    files = sorted((out / "wandb").glob("offline-run-*/run-*.wandb"))
    assert {path.stem for path in files} == {f"run-{known['wandb']}"}
    content = b"".join(path.read_bytes() for path in files)
    assert b"held_out/kl" in content
    assert b"anna" not in content


def test_numbers_go_to_tensorboard_too(squares: Squares, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run(squares, tmp_path / "s", tensorboard=True)
    events = EventAccumulator(str(tmp_path / "s" / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == [1, 2, 3, 4, 5, 6]
    assert [event.step for event in events.Scalars("held_out/kl")] == [0, 2, 4, 6]
