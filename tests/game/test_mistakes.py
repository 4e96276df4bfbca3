"""Slips of an author of a variant, or of a metric, are one line that names them."""

from collections.abc import Callable
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn

import ganzoo.game.round
from ganzoo.data import DataModule
from ganzoo.data.base.sets import SampleSet, TensorSet
from ganzoo.game import Move, Player
from ganzoo.game.finite import Watch
from ganzoo.game.move import listed, parts_of
from ganzoo.game.squeezing import last_step
from ganzoo.metrics import SampleMetric, SlicedWassersteinDistance
from ganzoo.models import CGAN, GAN
from ganzoo.objectives import LeastSquares
from ganzoo.optimizers import Adam
from ganzoo.system.errors import UserError


class Points(DataModule):
    """Points, and metrics that a test gives."""

    def __init__(self, val: int = 20, **options: Any):
        super().__init__(batch_size=4, **options)
        self.num_val = val

    def load(self):
        x = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
        return TensorSet(image=x), TensorSet(image=x[: self.num_val])


def play(model: GAN, folder: Any, data: DataModule | None = None, **options: Any) -> L.Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    quiet |= {"enable_checkpointing": False, "max_steps": 1, "limit_val_batches": 0, "num_sanity_val_steps": 0}
    trainer = L.Trainer(default_root_dir=folder, **{**quiet, **options})
    trainer.fit(model, data or Points())
    return trainer


TERM = torch.zeros((), requires_grad=True)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "gave None for a loss"),
        ({}, "gave {} for a loss"),
        (TERM, r"gave a tensor of shape \(\) for a loss"),
        (3.0, "gave 3.0 for a loss"),
        ((), "yielded nothing"),
        (iter([]), "yielded nothing"),
        (iter([{"a": TERM}, None]), "gave None for a loss"),
        ({"a": 1.0}, "gave a as 1.0: a term is a tensor of one number"),
        ({"a": None}, "gave a as None"),
        ({"a": torch.zeros(3)}, r"gave a as a tensor of shape \(3,\)"),
        ({5: TERM}, "gave 5 as a tensor"),
    ],
)
def test_a_loss_that_gives_no_terms(found, words):
    def my_loss():
        """Only its name counts."""

    with pytest.raises(UserError, match=f"my_loss {words}"):
        list(parts_of(found, my_loss))


def test_a_loss_that_gives_terms():
    assert list(parts_of({"a": TERM}, print)) == [{"a": TERM}]
    assert list(parts_of(iter([{"a": TERM}, {"b": TERM}]), print)) == [{"a": TERM}, {"b": TERM}]


class Detached(GAN):
    def generator_loss(self, batch, z):
        return {"a": self.fakes(batch, z).detach().mean()}


class Silent(GAN):
    def generator_loss(self, batch, z):
        self.fakes(batch, z).mean()


class NoMoves(GAN):
    def moves(self, step):
        self.discriminator_loss  # noqa: B018


class Stranger(GAN):
    def moves(self, step):
        return [Move("critic", self.discriminator_loss)]


class Unrated(GAN):
    rates = {"critic": {"x": 0.1}}  # noqa: RUF012


class Unnamed(GAN):
    logged_as = {"critic": "D"}  # noqa: RUF012


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Detached, "Detached.generator_loss does not depend on the generator's weights"),
        (Silent, "Silent.generator_loss gave None for a loss"),
        (NoMoves, r"NoMoves.moves\(0\) returned None"),
        (Stranger, "critic is no player of Stranger: generator, discriminator are"),
        (Unrated, "Unrated.rates names critic, which is no player"),
        (Unnamed, "Unnamed.logged_as names critic, which is no player"),
    ],
)
def test_a_game_with_a_slip_is_one_line(tmp_path, model, words):
    with pytest.raises(UserError, match=words):
        play(model(), tmp_path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"networks": "mapping"}, r"networks 'mapping': give \('mapping',\)"),
        ({"networks": ()}, r"networks \(\): give names in a tuple"),
        ({"networks": (1,)}, r"networks \(1,\): give names in a tuple"),
        ({"times": 0}, "times 0: give a whole number"),
        ({"times": 1.5}, "times 1.5"),
        ({"every": "2"}, "every '2'"),
        ({"loss": {}}, "has the loss {}: give the function itself"),
    ],
    ids=str,
)
def test_a_move_that_can_not_be(options, words):
    with pytest.raises(UserError, match=f"a move of the generator has .*{words}|{words}"):
        Move(**{"player": "generator", "loss": print, **options})


def test_moves_are_moves():
    move = Move("generator", print, networks=["mapping"])  # type: ignore[arg-type]
    assert listed([move], "GAN", 0, ["generator"]) == [move]
    with pytest.raises(UserError, match=r"GAN.moves\(7\) returned \[3\]"):
        listed([3], "GAN", 7, ["generator"])


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.mapping = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        self.synthesis = nn.Linear(2, 2)


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ({"maping": 0.1}, "no network maping; there are: mapping, synthesis"),
        ({"mapping": 0.1, "mapping.0": 0.2}, "mapping and mapping.0 have weights in common"),
        ({"mapping": -1.0}, "mapping has -1.0: give a factor of 0 or more"),
        ({"mapping": "slow"}, "mapping has 'slow'"),
        ({"mapping": float("nan")}, "mapping has nan"),
    ],
    ids=str,
)
def test_rates_that_can_not_be(rates, words):
    with pytest.raises(UserError, match=words):
        Player("generator", Deep(), Adam, rates=rates)


# Scores that are no raw ones -----------------------------------------------------------------------------------------


class Images(DataModule):
    """Images, and labels, that a test gives; a set that reads its samples when they are asked for."""

    num_classes = 3

    def __init__(self, images: Tensor, labels: Tensor | None = None, **options: Any):
        super().__init__(batch_size=20, **options)
        self.tensors = {"image": images} | ({} if labels is None else {"label": labels})

    def load(self):
        return Lazily(self.tensors), TensorSet(image=torch.zeros(4, 1, 4, 4), label=torch.zeros(4).long())


class Lazily(SampleSet):
    """Samples that are not in memory, for all that anyone knows."""

    def __init__(self, tensors: dict[str, Tensor]):
        self.tensors = tensors

    def __len__(self):
        return len(self.tensors["image"])

    def __getitem__(self, index):
        return {name: x[index] for name, x in self.tensors.items()}


class Squeezed(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())

    def forward(self, x):
        return self.f(x).squeeze(1)


def test_a_sigmoid_at_the_end_is_told_once_where_raw_scores_are_taken(tmp_path, capsys):
    play(GAN(discriminator=Squeezed), tmp_path, max_steps=2)
    assert capsys.readouterr().out.count("ends in a sigmoid, and NonSaturating takes raw scores: leave it out") == 1
    play(GAN(discriminator=Squeezed, objective=LeastSquares()), tmp_path)
    play(GAN(), tmp_path)
    assert "ends in" not in capsys.readouterr().out


class Scoring(nn.Module):
    """A discriminator of one's own that makes something of raw scores (N, 2)."""

    def __init__(self, end: Callable[[Tensor], Tensor], dim: int = 2):
        super().__init__()
        self.end, self.f = end, nn.Sequential(nn.Flatten(), nn.Linear(dim, 8), nn.LeakyReLU(), nn.Linear(8, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.f(x))


ENDS: dict[str, list[Callable[[Tensor], Tensor]]] = {
    "between 0 and 1": [
        lambda x: (1 / (1 + torch.exp(-x)))[:, 0],
        lambda x: x[:, 0].clamp(0, 1),
        lambda x: (x[:, 0] * 0.2 + 0.5).clamp(0, 1),
        lambda x: x.exp()[:, 0] / x.exp().sum(1),
    ],
    "never above 0": [lambda x: x.log_softmax(1)[:, 1], lambda x: -torch.log(1 + x[:, 0].exp())],
    "": [lambda x: x[:, 0], lambda x: x[:, 0] * 1e-3, lambda x: x[:, 0] - x[:, 1], lambda x: x[:, 0].tanh() * 0.3],
}


@pytest.mark.parametrize(("words", "end"), [(words, end) for words, ends in ENDS.items() for end in ends])
def test_scores_that_never_leave_an_interval_are_told_whatever_wrote_the_end(tmp_path, capsys, words, end):
    play(GAN(discriminator=lambda _shape: Scoring(end)), tmp_path)
    said = capsys.readouterr().out
    assert (f"gives scores that are {words}, as a sigmoid" in said) == bool(words)
    assert ("raw scores" in said) == bool(words)


@pytest.mark.parametrize("end", [nn.Sigmoid(), nn.Softmax(1), nn.ReLU(), nn.Tanh(), nn.Identity()])
def test_a_generator_that_never_reaches_below_0_is_told(tmp_path, capsys, end):
    def images(latent_dim: int, shape: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(nn.Linear(latent_dim, 16), end, nn.Unflatten(1, shape))

    data = Images(torch.rand(20, 1, 4, 4) * 2 - 1)
    play(GAN(generator=images), tmp_path, data)
    assert ("The generator ends in" in capsys.readouterr().out) == isinstance(end, (nn.Sigmoid, nn.Softmax, nn.ReLU))


def test_the_last_step_is_seen_behind_changes_of_shape():
    x = torch.randn(3, 4, requires_grad=True)
    for squeeze, name in ((torch.sigmoid, "a sigmoid"), (torch.tanh, "a tanh"), (lambda x: x.softmax(1), "a softmax")):
        assert last_step(torch.cat([squeeze(x).view(4, 3)[:, 0].unsqueeze(1).squeeze(1).reshape(2, 2)])) == name
    assert last_step(torch.sigmoid(x) * 2) == last_step(x) == last_step(x.sum()) == last_step(x.detach()) == ""


# Samples that spoil a round, and networks of one's own ----------------------------------------------------------------


def spoiled(*rows: int) -> Tensor:
    """640 images, of which those that are looked at before the first round are right."""
    x = torch.zeros(640, 1, 4, 4)
    x[list(rows), 0, 1, 1] = torch.tensor([torch.nan, torch.inf])[: len(rows)]
    return x


def test_a_sample_that_is_not_finite_is_named_by_its_number_and_no_learning_rate(tmp_path):
    with pytest.raises(
        UserError, match=r"values that are NaN or infinite: image of sample 17 of the training set"
    ) as e:
        play(GAN(micro_batches=2), tmp_path, Images(spoiled(17)), max_steps=40)
    assert "learning rate" not in str(e.value)
    data = Images(spoiled(17, 100))
    data.batch_size = 640
    with pytest.raises(UserError, match=r"image of samples (17, 100|100, 17) of the training set, in round 0"):
        play(GAN(), tmp_path, data)


def test_a_sample_is_named_a_round_later_too_as_on_a_gpu(tmp_path, monkeypatch):
    """By then the data has given more batches."""
    monkeypatch.setattr(ganzoo.game.round, "Watch", lambda: Watch(late=True))
    words = r"image of sample 17 of the training set, in round \d+: stopped a round later"
    with pytest.raises(UserError, match=words):
        play(GAN(n_critic=3), tmp_path, Images(spoiled(17)), max_steps=14)


def test_fakes_that_a_move_put_into_the_batch_are_no_data(tmp_path):
    class Putting(GAN):
        def discriminator_loss(self, batch, z):
            batch["fake"] = self.fakes(batch, z) * torch.nan
            return super().discriminator_loss(batch, z)

        def generator_loss(self, batch, z):
            return {"adversarial": self.fakes(batch, z).mean() * batch["fake"].mean()}

    with pytest.raises(UserError, match="Try a lower learning rate"):
        play(Putting(), tmp_path, Images(spoiled()))


def test_a_loss_that_is_not_finite_on_right_data_is_the_learning_rate(tmp_path):
    class Endless(GAN):
        def generator_loss(self, batch, z):
            return {"adversarial": self.fakes(batch, z).mean() * torch.inf}

    with pytest.raises(UserError, match="Try a lower learning rate"):
        play(Endless(), tmp_path, Images(spoiled()))


def test_a_label_out_of_range_that_was_not_looked_at_is_named_in_its_round(tmp_path):
    labels = torch.arange(640) % 3
    labels[17] = 3
    with pytest.raises(UserError, match=r"Images: label reaches from \d to 3, and num_classes is 3"):
        play(CGAN(), tmp_path, Images(torch.zeros(640, 1, 4, 4), labels), max_steps=40)


class Made(nn.Module):
    """A network that makes what a test wants of its input."""

    def __init__(self, make: Callable[[Tensor], Any]):
        super().__init__()
        self.make, self.weight = make, nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Any:
        return self.make(x[:, :2] * self.weight)


class Changing(Made):
    """A network that changes its input."""

    def __init__(self):
        super().__init__(lambda x: x)

    def forward(self, x: Tensor) -> Any:
        x.view(-1).mul_(2)
        return super().forward(x)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"generator": lambda *_: Made(lambda x: (x, x))}, "Made returns a tuple: it must return one tensor"),
        ({"generator": lambda *_: Made(lambda x: {}["x"])}, r"can't make .*: KeyError: 'x' \(.*test_mistakes.py:\d+\)"),
        ({"discriminator": lambda *_: Made(lambda x: (x[:, 0], x))}, "Made returns a tuple"),
        ({"discriminator": lambda *_: Made(lambda x: [x[:, 0]])}, "Made returns a list"),
        ({"discriminator": lambda *_: Made(lambda x: x[:, 0].long())}, "Made returns int64"),
        ({"generator": lambda *_: Changing()}, r"Changing changes its input in place.* x = x\.clone\(\)"),
        ({"discriminator": lambda *_: Scoring(lambda x: x[:, 0] / 0)}, "Scoring makes values that are NaN or infinite"),
        ({"generator": lambda *_: Made(lambda x: x.abs().neg().log())}, "Made makes values .* before the first round"),
        ({"discriminator": lambda *_: Made(lambda x: x)}, r"Made gives scores of shape \(2, 2\)"),
    ],
)
def test_a_network_of_ones_own_that_returns_something_else_is_one_line(tmp_path, options, words):
    with pytest.raises(UserError, match=words) as found:
        play(GAN(**options), tmp_path)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(("late", "words"), [(False, "the generator .Made. makes values"), (True, "learning rate")])
def test_a_network_that_makes_nan_is_named_and_no_learning_rate(tmp_path, monkeypatch, late, words):
    """Where the weights are spoiled already, as a round later on a GPU, it is not known."""
    calls = []

    def make(x: Tensor) -> Tensor:
        calls.append(x)
        return x if len(calls) < 4 else x / 0  # the trials are fine

    monkeypatch.setattr(ganzoo.game.round, "Watch", lambda: Watch(late=late))
    with pytest.raises(UserError, match=words) as found:
        play(GAN(generator=lambda *_: Made(make)), tmp_path, max_steps=9)
    assert late or "learning rate" not in str(found.value)


# Metrics -------------------------------------------------------------------------------------------------------------


class Own(SampleMetric):
    """A metric of one's own, with the slips that a test gives it."""

    scores = {"own": False}  # noqa: RUF012

    def __init__(self, update: Callable[..., Any] = lambda *_: None, compute: Callable[[], Any] = lambda: {"own": 1.0}):
        super().__init__()
        self.seen, self.found = update, compute

    def update(self, x: Tensor, real: bool, label: Tensor | None = None) -> None:
        self.seen(x, real)

    def compute(self) -> Any:
        return self.found()


def fails(*_: Any) -> Any:
    raise KeyError("no luck")


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (Own(update=fails), r"the metric Own \(own\) failed: KeyError: 'no luck' \(.*test_mistakes.py:\d+\)"),
        (Own(compute=fails), "the metric Own .* failed: KeyError"),
        (Own(compute=lambda: 3.0), "the metric Own computed a float, and its `scores` are own"),
        (Own(compute=lambda: {"other": 3.0}), "the metric Own computed other, and its `scores` are own"),
        (Own(compute=lambda: {"own": torch.zeros(2)}), r"the metric Own computed own of shape \(2,\)"),
        (SlicedWassersteinDistance(), "SlicedWassersteinDistance and SlicedWassersteinDistance both give a score swd"),
    ],
)
def test_a_metric_that_fails_is_named_before_the_first_round(tmp_path, metric, words):
    model = GAN()
    with pytest.raises(UserError, match=words):
        play(model, tmp_path, Points(val=4, extra_metrics=[metric]), limit_val_batches=1.0)
    assert model.images_seen == 0


def test_one_that_fails_on_part_of_the_validation_is_told_and_may_do_with_all_of_it(tmp_path, capsys):
    seen: list[int] = []

    def compute() -> Any:
        if sum(seen) < 20:
            raise ValueError("needs 20 samples")
        return {"own": 1.0}

    metric = Own(update=lambda x, real: seen.append(0 if real else len(x)), compute=compute)
    trainer = play(GAN(), tmp_path, Points(val=20, extra_metrics=[metric]), limit_val_batches=1.0, max_steps=2)
    assert "After the first 4 validation samples, the metric Own (own) failed: ValueError: needs 20 samples" in (
        capsys.readouterr().out
    )
    assert trainer.global_step == 2


def test_trying_changes_nothing(tmp_path):
    with_own, without = GAN(), GAN()
    play(with_own, tmp_path, Points(extra_metrics=[Own()]), limit_val_batches=1.0, max_steps=3)
    play(without, tmp_path, Points(), limit_val_batches=1.0, max_steps=3)
    for name, weight in with_own.state_dict().items():
        assert torch.equal(weight, without.state_dict()[name])


def test_a_metric_says_how_many_samples_it_needs(tmp_path):
    class Pairs(Own):
        least = 5

    with pytest.raises(UserError, match=r"^own needs 5 samples or more to validate with, and there are 4"):
        play(GAN(), tmp_path, Points(val=4, extra_metrics=[Pairs()]), limit_val_batches=1.0)
    with pytest.raises(UserError, match="own needs 5 samples or more to validate with, and there are 4"):
        play(GAN(), tmp_path, Points(val=20, extra_metrics=[Pairs()]), limit_val_batches=1)
