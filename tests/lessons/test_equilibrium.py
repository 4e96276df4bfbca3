"""The equilibrium's densities, distances and optimal discriminator against closed forms; the lesson itself, briefly."""

import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo.lessons import equilibrium as lesson
from ganzoo.lessons.equilibrium import LINE, LINE_FAKE, PLANE, PLANE_FAKE, Mixture


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("mixture", [LINE, LINE_FAKE, PLANE, PLANE_FAKE])
def test_a_density_is_one_in_all_and_that_of_its_samples(mixture):
    dim = mixture.centres.shape[1]
    side = torch.linspace(-7, 7, 281)
    x = side[:, None] if dim == 1 else torch.cartesian_prod(side, side)
    p = mixture.density(x) * (side[1] - side[0]) ** dim
    assert float(p.sum()) == pytest.approx(1, abs=1e-4)
    samples = mixture.sample(100_000)
    assert torch.allclose((p[:, None] * x).sum(0), samples.mean(0), atol=0.02)
    assert torch.allclose((p[:, None] * x.square()).sum(0), samples.square().mean(0), atol=0.04)


def test_the_optimal_discriminator_of_two_normals_is_a_sigmoid():
    a, b = (Mixture(torch.tensor([[m]]), std=1.0) for m in (1.0, -1.0))
    x = torch.linspace(-2, 2, 41)[:, None]
    # log p/q = ((x + 1)^2 - (x - 1)^2) / 2 = 2x
    assert torch.allclose(lesson.optimal(a.density(x), b.density(x)), (2 * x[:, 0]).sigmoid(), atol=1e-6)
    assert torch.isnan(lesson.optimal(torch.zeros(1), torch.zeros(1))).all()


def test_a_density_is_estimated_from_samples():
    x = torch.linspace(-3, 3, 61)[:, None]
    estimate = lesson.estimated(LINE.sample(4000))(x)
    assert (estimate - LINE.density(x)).abs().max() < 0.05
    assert LINE.density(x).max() > 0.35


def test_the_distance_of_a_shifted_copy_is_the_shift():
    line, plane = torch.randn(500, 1), torch.randn(500, 2)
    assert lesson.distance(line, line + 0.7) == pytest.approx(0.7, abs=1e-5)
    # in the plane the mean of |shift . direction|, 2/pi of its length
    assert lesson.distance(plane, plane + torch.tensor([0.6, -0.8])) == pytest.approx(2 / np.pi, abs=2e-3)


def test_a_discriminator_learns_p_over_p_plus_q():
    def gap(steps):
        discriminator = lesson.learn(LINE, LINE_FAKE, steps)
        x = torch.cat([LINE.sample(2000), LINE_FAKE.sample(2000)])
        with torch.no_grad():
            learned = discriminator(x).sigmoid()
        return float((learned - lesson.optimal(LINE.density(x), LINE_FAKE.density(x))).abs().nanmean())

    assert gap(400) < 0.06 < 0.12 < gap(1)


def test_a_moment_of_a_generator_that_is_right_and_a_discriminator_that_cannot_tell(monkeypatch):
    def make(z):
        return LINE.sample(len(z))

    x = torch.linspace(-4, 4, 9)[:, None]
    moment = lesson.look(7, LINE, x, make, lambda points: torch.zeros(len(points)))
    assert moment.round == 7
    assert moment.doubt == 0
    assert moment.gap < 0.05  # D* itself is 1/2 but for the estimate of q
    assert moment.distance < 0.1
    sure = lesson.look(7, LINE, x, make, lambda points: torch.full((len(points),), 100.0))
    assert sure.doubt == pytest.approx(0.5)
    assert sure.gap == pytest.approx(0.5, abs=0.05)


def test_the_lesson_writes_its_pictures_and_the_same_table_for_a_seed(tmp_path, monkeypatch):
    table = lesson.equilibrium(tmp_path, seed=1, quick=True)
    for name in ("equilibrium", "plane", "optimal_discriminator"):
        assert Image.open(tmp_path / f"{name}.png").size[0] > 800
    assert len(table.rows) == 2 + 4 + 4 + 1 + 2
    assert all(float(row[4]) > 0 for row in table.rows)
    for draw in ("draw_line", "draw_plane", "draw_fixed"):  # most of the time is theirs
        monkeypatch.setattr(lesson, draw, lambda *_: None)
    torch.manual_seed(5)
    assert table == lesson.equilibrium(tmp_path, seed=1, quick=True)
