"""A whole multi-arrangement session by a simulated person: sizes of images, progress."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from twoalike.observers import SimulatedObserver
from twoalike.record import Progress
from twoalike.stimuli import StimulusSet
from twoalike.study import Study
from twoalike.tasks import (
    Arena,
    Item,
    NoWindow,
    Page,
    Prepared,
    Scene,
    Session,
    SimulatedParticipant,
    Sitting,
    View,
    VirtualClock,
    prepare_session,
    run_session,
)
from twoalike.tasks.multi_arrangement import ArrangementResult

MORE = "[arrangement]\nmax_items = 5\npractice_items = 3\n"


def prepare(root: Path) -> Prepared:
    study = Study.load(root)
    ids = StimulusSet.load(study.stimuli).ids
    embedding = np.random.default_rng(5).gamma(1.0, size=(len(ids), 5))
    observer = SimulatedObserver(ids, embedding)
    return prepare_session(
        "multi-arrangement", Sitting(study=study, participant="901", session=1, observer=observer)
    )


def go_through(prepared: Prepared) -> tuple[list[Item], list[tuple[str, Scene]]]:
    """Run a session without a window: what is kept, and each activity's last scene."""
    clock = VirtualClock()
    screen = NoWindow(clock)
    session = Session(prepared.script(View(screen.size), Progress()), "Stop?")
    player = SimulatedParticipant(prepared.hands(screen, clock), screen, clock)
    kept: list[Item] = []
    seen: list[tuple[object, str, Scene]] = []

    def act(state: Session) -> None:
        assert state.activity is not None
        if seen and seen[-1][0] is state.activity:
            seen.pop()
        seen.append((state.activity, state.activity.name, state.scene))
        player.act(state)

    assert run_session(session, screen, kept.append, act) == "completed"
    return kept, [(name, scene) for _, name, scene in seen]


def bars(seen: list[tuple[str, Scene]]) -> list[float | None]:
    """Progress that the trials show, and the last page."""
    trials = [scene.progress for _, scene in seen if isinstance(scene, Arena)]
    name, last = seen[-1]
    assert name == "end"
    assert isinstance(last, Page)
    assert last.progress is not None
    return [*trials, last.progress[0] / last.progress[1]]


def check_progress(found: list[float | None]) -> list[float]:
    """None in practice, then from 0 to 1 without a step back."""
    assert found[0] is None
    shares = [share for share in found[1:] if share is not None]
    assert len(shares) == len(found) - 1
    assert shares[0] == 0
    assert shares[-1] == 1
    assert all(one <= other for one, other in itertools.pairwise(shares))
    return shares


@pytest.mark.parametrize("ends", ["max_trials = 3\nstop_evidence = 9", "stop_evidence = 0.1"])
def test_progress_counts_the_trials_or_the_evidence_that_ends_the_session(
    make_study: Callable[..., Path], ends: str
) -> None:
    root = make_study(design=f"{MORE}{ends}\nsession_minutes = 0\n")
    shares = check_progress(bars(go_through(prepare(root))[1]))
    assert len(shares) > 2
    assert "max_trials" not in ends or shares == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_progress_counts_the_time_where_it_ends_the_session(
    make_study: Callable[..., Path],
) -> None:
    root = make_study(design=f"{MORE}stop_evidence = 99\nsession_minutes = 1.5\n")
    kept, seen = go_through(prepare(root))
    shares = check_progress(bars(seen))
    main = [r for r in kept if isinstance(r, ArrangementResult) and r.trial_type == "main"]
    spent = np.cumsum([0, *(result.ending.time - result.onset for result in main)])
    assert spent[-1] >= 90 > spent[-2]
    assert shares[:-1] == pytest.approx((spent[:-1] / 90).tolist())


def test_each_trial_has_images_as_large_as_their_number_allows(
    make_study: Callable[..., Path],
) -> None:
    root = make_study(design="[arrangement]\nmax_items = 8\nmax_trials = 2\npractice_items = 3\n")
    prepared = prepare(root)
    kept, seen = go_through(prepared)
    sizes = [
        {image.size for image in scene.images} for _, scene in seen if isinstance(scene, Arena)
    ]
    results = [item for item in kept if isinstance(item, ArrangementResult)]
    recorded = [result.item_px for result in results]
    assert sizes == [{size} for size in recorded]
    assert [len(result.places) for result in results[:2]] == [3, 8]
    assert recorded[0] > recorded[1]
    # The window gets pictures ready that are large enough for each of them.
    assert prepared.image_size(View((1280, 1024))) >= max(recorded)
