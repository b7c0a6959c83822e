"""``twoalike export onnx``: a student for programs without torch."""

from pathlib import Path


def onnx(student: str, /, *, out: Path, images: Path | None = None) -> None:
    """Export a student, or any network, as ONNX.

    It is run with onnxruntime and compared with torch before it appears. How images are prepared
    (size, interpolation, mean, std) stands in the file's metadata and beside it as JSON; input
    "images" takes a batch of any size, output "features" holds the aligned features; output
    "classes" the class scores of a student that kept its classifier.

    Parameters
    ----------
    student
        A student's folder, efficientnet_lite0, or any name of timm's.
    out
        File to write (.onnx).
    images
        Folder of images on which it is compared with torch as well, beside random inputs.

    Examples
    --------
        twoalike export onnx student --out student.onnx --images photos
    """
    from twoalike.distill import export_onnx
    from twoalike.study import counted

    made = export_onnx(student, out, images or ())
    differences = ", ".join(f"{value:.0e} on {kind}" for kind, value in made["check"].items())
    size = made["preprocessing"]["input_size"][-1]
    outputs = counted(made["output"]["shape"][1], "feature")
    if "classes" in made:
        outputs += f" and scores of {made['classes']['shape'][1]} classes"
    print(f"{out}: {outputs} of images of {size} pixels; differs from torch by {differences}")  # noqa: T201
