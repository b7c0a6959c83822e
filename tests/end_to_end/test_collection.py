"""A hundredth of the benchmark of a collection: tar shards to a student, killed and resumed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "collection.py"


@pytest.mark.slow
def test_a_student_of_tar_shards_resumes_bit_by_bit(tmp_path: Path) -> None:
    """The script fails if weights differ, too few images are used, or pairs recur too often."""
    command = [sys.executable, "-P", str(SCRIPT), "--scale", "0.01", "--folder", str(tmp_path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "equal (" in result.stdout
