"""The base of all settings of a study."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Settings that are frozen and refuse unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")
