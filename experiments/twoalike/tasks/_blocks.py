"""Questions between blocks of trials, in the session of any task.

A block ends with a break, the last one with the last trial. What was answered is on the disk, so a
resumed session asks first what the block before left open.
"""

from collections import Counter
from collections.abc import Iterator

import pandas as pd

from twoalike.record import Progress, answered_questions, whole_rows
from twoalike.registry import find_task
from twoalike.tasks._activity import Activity, Item
from twoalike.tasks._listed import ends_block
from twoalike.tasks._prepare import Prepared
from twoalike.tasks._session import Script
from twoalike.tasks.screens import QuestionActivity, View, ask_questions, frame


def with_block_questions(prepared: Prepared, view: View, progress: Progress) -> Script:
    """Return the script of a session with the questions that its protocol has between blocks."""
    script = prepared.script(view, progress)
    if not prepared.protocol.blocks.questions:
        return script
    return _asking(script, prepared, view, progress)


def _asking(script: Script, prepared: Prepared, view: View, progress: Progress) -> Script:
    protocol, pages = prepared.protocol, frame(prepared.protocol.screen, view.size)
    root, name = prepared.sitting.root, prepared.plan.name
    answered = answered_questions(root, name) if progress.begun else set[str]()

    def ask(block: int) -> Iterator[Activity | Item]:
        questions = [one for one in protocol.blocks.after(block) if one.id not in answered]
        yield from ask_questions("blocks", questions, protocol, pages)
        answered.update(one.id for one in questions)

    over, within = blocks_over(prepared, progress)
    began = progress.n_done > 0
    try:
        while True:
            try:
                step = next(script)
            except StopIteration as end:
                return str(end.value)
            kind = _kind(step)
            if kind == "trial":
                if over and not within:
                    yield from ask(over)
                began = within = True
            elif began and kind in ("break", "after") and (within or over):
                over, within = over + within, False
                yield from ask(over)
            yield step
    finally:
        script.close()


def _kind(step: Activity | Item) -> str:
    """``trial``, ``break``, ``after`` (what comes after the last trial), or empty."""
    if isinstance(step, QuestionActivity):
        return "after" if step.measure == "debrief" else ""
    if not isinstance(step, Activity):
        return ""
    return {"trial": "trial", "break": "break", "end": "after"}.get(step.name, "")


def blocks_over(prepared: Prepared, progress: Progress) -> tuple[int, bool]:
    """Count the blocks that the trials on the disk complete; whether another has begun.

    Blocks are counted as the breaks between them: every so many trials of the protocol, or else the
    blocks of the trial list; a short last one is a part of the one before.
    """
    if not progress.n_done:
        return 0, False
    name, root = prepared.plan.name, prepared.sitting.root
    rows = whole_rows(name.rows(root), find_task(name.task).trials)
    done = {row["trial_index"]: row for row in rows if row["trial_type"] != "practice"}
    listed, n_trials = prepared.plan.trials, prepared.plan.n_trials
    practice = 0 if listed is None else len(_first_rows(listed, practice=True))
    total = None if n_trials is None else n_trials - practice
    if every := prepared.protocol.breaks.break_every:
        over = len(done) // every
        over -= over > 0 and not ends_block(over * every, every, total)
        return over, len(done) > over * every
    if not done or listed is None or "block_index" not in listed:
        return 0, bool(done)
    judged = _first_rows(listed, practice=False)
    left = judged["trial_index"].astype(int) > progress.n_done
    order = [row["block_index"] for row in done.values()] + judged["block_index"][left].tolist()
    *before, last = Counter(order).items()
    if before and len(order) == total and 2 * last[1] < before[-1][1]:
        order = [before[-1][0] if block == last[0] else block for block in order]
    goes_on = order[len(done) - 1 : len(done)] == order[len(done) : len(done) + 1]
    return len(set(order[: len(done)])) - goes_on, goes_on


def _first_rows(listed: pd.DataFrame, *, practice: bool) -> pd.DataFrame:
    """First row of each trial of a list, of practice or not."""
    found = listed[(listed["trial_type"] == "practice") == practice]
    return found.drop_duplicates("trial_index")
