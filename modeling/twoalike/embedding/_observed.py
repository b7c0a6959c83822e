"""The model with judgments as observed variables, to extend and to sample with PyMC itself.

The engines take the same prior and the same likelihood, attached as potentials: each judgment then
needs the probability of the answer given only, where an observed variable has those of all three.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from twoalike.choice import log_choice
from twoalike.embedding._config import FitConfig, fit_settings
from twoalike.embedding._fit import with_people
from twoalike.embedding._form import reduce_features, resolve_form
from twoalike.embedding._judged import used_choices
from twoalike.embedding._model import (
    Data,
    Form,
    Observers,
    cheaper_whole,
    similarities,
)
from twoalike.embedding._parts import find_kernel
from twoalike.embedding._times import add_clocks, response_times
from twoalike.features import FeatureTable, read_features
from twoalike.judgments import (
    JudgmentKind,
    JudgmentTable,
    object_index,
    read_judgments,
    split_sets,
)
from twoalike.study import TwoalikeError

if TYPE_CHECKING:
    import pymc as pm


def build_model(
    choices: JudgmentTable | None = None,
    /,
    *,
    arrangements: JudgmentTable | None = None,
    dissimilarities: JudgmentTable | None = None,
    ratings: JudgmentTable | None = None,
    sortings: JudgmentTable | None = None,
    features: FeatureTable | str | Path | None = None,
    groups: Mapping[str, str] | str | Path | None = None,
    covariates: Mapping[str, Mapping[str, float]] | str | Path | None = None,
    observers: Observers | None = None,
    config: FitConfig | None = None,
    **settings: Any,
) -> "pm.Model":
    """Build the PyMC model that :func:`fit` samples, with the judgments as observed variables.

    Its log density is that of ``fit``. ``embedding`` (object, dimension), ``temperature`` and
    ``lapse`` (participant) are its deterministic variables. Observed are ``choices`` (judgment),
    the position of the chosen item, 0 to 2, of the triplets in the data ``items``;
    ``arrangements_0`` (trial, place, axis) and ``dissimilarities_0`` (source, object, object) and
    on, one a group of trials or sources of about one size, whose densities lack a constant;
    ``ratings_0`` (rating), the level of each answer from 0, the lowest where equal answers on a
    slider span several; ``sortings_0`` (trial, place) and on, the pile of each object from 0; and
    ``sets_0`` and on, one a question about more than three items, the place of the answer among
    those of :class:`twoalike.choice.Question`.
    The functions of PyMC work on it: ``pymc.sample``, ``sample_prior_predictive``,
    ``sample_posterior_predictive``, ``compute_log_likelihood``, ``do``. The coordinate ``judgment``
    is the row in the table of choices, from 0. With ``response_times`` the density of
    the times, given the choices' similarities, is the potential of that name.

    Parameters
    ----------
    choices
        A Parquet file, or a frame of pandas or polars; practice and catch trials are left out.
    arrangements, dissimilarities, ratings, sortings
        Files or frames, with choices or alone.
    features
        Features of every object, or their file, for a prior mean that is a map of them.
    groups
        Group of each participant, or a file, for weights of the dimensions (``people="weights"``).
    covariates
        Covariates of each participant by name, or their file.
    observers
        Called in the open model with the participants' labels in the order of its coordinate;
        adds variables and returns temperature (> 0) and lapse (0 to 1) of each, shape (P,) both.
        None: partially pooled ones, as in ``fit``.
    config, settings
        A :class:`FitConfig`, or its fields by name; ``similarity``, ``prior``, ``dimensions``,
        ``people`` and ``engine`` (on which a prior of ``auto`` depends) count.

    Returns
    -------
    The model; its initial point is finite.
    """
    config = fit_settings(config, settings)
    tables: dict[JudgmentKind, JudgmentTable | None] = {
        "choices": choices,
        "arrangements": arrangements,
        "dissimilarities": dissimilarities,
        "ratings": ratings,
        "sortings": sortings,
    }
    if all(one is None for one in tables.values()):
        raise TwoalikeError(
            "expected choices, arrangements, dissimilarities, ratings or sortings to model, found "
            "none of them."
        )
    table, *others = (
        None if one is None else read_judgments(one, kind) for kind, one in tables.items()
    )
    used = None if table is None else used_choices(table.reset_index(drop=True))
    data = with_people(Data.from_tables(used, *others), groups, covariates, config)
    if config.response_times and used is not None:
        data = replace(data, times=response_times(split_sets(used)[0]))
    if isinstance(features, str | Path):
        features = read_features(Path(features))
    reduced = None if features is None else reduce_features(features.select(data.ids))
    form, *_ = resolve_form(data, reduced, config)
    model, x, temperature, lapse = form.unobserved(data, observers)
    with model:
        if used is not None:
            _observe_choices(form, data, split_sets(used)[0], x, temperature, lapse)
        log_weight = model["log_weight"] if form.weights else None
        form.add_others(data, x, (temperature, lapse), log_weight, observed=True)
    return model


def _observe_choices(
    form: Form, data: Data, used: pd.DataFrame, x: Any, temperature: Any, lapse: Any
) -> None:
    """Add the choices to the open model, with the triplets and their judges as its data."""
    import pymc as pm
    import pytensor.tensor as pt

    triplets, chosen, _ = object_index(used, data.ids)
    model = pm.modelcontext(None)
    model.add_coords({"judgment": used.index.to_numpy(), "item": [1, 2, 3]})
    items = pm.Data("items", triplets, dims=("judgment", "item"))
    judge = pm.Data("judge", data.judge, dims="judgment")
    anchored = None
    if data.anchored.any():
        anchored = pm.Data("anchored", data.anchored, dims="judgment")
    kernel = find_kernel(form.similarity)
    if form.weights:
        roots = pt.exp(model["log_weight"] / 2)[judge]
        pairs = similarities(x, items, kernel, pt, matrix=False, roots=roots)
    else:
        whole = cheaper_whole(len(data.ids), len(triplets))
        pairs = similarities(x, items, kernel, pt, matrix=whole)
    noise, guess = temperature[judge], lapse[judge]
    first, second, third = log_choice(pairs, noise, guess, anchored=anchored, xp=pt)
    if anchored is not None:  # chosen is then the item that is not the odd one
        second, third = pt.where(anchored, third, second), pt.where(anchored, second, third)
    p = pt.exp(pt.stack([first, second, third], axis=1))
    pm.Categorical("choices", p=p, observed=chosen, dims="judgment")
    if data.times is not None:
        clocks = add_clocks(data.times, data.judge, len(data.participants))
        one, two, three = (side / noise for side in pairs)
        logs = clocks.log_density((one, two, three), data.times, judge, anchored, pt)
        pm.Potential("response_times", logs.sum())
