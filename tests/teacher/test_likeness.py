"""Teachers of a group and of a participant, where people weigh the dimensions in opposite ways."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.conftest import call
from tests.teacher.conftest import World, drawn, posterior_of

from twoalike.choice import log_choice, pair_similarities
from twoalike.embedding import Posterior
from twoalike.features import write_features
from twoalike.judgments import choices_table, judgment_codes, read_judgments, write_judgments
from twoalike.study import provenance, sha256_file
from twoalike.teacher import sample_triplets, teach

HEED = {"experts": np.log([3.0, 3.0, 1 / 3, 1 / 3]), "novices": np.log([1 / 3, 1 / 3, 3.0, 3.0])}
GROUPS = {"e1": "experts", "e2": "experts", "n1": "novices", "n2": "novices"}


def choices_of(world: World, people: list[str], each: int, rng: np.random.Generator) -> Any:
    """Judgments of judged objects by people who weigh the dimensions as their group does."""
    parts = []
    for name in people:
        x = world.truth[: world.n_judged] * np.exp(HEED[GROUPS[name]] / 2)
        triplets = sample_triplets(world.n_judged, each, rng)
        p = np.exp(np.stack(log_choice(pair_similarities(x @ x.T, triplets)), axis=1))
        chosen = drawn(p, rng) + 1
        items = {f"item_{k + 1}": triplets[:, k] for k in range(3)}
        parts.append(pd.DataFrame(items | {"chosen": chosen, "participant": name}))
    return choices_table(pd.concat(parts, ignore_index=True), list(world.posterior.ids))


@pytest.fixture
def files(world: World, tmp_path: Path, rng: np.random.Generator) -> Path:
    """Posterior with weights by person and group, features, choices of the fit and new ones."""
    old, new = (choices_of(world, list(GROUPS), 400, rng) for _ in range(2))
    write_judgments(tmp_path / "old.parquet", old, provenance("choices"))
    write_judgments(tmp_path / "new.parquet", new, provenance("choices"))
    write_features(tmp_path / "features.npz", world.features)
    x, ids = world.posterior.embedding, list(world.posterior.ids)
    per_group = np.stack(list(HEED.values()))
    per_person = np.stack([HEED[group] for group in GROUPS.values()])
    draws = ("chain", "draw")
    weights = {
        "log_weight": (
            (*draws, "participant", "dimension"),
            np.broadcast_to(per_person, (1, len(x), *per_person.shape)),
        ),
        "group_log_weight": (
            (*draws, "group", "dimension"),
            np.broadcast_to(per_group, (1, len(x), *per_group.shape)),
        ),
        "weight_spread": (draws, np.full((1, len(x)), 0.1)),
        "weight_group_spread": (draws, np.full((1, len(x)), 0.5)),
    }
    items = old[["item_1", "item_2", "item_3"]].to_numpy().ravel()
    shown = pd.Series(items).value_counts().reindex(ids, fill_value=0).to_numpy()
    constant = {
        "shown": ("object", shown),
        "judgments": ("participant", np.full(len(GROUPS), 400)),
        "codes": ("judgment", judgment_codes(old)),
    }
    coords = {
        "group": list(HEED),
        "participant_group": ("participant", list(GROUPS.values())),
        **{"chain": [0], "draw": np.arange(len(x)), "dimension": np.arange(x.shape[2])},
    }
    people, fit = dict.fromkeys(GROUPS, 0.01), tmp_path / "old.parquet"
    posterior_of(x, ids, people, weights, constant, coords, fit).save(tmp_path / "posterior.nc")
    return tmp_path


def log_loss(files: Path, teacher: str, choices: pd.DataFrame) -> float:
    """Log-loss of the saved teacher on choices, by ``twoalike predict``."""
    items = [f"item_{k + 1}" for k in range(3)]
    choices[items].to_csv(files / "triplets.csv", header=False, index=False)
    options = ("--triplets", files / "triplets.csv", "--features", files / "features.npz")
    assert not call("predict", files / teacher, *options, "--out", files / "p.tsv")
    p = np.loadtxt(files / "p.tsv", skiprows=1).clip(min=1e-6)  # written with six digits
    return float(-np.log(p[np.arange(len(p)), choices["chosen"].to_numpy() - 1]).mean())


def n_new(files: Path, people: list[str]) -> int:
    """Choices of these people in new.parquet, without triplets that they judged for the fit."""
    old, new = (read_judgments(files / f"{name}.parquet") for name in ("old", "new"))
    own = new[new["participant"].isin(people)]
    return int((~np.isin(judgment_codes(own), judgment_codes(old))).sum())


def test_the_teacher_of_a_group_predicts_its_people_best(
    files: Path, world: World, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    common = (files / "posterior.nc", "--features", files / "features.npz")
    new = ("--choices", files / "new.parquet")
    for group in HEED:
        assert not call("teach", *common, *new, "--group", group, "--out", files / group)
        printed = capsys.readouterr().out
        assert f"likeness: group {group}\n" in printed
        assert "800 choices of other people are left out" in printed
        said = json.loads((files / group / "teacher.json").read_text())
        assert (said["group"], said["choices_of_others"]) == (group, 800)
        assert said["validation"]["choices"]["n"] == 800
        members = [name for name in GROUPS if GROUPS[name] == group]
        assert said["label_comparison"]["n"] == n_new(files, members)
        assert said["inputs"]["posterior"]["sha256"] == sha256_file(files / "posterior.nc")
    for group in HEED:
        options = ("--group", group, "--kind", "posterior", "--out", files / f"posterior-{group}")
        assert not call("teach", *common, *options)
    held_out = {
        group: choices_of(world, [name for name in GROUPS if GROUPS[name] == group], 500, rng)
        for group in HEED
    }
    for prefix in ("", "posterior-"):
        for own, other in (("experts", "novices"), ("novices", "experts")):
            ours, theirs = (log_loss(files, prefix + it, held_out[own]) for it in (own, other))
            assert ours < theirs - 0.05


@pytest.mark.parametrize("named", [{"group": "experts"}, {"participant": "n1"}, {}])
def test_choices_of_the_fit_are_recognised(files: Path, named: dict[str, str]) -> None:
    for choices in (files / "old.parquet", read_judgments(files / "old.parquet")):
        teacher = teach(files / "posterior.nc", choices=choices, **named)
        assert "was fitted to these" in teacher.description["label_comparison"]["skipped"]
    teacher = teach(files / "posterior.nc", choices=read_judgments(files / "new.parquet"), **named)
    assert "skipped" not in teacher.description["label_comparison"]


def test_what_cannot_be_taught_is_refused_in_one_line(
    files: Path, world: World, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = Posterior.load(files / "posterior.nc").tree.copy()
    weighed = ["log_weight", "group_log_weight"]
    tree["posterior"] = tree["posterior"].to_dataset().drop_vars(weighed)
    Posterior(tree).save(files / "noise.nc")
    table = choices_of(world, ["n1", "n2"], 20, rng)
    write_judgments(files / "novices.parquet", table, provenance("choices"))
    whole, out = files / "posterior.nc", ("--out", files / "out.npz")
    experts = ("--group", "experts")
    both = (*experts, "--participant", "n1")
    for verb in ("teach", "similarity"):
        for arguments, message in (
            ((whole, *both), "expected --group or --participant, found both"),
            ((whole, "--group", "x"), "one of the 2 groups of the posterior, found 'x'"),
            ((whole, "--participant", "x"), "one of the 4 participants of the posterior"),
            ((files / "noise.nc", *experts), "Fit it with --people weights"),
        ):
            assert call(verb, *arguments, *out) == 1
            said = capsys.readouterr().err
            assert message in said
            assert said.count("\n") == 1
    new = ("--choices", files / "novices.parquet")
    assert call("teach", whole, *experts, *new, *out) == 1
    assert "by the 2 participants taught, found 40 of other people" in capsys.readouterr().err
    assert not (files / "out.npz").exists()


def test_similarities_are_of_the_group_or_the_participant(files: Path) -> None:
    whole = Posterior.load(files / "posterior.nc")
    for option, name, view in (
        ("--group", "novices", whole.for_group("novices")),
        ("--participant", "e1", whole.for_person("e1")),
    ):
        options = (option, name, "--scale", "raw", "--out", files / "s.npz")
        assert not call("similarity", files / "posterior.nc", *options)
        with np.load(files / "s.npz") as written:
            np.testing.assert_allclose(written["similarity"], view.similarity(), rtol=1e-3)
            meta = json.loads(str(written["meta"]))
        assert meta["config"][option.removeprefix("--")] == name
        assert meta["inputs"]["posterior"]["file"] == "posterior.nc"
