"""Creating a study folder: settings, stimuli and protocols, whole or not at all.

``study.toml`` is rendered from the settings' own definition, so that it names every key with its
default and its purpose, and cannot fall behind the code.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from twoalike.design import allows_checks, levels_study_design
from twoalike.stimuli import (
    BACKGROUND,
    MANIFEST,
    StimulusSet,
    copy_images,
    copy_media,
    draw_creatures,
    draw_familiar,
    escaped,
    familiar_source,
    fault_of_name,
    fault_of_portable_name,
    write_words,
)
from twoalike.study import (
    MISSING,
    AnchoredConfig,
    DesignConfig,
    Study,
    StudyConfig,
    TwoalikeError,
    atomic_directory,
    check_seed,
    counted,
    draw_seed,
    provenance,
    render_toml,
    write_json,
)
from twoalike.tables import (
    ANCHORED_CHOICE,
    FREE_SORTING,
    MOST_ALIKE_PAIR,
    MULTI_ARRANGEMENT,
    ODD_ONE_OF_MANY,
    ODD_ONE_OUT,
    PAIR_RATING,
)

if TYPE_CHECKING:
    from twoalike.tasks import Protocol

_DESIGNS: Mapping[str, Callable[[], DesignConfig]] = {
    "default": DesignConfig,
    "levels": lambda: levels_study_design(lists_per_triplet=0),
    "things": lambda: DesignConfig(trials=200, practice=0, trials_per_block=20),
}
"""Design that goes with each protocol. In the Levels study five people judge each triplet, which
takes a whole group designed at once; the first session of a new study is none."""


@dataclass(frozen=True)
class CreatedStudy:
    """A new study."""

    study: Study
    """The study, opened."""
    stimuli: StimulusSet
    remarks: tuple[str, ...]
    """One line each on images that were converted or left out, that are the same file, or that have
    no category."""


def create_study(
    folder: str | Path,
    *,
    stimuli: Literal["creatures", "familiar"] | None = None,
    images: str | Path | None = None,
    words: str | Path | None = None,
    sounds: str | Path | None = None,
    films: str | Path | None = None,
    background: str | None = None,
    protocol: Literal["default", "levels", "things"] = "default",
    language: str = "en",
    title: str | None = None,
    seed: int | None = None,
) -> CreatedStudy:
    """Make a study folder: settings, stimuli and protocols, ready to run.

    Parameters
    ----------
    folder
        Folder to make; may exist if it is empty.
    stimuli
        Set that twoalike draws: 216 novel creatures, or 64 familiar things. The creatures if
        no source of stimuli is given.
    images
        Folder of images to copy instead; its sub-folders become categories.
    words
        Text file with one word on a line, to be drawn; after a tab each, its categories.
    sounds, films
        Folder of sounds (WAV, FLAC, OGG) or of silent films (MP4, WebM, GIF), as ``images``.
    background
        Colour such as ``#e6e6e6`` behind transparent parts of images; white if None.
    protocol
        Odd-one-out protocol and design: ``default``; ``levels``, the Levels study run again;
        ``things``, self-paced in blocks of 20.
    language
        Language of the texts, ``en`` or ``de``.
    title
        Title of the study; the folder's name if None.
    seed
        Everything random in the study derives from it; drawn by the operating system if None.

    Raises
    ------
    TwoalikeError
        If the folder holds files or its name is not portable, the title is empty, two sources of
        stimuli are given, or the images cannot be used. Nothing is left behind then.
    """
    folder = Path(folder)
    sources = {"images": images, "words": words, "sounds": sounds, "films": films}
    own = [(kind, Path(path)) for kind, path in sources.items() if path is not None]
    given = [f"`{kind}={path}`" for kind, path in own]
    given += [f"`stimuli={stimuli}`"] if stimuli is not None else []
    if len(given) > 1:
        raise TwoalikeError(f"{' and '.join(given)}: give one of them, a study has one set.")
    source: tuple[str, Path | None] = own[0] if own else (stimuli or "creatures", None)
    check_seed(seed)
    paper = _check_background(background, source[0])
    _check_folder(folder)
    seed = draw_seed() if seed is None else seed
    name = (title if title is not None else folder.resolve().name).strip()
    if not name:
        raise TwoalikeError(where="`title=...`", expected="some text", found="none")
    with atomic_directory(folder) as temporary:
        target = temporary / StudyConfig.model_fields["stimuli"].default
        about_source, remarks = _fill(target, source[0], source[1], seed, paper)
        settings = study_template(title=name, seed=seed, design=_design(protocol, target))
        (temporary / "study.toml").write_text(settings, encoding="utf-8")
        draft = Study.load(temporary)
        _write_protocols(draft, protocol, language)
        manifest = {"manifest": draft.stimuli / MANIFEST}
        # Without the seed, which study.toml has: stimuli are published, the seed is not.
        about = provenance("stimuli", inputs=manifest, config=about_source)
        write_json(draft.stimuli / "stimuli.json", about)
    study = Study.load(folder)
    created = StimulusSet.load(study.stimuli, verify=False)
    return CreatedStudy(study, created, (*remarks, *_stimuli_remarks(created)))


_OPAQUE = {"creatures": "the creatures"}


def _check_background(background: str | None, source: str) -> str:
    if background is None:
        return BACKGROUND
    if not re.fullmatch("#[0-9a-fA-F]{6}", background):
        raise TwoalikeError(
            where="`background=...`",
            expected=f"a colour such as {BACKGROUND}",
            found=repr(background),
        )
    if source not in ("images", "familiar"):
        raise TwoalikeError(
            f"`background=...`: {_OPAQUE.get(source, source)} have no transparent parts; give it "
            "with `images=...` or `stimuli=familiar`."
        )
    return background.lower()


def _check_folder(folder: Path) -> None:
    name = folder.resolve().name
    if fault := fault_of_name(name) or fault_of_portable_name(name):
        raise TwoalikeError(
            expected="a name of a study that every system can hold",
            found=f"'{escaped(name)}' with {fault}",
            remedy="Choose another name.",
        )
    if folder.exists() and not folder.is_dir():
        raise TwoalikeError(
            where=folder, expected="a new folder", found="a file", remedy="Choose another name."
        )
    if folder.is_dir() and any(folder.iterdir()):
        raise TwoalikeError(
            where=folder,
            expected="a new or empty folder",
            found="files in it",
            remedy="Nothing was changed; choose another name.",
        )


def _design(protocol: str, folder: Path) -> DesignConfig:
    """Design of a new study: where the categories allow it, practice begins with easy trials."""
    config = _DESIGNS[protocol]()
    stimuli = StimulusSet.load(folder, verify=False)
    if protocol != "default" or not allows_checks(stimuli.table[list(stimuli.levels)]):
        return config
    return config.model_copy(update={"practice": 2, "practice_checks": 2})


def _write_protocols(study: Study, preset: str, language: str) -> None:
    """Write the protocols of all tasks in a language that is shipped, for the kind of stimuli."""
    from twoalike.tasks import (
        alike_pair_protocol,
        anchored_protocol,
        arrangement_protocol,
        for_stimuli,
        languages,
        odd_of_many_protocol,
        protocol_template,
        rating_protocol,
        sorting_protocol,
        triplet_protocol,
    )

    if language not in languages():
        raise TwoalikeError(
            where=f"`language={language}`",
            expected=f"one of {', '.join(languages())}",
            remedy="For another one, make the study in one of these and translate the texts in "
            "its protocols.",
        )
    stimuli = StimulusSet.load(study.stimuli, verify=False)
    kinds = {stimuli.kind(name) for name in stimuli.ids}
    study.protocol.parent.mkdir(parents=True)
    protocol: Protocol
    for label, protocol in (
        (ODD_ONE_OUT, triplet_protocol(preset, language)),
        (ANCHORED_CHOICE, anchored_protocol(language)),
        (ODD_ONE_OF_MANY, odd_of_many_protocol(language)),
        (MOST_ALIKE_PAIR, alike_pair_protocol(language)),
        (MULTI_ARRANGEMENT, arrangement_protocol(language)),
        (PAIR_RATING, rating_protocol(language)),
        (FREE_SORTING, sorting_protocol(language)),
    ):
        own = label != ODD_ONE_OUT or preset == "default"
        text = protocol_template(for_stimuli(protocol, kinds) if own else protocol)
        study.protocol_of(label).write_text(text, encoding="utf-8")


def _fill(
    target: Path, source: str, path: Path | None, seed: int, background: str
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Put the stimuli into ``target``; return their source, and remarks."""
    if source == "images" and path is not None:
        copied = copy_images(path, target, background=background)
        converted = [asdict(one) for one in copied.converted]
        about = {"source": "images", "background": background, "converted": converted}
        return about, tuple(copied.remarks())
    if source == "words" and path is not None:
        write_words(path, target)
        return {"source": "words"}, ()
    if path is not None:
        copied = copy_media(path, target, source.removesuffix("s"))
        return {"source": source}, tuple(copied.remarks())
    if source == "familiar":
        draw_familiar(target, background=background)
        drawings = familiar_source()
        return {"source": "familiar", "drawings": drawings, "background": background}, ()
    draw_creatures(target, seed=seed)
    return {"source": "creatures"}, ()


def _stimuli_remarks(stimuli: StimulusSet) -> list[str]:
    """Report images that are the same file, and how many have no category."""
    remarks = [
        f"the same {stimuli.kind(group[0])} under {len(group)} names: {', '.join(group[:4])}"
        for group in stimuli.identical
    ]
    try:
        stimuli.check_letters()
    except TwoalikeError as error:  # the lab computer may have the font
        remarks.append(str(error))
    if stimuli.levels:
        bare = stimuli.table[stimuli.table[stimuli.levels[0]] == MISSING]
        if len(bare):
            remarks.append(
                f"without a category: {counted(len(bare), stimuli.kind(bare['id'].iloc[0]))}, "
                f"such as {_place(bare)}"
            )
    return remarks


def _place(bare: pd.DataFrame) -> str:
    """First object without a category, and what a category is."""
    file = str(bare["file"].iloc[0])
    if file == MISSING:
        return f"{bare['id'].iloc[0]} (a category follows the word, after a tab)"
    return f"{file} (a category is a sub-folder)"


def study_template(*, title: str, seed: int, design: DesignConfig | None = None) -> str:
    """Commented TOML of a study.

    Parameters
    ----------
    design
        Design of the odd-one-out trials; the default one if left out.

    Examples
    --------
    >>> print(study_template(title="Birds", seed=7).splitlines()[6])
    title = "Birds"
    """
    design = design or DesignConfig()
    anchored = AnchoredConfig()
    if design.practice_checks:
        practice = {"practice": design.practice, "practice_checks": design.practice_checks}
        anchored = anchored.model_copy(update=practice)
    return render_toml(
        StudyConfig(title=title, seed=seed, design=design, anchored=anchored),
        "A study: what is shown to whom. Keys may be left out, all but title and seed, and have "
        "their default then.",
    )
