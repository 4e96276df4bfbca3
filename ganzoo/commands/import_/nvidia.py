"""Network pickles of NVlabs/stylegan2-ada-pytorch, read without their code.

Their objects carry the source of their classes, which NVIDIA's loader executes. Here a pickle is only data: of each
object its name and its tensors are taken.
"""

import io
import os
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo.commands.import_.stylegan2 import Weights
from ganzoo.system.errors import UserError
from ganzoo.system.pickles import KEYS, Made, Name, read_pickle

__all__ = ["is_pickle", "read_networks"]

KINDS = ("_parameters", "_buffers", "_modules")  # of what a module of torch keeps by name
NETWORKS = ("G", "D", "G_ema")
PERSISTENT = "torch_utils.persistence._reconstruct_persistent_obj"
TENSORFLOW = "dnnlib.tflib."
OLD = (b"(", b"c", b"]", b"}", b")")  # begin a pickle of protocol 0 or 1 that holds anything
MAGIC = 0x1950A86A20F9469CFC6C  # begins a file of torch before 1.6, and each storage inside of a plain pickle
DEEPEST, MOST = 12, 5000  # modules inside each other, and of a network
NAMED, KEPT = 200_000, 20_000  # names in a network's modules, and those whose weights or plain values are kept
LONGEST = 100  # letters of a name
AXES, SMALL = 16, 2**20  # of a tensor; sides and steps of an empty one, or of an axis of length 1, may be so large
DTYPES = {
    f"torch.{name}Storage": dtype
    for name, dtype in {
        **{"Float": torch.float32, "Double": torch.float64, "Half": torch.float16, "BFloat16": torch.bfloat16},
        **{"Long": torch.int64, "Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8},
        "Bool": torch.bool,
    }.items()
}
LOADERS = ("torch.storage._load_from_bytes",)
REBUILDERS = ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor")
PARAMETERS = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state")


def is_pickle(path: str | Path) -> bool:
    """Say whether a file begins as a plain pickle does; torch's own files are zips, or begin with a number.

    The oldest pickles begin with any operation, and are told by their end.
    """
    with open(path, "rb") as file:
        head = file.read(64)
        file.seek(-1 if head else 0, os.SEEK_END)
        old = head[:1] in OLD and file.read() == b"."
    return (head[:1] == b"\x80" and MAGIC.to_bytes(10, "little") not in head) or old


def read_networks(path: str | Path) -> dict[str, Weights]:
    """Return the networks G, D and G_ema of a network pickle, by these names.

    Raises:
        UserError: the file is no such pickle; what it is, is told as far as it can be.
    """
    try:
        found = read_pickle(io.BytesIO(Path(path).read_bytes()))
        refuse_tensorflow(found, path)
        networks = found if isinstance(found, dict) else items_of(found)
        if not isinstance(networks, dict) or not {*NETWORKS} & networks.keys():
            raise UserError(f"{path} is a pickle of {kind_of(found)}, not of the networks G, D and G_ema.")
        return {name: network_of(networks[name]) for name in NETWORKS if networks.get(name) is not None}
    except UserError as error:
        raise UserError(f"{path}: {error}" if str(path) not in str(error) else str(error)) from error
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, MemoryError, OverflowError) as error:
        raise UserError(
            f"{path} is no network pickle of stylegan2-ada-pytorch: {error or type(error).__name__}."
        ) from (error)


def refuse_tensorflow(found: Any, path: str | Path) -> None:
    """Refuse a pickle of TensorFlow's StyleGANs, which is a tuple of three networks."""
    parts = found if isinstance(found, (tuple, list)) else [found]
    if any(isinstance(part, Made) and part.by.startswith(TENSORFLOW) for part in parts):
        raise UserError(
            f"{path} is a pickle of TensorFlow's StyleGAN or StyleGAN2 (dnnlib.tflib), whose networks are programs: "
            "convert it once with legacy.py of NVlabs/stylegan2-ada-pytorch, and import what that writes."
        )


def kind_of(value: Any) -> str:
    """Return what an object would be, for a message: the name of its class."""
    if isinstance(value, Made):
        persistent = is_persistent(value) and items_of(value.args[0]).get("class_name")
        return (persistent if isinstance(persistent, str) else value.by)[:80]
    if isinstance(value, Name):
        return f"the name {value.path[:80]}"
    if isinstance(value, dict) and value:
        return f"a dict of {', '.join(str(key)[:20] for key in list(value)[:4])}"
    return type(value).__name__


def is_persistent(value: Any) -> bool:
    """Say whether an object was written by NVIDIA's `persistence`."""
    return isinstance(value, Made) and value.by == PERSISTENT and len(value.args) == 1


def items_of(value: Any) -> dict[Any, Any]:
    """Return the items of a dict, or of an object that is one: OrderedDict, EasyDict; none of any other.

    Raises:
        ValueError: a key is neither text nor number, and may take for ever to hash.
    """
    if isinstance(value, dict):
        return value
    if not isinstance(value, Made) or value.by.rpartition(".")[2] not in ("OrderedDict", "EasyDict", "dict"):
        return {}
    if value.args and isinstance(value.args[0], list):  # as Python 2 wrote them
        pairs, value.args = value.args[0], ()  # once, however many hold it
        if not all(isinstance(pair[0], KEYS) for pair in pairs):
            raise ValueError("it has a key that is neither text nor number")
        value.items = {**{pair[0]: pair[1] for pair in pairs}, **value.items}
    return value.items


def network_of(made: Any) -> Weights:
    """Return a network.

    Raises:
        UserError: it is an object of another kind; its class is named.
    """
    if not is_persistent(made):
        raise UserError(f"it holds {kind_of(made)}, which is no network of stylegan2-ada-pytorch.")
    stored, tensors, named = Weights(), Tensors(), 0
    for count, (name, module) in enumerate(modules_in(made)):
        if count >= MOST:
            raise UserError(f"its {kind_of(made)} has over {MOST:,} modules.")
        named += sum(map(names_in, (module, *(items_of(module.get(kind)) for kind in KINDS))))
        if named > NAMED or len(stored.weights) + len(stored.options) > KEPT:
            raise UserError(f"its {kind_of(made)} has too many weights and attributes.")
        before = f"{name}." if name else ""
        for key, value in module.items():
            if isinstance(value, (bool, int, float, str)):
                stored.options[f"{before}{key}"] = value
        for kind in KINDS[:2]:
            for key, value in items_of(module.get(kind)).items():
                if value is not None:
                    stored.weights[f"{before}{key}"] = tensors.tensor(value)
    return stored


def names_in(items: dict[Any, Any]) -> int:
    """Return how many names a part of a module has.

    Raises:
        ValueError: one of them is none.
    """
    if not all(isinstance(name, str) and len(name) <= LONGEST for name in items):
        raise ValueError(f"a module has a name that is no text, or has over {LONGEST} letters")
    return len(items)


def modules_in(made: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the attributes of a module and of those in it, by their paths.

    Raises:
        UserError: they are nested too deeply, in themselves perhaps, or one is of another kind.
    """
    if depth > DEEPEST:
        raise UserError(f"it has over {DEEPEST} modules inside each other ({name[:60]}).")
    if not is_persistent(made):
        raise UserError(f"its {name[:60]} is {kind_of(made)}, which is no module of stylegan2-ada-pytorch.")
    state = items_of(items_of(made.args[0]).get("state"))
    yield name, state
    for key, inner in items_of(state.get("_modules")).items():
        if inner is not None:
            yield from modules_in(inner, f"{name}.{key}" if name else str(key), depth + 1)


class Tensors:
    """Makes the tensors of a pickle. Those of one storage share its memory, so they take no more than the file."""

    def __init__(self) -> None:
        self.known: dict[int, Tensor] = {}  # by the object that describes a storage, which lives on

    def tensor(self, made: Any) -> Tensor:
        """Return a tensor or a parameter.

        Raises:
            UserError: it is something else.
            ValueError: it shows more numbers than are there.
        """
        if isinstance(made, Made) and made.by in PARAMETERS:
            made = made.args[0]
        if not isinstance(made, Made) or made.by not in REBUILDERS:
            raise UserError(f"it holds {kind_of(made)} where a tensor belongs.")
        storage, offset, size, stride = made.args[:4]
        numbers = [offset, *size, *stride]
        if not all(type(number) is int and number >= 0 for number in numbers) or len(size) != len(stride):
            raise ValueError("a tensor has an odd shape")
        if id(storage) not in self.known:
            self.known[id(storage)] = storage_of(storage)
        held = self.known[id(storage)]
        last = offset + sum((side - 1) * step for side, step in zip(size, stride, strict=True))
        if prod(size) > held.numel():
            raise ValueError(f"a tensor claims {prod(size):,} numbers, and {held.numel():,} are there")
        if prod(size) and last >= held.numel():
            raise ValueError(f"a tensor reaches beyond its storage of {held.numel():,} numbers")
        if len(size) > AXES or max(*numbers, prod(side or 1 for side in size)) > max(held.numel(), SMALL):
            raise ValueError("a tensor has an odd shape")
        return torch.as_strided(held, size, stride, offset)


def storage_of(made: Any) -> Tensor:
    """Return the numbers of a storage, which a plain pickle holds as bytes of torch's old format, flat.

    Raises:
        ValueError: it is none, or claims more than its bytes hold.
    """
    if not isinstance(made, Made) or made.by not in LOADERS:
        raise ValueError(f"a tensor's numbers are {kind_of(made)}")
    raw = made.args[0]
    if isinstance(raw, Made) and raw.by == "_codecs.encode":  # as protocols below 3 write bytes
        raw = raw.args[0].encode("latin1")
    if not isinstance(raw, (bytes, bytearray)):
        raise ValueError("a storage has no bytes")
    file = io.BytesIO(raw)
    magic, _, system, held, keys = (read_pickle(file) for _ in range(5))
    if magic != MAGIC or system.get("little_endian") is not True:
        raise ValueError("a storage is not as torch writes it")
    if not isinstance(held, Made) or held.by != "persistent_load" or len(keys) != 1:
        raise ValueError(f"a storage is {kind_of(held)}")
    word, kind, _, _, count = held.args[0][:5]
    if word != "storage" or not isinstance(kind, Name) or kind.path not in DTYPES or type(count) is not int:
        raise ValueError(f"a storage is of {kind_of(kind)}")
    dtype, rest = DTYPES[kind.path], memoryview(raw)[file.tell() :]
    if len(rest) != 8 + count * dtype.itemsize or int.from_bytes(rest[:8], "little") != count:
        raise ValueError(f"a storage claims {count:,} numbers, and {max(0, len(rest) - 8):,} bytes are there")
    return torch.frombuffer(bytearray(rest[8:]), dtype=dtype) if count else torch.empty(0, dtype=dtype)
