"""A student's model card (templates/card.md): what its output is, how to load it, its limits.

The metadata at the head of the file are those of Hugging Face, so the folder can be uploaded as is.
"""

from collections.abc import Mapping
from typing import Any

HUB_LICENCES = frozenset(
    "afl-3.0 apache-2.0 apple-amlr apple-ascl artistic-2.0 bsd bsd-2-clause bsd-3-clause bsl-1.0 "
    "c-uda cc cc-by-2.0 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-4.0 "
    "cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 "
    "cc0-1.0 gemma gpl-2.0 gpl-3.0 lgpl-3.0 mit mpl-2.0 openrail unknown unlicense".split()
)
"""Licences of networks for which Hugging Face has a name."""

_LEARNT = {
    "full": "all of its weights",
    "last": "the weights of its last blocks",
    "lora": "low-rank adapters, which were merged into its weights",
    "probe": "this layer alone",
}
_PARTS = {
    "features": "the network's own features, at a common scale",
    "human": "positions in a human space, which are fitted to people's judgments",
}


SCORED = {"base": "base", "control": "control", "start": "closed form", "student": "aligned"}
"""Networks that are scored on held-out images: keys in config.json, and names."""


def scored_names(config: Mapping[str, Any]) -> dict[str, str]:
    """Names of the networks of a student's scores; that of a control is control."""
    is_control = config["teacher"]["method"] == "untransformed"
    return SCORED | ({"student": "control"} if is_control else {})


def model_card(name: str, config: Mapping[str, Any]) -> str:
    """README.md of the student in the folder ``name``, from the content of its config.json."""
    from jinja2 import Environment, PackageLoader

    licence = str(config["pretrained_cfg"].get("license") or "unknown").lower()
    loader = PackageLoader("twoalike.distill")
    environment = Environment(
        loader=loader, trim_blocks=True, keep_trailing_newline=True, autoescape=False
    )
    return environment.get_template("card.md").render(
        config,
        name=name,
        licence=licence,
        known=licence in HUB_LICENCES,
        meaning=_PARTS,
        learnt_part=_LEARNT,
        scored=scored_names(config),
    )
