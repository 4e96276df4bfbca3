"""`ganzoo mix`: a grid of style mixing."""

from ganzoo.game.styles import need_styles
from ganzoo.latent.codes import codes_named, is_file
from ganzoo.latent.mixing import mixing_grid
from ganzoo.latent.spaces import image_model, layers_of
from ganzoo.pictures.sheets import save_sheet
from ganzoo.runs.checkpoint_file import opened
from ganzoo.system.errors import UserError
from ganzoo.system.files import writable_png
from ganzoo.system.output import say

__all__ = ["mix"]


def mix(
    ckpt: str,
    rows: str = "0-3",
    cols: str = "4-8",
    layers: str | None = None,
    out: str = "mix.png",
    psi: float = 1.0,
    label: str | None = None,
    seed: int = 0,
    raw: bool = False,
    trust: bool = False,
) -> None:
    """Mix the styles of samples: each image has the styles of its row, but in some layers those of its column.

    Args:
        ckpt: a .ckpt file of a style-based model, or a run's folder: its last checkpoint.
        rows: samples by their numbers, such as 1,2 or 4-7, or an .npz file of codes.
        cols: the same.
        layers: the layers that take the column's styles, such as 4-7. Layer 0 is the coarsest. Unless given: the
            coarser half.
        out: the .png to write. The sources are on its margins.
        psi: truncation of samples by number: 1 is none, 0 the mean image.
        label: the class of samples by number, for a conditional model. Unless given: each class in turn.
        seed: of samples by number, as in `ganzoo sample`.
        raw: use the generator's raw weights even if the checkpoint holds their moving average.
        trust: also import classes that are not ganzoo's, such as your own network: their code runs.
    """
    if seed < 0:
        raise UserError(f"seed is {seed}: give 0 or more.")
    path = writable_png(out)
    model = image_model(opened(ckpt, trust), "style mixing")
    num_ws = need_styles(model, "style mixing").num_ws
    mixing = layers_of(f"0-{max(0, num_ws // 2 - 1)}" if layers is None else layers, num_ws)
    both = is_file(rows) and is_file(cols)  # then a label and psi belong to nothing
    below, beside = (
        codes_named(model, text, seed, option, raw, *(() if is_file(text) and not both else (label, psi)))
        for text, option in ((rows, "rows"), (cols, "cols"))
    )
    images = mixing_grid(model, below, beside, mixing, raw)
    of = f"layers {shown(mixing)} of {num_ws} of the top row ({', '.join(beside.names)}), the others of the left column"
    truncated = "" if psi == 1 else f", psi {psi:g}"
    save_sheet({"": images}, path, 1 + len(beside), f"{of}{truncated}", ["", *below.names])
    say(f"{len(below)} x {len(beside)} images of {type(model).__name__}, {of}{truncated}: {out}")


def shown(layers: list[int]) -> str:
    """Return layers in words: 0-3, or 0, 2, 5."""
    if layers == list(range(layers[0], layers[-1] + 1)):
        return f"{layers[0]}-{layers[-1]}" if len(layers) > 1 else str(layers[0])
    return ", ".join(map(str, layers))
