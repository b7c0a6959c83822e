"""Which objects a design shows: without those excluded, in a condition, of a person's set."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from twoalike.design._dealing import object_sets
from twoalike.stimuli import StimulusSet
from twoalike.study import SAFE_SEED, Strict, Study, StudyConfig, TwoalikeError


def shown_objects(stimuli: StimulusSet, config: Strict) -> tuple[str, ...]:
    """Objects that the settings of a task's lists leave in (``exclude``), in manifest order."""
    tables = StudyConfig.model_fields.items()
    name = next(key for key, field in tables if field.annotation is type(config))
    return tuple(shown_table(stimuli, config.exclude, name)["id"])  # type: ignore[attr-defined]


def shown_table(
    stimuli: StimulusSet, exclude: Mapping[str, Sequence[str]], name: str
) -> pd.DataFrame:
    """Rows of the manifest that ``exclude`` leaves, numbered from 0.

    Messages call the settings ``name``, their table in ``study.toml``.
    """
    table = stimuli.table
    keep = pd.Series(True, index=table.index)
    for named in _named(stimuli, exclude, f"{name}.exclude"):
        keep &= ~named
    shown = table[keep].reset_index(drop=True)
    if len(shown) < 3:
        raise TwoalikeError(
            f"{name}: {len(shown)} of {len(table)} objects are left after {name}.exclude; a "
            "trial needs three."
        )
    return shown


def _named(
    stimuli: StimulusSet, rules: Mapping[str, Sequence[str]], where: str
) -> list["pd.Series[bool]"]:
    """Which objects have one of the values, by rule: a column of the manifest and its values."""
    table, columns = stimuli.table, ("id", *stimuli.levels)
    for column, values in rules.items():
        if column not in columns:
            raise TwoalikeError(
                where=where, expected=f"one of the columns {', '.join(columns)}", found=repr(column)
            )
        if unknown := sorted(set(values) - set(table[column])):
            raise TwoalikeError(
                f"{where}: {column} {unknown[0]!r} is not in the manifest of {stimuli.folder}. "
                "Check the spelling."
            )
    return [table[column].isin(values) for column, values in rules.items()]


def in_condition(study: Study, stimuli: StimulusSet, name: str) -> Study:
    """Return the study as a condition within a session does it.

    It shows the condition's objects only, and draws from a seed of its own: two conditions that
    show the same objects would otherwise show the same trials in the same order.
    """
    there = study.in_condition(name)
    own = there.own_condition
    assert own is not None
    words = np.random.SeedSequence([study.config.seed, there.run]).generate_state(2, np.uint64)
    # As hard to guess as the study's own, which is what ``share`` judges it by.
    high = 0 if study.config.seed < SAFE_SEED else int(words[1])
    config = study.config.model_copy(update={"seed": (high << 64) + int(words[0])})
    there = replace(there, config=config)
    if not own.objects:
        return there
    keep = pd.Series(True, index=stimuli.table.index)
    where = f"{study.root / 'study.toml'}: conditions, {name}, objects"
    for named in _named(stimuli, own.objects, where):
        keep &= named
    return _only(there, stimuli, stimuli.table["id"][keep].tolist())


def for_person(study: Study, stimuli: StimulusSet) -> Study:
    """Return the study with the objects of a participant's set only."""
    size, number = study.config.objects_per_person, study.object_set
    if not (size and number):
        return study
    check_set_size(study, stimuli)
    n = 1 << (number - 1).bit_length()  # so that the sets of many people are made a few times only
    chosen = object_sets(len(stimuli.ids), size, n, study.config.seed)[number - 1]
    return _only(study, stimuli, {stimuli.ids[item] for item in chosen.tolist()})


def check_set_size(study: Study, stimuli: StimulusSet) -> None:
    """Refuse sets that are larger than the stimuli, or too small for a trial."""
    size, m = study.config.objects_per_person, len(stimuli.ids)
    if size and not 3 <= size <= m:
        raise TwoalikeError(
            where=f"{study.root / 'study.toml'}: objects_per_person",
            expected=f"0, or 3 to {m} (as many as there are stimuli)",
            found=str(size),
        )


def _only(study: Study, stimuli: StimulusSet, shown: Collection[str]) -> Study:
    """Return the study with all objects but those ``shown`` excluded, from any task's design."""
    hidden = [name for name in stimuli.ids if name not in shown]
    updates = {}
    for key in type(study.config).model_fields:
        table = getattr(study.config, key)
        if isinstance(table, Strict) and "exclude" in type(table).model_fields:
            left_out = table.exclude  # type: ignore[attr-defined]
            ids = list(dict.fromkeys([*left_out.get("id", []), *hidden]))
            exclude = {**left_out, "id": ids} if ids else left_out
            updates[key] = table.model_copy(update={"exclude": exclude})
    return replace(study, config=study.config.model_copy(update=updates))
