"""Which objects a design shows: without those excluded, in a condition, of a person's set."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from twoalike.stimuli import StimulusSet
from twoalike.study import SAFE_SEED, Condition, Strict, Study, StudyConfig, TwoalikeError


def shown_objects(stimuli: StimulusSet, config: Strict) -> tuple[str, ...]:
    """Objects that the settings of a task's lists leave in (``exclude``), in manifest order."""
    tables = StudyConfig.model_fields.items()
    name = next(key for key, field in tables if field.annotation is type(config))
    exclude = config.exclude  # type: ignore[attr-defined]
    return tuple(shown_table(stimuli, exclude, name)["id"])


def shown_table(
    stimuli: StimulusSet, exclude: Mapping[str, Sequence[str]], name: str = "design"
) -> pd.DataFrame:
    """Rows of the manifest that ``exclude`` leaves, numbered from 0.

    Messages call the settings ``name``, their table in ``study.toml``.
    """
    table = stimuli.table
    keep = pd.Series(True, index=table.index)
    columns = ("id", *stimuli.levels)
    for column, values in exclude.items():
        if column not in columns:
            raise TwoalikeError(
                f"{name}.exclude: no column {column!r} in the manifest of {stimuli.folder}; "
                f"expected one of {', '.join(columns)}."
            )
        unknown = sorted(set(values) - set(table[column]))
        if unknown:
            raise TwoalikeError(
                f"{name}.exclude: {column} {unknown[0]!r} is not in the manifest of "
                f"{stimuli.folder}. Check the spelling."
            )
        keep &= ~table[column].isin(values)
    shown = table[keep].reset_index(drop=True)
    if len(shown) < 3:
        raise TwoalikeError(
            f"{name}: {len(shown)} of {len(table)} objects are left after {name}.exclude; a "
            "trial needs three."
        )
    return shown


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
    return only_objects(there, stimuli, _objects_of(own, study, stimuli)) if own.objects else there


def only_objects(study: Study, stimuli: StimulusSet, shown: Collection[str]) -> Study:
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


def _objects_of(condition: Condition, study: Study, stimuli: StimulusSet) -> list[str]:
    table = stimuli.table
    keep = pd.Series(True, index=table.index)
    where = f"{study.root / 'study.toml'}: conditions, {condition.name}, objects"
    for column, values in condition.objects.items():
        columns = ("id", *stimuli.levels)
        if column not in columns:
            raise TwoalikeError(
                where=where, expected=f"one of the columns {', '.join(columns)}", found=repr(column)
            )
        if unknown := sorted(set(values) - set(table[column])):
            raise TwoalikeError(
                f"{where}: {column} {unknown[0]!r} is not in the manifest of {stimuli.folder}. "
                "Check the spelling."
            )
        keep &= table[column].isin(values)
    return table["id"][keep].tolist()
