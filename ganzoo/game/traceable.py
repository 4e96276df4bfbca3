"""A model's generator in a form for `export`: alone, with inputs to try it on."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.export import Dim

__all__ = ["MANY", "Traceable", "form_of_images", "sizes_in_words", "traced_from_noise"]

MANY = Dim("N", min=1)


class Traceable(NamedTuple):
    """A generator, with inputs and the outputs that are expected.

    Attributes:
        network: the generator.
        inputs: examples, in order.
        free: which sizes of each input, by its name, are free.
        tries: inputs to compare on, of different sizes.
        expected: what the model makes of inputs.
        what: inputs and output, in words.
        forms: what each input, and the output `made`, must be: type, shape and range, in words.
        classes: how many classes there are, of a network whose last input is one. None: it is none.
        names: of the classes, if they have names.
        note: what is otherwise than in the model, in a sentence; empty if nothing is.
    """

    network: nn.Module
    inputs: tuple[Tensor, ...]
    free: dict[str, dict[int, Any]]
    tries: Sequence[tuple[Tensor, ...]]
    expected: Callable[..., Tensor]
    what: str
    forms: dict[str, str]
    classes: int | None = None
    names: Sequence[str] = ()
    note: str = ""


class Steady(nn.Module):
    """A generator with a space W whose noise inputs are its layers' own constant maps: `noise_mode="const"`.

    Args:
        network: the generator; see `ganzoo.game.styles.Styles`.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the images of latents, and of labels."""
        ws = self.network.mapping(*inputs)[:, None].expand(-1, self.network.num_ws, -1)
        return self.network.synthesis(ws, noise="const")


def form_of_images(*shape: int | str) -> str:
    """Return what a batch of images, or of points, of this shape is, in words."""
    if len(shape) == 1:
        return f"float32 {sizes_in_words(*shape)}, points"
    colours = {1: ", grey", 3: ", RGB"}.get(shape[0] if isinstance(shape[0], int) else 0, "")
    return f"float32 {sizes_in_words(*shape)}, images in [-1, 1], channels first{colours}"


def sizes_in_words(*shape: int | str) -> str:
    """Return the shape of a batch, in words: (N, 3, H, W)."""
    return f"(N, {', '.join(map(str, shape))})" if shape else "(N,)"


def traced_from_noise(model: Any, raw: bool | None) -> list[Traceable]:
    """Return the generator of a model from noise: of latents z (N, latent_dim), and of y if it is conditional."""
    rows = torch.arange(3)
    inputs = {"z": model.latents(rows)}
    if model.condition is not None:
        inputs[model.condition.name] = model.condition.of_rows(rows, 0)
    tries = [tuple(x[:count] for x in inputs.values()) for count in (1, len(rows))]
    given = " and ".join(f"{name} {sizes_in_words(*x.shape[1:])}" for name, x in inputs.items())
    what = f"{given} to {sizes_in_words(*(model.shape or ()))}"
    free = {name: {0: MANY} for name in inputs}

    def expected(z: Tensor, y: Tensor | None = None) -> Tensor:
        if (styles := model.styles) is not None:
            return styles.images(styles.of(z, y, raw), raw, noise="const")
        return model.generate(z, raw, y)

    kind = "standard normal" if model.latent == "normal" else "uniform in [-1, 1]"
    forms = {"z": f"float32 {sizes_in_words(model.latent_dim)}, {kind}", "made": form_of_images(*model.shape)}
    classes, names = None, None
    if model.condition is not None:
        forms[model.condition.name] = model.condition.form
        classes = model.condition.classes if model.condition.of_classes else None
        names = model.condition.class_names
    network, note = model.sampler(raw), ""
    if model.styles is not None:
        network, note = Steady(network), "Noise inputs are the layers' own constant maps, as in noise_mode='const'."
    return [Traceable(network, tuple(inputs.values()), free, tries, expected, what, forms, classes, names or (), note)]
