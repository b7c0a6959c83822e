"""Distillation: a network learns a teacher's choice probabilities.

:func:`distill` runs it from files to a student's folder; the parts (losses, optimiser, stream of
batches) are functions of tensors that any loop can use. Names are imported on first use
(``__init__.pyi`` lists them), so that importing the package loads no torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
