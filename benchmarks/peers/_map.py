"""Runner of benchmarks/peers_real.py: the most probable embedding under a normal prior.

    python -P benchmarks/peers/_map.py JUDGMENTS.npz OUT.npz dot|distance PENALTY

Minimises the cross-entropy of all choices plus PENALTY times the sum of squared coordinates, by
Adam with a rate that falls to zero. Coordinates may be negative.
"""

import sys
import time

import numpy as np
import torch

from twoalike.choice import pair_similarities

STEPS, RATE = 400, 0.05


def similarities(x: torch.Tensor, kind: str) -> torch.Tensor:
    """Similarities of all pairs of rows, (m, m)."""
    if kind == "dot":
        return x @ x.T
    squares = (x**2).sum(dim=1)
    return -(squares[:, None] + squares - 2 * x @ x.T).clamp_min(0.0).add(1e-6).sqrt()


def main() -> None:
    """Fit."""
    judgments, out, kind, penalty = sys.argv[1:]
    with np.load(judgments) as told:
        data = dict(told)
    rng = torch.Generator().manual_seed(int(data["seed"]))
    shown, kept = torch.as_tensor(data["shown"]), torch.as_tensor(2 - data["chosen"])
    torch.set_num_threads(1)
    shape = int(data["objects"]), int(data["dimensions"])
    start = time.process_time()
    x = (0.5 * torch.randn(shape, generator=rng)).requires_grad_()
    optimiser = torch.optim.Adam([x], lr=RATE)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        pairs = torch.stack(pair_similarities(similarities(x, kind), shown), dim=1)
        loss = torch.nn.functional.cross_entropy(pairs, kept, reduction="sum")
        loss = loss + float(penalty) * (x**2).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        fall.step()
    seconds = time.process_time() - start
    found = similarities(x.detach(), kind).double().numpy()
    np.savez(out, similarity=found, dimensions=data["dimensions"], seconds=seconds)


if __name__ == "__main__":
    main()
