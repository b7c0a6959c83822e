"""A posterior together with its judgments, in the groups that ArviZ's functions take.

The likelihood of every judgment under every draw is much larger than the posterior itself, so it is
computed when it is needed and never stored in ``posterior.nc``.
"""

from typing import TYPE_CHECKING

import numpy as np

from twoalike.embedding._judged import (
    Judged,
    answer_probabilities,
    as_table,
    draws_of,
    known_rows,
    thinned,
    used_choices,
)
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
        The choices that it was fitted to; practice and catch trials, choices among more than three
        items, and those by people or of objects that it does not know, are left out. The attributes
        ``not_known`` and ``in_sets`` count the latter two.
    draws
        About how many to keep at most, equally many of each chain and evenly spaced.
    seed
        Of the simulated choices.

    Returns
    -------
    The posterior's own groups, with these draws, and ``log_likelihood``, ``posterior_predictive``
    and ``observed_data``, each with the variable ``choices``: log-probability of the answer given,
    in nats, and position of the chosen item, 0 to 2. The coordinate ``judgment`` is the row in the
    table of choices, from 0. Draws keep their numbers.
    """
    import xarray as xr

    posterior = as_posterior(posterior)
    used = used_choices(as_table(choices).reset_index(drop=True))
    judged, known = known_rows(posterior, used)
    rows = used.index.to_numpy()[known]
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
    labels = {axis: drawn[axis].values for axis in ("chain", "draw")} | {"judgment": rows}
    shape = (chains, -1, len(judged))
    for group, values in (("log_likelihood", log_likelihood), ("posterior_predictive", simulated)):
        variable = (("chain", "draw", "judgment"), values.reshape(shape))
        tree[group] = xr.Dataset({"choices": variable}, coords=labels)
    observed = {"choices": ("judgment", judged.chosen)}
    tree.attrs |= {"not_known": judged.left_out, "in_sets": judged.in_sets}
    tree["observed_data"] = xr.Dataset(observed, coords={"judgment": rows})
    return tree


def _under_draws(
    posterior: Posterior, judged: Judged, which: Integers, seed: int
) -> tuple[Floats, Integers]:
    """Log-likelihood of each judgment and a simulated answer under each draw, (S, n) both."""
    rng = np.random.default_rng([seed, 5])
    shape, here = (len(which), len(judged)), np.arange(len(judged))
    logs, simulated = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.int8)
    for place, draw in enumerate(draws_of(posterior, which, len(judged))):
        p = answer_probabilities(draw, judged)
        logs[place] = np.log(np.maximum(p[here, judged.chosen], 1e-30))
        # Above 0, so that an answer of probability 0 is never drawn.
        level = 1 - rng.random((len(judged), 1))
        simulated[place] = np.minimum((p.cumsum(axis=1) < level).sum(axis=1), 2)
    return logs, simulated
