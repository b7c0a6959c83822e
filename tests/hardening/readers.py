"""Every reader of files that may come from elsewhere, with sound files for it to read."""

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray as xr
from PIL import Image
from scipy.io import savemat
from tests.conftest import break_off, call

from twoalike.study import Study, provenance, sha256_file, write_json

IDS = tuple(f"o{number}" for number in range(6))
TRIPLETS = np.array([[0, 1, 2], [3, 4, 5], [5, 0, 2], [1, 3, 4]])
NAMED = list(enumerate(np.array(IDS)[TRIPLETS].tolist()))
SALMON = "puid,head_filename,left_filename,right_filename,winner_filename,response_time,sampler"
VALUES = np.random.default_rng(5).normal(size=(6, 4)).astype(np.float32)


def _whole(folder: Path) -> None:
    """Nothing is to be mended."""


@dataclass(frozen=True)
class Reader:
    """A reader: what it reads, and which of its files are damaged.

    Attributes
    ----------
    make
        Writes sound files into an empty folder.
    files
        Kind of each file that is damaged, by its path in the folder.
    read
        Reads the folder; may write below ``out`` in it.
    mend
        Makes checksums right again after the damage, so that what is behind them is read too.
    """

    make: Callable[[Path], object]
    files: Mapping[str, str]
    read: Callable[[Path], object]
    mend: Callable[[Path], None] = field(default=_whole)


# studies and what is in them


def make_study(root: Path) -> None:
    from twoalike.tasks import MultiArrangement, OddOneOut, protocol_template

    (root / "stimuli" / "in").mkdir(parents=True)
    rows = ["id\tfile\tsha256\tkind"]
    for number, name in enumerate(IDS):
        path = root / "stimuli" / "in" / f"{name}.png"
        Image.new("RGB", (12, 12), (30 * number, 40, 200)).save(path)
        rows.append(f"{name}\tin/{name}.png\t{sha256_file(path)}\t{'ab'[number % 2]}")
    (root / "stimuli" / "stimuli.tsv").write_text("\n".join([*rows, ""]))
    (root / "protocols").mkdir()
    asked = {"questions": [{"id": "said", "text": "What?", "kind": "text"}]}
    asking = {"form": asked, "debrief": asked, "texts": {"consent": "May we ask?"}}
    asking["consent"] = {"ask": True, "version": "1"}
    for name, model in (("odd_one_out", OddOneOut), ("multi_arrangement", MultiArrangement)):
        text = protocol_template(model.model_validate(asking))
        (root / "protocols" / f"{name}.toml").write_text(text, encoding="utf-8")
    (root / "study.toml").write_text(
        'schema_version = 1\ntitle = "T"\nauthors = ["A. B"]\nseed = 7\nstimuli = "stimuli"\n'
        'protocol = "protocols/odd_one_out.toml"\n\n[design]\nsampler = "random"\ntrials = 14\n'
        "practice = 1\ncatch = 1\nrepeats = 1\n\n[exclusion]\n\n[arrangement]\n"
        "max_trials = 2\nmax_items = 5\npractice_items = 3\ncatch = 0\n"
    )


def make_session(root: Path) -> None:
    """A study with a run of each task, as the program leaves them."""

    from twoalike.observers import SimulatedObserver

    make_study(root)
    SimulatedObserver(IDS, VALUES.astype(np.float64)).save(root / "observer.npz")
    for task in ("odd-one-out", "multi-arrangement"):
        who = ("--participant", "901", "--simulate", root / "observer.npz", "--no-window")
        assert call("run", root, "--task", task, *who) == 0


RAW = "data/raw"
ROWS = f"{RAW}/sub-901/ses-01/beh/sub-901_ses-01_task-{{}}_run-01_beh.{{}}"
SOURCE = f"{RAW}/sourcedata/sub-901/ses-01/sub-901_ses-01_task-{{}}_run-01_{{}}"


def make_begun_session(root: Path) -> None:
    """The same, whose runs were killed after their last trial."""
    from twoalike.record import RunName

    make_session(root)
    for task in ("oddoneout", "multiarrangement"):
        name = RunName("901", 1, task)
        break_off(root / RAW, name, name.journal(root / RAW).read_text().count('"what": "trial"'))


def read_protocols(root: Path) -> None:
    from twoalike.tasks import MultiArrangement, OddOneOut, load_protocol

    study = Study.load(root)
    load_protocol(study, OddOneOut)
    load_protocol(study, MultiArrangement)


def read_stimuli(root: Path) -> None:
    from twoalike.stimuli import StimulusSet

    folder = root / "stimuli"
    found = StimulusSet.load(folder)
    assert all(found.path(name).resolve().is_relative_to(folder.resolve()) for name in found.ids)


def read_images(root: Path) -> None:
    from twoalike.backbones import without_unreadable
    from twoalike.collections import as_collection

    without_unreadable(as_collection([root / "stimuli" / "in" / "o0.png"]))


def read_labels_table(root: Path) -> None:
    from twoalike.tables import read_labels

    read_labels(root / "stimuli" / "stimuli.tsv", {})


def make_lists(root: Path) -> None:
    from twoalike.design import ARRANGEMENT_LISTS, TRIPLET_LISTS, write_list
    from twoalike.stimuli import StimulusSet

    make_study(root)
    study = Study.load(root)
    stimuli = StimulusSet.load(study.stimuli)
    for name, lists in (("t.tsv", TRIPLET_LISTS), ("a.tsv", ARRANGEMENT_LISTS)):
        write_list(root / name, lists.one(study, stimuli, "001", 1), {})


def read_lists(root: Path) -> None:
    from twoalike.design import ARRANGEMENT_LISTS, TRIPLET_LISTS

    TRIPLET_LISTS.read(root / "t.tsv", IDS)
    ARRANGEMENT_LISTS.read(root / "a.tsv", IDS)


def read_raw_data(root: Path) -> None:
    from twoalike.judgments import read_raw

    read_raw(root / RAW, IDS)
    read_raw(root / RAW, IDS, task="multiarrangement")


def read_sessions(root: Path) -> None:
    from twoalike.report._inputs import Inputs, read_runs

    assert Inputs(Study.load(root), None, read_runs(root / RAW)).sessions


def read_runs(root: Path) -> None:
    from twoalike.record import (
        RunName,
        check_run_files,
        find_runs,
        missing_files,
        read_answers,
        read_events,
        read_run,
    )

    raw = root / RAW
    for path in find_runs(raw):
        check_run_files(raw, path, dict.fromkeys(IDS, "x"))
        run = read_run(path)
        if run.name.task == "multiarrangement":
            read_events(raw, RunName.parse(path))
    for measure in ("consent", "form", "debrief"):
        read_answers(raw, measure)
    missing_files(raw)


def resume(root: Path) -> None:
    """How far a run is, and whether it may go on: what ``run --resume`` asks first."""
    from twoalike.observers import SimulatedObserver
    from twoalike.record import check_run
    from twoalike.tasks import Sitting, prepare_session

    observer = SimulatedObserver.load(root / "observer.npz")
    sitting = Sitting(study=Study.load(root), participant="901", session=1, observer=observer)
    for task in ("odd-one-out", "multi-arrangement"):
        check_run(root / RAW, prepare_session(task, sitting).plan, resume=True)


def share(root: Path) -> None:
    from twoalike.exchange._dataset import read_texts
    from twoalike.exchange._psychds import is_psychds_source, psychds_files
    from twoalike.exchange._share import ShareOptions, file_kind, share_files

    texts = read_texts(root / RAW, lambda path: file_kind(path) is not None)
    named = ShareOptions(columns=("form.said", "debrief.said"), with_free_text=True)
    share_files(texts.files, texts.folders, named, np.random.default_rng(1))
    psychds_files(read_texts(root / RAW, is_psychds_source).files)


# judgments


def make_tables(root: Path) -> None:
    from twoalike.judgments import (
        arrangements_table,
        choices_table,
        dissimilarities_table,
        write_judgments,
    )

    items = {f"item_{k + 1}": TRIPLETS[:, k] for k in range(3)}
    choices = choices_table({"chosen": [1, 2, 3, 1], **items}, IDS)
    made = provenance("choices")
    write_judgments(root / "choices.parquet", choices, made)
    places = np.linspace(-0.4, 0.4, 6)
    placed = {"trial": [1] * 6, "item": np.arange(6), "x": places, "y": places**2}
    write_judgments(
        root / "arrangements.parquet", arrangements_table(placed, IDS), made, "arrangements"
    )
    pairs = {"item_a": [0, 0, 1], "item_b": [1, 2, 2], "dissimilarity": [0.5, 1.0, 2.0]}
    write_judgments(root / "d.parquet", dissimilarities_table(pairs, IDS), made, "dissimilarities")


def read_tables(root: Path) -> None:
    from twoalike.evaluation import questions_of
    from twoalike.judgments import read_judgments

    read_judgments(root / "choices.parquet")
    questions_of(read_judgments(root / "choices.parquet"))
    read_judgments(root / "arrangements.parquet", "arrangements")
    read_judgments(root / "d.parquet", "dissimilarities")


SESSIONS = {"jspsych.json": "json", "jatos.txt": "jsonl", "psychopy.csv": "table"}


def make_sessions(root: Path) -> None:
    """Sessions of other programs, with a half of a sign in each, and a mapping."""
    shown = [{"items": row, "response": 1, "rt": 900, "who": "p\ud800"} for _, row in NAMED]
    text = json.dumps([one | {"id": json.dumps({"a": "\udc00"})} for one in shown])
    (root / "jspsych.json").write_text(text)
    (root / "jatos.txt").write_text(f"[data_start---{text}---data_end]\n")
    cells = {name: [json.dumps(one[name]) for one in shown] for name in ("items", "response", "rt")}
    rows = pd.DataFrame(cells | {"who": "p", "id": json.dumps({"a": "\udc00"})})
    rows.to_csv(root / "psychopy.csv", index=False)
    (root / "mapping.toml").write_text(
        'kind = "odd-one-out"\nitems = ["items"]\nanswer = ["response"]\nanswer_is = "from-0"\n'
        'participant = "who"\ntime = "rt"\ntime_unit = "ms"\nkeep = ["id.a"]\n'
    )


def sessions_reader(name: str) -> Callable[[Path], None]:
    def read(root: Path) -> None:
        from twoalike.judgments import guess_mapping, import_sessions

        files, out = [root / name], root / "out" / "choices.parquet"
        out.parent.mkdir(exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import_sessions(files, root / "mapping.toml", out=out, overwrite=True)
            (root / "out" / "guess.toml").write_text(guess_mapping(files).toml(), "utf-8")

    return read


def make_texts(root: Path) -> None:
    names = np.array(IDS)[TRIPLETS]
    (root / "ids.txt").write_text("\n".join(IDS) + "\n")
    (root / "t.csv").write_text("".join(",".join([*row, "p1"]) + "\n" for row in names))
    (root / "n.txt").write_text("".join(" ".join(map(str, row)) + "\n" for row in TRIPLETS))


def read_texts_of_triplets(root: Path) -> None:
    from twoalike.judgments import import_choices, read_sets
    from twoalike.study import read_ids

    ids = read_ids(root / "ids.txt")
    read_sets(root / "n.txt", ids)
    import_choices(root / "t.csv", ids, participant_column=4)
    import_choices(root / "t.csv", ids, chosen_columns=(2,), participant_column=4)


def make_responses(root: Path) -> None:
    rows = [f"p{k},{a}.png,{b}.png,{c}.png,{c}.png,{k + 1}.5,Random" for k, (a, b, c) in NAMED]
    (root / "salmon.csv").write_text("\n".join([SALMON, *rows]) + "\n")
    votes = [f"{a},{b},{c},1,0,{k},{k}.5,0" for k, (a, b, c) in NAMED]
    (root / "labs.csv").write_text("\n".join(["a,b,c,x,y,z,rt,check", *votes]) + "\n")
    (root / "pairs.txt").write_text(f"{IDS[0]} {IDS[1]}\n")


def read_responses(root: Path) -> None:
    from twoalike.judgments import import_choices

    head, left, right = (f"{one}_filename" for one in ("head", "left", "right"))
    import_choices(
        root / "salmon.csv",
        kind="anchored",
        item_columns=(head, left, right),
        chosen_columns=("winner_filename",),
        participant_column="puid",
        response_time_column="response_time",
        response_time_unit="s",
        catch_column="sampler",
        catch_label="Random",
    )


def read_tables_of_labs(root: Path) -> None:
    from twoalike.judgments import import_choices

    path, items = root / "labs.csv", ("a", "b", "c")
    import_choices(path, IDS, item_columns=items, votes_columns=("x", "y", "z"))
    import_choices(
        path,
        IDS,
        item_columns=items,
        response_time_column="rt",
        response_time_unit="s",
        catch_column="check",
        catch_objects=root / "pairs.txt",
    )


def make_trees(root: Path) -> None:
    entries = [{"id": f"i{k}", "name": f"{name}.png"} for k, name in enumerate(IDS)]
    spots = [{"id": f"i{k}", "x": 0.3 * np.cos(k), "y": 0.3 * np.sin(k)} for k in range(6)]
    log = [[1636752416360, "logStarted", {}], [1636752419860, "finish", {}]]
    task = {"name": "arr", "task_type": "multiarrange"}
    trials = [{"positions": spots, "log": log}, {"positions": spots[:3], "log": log}]
    tree = {"fox": {"tasks": [{"task": task, "trials": trials, "stimuli": entries}]}}
    (root / "tree.json").write_text(json.dumps(tree))


def read_trees(root: Path) -> None:
    from twoalike.judgments import import_meadows

    import_meadows([root / "tree.json"])


def make_rdms(root: Path) -> None:
    square = np.abs(VALUES @ VALUES.T)
    square = np.abs(np.diag(square)[:, None] + np.diag(square) - 2 * VALUES @ VALUES.T)
    np.fill_diagonal(square, 0)
    folded = square[np.triu_indices(6, 1)]
    np.save(root / "r.npy", square)
    np.savez(root / "r.npz", rdm=square, ids=np.array(IDS))
    savemat(root / "r.mat", {"rdmutv": folded[None], "stimuli": np.array(IDS)})
    savemat(root / "s.mat", {"rdms": {"rdm": square, "name": "x"}}, do_compression=True)
    pd.DataFrame(square, index=list(IDS), columns=list(IDS)).to_csv(root / "r.csv")
    rows = [(IDS[a], IDS[b], square[a, b]) for a, b in ((0, 1), (1, 2), (0, 3))]
    pd.DataFrame(rows, columns=["item_a", "item_b", "dissimilarity"]).to_csv(
        root / "long.csv", index=False
    )


def rdm_reader(name: str) -> Callable[[Path], None]:
    """Read one of the files in both ways."""

    def read(root: Path) -> None:
        from twoalike.judgments import import_dissimilarities, read_rdms

        import_dissimilarities([root / name], IDS)
        if name != "long.csv":
            read_rdms(root / name, IDS, gaps=True)

    return read


# features, embeddings, networks


def make_features(root: Path) -> None:
    from twoalike.features import FeatureTable, feature_shard, write_features

    meta = provenance("features")
    write_features(root / "f.npz", FeatureTable(IDS, VALUES, meta))
    np.save(root / "f.npy", VALUES)
    (root / "ids.txt").write_text("\n".join(IDS))
    pq.write_table(pa.table({"id": list(IDS), "x": VALUES[:, 0], "y": VALUES[:, 1]}), root / "f.pq")
    (root / "f.pq").rename(root / "f.parquet")
    lists = pa.table({"id": list(IDS), "x": [row.tolist() for row in VALUES]})
    pq.write_table(lists, root / "lists.parquet")
    with h5py.File(root / "f.h5", "w") as file:
        file["features"], file["ids"] = VALUES, list(IDS)
    (root / "shards").mkdir()
    write_json(root / "shards" / "features.json", meta | {"shards": 2})
    for number in range(2):
        part = slice(3 * number, 3 * number + 3)
        write_features(
            feature_shard(root / "shards", number), FeatureTable(IDS[part], VALUES[part], meta)
        )


def features_reader(name: str) -> Callable[[Path], None]:
    """Read one of the files."""

    def read(root: Path) -> None:
        from twoalike.features import read_features

        found = read_features(root / name, root / "ids.txt")
        assert np.isfinite(found.values).all()

    return read


def make_posterior(root: Path) -> None:
    from twoalike.embedding import Posterior

    rng, axes = np.random.default_rng(3), ("chain", "draw")
    group = xr.Dataset(
        {
            "embedding": ((*axes, "object", "dimension"), rng.gamma(1.0, 1.0, (2, 3, 6, 2))),
            "temperature": ((*axes, "participant"), rng.uniform(0.5, 2.0, (2, 3, 2))),
            "lapse": ((*axes, "participant"), rng.uniform(0.0, 0.4, (2, 3, 2))),
        },
        coords={"object": list(IDS), "participant": ["p1", "p2"]},
    ).astype("float32")
    tree = xr.DataTree.from_dict({"posterior": group})
    made = json.dumps(provenance("posterior", seed=1, inputs={"choices": Path(__file__)}))
    said = '{"predictions": true, "choice_rhat_95": 1.01, "divergences": 0}'
    links = {"never": 0, "never_named": [], "once": 2, "once_named": ["o1"]}
    linked = json.dumps(links | {"islands": [4, 2], "islands_named": IDS})
    tree.attrs = {"schema_version": 1, "engine": "nuts", "convergence": said, "provenance": made}
    tree.attrs["links"] = linked
    Posterior(tree).save(root / "posterior.nc")


def read_posterior(root: Path) -> None:
    from twoalike.embedding import Posterior
    from twoalike.embedding._advice import link_warnings
    from twoalike.report._fit import convergence

    found = Posterior.load(root / "posterior.nc")
    convergence(found)
    link_warnings(found.attrs.get("links", {}))
    for of in found.attrs.get("provenance", {}).get("inputs", {}).values():
        assert of["file"] + of["sha256"]
    assert len(found.ids) == found.embedding.shape[1]
    found.choice_probabilities(np.array([[0, 1, 2]]), lapse=True, participants=np.array([0]))
    found.similarity()


def make_observer(root: Path) -> None:
    from twoalike.observers import SimulatedObserver

    SimulatedObserver(IDS, VALUES.astype(np.float64)).save(root / "observer.npz")


def read_observer(root: Path) -> None:
    from twoalike.observers import SimulatedObserver

    found = SimulatedObserver.load(root / "observer.npz")
    found.respond(found.ids[:3], np.random.default_rng(1))


def make_teachers(root: Path) -> None:
    from twoalike.teacher import AffineTeacher, PosteriorTeacher, save_teacher

    affine = AffineTeacher(
        mean=np.zeros(4, np.float32),
        scale=0.5,
        weight=np.ones((2, 4), np.float32),
        bias=np.zeros(2, np.float32),
        identity=0.0,
        temperature=1.0,
        description={"method": "affine", "from": {"features": 4}, "to": {"objects": 6}},
        known_ids=IDS,
        known=np.ones((6, 2), np.float32),
    )
    save_teacher(root / "affine", affine, provenance("teacher", seed=0))
    draws = np.random.default_rng(2).normal(size=(3, 6, 2)).astype(np.float32)
    of = PosteriorTeacher(ids=IDS, draws=draws, mode="predictive", description={})
    save_teacher(root / "posterior", of, provenance("teacher", seed=0))


def read_teachers(root: Path) -> None:
    from twoalike.features import FeatureTable
    from twoalike.teacher import load_teacher

    found = load_teacher(root / "affine")
    found.embed(FeatureTable(IDS, VALUES, {}))
    load_teacher(root / "posterior", any_kind=True)


def sign_teachers(root: Path) -> None:
    """Put the checksums of the arrays, as they are now, into the descriptions."""
    for name in ("affine", "posterior"):
        path = root / name / "teacher.json"
        try:
            content = json.loads(path.read_text())
            content["arrays_sha256"] = sha256_file(root / name / "teacher.safetensors")
            path.write_text(json.dumps(content))
        except (ValueError, TypeError, OSError, RecursionError):
            return  # the description itself is damaged


def make_alignet(root: Path) -> None:
    names = np.array([f"n{k}/n{k}_1.JPEG" for k in range(6)])[TRIPLETS]
    similarities = np.random.default_rng(4).normal(size=(4, 3)).astype(np.float32)
    np.savez(root / "a.npz", filenames=names, similarities=similarities, indices=TRIPLETS)


def read_alignet(root: Path) -> None:
    from twoalike.distill import import_alignet, read_labels

    import_alignet(root / "a.npz", root / "out", shard=3)
    read_labels(root / "out")


def make_label_folder(root: Path) -> None:
    from twoalike.distill import import_alignet

    make_alignet(root)
    import_alignet(root / "a.npz", root / "labels", shard=3)


def read_label_folder(root: Path) -> None:
    from twoalike.distill import read_labels

    read_labels(root / "labels")


def make_student(root: Path) -> None:
    from safetensors.torch import save_file

    from twoalike.backbones import create_network, load_backbone, weights_sha256

    backbone = load_backbone("test_resnet", untrained=True)
    network = create_network("test_resnet", num_classes=99)
    folder = root / "student"
    folder.mkdir()
    content = provenance("student", seed=0) | {
        "architecture": "test_resnet",
        "num_classes": 99,
        "num_features": backbone.n_features,
        "pretrained_cfg": {**backbone.preprocessing.as_timm(), "num_classes": 99},
        "weights_sha256": weights_sha256(network),
        "parts": {"features": [0, 96], "human": [96, 99]},
        "similarity": "raw-cosine",
        "vector": {"file": None},
        "origin": None,
    }
    write_json(folder / "config.json", content)
    save_file(network.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})


def read_student(root: Path) -> None:
    from twoalike.backbones import load_backbone

    load_backbone(root / "student").resized(None)


def make_weights(root: Path) -> None:
    import torch
    from safetensors.torch import save_file

    state = {"layer.weight": torch.ones(2, 3), "layer.bias": torch.zeros(2)}
    save_file(state, root / "w.safetensors")
    torch.save({"state_dict": state}, root / "w.pth")


def weights_reader(name: str) -> Callable[[Path], None]:
    """Read one of the files."""

    def read(root: Path) -> None:
        from twoalike.backbones import read_weights

        read_weights(root / name)

    return read


def make_recipe(root: Path) -> None:
    text = 'steps = 10\nbatch = 6\nobjective = "kl"\nrate = 0.001\nhead = "none"\nclip = 0.5\n'
    (root / "recipe.toml").write_text(text)


def read_recipe(root: Path) -> None:
    from twoalike.distill import load_recipe

    load_recipe(root / "recipe.toml")


def make_profile(root: Path) -> None:
    from twoalike.study import ScreenProfile, save_profile

    save_profile(ScreenProfile(width_m=0.5, distance_m=0.6, size_px=(90, 60)), root / "screen.toml")


def read_profile(root: Path) -> None:
    from twoalike.study import load_profile

    load_profile(root / "screen.toml")


def make_results_file(root: Path) -> None:
    """Results with everything in them that a report shows, of networks made up."""
    from twoalike.evaluation import Candidate
    from twoalike.features import FeatureTable
    from twoalike.judgments import choices_table, write_judgments
    from twoalike.results import evaluate

    rng = np.random.default_rng(6)
    ids = [f"o{number}" for number in range(8)]
    rows = np.array([rng.permutation(8)[:3] for _ in range(240)])
    rows[120:] = rows[:120]
    people = [f"p{number % 4}" for number in range(240)]
    items = {f"item_{k + 1}": rows[:, k] for k in range(3)}
    seconds = rng.uniform(0.5, 3, 240)
    given = {"chosen": rng.integers(1, 4, 240), "participant": people, "response_time": seconds}
    (root / "derived").mkdir()
    made = provenance("choices")
    write_judgments(root / "derived" / "choices.parquet", choices_table(given | items, ids), made)
    (root / "study.toml").write_text('title = "T"\nseed = 7\n')
    networks = [
        Candidate(name, FeatureTable(tuple(ids), rng.normal(size=(8, 4)).astype(np.float32)), *how)
        for name, *how in (("base",), ("aligned",), ("truth", "dot", "ceiling", 1.0))
    ]
    square = np.abs(rng.normal(size=(2, 8, 8)))
    square = square + square.transpose(0, 2, 1)
    square[:, range(8), range(8)] = 0
    np.savez(root / "rdm.npz", rdm=square, ids=np.array(ids))
    labels = {"kind": {name: "ab"[number % 2] for number, name in enumerate(ids)}}
    choices, rdm = root / "derived" / "choices.parquet", root / "rdm.npz"
    found = evaluate(networks, choices=choices, rdm=rdm, labels=labels, resamples=20)
    (root / "derived" / "choices.parquet").unlink()
    parts = ("odd_one_out.ceilings", "odd_one_out.uncertainty", "transfer", "rdm")
    assert all(map(found.has, parts))
    found.save(root / "derived" / "results.json")


def report_results(root: Path) -> None:
    """Everything of a report but turning drawings into files, which takes seconds."""
    from twoalike.report._blocks import render
    from twoalike.report._inputs import read_inputs
    from twoalike.report._report import build_page

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("twoalike.report._blocks.to_svg", lambda figure: b"")
        render(build_page(read_inputs(Study.load(root)), 0))


RUN_FILES = {
    **{ROWS.format(task, "tsv"): "table" for task in ("oddoneout", "multiarrangement")},
    **{ROWS.format(task, "json"): "json" for task in ("oddoneout", "multiarrangement")},
    **{SOURCE.format(t, "manifest.json"): "json" for t in ("oddoneout", "multiarrangement")},
    **{SOURCE.format("oddoneout", "trials.tsv"): "table"},
    **{SOURCE.format(t, "answers.tsv"): "table" for t in ("oddoneout", "multiarrangement")},
    **{SOURCE.format("oddoneout", "journal.jsonl"): "jsonl"},
    f"{RAW}/participants.tsv": "table",
    f"{RAW}/participants.json": "json",
    f"{RAW}/dataset_description.json": "json",
}
PROTOCOLS = {f"protocols/{name}.toml": "toml" for name in ("odd_one_out", "multi_arrangement")}

READERS: dict[str, Reader] = {
    "study": Reader(make_study, {"study.toml": "toml"}, Study.load),
    "protocols": Reader(make_study, PROTOCOLS, read_protocols),
    "stimuli": Reader(make_study, {"stimuli/stimuli.tsv": "table"}, read_stimuli),
    "label table": Reader(make_study, {"stimuli/stimuli.tsv": "table"}, read_labels_table),
    "image": Reader(make_study, {"stimuli/in/o0.png": "bytes"}, read_images),
    "trial lists": Reader(make_lists, {"t.tsv": "table", "a.tsv": "table"}, read_lists),
    "raw judgments": Reader(make_session, RUN_FILES, read_raw_data),
    "sessions": Reader(make_session, RUN_FILES, read_sessions),
    "runs": Reader(make_session, RUN_FILES, read_runs),
    "resume": Reader(make_begun_session, RUN_FILES, resume),
    "share": Reader(make_session, RUN_FILES, share),
    "judgments": Reader(
        make_tables,
        dict.fromkeys(("choices.parquet", "arrangements.parquet", "d.parquet"), "parquet"),
        read_tables,
    ),
    "triplets": Reader(
        make_texts, dict.fromkeys(("t.csv", "n.txt", "ids.txt"), "table"), read_texts_of_triplets
    ),
    "responses": Reader(make_responses, {"salmon.csv": "table"}, read_responses),
    "tables of labs": Reader(
        make_responses, dict.fromkeys(("labs.csv", "pairs.txt"), "table"), read_tables_of_labs
    ),
    **{
        f"sessions {name}": Reader(
            make_sessions, {name: kind, "mapping.toml": "toml"}, sessions_reader(name)
        )
        for name, kind in SESSIONS.items()
    },
    "meadows": Reader(make_trees, {"tree.json": "json"}, read_trees),
    **{
        f"rdm {name}": Reader(make_rdms, {name: kind}, rdm_reader(name))
        for name, kind in (
            *(("r.npy", "npy"), ("r.npz", "npz"), ("r.mat", "mat"), ("s.mat", "mat")),
            *(("r.csv", "table"), ("long.csv", "table")),
        )
    },
    **{
        f"features {name}": Reader(make_features, {name: kind}, features_reader(name))
        for name, kind in (
            *(("f.npz", "npz"), ("f.npy", "npy"), ("f.parquet", "parquet"), ("f.h5", "hdf5")),
            ("lists.parquet", "parquet"),
        )
    },
    "features shards": Reader(
        make_features,
        {"shards/features.json": "json", "shards/shard-00001.npz": "npz"},
        features_reader("shards"),
    ),
    "results": Reader(make_results_file, {"derived/results.json": "json"}, report_results),
    "posterior": Reader(make_posterior, {"posterior.nc": "hdf5"}, read_posterior),
    "observer": Reader(make_observer, {"observer.npz": "npz"}, read_observer),
    "teacher": Reader(
        make_teachers,
        {
            f"{name}/teacher.{ending}": kind
            for name in ("affine", "posterior")
            for ending, kind in (("json", "json"), ("safetensors", "safetensors"))
        },
        read_teachers,
        sign_teachers,
    ),
    "alignet": Reader(make_alignet, {"a.npz": "npz"}, read_alignet),
    "labels": Reader(
        make_label_folder,
        {"labels/labels.json": "json", "labels/shard-00001.parquet": "parquet"},
        read_label_folder,
    ),
    "student": Reader(
        make_student,
        {"student/config.json": "json", "student/model.safetensors": "safetensors"},
        read_student,
    ),
    "weights": Reader(
        make_weights, {"w.safetensors": "safetensors"}, weights_reader("w.safetensors")
    ),
    "torch weights": Reader(make_weights, {"w.pth": "bytes"}, weights_reader("w.pth")),
    "recipe": Reader(make_recipe, {"recipe.toml": "toml"}, read_recipe),
    "screen": Reader(make_profile, {"screen.toml": "toml"}, read_profile),
}
"""Readers by name."""
