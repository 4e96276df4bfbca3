"""Pickles read as data: what they hold comes out, and what they would do is not done."""

import io
import pickle
from collections import OrderedDict
from decimal import Decimal

import pytest
import torch

from ganzoo.system.pickles import Made, Name, read_pickle

PLAIN = {
    "a": [1, -2, 2**40, -(2**70), 2.5, None, True, False],
    "b": ("x", "é", b"bytes", bytearray(b"more"), ("deep", (1,)), (), ("a", "b", "c", "d")),
    3: {"inner": {}, 2.5: [[]], None: "none"},
}


def read(raw):
    return read_pickle(io.BytesIO(raw))


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_are_themselves(protocol):
    plain = PLAIN if protocol >= 3 else {**PLAIN, "b": ("x", "é", (), (1, 2, 3, 4))}  # bytes are calls before
    if protocol in (3, 4):
        plain = {**PLAIN, "b": ("x", b"bytes")}  # bytearrays are
    assert read(pickle.dumps(plain, protocol)) == plain


@pytest.mark.parametrize("protocol", range(6))
def test_objects_are_names_and_what_belongs_to_them(protocol):
    found = read(pickle.dumps([OrderedDict(a=1), Decimal("1.5"), io.StringIO, Carrier()], protocol))
    assert (found[0].by, found[0].items or dict(found[0].args[0])) == ("collections.OrderedDict", {"a": 1})
    assert (found[1].by, found[1].args) == ("decimal.Decimal", ("1.5",))
    assert found[2] == Name("_io.StringIO" if protocol > 3 else found[2].path)
    assert found[3].state == {"x": 7}


class Carrier:
    def __init__(self):
        self.x = 7


class Evil:
    def __reduce__(self):
        return exec, ("raise SystemExit('it ran')",)


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_is_called(protocol):
    found = read(pickle.dumps({"a": Evil()}, protocol))["a"]
    assert isinstance(found, Made)
    assert found.by.rpartition(".")[2] == "exec"
    assert found.args == ("raise SystemExit('it ran')",)


def test_several_pickles_of_a_file_are_read_one_by_one():
    file = io.BytesIO(pickle.dumps(1) + pickle.dumps([2]) + b"rest")
    assert (read_pickle(file), read_pickle(file), file.read()) == (1, [2], b"rest")


def test_a_list_that_holds_itself_is_read():
    loop = []
    loop.append(loop)
    found = read(pickle.dumps(loop))
    assert found[0] is found


def test_a_tensor_is_a_call_with_bytes():
    found = read(pickle.dumps(torch.zeros(3)))
    assert found.by == "torch._utils._rebuild_tensor_v2"
    assert found.args[0].by == "torch.storage._load_from_bytes"


def nested(depth):
    """The bytes of t = (t, t), so many times: 2^depth values that take a few bytes each."""
    return b"\x80\x02)" + b"q\x00h\x00\x86" * depth


@pytest.mark.parametrize(
    "raw",
    {
        "empty": b"",
        "text": b"hello world",
        "cut": pickle.dumps([1, 2, 3])[:-1],
        "stack": b"\x80\x020.",
        "mark": b"\x80\x02(.",
        "no mark": b"\x80\x02t.",
        "memo": b"\x80\x02h\x05.",
        "extension": b"\x80\x02\x82\x01.",
        "instance": b"(ios\nsystem\n.",
        "bytes": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x00abc.",
        "text of 4 GB": b"\x80\x02X\xff\xff\xff\xffabc.",
        "calls what it made": pickle.dumps(1)[:2] + b"cos\nsystem\n)R)R.",
        "calls text": b"\x80\x02X\x01\x00\x00\x00a)R.",
        "changes a list": b"\x80\x02]}b.",
        "key without value": b"\x80\x02}(K\x01u.",
        "odd key": b"\x80\x02}" + nested(40)[2:] + b"K\x01s.",
        "list as key": b"\x80\x02}]K\x01s.",
        "appends to a number": b"\x80\x02K\x01K\x02a.",
        "name of numbers": b"\x80\x04K\x01K\x02\x93.",
    }.values(),
)
def test_broken_and_hostile_ones_are_refused(raw):
    with pytest.raises(ValueError, match=r"it |exhausted|remain"):
        read(raw)


def test_nested_tuples_cost_no_more_than_their_bytes():
    found = read(nested(10_000) + b".")
    assert found[0] is found[1]


def test_a_memo_of_any_number_takes_no_memory():
    assert read(b"\x80\x02K\x07r\xff\xff\xff\xff0j\xff\xff\xff\xff.") == 7
