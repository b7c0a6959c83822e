"""The posterior's file, and the choice probabilities it gives."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from twoalike.choice import log_choice
from twoalike.embedding import Posterior, Verdict
from twoalike.study import TwoalikeError


def test_file_returns_what_was_saved(posterior: Posterior, tmp_path: Path) -> None:
    path = tmp_path / "p.nc"
    posterior.save(path)
    again = Posterior.load(path)
    assert again.ids == posterior.ids == tuple(f"o{k}" for k in range(7))
    assert again.participants == ("a", "b", "c", "d")
    assert again.embedding.shape == (10, 7, 3)
    assert (again.embedding == posterior.embedding).all()
    assert (again.lapse == posterior.lapse).all()
    assert again.verdict == Verdict(True, True)
    posterior.save(tmp_path / "q.nc")
    assert path.read_bytes() == (tmp_path / "q.nc").read_bytes()


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.nc"
    xr.Dataset({"temperature": ("time", [1.0, 2.0])}).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(TwoalikeError, match="expected a posterior with 'embedding'"):
        Posterior.load(path)
    path.write_text("just text\n" * 50)
    with pytest.raises(TwoalikeError, match="damaged or of another kind"):
        Posterior.load(path)
    with pytest.raises(TwoalikeError, match="no such file"):
        Posterior.load(tmp_path / "absent.nc")


def test_a_newer_schema_and_other_endings_are_refused(posterior: Posterior, tmp_path: Path) -> None:
    with pytest.raises(TwoalikeError, match=r"written as \.nc"):
        posterior.save(tmp_path / "p.zarr")
    posterior.tree.attrs["schema_version"] = 99
    posterior.save(tmp_path / "p.nc")
    with pytest.raises(TwoalikeError, match="schema 99"):
        Posterior.load(tmp_path / "p.nc")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("temperature", -0.5, "expected temperature above 0, found -0.5"),
        ("temperature", 0.0, "expected temperature above 0, found 0"),
        ("lapse", 1.2, "expected lapse from 0 to 1, found 1.2"),
        ("lapse", -0.1, "expected lapse from 0 to 1, found -0.1"),
        ("lapse_spread", -1.0, "expected lapse_spread of at least 0, found -1"),
        ("rating_unit", -2.0, "expected rating_unit of at least 0, found -2"),
        ("rating_noise", 0.0, "expected rating_noise above 0, found 0"),
        ("rating_threshold", 9.0, "expected rating_threshold in ascending order"),
        ("temperature_spread", np.inf, "the temperature_spread holds NaN or infinite values"),
    ],
)
def test_impossible_values_are_refused(
    posterior: Posterior, tmp_path: Path, name: str, value: float, said: str
) -> None:
    group = posterior.tree["posterior"].to_dataset().assign_coords(rater=list("ab"))
    draws, raters = ("chain", "draw"), np.ones((2, 5, 2))
    group = group.assign(
        {f"rating_{one}": ((*draws, "rater"), raters.copy()) for one in ("noise", "origin", "unit")}
        | {one: (draws, np.ones((2, 5))) for one in ("lapse_spread", "temperature_spread")}
    )
    steps = np.broadcast_to([0.0, 1.0, 2.0, np.nan], (2, 5, 2, 4)).copy()
    group["rating_threshold"] = ((*draws, "rater", "threshold"), steps)
    posterior.tree["posterior"] = group
    posterior.save(tmp_path / "p.nc")
    Posterior.load(tmp_path / "p.nc")
    values = posterior.tree["posterior"][name].values
    values[(1, 2, *[0] * (values.ndim - 2))] = value
    posterior.save(tmp_path / "p.nc")
    with pytest.raises(TwoalikeError, match=r"p\.nc: .*Fit it again") as raised:
        Posterior.load(tmp_path / "p.nc")
    assert said in str(raised.value) and "\n" not in str(raised.value)


def test_labels_that_do_not_fit_are_refused(posterior: Posterior, tmp_path: Path) -> None:
    group = posterior.tree["posterior"].to_dataset()
    posterior.tree["posterior"] = group.assign_coords(object=["o0", "o0", *group.object.values[2:]])
    posterior.save(tmp_path / "p.nc")
    with pytest.raises(TwoalikeError, match="expected different labels of 'object', found 'o0' tw"):
        Posterior.load(tmp_path / "p.nc")
    posterior.tree["posterior"] = group
    shown = xr.Dataset({"shown": ("object", [1, 2])}, coords={"object": ["o0", "o1"]})
    posterior.tree["constant_data"] = shown
    posterior.save(tmp_path / "p.nc")
    with pytest.raises(TwoalikeError, match="'object' of 'constant_data' as in 'posterior'"):
        Posterior.load(tmp_path / "p.nc")


def test_probabilities_are_the_mean_over_draws(posterior: Posterior) -> None:
    triplets = np.array([[0, 1, 2], [6, 3, 4]])
    expected = np.zeros((2, 3))
    for x in posterior.embedding.astype(float):
        s = x @ x.T
        for row, (i, j, k) in enumerate(triplets):
            odd = np.exp([s[j, k], s[i, k], s[i, j]])  # item 1, 2, 3 is left out
            expected[row] += odd / odd.sum() / len(posterior.embedding)
    assert_allclose(posterior.choice_probabilities(triplets), expected, rtol=1e-5)


def test_plugin_uses_mean_similarities(posterior: Posterior) -> None:
    s = posterior.similarity()
    expected = np.mean([x @ x.T for x in posterior.embedding.astype(float)], axis=0)
    assert_allclose(s, expected, rtol=1e-5)
    triplets = np.array([[0, 1, 2]])
    logs = log_choice((s[0, 1], s[0, 2], s[1, 2]))
    plugin = posterior.choice_probabilities(triplets, "plugin")
    assert_allclose(plugin[0], np.exp(logs), rtol=1e-12)
    assert not np.allclose(plugin, posterior.choice_probabilities(triplets), atol=1e-3)


def test_participants_have_their_own_lapse_and_temperature(posterior: Posterior) -> None:
    triplets, who = np.array([[0, 1, 2], [0, 1, 2]]), np.array([3, 1])
    got = posterior.choice_probabilities(triplets, lapse=True, participants=who)
    for row, person in enumerate(who):
        expected = np.zeros(3)
        for x, t, g in zip(
            posterior.embedding, posterior.temperature, posterior.lapse, strict=True
        ):
            s = (x[0] @ x[1], x[0] @ x[2], x[1] @ x[2])
            expected += np.exp(log_choice(s, t[person], g[person])) / len(posterior.embedding)
        assert_allclose(got[row], expected, rtol=1e-4)
