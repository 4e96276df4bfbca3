"""Directions in a latent space along which images change in one way."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganzoo.game import FromNoise
from ganzoo.game.paths import Space
from ganzoo.game.styles import need_styles
from ganzoo.game.trying import evaluating
from ganzoo.latent.codes import Codes, fingerprint, read_arrays, refuse_others, save_arrays
from ganzoo.latent.labelled import Labelled, separated
from ganzoo.networks.chance import without_chance
from ganzoo.system.errors import UserError

__all__ = ["Directions", "first_weight", "moved_along", "of_labels", "principal", "sefa", "style_weights"]

THIS = "a directions.npz as `ganzoo directions` writes it"


@dataclass
class Directions:
    """Directions in a latent space, the strongest one first.

    Attributes:
        space: `z` or `w`.
        vectors: (K, D), each of length 1.
        units: (K,), the standard deviation of a model's codes along each: a step of strength 1.
        values: (K,), by which they are in order: an eigenvalue, or how well a label is told apart.
        layers: the layers that they move in W.
        method: what found them, in words.
        names: what each is called.
    """

    space: Space
    vectors: Tensor
    units: Tensor
    values: Tensor
    method: str
    layers: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if len(self.names) != len(self.vectors):
            self.names = [str(number) for number in range(len(self.vectors))]

    def __len__(self) -> int:
        return len(self.vectors)

    def index(self, asked: str) -> int:
        """Return which one a name or a number means.

        Raises:
            UserError: there is none.
        """
        if asked in self.names:
            return self.names.index(asked)
        if asked.isdecimal() and len(asked) < 10 and int(asked) < len(self):
            return int(asked)
        raise UserError(f"direction is {asked}: there are {', '.join(self.names[:20])}.")

    def save(self, path: str | Path, model: FromNoise, raw: bool | None = None) -> None:
        """Write them as an .npz of plain arrays, with the fingerprint of the generator that they belong to."""
        arrays = {"vectors": self.vectors, "units": self.units, "values": self.values}
        arrays["layers"] = torch.tensor(self.layers, dtype=torch.int64)
        texts: dict[str, Any] = {"space": self.space, "method": self.method, "names": self.names}
        save_arrays(path, arrays, texts, fingerprint(model.sampler(raw)))

    @classmethod
    def read(cls, path: str | Path, model: FromNoise, raw: bool | None = None) -> "Directions":
        """Return the directions in a file.

        Raises:
            UserError: it can't be read, holds something else, or directions of another model.
        """
        arrays = read_arrays(path, ("vectors", "units", "values", "layers", "space", "method", "names"), THIS)
        refuse_others(path, arrays, model, raw)
        styles = getattr(model, "styles", None)
        width, layers = {
            "z": (model.latent_dim, 0),
            "w": (getattr(styles, "w_dim", -1), getattr(styles, "num_ws", 0)),
        }.get(str(arrays["space"]), (-1, 0))
        vectors, given = arrays["vectors"], arrays["layers"]
        numbers = [arrays[name] for name in ("vectors", "units", "values")]
        whole = vectors.ndim == 2 and vectors.shape[1] == width and given.ndim == 1 and given.dtype.kind == "i"
        beside = [*numbers[1:], np.atleast_1d(arrays["names"])]
        whole = whole and all(each.shape == (len(vectors),) for each in beside)
        whole = whole and all(each.dtype.kind == "f" for each in numbers)
        tensors = [torch.from_numpy(each).float() for each in numbers] if whole else []
        whole = whole and all(bool(each.isfinite().all()) for each in tensors)
        if not whole or (len(given) and not 0 <= given.min() <= given.max() < layers):
            raise UserError(f"{path} has no directions of this {type(model).__name__}: give {THIS}.")
        names = [str(name) for name in np.atleast_1d(arrays["names"])]
        return cls(
            str(arrays["space"]),  # type: ignore[arg-type]
            *(tensors[0], tensors[1], tensors[2]),
            str(arrays["method"]),
            given.tolist(),
            names,
        )


def moved_along(
    codes: Codes, directions: Directions, index: int, strength: float, model: FromNoise, raw: bool | None = None
) -> Codes:
    """Return codes moved along a direction by `strength` standard deviations of the model's codes.

    A direction in W moves its layers only, so the result is in W+ unless it moves all of them.
    """
    step = strength * directions.units[index] * directions.vectors[index]
    if directions.space == "z":
        if codes.space != "z":
            raise UserError("the direction is one in Z and the codes are in W: give numbers of samples, or codes in Z.")
        return codes.moved(codes.values + step)
    everywhere = len(directions.layers) == need_styles(model, "direction in W").num_ws
    if everywhere and codes.space in ("w", "w+"):
        return codes.moved(codes.values + step)
    ws = codes.styles(model, raw).clone()
    ws[:, directions.layers] += step
    moved = codes.moved(ws, "w+")
    moved.y = None
    return moved


# Without labels ---------------------------------------------------------------------------------------------


def sefa(weight: Tensor, num: int) -> tuple[Tensor, Tensor]:
    """Return the directions (K, D) that change A x most, and by how much: eigenvectors of A^T A and its eigenvalues.

    Shen and Zhou 2021, "Closed-Form Factorization of Latent Semantics in GANs", equation 9: A (F, D) is what the latent
    is multiplied by first.
    """
    values, vectors = torch.linalg.eigh(weight.double().T @ weight.double())
    return signed(vectors.T.flip(0)[:num]).float(), values.flip(0)[:num].clamp(min=0).float()


def principal(codes: Tensor, num: int) -> tuple[Tensor, Tensor]:
    """Return the principal components (K, D) of codes (N, D), and the variance along each.

    Härkönen et al. 2020, "GANSpace: Discovering Interpretable GAN Controls", section 2.2.
    """
    centred = codes.double() - codes.double().mean(0)
    values, vectors = torch.linalg.eigh(centred.T @ centred / (len(codes) - 1))
    return signed(vectors.T.flip(0)[:num]).float(), values.flip(0)[:num].clamp(min=0).float()


def signed(vectors: Tensor) -> Tensor:
    """Return vectors (K, D) whose largest number is positive: an eigenvector has no sign of its own."""
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    return vectors * largest.sign()


@torch.no_grad()
def style_weights(model: FromNoise, layers: Sequence[int], raw: bool | None = None) -> Tensor:
    """Return the weights (F, w_dim) that turn w into the styles of some layers, one below the other.

    They are those of the modules called `affine`. Which layer a module belongs to is seen by the w that reaches it. As
    in the authors' code, those of `torgb` are left out where a convolution has the same w, so only the last one counts.
    Unlike there, rows are not scaled to length 1: equation 9 has the weights as they are.

    Raises:
        UserError: the generator has none.
    """
    styles, network = need_styles(model, "SeFa in W"), model.sampler(raw)
    ws = torch.randn(1, styles.num_ws, styles.w_dim, generator=torch.Generator().manual_seed(0)).to(model.device)
    ws = ws.to(next(network.parameters()).dtype)
    found: list[tuple[int, bool, Tensor]] = []

    def note(colours: bool, module: Any, given: tuple[Any, ...]) -> None:
        reached = [layer for layer in layers if torch.equal(given[0].to(ws), ws[:, layer])]
        found.extend((layer, colours, module.weight) for layer in reached)

    affine = {name: module for name, module in network.named_modules() if name.rpartition(".")[2] == "affine"}
    handles = [
        module.register_forward_pre_hook(partial(note, name.endswith("torgb.affine")))
        for name, module in affine.items()
    ]
    try:
        with evaluating(network), without_chance():
            synthesis: Any = network.synthesis
            synthesis(ws)
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        raise UserError(f"{type(model).__name__} has no affine layers that make styles of w: use --method pca.")
    convolved = {layer for layer, colours, _ in found if not colours}
    kept = [(layer, weight) for layer, colours, weight in found if not colours or layer not in convolved]
    return torch.cat([weight for _, weight in sorted(kept, key=lambda pair: pair[0])]).detach().float().cpu()


def first_weight(model: FromNoise, raw: bool | None = None) -> Tensor:
    """Return what a generator without styles multiplies z by first, (F, latent_dim).

    Raises:
        UserError: its first layer is of another kind.
    """
    told = 0 if model.condition is None else model.condition.width
    for module in model.sampler(raw).modules():
        weight = getattr(module, "weight", None)
        if not isinstance(weight, Tensor) or weight.ndim < 2:
            continue
        if isinstance(module, nn.ConvTranspose2d):
            weight = weight.flatten(1).T
        if weight.ndim == 2 and weight.shape[1] in (model.latent_dim, model.latent_dim + told):
            return weight[:, : model.latent_dim].detach().float().cpu()  # what it is told comes after z
        break
    raise UserError(
        f"the first layer of {type(model).__name__}'s generator is no matrix that z is multiplied by: there are no "
        "directions of SeFa."
    )


# With labels ------------------------------------------------------------------------------------------------


def of_labels(codes: Tensor, labelled: Labelled) -> tuple[Tensor, Tensor, list[str]]:
    """Return for each attribute the direction (D,) in which it is there, how often it is told right, and its name.

    The normal of the plane that separates the codes of the two (Shen et al. 2020, "Interpreting the Latent Space of
    GANs for Semantic Face Editing"), found by logistic regression.
    """
    vectors, right = [], []
    for column in range(len(labelled.names)):
        kept = labelled.kept[:, column]
        normal, seen = separated(codes[kept], labelled.labels[kept, column])
        vectors.append(normal)
        right.append((seen == labelled.labels[kept, column]).float().mean())
    return torch.stack(vectors), torch.stack(right), labelled.names
