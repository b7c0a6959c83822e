"""Orders of tasks and conditions: a Williams design, shared out evenly, kept."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from twoalike.record import balanced_orders, in_group, rarest_order
from twoalike.study import Study, TwoalikeError

SITTING = '[sitting]\ntasks = ["odd-one-out", "anchored-choice"]\n'
CONDITIONS = '[[conditions]]\nname = "shape"\n[[conditions]]\nname = "use"\n'


def study_with(root: Path, more: str) -> Study:
    text = (root / "study.toml").read_text()
    (root / "study.toml").write_text(text + more)
    return Study.load(root)


def join(study: Study, code: str, **options: object) -> Study:
    stated = {"simulated": False, "several_tasks": True, **options}
    with in_group(study, study.raw, code, **stated) as own:  # type: ignore[arg-type]
        return own


@pytest.mark.parametrize("n", range(1, 8))
def test_each_part_is_at_each_place_and_after_each_other_equally_often(n: int) -> None:
    orders = balanced_orders(n)
    assert all(sorted(order) == list(range(n)) for order in orders)
    places = Counter((place, part) for order in orders for place, part in enumerate(order))
    assert len(places) == n * n
    assert len(set(places.values())) == 1
    after = Counter(pair for order in orders for pair in pairwise(order))
    assert len(after) == n * (n - 1)
    assert len(set(after.values())) <= 1


def test_people_near_come_first_and_ties_are_drawn_without_favour() -> None:
    near, everybody = [("a", "b")], [("a", "b"), ("b", "a"), ("b", "a")]
    assert rarest_order(["a", "b"], [near, everybody], [1]) == ("b", "a")
    drawn = Counter(rarest_order(["a", "b", "c"], [[]], [seed]) for seed in range(600))
    assert len(drawn) == 6
    assert min(drawn.values()) > 60


def test_orders_are_balanced_within_groups_crossed_and_kept(
    make_study: Callable[..., Path],
) -> None:
    groups = '[groups]\nnames = ["x", "y"]\n'
    study = study_with(make_study(), groups + SITTING + CONDITIONS)
    found = [join(study, f"{n:03}") for n in range(1, 17)]
    cells = Counter((own.group, own.task_order, own.condition_order) for own in found)
    assert set(cells.values()) == {2}
    assert len(cells) == 8
    again = [join(study, f"{n:03}") for n in range(1, 17)]
    assert [own.task_order for own in again] == [own.task_order for own in found]
    assert [own.condition_order for own in again] == [own.condition_order for own in found]
    # One task by itself is in no order of tasks, but its conditions are.
    alone = join(study, "020", several_tasks=False)
    assert (alone.task_order, len(alone.condition_order)) == ((), 2)
    assert join(study, "020").condition_order == alone.condition_order


@pytest.mark.parametrize("how", ["fixed", "random"])
def test_other_orders(how: str, make_study: Callable[..., Path]) -> None:
    study = study_with(make_study(), f'{SITTING}order = "{how}"\n')
    found = Counter(join(study, f"{n:03}").task_order for n in range(1, 25))
    assert len(found) == (1 if how == "fixed" else 2)
    assert how == "random" or ("odd-one-out", "anchored-choice") in found


def test_an_order_of_other_parts_is_refused(make_study: Callable[..., Path]) -> None:
    study = study_with(make_study(), SITTING)
    join(study, "001")
    text = (study.root / "study.toml").read_text().replace("anchored-choice", "multi-arrangement")
    (study.root / "study.toml").write_text(text)
    with pytest.raises(TwoalikeError, match="an order of odd-one-out, multi-arrangement") as caught:
        join(Study.load(study.root), "001")
    assert "\n" not in str(caught.value)
