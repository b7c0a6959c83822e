"""Write the protocols in experiments/protocols from their definition: run after changing one.

python docs/write_protocols.py
"""

from pathlib import Path

from twoalike.registry import find_task
from twoalike.tasks import protocol_template, protocols

FOLDER = Path(__file__).parents[1] / "experiments" / "protocols"
PROTOCOLS = {find_task(name).module: model() for name, model in protocols().items()}

if __name__ == "__main__":
    for name, protocol in PROTOCOLS.items():
        (FOLDER / f"{name}.toml").write_text(protocol_template(protocol), encoding="utf-8")
