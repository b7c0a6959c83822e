"""Write the protocols in experiments/protocols from their definition: run after changing one.

python docs/write_protocols.py
"""

from pathlib import Path

from twoalike.tasks import (
    anchored_protocol,
    arrangement_protocol,
    protocol_template,
    rating_protocol,
    sorting_protocol,
    triplet_protocol,
)

FOLDER = Path(__file__).parents[1] / "experiments" / "protocols"
PROTOCOLS = {
    "odd_one_out": triplet_protocol(),
    "anchored_choice": anchored_protocol(),
    "multi_arrangement": arrangement_protocol(),
    "pair_rating": rating_protocol(),
    "free_sorting": sorting_protocol(),
}

if __name__ == "__main__":
    for name, protocol in PROTOCOLS.items():
        (FOLDER / f"{name}.toml").write_text(protocol_template(protocol), encoding="utf-8")
