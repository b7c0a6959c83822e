"""``twoalike init``."""

import shlex
from typing import Any, Literal

from twoalike import planning
from twoalike.cli._derived import takes
from twoalike.cli._show import show_notes

_SOURCES = {"creatures": "drawn creatures", "familiar": "familiar things"}


@takes(planning.create_study)
def init(
    *,
    protocol: Literal[
        "default", "eeg", "faces-2afc", "levels", "similarity-arrangement", "things", "words"
    ] = "default",
    **given: Any,
) -> None:
    """Make a study folder: settings, stimuli and protocol, ready to run.

    The stimuli are novel creatures drawn by twoalike, 64 familiar things (--stimuli familiar), or
    your own: --images, --words, --sounds or --films. Files are copied, sub-folders become
    categories, and a manifest with checksums is written. Images that programs could show
    differently (turned by EXIF, transparent, 16-bit, CMYK, with a colour profile) are converted to
    plain 8-bit sRGB. Converted files, and files that are left out, are listed. An existing folder
    is never changed.

    Examples
    --------
        twoalike init my-study
        twoalike init my-study --stimuli familiar --language de
        twoalike init levels --images imagenet-sample/ --protocol levels
        twoalike init nouns --words nouns.txt --protocol words
        twoalike init faces --images portraits/ --protocol faces-2afc
        twoalike init birds --images ~/pictures/birds --title "Birds of the garden" --seed 7
    """
    from twoalike.design import refused_tasks
    from twoalike.registry import find_task
    from twoalike.tasks import study_tasks

    created = planning.create_study(protocol=protocol, **given)
    objects, study = created.stimuli, given["folder"]
    own = (kind for kind in ("images", "words", "sounds", "films") if given[kind] is not None)
    source = next(own, _SOURCES[given["stimuli"] or "creatures"])
    categories = f", categories: {', '.join(objects.levels)}" if objects.levels else ""
    print(f"{study / 'study.toml'}  settings of the study")  # noqa: T201
    whole = "every knob, and all texts" if protocol == "default" else "what differs from defaults"
    print(f"{study / 'protocols'}  protocols of the tasks: {whole}")  # noqa: T201
    print(f"{study / 'stimuli'}  {len(objects.ids)} {source}{categories}")  # noqa: T201
    tasks = [name for name in study_tasks(created.study) if find_task(name).lists]
    refused = {task: refused_tasks(created.study, objects, [task]) for task in tasks}
    remarks = (*created.remarks, *(line for lines in refused.values() for line in lines))
    show_notes(f"note: {remark}" for remark in remarks)
    for task in (task for task, lines in refused.items() if not lines):
        takes = planning.first_session_duration(created.study, objects, task)
        print(f"a first session of {task} takes {takes} (four people out of five)")  # noqa: T201
    folder = shlex.quote(str(study))
    mend = f"change that in {study / 'study.toml'}, then: " if any(refused.values()) else ""
    print(f"next: {mend}twoalike design {folder} --task {tasks[0]} --participants 001 --summary")  # noqa: T201
