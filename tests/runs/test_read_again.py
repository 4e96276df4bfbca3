"""What a run can't record is said when it starts, and what it records is read again as it was."""

import functools
import sys
from dataclasses import dataclass

import lightning as L
import pytest
import torch
from conftest import QUIET, kept, last
from jsonargparse import Namespace
from torch import nn

import ganzoo
from ganzoo.cli import main
from ganzoo.data import Toy2D
from ganzoo.game.record import lost, record
from ganzoo.metrics import SampleMetric
from ganzoo.models import GAN
from ganzoo.networks import MinibatchStdDev, MLPGenerator
from ganzoo.objectives import NonSaturating
from ganzoo.runs.callbacks import Checkpoints
from ganzoo.runs.folder import leave_out_usual
from ganzoo.runs.naming import without_training
from ganzoo.runs.read_again import has_own_parts, spec_of, trouble
from ganzoo.runs.reader import Reader
from ganzoo.system.errors import UserError

OWN = """
import torch
from torch import nn
from ganzoo.data import DataModule, TensorSet
class Net(nn.Module):
    def __init__(self, latent_dim, shape, hidden=(8,), act=nn.ReLU, kind="plain", **more):
        super().__init__()
        self.kind, sizes = kind, (latent_dim,) + hidden
        self.f = nn.Sequential(nn.Linear(*sizes), act(), nn.Linear(sizes[-1], shape[0]))
    def forward(self, z): return self.f(z)
class Held(nn.Module):
    def __init__(self, latent_dim, shape, act=nn.ReLU()):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(latent_dim, shape[0]), act)
    def forward(self, z): return self.f(z)
class Drifting(Net):
    count = 4
    def __init__(self, latent_dim, shape):
        Drifting.count += 1
        super().__init__(latent_dim, shape, hidden=(Drifting.count,))
def make(latent_dim, shape) -> nn.Module: return Net(latent_dim, shape)
class Points(DataModule):
    def __init__(self, sizes=(40, 20), **options):
        super().__init__(**options)
        self.sizes = sizes + ()
    def load(self): return tuple(TensorSet(image=torch.randn(n, 2)) for n in self.sizes)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a module of the user's own, beside which the runs are."""
    place = tmp_path_factory.mktemp("own")
    (place / "own_to_read.py").write_text(OWN)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", str(place))])
        yield place
    sys.modules.pop("own_to_read", None)


def run(name: str, *options: str) -> None:
    more = ["--data.batch_size", "4", "--trainer.max_steps", "1", "--pictures.every_n_steps", "0", *QUIET]
    main(["fit", "--model", "GAN", "--data", "own_to_read.Points", "--run_dir", name, *more, *options])


def test_options_without_types_come_back_as_they_were_given(folder, capsys):
    net = "--model.generator"
    run("a", f"{net}=own_to_read.Net", f"{net}.hidden=[4]", f"{net}.act=torch.nn.Tanh", f"{net}.kind=odd-er.x")
    said = capsys.readouterr().out
    assert "can't" not in said
    assert f"More samples: ganzoo sample {folder.name and 'a'}/checkpoints/last.ckpt --trust" in said
    with pytest.raises(UserError, match=r"would import own_to_read\.Net"):
        ganzoo.load("a/checkpoints/last.ckpt")
    made = ganzoo.load("a/checkpoints/last.ckpt", trust=True)
    assert made.generator.kind == "odd-er.x"
    assert isinstance(made.generator.f[1], nn.Tanh)
    for name, weight in last(folder / "a")["state_dict"].items():
        assert torch.equal(weight, made.state_dict()[name])


def test_a_function_of_ones_own_makes_the_network_again(folder, capsys):
    run("b", "--model.generator=own_to_read.make")
    assert "--trust" in capsys.readouterr().out
    assert ganzoo.load("b/checkpoints/last.ckpt", trust=True).sample(3).shape == (3, 2)


def test_what_can_not_be_read_again_is_said_at_the_start(folder, capsys):
    run("c", "--model.generator=own_to_read.Held")
    said = capsys.readouterr().out
    assert "can't record generator (it has the object ReLU(), which no file can hold: give its class)" in said
    assert said.index("can't record") < said.index("Done")


def test_a_network_that_is_built_otherwise_from_its_record_is_told(folder, capsys):
    run("d", "--model.generator=own_to_read.Drifting")
    said = capsys.readouterr().out
    assert "Checkpoints of this run can't be loaded by ganzoo.load and the commands" in said
    assert "its weights do not fit" in said


@dataclass(frozen=True)
class Fields(NonSaturating):
    weight: float = 1.0


class NoFields(NonSaturating):
    def __init__(self, weight):
        object.__setattr__(self, "weight", weight)


class Default(GAN):
    def __init__(self, inner=nn.ReLU(), **game):  # noqa: B008
        super().__init__(**game)


def local() -> type:
    class Inner(MLPGenerator):
        pass

    return Inner


def plain_function(latent_dim, shape):
    return MLPGenerator(latent_dim, shape)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"generator": lambda d, s: MLPGenerator(d, s)}, "a lambda"),
        ({"generator": functools.partial(MLPGenerator, 4)}, "with arguments without names"),
        ({"discriminator_optimizer": lambda p: torch.optim.Adam(p)}, "a lambda"),
        ({"generator": local()}, "Inner is defined inside a function"),
        ({"generator": plain_function}, None),
        ({"generator": functools.partial(MLPGenerator, hidden=[4])}, None),
        ({"objective": Fields(0.9, 2.0)}, None),
        ({}, None),
    ],
)
def test_what_python_gave_and_no_file_can_say(options, reason):
    model = GAN(shape=(2,), **options)
    found = lost(model.hparams, GAN)
    assert list(found) == (list(options) if reason else [])
    assert not reason or reason in found[next(iter(options))]


def test_a_default_that_no_file_can_say_is_made_again():
    assert lost(Default(shape=(2,)).hparams, Default) == {}
    assert "an object of Tanh" in lost(Default(shape=(2,), inner=nn.Tanh()).hparams, Default)["inner"]


def test_a_class_of_the_script_itself_is_not_found_by_others(monkeypatch):
    monkeypatch.setattr(Fields, "__module__", "__main__")
    assert "defined in the script" in lost(GAN(shape=(2,), objective=Fields()).hparams, GAN)["objective"]


def test_functions_and_partials_of_them_come_back(tmp_path):
    for generator in (plain_function, functools.partial(plain_function)):
        model = GAN(shape=(2,), generator=generator)
        assert has_own_parts(model)
        path = kept(model, tmp_path / "f.ckpt")
        assert torch.equal(ganzoo.load(path, trust=True).sample(2), model.eval().sample(2))
    assert not has_own_parts(GAN(shape=(2,)))


def test_a_dataclass_whose_own_init_hides_its_fields_is_in_trouble():
    model = GAN(shape=(2,), objective=NoFields(3.0))
    assert "real_target" in trouble(lambda: Reader(trust=True).read(spec_of(model), GAN))


def test_a_checkpoint_that_lacks_something_says_so_when_it_can_not_be_built(tmp_path):
    wide = functools.partial(MLPGenerator, hidden=[4])
    path = kept(GAN(shape=(2,), minibatch=lambda n: MinibatchStdDev(n), generator=wide), tmp_path / "m.ckpt")
    with pytest.raises(UserError, match=r"it was trained with minibatch given in Python, which is not in the file"):
        ganzoo.load(path)


def test_python_runs_say_it_too(tmp_path, capsys):
    model = GAN(generator=lambda d, s: MLPGenerator(d, s, hidden=[4]))
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = L.Trainer(max_steps=1, default_root_dir=tmp_path, callbacks=[Checkpoints()], limit_val_batches=0, **quiet)
    trainer.fit(model, Toy2D(batch_size=4))
    assert "can't record generator (it can't be pickled, as a lambda)" in capsys.readouterr().out
    assert record(model.hparams, GAN, 0)["unrecorded"] == ["generator"]
    assert without_training({"ema": 1, "generator_optimizer": 2}) == {"ema": 1}


USUAL = {"compute_on_cpu": False, "dist_sync_fn": None, "sync_on_compute": True, "process_group": None}


@pytest.mark.parametrize("name", ["FID", "ClassScores", "SlicedWassersteinDistance", "Diversity"])
def test_a_metric_with_the_options_of_torchmetrics_comes_back(name):
    """Configs of earlier versions have them."""
    given = {"class_path": f"ganzoo.metrics.{name}", "init_args": dict(USUAL)}
    assert Reader(make=False).read(given, SampleMetric)["init_args"] == USUAL
    options = Namespace(seed=0, **{**USUAL, "dist_sync_on_step": True})
    leave_out_usual(options)
    assert options.as_dict() == {"seed": 0, "dist_sync_on_step": True}
