"""Style mixing, against what each layer should have."""

import torch

from ganzoo.latent import mixed
from ganzoo.latent.codes import codes_named
from ganzoo.latent.mixing import mixing_grid
from latent.small import styled


def test_layers_are_those_of_the_other():
    base, other = torch.zeros(2, 6, 4), torch.ones(2, 6, 4)
    found = mixed(base, other, [1, 4])
    assert found[0, :, 0].tolist() == [0, 1, 0, 0, 1, 0]
    assert base.sum() == 0
    assert torch.equal(mixed(base, other, range(6)), other)
    assert torch.equal(mixed(base, other, []), base)


def test_equal_sources_are_not_changed():
    model = styled()
    codes = codes_named(model, "3", 0, "rows")
    grid = mixing_grid(model, codes, codes, [0, 2, 5])
    sample = model.sample_rows(torch.tensor([3]))[0]
    assert grid.shape == (4, 3, 16, 16)
    assert (grid[0] == 1).all()  # the corner
    for number in (1, 2, 3):
        assert torch.allclose(grid[number], sample, atol=1e-5), number


def test_a_grid_has_sources_on_its_margins_and_mixtures_inside():
    model = styled()
    rows, columns = codes_named(model, "0,1", 0, "rows"), codes_named(model, "5-7", 0, "cols")
    grid = mixing_grid(model, rows, columns, [4, 5]).view(3, 4, 3, 16, 16)
    assert torch.allclose(grid[0, 1:], model.sample_rows(torch.tensor([5, 6, 7])), atol=1e-6)
    assert torch.allclose(grid[1:, 0], model.sample_rows(torch.tensor([0, 1])), atol=1e-6)
    ws = rows.styles(model)[1].clone()
    ws[4:] = columns.styles(model)[2][4:]
    expected = model.styles.images(ws[None], rows=torch.tensor([1]))[0]  # with the noise of its row
    assert torch.allclose(grid[2, 3], expected, atol=1e-6)
    assert not torch.allclose(grid[2, 3], grid[2, 0], atol=1e-2)
