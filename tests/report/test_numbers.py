"""Every number of the paragraphs of methods and results, by a second computation.

One study is simulated: two groups, two tasks, somebody who guesses. Two are real: odd ones out of
clips, and ratings of rocks. What is compared comes from the raw tables by pandas and from the draws
by numpy, scipy, arviz and rsatoolbox.
"""

import html
import itertools
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from scipy.special import logsumexp
from tests.conftest import call
from tests.posteriors import around, posterior_of
from tests.report.conftest import draw_shapes

import twoalike.api as ta
from twoalike.choice import random_triplets
from twoalike.judgments import write_judgments
from twoalike.observers import SimulatedObserver
from twoalike.registry import find_task
from twoalike.report import write_report
from twoalike.sitting import simulate
from twoalike.study import Study, provenance
from twoalike.tables import ODD_ONE_OUT, PAIR_RATING

CODES = [f"{k:02d}" for k in range(1, 10)]
GROUPS = {code: ("expert", "novice")[k % 2] for k, code in enumerate(CODES)}
GUESSER = "09"
SHOWN = ["stimulus_1", "stimulus_2", "stimulus_3"]
AXES = {"participant": "choices", "rater": "ratings"}
STUDY = """title = "Numbers"
seed = 4
[design]
trials = 60
practice = 2
catch = 10
repeats = 6
[pair_rating]
pairs = 66
practice = 3
catch = 8
repeats = 8
[groups]
names = ["expert", "novice"]
assignment = "operator"
[exclusion]
catch_accuracy = 0.7
missed = 7
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    root = tmp_path_factory.mktemp("numbers") / "study"
    (root / "protocols").mkdir(parents=True)
    for task in ("odd_one_out", "pair_rating"):
        (root / "protocols" / f"{task}.toml").write_text("schema_version = 1\n")
    (root / "study.toml").write_text(STUDY, encoding="utf-8")
    study, rng = Study.load(root), np.random.default_rng(8)
    stimuli = draw_shapes(study.stimuli)
    ids, table = stimuli.ids, stimuli.table.set_index("id")
    blocks = [pd.get_dummies(table[level]).to_numpy(float) for level in stimuli.levels]
    truth = 1.5 * np.concatenate(blocks, axis=1)
    log = 0.2 * rng.normal(size=(9, truth.shape[1]))
    log[::2, :2] += 0.9  # what experts look at
    log -= log.mean(axis=0)
    log -= log.mean(axis=1, keepdims=True)
    temperatures = np.exp(0.2 * rng.standard_normal(9))
    everybody = zip(CODES, log, temperatures, strict=True)
    people = {
        code: SimulatedObserver(ids, truth * np.exp(own / 2), float(noise), 0.02)
        for code, own, noise in everybody
    }
    people[GUESSER] = SimulatedObserver(ids, truth, 1.0, 0.99)
    for task in ("odd-one-out", "pair-rating"):
        simulate(study, CODES, observer=people, task=task, group=GROUPS)
    listed = pd.read_csv(study.raw / "participants.tsv", sep="\t", dtype=str)
    listed["age"] = [str(21 + 3 * k) for k in range(9)]
    listed["gender"] = [*"fffffmmm", "f"]
    listed.to_csv(study.raw / "participants.tsv", sep="\t", index=False)
    rule = study.config.exclusion
    files = {kind: study.derived / f"{kind}.parquet" for kind in ("choices", "ratings")}
    tables = {}
    for label, (kind, path) in zip((ODD_ONE_OUT, PAIR_RATING), files.items(), strict=True):
        task = find_task(label)
        tables[kind] = task.read_raw(study.raw, ids, partial(task.unusable, rule=rule))
        write_judgments(path, tables[kind], provenance(kind), kind)
    who = {axis: sorted(set(tables[kind]["participant"])) for axis, kind in AXES.items()}
    assert len(who["participant"]) == 8
    shape, raters = (2, 60), (2, 60, len(who["rater"]))
    draws = {
        "embedding": np.abs(truth + rng.normal(scale=0.3, size=(*shape, *truth.shape))),
        "temperature": around(temperatures[:8], 0.1, rng, *shape),
        "lapse": np.clip(0.03 + rng.normal(scale=0.01, size=(*shape, 8)), 1e-3, 1),
        "log_weight": log[:8] + 0.1 * rng.normal(size=(*shape, 8, log.shape[1])),
        "weight_spread": np.full(shape, 0.3),
        **{f"rating_{name}": np.full(raters, 0.5) for name in ("noise", "origin", "unit")},
        "rating_threshold": np.broadcast_to(np.linspace(-1.5, 1.5, 6), (*raters, 6)),
    }
    about = {"provenance": provenance("posterior", seed=17, inputs=files), "prior": "softplus"}
    axes = {"object": ids, **who}
    state = dict(ta.check(posterior_of(draws, axes, **about)).convergence) | {"divergences": 3}
    posterior_of(draws, axes, convergence=state, **about).save(study.posterior)
    return study


def raw_rows(study: Study, task: str) -> pd.DataFrame:
    """All rows of a task, with the person's code."""
    paths = sorted(study.raw.glob(f"sub-*/**/*_task-{task}_*beh.tsv"))
    each = [
        pd.read_csv(path, sep="\t", na_values="n/a").assign(who=path.name[4:6]) for path in paths
    ]
    return pd.concat(each, ignore_index=True)


def left_out(rows: pd.DataFrame) -> list[str]:
    """Those below 70 % of the attention checks, or with more than 7 trials unanswered."""
    checks = rows[rows["trial_type"] == "catch"]
    passed = checks["correct"].astype(str).eq("True").groupby(checks["who"]).mean()
    missed = rows["response"].isna().groupby(rows["who"]).sum()
    return [who for who in passed.index if passed[who] < 0.7 or missed[who] > 7]


def judged(study: Study, task: str) -> pd.DataFrame:
    """Main and repeated trials with an answer, of those who are not left out."""
    rows = raw_rows(study, task)
    kept = ~rows["who"].isin(left_out(rows)) & rows["trial_type"].isin(["main", "repeat"])
    return rows[kept & rows["response"].notna()]


def similarities(
    own: np.ndarray, a: np.ndarray, b: np.ndarray, distance: bool, weight: Any = 1.0
) -> np.ndarray:
    if distance:
        return -np.linalg.norm(own[a] - own[b], axis=-1)
    return (own[a] * own[b] * weight).sum(axis=-1)


def choice_probabilities(
    draws: xr.Dataset, triplets: np.ndarray, judge: np.ndarray | None, distance: bool = False
) -> np.ndarray:
    """Probability that each item is the odd one, by draw, (S, n, 3); of a typical judge if None."""
    x = draws["embedding"].stack(s=("chain", "draw")).transpose("s", "object", "dimension").values
    score = np.empty((len(x), len(triplets), 3))
    for s, own in enumerate(x.astype(float)):
        chain, draw = divmod(s, draws.sizes["draw"])
        at = draws.isel(chain=chain, draw=draw)
        weighted = judge is not None and "log_weight" in at
        weight = np.exp(at["log_weight"].values[judge]) if weighted else 1.0
        for odd in range(3):
            a, b = (triplets[:, k] for k in range(3) if k != odd)
            score[s, :, odd] = similarities(own, a, b, distance, weight)
        if judge is not None:
            score[s] /= at["temperature"].values[judge, None]
    p = np.exp(score - logsumexp(score, axis=-1, keepdims=True))
    if judge is None:
        return p
    lapse = draws["lapse"].stack(s=("chain", "draw")).transpose("s", "participant").values
    lapse = lapse[:, judge, None]
    return (1 - lapse) * p + lapse / 3


def sharing(*sides: np.ndarray) -> np.ndarray:
    """Which two of n have an object or person in common, (n, n)."""
    common = [(one[:, None] == other[None]) for one, other in itertools.product(sides, repeat=2)]
    return np.logical_or.reduce(common)


def clustered_variance(values: np.ndarray, *together: np.ndarray) -> float:
    """Variance of a mean whose values may depend where any of the relations (n, n) holds."""
    e = (values - values.mean()) / len(values)
    every = np.logical_or.reduce(together)
    largest = max(e @ relation @ e for relation in (every, *together))
    return float(largest / (1 - every.mean()))


def left_out_predictions(table: pd.DataFrame, draws: xr.Dataset, fits: int) -> Iterator[Any]:
    """Accuracy and log-loss of each choice predicted from the others, each with its interval.

    Draws of separate fits have weights of their own.
    """
    from arviz_stats.base import array_stats

    place, people = (pd.Index(draws[axis].values) for axis in ("object", "participant"))
    items = np.stack([place.get_indexer(table[name]) for name in SHOWN], axis=1)
    judge = people.get_indexer(table["who"])
    chosen = (items == place.get_indexer(table["odd_stimulus"])[:, None]).argmax(axis=1)
    p = choice_probabilities(draws, items, judge)
    each = np.split(np.log(p[:, np.arange(len(p[0])), chosen]).T, fits, axis=1)
    weights = [np.exp(array_stats.psislw(of, axis=-1)[0]) / fits for of in each]
    out = np.einsum("ns,sna->na", np.concatenate(weights, axis=1), p)
    hits = 100.0 * (out.argmax(axis=1) == chosen)
    losses = -np.log(out[np.arange(len(out)), chosen])
    relations = sharing(judge), sharing(*items.T)
    for values, near in ((hits, 0.5), (losses, 0.004)):
        error = np.sqrt(clustered_variance(values, *relations))
        ends = [(values.mean() + sign * 1.96 * error, 0.3 * error) for sign in (-1, 1)]
        yield [(values.mean(), near), *ends]


def agreements(answers: list[str]) -> tuple[float, float, float]:
    """How often two agree, one with most of the others, and one with most of all; ties share."""
    if (n := len(answers)) < 2:
        return (np.nan,) * 3
    two = np.mean([a == b for a, b in itertools.combinations(answers, 2)])
    with_others = []
    for k, own in enumerate(answers):
        count = Counter([*answers[:k], *answers[k + 1 :]])
        top = [name for name, n in count.items() if n == max(count.values())]
        with_others.append((own in top) / len(top))
    return (
        float(two),
        float(np.mean(with_others)),
        answers.count(max(answers, key=answers.count)) / n,
    )


def agreement_of_choices(table: pd.DataFrame) -> list[Any]:
    """Three agreements, each with the ends of its interval: other sets, and other people."""
    rng, sets = np.random.default_rng(0), [tuple(sorted(of)) for of in table[SHOWN].to_numpy()]
    table = table.assign(set=sets).drop_duplicates(["who", "set"])  # of two answers the first
    grouped = table.groupby("set")["odd_stimulus"].agg(list)
    values = np.array([agreements(of) for of in grouped])
    counted = ~np.isnan(values[:, 0])
    sets = np.array(grouped.index.tolist())[counted]

    def spread(labels: np.ndarray) -> np.ndarray:
        """Jackknife variance of the means with the votes of each label left out."""
        place, means = grouped.index.get_indexer(table["set"]), []
        for label in np.unique(labels):
            rest, without = values.copy(), table[labels != label]
            rest[touched := np.unique(place[labels == label])] = np.nan
            votes = without[np.isin(place[labels != label], touched)]
            left = votes.groupby("set")["odd_stimulus"].agg(list)
            if len(left):
                rest[grouped.index.get_indexer(left.index)] = [agreements(of) for of in left]
            means.append(np.nanmean(rest, axis=0))
        return (len(means) - 1) * np.var(means, axis=0)

    who = table["who"].to_numpy()
    by_chance = np.mean([spread(rng.permutation(who)) for _ in range(6)], axis=0)
    people = np.maximum(spread(who) - by_chance, 0)
    found: list[Any] = []
    for value, of_people in zip(values[counted].T, people, strict=True):
        noise = value.var() / (len(value) - 1)
        of_sets = max(clustered_variance(value, sharing(*sets.T)), noise)
        half = 196 * np.sqrt(of_sets + of_people)
        found += [
            100 * value.mean(),
            *((100 * value.mean() + end, 0.3 * half) for end in (-half, half)),
        ]
    return found


def by_pair(rows: pd.DataFrame, first: str, second: str, apart: Any) -> pd.DataFrame:
    pair = [tuple(sorted(of)) for of in rows[[first, second]].to_numpy()]
    return pd.DataFrame({"who": rows["who"], "pair": pair, "apart": apart})


def by_choices(rows: pd.DataFrame) -> pd.DataFrame:
    """How often each person left out one of a pair, people by pairs."""
    parts = []
    for sides in itertools.combinations(SHOWN, 2):
        odd = sum((rows["odd_stimulus"] == rows[side]) * 1.0 for side in sides)
        parts.append(by_pair(rows, *sides, odd))
    return pd.concat(parts).pivot_table(index="who", columns="pair", values="apart")


def by_ratings(rows: pd.DataFrame, points: int) -> pd.DataFrame:
    """Mean dissimilarities to each person by a scale of so many points, people by pairs."""
    apart = (points - rows["response"].astype(float)) / (points - 1)
    rated = by_pair(rows, "stimulus_1", "stimulus_2", apart)
    return rated.pivot_table(index="who", columns="pair", values="apart")


def common_ranks(of: pd.DataFrame) -> pd.DataFrame:
    """Ranks of each person's pairs, as if they had judged all: by the places of these in the mean.

    Of people who judged all pairs, their ranks.
    """
    place = of.mean().rank(method="first")

    def ranked(own: pd.Series) -> pd.Series:
        known = own.dropna().sort_values(kind="stable")
        at = pd.Series(np.sort(place[known.index]), known.index)
        return at.groupby(known).transform("mean").reindex(own.index)

    return of.apply(ranked, axis=1)


def ceiling(of: pd.DataFrame) -> list[Any]:
    """Lower and upper end, each with Student's interval over people; by rsatoolbox, too.

    Of pairs that two people judged at least, and people who judged ten of these.
    """
    from rsatoolbox.inference.noise_ceiling import boot_noise_ceiling
    from rsatoolbox.rdm import RDMs

    complete, of = not of.isna().any(axis=None), of.loc[:, of.count() > 1]
    of = of[of.count(axis=1) >= 10]
    ends = boot_noise_ceiling(RDMs(of.to_numpy()), method="spearman") if complete else [np.nan] * 2
    ranks, found = common_ranks(of), []
    for end, others in zip(ends, (True, False), strict=True):
        means = {who: (ranks.drop(who) if others else ranks).mean() for who in of.index}
        each = [own.corr(means[who], "spearman") for who, own in of.iterrows()]
        assert np.mean(each) == pytest.approx(float(end), abs=1e-6) or not complete
        ends_of = stats.t.interval(0.95, len(each) - 1, np.mean(each), stats.sem(each))
        found += [(value, 0.0 if complete else 0.03) for value in (np.mean(each), *ends_of)]
    return found


def halves(of: pd.DataFrame) -> list[Any]:
    """Reliability of the mean from random halves of the people, and its bootstrap over people."""
    rng, n, values = np.random.default_rng(1), len(of), of.to_numpy()

    def half_correlation(rows: np.ndarray, first: np.ndarray) -> float:
        one, other = (pd.DataFrame(values[rows[part]]).mean() for part in (first, ~first))
        return float(np.arctanh(one.corr(other)))

    splits = [rng.permutation(n) % 2 == 0 for _ in range(60)]
    z = np.mean([half_correlation(np.arange(n), first) for first in splits])
    drawn = []
    for _ in range(60):  # people are drawn, with the half that they are in
        rows = rng.integers(0, n, n)
        drawn.append(np.nanmean([half_correlation(rows, first[rows]) for first in splits[:8]]))
    half = stats.t.ppf(0.975, n - 1) * np.nanstd(drawn) * np.sqrt(n / (n - 1))
    doubled = [2 * np.tanh(at) / (1 + np.tanh(at)) for at in (z, z - half, z + half)]
    return [(doubled[0], 0.03), (doubled[1], 0.12), (doubled[2], 0.04)]


def compared_groups(draws: xr.Dataset) -> list[Any]:
    """p by all ways to divide the people, and how the groups' mean similarities correlate."""
    mean = draws.mean(("chain", "draw"))
    log, x = mean["log_weight"].values.astype(float), mean["embedding"].values.astype(float)
    second = np.array([GROUPS[str(name)] == "novice" for name in draws["participant"].values])
    ways = [np.isin(range(8), of) for of in itertools.combinations(range(8), int(second.sum()))]
    apart = np.array([log[of].mean(axis=0) - log[~of].mean(axis=0) for of in ways])
    sizes = ((apart / np.sqrt((apart**2).mean(axis=0))) ** 2).sum(axis=1)
    (own,) = (k for k, of in enumerate(ways) if (of == second).all())
    p = float((sizes >= sizes[own] * (1 - 1e-9)).mean())
    views = [x * np.exp(log[side].mean(axis=0) / 2) for side in (~second, second)]
    one, other = ((view @ view.T)[np.triu_indices(len(x), 1)] for view in views)
    return [(p, 4 * np.sqrt(p * (1 - p) / 999)), np.corrcoef(one, other)[0, 1]]


def mixing(draws: xr.Dataset, seed: int, *, distance: bool = False) -> list[Any]:
    """95th percentile of R-hat of choice probabilities and of similarities, by ArviZ.

    Of as many triplets as tests take (tests/conftest.py); of distances, which ratings alone tell
    but for their scale, in draws that are scaled alike.
    """
    import arviz as az

    x = draws["embedding"].values.astype(float)
    if distance:
        pairs = np.triu_indices(x.shape[2], 1)
        spread = [[similarities(own, *pairs, True).std() for own in chain] for chain in x]
        x = x * (np.mean(spread) / np.array(spread))[..., None, None]
        draws = draws.assign(embedding=(draws["embedding"].dims, x))
    every = random_triplets(x.shape[2], 60, np.random.default_rng([seed, 1]))
    p = choice_probabilities(draws, every, None, distance)[..., 0].reshape(*x.shape[:2], -1)
    sides = every[:, [[0, 1], [0, 2], [1, 2]]].transpose(2, 1, 0)  # less the mean of all pairs
    similar = np.array([[similarities(own, *sides, distance) for own in chain] for chain in x])
    similar = similar[:, :, 0] - similar.mean(axis=(-2, -1))[..., None]
    each = (values.transpose(2, 0, 1) for values in (p, similar))
    ends = [np.quantile(az.rhat(of, chain_axis=1, draw_axis=2), 0.95) for of in each]
    return [*((float(end), 0.002) for end in ends), 100]


MIXED = "at most # for 95% of the choice probabilities and # for 95% of the similarities of "
MIXED += "# random triplets"
CI, SHARE = "#, 95% CI [#, #]", "#%, 95% CI [#%, #%]"
HALVES = "averaged over participants, had a split-half reliability of"


def read_draws(study: Study) -> xr.Dataset:
    with xr.open_datatree(study.posterior) as tree:
        return tree["posterior"].to_dataset().load()


def of_choices(
    table: pd.DataFrame, draws: xr.Dataset, fits: int = 1
) -> Iterator[tuple[str, list[Any]]]:
    """Parts of the text with # for numbers, and what they are; some within (value, tolerance)."""
    accuracy, loss = left_out_predictions(table, draws, fits)
    words = f"about {SHARE.replace(',', ' of what both had judged,', 1)}. A participant answered "
    words += f"as most of the others did in {SHARE}, and as most of all did in {SHARE}"
    yield words, agreement_of_choices(table)
    yield f"by choices, {HALVES} {CI}", halves(by_choices(table))
    yield "named the odd one in #%", accuracy[:1]
    yield "95% CI [#%, #%] (guessing: #%)", [*accuracy[1:], 100 / 3]
    yield "log-loss of # nats, 95% CI [#, #] (guessing: #)", [*loss, np.log(3)]


def of_ratings(rated: pd.DataFrame) -> Iterator[tuple[str, list[Any]]]:
    words = f"of the others at a Spearman correlation of {CI}, and with that of all at {CI}"
    yield words, ceiling(rated)
    yield f"by ratings, {HALVES} {CI}", halves(rated)


def sentences(study: Study) -> Iterator[tuple[str, list[Any]]]:
    choices, ratings = (raw_rows(study, task) for task in (ODD_ONE_OUT, PAIR_RATING))
    stimuli, listed = (
        pd.read_csv(path, sep="\t")
        for path in (study.stimuli / "stimuli.tsv", study.raw / "participants.tsv")
    )
    out, people = [left_out(choices), left_out(ratings)], choices["who"].nunique()
    kept = listed[~listed["participant_id"].str[4:].isin({*out[0]} & {*out[1]})]
    age, gender = kept["age"], kept["gender"].value_counts()
    sessions = {path.name.split("_task-")[0] for path in study.raw.rglob("*_beh.tsv")}
    draws = read_draws(study)
    sizes = draws.sizes
    kinds, groups = stimuli[["kind", "size"]].nunique(), listed["group"].value_counts()
    yield "were # images, with categories of # levels (kind: #, size: #)", [12, 2, *kinds]
    words = "total of # simulated participants took part in # sessions (expert: #, novice: #)"
    yield words, [people, len(sessions), groups["expert"], groups["novice"]]
    for rows, asked in ((choices, ""), (ratings, "scale of # points. ")):
        n = rows.groupby("who")["trial_type"].value_counts().unstack(fill_value=0).median()
        words = f"{asked}A session had a median of # trials, drawn at random, # of them shown a "
        words += "second time, and # attention checks, after # practice trials"
        points = [rows["scale_points"].max()] if asked else []
        counts = [n["main"] + n["repeat"], n["repeat"], n["catch"], n["practice"]]
        yield words, points + counts
    yield "Of # runs of a task, # were", [2 * people, len(out[0]) + len(out[1])]
    yield "(fewer than #% of the attention checks right, or more than # trials", [70, 7]
    words = "In all, # participants were analysed, aged # to # years (M = #, SD = #); "
    years = [age.min(), age.max(), age.mean(), age.std(ddof=1)]
    yield f"{words}gender: f (#); gender: m (#)", [len(kept), *years, gender["f"], gender["m"]]
    yield "embedding of # objects in # dimensions", [sizes["object"], sizes["dimension"]]
    yield "of each of # participants were", [people - len(out[0])]
    yield "Ratings by # participants", [people - len(out[1])]
    yield "in # chains of # draws (seed #)", [sizes["chain"], sizes["draw"], 17]
    yield f"{MIXED}, with #", [*mixing(draws, 0), 3]
    yield from of_choices(judged(study, ODD_ONE_OUT), draws)
    yield from of_ratings(by_ratings(judged(study, PAIR_RATING), 7))
    yield "p = #); their similarities correlated at r = #", compared_groups(draws)


@pytest.fixture
def clips(shared_data: Path, tmp_path: Path) -> tuple[Study, Iterator[tuple[str, list[Any]]]]:
    """Odd ones out of those three clips that most people saw, and what a report says of them."""
    table = pd.read_csv(shared_data / "videos" / "trials.tsv", sep="\t")
    table["participant"] = table["participant"].astype(str)
    shown = table[["item_1", "item_2", "item_3"]]
    table = table[(shown.nunique(axis=1) == 3) & shown.eq(table["odd"], axis=0).any(axis=1)]
    sets = table[shown.columns].apply(lambda row: tuple(sorted(row)), axis=1)
    table = table[sets.groupby(sets).transform("size") >= 4]
    table.to_csv(tmp_path / "choices.tsv", sep="\t", index=False)
    ids = pd.unique(table[shown.columns].to_numpy().ravel())
    (tmp_path / "ids.txt").write_text("\n".join(ids) + "\n")
    study = made(tmp_path, "choices", "--words", tmp_path / "ids.txt", "--chosen-columns", "odd")
    names = dict(zip(shown, SHOWN, strict=True)) | {"participant": "who", "odd": "odd_stimulus"}

    def said() -> Iterator[tuple[str, list[Any]]]:
        draws, people = read_draws(study), table["participant"].nunique()
        yield "were # words. # participants gave # choices", [len(ids), people, len(table)]
        yield "of each of # participants were", [people]
        yield from of_fit(draws)
        yield MIXED, mixing(draws, 3)
        yield from of_choices(table.rename(columns=names), draws, draws.sizes["chain"])

    return study, said()


@pytest.fixture
def rocks(shared_data: Path, tmp_path: Path) -> tuple[Study, Iterator[tuple[str, list[Any]]]]:
    """Ratings of rocks by thirty people, who judged few pairs in common."""
    table = pd.read_csv(shared_data / "rocks" / "ratings.tsv", sep="\t", dtype=str)
    table = table[table["participant"].isin(sorted(table["participant"].unique())[:30])]
    table.to_csv(tmp_path / "ratings.tsv", sep="\t", index=False)
    images = [*(shared_data / "rocks" / "images").glob("*.jpg")]
    for path in images:
        kind = tmp_path / "rocks" / path.stem.rsplit("_", 1)[0]
        kind.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, kind)
    study = made(tmp_path, "ratings", "--images", tmp_path / "rocks", "--scale-points", "9")
    names = {"participant": "who", "item_a": "stimulus_1", "item_b": "stimulus_2"}
    rated = by_ratings(table.rename(columns=names | {"rating": "response"}), 9)

    def said() -> Iterator[tuple[str, list[Any]]]:
        draws, kinds = read_draws(study), len({path.stem.rsplit("_", 1)[0] for path in images})
        yield "were # images, with categories of # level (level_1: #)", [len(images), 1, kinds]
        yield "# participants gave # ratings", [30, len(table)]
        yield "Ratings by # participants", [30]
        yield from of_fit(draws)
        yield MIXED, mixing(draws, 3, distance=True)
        yield from of_ratings(rated)

    return study, said()


def made(folder: Path, kind: str, what: str, objects: Path, *how: str) -> Study:
    """A study with judgments made elsewhere, and a short fit."""
    root = folder / "study"
    assert call("init", root, what, objects) == 0
    table = root / "derived" / f"{kind}.parquet"
    if kind == "choices":
        how += ("--item-columns", "item_1,item_2,item_3", "--participant-column", "participant")
    assert call("import", kind, folder / f"{kind}.tsv", *how, "--out", table) == 0
    out = ("--out", root / "derived" / "posterior.nc")
    short = ("--engine", "vi", "--quick", "--steps", 150, "--dimensions", 4, "--seed", 3)
    assert call("fit", f"--{kind}", table, *short, *out) == 0
    return Study.load(root)


def of_fit(draws: xr.Dataset) -> Iterator[tuple[str, list[Any]]]:
    sizes = draws.sizes
    yield "embedding of # objects in # dimensions", [sizes["object"], sizes["dimension"]]
    yield "in # independent fits of # draws (seed #)", [sizes["chain"], sizes["draw"], 3]


def test_no_number_is_without_a_second_computation(study: Study, tmp_path: Path) -> None:
    check(study, sentences(study), tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["clips", "rocks"])
def test_no_number_of_real_judgments_is(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    check(*request.getfixturevalue(name), tmp_path)


def check(study: Study, parts: Iterator[tuple[str, list[Any]]], tmp_path: Path) -> None:
    """Compare every number of the paragraphs; no other is there."""
    write_report(study, tmp_path / "r.html", images=False, allow_problems=True)
    page = (tmp_path / "r.html").read_text("utf-8")
    page = page[page.index(">Methods</h3>") + 13 : page.index(">References<")]
    said = re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]+>", "", page)))
    said = said.replace("\N{MINUS SIGN}", "-").replace("Methods and results in words", "")
    said, n = re.subn(rf"twoalike {re.escape(version('twoalike'))}", "", said)
    assert n == 3 - (not study.raw.is_dir())
    said = re.sub(r"(?<=\d),(?=\d{3})", "", said)
    for words, expected in parts:
        found = re.search(re.escape(words).replace(r"\#", r"(-?\d*\.?\d+)"), said)
        assert found, (words, said)
        for shown, value in zip(found.groups(), expected, strict=True):
            digits = len(shown.partition(".")[2])
            right, near = value if isinstance(value, tuple) else (value, 0.0)
            assert abs(float(shown) - right) <= near + 0.5001 * 10**-digits, (words, shown, value)
        said = said.replace(found.group(), "")
    rest = re.sub(r"[A-Z][\w-]+( et al\.| & [A-Z][\w-]+)?, \d{4}|<h3", "", said)
    assert not re.search(r"\d", rest), rest
