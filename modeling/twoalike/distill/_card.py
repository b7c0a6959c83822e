"""A student's model card: what its output is, how much it changed, how to load it, its limits.

The metadata at the head of the file are those of Hugging Face, so the folder can be uploaded as is.
"""

from collections.abc import Mapping, Sequence
from typing import Any

HUB_LICENCES = frozenset(
    "afl-3.0 apache-2.0 apple-amlr apple-ascl artistic-2.0 bsd bsd-2-clause bsd-3-clause bsl-1.0 "
    "c-uda cc cc-by-2.0 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-4.0 "
    "cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 "
    "cc0-1.0 gemma gpl-2.0 gpl-3.0 lgpl-3.0 mit mpl-2.0 openrail unknown unlicense".split()
)
"""Licences of networks for which Hugging Face has a name."""

_LEARNT = {
    "full": "all of its weights",
    "last": "the weights of its last blocks",
    "lora": "low-rank adapters, which were merged into its weights",
    "probe": "this layer; the network is unchanged",
}
_PARTS = {
    "features": "the network's own features, from their mean and at a common scale",
    "human": "positions in a human space, which are fitted to people's judgments",
}


def model_card(name: str, config: Mapping[str, Any]) -> str:
    """README.md of the student in the folder ``name``, from the content of its config.json."""
    is_control = config["teacher"]["method"] == "untransformed"
    sections = [
        f"{_metadata(config)}\n\n# {name}",
        _purpose(config),
        _both_sides(config["both_sides"]),
        f"## Agreement with the teacher\n\n{_scores(config, is_control=is_control)}",
        _classes(config),
        f"## Use\n\n{_usage(config)}",
        f"## Where it comes from\n\n{_origin(config)}",
        f"## Limits\n\n{_limits(config)}",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _purpose(config: Mapping[str, Any]) -> str:
    """Say what the vector is, and whose judgments it predicts."""
    parts = "\n".join(
        f"- `{name}`, numbers {start} to {end - 1}: {_PARTS[name]};"
        for name, (start, end) in config["parts"].items()
    )
    return (
        f"`{config['backbone']}` with a linear layer on its pooled features. The output is the "
        f"aligned vector, {config['num_classes']} numbers per image:\n\n{parts[:-1]}.\n\n"
        f"The cosine of two vectors was trained to predict {_whose(config['teacher'])}: the choice "
        "probabilities of a teacher were distilled into "
        f"{_LEARNT[config['config']['train']]}."
    )


def _whose(teacher: Mapping[str, Any]) -> str:
    """Say whose judgments the student predicts; a participant is not named."""
    likeness = teacher.get("likeness")
    return f"similarity judgments of {likeness}" if likeness else "people's similarity judgments"


def _both_sides(found: Mapping[str, Any] | None) -> str:
    """Tabulate likeness and ability of each vector and its parts."""
    if found is None:
        return ""
    rows = "".join(
        f"| {row['network']} | {row['part']} | {row['likeness']:.3f} | "
        f"{'' if row['ability'] is None else format(row['ability'], '.3f')} |\n"
        for row in found["rows"]
    )
    likeness, ability = found["measures"]["likeness"], found["measures"]["ability"]
    return (
        "## Likeness to people, and ability\n\nEach row is of one output: the whole vector or a "
        f"part of it. Likeness: {likeness}. Ability: {ability}. Closed form: the layer fitted to "
        "the network before any training.\n\n"
        f"| network | output | likeness | ability |\n|---|---|---|---|\n{rows}".rstrip()
    )


def _metadata(config: Mapping[str, Any]) -> str:
    """Hugging Face's fields; a licence for which it has no name is given as ``other``."""
    licence = str(config["pretrained_cfg"].get("license") or "unknown").lower()
    known = licence in HUB_LICENCES
    base = config["origin"]
    lines = [
        "---",
        f"license: {licence if known else 'other'}",
        *([] if known else [f"license_name: {licence}"]),
        f"library_name: {'timm' if config['architecture'] else 'pytorch'}",
        "pipeline_tag: image-feature-extraction",
        *([f"base_model: {base}", "base_model_relation: finetune"] if base else []),
        "tags:",
        *(["- timm"] if config["architecture"] else []),
        "- human-alignment",
        "- similarity-judgments",
        "---",
    ]
    return "\n".join(lines)


def _scores(config: Mapping[str, Any], *, is_control: bool) -> str:
    held_out = config["held_out"]
    if held_out is None:
        return "No images were held out."
    names = {
        "base": "base network",
        "control": "control",
        "start": "before training",
        "student": "control" if is_control else "aligned",
    }
    rows = "".join(
        f"| {name} | {held_out[key]['accuracy']:.3f} | {held_out[key]['kl']:.3f} |\n"
        for key, name in names.items()
        if key in held_out
    )
    control = (
        " Control: distilled in the same way from a teacher without people's judgments."
        if "control" in held_out
        else ""
    )
    return (
        f"On {held_out['triplets']} triplets of {held_out['images']} images not used in training. "
        "Accuracy: probability of naming the odd item drawn from the teacher's probabilities "
        "(ties count 1/k). KL: divergence from the teacher's choice probabilities, in nats. "
        "Scored are similarities of vectors; in the row of the base network, of its features."
        f"{control}\n\n"
        f"| | accuracy | KL |\n|---|---|---|\n{rows}"
        f"| teacher itself | {held_out['ceiling']:.3f} | 0 |"
    )


def _classes(config: Mapping[str, Any]) -> str:
    """Describe the effect on the classes, if they were kept."""
    kept, held_out = config.get("classifier"), config["held_out"]
    if kept is None:
        return ""
    found = (
        "How often the most probable class is still that of the base network was not measured, "
        "since no images were held out."
        if held_out is None
        else "The most probable class is that of the base network for "
        f"{held_out['student']['same_class']:.1%} of the held-out images "
        f"({held_out['start']['same_class']:.0%} before the first step)."
    )
    return (
        f"## Classes\n\nThe classifier of the base network, {kept['classes']} classes, takes the "
        "vector (`classifier.safetensors`). The features were trained to preserve the "
        f"previous class probabilities, with weight {config['config']['keep_classifier']:g} "
        f"(learning without forgetting, doi:10.1109/TPAMI.2017.2773081). {found}"
    )


def _origin(config: Mapping[str, Any]) -> str:
    """Tabulate weights, teacher, images, licences and settings."""
    licence, data = config["pretrained_cfg"].get("license"), config["data"]
    settings = config["config"]
    rows = {
        "initial weights": f"`{config['backbone']}`, SHA-256 `{config['initial_sha256'][:16]}`",
        **({"features": _tokens(config)} if "block" in config else {}),
        "licence of those weights": licence or "unknown: see their source",
        "teacher": _teacher(config["teacher"]),
        "training images": f"{data['learnt']}; their names and sizes have the SHA-256 "
        f"`{data['listing_sha256'][:16]}`",
        "licence of the images": "to be filled in by the publisher of this model",
        "licence of the judgments": "to be filled in by the publisher of this model",
        "vector": _described(config["vector"]),
        "trained": f"{config['learnt']:,} weights, train = {settings['train']!r}",
        **({"left alone": _idle(config["idle"])} if config.get("idle") else {}),
        "steps": f"{config['selected_step']} of {settings['steps']}, batches of "
        f"{settings['batch']}",
        "made with": f"twoalike {config['twoalike_version']}, seed {config['seed']}",
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"| | |\n|---|---|\n{table}"


def _described(vector: Mapping[str, Any]) -> str:
    """Say how the layer of the vector was chosen."""
    found = [
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in vector.items()
        if key != "file" and not isinstance(value, dict | list)
    ]
    return ", ".join(found) or "the features alone"


def _idle(names: Sequence[str]) -> str:
    """Name the first of the weights that the features do not depend on."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    first = ", ".join(f"`{name}`" for name in names[:3])
    return f"{first}{more}: the features do not depend on these weights"


def _tokens(config: Mapping[str, Any]) -> str:
    """Name the tokens of the block with which the network ends."""
    token = "class token" if config["pool"] == "cls" else "mean patch token"
    return (
        f"the {token} of block {config['block']} (from 0), after the final norm: the network ends "
        "with this block, and timm builds it so by `model_args` of config.json"
    )


def _teacher(teacher: Mapping[str, Any]) -> str:
    if teacher["backbone"] is None:
        return f"{teacher['method']}, SHA-256 `{teacher['sha256'][:16]}`"
    return (
        f"{teacher['method']}, from features of `{teacher['backbone']}`, fitted to judgments of "
        f"{teacher['objects']} objects, SHA-256 `{teacher['sha256'][:16]}`"
    )


_TIMM = """\
```python
import timm
from timm.data import create_transform, resolve_model_data_config

model = timm.create_model("local-dir:path/to/this/folder", pretrained=True).eval()
transform = create_transform(**resolve_model_data_config(model), is_training=False)
vector = model(transform(image).unsqueeze(0))  # image: a PIL image, RGB
```

`model.forward_features` is the network's own; with `num_classes=0` the output is its pooled
features, without the layer."""
_LAYER = """
```python
from safetensors.torch import load_file

layer = load_file("{file}")
{output} = {input} @ layer["weight"].T + layer["bias"]
```"""


def _usage(config: Mapping[str, Any]) -> str:
    if config["vector"]["file"] is None:
        usage = _TIMM
    else:
        usage = (
            "`model.safetensors` is the state dict of the network. The vector is a linear layer on "
            "its pooled features:\n"
            + _LAYER.format(file=config["vector"]["file"], output="vector", input="features")
        )
    if config.get("classifier") is not None:
        usage += "\n\nClass scores before the softmax:\n" + _LAYER.format(
            file="classifier.safetensors", output="scores", input="vector"
        )
    usage += (
        "\n\nThe similarity of two images is the cosine of their vectors as they are, without "
        f"centring; divided by {config['temperature']:.4g}, it is the log-odds of a choice."
    )
    if not config["pretrained_cfg"].get("antialias", True):
        usage += (
            "\n\nThe network was trained on images that were resized without antialiasing, as "
            "`twoalike features` prepares them; timm averages, so that its vectors differ a "
            "little."
        )
    return usage


def _limits(config: Mapping[str, Any]) -> str:
    classes = (
        "It has no classifier of categories."
        if config.get("classifier") is None
        else "Its classes were compared with the base network's on images like those it was "
        "trained on, not with true labels."
    )
    return (
        "- The teacher extends judgments of some objects to other images; the agreement above is "
        "with it, not with people. Measure agreement with people's judgments with "
        "`twoalike evaluate`.\n"
        "- The judgments are those of the participants, on the images they saw.\n"
        "- The similarity that was trained is the cosine of the whole vector; others, and those of "
        f"its parts, may be less aligned.\n- {classes}"
    )
