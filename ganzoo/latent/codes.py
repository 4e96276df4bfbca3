"""Codes: points of a model's latent space, and the file that keeps them."""

import hashlib
import math
import os
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganzoo.game import FromNoise
from ganzoo.game.paths import Space, render
from ganzoo.game.styles import need_styles
from ganzoo.latent.spaces import numbers_in
from ganzoo.system.errors import UserError
from ganzoo.system.files import collected

__all__ = ["Codes", "codes_named", "fingerprint", "is_file", "read_arrays", "refuse_others", "save_arrays"]

THIS = "an .npz file as `ganzoo project` or `ganzoo edit` writes it"
NOISE, CONSTANT = "noise/", "noise_const"  # before the names of noise maps, and at their end
LARGEST = 1e9  # of a code's numbers: their squares are still in the range of float32
BATCH = 16
KINDS = ("float16", "float32", "float64", "bool", "uint8", "int8", "int16", "int32", "int64")  # that torch has, too
UNREADABLE = (
    *(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, MemoryError, NotImplementedError),
    *(SyntaxError, RecursionError, tokenize.TokenError, RuntimeError, TypeError, OverflowError),  # of odd headers
)


@dataclass
class Codes:
    """Points of a latent space, with all that their images depend on.

    Attributes:
        space: `z`, `w` or `w+`.
        values: (N, D), in W+ (N, layers, D).
        y: what a conditional model is told, (N, ...), in Z only.
        maps: noise maps by the names of the synthesis network's buffers, each (N, H, W). Without: random noise.
        seed: of the chance inside the network.
        rows: the samples' numbers (N,), which that chance belongs to.
        names: what each is called in a picture.
    """

    space: Space
    values: Tensor
    y: Tensor | None = None
    maps: dict[str, Tensor] = field(default_factory=dict)
    seed: int = 0
    rows: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if len(self.rows) != len(self.values):
            self.rows = torch.arange(len(self.values))
        if len(self.names) != len(self.values):
            self.names = [str(row) for row in self.rows.tolist()]

    def __len__(self) -> int:
        return len(self.values)

    def one(self, index: int) -> "Codes":
        """Return one of them."""
        part = slice(index, index + 1)
        y = None if self.y is None else self.y[part]
        maps = {name: value[part] for name, value in self.maps.items()}
        return Codes(self.space, self.values[part], y, maps, self.seed, self.rows[part], self.names[part])

    def moved(self, values: Tensor, space: Space | None = None) -> "Codes":
        """Return the same with other values, (N, ...)."""
        return Codes(space or self.space, values, self.y, self.maps, self.seed, self.rows, self.names)

    @torch.no_grad()
    def styles(self, model: FromNoise, raw: bool | None = None) -> Tensor:
        """Return their styles ws (N, layers, D)."""
        styles = need_styles(model, "style")
        if self.space == "z":
            ws: Tensor = styles.of(self.values, self.y, raw)
            return ws.cpu()
        return self.values if self.space == "w+" else self.values[:, None].expand(-1, styles.num_ws, -1)

    @torch.no_grad()
    def images(self, model: FromNoise, raw: bool | None = None) -> Tensor:
        """Return their images (N, C, H, W) in [-1, 1], float32, on the CPU."""
        made = []
        for start in range(0, len(self), 1 if self.maps else BATCH):  # maps are those of one image
            part = slice(start, start + (1 if self.maps else BATCH))
            y = None if self.y is None else self.y[part]
            maps = {name: value[start] for name, value in self.maps.items()}
            noise: Any = "const" if maps else "random"
            values, rows = self.values[part], self.rows[part]
            made.append(render(model, values, self.space, y, raw, self.seed, rows, noise, maps).float().cpu())
        return torch.cat(made).clamp(-1, 1)

    def save(self, path: str | Path, model: FromNoise, raw: bool | None = None) -> None:
        """Write them as an .npz of plain arrays, with the fingerprint of the generator that they belong to."""
        arrays = {"values": self.values, "rows": self.rows, "seed": torch.tensor(self.seed)}
        arrays |= {} if self.y is None else {"y": self.y}
        arrays |= {NOISE + name: value for name, value in self.maps.items()}
        save_arrays(path, arrays, {"space": self.space, "names": self.names}, fingerprint(model.sampler(raw)))

    @classmethod
    def read(cls, path: str | Path, model: FromNoise, raw: bool | None = None) -> "Codes":
        """Return the codes in a file.

        Raises:
            UserError: it can't be read, holds something else, or codes of another model.
        """
        arrays = read_arrays(path, ("values", "space"), THIS)
        refuse_others(path, arrays, model, raw)
        space, values = str(arrays["space"]), arrays["values"]
        styles = getattr(model, "styles", None)
        wanted: dict[str, tuple[int, ...]] = {"z": (model.latent_dim,)}
        if styles is not None:
            wanted |= {"w": (styles.w_dim,), "w+": (styles.num_ws, styles.w_dim)}
        names = np.atleast_1d(arrays.get("names", np.array([], "U1")))
        rows, seed = arrays.get("rows", np.arange(*values.shape[:1] or (0,))), arrays.get("seed", np.array(0))
        whole = values.ndim > 1 and rows.shape == values.shape[:1] and seed.shape == ()
        whole = whole and all(x.dtype.kind == "i" and (x >= 0).all() for x in (rows, seed))
        if values.dtype.kind != "f" or values.shape[1:] != wanted.get(space) or not len(values) or not whole:
            raise UserError(f"{path} has codes of shape {values.shape} in {space[:10]}, which is none: give {THIS}.")
        given = torch.from_numpy(values).float()
        if not (given.abs() <= LARGEST).all():
            raise UserError(f"{path} has codes that are NaN, infinite or beyond {LARGEST:,.0f}: make it again.")
        y = told_in(arrays["y"], len(values), model) if "y" in arrays else None
        if ("y" in arrays and y is None) or (space == "z" and (y is None) != (model.condition is None)):
            raise UserError(f"{path} does not say what the model is told: make it again.")
        maps = {name.removeprefix(NOISE): value for name, value in arrays.items() if name.startswith(NOISE)}
        found = cls(space, given, y, fitting_maps(path, maps, given, model, raw), int(seed), torch.from_numpy(rows))  # type: ignore[arg-type]
        found.names = [str(name) for name in names] if len(names) == len(values) else found.names
        return found


def told_in(y: np.ndarray, num: int, model: FromNoise) -> Tensor | None:
    """Return what a model is told of `num` samples, (N,) classes or (N, D) numbers; None if an array is no such thing.

    Numbers of classes are below how many there are.
    """
    width = 0 if model.condition is None else model.condition.width
    if y.dtype.kind == "i" and y.shape == (num,) and (y >= 0).all() and (y < width).all():
        return torch.from_numpy(y).long()
    if y.dtype.kind == "f" and y.shape == (num, width) and width:
        given = torch.from_numpy(y).float()
        return given if (given.abs() <= LARGEST).all() else None
    return None


def fitting_maps(
    path: str | Path, maps: dict[str, np.ndarray], values: Tensor, model: FromNoise, raw: bool | None
) -> dict[str, Tensor]:
    """Return noise maps that are those of a model: all of them, or none.

    Raises:
        UserError: they are not.
    """
    synthesis = getattr(model.sampler(raw), "synthesis", nn.Module())
    mine = {name: value for name, value in synthesis.named_buffers() if name.endswith(CONSTANT)}
    for name, value in maps.items():
        if name not in mine or value.shape != (len(values), *mine[name].shape) or value.dtype.kind != "f":
            raise UserError(f"{path} has a noise map {name[:60]} {value.shape} that the model does not have.")
    if maps and (missing := sorted(mine.keys() - maps.keys())):
        raise UserError(f"{path} has noise maps, but not {missing[0]}, which the model has: make it again.")
    given = {name: torch.from_numpy(value).float() for name, value in maps.items()}
    if odd := [name for name, value in given.items() if not (value.abs() <= LARGEST).all()]:
        raise UserError(f"{path} has a noise map {odd[0]} with numbers that are NaN, infinite or huge: make it again.")
    return given


def is_file(text: str) -> bool:
    """Say whether what names codes is a file of them, and not numbers of samples."""
    return text.endswith(".npz") or os.path.exists(text)


def codes_named(
    model: FromNoise, text: str, seed: int, option: str, raw: bool | None = None, label: Any = None, psi: float = 1.0
) -> Codes:
    """Return the codes that a text names: numbers of samples such as `1,4-7`, or a file of codes.

    Args:
        model: whose they are.
        text: what the user gave.
        seed: of the samples.
        option: what it was given for, in messages.
        raw: use the raw weights even if there is an average of them.
        label: what a conditional model is told of the samples. None: each its own class.
        psi: truncation of the samples, in W.

    Raises:
        UserError: it names none, or a file, and a label or psi is given.
    """
    if is_file(text):
        if label is not None or psi != 1:
            raise UserError(f"{text} has a class and a truncation already: leave --label and --psi out.")
        return Codes.read(text, model, raw)
    rows = torch.tensor(numbers_in(text, option))
    y, asked = None, model.asked(label)
    if model.condition is not None:
        y = model.condition.of_rows(rows, seed) if asked is None else asked.expand(len(rows), *asked.shape)
    z = model.latents(rows, seed)
    if psi == 1 or "w" not in model.spaces:
        if psi != 1:
            need_styles(model, "truncation (psi)")
        return Codes("z", z, y, seed=seed, rows=rows)
    ws = need_styles(model, "truncation (psi)").of(z, y, raw, psi)
    return Codes("w+", ws.cpu(), seed=seed, rows=rows)


# Files ------------------------------------------------------------------------------------------------------


def fingerprint(network: nn.Module) -> str:
    """Return what tells a generator from another: a checksum of its weights, as 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


def save_arrays(path: str | Path, arrays: dict[str, Tensor], texts: dict[str, str | Sequence[str]], model: str) -> None:
    """Write arrays and texts, and the fingerprint of a model, as .npz: whole or not at all."""
    plain: dict[str, Any] = {name: value.detach().cpu().contiguous().numpy() for name, value in arrays.items()}
    plain |= {name: np.array(text) for name, text in texts.items()} | {"model": np.array(model)}
    with collected(path) as file:
        np.savez(file, **plain)


def read_arrays(path: str | Path, needed: Sequence[str], this: str) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz file: numbers and texts only, and no more of them than the file has bytes.

    Raises:
        UserError: it can't be read, holds objects, or lacks what is needed.
    """
    if not os.path.isfile(path):
        raise UserError(f"there is no file {path}: give {this}.")
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                with archive.open(info) as member:
                    refuse_bomb(info, member)
        with np.load(path, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
    except UNREADABLE as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise UserError(f"{path} can't be read ({reason}): give {this}.") from error
    if missing := [name for name in (*needed, "model") if name not in arrays]:
        raise UserError(f"{path} has no {missing[0]}: give {this}.")
    return arrays


def refuse_bomb(info: zipfile.ZipInfo, member: Any) -> None:
    """Refuse an array that is packed, claims more than its file holds, or has numbers of a kind that torch lacks.

    Raises:
        ValueError: it is so.
    """
    if info.compress_type or info.compress_size != info.file_size:
        raise ValueError(f"{info.filename[:60]} is packed")
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(member)
    if dtype.kind not in "fiubU":
        raise ValueError(f"{info.filename[:60]} holds objects")
    if not dtype.isnative or (dtype.kind != "U" and dtype.name not in KINDS):
        raise ValueError(f"{info.filename[:60]} has numbers of the kind {dtype.str}")
    if math.prod(shape) * dtype.itemsize > info.file_size:
        raise ValueError(f"{info.filename[:60]} claims {math.prod(shape):,} numbers")


def refuse_others(path: str | Path, arrays: dict[str, np.ndarray], model: FromNoise, raw: bool | None) -> None:
    """Refuse arrays that belong to another generator.

    Raises:
        UserError: they do.
    """
    if str(arrays["model"]) == fingerprint(model.sampler(raw)):
        return
    if model.ema is not None:
        for other in (True, False):
            if str(arrays["model"]) == fingerprint(model.sampler(other)):
                how = "the raw weights: give --raw" if other else "the averaged weights: leave --raw out"
                raise UserError(f"{path} belongs to {how}.")
    raise UserError(
        f"{path} belongs to another model than this {type(model).__name__} (its weights are others): give the "
        "checkpoint that it was made with."
    )
