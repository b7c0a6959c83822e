"""Write the protocols in experiments/protocols from their definition: run after changing one.

python docs/write_protocols.py
"""

from pathlib import Path

from twoalike.tasks import (
    AnchoredChoice,
    FreeSorting,
    MostAlikePair,
    MultiArrangement,
    OddOneOfMany,
    OddOneOut,
    PairRating,
    protocol_template,
)

FOLDER = Path(__file__).parents[1] / "experiments" / "protocols"
PROTOCOLS = {
    "odd_one_out": OddOneOut(),
    "anchored_choice": AnchoredChoice(),
    "odd_one_of_many": OddOneOfMany(),
    "most_alike_pair": MostAlikePair(),
    "multi_arrangement": MultiArrangement(),
    "pair_rating": PairRating(),
    "free_sorting": FreeSorting(),
}

if __name__ == "__main__":
    for name, protocol in PROTOCOLS.items():
        (FOLDER / f"{name}.toml").write_text(protocol_template(protocol), encoding="utf-8")
