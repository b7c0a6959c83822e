"""Features with processes that read images beside the network, in bfloat16, and by torchrun."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.backbones.test_extract import mean_colour
from tests.conftest import call

from twoalike.backbones import extract_features, extract_shards
from twoalike.collections import as_collection
from twoalike.features import feature_shard, read_features
from twoalike.study import TwoalikeError

COMMON = ("features", "--backbone", "test_resnet", "--untrained", "--size", "32", "--device", "cpu")


def command(*words: object, processes: int = 1) -> list[str]:
    """Command line of features in a process, or in several of torchrun's."""
    start = [sys.executable, "-m"]
    if processes > 1:
        start += ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m"]
    return [*start, "twoalike.cli.app", *COMMON, *map(str, words)]


@pytest.fixture
def many(photos: Path) -> Path:
    """Twelve images more, all different, of which one cannot be read."""
    rng = np.random.default_rng(0)
    for number in range(12):
        pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        from PIL import Image

        Image.fromarray(pixels).save(photos / f"z{number:02d}.png")
    (photos / "z05.png").write_bytes(b"no image")
    return photos


def test_workers_do_not_change_a_bit_and_leave_out_the_same(many: Path) -> None:
    """Shards as well as one table, where a batch ends before a shard does."""
    common = dict(untrained=True, size=32, skip_unreadable=True, batch=3, device="cpu")
    here = extract_features("test_resnet", many, **common)
    there = extract_features("test_resnet", many, workers=2, **common)
    np.testing.assert_array_equal(here.values, there.values)
    assert here.ids == there.ids
    assert here.meta == there.meta
    assert here.meta["unreadable"] == ["z05"]
    kept = as_collection(many).only([i for i in range(17) if i != 10])
    assert here.meta["listing_sha256"] == kept.digest
    parts = many.parent / "parts"
    extract_shards(parts, "test_resnet", many, shard=4, workers=1, **common)
    table = read_features(parts)
    assert table.ids == here.ids
    np.testing.assert_allclose(np.asarray(table.values), here.values, atol=1e-5)


def test_an_error_of_a_worker_is_one_line(many: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = many.parent / "f.npz"
    assert call(*COMMON, "--images", many, "--out", out, "--workers", 1) == 1
    said = capsys.readouterr().err
    assert "z05.png: cannot be read as an image" in said
    assert "--skip-unreadable" in said
    assert said.count("\n") == 1
    assert not out.exists()
    for words, message in ((("--workers", -1), "--workers"), (("--batch", 0), "--batch")):
        assert call(*COMMON, "--images", many, "--out", out, *words) == 1
        assert message in capsys.readouterr().err
    with pytest.raises(TwoalikeError, match="`precision=...`: expected 32 or bf16, found '16'"):
        extract_features(mean_colour(), many, precision="16")


def test_processes_of_torchrun_share_a_part(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = photos.parent / "shards"
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, part, done in ((1, None, {1, 3}), (0, "2/2", {1, 2, 3}), (0, None, {0, 1, 2, 3, 4})):
        monkeypatch.setenv("RANK", str(rank))
        extract_shards(out, mean_colour(), photos, shard=1, part=part, device="cpu")
        assert {n for n in range(5) if feature_shard(out, n).is_file()} == done
    assert call(*COMMON, "--images", photos, "--out", photos.parent / "f.npz") == 1
    assert "found 2, started by torchrun. Give --shard" in capsys.readouterr().err


@pytest.mark.slow
def test_a_stopped_run_goes_on_in_two_processes(many: Path) -> None:
    """Ctrl-C reaches run and workers; what was complete is not made again."""
    (many / "z05.png").unlink()
    common = ("--images", many, "--shard", 2, "--batch", 2, "--workers", 1)
    whole, out = many.parent / "whole", many.parent / "out"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(command(*common, "--out", whole), env=environment, check=True)
    with subprocess.Popen(
        command(*common, "--out", out),
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        until_first_shard(out, process)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode in (0, 130)  # 0: it was over before the signal came
    assert "Traceback" not in said
    first = feature_shard(out, 0).stat().st_mtime_ns
    more = command(*common, "--out", out, processes=2)
    subprocess.run(more, env=environment, check=True)
    assert feature_shard(out, 0).stat().st_mtime_ns == first
    tables = [read_features(folder) for folder in (whole, out)]
    assert tables[0].ids == tables[1].ids
    np.testing.assert_array_equal(*(np.asarray(table.values) for table in tables))


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="finds processes by POSIX signals")
@pytest.mark.parametrize("killed", ["run", "worker"])
def test_nobody_outlives_a_kill(many: Path, killed: str) -> None:
    """Neither the workers of a run that is killed, nor a run whose worker is."""
    psutil = pytest.importorskip("psutil")
    (many / "z05.png").unlink()
    out = many.parent / "out"
    words = ("--images", many, "--out", out, "--shard", 1, "--batch", 1, "--workers", 1)
    with subprocess.Popen(command(*words), stderr=subprocess.PIPE, text=True) as process:
        run_ = psutil.Process(process.pid)
        until_first_shard(out, process)
        others = run_.children(recursive=True)
        workers = [one for one in others if one.ppid() != process.pid]
        assert workers
        run_.suspend()  # so that it is not over first
        (run_ if killed == "run" else workers[0]).kill()
        if killed == "worker":
            run_.resume()
        _, said = process.communicate(timeout=60)
    _, alive = psutil.wait_procs(others, timeout=30)
    assert not alive
    if killed == "worker":
        assert process.returncode == 1
        assert "a process that prepares images was ended" in said
        assert "--workers" in said
        assert said.count("\n") == 1


def until_first_shard(out: Path, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 120
    while not feature_shard(out, 0).is_file():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.001)
