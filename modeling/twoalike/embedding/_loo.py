"""Leave-one-out: how well a judgment is predicted from all others, without fitting again.

A fit assigns higher probabilities to the answers that it was fitted to than to new ones, the more
so the fewer there are. On its own judgments it therefore looks under-confident: answers that it
calls likely occur more often still.

Pareto-smoothed importance sampling (doi:10.1007/s11222-016-9696-4, arXiv:1507.02646) weights the
draws as if one judgment had not been there. Of many judgments a random subset is weighted, and
the sum over all is estimated by the difference to the plain predictive density, which is known
for every one (doi:10.48550/arXiv.1904.10679); the standard error of that estimate is given.

Draws of several variational fits are weighed within each fit, and the fits equally: a judgment
left out would change each fit, not how much each counts. Weighed together, what one fit happened
to learn of a judgment is held against it. Even so, their estimate is too pessimistic, probably
because independent variables of the approximation spread what the judgments settle together. Where
a fit held judgments out, as ``vi`` does of 20,000 or more, their log-loss is the figure to read.
"""

from dataclasses import dataclass

import numpy as np

from twoalike.choice import expected_accuracy
from twoalike.embedding._posterior import Posterior
from twoalike.study import Floats, Integers

LEAST_DRAWS = 25  # fewer, and the tail that is smoothed would be shorter than five draws
SUBSET = 20_000
VALUES = 10_000_000  # draws x judgments held: answers some 120 MB, likelihoods and weights 80 each


@dataclass(frozen=True)
class LeaveOneOut:
    """Leave-one-out estimate.

    Attributes
    ----------
    judgments, subset, draws
        Judgments in all, those weighed, and draws.
    elpd, se
        Expected log predictive density of all judgments in nats, and its standard error (over
        judgments, the subset's included).
    subset_se
        Part of the standard error that is due to weighing a subset only.
    log_loss, log_loss_se
        ``-elpd`` a judgment.
    accuracy, accuracy_se
        Of the subset's leave-one-out predictions, ties split.
    p_loo
        Effective number of parameters.
    k_limit
        Pareto k up to which a judgment's estimate can be trusted at this number of draws.
    k_high
        Share of the subset with a larger k.
    k_max
        Largest k.
    """

    judgments: int
    subset: int
    draws: int
    elpd: float
    se: float
    subset_se: float
    log_loss: float
    log_loss_se: float
    accuracy: float
    accuracy_se: float
    p_loo: float
    k_limit: float
    k_high: float
    k_max: float


def subset_rows(n: int, n_draws: int, seed: int, at_most: int | None = None) -> Integers:
    """Judgments to weigh: all, or a random subset that fits the memory, shape (k,), sorted."""
    most = max(min(SUBSET if at_most is None else at_most, VALUES // n_draws), 1)
    if n <= most:
        return np.arange(n)
    rng = np.random.default_rng([seed, 2])
    return np.sort(rng.choice(n, size=most, replace=False))


def _efficiency(likelihood: Floats) -> float:
    """Effective draws a draw, of likelihoods (chains, draws, k); 1 for a single chain."""
    from arviz_stats.base import array_stats

    values = likelihood[..., np.ptp(likelihood, axis=(0, 1)) > 1e-12]
    if len(values) == 1 or values.shape[1] < 4 or not values.shape[2]:
        return 1.0
    ess = array_stats.ess(values, chain_axis=0, draw_axis=1, method="mean", relative=True)
    return float(np.clip(np.mean(ess), 1e-3, 1.0))


def smoothed_weights(log_likelihood: Floats, efficiency: float) -> tuple[Floats, Floats]:
    """Log-weights of the draws with each judgment left out, (k, S), and Pareto's k, (k,).

    From the log-likelihood, (k, S), and effective draws a draw; k is -inf where the largest weights
    are all equal, so that there is no tail to smooth.
    """
    from arviz_stats.base import array_stats

    n_draws = log_likelihood.shape[1]
    quarter = np.partition(log_likelihood, n_draws // 5, axis=1)[:, n_draws // 5]
    flat = quarter - log_likelihood.min(axis=1) < 1e-9
    ratio = -log_likelihood
    ratio -= ratio.max(axis=1, keepdims=True)
    weights = ratio - np.log(np.exp(ratio).sum(axis=1, keepdims=True))
    k = np.full(len(weights), -np.inf)
    if not flat.all():
        smooth, shape = array_stats.psislw(log_likelihood[~flat], r_eff=efficiency, axis=-1)
        weights[~flat], k[~flat] = smooth, shape
    return weights, k


def separate_fits(posterior: Posterior, n_draws: int) -> int:
    """Fits whose draws are weighed apart: those of ``vi`` that have enough draws each; else 1."""
    chains = posterior.tree["posterior"].sizes["chain"]
    apart = posterior.attrs.get("engine") == "vi" and n_draws // chains >= LEAST_DRAWS
    return chains if apart else 1


def left_out_weights(likelihood: Floats, chains: int, fits: int = 1) -> tuple[Floats, Floats]:
    """Weights of the draws with each judgment left out, (k, S), and Pareto's k, (k,).

    ``likelihood`` (S, k) is that of each answer under each draw, grouped by chain; with several
    ``fits``, which are then the chains, weights within each sum to 1 / fits, and Pareto's k is the
    largest of the fits.
    """
    n_draws, k = likelihood.shape
    some = likelihood[:, :: max(k // 300, 1)]
    efficiency = _efficiency(some.reshape(chains, -1, some.shape[1])) if fits == 1 else 1.0
    weights, shape = np.empty((k, n_draws)), np.empty(k)
    block = max(VALUES // (10 * n_draws), 1)
    for start in range(0, k, block):
        part = slice(start, start + block)
        logs = np.log(np.maximum(likelihood[:, part].T, 1e-30))
        found = [smoothed_weights(own, efficiency) for own in np.split(logs, fits, axis=1)]
        weights[part] = np.concatenate([np.exp(own) / fits for own, _ in found], axis=1)
        shape[part] = np.max([of for _, of in found], axis=0)
    return weights, shape


def trusted_k(n_draws: int) -> float:
    """Pareto's k up to which a judgment's estimate can be trusted (arXiv:1507.02646)."""
    return float(min(1 - 1 / np.log10(n_draws), 0.7))


def predict_left_out(
    answers: Floats, chosen: Integers, chains: int, fits: int = 1
) -> tuple[Floats, Floats]:
    """Probabilities of the answers to each judgment under the posterior of all others, (k, A).

    ``answers`` (S, k, A) are those under every draw, grouped by chain with equally many draws each,
    ``fits`` as in :func:`left_out_weights`. Also Pareto's k, shape (k,).
    """
    likelihood = answers[:, np.arange(answers.shape[1]), chosen].astype(np.float64)
    weights, shape = left_out_weights(likelihood, chains, fits)
    return np.einsum("ks,ska->ka", weights, answers), shape


def leave_one_out(
    answers: Floats,
    chosen: Integers,
    rows: Integers,
    lpd: Floats,
    chains: int,
    fits: int = 1,
) -> LeaveOneOut:
    """Estimate from the probabilities of every answer under every draw.

    ``answers`` (S, k, A) and ``chosen`` (k,) are of the subset ``rows``; ``lpd`` (n,) is the log of
    the mean probability of the answer given, of all judgments; ``fits`` as in
    :func:`left_out_weights`.
    """
    from arviz_stats.base import array_stats

    n_draws, k = answers.shape[:2]
    predicted, shape = predict_left_out(answers, chosen, chains, fits)
    elpd_i = np.log(np.maximum(predicted[np.arange(k), chosen], 1e-30))
    total, subset_se, se = array_stats.diff_srs_estimator(elpd_i, lpd[rows], lpd, len(lpd))
    hits = expected_accuracy(predicted, chosen, tolerance=1e-7)
    limit = trusted_k(n_draws // fits)
    n = len(lpd)
    return LeaveOneOut(
        judgments=n,
        subset=k,
        draws=n_draws,
        elpd=float(total),
        se=float(se),
        subset_se=float(subset_se),
        log_loss=float(-total / n),
        log_loss_se=float(se / n),
        accuracy=float(hits.mean()),
        accuracy_se=float(hits.std() / np.sqrt(k)),
        p_loo=float((lpd[rows] - elpd_i).mean() * n),
        k_limit=limit,
        k_high=float((shape > limit).mean()),
        k_max=float(shape.max()),
    )
