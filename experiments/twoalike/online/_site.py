"""The folder ``STUDY/online``: the page with its content, written completely or not at all."""

import io
import json
import os
import re
import sqlite3
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image
from pydantic import ValidationError, create_model

from twoalike.design import shown_objects
from twoalike.online import _records as sent
from twoalike.online._compile import (
    as_json,
    compile_person,
    least_window,
    prepare_person,
    without_keys,
)
from twoalike.record import balanced_cohort, participant_label
from twoalike.registry import find_task
from twoalike.stimuli import (
    StimulusSet,
    read_picture,
    scaled,
    scrambled_mask,
    shown_as_it_is,
    stimuli_held,
)
from twoalike.study import (
    Study,
    TwoalikeError,
    atomic_directory,
    check_replaceable,
    counted,
    in_language,
    load_toml,
    progress,
    sha256_file,
)
from twoalike.tasks import READ, ImagesProtocol, Prepared, Protocol, check_parts, timing_of


class Kept(NamedTuple):
    """The picture or the sound of an object as it lies beside session.json."""

    name: str
    content: bytes
    about: Any


def pictures(stimuli: StimulusSet, names: Iterable[str], protocol: Protocol) -> Iterator[Kept]:
    """Yield the picture of each object, in the set's order; words in the protocol's colours.

    A file that a browser shows as :func:`twoalike.stimuli.read_picture` reads it is copied byte for
    byte; any other becomes a PNG of the same pixels, and so does a word.
    """
    wanted, screen = set(names), protocol.screen
    for name in (one for one in stimuli.ids if one in wanted):
        image = stimuli.picture(name, ink=screen.foreground, paper=screen.background)
        kept = shown_as_it_is(stimuli.path(name)) if stimuli.kind(name) == "image" else ""
        yield _kept(name, image, kept, stimuli.path(name).read_bytes() if kept else b"")


def _kept(name: str, image: Image.Image, ending: str = "", content: bytes = b"") -> Kept:
    if not ending:
        buffer = io.BytesIO()
        image.save(buffer, format="PNG")
        ending, content = "png", buffer.getvalue()
    digest = sha256(content).hexdigest()
    size = {"width": image.width, "height": image.height}
    file = f"images/{digest[:16]}.{ending}"
    return Kept(name, content, sent.ImageFile(file=file, sha256=digest, **size))


def masks(prepared: Prepared, names: Iterable[str]) -> Iterator[Kept]:
    """Yield what masks objects in a session, by the names that its trials have."""
    timing, given, stimuli = timing_of(prepared.protocol), prepared.given, prepared.stimuli
    screen = prepared.protocol.screen
    for name, path in given.paths.items():
        yield _kept(f"{getattr(timing, 'mask_folder', '')};{name}", read_picture(path))
    for name in sorted(names) if timing is not None and timing.mask == "scrambled" else ():
        image = stimuli.picture(name, ink=screen.foreground, paper=screen.background)
        small = scaled(image, min(_MASK_PX, max(image.size)))
        yield _kept(f";{name}", scrambled_mask(name, small, given.seed))


def recordings(stimuli: StimulusSet, names: set[str]) -> Iterator[Kept]:
    """Yield the sound of each object that is one as FLAC, which all browsers decode."""
    import soundfile

    for name, seconds in stimuli.sound_lengths().items():
        if name in names:
            buffer = io.BytesIO()
            samples, rate = soundfile.read(str(stimuli.path(name)), always_2d=True)
            soundfile.write(buffer, samples, rate, format="FLAC", subtype="PCM_16")
            content, text = buffer.getvalue(), stimuli.text(name)
            digest = sha256(content).hexdigest()
            known = {"file": f"sounds/{digest[:16]}.flac", "sha256": digest}
            yield Kept(name, content, sent.SoundFile(seconds=seconds, text=text, **known))


_MASK_PX = 512
"""Largest side of a scrambled picture."""


FOLDER = "online"
"""Folder of the page in a study."""
SESSION = "session.json"
_PAGE = files("twoalike.online") / "page"
_NOT_COPIED = ("operator",)
"""Folders of the page that only a server gives out."""
_STYLES = ("base.css", "pages.css", "trial.css", "placing.css")
"""Parts of style.css, in order."""
_TEXTS = files("twoalike.online") / "texts"
_ASKED = {"form", "blocks", "debrief"}
"""Questions of a protocol, which steps have without the answers to attention items."""
_KEY = re.compile(r"\w+")
_OWN_TEXTS = "protocols/page.toml"
"""File of a study with texts of the page that differ from ours, or are in another language."""


@dataclass(frozen=True, eq=False)
class OnlineStudy:
    """A study with its page.

    Attributes
    ----------
    study, session
        The study, and what session.json holds.
    state
        ``written``, ``unchanged`` (the same page was there) or ``read``.
    """

    study: Study
    session: sent.OnlineSession
    state: str = "read"

    @property
    def folder(self) -> Path:
        """Where the page is, in its language."""
        return _folder(self.study)

    @cached_property
    def pages(self) -> Mapping[str, "OnlineStudy"]:
        """The page in each of its languages, by the hash of its session."""
        names = self.session.languages
        spoken = [read_built(self.study.in_language(name)) for name in names] or [self]
        return {one.session.hash: one for one in spoken}

    def person(self, participant: str) -> sent.Person:
        """Read what a participant does."""
        return _read(self.folder / "people" / f"{participant}.json", sent.Person)

    @cached_property
    def groups(self) -> dict[str, str]:
        """Group of people of each participant; empty for a study without groups."""
        people = self.session.participants
        if not self.study.config.groups.names:
            return dict.fromkeys(people, "")
        return {who: self.person(who).group for who in people}

    @cached_property
    def chooses(self) -> bool:
        """Whether any trials are chosen while a session runs."""
        parts = self.person(self.session.participants[0]).parts
        return any(isinstance(step, sent.BlockStep) for part in parts for step in part.steps)

    @cached_property
    def task(self) -> str | None:
        """Name of the task; None for a sitting of several."""
        parts = self.person(self.session.participants[0]).parts
        names = {part.task for part in parts}
        return names.pop() if len(names) == 1 else None

    @cached_property
    def studies(self) -> Mapping[str, Study]:
        """The study as each participant does it, by code: group, orders, set of objects."""
        codes = self.session.participants
        return balanced_cohort(self.study, codes, several_tasks=self.task is None)

    def prepared(self, participant: str) -> list[Prepared]:
        """Prepare the parts of a participant, as they were compiled."""
        own, number = self.studies[participant], self.session.session
        return prepare_person(own, participant, number, self.task)


def build_online(
    study: Study | str | Path,
    participants: int | Sequence[str],
    *,
    task: str | None = None,
    session: int = 1,
    overwrite: bool = False,
) -> OnlineStudy:
    """Compile a study into a static page, in its folder ``online``.

    Participants have the same pages, questions and trials as in a window. Building again gives the
    same files; where nothing changes, none is written.

    Parameters
    ----------
    study
        The study, or its folder.
    participants
        Number of participants, who are called w0001, w0002, ..., or their codes. A larger number
        keeps what is there and adds to it.
    task
        Name of the only task; None: as :func:`twoalike.sitting.sit`.
    session
        Number of the session, from 1.
    overwrite
        Change the page although people have begun.
    """
    opened = study if isinstance(study, Study) else Study.load(study)
    codes = _codes(participants)
    made = _compile(opened, codes, task, session)
    folder = opened.root / FOLDER
    check_replaceable(folder, SESSION, overwrite=True)
    if made.is_in(folder):
        return OnlineStudy(opened, made.session, "unchanged")
    _refuse_change(opened, folder, made.session, overwrite)
    with atomic_directory(folder) as temporary:
        made.write(temporary)
    return OnlineStudy(opened, made.session, "written")


def check_built(study: Study | str | Path) -> OnlineStudy:
    """Check that the page of a study is what the study would build now."""
    there = read_built(study)
    session = there.session
    made = _compile(there.study, session.participants, there.task, session.session)
    if made.session.hash != session.hash or not made.is_in(there.folder):
        differs = made.session.hash != session.hash
        raise TwoalikeError(
            where=there.folder,
            expected="the page that the study gives now",
            found="one that shows something else" if differs else "a file of it missing or changed",
            remedy="Build it again with: twoalike online build",
        )
    return there


def read_built(study: Study | str | Path) -> OnlineStudy:
    """Read the page of a study, as it was built."""
    opened = study if isinstance(study, Study) else Study.load(study)
    return OnlineStudy(opened, _read(_folder(opened) / SESSION, sent.OnlineSession))


def _folder(study: Study) -> Path:
    other = study.language if study.language not in study.config.languages[:1] else ""
    return study.root / FOLDER / other


def _read[Model: (sent.OnlineSession, sent.Person)](path: Path, model: type[Model]) -> Model:
    if not path.is_file():
        raise TwoalikeError(
            where=path,
            expected="a file of the study's page",
            found="none",
            remedy="Build the page with: twoalike online build",
        )
    try:
        return model.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        raise TwoalikeError(
            where=f"{path}, {'.'.join(map(str, first['loc']))}",
            expected="a file of twoalike online build, of this version",
            found=first["msg"],
            remedy="Build the page again.",
        ) from error


def _codes(participants: int | Sequence[str]) -> tuple[str, ...]:
    if isinstance(participants, int):
        if participants < 1:
            raise TwoalikeError(where=f"`participants={participants}`", expected="1 or more")
        return tuple(f"w{number:04d}" for number in range(1, participants + 1))
    given = [participants] if isinstance(participants, str) else participants
    codes = [participant_label(code) for code in given]
    if twice := [code for code in codes if codes.count(code) > 1]:
        raise TwoalikeError(f"`participants=...`: {twice[0]} is listed twice. Name each one once.")
    if not codes:
        raise TwoalikeError(where="`participants=...`", expected="1 or more", found="none")
    return tuple(codes)


type _Kept = Callable[[], Iterator[Kept]]


class _Site(NamedTuple):
    """Files of the folder by their path; pictures and sounds are made when they are written."""

    session: sent.OnlineSession
    content: dict[str, bytes]
    kept: _Kept

    def is_in(self, folder: Path) -> bool:
        """Whether a folder holds just this."""
        small = {name: sha256(one).hexdigest() for name, one in self.content.items()}
        expected = small | {one.file: one.sha256 for one in self.session.images.values()}
        expected |= {one.file: one.sha256 for one in self.session.sounds.values()}
        there = {path.relative_to(folder).as_posix(): path for path in _files_in(folder)}
        return there.keys() == expected.keys() and all(
            sha256_file(there[name]) == digest for name, digest in expected.items()
        )

    def write(self, folder: Path) -> None:
        """Write all files into an empty folder."""
        shown = ((one.about.file, one.content) for one in self.kept())
        for name, content in chain(self.content.items(), shown):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)


def _files_in(folder: Path) -> Iterator[Path]:
    return (Path(at, name) for at, _, names in os.walk(folder) for name in names)


def _page_files() -> dict[str, bytes]:
    root = Path(str(_PAGE))
    paths = {path.relative_to(root): path for path in sorted(_files_in(root))}
    found = {
        name.as_posix(): path.read_bytes()
        for name, path in paths.items()
        if name.parts[0] not in _NOT_COPIED
    }
    found["style.css"] = b"".join(found.pop(name) for name in _STYLES)
    return found


def _compile(study: Study, codes: Sequence[str], task: str | None, session: int) -> _Site:
    for fault in check_parts(study):
        raise TwoalikeError(fault)
    spoken = [study.in_language(one) for one in study.config.languages] or [study]
    made = [_in_one_language(one, codes, task, session) for one in spoken]
    lines: list[bytes] = []
    for one, people, _ in made:
        content = one.model_dump(mode="json", exclude={"hash", "version"})
        lines.append(json.dumps(content, sort_keys=True, ensure_ascii=False).encode())
        lines += [sha256(people[code]).hexdigest().encode() for code in codes]
    whole, files, sessions = b"\n".join(lines), dict[str, bytes](), list[sent.OnlineSession]()
    for own, (one, people, _) in zip(spoken, made, strict=True):
        place = "" if not sessions else f"{own.language}/"
        digest = sha256(whole + place.encode()).hexdigest()
        sessions.append(one.model_copy(update={"hash": digest}))
        files[place + SESSION] = sessions[-1].model_dump_json(indent=1).encode() + b"\n"
        files |= {f"{place}people/{code}.json": content for code, content in people.items()}
    return _Site(sessions[0], files | _page_files(), made[0][2])


def _in_one_language(
    study: Study, codes: Sequence[str], task: str | None, session: int
) -> tuple[sent.OnlineSession, dict[str, bytes], _Kept]:
    """Compile the page in one language, without its hash: session, people, pictures and sounds."""
    people: dict[str, bytes] = {}
    examples: dict[str, Prepared] = {}
    shown: set[str] = set()
    with stimuli_held(), progress() as bar:
        work = bar.add_task("participants", total=len(codes), status="")
        cohort = balanced_cohort(study, codes, several_tasks=task is None)
        for code, own in cohort.items():
            parts = prepare_person(own, code, session, task)
            person = compile_person(own, parts)
            people[code] = as_json(person)
            for one, part in zip(parts, person.parts, strict=True):
                examples.setdefault(part.protocol, one)
                shown.update(one.plan.stimuli)
            bar.update(work, advance=1)
        stimuli = StimulusSet.load(study.stimuli)
    for lists in (find_task(one.plan.name.task).lists for one in examples.values()):
        if lists is not None and lists.is_adaptive(study):
            shown.update(shown_objects(stimuli, lists.settings(study)))
    protocols = {key: one.protocol for key, one in examples.items()}
    first = next(iter(protocols.values()))
    _check_together(study, protocols, stimuli, shown)
    kept = partial(_files, stimuli, shown, first, examples.values())
    about = {kind: dict[str, Any]() for kind in (sent.ImageFile, sent.SoundFile)}
    for name, _, file in kept():
        about[type(file)][name] = file
    made = sent.OnlineSession(
        version=version("twoalike"),
        hash="0" * 64,
        study=study.config.title,
        session=session,
        language=first.language,
        languages=study.config.languages,
        participants=tuple(codes),
        protocols={
            key: one.model_dump(mode="json", exclude=_ASKED) for key, one in protocols.items()
        },
        images=about[sent.ImageFile],
        sounds=about[sent.SoundFile],
        texts=_page_texts(study, first.language),
        without_keys=without_keys(first.language),
        least_window_px=least_window([*examples.values()]),
        least_hz=max(
            timing.least_hz if timing else 0.0 for timing in map(timing_of, protocols.values())
        ),
        card=any(
            isinstance(one, ImagesProtocol) and one.images.image_deg for one in protocols.values()
        ),
        **study.config.online.model_dump(include={*sent.OnlineSession.model_fields}),
    )
    return made, people, kept


def _files(
    stimuli: StimulusSet, shown: set[str], protocol: Protocol, sessions: Iterable[Prepared]
) -> Iterator[Kept]:
    yield from pictures(stimuli, shown, protocol)
    yield from chain.from_iterable(masks(one, shown) for one in sessions)
    yield from recordings(stimuli, shown)


def _check_together(
    study: Study, protocols: Mapping[str, Protocol], stimuli: StimulusSet, shown: set[str]
) -> None:
    place = study.root / "protocols"
    languages = sorted({one.language for one in protocols.values()})
    if len(languages) > 1:
        raise TwoalikeError(
            where=place,
            expected="protocols of one language, as the page has one",
            found=" and ".join(languages),
        )
    colours = {(one.screen.foreground, one.screen.background) for one in protocols.values()}
    if len(colours) > 1 and any(stimuli.kind(name) == "word" for name in shown):
        raise TwoalikeError(
            where=place,
            expected="the same screen.foreground and screen.background in all protocols, as words "
            "are drawn once",
            found="several",
        )


def _page_texts(study: Study, language: str) -> dict[str, str]:
    """Texts of the page in a language; protocols/page.toml of the study may replace any of them."""
    english = Path(str(_TEXTS)) / "page.en.toml"
    keys: dict[str, Any] = dict.fromkeys(tomllib.loads(english.read_text("utf-8")), (str, ...)) | {
        READ: (bool, False)
    }
    model = create_model("PageTexts", __base__=sent.Sent, **keys)
    shipped, own = english.with_name(f"page.{language}.toml"), study.root / _OWN_TEXTS
    found = [path for path in (shipped, own) if path.is_file()]

    def worded(content: dict[str, Any], where: Path) -> dict[str, Any]:
        names = study.config.languages if where == own else ()
        return in_language(content, names, language, names[0], _KEY, where) if names else content

    if not found:
        raise TwoalikeError(
            where=own,
            expected=f"the texts of the page in {language!r}, the language of the protocols",
            found="no such file",
            remedy=f"Translate {english}.",
        )
    texts: dict[str, str] = load_toml(found[0], model, found[1:], worded).model_dump(exclude={READ})
    return texts | {"title": texts["title"] or study.config.title}


def _refuse_change(study: Study, folder: Path, new: sent.OnlineSession, overwrite: bool) -> None:
    if overwrite or not (folder / SESSION).is_file():
        return
    there = json.loads((folder / SESSION).read_bytes())  # of any version
    begun = {code for code in there["participants"] if has_data(study, code, there["session"])}
    store = default_store(study.root)
    if store.is_file():
        with closing(sqlite3.connect(store)) as opened:
            held = opened.execute("SELECT held FROM sessions WHERE held IS NOT NULL")
            begun |= {code for (code,) in held}
    if begun and there["hash"] != new.hash:
        raise TwoalikeError(
            where=folder,
            expected=f"no change of what is shown after {counted(len(begun), 'participant')} began",
            found="another page than the one that is there",
            remedy="Restore study and protocols, or change it with `overwrite=True`; what is "
            "already recorded refers to the page before.",
        )


def has_data(study: Study, code: str, session: int) -> bool:
    """Whether a participant's session is among the raw data."""
    return any(study.raw.glob(f"sub-{code}/ses-{session:02d}/beh/*_beh.tsv"))


def default_store(study: str | Path) -> Path:
    """SQLite file that the records of a study go to unless another store is named."""
    return online_folder(study) / "records.sqlite"


def online_folder(study: str | Path) -> Path:
    """Folder of the records and the key of an online study: beside the study, not in it.

    A copy of the study, or a sync client, thus does not include them.
    """
    root = Path(study).resolve()
    return root.with_name(f"{root.name}-online")
