"""How people take part in a study in a browser, as ``study.toml`` says it."""

import re
from typing import Literal

from pydantic import Field, field_validator

from twoalike.study._settings import Strict

_CODE = re.compile(r"[A-Za-z0-9_-]{0,64}")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9]\S*")


class OnlineConfig(Strict):
    """Who may take part in a browser, how long they may pause, and what they get at the end."""

    entry: Literal["open", "id", "link"] = Field(
        default="open",
        description="who may take part. open: everyone who knows the address; id: people whose "
        "address carries id_parameter; link: people with a one-time link (twoalike online links)",
    )
    id_parameter: str = Field(
        default="PROLIFIC_PID",
        description="part of the address that identifies a person, such as PROLIFIC_PID or "
        "workerId: who comes back with the same one goes on with the same session",
    )
    most: int = Field(
        default=0,
        ge=0,
        description="most people who take part or have completed; 0: as many as have a code",
    )
    return_hours: float = Field(
        default=24.0,
        gt=0,
        le=10_000,
        description="hours after the last answer within which a session may be continued; then it "
        "has expired, and its code goes to someone else if no trial was stored",
    )
    completion_code: str = Field(
        default="", description="shown at the end of a completed session, for the payment"
    )
    screened_out_code: str = Field(
        default="", description="shown to people who were screened out, if they are paid"
    )
    declined_code: str = Field(
        default="", description="shown to people who did not consent, for the recruiter's records"
    )
    completion_url: str = Field(
        default="",
        description="where the page leads after a completed session, and after another that has "
        "a code; {code} is the code: "
        "'https://app.prolific.com/submissions/complete?cc={code}'; empty: nowhere",
    )

    @field_validator("completion_code", "screened_out_code", "declined_code")
    @classmethod
    def _code_without_markup(cls, code: str) -> str:
        if not _CODE.fullmatch(code):
            raise ValueError(f"expected at most 64 letters, digits, - and _, found {code!r}")
        return code

    @field_validator("id_parameter")
    @classmethod
    def _parameter_of_an_address(cls, name: str) -> str:
        if not name or not _CODE.fullmatch(name):
            raise ValueError(f"id_parameter: expected letters, digits, - and _, found {name!r}")
        return name

    @field_validator("completion_url")
    @classmethod
    def _leads_by_https(cls, url: str) -> str:
        if url and not _ADDRESS.fullmatch(url):
            raise ValueError(f"completion_url: expected https://HOST/..., found {url!r}")
        return url
