"""A student's description comes from anywhere: it names no hub, and no room is made on its word."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.hardening.readers import make_student, read_student

from twoalike.study import TwoalikeError


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"architecture": "hf-hub:somebody/net"}, "an architecture of timm's.*Distil anew"),
        ({"architecture": "local-dir:/etc"}, "expected an architecture of timm's"),
        ({"num_classes": 10**12}, "num_classes is damaged"),
        ({"num_classes": "x"}, "num_classes is damaged"),
        ({"vector": ["x"]}, "config.json: expected where the layer of the vector is"),
        ({"parts": {"features": 1}}, "config.json: expected parts of a vector of 99 numbers"),
        ({"pretrained_cfg": {"mean": ["a", 1, 2]}}, "does not say how images are prepared"),
        ({"pretrained_cfg": {"input_size": [3, 96]}}, "does not say how images are prepared"),
    ],
)
def test_a_damaged_description_is_refused(
    changes: dict[str, Any], says: str, tmp_path: Path
) -> None:
    make_student(tmp_path)
    read_student(tmp_path)
    path = tmp_path / "student" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(TwoalikeError, match=says):
        read_student(tmp_path)
