"""From an image file to a network's input: the part of a network that its weights depend on.

The settings are timm's own (``pretrained_cfg``) and the transform is timm's, so whoever loads
a student with plain timm prepares images exactly as it was trained. Other processes may prepare
batches beside the network; an error that a user can put right reaches the run as one line, from
whichever process it comes.
"""

import linecache
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property, partial
from multiprocessing import resource_tracker
from multiprocessing.context import BaseContext
from typing import Any, Literal, cast

import numpy as np
import torch
from PIL import Image
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, default_collate

from twoalike.collections import Collection
from twoalike.study import TwoalikeError, counted, progress

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

CropMode = Literal["squash", "border", "center"]
READ_AT_ONCE = 32
"""Images that a process reads before it tells which of them cannot be read."""
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")
LAST_STEP_S = 60
"""How long a worker continues after SIGTERM."""
MANY = 1000
"""Images from which on other processes prepare them for a GPU."""
STOPPING = (signal.SIGINT, signal.SIGTERM)
"""Signals that may reach all processes of a run at once."""


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes a network's input.

    Attributes
    ----------
    size
        Width and height of the input in pixels.
    interpolation
        Resampling of the resize (antialiased): nearest, bilinear, bicubic or lanczos.
    mean, std
        Of the three channels, for values in [0, 1].
    crop_mode
        ``squash`` resizes the whole image to the input, ``border`` pads it to a square first,
        ``center`` cuts its sides off. Whole images are the default for every network, where
        timm's is the centre: people judged all of a stimulus, so the network sees all of it.
    crop_pct
        Share of the resized image that the crop keeps.
    antialias
        Whether a resize averages over the pixels that fall together. Without it each output pixel
        is a cubic of the 4 x 4 nearest ones, as by OpenCV's ``INTER_CUBIC``; whole images only
        (``bicubic``, ``squash``). timm always averages, so it prepares images a little differently.
    """

    size: int = 224
    interpolation: str = "bicubic"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    crop_mode: CropMode = "squash"
    crop_pct: float = 1.0
    antialias: bool = True

    def __post_init__(self) -> None:
        if not self.antialias and (self.interpolation, self.crop_mode) != ("bicubic", "squash"):
            raise TwoalikeError(
                where="preprocessing without antialiasing",
                expected="interpolation 'bicubic' and crop_mode 'squash'",
                found=f"{self.interpolation!r} and {self.crop_mode!r}",
            )

    @classmethod
    def from_timm(cls, config: Mapping[str, Any], *, whole: bool = True) -> "Preprocessing":
        """Take the settings from a ``pretrained_cfg``; the whole image unless ``whole`` is off."""
        channels, height, width = config.get("input_size") or (3, 224, 224)
        if channels != 3 or height != width:
            raise TwoalikeError(
                f"expected a network for square RGB images, found input {channels} x {height} x "
                f"{width}. Choose another network."
            )
        interpolation = str(config.get("interpolation") or "bicubic")
        if interpolation not in INTERPOLATIONS:
            raise TwoalikeError(
                f"unknown interpolation {interpolation!r}; known: {', '.join(INTERPOLATIONS)}."
            )
        return cls(
            size=int(height),
            interpolation=interpolation,
            mean=_three(config.get("mean") or IMAGENET_MEAN),
            std=_three(config.get("std") or IMAGENET_STD),
            crop_mode="squash" if whole else config.get("crop_mode") or "center",
            crop_pct=1.0 if whole else float(config.get("crop_pct") or 1.0),
            antialias=bool(config.get("antialias", True)),
        )

    def as_timm(self) -> dict[str, Any]:
        """Give the settings as keys of a ``pretrained_cfg``, JSON-ready.

        Examples
        --------
        >>> Preprocessing(size=128).as_timm()["input_size"]
        [3, 128, 128]
        """
        return {
            "input_size": [3, self.size, self.size],
            "interpolation": self.interpolation,
            "mean": list(self.mean),
            "std": list(self.std),
            "crop_mode": self.crop_mode,
            "crop_pct": self.crop_pct,
            **({} if self.antialias else {"antialias": False}),
        }

    @cached_property
    def _transform(self) -> Any:
        from timm.data.transforms_factory import create_transform

        if not self.antialias:
            return self._sampled
        return create_transform(**self.as_timm(), is_training=False, normalize=False)

    def _sampled(self, image: Image.Image) -> torch.Tensor:
        """Prepare an image by the cubic of OpenCV (a = -0.75), rounded to 256 levels."""
        pixels = torch.from_numpy(np.asarray(image, np.float32)).permute(2, 0, 1)[None]
        resized = functional.interpolate(pixels, (self.size, self.size), mode="bicubic")[0]
        return resized.round_().clamp_(0, 255).to(torch.uint8)

    def pixels(self, image: Image.Image) -> torch.Tensor:
        """Resized and cropped image, shape (size, size, 3), uint8, from an RGB image."""
        return cast("torch.Tensor", self._transform(image)).permute(1, 2, 0)

    def normalized(self, pixels: torch.Tensor) -> torch.Tensor:
        """Make inputs (n, 3, size, size), float32, of the :meth:`pixels` of n images, stacked."""
        mean, std = (_row(one, self.size, pixels.device) for one in (self.mean, self.std))
        rows = pixels.reshape(*pixels.shape[:2], -1).float().div_(255).sub_(mean).div_(std)
        return rows.view(pixels.shape).permute(0, 3, 1, 2)

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """Input of the network, shape (3, size, size), float32, from an RGB image."""
        return self.normalized(self.pixels(image)[None])[0].contiguous()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an input: channels, height, width."""
        return 3, self.size, self.size

    def read(self, images: Collection, index: int) -> torch.Tensor:
        """Input of the network, shape (3, size, size), float32, from an image of a collection."""
        return self(read_image(images, index))


@cache
def _row(values: tuple[float, float, float], size: int, device: torch.device) -> torch.Tensor:
    """Numbers of the three channels for a row of pixels: arithmetic on long rows is fast."""
    return torch.tensor(values).repeat(size).to(device)


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def read_image(images: Collection, index: int) -> Image.Image:
    """Read an image as people see it, and say in an error how to go on without such images."""
    try:
        return images.picture(index)
    except TwoalikeError as error:
        remedy = "Or leave such files out with `skip_unreadable=True`."
        raise TwoalikeError(f"{error} {remedy}") from error


def usual_workers(device: torch.device, images: int) -> int:
    """Choose how many processes prepare images for a network on ``device``.

    None beside a CPU, for few images, and from a script that would run again in each process.
    """
    if device.type != "cuda" or images < MANY:
        return 0
    script = getattr(sys.modules["__main__"], "__file__", None)  # a notebook has none
    if script is not None and "__main__" not in "".join(linecache.getlines(script)):
        return 0
    runs = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return min(8, max((os.cpu_count() or 1) // runs - 1, 0))


def load_batches[Key](
    read: Callable[[Key], Any],
    batches: Iterable[list[Key]],
    workers: int,
    collate: Callable[[list[Any]], Any] = default_collate,
) -> Iterator[Any]:
    """Batches of what ``read`` gives by a key, in ``workers`` processes, or here if that is 0.

    ``batches`` are the keys of each batch. Processes start when this is called, not with the first
    batch.
    """
    loader = DataLoader(
        _Read(read),
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=partial(_collated, collate),
        multiprocessing_context=_worker_context(read) if workers else None,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_leave_signals_to_the_run,
        # A separate generator: otherwise a loader draws from torch's global one.
        generator=torch.Generator(),
    )
    with _signals_blocked():
        prepared = iter(loader)
    return _raised(prepared)


class _Read(Dataset[Any]):
    """Items, or the errors that they raise: torch would wrap these in a traceback."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        self.read = read

    def __getitem__(self, key: Any) -> Any:
        try:
            return self.read(key)
        except TwoalikeError as error:
            return error


def _collated(collate: Callable[[list[Any]], Any], items: list[Any]) -> Any:
    """Make a batch of items; if one is an error, give its message instead."""
    errors = (str(item) for item in items if isinstance(item, TwoalikeError))
    return next(errors, None) or collate(items)


def _raised(prepared: Iterator[Any]) -> Iterator[Any]:
    """Raise the errors that come instead of batches, and that of a process that has ended."""
    while True:
        try:
            batch = next(prepared)
        except StopIteration:
            return
        except (RuntimeError, ConnectionError, EOFError) as error:
            # What it had sent is fetched from it, or nothing comes any more. "Caught ..." is what
            # an item raised in a living process, for lack of shared memory or by a fault of ours.
            said = str(error)
            ended = "DataLoader worker (pid" in said or "shared memory" in said
            if not ended and (isinstance(error, RuntimeError) or said.startswith("Caught ")):
                raise
            raise TwoalikeError(
                "a process that prepares images was ended, mostly because memory ran out",
                remedy="Lower `workers=...` or `batch=...`; in a container, allow more shared "
                "memory (/dev/shm).",
            ) from error
        if isinstance(batch, str):
            raise TwoalikeError(batch)
        yield batch


def _worker_context(read: Any) -> BaseContext:
    """How workers start: not as copies of this process, whose threads (JAX's) may hold locks.

    A server that has imported what they need is copied instead: two that start by themselves take
    twice as long as it does, since importing torch and timm is most of the work.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")  # Windows
    context = multiprocessing.get_context("forkserver")
    own = getattr(read, "func", read).__module__  # of a partial its function's
    needed = [__name__, own, "timm.data.transforms_factory"]
    context.set_forkserver_preload(needed)
    return context


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Let workers and their server start with the signals blocked that may end them meanwhile."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # or the first worker starts it, which lifts the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leave_signals_to_the_run(worker: int) -> None:
    """Ignore Ctrl-C, which reaches every process of a terminal; the run stops its workers itself.

    SIGTERM may also reach all of a job's processes (systemd, timeout, some SLURM configurations). A
    worker then stays long enough for the run's current step, but not for ever. It ends with a run
    that is killed: torch waits for the server to end, and the server for its workers.
    """
    threading.Thread(target=_end_with_the_run, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "alarm"):  # not on Windows, which has no such signal to send either
        signal.signal(signal.SIGTERM, lambda number, frame: signal.alarm(LAST_STEP_S))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


def _end_with_the_run() -> None:
    run = multiprocessing.parent_process()
    assert run is not None
    run.join()
    os._exit(1)


def _fault(images: Collection, index: int) -> tuple[int, str]:
    """Say why an image cannot be read; nothing if it can."""
    try:
        read_image(images, index)
    except TwoalikeError as error:
        return index, str(error)
    return index, ""


def without_unreadable(
    images: Collection, workers: int = 0, rank: int = 0, world: int = 1
) -> tuple[Collection, tuple[str, ...]]:
    """Keep the images that can be read; beside them the ids of the others.

    Every image is read once, to its last pixel: many files that are damaged begin well. ``workers``
    processes read them beside this one, or none. Where several processes work together by
    ``torch.distributed``, each reads its share, and all of them get the same result.
    """
    own = np.array_split(np.arange(len(images)), world)[rank].tolist()
    chunks = [own[start : start + READ_AT_ONCE] for start in range(0, len(own), READ_AT_ONCE)]
    faults: dict[int, str] = {}
    with progress() as bar:
        task = bar.add_task("reading images", total=len(own), status="")
        for chunk in load_batches(partial(_fault, images), chunks, workers, list):
            faults |= {index: reason for index, reason in chunk if reason}
            bar.update(task, advance=len(chunk))
    shares = [faults] * world
    if world > 1:
        torch.distributed.all_gather_object(shares, faults)
    faults = {index: reason for share in shares for index, reason in share.items()}
    if len(faults) == len(images):
        raise none_readable(len(images), next(reversed(faults.values())))
    if not faults:
        return images, ()
    readable = np.setdiff1d(np.arange(len(images)), list(faults))
    return images.only(readable), tuple(images.ids[index] for index in faults)


def none_readable(n: int, reason: str) -> TwoalikeError:
    """Error of n images of which none is left; ``reason`` is that of the last."""
    return TwoalikeError(f"none of {counted(n, 'image')} can be read; the last one: {reason}")
