"""A run's numbers while it runs: ``training.jsonl``, and TensorBoard where it is wanted."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twoalike.distill._checkpoint import as_lines
from twoalike.study import writing

Record = dict[str, Any]
"""One line of training.jsonl: of a step, or of the scores after a step."""
FILE, FOLDER = "training.jsonl", "tensorboard"


class Metrics:
    """Where the records go; a record is on the disk when it was added."""

    def __init__(self, path: Path, lines: Any, board: Any) -> None:
        self._path, self._lines, self._board = path, lines, board

    def add(self, record: Record) -> None:
        """Write one record.

        Raises
        ------
        TwoalikeError
            If the disk is full.
        """
        with writing(self._path):
            self._lines.write(as_lines([record]))
            self._lines.flush()
        if self._board is not None:
            numbers = dict(_flat(record))
            step = int(numbers.pop("step"))
            self._board.log_metrics(numbers, step)


@contextmanager
def open_metrics(folder: Path, log: list[Record], *, tensorboard: bool) -> Iterator[Metrics]:
    """Open the files of a run that stands where ``log`` ends: what came later is dropped.

    Parameters
    ----------
    folder
        The student's.
    log
        Records up to the checkpoint.
    tensorboard
        Write event files to ``tensorboard/`` as well.

    Raises
    ------
    TwoalikeError
        If the folder cannot be made or written to.
    """
    path, board = folder / FILE, None
    with writing(path):
        folder.mkdir(parents=True, exist_ok=True)
    if tensorboard:
        from lightning_fabric.loggers.tensorboard import TensorBoardLogger

        step = log[-1]["step"] + 1 if log else None
        board = TensorBoardLogger(folder, name=FOLDER, version="", purge_step=step)
    with writing(path):
        lines = path.open("w", encoding="utf-8")
    with lines:
        with writing(path):
            lines.write(as_lines(log))
            lines.flush()
        try:
            yield Metrics(path, lines, board)
        finally:
            if board is not None:
                board.finalize("done")


def _flat(record: Record, prefix: str = "") -> Iterator[tuple[str, float]]:
    """Numbers of a record by name, those of its parts as ``part/name``."""
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}/")
        elif value is not None:
            yield f"{prefix}{name}", float(value)
