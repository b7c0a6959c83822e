"""A posterior together with its judgments, in the groups that ArviZ's functions take.

The likelihood of every judgment under every draw is much larger than the posterior itself, so it is
computed when it is needed and never stored in ``posterior.nc``.
"""

from typing import TYPE_CHECKING

import numpy as np

from twoalike.embedding._choices import Choices
from twoalike.embedding._judged import answer_probabilities, as_table, draws_of, thinned
from twoalike.embedding._loo import MOST_DRAWS
from twoalike.embedding._posterior import Posterior, PosteriorSource, as_posterior
from twoalike.judgments import JudgmentTable
from twoalike.study import Floats, Integers

if TYPE_CHECKING:
    import xarray as xr

DRAWN = ("posterior", "sample_stats", "log_prior")
"""Groups whose draws are thinned."""


def inference_data(
    posterior: PosteriorSource,
    choices: JudgmentTable,
    *,
    draws: int = MOST_DRAWS,
    seed: int = 0,
) -> "xr.DataTree":
    """Add the groups of the choices to those of a posterior, for ArviZ.

    ``arviz.loo``, ``plot_ppc_dist``, ``plot_loo_pit`` and others work on the result. It takes five
    bytes for each judgment and draw: 250 MB for THINGS with 400 draws.

    Parameters
    ----------
    posterior
        The posterior, or its file.
    choices
        The choices that it was fitted to; practice and catch trials, and those by people or of
        objects that it does not know, are left out. The attribute ``not_known`` counts the latter.
    draws
        About how many to keep at most, equally many of each chain and evenly spaced.
    seed
        Of the simulated choices.

    Returns
    -------
    The posterior's own groups, with these draws, and ``log_likelihood``, ``posterior_predictive``
    and ``observed_data``, each with the variable ``choices``: log-probability of the answer given,
    in nats, and its place among the answers to the question (of an odd one, the item from 0). The
    coordinate ``judgment`` is the row in the table of choices, from 0. Draws keep their numbers.
    """
    import xarray as xr

    posterior = as_posterior(posterior)
    judged = Choices.known_to(posterior, as_table(choices))
    order = np.argsort(judged.rows, kind="stable")
    tree = posterior.tree.copy()
    sizes = tree["posterior"].sizes
    chains, n_draws = sizes["chain"], sizes["draw"]
    which = thinned(chains, n_draws, draws)
    for group in DRAWN:
        if group in tree.children:
            dataset = tree[group].to_dataset()
            tree[group] = dataset.isel(draw=which[: len(which) // chains], missing_dims="ignore")
    log_likelihood, simulated = _under_draws(posterior, judged, which, seed)
    drawn = tree["posterior"].dataset
    rows = judged.rows[order]
    labels = {axis: drawn[axis].values for axis in ("chain", "draw")} | {"judgment": rows}
    shape = (chains, -1, len(judged))
    for group, values in (("log_likelihood", log_likelihood), ("posterior_predictive", simulated)):
        variable = (("chain", "draw", "judgment"), values[:, order].reshape(shape))
        tree[group] = xr.Dataset({"choices": variable}, coords=labels)
    observed = {"choices": ("judgment", judged.answer[order])}
    tree.attrs |= {"not_known": judged.left_out}
    tree["observed_data"] = xr.Dataset(observed, coords={"judgment": rows})
    return tree


def _under_draws(
    posterior: Posterior, judged: Choices, which: Integers, seed: int
) -> tuple[Floats, Integers]:
    """Log-likelihood of each judgment and a simulated answer under each draw, (S, n) both."""
    rng, shape = np.random.default_rng([seed, 5]), (len(which), len(judged))
    logs, simulated = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.int8)
    for place, draw in enumerate(draws_of(posterior, which, 3 * len(judged))):
        for group, here in zip(judged.groups, judged.slices, strict=True):
            p = answer_probabilities(draw, group)
            given = p[np.arange(group.size), group.answer]
            logs[place, here] = np.log(np.maximum(given, 1e-30))
            # Above 0, so that an answer of probability 0 is never drawn.
            level = 1 - rng.random((group.size, 1))
            drawn = (p.cumsum(axis=1) < level).sum(axis=1)
            simulated[place, here] = np.minimum(drawn, p.shape[1] - 1)
    return logs, simulated
