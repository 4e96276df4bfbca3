"""Styles: the latent space W of a model whose generator maps z to a style w, and makes images of a w for each layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from ganzoo.system.errors import UserError

if TYPE_CHECKING:
    from ganzoo.game.from_noise import FromNoise
    from ganzoo.game.game import Game

__all__ = ["Styles", "need_styles", "refuse_psi"]

MOST_PSI = 1000  # beyond it images are nothing but overflow


class Styles:
    """The styles of a model: Karras et al. 2019 and 2020.

    Its generator has `mapping(z, *y)` -> w (N, w_dim), `mapping.w_avg` (w_dim,), `num_ws`, `w_dim` and
    `synthesis(ws, noise=...)` -> images, for styles ws (N, num_ws, w_dim), one for each layer.

    Args:
        model: a game from noise that has "w" among its spaces; its networks are built.
    """

    def __init__(self, model: FromNoise) -> None:
        self.model = model

    @property
    def num_ws(self) -> int:
        """The number of layers that take a style."""
        return int(self.network(None).num_ws)

    @property
    def w_dim(self) -> int:
        """The length of a style."""
        return int(self.network(None).w_dim)

    def network(self, raw: bool | None) -> Any:
        """Return the generator: the average where there is one, unless `raw`."""
        return self.model.sampler(raw)

    def mean(self, raw: bool | None = None) -> Tensor:
        """Return the mean style (w_dim,), as training tracked it."""
        return self.network(raw).mapping.w_avg

    @torch.no_grad()
    def of(
        self,
        z: Tensor,
        y: Tensor | None = None,
        raw: bool | None = None,
        psi: float = 1.0,
        cutoff: int | None = None,
    ) -> Tensor:
        """Return the styles ws (N, num_ws, w_dim) of latents z (N, latent_dim).

        Args:
            z: the latents.
            y: what a conditional model is told.
            raw: use the generator's own weights even if there is an average of them.
            psi: truncation: w is mean + psi (w - mean). 1 changes nothing, 0 gives the mean alone.
            cutoff: truncate the first so many layers. None: all.

        Raises:
            UserError: psi is no number, or huge.
        """
        refuse_psi(f"{psi:g}", psi)
        network, device = self.network(raw), self.model.device
        given = [z.to(device, next(network.parameters()).dtype), *([] if y is None else [y.to(device)])]
        ws = network.mapping(*given)[:, None].repeat(1, network.num_ws, 1)
        if psi != 1:
            ws[:, :cutoff] = self.mean(raw).to(ws.dtype).lerp(ws[:, :cutoff], psi)
        return ws

    @torch.no_grad()
    def images(
        self,
        ws: Tensor,
        raw: bool | None = None,
        seed: int = 0,
        rows: Tensor | None = None,
        noise: Literal["random", "const", "none"] = "random",
    ) -> Tensor:
        """Return the images (N, *shape) of styles ws (N, num_ws, w_dim), float32, in [-1, 1].

        Args:
            ws: the styles.
            raw: use the generator's own weights even if there is an average of them.
            seed: of the noise.
            rows: the samples' numbers (N,), which the noise belongs to. None: 0, 1, 2 ...
            noise: a draw for each sample, the layers' own constants, or none.
        """
        network = self.network(raw)
        rows = torch.arange(len(ws)) if rows is None else rows
        with self.model.sampling(network, seed, rows):
            images = network.synthesis(ws.to(self.model.device, next(network.parameters()).dtype), noise=noise)
        return images.float().clamp(-1, 1)

    def truncated(
        self, z: Tensor, y: Tensor | None, raw: bool | None, seed: int, rows: Tensor | None, psi: float
    ) -> Tensor:
        """Return the images (N, *shape) of latents z (N, latent_dim), truncated."""
        return self.images(self.of(z, y, raw, psi), raw, seed, rows)


def refuse_psi(said: str, *psis: float, more: str = "") -> None:
    """Refuse truncations that mean nothing.

    Args:
        said: psi as the user gave it.
        psis: the numbers that it stands for.
        more: what else could be given.

    Raises:
        UserError: there is none, or one is huge or no number.
    """
    if not psis or not all(abs(psi) < MOST_PSI for psi in psis):
        raise UserError(f"psi is {said}: give a number between -{MOST_PSI} and {MOST_PSI}, such as 0.7{more}.")


def need_styles(model: Game, what: str) -> Styles:
    """Return the styles of a model.

    Args:
        model: a game.
        what: there is none of without them, for the message.

    Raises:
        UserError: it has none.
    """
    styles: Styles | None = getattr(model, "styles", None)
    if styles is None:
        raise UserError(
            f"{type(model).__name__} has no space W, so there is no {what}: use a style-based model, such as StyleGAN2."
        )
    return styles
