"""Files in the layouts of NVIDIA's and rosinality's StyleGAN2, with the weights of a ganzoo model."""

import pickle
import sys
import types
from collections import OrderedDict
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


def reconstruct(meta):
    raise AssertionError("a pickle was run")


class EasyDict(dict):
    """Stands for `dnnlib.util.EasyDict`."""


reconstruct.__name__ = reconstruct.__qualname__ = "_reconstruct_persistent_obj"
reconstruct.__module__ = "torch_utils.persistence"
EasyDict.__module__ = "dnnlib.util"


@contextmanager
def modules_of_nvidia():
    """Let pickle find the names that it writes."""
    made = {"torch_utils.persistence": {reconstruct.__name__: reconstruct}, "dnnlib.util": {"EasyDict": EasyDict}}
    names = [*made, "torch_utils", "dnnlib"]
    for name in names:
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(made.get(name, {}))
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]


class Persistent:
    """An object as NVIDIA's `persistence` writes it: the source of its class, to be executed, and its state."""

    def __init__(self, class_name, state, source="raise AssertionError('source was run')"):
        self.meta = dict(type="class", version=6, module_src=source, class_name=class_name, state=state)

    def __reduce__(self):
        return reconstruct, (self.meta,), None


def module(class_name, weights, buffers=(), options=None, prefix=""):
    """A module, and those in it, with weights by name."""
    options = options or {}
    state = {"training": False, "_parameters": OrderedDict(), "_buffers": OrderedDict(), "_modules": OrderedDict()}
    state |= {"_non_persistent_buffers_set": set(), "_backward_hooks": OrderedDict(), "_init_args": ()}
    state |= {"_init_kwargs": {"a": [1, 2.5], "b": None}, "weight_gain": 0.01 / np.sqrt(16)}  # a number of numpy's
    inner = OrderedDict()
    for name, value in weights.items():
        first, _, rest = name.partition(".")
        if rest:
            inner.setdefault(first, {})[rest] = value
        elif prefix + name in buffers:
            state["_buffers"][name] = value
        else:
            state["_parameters"][name] = nn.Parameter(value)
    for name, value in options.items():
        first, _, rest = name[len(prefix) :].partition(".") if name.startswith(prefix) else ("", "", "")
        if rest:
            inner.setdefault(first, {})  # one without weights
        if name.startswith(prefix) and "." not in name[len(prefix) :]:
            state[name[len(prefix) :]] = value
    for name, own in inner.items():
        state["_modules"][name] = module("Inner", own, buffers, options, f"{prefix}{name}.")
    return Persistent(class_name, state)


def network(class_name, net, options=None):
    """A network of ganzoo as NVIDIA's of the same names."""
    buffers = {name for name, _ in net.named_buffers()}
    weights = {name: value.detach().clone() for name, value in net.state_dict().items()}
    return module(class_name, weights, buffers, options)


def options_of(model, clamp=None, half=0):
    """Plain attributes of NVIDIA's modules that say what weights don't."""
    sides = model.generator.synthesis.sides
    g = {f"synthesis.b{side}.use_fp16": side in sides[len(sides) - half :] for side in sides}
    g |= {"synthesis.b4.conv1.conv_clamp": clamp, "synthesis.b4.conv1.activation": "lrelu"}
    d = {f"b{sides[-1]}.conv0.conv_clamp": clamp, "b4.mbstd.group_size": model.discriminator.b4.group}
    d |= {f"b{side}.use_fp16": side in sides[len(sides) - half :] for side in sides[1:]}
    return g, d


def contents(model, **more):
    """What a network pickle holds of a model."""
    g, d = options_of(model, **more)
    return {
        "training_set_kwargs": EasyDict(class_name="training.dataset.ImageFolderDataset", path="x.zip"),
        "G": network("Generator", model.generator, g),
        "D": network("Discriminator", model.discriminator, d),
        "G_ema": network("Generator", model.ema, g),
        "augment_pipe": Persistent("AugmentPipe", {"p": torch.zeros(())}),
    }


def write(path, held, protocol=pickle.DEFAULT_PROTOCOL):
    """Write a pickle as NVIDIA's training does."""
    with modules_of_nvidia():
        path.write_bytes(pickle.dumps(held, protocol=protocol))
    return str(path)
