"""A checkpoint's form is looked at before anything in it is used."""

from functools import partial
from resource import RUSAGE_SELF, getrusage

import pytest
import torch

from ganzoo.models import GAN, R3GAN, CycleGAN
from ganzoo.networks import R3GANGenerator
from ganzoo.runs.beside import keep_here
from ganzoo.runs.bounded import bounded, build_bounded
from ganzoo.runs.checkpoint_file import read
from ganzoo.runs.wellformed import LOOPS, held_by, refuse_unplayable
from ganzoo.system.errors import UserError

MADE = {"class_path": "ganzoo.models.GAN", "init_args": {}, "unrecorded": [], "seed": 0, "images_seen": 8}
WHOLE = {
    **{"state_dict": {"x": torch.zeros(2)}, "loops": {loop: {} for loop in LOOPS}, "callbacks": {}},
    **{"pytorch-lightning_version": "2.6.0", "ganzoo": MADE},
}


def shared_lists() -> list:
    """A few lists that hold one another: as a text they would fill the memory."""
    x: list = ["a"]
    for _ in range(30):
        x = [x] * 10
    return x


@pytest.mark.parametrize("where", ["format", "class_path", "seed", "init_args", "pytorch-lightning_version", "loops"])
def test_values_that_hold_one_another_are_refused_at_once(tmp_path, where):
    made = {**MADE, where: shared_lists()} if where in MADE or where == "format" else MADE
    more = {} if where in MADE or where == "format" else {where: shared_lists()}
    torch.save({**WHOLE, "ganzoo": made, **more}, tmp_path / "odd.ckpt")
    with pytest.raises(UserError, match=r"odd\.ckpt: .* nested too deeply, or too long"):
        read(tmp_path / "odd.ckpt")


def test_a_whole_checkpoint_is_playable():
    refuse_unplayable(WHOLE, "whole.ckpt")


@pytest.mark.parametrize(
    "change",
    [
        {"state_dict": {"x": 1}},
        {"state_dict": []},
        {"loops": {}},
        {"callbacks": 5},
        {"pytorch-lightning_version": "x"},
        {"global_step": -5},
        {"global_step": True},
        {"optimizer_states": [{"state": {}, "param_groups": [{"lr": "1"}]}]},
        {"optimizer_states": [{"state": {}, "param_groups": [5]}]},
        {"ganzoo": {**MADE, "images_seen": None}},
        {"ganzoo": {**MADE, "local_buffers": {"x": torch.zeros(())}}},
        {"ganzoo": {**MADE, "helpers": {"f": {}}}},
    ],
    ids=str,
)
def test_one_that_is_not_is_one_message(change):
    with pytest.raises(UserError, match="does not say where its run is"):
        refuse_unplayable({**WHOLE, **change}, "odd.ckpt")


def test_a_number_shown_many_times_is_held_once():
    assert held_by({"x": torch.zeros(1).expand(10**9)}) == 1
    assert held_by({"x": torch.zeros(3, 4), "y": torch.zeros(5)}) == 17


def test_buffers_count_too_whenever_a_model_is_built():
    model = CycleGAN(pool_size=10**5, shapes={"a": (1, 24, 24), "b": (1, 24, 24)})
    with pytest.raises(UserError, match="larger than the weights"), bounded(model, 1000):
        model.configure_model()
    build_bounded(model, 1000)
    with pytest.raises(UserError, match="larger than the weights"):
        model.configure_model()


@pytest.mark.parametrize("options", [{"width": 2**25}, {"width": 8, "blocks": 10**9}], ids=str)
def test_networks_are_counted_before_they_take_memory(options):
    model = R3GAN(shape=(1, 16, 16), generator=partial(R3GANGenerator, **options))
    before = getrusage(RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match="larger than the weights"), bounded(model, 1000):
        model.configure_model()
    assert getrusage(RUSAGE_SELF).ru_maxrss - before < 300_000  # kB
    assert "build_players" not in vars(model)


def test_a_network_is_the_same_after_it_was_counted():
    made = [GAN(shape=(2,)) for _ in range(2)]
    made[0].configure_model()
    with bounded(made[1], 1000):
        made[1].configure_model()
    first, second = (model.generator.state_dict() for model in made)
    assert all(second[name].equal(value) for name, value in first.items())


def test_a_file_beside_starts_no_processes_and_reaches_no_other_machine(tmp_path):
    data = {"class_path": "ganzoo.data.MNIST", "init_args": {"root": "here/c:d", "num_workers": 99, "download": True}}
    keep_here(data, tmp_path)
    assert data["init_args"] == {"root": "here/c:d"}
    for root in ("s3://bucket/set", "hf://x/y", "local:/tmp/x"):
        with pytest.raises(UserError, match="takes its data from"):
            keep_here({"class_path": "x", "init_args": {"root": root}}, tmp_path)
