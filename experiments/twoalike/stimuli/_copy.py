"""Copying stimuli into a study; images are converted if programs could show them differently."""

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from twoalike.stimuli._familiar import ATTRIBUTION
from twoalike.stimuli._manifest import MANIFEST, SUFFIXES, about_films, escaped, stimuli_of
from twoalike.stimuli._picture import BACKGROUND, check_still, opened, plain_picture
from twoalike.stimuli._set import StimulusSet, files_below, image_table, word_table
from twoalike.study import MISSING, counted, sha256_file

_QUALITY = 95
"""Of converted JPEGs, with colours in full resolution; as PNGs they would be ten times as large."""


@dataclass(frozen=True)
class Converted:
    """An image that was converted."""

    file: str
    original: str
    """``file``, ``original``: Path of the copy and of the file it was made from, each relative to
    its folder."""
    sha256: str
    """Of the original file."""
    changes: tuple[str, ...]
    """The conversions, in words."""


_SAVE = {
    "image": "Images among them are shown if you save them as PNG or JPEG.",
    "sound": "Sounds among them are played if you save them as WAV, FLAC or OGG.",
}


@dataclass(frozen=True)
class CopiedFiles:
    """What :func:`copy_files` made."""

    stimuli: StimulusSet
    converted: tuple[Converted, ...]
    """Images that were converted; the others are copies byte for byte."""
    left_out: tuple[str, ...]
    """Files of the source that are no stimuli, relative to it."""
    kind: str = "image"
    """Kind that was looked for."""

    def remarks(self) -> list[str]:
        """One line on the conversions and one on the files that were left out."""
        remarks = []
        if self.converted:
            changes = [(change, one.original) for one in self.converted for change in one.changes]
            remarks.append(
                f"converted {counted(len(self.converted), 'image')}, so that every program shows "
                f"the same picture: {_by_kind(changes)}"
            )
        if self.left_out:
            endings = [PurePosixPath(file).suffix.lower() for file in self.left_out]
            kinds = [
                f"{one} of several frames, or not in the manifest"
                if one in SUFFIXES["image"]
                else one or "without an ending"
                for one in endings
            ]
            remarks.append(
                f"left out {counted(len(kinds), 'file')}: "
                f"{_by_kind(list(zip(kinds, self.left_out, strict=True)))}. {_SAVE[self.kind]}"
                f"{about_films(self.left_out)}"
            )
        return remarks


def copy_files(
    source: str | Path, target: str | Path, kind: str = "image", *, background: str = BACKGROUND
) -> CopiedFiles:
    """Copy the images or sounds of ``source`` with their folders, and their manifest.

    Images that other programs could show differently (turned by EXIF, with transparency, 16 bits,
    CMYK or a colour profile) become plain files: 8-bit sRGB, upright, opaque; JPEGs stay JPEGs,
    the others become PNGs. Sounds are copied as they are.

    Parameters
    ----------
    source, target
        Folder of files, and the folder to make.
    kind
        ``image`` or ``sound``. A manifest in ``source`` says itself what its objects are.
    background
        Colour under transparent parts.
    """
    source, target = Path(source), Path(target)
    listed = (source / MANIFEST).is_file()
    # Checked where the person has them, so that complaints name those files.
    table = StimulusSet.load(source).table if listed else image_table(source, kind)
    target.mkdir(parents=True, exist_ok=True)
    taken = {file.lower() for file in table["file"]}
    files, converted = [], []
    for one in stimuli_of(table):
        done = None
        if one.kind == "image":
            done = _copy(source, target, one.file, background, taken)
        elif one.file != MISSING:
            (target / one.file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / one.file, target / one.file)
        files.append(done.file if done else one.file)
        converted += [done] if done else []
    if (source / ATTRIBUTION).is_file():  # files under a licence that asks for credit keep it
        shutil.copyfile(source / ATTRIBUTION, target / ATTRIBUTION)
    if listed and not converted:
        shutil.copyfile(source / MANIFEST, target / MANIFEST)
        stimuli = StimulusSet.load(target)
    else:
        new = [
            one.sha256 if file == MISSING else sha256_file(target / file)
            for file, one in zip(files, stimuli_of(table), strict=True)
        ]
        stimuli = StimulusSet.write(target, table.assign(file=files, sha256=new))
    originals = {one.file: one.original for one in converted}
    used = {originals.get(file, file) for file in table["file"]}
    left_out = set(files_below(str(source))) - used - {MANIFEST, ATTRIBUTION, "stimuli.json"}
    return CopiedFiles(stimuli, tuple(converted), tuple(sorted(left_out)), kind)


def write_words(file: str | Path, target: str | Path) -> StimulusSet:
    """Write the manifest of a list of words into a new folder."""
    table = word_table(file)
    Path(target).mkdir(parents=True)
    return StimulusSet.write(target, table)


def _copy(
    source: Path, target: Path, file: str, background: str, taken: set[str]
) -> Converted | None:
    copy = target / file
    copy.parent.mkdir(parents=True, exist_ok=True)
    with opened(source / file, str(source / file)) as image:
        check_still(image, str(source / file))
        kind = image.format
        picture, changes = plain_picture(image, background)
    if not changes:
        shutil.copyfile(source / file, copy)
        return None
    name = PurePosixPath(file)
    if kind in ("JPEG", "MPO"):
        picture.save(copy, "JPEG", quality=_QUALITY, subsampling=0)
    else:
        if name.suffix.lower() != ".png":
            name = name.with_suffix(".png")
            name = PurePosixPath(f"{file}.png") if str(name).lower() in taken else name
            taken.add(str(name).lower())
        picture.save(target / name, "PNG")
    return Converted(str(name), file, sha256_file(source / file), changes)


def _by_kind(pairs: Sequence[tuple[str, str]]) -> str:
    numbers = Counter(kind for kind, _ in pairs)
    examples = dict(reversed(pairs))
    return "; ".join(
        f"{escaped(kind)}: {n:,}, such as {escaped(examples[kind])}"
        for kind, n in numbers.most_common()
    )
