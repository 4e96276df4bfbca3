"""Toy2D against its closed forms, and user files good and bad."""

import math

import numpy as np
import pytest
import torch

from ganzoo.data import Toy2D
from ganzoo.system.errors import UserError

NAMES = ["ring", "grid", "spiral", "swiss_roll", "two_moons"]


def made(**options):
    data = Toy2D(**{"seed": 0} | options)
    data.setup("fit")
    return data


def points(data):
    return data.train.tensors["image"]


@pytest.mark.parametrize("name", NAMES)
def test_counts_shape_and_type(name):
    data = made(name=name, num_points=1000)
    assert (len(data.train), len(data.val), data.shape) == (1000, 2_500, (2,))
    assert points(data).dtype == torch.float32
    if data.num_classes is None:
        assert "label" not in data.train.tensors
    else:
        assert data.train.tensors["label"].unique().tolist() == list(range(data.num_classes))


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_and_validation_is_drawn_apart(name):
    one, again, other = (made(name=name, num_points=10_000, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(points(one), points(again))
    assert torch.equal(one.val.tensors["image"], again.val.tensors["image"])
    assert not torch.equal(points(one), points(other))
    both = torch.cat([points(one), one.val.tensors["image"]])
    assert len(both.unique(dim=0)) == len(both)  # no point is in both
    assert torch.equal(points(made(name=name, num_points=10_000, seed=1)), points(one))


@pytest.mark.parametrize(
    ("name", "count", "std", "centres"),
    [
        ("ring", 8, 0.01, [(math.cos(k * math.pi / 4), math.sin(k * math.pi / 4)) for k in range(8)]),
        ("grid", 25, 0.05, [(-4 + 2 * i, -4 + 2 * j) for i in range(5) for j in range(5)]),
    ],
)
def test_modes_are_where_the_papers_say(name, count, std, centres):
    data = made(name=name)
    assert data.std == std
    assert data.num_classes == count
    torch.testing.assert_close(data.modes, torch.tensor(centres, dtype=torch.float32))
    label = data.train.tensors["label"]
    offset = points(data) - data.modes[label]
    assert (torch.cdist(points(data), data.modes).argmin(dim=1) == label).all()
    n = 2 * len(label)
    assert offset.std().item() == pytest.approx(std, rel=4 / math.sqrt(2 * n))  # four standard errors
    assert offset.mean().abs() < 4 * std / math.sqrt(n)
    share = torch.bincount(label) / len(label)
    assert (share - 1 / count).abs().max() < 4.5 * math.sqrt(1 / count / len(label))


def test_swiss_roll():
    radius = points(made(name="swiss_roll")).norm(dim=1) * 7.5 / math.pi
    assert 1.5 - 0.35 < radius.min() < 1.55
    assert 4.45 < radius.max() < 4.5 + 0.35
    angle = torch.atan2(points(made(name="swiss_roll"))[:, 1], points(made(name="swiss_roll"))[:, 0])
    turn = radius * math.pi - angle  # t less its angle: whole turns, but for the noise of 1/30
    assert (torch.cos(turn) > 0.5).float().mean() > 0.99


def test_spiral_arms_are_opposite():
    data = made(name="spiral")
    x, label = points(data), data.train.tensors["label"]
    t = 3 * x.norm(dim=1)
    far = t > 3
    line = torch.stack([t.cos(), t.sin()], dim=1) * x
    side = line.sum(dim=1)[far].sign()
    assert (side == (1 - 2 * label[far])).float().mean() > 0.97
    assert t.max() < 3 * math.pi + 6 * 0.3


def test_moons_lie_on_their_circles():
    data = made(name="two_moons")
    x, label = points(data), data.train.tensors["label"]
    for moon, centre, up in ((0, (0.0, 0.0), 1), (1, (1.0, 0.5), -1)):
        arc = x[label == moon] - torch.tensor(centre)
        assert (arc.norm(dim=1) - 1).std().item() == pytest.approx(0.05, rel=0.05)
        assert (arc[:, 1] * up).min() > -0.3
        assert arc[:, 0].mean().abs() < 0.03


def test_unknown_name_and_no_points():
    with pytest.raises(UserError, match=r"'rings'.*ring, grid"):
        Toy2D(name="rings")
    with pytest.raises(UserError, match="num_points is 0"):
        made(num_points=0)


VALUES = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32) * 100


def saved(path, values=VALUES):
    if path.suffix == ".npy":
        np.save(path, values)
    else:
        np.savetxt(path, values, delimiter=",", header="x,y" if path.stem == "headed" else "", comments="")
    return str(path)


@pytest.mark.parametrize("name", ["points.npy", "points.csv", "headed.csv"])
def test_own_points_are_neither_scaled_nor_lost(tmp_path, name):
    data = made(file=saved(tmp_path / name))
    held_out = np.arange(30) % 10 == 0
    np.testing.assert_allclose(points(data), VALUES[~held_out])
    np.testing.assert_allclose(data.val.tensors["image"], VALUES[held_out])
    assert (data.modes, data.std, data.num_classes, data.shape) == (None, None, None, (2,))
    assert points(data).dtype == torch.float32


def test_integers_and_doubles_are_taken(tmp_path):
    np.save(tmp_path / "i.npy", np.arange(20).reshape(10, 2))
    assert points(made(file=str(tmp_path / "i.npy")))[0].tolist() == [2, 3]


def with_value(value):
    values = VALUES.astype(np.float64)
    values[17, 1] = value
    return values


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (with_value(np.nan), "NaN or infinity in 1 of 30 rows, the first is row 17"),
        (with_value(np.inf), "first is row 17"),
        (with_value(1e300), "first is row 17"),
        (np.zeros((30, 3)), r"shape \(30, 3\)"),
        (np.zeros(30), r"shape \(30,\)"),
        (np.zeros((0, 2)), r"shape \(0, 2\)"),
        (np.zeros((1, 2)), r"shape \(1, 2\)"),
        (np.zeros((30, 2), dtype=complex), "type complex128"),
        (np.full((30, 2), "a"), "type <U1"),
        (np.full((30, 2), None), "Object arrays cannot be loaded"),
    ],
)
def test_bad_npy(tmp_path, values, words):
    np.save(tmp_path / "points.npy", values, allow_pickle=True)
    with pytest.raises(UserError, match=words) as error:
        made(file=str(tmp_path / "points.npy"))
    assert str(tmp_path / "points.npy") in str(error.value)
    assert "\n" not in str(error.value)


class Evil:
    def __reduce__(self):
        return pytest.fail, ("the pickle was run",)


def test_a_pickle_is_not_run(tmp_path):
    np.save(tmp_path / "points.npy", np.array([Evil()]), allow_pickle=True)
    with pytest.raises(UserError):
        made(file=str(tmp_path / "points.npy"))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("points.npy", b"not numpy", "cannot be read"),
        ("points.npy", b"", "cannot be read"),
        ("points.csv", b"", r"shape \(0, 2\)"),
        ("points.csv", b"x,y\n", r"shape \(0, 2\)"),
        ("points.csv", b"1,2\n3,four\n5,6\n", "four"),
        ("points.csv", b"1,two\n3,4\n5,6\n", "two"),  # half a number is no header
        ("points.csv", b"1,2\n3\n5,6\n", "cannot be read"),
        ("points.csv", b"1,2\n3,\n5,6\n", "cannot be read"),
        ("points.csv", b"1,2\nnan,4\n5,6\n", "the first is row 1"),
        ("points.csv", b"\xef\xbb\xbf1,2\n3,x\n", "'x'"),  # the byte-order mark of a spreadsheet is no fault
        ("points.csv", b"1;2\n3;4\n", "cannot be read|shape"),
        ("points.csv", b"\xff\xfe\x00", "cannot be read"),
        ("points.txt", b"1,2\n", "neither .npy nor .csv"),
    ],
)
def test_bad_bytes(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=words) as error:
        made(file=str(tmp_path / name))
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_truncated_npy_and_missing_file(tmp_path):
    path = tmp_path / "points.npy"
    saved(path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(UserError, match="cannot be read"):
        made(file=str(path))
    with pytest.raises(UserError, match=r"none\.csv is not there"):
        made(file=str(tmp_path / "none.csv"))
