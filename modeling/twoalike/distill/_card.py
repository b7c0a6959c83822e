"""A student's model card: what it is, how much it changed, how to load it, its limits.

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
    "probe": "an affine map of its features",
}


def model_card(name: str, config: Mapping[str, Any]) -> str:
    """README.md of the student in the folder ``name``, from the content of its config.json."""
    is_control = config["teacher"]["method"] == "untransformed"
    sections = [
        f"{_metadata(config)}\n\n# {name}",
        _purpose(config),
        f"## Agreement with the teacher\n\n{_scores(config, is_control=is_control)}",
        _classes(config),
        f"## Use\n\n{_usage(config)}",
        f"## Where it comes from\n\n{_origin(config)}",
        f"## Limits\n\n{_limits(config)}",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _aligned(config: Mapping[str, Any]) -> str:
    """Name the vector whose similarities were trained."""
    head = config["head"]
    if head is None or not head["file"]:
        return "features"
    return "positions" if head["kind"] == "human" else "mapped features"


def _purpose(config: Mapping[str, Any]) -> str:
    """Say which vector predicts whose choices, and that the features do not if it is another."""
    of, train = _aligned(config), config["config"]["train"]
    whose, learnt = _whose(config["teacher"]), _LEARNT[train]
    if of == "features":
        within = ", which is part of this network" if train == "probe" else ""
        return (
            f"`{config['backbone']}`, fine-tuned so that the similarities of its features predict "
            f"{whose}: the choice probabilities of a teacher were distilled into {learnt}{within}."
        )
    own = " in a human space" if of == "positions" else ""
    trained = "that map; the network is unchanged" if train == "probe" else f"{learnt} and that map"
    return (
        f"`{config['backbone']}` with {of}{own}, an affine map of its features "
        f"(`{config['head']['file']}`). The similarities of the {of} were trained to predict "
        f"{whose}: the choice probabilities of a teacher were distilled into {trained}. The "
        "features themselves, which the network returns, were not scored on these choices."
    )


def _whose(teacher: Mapping[str, Any]) -> str:
    """Say whose choices the student predicts; a participant is not named."""
    likeness = teacher.get("likeness")
    return f"odd-one-out choices of {likeness}" if likeness else "people's odd-one-out choices"


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
        f"pipeline_tag: image-{'classification' if _in_file(config) else 'feature-extraction'}",
        *([f"base_model: {base}", "base_model_relation: finetune"] if base else []),
        "tags:",
        *(["- timm"] if config["architecture"] else []),
        "- human-alignment",
        "- similarity-judgments",
        "- odd-one-out",
        "---",
    ]
    return "\n".join(lines)


def _scores(config: Mapping[str, Any], *, is_control: bool) -> str:
    held_out, of = config["held_out"], _aligned(config)
    if held_out is None:
        return "No images were held out."
    names = {
        "base": "base network",
        "control": "control",
        "start": "before training",
        "student": "control" if is_control else "aligned",
    }
    base = "" if of == "features" else "; in the row of the base network, of its features"
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
        f"Scored are similarities of {of}{base}.{control}\n\n"
        f"| | accuracy | KL |\n|---|---|---|\n{rows}"
        f"| teacher itself | {held_out['ceiling']:.3f} | 0 |"
    )


def _in_file(config: Mapping[str, Any]) -> bool:
    """Whether timm gives classes: the network's own classifier was kept, in its file."""
    kept = config.get("classifier")
    return kept is not None and kept["file"] is None


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
        f"## Classes\n\nThe classifier of the base network, {kept['classes']} classes, is part of "
        "this model. Its weights are unchanged; the features it uses were trained to preserve the "
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
        "trained": f"{config['learnt']:,} weights, train = {settings['train']!r}",
        **({"left alone": _idle(config["idle"])} if config.get("idle") else {}),
        "steps": f"{config['selected_step']} of {settings['steps']}, batches of "
        f"{settings['batch']}",
        "made with": f"twoalike {config['twoalike_version']}, seed {config['seed']}",
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return f"| | |\n|---|---|\n{table}"


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
{output} = model(transform(image).unsqueeze(0))  # image: a PIL image, RGB
```"""
_HEAD = """
{name} are an affine map of the {whose} features:

```python
from safetensors.torch import load_file

head = load_file("head.safetensors")
{output} = features @ head["weight"].T + head["bias"]
```"""


def _usage(config: Mapping[str, Any]) -> str:
    usage = _network_usage(config)
    if not config["pretrained_cfg"].get("antialias", True):
        usage += (
            "\n\nThe network was trained on images that were resized without antialiasing, as "
            "`twoalike features` prepares them; timm averages, so that its features differ a "
            "little."
        )
    return usage


def _network_usage(config: Mapping[str, Any]) -> str:
    head = config["head"]
    if config["architecture"] is None:
        usage = "`model.safetensors` is the state dict of the module that was distilled."
        if head is not None and head["applied"]:
            usage += _HEAD.format(name="The aligned features", whose="module's", output="aligned")
        if config.get("classifier") is not None:
            usage += f"\n`{config['classifier']['file']}` is its classifier of pooled features."
    elif _in_file(config):
        usage = (
            f"{_TIMM.format(output='scores')}\n\nIts outputs are class scores before the softmax; "
            "with `num_classes=0`, and in `twoalike features`, they are the features."
        )
    elif config["num_classes"]:
        said = "Its classifier is the learnt affine map, so its outputs are the aligned features."
        usage = f"{_TIMM.format(output='features')}\n\n{said}"
    else:
        usage = _TIMM.format(output="features")
    if head is not None and head["kind"] == "human":
        usage += (
            "\n\nThe features are for classification, detection and the like. Similarities as "
            "people see them are those of positions in the human space:"
            + _HEAD.format(name="These positions", whose="network's", output="positions")
            + f"\n\nThe {_similarity(config, 'positions')} of two images' positions, divided by "
            + (f"{head['width']} x " if config["similarity"] == "dot" else "")
            + f"{config['temperature']:.4g}, is the log-odds of a choice. The map started as "
            + _STARTS[head["start"]]
            + "."
        )
    return usage


_STARTS = {
    "teacher": "the teacher's",
    "fitted": "the one that predicts the teacher's similarities best from the network's features",
    "identity": "the identity: the network's features did not predict the teacher's similarities, "
    "or there were too few images",
}
_KINDS = {
    "dot": "dot product",
    "raw-dot": "dot product",
    "cosine": "cosine (of {of} minus their mean)",
}


def _similarity(config: Mapping[str, Any], of: str) -> str:
    return _KINDS[config["similarity"]].format(of=of)


def _limits(config: Mapping[str, Any]) -> str:
    of = _aligned(config)
    other_uses = (
        "- The network was tuned for similarity; other uses, such as classification, were not "
        "tested. It has no classifier of categories."
        if config.get("classifier") is None
        else "- The network was tuned for similarity. Its classes were compared with the base "
        "network's on images like those it was trained on, not with true labels; other uses were "
        "not tested."
    )
    return (
        "- The teacher extends judgments of some objects to other images; the table shows "
        "agreement with it, not with people. Measure agreement with people's choices with "
        "`twoalike evaluate`.\n"
        "- The judgments are those of the participants, on the images they saw.\n"
        f"- The similarity that was trained is the {_similarity(config, 'values')} of {of}; "
        f"others may be less aligned.\n{other_uses}"
    )
