"""A run's numbers: training.jsonl, and event files, Weights & Biases or MLflow if asked for.

Lightning has a logger for TensorBoard; those for Weights & Biases and MLflow are here. Both get
settings, hashes and numbers only: no path, no name of a folder, user or computer, since these may
name people. Their own environment variables decide where they write to (``WANDB_MODE=offline``,
``MLFLOW_TRACKING_URI``). Their number of the run is kept beside the checkpoints, so that a run that
resumes stays one run.
"""

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from twoalike.distill._checkpoint import as_lines, checkpoints_of
from twoalike.distill._config import DistillConfig
from twoalike.study import TwoalikeError, flattened, read_json, shortened, write_json, writing

type Record = dict[str, Any]
"""One line of training.jsonl: a step, or the scores after a step."""

FILE, FOLDER, PROJECT = "training.jsonl", "tensorboard", "twoalike"
RUN = "tracking.json"
"""In the folder of checkpoints: the numbers of the run with its loggers."""


class Logger(Protocol):
    """What numbers go to; Lightning's logger for TensorBoard is one."""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Write the numbers of a step."""

    def finalize(self, status: str) -> None:
        """Finish: ``status`` is ``success`` or ``failed``."""


class Metrics:
    """The log's files; a record is on the disk once it has been added."""

    def __init__(self, path: Path, lines: Any, loggers: list[Logger]) -> None:
        self._path, self._lines, self._loggers = path, lines, loggers

    def add(self, record: Record) -> None:
        """Write one record."""
        with writing(self._path):
            self._lines.write(as_lines([record]))
            self._lines.flush()
        if self._loggers:
            numbers = dict(_flat(record))
            step = int(numbers.pop("step"))
            for logger in self._loggers:
                logger.log_metrics(numbers, step)


@contextmanager
def open_metrics(
    folder: Path, log: list[Record], config: DistillConfig, origin: Mapping[str, Any]
) -> Iterator[Metrics]:
    """Open the log of a run in its folder; records that are not in ``log`` are dropped.

    ``origin`` are hashes of what the run began with, which loggers get beside the settings.
    """
    path = folder / FILE
    with writing(path):
        folder.mkdir(parents=True, exist_ok=True)
    names = {config.logger} | ({"tensorboard"} if config.tensorboard else set())
    settings = {**config.model_dump(mode="json"), **origin}
    loggers = [_LOGGERS[name](folder, log, settings) for name in sorted(filter(None, names))]
    with writing(path):
        lines = path.open("w", encoding="utf-8")
    status = "failed"
    with lines:
        with writing(path):
            lines.write(as_lines(log))
            lines.flush()
        try:
            yield Metrics(path, lines, loggers)
            status = "success"
        finally:
            for logger in loggers:
                logger.finalize(status)


def _flat(record: Record, prefix: str = "") -> Iterator[tuple[str, float]]:
    """Numbers of a record by name; those of nested records as ``part/name``."""
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}/")
        elif value is not None:
            yield f"{prefix}{name}", float(value)


def _event_files(folder: Path, log: list[Record], settings: Mapping[str, Any]) -> Logger:
    from lightning_fabric.loggers.tensorboard import TensorBoardLogger

    step = log[-1]["step"] + 1 if log else None
    return TensorBoardLogger(folder, name=FOLDER, version="", purge_step=step)


class WandbLogger:
    """A run of Weights & Biases."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], run: str | None) -> None:
        import wandb

        self.run = run or secrets.token_hex(8)
        quiet = wandb.Settings(
            console="off",
            silent=True,
            disable_git=True,
            save_code=False,
            x_disable_meta=True,
            x_disable_machine_info=True,
            host="",
        )
        project = os.environ.get("WANDB_PROJECT", PROJECT)
        with _one_line("wandb", "Log in with `wandb login`, or set WANDB_MODE=offline."):
            self._handle = wandb.init(
                project=project, id=self.run, resume="allow", dir=folder, config=dict(settings),
                settings=quiet,
            )  # fmt: skip
            # Steps that are repeated after a resume would be dropped by W&B's own counter.
            self._handle.define_metric("step", hidden=True)
            self._handle.define_metric("*", step_metric="step")

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Write the numbers of a step."""
        self._handle.log({**metrics, "step": step})

    def finalize(self, status: str) -> None:
        """Wait until everything is written or sent."""
        self._handle.finish(exit_code=int(status != "success"))


class MlflowLogger:
    """A run of MLflow, in the store that MLFLOW_TRACKING_URI names."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], run: str | None) -> None:
        from mlflow.entities import Param
        from mlflow.tracking import MlflowClient

        uri = os.environ.get("MLFLOW_TRACKING_URI")
        if not uri:
            raise TwoalikeError(
                where="logger = 'mlflow'",
                expected="MLFLOW_TRACKING_URI: a server's address, or sqlite:///FILE.db",
                found="none",
            )
        with self._one_line():
            self._client = MlflowClient(tracking_uri=uri)
            if run is not None:
                self.run = run
                self._client.set_terminated(run, "RUNNING")
                return
            name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
            known = self._client.get_experiment_by_name(name)
            number = known.experiment_id if known else self._client.create_experiment(name)
            self.run = self._client.create_run(number).info.run_id
            parameters = [Param(key, str(value)) for key, value in flattened(settings).items()]
            self._client.log_batch(self.run, params=parameters)

    @staticmethod
    def _one_line() -> Any:
        return _one_line("mlflow", "Correct MLFLOW_TRACKING_URI.")

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Write the numbers of a step."""
        from mlflow.entities import Metric

        numbers = [Metric(key, value, 0, step or 0) for key, value in metrics.items()]
        with self._one_line():
            self._client.log_batch(self.run, metrics=numbers)

    def finalize(self, status: str) -> None:
        """Mark the run as finished or failed."""
        with self._one_line():
            self._client.set_terminated(self.run, "FINISHED" if status == "success" else "FAILED")


@contextmanager
def _one_line(logger: str, remedy: str) -> Iterator[None]:
    """Turn what a tracking system raises, often over many lines, into one line."""
    try:
        yield
    except Exception as error:  # both have errors of their own, and those of several transports
        if isinstance(error, ModuleNotFoundError):  # databases need more than mlflow-skinny
            remedy = "Run `pip install 'twoalike[tracking]'`."
        raise TwoalikeError(
            f"it cannot write ({shortened(error, 200)})",
            where=f"logger = {logger!r}",
            remedy=f"{remedy} A run that has begun goes on with `resume=True`.",
        ) from error


def _tracked(
    name: str,
    kind: type[WandbLogger | MlflowLogger],
    folder: Path,
    log: list[Record],
    settings: Mapping[str, Any],
) -> Logger:
    """Continue the run's own run in a tracking system, or begin one there and note its number."""
    path = checkpoints_of(folder) / RUN
    known = read_json(path, "tracking") if path.is_file() else {"kind": "tracking"}
    logger = kind(folder, settings, known.get(name))
    if known.get(name) != logger.run:
        write_json(path, {**known, "schema_version": 1, name: logger.run})
    return logger


_LOGGERS: dict[str, Callable[[Path, list[Record], Mapping[str, Any]], Logger]] = {
    "tensorboard": _event_files,
    "wandb": partial(_tracked, "wandb", WandbLogger),
    "mlflow": partial(_tracked, "mlflow", MlflowLogger),
}
