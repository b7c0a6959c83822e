"""The protocol: every knob in the file, and wrong ones refused with the reason."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from twoalike.study import TwoalikeError, load_toml
from twoalike.tasks import OddOneOut, lay_out, protocol_template

ROOT = Path(__file__).resolve().parents[2]


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _models(field.annotation)


def test_the_protocol_in_the_repository_is_the_template() -> None:
    path = ROOT / "experiments" / "protocols" / "odd_one_out.toml"
    assert path.read_text(encoding="utf-8") == protocol_template(), (
        f"{path} differs from twoalike.tasks.protocol_template(): write its output there"
    )


def test_the_template_holds_every_knob_at_its_default() -> None:
    content = tomllib.loads(protocol_template())
    assert OddOneOut.model_validate(content) == OddOneOut()

    def same_keys(model: BaseModel, table: dict[str, object]) -> None:
        assert list(type(model).model_fields) == list(table)
        for key, value in table.items():
            if isinstance(value, dict):
                same_keys(getattr(model, key), value)

    same_keys(OddOneOut(), content)


def test_any_text_survives_the_template() -> None:
    texts = {"prompt": 'Was "passt" nicht? \\ é 奇数', "end": 'Danke!\n\n"""\nTschüss\\n'}
    protocol = OddOneOut.model_validate({"texts": {**texts, "instruction": ["eins\nzwei", "drei"]}})
    assert OddOneOut.model_validate(tomllib.loads(protocol_template(protocol))) == protocol


def test_every_knob_says_what_it_means() -> None:
    for model in _models(OddOneOut):
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name} has no description"


@pytest.mark.parametrize(
    ("toml", "why"),
    [
        ("[timing]\nfixation = 1", r"unknown key 'timing\.fixation'; did you mean 'fixation_s'"),
        ("[timing]\nfixation_s = -1", r"key 'timing\.fixation_s'"),
        ("[timing]\nresponse_limit_s = 0.1", "longer than minimum_rt_s"),
        ("[images]\nimage_px = 300", "exactly one of image_fraction, image_px and image_deg"),
        ("[images]\nimage_fraction = 0", "exactly one of"),
        ("[images]\nimage_deg = 6\nimage_fraction = 0", "needs screen.width_m"),
        ('[answers]\nleft = ["2"]', "'2' has two meanings"),
        ('[answers]\nleft = ["escape"]', "'escape' has two meanings"),
        ('[answers]\nleft = ["LEFT"]', "left"),
        ("[answers]\nmouse = false\nleft = []", "each image needs a key"),
        ('[screen]\nbackground = "grey"', "background"),
        ('[texts]\nprogress = "{n} done"', "progress knows"),
        ("[texts]\ninstruction = []", "instruction"),
        ('task = "arrangement"', "task"),
    ],
)
def test_a_wrong_protocol_is_refused_with_the_reason(toml: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "protocol.toml"
    path.write_text(toml, encoding="utf-8")
    with pytest.raises(TwoalikeError, match=why) as caught:
        load_toml(path, OddOneOut)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("size", [(1280, 1024), (1920, 1080), (1088, 870), (3840, 2160)])
def test_the_default_row_fits_and_is_hit_where_it_is_drawn(size: tuple[int, int]) -> None:
    layout = lay_out(OddOneOut(), size)
    for place in ("left", "middle", "right"):
        x, y = layout.centre(place)
        assert abs(x) + layout.image / 2 <= size[0] / 2
        half = layout.image / 2
        assert {layout.hit(x + dx, y + dy) for dx in (-half, half) for dy in (-half, half)} == {
            place
        }
        assert layout.hit(x, y + half + 1) is None
        assert layout.hit(x + half + 1, y) is None


def test_degrees_are_degrees() -> None:
    protocol = OddOneOut.model_validate(
        {
            "screen": {"width_m": 0.5, "distance_m": 0.6},
            "images": {"image_deg": 6.0, "image_fraction": 0.0},
        }
    )
    # 6 degrees at 60 cm are 6.289 cm; the screen has 20 pixels a cm.
    assert lay_out(protocol, (1000, 800)).image == 126


def test_images_that_do_not_fit_are_refused() -> None:
    protocol = OddOneOut.model_validate({"images": {"image_px": 500, "image_fraction": 0}})
    with pytest.raises(TwoalikeError, match="do not fit a window of 1280 x 1024"):
        lay_out(protocol, (1280, 1024))
