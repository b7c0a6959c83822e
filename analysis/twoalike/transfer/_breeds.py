"""The published splits of BREEDS: ENTITY-13, ENTITY-30, LIVING-17 and NONLIVING-26.

Santurkar, Tsipras & Madry 2021 (arXiv:2008.04859) cut a class hierarchy of ImageNet at a level:
nodes there with enough classes below become superclasses, and of each superclass as many classes
are drawn, half to learn from (source), half to be asked for (target). Their hierarchy is three
files (MadryLab/BREEDS-Benchmarks, imagenet_class_hierarchy/modified), which are read here; level,
number of classes and seed of each split are those of their library (robustness,
tools/breeds_helpers.py, split="rand"), and so are the draws, class by class.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from twoalike.study import TwoalikeError, parse_json, read_text, require_file, shortened
from twoalike.transfer._classifier import (
    checked_values,
    chosen_strength,
    class_means,
    coded,
    fit_classifier,
    hold_out,
)
from twoalike.transfer._scores import ClassScores, NotMeasurable

CLASSES, EDGES, NAMES = "dataset_class_info.json", "class_hierarchy.txt", "node_names.txt"
"""Files of a hierarchy: [number, id, name] of each class; parent and child, a line each; id and
name of a node, separated by a tab."""
BREEDS_FILES = (CLASSES, EDGES, NAMES)
ROOT = "n00001740"
_SEED = 2


@dataclass(frozen=True)
class _Cut:
    """Where a published split cuts the hierarchy: superclasses at a level below an ancestor."""

    level: int
    classes: int
    ancestor: str | None = None


CUTS: Mapping[str, _Cut] = {
    "entity13": _Cut(3, 20),
    "entity30": _Cut(4, 8),
    "living17": _Cut(5, 4, "n00004258"),
    "nonliving26": _Cut(5, 4, "n00021939"),
}
"""Published splits: level (longest way from the root), classes of a superclass."""


@dataclass(frozen=True)
class BreedsSplit:
    """Superclasses, and the ids of the classes of each to learn from and to be asked for."""

    source: Mapping[str, tuple[str, ...]]
    target: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class BreedsHierarchy:
    """A class hierarchy.

    Attributes
    ----------
    children
        Nodes below each node.
    levels
        Longest way from the root to each node.
    names
        Names of nodes.
    classes
        Ids of the classes.
    """

    children: Mapping[str, Sequence[str]]
    levels: Mapping[str, int]
    names: Mapping[str, str]
    classes: frozenset[str]

    @classmethod
    def read(cls, folder: str | Path) -> "BreedsHierarchy":
        """Read the three published files of a folder; only ancestors of classes are kept.

        Raises
        ------
        TwoalikeError
            If a file is missing or has another form, or the hierarchy has a cycle.
        """
        folder = Path(folder)
        path = require_file(folder / CLASSES, "the classes of BREEDS")
        info = parse_json(path.read_bytes(), path)
        if not isinstance(info, list) or not all(isinstance(c, list) and len(c) == 3 for c in info):
            raise TwoalikeError(
                where=path, expected="a list of [number, id, name]", found="something else"
            )
        classes = frozenset(str(one[1]) for one in info)
        parents: dict[str, list[str]] = {}
        for parent, child in _pairs(folder / EDGES, None, "parent and child"):
            parents.setdefault(child, []).append(parent)
        children: dict[str, set[str]] = {}
        todo = list(classes)
        while todo:
            node = todo.pop()
            for parent in parents.pop(node, ()):
                children.setdefault(parent, set()).add(node)
                todo.append(parent)
        names = dict(_pairs(folder / NAMES, "\t", "id and name"))
        if ROOT not in children:
            raise TwoalikeError(
                where=folder / EDGES, expected=f"the root {ROOT} above the classes", found="none"
            )
        below = {node: sorted(nodes) for node, nodes in children.items()}
        return cls(below, _levels(below, folder / EDGES), names, classes)

    def below(self, node: str) -> set[str]:
        """Return a node and all nodes below."""
        found, todo = set[str](), [node]
        while todo:
            one = todo.pop()
            if one not in found:
                found.add(one)
                todo += self.children.get(one, ())
        return found

    def classes_of(self, node: str) -> list[str]:
        """Classes below a node, sorted; what lies below a class belongs to it."""
        found, todo = {node} & self.classes, list(self.children.get(node, ()))
        while todo:
            one = todo.pop()
            if one in self.classes:
                found.add(one)
            else:
                todo += self.children.get(one, ())
        return sorted(found)

    def split(self, name: str) -> BreedsSplit:
        """Make a published split, as :data:`CUTS` names it.

        Raises
        ------
        NotMeasurable
            If fewer than two superclasses have enough classes.
        """
        cut = CUTS[name]
        within = self.below(cut.ancestor) if cut.ancestor else set(self.levels)
        nodes = sorted(node for node in within if self.levels.get(node) == cut.level)
        possible = {
            node: self._drawn_from(node)
            for node in nodes
            if len(self.classes_of(node)) >= cut.classes
        }
        # A superclass that is a class itself may have one less to draw from.
        nodes = [node for node, below in possible.items() if len(below) >= cut.classes]
        if len(nodes) < 2:
            raise NotMeasurable(
                f"needs two nodes at level {cut.level} with {cut.classes} classes, has {len(nodes)}"
            )
        rng, half = np.random.RandomState(_SEED), cut.classes // 2  # noqa: NPY002  as published
        source: dict[str, tuple[str, ...]] = {}
        target: dict[str, tuple[str, ...]] = {}
        for node in nodes:
            drawn = [str(c) for c in rng.choice(possible[node], cut.classes, replace=False)]
            label = self.names.get(node, node)
            label = label if label not in source else f"{label} ({node})"
            source[label], target[label] = tuple(drawn[:half]), tuple(drawn[half:])
        return BreedsSplit(source, target)

    def _drawn_from(self, node: str) -> list[str]:
        """Classes of a superclass, through the first node below it that has several children."""
        children = self.children.get(node, ())
        while len(children) == 1:
            node, children = children[0], self.children.get(children[0], ())
        # A class below two of the children is there twice, as published.
        return sorted(one for child in children for one in self.classes_of(child))


def _levels(children: Mapping[str, Sequence[str]], where: Path) -> dict[str, int]:
    """Longest way from the root to each node."""
    try:
        order = list(TopologicalSorter(children).static_order())
    except CycleError as error:
        ways = shortened(" to ".join(error.args[1][::-1]), 80)
        raise TwoalikeError(f"has a cycle, {ways}", where=where, remedy="Get it again.") from error
    found = {ROOT: 0}
    for node in reversed(order):
        for child in children.get(node, ()) if node in found else ():
            found[child] = max(found.get(child, 0), found[node] + 1)
    return found


def _pairs(path: Path, separator: str | None, what: str) -> list[tuple[str, str]]:
    """Read two parts a line."""
    found = []
    for number, line in enumerate(read_text(require_file(path, what)).splitlines(), start=1):
        parts = line.strip().split(separator)
        if len(parts) < 2:
            raise TwoalikeError(
                where=f"{path}: line {number}", expected=what, found=shortened(repr(line))
            )
        found.append((parts[0], parts[1]))
    return found


def breeds_classes(
    ids: Sequence[str], levels: Mapping[str, Sequence[str]], classes: frozenset[str]
) -> list[str | None]:
    """Class of each image: one of its labels, a folder in its id, or the beginning of its name.

    Examples
    --------
    >>> names = ["n02084071/n02085620_7", "dogs/n02085620_7", "cat"]
    >>> breeds_classes(names, {}, frozenset({"n02084071", "n02085620"}))
    ['n02084071', 'n02085620', None]
    """
    found: list[str | None] = []
    for row, name in enumerate(ids):
        path = PurePosixPath(name)
        labels = [part for of in levels.values() for part in reversed(PurePosixPath(of[row]).parts)]
        possible = (*labels, *reversed(path.parts[:-1]), path.name, path.name.split("_")[0])
        found.append(next((one for one in possible if one in classes), None))
    return found


@dataclass(frozen=True)
class BreedsScores:
    """Balanced accuracy at telling superclasses, by superclass.

    ``source``: on held-out images of the classes that were learnt from. ``target``: on images of
    the other classes.
    """

    source: ClassScores
    target: ClassScores


def breeds_shift(
    values: npt.ArrayLike, classes: Sequence[str | None], split: BreedsSplit, *, seed: int = 0
) -> BreedsScores:
    """Accuracy at telling superclasses, on source and target classes of a published split.

    Logistic regression learns from three quarters of the images of each source class (and chooses
    its regularisation on a quarter of those), and is asked for the rest, and for all images of the
    target classes. In the paper whole networks were trained; the splits are theirs, the classifier
    is that of :func:`subclass_shift`.

    Parameters
    ----------
    values
        Features, shape (n, p).
    classes
        Class of each image, n of them; None for one without.
    split
        From :meth:`BreedsHierarchy.split`.

    Returns
    -------
    Accuracy of each superclass. Superclasses without a source class of two images or without images
    of a target class are left out and named.

    Raises
    ------
    NotMeasurable
        If fewer than two superclasses have images.
    """
    features = checked_values(values)
    of_source, of_target = (_superclasses(classes, part) for part in (split.source, split.target))
    images = Counter(classes)
    usable = [
        name
        for name, members in split.source.items()
        if max(images[one] for one in members) > 1 and (of_target == name).any()
    ]
    if len(usable) < 2:
        raise NotMeasurable(
            f"needs images of source and target classes of two superclasses, has those of "
            f"{len(usable)} of {len(split.source)}"
        )
    left_out = tuple(name for name in split.source if name not in usable)
    named = np.where(np.isin(of_source, usable), of_source, of_target)
    kept = np.isin(named, usable)
    names, code = coded(named[kept])
    features, source = features[kept], np.isin(of_source[kept], usable)
    own = np.asarray([str(one) for one in classes])[kept]
    rng = np.random.default_rng(seed)
    _, subclass = coded(own)
    held = source & hold_out(subclass, rng)
    train = features[source & ~held], code[source & ~held]
    hits = fit_classifier(*train, "logistic", chosen_strength(*train, rng)).hits(features, code)

    def scores(asked: npt.NDArray[np.bool_]) -> ClassScores:
        by_class = class_means(hits[asked], code[asked])[None]
        about = (code[asked], names, 1 / len(names))
        return ClassScores(by_class, hits[asked], *about, left_out=left_out)

    return BreedsScores(scores(held), scores(~source))


def _superclasses(
    classes: Sequence[str | None], part: Mapping[str, Sequence[str]]
) -> npt.NDArray[np.str_]:
    """Superclass of each image, empty for an image of another class."""
    above = {one: name for name, members in part.items() for one in members}
    return np.asarray([above.get(one or "", "") for one in classes], dtype=np.str_)
