"""A session that adapts: its later blocks come from fits that run while it rests."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from twoalike.cli.app import main
from twoalike.study import Study

DESIGN = 'sampler = "adaptive"\ntrials = 8\npractice = 1\ntrials_per_block = 4\n'


@pytest.mark.slow
def test_the_next_block_is_chosen_by_the_judgments_so_far(make_study: Callable[..., Path]) -> None:
    study = Study.load(make_study(design=DESIGN))
    with pytest.raises(SystemExit) as ended:
        words = ["--participant", "901", "--simulate", "--no-window", "--seed", "5"]
        main(["run", str(study.root), *words])
    assert not ended.value.code
    path = study.trial_list("oddoneout", "901", 1)
    trials = pd.read_csv(path, sep="\t")
    assert trials["block_index"].tolist() == [1, 2, 2, 2, 2, 3, 3, 3, 3]
    assert set(trials["sampler"][:5]) == {"random"}
    assert (trials["sampler"][5:] == "adaptive").sum() == 3
    about = json.loads(path.with_suffix(".json").read_text())
    assert set(about["config"]["blocks"]) == {"2", "3"}
    assert about["config"]["options"] == {"sampler": "adaptive", "seed": 5}
    assert (study.derived / "adaptive" / "sub-901_ses-01_task-oddoneout_block-3.nc").is_file()
    (rows,) = (study.raw / "sub-901").rglob("*_beh.tsv")
    assert pd.read_csv(rows, sep="\t")["triplet_id"].tolist() == trials["triplet_id"].tolist()
