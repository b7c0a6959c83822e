"""A stand-in for a SLURM cluster: its commands, which run jobs on this machine, two at a time."""

import os
import stat
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SBATCH = r"""
import os, re, subprocess, sys
home, script = os.environ["STAND_IN"], sys.argv[1]
if os.path.exists(f"{home}/refuse"):
    sys.exit("sbatch: error: invalid partition specified: nowhere")
asked = dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", open(script).read(), re.M))
with open(f"{home}/asked", "a") as file:
    file.write(repr(asked) + "\n")
number = str(1000 + sum(1 for name in os.listdir(home) if name.startswith("array-")))
open(f"{home}/array-{number}", "w").close()
first, last = re.match(r"(\d+)-(\d+)", asked.get("array", "0-0")).groups()
one = "array" not in asked
jobs = [number if one else f"{number}_{k}" for k in range(int(first), int(last) + 1)]
for job in jobs:
    open(f"{home}/queue-{job}", "w").write("PENDING")
log = asked["output"].strip("'")
loop = '''
import os, subprocess, sys
home, script, log, *jobs = sys.argv[1:]
for job in jobs:
    number, _, place = job.partition("_")
    env = {**os.environ, "SLURM_JOB_ID": number}
    if place:
        env |= {"SLURM_ARRAY_JOB_ID": number, "SLURM_ARRAY_TASK_ID": place}
    path = f"{home}/queue-{job}"
    open(path, "w").write("RUNNING")
    name = log.replace("%A", number).replace("%a", place).replace("%j", number)
    with open(name, "a") as file:
        done = subprocess.run(["bash", script], env=env, stdout=file, stderr=file)
    open(f"{home}/state-{job}", "w").write("COMPLETED" if done.returncode == 0 else "TIMEOUT")
    os.unlink(path)
'''
for half in (jobs[::2], jobs[1::2]):
    if half:
        subprocess.Popen(
            [sys.executable, "-c", loop, home, script, log, *half],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
print("Submitted batch job", number)
"""
SQUEUE = r"""
import os, sys
home = os.environ["STAND_IN"]
if os.path.exists(f"{home}/busy"):
    os.unlink(f"{home}/busy")
    sys.exit("slurm_load_jobs error: Unable to contact slurm controller")
for name in sorted(os.listdir(home)):
    if name.startswith("queue-"):
        print(name.removeprefix("queue-"), open(f"{home}/{name}").read())
"""
SACCT = r"""
import os, sys
print(open(f"{os.environ['STAND_IN']}/state-{sys.argv[-1]}").read())
"""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put the commands on the path; yields the folder with the state of the cluster.

    ``asked`` holds the options of each array; a file ``refuse`` makes sbatch fail, ``busy`` squeue
    once.
    """
    home, commands = tmp_path / "cluster", tmp_path / "commands"
    home.mkdir()
    commands.mkdir()
    for name, text in {"sbatch": SBATCH, "squeue": SQUEUE, "sacct": SACCT, "srun": ""}.items():
        path = commands / name
        path.write_text(f"#!{sys.executable}\n{textwrap.dedent(text)}")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("STAND_IN", str(home))
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("twoalike.jobs._tasks.GRACE_S", 1.0)
    yield home
    stop = time.monotonic() + 60
    while list(home.glob("queue-*")):  # outputs appear before their jobs have ended
        assert time.monotonic() < stop, "jobs outlive their test"
        time.sleep(0.05)
