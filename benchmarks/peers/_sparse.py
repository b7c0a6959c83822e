"""Runner of benchmarks/lab.py: embedding after the equations of SPoSE, in torch.

    python -P benchmarks/peers/_sparse.py JUDGMENTS.npz OUT.npz SETTINGS

Written from the papers (arXiv:1901.02915, doi:10.1038/s41562-020-00951-3), not from any code.
Minimises the mean cross-entropy of a batch plus (penalty / objects) times the sum of X, which
is kept non-negative by setting negative coordinates to zero after every step. SETTINGS is JSON
with fields of :class:`Settings`. A dimension counts when any object is above .1 in it.
"""

import json
import sys
import time
from dataclasses import dataclass

import numpy as np
import torch

from twoalike.choice import log_choice, pair_similarities


@dataclass(frozen=True)
class Settings:
    """What the papers leave to the user; defaults are those they used."""

    dimensions: int = 90
    rate: float = 0.001
    batch: int = 100
    epochs: int = 500
    penalty: float = 0.008


def fit(
    shown: torch.Tensor,
    kept: torch.Tensor,
    objects: int,
    settings: Settings,
    rng: torch.Generator,
) -> torch.Tensor:
    """Every coordinate, shape (objects, dimensions)."""
    start = 0.1 + 0.01 * torch.randn(objects, settings.dimensions, generator=rng)
    x = start.clamp_min(0.0).requires_grad_()
    optimiser = torch.optim.Adam([x], lr=settings.rate)
    for _ in range(settings.epochs):
        for batch in torch.randperm(len(shown), generator=rng).split(settings.batch):
            pairs = torch.stack(pair_similarities(x @ x.T, shown[batch]), dim=1)
            loss = torch.nn.functional.cross_entropy(pairs, kept[batch])
            loss = loss + settings.penalty / objects * x.sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            with torch.no_grad():
                x.clamp_min_(0.0)
    return x.detach()


def main() -> None:
    """Fit and predict."""
    judgments, out, told_settings = sys.argv[1:]
    with np.load(judgments) as told:
        data = dict(told)
    rng = torch.Generator().manual_seed(int(data["seed"]))
    shown, kept = torch.as_tensor(data["shown"]), torch.as_tensor(2 - data["chosen"])
    torch.set_num_threads(1)  # more would mostly wait for one another: matrices are small
    start = time.process_time()
    x = fit(shown, kept, int(data["objects"]), Settings(**json.loads(told_settings)), rng)
    seconds = time.process_time() - start
    similarity = (x @ x.T).double().numpy()
    logs = np.stack(log_choice(pair_similarities(similarity, data["test"])), axis=-1)
    np.savez(
        out,
        probabilities=np.exp(logs),
        dimensions=int((x > 0.1).any(dim=0).sum()),
        seconds=seconds,
    )


if __name__ == "__main__":
    main()
