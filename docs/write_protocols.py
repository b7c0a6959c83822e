"""Write the protocols in experiments/protocols from their definition: run after changing one.

python docs/write_protocols.py
"""

from pathlib import Path

from twoalike.tasks import (
    alike_pair_protocol,
    anchored_protocol,
    arrangement_protocol,
    odd_of_many_protocol,
    protocol_template,
    rating_protocol,
    sorting_protocol,
    triplet_protocol,
)

FOLDER = Path(__file__).parents[1] / "experiments" / "protocols"
PROTOCOLS = {
    "odd_one_out": triplet_protocol(),
    "anchored_choice": anchored_protocol(),
    "odd_one_of_many": odd_of_many_protocol(),
    "most_alike_pair": alike_pair_protocol(),
    "multi_arrangement": arrangement_protocol(),
    "pair_rating": rating_protocol(),
    "free_sorting": sorting_protocol(),
}

if __name__ == "__main__":
    for name, protocol in PROTOCOLS.items():
        (FOLDER / f"{name}.toml").write_text(protocol_template(protocol), encoding="utf-8")
