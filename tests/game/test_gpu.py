"""Every model on a GPU; `make test-gpu` runs these.

Each check is a function of the device, and is made on the CPU too, of one model: where there is no GPU that is all that
can be tried of it.
"""

import os
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from conftest import MODELS, environment, fit_args, last
from torch.testing import assert_close

from ganzoo.cli import main
from ganzoo.data import Digits
from ganzoo.system import draws

FORMS = {
    "fp32": (),
    "bf16": ("--trainer.precision", "bf16-mixed"),
    "fp16": ("--trainer.precision", "16-mixed"),
    "compiled": ("--model.compile", "true"),
    "channels_last": ("--model.channels_last", "true"),
    "channels_first": ("--model.channels_last", "false"),
}
ON_A_GPU = (
    pytest.mark.gpu,
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU of CUDA here"),
    pytest.mark.timeout(900),
)
LAUNCH = "import sys; from ganzoo.cli import main; main(sys.argv[1:])"


def cases(*on_cpu, forms=tuple(FORMS)):
    """Each model and form on a GPU, and those of `on_cpu` on the CPU."""
    both = [(model, form) for model in MODELS for form in forms]
    gpu = [pytest.param("cuda", *case, marks=ON_A_GPU, id="-".join(case)) for case in both]
    return [*(pytest.param("cpu", *case, id=f"cpu-{'-'.join(case)}") for case in on_cpu), *gpu]


def weights(state):
    return {name: value for name, value in state.items() if value.is_floating_point()}


def trained(model, device, folder, steps, *more):
    """A short run on one device, whatever number of them there is; return its checkpoint."""
    options = ("--trainer.accelerator", device, "--trainer.devices", "1", "--trainer.limit_val_batches", "0")
    main(fit_args(model, folder, steps, *options, *more))
    return last(folder)


def assert_agree(found, wanted):
    """Weights of two runs are the same, but for the last digits of float64."""
    assert found.keys() == wanted.keys()
    for name, value in found.items():
        assert_close(value, wanted[name], rtol=1e-6, atol=1e-8, msg=lambda told, name=name: f"{name}: {told}")


@pytest.mark.parametrize(("device", "model", "form"), cases(("GAN", "bf16")))
def test_three_rounds(device, model, form, tmp_path):
    torch._dynamo.reset()  # what another model compiled
    found = trained(model, device, tmp_path / "run", 3, *FORMS[form])
    assert found["global_step"] == 3
    for name, value in weights(found["state_dict"]).items():
        assert value.isfinite().all(), name
    kept = [state for each in found["optimizer_states"] for state in each["state"].values()]
    assert kept or form == "fp16"  # whose scaler may skip the first steps


@pytest.mark.parametrize(("device", "model", "form"), cases(("GAN", "fp32"), forms=("fp32", "fp16")))
def test_it_goes_on(device, model, form, tmp_path):
    """With the state of its optimizers, and of the scaler; then on the CPU, as a copied run may."""
    trained(model, device, tmp_path / "run", 2, *FORMS[form])
    main(["resume", str(tmp_path / "run"), "--max_steps", "3"])
    assert last(tmp_path / "run")["global_step"] == 3
    known = ("--trainer.precision", "bf16-mixed") if form == "fp16" else ()  # to a CPU
    main(["resume", str(tmp_path / "run"), "--max_steps", "4", "--trainer.accelerator", "cpu", *known])
    found = last(tmp_path / "run")
    assert found["global_step"] == 4
    for name, value in weights(found["state_dict"]).items():
        assert value.isfinite().all(), name


def one_round(model, device, folder):
    more = ("--trainer.precision", "64-true", "--model.micro_batches", "1")
    return weights(trained(model, device, folder, 1, *more)["state_dict"])


@pytest.mark.parametrize(
    ("device", "model"),
    [
        pytest.param("cpu", "GAN", id="cpu-GAN"),
        *(pytest.param("cuda", model, id=model, marks=ON_A_GPU) for model in MODELS),
    ],
)
def test_one_round_agrees_with_the_cpu(device, model, tmp_path, monkeypatch):
    """In float64, and with all draws made on the CPU: large ones come from a device's own generator."""
    monkeypatch.setattr(draws, "MANY", 1 << 40)
    assert_agree(one_round(model, device, tmp_path / device), one_round(model, "cpu", tmp_path / "again"))


def test_a_difference_is_seen():
    with pytest.raises(AssertionError, match="b: "):
        assert_agree({"b": torch.zeros(2)}, {"b": torch.tensor([0.0, 1e-6])})


def two_processes(model, device, folder):
    """Train as two nodes with one device each, which here is the same one; NCCL would refuse that, gloo does not."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    strategy = (
        "--trainer.strategy=lightning.pytorch.strategies.DDPStrategy",
        "--trainer.strategy.process_group_backend=gloo",
    )
    options = ("--trainer.accelerator", device, "--trainer.precision", "64-true", "--data.batch_size", "4")
    args = fit_args(model, folder, 3, *options, *strategy, "--trainer.callbacks", "two_ranks.KeepRank")
    started = {"TORCHELASTIC_RUN_ID": "test", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    started |= {"LOCAL_WORLD_SIZE": "1", "LOCAL_RANK": "0"}
    env = environment() | started
    env["PYTHONPATH"] += f"{os.pathsep}{os.path.dirname(os.path.dirname(__file__))}"
    processes = [
        subprocess.Popen([sys.executable, "-c", LAUNCH, *args], env=env | {"RANK": rank, "GROUP_RANK": rank})
        for rank in "01"
    ]
    try:
        assert [process.wait(600) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True)["state_dict"] for rank in (0, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("device", [pytest.param("cpu"), pytest.param("cuda", marks=ON_A_GPU)])
def test_two_processes_on_one_device(device, tmp_path):
    first, second = two_processes("GAN", device, tmp_path / "two")
    assert_agree(weights(first), weights(second))
    whole = trained("GAN", device, tmp_path / "one", 3, "--trainer.precision", "64-true")
    assert_agree(weights({name: value.cpu() for name, value in first.items()}), weights(whole["state_dict"]))


def test_draws_are_pinned_and_nobody_waits_for_their_copy(monkeypatch):
    """A stand-in for the copy, as there may be no GPU: out of pinned memory, and without waiting."""
    asked, pinned = [], []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda x: pinned.append(x.shape) or x)
    monkeypatch.setattr(torch.Tensor, "to", lambda x, *args, **options: asked.append((args, options)) or x)
    draws.Draws((0, 1), range(4), torch.device("cuda"), torch.float32).integers(3)
    assert pinned == [(4,)]
    assert asked == [((torch.device("cuda"),), {"non_blocking": True})]


@pytest.mark.parametrize(("device", "pins"), [("cuda", True), ("cpu", False)])
def test_batches_are_pinned_for_a_gpu(device, pins):
    """And Lightning copies what is pinned without waiting: `move_data_to_device` says so for tensors on the CPU."""
    data = Digits(batch_size=8)
    data.setup("fit")
    strategy = SimpleNamespace(root_device=torch.device(device), broadcast=lambda made: made)
    data.trainer = SimpleNamespace(strategy=strategy, world_size=1, global_rank=0, overfit_batches=0)
    assert data.train_dataloader().pin_memory is pins
    assert data.val_dataloader().pin_memory is pins
