"""Slips of an author of a data set are one line before the first round."""

from typing import Any

import pytest
import torch

from ganzoo.data import DataModule
from ganzoo.data.base.sets import TensorSet
from ganzoo.system.errors import UserError

BYTES = torch.arange(256, dtype=torch.uint8).repeat(20, 1).view(20, 1, 16, 16)


class Own(DataModule):
    """A set of what a test gives."""

    def __init__(self, given: Any, classes: int | None = None):
        super().__init__(batch_size=4)
        self.given, self.num_classes = given, classes

    def load(self):
        return self.given() if callable(self.given) else self.given


def parts(**tensors: torch.Tensor) -> tuple[TensorSet, TensorSet]:
    halves = [{name: x[rows] for name, x in tensors.items()} for rows in (slice(12), slice(12, None))]
    return TensorSet(**halves[0]), TensorSet(**halves[1])


def holed(n: int, row: int) -> tuple[TensorSet, TensorSet]:
    """Images of which one has a value that is none, far from those that are looked at in a set of files."""
    x = torch.zeros(n, 1, 4, 4)
    x[row, 0, 2, 2] = torch.nan
    return TensorSet(image=x[:-1]), TensorSet(image=x[-1:])


def fails() -> Any:
    raise FileNotFoundError("no such thing")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "load returned NoneType: it returns two sets"),
        (parts(image=BYTES)[:1], "returned tuple: it returns two sets"),
        (parts(image=BYTES[:12]), "has no validation samples"),
        (parts(image=BYTES.permute(0, 2, 3, 1)), r"shape \(16, 16, 1\), with channels last.*permute\(0, 3, 1, 2\)"),
        (parts(image=BYTES[:, 0]), r"shape \(16, 16\): an image is .* \.unsqueeze\(1\)"),
        (parts(image=BYTES.int()), "image is int32: give uint8"),
        (parts(images=BYTES), "has images: call images `image`"),
        (
            (TensorSet(image=BYTES[:8]), TensorSet(image=BYTES[8:].repeat(1, 3, 1, 1))),
            r"validation samples are \{'image': \(3, 16, 16\)\}, and training samples .*\(1, 16, 16\)",
        ),
        (lambda: TensorSet(image=BYTES.numpy()), r"image is a ndarray: give a tensor, as torch\.from_numpy"),
        (parts(image=BYTES.bool()), "image is bool: give uint8"),
        (parts(image=BYTES.float()), "reaches from 0 to 255, and floats are taken as they are"),
        (parts(image=BYTES.float() / 50 - 2), "reaches from -2 to 3.1"),
        (
            parts(image=BYTES.float() / 255 * torch.nan),
            r"NaN or infinite, in 12 of 12 samples \(0, 1, 2, 3, 4, \.\.\.\)",
        ),
        (parts(image=torch.randn(20, 2).index_fill(0, torch.tensor(11), torch.inf)), r"in 1 of 12 samples \(11\)"),
        (lambda: holed(3000, 1501), r"in 1 of 2999 samples \(1501\)"),
        (parts(a=BYTES, b=BYTES.float()), "b reaches from 0 to 255"),
        (parts(image=BYTES, label=torch.arange(20) % 10 + 1), "label reaches from 1 to 10, and num_classes is 10"),
        (parts(image=BYTES, label=torch.arange(20) - 1), "label reaches from -1"),
        (parts(image=BYTES, label=(torch.arange(20) % 10).float()), r"label is float32 of shape \(12,\): give int64"),
        (parts(image=BYTES, label=(torch.arange(20) % 10).to(torch.uint8)), "label is uint8"),
        (parts(image=BYTES, label=torch.zeros(20, 10).long()), r"label is int64 of shape \(12, 10\)"),
        (lambda: (TensorSet(image=BYTES, label=torch.zeros(3)), None), "can't be loaded: ValueError: tensors differ"),
        (fails, r"can't be loaded: FileNotFoundError: no such thing \(.*test_looking.py:\d+\)"),
    ],
)
def test_a_slip_is_named(given, words):
    with pytest.raises(UserError, match=f"Own.*{words}") as found:
        Own(given, classes=10).setup()
    assert "\n" not in str(found.value)


def test_floats_that_are_never_negative_are_told(capsys):
    Own(parts(image=BYTES.float() / 255)).setup()
    assert "Own: image reaches from 0 to 1. If 0 is black: floats are taken as they are, for [-1, 1]" in (
        capsys.readouterr().out
    )


def test_floats_that_are_all_near_0_are_told(capsys):
    Own(parts(image=(BYTES.float() / 127.5 - 1) / 255)).setup()
    assert "image reaches from -0.00392 to 0.00392, and floats are taken as they are" in capsys.readouterr().out


def test_bytes_of_0_and_1_are_told(capsys):
    Own(parts(image=BYTES // 128)).setup()
    assert "Own: image reaches from 0 to 1, and uint8 is taken for 0..255" in capsys.readouterr().out


@pytest.mark.parametrize(
    "given",
    [
        parts(image=BYTES, label=torch.arange(20) % 10),
        parts(image=BYTES.float() / 127.5 - 1),
        parts(image=BYTES.float() / 125 - 1.02),  # as resizing overshoots
        parts(image=torch.randn(20, 2) * 50),
        parts(a=BYTES, b=BYTES),
        parts(image=BYTES.repeat(1, 3, 1, 1)[:, :, :4, :4]),
    ],
)
def test_what_is_right_is_not_spoken_of(given, capsys):
    Own(given, classes=10).setup()
    assert capsys.readouterr().out == ""
