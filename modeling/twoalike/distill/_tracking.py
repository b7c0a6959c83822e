"""A run's numbers in Weights & Biases or MLflow.

They get settings, hashes and numbers: no path, no name of a folder, user or computer. Their own
environment variables say where to (``WANDB_MODE=offline``, ``MLFLOW_TRACKING_URI``).
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twoalike.study import TwoalikeError, flattened, read_json, shortened, write_json

_REMEDIES = {
    "wandb": "Log in with `wandb login`, or set WANDB_MODE=offline.",
    "mlflow": "Set MLFLOW_TRACKING_URI to a server's address, or to sqlite:///FILE.db.",
}


class Tracker:
    """A run in a tracking system, by a number kept in ``beside``, so that it resumes as one run."""

    def __init__(self, name: str, folder: Path, beside: Path, settings: Mapping[str, Any]) -> None:
        self.name, path = name, beside / "tracking.json"
        known = read_json(path, "tracking") if path.is_file() else {"kind": "tracking"}
        with self._one_line():
            opened = {"wandb": _wandb, "mlflow": _mlflow}[name](folder, settings, known.get(name))
        run, self._write, self._finish = opened
        write_json(path, {**known, "schema_version": 1, name: run})

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        """Write the numbers of a step."""
        with self._one_line():
            self._write(metrics, step)

    def finalize(self, status: str) -> None:
        """Wait until all is written: ``status`` is ``success`` or ``failed``."""
        with self._one_line():
            self._finish(status == "success")

    @contextmanager
    def _one_line(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # both have errors of their own, and those of several transports
            missing = isinstance(error, ModuleNotFoundError)
            remedy = "Run `pip install 'twoalike[tracking]'`." if missing else _REMEDIES[self.name]
            raise TwoalikeError(
                f"it cannot write ({shortened(error, 200)})",
                where=f"logger = {self.name!r}",
                remedy=f"{remedy} A run that has begun goes on with `resume=True`.",
            ) from error


def _wandb(folder: Path, settings: Mapping[str, Any], run: str | None) -> tuple[str, Any, Any]:
    import wandb

    private: dict[str, Any] = {
        "disable_git": True,
        "x_disable_meta": True,
        "x_disable_machine_info": True,
    }
    quiet = wandb.Settings(console="off", silent=True, save_code=False, host="", **private)
    run, project = run or secrets.token_hex(8), os.environ.get("WANDB_PROJECT", "twoalike")
    opened = wandb.init(
        project=project, id=run, resume="allow", dir=folder, config={**settings}, settings=quiet
    )
    # Steps that are repeated after a resume would be dropped by W&B's own counter.
    opened.define_metric("step", hidden=True)
    opened.define_metric("*", step_metric="step")
    return (
        run,
        lambda numbers, step: opened.log({**numbers, "step": step}),
        lambda well: opened.finish(exit_code=int(not well)),
    )


def _mlflow(folder: Path, settings: Mapping[str, Any], run: str | None) -> tuple[str, Any, Any]:
    from mlflow.entities import Metric, Param
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=os.environ["MLFLOW_TRACKING_URI"])
    if run is None:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "twoalike")
        known = client.get_experiment_by_name(name)
        number = known.experiment_id if known else client.create_experiment(name)
        run = str(client.create_run(number).info.run_id)
        parameters = [Param(key, str(value)) for key, value in flattened(settings).items()]
        client.log_batch(run, params=parameters)
    else:
        client.set_terminated(run, "RUNNING")

    def write(numbers: dict[str, float], step: int) -> None:
        metrics = [Metric(key, value, 0, step) for key, value in numbers.items()]
        client.log_batch(run, metrics=metrics)

    return run, write, lambda well: client.set_terminated(run, "FINISHED" if well else "FAILED")
