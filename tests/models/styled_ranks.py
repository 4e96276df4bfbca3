"""Run by test_stylegan2.py in two processes: a small StyleGAN2.

Not a test by itself: `python styled_ranks.py FOLDER` starts its other rank, as `ganzoo fit` does.
"""

import os
import sys
from functools import partial
from pathlib import Path

import torch
from few_ranks import trainer_for
from torch import Tensor, nn

from ganzoo.data import Digits
from ganzoo.models import StyleGAN2
from ganzoo.networks import StyleGAN2Discriminator, StyleGAN2Generator

BATCH, ROUNDS = 16, 4


class NoisyFromTheStart(StyleGAN2):
    """Its noise is not 0 at the start."""

    def build_generator(self, shape: tuple[int, ...]) -> nn.Module:
        made = super().build_generator(shape)
        for name, p in made.named_parameters():
            if name.endswith("noise_strength"):
                nn.init.constant_(p, 0.5)
        return made


def play(folder: Path, ranks: int) -> dict[str, Tensor]:
    """Play on so many ranks; return the state."""
    sgd = partial(torch.optim.SGD, lr=0.01)
    model = NoisyFromTheStart(
        generator=partial(StyleGAN2Generator, width=4, w_dim=8, mapping_layers=2),
        discriminator=partial(StyleGAN2Discriminator, width=4),
        latent_dim=8,
        settings="auto",
        r1_every=2,
        path_every=2,
        micro_batches=2,
        generator_optimizer=sgd,
        discriminator_optimizer=sgd,
    )
    trainer = trainer_for(folder, ranks, ROUNDS)
    trainer.fit(model, Digits(image_size=16, batch_size=BATCH // ranks))
    return model.state_dict()


def main(folder: Path) -> None:
    state = play(folder, 2)
    torch.save(state, folder / f"pair-{os.environ.get('LOCAL_RANK', 0)}.pt")


if __name__ == "__main__":
    os.environ.setdefault("PL_GLOBAL_SEED", "0")
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
