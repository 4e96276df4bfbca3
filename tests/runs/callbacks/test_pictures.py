"""The pictures of a run: when they are drawn, what they show, and that the run is the same without them."""

import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import DATA, QUIET, assert_equal, assert_same_run, fit_args, last
from fakes import small
from PIL import Image

import ganzoo
import ganzoo.runs.callbacks.pictures
from ganzoo.cli import main
from ganzoo.data import Digits
from ganzoo.models import DCGAN
from ganzoo.networks import DCGANDiscriminator, DCGANGenerator
from ganzoo.pictures.grids import grid
from ganzoo.pictures.planes import save_plane
from ganzoo.pictures.sheets import save_sheet
from ganzoo.runs.loggers import MetricsCSV
from runs.test_resume import start, wait_for_rows

EVERY_4 = ["--pictures.every_n_steps", "4"]
FEW_VALIDATIONS = ["--trainer.val_check_interval", "1000"]
ALL = ["curves.png", "progress.gif", "real_vs_fake.png", "samples.png"]


@pytest.fixture
def samples_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the figures, which take a second each, where a test is about something else."""
    monkeypatch.setattr(ganzoo.runs.callbacks.pictures, "save_curves", lambda *args: None)


def drawn(run: Path) -> list[str]:
    """What was drawn into a run's folder."""
    return sorted(str(path.relative_to(run)) for path in run.rglob("*") if path.suffix in (".png", ".gif"))


def rounds(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "samples").iterdir())


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def frames(path: Path) -> int:
    with Image.open(path) as film:
        return film.n_frames


def points_run(run: Path, *more: str) -> Path:
    """A short run whose data are points in the plane, and whose discriminator has dropout."""
    data = ["--data", "Toy2D", "--data.batch_size", "8", "--data.num_points", "500"]
    short = ["--trainer.max_steps", "3", "--trainer.log_every_n_steps", "1", "--trainer.val_check_interval", "2"]
    few = ["--trainer.limit_val_batches", "1"]
    dropout = ["--model.discriminator", "runs.callbacks.test_pictures.Dropping"]
    main(["fit", "--model", "GAN", *data, "--run_dir", str(run), *short, *few, *dropout, *QUIET, *more])
    return run


class Dropping(torch.nn.Sequential):
    """A discriminator of points that does otherwise while it is trained."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(torch.nn.Linear(2, 8), torch.nn.Dropout(), torch.nn.Linear(8, 1), torch.nn.Flatten(0))


def test_everything_is_drawn_and_can_be_opened(fit):
    run = fit("GAN", "run", 11, *EVERY_4, "--trainer.val_check_interval", "10")
    assert rounds(run) == ["0000000.png", "0000004.png", "0000008.png", "0000011.png"]  # the cadence, and the end
    assert drawn(run) == sorted([*ALL, *(f"samples/{name}" for name in rounds(run))])
    for name in drawn(run):
        Image.open(run / name).load()
        assert len(np.unique(pixels(run / name))) > 2, name
    assert frames(run / "progress.gif") == 4
    assert (run / "samples.png").read_bytes() == (run / "samples" / "0000011.png").read_bytes()


@pytest.mark.usefixtures("samples_only")
def test_a_picture_shows_the_generator_of_its_round(fit):
    whole, part = (fit("DCGAN", name, steps, *EVERY_4, "--pictures.num", "6") for name, steps in (("a", 6), ("b", 4)))
    narrow = [partial(network, width=16) for network in (DCGANGenerator, DCGANDiscriminator)]  # as `fit` has them
    untrained = DCGAN(*narrow, shape=(1, 16, 16))  # with the run's seed, 0
    untrained.configure_model()
    trained = [ganzoo.load(run / "checkpoints" / "last.ckpt") for run in (part, whole)]
    shown = [Image.open(whole / "samples" / name) for name in rounds(whole)]
    assert len(shown) == 3
    for picture, model in zip(shown, (untrained, *trained), strict=True):
        expected = np.asarray(grid(model.sample(6)))  # its average: what `ganzoo sample` draws
        assert np.array_equal(small(picture, 38, 56), expected)
    assert len({picture.tobytes() for picture in shown}) == 3


@pytest.mark.usefixtures("samples_only")
def test_real_vs_fake_shows_validation_data_and_samples(fit, monkeypatch):
    seen = []

    def watched(*args):
        seen.append(args)
        save_sheet(*args)

    monkeypatch.setattr(ganzoo.runs.callbacks.pictures, "save_sheet", watched)
    run = fit("GAN", "run", 2, "--pictures.every_n_steps", "100", "--pictures.num", "5")
    grids, path, columns, caption, names = seen[-1]
    assert (caption, names) == ("GAN, round 2", [])
    real, fake = grids.values()
    assert (list(grids), columns) == (["real", "generated"], None)
    data = Digits(image_size=16)
    data.setup()
    assert torch.equal(real, data.val.tensors["image"][:5].float() / 127.5 - 1)
    assert torch.equal(fake, ganzoo.load(run / "checkpoints" / "last.ckpt").sample(5))
    assert path == run / "real_vs_fake.png"


@pytest.mark.usefixtures("samples_only")
def test_the_curves_are_those_of_metrics_csv(fit, monkeypatch):
    seen = []
    monkeypatch.setattr(ganzoo.runs.callbacks.pictures, "save_curves", lambda panels, path: seen.append(panels))
    run = fit("GAN", "run", 9, *EVERY_4)
    curves = MetricsCSV(run).curves()
    assert len(seen) == 3  # after both validations and at the end
    assert seen[-1]["losses"] == {
        f"{p}/adversarial": curves[f"{p}/adversarial"] for p in ("discriminator", "generator")
    }
    assert seen[-1]["what D says"] == {name: curves[name] for name in ("D(real)", "D(fake)")}
    scores = {title for title in seen[-1] if title.startswith("val/")}
    names = ("fid_digits", "modes", "kl", "rarest", "certainty")
    assert scores == {f"val/{name}, 16 samples" for name in names}
    assert [step for step, _ in seen[-1]["val/modes, 16 samples"]["val/modes"]] == [4, 8]
    assert not any("ADA" in title for title in seen[-1])
    fit("GAN", "augmented", 6, "--model.augment", "ADA", *EVERY_4)
    assert list(seen[-1]["how far D overfits (r_t), and ADA's p"]) == ["ada/p", "ada/r_t"]


@pytest.mark.usefixtures("samples_only")
def test_a_film_has_at_most_60_pictures_the_first_and_the_last_among_them(fit, monkeypatch):
    seen = []
    monkeypatch.setattr(
        ganzoo.runs.callbacks.pictures, "save_film", lambda frames, path, story: seen.append(list(frames))
    )
    assert ganzoo.runs.callbacks.pictures.MOST_FRAMES == 60
    monkeypatch.setattr(ganzoo.runs.callbacks.pictures, "MOST_FRAMES", 4)
    run = fit("GAN", "run", 9, "--pictures.every_n_steps", "1", *FEW_VALIDATIONS)
    assert len(rounds(run)) == 10
    kept = [Image.open(run / "samples" / f"000000{step}.png") for step in (0, 3, 6, 9)]
    ((*shown,),) = seen
    assert [np.array_equal(a, b) for a, b in zip(shown, kept, strict=True)] == [True] * 4


def test_a_run_that_logs_nothing_is_drawn_all_the_same(tmp_path):
    short = ["--trainer.max_steps", "1", "--trainer.limit_val_batches", "0", *QUIET]
    main(["fit", "--model", "GAN", *DATA, "--run_dir", str(tmp_path / "run"), *short])
    for name in drawn(tmp_path / "run"):
        Image.open(tmp_path / "run" / name).load()
    assert rounds(tmp_path / "run") == ["0000000.png", "0000001.png"]


def test_pictures_do_not_change_the_run(fit):
    with_pictures, without = (  # batch norm notices what it is shown
        fit("DCGAN", name, 6, "--pictures.every_n_steps", every, *FEW_VALIDATIONS)
        for name, every in (("with", "2"), ("without", "0"))
    )
    assert_same_run(with_pictures, without)
    assert drawn(without) == []
    assert len(rounds(with_pictures)) == 4


@pytest.mark.parametrize(("option", "value"), [("every_n_steps", "-1"), ("num", "0")])
def test_impossible_numbers_are_refused(tmp_path, capsys, option, value):
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--model", "GAN", *DATA, "--run_dir", str(tmp_path / "run"), f"--pictures.{option}", value])
    assert stop.value.code == 1
    assert f"{option} is {value}" in " ".join(capsys.readouterr().err.replace(" and num", " num is").split())
    assert list(tmp_path.iterdir()) == []


# Stopped and resumed ----------------------------------------------------------------------------------------


def assert_same_pictures(a: Path, b: Path) -> None:
    """The same files, byte for byte."""
    assert drawn(a) == drawn(b)
    for name in drawn(a):
        assert (a / name).read_bytes() == (b / name).read_bytes(), name


@pytest.mark.slow
def test_a_run_asked_to_stop_has_its_pictures_and_goes_on_to_the_same(fit, tmp_path):
    stopped, options = tmp_path / "stopped", [*EVERY_4, "--checkpoint.every_n_steps", "100000", *FEW_VALIDATIONS]
    process = start(fit_args("GAN", stopped, 100_000, *options))
    wait_for_rows(stopped, 3)
    process.send_signal(signal.SIGTERM)
    out = process.communicate(timeout=60)[0]
    assert process.returncode == 128 + signal.SIGTERM, out
    step = last(stopped)["global_step"]
    expected = [f"{round:07d}.png" for round in sorted({*range(0, step + 1, 4), step})]
    assert rounds(stopped) == expected
    assert frames(stopped / "progress.gif") == min(60, len(expected))
    assert drawn(stopped) == sorted([*ALL, *(f"samples/{name}" for name in expected)])
    main(["resume", str(stopped), "--max_steps", str(step + 3)])
    whole = fit("GAN", "whole", step + 3, *options)
    assert_same_run(whole, stopped)
    assert_same_pictures(whole, stopped)


@pytest.mark.usefixtures("samples_only")
def test_a_run_in_parts_has_the_pictures_of_the_whole_and_leaves_ones_own_alone(fit):
    whole, parts = fit("GAN", "whole", 8, *EVERY_4), fit("GAN", "parts", 3, *EVERY_4)  # ends between two pictures
    mine = parts / "samples" / "mine.png"
    mine.write_bytes((parts / "samples.png").read_bytes())
    main(["resume", str(parts), "--max_steps", "4"])  # with one
    main(["resume", str(parts), "--max_steps", "8"])
    mine.unlink()
    assert_same_pictures(whole, parts)


# Points -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("samples_only")
@pytest.mark.parametrize("precision", ["32-true", "64-true"])
def test_points_are_drawn_over_what_d_takes_for_real_and_the_run_is_the_same_without(tmp_path, monkeypatch, precision):
    maps, x = [], torch.randn(7, 2)

    def watched(real, fake, scores, path, title, probability):
        assert probability
        maps.append((real, fake, scores(x), path.name, title))
        save_plane(real, fake, scores, path, title)

    monkeypatch.setattr(ganzoo.runs.callbacks.pictures, "save_plane", watched)
    run = points_run(tmp_path / "run", "--pictures.every_n_steps", "3", "--trainer.precision", precision)
    assert rounds(run) == ["0000000.png", "0000003.png"]
    assert (run / "real_vs_fake.png").read_bytes() == (run / "samples" / "0000003.png").read_bytes()
    assert frames(run / "progress.gif") == 2
    for name in drawn(run):
        assert pixels(run / name).shape[1] > 400
    real, fake, heat, name, title = maps[-1]
    assert (name, title) == ("0000003.png", "round 3")
    assert len(real) == len(fake) == 2500
    model = ganzoo.load(run / "checkpoints" / "last.ckpt", trust=True).to(heat.dtype)
    torch.testing.assert_close(fake, model.sample(2500))
    torch.testing.assert_close(heat, model.discriminator(x.to(heat.dtype)))  # in evaluation mode: without dropout
    assert not torch.equal(heat, maps[0][2])  # nor is it that of another round
    without = points_run(tmp_path / "without", "--pictures.every_n_steps", "0", "--trainer.precision", precision)
    assert drawn(without) == []
    assert (run / "metrics.csv").read_bytes() == (without / "metrics.csv").read_bytes()
    for part in ("state_dict", "optimizer_states", "Toy2D"):
        assert_equal(last(run)[part], last(without)[part], part)


@pytest.mark.parametrize(("axis", "bright", "dark"), [(0, (300, 400), (300, 150)), (1, (100, 300), (500, 300))])
def test_the_map_is_bright_where_d_says_real(tmp_path, axis, bright, dark):
    points = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])
    save_plane(points, points, lambda x: 1000 * x[:, axis], tmp_path / "plane.png")
    plane = pixels(tmp_path / "plane.png")  # rows from the top, so y grows towards row 0
    assert plane[bright].tolist() == [255, 255, 255]
    assert plane[dark].tolist() == [0, 0, 0]


@pytest.mark.usefixtures("samples_only")
def test_a_new_run_takes_no_picture_of_others_away(fit, tmp_path):
    others = [tmp_path / "run" / "samples" / name for name in ("000003.png", "0000009.png")]  # of `ganzoo sample`, say
    others[0].parent.mkdir(parents=True)
    for other in others:
        other.write_bytes(b"theirs")
    run = fit("GAN", "run", 4, *EVERY_4)
    assert [other.read_bytes() for other in others] == [b"theirs", b"theirs"]
    assert frames(run / "progress.gif") == 2
