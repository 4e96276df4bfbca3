"""Pickles of others, read as data: no class in them is looked up, and nothing is called.

A pickle is a program. Python's unpickler runs it; this one writes down what it would make. An object becomes a `Made`,
with the name of what would make it. So a file can ask for nothing but memory, and for no more than its own size.
"""

import pickletools
from dataclasses import dataclass, field
from typing import Any, BinaryIO

__all__ = ["KEYS", "Made", "Name", "read_pickle"]

MOST = 3_000_000  # operations of a pickle
KEYS = (str, int, float, bytes, type(None))  # others may take for ever to hash: tuples inside tuples
VALUES = {
    *("INT", "LONG", "LONG1", "LONG4", "BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
MARK = object()


@dataclass(frozen=True)
class Name:
    """The name of a class or function, such as `collections.OrderedDict`."""

    path: str


@dataclass(eq=False)
class Made:
    """An object that a pickle describes.

    Attributes:
        by: the name of the class or function that would make it.
        args: what that would be called with.
        state: what would be put into its attributes.
        items: what would be put into it by keys.
        values: what would be appended to it.
    """

    by: str
    args: Any = ()
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)
    values: list[Any] = field(default_factory=list)


def read_pickle(file: BinaryIO) -> Any:
    """Return what a pickle describes, and leave the file at its end.

    Lists, dicts and tuples are themselves; sets are lists.

    Args:
        file: open for reading, and in memory, so that a length in it is no reason to take more.

    Raises:
        ValueError: it is no pickle, or does what no file of weights does.
    """
    machine = Machine()
    try:
        for count, (operation, arg, _) in enumerate(pickletools.genops(file)):
            if count > MOST:
                raise ValueError(f"it has over {MOST:,} operations")
            if operation.name == "STOP":
                return machine.pop()
            machine.step(operation.name, arg)
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is no whole pickle ({type(error).__name__})") from error
    raise ValueError("it has no end")


class Machine:
    """The stack of values, and the memo, that a pickle works on."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def pop(self) -> Any:
        """Return the uppermost value."""
        value = self.stack.pop()
        if value is MARK:
            raise ValueError("it takes a mark for a value")
        return value

    def to_mark(self) -> list[Any]:
        """Return the values above the last mark."""
        start = len(self.stack) - 1
        while self.stack[start] is not MARK:
            start -= 1
            if start < 0:
                raise ValueError("it has no mark")
        values = self.stack[start + 1 :]
        del self.stack[start:]
        return values

    def step(self, name: str, arg: Any) -> None:
        """Do one operation."""
        push = self.stack.append
        if name in VALUES:
            push(arg)
        elif name in CONSTANTS:
            push(CONSTANTS[name])
        elif name in TUPLES:
            push(tuple([self.pop() for _ in range(TUPLES[name])][::-1]))
        elif name == "MARK":
            push(MARK)
        elif name in ("EMPTY_LIST", "EMPTY_SET"):
            push([])
        elif name == "EMPTY_DICT":
            push({})
        elif name in ("POP", "POP_MARK"):
            self.pop() if name == "POP" else self.to_mark()
        elif name == "TUPLE":
            push(tuple(self.to_mark()))
        elif name in ("LIST", "FROZENSET"):
            push(self.to_mark())
        elif name == "DICT":
            values, made = self.to_mark(), dict[Any, Any]()
            put_items(made, values)
            push(made)
        elif name in ("APPEND", "APPENDS", "ADDITEMS"):
            values = [self.pop()] if name == "APPEND" else self.to_mark()
            (self.stack[-1].values if isinstance(self.stack[-1], Made) else self.stack[-1]).extend(values)
        elif name in ("SETITEM", "SETITEMS"):
            values = [self.pop(), self.pop()][::-1] if name == "SETITEM" else self.to_mark()
            put_items(self.stack[-1].items if isinstance(self.stack[-1], Made) else self.stack[-1], values)
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self.memo[len(self.memo) if name == "MEMOIZE" else int(arg)] = self.stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            push(self.memo[int(arg)])
        elif name not in ("PROTO", "FRAME"):
            self.make(name, arg)

    def make(self, name: str, arg: Any) -> None:
        """Do one operation that would look a name up, or call it."""
        if name == "GLOBAL":
            self.stack.append(Name(".".join(arg.split(" ", 1))))
        elif name == "STACK_GLOBAL":
            last, module = self.pop(), self.pop()
            if not isinstance(last, str) or not isinstance(module, str):
                raise ValueError("it has a name that is no text")
            self.stack.append(Name(f"{module}.{last}"))
        elif name in ("REDUCE", "NEWOBJ", "NEWOBJ_EX"):
            named = self.pop() if name == "NEWOBJ_EX" else {}
            args, function = self.pop(), self.pop()
            if not isinstance(function, Name) or not isinstance(args, tuple) or named:
                raise ValueError("it calls what it made itself")
            self.stack.append(Made(function.path, args))
        elif name == "BUILD":
            state = self.pop()
            if not isinstance(self.stack[-1], Made):
                raise ValueError("it changes what is no object")
            self.stack[-1].state = state
        elif name in ("BINPERSID", "PERSID"):
            self.stack.append(Made("persistent_load", (self.pop() if name == "BINPERSID" else arg,)))
        else:
            raise ValueError(f"it does {name}, which no file of weights does")


def put_items(into: dict[Any, Any], values: list[Any]) -> None:
    """Put values into a dict, where key and value take turns."""
    if len(values) % 2:
        raise ValueError("it has a key without a value")
    for key, value in zip(values[::2], values[1::2], strict=True):
        if not isinstance(key, KEYS):
            raise ValueError("it has a key that is neither text nor number")
        into[key] = value
