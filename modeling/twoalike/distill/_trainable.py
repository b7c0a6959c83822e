"""The trained part of a network: all of it, its last blocks, adapters, or nothing.

===== =============================================== ====================================
train trained part                                    cost of a step
===== =============================================== ====================================
full  all weights                                     forward and backward pass
last  the last blocks                                 forward pass, backward through these
lora  low-rank adapters, merged into the weights      forward and backward pass
probe nothing: the closed form of the vector          none: each image is read once
===== =============================================== ====================================

Adapters: a layer's weights W become W + B A, where A has few rows and B as few columns
(arXiv:2106.09685). A is random and B zero at first, so the initial network is unchanged. Decay to
the initial weights pulls B to zero and thus the sum to W. The adapters are those of peft.

Checkpointing: the activations within a block are dropped and computed again in the backward pass
(Chen et al. 2016, arXiv:1604.06174).

Activations of the frozen part are computed once: a run looks at each image tens of times, and the
blocks that are not trained give the same each time. Where the first trained block is one module
with one input, and the inputs of all images fit into memory, the network runs from there: what
comes before the block passes its input on, and the block takes the stored activation instead.
Whether that gives the same features is tried on the first images; networks of another form read
their images at every step.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from twoalike.backbones import Backbone, extract_features
from twoalike.collections import Collection
from twoalike.distill._config import DistillConfig
from twoalike.distill._evidence import Cropped
from twoalike.distill._sources import CACHE_BYTES
from twoalike.features import read_features, write_features
from twoalike.study import Floats, TwoalikeError, atomic_path

TOLERANCE = 1e-5
"""Largest difference of an exported network from the trained one."""
TRIAL = 0.02
"""Standard deviation of B when testing whether adapters can be merged into the weights."""
_ENDINGS = ("_features.npz", "_activations.npy")
TRIED = 3
"""Images on which the end of a network alone is compared with the whole."""


def difference(found: Floats, expected: Floats) -> float:
    """Largest difference of features (n, p), in units of the largest feature where that is above 1.

    float32 has seven digits, so rounding errors grow with the features. Infinite if the shapes
    differ or a feature is not finite.

    Examples
    --------
    >>> difference(np.array([[1.0, 20.5]]), np.array([[1.0, 20.0]]))
    0.025
    """
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    unit = max(1.0, float(np.abs(expected).max(initial=0)))
    return float(np.abs(found.astype(np.float64) - expected).max(initial=0)) / unit


def prepare_training(backbone: Backbone, config: DistillConfig) -> nn.Module:
    """Choose what is trained: the parameters that require a gradient.

    The backbone's module, on the CPU, is modified in place. The result maps images to features
    (n, p).
    """
    module = backbone.module
    module.requires_grad_(config.train in {"full", "lora"})
    if config.checkpointing and config.train != "probe":
        compute_twice(backbone.network)
    if config.train == "lora":
        size = backbone.preprocessing.size
        return add_adapters(module, config.lora_rank, size, config.seed)
    if config.train == "last":
        blocks = _blocks(backbone.network)
        last = config.last_blocks or -(-len(blocks) // 3)
        if last > len(blocks):
            raise TwoalikeError(
                where=backbone.name,
                expected=f"last_blocks of 1 to {len(blocks)}, the number of its blocks",
                found=last,
            )
        for parameter in sum(blocks[-last:], []):
            parameter.requires_grad_(True)
    return module


def trained_network(module: nn.Module) -> nn.Module:
    """Merge adapters into the weights."""
    if callable(merged := getattr(module, "merge_and_unload", None)):
        module = merged()  # layers get back their original names
    return module.requires_grad_(True)


def _blocks(network: nn.Module) -> list[list[nn.Parameter]]:
    """Parameters of a network's blocks, from its input to its output.

    Layers without a matrix, such as the norm after the last block, belong to the preceding block.
    """
    parameters = dict(network.named_parameters())
    if callable(matcher := getattr(network, "group_matcher", None)):
        from timm.models import group_parameters

        found = group_parameters(network, matcher(coarse=False), reverse=False)
        groups = [found[number] for number in sorted(found)]
    else:
        groups = _listed_groups(network, list(parameters)) or [
            [name for name, _ in child.named_parameters(prefix)]
            for prefix, child in network.named_children()
        ]
    blocks: list[list[nn.Parameter]] = []
    for names in groups:
        members = [parameters[name] for name in names]
        if blocks and not any(member.ndim > 1 for member in members):
            blocks[-1] += members
        elif members:
            blocks.append(members)
    return blocks


def _listed_groups(network: nn.Module, names: list[str]) -> list[list[str]]:
    """Names of parameters by block, of a network with a list of equal blocks; else empty.

    Transformers and OpenCLIP keep theirs so, one level down or deeper. The list with the most
    parameters counts, and what stands before or after it is a group of its own.
    """
    best: list[list[str]] = []
    for prefix, part in network.named_modules():
        if isinstance(part, nn.ModuleList) and len(part) > 1 and len(set(map(type, part))) == 1:
            groups = [
                [name for name in names if name.startswith(f"{prefix}.{place}.")]
                for place in range(len(part))
            ]
            if all(groups) and sum(map(len, groups)) > sum(map(len, best)):
                best = groups
    if not best:
        return []
    others = [name for name in names if not any(name in group for group in best)]
    first = names.index(best[0][0])
    before = [name for name in others if names.index(name) < first]
    return [before, *best, others[len(before) :]]


def add_adapters(module: nn.Module, rank: int, size: int, seed: int) -> nn.Module:
    """Add adapters of a rank, initially without effect, to a network's layers; freeze the rest.

    The module, which maps images (n, 3, size, size) to features (n, p), is modified in place. All
    linear layers and ungrouped convolutions except the first, which sees pixels, get adapters.
    """
    import peft

    chosen = _called_layers(module, size)[1:]
    if not chosen:
        raise TwoalikeError(
            where="train = 'lora'",
            expected="linear layers or ungrouped convolutions after the first layer",
            found="none",
            remedy="Use train = 'full' or 'last'.",
        )
    # A pattern instead of a list, whose names would also match the endings of other names.
    pattern = "|".join(map(re.escape, chosen))
    settings = peft.LoraConfig(r=rank, lora_alpha=rank, target_modules=pattern)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapted: nn.Module = peft.get_peft_model(module, settings)
    _try_merging(adapted, size)
    return adapted


def _called_layers(module: nn.Module, size: int) -> list[str]:
    """Layers that can have adapters, in the order in which an image passes through them.

    Some networks read a layer's weights without calling it, which would bypass an adapter.
    """
    called: dict[nn.Module, None] = {}
    names: dict[nn.Module, str] = {
        layer: name
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1)
    }
    hooks = [one.register_forward_hook(lambda own, *_: called.setdefault(own)) for one in names]
    module.eval()
    with torch.no_grad():
        module(torch.zeros(2, 3, size, size))
    for hook in hooks:
        hook.remove()
    return [names[layer] for layer in called]


def _try_merging(adapted: Any, size: int) -> None:
    """Refuse, before training, a network whose layers do more than multiply by their weights."""
    state = {name: tensor.clone() for name, tensor in adapted.state_dict().items()}
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        images = torch.randn(2, 3, size, size)
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=TRIAL)
        beside = adapted(images).numpy()
        adapted.merge_adapter()
        within = adapted(images).numpy()
        adapted.unmerge_adapter()
    adapted.load_state_dict(state)
    if (found := difference(within, beside)) > TOLERANCE:
        raise TwoalikeError(
            f"merged into the weights, adapters change this network's features by {found:.1g}, "
            "since its layers rescale their weights",
            where="train = 'lora'",
            expected=f"{TOLERANCE:.0e} at most",
            remedy="Use train = 'full' or 'last'.",
        )


def compute_twice(network: nn.Module) -> None:
    """Let a network of timm or transformers keep the inputs of its blocks only."""
    if getattr(network, "supports_gradient_checkpointing", False):
        options = {"use_reentrant": False}
        network.gradient_checkpointing_enable(gradient_checkpointing_kwargs=options)  # type: ignore[operator]
        return
    try:
        network.set_grad_checkpointing(True)  # type: ignore[operator]
    except (AttributeError, AssertionError) as error:  # the latter is timm's own
        raise TwoalikeError(
            where="checkpointing = true",
            expected="a network that can compute its blocks twice",
            found=type(network).__name__,
            remedy="Leave it out, and lower `batch=...` or raise accumulate.",
        ) from error


class LateNetwork(nn.Module):
    """A network from its first trained block on: activations (n, ...) to features (n, p).

    The blocks are those of ``module``. Modules ``passed`` give on what they get; the others before
    the block see blank images of ``size``.
    """

    def __init__(
        self, module: nn.Module, block: nn.Module, passed: list[nn.Module], size: int
    ) -> None:
        super().__init__()
        self.module, self._size = module, size
        self._held: list[torch.Tensor] = []  # what the block takes instead of its input
        for skipped in passed:
            skipped.forward = _passed_on
        # Of a function and a method, so that a copy of the network calls its own block.
        block.forward = partial(_instead, self._held, block.forward)

    def forward(self, activations: torch.Tensor) -> torch.Tensor:
        """Features, shape (n, p), of stored activations (n, ...)."""
        self._held[:] = [activations]
        blank = activations.new_zeros(1, 1, 1, 1).expand(len(activations), 3, *2 * (self._size,))
        return torch.as_tensor(self.module(blank))


def _passed_on(first: Any, *_: Any, **__: Any) -> Any:
    return first


def _instead(held: list[torch.Tensor], forward: Callable[..., Any], *_: Any, **__: Any) -> Any:
    return forward(held[0])


def restore(module: nn.Module) -> nn.Module:
    """Undo the changes of :class:`LateNetwork`, and return the whole network."""
    whole = module.module if isinstance(module, LateNetwork) else module
    for part in whole.modules():
        own = part.__dict__.get("forward")
        if own is _passed_on or (isinstance(own, partial) and own.func is _instead):
            del part.forward
    return whole


class Activations:
    """Activations of the images of a collection, which the end of a network takes as its input."""

    def __init__(self, images: Collection, values: npt.NDArray[np.float32]) -> None:
        self.place = np.zeros(int(images.rows.max()) + 1, np.int64)
        self.place[images.rows] = np.arange(len(images))
        self.values = values

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape[1:]

    def read(self, images: Collection, index: int) -> torch.Tensor:
        return torch.from_numpy(self.values[self.place[images.rows[index]]])


def frozen_part(
    backbone: Backbone,
    config: DistillConfig,
    collections: tuple[Collection, Collection | None],
    folder: Path,
    device: str,
) -> tuple[nn.Module, Activations, Activations | None] | None:
    """Divide a network that was prepared for training, and compute what its frozen part makes.

    ``collections`` are all images, and those of which crops are needed as well. Activations are
    kept in ``folder``, and so are the features that the same pass makes. None where the network
    does not divide so, where images change from step to step, or where there are too many.
    """
    backbone.n_features  # noqa: B018  by blank images, which the end of the network cannot take
    images, cropped = collections
    found = None
    if config.train != "probe":
        if config.train != "last" or config.flip or config.compile or config.checkpointing:
            return None
        some = range(min(TRIED, len(images)))
        examples = torch.stack([backbone.preprocessing.read(images, row) for row in some])
        backbone.module.eval()
        found = _first_trained(backbone.module, examples)
        if found is None or 4 * len(images) * found.inputs[0].numel() > CACHE_BYTES:
            return None
    block = None if found is None else found.block
    how = {"device": device, "workers": config.workers}
    inputs = Activations(images, _made(backbone, images, folder / "student", block, how))
    crops = None
    if cropped is not None:
        of_crops = replace(backbone, preprocessing=Cropped.of(backbone.preprocessing))
        crops = Activations(cropped, _made(of_crops, cropped, folder / "crop", block, how))
    # The end of the network takes the place of the whole, which has made everything by then.
    late = nn.Flatten() if found is None else found.late(examples.shape[-1])
    return None if late is None else (late, inputs, crops)


@dataclass(frozen=True)
class _Division:
    """The first trained block of a network, and what runs before it."""

    module: nn.Module
    block: nn.Module
    beside: list[nn.Module]  # modules that end before it, those within others left out
    siblings: list[nn.Module]  # those of them in the same container
    inputs: torch.Tensor  # of the block, for some images
    features: torch.Tensor  # of the whole network

    def late(self, size: int) -> LateNetwork | None:
        """Build the end of the network, in the first way that gives the same features."""
        for passed, blank in ((self.beside, 1), (self.siblings, size)):
            late = LateNetwork(self.module, self.block, passed, blank)
            try:
                with torch.no_grad():
                    again = late(self.inputs)
            except (RuntimeError, ValueError, TypeError, AssertionError, IndexError):
                again = torch.empty(0)  # what is between the modules needs more than blank images
            if difference(again.numpy(), self.features.numpy()) <= TOLERANCE:
                return late
            restore(late)
        return None


def _first_trained(module: nn.Module, examples: torch.Tensor) -> _Division | None:
    """Find the block with which training begins, by a forward pass of some images."""
    names = {part: name for name, part in module.named_modules()}
    begun: list[str] = []
    ended: list[tuple[int, str]] = []  # with how many had begun by then
    inputs: dict[str, Any] = {}

    def begin(part: nn.Module, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        name = names[part]
        single = len(args) == 1 and not options and torch.is_tensor(args[0])
        inputs[name] = args[0] if single and name not in begun else None
        begun.append(name)

    hooks = [part.register_forward_pre_hook(begin, with_kwargs=True) for part in names]
    hooks += [
        part.register_forward_hook(lambda own, *_: ended.append((len(begun), names[own])))
        for part in names
    ]
    with torch.no_grad():
        features = torch.as_tensor(module(examples))
    for hook in hooks:
        hook.remove()
    own = {
        name
        for part, name in names.items()
        if any(p.requires_grad for p in part.parameters(recurse=False))
    }
    first = next((place for place, name in enumerate(begun) if name in own), 0)
    # Up to the outermost module that begins with it: nothing frozen lies between their beginnings.
    while first and begun[first].startswith(f"{begun[first - 1]}.") and begun[first - 1]:
        first -= 1
    name = begun[first] if begun else ""
    if not name or inputs[name] is None:
        return None
    before = {other for count, other in ended if count <= first}
    outer = {other for other in before if not any(other.startswith(f"{o}.") for o in before)}
    beside = {other: part for part, other in names.items() if other in outer}
    parent = name.rpartition(".")[0]
    siblings = [part for other, part in beside.items() if other.rpartition(".")[0] == parent]
    block = module.get_submodule(name)
    return _Division(module, block, [*beside.values()], siblings, inputs[name], features)


def _made(
    backbone: Backbone,
    images: Collection,
    start: Path,
    block: nn.Module | None,
    how: dict[str, Any],
) -> npt.NDArray[np.float32]:
    """Compute inputs of a block, or else features, of images once, and keep them in files."""
    table, stored = (start.with_name(start.name + end) for end in _ENDINGS)
    is_there = table.is_file() and read_features(table).meta["listing_sha256"] == images.digest
    if not (is_there and (block is None or stored.is_file())):
        table.unlink(missing_ok=True)  # written last: it says whose the activations are
        with nullcontext() if block is None else _keeping(block, len(images), stored):
            made = extract_features(backbone, images, **how)
        write_features(table, made)
    if block is None:
        return np.asarray(read_features(table).values)
    # Changes would stay with this process; torch refuses arrays that cannot be changed.
    activations: npt.NDArray[np.float32] = np.load(stored, mmap_mode="c", allow_pickle=False)
    return activations


@contextmanager
def _keeping(block: nn.Module, n: int, file: Path) -> Iterator[None]:
    """Write the inputs of a block for n images, which pass through it meanwhile."""
    made: list[npt.NDArray[np.float32]] = []
    done = 0

    def keep(_: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        nonlocal done
        batch = args[0].float().cpu().numpy()
        if not made:
            shape = (n, *batch.shape[1:])
            made.append(np.lib.format.open_memmap(temporary, "w+", np.float32, shape))
        made[0][done : done + len(batch)] = batch
        done += len(batch)

    with atomic_path(file) as temporary:
        hook = block.register_forward_pre_hook(keep)
        yield
        hook.remove()
        made.clear()  # what was mapped is written
