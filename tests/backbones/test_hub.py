"""Pretrained weights when the hub is there, and when it is not."""

import time
from typing import Any
from urllib.error import HTTPError, URLError

import pytest
from huggingface_hub import constants

from twoalike.backbones import load_backbone
from twoalike.backbones._weights import hub_or_cache
from twoalike.study import TwoalikeError


def refuses(error: Exception) -> Any:
    def urlopen(*_: object, **__: object) -> None:
        raise error

    return urlopen


def test_offline_ends_at_once_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """timm's real way to its weights: the hub's client would try for three quarters of a minute."""
    monkeypatch.setattr("twoalike.backbones._weights.urlopen", refuses(URLError("no network")))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    started = time.monotonic()
    with pytest.raises(TwoalikeError, match=r"test_resnet: .*weights=.*untrained=True") as caught:
        load_backbone("test_resnet")
    assert time.monotonic() - started < 10
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""
    assert not constants.HF_HUB_OFFLINE


@pytest.mark.parametrize(
    ("error", "offline"),
    [(URLError("no network"), True), (TimeoutError(), True)]
    + [(HTTPError("https://hub", 403, "no", None, None), False)],  # type: ignore[arg-type]
)
def test_a_refusal_is_an_answer_and_silence_is_none(
    error: Exception, offline: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twoalike.backbones._weights.urlopen", refuses(error))
    before = constants.HF_HUB_OFFLINE
    with hub_or_cache():
        assert constants.HF_HUB_OFFLINE is (before or offline)
    assert constants.HF_HUB_OFFLINE is before


def test_a_network_of_which_there_are_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twoalike.backbones._weights.urlopen", refuses(URLError("no network")))
    with pytest.raises(TwoalikeError, match=r"No pretrained weights exist.*untrained=True"):
        load_backbone("convnext_atto_rms")
