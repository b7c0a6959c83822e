"""A multi-arrangement session: its order (sets chosen as evidence grows), its files, its time."""

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from twoalike.design import (
    ArrangedTrial,
    ArrangementEnd,
    ListedArrangement,
    PlannedArrangement,
    listed_arrangements,
    next_arrangement,
    session_secret,
    shown_objects,
)
from twoalike.observers import (
    SECONDS_PER_NEW_PLACEMENT,
    SECONDS_PER_PLACEMENT,
    ArrangedSession,
    SimulatedArranger,
)
from twoalike.record import Progress, RunName, find_runs, read_run
from twoalike.stimuli import StimulusSet
from twoalike.study import ArrangementConfig, Study, TwoalikeError
from twoalike.tables import MULTI_ARRANGEMENT
from twoalike.tasks._activity import Activity, Item, Note
from twoalike.tasks._duration import (
    Duration,
    Times,
    break_duration,
    closing_duration,
    paced,
    page_duration,
)
from twoalike.tasks._listed import count_judged, page_before
from twoalike.tasks._prepare import Prepared, Sitting, load_listed
from twoalike.tasks._session import Script
from twoalike.tasks.multi_arrangement._arranging import (
    ArrangementActivity,
    ArrangementHands,
    ArrangementResult,
    ArrangementTrial,
    draw_seats,
    groups_apart,
)
from twoalike.tasks.multi_arrangement._layout import ArenaLayout, lay_out_arena
from twoalike.tasks.multi_arrangement._protocol import MultiArrangement
from twoalike.tasks.screens import (
    Frame,
    Opening,
    Room,
    View,
    after_trials,
    before_trials,
    frame,
    is_upright,
    pause_page,
    text_page,
    widest,
)

_KINDS = ("practice", "main", "catch")
_SEATS = 1
"""Word of the seed that sets the drawing of seats apart from that of a set."""


@dataclass(frozen=True, kw_only=True)
class SubmittedTrial:
    """What the choice of the next trial knows of one that is over."""

    block_index: ClassVar[int] = 1
    """A session is one block; its breaks come every so many trials."""
    trial_type: str
    places: dict[str, tuple[float, float]]
    """Of the images inside the arena, by id; arena units."""
    time_s: float
    """From its onset to its end."""


@dataclass(kw_only=True)
class Arranging:
    """A session's trials: those that are fixed, those done, and how the next one is chosen."""

    config: ArrangementConfig
    ids: tuple[str, ...]
    """Objects of the design, m of them."""
    kinds: dict[str, str]
    """Coarsest category of each object, for attention checks; empty where there is none."""
    listed: Sequence[ListedArrangement]
    """Fixed trials: practice first, attention checks last."""
    seed: int
    """What the session's sets and seats are drawn from, with numbers of trials."""
    earlier: Sequence[SubmittedTrial] = ()
    """Main trials of earlier sessions, oldest first."""
    done: list[SubmittedTrial] = field(default_factory=list)
    """Trials of this session, in order."""

    @property
    def total(self) -> int | None:
        """Trials of the session, practice not counted; None where the answers decide."""
        if self.config.scheduler == "lift_weakest" or self.config.max_trials:
            return None
        return len(self._fixed("main")) + len(self._fixed("catch"))

    def _fixed(self, trial_type: str) -> list[ListedArrangement]:
        return [trial for trial in self.listed if trial.trial_type == trial_type]

    def _done(self, trial_type: str) -> list[SubmittedTrial]:
        return [trial for trial in self.done if trial.trial_type == trial_type]

    def left(self, *types: str) -> list[ListedArrangement]:
        """List the fixed trials of some types that are left."""
        return [one for kind in types for one in self._fixed(kind)[len(self._done(kind)) :]]

    def following(self) -> ListedArrangement | PlannedArrangement | None:
        """Choose the next trial; None after the last."""
        if practice := self.left("practice"):
            return practice[0]
        planned = self._next_main()
        if isinstance(planned, PlannedArrangement) and not self._done("catch"):
            return planned
        return next(iter(self.left("catch")), None)

    def end(self) -> dict[str, Any] | None:
        """Say why there is no further main trial, as the log has it; None while there is one."""
        end = self._next_main()
        if not isinstance(end, ArrangementEnd):
            return None
        return {"reason": end.reason, "min_evidence": end.min_evidence, "share": end.progress}

    def rest(self) -> ArrangementConfig:
        """Return the settings for the rest of the session: fewer trials, and less time."""
        config, main = self.config, self._done("main")
        left: dict[str, float] = {}
        if config.max_trials:
            left["max_trials"] = max(1, config.max_trials - len(main))
        if config.session_minutes:
            spent_s = sum(trial.time_s for trial in main)
            left["session_minutes"] = max(0.01, config.session_minutes - spent_s / 60)
        return config.model_copy(update=left)

    def _next_main(self) -> PlannedArrangement | ArrangementEnd:
        number = {name: at for at, name in enumerate(self.ids)}
        main, before = self._done("main"), []
        for trial in (*self.earlier, *main):
            # Objects that are no longer in the design are left out.
            known = [
                (number[name], place) for name, place in trial.places.items() if name in number
            ]
            items = np.array([at for at, _ in known], dtype=np.int64)
            places = np.array([place for _, place in known], dtype=np.float64).reshape(-1, 2)
            before.append(ArrangedTrial(items, places))
        fixed = [
            ([number[name] for name in trial.stimuli], trial.scheduler)
            for trial in self._fixed("main")
        ]
        return next_arrangement(
            self.config,
            len(self.ids),
            before,
            np.random.default_rng([self.seed, len(main) + 1]),
            spent_s=sum(trial.time_s for trial in main),
            in_session=len(main),
            listed=None if self.config.scheduler == "lift_weakest" else fixed,
        )

    def _progress(self, planned: ListedArrangement | PlannedArrangement) -> float | None:
        """Share of the session that is over before a trial, attention checks included.

        None in practice. If the number of main trials is open, it is extrapolated from the trials
        done and the share that is over.
        """
        n_main, n_catch = len(self._done("main")), len(self._fixed("catch"))
        if isinstance(planned, PlannedArrangement):
            share = planned.session_progress
            return share * n_main / (n_main + share * n_catch) if n_main and n_catch else share
        if planned.trial_type == "practice":
            return None
        return (n_main + len(self._done("catch"))) / (n_main + n_catch)

    def trial(self, planned: ListedArrangement | PlannedArrangement) -> ArrangementTrial:
        """Make the trial to show, with seats drawn for it."""
        index, least, mean = len(self.done) + 1, None, None
        if isinstance(planned, PlannedArrangement):
            kind, items = "main", tuple(self.ids[at] for at in planned.items)
            least, mean = planned.min_evidence, planned.mean_evidence
        else:
            kind, items = planned.trial_type, planned.stimuli
        return ArrangementTrial(
            trial_index=index,
            trial_type=kind,
            items=items,
            seats=draw_seats(len(items), np.random.default_rng([self.seed, index, _SEATS])),
            scheduler=planned.scheduler,
            min_evidence_before=least,
            mean_evidence_before=mean,
            groups=tuple(self.kinds[name] for name in items) if kind == "catch" else None,
            progress=self._progress(planned),
        )


def arrangement_script(
    protocol: MultiArrangement, size: tuple[int, int], arranging: Arranging, opening: Opening
) -> Generator[Activity | Item, None, str]:
    """Activities of a session; trials already in ``arranging.done`` are behind it."""
    pages = frame(protocol.screen, size)
    if not (yield from before_trials(protocol, pages, opening, frozenset())):
        return "declined"
    begun, time = len(arranging.done), 0.0
    while (planned := arranging.following()) is not None:
        trial = arranging.trial(planned)
        if len(arranging.done) > begun:
            yield from pages_between(protocol, pages, arranging, trial)
        layout = lay_out_arena(protocol, size, len(trial.items))
        activity = ArrangementActivity(trial, protocol, layout)
        yield activity
        assert activity.result is not None
        arranging.done.append(submitted(activity.result))
        time = activity.result.ending.time
    if (end := arranging.end()) is not None:
        yield Note("arranged", time, end)
    yield from after_trials(protocol, pages)
    return "completed"


def submitted(result: ArrangementResult) -> SubmittedTrial:
    """Return what the choice of the next trial knows of a result."""
    return _submitted(pd.DataFrame(result.rows(rt_source="", pilot=False)))


def _submitted(rows: pd.DataFrame) -> SubmittedTrial:
    inside = rows[rows["inside"].astype(bool)]
    points = zip(inside["x"].astype(float), inside["y"].astype(float), strict=True)
    return SubmittedTrial(
        trial_type=str(rows["trial_type"].iloc[0]),
        places=dict(zip(inside["stimulus"].astype(str), points, strict=True)),
        time_s=float(rows["response_time"].iloc[0]),
    )


def _read_trials(path: Path) -> list[SubmittedTrial]:
    rows = read_run(path).rows
    return [_submitted(trial) for _, trial in rows.groupby("trial_index", sort=False)]


def pages_between(
    protocol: MultiArrangement,
    pages: Frame,
    arranging: Arranging,
    trial: ArrangementTrial,
) -> Iterator[Activity]:
    """Page between a trial and those that are done, if there is one."""
    done, total = arranging.done, arranging.total
    page = page_before(protocol, [*done, trial], len(done), math.inf if total is None else total)
    if page == "practice_end":
        yield text_page(page, protocol.texts.practice_end, protocol, pages)
    elif page == "break":
        yield pause_page(protocol, pages, count_judged(done), total, trial.progress)


_DONE = Duration(1.0, 3.0)
"""From the last image to Done."""
_PLACED_PER_PAIR = (0.8, 1.5)
"""Images placed until every pair has evidence .5, divided by the pairs: .8 to 1.3 with 20 to 48
objects (simulated: benchmarks/results/arrangement.md), up to 1.5 with eight."""
_SMALL_SET = 4
"""Images of a usual set where sets are small (same simulations)."""


def placing_duration(n_trials: float, n_placed: float, n_new: float) -> Duration:
    """Time within ``n_trials`` trials."""
    new = paced(SECONDS_PER_NEW_PLACEMENT).times(n_new)
    return new + paced(SECONDS_PER_PLACEMENT).times(n_placed - n_new) + _DONE.times(n_trials)


def arrangement_times(
    protocol: MultiArrangement,
    config: ArrangementConfig,
    m: int,
    listed: Sequence[ListedArrangement],
    simulated: ArrangedSession | None = None,
) -> Times:
    """Time for the trials of a session, and for all pages after the instruction."""
    texts, ready = protocol.texts, Duration(protocol.breaks.ready_s, protocol.breaks.ready_s)
    kinds = {kind: [one for one in listed if one.trial_type == kind] for kind in _KINDS}
    main, most = kinds.pop("main"), min(config.max_items or m, m)
    few = many = float(len(main))
    time = _listed_duration(main)
    if simulated is not None:
        few = many = len(simulated.sizes)
        time = placing_duration(few, sum(simulated.sizes), simulated.n_objects)
        if simulated.reason == "time":  # other people place more or fewer images in that time
            time = Duration(math.inf, math.inf)
    elif config.scheduler == "lift_weakest":
        time, (few, many) = _open_duration(config, m, most)
    if config.session_minutes:  # the trial under way is finished
        limit_s, largest = 60 * config.session_minutes, max([most, *(len(t.stimuli) for t in main)])
        time = time.capped(limit_s, limit_s + placing_duration(1, largest, 0).high_s)
    pages = [ready, closing_duration(protocol)]
    if kinds["practice"]:
        pages.append(page_duration(texts.practice_end, protocol.pages.page_s) + ready)
    if every := protocol.breaks.break_every:
        n_catch = len(kinds["catch"])
        n_breaks = [max(0, math.floor(n) + n_catch - 1) // every for n in (few, math.ceil(many))]
        pages.append((break_duration(protocol) + ready).times(*n_breaks))
    return Times(sum(map(_listed_duration, kinds.values()), time), sum(pages, Duration()))


def _listed_duration(trials: Sequence[ListedArrangement]) -> Duration:
    shown = [name for trial in trials for name in trial.stimuli]
    return placing_duration(len(trials), len(shown), len(set(shown)))


def _open_duration(
    config: ArrangementConfig, m: int, most: int
) -> tuple[Duration, tuple[float, float]]:
    pairs = m * (m - 1) / 2 * config.stop_evidence / 0.5
    few, many = (max(most, share * pairs) for share in _PLACED_PER_PAIR)
    trials = [few / most, max(1.0, many / _SMALL_SET)]
    if config.max_trials:
        trials = [min(n, config.max_trials) for n in trials]
        few = min(few, most + _SMALL_SET * (config.max_trials - 1))
        many = min(many, most * config.max_trials)
    quick = placing_duration(trials[0], few, min(m, few)).low_s
    slow = placing_duration(trials[1], many, min(m, many)).high_s
    if config.session_minutes:
        # People who run out of time have had as many trials as fit.
        fits = [min(1.0, 60 * config.session_minutes / time) for time in (quick, slow)]
        trials = [n * share for n, share in zip(trials, fits, strict=True)]
    return Duration(quick, slow), (trials[0], trials[1])


_PILOT_TRIALS = 2
_FEWEST = 2
"""Images of the smallest possible trial."""


@dataclass(frozen=True, kw_only=True)
class PreparedArrangements(Prepared):
    """A multi-arrangement session that can start."""

    hands_of = staticmethod(lambda one, *more: ArrangementHands(SimulatedArranger(one), *more))
    lay_out = staticmethod(lambda protocol, view, n: lay_out_arena(protocol, view.size, n))
    protocol: MultiArrangement
    arranging: Arranging

    @property
    def budget_s(self) -> float | None:
        """Time for trials, in seconds."""
        return 60 * self.arranging.config.session_minutes or None

    @property
    def evidence_goal(self) -> float:
        """Evidence at which a pair is known well enough, squared arena diameters."""
        return self.arranging.config.stop_evidence

    def checks_done(self, rows: Sequence[Mapping[str, str]]) -> list[bool | None]:
        """Judge the places of the images: rows hold no verdict."""
        catch = [row for row in rows if row["trial_type"] == "catch"]
        trials = groupby(catch, key=lambda row: row["trial_index"])
        return [
            groups_apart(
                [(float(row["x"]), float(row["y"])) for row in trial],
                [self.arranging.kinds[row["stimulus"]] for row in trial],
            )
            if trial[0]["end_reason"] != "timeout" or all(row["inside"] == "true" for row in trial)
            else None
            for trial in (list(group) for _, group in trials)
        ]

    @property
    def most_shown(self) -> int:
        config, m = self.arranging.config, len(self.arranging.ids)
        chosen = min(config.max_items or m, m) if config.scheduler == "lift_weakest" else 0
        return max([chosen, *(len(trial.stimuli) for trial in self.arranging.listed)])

    def images_ahead(self, progress: Progress) -> tuple[str, ...]:
        return self.arranging.ids

    def image_size(self, view: View) -> int:
        lay_out_arena(self.protocol, view.size, self.most_shown)  # the largest trial has to fit
        layout = lay_out_arena(self.protocol, view.size, _FEWEST)
        return round(layout.item * self.protocol.arena.held_scale)

    @classmethod
    def rooms(cls, protocol: Any, layout: ArenaLayout, pages: Frame) -> Iterator[Room]:
        lines = 2.7 if is_upright(pages.size) else 1.4
        prompt = protocol.texts.prompt
        yield Room("texts.prompt", prompt, 1, widest(pages), lines * layout.text)

    def script(self, view: View, progress: Progress) -> Script:
        return arrangement_script(
            self.protocol, view.size, self._resumed(progress), self.opening(progress)
        )

    def times(self, progress: Progress) -> Times:
        left = self._resumed(progress)
        return arrangement_times(self.protocol, left.rest(), len(left.ids), left.left(*_KINDS))

    @classmethod
    def listed_times(
        cls,
        protocol: MultiArrangement,
        study: Study,
        stimuli: StimulusSet,
        table: pd.DataFrame,
        simulated: ArrangedSession | None = None,
    ) -> Times:
        config = study.config.arrangement
        m, listed = len(shown_objects(stimuli, config)), listed_arrangements(table)
        return arrangement_times(protocol, config, m, listed, simulated)

    def _resumed(self, progress: Progress) -> Arranging:
        done = _read_trials(self.plan.name.rows(self.sitting.root)) if progress.n_done else []
        return replace(self.arranging, done=done)


def _earlier_trials(sitting: Sitting) -> list[SubmittedTrial]:
    """Read the main trials of the participant's earlier sessions: their evidence counts.

    That of another condition is about other similarities, so it does not.
    """
    trials = []
    for path in find_runs(sitting.root, MULTI_ARRANGEMENT, sitting.participant):
        name = RunName.parse(path)
        if name.session < sitting.session and name.run == sitting.study.run:
            trials += _read_trials(path)
    return [trial for trial in trials if trial.trial_type == "main"]


def prepare_arrangements(sitting: Sitting) -> PreparedArrangements:
    """Read and check protocol, stimuli, fixed trials and earlier sessions."""
    protocol, stimuli, table = load_listed(sitting, MultiArrangement)
    study, config = sitting.study, sitting.study.config.arrangement
    if sitting.pilot:
        few = min(config.max_trials or _PILOT_TRIALS, _PILOT_TRIALS)
        config = config.model_copy(update={"max_trials": few})
    ids = shown_objects(stimuli, config)
    listed = listed_arrangements(table)
    shown = dict.fromkeys([*ids, *(name for trial in listed for name in trial.stimuli)])
    n_listed = None if config.scheduler == "lift_weakest" or config.max_trials else len(listed)
    coarsest = stimuli.levels[0] if stimuli.levels else None
    kinds = stimuli.table[coarsest] if coarsest else pd.Series("", index=stimuli.table.index)
    arranging = Arranging(
        config=config,
        ids=ids,
        kinds=dict(zip(stimuli.table["id"], kinds, strict=True)),
        listed=listed,
        seed=session_secret(study.config.seed, sitting.participant, sitting.session),
        earlier=_earlier_trials(sitting),
    )
    _check_main_trials(arranging, sitting)
    return PreparedArrangements.of(
        sitting,
        protocol,
        stimuli,
        shown=shown,
        n_trials=n_listed,
        listed=table,
        design=config.model_dump(mode="json"),
        arranging=arranging,
    )


def _check_main_trials(arranging: Arranging, sitting: Sitting) -> None:
    end = arranging.end()
    if end is None:
        return
    participant = sitting.participant
    if end["reason"] == "list":
        path = sitting.study.trial_list(MULTI_ARRANGEMENT, participant, sitting.session)
        raise TwoalikeError(
            f"{path}: expected main trials, found none. Add some to the list, or choose another "
            "scheduler in study.toml."
        )
    raise TwoalikeError(
        f"participant {participant} has nothing left to arrange: every pair of "
        f"{len(arranging.ids)} objects has the evidence asked for. Another participant, or a "
        "higher arrangement.stop_evidence in study.toml."
    )
