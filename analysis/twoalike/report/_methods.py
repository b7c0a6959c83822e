"""A methods paragraph that can be pasted, and the table of what everything was made from."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from twoalike.record import RunName, find_runs, read_manifest
from twoalike.report._blocks import Block, Grid, Section, Text
from twoalike.report._fit import convergence
from twoalike.report._load import Inputs
from twoalike.study import counted


def _collection(inputs: Inputs) -> str:
    sessions = inputs.sessions
    if not sessions:
        return "Judgments were not collected with this study's task."
    people = len({session.participant for session in sessions})
    trials = sum(session.trials for session in sessions)
    return (
        f"{counted(people, 'participant')} answered {counted(trials, 'odd-one-out trial')} in "
        f"{counted(len(sessions), 'session')}{_software(inputs)}."
    )


def _software(inputs: Inputs) -> str:
    """Software that showed the trials, as the manifests name it."""
    names = []
    for path in find_runs(inputs.study.raw):
        manifest = read_manifest(RunName.parse(path).manifest(inputs.study.raw))
        for segment in manifest["segments"]:
            apparatus = segment["apparatus"]
            names.append(f"{apparatus['software']} {apparatus['software_version']}".strip())
    different = sorted(set(names))
    return f" ({', '.join(different)})" if different else ""


def _model(inputs: Inputs) -> str:
    posterior = inputs.posterior
    if posterior is None:
        return ""
    people = counted(len(posterior.participants), "participant")
    chains, draws, objects, dimensions = posterior.tree["posterior"].dataset["embedding"].shape
    attrs = posterior.attrs
    engine = {"nuts": "the No-U-Turn sampler", "vi": "variational inference"}.get(
        str(attrs.get("engine")), str(attrs.get("engine", "an engine not named in the file"))
    )
    reason = convergence(posterior).reason
    judged = f"; {reason}" if reason else ""
    prior = f", prior {attrs['prior']}" if "prior" in attrs else ""
    return (
        f"A non-negative embedding of {objects} objects in {dimensions} dimensions, with a lapse "
        f"rate and a temperature for each of {people}, "
        f"was fitted by {engine} ({counted(chains, 'chain')} of {counted(draws, 'draw')}{prior}"
        f"{judged}). "
        "The probability that an item is called the odd one is a softmax over the dot products of "
        "the pairs that remain, mixed with guessing. Probabilities and similarities are averaged "
        "over draws, coordinates never are."
    )


def _scoring(inputs: Inputs) -> str:
    if inputs.results is None:
        return ""
    kinds = ", ".join(sorted({model["similarity"] for model in inputs.results["models"]}))
    said = f"Networks were scored by the similarities of their features ({kinds})."
    if inputs.results["judgments"]:
        said += (
            " Ties count 1/k. Log-loss uses one temperature, fitted to one half of the triplets "
            "and scored on the other, in turn. Intervals are 95 % percentile intervals from "
            f"{inputs.results['config']['resamples']:,} bootstrap resamples of participants and "
            "objects, scaled so that each two choices that share a participant or an object count "
            "once."
        )
    if inputs.results["rdm"]:
        said += " Intervals of rank correlations are from a jackknife over people and objects."
    return said


def _source(name: str, made: Mapping[str, Any], made_by: str) -> list[str]:
    inputs = made.get("inputs", {})
    files = ", ".join(f"{of['file']} {of['sha256'][:10]}" for of in inputs.values())
    seed = made.get("seed")
    return [
        name,
        made_by,
        str(made.get("twoalike_version", "not said")),
        "not said" if seed is None else str(seed),
        files or "not said",
    ]


def methods_section(inputs: Inputs) -> Section:
    """Methods, versions, seeds, hashes of inputs."""
    lead = "To paste into a paper, and to find out later what was made from what."
    paragraph = " ".join(
        part for part in (_collection(inputs), _model(inputs), _scoring(inputs)) if part
    )
    # Not the study's seed: a report is published, and with the seed codes can be found.
    software = f" Analysed with twoalike {version('twoalike')}."
    rows = []
    if inputs.posterior is not None:
        provenance = inputs.posterior.attrs.get("provenance", {})
        rows.append(_source("posterior.nc", provenance, "twoalike fit"))
    if inputs.results is not None:
        rows.append(_source("results.json", inputs.results, "twoalike evaluate"))
    blocks: list[Block] = [Text(paragraph + software)]
    if rows:
        columns = ("file", "made by", "version", "seed", "inputs (SHA-256 begins)")
        blocks.append(Grid("What the numbers of this report come from.", columns, rows))
    return Section("methods", "Methods", lead, blocks)
