"""From judgments to a posterior: read them, fit, align, judge, save; and the model, opened."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import TRIPLET, guessing
from twoalike.embedding._advice import describe_links, optimiser_convergence, with_chains
from twoalike.embedding._choices import Choices, held_losses, terms_tried, used_choices
from twoalike.embedding._config import Checkpoint, FitConfig, fit_settings
from twoalike.embedding._draws import importance, order_draws, pack_tree, spread
from twoalike.embedding._form import (
    FEWEST,
    Pilot,
    allowed_similarities,
    choose_prior,
    default_dimensions,
    nuts_plan,
    reduce_features,
    resolve_form,
    run_pilot,
    seconds_each,
    sizes,
)
from twoalike.embedding._judged import draws_of
from twoalike.embedding._model import KINDS, Data, Form, find_observers
from twoalike.embedding._participants import without_careless
from twoalike.embedding._people import (
    Covariates,
    Groups,
    check_weights,
    read_covariates,
    read_groups,
)
from twoalike.embedding._people_draws import draw_people
from twoalike.embedding._posterior import Posterior, plan_lines
from twoalike.embedding._posterior_file import SCHEMA_VERSION, flat_attrs
from twoalike.embedding._priors import find_prior
from twoalike.features import FeatureTable, read_features
from twoalike.judgments import (
    JudgmentKind,
    JudgmentTable,
    collect_judgments,
    given_tables,
    judgment_codes,
    list_sources,
    read_judgments,
    read_sources,
)
from twoalike.study import (
    Floats,
    Study,
    TwoalikeError,
    check_ending,
    check_output,
    held_interrupt,
    provenance,
)

if TYPE_CHECKING:
    import pymc as pm

type GroupOf = Mapping[str, str] | str | Path | None
type CovariatesOf = Mapping[str, Mapping[str, float]] | str | Path | None

HOLDOUT = 0.02
HOLDOUT_JUDGMENTS = 20_000  # from so many on, holding some out has no measurable cost


def device() -> str:
    """Kind of processor that both engines compute on: ``cpu``, or ``gpu`` where JAX sees one."""
    import jax

    return str(jax.default_backend())


def fit(
    study_or_choices: Study | JudgmentTable | None = None,
    /,
    *,
    choices: JudgmentTable | None = None,
    arrangements: JudgmentTable | None = None,
    dissimilarities: JudgmentTable | None = None,
    ratings: JudgmentTable | None = None,
    sortings: JudgmentTable | None = None,
    sources: JudgmentTable | Sequence[JudgmentTable] | None = None,
    features: FeatureTable | str | Path | None = None,
    objects: str | Path | None = None,
    groups: Mapping[str, str] | str | Path | None = None,
    covariates: Mapping[str, Mapping[str, float]] | str | Path | None = None,
    out: str | Path | None = None,
    condition: str | None = None,
    allow_problems: bool = False,
    config: FitConfig | None = None,
    announce: Callable[[str], object] | None = None,
    **settings: Any,
) -> Posterior:
    """Fit the Bayesian embedding to a study, or to tables of judgments, and save it.

    Parameters
    ----------
    study_or_choices
        A study or its folder: its raw data are checked and written as tidy tables into ``derived/``
        first; where its study.toml declares ``[exclusion] careless``, participants are left out by
        it and the rest is fitted again. Or choices: a Parquet file, or a frame of pandas or polars
        (see :func:`twoalike.judgments.read_judgments`), also as ``choices=``. None: other judgments
        only.
    arrangements
        Table of multi-arrangement trials (.parquet), with other judgments or alone.
    dissimilarities
        Table of RDMs (.parquet, see twoalike import rdm), with other judgments or alone.
    ratings
        Table of rated pairs (.parquet), with other judgments or alone.
    sortings
        Table of objects in piles (.parquet), with other judgments or alone.
    sources
        Tables of choices by networks, language models or other studies (.parquet, imported with
        ``source=...``), with people's judgments: observers of another kind, each trusted as far as
        people's own answers agree, and left out where a pilot predicts people better without them.
    features
        Features of every object (.npz, .parquet, .h5, or .npy with ``objects``): the prior mean of
        the embedding becomes a learnt map of them.
    objects
        Object ids, one per line, for a file of features without ids.
    groups
        Group of each participant: a tab-separated file with the columns ``participant`` and
        ``group``, a column of a study's ``participants.tsv``, or a mapping. They are stored with
        the posterior; with ``people="weights"`` people are shrunk to their group.
    covariates
        Numbers such as age, on which temperature, lapse rate and, with ``people="weights"``,
        weights of people may depend: a tab-separated file with the columns ``participant`` and one
        a covariate, columns of a study's ``participants.tsv`` separated by commas, or for each name
        a mapping of participants to values.
    out
        Posterior to write (.nc); for a study derived/posterior.nc if left out. A fit that was
        interrupted continues when it is started again with the same judgments, settings and file.
    condition
        Fit only this condition of a study that has conditions within a session ([[conditions]]),
        into derived/posterior_CONDITION.nc.
    allow_problems
        Fit a study's data as they are, even if twoalike validate finds problems in them.
    config, settings
        A :class:`FitConfig`, or its fields by name: ``engine``, ``dimensions``, ``seed`` and so on.
    announce
        Receives one line for each table of a study that is written, remarks on its data and, before
        the fit, what a pilot found and advises, the engine, and the time that it takes.

    Returns
    -------
    The posterior; it is saved if there is a file to write.
    """
    config = fit_settings(config, settings)
    others = given_tables(
        arrangements=arrangements,
        dissimilarities=dissimilarities,
        ratings=ratings,
        sortings=sortings,
    )
    study_or_choices = study_or_choices if choices is None else choices
    study = _study(study_or_choices, others)
    if study is None and condition is not None:
        raise TwoalikeError("`condition=...`: goes with a study; tables name no conditions.")
    if out is None and study is not None:
        out = study.posterior
        out = out if condition is None else out.with_stem(f"{out.stem}_{condition}")
    part = None if out is None else Path(out).with_suffix(".part.npz")
    if out is not None:
        check_ending(Path(out), [".nc"], "a posterior")
        check_output(Path(out))
    tables: Mapping[JudgmentKind, JudgmentTable]
    if study is None:
        tables = given_tables(
            choices=cast("Any", study_or_choices), **cast("dict[str, Any]", others)
        )
    else:
        how: dict[str, Any] = {"allow_problems": allow_problems, "condition": condition}
        collect = partial(collect_judgments, study, announce=announce, **how)
        tables = cast("Mapping[JudgmentKind, JudgmentTable]", collect())
    answered = list_sources(sources)
    people: dict[str, Any] = {"groups": groups, "covariates": covariates}
    named: dict[Any, Any] = {**tables, **answered, "features": features, **people}
    inputs = {role: Path(one) for role, one in named.items() if isinstance(one, str | Path)}
    inputs = {role: one for role, one in inputs.items() if role not in people or one.is_file()}
    if isinstance(features, str | Path):
        features = read_features(Path(features), None if objects is None else Path(objects))
    if isinstance(groups, str | Path):
        people["groups"] = read_groups(groups, study)
    if isinstance(covariates, str | Path):
        people["covariates"] = read_covariates(covariates, study)
    known: dict[str, Any] = {"features": features, "announce": announce, **people}
    fitted = partial(_fitted, tables, answered, inputs, config, **known)
    limit = None if study is None else study.config.exclusion.careless
    if study is None or limit is None:
        posterior = fitted(checkpoint=part)
    else:
        posterior = without_careless(fitted, tables, limit, part, collect)
    if out is None or part is None:
        return posterior
    posterior.save(out)
    part.unlink(missing_ok=True)
    return replace(posterior, path=Path(out))


def _fitted(
    tables: Mapping[JudgmentKind, JudgmentTable],
    answered: Mapping[str, JudgmentTable],
    inputs: Mapping[str, Path],
    config: FitConfig,
    **known: Any,
) -> Posterior:
    """Read the tables and fit them; ``known`` are further arguments of :func:`fit_embedding`."""
    read: dict[str, Any] = {kind: read_judgments(one, kind) for kind, one in tables.items()}
    if answered:
        read["sources"] = read_sources(answered.values())
    source = provenance(
        "posterior", seed=config.seed, inputs=dict(inputs), config=config.model_dump()
    )
    return fit_embedding(**read, config=config, source=source, **known)


def _study(
    source: Study | JudgmentTable | None, others: Mapping[JudgmentKind, JudgmentTable]
) -> Study | None:
    """Open the study, if the source names a folder; a name without an ending is taken for one."""
    if not isinstance(source, Study | str | Path):
        return None
    path = source.root if isinstance(source, Study) else Path(source)
    if not path.is_dir() and (path.suffix or path.is_file()):
        return None
    if others:
        raise TwoalikeError(
            expected="a study or tables of judgments",
            found="both",
            remedy=f"Leave `{next(iter(others))}=...` out: a study has its own.",
        )
    return Study.load(path)


def fit_embedding(
    choices: pd.DataFrame | None = None,
    *,
    features: FeatureTable | None = None,
    groups: Mapping[str, str] | None = None,
    covariates: Mapping[str, Mapping[str, float]] | None = None,
    config: FitConfig | None = None,
    source: dict[str, Any] | None = None,
    checkpoint: Path | None = None,
    announce: Callable[[str], object] | None = None,
    **others: pd.DataFrame | None,
) -> Posterior:
    """Fit the Bayesian embedding to tables that are read already, as :func:`fit` does.

    Parameters
    ----------
    choices
        Table of choices; practice and catch trials are left out. None: other judgments only; they
        say nothing of the scale of the embedding, so how decided choices are is then left to the
        prior.
    features, groups, covariates, config, announce
        As in :func:`fit`, read already; other people may be in groups and covariates.
    source
        Provenance to store.
    checkpoint
        File (.npz) that keeps the fit in progress: called again with the same judgments and
        settings, an interrupted fit continues from it. Remove it when the posterior is saved.
    others
        Tables of other judgments: ``arrangements``, ``dissimilarities``, ``ratings``, ``sortings``,
        ``sources``.

    Returns
    -------
    The posterior, its draws aligned and its dimensions ordered by importance; ``attrs`` say which
    engine was used and why, and whether it converged.
    """
    for name in others.keys() - KINDS.keys():
        raise TypeError(f"fit_embedding() got an unexpected keyword argument {name!r}")
    config = config or FitConfig()
    tables = given(choices=choices, **others)
    data = Data.from_tables(tables, config.terms, config.hyperparameters)
    data = with_people(data, groups, covariates, config)
    table = None if features is None else reduce_features(features.select(data.ids))
    tried = _tried(data.with_choices(terms_tried(data.choices, choices)), table, config)
    data = data if tried is None or tried.trusted else data.of_people()
    form, engine, why = resolve_form(data, table, config, tried)
    plan: dict[str, Any] = {"engine": engine, "engine_reason": why, "device": device()}
    plan |= {} if tried is None else {"pilot": tried.described()}
    if announce is not None:
        for line in plan_lines(plan):
            announce(line)
    fitted, held = _hold_out(data, engine, config)
    part = None if checkpoint is None else Checkpoint(checkpoint, _fingerprint(data, form, config))
    draws, stats = _run(engine, fitted, held, form, config, part)
    drop, stored = config.dimensions is None, form.stored
    draws = order_draws(draws, form.similarity, drop=drop, stored=stored)
    pairs = tables.get("dissimilarities")  # some computed from arrangements
    arranged = 0 if pairs is None else int((pairs["kind"] == "arrangement").sum())
    asked = {f"{g.question.kind}_{g.question.items}": g.size for g in data.choices.groups}
    attrs = {
        **_described(engine, form, config, draws["embedding"], stats, chosen=bool(asked)),
        "hyperparameters": _hyperparameters(data, form),
        **plan,
        **({"questions": {"choices": asked}} if asked else {}),
        "links": describe_links(data) | {"arranged": arranged},
        **({} if data.covariates is None else {"covariates": data.covariates.described()}),
        **({"terms": {term.name: dict(term.known) for term in form.terms}} if form.terms else {}),
        "provenance": source
        or provenance("posterior", seed=config.seed, config=config.model_dump()),
    }
    of_people = {kind: one for kind, one in tables.items() if KINDS[kind].of_people}
    used = [used_choices(one) if kind == "choices" else one for kind, one in of_people.items()]
    codes = np.unique(np.concatenate([judgment_codes(one) for one in used]))
    posterior = Posterior(pack_tree(data, draws, stats, attrs, codes, stored))
    if held is not None:
        posterior.tree.attrs |= flat_attrs({"held_out": _score(posterior, held.choices)})
    return posterior


def given(**tables: pd.DataFrame | None) -> dict[JudgmentKind, pd.DataFrame]:
    """Tables that there are; refuse none, and choices that tell nothing."""
    found = cast("dict[JudgmentKind, pd.DataFrame]", given_tables(**tables))
    if not any(KINDS[kind].of_people for kind in found):
        *kinds, last = (name for name, kind in KINDS.items() if kind.of_people)
        raise TwoalikeError(f"expected {', '.join(kinds)} or {last} to fit, found none of them.")
    if "choices" in found:
        used_choices(found["choices"])
    return found


def with_people(
    data: Data,
    groups: GroupOf,
    covariates: CovariatesOf,
    config: FitConfig,
) -> Data:
    """Add groups and covariates of the participants, read from their files if these are given.

    Where the settings ask for weights, participants are all people, whatever they judged; checks
    that they could have weights.
    """
    if config.people == "weights":
        data = data.everybody()
        check_weights(len(data.participants), config.dimensions)
    if groups is not None:
        where = groups if isinstance(groups, str | Path) else "`groups=...`"
        of = read_groups(groups) if isinstance(groups, str | Path) else groups
        data = replace(data, people=Groups.assign(of, data.participants, where))
    if covariates is not None:
        where = covariates if isinstance(covariates, str | Path) else "`covariates=...`"
        known = read_covariates(covariates) if isinstance(covariates, str | Path) else covariates
        data = replace(data, covariates=Covariates.assign(known, data.participants, where))
    return data


def _tried(data: Data, table: Floats | None, config: FitConfig) -> Pilot | None:
    """Run a pilot where something is left open and the judgments can tell."""
    similarities = allowed_similarities(config)
    choose_prior(config.prior, similarities[0], data, with_features=table is not None)
    is_open = len(similarities) > 1 or config.dimensions is None or data.answered
    if config.quick or not is_open or len(data.choices) < FEWEST:
        return None
    d = config.dimensions or default_dimensions(data)

    def form_of(similarity: str) -> Form:
        prior = choose_prior("auto", similarity, data, with_features=table is not None)
        return Form(d, prior, similarity, table, config.people == "weights", config.observers)

    return run_pilot(data, form_of, similarities, config)


def _described(
    engine: str,
    form: Form,
    config: FitConfig,
    x: Floats,
    stats: dict[str, Floats],
    *,
    chosen: bool,
) -> dict[str, Any]:
    """Attributes of the file: what was fitted, how, and whether it has converged."""
    known = optimiser_convergence(stats["loss"]) if engine == "vi" else {}
    of = form.similarity, chosen
    convergence = with_chains(known, x, stats, engine=engine, seed=config.seed, of=of)
    share = spread if form.similarity == "distance" else importance
    return {
        "schema_version": SCHEMA_VERSION,
        "model": f"{form.similarity} choice model with lapse and temperature"
        + (", and weights of the dimensions by person" if form.weights else ""),
        "similarity": form.similarity,
        "people": "weights" if form.weights else "noise",
        "prior": str(form.prior),
        "observers": str(form.observers),
        "seed": config.seed,
        "convergence": convergence,
        "dimensions": {
            "fitted": form.dimensions,
            "kept": int(x.shape[-1]),
            "importance": [round(float(v), 5) for v in share(x)],
        },
    }


def _hyperparameters(data: Data, form: Form) -> dict[str, dict[str, Any]]:
    """Those of each part of the model and of each kind of judgments, with their defaults."""
    parts = {"prior": find_prior(form.prior), "observers": find_observers(form.observers)}
    of_kinds = {kind.kind: kind.hyperparameters for kind in data.kinds if kind.hyperparameters}
    return {name: vars(part) for name, part in parts.items()} | of_kinds


def _hold_out(data: Data, engine: str, config: FitConfig) -> tuple[Data, Data | None]:
    """Split the choices into those fitted and those held out to be predicted."""
    n = len(data.choices)
    share = config.holdout
    if share and not n:
        raise TwoalikeError("`holdout=...`: of choices only, found none", remedy="Leave it out.")
    if share is None:
        share = HOLDOUT if engine == "vi" and n >= HOLDOUT_JUDGMENTS else 0.0
    count = min(round(share * n), n - 1)
    if count < 1:
        return data, None
    rng = np.random.default_rng([config.seed, 2])
    out = np.zeros(n, dtype=bool)
    out[rng.choice(n, size=count, replace=False)] = True
    return data.take(~out), data.take(out, others=False)


def _score(posterior: Posterior, held: Choices) -> dict[str, Any]:
    """Log-loss of judgments held out, under the predictions for the people who made them."""
    loss = held_losses(draws_of(posterior, np.arange(len(posterior.embedding))), held)
    plain = (held.chance == TRIPLET.chance).all()
    return ({} if plain else {"guessing": guessing(held.chance)["log_loss"]}) | {
        "judgments": len(held),
        "log_loss": round(float(loss.mean()), 5),
        "log_loss_se": round(float(loss.std() / np.sqrt(len(loss))), 5),
    }


def _fingerprint(data: Data, form: Form, config: FitConfig) -> str:
    """Hash of all that a fit depends on."""
    asked = [group.question for group in data.choices.groups]
    priors = _hyperparameters(data, form)
    said = f"{version('twoalike')} {config.model_dump_json()} {data.ids} {asked} {priors}"
    digest = hashlib.sha256(said.encode())
    arrays: list[npt.NDArray[Any]] = [array for group in data.groups for array in group.arrays]
    if form.features is not None:
        arrays.append(form.features)
    if data.people is not None:
        arrays.append(data.people.of)
    if data.covariates is not None:
        arrays.append(data.covariates.values)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _run(
    engine: str,
    data: Data,
    held: Data | None,
    form: Form,
    config: FitConfig,
    checkpoint: Checkpoint | None,
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    if engine == "nuts":
        from twoalike.embedding._nuts import fit_nuts

        thin, _ = nuts_plan(*sizes(data, config, form.dimensions), config, seconds_each(data))
        return fit_nuts(data, form, config=config, thin=thin, checkpoint=checkpoint)
    from twoalike.embedding._vi import fit_vi

    with held_interrupt() as give_way:
        draws, stats = fit_vi(
            data, form, config=config, held=held, checkpoint=checkpoint, between=give_way
        )
    rng = np.random.default_rng([config.seed, 3])
    return draw_people(data, draws, form, rng), stats


def build_model(
    choices: JudgmentTable | None = None,
    *,
    arrangements: JudgmentTable | None = None,
    dissimilarities: JudgmentTable | None = None,
    ratings: JudgmentTable | None = None,
    sortings: JudgmentTable | None = None,
    features: FeatureTable | str | Path | None = None,
    groups: GroupOf = None,
    covariates: CovariatesOf = None,
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
    choices, arrangements, dissimilarities, ratings, sortings, features, groups, covariates
        As in :func:`fit`.
    config, settings
        A :class:`FitConfig`, or its fields by name; ``similarity``, ``prior``, ``observers``,
        ``terms``, ``dimensions`` and ``people`` count.

    Returns
    -------
    The model; its initial point is finite.
    """
    config = fit_settings(config, settings)
    named: dict[str, Any] = {
        "choices": choices,
        "arrangements": arrangements,
        "dissimilarities": dissimilarities,
        "ratings": ratings,
        "sortings": sortings,
    }
    tables = given(**{kind: read_judgments(t, kind) for kind, t in given_tables(**named).items()})
    data = Data.from_tables(tables, config.terms, config.hyperparameters)
    data = with_people(data, groups, covariates, config)
    if isinstance(features, str | Path):
        features = read_features(Path(features))
    reduced = None if features is None else reduce_features(features.select(data.ids))
    form, *_ = resolve_form(data, reduced, config)
    return cast("pm.Model", form.model(data))
