"""What a study assigns: groups of one size, balanced orders of tasks and conditions; kept."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from twoalike.record import group_of, in_group, missing_groups
from twoalike.record._assigned import balanced_group, balanced_orders, group_sizes, rarest_order
from twoalike.study import Study, TwoalikeError

NAMES = ("a", "b", "c")


def study_with(root: Path, more: str) -> Study:
    text = (root / "study.toml").read_text()
    (root / "study.toml").write_text(text + more)
    return Study.load(root)


def add_groups(root: Path, more: str = "", names: str = '["a", "b", "c"]') -> Study:
    return study_with(root, f"[groups]\nnames = {names}\n{more}")


def sit(study: Study, code: str, **options: object) -> Study:
    stated = {"simulated": False, "several_tasks": True, **options}
    with in_group(study, study.raw, code, **stated) as own:  # type: ignore[arg-type]
        return own


def join(study: Study, code: str, **options: object) -> str:
    return sit(study, code, **options).group


def test_balanced_groups_never_differ_by_more_than_one() -> None:
    counts: Counter[str] = Counter()
    for code in range(1, 60):
        counts[balanced_group(NAMES, counts, 7, str(code))] += 1
        sizes = [counts[name] for name in NAMES]
        assert max(sizes) - min(sizes) <= 1


def test_ties_are_drawn_without_favour_and_differ_between_seeds() -> None:
    first = [balanced_group(NAMES, {}, 7, str(code)) for code in range(600)]
    assert min(Counter(first).values()) > 160
    assert first != [balanced_group(NAMES, {}, 8, str(code)) for code in range(600)]


def test_a_participant_keeps_the_group_and_counts_in_it(make_study: Callable[..., Path]) -> None:
    study = add_groups(make_study())
    groups = [join(study, f"00{number}") for number in range(1, 7)]
    assert Counter(groups) == dict.fromkeys(NAMES, 2)
    assert group_sizes(study.raw, NAMES) == dict.fromkeys(NAMES, 2)
    assert [join(study, f"00{number}") for number in range(1, 7)] == groups
    assert group_of(study.raw, "003") == groups[2]
    # Simulated observers are counted among themselves, pilots in their own data set.
    join(study, "901", simulated=True)
    assert sum(group_sizes(study.raw, NAMES, simulated=True).values()) == 1
    assert sum(group_sizes(study.raw, NAMES).values()) == 6
    assert list(missing_groups(study, study.raw)) == []


def test_an_error_before_the_session_leaves_nobody_listed(make_study: Callable[..., Path]) -> None:
    study = add_groups(make_study())
    with pytest.raises(RuntimeError), in_group(study, study.raw, "001", simulated=False):
        raise RuntimeError
    assert not study.raw.exists()


def test_two_copies_of_a_study_do_not_favour_one_group(make_study: Callable[..., Path]) -> None:
    one, two = (add_groups(make_study(name), names='["a", "b"]') for name in ("one", "two"))
    together = Counter(join(one, f"1{n}") for n in range(5))
    together += Counter(join(two, f"2{n}") for n in range(5))
    assert abs(together["a"] - together["b"]) <= 2


def test_the_operator_names_the_group_once(make_study: Callable[..., Path]) -> None:
    study = add_groups(make_study(), 'assignment = "operator"\n')
    with pytest.raises(TwoalikeError, match="expected the group of participant 001"):
        join(study, "001")
    with pytest.raises(TwoalikeError, match="expected one of a, b, c, found 'd'"):
        join(study, "001", group="d")
    assert join(study, "001", group="b") == "b"
    assert join(study, "001") == join(study, "001", group="b") == "b"
    with pytest.raises(TwoalikeError, match="has the group b .* and keeps it") as caught:
        join(study, "001", group="a")
    assert "\n" not in str(caught.value)


def test_a_balanced_group_is_not_named_but_for_sessions_elsewhere(
    make_study: Callable[..., Path],
) -> None:
    study = add_groups(make_study())
    with pytest.raises(TwoalikeError, match="groups of this study are balanced"):
        join(study, "001", group="a")
    with pytest.raises(TwoalikeError, match="one is drawn at the first session of all only"):
        join(study, "001", is_first=False)
    assert join(study, "001", group="a", is_first=False) == "a"
    plain = Study.load(make_study("plain"))
    with pytest.raises(TwoalikeError, match="expected no group, found 'a'"):
        join(plain, "001", group="a")


def test_a_lost_cell_and_an_unknown_group_are_named(make_study: Callable[..., Path]) -> None:
    study = add_groups(make_study())
    for code in ("001", "002"):
        join(study, code)
    path = study.raw / "participants.tsv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1][:-1] + "n/a", lines[2][:-1] + "old"]) + "\n")
    said = [str(problem) for problem in missing_groups(study, study.raw)]
    assert (
        "row 1, column 'group': expected the group of sub-001, one of a, b, c, found n/a"
        in (said[0])
    )
    assert "row 2" in said[1]
    assert "found old" in said[1]


SITTING = '[sitting]\ntasks = ["odd-one-out", "anchored-choice"]\n'
CONDITIONS = '[[conditions]]\nname = "shape"\n[[conditions]]\nname = "use"\n'


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
    found = [sit(study, f"{n:03}") for n in range(1, 17)]
    cells = Counter((own.group, own.task_order, own.condition_order) for own in found)
    assert set(cells.values()) == {2}
    assert len(cells) == 8
    again = [sit(study, f"{n:03}") for n in range(1, 17)]
    assert [own.task_order for own in again] == [own.task_order for own in found]
    assert [own.condition_order for own in again] == [own.condition_order for own in found]
    # One task by itself is in no order of tasks, but its conditions are.
    alone = sit(study, "020", several_tasks=False)
    assert (alone.task_order, len(alone.condition_order)) == ((), 2)
    assert sit(study, "020").condition_order == alone.condition_order


@pytest.mark.parametrize("how", ["fixed", "random"])
def test_other_orders(how: str, make_study: Callable[..., Path]) -> None:
    study = study_with(make_study(), f'{SITTING}order = "{how}"\n')
    found = Counter(sit(study, f"{n:03}").task_order for n in range(1, 25))
    assert len(found) == (1 if how == "fixed" else 2)
    assert how == "random" or ("odd-one-out", "anchored-choice") in found


def test_an_order_of_other_parts_is_refused(make_study: Callable[..., Path]) -> None:
    study = study_with(make_study(), SITTING)
    sit(study, "001")
    text = (study.root / "study.toml").read_text().replace("anchored-choice", "multi-arrangement")
    (study.root / "study.toml").write_text(text)
    with pytest.raises(TwoalikeError, match="an order of odd-one-out, multi-arrangement") as caught:
        sit(Study.load(study.root), "001")
    assert "\n" not in str(caught.value)
