"""The judge: a small classifier of images, trained on the data itself. It scores generated images."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.metrics.features import FeatureMetric
from ganzoo.networks.frozen import Extractor
from ganzoo.system.errors import UserError
from ganzoo.system.files import collected
from ganzoo.system.machine import cache_folder
from ganzoo.system.waiting import follow

__all__ = ["Judge", "JudgeMetric", "judge_of"]

VERSION = 3  # of the judge: raise it when its network or training changes, since scores by two judges do not compare
SIZE = 28  # px, in which it looks at images
TAUGHT = 20_000  # images of a set that it learns from, where the set is not held in memory
JUDGES: Any = WeakKeyDictionary()  # of the labelled sets of this process that have none of their own


class Judge(Extractor):
    """A classifier of images, looked at in 28 px: three convolutions with stride 2, 128 features, the logits.

    Args:
        num_classes: how many classes it tells apart.
        learn: returns a trained judge. Its weights are taken when they are first needed, since training takes long.
            None: the weights stay as they are.
        channels: of the images. With 1 each channel of an image is looked at alone.
    """

    name = "judge"
    num_features = 128
    channels = 1
    resize = "bilinear to 28 px with antialiasing"

    def __init__(self, num_classes: int = 10, learn: Callable[[], "Judge"] | None = None, channels: int = 1) -> None:
        super().__init__()
        self.channels = channels
        self.features = nn.Sequential(
            *(nn.Conv2d(channels, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
            *(nn.Conv2d(16, 48, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(48), nn.ReLU()),
            *(nn.Conv2d(48, 64, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(64 * 4 * 4, self.num_features), nn.ReLU()),
        )
        self.logits = nn.Linear(self.num_features, num_classes)
        self.learn = learn
        self.to(memory_format=torch.channels_last)  # quicker on a CPU

    def load(self) -> None:
        """Learn, unless that is done."""
        if self.learn is not None:
            self.load_state_dict(self.learn().state_dict())
            self.learn = None

    def forward(self, x: Tensor) -> Tensor:
        """Return the features (N, 128) of images (N, channels, H, W) in [-1, 1]."""
        self.load()
        return self.features(seen_small(x))

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse samples that are no images, or have other channels."""
        if len(shape) != 3 or shape[0] % self.channels:
            raise UserError(
                f"the judge looks at images of {self.channels} channels, (C, H, W), not at samples of {shape}: "
                "leave out the metrics that need it."
            )

    def extract(self, x: Tensor) -> Tensor:
        """Return the features (N, C x 128), float32, of images (N, C, H, W) in [-1, 1], whatever the run's precision.

        A judge of grey images looks at each channel alone; their features follow one another.

        Raises:
            UserError: samples that are no images, or have other channels.
        """
        self.check_shape(tuple(x.shape[1:]))
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            return self(x.reshape(-1, self.channels, *x.shape[2:]).float()).view(len(x), -1)

    def of(self, data: Any) -> Extractor:
        """Return the judge of a labelled set: its own, or one that learns from its training images when it is needed.

        Raises:
            UserError: the set has no labels.
        """
        if data is None and self.learn is None and not self.features[1].num_batches_tracked:
            raise UserError("the judge learns from labelled images: give --data, a set that has labels.")
        own: Judge | None = data.judge() if hasattr(data, "judge") else None
        if own is not None:
            return own
        if not hasattr(data, "train"):  # nobody knows yet how many classes there are
            return self
        if data.num_classes is None or data.train.labels is None:
            raise UserError(
                f"{type(data).__name__} has no labels here, so no judge: leave out the metrics that need it."
            )
        if data not in JUDGES:
            with torch.random.fork_rng(devices=[]):
                JUDGES[data] = Judge(data.num_classes, partial(learned, data), data.shape[0]).eval()
        return JUDGES[data]

    def logits_of(self, features: Tensor) -> Tensor:
        """Return the logits (N, classes) of features (N, 128)."""
        return self.scores(features)[:, 0]

    def classes(self, features: Tensor) -> Tensor:
        """Return the classes (N,), int64, that it sees in images with these features (N, C x 128).

        Of several channels the class is the number that theirs spell: 100 r + 10 g + b.
        """
        found = self.scores(features).argmax(2)
        place = self.logits.out_features ** torch.arange(found.shape[1]).flip(0)
        return (found * place.to(found.device)).sum(1)

    def certainty(self, features: Tensor) -> Tensor:
        """Return how sure it is of what it sees in images with these features: its largest probability, (N,)."""
        return self.scores(features).softmax(2).amax(2).mean(1)

    def scores(self, features: Tensor) -> Tensor:
        """Return the logits (N, C, classes) of features (N, C x 128)."""
        with torch.no_grad(), torch.autocast(features.device.type, enabled=False):
            logits: Tensor = self.logits(features.view(len(features), -1, self.num_features))
            return logits


class JudgeMetric(FeatureMetric):
    """A question asked of what a judge sees in images."""

    default = Judge

    def __init__(self, judge: Judge | None = None, **kwargs: Any) -> None:
        super().__init__(judge, **kwargs)

    @property
    def judge(self) -> Judge:
        """The judge."""
        assert isinstance(self.extractor, Judge)
        return self.extractor


def seen_small(x: Tensor) -> Tensor:
    """Return images (N, C, H, W) of any size as the judge looks at them, (N, C, 28, 28)."""
    return x if x.shape[-2:] == (SIZE, SIZE) else F.interpolate(x, (SIZE, SIZE), mode="bilinear", antialias=True)


def judge_of(image: Tensor, label: Tensor, num_classes: int = 10) -> Judge:
    """Return the judge that these images make: the same for the same images, trained once and then kept in a cache.

    It is in evaluation mode.

    The cache is `$XDG_CACHE_HOME/ganzoo` or else `~/.cache/ganzoo`. Where it can't be written, or what is there can't
    be read, the judge is trained again.

    Args:
        image: (N, C, H, W), uint8.
        label: (N,), int64, below `num_classes`.
        num_classes: how many there are.
    """
    digest = hashlib.sha256(image.contiguous().numpy().data)  # piece by piece: no copy of the set
    digest.update(label.contiguous().numpy().data)
    digest.update(f"{image.shape}{VERSION}".encode())
    cache = cache_folder().parent / f"judge-{digest.hexdigest()}.pt"
    with torch.random.fork_rng(devices=[]):  # a run's own chance doesn't depend on its scores
        judge = Judge(num_classes, channels=image.shape[1])
    try:
        judge.load_state_dict(torch.load(cache, weights_only=True))
    except Exception:  # it is not there, or spoiled in any way
        judge = trained(image, label, num_classes)
        with suppress(UserError), collected(cache) as file:
            torch.save(judge.state_dict(), file)
    return judge.eval()


def learned(data: Any) -> Judge:
    """Return the judge of a labelled DataModule, trained on at most `TAUGHT` images, which are spread over the set."""

    def learn() -> Judge:
        rows = torch.arange(0, len(data.train), max(1, -(-len(data.train) // TAUGHT)))
        parts = follow(rows.split(256), "Reading images for the judge")
        small = [seen_small(data.train[part]["image"]).round().to(torch.uint8) for part in parts]
        return judge_of(torch.cat(small), data.train.labels[rows], data.num_classes)

    judge: Judge = data.on_rank_0(learn)
    return judge


def trained(images: Tensor, labels: Tensor, num_classes: int, batch_size: int = 128, lr: float = 5e-3) -> Judge:
    """Return a judge trained for 1,000 batches, or 12 epochs if these are fewer. Seed 0; one cycle of Adam's rate.

    Each batch is shifted by up to 2 px; labels are smoothed by 0.05 (Szegedy et al. 2016, section 7).
    """
    steps = min(1000, max(1, 12 * len(images) // batch_size))
    images = seen_small(images)
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.enable_grad():
        torch.manual_seed(0)
        judge = Judge(num_classes, channels=images.shape[1])
        optimizer = torch.optim.Adam(judge.parameters(), lr)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
        for _ in follow(range(steps), "Training the judge, once"):
            rows = torch.randint(len(images), (batch_size,))
            x = shifted(images[rows].float().div(127.5).sub(1))
            optimizer.zero_grad()
            F.cross_entropy(judge.logits(judge(x)), labels[rows], label_smoothing=0.05).backward()
            optimizer.step()
            schedule.step()
    return judge


def shifted(x: Tensor, most: int = 2) -> Tensor:
    """Return images (N, C, H, W) in [-1, 1] moved together by up to `most` px each way; -1 comes in."""
    top, left = torch.randint(2 * most + 1, (2,)).tolist()
    height, width = x.shape[-2:]
    return F.pad(x, [most] * 4, value=-1)[..., top : top + height, left : left + width]
