"""The judge of digits: trained once, the same for the same digits, and good at them."""

import os

import pytest
import torch

from ganzoo.data import Digits
from ganzoo.metrics import Judge, judge, judge_of
from ganzoo.system.errors import UserError

from .test_digits import Mirror


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of one's own, empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "ganzoo"


def few_digits(n=30, seed=0, **changes):
    generator = torch.Generator().manual_seed(seed)
    image = torch.randint(256, (n, 1, 8, 8), dtype=torch.uint8, generator=generator)
    return {"image": image, "label": torch.arange(n) % 10} | changes


def forbidden(*args, **kwargs):
    raise AssertionError("a judge was trained")


def assert_same_judge(a, b):
    assert a.state_dict().keys() == b.state_dict().keys()
    assert all(torch.equal(value, b.state_dict()[name]) for name, value in a.state_dict().items())


def classes_seen(judge, x):
    return judge.classes(judge.extract(x))


def test_the_same_digits_make_the_same_judge_whatever_the_global_seed(tmp_path, monkeypatch):
    judges = []
    for seed in (1, 2):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / str(seed)))  # so that both are trained
        torch.manual_seed(seed)
        state = torch.get_rng_state()
        judges.append(judge_of(**few_digits()))
        assert torch.equal(torch.get_rng_state(), state)
        assert len(list(tmp_path.rglob("judge-*.pt"))) == seed
    assert_same_judge(*judges)


def test_a_judge_can_be_trained_where_gradients_are_off(cache):
    with torch.inference_mode():
        inside = judge_of(**few_digits())
    next(cache.iterdir()).unlink()
    assert_same_judge(inside, judge_of(**few_digits()))
    torch.manual_seed(0)
    untrained = Judge()
    assert not torch.equal(untrained.logits.weight, inside.logits.weight)


def test_the_judge_is_trained_once(cache, monkeypatch):
    first = judge_of(**few_digits())
    monkeypatch.setattr(judge, "trained", forbidden)
    state = torch.get_rng_state()
    assert_same_judge(judge_of(**few_digits()), first)
    assert len(list(cache.iterdir())) == 1
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    "other",
    [
        few_digits(label=(torch.arange(30) + 1) % 10),
        few_digits(seed=1),
        few_digits(image=few_digits()["image"].view(30, 1, 4, 16)),
        few_digits(29),
    ],
    ids=["labels", "images", "shape", "number"],
)
def test_other_digits_have_another_judge(cache, other):
    first, second = judge_of(**few_digits()), judge_of(**other)
    assert len(list(cache.iterdir())) == 2
    assert not torch.equal(first.logits.weight, second.logits.weight)


def spoil_with_bytes(path):
    path.write_bytes(b"no judge at all")


def spoil_by_cutting(path):
    path.write_bytes(path.read_bytes()[:1000])


def spoil_with_another_network(path):
    torch.save(Judge(3).state_dict(), path)


def spoil_by_emptying(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("spoil", [spoil_with_bytes, spoil_by_cutting, spoil_with_another_network, spoil_by_emptying])
def test_a_spoiled_cache_is_trained_anew_and_mended(cache, monkeypatch, spoil):
    first = judge_of(**few_digits())
    (path,) = cache.iterdir()
    spoil(path)
    assert_same_judge(judge_of(**few_digits()), first)
    monkeypatch.setattr(judge, "trained", forbidden)
    assert_same_judge(judge_of(**few_digits()), first)
    assert list(cache.iterdir()) == [path]


def test_no_code_in_the_cache_is_run(cache, tmp_path):
    judge_of(**few_digits())
    (path,) = cache.iterdir()
    torch.save(Evil(tmp_path / "was_run"), path)
    judge_of(**few_digits())
    assert not (tmp_path / "was_run").exists()


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert isinstance(judge_of(**few_digits()), Judge)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("unset", [None, ""])
def test_without_xdg_cache_home_the_cache_is_in_the_home(tmp_path, monkeypatch, unset):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME") if unset is None else monkeypatch.setenv("XDG_CACHE_HOME", unset)
    judge_of(**few_digits())
    assert [path.parent for path in tmp_path.rglob("*.pt")] == [tmp_path / ".cache" / "ganzoo"]


def test_the_judge_reads_digits_it_has_never_seen(cache):
    data = Digits(image_size=28)
    data.setup()
    found = classes_seen(judge_of(**data.train.tensors), data.val.tensors["image"] / 127.5 - 1)
    assert (found == data.val.tensors["label"]).float().mean() >= 0.97


def test_the_same_judge_sees_the_same_alone_and_in_a_batch(cache):
    made = judge_of(**few_digits())
    x = few_digits()["image"] / 127.5 - 1
    together = made.extract(x)
    for i in range(3):  # batch norm does not look at the others
        torch.testing.assert_close(made.extract(x[i : i + 1]), together[i : i + 1])
    assert torch.equal(classes_seen(made, x), made.logits(made(x)).argmax(1))


def test_of_several_channels_the_class_is_the_number_they_spell():
    x = torch.nn.functional.one_hot(torch.tensor([[1, 2, 3], [0, 9, 0]]), 10).float()  # (2, 3, 10), one pixel bright
    assert classes_seen(Mirror(10), x.unsqueeze(2)).tolist() == [123, 90]
    x = torch.nn.functional.one_hot(torch.tensor([[1, 2], [3, 0]]), 4).float()
    assert classes_seen(Mirror(4), x.unsqueeze(2)).tolist() == [6, 12]


def test_shifts_move_all_images_of_a_batch_by_the_same_few_pixels():
    x = torch.full((2, 1, 9, 9), -1.0)
    x[0, 0, 4, 4] = x[1, 0, 4, 5] = 1.0
    moves = set()
    for _ in range(400):
        y = judge.shifted(x)
        assert y.shape == x.shape
        assert y.sum() == x.sum()
        (_, _, a, b), (_, _, c, d) = (y == 1).nonzero().tolist()
        assert (c, d) == (a, b + 1)
        moves.add((a - 4, b - 4))
    assert moves == {(i, j) for i in range(-2, 3) for j in range(-2, 3)}


def test_without_data_only_a_judge_that_has_learned_judges():
    with pytest.raises(UserError, match="labelled"):
        Judge().of(None)
