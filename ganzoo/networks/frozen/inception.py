"""Feature extractors: metrics compare the features of images."""

import hashlib
import pickle
from functools import cache
from typing import Any, ClassVar
from urllib.error import URLError

import torch
from torch import Tensor, nn

from ganzoo.system.errors import UserError
from ganzoo.system.weights import plain_contents

__all__ = ["Extractor", "Inception", "checksum_of"]


class Extractor(nn.Module):
    """Turns images, uint8 (N, 3, H, W), into features (N, num_features), float."""

    num_features: int

    suffix: ClassVar[str] = ""
    """Suffix of the scores' names, so that figures of two extractors are not confused."""

    recipe: ClassVar[str]
    """Whose weights it has, and how it resizes images: in a few words, for readers who compare figures."""

    def load(self) -> None:
        """Get the weights, perhaps by a download. It is called before they are needed, and may be called again."""

    def facts(self) -> dict[str, Any]:
        """Return its name, the checksum of its weights and how it resizes images, as a score's recipe keeps them."""
        return {"name": type(self).__name__.lower(), "weights": checksum_of(self), "resize": None}

    def forward(self, images: Tensor) -> Tensor:
        """Return the features of images."""
        raise NotImplementedError

    def extract(self, x: Tensor) -> Tensor:
        """Return the features (N, num_features), float32, of images (N, C, H, W) in [-1, 1], whatever the precision.

        Grey images are shown as RGB; the images are rounded to the 256 levels of a file first.

        Raises:
            UserError: samples that are no images of 1 or 3 channels.
        """
        if x.ndim != 4 or x.shape[1] not in (1, 3):
            raise UserError(
                f"{type(self).__name__} looks at images of 1 or 3 channels, (N, C, H, W), not {tuple(x.shape)}: "
                "leave out the metrics that need it."
            )
        pixels = x.detach().float().add(1).mul(127.5).round().clamp(0, 255).byte()
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            return self(pixels.expand(-1, 3, -1, -1)).float()


def checksum_of(network: nn.Module) -> str | None:
    """Return the checksum of a network's weights and buffers, in 16 hex digits; None if it has none."""
    digest, state = hashlib.sha256(), network.state_dict()
    for name, value in sorted(state.items()):
        digest.update(f"{name}{value.dtype}{tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16] if state else None


class Inception(Extractor):
    """Inception-v3 as in Heusel et al. 2017: TensorFlow's weights of 2015, the pooled 2,048 features.

    The network and its weights (95 MB, fetched once into torch's cache) are torch-fidelity's, and images are resized to
    299 px as TensorFlow 1 did, so that figures compare with the papers'. It needs `pip install "ganzoo[fid]"`.

    Args:
        weights: a file with torch-fidelity's weights, `weights-inception-2015-12-05-6726825d.pth`. None: fetch it.

    Raises:
        UserError: by `load`, if torch-fidelity or the weights are missing.
    """

    num_features = 2048
    recipe = "Inception-v3, TensorFlow's weights of 2015 by torch-fidelity, bilinear to 299 px without antialiasing"

    def __init__(self, weights: str | None = None) -> None:
        super().__init__()
        self.weights = weights

    def load(self) -> None:
        """Fetch the weights, if they are not there."""
        inception(self.weights)

    def facts(self) -> dict[str, Any]:
        """Return the same of torch-fidelity's network, once it is there."""
        weights = checksum_of(inception(self.weights))
        return {"name": "inception", "weights": weights, "resize": "tensorflow 1 bilinear 299", "layer": "2048"}

    def forward(self, images: Tensor) -> Tensor:
        """Return the pooled features."""
        return inception(self.weights).to(images.device)(images)


@cache  # one network for all metrics of a process; outside of them, so that no checkpoint or copy has it
def inception(weights: str | None) -> Any:
    """Return torch-fidelity's network, frozen."""
    try:
        import torch_fidelity
        from torchmetrics.image.fid import NoTrainInceptionV3
    except ImportError as error:
        raise UserError('FID needs torch-fidelity: pip install "ganzoo[fid]".') from error
    try:
        if weights is not None:
            plain_contents(weights)  # torch-fidelity would run code that is in it
        network = NoTrainInceptionV3("inception-v3-compat", ["2048"], weights, antialias=False)
    except (URLError, OSError, EOFError, RuntimeError, KeyError, pickle.UnpicklingError) as error:
        where = weights or torch_fidelity.feature_extractor_inceptionv3.URL_INCEPTION_V3
        reason = " ".join(str(error).split())[:120]
        raise UserError(
            f"can't have Inception's weights from {where} ({reason}). Fetch that file where there is a network and "
            "give its path: --data.extra_metrics+=FID --data.extra_metrics.extractor=Inception "
            "--data.extra_metrics.extractor.weights=FILE."
        ) from error
    return network.requires_grad_(False)
