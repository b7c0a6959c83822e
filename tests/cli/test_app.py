"""How every command ends."""

import pytest

from twoalike.cli import app as cli
from twoalike.study import TwoalikeError


def _end(monkeypatch: pytest.MonkeyPatch, raised: BaseException) -> int:
    def fail(arguments: list[str]) -> None:
        raise raised

    monkeypatch.setattr(cli, "build", lambda summaries: fail)
    with pytest.raises(SystemExit) as caught:
        cli.main([])
    return int(str(caught.value.code))


def test_what_a_user_can_mend_is_one_line_and_status_1(monkeypatch, capsys) -> None:
    assert _end(monkeypatch, TwoalikeError("a.tsv: expected x, found y.")) == 1
    assert capsys.readouterr().err == "twoalike: a.tsv: expected x, found y.\n"


def test_an_interrupt_is_130(monkeypatch) -> None:
    assert _end(monkeypatch, KeyboardInterrupt()) == 130


def test_a_missing_extra_is_named(monkeypatch, capsys) -> None:
    assert _end(monkeypatch, ModuleNotFoundError("no", name="torch.nn")) == 1
    assert "twoalike[distill]" in capsys.readouterr().err


def test_a_defect_keeps_its_traceback(monkeypatch) -> None:
    monkeypatch.setattr(cli, "build", lambda summaries: lambda arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main([])


@pytest.mark.parametrize(
    "words", [["fit", "--no-such-option"], ["nonsense"], ["import", "nothing"]]
)
def test_wrong_usage_is_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2
