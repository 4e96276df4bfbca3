"""Too few samples for a score are known before the first round."""

from types import SimpleNamespace

import pytest
import torch
from fakes import Means, write_images, write_unpaired

from ganzoo.cli import main
from ganzoo.data import Horse2Zebra, ImageFolder
from ganzoo.game.counting import refuse_too_few, samples_shown
from ganzoo.game.metric_trial import refuse_shapes
from ganzoo.metrics import (
    FID,
    MMD,
    MSSSIM,
    Diversity,
    OfDomain,
    PairedLPIPS,
    PathLength,
    SlicedWassersteinDistance,
)
from ganzoo.networks.frozen import Samples
from ganzoo.system.errors import UserError


def trainer_of(data, limit=1.0, world=1):
    data.setup()
    trainer = SimpleNamespace(datamodule=data, limit_val_batches=limit, limit_test_batches=1.0)
    trainer.world_size, trainer.global_rank = world, 0
    data.trainer = trainer
    return trainer


@pytest.mark.parametrize(
    ("held_out", "batch_size", "world", "limit"),
    [(1, 4, 1, 1.0), (10, 4, 1, 1.0), (10, 1, 1, 1), (10, 3, 1, 2), (10, 3, 2, 1), (10, 4, 1, 0.5), (2, 4, 2, 1.0)],
)
def test_as_many_are_counted_as_validation_shows(held_out, batch_size, world, limit):
    data = SimpleNamespace(batch_size=batch_size, world=world)
    trainer = SimpleNamespace(datamodule=data, limit_val_batches=limit)
    shown = 0
    for rank in range(world):
        batches = torch.arange(rank, held_out, world).split(batch_size)
        kept = batches[: limit if isinstance(limit, int) else int(len(batches) * limit)]
        shown += sum(map(len, kept))
    assert samples_shown(held_out, trainer, "fit") == shown


def test_fid_of_one_image_is_refused_with_the_remedy(tmp_path):
    write_images(tmp_path, 19)
    trainer = trainer_of(ImageFolder(root=str(tmp_path), image_size=16, num_workers=0))
    refuse_too_few([SlicedWassersteinDistance()], trainer, "fit")
    with pytest.raises(
        UserError, match=r"fid_means and kid_means need 2 samples or more .* there is 1: give more images"
    ):
        refuse_too_few([SlicedWassersteinDistance(), FID(Means())], trainer, "fit")
    write_images(tmp_path, 1, first=19)  # of 20 two are held out
    enough = ImageFolder(root=str(tmp_path), image_size=16, num_workers=0, batch_size=1)
    refuse_too_few([FID(Means())], trainer_of(enough), "fit")
    with pytest.raises(UserError, match="there is 1: raise the limit on batches"):
        refuse_too_few([FID(Means())], trainer_of(enough, limit=1), "validate")


def test_one_score_needs_and_two_need(tmp_path):
    write_images(tmp_path, 19)
    trainer = trainer_of(ImageFolder(root=str(tmp_path), image_size=16, num_workers=0))
    one = SimpleNamespace(scores={"mmd": False}, least=2)
    with pytest.raises(UserError, match=r"^mmd needs 2 samples or more"):
        refuse_too_few([one], trainer, "fit")


SHAPES = {"a": (1, 16, 16), "b": (4, 16, 16)}


@pytest.mark.parametrize(
    ("metric", "shape", "message"),
    [
        (Diversity(), (2,), "Diversity compares images by LPIPS, and the samples here are points"),
        (PathLength(), (4, 16, 16), "LPIPS looks at images of 1 or 3 channels, not of 4: leave PathLength out"),
        (PairedLPIPS(), SHAPES, "not of 4: leave PairedLPIPS out"),
        (OfDomain(Diversity(), "b", "AtoB"), SHAPES, "not of 4: leave Diversity out"),
        (MSSSIM(), (1, 16, 8), "images of 11 px or more, not of 8"),
        (FID(Means()), (2,), "Means looks at images of 1 or 3 channels"),
    ],
)
def test_what_a_metric_can_not_look_at_is_refused(metric, shape, message):
    def refuse(metric, shape):
        refuse_shapes([metric], None if shape is SHAPES else shape, SHAPES if shape is SHAPES else {"image": shape})

    with pytest.raises(UserError, match=message):
        refuse(metric, shape)
    for other in (OfDomain(Diversity(), "a", "BtoA"), PairedLPIPS(target="a"), MMD(Samples())):
        refuse(other, SHAPES)


def test_points_are_refused_before_the_first_round(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(
            [
                "fit",
                "--model",
                "GAN",
                "--data",
                "Toy2D",
                "--data.extra_metrics+=Diversity",
                "--run_dir",
                f"{tmp_path}/run",
            ]
        )
    assert "Diversity compares images by LPIPS" in capsys.readouterr().err
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_the_shorter_of_two_domains_counts(tmp_path):
    write_unpaired(tmp_path, 10, 10)
    for name in ("000301", "000302", "000303"):
        (tmp_path / "testB" / f"{name}.jpg").unlink()
    trainer = trainer_of(Horse2Zebra(root=str(tmp_path), image_size=16, num_workers=0))
    with pytest.raises(UserError, match="fid_means_b and kid_means_b need 2 samples of each domain"):
        refuse_too_few([OfDomain(FID(Means()), "b", "AtoB")], trainer, "fit")
