"""Priors and observers of somebody else: in a model, in a fit, in a file; and what is refused."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pymc as pm

import twoalike.api as ta
from twoalike.embedding import Posterior, build_model

AGE = {f"person_{k}": 20.0 + 5 * k for k in range(6)}


@dataclass(frozen=True)
class Ageing(ta.Observers):
    """Temperatures that depend on age alone; lapses that are not pooled."""

    scale: float = 1.0
    stored = {"temperature_age": ""}

    def add(self, participants: tuple[str, ...], covariates: Any) -> tuple[Any, Any]:
        slope = pm.Normal("temperature_age", 0, self.scale)
        pm.Potential("known", -1e4 * (slope - 0.7) ** 2)
        lapse = pm.Beta("lapse", 1, 20, dims="participant")
        return pm.math.exp(slope * covariates["age"].to_numpy()), lapse


def density(model: pm.Model) -> float:
    return float(model.compile_logp(mode="FAST_COMPILE")(model.initial_point()))


def test_it_has_a_potential_for_each_question_and_the_hyperparameters_asked_for(world: Any) -> None:
    choices, given = world.judge(60, 1), {"prior": ta.Softplus(), "dimensions": 2}
    model = build_model(choices, **given)
    assert [potential.name for potential in model.potentials] == ["choices_0"]
    assert {"embedding", "temperature", "lapse"} <= set(model.named_vars)
    rare = ta.PooledObservers(lapse_location=-6.0, lapse_location_sd=0.1)
    other = build_model(choices, observers=rare, **given)
    assert np.isfinite([density(model), density(other)]).all()
    means = [pm.draw(of["lapse"], 50, random_seed=1).mean() for of in (model, other)]
    assert means[1] < 0.03 < means[0]


def test_observers_can_be_replaced_also_in_a_fit(world: Any, tmp_path: Path) -> None:
    given: dict[str, Any] = {"observers": Ageing(scale=0.5), "covariates": {"age": AGE}}
    given |= {"prior": ta.SpikeAndSlab(total=2.0), "dimensions": 2, "people": "weights"}
    model = build_model(world.judge(60, 1), **given)
    assert {"temperature_age", "temperature", "log_weight"} <= set(model.named_vars)
    assert "lapse_location" not in model.named_vars and np.isfinite(density(model))
    short: dict[str, Any] = {"engine": "vi", "quick": True, "steps": 100, "draws": 4, "chains": 2}
    short |= {"hold": 0.0, "rate": 0.1}
    ta.fit(world.judge(60, 1), **given, **short, out=tmp_path / "p.nc")
    posterior = Posterior.load(tmp_path / "p.nc")
    assert posterior.attrs["observers"] == f"{__name__}:Ageing"
    assert posterior.attrs["prior"] == "spike-and-slab"
    numbers = posterior.attrs["hyperparameters"]
    assert numbers["prior"] == {"spike": 0.1, "tail": 3.0, "total": 2.0}
    assert numbers["observers"] == {"weight_spread": 0.5, "slope": 0.5, "scale": 0.5}
    age = posterior.tree["posterior"]["temperature_age"]
    assert age.dims == ("chain", "draw") and 0.4 < float(age.mean()) < 1.0  # by its potential
    # Whoever lacks the module reads and predicts.
    code = "import sys, twoalike.api as ta; ta.predict(sys.argv[1], [['object_00', *sys.argv[2:]]])"
    words = [sys.executable, "-c", code, tmp_path / "p.nc", "object_01", "object_02"]
    subprocess.run(words, check=True, cwd=tmp_path)
