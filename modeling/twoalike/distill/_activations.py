"""The trained end of a network alone: activations of its frozen part are computed once.

A run looks at each image tens of times, and the blocks that are not trained give the same each
time. Where the first trained block is one module with one input, and the inputs of all images fit
into memory, the network runs from there: what comes before the block passes its input on, and the
block takes the stored activation instead. Whether that gives the same features is tried on the
first images; networks of another form read their images at every step.
"""

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

from twoalike.backbones import Backbone, pooled_features
from twoalike.collections import Collection
from twoalike.distill._config import DistillConfig
from twoalike.distill._evidence import Cropped
from twoalike.distill._prepared import CACHE_BYTES
from twoalike.distill._trainable import TOLERANCE, difference, feature_source
from twoalike.features import FeatureTable, read_features, write_features
from twoalike.study import atomic_path

_ENDINGS = ("_features.npz", "_activations.npy")
TRIED = 3
"""Images on which the end of a network alone is compared with the whole."""


class _Held:
    """The activation that the first trained block takes instead of its input."""

    value: torch.Tensor


class LateNetwork(nn.Module):
    """A network from its first trained block on: activations (n, ...) to features (n, p).

    The blocks are those of ``module``. Modules ``passed`` give on what they get; the others before
    the block see blank images of ``size``.
    """

    def __init__(
        self, module: nn.Module, block: nn.Module, passed: list[nn.Module], size: int
    ) -> None:
        super().__init__()
        self.module, self._held, self._size = module, _Held(), size
        for skipped in passed:
            skipped.forward = _passed_on
        # Of a function and a method, so that a copy of the network calls its own block.
        block.forward = partial(_instead, self._held, block.forward)

    def forward(self, activations: torch.Tensor) -> torch.Tensor:
        """Features, shape (n, p), of stored activations (n, ...)."""
        self._held.value = activations
        blank = activations.new_zeros(1, 1, 1, 1).expand(len(activations), 3, *2 * (self._size,))
        return torch.as_tensor(self.module(blank))


def _passed_on(first: Any, *_: Any, **__: Any) -> Any:
    return first


def _instead(held: _Held, forward: Callable[..., Any], *_: Any, **__: Any) -> Any:
    return forward(held.value)


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
        """Shape of an input."""
        return self.values.shape[1:]

    def read(self, images: Collection, index: int) -> torch.Tensor:
        """Input of an image."""
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
    plain = not (config.flip or config.compile or config.checkpointing)
    how = device, config.workers
    if config.train == "probe":
        return nn.Flatten(), *_of_both(backbone, collections, folder, how)
    if config.train != "last" or not plain or config.parallel != "ddp":
        return None
    images, _ = collections
    some = range(min(TRIED, len(images)))
    examples = torch.stack([backbone.preprocessing.read(images, row) for row in some])
    backbone.module.eval()
    found = _first_trained(backbone.module, examples)
    if found is None or 4 * len(images) * found.inputs[0].numel() > CACHE_BYTES:
        return None
    inputs = _of_both(backbone, collections, folder, how, found.block)
    late = found.late(examples)  # changes the network
    return None if late is None else (late, *inputs)


def _of_both(
    backbone: Backbone,
    collections: tuple[Collection, Collection | None],
    folder: Path,
    how: tuple[str, int],
    block: nn.Module | None = None,
) -> tuple[Activations, Activations | None]:
    """Take inputs of a block, or else features, of the images and of their crops."""
    images, cropped = collections
    of_crops = replace(backbone, preprocessing=Cropped.of(backbone.preprocessing))
    crops = None
    if cropped is not None:
        crops = Activations(cropped, _read(of_crops, cropped, folder / "crop", how, block))
    return Activations(images, _read(backbone, images, folder / "student", how, block)), crops


@dataclass(frozen=True)
class _Division:
    """The first trained block of a network, and what runs before it."""

    module: nn.Module
    block: nn.Module
    beside: list[nn.Module]  # modules that end before it, those within others left out
    siblings: list[nn.Module]  # those of them in the same container
    inputs: torch.Tensor  # of the block, for some images
    features: torch.Tensor  # of the whole network

    def late(self, examples: torch.Tensor) -> LateNetwork | None:
        """Build the end of the network, in the first way that gives the same features."""
        for passed, size in ((self.beside, 1), (self.siblings, examples.shape[-1])):
            late = LateNetwork(self.module, self.block, passed, size)
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
    begun: list[str] = []
    ended: list[tuple[int, str]] = []  # with how many had begun by then
    inputs: dict[str, Any] = {}
    names = dict(module.named_modules())

    def begin(name: str, _: nn.Module, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        single = len(args) == 1 and not options and torch.is_tensor(args[0])
        inputs[name] = args[0] if single and name not in begun else None
        begun.append(name)

    def end(name: str, *_: Any) -> None:
        ended.append((len(begun), name))

    hooks = [
        hook
        for name, part in names.items()
        for hook in (
            part.register_forward_pre_hook(partial(begin, name), with_kwargs=True),
            part.register_forward_hook(partial(end, name)),
        )
    ]
    with torch.no_grad():
        features = torch.as_tensor(module(examples))
    for hook in hooks:
        hook.remove()
    trained = (
        place
        for place, name in enumerate(begun)
        if any(p.requires_grad for p in names[name].parameters(recurse=False))
    )
    first = next(trained, 0)
    # Up to the outermost module that begins with it: nothing frozen lies between their beginnings.
    while first and begun[first].startswith(f"{begun[first - 1]}.") and begun[first - 1]:
        first -= 1
    name = begun[first] if begun else ""
    if not name or inputs[name] is None:
        return None
    before = {other for count, other in ended if count <= first}
    outer = {other for other in before if not any(other.startswith(f"{o}.") for o in before)}
    parent = name.rpartition(".")[0]
    beside = [names[other] for other in names if other in outer]
    siblings = [
        names[other] for other in names if other in outer and other.rpartition(".")[0] == parent
    ]
    return _Division(module, names[name], beside, siblings, inputs[name], features)


def _read(
    backbone: Backbone,
    images: Collection,
    start: Path,
    how: tuple[str, int],
    block: nn.Module | None,
) -> npt.NDArray[np.float32]:
    """Read features (n, p) of all images, or inputs of a block, or compute and keep both."""
    table, stored = (start.with_name(start.name + end) for end in _ENDINGS)
    is_there = table.is_file() and read_features(table).meta["listing_sha256"] == images.digest
    if not (is_there and (block is None or stored.is_file())):
        device, workers = how
        with nullcontext() if block is None else _keeping(block, len(images), stored):
            values = pooled_features(backbone, images, device=device, workers=workers)
        meta = feature_source(backbone, images.digest)
        write_features(table, FeatureTable(tuple(images.ids), values, meta))
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
