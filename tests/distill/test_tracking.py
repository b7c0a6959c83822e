"""Numbers of a run as TensorBoard's event files."""

from pathlib import Path

from tests.distill.conftest import Squares, run


def test_numbers_go_to_tensorboard_too(squares: Squares, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run(squares, tmp_path / "s", tensorboard=True)
    events = EventAccumulator(str(tmp_path / "s" / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == [1, 2, 3, 4, 5, 6]
    assert [event.step for event in events.Scalars("held_out/kl")] == [0, 2, 4, 6]
