"""The long consent text of ``consent.toml``."""

import tomllib
from pathlib import Path

TEXTS = tomllib.loads(Path(__file__).with_name("consent.toml").read_text(encoding="utf-8"))
LANGUAGES = tuple(TEXTS)


def consent_text(language: str) -> str:
    """Text of about 1,500 words; in Japanese, which has no spaces, of 4,000 characters."""
    content = TEXTS[language]
    return "\n\n".join(content["sections"].replace("{part}", part) for part in content["visits"])
