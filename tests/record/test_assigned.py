"""Groups of people: balanced, kept, and written where the fit finds them."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twoalike.record import balanced_group, group_of, group_sizes, in_group, missing_groups
from twoalike.study import Study, TwoalikeError

NAMES = ("a", "b", "c")


def add_groups(root: Path, more: str = "", names: str = '["a", "b", "c"]') -> Study:
    text = (root / "study.toml").read_text()
    (root / "study.toml").write_text(f"{text}[groups]\nnames = {names}\n{more}")
    return Study.load(root)


def join(study: Study, code: str, **options: object) -> str:
    stated = {"simulated": False, **options}
    with in_group(study, study.raw, code, **stated) as own:  # type: ignore[arg-type]
        return own.group


@given(seed=st.integers(0, 2**40), first=st.integers(1, 10**6))
@settings(max_examples=20, deadline=None)
def test_balanced_groups_never_differ_by_more_than_one(seed: int, first: int) -> None:
    counts: Counter[str] = Counter()
    for code in range(first, first + 20):
        group = balanced_group(NAMES, counts, seed, str(code))
        assert group == balanced_group(NAMES, dict(counts), seed, str(code))
        counts[group] += 1
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
    with pytest.raises(TwoalikeError, match="is in the group b .* and stays in it") as caught:
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
