"""The main figures of ceilings, uncertainty and structure, as tables for the terminal."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from twoalike.cli._tables import interval_cell, plain_table
from twoalike.results import estimate_at

if TYPE_CHECKING:
    from rich.table import Table

CEILINGS = (
    (("oracle",), "best possible, against one answer"),
    (("majority", "accepted"), "best possible, against majorities"),
    (("pair_agreement",), "two people"),
    (("repeats", "agreement"), "the same person again"),
    (("catches", "agreement"), "attention checks"),
    (("published", "leave_one_out"), "leave-one-out, as published"),
    (("published", "vanilla"), "vanilla, as published"),
)
"""Where a figure is in ``ceilings``, and what its row is called."""


def further_tables(results: Mapping[str, Any]) -> Iterator["Table"]:
    """Tables of what was measured beside agreement."""
    if results["ceilings"]:
        yield from _ceilings(results["ceilings"])
    if results["uncertainty"]:
        names = [model["name"] for model in results["models"]]
        yield _calibration(results["uncertainty"], names)
    if results["structure"] and len(results["structure"]["models"]) > 1:
        yield _structure(results["structure"])


def _ceilings(found: Mapping[str, Any]) -> Iterator["Table"]:
    made = {name: estimate_at(found, keys) for keys, name in CEILINGS}
    table = plain_table("How well people agree, and a model could", "", "accuracy")
    for name, measure in made.items():
        if measure is not None:
            table.add_row(name, interval_cell(measure))
    if any(made.values()):
        yield table


def _calibration(found: Mapping[str, Any], names: list[str]) -> "Table":
    table = plain_table(
        "Calibration", "model", "error, likeliest answer", "Brier score", "mean entropy (nats)"
    )
    rows = dict(zip(names, found["models"], strict=True))
    if found["posterior"]:
        rows["posterior"] = found["posterior"]
    for name, of in rows.items():
        calibration = of["calibration"]
        table.add_row(
            name,
            interval_cell(calibration["error"]["top"]["debiased"]),
            interval_cell(calibration["brier"]),
            interval_cell(of["entropy"]["mean"]),
        )
    return table


def _structure(found: Mapping[str, Any]) -> "Table":
    reference = found["reference"]
    table = plain_table(
        f"Features beside {reference}", "model", "CKA", "debiased CKA", "neighbours kept"
    )
    for of in found["models"][1:]:
        kept = of["neighbours"]
        table.add_row(
            str(of["name"]),
            *(f"{of[key]:.3f}" if of[key] is not None else "" for key in ("cka", "debiased_cka")),
            f"{kept['value']:.0%}" if kept else "",
        )
    return table
