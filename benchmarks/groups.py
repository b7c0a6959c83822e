"""Do two groups weigh the dimensions differently? False alarms and power, simulated and real.

    python -P benchmarks/groups.py [--null 200] [--studies 50]
    python -P benchmarks/groups.py --real [--halves 100]

Studies: 20 objects with four sparse dimensions (see people.py), two groups of ten people, 100
triplets a person; log weights of people are normal with standard deviation .4, and the second
group weighs the first dimension more by a shift, the others less by a third of it, so that the
overall factor is left to temperatures. People are drawn anew in each study. `vi` fits weights that
know no groups (six dimensions, 600 steps, two fits); `compare --groups` tests with 999 permuted
labels. A study differs where p is at most .05: of all dimensions together, of any dimension, of
any cluster of objects or of any pair (the last three corrected for their number). Covered: share of
studies in which the 90 % interval of the dimension most like the first one holds the shift of the
people drawn.

Real people (`--real`; shared data, environment variable TWOALIKE_SHARED_DATA or ../shared/data
beside the checkout) are imported by the commands, fitted and compared: ratings of 93 colours by
people with typical and atypical colour vision;
spices sorted by people of five countries; dissimilarities of 92 photographs by 16 people of one
group, of whom eight, drawn at random, are compared with the others: as they are, and `moved`, with
animate against inanimate added to their dissimilarities. Each posterior is compared as by
`compare --groups`, and so are random halves of the people of one group (of all in photographs, of
the largest in spices): by design 5 % of these are to differ by the p of all dimensions.

Finished studies and fits are kept in derived/groups/ and not run again; the tables go to
benchmarks/results/groups.md, and groups_real.md.
"""

import argparse
import colorsys
import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.choice import log_choice, random_triplets
from twoalike.cli.app import main as twoalike
from twoalike.embedding import FitConfig, Posterior, compare_groups, fit, fit_embedding
from twoalike.judgments import choices_table

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "derived" / "groups"
RESULTS = ROOT / "benchmarks" / "results" / "groups.md"
MOVED = 1.0
"""How much of animate against inanimate is added, in standard deviations of dissimilarities.

A first run with .3 did not find it (p .55): these eight happen to mark animacy less than the
others, which it about makes up for. With .6 p was .065, and .004 with dot products."""
SHARED = Path(os.environ.get("TWOALIKE_SHARED_DATA", ROOT.parent / "shared" / "data"))
OBJECTS, DIMENSIONS, PEOPLE, EACH, SPREAD = 20, 4, 20, 100, 0.4
SHIFTS = (0.0, 0.4, 0.8)
MUR = SHARED / "mur92"
LEVEL = 0.05


def study(shift: float, seed: int) -> dict[str, float]:
    """Simulate one study, fit it, and test its groups; unless it was done."""
    path = WORK / f"{shift:g}-{seed}.json"
    if not path.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(_tested(shift, seed)))
    found: dict[str, float] = json.loads(path.read_text())
    return found


def _tested(shift: float, seed: int) -> dict[str, float]:
    rng = np.random.default_rng([seed, round(100 * shift)])
    there = rng.random((OBJECTS, DIMENSIONS)) < 0.35
    x = 1.5 * np.where(there, rng.gamma(2.0, 0.6, there.shape), rng.exponential(0.03, there.shape))
    second = np.arange(PEOPLE) >= PEOPLE // 2
    weight = SPREAD * rng.normal(size=(PEOPLE, DIMENSIONS))
    weight[second] += shift * np.array([1.0, *[-1 / 3] * (DIMENSIONS - 1)])
    shown = random_triplets(OBJECTS, PEOPLE * EACH, rng)
    judge = np.repeat(np.arange(PEOPLE), EACH)
    a, b, c = (x[shown[:, k]] * np.exp(weight / 2)[judge] for k in range(3))
    pairs = ((a * b).sum(axis=1), (a * c).sum(axis=1), (b * c).sum(axis=1))
    lapse = 1 / (1 + np.exp(-rng.normal(-2.5, 0.8, PEOPLE)))
    temperature = np.exp(rng.normal(0.0, 0.25, PEOPLE))
    logs = np.stack(log_choice(pairs, temperature[judge], lapse[judge]), axis=1)
    chosen = 1 + np.argmax(logs + rng.gumbel(size=logs.shape), axis=1)
    columns: dict[str, Any] = {f"item_{k + 1}": shown[:, k] for k in range(3)}
    columns |= {"chosen": chosen, "participant": [f"p{j:02d}" for j in judge]}
    table: pd.DataFrame = choices_table(columns, [f"object-{k:02d}" for k in range(OBJECTS)])
    config = FitConfig(
        engine="vi", people="weights", quick=True, dimensions=6, steps=600, chains=2, seed=seed
    )
    posterior = fit_embedding(table, config=config)
    groups = {f"p{k:02d}": "second" if side else "first" for k, side in enumerate(second)}
    (found,) = compare_groups(posterior, groups, seed=seed)["differences"]
    like = np.corrcoef(x[:, 0], posterior.embedding.mean(axis=0).T)[0, 1:]
    first = found["dimensions"][int(np.nanargmax(like))]
    log_weight = weight - weight.mean(axis=1, keepdims=True)
    drawn = float(log_weight[second, 0].mean() - log_weight[~second, 0].mean())
    return {
        "all": found["p"],
        "dimension": min(row["p"] for row in found["dimensions"]),
        "cluster": min(row["p"] for row in found["clusters"]),
        "pair": min(row["p"] for row in found["pairs"]),
        "found": first["difference"],
        "drawn": drawn,
        "covered": float(first["low"] <= drawn <= first["high"]),
    }


def row(shift: float, studies: int) -> str:
    """Line of the table."""
    found = pd.DataFrame([study(shift, seed) for seed in range(studies)])
    cells = [f"{shift:g}", f"{studies}"]
    for name in ("all", "dimension", "cluster", "pair"):
        share = float((found[name] <= LEVEL).mean())
        error = np.sqrt(share * (1 - share) / studies)
        cells.append(f"{share:.3f} ± {error:.3f}")
    cells += [f"{found['drawn'].mean():.2f}", f"{found['found'].mean():.2f}"]
    line = f"| {' | '.join([*cells, f'{found["covered"].mean():.0%}'])} |"
    print(line, flush=True)
    return line


def command(*words: object) -> None:
    """Run a command, and stop where it fails."""
    print("twoalike", *words, flush=True)
    try:
        twoalike(list(map(str, words)))
    except SystemExit as ended:
        if ended.code:
            raise


def fitted(name: str, source: Path, *words: object) -> Posterior:
    """Import a table and fit weights, unless that was done; with the seconds that it took."""
    kind = str(words[0])
    out, table, took = (WORK / f"{name}.{end}" for end in ("nc", "parquet", "seconds"))
    if not out.exists():
        command("import", *words[:1], source, *words[1:], "--out", table, "--overwrite")
        judged: dict[str, Any] = {{"rdm": "dissimilarities"}.get(kind, kind): table}
        start = time.process_time()
        made = fit(**judged, out=out, engine="vi", people="weights", **HOW[kind])
        took.write_text(f"{time.process_time() - start:.0f}")
        print(name, took.read_text(), "s", made.attrs["dimensions"], made.attrs["convergence"])
    return Posterior.load(out)


HOW: dict[str, dict[str, Any]] = {
    "ratings": {"chains": 2, "steps": 1000, "rate": 0.03, "similarity": "dot"},
    "sortings": {"chains": 2, "steps": 1500, "rate": 0.03},
    "rdm": {"chains": 2, "steps": 1000, "rate": 0.03, "similarity": "distance"},
}
"""Settings of the fits, those of `twoalike fit --engine vi --people weights` but for these: half of
the fits, a third of the steps, and the learning rate of thousands of choices (by default that of
none). With distances, weights predict dissimilarities best (indscal.md)."""


def colours() -> Posterior:
    """Ratings of dissimilarity, 0 to 7, each listed in both orders: once, and as similarities."""
    table = pd.read_csv(SHARED / "colours" / "ratings.tsv", sep="\t", dtype={"participant": str})
    once = table[table["item_a"] < table["item_b"]]
    source = WORK / "colours.tsv"
    once.assign(rating=7 - once["rating"]).to_csv(source, sep="\t", index=False)
    return fitted("colours", source, "ratings", "--slider", 0, 7)


def spices() -> Posterior:
    """Spices in piles."""
    source = WORK / "spices.tsv"
    table = pd.read_csv(SHARED / "sortings" / "sortings.tsv", sep="\t", dtype=str)
    table.rename(columns={"object": "item"}).to_csv(source, sep="\t", index=False)
    return fitted("spices", source, "sortings")


def photographs(moved: bool) -> tuple[Posterior, dict[str, str]]:
    """Dissimilarities of 92 photographs, of half of the people moved; and these halves."""
    from scipy.io import loadmat

    square = loadmat(MUR / "behavior_rdms.mat")["rdms_behav_92"][0]["RDM"]
    left, right = np.triu_indices(len(square[0]), 1)
    rdms = np.stack([of[left, right] / of[left, right].std() for of in square])
    second = np.random.default_rng(0).permutation(len(rdms)) < len(rdms) // 2
    animate = pd.read_csv(MUR / "stimuli.tsv", sep="\t")["animal"].to_numpy()
    apart = (animate[left] != animate[right]).astype(float)
    rdms[second] += moved * MOVED * apart / apart.std()
    source, ids = WORK / f"photographs{'-moved' * moved}.npy", WORK / "photographs.txt"
    np.save(source, rdms)
    ids.write_text("\n".join(f"{k:02d}" for k in range(len(square[0]))))
    posterior = fitted(source.stem, source, "rdm", "--objects", ids)
    names = ["second" if side else "first" for side in second]
    return posterior, dict(zip(posterior.participants, names, strict=True))


def of_people(name: str, column: str) -> dict[str, str]:
    """Read a column of a shared table of participants, where there is a value."""
    table = pd.read_csv(SHARED / name / "participants.tsv", sep="\t", dtype=str)
    known = table[["participant", column]].dropna()
    return dict(zip(known["participant"], known[column], strict=True))


def in_words(posterior: Posterior, dimension: int) -> str:
    """Name the highest objects of a dimension, from 1; colours by their hue."""
    mean = posterior.embedding.mean(axis=0)[:, dimension - 1]
    top = [posterior.ids[place] for place in np.argsort(-mean)[:6]]
    return ", ".join(dict.fromkeys(map(colour, top) if top[0].startswith("#") else top[:3]))


def colour(code: str) -> str:
    """Name a colour by its hue, whiteness and value."""
    r, g, b = (int(code[k : k + 2], 16) / 255 for k in (1, 3, 5))
    hue, saturation, value = colorsys.rgb_to_hsv(r, g, b)
    if value < 0.2:
        return "black"
    if saturation < 0.15:
        return "white" if value > 0.9 else "grey"
    ends = (15, 45, 70, 90, 165, 200, 255, 290, 335)
    names = ("red", "orange", "yellow", "lime", "green", "cyan", "blue", "violet", "pink", "red")
    name = names[int(np.searchsorted(ends, 360 * hue))]
    if value < 0.6:
        return f"dark {name}"
    return f"pale {name}" if saturation < 0.45 else name


def rows_of(title: str, posterior: Posterior, seconds: str, found: dict[str, Any]) -> list[str]:
    """Lines of the table of real people: each comparison, with the dimension that differs most."""
    lines = []
    for one in found["differences"]:
        named = f"{one['second']} minus {one['first']}"
        people = " + ".join(str(found["people"][one[name]]) for name in ("first", "second"))
        most = min(one["dimensions"], key=lambda row: (row["p"], -abs(row["effect"])))
        share = f"{sum(row['p'] <= LEVEL for row in one['dimensions'])} of {len(one['dimensions'])}"
        told = (
            f"{in_words(posterior, most['dimension'])}: {most['effect']:+.2f} (p {most['p']:.3f})"
        )
        pair = one["pairs"][0]
        items = [f"{colour(of)} {of}" if of.startswith("#") else of for of in pair["items"]]
        like = f"{', '.join(items)}: {pair['effect']:+.2f} (p {pair['p']:.3f})"
        cells = (title, named, people, str(found["left_out"]), f"{one['p']:.3f}", share, told, like)
        lines.append(f"| {' | '.join([*cells, seconds])} |")
        print(lines[-1], flush=True)
    return lines


def alarms(title: str, posterior: Posterior, people: list[str], times: int) -> str:
    """Line of the table of false alarms: random halves of some people."""
    rng, p = np.random.default_rng(1), []
    quick: dict[str, Any] = {"permutations": 99, "resamples": 2, "pairs": 1}
    for _ in range(times):
        places = rng.permutation(len(people)).tolist()
        of = {one: f"half {1 + place % 2}" for one, place in zip(people, places, strict=True)}
        result = compare_groups(posterior, of, **quick)
        (found,) = result["differences"]
        tests = [min(row["p"] for row in found[of]) for of in ("dimensions", "clusters", "pairs")]
        p.append([found["p"], *tests])
    shares = (np.array(p) <= LEVEL).mean(axis=0)
    cells = [title, str(len(people)), str(times), *(f"{share:.2f}" for share in shares)]
    cells += [" ".join(f"{q:.2f}" for q in np.quantile(np.array(p)[:, 0], [0.1, 0.5, 0.9]))]
    print(f"| {' | '.join(cells)} |", flush=True)
    return f"| {' | '.join(cells)} |"


def real(halves: int) -> None:
    """Compare groups of real people, and random halves of them; write both tables."""
    WORK.mkdir(parents=True, exist_ok=True)
    lines, chance, words = list[str](), list[str](), list[str]()

    def took(name: str) -> str:
        return (WORK / f"{name}.seconds").read_text()

    posterior, vision = colours(), of_people("colours", "group")
    found = compare_groups(posterior, vision)
    lines += rows_of("colours", posterior, took("colours"), found)
    for row in sorted(found["differences"][0]["dimensions"], key=lambda row: -abs(row["effect"])):
        words.append(
            f"- {in_words(posterior, row['dimension'])}: {np.exp(row['difference']):.2f} times the "
            f"weight [{np.exp(row['low']):.2f}, {np.exp(row['high']):.2f}], "
            f"{row['effect']:+.1f} standard deviations, p {row['p']:.3f}"
        )
    typical = [name for name, group in vision.items() if group == "typical"]
    chance.append(alarms("colours, typical", posterior, typical, halves))
    posterior, country = spices(), of_people("sortings", "group")
    lines += rows_of("spices", posterior, took("spices"), compare_groups(posterior, country))
    most = [name for name, group in country.items() if group == "french"]
    chance.append(alarms("spices, french", posterior, most, halves))
    chance.append(alarms("spices, everybody", posterior, list(country), halves))
    for moved in (False, True):
        posterior, of = photographs(moved)
        name = "photographs" + ", moved" * moved
        seconds = took(name.replace(", ", "-"))
        lines += rows_of(name, posterior, seconds, compare_groups(posterior, of))
        if not moved:
            chance.append(alarms(name, posterior, list(of), halves))
    text = [
        "# Groups of real people",
        "",
        f"`python -P benchmarks/groups.py --real --halves {halves}` (twoalike "
        f"{version('twoalike')}, PyMC {version('pymc')}, Python {platform.python_version()}). What "
        "was compared: see the script. Effects are in standard deviations of people, or rank "
        "correlations with a number; p are corrected for the number of dimensions or pairs.",
        "",
        "| data | compared | people | left out | p, all dimensions | dimensions with p ≤ .05 | the "
        "most different dimension | pair | processor s of the fit |",
        "|---|---|---|---|---|---|---|---|---|",
        *lines,
        "",
        "Random halves of one group: shares that differ at .05.",
        "",
        "| data | people | halves | all dimensions | any dimension | any cluster | any pair | p of "
        "all, 10, 50 and 90 % |",
        "|---|---|---|---|---|---|---|---|",
        *chance,
        "",
        "Colours: weights of people with atypical colour vision against typical, by dimension (its "
        "highest colours).",
        "",
        *words,
        "",
    ]
    RESULTS.with_name("groups_real.md").write_text("\n".join(text), encoding="utf-8")


def main() -> None:
    """Run everything and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--null", type=int, default=200, help="studies without a difference")
    parser.add_argument("--studies", type=int, default=50, help="studies of each other shift")
    parser.add_argument("--real", action="store_true", help="real people instead")
    parser.add_argument("--halves", type=int, default=100, help="random halves of real groups")
    asked = parser.parse_args()
    if asked.real:
        real(asked.halves)
        return
    lines = [
        "# Differences between groups of people",
        "",
        f"`python -P benchmarks/groups.py --null {asked.null} --studies {asked.studies}` (twoalike "
        f"{version('twoalike')}, PyMC {version('pymc')}, Python {platform.python_version()}). What "
        "the columns hold: see the script. Shares of studies, ± their standard error.",
        "",
        "| shift | studies | differ, all dimensions | any dimension | any cluster | any pair | "
        "shift of the people drawn | found | covered |",
        "|---|---|---|---|---|---|---|---|---|",
        *(row(shift, asked.null if shift == 0 else asked.studies) for shift in SHIFTS),
        "",
    ]
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
