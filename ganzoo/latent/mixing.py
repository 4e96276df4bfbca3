"""Style mixing: some layers have the styles of one sample, the others those of another."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ganzoo.game import FromNoise
from ganzoo.latent.codes import Codes

__all__ = ["mixed", "mixing_grid"]


def mixed(base: Tensor, other: Tensor, layers: Sequence[int]) -> Tensor:
    """Return the styles `base` with those of `other` in some layers, each (..., layers, D).

    Karras et al. 2019, section 3.1 and figure 3.
    """
    made = base.clone()
    made[..., list(layers), :] = other[..., list(layers), :]
    return made


def mixing_grid(
    model: FromNoise, rows: Codes, columns: Codes, layers: Sequence[int], raw: bool | None = None
) -> Tensor:
    """Return the images of a mixing grid, row by row, ((1 + R) (1 + C), C, H, W): the sources are on the margins.

    The image in row i and column j has the noise and the styles of source i, but in `layers` the styles of source j.
    The corner is white.
    """
    ws_rows, ws_columns = rows.styles(model, raw), columns.styles(model, raw)
    top, left = columns.images(model, raw), rows.images(model, raw)
    lines = [torch.cat([torch.ones_like(top[:1]), top])]
    for i in range(len(rows)):
        ws = mixed(ws_rows[i].expand_as(ws_columns), ws_columns, layers)
        maps = {name: value[i].expand(len(ws), *value.shape[1:]) for name, value in rows.maps.items()}
        made = Codes("w+", ws, None, maps, rows.seed, rows.rows[i].expand(len(ws)))
        lines.append(torch.cat([left[i : i + 1], made.images(model, raw)]))
    return torch.cat(lines)
