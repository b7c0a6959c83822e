"""Fit to report on one small study: files, columns, what commands say, and values."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from tests.conftest import call
from tests.golden.conftest import Chain
from tests.golden.golden import check, files, masked, set_width

import twoalike.api as ta

WIDE: dict[str, float] = {"relative": 0.3, "absolute": 0.15}
"""Tolerance of what is fitted: other versions of libraries draw other numbers."""
_NUMBER = re.compile(r"[-+−]?\d+(?:[.,]\d+)*(?:e[-+]\d+)?")
_OBJECT = re.compile(r"\b(?:disc|square|cross)\d\d\b(?:[,;] )?")
_RULE = re.compile(r"[─━═│┃╭╮╰╯├┤┼┬┴]+")


def words(said: str, *folders: Path) -> list[str]:
    """Different lines that a command says, without numbers, and of tables without rules."""
    text = _NUMBER.sub("N", _OBJECT.sub("", masked(said, *folders)))
    lines = (" ".join(_RULE.sub(" ", line).split()) for line in text.splitlines())
    return list(dict.fromkeys(line for line in lines if line))


def number(said: str, row: str, place: int = 0) -> float:
    """A number of the first row of a printed table that begins so."""
    line = next(line for line in map(str.strip, said.splitlines()) if line.startswith(row))
    return float(_NUMBER.findall(line.removeprefix(row))[place])


def columns(path: Path) -> dict[str, Any]:
    """Columns of a text table, and how many rows it has."""
    table = pd.read_csv(path, sep="\t")
    return {"columns": list(table.columns), "rows": len(table)}


@pytest.fixture
def say(chain: Chain, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command that has to succeed; what it says, in lines that are not broken."""
    set_width(monkeypatch, 300)

    def run(*given: object) -> str:
        status = call(*given)
        said = capsys.readouterr()
        assert status == 0, said.err
        return said.out

    return run


def test_files_of_the_chain(chain: Chain) -> None:
    student = json.loads((chain.made / "student" / "config.json").read_text())
    card = (chain.made / "student" / "README.md").read_text("utf-8").splitlines()
    log = (chain.made / "student" / "training.jsonl").read_text().splitlines()
    found = {
        "study": files(chain.study, but=(".locks", "stimuli/", "raw/", "protocols/")),
        "teacher": files(chain.made / "teacher"),
        "student": files(chain.made / "student"),
        "for timm": {key: student[key] for key in ("architecture", "pretrained_cfg")},
        "card": [line for line in card if line.startswith("#")],
        "log": bool(log),
    }
    found["for timm"]["pretrained_cfg"].pop("num_classes", None)
    check("chain/files", found, absolute=1e-3)


def test_a_posterior(chain: Chain) -> None:
    with xr.open_dataset(chain.posterior, group="posterior", engine="h5netcdf") as group:
        found = {
            "variables": {
                str(name): f"{array.dtype.kind} {' '.join(map(str, array.dims))}"
                for name, array in sorted(group.variables.items())
            },
            "sizes": {str(name): n for name, n in group.sizes.items()},
        }
    check("chain/posterior", found)


def test_values_of_a_posterior(chain: Chain, say: Any, tmp_path: Path) -> None:
    said = say("similarity", chain.posterior, "--out", tmp_path / "s.tsv")
    table = pd.read_csv(tmp_path / "s.tsv", sep="\t")
    kinds = table[["item_1", "item_2"]].map(lambda name: name[:4])
    same = kinds["item_1"] == kinds["item_2"]
    assert (table["low"] <= table["similarity"]).all()
    assert (table["similarity"] <= table["high"]).all()
    assert table["similarity"][same].mean() > 1 + table["similarity"][~same].mean()
    embedded = say("embed", chain.posterior, "--out", tmp_path / "e.tsv")
    found = {
        "similarity": {**columns(tmp_path / "s.tsv"), "said": words(said, chain.study, tmp_path)},
        "embed": {**columns(tmp_path / "e.tsv"), "said": words(embedded, chain.study, tmp_path)},
    }
    check("chain/similarity", found)
    matrix = ta.load_posterior(chain.posterior).similarity()
    assert matrix.shape == (30, 30)


def test_predictions(chain: Chain, say: Any, tmp_path: Path) -> None:
    lines = chain.held_out.with_suffix(".txt").read_text().splitlines()[:12]
    shown = tmp_path / "t.txt"
    shown.write_text("\n".join(" ".join(line.split()[:3]) for line in lines))
    features = ("--features", chain.base)
    found: dict[str, Any] = {}
    for name, given in {
        "posterior": (chain.posterior,),
        "interval": (chain.posterior, "--interval", 0.9),
        "anchored": (chain.posterior, "--kind", "anchored"),
        "alike": (chain.posterior, "--kind", "most-alike"),
        "teacher": (chain.made / "teacher", *features),
    }.items():
        out = tmp_path / f"{name}.tsv"
        said = say("predict", *given, "--triplets", shown, "--out", out)
        table = pd.read_csv(out, sep="\t")
        options = table.iloc[:, :3].to_numpy()
        np.testing.assert_allclose(options.sum(axis=1), 1, atol=1e-4)
        found[name] = {
            **columns(out),
            "mean": table.mean().round(4).tolist(),
            "said": words(said, chain.study, tmp_path),
        }
    of = ("--sample", "uniform", "--number", 40)
    said = say("predict", chain.made / "teacher", *features, *of, "--out", tmp_path / "labels")
    (shard,) = (tmp_path / "labels").glob("*.parquet")
    labels = pd.read_parquet(shard)
    found["labels"] = {"columns": list(labels.columns), "rows": len(labels)}
    found["labels"] |= {"files": files(tmp_path / "labels"), "said": words(said, tmp_path)}
    check("chain/predict", found, **WIDE)


def test_checks_of_a_posterior(chain: Chain, say: Any, tmp_path: Path) -> None:
    fit, people, dimensions = chain.posterior, tmp_path / "p.tsv", tmp_path / "d.tsv"
    commands = {
        "check": ("--choices", chain.choices, "--json", tmp_path / "c.json"),
        "participants": ("--choices", chain.choices, "--out", people),
        "dimensions": ("--out", dimensions),
        "compare": (fit, "--choices", chain.held_out),
    }
    found: dict[str, Any] = {}
    for command, options in commands.items():
        said = words(say(command, fit, *options), chain.study, tmp_path)
        # What is advised, who stands out, and rows that have no name, depend on the fit.
        found[command] = [line for line in said if line.split()[0] not in ("!", "N", "none")]
    found["participants table"] = columns(people)
    found["dimensions table"] = columns(dimensions)
    check("chain/checks", found)


def test_scores(chain: Chain, say: Any, tmp_path: Path) -> None:
    held, features = ("--choices", chain.held_out), chain.features()
    board = tmp_path / "b.tsv"
    commands = {
        "score": (chain.posterior, *held, "--out", tmp_path / "s.json"),
        "evaluate": (*features, *held, "--labels", chain.labels, "--posterior", chain.posterior)
        + ("--out", tmp_path / "e.json"),
        "leaderboard": (*chain.networks, *held, "--against", "base", "--table", board)
        + ("--figure", tmp_path / "b.svg", "--out", tmp_path / "b.json"),
        "transfer": (*features, "--labels", chain.labels, "--shots", "1,3")
        + ("--out", tmp_path / "t.json"),
    }
    said = {command: say(command, *options) for command, options in commands.items()}
    lines = {command: sorted(words(text, tmp_path)) for command, text in said.items()}
    lines["leaderboard"] = [line for line in lines["leaderboard"] if "may be the best" not in line]
    check("chain/scores", lines | {"leaderboard table": columns(board)})
    places = {"posterior": ("score", "all", 1, 4)}  # of accuracy and log-loss
    # The aligned network's difference from the base is between its accuracy and its log-loss.
    places |= {"base": ("evaluate", "base", 0, 3), "aligned": ("evaluate", "aligned", 0, 6)}
    values = {
        name: [number(said[command], row, first), number(said[command], row, second)]
        for name, (command, row, first, second) in places.items()
    }
    check("chain/values", values, **WIDE)


class Outline(HTMLParser):
    """Headings of a page, and headers of its tables."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._within = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in ("title", "h1", "h2", "th"):
            self._within = tag
            self.found.append(f"{tag} ")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._within:
            self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within:
            self.found[-1] += data


def test_a_report(chain: Chain, say: Any, tmp_path: Path) -> None:
    study = shutil.copytree(chain.study, tmp_path / "study")
    held = ("--choices", chain.held_out, "--labels", chain.labels)
    results = study / "derived" / "results.json"
    say("evaluate", *chain.features(), *held, "--posterior", chain.posterior, "--out", results)
    page = tmp_path / "report.html"
    said = say("report", study, "--out", page, "--files", tmp_path / "figures")
    html, outline = page.read_text(encoding="utf-8"), Outline()
    outline.feed(html)
    found = {
        "said": words(said, study, tmp_path),
        "outline": list(
            dict.fromkeys(words("\n".join(" ".join(x.split()) for x in outline.found)))
        ),
        "figures": html.count("<figure"),
        "tables": html.count("<table"),
        "files": files(tmp_path / "figures"),
        "links elsewhere": sorted(set(re.findall(r'(?:src|href)="(https?://[^"/]+)', html))),
    }
    check("chain/report", found)


def test_exports(chain: Chain, say: Any, tmp_path: Path) -> None:
    said = say("export", "psychds", chain.study, "--out", tmp_path / "psychds")
    check("chain/psychds", {"said": words(said, tmp_path), "files": files(tmp_path / "psychds")})


@pytest.mark.slow
def test_an_export_to_onnx(chain: Chain, say: Any, tmp_path: Path) -> None:
    import onnxruntime

    said = say("export", "onnx", chain.made / "student", "--out", tmp_path / "s.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "s.onnx")
    ends = [[end.name, end.shape[1:]] for end in (*session.get_inputs(), *session.get_outputs())]
    ends[1][1] = len(ends[1][1])
    check("chain/onnx", {"said": words(said, tmp_path), "inputs and outputs": ends})


@pytest.mark.slow
def test_the_power_of_a_design(chain: Chain, say: Any, tmp_path: Path) -> None:
    small = ("--worlds", 2, "--steps", 300, "--most-participants", 16, "--trials-per-person", 60)
    target = ("--target-information", 0.3)
    study = shutil.copytree(chain.study, tmp_path / "study")
    said = say("power", study, *small, *target, "--out", tmp_path / "p.json")
    assert json.loads((tmp_path / "p.json").read_text())
    lines = [line for line in words(said, tmp_path) if not line.startswith("N ")]
    check("chain/power", {"said": lines})
