"""The bar, its lines in a file, and what is told of long rounds."""

import pytest

from ganzoo.cli import main
from ganzoo.models import GAN, R3GAN, WGAN, WGANGP
from ganzoo.runs.callbacks import Progress
from ganzoo.runs.callbacks.progress import long_rounds


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (0, -1, (25, 100, 5)),
        (0, 1000, (25, 100, 5)),
        (20, -1, (25, 100, 5)),
        (23, -1, None),
        (25, -1, None),
        (0, 20, None),
    ],
)
def test_long_rounds_are_seen(start, end, found):
    seen = long_rounds(WGAN(), start, end)
    assert (seen and (seen[0], seen[1].times, seen[2])) == found


@pytest.mark.parametrize("model", [GAN, WGANGP, R3GAN])
def test_even_rounds_are_none(model):
    assert long_rounds(model(), 0, -1) is None


def test_a_line_has_the_numbers_and_the_time_left():
    bar = Progress()
    bar.began, bar.numbers = (100.0, 10), {"G": "1.000", "img/s": "640"}
    assert bar.line(120.0, 30, 50) == "Round 30 of 50: G 1.000, img/s 640; about 20 seconds left"
    assert bar.line(120.0, 50, 50) == "Round 50 of 50: G 1.000, img/s 640"
    assert bar.line(120.0, 30, -1) == "Round 30: G 1.000, img/s 640"


def test_a_run_tells_long_rounds_and_its_end_in_lines(tmp_path, capsys):
    small = ["--data", "Toy2D", "--data.num_points", "500", "--data.batch_size", "8", "--model.long_rounds", "12"]
    networks = ["--model.generator", "MLPGenerator", "--model.discriminator", "MLPDiscriminator"]
    short = ["--trainer.max_steps", "26", "--trainer.limit_val_batches", "0", "--pictures.every_n_steps", "0"]
    quiet = ["--trainer.enable_model_summary", "false", "--run_dir", str(tmp_path / "run")]
    main(["fit", "--model", "WGAN", *networks, *small, *short, *quiet])
    said = capsys.readouterr().out
    assert "The rounds before round 25 are long: 12 updates of the critic in each, 5 later." in said
    assert "The long rounds take about " in said
    assert "Round 26 of 26: D " in said
    assert "\r" not in said
