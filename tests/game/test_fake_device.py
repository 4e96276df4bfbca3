"""Every model's losses run on a GPU, as far as tensors show it that have a device and no values."""

import pytest
import torch
from conftest import MODELS, TRANSLATORS
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

import ganzoo.models
from game.test_beginning import DOMAIN, SHAPE, built
from ganzoo.game.move import parts_of
from ganzoo.networks.chance import chance_from
from ganzoo.system.draws import Draws

CUDA = torch.device("cuda")
N = 4


@pytest.fixture(autouse=True)
def what_fake_tensors_lack(monkeypatch):
    """Pinned memory; and gradients, since autograd asks the real device."""

    def grad(outputs, inputs, **options):
        return tuple(torch.zeros_like(x) for x in ([inputs] if isinstance(inputs, torch.Tensor) else inputs))

    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda x: x)
    monkeypatch.setattr(torch.autograd, "grad", grad)


def move_to_fake(model: nn.Module) -> None:
    """Put weights and buffers without values on a GPU that is not there."""
    for module in model.modules():
        for name, p in module._parameters.items():
            if p is not None:
                module._parameters[name] = nn.Parameter(
                    torch.empty(p.shape, dtype=p.dtype, device=CUDA), p.requires_grad
                )
        for name, x in module._buffers.items():
            if x is not None:
                module._buffers[name] = torch.empty(x.shape, dtype=x.dtype, device=CUDA)


def batch_for(name: str) -> dict[str, torch.Tensor]:
    if name in TRANSLATORS:
        return {domain: torch.empty(N, *DOMAIN, device=CUDA) for domain in "ab"}
    return {"image": torch.empty(N, *SHAPE, device=CUDA), "label": torch.empty(N, dtype=torch.long, device=CUDA)}


def losses_of(name: str, steps=(0, 15)) -> list[torch.Tensor]:
    """Play the moves of some rounds without a backward pass; 15 has StyleGAN2's lazy ones."""
    model, found = built(name), []
    with FakeTensorMode():
        move_to_fake(model)
        type(model).device = property(lambda self: CUDA)
        try:
            for step in steps:
                for number, move in enumerate(model.moves(step)):
                    key = (0, step, number, 0)
                    model.draws = Draws(key, range(N), CUDA, torch.float32)
                    with chance_from(Draws((*key, 1), range(N), CUDA, torch.float32)):
                        for terms in parts_of(move.loss(batch_for(name), *model.chance()), move.loss):
                            found += terms.values()
        finally:
            del type(model).device
    return found


@pytest.mark.parametrize("name", MODELS)
def test_losses_run_on_a_gpu(name):
    found = losses_of(name)
    assert len(found) >= 2
    assert {term.device.type for term in found} == {"cuda"}


def test_a_loss_that_looks_at_a_number_is_seen(monkeypatch):
    loss = ganzoo.models.GAN.generator_loss
    monkeypatch.setattr(
        ganzoo.models.GAN, "generator_loss", lambda self, *given: {"a": float(sum(loss(self, *given).values()))}
    )
    with pytest.raises(DataDependentOutputException):
        losses_of("GAN")
