"""A study with groups of people, by the command line, from the first session to the copy."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.conftest import call

from twoalike.embedding import Posterior
from twoalike.record import RunName
from twoalike.report import session_section
from twoalike.report._inputs import read_inputs
from twoalike.sitting import simulate, sit
from twoalike.study import Study

GROUPS = '[groups]\nnames = ["experts", "novices"]\n'
OWN = '[groups.protocols.experts]\nodd-one-out = "protocols/experts.toml"\n'
RUN = ("--simulate", "--no-window")
QUICK = ("--quick", "--engine", "vi", "--steps", 100, "--chains", 1, "--dimensions", 2)


def people(root: Path) -> dict[str, str]:
    path = root / "participants.tsv"
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    return dict(zip(table["participant_id"], table["group"], strict=True))


def manifest(root: Path, participant: str, session: int = 1) -> dict[str, Any]:
    path = RunName(participant, session).manifest(root / "data" / "raw")
    content: dict[str, Any] = json.loads(path.read_text())
    return content


@pytest.fixture
def study(make_study: Callable[..., Path]) -> Path:
    root = make_study(design="trials = 6\npractice = 0\n")
    with (root / "study.toml").open("a") as file:
        file.write(GROUPS)
    return root


def test_balanced_groups_are_kept_and_reported(study: Path) -> None:
    simulate(study, ["901", "902", "903", "904"])
    assert call("run", study, "--participant", "901", "--session", 2, *RUN) == 0
    groups = people(study / "data" / "raw")
    assert Counter(groups.values()) == {"experts": 2, "novices": 2}
    for session in (1, 2):
        assert manifest(study, "901", session)["group"] == groups["sub-901"]
    assert call("validate", study) == 0
    report = str(session_section(read_inputs(Study.load(study)), "oddoneout"))
    assert "Simulated observers in each group: experts 2, novices 2." in report


@pytest.mark.slow
def test_a_fit_finds_the_groups(study: Path) -> None:
    simulate(study, ["901", "902", "903", "904"])
    assert call("fit", study, "--groups", "group", *QUICK) == 0
    posterior = Posterior.load(study / "derived" / "posterior.nc")
    groups = people(study / "data" / "raw").items()
    assert posterior.group_of == {code.removeprefix("sub-"): group for code, group in groups}


def test_the_operator_assigns_and_a_contradiction_is_refused(
    study: Path, refused: Callable[..., str]
) -> None:
    text = (study / "study.toml").read_text() + 'assignment = "operator"\n'
    (study / "study.toml").write_text(text)
    first = ("run", study, "--participant", "901")
    assert "--group: expected the group of participant 901" in refused(study, *first, *RUN)
    assert "did" not in refused(study, *first, "--group", "expert", *RUN)
    assert call(*first, "--group", "novices", *RUN) == 0
    again = refused(study, *first, "--session", 2, "--group", "experts", *RUN)
    assert "participant 901 has the group novices" in again
    assert call(*first, "--session", 2, *RUN) == 0
    change(study / "data" / "raw" / "participants.tsv", "novices", "experts")
    assert "sub-901 is experts, the manifest of" in refused(study, *first, "--session", 3, *RUN)


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_group_reads_and_presses_what_its_own_protocol_says(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (study / "study.toml").open("a") as file:
        file.write('assignment = "operator"\n' + OWN)
    assert call("validate", study) == 1
    assert "found no protocols/experts.toml" in capsys.readouterr().err
    (study / "protocols" / "odd_one_out.toml").write_text("[timing]\nfixation_s = 0.25\n")
    own = study / "protocols" / "experts.toml"
    own.write_text('[texts]\ninstruction = ["As an expert."]\n[timing]\nresponse_limit = 9\n')
    assert call("validate", study) == 1
    assert f"{own}: unknown key 'timing.response_limit'" in capsys.readouterr().err
    own.write_text('[texts]\ninstruction = ["As an expert."]\n[timing]\nresponse_limit_s = 9.0\n')
    assert call("validate", study) == 0
    for code, group in (("901", "experts"), ("902", "novices")):
        sit(study, code, group=group, simulate=True, window=False)
    expert, novice = manifest(study, "901"), manifest(study, "902")
    assert expert["config"]["texts"]["instruction"] == ["As an expert."]
    assert expert["config"]["timing"]["response_limit_s"] == 9.0
    assert expert["config"]["timing"]["fixation_s"] == novice["config"]["timing"]["fixation_s"]
    assert expert["inputs"]["protocol_of_group"]["file"] == "experts.toml"
    assert novice["config"]["texts"]["instruction"] != ["As an expert."]
    sidecar = RunName("901", 1).sidecar(study / "data" / "raw")
    assert json.loads(sidecar.read_text())["Instructions"] == "As an expert."
    change(study / "study.toml", "odd-one-out", "odd-one-in")
    assert call("run", study, "--participant", "903", "--group", "experts", *RUN) == 1
    assert "groups.protocols.experts: expected one of the tasks" in capsys.readouterr().err


def test_a_session_that_breaks_off_keeps_its_group(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> str:
        raise RuntimeError

    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr("twoalike.sitting._part.run_session", broken)
        sit(study, "901", simulate=True, window=False)
    sit(study, "902", simulate=True, window=False)
    before = people(study / "data" / "raw")
    assert sorted(before.values()) == ["experts", "novices"]
    sit(study, "901", resume=True, simulate=True, window=False, show=lambda _: None)
    assert people(study / "data" / "raw") == before
    assert manifest(study, "901")["group"] == before["sub-901"]


def test_merged_studies_keep_their_groups_and_say_how_many(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (study / "study.toml").open("a") as file:
        file.write('assignment = "operator"\n' + OWN)
    (study / "protocols" / "experts.toml").write_text('[texts]\ninstruction = ["Hello."]\n')
    labs = [tmp_path / name for name in ("one", "two")]
    for lab, codes in zip(labs, (("901", "902"), ("903", "904")), strict=True):
        shutil.copytree(study, lab)
        simulate(lab, codes, group={codes[0]: "experts", codes[1]: "experts"})
    both = tmp_path / "both"
    assert call("merge", *labs, "--out", both) == 0
    assert people(both / "data" / "raw") == {f"sub-{n}": "experts" for n in range(901, 905)}
    said = capsys.readouterr().out
    assert "simulated observers in each group: experts 4, novices 0 (uneven)" in said
    assert (both / "protocols" / "experts.toml").is_file()


def test_groups_are_published_only_if_named(study: Path, tmp_path: Path) -> None:
    simulate(study, ["901", "902"])
    assert call("share", study, "--out", tmp_path / "without") == 0
    for path in (tmp_path / "without").rglob("*"):
        assert not path.is_file() or b"novices" not in path.read_bytes(), path
    with (study / "study.toml").open("a") as file:
        file.write('[share]\ncolumns = ["participants.group"]\n')
    assert call("share", study, "--out", tmp_path / "with") == 0
    assert sorted(people(tmp_path / "with").values()) == ["experts", "novices"]
    (found,) = {
        json.loads(path.read_text())["group"]
        for path in (tmp_path / "with").rglob("*_manifest.json")
    } ^ {"experts"}
    assert found == "novices"
