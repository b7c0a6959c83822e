"""Runner of benchmarks/peers.py: twoalike's fit, number of dimensions not told.

python -P benchmarks/peers/_twoalike.py JUDGMENTS.npz OUT.npz ENGINE SIMILARITY
"""

import sys
import time
from typing import Any

import numpy as np

from twoalike.embedding import FitConfig, fit_embedding
from twoalike.judgments import choices_table


def main() -> None:
    """Fit, and predict the observer's own answers."""
    judgments, out, engine, similarity = sys.argv[1:]
    with np.load(judgments) as told:
        data = dict(told)
    columns: dict[str, Any] = {f"item_{k + 1}": data["shown"][:, k] for k in range(3)}
    columns |= {"chosen": data["chosen"] + 1, "participant": ["observer"] * len(data["chosen"])}
    choices = choices_table(columns, [f"object-{index:03d}" for index in range(data["objects"])])
    config = FitConfig.model_validate(
        {"engine": engine, "similarity": similarity, "seed": int(data["seed"])}
    )
    start = time.process_time()
    posterior = fit_embedding(choices, config=config)
    seconds = time.process_time() - start
    observer = np.zeros(len(data["test"]), dtype=np.int64)
    np.savez(
        out,
        probabilities=posterior.choice_probabilities(
            data["test"], lapse=True, participants=observer
        ),
        similarity=posterior.similarity(),
        dimensions=posterior.embedding.shape[2],
        seconds=seconds,
    )


if __name__ == "__main__":
    main()
