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

from ganzoo.commands.export.tracing import Traced, first_line, trace
from ganzoo.networks.chance import without_chance
from ganzoo.runs.checkpoint_file import load
from ganzoo.runs.chosen import chosen
from ganzoo.system.errors import UserError
from ganzoo.system.files import writable, written
from ganzoo.system.output import say
from ganzoo.system.places import local

__all__ = ["export"]

TOLERANCE = 1e-3  # an eighth of a grey level; relative where points are larger than 1


def export(
    ckpt: str, out: str | None = None, direction: str | None = None, raw: bool = False, trust: bool = False
) -> None:
    """Write a checkpoint's generator into a file that runs without ganzoo, compared with the model.

    The file makes the same as `ganzoo sample` and `ganzoo translate`, and says what it takes in its metadata (ONNX) or
    in extra_files (PyTorch: ganzoo.json). Inputs are latents z (N, latent_dim), and labels
    (N,), int64, of a conditional model; or images (N, C, H, W) in [-1, 1], and latents of styles if the model has them.
    Chance inside the network is left out, such as pix2pix's dropout: for one input the output is always the same, while
    `translate` makes another for each seed.

    Args:
        ckpt: a .ckpt file, which knows its model, or a run's folder: its last checkpoint.
        out: a .pt2 for PyTorch, torch.export.load(FILE).module(), or an .onnx (pip install 'ganzoo[onnx]'), in a folder
            that exists; replaced if it is there. Unless given: the checkpoint's name as .pt2, in the current folder.
        direction: the way to translate in, AtoB or BtoA, for a model that translates. Unless given: AtoB.
        raw: use the generator's raw weights even if the checkpoint holds their moving average.
        trust: also import classes that are not ganzoo's, such as your own network: their code runs.
    """
    ckpt = chosen(ckpt)
    path = local(out or f"{Path(ckpt).stem}.pt2")
    if path.suffix not in (".pt2", ".onnx"):
        raise UserError(f"out is {path}: give a .pt2, for PyTorch, or an .onnx.")
    if not path.parent.is_dir():
        raise UserError(f"out is {path}, but there is no folder {path.parent}: make it, or give another path.")
    writable(path)
    if path.suffix == ".onnx":
        need_onnx(path)
    model = load(ckpt, trust)
    with quiet(), without_chance() as chance:
        traced = trace(model, direction, raw or None)
        content = packed(traced, path.suffix)
        with written(path) as beside:
            beside.write_bytes(content)
            off = furthest(traced, beside)
    say(f"{type(model).__name__}, {traced.what}, largest difference from the model {off:.2g}: {path}")
    forms = [f"{name} {text}" for name, text in traced.notes.items() if name in traced.free]
    say(f"It takes {'; '.join(forms)}, and makes {traced.notes['made']}.")
    if chance.asked:
        say("Left out: dropout or noise, the chance in the network. Of one input the file makes the same each time.")


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


def furthest(traced: Traced, path: Path) -> float:
    """Return the largest difference between what the file makes and what the model makes.

    Raises:
        UserError: it is too large, or the file can't be run.
    """
    try:
        run = runner(path)
        made = [run(*inputs) for inputs in traced.tries]
    except Exception as error:  # of any kind
        raise UserError(f"the exported file can't be run, so it is not kept: {first_line(error)}") from error
    most = 0.0
    for found, inputs in zip(made, traced.tries, strict=True):
        expected = traced.expected(*inputs)
        off = float((found - expected).abs().max()) if found.shape == expected.shape else float("inf")
        if not off <= TOLERANCE * max(1.0, float(expected.abs().max())):  # nan, too
            raise UserError(
                f"the exported file differs from the model by {off:.2g}, over {TOLERANCE:g}, so it is not kept: "
                "is there chance in its network?"
            )
        most = max(most, off)
    return most


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
