"""VGG16, trained on ImageNet or never trained."""

from functools import cache
from typing import Any
from urllib.error import URLError

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.networks.frozen.extractor import Extractor, check_weights, checksum_of, normalized
from ganzoo.networks.frozen.lpips import CONVOLUTIONS, FILE, SHA256, cached_vgg16
from ganzoo.system.errors import UserError
from ganzoo.system.weights import plain_contents

__all__ = ["VGG16", "RandomVGG"]

SIZE = 224  # px, on which it was trained
SMALL = 64  # px, of the random one
POOLED = (4, 9, 16, 23, 30)  # numbers of the layers that halve the size


class VGG16(Extractor):
    """VGG16 of torchvision, trained on ImageNet: the 4,096 features before its last layer, after the rectifier.

    Kynkäänniemi et al. 2019 take this layer for precision and recall. Their weights are TensorFlow's, so figures
    compare with theirs in kind, not in digits.

    Args:
        weights: torchvision's file `vgg16-397923af.pth`. None: fetch it (528 MB, once, into torch's cache).
        sha256: the first digits of the checksum of `weights`, where these are another network's on purpose.

    Raises:
        UserError: by `load`, if the weights are missing, or others.
    """

    name = "vgg16"
    packages = ("torchvision",)
    num_features = 4096
    resize = "bilinear to 224 px with antialiasing"

    def __init__(self, weights: str | None = None, sha256: str | None = None) -> None:
        super().__init__()
        self.weights, self.sha256 = weights, sha256

    def checksum(self) -> str | None:
        """Return the first 16 digits of the checksum of the file."""
        path = self.weights or cached_vgg16()
        return SHA256 if path is None else checksum_of(path)

    def load(self) -> None:
        """Fetch the weights, if they are not there."""
        vgg16(self.weights, self.sha256)

    def forward(self, images: Tensor) -> Tensor:
        """Return the features."""
        x = F.interpolate(images.float(), (SIZE, SIZE), mode="bilinear", antialias=True)
        made: Tensor = vgg16(self.weights, self.sha256).to(images.device)(normalized(x / 255))
        return made


@cache  # one network for all metrics of a process; outside of them, so that no checkpoint or copy has it
def vgg16(weights: str | None, sha256: str | None) -> Any:
    """Return torchvision's network up to the rectifier before its last layer, frozen."""
    from torchvision.models import VGG16_Weights
    from torchvision.models import vgg16 as network_of

    try:
        if weights is None:
            network = network_of(weights=VGG16_Weights.IMAGENET1K_V1)
        else:
            check_weights(weights, SHA256, f"torchvision's {FILE}", sha256)
            state = plain_contents(weights)
            with torch.device("meta"):  # 138 million weights that need not be drawn first
                network = network_of(weights=None, init_weights=False)
            network.load_state_dict(state, assign=True)
    except UserError:
        raise
    except (URLError, OSError) as error:
        reason = " ".join(str(error).split())[:120]
        raise UserError(
            f"can't have VGG16's weights from {weights or VGG16_Weights.IMAGENET1K_V1.url} ({reason}): fetch that file "
            "where there is a network, and give its path as the extractor's `weights`."
        ) from error
    except Exception as error:  # random bytes make the unpickler fail in any way
        raise UserError(f"{weights} is not torchvision's VGG16: give {FILE}.") from error
    network.classifier = network.classifier[:5]
    return network.eval().requires_grad_(False)


class RandomVGG(Extractor):
    """VGG16 with random weights, 64 features: for images that are unlike ImageNet's (Naeem et al. 2020, section 5).

    Nothing is fetched. The second fully connected layer has 64 outputs instead of 4,096, as in the paper. Images are
    looked at in 64 px instead of 224, which is ten times quicker, and weights are drawn as He et al. 2015 do, so
    figures compare with those of the same seed only.

    Args:
        seed: of the weights.
    """

    name = "random-vgg"
    num_features = 64
    resize = "bilinear to 64 px with antialiasing"

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.seed = seed
        layers: list[nn.Module] = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for number, (read, made) in CONVOLUTIONS.items():
                layers += [nn.Conv2d(read, made, 3, padding=1), nn.ReLU()]
                layers += [nn.MaxPool2d(2)] if number + 2 in POOLED else []
            layers += [nn.Flatten(), nn.Linear(512 * 2 * 2, 4096), nn.ReLU(), nn.Linear(4096, self.num_features)]
            for layer in layers:
                if isinstance(layer, (nn.Conv2d, nn.Linear)):
                    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        self.layers = nn.Sequential(*layers)

    def facts(self) -> dict[str, Any]:
        """Return the facts, and the seed."""
        return super().facts() | {"seed": self.seed}

    def forward(self, images: Tensor) -> Tensor:
        """Return the features."""
        x = F.interpolate(images.float(), (SMALL, SMALL), mode="bilinear", antialias=True)
        made: Tensor = self.layers(x / 127.5 - 1)
        return made
