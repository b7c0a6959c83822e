"""Runner of benchmarks/peers.py: variational embedding after the equations of VICE, in torch.

    python -P benchmarks/peers/_variational.py JUDGMENTS.npz OUT.npz

Written from the paper (NeurIPS 35:33661), not from its code. q(X) is normal for every
coordinate, the embedding is relu(X), and p(X) a mixture of two normal densities, spike and slab;
a step minimises the mean cross-entropy of a batch plus (log q - log p) / N at one sample of X.
Predictions average over samples. A dimension counts when more than five objects are positive in
it at a false discovery rate of 5 %; predictions keep all, since leaving some out makes them worse.
"""

import sys
import time
from typing import Any

import numpy as np
import torch
from scipy.stats import false_discovery_control, norm
from torch.distributions import Normal

from twoalike.choice import log_choice, odd_from_pair, pair_similarities

START, SPIKE, SLAB, SHARE = 20, 0.25, 1.0, 0.6
RATE, BATCH, EPOCHS, LIMIT_S, SAMPLES = 0.005, 256, 100, 30.0, 50


def log_prior(x: torch.Tensor) -> torch.Tensor:
    """Log-density of spike and slab; summed in logs, so that it never underflows."""
    spike = np.log(SHARE) + Normal(0.0, SPIKE).log_prob(x)
    slab = np.log1p(-SHARE) + Normal(0.0, SLAB).log_prob(x)
    return torch.logaddexp(spike, slab)


def fit(
    shown: torch.Tensor, kept: torch.Tensor, objects: int, rng: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of every coordinate, shape (objects, START)."""
    spread = np.sqrt(2 / objects)
    mean = (spread * torch.randn(objects, START, generator=rng)).requires_grad_()
    log_sd = torch.full((objects, START), float(-1 / spread), requires_grad=True)
    optimiser = torch.optim.Adam([mean, log_sd], lr=RATE)
    begun = time.process_time()
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(shown), generator=rng).split(BATCH):
            q = Normal(mean, log_sd.exp())
            x = mean + q.stddev * torch.randn(mean.shape, generator=rng)
            embedding = x.relu()
            pairs = torch.stack(pair_similarities(embedding @ embedding.T, shown[batch]), dim=1)
            loss = torch.nn.functional.cross_entropy(pairs, kept[batch])
            loss = loss + (q.log_prob(x) - log_prior(x)).sum() / len(shown)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        if time.process_time() - begun > LIMIT_S:
            break
    return mean.detach(), log_sd.detach().exp()


def kept_dimensions(mean: np.ndarray[Any, Any], sd: np.ndarray[Any, Any]) -> int:
    """Count dimensions in which more than five objects are surely positive."""
    q_values = false_discovery_control(norm.cdf(0.0, mean, sd), axis=0)
    return int(((q_values < 0.05).sum(axis=0) > 5).sum())


def main() -> None:
    """Fit and predict."""
    judgments, out = sys.argv[1:]
    with np.load(judgments) as told:
        data = dict(told)
    rng = torch.Generator().manual_seed(int(data["seed"]))
    shown, kept = torch.as_tensor(data["shown"]), torch.as_tensor(odd_from_pair(data["chosen"]))
    torch.set_num_threads(1)  # more would mostly wait for one another: matrices are small
    start = time.process_time()
    mean, sd = fit(shown, kept, int(data["objects"]), rng)
    seconds = time.process_time() - start
    draws = (mean + sd * torch.randn(SAMPLES, *mean.shape, generator=rng)).relu().numpy()
    similarities = (draws @ draws.transpose(0, 2, 1)).astype(np.float64)
    logs = np.stack(log_choice(pair_similarities(similarities, data["test"])), axis=-1)
    np.savez(
        out,
        probabilities=np.exp(logs).mean(axis=0),
        similarity=similarities.mean(axis=0),
        dimensions=kept_dimensions(mean.numpy(), sd.numpy()),
        seconds=seconds,
    )


if __name__ == "__main__":
    main()
