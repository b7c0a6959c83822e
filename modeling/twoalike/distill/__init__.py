"""Distillation: a network learns a teacher's choice probabilities.

:func:`distill` runs it from files to a student's folder; the parts (losses, optimiser, stream of
batches) are functions of tensors that any loop can use. Names are loaded when they are asked
for, so that importing the package loads no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twoalike.distill._alignet import import_alignet
    from twoalike.distill._clusters import (
        Clusters,
        cached_clusters,
        find_clusters,
        read_clusters,
    )
    from twoalike.distill._config import DistillConfig, load_recipe
    from twoalike.distill._label_file import LabelTable, read_labels
    from twoalike.distill._label_images import LabelledImages, label_images
    from twoalike.distill._label_run import (
        LabelConfig,
        Labeller,
        teacher_labeller,
        write_labels,
    )
    from twoalike.distill._losses import (
        TRIPLET_LOSSES,
        choice_logs,
        class_divergence,
        image_similarity,
        linear_cka,
        relational_loss,
        triplet_loss,
    )
    from twoalike.distill._onnx import export_onnx
    from twoalike.distill._optimizer import AdamToInit, learning_rate
    from twoalike.distill._run import distill
    from twoalike.distill._sampling import TripletStream
    from twoalike.distill._scales import scale_triplets
    from twoalike.distill._stream import BatchStream, batch_triplets

__all__ = [
    "LabelledImages",
    "label_images",
    "AdamToInit",
    "BatchStream",
    "Clusters",
    "DistillConfig",
    "LabelConfig",
    "LabelTable",
    "Labeller",
    "TRIPLET_LOSSES",
    "TripletStream",
    "batch_triplets",
    "cached_clusters",
    "choice_logs",
    "class_divergence",
    "distill",
    "export_onnx",
    "find_clusters",
    "image_similarity",
    "import_alignet",
    "learning_rate",
    "linear_cka",
    "load_recipe",
    "read_clusters",
    "read_labels",
    "relational_loss",
    "scale_triplets",
    "teacher_labeller",
    "triplet_loss",
    "write_labels",
]

_HOMES = {
    "AdamToInit": "_optimizer",
    "BatchStream": "_stream",
    "Clusters": "_clusters",
    "DistillConfig": "_config",
    "LabelConfig": "_label_run",
    "LabelledImages": "_label_images",
    "label_images": "_label_images",
    "Labeller": "_label_run",
    "LabelTable": "_label_file",
    "TRIPLET_LOSSES": "_losses",
    "TripletStream": "_sampling",
    "batch_triplets": "_stream",
    "scale_triplets": "_scales",
    "cached_clusters": "_clusters",
    "choice_logs": "_losses",
    "class_divergence": "_losses",
    "distill": "_run",
    "export_onnx": "_onnx",
    "find_clusters": "_clusters",
    "image_similarity": "_losses",
    "import_alignet": "_alignet",
    "learning_rate": "_optimizer",
    "linear_cka": "_losses",
    "load_recipe": "_config",
    "read_clusters": "_clusters",
    "read_labels": "_label_file",
    "relational_loss": "_losses",
    "teacher_labeller": "_label_run",
    "triplet_loss": "_losses",
    "write_labels": "_label_run",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"twoalike.distill.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
