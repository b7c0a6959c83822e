"""Collecting a study in a moment: the design's own trial lists, judged by simulated people."""

from dataclasses import replace

import numpy as np
import pandas as pd

from twoalike.design import covering_bound, session_trial_lists, shown_objects
from twoalike.judgments import choices_table
from twoalike.observers import SimulatedObserver, draw_population
from twoalike.recovery._world import World
from twoalike.stimuli import StimulusSet
from twoalike.study import DesignConfig, Study, TwoalikeError
from twoalike.tables import STIMULI


def planned_study(study: Study, trials: int) -> Study:
    """Give the study one session a person of ``trials`` main trials, and of its repeats.

    Practice and attention checks inform no fit and are left out.

    Raises
    ------
    TwoalikeError
        If its sampler needs more than the study to choose triplets.
    """
    design = study.config.design
    if design.sampler in ("adaptive", "list"):
        why = (
            "chooses as judgments come in" if design.sampler == "adaptive" else "has its own lists"
        )
        raise TwoalikeError(
            f"power simulates the samplers random, coverage and levels, found {design.sampler}, "
            f"which {why}. Name one of them: --sampler random."
        )
    none = {"practice": 0, "practice_checks": 0, "catch": 0, "catch_sides": [], "plan": []}
    settings = design.model_dump() | none | {"trials": trials}
    updated = study.config.model_copy(update={"design": DesignConfig.model_validate(settings)})
    return replace(study, config=updated)


def unit_of(study: Study) -> int:
    """Give the number of people that a design comes in multiples of."""
    design = study.config.design
    return max(design.lists_per_triplet, 1) if design.sampler == "levels" else 1


def fewest_people(study: Study, stimuli: StimulusSet) -> int:
    """Fewest people whom a planned study can be shared out to."""
    design = study.config.design
    if design.sampler != "coverage":
        return unit_of(study)
    m = len(shown_objects(stimuli, design))
    return -(-covering_bound(m, design.pair_repeats) // design.trials)


def collect(
    study: Study,
    stimuli: StimulusSet,
    world: World,
    participants: int,
    seed: tuple[int, ...],
    *,
    people_differ: bool,
) -> pd.DataFrame:
    """Simulate the choices of a whole study.

    Parameters
    ----------
    study
        As :func:`planned_study` gives it.
    world
        The true space.
    participants
        Number of people, each of one session.
    seed
        Seeds lists, people and choices.
    people_differ
        Whether people differ in temperature and in their share of guesses, or are all typical.

    Returns
    -------
    Table of choices.
    """
    rng = np.random.default_rng([*seed, 1])
    lists_seed = int(np.random.SeedSequence([*seed, 2]).generate_state(1)[0])
    seeded = replace(study, config=study.config.model_copy(update={"seed": lists_seed}))
    labels = [f"{number:03d}" for number in range(1, participants + 1)]
    tables = session_trial_lists(seeded, stimuli, labels, 1)
    people = _people(world.observer, participants, rng, differ=people_differ)
    place = {name: row for row, name in enumerate(world.observer.ids)}
    parts = [
        _choose(person, table, label, place, rng)
        for person, table, label in zip(people, tables, labels, strict=True)
    ]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return choices_table(columns, list(world.observer.ids))


def _people(
    typical: SimulatedObserver, n: int, rng: np.random.Generator, *, differ: bool
) -> list[SimulatedObserver]:
    if not differ:
        return [typical] * n
    # Those who hardly look are told by attention checks and replaced: none is careless here.
    mean_lapse = typical.lapse or 0.5
    temperature, lapse = draw_population(n, rng, mean_lapse=mean_lapse, careless=0)
    lapse = lapse if typical.lapse else np.zeros(n)
    return [
        replace(typical, temperature=float(typical.temperature * t), lapse=float(guess))
        for t, guess in zip(temperature, lapse, strict=True)
    ]


def _choose(
    person: SimulatedObserver,
    trials: pd.DataFrame,
    label: str,
    place: dict[str, int],
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Columns of one person's choices."""
    triplets = np.stack([trials[item].map(place).to_numpy(np.int64) for item in STIMULI], axis=1)
    # Gumbel noise turns the largest log-probability into a draw of that probability.
    logs = np.log(np.maximum(person.choice_probabilities(triplets), 1e-300))
    chosen = 1 + np.argmax(logs + rng.gumbel(size=logs.shape), axis=1)
    columns = {f"item_{k + 1}": triplets[:, k] for k in range(3)}
    return columns | {
        "chosen": chosen,
        "participant": np.full(len(trials), label),
        "trial_type": trials["trial_type"].to_numpy(str),
    }
