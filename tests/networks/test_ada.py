"""ADA: each change against a computation by hand, what it leaves alone, leaks, and p that follows r_t."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck, gradgradcheck
from torch.utils._python_dispatch import TorchDispatchMode

from ganzoo.networks import ADA
from ganzoo.networks.ada import NORMAL, UNIFORM, Chance, placed
from ganzoo.networks.warps import warped
from ganzoo.system.draws import Draws
from ganzoo.system.errors import UserError

ALL = {"filter": True, "noise": True, "cutout": True}
# The places of the random numbers: of each change the gate, and its uniform and normal numbers.
PLACES: dict[str, tuple[int, list[int], list[int]]] = {
    "flip": (1, [0], []),
    "turns": (3, [2], []),
    "pixels": (6, [4, 5], []),
    "scale": (7, [], [0]),
    "before": (9, [8], []),
    "stretch": (10, [], [1]),
    "after": (12, [11], []),
    "offset": (13, [], [2, 3]),
    "brightness": (14, [], [4]),
    "contrast": (15, [], [5]),
    "luma": (17, [16], []),
    "hue": (19, [18], []),
    "saturation": (20, [], [6]),
}


class Script:
    """Chance as a test wants it: the changes that are named are made, with these numbers; no other is."""

    def __init__(self, num: int = 2, **changes: float | list[float]) -> None:
        self.uniforms, self.normals = torch.ones(num, UNIFORM).double(), torch.zeros(num, NORMAL).double()
        for name, numbers in changes.items():
            gate, uniform, normal = PLACES[name]
            self.uniforms[:, gate] = 0
            for place, number in zip(uniform or normal, torch.tensor(numbers).reshape(-1).tolist(), strict=True):
                (self.uniforms if uniform else self.normals)[:, place] = number

    def uniform(self, count: int) -> torch.Tensor:
        return self.uniforms

    def normal(self, count: int) -> torch.Tensor:
        return self.normals


def draws(num: int = 2, key: int = 0) -> Draws:
    return Draws((key,), range(num), torch.device("cpu"), torch.float64)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def smooth(size: int = 32, num: int = 2) -> torch.Tensor:
    """Pictures in which neighbours differ little."""
    return F.interpolate(noise(num, 3, 5, 5), (size, size), mode="bicubic").tanh()


def changed(x: torch.Tensor, p: float = 1.0, **changes: Any) -> torch.Tensor:
    return ADA(p=p)(x, Script(len(x), **changes), 0)


# What it does -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"flip": 0.7}, lambda x: x.flip(3)),
        ({"flip": 0.3}, lambda x: x),
        *[({"turns": turns / 4 + 0.1}, lambda x, turns=turns: x.rot90(turns, (2, 3))) for turns in range(4)],
        # 0.9 of -4 to 4 pixels across (3), 0.2 down (-2)
        ({"pixels": [0.9, 0.2]}, lambda x: F.pad(x, [3, 0, 0, 2], mode="reflect")[:, :, 2:, :-3]),
    ],
)
def test_pixels_are_moved_as_they_are(changes, expected):
    x = noise(2, 3, 32, 32)
    whole = ADA(p=1.0, geometry=False, colour=False)(x, Script(**changes), 0)
    assert torch.equal(whole, expected(x))
    found, wanted = (y[..., 3:-3, 3:-3] for y in (changed(smooth(), **changes), expected(smooth())))
    torch.testing.assert_close(found, wanted, rtol=0, atol=0.06)


@pytest.mark.parametrize(
    ("changes", "new"),
    [
        ({"scale": 1.0}, lambda x, y: (x * 2**0.2, y * 2**0.2)),
        ({"stretch": -1.0}, lambda x, y: (x * 2**-0.2, y * 2**0.2)),
        ({"before": 0.75}, lambda x, y: (-y, x)),  # a quarter of a turn: 0.75 of -pi to pi
        ({"after": 0.25}, lambda x, y: (y, -x)),
        ({"offset": [1.0, -2.0]}, lambda x, y: (x + 4, y - 8)),  # normal numbers of 1/8 of the side
        ({"stretch": 1.0, "before": 0.75}, lambda x, y: (-y * 2**0.2, x * 2**-0.2)),  # first turned
        ({"stretch": 1.0, "after": 0.75}, lambda x, y: (-y * 2**-0.2, x * 2**0.2)),
        ({"scale": 1.0, "offset": [1.0, 0.0]}, lambda x, y: (x * 2**0.2 + 4, y * 2**0.2)),
    ],
)
def test_where_a_point_goes(changes, new):
    inverse = placed(noise(2, 3, 32, 32), torch.ones(()), torch.ones(()), Chance(noise(2, 1), Script(**changes)))
    points = torch.tensor([[3.0, -5.0, 1.0], [0, 2, 1]]).double().T
    expected = torch.stack([*new(*points[:2]), points[2]])
    torch.testing.assert_close(inverse.inverse() @ points, expected.expand(2, 3, 2))


@pytest.mark.parametrize(
    ("changes", "matrix", "offset"),
    [
        ({"brightness": 1.5}, torch.eye(3), 0.3),
        ({"contrast": -2.0}, torch.eye(3) / 2, 0.0),
        ({"luma": 0.8}, torch.eye(3) - 2 / 3, 0.0),
        ({"luma": 0.2}, torch.eye(3), 0.0),
        ({"hue": 5 / 6}, torch.eye(3)[[2, 0, 1]], 0.0),  # a third of a turn: red becomes green
        ({"saturation": 1.0}, 2 * torch.eye(3) - 1 / 3, 0.0),
        ({"hue": 5 / 6, "saturation": 1.0}, (2 * torch.eye(3) - 1 / 3)[[2, 0, 1]], 0.0),
        ({"saturation": -30.0}, torch.full((3, 3), 1 / 3), 0.0),
        ({"brightness": 1.5, "contrast": 2.0, "luma": 0.8}, 2 * (torch.eye(3) - 2 / 3), 0.3),
    ],
)
def test_colours(changes, matrix, offset):
    x = noise(2, 3, 8, 8)
    expected = torch.einsum("ij,njhw->nihw", matrix.double(), x + offset)
    torch.testing.assert_close(changed(x, **changes), expected, rtol=1e-6, atol=1e-6)


def test_grey_is_the_mean_of_what_rgb_becomes():
    grey = noise(2, 1, 8, 8)
    changes = {"brightness": 1.0, "contrast": 0.7, "luma": 0.9, "hue": 0.4, "saturation": 1.0}
    rgb = changed(grey.expand(-1, 3, -1, -1), **changes)
    torch.testing.assert_close(changed(grey, **changes), rgb.mean(1, keepdim=True))
    assert ADA(p=1.0)(noise(2, 1, 8, 8), draws(), 0).shape == (2, 1, 8, 8)


def test_a_square_of_half_the_side_is_cut_out():
    only = {"blits": False, "geometry": False, "colour": False}
    x = torch.ones(64, 2, 16, 12)
    y = ADA(p=1.0, cutout=True, **only)(x, draws(64), 0)
    rows, columns = (y[:, 0].sum(axis) < size for axis, size in ((2, 12), (1, 16)))
    assert (rows.sum(1) <= 8).all()
    assert (columns.sum(1) <= 6).all()
    assert ((rows.sum(1) == 8) & (columns.sum(1) == 6)).sum() > 10  # the others lie partly outside
    assert torch.equal(y[:, 0], 1 - (rows[:, :, None] & columns[:, None]).float())
    half = ADA(p=0.5, cutout=True, **only)(x, draws(64), 0)
    assert 20 < (half == 1).all((1, 2, 3)).sum() < 44


def test_noise_is_as_strong_as_half_a_normal_number_says():
    only = {"blits": False, "geometry": False, "colour": False}
    y = ADA(p=1.0, noise=True, **only)(torch.zeros(400, 1, 8, 8), draws(400), 0)
    assert y.std((1, 2, 3)).mean() == pytest.approx(0.1 * (2 / torch.pi) ** 0.5, rel=0.1)
    assert y.mean().abs() < 0.01


# What it leaves alone -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_p_0_changes_nothing(channels):
    x = noise(4, channels, 24, 26)
    torch.testing.assert_close(ADA(p=0.0, **ALL)(x, draws(4), 0), x, rtol=0, atol=1e-9)
    torch.testing.assert_close(ADA(**ALL)(x.float(), draws(4), 0), x.float(), rtol=0, atol=2e-5)
    assert torch.equal(ADA(geometry=False, colour=False)(x, draws(4), 0), x)


def test_changes_are_made_as_often_as_p_says():
    """No geometric change: (1 - p) to the power of 4, since both turns together have the probability p."""
    num, p = 20_000, 0.3
    inverse = placed(noise(1, 1, 8, 8), torch.zeros(()), torch.tensor(p), Chance(noise(num, 1), draws(num)))
    share = (inverse == torch.eye(3)).all(2).all(1).double().mean()
    assert share.item() == pytest.approx((1 - p) ** 4, abs=0.01)
    above = placed(noise(1, 1, 8, 8), torch.zeros(()), torch.tensor(1.7), Chance(noise(8, 1), draws(8)))
    assert above.isfinite().all()


def test_a_sample_is_changed_alike_on_any_rank():
    x, ada = noise(6, 3, 16, 16), ADA(p=0.7)
    whole = ada(x, draws(6), 0)
    assert not torch.equal(whole, x)
    for rank in range(2):
        own = Draws((0,), range(rank, 6, 2), torch.device("cpu"), torch.float64)
        assert torch.equal(ada(x[rank::2], own, 0), whole[rank::2])


def test_a_picture_that_is_not_square_is_turned_by_half():
    x = noise(400, 1, 8, 12)
    y = ADA(p=1.0, geometry=False, colour=False)(x, draws(400), 0)
    values = [sorted(set(picture.flatten().tolist())) for picture in (x[0], y[0])]
    assert set(values[1]) <= set(values[0])
    turned = [
        placed(x[:2], torch.ones(()), torch.zeros(()), Chance(x[:2], Script(turns=t))) for t in (0.1, 0.3, 0.6, 0.9)
    ]
    assert [round(float(matrix[0, 0, 0])) for matrix in turned] == [1, 1, -1, -1]


# Leaks: section 2.2 and appendix C -------------------------------------------------------------------------------


def transitions(p: float, num: int = 100) -> torch.Tensor:
    """How often each of four turned pictures becomes each of them, by the code: (4, 4), from columns to rows.

    The code's random numbers are an even grid, so that shares are exact for p in hundredths.
    """
    start = torch.zeros(4, 8, 8).double()
    for turns in range(4):
        start[turns] = torch.eye(8).flip(0).cumsum(0).rot90(turns)
    script = Script(4 * num)
    gate, (angle,), _ = PLACES["turns"]
    script.uniforms[:, gate] = ((torch.arange(num).double() + 0.5) / num).repeat(4)
    script.uniforms[:, angle] = ((torch.arange(4).double() + 0.5) / 4).repeat_interleave(num)
    found = torch.zeros(4, 4).double()
    for before in range(4):
        y = ADA(p=p, geometry=False, colour=False)(start[before].expand(4 * num, 1, 8, 8), script, 0)
        for after in range(4):
            found[after, before] = (y[:, 0] == start[after]).all(2).all(1).double().mean()
    torch.testing.assert_close(found.sum(0), torch.ones(4).double())
    return found


@pytest.mark.parametrize("p", [0.4, 0.79, 1.0])
def test_turns_are_those_of_the_paper(p):
    """A turn by 0, 90, 180 or 270 degrees has the matrix (1 - p) I + p / 4: it can be undone unless p is 1."""
    expected = (1 - p) * torch.eye(4).double() + p / 4
    torch.testing.assert_close(transitions(p), expected, rtol=0, atol=1e-12)


def played(p: float, true: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    """What G makes after the game of 2014 in which D sees all pictures turned: shares (N, 4) from each start (N, 4).

    G learns the shares of four pictures against the best D, real / (real + fake).
    """
    matrix, logits = transitions(p), starts.log().requires_grad_()
    search = torch.optim.LBFGS([logits], max_iter=60, tolerance_change=0, line_search_fn="strong_wolfe")

    def value() -> torch.Tensor:
        search.zero_grad()
        real, fake = matrix @ true, logits.softmax(1) @ matrix.T
        loss = (real * (real / (real + fake)).log() + fake * (fake / (real + fake)).log()).sum()
        loss.backward()
        return loss

    search.step(value)
    return logits.detach().softmax(1)


def test_below_p_08_g_learns_the_pictures_as_they_are_and_at_1_it_does_not():
    """Whatever it begins with, D's best answer at p 0.79 leads to the distribution that is not augmented."""
    true = torch.tensor([0.6, 0.1, 0.25, 0.05]).double()
    starts = torch.tensor([[0.25, 0.25, 0.25, 0.25], [0.1, 0.6, 0.05, 0.25], [0.01, 0.01, 0.01, 0.97]]).double()
    torch.testing.assert_close(played(0.79, true, starts), true.expand(3, 4), rtol=0, atol=1e-3)
    torch.testing.assert_close(played(1.0, true, starts), starts, rtol=0, atol=1e-6)  # it learns nothing: all fit


# Gradients ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"geometry": False}, ALL], ids=["usual", "whole pixels", "all"])
def test_two_derivatives_are_those_of_numbers(options):
    size = 22 if options == ALL else 8
    x = noise(2, 1 if options == ALL else 3, size, size).requires_grad_()
    weight = noise(*x.shape, seed=1)

    def squares(x: torch.Tensor) -> torch.Tensor:
        return (ADA(p=0.8, **options)(x, draws(key=3), 0).square() * weight).sum((1, 2, 3))

    assert gradcheck(squares, x, fast_mode=True)
    assert gradgradcheck(squares, x, fast_mode=True)


class NoWaiting(TorchDispatchMode):
    """Refuses what would wait for a device: a number, or a size that depends on one."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert not any(name in str(func) for name in ("_local_scalar_dense", "nonzero", "is_nonzero", "masked_select"))
        return func(*args, **(kwargs or {}))


def test_nothing_waits_for_the_device():
    module = ADA(**ALL).build((3, 24, 24))
    x = noise(4, 3, 24, 24)
    module(x, draws(4), 0)  # constants are made
    with NoWaiting():
        module(x, draws(4), 0)
        module.saw(x[:, 0, 0, 0])
        for step in range(4):
            module.after_round(step, 8)
        with pytest.raises(AssertionError):
            bool(x.sum() > 0)


# p follows r_t ------------------------------------------------------------------------------------------------


def test_p_follows_r_t_by_hand():
    """Four rounds of 8 real images: the mean sign against 0.6, and a step of 32 / (1000 * speed)."""
    module = ADA(speed=0.1).build((3, 16, 16)).double()
    p, r_t, signs = 0.0, 0.0, []
    generator = torch.Generator().manual_seed(0)
    for step in range(40):
        for _ in range(2):  # of two micro-batches, or moves
            margins = torch.randn(8, generator=generator).double() + (2.0 if step < 16 else -1.0 if step < 32 else 0.5)
            module.saw(margins)
            signs.append(sum(1.0 if m > 0 else -1.0 for m in margins) / 8)
        noted = module.after_round(step, 8)
        if step % 4 == 3:
            r_t, signs = sum(signs) / 8, []
            p = max(p + (32 / 100 if r_t > 0.6 else -32 / 100 if r_t < 0.6 else 0.0), 0.0)
        assert float(noted["ada/p"]) == pytest.approx(p)
        assert float(noted["ada/r_t"]) == pytest.approx(r_t)
        if step == 15:
            assert p == pytest.approx(1.28)  # no upper end
    assert p == 0


def test_p_stands_still_at_the_target_without_scores_and_if_it_is_fixed():
    module = ADA(target=0.5, speed=0.1).build((1, 8, 8))
    module.p.fill_(0.3)
    module.saw(torch.tensor([1.0, 1.0, 1.0, -1.0]))
    module.after_round(3, 4)
    assert float(module.p) == pytest.approx(0.3)
    module.after_round(7, 4)  # D has not moved
    assert (float(module.p), float(module.r_t)) == (pytest.approx(0.3), 0.5)
    fixed = ADA(p=0.25).build((1, 8, 8))
    fixed.saw(torch.ones(4))
    noted = fixed.after_round(3, 4)
    assert (float(noted["ada/p"]), float(noted["ada/r_t"])) == (0.25, 1.0)


# What is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "shape", "message"),
    [
        ({"target": 1.5}, (3, 8, 8), "ADA's target is 1.5"),
        ({"speed": 0.0}, (3, 8, 8), "ADA's speed is 0.0: give thousands of images, above 0"),
        ({"p": 1.2}, (3, 8, 8), "ADA's p is 1.2: give a probability, or null"),
        ({"blits": False, "geometry": False, "colour": False}, (3, 8, 8), "ADA changes nothing"),
        ({}, (2,), "ADA changes images, and the samples are points of 2 numbers"),
        ({}, (3, 8, 7), "ADA's changes need images of at least 8 px, and these have 8x7"),
        ({"filter": True}, (3, 16, 16), "ADA's filter need images of at least 22 px"),
        ({}, (4, 16, 16), "ADA's colours are of grey or RGB images, and these have 4 channels: set .*colour to false"),
    ],
)
def test_what_is_refused(options, shape, message):
    with pytest.raises(UserError, match=message):
        ADA(**options).build(shape)


@pytest.mark.parametrize("channels", [2, 4])
def test_other_channels_are_moved_without_colours(channels):
    module = ADA(p=1.0, colour=False).build((channels, 12, 12))
    assert module(noise(2, channels, 12, 12), draws(), 0).shape == (2, channels, 12, 12)


def test_a_warp_is_not_blind():
    """The tests above could pass with a geometry that does nothing at p 1."""
    x = smooth(num=8)
    y = ADA(p=1.0, colour=False, blits=False)(x, draws(8), 0)
    assert ((y - x).square().mean((1, 2, 3)) > 0.01).all()
    matrices = placed(x, torch.zeros(()), torch.ones(()), Chance(x, draws(8)))
    torch.testing.assert_close(y, warped(x, matrices))
