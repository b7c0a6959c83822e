"""The model to extend: what it holds, that its observers can be replaced, and what is refused."""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

from twoalike.embedding import build_model
from twoalike.study import TwoalikeError


def test_it_has_a_potential_for_each_question(world: Any) -> None:
    model = build_model(world.judge(60, 1), prior="softplus", dimensions=2)
    assert [potential.name for potential in model.potentials] == ["choices_0"]
    assert {"embedding", "temperature", "lapse"} <= set(model.named_vars)
    assert np.isfinite(model.compile_logp(mode="FAST_COMPILE")(model.initial_point()))


def test_observers_can_be_replaced(world: Any) -> None:
    age = {f"person_{k}": float(k) for k in range(6)}

    def observers(participants: tuple[str, ...]) -> tuple[Any, Any]:
        slope = pm.Normal("slope", 0, 1)
        years = np.array([age[name] for name in participants])
        temperature = pm.Deterministic("temperature", pm.math.exp(slope * years))
        return temperature, pt.full(len(years), 0.05)

    model = build_model(world.judge(60, 1), prior="softplus", dimensions=2, observers=observers)
    assert {"slope", "temperature"} <= set(model.named_vars)
    assert "lapse_location" not in model.named_vars
    assert np.isfinite(model.compile_logp(mode="FAST_COMPILE")(model.initial_point()))


def test_nothing_to_model_and_unknown_settings_are_refused(world: Any) -> None:
    with pytest.raises(TwoalikeError, match="found none of them"):
        build_model()
    with pytest.raises(TwoalikeError, match="dimensionen"):
        build_model(world.judge(60, 1), dimensionen=2)
