"""What the noise inputs of a generator change: the same latents, many noises."""

import torch
from torch import Tensor

from ganzoo.game import FromNoise
from ganzoo.game.paths import render
from ganzoo.latent.codes import Codes
from ganzoo.system.errors import UserError

__all__ = ["deviation"]


@torch.no_grad()
def deviation(
    model: FromNoise, codes: Codes, count: int = 100, shown: int = 3, seed: int = 0, raw: bool | None = None
) -> tuple[Tensor, Tensor]:
    """Return how the images of codes differ by their noise alone (Karras et al. 2019, figure 4).

    Args:
        model: what makes them.
        codes: N points.
        count: how many noises are tried, 2 or more.
        shown: how many of the images are returned.
        seed: of the noises: `seed`, `seed` + 1 ...
        raw: use the raw weights even if there is an average of them.

    Returns:
        Images with the first noises (N, shown, C, H, W), in [-1, 1], and the standard deviation of each pixel over all
        noises, averaged over the channels, (N, 1, H, W).

    Raises:
        UserError: the generator has no noise inputs, or their strength is 0.
    """
    first: list[Tensor] = []
    mean = squares = torch.zeros(())
    for number in range(count):  # Welford's way: the mean and the squares around it
        made = render(model, codes.values, codes.space, codes.y, raw, seed + number, codes.rows)
        made = made.double().cpu().clamp(-1, 1)
        first += [made] if number < shown else []
        step = made - mean
        mean = mean + step / (number + 1)
        squares = squares + step * (made - mean)
    spread = (squares / max(1, count - 1)).sqrt().mean(1, keepdim=True).float()
    if not spread.any():
        raise UserError(
            f"the samples of this {type(model).__name__} do not depend on any noise beside the latents: its generator "
            "has no noise inputs, or has not learned to use them."
        )
    return torch.stack(first, 1).float(), spread
