"""torch.compile without what it needs is one line before the first round."""

import pytest
import torch
from torch._dynamo.exc import BackendCompilerFailed
from torch._inductor import cpp_builder
from torch._inductor.exc import InvalidCxxCompiler

from ganzoo.cli.failing import say_what_failed
from ganzoo.game.compiling import need_compiler
from ganzoo.system.errors import UserError


def none() -> str:
    raise InvalidCxxCompiler


def test_no_compiler_is_one_line(monkeypatch):
    need_compiler(torch.device("cpu"))
    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", none)
    with pytest.raises(
        UserError, match=r"model.compile needs a C\+\+ compiler, .* or leave --model.compile out"
    ) as found:
        need_compiler(torch.device("cpu"))
    assert "\n" not in str(found.value)


def test_no_triton_is_one_line(monkeypatch):
    monkeypatch.setattr("torch.utils._triton.has_triton", lambda: False)
    with pytest.raises(UserError, match=r"model\.compile needs Triton on a GPU"):
        need_compiler(torch.device("cuda"))
    need_compiler(torch.device("mps"))


def test_what_the_compiler_refuses_later_is_one_line():
    with pytest.raises(UserError, match=r"^torch\.compile failed .*: leave --model.compile out.$"):
        say_what_failed(BackendCompilerFailed(none, RuntimeError("no luck"), None))
