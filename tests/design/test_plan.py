"""Sessions with a plan, sides of attention checks, settings that contradict, and exclusion."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twoalike.design import TrialForm, excluded, random_trial_list, summarize_design
from twoalike.design._order import GAP, check_places, plan_order
from twoalike.stimuli import StimulusSet
from twoalike.study import DesignConfig, ExclusionConfig, StudyConfig, TwoalikeError, load_toml

Objects = Callable[[int, int, int], StimulusSet]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["main", "catch"]), st.integers(1, 30)), st.just(("break", 0))
    ),
    max_size=12,
)


@settings(deadline=None)
@given(STEPS, st.integers(0, 99))
def test_a_plan_is_followed(steps: list[tuple[str, int]], seed: int) -> None:
    plan = [kind if kind == "break" else f"{kind} {n}" for kind, n in steps]
    order, blocks = plan_order(plan, np.random.default_rng(seed))
    expected = [kind for kind, n in steps for _ in range(n)]
    assert [kind for kind, _ in order] == expected
    for kind in ("main", "catch"):
        assert [i for name, i in order if name == kind] == list(range(expected.count(kind)))
    # A new block exactly where a break stands between two trials.
    done, breaks = 0, set()
    for kind, n in steps:
        if kind == "break":
            breaks.add(done)
        done += n
    found = {at for at in range(1, len(blocks)) if blocks[at] == blocks[at - 1] + 1}
    assert found == {at for at in breaks if 0 < at < done}
    assert sorted(blocks) == blocks
    assert blocks[:1] in ([], [1])


def test_repeats_of_a_plan_come_late_and_once(rng: np.random.Generator) -> None:
    order, _ = plan_order(["main 12", "break", "repeat 3", "main 8", "repeat 4"], rng)
    repeats = [(at, index) for at, (kind, index) in enumerate(order) if kind == "repeat"]
    assert len({index for _, index in repeats}) == 7
    assert all(at - order.index(("main", index)) >= GAP for at, index in repeats)
    with pytest.raises(ValueError, match="no main trial 10 trials before it"):
        plan_order(["main 10", "repeat 11"], rng)
    for few in range(1, 10):
        with pytest.raises(ValueError, match="no main trial"):
            plan_order([f"main {few}", "repeat 1"], rng)


def test_a_session_with_a_plan(objects: Objects, rng: np.random.Generator) -> None:
    config = DesignConfig(
        trials=30,
        practice=2,
        catch=3,
        catch_sides=[0, 1, 2],
        repeats=2,
        plan=["main 15", "catch 1", "break", "main 15", "catch 2", "repeat 2"],
    )
    table = random_trial_list(objects(3, 3, 2), config, rng)
    assert table["block_index"].tolist() == [1] * 2 + [2] * 16 + [3] * 19
    assert table["trial_type"].tolist()[-4:] == ["catch"] * 2 + ["repeat"] * 2
    assert summarize_design([table], objects(3, 3, 2).ids).catch_sides == (0, 1, 2)
    late = config.model_copy(update={"plan": ["main 5", "repeat 2", "main 25", "catch 3"]})
    with pytest.raises(TwoalikeError, match="design: a repeat of the plan"):
        random_trial_list(objects(3, 3, 2), late, rng)


@settings(deadline=None)
@given(st.tuples(*[st.integers(0, 9)] * 3), st.integers(0, 99))
def test_the_odd_one_of_checks_stands_where_asked(sides: tuple[int, int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    odd = rng.integers(3, size=sum(sides))
    places = check_places(odd, TrialForm(3), rng, sides if any(sides) else ())
    assert np.bincount(places[np.arange(len(odd)), odd], minlength=3).tolist() == list(sides)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("trials = 10\nplan = ['main 9']", "'design.plan': has 9 main trials, but"),
        ("trials = 9\nplan = ['main 9', 'catch 1']", "has 1 catch trials, but catch is 0"),
        ("trials = 9\nplan = ['main 9', 'pause']", "'pause' is no step such as 'main 50'"),
        ("trials = 9\nplan = ['main 9', 'main 0']", "'main 0' is no step"),
        ("catch = 4\ncatch_sides = [2, 1, 2]", "expected three numbers that sum to catch (4)"),
        ("catch = 4\ncatch_sides = [2, 2]", "expected three numbers"),
        ("[design.shares]\nwithin = 0.5", "must sum to 1, they sum to 1.1"),
        ("[design.shares]\nwithin = -1", "'design.shares.within'"),
        ("[design.shares]\nwithing = 0.4", "did you mean 'within'?"),
        ("sampler = 'level'", "'design.sampler'"),
        ("pair_repeats = 0", "'design.pair_repeats'"),
        ("random_share = 1.5", "'design.random_share'"),
        ("[exclusion]\ncatch_accuracy = 90", "'exclusion.catch_accuracy'"),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, table: str, expected: str) -> None:
    path = tmp_path / "study.toml"
    path.write_text(f'title = "t"\nseed = 5\n[design]\n{table}\n')
    with pytest.raises(TwoalikeError) as caught:
        load_toml(path, StudyConfig)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def session(right: int, checks: int, missed: int, others: int = 20) -> pd.DataFrame:
    """Raw rows as text: checks of which some are right, other trials of which some are missed."""
    kinds = ["catch"] * checks + ["main"] * others
    expected = ["2"] * checks + ["n/a"] * others
    response = ["2"] * right + ["3"] * (checks - right)
    response += ["n/a"] * missed + ["1"] * (others - missed)
    return pd.DataFrame({"trial_type": kinds, "expected_odd": expected, "response": response})


@pytest.mark.parametrize(
    ("right", "checks", "missed", "reason"),
    [
        (16, 16, 10, None),
        (15, 16, 0, None),
        (14, 16, 0, "14 of 16 right, 90 % expected"),  # two errors in 16 suffice
        (16, 16, 11, "no response in 11 trials, 10 allowed"),
        (9, 10, 0, None),  # exactly the limit
        (0, 0, 10, None),  # no checks
        (0, 0, 11, "no response in 11"),
    ],
)
def test_the_exclusion_rule_of_the_levels_study(
    right: int, checks: int, missed: int, reason: str | None
) -> None:
    raw = session(right, checks, missed)
    before = raw.copy()
    found = excluded(raw, ExclusionConfig())
    assert (found is None) if reason is None else (found is not None and reason in found)
    assert raw.equals(before)
    numbers = raw.replace("n/a", None).astype({"expected_odd": "Int64", "response": "Int64"})
    assert excluded(numbers, ExclusionConfig()) == found


def test_a_check_without_a_response_is_not_right_and_counts_as_missed() -> None:
    raw = session(16, 16, 10)
    raw.loc[0, "response"] = "n/a"
    assert "no response in 11" in str(excluded(raw, ExclusionConfig()))
    assert "15 of 16" in str(excluded(raw, ExclusionConfig(catch_accuracy=1.0)))
    assert excluded(raw, ExclusionConfig(missed=11)) is None
