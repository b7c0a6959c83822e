"""Features of a vision transformer are the pooled tokens of a chosen block."""

from pathlib import Path

import numpy as np
import pytest
import torch

from twoalike.backbones import Backbone, TokenPool, choose_tokens, extract_features, load_backbone
from twoalike.study import TwoalikeError


def images_for(backbone: Backbone) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(3, *backbone.preprocessing.shape, generator=generator)


def tokens_of(backbone: Backbone, images: torch.Tensor, block: int) -> torch.Tensor:
    """Tokens (n, t, p) that leave a block, by the blocks themselves."""
    outputs: list[torch.Tensor] = []
    blocks = backbone.module.get_submodule("blocks").get_submodule(str(block))
    hook = blocks.register_forward_hook(lambda *call: outputs.append(call[-1]))
    backbone.module(images)
    hook.remove()
    return outputs[0]


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("test_vit", 1),  # norm before pooling
        ("test_vit2", 1),  # a register, norm after pooling
        ("test_vit3", 0),  # attention pooling, and the register counts
        ("deit_tiny_patch16_224", 1),
        ("eva02_tiny_patch14_224", 1),
    ],
)
@pytest.mark.parametrize(("pool", "block"), [("cls", -1), ("mean", 2)])
def test_features_are_the_pooled_tokens(
    name: str, prefix: int, pool: TokenPool, block: int
) -> None:
    whole = load_backbone(name, untrained=True)
    if pool == "cls" and getattr(whole.module, "cls_token", None) is None:
        with pytest.raises(TwoalikeError, match="expected a class token, found none"):
            load_backbone(name, untrained=True, pool=pool, block=block)
        return
    cut = load_backbone(name, untrained=True, pool=pool, block=block)
    images = images_for(whole)
    n = len(list(whole.module.get_submodule("blocks").children()))
    with torch.inference_mode():
        tokens = tokens_of(whole, images, block % n)
        # One of the two is the final norm, the other does nothing.
        norms = [whole.module.get_submodule(key) for key in ("norm", "fc_norm")]
        tokens = norms[0](tokens)
        pooled = tokens[:, 0] if pool == "cls" else tokens[:, prefix:].mean(dim=1)
        torch.testing.assert_close(cut.module(images), norms[1](pooled), atol=1e-5, rtol=1e-5)
    assert len(list(cut.module.get_submodule("blocks").children())) == block % n + 1


def test_nothing_chosen_is_the_network_itself() -> None:
    plain = load_backbone("test_vit", untrained=True)
    same = load_backbone("test_vit", untrained=True, pool="cls", block=-1)  # as timm pools it
    assert plain.tokens == same.tokens == {}
    assert plain.weights_sha256 == same.weights_sha256
    assert choose_tokens(plain, None, None) is plain


def test_the_rest_keeps_its_weights_and_its_random_numbers() -> None:
    whole = load_backbone("test_vit", untrained=True)
    before = {name: tensor.clone() for name, tensor in whole.module.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    cut = choose_tokens(whole, "mean", 3)
    assert torch.equal(torch.rand(2), expected)
    state = cut.module.state_dict()
    assert all(torch.equal(tensor, before[name]) for name, tensor in state.items())
    assert before.keys() - state.keys() == {
        n for n in before if n.startswith(("blocks.4.", "blocks.5."))
    }
    again = choose_tokens(cut, "cls", 1)
    assert again.tokens == {"pool": "cls", "block": 1}
    assert load_backbone("test_vit", untrained=True, block=1).weights_sha256 == again.weights_sha256


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        (
            "test_resnet",
            dict(block=1),
            "vision transformers, whose blocks give tokens, found ResNet",
        ),
        ("efficientnet_lite0", dict(pool="mean"), "found EfficientNet"),
        ("test_vit", dict(block=6), "expected a block from 0 to 5, or from -6 to -1, found 6"),
        ("test_vit", dict(block=-7), "found -7"),
        ("test_vit2", dict(pool="cls"), "expected a class token"),
        ("test_vit3", dict(block=1), "by 'map', which fits no other. Choose `pool=cls` or"),
        ("xcit_nano_12_p16_224", dict(block=1), "Xcit cannot end with a chosen block"),
        ("mixer_s16_224", dict(block=1), "found MlpMixer"),
    ],
)
def test_networks_without_such_tokens_are_refused(
    name: str, options: dict[str, object], said: str
) -> None:
    with pytest.raises(TwoalikeError, match=said) as caught:
        load_backbone(name, untrained=name != "efficientnet_lite0", **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_features_say_which_tokens(photos: Path) -> None:
    assert {"pool", "block"}.isdisjoint(extract_features("test_vit", photos, untrained=True).meta)
    early = extract_features("test_vit", photos, untrained=True, pool="mean", block=-3)
    assert (early.meta["pool"], early.meta["block"]) == ("mean", 3)
    network = load_backbone("test_vit", untrained=True)
    of_object = extract_features(network, photos, pool="mean", block=3)
    np.testing.assert_array_equal(of_object.values, early.values)
