"""Which scores a run reports is known before it has data, networks or a judge; and a batch is looked at once."""

import json
from types import SimpleNamespace

import pytest
import torch
from conftest import MODELS, fit_args
from fakes import FAKES, FakeDomains, FakePairs, Means

import ganzoo.data
import ganzoo.data.base.with_judge
import ganzoo.models
from ganzoo.cli import main
from ganzoo.data import CIFAR10, DataModule, Digits, Horse2Zebra, Toy2D
from ganzoo.data.base.tensors import to_float
from ganzoo.game.validation import Validation
from ganzoo.metrics import FID, Judge
from ganzoo.models import CGAN, CUT, GAN, CycleGAN, Pix2Pix
from ganzoo.runs.loggers import MetricsCSV
from ganzoo.system.errors import UserError

DATA = [
    name
    for name in ganzoo.data.__all__
    if isinstance(cls := getattr(ganzoo.data, name), type) and issubclass(cls, DataModule) and cls is not DataModule
]
FILES = {name: (lambda folder, write=write: dict(root=write(folder)[1])) for name, write in FAKES.items()}
OPTIONS = {**dict.fromkeys(("Digits", "Toy2D"), lambda folder: {}), **FILES}


def model_for(name: str, data: DataModule):
    """A model of this name, or None if it is not for such data."""
    model = getattr(ganzoo.models, name)()
    try:
        model.check_data(data)
    except UserError:
        return None
    return model


@pytest.fixture
def untrained(monkeypatch):
    """Judges that need no half a minute; how many there were."""
    made = []

    def judge_of(image, label, num_classes):
        made.append(num_classes)
        return Judge(num_classes).eval()

    monkeypatch.setattr(ganzoo.data.base.with_judge, "judge_of", judge_of)
    return made


# Which scores there are -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "data", "names"),
    [
        (GAN, Digits(), ["fid_digits", "modes", "kl", "rarest", "certainty"]),
        (CGAN, Digits(), ["fid_digits", "modes", "kl", "rarest", "certainty", "asked"]),
        (CGAN, CIFAR10(), ["swd"]),  # labels, and no judge of them
        (GAN, Toy2D(), ["swd", "modes", "high_quality"]),
        (GAN, Toy2D(name="spiral"), ["swd"]),
        (GAN, CIFAR10(extra_metrics=[FID()]), ["swd", "fid", "kid", "kid_std"]),
        (CycleGAN, Horse2Zebra(), ["swd_b", "swd_a", "cycle_a", "cycle_b"]),
        (CUT, Horse2Zebra(extra_metrics=[FID(Means())]), ["swd_b", "fid_means_b", "kid_means_b", "kid_std_means_b"]),
        (Pix2Pix, ganzoo.data.Paired(extra_metrics=[FID()]), ["l1", "psnr", "ssim", "fid_b", "kid_b", "kid_std_b"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, DataModule) else getattr(value, "__name__", ""),
)
def test_by_hand(monkeypatch, model, data, names):
    """None of these data sets is there, and no network is built."""
    higher = {"modes", "rarest", "certainty", "asked", "high_quality", "psnr", "ssim"}
    monkeypatch.setattr(Judge, "load", None)
    state, game = torch.get_rng_state(), model()
    assert game.validation.scores_on(data) == {name: name in higher for name in names}
    assert list(game.validation.scores_on(data)) == names
    assert not game.players
    assert torch.equal(torch.get_rng_state(), state)  # a run's own chance is as it was


@pytest.mark.parametrize("name", DATA)
def test_they_are_those_of_the_metrics_whatever_the_data_and_the_model(tmp_path, untrained, name):
    """Known before there is data, by which all of them are then computed on a few samples."""
    cls = getattr(ganzoo.data, name)
    options = OPTIONS.get(name, lambda folder: {})(tmp_path)
    data = cls(extra_metrics=[FID(Means())] if name != "Toy2D" else None, **options)
    games = [game for game in (model_for(model, data) for model in MODELS) if game is not None]
    known = [game.validation.scores_on(data) for game in games]
    assert games
    assert not untrained
    assert {next(iter(scores)) for scores in known} == {cls.main_score}
    if name not in OPTIONS:  # its files are not faked here
        return
    data.setup()
    seen = set()
    for game, scores in zip(games, known, strict=True):
        if tuple(scores) not in seen:  # computed once for models that are scored alike
            assert computed(game, data) == scores
        seen.add(tuple(scores))
    assert len(untrained) <= 1


def computed(game, data):
    """What the scores of a validation are called, in which the fakes are the real samples."""
    validation = validation_of(game, data)
    batch = {name: to_float(x, torch.float32) for name, x in data.val[torch.arange(4)].items()}
    label = batch.pop("label", None)
    if hasattr(data, "paired"):
        a, b = batch["a"], batch["b"]
        images = {"a": a, "b": b, "AtoB": b, "BtoA": a, "AtoBtoA": a, "BtoAtoB": b}
        validation.update(images, images)
    else:
        validation.update(batch["image"], batch["image"], label=None if label is None else label.long())
    assert [name for metric in validation.metrics for name in metric.compute()] == list(validation.scores)
    return validation.scores


def validation_of(game, data):
    """The validation of a game on data that are set up, without a Trainer."""
    trainer = SimpleNamespace(datamodule=data, limit_val_batches=1.0, global_rank=0, world_size=1)
    validation = Validation(SimpleNamespace(trainer=trainer, new_metrics=game.new_metrics))
    validation.set_up("fit")
    return validation


# The monitor ------------------------------------------------------------------------------------------------------


def test_a_misspelt_monitor_is_refused_before_a_judge_is_trained_or_weights_are_fetched(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Judge, "load", None)
    with pytest.raises(SystemExit):
        main(fit_args("GAN", tmp_path / "run", 4, "--checkpoint.monitor", "val/fidd", "--data.extra_metrics+=FID"))
    words = "validation gives val/fid_digits, val/modes, val/kl, val/rarest, val/certainty, val/fid, val/kid, "
    words += "val/kid_std; name one."
    assert words in capsys.readouterr().err


# Features in a run ------------------------------------------------------------------------------------------------


class Counting(Means):
    """Counts the images that it looks at, over all its copies."""

    seen: list[int] = []  # noqa: RUF012

    def forward(self, images):
        self.seen.append(len(images))
        return super().forward(images)


class Other(FID):
    """The same figures by other names: two metrics may not give one score."""

    def __init__(self, extractor):
        super().__init__(extractor)
        self.scores = {f"other_{name}": higher for name, higher in self.scores.items()}


@pytest.mark.parametrize(
    ("model", "data", "domains"), [("CycleGAN", FakeDomains, 2), ("CUT", FakeDomains, 1), ("Pix2Pix", FakePairs, 1)]
)
def test_features_are_extracted_once_a_batch_and_real_ones_once_a_run(monkeypatch, model, data, domains):
    """Three validations of three batches of at most 3 of 8 images, by two metrics for each domain."""
    batches, seen = [3, 3, 2], []
    monkeypatch.setattr(Counting, "seen", seen)
    data = data(extra_metrics=[FID(Counting()), Other(Counting())])
    data.setup()
    validation = validation_of(getattr(ganzoo.models, model)(), data)
    for _ in range(3):
        for rows in torch.arange(8).split(3):
            batch = {name: to_float(x, torch.float32) for name, x in data.val[rows].items()}
            made = {**batch, "AtoB": batch["b"] * 0.5, "BtoA": batch["a"] * 0.5}
            made |= {"AtoBtoA": made["BtoA"], "BtoAtoB": made["AtoB"]}
            validation.update(made, made)
        validation.real_is_known = True
    fake = [n for n in batches for _ in range(domains)]
    assert seen == [n for n in batches for _ in range(2 * domains)] + 2 * fake


def test_a_run_extracts_each_image_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # an earlier run of the test kept the real ones
    seen = []
    monkeypatch.setattr(Counting, "seen", seen)
    counting = {"extractor": {"class_path": "game.test_scores.Counting"}}
    extra = json.dumps([{"class_path": name, "init_args": counting} for name in ("FID", "game.test_scores.Other")])
    options = ["--data.extra_metrics", extra, "--checkpoint.monitor", "val/kid_means_a"]
    main(fit_args("CycleGAN", tmp_path / "run", 8, *options))  # two validations of 8 images of each domain
    curves = MetricsCSV(tmp_path / "run").curves()
    assert {"val/fid_means_b", "val/kid_means_a_best", "val/swd_b"} <= curves.keys()
    assert [step for step, _ in curves["val/kid_means_a"]] == [4, 8]
    trial = 8  # before the first round: real and fake images of two domains, by two metrics of the tests
    assert seen[trial:] == [8] * 4 + [8] * 2
