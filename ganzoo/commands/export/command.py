"""`ganzoo export`: a trained generator as a file that runs without ganzoo and makes the same as the model."""

import importlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo.commands.export.giving import export_tensors
from ganzoo.commands.export.tracing import Traced, furthest, trace
from ganzoo.game import Game
from ganzoo.game.ways import asked_way
from ganzoo.networks.chance import without_chance
from ganzoo.runs.checkpoint_file import load
from ganzoo.runs.chosen import chosen
from ganzoo.runs.exported import SUFFIX
from ganzoo.system.errors import UserError
from ganzoo.system.files import writable, written
from ganzoo.system.output import say
from ganzoo.system.places import local
from ganzoo.system.words import first_line

__all__ = ["export", "export_program"]


def export(
    ckpt: str, out: str | None = None, direction: str | None = None, raw: bool = False, trust: bool = False
) -> None:
    """Write a checkpoint's generator into a file to give away, compared with the model.

    A .pt2 or .onnx runs without ganzoo, makes the same as `ganzoo sample` and `ganzoo translate`, and says what it
    takes in its extra_files (PyTorch: ganzoo.json) or its metadata (ONNX). Inputs are latents z (N, latent_dim), and
    labels (N,), int64, of a conditional model; or images (N, C, H, W) in [-1, 1], and latents of styles if the model
    has them. Chance inside the network is left out, such as pix2pix's dropout: for one input the output is always the
    same, while `translate` makes another for each seed. StyleGAN2's noise is that of its layers' own constant maps.

    A .safetensors holds the generator's weights, and what ganzoo needs to build it again: ganzoo.load(FILE) and all
    commands take it in place of a checkpoint. A card beside it, FILE.md, says how it was trained, on what, and how good
    it is.

    Args:
        ckpt: a .ckpt file, which knows its model, or a run's folder: its last checkpoint.
        out: a .pt2 for PyTorch, torch.export.load(FILE).module(), an .onnx (pip install 'ganzoo[onnx]'), or a
            .safetensors, in a folder that exists; replaced if it is there. Unless given: the checkpoint's name as .pt2,
            in the current folder.
        direction: the way to translate in, AtoB or BtoA, for a model that translates. Unless given: AtoB.
        raw: use the generator's raw weights even if the checkpoint holds their moving average.
        trust: also import classes that are not ganzoo's, such as your own network: their code runs.
    """
    ckpt = chosen(ckpt)
    path = local(out or f"{Path(ckpt).stem}.pt2")
    if path.suffix not in (".pt2", ".onnx", SUFFIX):
        raise UserError(f"out is {path}: give a .pt2, for PyTorch, an .onnx, or a {SUFFIX}, for ganzoo.")
    if not path.parent.is_dir():
        raise UserError(f"out is {path}, but there is no folder {path.parent}: make it, or give another path.")
    writable(path)
    if path.suffix == SUFFIX:
        if direction is not None:
            raise UserError(f"a {SUFFIX} holds the networks of all directions: leave --direction out.")
        export_tensors(ckpt, path, raw, trust)
        return
    if path.suffix == ".onnx":
        need_onnx(path)
    model = load(ckpt, trust)
    for line in export_program(model, path, direction and asked_way(model, direction), raw):
        say(line)


def export_program(model: Game, path: Path, direction: str | None, raw: bool) -> list[str]:
    """Write a model's generator as a program; return what it is, and what is otherwise than in the model, in lines.

    Raises:
        UserError: it can't be traced, or the file differs from the model.
    """
    with quiet(), without_chance() as chance:
        traced = trace(model, direction, raw or None)
        content = packed(traced, path.suffix)
        with written(path) as beside:
            beside.write_bytes(content)
            try:
                off = furthest(runner(beside), traced.tries, traced.expected)
            except UserError:
                raise
            except Exception as error:  # of any kind
                raise UserError(f"the exported file can't be run, so it is not kept: {first_line(error)}") from error
    forms = [f"{name} {text}" for name, text in traced.notes.items() if name in traced.free]
    lines = [
        f"{type(model).__name__}, {traced.what}, largest difference from the model {off:.2g}: {path}",
        f"It takes {'; '.join(forms)}, and makes {traced.notes['made']}.",
    ]
    if traced.note:
        lines.append(traced.note)
    if chance.asked:
        lines.append(
            "Left out: dropout or noise, the chance in the network. Of one input the file makes the same each time."
        )
    return lines


def packed(traced: Traced, suffix: str) -> bytes:
    """Return the contents of the file.

    Raises:
        UserError: ONNX lacks something of it, or has no room.
    """
    if suffix == ".pt2":
        file = io.BytesIO()
        torch.export.save(traced.program, file, extra_files={"ganzoo.json": json.dumps(traced.notes)})
        return file.getvalue()
    try:
        names: Any = {"input_names": list(traced.free), "output_names": ["made"]}
        sizes = (tuple(traced.free.values()),)  # for their names
        made: Any = torch.onnx.export(traced.program, dynamo=True, verbose=False, dynamic_shapes=sizes, **names)
        return noted(made.model_proto, traced.notes).SerializeToString()
    except Exception as error:  # of any kind
        raise UserError(f"the generator can't be put into ONNX ({first_line(error)}): give a .pt2.") from error


def noted(proto: Any, notes: dict[str, str]) -> Any:
    """Return an ONNX model with notes: in its metadata, and beside each input and output."""
    for name, text in notes.items():
        proto.metadata_props.add(key=name, value=text)
    for value in (*proto.graph.input, *proto.graph.output):
        value.doc_string = notes.get(value.name, "")
    return proto


def runner(path: Path) -> Callable[..., Tensor]:
    """Return what runs a file, on the CPU."""
    if path.suffix == ".pt2":
        return torch.export.load(path).module()
    from onnxruntime import InferenceSession

    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]

    def run(*inputs: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {name: x.numpy() for name, x in zip(names, inputs, strict=True)})[0])

    return run


def need_onnx(path: Path) -> None:
    """Find out early whether the packages for ONNX are there.

    Raises:
        UserError: it is not installed.
    """
    try:
        for package in ("onnx", "onnxscript", "onnxruntime"):
            importlib.import_module(package)
    except ImportError as error:
        raise UserError(f"{path}: ONNX needs more packages, pip install 'ganzoo[onnx]'.") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Hide torch's messages while it traces; errors are raised all the same."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
