"""Runner of benchmarks/peers.py and lab.py: embedding after the equations of VICE, in torch.

    python -P benchmarks/peers/_variational.py JUDGMENTS.npz OUT.npz [SETTINGS]

SETTINGS is JSON with fields of :class:`Settings`.

Written from the paper (NeurIPS 35:33661), not from its code. q(X) is normal for every
coordinate, the embedding is relu(X), and p(X) a mixture of two normal densities, spike and slab;
a step minimises the mean cross-entropy of a batch plus (log q - log p) / N at one sample of X.
Predictions average over samples. A dimension counts when more than five objects are positive in
it at a false discovery rate of 5 %; predictions keep all, since leaving some out makes them worse.
"""

import json
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import false_discovery_control, norm
from torch.distributions import Normal

from twoalike.choice import log_choice, pair_similarities

SAMPLES = 50  # that predictions average over


@dataclass(frozen=True)
class Settings:
    """What the paper leaves to the user; defaults are those of peers.py."""

    dimensions: int = 20
    spike: float = 0.25
    slab: float = 1.0
    share: float = 0.6  # of the spike
    rate: float = 0.005
    batch: int = 256
    epochs: int = 100
    limit_s: float = 30.0  # of processor time


DEFAULTS = Settings()


def log_prior(x: torch.Tensor, settings: Settings = DEFAULTS) -> torch.Tensor:
    """Log-density of spike and slab; summed in logs, so that it never underflows."""
    spike = np.log(settings.share) + Normal(0.0, settings.spike).log_prob(x)
    slab = np.log1p(-settings.share) + Normal(0.0, settings.slab).log_prob(x)
    return torch.logaddexp(spike, slab)


def fit(
    shown: torch.Tensor,
    kept: torch.Tensor,
    objects: int,
    settings: Settings,
    rng: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of every coordinate, shape (objects, dimensions)."""
    spread, d = np.sqrt(2 / objects), settings.dimensions
    mean = (spread * torch.randn(objects, d, generator=rng)).requires_grad_()
    log_sd = torch.full((objects, d), float(-1 / spread), requires_grad=True)
    optimiser = torch.optim.Adam([mean, log_sd], lr=settings.rate)
    begun = time.process_time()
    for _ in range(settings.epochs):
        for batch in torch.randperm(len(shown), generator=rng).split(settings.batch):
            q = Normal(mean, log_sd.exp())
            x = mean + q.stddev * torch.randn(mean.shape, generator=rng)
            embedding = x.relu()
            pairs = torch.stack(pair_similarities(embedding @ embedding.T, shown[batch]), dim=1)
            loss = torch.nn.functional.cross_entropy(pairs, kept[batch])
            loss = loss + (q.log_prob(x) - log_prior(x, settings)).sum() / len(shown)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        if time.process_time() - begun > settings.limit_s:
            break
    return mean.detach(), log_sd.detach().exp()


def kept_dimensions(mean: np.ndarray[Any, Any], sd: np.ndarray[Any, Any]) -> int:
    """Count dimensions in which more than five objects are surely positive."""
    q_values = false_discovery_control(norm.cdf(0.0, mean, sd), axis=0)
    return int(((q_values < 0.05).sum(axis=0) > 5).sum())


def main() -> None:
    """Fit and predict."""
    judgments, out, *told_settings = sys.argv[1:]
    settings = Settings(**json.loads(told_settings[0] if told_settings else "{}"))
    with np.load(judgments) as told:
        data = dict(told)
    rng = torch.Generator().manual_seed(int(data["seed"]))
    shown, kept = torch.as_tensor(data["shown"]), torch.as_tensor(2 - data["chosen"])
    torch.set_num_threads(1)  # more would mostly wait for one another: matrices are small
    start = time.process_time()
    mean, sd = fit(shown, kept, int(data["objects"]), settings, rng)
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
