"""Paths through a latent space, against closed forms, and the images there."""

import math
import random
from pathlib import Path

import pytest
import torch
from conftest import QUIET, assert_equal, fit_args, last
from fakes import PixelPaths
from latent.small import LATENT, plain, styled, told
from torch import nn

import ganzoo
from ganzoo.cli import main
from ganzoo.game import final
from ganzoo.game.paths import find_space, lerp, pairs_of, render, slerp
from ganzoo.game.validation import VALIDATION_SEED
from ganzoo.latent.disentanglement import path_lengths
from ganzoo.latent.distances import MultiScale
from ganzoo.metrics import DigitScores
from ganzoo.metrics.ppl import path_length
from ganzoo.metrics.recipe import read_recipes
from ganzoo.models import CUT, GAN
from ganzoo.runs.loggers import MetricsCSV
from ganzoo.system.errors import UserError

T = torch.linspace(0, 1, 11, dtype=torch.float64)
ROWS = torch.arange(3, 6)


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def at(degrees, length=1.0):
    """The point of the plane at this angle."""
    angle = math.radians(degrees)
    return length * torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)


def test_slerp_keeps_the_norm_between_latents_of_equal_norm():
    a, b = normal(5, 100), normal(5, 100, seed=1)
    a, b = 7 * a / a.norm(dim=1, keepdim=True), 7 * b / b.norm(dim=1, keepdim=True)
    torch.testing.assert_close(slerp(a, b, T).norm(dim=2), torch.full((11, 5), 7.0, dtype=torch.float64))
    assert (lerp(a, b, T)[5].norm(dim=1) < 6).all()  # while the line cuts the corner


@pytest.mark.parametrize("degrees", [1, 60, 90, 135, 179])
def test_in_the_plane_the_angle_grows_linearly(degrees):
    expected = torch.stack([at(10 + t * degrees, 3) for t in T.tolist()])
    torch.testing.assert_close(slerp(at(10, 3), at(10 + degrees, 3), T), expected)


def test_slerp_of_unequal_norms_is_shoemakes_formula():
    # sin((1 - t) w) / sin(w) a + sin(t w) / sin(w) b at w = 90 degrees, t = 1/3: cos 30 a + sin 30 b
    found = slerp(at(0, 2), at(90, 5), torch.tensor([1 / 3], dtype=torch.float64))[0]
    torch.testing.assert_close(found, torch.tensor([2 * math.sqrt(3) / 2, 5 / 2], dtype=torch.float64))


@pytest.mark.parametrize("way", [slerp, lerp])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_both_ends_are_exact(way, dtype):
    a, b = normal(64, 100).to(dtype), normal(64, 100, seed=1).to(dtype)
    found = way(a, b, torch.tensor([0.0, 1.0], dtype=dtype))
    assert found.dtype == dtype
    assert torch.equal(found, torch.stack([a, b]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("factor", [1, 1 + 1e-7, 2, -1, -0.5])
def test_parallel_and_opposite_latents_take_the_line(factor, dtype):
    a, t = normal(3, 100).to(dtype), T.to(dtype)
    torch.testing.assert_close(slerp(a, factor * a, t), lerp(a, factor * a, t), rtol=1e-5, atol=1e-6)


def test_a_parallel_pair_leaves_its_neighbours_on_their_arcs():
    a, b = torch.stack([at(0), at(0), at(0)]), torch.stack([at(0), at(90), at(180)])
    found = slerp(a, b, torch.tensor([0.5], dtype=torch.float64))[0]
    torch.testing.assert_close(found, torch.stack([at(0), at(45), 0 * at(0)]))


def test_latents_of_zeros_give_no_nan():
    zeros = torch.zeros(2, 5)
    assert torch.equal(slerp(zeros, zeros, torch.tensor([0.0, 0.5, 1.0])), torch.zeros(3, 2, 5))
    assert slerp(zeros, torch.ones(2, 5), torch.tensor([0.3])).isfinite().all()


def test_lerp_is_linear():
    a, b = normal(4, 6), normal(4, 6, seed=1)
    found = lerp(a, b, T)
    assert found.shape == (11, 4, 6)
    torch.testing.assert_close(found.diff(dim=0), ((b - a) / 10).expand(10, 4, 6))
    torch.testing.assert_close(found[3], 0.7 * a + 0.3 * b)


# Images -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [plain, told, styled, lambda: styled(num_classes=3)])
def test_z_is_rendered_as_it_is_sampled(model):
    made = model()
    y = None if made.condition is None else made.condition.of_rows(ROWS, 2)
    found = render(made, made.latents(ROWS, 2), "z", y, seed=2, rows=ROWS).clamp(-1, 1)
    assert torch.equal(found, made.sample_rows(ROWS, 2))


def test_w_is_rendered_as_styles_are():
    model = styled()
    ws = model.styles.of(model.latents(ROWS, 2))
    expected = model.sample_rows(ROWS, 2)
    for codes, space in ((ws[:, 0], "w"), (ws, "w+")):
        assert torch.equal(render(model, codes, space, seed=2, rows=ROWS).clamp(-1, 1), expected)


def test_images_depend_on_codes_and_maps_with_gradients():
    model = styled()
    w = torch.randn(1, LATENT, requires_grad=True)
    maps = {
        name: value.clone().requires_grad_()
        for name, value in model.sampler().synthesis.named_buffers()
        if name.endswith("noise_const")
    }
    assert len(maps) == 5  # one of 4 px, and two of 8 and of 16
    image = render(model, w, "w", noise="const", maps=maps)
    assert torch.equal(image, render(model, w, "w", noise="const"))  # they are the network's own
    image.square().sum().backward()
    assert all(value.grad.abs().sum() > 0 for value in (w, *maps.values()))
    changed = render(model, w, "w", noise="const", maps={name: value + 1 for name, value in maps.items()})
    assert not torch.allclose(image, changed)
    assert torch.equal(image, render(model, w, "w", noise="const"))  # which stay as they were


def test_a_step_keeps_its_digits_in_a_run_of_mixed_precision():
    model = plain()
    exact = pairs_of(model, ROWS, "z")
    with torch.autocast("cpu", torch.bfloat16):
        mixed = pairs_of(model, ROWS, "z")
        assert not torch.equal(model.sample_rows(ROWS), plain().double().sample_rows(ROWS))
    assert all(torch.equal(*pair) for pair in zip(exact, mixed, strict=True))


class Noisy(nn.Module):
    """Draws from the process's own chance."""

    def __init__(self, latent_dim, shape):
        super().__init__()
        self.linear, self.shape = nn.Linear(latent_dim, math.prod(shape)), shape

    def forward(self, z):
        return (self.linear(z) + torch.randn(len(z), 1) + random.random()).view(-1, *self.shape)


def test_both_images_of_a_pair_have_the_same_chance_and_training_keeps_its_own():
    model = GAN(generator=Noisy, latent_dim=4, shape=(1, 8, 8))
    model.configure_model()
    torch.manual_seed(1)
    random.seed(1)
    expected = torch.rand(1), random.random()
    torch.manual_seed(1)
    random.seed(1)
    a, b = pairs_of(model, ROWS, "z", epsilon=1e-6)
    assert (torch.rand(1), random.random()) == expected
    assert (a - b).abs().max() < 1e-4 < a.diff(dim=0).abs().max()
    assert torch.equal(a[1:], pairs_of(model, ROWS[1:], "z")[0])


# The path length in a run -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "metric", "message"),
    [
        (CUT(), PixelPaths(), "CUT has no latent space.*leave PixelPaths out"),
        (GAN(), PixelPaths(space="w"), "GAN has no space W, so there is no path length in W"),
    ],
)
def test_models_without_paths_are_refused(model, metric, message):
    with pytest.raises(UserError, match=message):
        find_space(metric, model)


def test_more_pairs_are_another_score():
    metric, a = PixelPaths(epsilon=0.1), torch.zeros(2, 1, 4, 4)
    for step, expected in ((0.1, 1), (0.3, 5)):  # the mean squared differences over the squared step
        metric.update_pairs(a, a + step)
        assert metric.compute()["ppl"].item() == pytest.approx(expected)
    with pytest.raises(ValueError, match="NaN or infinity"):
        metric.update_pairs(a, a / 0)


def test_paths_lie_in_w_where_there_is_one_unless_told_otherwise():
    found = {}
    for name, options in {"ppl": {}, "ppl_z": {"space": "z"}, "ppl_w_end": {"space": "w", "sampling": "end"}}.items():
        metric = PixelPaths(**options)
        find_space(metric, styled())
        assert list(metric.scores) == [name]
        found[name] = metric.settings()["space"], metric.settings()["sampling"]
    assert found == {"ppl": ("w", "full"), "ppl_z": ("z", "full"), "ppl_w_end": ("w", "end")}


def test_a_run_that_can_not_have_it_is_refused_before_it_trains(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(fit_args("CUT", tmp_path / "run", 2, "--data.extra_metrics+=PathLength"))
    assert "CUT has no latent space: it makes images from images, so it has no path length" in capsys.readouterr().err
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of 12 rounds of 8 images, with a validation of 16 after the 8th; its last scores stand on 24 and 40."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DigitScores, "enough", 40)
        patch.setattr(PixelPaths, "enough", 24)
        patch.setattr(final, "FEWEST", 20)
        patch.setattr(final, "SHARE", 2)
        folder = tmp_path_factory.mktemp("paths")
        asked = '[{"class_path": "fakes.PixelPaths", "init_args": {"pairs": 6, "epsilon": 0.01}}]'
        main(fit_args("GAN", folder / "run", 12, *SHORT, "--data.extra_metrics", asked))
        yield folder / "run"


SHORT = ["--trainer.val_check_interval", "8", "--trainer.precision", "bf16-mixed"]


def by_hand(ckpt: Path, num: int) -> float:
    lengths = path_lengths(ganzoo.load(ckpt).eval(), MultiScale(), "z", num, epsilon=0.01, seed=VALIDATION_SEED)
    return path_length(torch.cat([*lengths]))


def test_a_run_has_few_pairs_on_the_way_and_more_at_its_end(run):
    curves, ckpt = MetricsCSV(run).curves(), run / "checkpoints" / "last.ckpt"
    assert curves["val/ppl"] == [(8, pytest.approx(by_hand(run / "checkpoints" / "best.ckpt", 6), rel=1e-3))]
    assert curves["final/ppl"] == [(12, pytest.approx(by_hand(ckpt, 24), rel=1e-3))]
    recipes = read_recipes(run / "recipes.json")
    assert [recipes[name]["fake"] for name in ("val/ppl", "val/modes", "final/ppl", "final/modes")] == [6, 16, 24, 40]
    settings = {"epsilon": 0.01, "rejected": 0.01, "space": "z", "sampling": "full"}
    assert settings.items() <= recipes["final/ppl"]["settings"].items()
    assert (recipes["final/ppl"]["precision"], recipes["final/modes"]["precision"]) == ("fp32", "bf16 mixed")
    assert (recipes["final/ppl"]["real"], recipes["final/ppl"]["data"]) == (0, {})


def test_validate_and_evaluate_say_what_the_run_said(run, capsys):
    ckpt = str(run / "checkpoints" / "last.ckpt")
    main(["validate", "--ckpt_path", ckpt, "--trust", *QUIET])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    said = {line[0]: line[1] for line in lines if line and line[0] in ("val/ppl", "final/ppl")}
    assert float(said["val/ppl"]) == pytest.approx(by_hand(ckpt, 6), rel=1e-3)
    assert float(said["final/ppl"]) == pytest.approx(by_hand(ckpt, 24), rel=1e-3)
    score = ganzoo.evaluate(ckpt, "Digits", [PixelPaths(epsilon=0.01)], num=24, seed=VALIDATION_SEED)["scores"]["ppl"]
    assert score["value"] == pytest.approx(float(said["final/ppl"]), rel=1e-3)
    assert score["recipe"] | {"versions": {}} == read_recipes(run / "recipes.json")["final/ppl"] | {"versions": {}}


def test_it_changes_no_weight(run, tmp_path):
    main(fit_args("GAN", tmp_path / "without", 12, *SHORT))
    assert_equal(last(run)["state_dict"], last(tmp_path / "without")["state_dict"], "weights")
