"""Vision transformers of timm, trained on many images: DINOv2, and CLIP's."""

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo.networks.frozen.extractor import (
    CLIP_COLOURS,
    IMAGENET_COLOURS,
    Extractor,
    check_weights,
    digest_of,
    normalized,
)
from ganzoo.system.errors import UserError
from ganzoo.system.weights import plain_contents

__all__ = ["CLIP", "DINOv2"]

SIZE = 224  # px
FILE = "model.safetensors"  # of a model of timm on the hub
SECONDS = 10.0  # that the hub has for its first answer


class Transformer(Extractor):
    """A vision transformer of timm, shown images in 224 px. It needs `pip install "ganzoo[dinov2]"`.

    Args:
        weights: a file of its weights, `.safetensors` or torch's. None: timm fetches them, once.
        model: timm's name of the architecture.
        sha256: the first digits of the checksum that `weights` must have. None: any.

    Raises:
        UserError: by `load`, if timm or the weights are missing, or are others.
    """

    packages = ("timm",)
    resize = "bicubic to 224 px with antialiasing"
    colours = IMAGENET_COLOURS

    def __init__(self, weights: str | None, model: str, sha256: str | None) -> None:
        super().__init__()
        self.weights, self.model, self.sha256 = weights, model, sha256

    @property
    def num_features(self) -> int:  # type: ignore[override]
        """How many features it makes: the architecture says it."""
        return int(width_of(self.model))

    def facts(self) -> dict[str, Any]:
        """Return the facts, and the architecture."""
        return super().facts() | {"model": self.model}

    def checksum(self) -> str | None:
        """Return the first 16 digits of the checksum of the tensors: the same whatever file they came in."""
        return checksum(self.model, self.weights, self.sha256)

    def load(self) -> None:
        """Fetch the weights, if they are not there."""
        transformer(self.model, self.weights, self.sha256)

    def forward(self, images: Tensor) -> Tensor:
        """Return the features."""
        x = F.interpolate(images.float() / 255, (SIZE, SIZE), mode="bicubic", antialias=True).clamp(0, 1)
        made: Tensor = transformer(self.model, self.weights, self.sha256).to(images.device)(normalized(x, self.colours))
        return made


class DINOv2(Transformer):
    """DINOv2 (Oquab et al. 2023), ViT-L/14: the class token, 1,024 features, as Stein et al. 2023 take it.

    It needs `pip install "ganzoo[dinov2]"`.

    Args:
        weights: a file of its weights, timm's `.safetensors` or the authors' `dinov2_vitl14_pretrain.pth`. None: timm
            fetches them (1.2 GB, once).
        model: timm's name of another size, such as `vit_base_patch14_dinov2`.
        sha256: the first digits of the checksum that `weights` must have. None: any.

    Raises:
        UserError: by `load`, if timm or the weights are missing, or are others.
    """

    name = "dinov2"

    def __init__(
        self, weights: str | None = None, model: str = "vit_large_patch14_dinov2.lvd142m", sha256: str | None = None
    ) -> None:
        super().__init__(weights, model, sha256)


class CLIP(Transformer):
    """CLIP's network for images (Radford et al. 2021), OpenAI's ViT-B/32 by timm: its embedding, 512 features.

    It needs `pip install "ganzoo[dinov2]"`, which has timm.

    Args:
        weights: a file of its weights, timm's `.safetensors`. None: timm fetches them (350 MB, once).
        model: timm's name of another size, such as `vit_large_patch14_clip_quickgelu_224.openai`.
        sha256: the first digits of the checksum that `weights` must have. None: any.

    Raises:
        UserError: by `load`, if timm or the weights are missing, or are others.
    """

    name = "clip"
    colours = CLIP_COLOURS

    def __init__(
        self,
        weights: str | None = None,
        model: str = "vit_base_patch32_clip_quickgelu_224.openai",
        sha256: str | None = None,
    ) -> None:
        super().__init__(weights, model, sha256)


def timm_with(model: str) -> Any:
    """Return timm, which has such a model.

    Raises:
        UserError: it is not installed, or has no such model.
    """
    try:
        import timm
    except ImportError as error:
        raise UserError('the extractors dinov2 and clip need timm: pip install "ganzoo[dinov2]".') from error
    if not timm.is_model(model):
        raise UserError(f"timm {timm.__version__} has no model {model}: give one of its names.")
    return timm


@cache
def width_of(model: str) -> int:
    """Return how many features an architecture makes, without its weights."""
    with torch.device("meta"):
        network = made(model)
    return int(network.num_classes or network.num_features)


def made(model: str) -> Any:
    """Return a new network of timm for images of 224 px; DINOv2's has no classes, CLIP's makes its embedding.

    Raises:
        UserError: see `timm_with`.
    """
    library = timm_with(model)
    options = {"dynamic_img_size": False, "img_size": SIZE} if "vit" in model else {}
    return library.create_model(model, **options)


@cache  # one network for all metrics of a process; outside of them, so that no checkpoint or copy has it
def transformer(model: str, weights: str | None, sha256: str | None) -> Any:
    """Return the network, frozen."""
    try:
        path = fetched(model) if weights is None else weights  # before the network is made, which takes seconds
        network = made(model)
        if weights is not None and sha256 is not None:
            check_weights(weights, sha256, "the file that is meant")
        network.load_state_dict(converted(contents(path), network))
    except UserError:
        raise
    except Exception as error:  # no network, another file, random bytes: they fail in many ways
        reason = " ".join(str(error).split())[:160]
        raise UserError(
            f"can't have the weights of {model} from {weights or address(model)} ({type(error).__name__}: {reason}). "
            "Fetch timm's file of this model where there is a network, and give its path: --weights FILE of evaluate, "
            "or the extractor's `weights`."
        ) from error
    return network.eval().requires_grad_(False)


def place(model: str) -> dict[str, Any]:
    """Return where timm's weights of a model are on the Hugging Face Hub: repository, file and revision.

    Raises:
        UserError: timm has none there.
    """
    known = timm_with(model).models.get_pretrained_cfg(model)
    repository, _, revision = (getattr(known, "hf_hub_id", None) or "").partition("@")
    if not repository:
        raise UserError(f"timm has no weights of {model}: give a file of them, or another model.")
    return {"repo_id": repository, "filename": known.hf_hub_filename or FILE, "revision": revision or None}


def address(model: str) -> str:
    """Return the URL of timm's weights of a model."""
    from huggingface_hub import hf_hub_url

    return str(hf_hub_url(**place(model)))


def fetched(model: str) -> str:
    """Return the file of timm's weights of a model in the hub's cache; it is fetched if it is not there.

    Before that the hub is asked once: its own package would ask for a minute where there is no network.
    """
    import huggingface_hub as hub

    found = hub.try_to_load_from_cache(**place(model))
    if isinstance(found, str):
        return found
    hub.get_session().head(address(model), timeout=SECONDS)
    return str(hub.hf_hub_download(**place(model)))


@cache
def checksum(model: str, weights: str | None, sha256: str | None) -> str:
    """Return the first digits of the checksum of the network's tensors."""
    return digest_of(transformer(model, weights, sha256).state_dict())


def contents(path: str) -> dict[str, Tensor]:
    """Return the tensors of a file; nothing in it is run."""
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        return load_file(path)
    found: dict[str, Tensor] = plain_contents(path)
    return found


def converted(state: dict[str, Tensor], network: Any) -> dict[str, Tensor]:
    """Return weights by timm's names, and with its grid of positions."""
    from timm.models.vision_transformer import checkpoint_filter_fn

    found: dict[str, Tensor] = checkpoint_filter_fn(state, network)
    return found
