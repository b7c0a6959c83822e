"""``twoalike init``."""

from pathlib import Path
from typing import Literal

_SOURCES = {"creatures": "drawn creatures", "familiar": "familiar things"}


def init(
    study: Path,
    /,
    *,
    stimuli: Literal["creatures", "familiar"] | None = None,
    images: Path | None = None,
    words: Path | None = None,
    sounds: Path | None = None,
    films: Path | None = None,
    background: str | None = None,
    protocol: Literal[
        "default", "eeg", "faces-2afc", "levels", "similarity-arrangement", "things", "words"
    ] = "default",
    language: str = "en",
    title: str | None = None,
    seed: int | None = None,
) -> None:
    """Make a study folder: settings, stimuli and protocol, ready to run.

    The stimuli are novel creatures drawn by twoalike, 64 familiar things (--stimuli familiar), or
    your own: --images, --words, --sounds or --films. Files are copied, sub-folders become
    categories, and a manifest with checksums is written. Images that programs could show
    differently (turned by EXIF, transparent, 16-bit, CMYK, with a colour profile) are converted to
    plain 8-bit sRGB. Converted files, and files that are left out, are listed. An existing folder
    is never changed.

    Parameters
    ----------
    study
        Folder to make.
    stimuli
        creatures (the default): 216 novel animals in kingdoms, families and species; familiar: 64
        well-known things in realms, domains and groups, drawn by OpenMoji (CC BY-SA 4.0).
    images
        Folder of your own images to study; its stimuli.tsv is used if there is one.
    words
        Text file with one word or phrase per line, in any script; its categories follow after
        tabs, from coarse to fine. All words are shown in one font size.
    sounds
        Folder of sounds (WAV, FLAC, OGG; at most two minutes each), played by the participants.
    films
        Folder of short films (MP4, WebM, animated GIF; at most a minute each), shown in a loop
        without their sound.
    protocol
        Template of the study. default: settings and protocols of all tasks, with every key. The
        files of the other templates contain only what differs from the defaults. eeg: odd one out
        with timed images and triggers; faces-2afc: anchored choice among your pictures of faces;
        levels: AligNet's study of levels of abstraction (images in folders by category);
        similarity-arrangement: multi-arrangement of a set; things: odd one out, self-paced, in
        blocks of 20; words: odd one out among words.
    background
        Colour such as #e6e6e6 behind transparent parts of images, for people and networks; white
        if left out.
    language
        Language of the texts: en, de. For another one, translate them in the protocols.
    title
        Title of the study; the name of the folder if left out.
    seed
        Everything random in the study derives from it, including the creatures. By default the
        operating system draws one of 128 bits: a small seed could be guessed, and would reveal the
        participants' codes behind published trial lists (twoalike share --help). Set it only for
        studies that must be reproducible, such as tests.

    Examples
    --------
        twoalike init my-study
        twoalike init my-study --stimuli familiar --language de
        twoalike init levels --images imagenet-sample/ --protocol levels
        twoalike init nouns --words nouns.txt --protocol words
        twoalike init faces --images portraits/ --protocol faces-2afc
        twoalike init birds --images ~/pictures/birds --title "Birds of the garden" --seed 7
    """
    import shlex

    from twoalike.cli._show import show_notes
    from twoalike.design import refused_tasks
    from twoalike.planning import create_study, first_session_duration
    from twoalike.registry import find_task
    from twoalike.tasks import study_tasks

    created = create_study(
        study,
        stimuli=stimuli,
        images=images,
        words=words,
        sounds=sounds,
        films=films,
        background=background,
        protocol=protocol,
        language=language,
        title=title,
        seed=seed,
    )
    objects = created.stimuli
    own = {"images": images, "words": words, "sounds": sounds, "films": films}
    drawn = _SOURCES[stimuli or "creatures"]
    source = next((kind for kind, path in own.items() if path is not None), drawn)
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
        takes = first_session_duration(created.study, objects, task)
        print(f"a first session of {task} takes {takes} (four people out of five)")  # noqa: T201
    folder = shlex.quote(str(study))
    mend = f"change that in {study / 'study.toml'}, then: " if any(refused.values()) else ""
    print(f"next: {mend}twoalike design {folder} --task {tasks[0]} --participants 001 --summary")  # noqa: T201
