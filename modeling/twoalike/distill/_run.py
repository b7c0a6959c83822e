"""Distillation, from files to a student's folder."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

from twoalike.backbones import (
    WEIGHTS,
    Backbone,
    TokenPool,
    choose_tokens,
    load_backbone,
    pooled_features,
    weights_sha256,
    without_unreadable,
    without_vector,
)
from twoalike.collections import Collection, as_collection
from twoalike.distill._activations import frozen_part, restore
from twoalike.distill._alignet import alignet_preprocessing
from twoalike.distill._checkpoint import checkpoints_of, find_checkpoints, nothing_left
from twoalike.distill._config import DistillConfig, load_recipe
from twoalike.distill._evidence import Cropped, Found, both_sides, plain_vector
from twoalike.distill._export import Student, write_student
from twoalike.distill._fabric import expect_dropped_layers, make_fabric
from twoalike.distill._graph import TRIALS, find_idle
from twoalike.distill._guidance import Guidance
from twoalike.distill._labels import read_labels
from twoalike.distill._lesson import (
    Division,
    Lesson,
    check_control,
    control_scores,
    image_lesson,
    label_lesson,
)
from twoalike.distill._loop import ClosedForm, Trainer, enough_memory
from twoalike.distill._metrics import FILE
from twoalike.distill._positions import shared_positions
from twoalike.distill._prepared import machine_folder
from twoalike.distill._sampling import HEAD, seed_of
from twoalike.distill._sources import Average, Inputs, Opinion
from twoalike.distill._student import (
    StudentNetwork,
    dense_head,
    identity_head,
    with_kept_classifier,
)
from twoalike.distill._trainable import feature_source, prepare_training
from twoalike.features import FeatureTable, join_parts, read_features, write_features
from twoalike.study import TwoalikeError, counted, hold_output, provenance, read_ids
from twoalike.tables import LabelSource, classes_of
from twoalike.teacher import AffineTeacher, Frontier, Teacher, find_frontier, load_teacher


def distill(
    teacher: str | Path | Teacher | None,
    images: str | Path | Collection,
    student: str | Path | Backbone,
    out: str | Path,
    config: DistillConfig | str | Path | None = None,
    *,
    labels: str | Path | None = None,
    validation: str | Path | None = None,
    features: FeatureTable | str | Path | None = None,
    objects: str | Path | None = None,
    only: str | Path | Sequence[str] | None = None,
    weights: str | Path | None = None,
    untrained: bool = False,
    pool: TokenPool | None = None,
    block: int | None = None,
    control: Student | str | Path | None = None,
    classes: LabelSource | None = None,
    skip_unreadable: bool = False,
    device: str = "auto",
    resume: bool = False,
    **settings: Any,
) -> Student:
    """Align a network with a teacher and write it to ``out``.

    Under torchrun or SLURM all processes work on one student.

    Parameters
    ----------
    teacher
        Folder written by ``twoalike teach``, or a teacher loaded from one; None if ``labels`` are
        given.
    images
        Training images, which need no judgments: a collection, or what
        :func:`twoalike.collections.open_collection` opens.
    student
        A network's name, a student's folder, or a :class:`twoalike.backbones.Backbone` around
        any module.
    out
        The student's folder. Checkpoints are in a folder beside it, ``OUT.checkpoints``, which the
        finished student does not need.
    config
        Settings, or a recipe (TOML).
    labels
        Folder of labelled triplets from ``twoalike predict`` or ``twoalike import alignet``, used
        instead of a teacher.
    validation
        Folder of labelled triplets to score on; their images are not used in training.
    features
        Features of these images by the teacher's network, or their file; computed and saved if
        omitted.
    objects
        File of object ids, one per line, if the file of features has none.
    only
        Ids, or a file of ids, one per line: use only these images.
    weights, untrained, pool, block
        As in :func:`twoalike.backbones.load_backbone`.
    control
        A student of the same images from an untransformed teacher, or its folder. Its agreement
        with this teacher is reported beside the student's.
    classes
        Table of the images' classes (columns id and class, the last column counts), by which it is
        judged that the student has lost no ability; None: the images' folders or, where there are
        none, crops of the images, each to be recognised.
    skip_unreadable
        Omit unreadable images instead of refusing them.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:1``.
    resume
        Continue from the last checkpoint; the result is the same.
    settings
        Fields of :class:`DistillConfig` that replace those of ``config``.

    Returns
    -------
    The student: its folder, and the content of its config.json as a mapping.
    """
    if not isinstance(config, DistillConfig):
        config = load_recipe(config, settings)
    elif settings:
        config = load_recipe(None, {**config.model_dump(), **settings})
    with hold_output(Path(out)):
        guidance = Guidance(
            _loaded(teacher),
            _table(features, objects),
            labels=_path(labels),
            validation=_path(validation),
            control=control.folder if isinstance(control, Student) else _path(control),
        )
        guidance.check(config)
        if _claim_folder(Path(out), resume):
            with nothing_left(Path(out)):
                unreadable: tuple[str, ...] = ()
                seen = _chosen(as_collection(images), only)
                backbone = _start(student, config, weights, untrained, pool, block)
                fabric = make_fabric(device, config.precision, config.parallel)
                if skip_unreadable:
                    share = fabric.global_rank, fabric.world_size
                    seen, unreadable = without_unreadable(seen, config.workers, *share)
                run = _Run(config, guidance, seen, unreadable, backbone, Path(out), device, classes)
                run.train(fabric, resume)
        return Student.load(out)


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


def _loaded(teacher: str | Path | Teacher | None) -> Teacher | None:
    """Read the teacher from its folder; one without a folder has no hash to refer to."""
    if teacher is None or isinstance(teacher, str | Path):
        return None if teacher is None else load_teacher(teacher, any_kind=True)
    if teacher.folder is None:
        raise TwoalikeError(
            where="`teacher=...`",
            expected="a teacher that was saved in a folder",
            found="one that was not",
            remedy="Teach with `out=...`.",
        )
    return teacher


def _table(
    features: FeatureTable | str | Path | None, objects: str | Path | None
) -> FeatureTable | None:
    """Read features, whose numbers are checked then, or check and take those of a table."""
    if isinstance(features, str | Path):
        return read_features(Path(features), _path(objects))
    if features is not None and isinstance(features.values, np.ndarray):
        wrong = np.flatnonzero(~np.isfinite(features.values).all(axis=1))
        if len(wrong):
            first = features.ids[wrong[0]]
            raise TwoalikeError(
                where="`features=...`",
                expected="finite numbers",
                found=f"others for {counted(len(wrong), 'object')}, first {first!r}",
                remedy="Compute them again.",
            )
    return features


def _opinion(
    teacher: Teacher,
    ids: Sequence[str],
    features: FeatureTable | None,
    average: Average,
    folder: Path,
) -> Opinion:
    """Similarities of images by a teacher, and by people's judgments where these are known.

    Positions of a large collection are in a file in ``folder``.
    """
    judged = np.isin(ids, teacher.known_ids)
    if not isinstance(teacher, AffineTeacher) or features is None:
        return Opinion(teacher.positions(ids, features), average, judged)
    if teacher.known is None:
        return Opinion(shared_positions(teacher, ids, features, folder), average, judged)
    row_of = {name: row for row, name in enumerate(teacher.known_ids)}
    judgments = np.zeros((len(ids), teacher.known.shape[1]), np.float32)
    known = teacher.known / np.sqrt(np.float32(teacher.temperature))
    judgments[judged] = known[[row_of[name] for name in ids if name in row_of]]
    everywhere = replace(teacher, known_ids=(), known=None)
    positions = shared_positions(everywhere, ids, features, folder)
    return Opinion(positions, average, judged, judgments)


def _claim_folder(out: Path, resume: bool) -> bool:
    """Check that ``out`` may be written; return False if it already holds a finished student."""
    if out.exists() and not out.is_dir():
        raise TwoalikeError(
            where=out,
            expected="a folder for the student",
            found="a file",
            remedy="Choose another output.",
        )
    if (out / WEIGHTS).is_file():
        if resume:
            return False
        raise TwoalikeError(
            "already holds a student", where=out, remedy="Remove it or choose another output."
        )
    if resume:
        return True
    beside = checkpoints_of(out)
    if find_checkpoints(beside) or (out / FILE).is_file():
        raise TwoalikeError(
            "there is an unfinished run",
            where=out,
            remedy=f"Continue with `resume=True`, or remove this folder and {beside}.",
        )
    if foreign := [path.name for path in out.glob("*")]:
        raise TwoalikeError(
            where=out,
            expected="a new folder for the student",
            found=f"{foreign[0]} in it",
            remedy="Choose another output.",
        )
    return True


def _chosen(images: Collection, only: str | Path | Sequence[str] | None) -> Collection:
    """Images of a collection in order, or those named by ``only``."""
    if only is None:
        return images
    wanted = read_ids(Path(only)) if isinstance(only, str | Path) else only
    unknown = sorted(set(wanted) - set(images.ids))
    if unknown:
        raise TwoalikeError(
            f"{len(unknown)} of {len(wanted)} ids have no image in {images.where}, first "
            f"{', '.join(map(repr, unknown[:10]))}",
            where=only if isinstance(only, str | Path) else "`only=...`",
        )
    kept = set(wanted)
    return images.only([row for row, name in enumerate(images.ids) if name in kept])


def _start(
    student: str | Path | Backbone,
    config: DistillConfig,
    weights: str | Path | None,
    untrained: bool,
    pool: TokenPool | None,
    block: int | None,
) -> Backbone:
    """Load the network to train, at its training size, and its classifier if kept."""
    if not isinstance(student, Backbone):
        student = load_backbone(
            student,
            weights=weights,
            untrained=untrained,
            size=config.size,
            seed=config.seed,
            classifier=config.keep_classifier > 0,
        )
    sized = with_kept_classifier(without_vector(student).resized(config.size), config)
    if config.preprocessing == "alignet":
        sized = replace(sized, preprocessing=alignet_preprocessing(sized.preprocessing.size))
    return choose_tokens(sized, pool, block)


MEASURES = {
    "likeness": "Spearman's correlation of cosines with the teacher's similarities",
    "ability": "few-shot accuracy (nearest mean of 1 and of 3 examples), or of recognised crops",
}


@dataclass(frozen=True)
class _Run:
    """One distillation, with all inputs read."""

    config: DistillConfig
    guidance: Guidance
    seen: Collection
    unreadable: tuple[str, ...]
    backbone: Backbone
    out: Path
    device: str
    classes: LabelSource | None

    def train(self, fabric: Fabric, resume: bool) -> None:
        """Train the student, or resume its training, and write its folder."""
        config, backbone = self.config, self.backbone
        initial = backbone.weights_sha256
        trained = prepare_training(backbone, config)
        with machine_folder(fabric, config.workers) as folder:
            with fabric.rank_zero_first():
                rank, world = fabric.global_rank, fabric.world_size
                place = {"world": world, "rank": rank, "folder": folder}
                lesson, module = self._lesson(trained, place)
                origin = self.guidance.origin
            if (control := self.guidance.control) is not None:
                check_control(control, config, self.seen, lesson, origin["sha256"])
            fingerprint = {
                "config": config.model_dump(mode="json"),
                "teacher": origin["sha256"],
                "student": initial,
                "images": self.seen.digest,
                "processes": fabric.world_size,
                "classifier": weights_sha256(backbone.classifier) if backbone.classifier else None,
                **backbone.tokens,
            }
            network = self._network(module, lesson, fabric.device)
            start = self._start(network, lesson)
            if config.train == "probe":
                log = [{"step": 0, "held_out": start.held_out["start"]}] if start.closed else []
                made = Made(network, 0, 0.0, log, {"learnt": 0})
            else:
                made = self._train(fabric, network, lesson, fingerprint, start, resume)
            if fabric.is_global_zero:
                self._finish(made, lesson, origin, initial, start, fabric.device)
            fabric.barrier()

    def _train(
        self,
        fabric: Fabric,
        network: StudentNetwork,
        lesson: Lesson,
        fingerprint: dict[str, Any],
        start: "Start",
        resume: bool,
    ) -> "Made":
        """Take all steps, and the weights that held-out images prefer."""
        idle = self._leave_idle(network, lesson, fabric)
        learnt = sum(
            weights.numel()
            for name, weights in network.named_parameters()
            if weights.requires_grad and name != "log_temperature"
        )
        trainer = Trainer(
            fabric,
            network,
            lesson,
            self.config,
            self.out,
            fingerprint,
            self.backbone.classifier,
            start.closed,
        )
        if resume:
            trainer.resume()
        trainer.run()
        trained, step, mix = trainer.finish()
        summary = {"learnt": learnt} | ({"idle": idle} if idle else {})
        return Made(trained, step, mix, trainer.log, summary)

    def _leave_idle(self, network: StudentNetwork, lesson: Lesson, fabric: Fabric) -> list[str]:
        """Exclude weights from training that never get a gradient, and return their names."""
        inputs = torch.zeros(2, *lesson.images.inputs.shape, device=fabric.device)
        sharded = self.config.parallel == "fsdp"
        with enough_memory(self.config, 1):
            idle, dropped, random = find_idle(network, inputs, TRIALS if sharded else 1)
        for name in idle:
            network.get_parameter(name).requires_grad_(False)
        if sharded and dropped and random:
            raise TwoalikeError(
                where="parallel = 'fsdp'",
                expected="a network that uses the same layers in every process",
                found=f"{self.backbone.name}, which leaves out layers at random in training",
                remedy="Use 'ddp', or build the network without.",
            )
        if dropped or random:
            expect_dropped_layers(fabric)
        if idle and fabric.is_global_zero:
            few = ", ".join(idle[:4]) + (", ..." if len(idle) > 4 else "")
            print(  # noqa: T201
                f"{self.backbone.name}: {len(idle)} of its weight tensors ({few}) do not affect "
                "its features and stay as they are.",
                file=sys.stderr,
            )
        return [name.removeprefix("backbone.") for name in idle]

    def _lesson(
        self, module: torch.nn.Module, place: dict[str, Any]
    ) -> tuple[Lesson, torch.nn.Module]:
        """Learn from all triplets of each batch, or from listed ones; and the module that does."""
        config, seen, backbone = self.config, self.seen, self.backbone
        if (teacher := self.guidance.teacher) is None:
            labels, validation = self.guidance.labels, self.guidance.validation
            assert labels is not None
            table, tested = read_labels(labels), read_labels(validation) if validation else None
            place["unreadable"] = self.unreadable
            prepared = backbone.preprocessing
            return label_lesson(config, seen, prepared, table, tested, **place), module
        judged = np.isin(seen.ids, teacher.known_ids)
        classes, controlled = classes_of(seen.ids, self.classes), self.guidance.control is not None
        division = Division.of(config, seen, judged, classes, controlled=controlled)
        beside = checkpoints_of(self.out)
        same = _is_of(teacher, backbone)
        divided = frozen_part(backbone, config, division.collections(seen), beside, self.device)
        features = self.guidance.features
        if features is None and teacher.needs_features:
            features = self._teacher_features(teacher, same)
        average = (
            teacher.description.get("labels") if config.average == "teacher" else config.average
        )
        opinion = _opinion(teacher, seen.ids, features, average or "predictive", beside)
        inputs: Inputs = backbone.preprocessing
        place["crops"] = Cropped.of(backbone.preprocessing)
        if divided is not None:
            module, inputs, place["crops"] = divided
        return image_lesson(config, seen, division, inputs, opinion, **place), module

    def _teacher_features(self, teacher: Teacher, same: bool) -> FeatureTable:
        """Features of the teacher's own network, saved beside the checkpoints.

        Where that is the student's (``same``), the pass that divided it has made them.
        """
        seen, beside = self.seen, checkpoints_of(self.out)
        cache = beside / ("student_features.npz" if same else "teacher_features.npz")
        if cache.is_file():
            table = read_features(cache)
            same = table.meta.get("listing_sha256") == seen.digest
            if same and table.ids == tuple(seen.ids):
                teacher.check(table)
                return table
        name, remedy = teacher.source.get("backbone"), "give them with `features=...`."
        if name is None:
            raise TwoalikeError(
                "the teacher maps features of an unnamed network",
                remedy=f"Compute them for these images and {remedy}",
            )
        size = teacher.source.get("preprocessing", {}).get("input_size", [None])[-1]
        pool, block = teacher.source.get("pool"), teacher.source.get("block")
        try:
            network = load_backbone(str(name), size=size, pool=pool, block=block)
        except TwoalikeError as error:
            raise TwoalikeError(
                f"the teacher maps features of {name}, which cannot be loaded here: "
                f"{error.problem or error}",
                remedy=f"Compute the features of these images with its weights and {remedy}",
            ) from error
        meta = feature_source(network, seen.digest)
        if teacher.source.get("weights_sha256") not in (None, meta["weights_sha256"]):
            raise TwoalikeError(
                f"the teacher maps features of {name} with other weights than those available here",
                remedy=f"Compute the features of these images elsewhere and {remedy}",
            )
        values = pooled_features(network, seen, device=self.device, workers=self.config.workers)
        table = FeatureTable(tuple(seen.ids), values, meta)
        write_features(cache, table)
        return table

    def _network(
        self, module: torch.nn.Module, lesson: Lesson, device: torch.device
    ) -> StudentNetwork:
        """Assemble the network to train, at the temperature that fits it best at the start."""
        config, p, seed = self.config, self.backbone.n_features, seed_of(self.config.seed, HEAD)
        head = None
        if config.head == "linear":
            head = identity_head(p, bias=False, width=config.head_width, seed=seed)
        elif config.head == "dense":
            head = dense_head(p, config.head_width, seed)
        network = StudentNetwork(
            module, head, similarity=config.similarity, temperature=config.temperature or 1.0
        ).to(device)
        # Before anything is computed: another memory layout changes the last bits.
        if config.channels_last and config.parallel == "ddp":  # fsdp shards plain layouts only
            network.to(memory_format=torch.channels_last)
        if config.temperature is None:
            lesson.probe.settle_temperature(network, config.batch)
        return network

    def _start(self, network: StudentNetwork, lesson: Lesson) -> "Start":
        """Find the closed form, and score it and the network itself."""
        config, sides = self.config, lesson.sides
        if sides is None:
            if lesson.agreement is None:
                return Start(None, None, {})
            plain = StudentNetwork(network.backbone, similarity=config.similarity)
            plain.to(network.log_temperature.device)
            lesson.probe.settle_temperature(plain, config.batch)
            return Start(None, None, {"base": lesson.agreement.score(plain, config.batch)})
        found = sides.features(network, config.batch)
        frontier = find_frontier(found.evidence(), balance=config.balance, seed=config.seed)
        if sides.held_out is None:
            return Start(None, frontier, {}, found=found)
        base, closed = plain_vector(found), frontier.chosen.fit(found.evidence())
        form = ClosedForm(sides, frontier.chosen, found.score(closed), found.score(base))
        rows = both_sides("base", found, base) + both_sides("closed form", found, closed)
        held_out = {"base": form.base.as_dict(), "start": form.closed.as_dict()}
        return Start(form, frontier, held_out, rows, found)

    def _finish(
        self,
        made: "Made",
        lesson: Lesson,
        origin: dict[str, Any],
        initial: str,
        start: "Start",
        device: torch.device,
    ) -> None:
        """Fit the aligned vector of the final weights, describe all, and write the folder."""
        config, sides, student = self.config, lesson.sides, made.student.to(device)
        held_out, rows = dict(start.held_out), list(start.rows)
        by_step = {row["step"]: row["held_out"] for row in made.log if "held_out" in row}
        p, control = self.backbone.n_features, self.guidance.control
        vector = join_parts((np.eye(p), np.zeros(p)), None)
        if sides is not None and start.frontier is not None:
            found = start.found
            if found is None or made.mix:
                found = sides.features(student, config.batch)
            vector = start.frontier.chosen.fit(found.everything())
            if sides.held_out is not None:
                tested = start.frontier.chosen.fit(found.evidence())
                held_out["student"] = found.score(tested).as_dict()
                for name, step in (("start", 0), ("student", made.step)):
                    kept = "same_class" in by_step.get(step, {})
                    held_out[name] |= {"same_class": by_step[step]["same_class"]} if kept else {}
                if config.temperature is None:
                    student.settle(found.score(tested).temperature)
                rows += both_sides("student", found, tested)
                if control is not None:
                    held_out["control"], own = control_scores(control, sides, config, device)
                    rows += own
                held_out |= {"images": len(sides.held_out), "triplets": len(sides.triplets)}
                held_out["ceiling"] = sides.ceiling
        elif (agreement := lesson.agreement) is not None:
            held_out |= {"start": by_step[0], "student": by_step[made.step]}
            held_out |= {"images": len(agreement.images), "triplets": len(agreement.triplets)}
            held_out["ceiling"] = agreement.ceiling
        unreadable = {"unreadable": list(self.unreadable)} if self.unreadable else {}
        summary = {
            "initial_sha256": initial,
            "selected_step": made.step,
            "mix": made.mix,
            "held_out": held_out or None,
            "both_sides": {"measures": MEASURES, "rows": rows} if rows else None,
            "frontier": start.frontier.as_dict() if start.frontier else None,
            "teacher": origin,
            "data": {
                "learnt": len(lesson.images),
                "mixed_triplets_dropped": lesson.dropped,
                "listing_sha256": self.seen.digest,
                "held_out_sha256": lesson.held_out_sha256,
                **unreadable,
            },
            **made.summary,
        }
        student.backbone, student.vector = restore(student.backbone), vector
        settings = config.model_dump(mode="json")
        provenanced = provenance(
            "student", seed=config.seed, inputs=self.guidance.files, config=settings
        )
        write_student(self.out, self.backbone, student, provenanced, summary, made.log, self.seen)


@dataclass(frozen=True, eq=False)
class Start:
    """What is known before training."""

    closed: ClosedForm | None
    frontier: Frontier | None
    held_out: dict[str, Any]
    rows: list[dict[str, Any]] = field(default_factory=list)
    found: Found | None = None


@dataclass(frozen=True, eq=False)
class Made:
    """A trained network, and how it came about."""

    student: StudentNetwork
    step: int
    mix: float
    log: list[dict[str, Any]]
    summary: dict[str, Any]


def _is_of(teacher: Teacher, backbone: Backbone) -> bool:
    """Whether a teacher maps the features of this very network, prepared and pooled like this."""
    source, tokens = teacher.source, backbone.tokens
    return (
        source.get("weights_sha256") == backbone.weights_sha256
        and source.get("preprocessing") == backbone.preprocessing.as_timm()
        and all(source.get(key) == tokens.get(key) for key in ("pool", "block"))
    )
