"""Making a study folder, whole or not at all."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from twoalike.cli._options import check_seed
from twoalike.cli._study_file import study_template
from twoalike.design import allows_checks, levels_study_design
from twoalike.stimuli import (
    BACKGROUND,
    MANIFEST,
    StimulusSet,
    copy_images,
    draw_creatures,
    draw_familiar,
    escaped,
    familiar_source,
    fault_of_name,
    fault_of_portable_name,
)
from twoalike.study import (
    MISSING,
    DesignConfig,
    Study,
    StudyConfig,
    TwoalikeError,
    atomic_directory,
    counted,
    draw_seed,
    provenance,
    write_json,
)


def make_study(
    root: Path,
    *,
    stimuli: Literal["creatures", "familiar"] | None = None,
    images: Path | None,
    title: str | None,
    seed: int | None,
    protocol: str = "default",
    language: str = "en",
    background: str | None = None,
) -> tuple[StimulusSet, tuple[str, ...]]:
    """Make the study ``root``.

    Parameters
    ----------
    root
        Folder to make; may exist if it is empty.
    stimuli
        Set that comes with the toolkit; the creatures if this and ``images`` are None.
    images
        Folder of images to copy instead.
    title
        Title of the study; the folder's name if None.
    seed
        Seed of the study; drawn by the operating system if None.
    protocol
        Preset of the odd-one-out task: default, levels, things.
    language
        Of the texts.
    background
        Colour behind transparent parts of images; white if None.

    Returns
    -------
    The stimuli, and remarks on how their images were copied.

    Raises
    ------
    TwoalikeError
        If ``root`` holds anything or has no name that every system can hold, the title is empty,
        two sources of stimuli are named, or the images cannot be used.
    """
    if stimuli is not None and images is not None:
        raise TwoalikeError(
            f"--stimuli {stimuli} and --images {images}: give one of them, a study has one set."
        )
    check_seed(seed)
    paper = _check_background(background, stimuli, images)
    _check_name(root)
    seed = draw_seed() if seed is None else seed
    name = (title if title is not None else root.resolve().name).strip()
    if not name:
        raise TwoalikeError("--title: expected some text, found none.")
    if root.exists() and not root.is_dir():
        raise TwoalikeError(f"{root}: expected a new folder, found a file. Choose another name.")
    if root.is_dir() and any(root.iterdir()):
        raise TwoalikeError(
            f"{root}: expected a new or empty folder, found files in it. Nothing was changed; "
            "choose another name."
        )
    with atomic_directory(root) as temporary:
        source, remarks = _fill(
            temporary / StudyConfig.model_fields["stimuli"].default, stimuli, images, seed, paper
        )
        (temporary / "study.toml").write_text(
            study_template(title=name, seed=seed, design=_design(protocol, temporary)),
            encoding="utf-8",
        )
        draft = Study.load(temporary)
        _write_protocols(draft, protocol, language)
        # Without the seed, which study.toml has: stimuli are published, the seed is not.
        about = provenance(
            "stimuli",
            inputs={"manifest": draft.stimuli / MANIFEST},
            config=source,
        )
        write_json(draft.stimuli / "stimuli.json", about)
    return StimulusSet.load(Study.load(root).stimuli, verify=False), remarks


def _check_background(background: str | None, stimuli: str | None, images: Path | None) -> str:
    if background is None:
        return BACKGROUND
    if not re.fullmatch("#[0-9a-fA-F]{6}", background):
        raise TwoalikeError(
            f"--background: expected a colour such as {BACKGROUND}, found {background!r}."
        )
    if images is None and stimuli != "familiar":
        raise TwoalikeError(
            "--background: the creatures have no transparent parts; give it with --images or "
            "--stimuli familiar."
        )
    return background.lower()


def _check_name(root: Path) -> None:
    name = root.resolve().name
    if fault := fault_of_name(name) or fault_of_portable_name(name):
        raise TwoalikeError(
            f"expected a name of a study that every system can hold, found '{escaped(name)}' with "
            f"{fault}. Choose another name."
        )


_DESIGNS: Mapping[str, Callable[[], DesignConfig]] = {
    "default": DesignConfig,
    "levels": lambda: levels_study_design(lists_per_triplet=0),
    "things": lambda: DesignConfig(trials=200, practice=0, trials_per_block=20),
}
"""Design that goes with each preset. The Levels study's five people a triplet need the whole group
to be designed at once, which the first session of a new study is not."""


def _design(preset: str, root: Path) -> DesignConfig:
    """Design of a new study: where the categories allow it, practice begins with easy trials."""
    config = _DESIGNS[preset]()
    stimuli = StimulusSet.load(root / StudyConfig.model_fields["stimuli"].default, verify=False)
    if preset != "default" or not allows_checks(stimuli.table[list(stimuli.levels)]):
        return config
    return config.model_copy(update={"practice": 2, "practice_checks": 2})


def _write_protocols(study: Study, preset: str, language: str) -> None:
    """Write the protocols of both tasks.

    Raises
    ------
    TwoalikeError
        If the language is not shipped.
    """
    from twoalike.tasks import arrangement_protocol, languages, protocol_template, triplet_protocol

    if language not in languages():
        raise TwoalikeError(
            f"--language {language}: expected one of {', '.join(languages())}. For another one, "
            "make the study in one of these and translate the texts in its protocols."
        )
    study.protocol.parent.mkdir(parents=True)
    for label, protocol in (
        ("oddoneout", triplet_protocol(preset, language)),
        ("multiarrangement", arrangement_protocol(language)),
    ):
        study.protocol_of(label).write_text(protocol_template(protocol), encoding="utf-8")


def _fill(
    target: Path,
    stimuli: Literal["creatures", "familiar"] | None,
    images: Path | None,
    seed: int,
    background: str,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Put the stimuli into ``target``; return their source, and remarks."""
    if images is not None:
        copied = copy_images(images, target, background=background)
        converted = [asdict(one) for one in copied.converted]
        about = {"source": "images", "background": background, "converted": converted}
        return about, tuple(copied.remarks())
    if stimuli == "familiar":
        draw_familiar(target, background=background)
        drawings = familiar_source()
        return {"source": "familiar", "drawings": drawings, "background": background}, ()
    draw_creatures(target, seed=seed)
    return {"source": "creatures"}, ()


def stimuli_remarks(stimuli: StimulusSet) -> list[str]:
    """Say which images are doubles, and how many have no category."""
    remarks = [
        f"the same image under {len(group)} names: {', '.join(group[:4])}"
        for group in stimuli.identical
    ]
    if stimuli.levels:
        bare = stimuli.table[stimuli.table[stimuli.levels[0]] == MISSING]
        if len(bare):
            remarks.append(
                f"without a category: {counted(len(bare), 'image')}, such as "
                f"{bare['file'].iloc[0]} (a category is a sub-folder)"
            )
    return remarks
