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
    from twoalike.backbones import load_backbone, rest_idle_threads
    from twoalike.study import check_output, counted

    rest_idle_threads()
    from twoalike.distill import export_onnx
    from twoalike.stimuli import find_images

    for path in (out, out.with_suffix(".json")):
        check_output(path)
    paths = find_images(images)[1] if images else ()
    said = export_onnx(load_backbone(student), out, paths)
    differences = ", ".join(f"{value:.0e} on {kind}" for kind, value in said["check"].items())
    size = said["preprocessing"]["input_size"][-1]
    outputs = counted(said["output"]["shape"][1], "feature")
    if "classes" in said:
        outputs += f" and scores of {said['classes']['shape'][1]} classes"
    print(f"{out}: {outputs} of images of {size} pixels; differs from torch by {differences}")  # noqa: T201
