"""Adaptive augmentation (Karras et al. 2020b, "Training Generative Adversarial Networks with Limited Data")."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ganzoo.networks.augment import Augment, Augmentation
from ganzoo.networks.chance import for_all
from ganzoo.networks.warps import moved_whole, rotation, scaling, translation, warped
from ganzoo.networks.wavelets import constant, filtered
from ganzoo.system.buffers import add_buffer
from ganzoo.system.draws import Draws
from ganzoo.system.errors import UserError

__all__ = ["ADA"]

SMALLEST = 8  # side of an image, pixels: the filters reach over 5 pixels of its border
FILTER_REACH = 21  # pixels
EVERY = 4  # rounds from one change of p to the next
UNIFORM, NORMAL = 29, 12  # numbers that all changes of an image need


@dataclass(frozen=True)
class ADA(Augment):
    """Karras et al. 2020b: each change is made with a probability p, which follows how far D overfits.

    r_t = E sign D(x) over real images is 0 while D can't tell and 1 when it knows them by heart. Every 4 rounds p rises
    if r_t is above the target, and falls if it is below. As long as p is below 0.8, the images that D sees tell which
    images they were made of, so G has to make images without the changes (their section 2.2).

    The changes and their strengths are those of appendix B, as in the authors' code. A score that is no logit has no
    sign that tells anything: there r_t is E sign(D(x) - D(G(z))), which is 0 and 1 in the same cases.

    Attributes:
        target: of r_t.
        speed: thousands of images in which p goes from 0 to 1 at most.
        p: a probability that stays, in place of one that follows r_t.
        blits: mirror, turn by 90 degrees, move by whole pixels.
        geometry: scale, turn, stretch, move.
        colour: brightness, contrast, inverted luma, hue, saturation. (A grey image has the first three.)
        filter: make bands of frequencies stronger or weaker.
        noise: add normal noise.
        cutout: set a square of half the side to 0.
    """

    target: float = 0.6
    speed: float = 500.0
    p: float | None = None
    blits: bool = True
    geometry: bool = True
    colour: bool = True
    filter: bool = False
    noise: bool = False
    cutout: bool = False

    def __post_init__(self) -> None:
        if not -1 < self.target < 1:
            raise UserError(f"ADA's target is {self.target}: r_t lies between -1 and 1; the paper's target is 0.6.")
        if not self.speed > 0:
            raise UserError(f"ADA's speed is {self.speed}: give thousands of images, above 0, such as 500.")
        if self.p is not None and not 0 <= self.p <= 1:
            raise UserError(f"ADA's p is {self.p}: give a probability, or null for one that follows r_t.")
        if not any((self.blits, self.geometry, self.colour, self.filter, self.noise, self.cutout)):
            raise UserError("ADA changes nothing: leave model.augment out, or set one of its changes to true.")

    def build(self, shape: tuple[int, ...]) -> Augmentation:
        """Return the augmentation of images of this shape."""
        if len(shape) != 3:
            raise UserError(f"ADA changes images, and the samples are points of {shape[0]} numbers: leave it out.")
        least = FILTER_REACH + 1 if self.filter else SMALLEST
        if min(shape[1:]) < least:
            what = "filter" if self.filter else "changes"
            raise UserError(f"ADA's {what} need images of at least {least} px, and these have {shape[1]}x{shape[2]}.")
        if self.colour and shape[0] not in (1, 3):
            raise UserError(
                f"ADA's colours are of grey or RGB images, and these have {shape[0]} channels: set "
                "model.augment.colour to false, and the other changes stay."
            )
        return Adaptive(self)

    def __call__(self, x: Tensor, draws: Draws, step: int, p: Tensor | None = None) -> Tensor:
        """Return images (N, C, H, W) with each change made with probability p (None: its own, or 0)."""
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        p = x.new_full((), self.p or 0.0) if p is None else p.to(x)
        chance = Chance(x, draws)
        with torch.autocast(x.device.type, enabled=False):
            inverse = placed(x, p * self.blits, p * self.geometry, chance)
            if self.geometry:
                x = warped(x, inverse)
            elif self.blits:
                x = moved_whole(x, inverse)
            if self.colour:
                x = recoloured(x, p, chance)
            if self.filter:
                x = filtered(x, torch.stack([chance.made(p, chance.normal().exp2(), 1.0) for _ in range(4)], 1))
            if self.noise:
                sigma = chance.made(p, 0.1 * chance.normal().abs())
                x = x + each(sigma) * for_all(len(x), lambda: draws.normal(*x.shape[1:])).to(x)
            return cut(x, p, chance) if self.cutout else x


class Adaptive(Augmentation):
    """ADA in a game: p and what it follows.

    Attributes:
        p: the probability.
        r_t: how far D overfitted when p was changed last.
        signs: the sum of the mean signs since then, and how many they are.
        images: real images since then.
    """

    augment: ADA
    p: Tensor
    r_t: Tensor
    signs: Tensor
    images: Tensor

    def __init__(self, augment: ADA) -> None:
        super().__init__(augment)
        add_buffer(self, "p", torch.tensor(augment.p or 0.0), "constant")  # it follows from what all ranks saw
        add_buffer(self, "r_t", torch.zeros(()), "constant")
        add_buffer(self, "signs", torch.zeros(2), "shared")
        add_buffer(self, "images", torch.zeros((), dtype=torch.long), "constant")

    def forward(self, x: Tensor, draws: Draws, step: int) -> Tensor:
        """Return images as D is to see them."""
        return self.augment(x, draws, step, self.p)

    @torch.no_grad()
    def saw(self, margins: Tensor) -> None:
        """Take in how often D is right about real images."""
        mean = margins.sign().to(self.signs).mean()
        self.signs += torch.stack([mean, torch.ones_like(mean)])

    @torch.no_grad()
    def after_round(self, step: int, images: int) -> dict[str, Tensor]:
        """Change p every 4 rounds; return p and r_t. The signs are by now those of all ranks."""
        self.images += images
        if (step + 1) % EVERY == 0:
            total, count = self.signs
            self.r_t.copy_(torch.where(count > 0, total / count.clamp(min=1), self.r_t))
            if self.augment.p is None:
                above = (self.r_t - self.augment.target).round(decimals=6).sign()  # equal is equal on all ranks
                moved = above * (count > 0) * self.images / (1000 * self.augment.speed)
                self.p.add_(moved).clamp_(min=0)
            self.signs.zero_()
            self.images.zero_()
        return {"ada/p": self.p.clone(), "ada/r_t": self.r_t.clone()}


class Chance:
    """The random numbers of the changes of images x (N, ...), handed out one after the other, each (N,)."""

    def __init__(self, x: Tensor, draws: Draws) -> None:
        self.numbers = iter(for_all(len(x), lambda: draws.uniform(UNIFORM)).to(x).unbind(1))
        self.normals = iter(for_all(len(x), lambda: draws.normal(NORMAL)).to(x).unbind(1))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return uniform numbers."""
        return low + (high - low) * next(self.numbers)

    def integers(self, high: int) -> Tensor:
        """Return whole numbers below `high`."""
        return self.uniform(0, high).floor()

    def normal(self) -> Tensor:
        """Return standard normal numbers."""
        return next(self.normals)

    def made(self, p: Tensor, value: Tensor, none: float = 0.0) -> Tensor:
        """Return the value (N, ...) of a change with probability p, else the value of no change."""
        gate = self.uniform() < p
        return torch.where(gate.view(-1, *[1] * (value.ndim - 1)), value, none)


def placed(x: Tensor, p_blits: Tensor, p: Tensor, chance: Chance) -> Tensor:
    """Return matrices (N, 3, 3) from the places of new images to those of x, for changes with these probabilities.

    The changes are in the paper's order; the inverse of each comes to the right of those before.
    """
    height, width = x.shape[2:]
    side = constant((width, height), x.device, x.dtype)
    flip = chance.made(p_blits, chance.integers(2))
    turns = chance.made(p_blits, chance.integers(4))
    if height != width:
        turns = 2 * (turns / 2).floor()  # what is not square can be turned by 180 degrees alone
    share = torch.stack([chance.uniform(-0.125, 0.125), chance.uniform(-0.125, 0.125)], 1)
    pixels = chance.made(p_blits, (side * share).round())
    scale = chance.made(p, 0.2 * chance.normal()).exp2()
    p_turn = 1 - (1 - p.clamp(max=1)).sqrt()  # before and after the stretch: together with probability p
    before = chance.made(p_turn, chance.uniform(-math.pi, math.pi))
    stretch = chance.made(p, 0.2 * chance.normal()).exp2()
    after = chance.made(p_turn, chance.uniform(-math.pi, math.pi))
    offset = chance.made(p, 0.125 * side * torch.stack([chance.normal(), chance.normal()], 1))
    return (
        scaling(1 - 2 * flip, torch.ones_like(flip))
        @ rotation(turns * (math.pi / 2))
        @ translation(-pixels)
        @ scaling(1 / scale, 1 / scale)
        @ rotation(-before)
        @ scaling(1 / stretch, stretch)
        @ rotation(-after)
        @ translation(-offset)
    )


def recoloured(x: Tensor, p: Tensor, chance: Chance) -> Tensor:
    """Return images of other colours.

    Contrast scales a colour, the luma flip turns its part along the grey axis v = (1, 1, 1) / sqrt(3) round, saturation
    scales its part across v, and hue turns that part around v. So their product is one matrix of three parts.
    """
    brightness = chance.made(p, 0.2 * chance.normal())
    contrast = chance.made(p, (0.5 * chance.normal()).exp2(), 1.0)
    luma = chance.made(p, 1 - 2 * chance.integers(2), 1.0)
    x = x + each(brightness)
    if x.shape[1] == 1:
        return each(contrast * luma) * x  # the mean over the matrix's rows: hue and saturation have no part in it
    hue = chance.made(p, chance.uniform(-math.pi, math.pi))
    saturation = chance.made(p, chance.normal().exp2(), 1.0)
    along = x.new_full((3, 3), 1 / 3)
    across = torch.eye(3, device=x.device, dtype=x.dtype) - along
    around = constant((0, -1, 1, 1, 0, -1, -1, 1, 0), x.device, x.dtype).view(3, 3) / math.sqrt(3)
    parts = zip((luma, saturation * hue.cos(), saturation * hue.sin()), (along, across, around), strict=True)
    colours = sum(number[:, None, None] * part for number, part in parts)
    return (contrast[:, None, None] * colours @ x.flatten(2)).view(x.shape)


def cut(x: Tensor, p: Tensor, chance: Chance) -> Tensor:
    """Return images with a square of half their sides, anywhere, set to 0."""
    height, width = x.shape[2:]

    def near(centre: Tensor, size: int) -> Tensor:
        places = (torch.arange(size, device=x.device, dtype=x.dtype) + 0.5) / size
        return ((places - centre[:, None]).abs() < 0.25).to(x)

    hole = near(chance.uniform(), height)[:, :, None] * near(chance.uniform(), width)[:, None]
    return x * (1 - chance.made(p, hole)[:, None])


def each(numbers: Tensor) -> Tensor:
    """Return a number for each image, (N,), as (N, 1, 1, 1)."""
    return numbers[:, None, None, None]
