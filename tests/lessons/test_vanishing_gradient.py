"""The gradient's norm under each cost against closed forms; the lesson itself, briefly."""

import math

import pytest
import torch
from PIL import Image
from torch import nn

from ganzoo.lessons import vanishing_gradient as lesson


class Shift(nn.Module):
    """A generator of one weight, at 0: every sample is it."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, z):
        return self.weight.expand(len(z))


@pytest.mark.parametrize("sure", [0.0, 5.0, 60.0])
def test_norms_are_those_of_the_closed_forms(sure):
    # scores s = 3w - sure have slope 3; d/ds log(1 - D) = -sigmoid(s), d/ds -log D = -sigmoid(-s), d/ds -s = -1
    norms = lesson.gradient_norms(Shift(), lambda x: 3 * x - sure, lambda x: 2 * x)
    small = math.exp(-sure) / (1 + math.exp(-sure))
    assert norms["minimax"] == pytest.approx(3 * small, rel=1e-5)
    assert norms["non-saturating"] == pytest.approx(3 * (1 - small), rel=1e-5)
    assert norms["Wasserstein"] == pytest.approx(2, rel=1e-6)


def test_generators_are_frozen_apart_from_each_other():
    data = lesson.Digits(image_size=lesson.SIZE, batch_size=lesson.BATCH)
    data.setup()
    real = lesson.stream(data)
    torch.manual_seed(0)
    first, second = lesson.train(real, [1, 2])
    assert not torch.equal(first.project.weight, second.project.weight)
    assert not first.training
    before = {name: value.clone() for name, value in second.state_dict().items()}
    norms = lesson.measure(second, real, iterations=4, every=2, name="test")
    assert all(torch.equal(value, before[name]) for name, value in second.state_dict().items())
    assert norms.iteration == [0, 2, 4]
    assert all(len(values) == 3 and min(values) > 0 for values in norms.of.values())


def test_a_row_counts_the_fall_from_the_largest():
    found = lesson.row("x", "minimax", [2.0, 1000.0, *[10.0] * 16, 0.1, 0.3])
    assert found == ["x", "minimax", "2", "1e+03", "0.2", "5,000.0"]
    assert lesson.row("x", "minimax", [1.0, 4.0])[-1] == "1.0"


def test_the_lesson_writes_its_picture_and_table(tmp_path):
    table = lesson.vanishing_gradient(tmp_path, seed=0, quick=True)
    assert Image.open(tmp_path / "vanishing-gradient.png").size[0] > 800
    assert len(table.rows) == 3 * 3
    assert {row[1] for row in table.rows} == {"minimax", "non-saturating", "Wasserstein"}
    assert [float(row[2]) > 0 for row in table.rows] == [True] * 9
