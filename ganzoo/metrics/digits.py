"""Do generated digits look like digits, and do all ten appear? Judged by a small classifier of the data itself."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from rich.progress import track
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.image.fid import FrechetInceptionDistance

from ganzoo.errors import UserError
from ganzoo.files import written
from ganzoo.metrics.base import SampleMetric

__all__ = ["DigitScores", "Judge", "judge_of"]

VERSION = 1  # of the judge: raise it when its network or training changes, since scores by two judges do not compare


class Judge(nn.Module):
    """A classifier of grey images, looked at in 28 px: three convolutions with stride 2, 128 features, the logits."""

    num_features = 128

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ReLU()),
            *(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU()),
            *(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(64 * 4 * 4, self.num_features), nn.ReLU()),
        )
        self.logits = nn.Linear(self.num_features, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features (N, 128) of images (N, 1, H, W) in [-1, 1]."""
        if x.shape[-2:] != (28, 28):
            x = F.interpolate(x, (28, 28), mode="bilinear", antialias=True)
        return self.features(x)


class DigitScores(SampleMetric):
    """Four scores of generated digits, by a judge.

    * `fid_digits`: the Frechet distance (Heusel et al. 2017, equation 6) between the judge's features of the real and
      of the generated images. Its scale is this judge's own: never compare it with an FID of Inception's features.
    * `modes`: how many classes get at least 1 % of the generated images.
    * `kl`: KL(classes of the generated images || classes of the real ones), in nats; 0 is best.
    * `rarest`: the share of the class that is generated least often.

    Args:
        judge: a trained classifier with `num_features` features and `logits` of them.
        kwargs: the options of torchmetrics.Metric.

    Raises:
        ValueError: samples that are not finite.
    """

    scores: ClassVar[dict[str, bool]] = {"fid_digits": False, "modes": True, "kl": False, "rarest": True}
    of_real: ClassVar[tuple[str, ...]] = ("real_classes",)
    real_classes: Tensor
    fake_classes: Tensor

    def __init__(self, judge: Judge, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.judge = judge.eval().requires_grad_(False)
        self.fid = FrechetInceptionDistance(Features(judge.num_features), reset_real_features=False, **kwargs)
        for name in ("real_classes", "fake_classes"):
            self.add_state(name, torch.zeros(judge.logits.out_features, dtype=torch.long), dist_reduce_fx="sum")

    def update(self, x: Tensor, real: bool) -> None:
        """Take in real or generated images (N, 1, H, W) in [-1, 1]."""
        with torch.autocast(x.device.type, enabled=False):
            features = self.judge(x.float())
            found = self.judge.logits(features).argmax(1)
        if not features.isfinite().all():  # torch would look for eigenvalues and end the process
            raise ValueError(f"{'real' if real else 'generated'} images hold NaN or infinity: they have no score")
        self.fid.update(features, real)
        counts = self.real_classes if real else self.fake_classes
        counts += found.bincount(minlength=len(counts))

    def compute(self) -> dict[str, Tensor]:
        """Return the four scores.

        Raises:
            UserError: there are fewer than two samples.
        """
        if min(self.real_classes.sum(), self.fake_classes.sum()) < 2:
            raise UserError("a validation of fewer than 2 samples has no fid_digits: raise trainer.limit_val_batches.")
        p = self.fake_classes.double() / self.fake_classes.sum()
        q = self.real_classes.double() / self.real_classes.sum()
        return {
            "fid_digits": self.fid.compute(),
            "modes": (p >= 0.01).sum(),
            "kl": torch.special.xlogy(p, p / q.clamp(min=1e-12)).sum(),
            "rarest": p.min(),
        }

    def merge_state(self, incoming_state: Any) -> None:
        """Take in what another DigitScores has seen."""
        super().merge_state(incoming_state)
        self.fid.merge_state(incoming_state.fid)

    def reset(self) -> None:
        """Forget the generated images."""
        super().reset()
        self.fid.reset()

    def forget(self) -> None:
        """Forget the generated images and the real ones."""
        super().forget()
        Metric.reset(self.fid)


class Features(nn.Identity):
    """Stands where torchmetrics has Inception: what comes in are features already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features


def judge_of(image: Tensor, label: Tensor, num_classes: int = 10) -> Judge:
    """Return the judge that these digits make: the same for the same digits, trained once and then kept in a cache.

    The cache is `$XDG_CACHE_HOME/ganzoo` or else `~/.cache/ganzoo`. Where it can't be written, or what is there can't
    be read, the judge is trained again.

    Args:
        image: (N, 1, H, W), uint8.
        label: (N,), int64, below `num_classes`.
        num_classes: how many there are.
    """
    digest = hashlib.sha256(image.numpy().tobytes() + label.numpy().tobytes() + f"{image.shape}{VERSION}".encode())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "ganzoo", f"judge-{digest.hexdigest()}.pt")
    with torch.random.fork_rng(devices=[]):  # a run's own chance doesn't depend on how it is judged
        judge = Judge(num_classes)
    try:
        judge.load_state_dict(torch.load(cache, weights_only=True))
    except Exception:  # it is not there, or spoiled in any way
        judge = trained(image, label, num_classes)
        with suppress(UserError), written(cache) as beside:
            torch.save(judge.state_dict(), beside)
    return judge


def trained(images: Tensor, labels: Tensor, num_classes: int, batch_size: int = 128, lr: float = 3e-3) -> Judge:
    """Return a judge trained for 1,000 batches, or 25 epochs if these are fewer. Seed 0; one cycle of Adam's rate."""
    steps = min(1000, max(1, 25 * len(images) // batch_size))
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.enable_grad():
        torch.manual_seed(0)
        judge = Judge(num_classes)
        optimizer = torch.optim.Adam(judge.parameters(), lr)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
        for _ in track(range(steps), "Training the judge of digits, once", transient=True):
            rows = torch.randint(len(images), (batch_size,))
            x = images[rows].float().div(127.5).sub(1)
            optimizer.zero_grad()
            F.cross_entropy(judge.logits(judge(x)), labels[rows]).backward()
            optimizer.step()
            schedule.step()
    return judge
