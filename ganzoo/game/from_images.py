"""From images to images: the common part of all models that translate between domains, such as a and b."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ganzoo.data.base.tensors import to_float
from ganzoo.game.fitting import limits_of, must_be_alone, one_by_one, reflected
from ganzoo.game.game import Game
from ganzoo.game.move import Batch
from ganzoo.game.player import SchedulerCallable
from ganzoo.game.traceable import Traceable
from ganzoo.game.tracing_images import traced_images
from ganzoo.game.trying import draws_by_itself, evaluating, no_seed_decides, try_from_images
from ganzoo.game.validation import VALIDATION_SEED
from ganzoo.game.ways import A_TO_B, Way, check_channels, check_shapes, read, refuse_other_data, there_and_back, way_of
from ganzoo.metrics import CycleDistance, PairScores, SampleMetric, extra_metrics, metrics_of, of_domain
from ganzoo.networks.chance import chance_from
from ganzoo.objectives import Objective
from ganzoo.optimizers import ConstantThenLinear
from ganzoo.system.draws import Draws, run_seed
from ganzoo.system.errors import UserError

__all__ = ["FromImages", "TranslatorCallable"]

TranslatorCallable = Callable[[tuple[int, ...], tuple[int, ...]], nn.Module]
DiscriminatorCallable = Callable[[tuple[int, ...]], nn.Module]


class FromImages(Game):
    """A game whose generator makes images of one domain from images of others, in one way or several.

    A batch has an image of each domain, (N, C, H, W) in [-1, 1], by the domain's name. A variant says in its moves
    what the players want.

    Args:
        generator: (shape_in, shape_out) -> a network from images to images, one for each way. None: the paper's.
        discriminator: (shape) -> a network from images to raw scores, one for each domain that is made. None: the
            paper's.
        objective: the loss, what the players want. None: the paper's.
        shapes: (C, H, W) of the images of each domain. None: as the data is.
        generator_schedule: the generator's rate: ConstantThenLinear, as in the papers. With share 1 it stays.
        discriminator_schedule: the discriminator's rate, in the same way.
        game: the options of every game; see `ganzoo.game.Game`.
    """

    kind: ClassVar[str] = "images"
    made_by: ClassVar[str] = "ganzoo translate --input PATH"
    sizes: ClassVar[tuple[str, ...]] = ("shapes",)
    ways: ClassVar[tuple[Way, ...]] = (A_TO_B,)

    latent_dim: ClassVar[int] = 16
    """Length of the latent z that gives a styled way its style: `translator(way)` takes images and latents then."""

    paired: ClassVar[bool]
    """Whether it learns from pairs."""

    titles: ClassVar[dict[str, str]]
    """What pictures show from left to right: the names that `made` gives, and the title above each."""

    default_generator: ClassVar[Callable[..., nn.Module] | None] = None
    """The paper's for one way. None: the model builds its players itself, or is given them."""

    default_discriminator: ClassVar[Callable[..., nn.Module] | None] = None
    default_objective: ClassVar[Objective]

    generator: nn.ModuleDict
    """Networks by the name of their way: `generator["AtoB"]`."""

    discriminator: nn.ModuleDict
    """Networks by the domain that they score: `discriminator["b"]`."""

    def __init__(
        self,
        generator: TranslatorCallable | None = None,
        discriminator: DiscriminatorCallable | None = None,
        objective: Objective | None = None,
        shapes: dict[str, tuple[int, ...]] | None = None,
        generator_schedule: SchedulerCallable = ConstantThenLinear,
        discriminator_schedule: SchedulerCallable = ConstantThenLinear,
        **game: Any,
    ) -> None:
        super().__init__(generator_schedule=generator_schedule, discriminator_schedule=discriminator_schedule, **game)
        self.make_generator = generator or self.default_generator
        self.make_discriminator = discriminator or self.default_discriminator
        self.objective = objective or self.default_objective
        self.couples_batch = self.objective.couples_batch
        self.shapes = None if shapes is None else {name: tuple(shape) for name, shape in shapes.items()}
        self.shape = None
        self.predicted: list[str] = []  # the ways of `predict`
        if self.objective.needs_bound:
            raise UserError(
                f"{type(self.objective).__name__} needs a critic with a bounded slope, which {type(self).__name__} "
                "has no option for: choose NonSaturating, LeastSquares, WholeLeastSquares or Hinge."
            )

    # Building ---------------------------------------------------------------------------------------------

    def check_data(self, data: Any) -> None:
        """Refuse data without two domains, and pairs where unpaired images are needed or the other way round."""
        if data is not None:
            refuse_other_data(self, data)

    def check_sizes(self, data: Any) -> None:
        """Refuse shapes that do not fit the ways."""
        check_shapes(self)
        assert self.shapes is not None
        self.shape = self.shapes[self.ways[0].makes]

    def build_players(self) -> tuple[nn.Module, nn.Module]:
        """Return a generator for each way, and a discriminator for each domain that is made."""
        assert self.shapes is not None
        assert self.make_generator is not None
        assert self.make_discriminator is not None
        generators = {way.name: self.make_generator(self.shape_read(way), self.shapes[way.makes]) for way in self.ways}
        discriminators = {way.makes: self.make_discriminator(self.shape_scored(way.makes)) for way in self.ways}
        return nn.ModuleDict(generators), nn.ModuleDict(discriminators)

    def shape_read(self, way: Way) -> tuple[int, ...]:
        """Return the shape of a generator's input: all images that the way reads, along the channels."""
        assert self.shapes is not None
        shapes = [self.shapes[name] for name in way.reads]
        return sum(shape[0] for shape in shapes), *shapes[0][1:]

    def shape_scored(self, domain: str) -> tuple[int, ...]:
        """Return the shape of the input of a domain's discriminator."""
        assert self.shapes is not None
        return self.shapes[domain]

    @torch.no_grad()
    def check_players(self) -> None:
        """Try all networks on one image, so that a mismatch is one clear message before the first step."""
        self.draws_by_itself = draws_by_itself(lambda: try_from_images(self))
        x = torch.zeros(1, *self.shape_read(self.ways[0]))
        self.no_seed_decides = no_seed_decides(self.generator, lambda: self.translate(x))

    # Playing: the doors to the networks -------------------------------------------------------------------

    def fakes(self, batch: Batch, way: str, x: Tensor | None = None) -> Tensor:
        """Return G's translations (N, C', H', W') of a batch in a way, or of other images x."""
        return self.generator[way](read(batch, self.way(way)) if x is None else x)

    def shared(self, batch: Batch, way: str, x: Tensor | None = None) -> Tensor:
        """Return G's translations of a batch, made once a round for both players, as in the authors' code.

        D's move must detach them. G's move takes their gradient, once: a second move of G needs images of its own.
        Micro-batches save memory, so with them each move makes its own.
        """
        if self.micro_batches > 1:
            return self.fakes(batch, way, x)
        if way not in batch:
            with self.players["generator"].tracked():
                batch[way] = self.fakes(batch, way, x)
        return batch[way]

    def scores(self, domain: str, x: Tensor) -> Tensor:
        """Return the raw scores of images x (N, C, H, W) by the discriminator of a domain."""
        return self.discriminator[domain](x)

    def wanted(self, domain: str, real: Tensor, fake: Tensor) -> Tensor:
        """Return the generator's loss against the discriminator of a domain, for images (N, C, H, W)."""
        reals = self.scores(domain, real) if self.objective.relativistic else None
        return self.objective.generator(reals, self.scores(domain, fake))

    # Translating ------------------------------------------------------------------------------------------

    def way(self, name: str) -> Way:
        """Return a way by its name.

        Raises:
            UserError: the model does not translate so.
        """
        return way_of(self, name)

    @torch.no_grad()
    def translate(
        self,
        images: Tensor,
        direction: str | None = None,
        seed: int = 0,
        raw: bool | None = None,
        rows: Tensor | None = None,
        z: Tensor | None = None,
    ) -> Tensor:
        """Return the translations (N, C', H', W') of images (N, C, H, W), both in [-1, 1], float32.

        Images may have any size. They are enlarged by reflection to a size that suits the network, and cut back.

        Args:
            images: the images; where a way reads several, all of them along the channels, in order.
            direction: the name of the way. None: the first.
            seed: of the chance inside the network, which belongs to the image's number.
            raw: use the generator's own weights even if there is an average of them.
            rows: the images' numbers (N,). None: 0, 1, 2 ...
            z: latents (N, latent_dim) of the styles, for a way that is styled. None: drawn by the seed.

        Raises:
            UserError: a way that the model does not have; other channels than those it was trained on.
        """
        way = self.ways[0] if direction is None else self.way(direction)
        network = self.translator(way.name, raw)
        check_channels(self, way, images)
        x = images.to(self.device, next(network.parameters()).dtype)
        height, width = x.shape[2:]
        x, (top, left) = reflected(x, *limits_of(network))
        rows = torch.arange(len(x)) if rows is None else rows
        with evaluating(network):
            if self.draws_by_itself or must_be_alone(network):
                alone = [x] if z is None else [x, z]
                made = one_by_one(lambda x, *z: self.applied(way, network, x, seed, z[-1], *z[:-1]), alone, rows, seed)
            else:
                made = self.applied(way, network, x, seed, rows, z)
        top, left, height, width = (way.scale * side for side in (top, left, height, width))
        return made[..., top : top + height, left : left + width].float().clamp(-1, 1)

    def applied(
        self, way: Way, network: nn.Module, x: Tensor, seed: int, rows: Tensor, z: Tensor | None = None
    ) -> Tensor:
        """Return a network's output for x (N, C, H, W). Chance, and so a style, belongs to the images' numbers."""
        chance = Draws((seed,), rows, x.device, torch.float32)
        if way.styled and z is None:
            z = chance.normal(self.latent_dim)
        with chance_from(chance):
            return network(x) if z is None else network(x, z.to(x))

    def translator(self, direction: str, raw: bool | None = None) -> nn.Module:
        """Return the network of a way: the averaged one where there is one, unless `raw`.

        Raises:
            UserError: the model does not translate so.
        """
        name = self.way(direction).name
        networks = self.sampler(raw)
        assert isinstance(networks, nn.ModuleDict)
        return networks[name]

    def made(self, batch: Batch, rows: Tensor, seed: int, raw: bool | None = None) -> Batch:
        """Return the images of a batch and all translations of them, by name: `a`, `b`, `AtoB`, `AtoBtoA` ..."""
        assert self.shapes is not None
        made = {name: batch[name] for name in self.shapes}
        for way in self.ways:
            made[way.name] = self.translate(read(batch, way), way.name, seed, raw, rows)
        for way, back, name in there_and_back(self.ways):
            made[name] = self.translate(made[way.name], back.name, seed, raw, rows)
        return made

    def predictions(self, direction: str | None) -> dict[str, str]:
        """Return the ways that `predict` translates in, by name, each with the domain of its input.

        Raises:
            UserError: the model does not translate in this direction.
        """
        ways = self.ways if direction is None else (self.way(direction),)
        self.predicted = [way.name for way in ways]
        return {way.name: way.reads[0] for way in ways}

    def predict_step(self, batch: Batch, batch_idx: int = 0) -> Batch:
        """Return the translations of a batch in the ways that `predictions` chose, and the images' numbers as `row`."""
        rows, ways = batch["row"].cpu(), [self.way(name) for name in self.predicted]
        made = {way.name: self.translate(read(batch, way), way.name, run_seed(), rows=rows) for way in ways}
        return {**made, "row": rows}

    def traced(self, direction: str | None, raw: bool | None) -> list[Traceable]:
        """Return what `export` may write, the first that works: the generator of all sizes, or of one."""
        return traced_images(self, self.way(direction or self.ways[0].name), raw)

    # Validating and showing -------------------------------------------------------------------------------

    def new_metrics(self, data: Any) -> list[SampleMetric]:
        """Score translations against their targets, or without targets against the domain that they are made for."""
        asked = extra_metrics if self.paired else metrics_of
        metrics = [of_domain(metric, way) for way in self.ways for metric in asked(data)]
        if self.paired:
            return [PairScores(self.ways[0].name, self.ways[0].makes), *metrics]
        returned = {way.reads[0]: name for way, _, name in there_and_back(self.ways)}
        return [*metrics, CycleDistance(returned)] if returned else metrics

    def compare(self, batch: Batch, rows: Tensor) -> None:
        """Show the metrics a validation batch and its translations."""
        made = self.made(batch, rows, VALIDATION_SEED)
        self.validation.update(made, made)

    def picture(self, val: Any, num: int) -> tuple[dict[str, Tensor], int | None]:
        """Return about `num` images: each row has one of the validation set and its translations, as in `titles`."""
        return self.beside_real(val, num)

    def beside_real(self, val: Any, num: int) -> tuple[dict[str, Tensor], int | None]:
        """Return the same, a column for each of `titles`."""
        if val is None:
            raise UserError("the data has no validation set to translate.")
        rows = torch.arange(min(len(val), max(1, num // len(self.titles))))
        assert self.shapes is not None
        batch = {name: to_float(val[rows][name], torch.float32) for name in self.shapes}
        made = self.made(batch, rows, VALIDATION_SEED)
        return {title: made[name].cpu() for name, title in self.titles.items()}, 1
