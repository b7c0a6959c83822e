"""The BIDS validator, run over a data set with every row checked."""

import json
import subprocess
import sysconfig
from pathlib import Path

from twoalike.record._read import RawProblem
from twoalike.study import TwoalikeError, how_to_install

_OPTIONS = ("--ignoreWarnings", "--max-rows", "-1", "--format", "json")


def _validator() -> Path:
    name = "bids-validator-deno"
    scripts = Path(sysconfig.get_path("scripts"))
    for path in (scripts / name, scripts / f"{name}.exe"):
        if path.exists():
            return path
    raise TwoalikeError(f"bids-validator-deno is not installed. {how_to_install('experiments')}")


def check_bids(root: Path) -> list[RawProblem]:
    """Errors of the BIDS validator in the data set ``root``.

    Raises
    ------
    TwoalikeError
        If the validator is missing or does not run.
    """
    done = subprocess.run(
        [str(_validator()), str(root), *_OPTIONS], capture_output=True, text=True, check=False
    )
    try:
        issues = json.loads(done.stdout)["issues"]
    except (json.JSONDecodeError, KeyError) as error:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        raise TwoalikeError(f"{root}: the BIDS validator failed ({lines[-1]}).") from error
    messages = issues.get("codeMessages", {})
    problems = []
    for issue in issues["issues"]:
        text = " ".join(messages.get(issue["code"], "").split())
        found = f", found {issue['issueMessage']}" if issue.get("issueMessage") else ""
        line = issue.get("line")
        problems.append(
            RawProblem(
                root / str(issue.get("location", "")).lstrip("/"),
                f"{text}{found} (BIDS {issue['code']})",
                line - 1 if line else None,
                str(issue.get("subCode") or ""),
            )
        )
    return problems
