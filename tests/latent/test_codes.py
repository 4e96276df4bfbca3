"""Codes and their files, friendly and hostile."""

import io
import zipfile

import numpy as np
import pytest
import torch

from ganzoo.latent.codes import Codes, codes_named, fingerprint
from ganzoo.system.errors import UserError
from latent.small import LATENT, plain, styled, told


@pytest.fixture(scope="module")
def model():
    return styled()


def in_w(model, num=2):
    return codes_named(model, f"0-{num - 1}", 1, "codes", psi=0.5)


def test_codes_of_samples_are_those_of_sample(model):
    codes = codes_named(model, "2,5", 3, "codes")
    assert torch.equal(codes.images(model), model.sample_rows(torch.tensor([2, 5]), 3))
    assert codes.names == ["2", "5"]
    truncated = codes_named(model, "2,5", 3, "codes", psi=0.5)
    assert torch.equal(truncated.images(model), model.sample_rows(torch.tensor([2, 5]), 3, psi=0.5))


@pytest.mark.parametrize("make", [plain, told, styled, lambda: styled(num_classes=3)])
def test_a_file_keeps_all_that_the_images_depend_on(tmp_path, make):
    model = make()
    codes = codes_named(model, "1,7", 4, "codes")
    codes.names = ["a", "b"]
    codes.save(tmp_path / "codes.npz", model)
    found = Codes.read(tmp_path / "codes.npz", model)
    assert torch.equal(found.images(model), codes.images(model))
    assert (found.names, found.space) == (["a", "b"], "z")


def test_maps_are_kept(tmp_path, model):
    codes = in_w(model)
    mine = dict(model.sampler().synthesis.named_buffers())
    codes.maps = {name: torch.randn(2, *mine[name].shape) for name in mine if name.endswith("noise_const")}
    codes.save(tmp_path / "codes.npz", model)
    assert torch.equal(Codes.read(tmp_path / "codes.npz", model).images(model), codes.images(model))
    assert not torch.equal(codes.images(model), in_w(model).images(model))


def test_an_array_of_the_file_is_plain(tmp_path, model):
    in_w(model).save(tmp_path / "codes.npz", model)
    with np.load(tmp_path / "codes.npz", allow_pickle=False) as file:
        assert {name: file[name].dtype.kind for name in file} == {
            **{"values": "f", "rows": "i", "seed": "i", "space": "U", "names": "U", "model": "U"}
        }


def test_codes_of_another_model_are_refused(tmp_path, model):
    in_w(model).save(tmp_path / "codes.npz", model)
    other = styled()
    for network in (other.ema, other.generator):
        next(network.parameters()).data.add_(1e-6)
    assert fingerprint(other.ema) != fingerprint(model.ema)
    with pytest.raises(UserError, match="belongs to another model"):
        Codes.read(tmp_path / "codes.npz", other)
    with pytest.raises(UserError, match="belongs to another model"):
        Codes.read(tmp_path / "codes.npz", plain())


def test_codes_of_the_raw_weights_say_so(tmp_path, model):
    other = styled()
    for value in other.generator.parameters():
        value.data.mul_(1.1)
    in_w(other).save(tmp_path / "raw.npz", other, raw=True)
    with pytest.raises(UserError, match="the raw weights: give --raw"):
        Codes.read(tmp_path / "raw.npz", other, raw=False)
    assert len(Codes.read(tmp_path / "raw.npz", other, raw=True)) == 2


# Hostile files ----------------------------------------------------------------------------------------------


class Evil:
    def __reduce__(self):
        return exec, ("raise SystemExit('it ran')",)


def header(shape, kind="<f4"):
    """The bytes of an array that claims a shape, and holds one number."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})
    return file.getvalue() + b"\0\0\0\0"


def arrays(model, **changed):
    plain = {"values": np.zeros((1, LATENT), np.float32), "space": np.array("w"), "rows": np.array([0])}
    return plain | {"model": np.array(fingerprint(model.sampler()))} | changed


def maps(model, value):
    """All noise maps of a model."""
    mine = dict(model.sampler().synthesis.named_buffers())
    return {f"noise/{name}": np.full((1, *mine[name].shape), value) for name in mine if name.endswith("noise_const")}


def bad(tmp_path, model, kind):
    path = tmp_path / "codes.npz"
    if kind == "objects":
        np.savez(path, **arrays(model, values=np.array([Evil()], object)))
    elif kind == "packed":
        np.savez_compressed(path, **arrays(model))
    elif kind == "bomb":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("values.npy", header((10**6, 10**6)))
    elif kind == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(500))
    elif kind == "cut":
        np.savez(path, **arrays(model))
        path.write_bytes(path.read_bytes()[:-60])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "brackets":
        with zipfile.ZipFile(path, "w") as file:
            header_of = b"{'descr': '<f4', 'fortran_order': False, 'shape': " + b"(" * 5000 + b"\n"
            file.writestr("values.npy", b"\x93NUMPY\x01\x00" + len(header_of).to_bytes(2, "little") + header_of)
    elif kind == "lacking":
        np.savez(path, values=np.zeros((1, LATENT), np.float32))
    else:
        changed = {
            "width": {"values": np.zeros((1, LATENT + 1), np.float32)},
            "none": {"values": np.zeros((0, LATENT), np.float32), "rows": np.zeros(0, int)},
            "nan": {"values": np.full((1, LATENT), np.nan, np.float32)},
            "space": {"space": np.array("v")},
            "rows": {"rows": np.array([-1])},
            "seed": {"seed": np.array(-1)},
            "kind": {"values": np.zeros((1, LATENT), int)},
            "map": {"noise/b4.conv1.noise_const": np.zeros((1, 5, 5), np.float32)},
            "weight": {"noise/b4.conv1.weight": np.zeros((1, 8, 8, 3, 3), np.float32)},
            "filter": {"noise/b8.conv0.resample_filter": np.zeros((1, 4, 4), np.float32)},
            "some maps": {"noise/b4.conv1.noise_const": np.zeros((1, 4, 4), np.float32)},
            "nan map": maps(model, np.float32(np.nan)),
            "infinite map": maps(model, np.float64(1e300)),
            "point": {"values": np.float32(1)},
            "big-endian": {"values": np.zeros((1, LATENT), ">f4")},
            "long": {"values": np.zeros((1, LATENT), np.longdouble)},
            "swapped rows": {"rows": np.array([0], ">i8")},
            "text y": {"y": np.array(["a"])},
            "point y": {"y": np.array(1)},
            "infinite": {"values": np.full((1, LATENT), 1e300)},
            "huge": {"values": np.full((1, LATENT), 1e30, np.float32)},
        }
        np.savez(path, **arrays(model, **changed[kind]))
    return path


BAD = ["objects", "packed", "bomb", "noise", "cut", "empty", "brackets", "lacking"]
BAD += ["width", "none", "nan", "space", "rows", "seed", "kind", "map", "weight"]
BAD += ["filter", "some maps", "nan map", "infinite map", "point", "big-endian", "long", "swapped rows"]
BAD += ["text y", "point y", "infinite", "huge"]


@pytest.mark.parametrize("kind", BAD)
def test_a_hostile_or_broken_file_is_refused_in_a_line(tmp_path, model, kind):
    path = bad(tmp_path, model, kind)
    with pytest.raises(UserError) as refusal:
        Codes.read(path, model)
    assert "\n" not in str(refusal.value)
    assert str(path) in str(refusal.value)
    assert {"bomb": "claims", "packed": "is packed", "objects": "holds objects"}.get(kind, "") in str(refusal.value)


def test_a_good_one_of_the_same_kind_is_read(tmp_path, model):
    np.savez(tmp_path / "codes.npz", **arrays(model))
    assert Codes.read(tmp_path / "codes.npz", model).images(model).shape == (1, 3, 16, 16)


@pytest.mark.parametrize("y", [[3], [-1], [[0.5, 0.5]], [[np.nan, 0.5, 0.5]], 1, ["a"]])
def test_what_a_model_can_not_be_told_is_refused(tmp_path, y):
    model = told()
    for given, kept in ((np.array(y), False), (np.array([2]), True), (np.array([[0.2, 0.3, 0.5]]), True)):
        changed = arrays(model, space=np.array("z"), y=given)
        np.savez(tmp_path / "codes.npz", **changed)
        if kept:
            assert Codes.read(tmp_path / "codes.npz", model).images(model).isfinite().all()
        else:
            with pytest.raises(UserError, match="does not say what the model is told"):
                Codes.read(tmp_path / "codes.npz", model)


def test_a_label_and_a_truncation_beside_a_file_are_refused(tmp_path, model):
    in_w(model).save(tmp_path / "codes.npz", model)
    for given in ({"psi": 0.5}, {"label": 1}):
        with pytest.raises(UserError, match="leave --label and --psi out"):
            codes_named(model, str(tmp_path / "codes.npz"), 0, "codes", **given)


@pytest.mark.parametrize("psi", [1e30, float("nan"), -1000])
def test_a_psi_that_makes_no_images_is_refused(model, psi):
    for made in (lambda: model.sample(1, psi=psi), lambda: codes_named(model, "1", 0, "codes", psi=psi)):
        with pytest.raises(UserError, match="give a number between"):
            made()
