"""The judge: a small classifier of grey images, trained on the data itself. It scores generated images."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganzoo.metrics.features import FeatureMetric
from ganzoo.networks.frozen.inception import Extractor
from ganzoo.system.errors import UserError
from ganzoo.system.files import collected
from ganzoo.system.machine import cache_folder
from ganzoo.system.waiting import follow

__all__ = ["Judge", "JudgeMetric", "judge_of"]

VERSION = 3  # of the judge: raise it when its network or training changes, since scores by two judges do not compare
SIZE = 28  # px, in which it looks at images


class Judge(Extractor):
    """A classifier of grey images, looked at in 28 px: three convolutions with stride 2, 128 features, the logits.

    Args:
        num_classes: how many classes it tells apart.
        learn: returns a trained judge. Its weights are taken when they are first needed, since training takes long.
            None: the weights stay as they are.
    """

    num_features = 128
    recipe = "a small classifier of the data itself"

    def __init__(self, num_classes: int = 10, learn: Callable[[], "Judge"] | None = None) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(1, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
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
        """Return the features (N, 128) of images (N, 1, H, W) in [-1, 1]."""
        self.load()
        return self.features(seen_small(x))

    def extract(self, x: Tensor) -> Tensor:
        """Return the features (N, C x 128), float32, of images (N, C, H, W) in [-1, 1], whatever the run's precision.

        Each channel is looked at alone; theirs follow one another.
        """
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            return self(x.flatten(0, 1).unsqueeze(1).float()).view(len(x), -1)

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

    def __init__(self, judge: Judge, **kwargs: Any) -> None:
        super().__init__(judge, **kwargs)

    @property
    def judge(self) -> Judge:
        """The judge."""
        assert isinstance(self.extractor, Judge)
        return self.extractor


def seen_small(x: Tensor) -> Tensor:
    """Return images (N, 1, H, W) of any size as the judge looks at them, (N, 1, 28, 28)."""
    return x if x.shape[-2:] == (SIZE, SIZE) else F.interpolate(x, (SIZE, SIZE), mode="bilinear", antialias=True)


def judge_of(image: Tensor, label: Tensor, num_classes: int = 10) -> Judge:
    """Return the judge that these images make: the same for the same images, trained once and then kept in a cache.

    It is in evaluation mode.

    The cache is `$XDG_CACHE_HOME/ganzoo` or else `~/.cache/ganzoo`. Where it can't be written, or what is there can't
    be read, the judge is trained again.

    Args:
        image: (N, 1, H, W), uint8.
        label: (N,), int64, below `num_classes`.
        num_classes: how many there are.
    """
    digest = hashlib.sha256(image.contiguous().numpy().data)  # piece by piece: no copy of the set
    digest.update(label.contiguous().numpy().data)
    digest.update(f"{image.shape}{VERSION}".encode())
    cache = cache_folder().parent / f"judge-{digest.hexdigest()}.pt"
    with torch.random.fork_rng(devices=[]):  # a run's own chance doesn't depend on its scores
        judge = Judge(num_classes)
    try:
        judge.load_state_dict(torch.load(cache, weights_only=True))
    except Exception:  # it is not there, or spoiled in any way
        judge = trained(image, label, num_classes)
        with suppress(UserError), collected(cache) as file:
            torch.save(judge.state_dict(), file)
    return judge.eval()


def trained(images: Tensor, labels: Tensor, num_classes: int, batch_size: int = 128, lr: float = 5e-3) -> Judge:
    """Return a judge trained for 1,000 batches, or 12 epochs if these are fewer. Seed 0; one cycle of Adam's rate.

    Each batch is shifted by up to 2 px; labels are smoothed by 0.05 (Szegedy et al. 2016, section 7).
    """
    steps = min(1000, max(1, 12 * len(images) // batch_size))
    images = seen_small(images)
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.enable_grad():
        torch.manual_seed(0)
        judge = Judge(num_classes)
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
