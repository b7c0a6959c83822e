"""The base of all settings of a study."""

from typing import Any, TypeAliasType, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Strict(BaseModel):
    """Settings that are frozen, refuse unknown keys, and convert nothing: "yes" is not true."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @field_validator("*", mode="before")
    @classmethod
    def _lists_become_tuples(cls, value: Any, info: ValidationInfo) -> Any:
        """Take the lists of a file where the field is a tuple, lists within lists too."""
        assert info.field_name is not None
        return (
            _as_tuple(value) if _is_tuple(cls.model_fields[info.field_name].annotation) else value
        )


def _is_tuple(annotation: Any) -> bool:
    if isinstance(annotation, TypeAliasType):
        annotation = getattr(annotation.__value__, "__origin__", annotation.__value__)
    return get_origin(annotation) is tuple


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value
