"""Attacks on running and finished sessions, and a table of their outcomes.

    python -P tests/hardening/attacks.py [--tries N] [--seed N] [--only NAME] [--out FILE]

Sessions are real processes of ``twoalike run``, with simulated participants. *Lost* are finished
trials that no file holds afterwards, but for those that the attack itself erased. *Misled* are
tries after which a command reported something false, or failed to report a fault: a session
called finished whose rows are not all under their name, or data that ``validate``, ``fit`` and
``share`` accept without a word though rows are missing, doubled or changed.
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.end_to_end.forks import start_forks
from tests.hardening import deeds
from tests.hardening.victims import LONG, SPEED, TASKS, Bench, Finding, Victim, unclear

type Attack = Callable[[Bench, int, random.Random], Iterator[Finding]]
A_SESSION = 10
"""Kills of one session before it may finish."""


def kill(
    bench: Bench, tries: int, rng: random.Random, *, task: str, window: bool
) -> Iterator[Finding]:
    """SIGKILL at any time, before any step to the disk, or some trials later.

    Each session goes on after a kill, and to its end after ten; before that, ``validate`` has to
    find nothing wrong.
    """
    done = 0
    while done < tries:
        with bench.victim(task, LONG, window=window) as victim:
            for how in rng.choices((_at_any_time, _before_a_step, _after_trials), k=A_SESSION):
                what, killed = how(victim, rng)
                if not killed or done == tries:
                    break
                done += 1
                what += f", {len(victim.finished)} trials finished"
                yield Finding(what, victim.gone(), _not_recorded(victim))
            unsound = victim.refused()
            end = _finish(victim, "killed")
            yield replace(end, misled=[*unsound, *end.misled])


def _at_any_time(victim: Victim, rng: random.Random) -> tuple[str, bool]:
    after_s = rng.uniform(0.05, 5.0 if victim.window else 1.5)
    speed = ("--speed", SPEED[victim.task])
    report = victim.sit("--resume", *speed, kill_after_s=after_s)
    return f"after {after_s:.3f} s", report.status == -9


def _before_a_step(victim: Victim, rng: random.Random) -> tuple[str, bool]:
    step = rng.randint(1, 25 if victim.task == "odd-one-out" else 120)
    report = victim.sit("--resume", die_before=step)
    return f"before step {step}", report.status == -9


def _after_trials(victim: Victim, rng: random.Random) -> tuple[str, bool]:
    """Some time after some further trials are in the journal."""
    goal, after_s = victim.n_trials() + rng.randint(1, 12), rng.uniform(0, 0.5)
    speed = ("--speed", SPEED[victim.task])
    report = victim.sit(
        "--resume", *speed, kill_after_s=after_s, kill_once=lambda: victim.n_trials() >= goal
    )
    return f"{after_s:.3f} s after {goal} trials", report.status == -9


def _not_in_table(victim: Victim) -> list[str]:
    """Say which finished trials the table does not hold once."""
    missing = victim.missing()
    return [f"trials {missing} are not in the table"] if missing else []


def _not_recorded(victim: Victim) -> list[str]:
    """Say which finished trials the journal does not hold once."""
    missing = victim.not_recorded()
    return [f"trials {missing} are not in the journal"] if missing else []


def _unsound(victim: Victim) -> list[str]:
    """What is wrong with a session from which nothing may be missing."""
    return [*_not_in_table(victim), *victim.refused()]


def _finish(victim: Victim, what: str) -> Finding:
    """Let a session go on, which must reach its end and be whole."""
    report = victim.sit("--resume")
    # The fault may have come after the session was finished and before that was printed.
    ended = not report.status or "this session is finished" in report.said
    failed = [] if ended else [f"--resume: {report.said.strip()[-300:]}"]
    return Finding(f"{what}, then --resume", victim.gone(), [*failed, *_unsound(victim)])


def fault(bench: Bench, tries: int, rng: random.Random, *, task: str) -> Iterator[Finding]:
    """A disk that refuses one step or all from one on; once it is well, the session goes on."""
    with bench.victim(task) as whole:
        n_steps = len(whole.sit_through().steps)
    for _ in range(tries):
        how = {
            "error": rng.choice(("ENOSPC", "EIO", "EROFS", "EDQUOT", "ESTALE")),
            "at": rng.randint(1, n_steps),
            "times": rng.choice((1, 10**9)),
            "half": rng.random() < 0.5,
        }
        with bench.victim(task) as victim:
            report = victim.sit(fault=how)
            ended = unclear(report) if report.status else _called_finished(victim)
            # A line may be torn until --resume mends it, as validate says.
            now = Finding(f"{how}", victim.gone(), [*ended, *_not_recorded(victim)])
            yield now if not report.status or now.lost or now.misled else _finish(victim, f"{how}")


def _called_finished(victim: Victim) -> list[str]:
    """Say that a session ended as finished though its table is not whole."""
    return [f"called finished: {what}" for what in _not_in_table(victim)]


def disturb(bench: Bench, tries: int, rng: random.Random, *, task: str) -> Iterator[Finding]:
    """Files and folders replaced, changed, moved and removed while a session runs."""
    with bench.victim(task) as whole:
        report = whole.sit_through()
        names = deeds.targets(whole)
        to_all = [
            (name, deed)
            for name, path in names.items()
            for deed in (deeds.TO_FOLDERS if path.is_dir() else deeds.TO_FILES)
        ]
    # The journal first, since all depends on it; the rest in any order.
    journal = [pair for pair in to_all if pair[0] == "journal"]
    rest = [pair for pair in to_all if pair[0] != "journal"]
    rng.shuffle(rest)
    chosen = [*journal, *rest]
    first, last = (report.step("fsync", "_journal.jsonl", n) for n in (3, 5))
    for number in range(tries):
        name, deed = chosen[number % len(chosen)]
        with bench.victim(task) as victim:
            yield _disturb(victim, name, deed, rng.randint(first, last))


def _disturb(victim: Victim, name: str, deed: Callable[[Path, Path], None], step: int) -> Finding:
    aside, erased = victim.folder / "aside", set[int]()
    aside.mkdir()

    def act() -> None:
        deed(deeds.targets(victim)[name], aside)

    report = victim.sit(stop_before=step, meanwhile=act)
    before = len(victim.finished)
    if deed in deeds.ERASING:
        erased = set(victim.gone())
    ended = unclear(report) if report.status else _called_finished(victim)
    again = victim.sit("--resume")
    ended += _called_finished(victim) if not again.status else unclear(again)
    lost = [index for index in victim.gone() if index not in erased]
    # Nothing is left in the study that could name what was moved away with all of its data.
    traceless = name == "folder raw"
    if victim.missing() and not (traceless and report.status):
        ended += victim.accepted("validate", "fit", "share")
    what = f"{name}, {deed.__name__} before step {step}, {before} trials finished"
    return Finding(what, lost, ended)


@contextmanager
def finished_study(bench: Bench, task: str) -> Iterator[Victim]:
    """A study with two finished participants and one who was piloted."""
    with bench.victim(task) as whole:
        for who in (deeds.WHO_IS_COPIED, deeds.OTHER):
            whole.sit_through(who=who)
        whole.sit_through("--pilot", who=deeds.PILOT)
        yield whole


def edit(bench: Bench, tries: int, rng: random.Random, *, task: str) -> Iterator[Finding]:
    """Finished sessions whose rows or files are removed, doubled, changed or exchanged."""
    edits = [*deeds.TO_ROWS, *deeds.TO_SESSIONS]
    with finished_study(bench, task) as whole:
        for number in range(tries):
            change = edits[number % len(edits)]
            with bench.copy(whole) as victim:
                change(victim)
                changed = _content(victim) != _content(whole)
                accepted = victim.accepted("validate", "fit", "share")
                healed = changed and _content(victim) == _content(whole)  # from the journal
            yield Finding(change.__name__, (), [] if healed else accepted)


def _content(victim: Victim) -> bytes:
    return victim.table.read_bytes() if victim.table.is_file() else b""


def edit_begun(bench: Bench, tries: int, rng: random.Random, *, task: str) -> Iterator[Finding]:
    """Sessions that broke off and whose rows are changed before they go on."""
    edits = [change for change in deeds.TO_ROWS if change is not deeds.call_practice_main]
    with bench.victim(task) as whole:
        step = whole.sit_through().step("fsync", "_journal.jsonl", 5)
    for number in range(tries):
        change = edits[number % len(edits)]
        with bench.victim(task) as victim:
            victim.sit(die_before=step)
            victim.check("validate")  # writes the tables
            change(victim)
            report = victim.sit("--resume")
            wrong = unclear(report) if report.status else _called_finished(victim)
            if report.status or victim.missing():  # else it was written again from the journal
                wrong += victim.accepted("validate", "fit", "share")
        yield Finding(change.__name__, (), wrong)


ATTACKS: dict[str, tuple[int, Attack]] = {
    **{f"kill, {task}": (100, partial(kill, task=task, window=False)) for task in TASKS},
    **{f"kill in a window, {task}": (100, partial(kill, task=task, window=True)) for task in TASKS},
    **{f"disk fault, {task}": (30, partial(fault, task=task)) for task in TASKS},
    **{f"files disturbed, {task}": (40, partial(disturb, task=task)) for task in TASKS},
    **{f"begun and edited, {task}": (8, partial(edit_begun, task=task)) for task in TASKS},
    **{f"finished and edited, {task}": (23, partial(edit, task=task)) for task in TASKS},
}
"""Tries and function of each attack."""
HEAD = "| attack | tries | lost | misled | s per try |\n|---|---|---|---|---|"


def try_attack(bench: Bench, name: str, tries: int, seed: int) -> tuple[str, list[Finding]]:
    """Give an attack's row of the table, and what went wrong."""
    _, attack = ATTACKS[name]
    start = time.monotonic()
    findings = list(attack(bench, tries, random.Random(f"{seed} {name}")))
    lost = sum(len(finding.lost) for finding in findings)
    bad = [finding for finding in findings if finding.lost or finding.misled]
    misled = sum(bool(finding.misled) for finding in findings)
    seconds = (time.monotonic() - start) / tries
    return f"| {name} | {tries} | {lost} | {misled} | {seconds:.1f} |", bad


@contextmanager
def open_bench(*, window: bool) -> Iterator[Bench]:
    """A folder for attacks, and a process to fork; with a screen if windows are opened."""
    with TemporaryDirectory(prefix="attacks-") as folder:
        if not window:
            with start_forks(Path(folder)) as forks:
                yield Bench(forks, Path(folder))
            return
        from pyvirtualdisplay.display import Display

        # Else the server resets when a killed session's window is closed.
        with Display(visible=False, size=(1280, 1024), extra_args=["-noreset"]) as display:
            with start_forks(Path(folder), {"DISPLAY": display.new_display_var}) as forks:
                yield Bench(forks, Path(folder))


def main() -> None:
    """Try the attacks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--tries", type=int, help="tries of each attack; its own number if left out"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="attacks whose names begin so")
    options = parser.parse_args()
    os.environ["PYTHONWARNINGS"] = "ignore"
    chosen = [name for name in ATTACKS if name.startswith(options.only)]
    print(HEAD, flush=True)  # noqa: T201
    failed = []
    for name in chosen:
        with open_bench(window="window" in name) as bench:
            row, bad = try_attack(bench, name, options.tries or ATTACKS[name][0], options.seed)
        print(row, flush=True)  # noqa: T201
        failed += [(name, finding) for finding in bad]
    for name, finding in failed:
        lost = f" lost {list(finding.lost)}" * bool(finding.lost)
        print(f"- {name}: {finding.what}:{lost} {'; '.join(finding.misled)}")  # noqa: T201
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
