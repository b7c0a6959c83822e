"""From a posterior to a saved teacher: the choice of its labels and of its kind.

Both are chosen by the log-loss of new choices, which the posterior was not fitted to. Without new
choices, labels are averaged over draws, and judged objects keep the posterior's positions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from twoalike.choice import odd_item
from twoalike.embedding import Posterior, PosteriorSource, as_posterior, seen_judgments
from twoalike.features import FeatureTable, as_features
from twoalike.judgments import (
    ITEMS,
    JudgmentTable,
    is_scored,
    judgment_codes,
    object_index,
    packed_codes,
    read_judgments,
    split_sets,
)
from twoalike.study import Booleans, Floats, Integers, TwoalikeError, counted, provenance
from twoalike.teacher._fit import Choices, TeachConfig, fit_teacher
from twoalike.teacher._labels import (
    MODES,
    Mode,
    compare_predictions,
    odd_probabilities,
)
from twoalike.teacher._teacher import (
    DRAWS,
    AffineTeacher,
    PosteriorTeacher,
    load_teacher,
    make_posterior_teacher,
    save_teacher,
)


def teach(
    posterior: PosteriorSource,
    features: FeatureTable | str | Path | None = None,
    *,
    objects: str | Path | None = None,
    choices: JudgmentTable | None = None,
    out: str | Path | None = None,
    kind: Literal["auto", "posterior", "surrogate", "mixed"] = "auto",
    labels: Literal["auto", "predictive", "plugin"] = "auto",
    untransformed: bool = False,
    draws: int = DRAWS,
    folds: int = 8,
    seed: int = 0,
    group: str | None = None,
    participant: str | None = None,
) -> AffineTeacher | PosteriorTeacher:
    """Make a teacher: the posterior itself for judged objects, a map of features for other images.

    The map takes a network's features to the human space and so places images without judgments.
    It is fitted to the judged objects; its penalty, temperature and scores come from held-out
    objects.

    Parameters
    ----------
    posterior
        A posterior, or its file.
    features
        The network's features, or their file; the map is fitted to the judged objects among them.
        Without features the teacher covers judged objects only.
    objects
        File of object ids, one per line, if the file of features has none.
    choices
        Judgments (a file, or a pandas or polars data frame), ideally all of them: they set the
        penalty and the temperature, and the map is scored on them. Choices that the posterior was
        not fitted to also decide the labels and the kind of teacher. Those of objects that the
        posterior does not know are left out and counted, and so are those among more than three
        items, by which no labels or maps are compared.
    out
        Folder to write the teacher to; None: do not save it.
    kind
        ``posterior``: judged objects only, by draws of the posterior; ``surrogate``: all images by
        their features; ``mixed``: judged objects keep the posterior's positions, others are placed
        by their features; ``auto``: posterior without features, otherwise surrogate or mixed,
        whichever predicts new choices better (mixed without new choices).
    labels
        ``predictive``: averaged over the posterior's draws; ``plugin``: from its mean similarities;
        ``auto``: whichever predicts new choices better (predictive without new choices).
    untransformed
        Make the control: the network's own similarities at the temperature that fits best.
    draws
        Draws that a posterior teacher keeps.
    folds
        Folds of objects.
    seed
        Seed of the folds and of the labelled triplets.
    group, participant
        Make the teacher of this group's average person, or of this participant, with the noise of a
        typical observer; the posterior needs weights of the dimensions by person. Choices of other
        people are left out and counted. teacher.json records the name.

    Returns
    -------
    The teacher. Its ``description`` is the content of teacher.json: scores on held-out objects
    under ``validation``, and how labels and kinds compare under ``label_comparison`` and
    ``kind_comparison``.
    """
    for name, value, least in (("draws", draws, 1), ("folds", folds, 2), ("seed", seed, 0)):
        if value < least:
            raise TwoalikeError(where=f"`{name}=...`", expected=f"at least {least}", found=value)
    _check(kind, features, untransformed)
    whole = as_posterior(posterior)
    fitted = as_posterior(whole, group, participant)
    judged = judged_objects(fitted)
    table = None if features is None else as_features(features, objects)
    people = _People.of(choices, fitted)
    config = TeachConfig(
        untransformed=untransformed,
        mode=people.label_comparison.get("best", "predictive") if labels == "auto" else labels,
        folds=folds,
        known=not untransformed and kind in {"auto", "mixed"},
        seed=seed,
    )
    teacher: AffineTeacher | PosteriorTeacher
    if table is None or kind == "posterior":
        teacher = make_posterior_teacher(fitted, judged=judged, mode=config.mode, draws=draws)
        why = "requested" if kind == "posterior" else "no features given: judged objects only"
        comparison: dict[str, Any] = {"chosen": "posterior", "why": why}
    else:
        teacher, comparison = _mapped(fitted, table, config, people, kind, judged)
    config = config.model_copy(update={"known": comparison["chosen"] == "mixed"})
    inputs = {"posterior": whole.path, "features": features, "choices": choices}
    files = {role: Path(it) for role, it in inputs.items() if isinstance(it, str | Path)}
    origin = provenance("teacher", seed=seed, inputs=files, config=config.model_dump(mode="json"))
    origin |= {"label_comparison": people.label_comparison, "kind_comparison": comparison}
    origin |= fitted.likeness | people.left_out()
    parts = [one for one in (whole.judged, people.codes) if one is not None]
    origin |= {"judged": packed_codes(*parts)} if parts else {}
    if out is None:
        return replace(teacher, description={**origin, **teacher.description})
    save_teacher(out, teacher, origin)
    return load_teacher(out, any_kind=True)


def _check(kind: str, features: object, untransformed: bool) -> None:
    asked = "`untransformed=True`" if untransformed else f"`kind={kind}`"
    if features is None and (kind in {"surrogate", "mixed"} or untransformed):
        raise TwoalikeError(where=asked, expected="`features=...` to map from", found="none")
    if untransformed and kind in {"posterior", "mixed"}:
        raise TwoalikeError(
            f"the control has the network's own similarities only, so `kind={kind}` is meaningless",
            where=asked,
            remedy="Leave one of them out.",
        )


def _mapped(
    posterior: Posterior,
    table: FeatureTable,
    config: TeachConfig,
    people: "_People",
    kind: str,
    judged: Booleans | None,
) -> tuple[AffineTeacher, dict[str, Any]]:
    mapped = fit_teacher(posterior, table, config, judged=judged, choices=people.choices)
    if not config.known:
        why = "the control" if config.untransformed else "requested"
        return mapped, {"chosen": "surrogate", "why": why}
    found = people.compare(posterior, mapped, table, config.mode, judged)
    if kind == "mixed":
        return mapped, {**found, "chosen": "mixed", "why": "requested"}
    if "skipped" in found:
        chosen = "mixed"
        why = f"people's own space where they judged; not compared: {found['skipped']}"
    else:
        losses = found["log_loss"]
        chosen = min(("surrogate", "mixed"), key=losses.__getitem__)
        why = "lower log-loss on new choices, of the two that place images without judgments"
    if chosen == "surrogate":
        description = {**mapped.description, "judged_objects": "map"}
        mapped = replace(mapped, known_ids=(), known=None, description=description)
    return mapped, {**found, "chosen": chosen, "why": why}


@dataclass(frozen=True, eq=False)
class _People:
    """People's choices, if any were given, and comparisons based on them."""

    choices: Choices | None
    label_comparison: dict[str, Any]  # on these choices, or why nothing is compared
    in_sets: int = 0  # choices among more than three items, which are not used
    codes: Integers | None = None  # numbers of the choices given
    new: Choices | None = None  # those that the posterior was not fitted to

    @classmethod
    def of(cls, given: JudgmentTable | None, posterior: Posterior) -> "_People":
        """Read choices, and compare labels on those that the posterior was not fitted to."""
        if given is None:
            return cls(None, {"skipped": "no choices given"})
        table, larger = split_sets(read_judgments(given))
        in_sets, codes, fresh = (
            int(is_scored(larger).sum()),
            judgment_codes(table),
            is_scored(table),
        )
        if in_sets and not fresh.any():
            reason = "all choices are among more than three items"
            return cls(None, {"skipped": reason}, in_sets)
        lapse = float(posterior.typical_lapse.mean())
        members = posterior.participants if posterior.likeness else None
        choices = odd_choices(given, posterior.ids, lapse, members)
        file = Path(given) if isinstance(given, str | Path) else None
        if (seen := seen_judgments(posterior, table, file=file)) is not None:
            fresh = fresh & ~seen
        for item in ITEMS:
            fresh = fresh & table[item].isin(posterior.ids).to_numpy()
        if members is not None:
            fresh = fresh & table["participant"].isin(members).to_numpy()
        if not fresh.any():
            reason = "the posterior was fitted to these choices"
            return cls(choices, {"skipped": reason}, in_sets, codes)
        new = choices
        if fresh.sum() < len(choices.chosen):
            new = odd_choices(table[fresh], posterior.ids, lapse, members)
        by_mode: dict[str, Floats] = {
            mode: odd_probabilities(posterior, new.triplets, mode, new.anchored, lapse=True)
            for mode in MODES
        }
        labels = compare_predictions(by_mode, new.chosen)
        return cls(choices, labels, in_sets, codes, new)

    def left_out(self) -> dict[str, int]:
        """Numbers of the choices that were not used, for teacher.json."""
        counts = {"choices_in_sets": self.in_sets}
        if self.choices is not None:
            counts["choices_left_out"] = self.choices.left_out
            counts["choices_of_others"] = self.choices.of_others
        return {name: n for name, n in counts.items() if n}

    def compare(
        self,
        posterior: Posterior,
        mixed: AffineTeacher,
        table: FeatureTable,
        mode: Mode,
        judged: Booleans | None,
    ) -> dict[str, Any]:
        if self.new is None:
            return {"skipped": self.label_comparison["skipped"]}
        usable = np.isin(posterior.ids, table.ids)
        if judged is not None:
            usable &= judged
        rows = np.flatnonzero(usable)
        choices = self.new.within(rows, len(usable))
        if not len(choices.chosen):
            return {"skipped": "no choice is of judged objects with features only"}
        ids = tuple(np.array(posterior.ids)[usable])
        named = FeatureTable(ids, table.select(ids), table.meta)
        surrogate = replace(mixed, known_ids=(), known=None)
        triplets, anchored = choices.triplets, choices.anchored
        predicted: dict[str, Floats] = {
            "posterior": odd_probabilities(posterior, rows[triplets], mode, anchored),
            "surrogate": surrogate.choice_probabilities(triplets, named, anchored),
            "mixed": mixed.choice_probabilities(triplets, named, anchored),
        }
        return compare_predictions(predicted, choices.chosen, choices.lapse, anchored)


def judged_objects(posterior: Posterior) -> Booleans | None:
    """Which objects were judged in any way, if the posterior records it."""
    tree = posterior.tree
    if "constant_data" not in tree.children:
        return None
    stored = tree["constant_data"].dataset.data_vars.values()
    counts = [each.values for each in stored if each.dims == ("object",)]  # of every kind
    judged: Booleans | None = np.sum(counts, axis=0) > 0 if counts else None
    return judged


def odd_choices(
    choices: JudgmentTable,
    ids: Sequence[str],
    lapse: float = 0.0,
    participants: Sequence[str] | None = None,
) -> Choices:
    """Take main and repeated choices of the objects ``ids``; indices are of these.

    Only those of ``participants``, if they are named, and only those among three items.
    """
    table = split_sets(read_judgments(choices))[0]
    scored = is_scored(table)
    kept, by_whom = scored, ""
    if participants is not None:
        kept = scored & table["participant"].isin(participants)
        by_whom = f" by the {counted(len(participants), 'participant')} taught"
    known = np.logical_and.reduce([table[item].isin(ids) for item in ITEMS])
    of_others = int((scored & ~kept).sum())
    if not (kept & known).any():
        found = f"{of_others:,} of other people" if of_others else "none"
        raise TwoalikeError(
            where=choices if isinstance(choices, str | Path) else "the choices",
            expected=f"main or repeated judgments of the {len(ids)} objects that are known"
            + by_whom,
            found=f"{kept.sum():,} of other objects" if kept.any() else found,
        )
    table = table[kept & known]
    triplets, chosen, _ = object_index(table, list(ids))
    anchored = (table["kind"] == "anchored").to_numpy(dtype=bool)
    odd = odd_item(chosen, anchored)
    left_out = int((kept & ~known).sum())
    some = anchored if anchored.any() else None
    return Choices(triplets, odd, lapse, some, left_out, of_others)
