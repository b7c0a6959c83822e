"""Questions between blocks of trials, in the session of any task.

A block ends with a break, the last one with the last trial. What was answered is on the disk, so a
resumed session asks first what the block before left open.
"""

from collections.abc import Iterator

from twoalike.record import Progress, answered_questions, whole_rows
from twoalike.registry import find_task
from twoalike.tasks._activity import Activity, Item
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
    blocks of the trial list.
    """
    if not progress.n_done:
        return 0, False
    name, root = prepared.plan.name, prepared.sitting.root
    rows = whole_rows(name.rows(root), find_task(name.task).trials)
    done = {row["trial_index"]: row for row in rows if row["trial_type"] != "practice"}
    listed = prepared.plan.trials
    if every := prepared.protocol.breaks.break_every:
        over, more = divmod(len(done), every)
        return over, more > 0
    if not done or listed is None or "block_index" not in listed:
        return 0, bool(done)
    blocks = list(dict.fromkeys(row["block_index"] for row in done.values()))
    following = listed[listed["trial_index"] == str(progress.n_done + 1)]
    goes_on = len(following) > 0 and following["block_index"].iloc[0] == blocks[-1]
    return len(blocks) - goes_on, goes_on
