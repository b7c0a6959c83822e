"""``twoalike score``."""

from pathlib import Path
from typing import Literal

from twoalike.cli._options import Flag
from twoalike.cli._show import show_summary


def score(
    posterior: Path,
    /,
    *,
    choices: Path | None = None,
    ratings: Path | None = None,
    sortings: Path | None = None,
    labels: Path | None = None,
    people: Literal["auto", "known", "new"] = "auto",
    exclude_seen: Flag = False,
    seed: int = 0,
    out: Path | None = None,
) -> None:
    """Score a posterior on judgments, usually others than those it was fitted to.

    For choices of any kind: accuracy (ties count 1/k), log-loss and calibration, overall, by level
    and by participant, with 95 % intervals over participants and objects. For ratings and sortings:
    log-loss. The titles of the tables state whether judgments were part of the fit.

    Parameters
    ----------
    posterior
        Posterior (.nc).
    choices
        Judgments (choices.parquet).
    ratings
        Ratings of pairs (ratings.parquet).
    sortings
        Sortings into piles (sortings.parquet).
    labels
        Table of labels (tab-separated, column id, then levels), such as stimuli.tsv. Adds scores by
        kind of triplet (within, boundary, between) at each level.
    people
        auto: participants of the fit are predicted by their own noise and weights, all others as
        new people, averaged over the population. known: only choices of participants of the fit.
        new: everybody as a new person.
    exclude_seen
        Leave out, and count, judgments that were part of the fit: those of the same participant on
        the same items.
    seed
        Seed of the resamples.
    out
        Results to write (.json).

    Examples
    --------
        twoalike score posterior.nc --choices later.parquet
        twoalike score posterior.nc --choices later.parquet --people new --out scores.json
        twoalike score posterior.nc --choices all.parquet --exclude-seen
    """
    from twoalike import results
    from twoalike.study import check_seed

    check_seed(seed)
    tables = {"choices": choices, "ratings": ratings, "sortings": sortings}
    options = {"people": people, "exclude_seen": exclude_seen, "seed": seed, "out": out}
    found = results.score(posterior, **tables, labels=labels, **options)  # type: ignore[arg-type]
    show_summary(found.tables())
    if out is not None:
        print(f"Wrote {out}")  # noqa: T201
