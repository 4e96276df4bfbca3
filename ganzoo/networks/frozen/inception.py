"""Inception-v3, the network of FID, KID and the Inception Score."""

import pickle
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.error import URLError

import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo.networks.frozen.extractor import DIGITS, Extractor, check_weights, checksum_of
from ganzoo.system.errors import UserError
from ganzoo.system.weights import plain_contents

__all__ = ["Inception"]

FILE, SHA256 = "weights-inception-2015-12-05-6726825d.pth", "6726825d"
SIZE = 299  # px
FILTERS = {
    "tf1": "bilinear to 299 px without antialiasing",
    "clean": "bicubic to 299 px with antialiasing, as Pillow does, in floats",
}


class Inception(Extractor):
    """Inception-v3 as in Heusel et al. 2017: TensorFlow's weights of 2015, the pooled 2,048 features.

    The network and its weights (95 MB, fetched once into torch's cache) are torch-fidelity's, and images are resized to
    299 px as TensorFlow 1 did, so that figures compare with the papers'. It needs `pip install "ganzoo[fid]"`.

    Args:
        weights: a file with torch-fidelity's weights, `weights-inception-2015-12-05-6726825d.pth`. None: fetch it.
        resize: `tf1`, or `clean` as in clean-FID (Parmar et al. 2022): Pillow's bicubic filter, each channel in floats.
            Its scores have other names: `fid_clean`.
        sha256: the first digits of the checksum of `weights`, where these are another network's on purpose.

    Raises:
        UserError: by `load`, if torch-fidelity or the weights are missing, or the weights are others.
    """

    packages = ("torch-fidelity",)
    num_features = 2048
    name = "inception"

    def __init__(
        self, weights: str | None = None, resize: Literal["tf1", "clean"] = "tf1", sha256: str | None = None
    ) -> None:
        super().__init__()
        self.weights, self.filter, self.sha256 = weights, resize, sha256

    @property
    def suffix(self) -> str:
        """Empty: a plain `fid` is Inception's. Images that are resized otherwise have other figures."""
        return "" if self.filter == "tf1" else f"_{self.filter}"

    @property
    def resize(self) -> str:  # type: ignore[override]
        """How images are resized."""
        return FILTERS[self.filter]

    @property
    def recipe(self) -> str:
        """Whose weights it has, and how it resizes images."""
        whose = "TensorFlow's weights of 2015 by torch-fidelity" if self.sha256 is None else f"weights {self.sha256}"
        return f"Inception-v3, {whose}, {self.resize}"

    def checksum(self) -> str | None:
        """Return the first 16 digits of the checksum of the file."""
        path = self.weights or str(Path(torch.hub.get_dir(), "checkpoints", FILE))
        try:
            return checksum_of(path)
        except OSError:
            return self.sha256[:DIGITS] if self.sha256 else SHA256  # the file went; `load` has compared it

    def load(self) -> None:
        """Fetch the weights, if they are not there."""
        inception(self.weights, self.sha256)

    def forward(self, images: Tensor) -> Tensor:
        """Return the pooled features."""
        network = inception(self.weights, self.sha256).to(images.device)
        if self.filter == "tf1":
            return network(images)
        x = (resized_cleanly(images) - 128) / 128
        for layer in list(network.children())[:-1]:  # its `forward` would resize; the last one makes logits
            x = layer(x)
        return x.flatten(1)

    def logits_of(self, features: Tensor) -> Tensor:
        """Return the logits (N, 1008) without their bias, as the code of Salimans et al. 2016 has them."""
        network = inception(self.weights, self.sha256).to(features.device)
        with torch.no_grad(), torch.autocast(features.device.type, enabled=False):
            return features.float() @ network.fc.weight.T


def resized_cleanly(images: Tensor) -> Tensor:
    """Return images (N, 3, H, W) in 299 px, floats of 0 to 255, by Pillow's bicubic filter, which torch has too.

    They are not rounded: clean-FID resizes each channel as an image of floats.
    """
    return F.interpolate(images.float(), (SIZE, SIZE), mode="bicubic", antialias=True).clamp(0, 255)


@cache  # one network for all metrics of a process; outside of them, so that no checkpoint or copy has it
def inception(weights: str | None, sha256: str | None = None) -> Any:
    """Return torch-fidelity's network, frozen."""
    try:
        import torch_fidelity
        from torchmetrics.image.fid import NoTrainInceptionV3
    except ImportError as error:
        raise UserError('Inception needs torch-fidelity: pip install "ganzoo[fid]".') from error
    try:
        if weights is not None:
            check_weights(weights, SHA256, f"torch-fidelity's {FILE}", sha256)
            plain_contents(weights)  # torch-fidelity would run code that is in it
        network = NoTrainInceptionV3("inception-v3-compat", ["2048"], weights, antialias=False)
    except (URLError, OSError, EOFError, RuntimeError, KeyError, pickle.UnpicklingError) as error:
        where = weights or torch_fidelity.feature_extractor_inceptionv3.URL_INCEPTION_V3
        reason = " ".join(str(error).split())[:120]
        raise UserError(
            f"can't have Inception's weights from {where} ({reason}). Fetch that file where there is a network and "
            "give its path: to evaluate --weights FILE, to a run --data.extra_metrics+=FID "
            "--data.extra_metrics.extractor=Inception --data.extra_metrics.extractor.weights=FILE."
        ) from error
    fetched = Path(torch.hub.get_dir(), "checkpoints", FILE)
    if weights is None and fetched.is_file():
        check_weights(str(fetched), SHA256, f"torch-fidelity's {FILE}")
    return network.requires_grad_(False)
