"""A study: a folder with ``study.toml``, and where each stage finds and puts its files."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError, field_validator

from twoalike.study._access import Access, check_readable
from twoalike.study._arrangement import ArrangementConfig
from twoalike.study._design import DesignConfig, ExclusionConfig
from twoalike.study._errors import TwoalikeError
from twoalike.study._faults import plain_fault
from twoalike.study._files import read_text, require_file
from twoalike.study._seed import Seed
from twoalike.study._strict import Strict


class ShareConfig(Strict):
    """Columns of a copy for publication beside those that twoalike writes."""

    columns: tuple[str, ...] = Field(
        default=(),
        description='columns to publish, as "table.column", such as "participants.age", '
        '"form.hand" or "debrief.strategy"; answers of participants are published only if they are '
        "named here",
    )

    @field_validator("columns")
    @classmethod
    def _table_and_column(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        for name in columns:
            if not all(name.partition(".")):
                raise ValueError(f'expected "table.column", such as "form.hand", found "{name}"')
        return columns


class DataConfig(Strict):
    """Who may read participants' data."""

    access: Access = Field(
        default="owner",
        description="who may read data/raw and data/pilot on this computer: owner, group (the "
        "lab's group of users may also write), everyone (as the system has it); new files only",
    )


class StudyConfig(Strict):
    """The content of ``study.toml``."""

    schema_version: Literal[1] = 1
    title: str = Field(min_length=1, description="shown in the report and the data set")
    authors: list[str] = Field(default_factory=list, description="for dataset_description.json")
    license: str = Field(default="CC0", description="licence of the collected data")
    seed: Seed = Field(
        description="everything random in the study derives from it; keep it private: it reveals "
        "for which code a published trial list was made"
    )
    stimuli: str = Field(default="stimuli", description="folder of the stimulus set, in the study")
    protocol: str = Field(
        default="protocols/odd_one_out.toml",
        description="protocol of the odd-one-out task, in the study",
    )
    arrangement_protocol: str = Field(
        default="protocols/multi_arrangement.toml",
        description="protocol of the multi-arrangement task, in the study",
    )
    design: DesignConfig = DesignConfig()
    exclusion: ExclusionConfig = ExclusionConfig()
    arrangement: ArrangementConfig = ArrangementConfig()
    data: DataConfig = DataConfig()
    share: ShareConfig = ShareConfig()


def load_toml[Model: BaseModel](path: Path, model: type[Model]) -> Model:
    """Read settings from TOML.

    Raises
    ------
    TwoalikeError
        If the file is missing or not TOML, or a key is unknown, missing or out of range; the
        message names the key, the file and, for an unknown key, the nearest valid one.
    """
    require_file(path, "settings (TOML)")
    text = read_text(path)
    try:
        content = tomllib.loads(text)
    # TOMLDecodeError is a ValueError, and so is a number of thousands of digits.
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else error
        raise TwoalikeError(f"{path}: not valid TOML ({reason}).") from error
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise TwoalikeError(f"{path}: {plain_fault(error, model)}") from error


@dataclass(frozen=True)
class Study:
    """A study folder with its settings; every path of the layout is defined here, once."""

    root: Path
    config: StudyConfig

    @classmethod
    def load(cls, root: Path) -> "Study":
        """Open the study in ``root``.

        Raises
        ------
        TwoalikeError
            If ``root`` is no folder with a valid ``study.toml``, or its data are closed to you.
        """
        if not (root / "study.toml").is_file():
            raise TwoalikeError(
                f"{root}: expected a study (a folder with study.toml), found none. "
                f"Make one with: twoalike init {root}"
            )
        study = cls(root, load_toml(root / "study.toml", StudyConfig))
        for folder in (study.raw.parent, study.raw, study.pilot):
            check_readable(folder)
        return study

    @property
    def stimuli(self) -> Path:
        """Folder of the stimulus set."""
        return self.root / self.config.stimuli

    @property
    def protocol(self) -> Path:
        """Protocol of the odd-one-out task (TOML)."""
        return self.root / self.config.protocol

    def protocol_of(self, task: str) -> Path:
        """Protocol of a task (``oddoneout`` or ``multiarrangement``, its BIDS label).

        Raises
        ------
        ValueError
            If there is no such task.
        """
        if task == "multiarrangement":
            return self.root / self.config.arrangement_protocol
        if task == "oddoneout":
            return self.protocol
        raise ValueError(f"expected oddoneout or multiarrangement, found {task!r}.")

    @property
    def raw(self) -> Path:
        """Root of the BIDS data set."""
        return self.root / "data" / "raw"

    @property
    def pilot(self) -> Path:
        """Root of the BIDS data set of pilot and dry runs, never mixed with real data."""
        return self.root / "data" / "pilot"

    @property
    def derived(self) -> Path:
        """Folder of everything computed from the raw data."""
        return self.root / "derived"

    @property
    def choices(self) -> Path:
        """Tidy odd-one-out and anchored judgments."""
        return self.derived / "choices.parquet"

    @property
    def arrangements(self) -> Path:
        """Tidy multi-arrangement trials."""
        return self.derived / "arrangements.parquet"

    @property
    def posterior(self) -> Path:
        """The fitted embedding."""
        return self.derived / "posterior.nc"

    def trial_list(self, task: str, participant: str, session: int) -> Path:
        """Trial list of one session (``task`` is the BIDS label, such as ``oddoneout``)."""
        name = f"sub-{participant}_ses-{session:02d}_task-{task}_trials.tsv"
        return self.root / "design" / name
