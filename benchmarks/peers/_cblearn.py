"""Runner of benchmarks/peers.py: an estimator of cblearn with its defaults.

    python -P benchmarks/peers/_cblearn.py JUDGMENTS.npz OUT.npz ESTIMATOR

Runs in an environment without twoalike.
"""

import sys
import time

import numpy as np
from cblearn import embedding


def main() -> None:
    """Fit on two triplets a judgment: (anchor, closer, farther)."""
    judgments, out, name = sys.argv[1:]
    with np.load(judgments) as told:
        data = dict(told)
    odd = data["chosen"][:, None]
    first, second, last = np.take_along_axis(data["shown"], (odd + [[1, 2, 0]]) % 3, axis=1).T
    triplets = np.concatenate(
        [np.stack([first, second, last], axis=1), np.stack([second, first, last], axis=1)]
    )
    estimator = getattr(embedding, name)(
        n_components=int(data["dimensions"]), random_state=int(data["seed"])
    )
    start = time.process_time()
    estimator.fit(triplets, n_objects=int(data["objects"]))
    seconds = time.process_time() - start
    np.savez(
        out,
        embedding=estimator.embedding_,
        dimensions=data["dimensions"],
        seconds=seconds,
    )


if __name__ == "__main__":
    main()
