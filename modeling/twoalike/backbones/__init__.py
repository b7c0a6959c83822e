"""Backbones: networks with the preprocessing that belongs to their weights, and their features.

Names are imported on first use (``__init__.pyi`` lists them), so that importing the package loads
no torch.
"""

import lazy_loader

CONFIG, WEIGHTS = "config.json", "model.safetensors"
VECTOR = "vector.safetensors"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["CONFIG", "VECTOR", "WEIGHTS"]
