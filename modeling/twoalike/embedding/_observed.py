"""The model of a fit, opened: to extend and to sample with PyMC itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from twoalike.embedding._config import FitConfig, fit_settings
from twoalike.embedding._fit import given, with_people
from twoalike.embedding._form import reduce_features, resolve_form
from twoalike.embedding._model import Data, Observers
from twoalike.embedding._times import response_times
from twoalike.features import FeatureTable, read_features
from twoalike.judgments import JudgmentKind, JudgmentTable, read_judgments

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
    """Build the PyMC model that :func:`fit` samples, to extend and to sample with PyMC itself.

    ``embedding`` (object, dimension), ``temperature`` and ``lapse`` (participant) are its
    deterministic variables; the likelihood of each group of judgments of each kind is a potential,
    such as ``choices_0`` of one question. It samples with ``pymc.sample``; ``do`` and further terms
    in its context work as in any model.

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
    tables = given(
        **{
            kind: None if one is None else read_judgments(one, cast("JudgmentKind", kind))
            for kind, one in {
                "choices": choices,
                "arrangements": arrangements,
                "dissimilarities": dissimilarities,
                "ratings": ratings,
                "sortings": sortings,
            }.items()
        }
    )
    data = with_people(Data.from_tables(tables), groups, covariates, config)
    if config.response_times and "choices" in tables:
        times = response_times(tables["choices"])
        data = data.with_choices(data.choices.with_times(times))
    if isinstance(features, str | Path):
        features = read_features(Path(features))
    reduced = None if features is None else reduce_features(features.select(data.ids))
    form, *_ = resolve_form(data, reduced, config)
    model, x, temperature, lapse = form.unobserved(data, observers)
    with model:
        form.add_judgments(data, x, (temperature, lapse))
    return model
