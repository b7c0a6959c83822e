"""The long consent text of ``consent.toml``."""

import tomllib
from pathlib import Path

TEXTS = tomllib.loads(Path(__file__).with_name("consent.toml").read_text(encoding="utf-8"))
LANGUAGES = tuple(TEXTS)


def consent_text(language: str) -> str:
    """Text of about 1,500 words; in Japanese, which has no spaces, of 4,000 characters."""
    content = TEXTS[language]
    return "\n\n".join(content["sections"].replace("{part}", part) for part in content["visits"])


def protocol_with(language: str, more: str = "") -> str:
    """Protocol that asks for consent to the long text; its other texts are the shipped ones."""
    texts = {name: TEXTS[language][name] for name in ("agree", "decline", "choose", "go_on")}
    texts["consent"] = consent_text(language)
    lines = [f"{name} = '''\n{text}'''" for name, text in texts.items()]
    spoken = 'language = "de"\n' if language == "de" else ""
    return f"{spoken}[consent]\nask = true\n{more}\n[texts]\n" + "\n".join(lines)
