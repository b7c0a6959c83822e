"""``twoalike evaluate``: networks, side by side, against human judgments."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from twoalike.cli._candidates import named, read_candidates, read_labels
from twoalike.cli._options import check_seed
from twoalike.cli._tables import interval_cell, plain, plain_table, wide_console

if TYPE_CHECKING:
    from rich.table import Table

    from twoalike.evaluation import Candidate


def evaluate(
    *,
    features: list[str] | None = None,
    baseline: str | None = None,
    model: Path | None = None,
    images: Path | None = None,
    ceiling: str | None = None,
    choices: Path | None = None,
    arrangements: Path | None = None,
    rdm: Path | None = None,
    posterior: Path | None = None,
    objects: Path | None = None,
    labels: Path | None = None,
    similarity: Literal["cosine", "raw-cosine", "dot"] = "cosine",
    seed: int = 0,
    out: Path,
) -> None:
    """Score networks against people's choices, dissimilarities or both.

    Accuracy of the odd one out (ties count 1/k), log-loss after one temperature fitted on other
    choices, Spearman's correlation with dissimilarities; each with a 95 % interval over
    participants and objects, and its difference to the first network. Beside them how well any
    model could agree with these people, calibration, what changed in the similarity structure
    and, with --labels, what else the features are good for. The table tells the main figures,
    --out holds all.

    Parameters
    ----------
    features
        Feature table (.npz, .parquet, .h5, or .npy with --objects), as FILE or NAME=FILE. Give it once a
        network; the first is the one that the others are compared with, unless there is --model.
    baseline
        Features of the network that the others are compared with, as those of --features, if it
        is not the first of these, nor the base network of --model.
    model
        A student folder; its base network is scored as well, and is the one that the others are
        compared with. Needs --images.
    images
        Folder with the images of the objects.
    ceiling
        Where answers were simulated: the true observer's embedding, as NAME=FILE.
    choices
        Judgments (choices.parquet).
    arrangements
        Multi-arrangement (arrangements.parquet), instead of --rdm.
    rdm
        People's dissimilarities (.mat, .npy, .npz, .csv).
    posterior
        Fitted embedding (.nc): its calibration and its similarities beside the networks'.
    objects
        Object ids, one a line: the order of --rdm, and of features in .npy.
    labels
        Table of labels (tab-separated, column id, then levels), such as stimuli.tsv: scores
        also by kind of triplet (within, boundary, between) at each level, changes of distances,
        few-shot classification and shifts to new subclasses. These are told of the objects in
        the table only: leave out those that a network learnt from.
    similarity
        cosine: of features minus their mean over the objects scored. raw-cosine: of features as
        they are. dot: their dot product.
    seed
        Seed of the halves for the temperature and of the resamples.
    out
        Results to write (.json).

    Examples
    --------
        twoalike evaluate --features base=base.npz --features aligned=aligned.npz --choices choices.parquet --out results.json
        twoalike evaluate --features aligned.npz --baseline base.npz --choices choices.parquet --out results.json
        twoalike evaluate --model student --images stimuli --rdm rdms.mat --objects ids.txt --out results.json
    """  # noqa: E501
    from twoalike.cli._results_tables import further_tables
    from twoalike.results import Sources, make_results
    from twoalike.study import check_output, write_json

    check_seed(seed)
    check_output(out)
    first = [baseline] if baseline else []
    candidates, inputs = read_candidates([*first, *(features or [])], objects, similarity)
    if model is not None:
        base, student = _student(model, images, similarity)
        candidates.insert(len(first), base)
        candidates.append(student)
    if ceiling is not None:
        name, path = named(ceiling)
        candidates.append(_oracle(name, path, objects))
        inputs[name] = path
    by_level, label_inputs = read_labels(labels)
    results = make_results(
        candidates,
        Sources(choices, arrangements, rdm, objects, posterior),
        labels=by_level,
        seed=seed,
        inputs=inputs | label_inputs,
    )
    write_json(out, results)
    console = wide_console()
    for table in (*_tables(results), *further_tables(results)):
        console.print(table)
    print(f"Wrote {out}")  # noqa: T201


def _oracle(name: str, path: Path, objects: Path | None) -> "Candidate":
    from twoalike.evaluation import Candidate
    from twoalike.features import read_features

    return Candidate(name, read_features(path, objects), "dot", role="ceiling", temperature=1.0)


def _student(
    model: Path, images: Path | None, similarity: Literal["cosine", "raw-cosine", "dot"]
) -> tuple["Candidate", "Candidate"]:
    """Features of the network that a student started from, and of the student."""
    from twoalike.backbones import CONFIG
    from twoalike.evaluation import Candidate
    from twoalike.study import TwoalikeError, read_json

    if images is None:
        raise TwoalikeError(f"{model}: a student is scored on images; name them with --images.")
    config = read_json(model / CONFIG, "student")
    from twoalike.backbones import extract_features  # torch: not before it is needed

    base = extract_features(str(config["backbone"]), images)
    if base.meta["weights_sha256"] != config["initial_sha256"]:
        raise TwoalikeError(
            f"{model}: the student started from other weights than {config['backbone']!r} has "
            "here. Compute the features of both networks and give them with --features."
        )
    student = extract_features(model, images)
    return Candidate("base", base, similarity), Candidate("aligned", student, similarity)


def _tables(results: dict[str, Any]) -> list["Table"]:
    """Tables for the terminal: choices, then dissimilarities, as far as there are any."""
    from twoalike.study import counted

    tables = []
    if results["judgments"]:
        said = results["judgments"]
        title = (
            f"{counted(said['choices'], 'choice')} by "
            f"{counted(said['participants'], 'participant')} on "
            f"{counted(said['objects'], 'object')}"
        )
        out = [f"{n:,} {kind.replace('_', ' ')}" for kind, n in said["left_out"].items() if n]
        title += f" (left out: {', '.join(out)})" if out else ""
        table = plain_table(title, "model", "accuracy", "log-loss", "temperature", "gap closed")
        for of in results["models"]:
            temperature = f"{of['temperature']['value']:.3g}"
            closed = f"{of['gap_closed']['value']:.0%}" if of["gap_closed"] else ""
            measures = (interval_cell(of["accuracy"]), interval_cell(of["log_loss"]))
            table.add_row(plain(of["name"]), *measures, temperature, closed)
        chance = said["chance"]
        table.add_row("[dim]chance", f"{chance['accuracy']:.3f}", f"{chance['log_loss']:.3f}")
        tables.append(table)
    if results["rdm"]:
        tables.append(_dissimilarities(results))
    return tables


def _dissimilarities(results: dict[str, Any]) -> "Table":
    from twoalike.study import counted

    people = results["rdm"]
    arranged = people["source"] == "arrangements"
    objects = counted(people["objects"], "object")
    whose = counted(people["participants"], "participant")
    title = f"{'Arrangements' if arranged else 'Dissimilarities'} by {whose} of {objects}"
    out = [counted(n, kind.removesuffix("s")) for kind, n in people["left_out"].items() if n]
    title += f" (left out: {', '.join(out)})" if out else ""
    columns = ["model", "Spearman, mean person", "rho-a", "mean over people"]
    table = plain_table(title, *columns, *(["weighted by evidence"] if arranged else []))
    weighted = {of["name"]: of["weighted_spearman"] for of in results["structure"]["models"]}
    for of in results["models"]:
        measured = of["rdm"]
        table.add_row(
            plain(of["name"]),
            interval_cell(measured["spearman"]),
            f"{measured['rho_a']:.3f}",
            f"{measured['per_person']['mean']:.3f}",
            *([interval_cell(weighted.get(of["name"]))] if arranged else []),
        )
    if people["ceiling"]:
        span = f"{people['ceiling']['lower']:.3f} to {people['ceiling']['upper']:.3f}"
        table.add_row("[dim]noise ceiling", "", "", span)
    return table
