"""The attacks of crossing_attacks.py are tests that exist; each runs with its own suite."""

import ast

import pytest
from tests.hardening.crossing_attacks import ATTACKS, ROOT


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_has_its_tests(attack: str) -> None:
    for name in ATTACKS[attack]:
        file, test = name.partition("[")[0].split("::")
        tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
        names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        assert sum(one.startswith(test) for one in names) == 1, name
