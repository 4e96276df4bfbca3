"""From images to images: what every model shares that translates between two domains, a and b."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ganzoo.data.base.tensors import to_float
from ganzoo.game.building import evaluating
from ganzoo.game.fitting import coloured, one_at_a_time, reflected
from ganzoo.game.game import DiscriminatorCallable, Game
from ganzoo.game.judging import VALIDATION_SEED, extra_metrics, metrics_of
from ganzoo.game.move import Batch, SchedulerCallable
from ganzoo.game.ways import DOMAINS, Direction, TranslatorCallable
from ganzoo.metrics import CycleDistance, OfDomain, PairScores, SampleMetric
from ganzoo.objectives import Objective
from ganzoo.optimizers import ConstantThenLinear
from ganzoo.system.draws import mix, run_seed, seed_networks
from ganzoo.system.errors import UserError

__all__ = ["FromImages"]

SMALLEST = 16  # px of a side


class FromImages(Game):
    """A game whose generator makes images of one domain from images of another; chance is none of its input.

    A batch has `a` and `b`, images (N, C, H, W) in [-1, 1]. A variant says in its moves what the networks want.

    Args:
        generator: (shape_in, shape_out) -> a network from images to images, one for each direction. None: the paper's.
        discriminator: (shape) -> a network from images to raw scores, one for each domain that is judged. None: the
            paper's.
        objective: what the players want. None: the paper's.
        shapes: (C, H, W) of the images of `a` and of `b`. None: as the data is.
        generator_schedule: the generator's rate; ConstantThenLinear as in the papers, whose share 1 lets it stay.
        discriminator_schedule: the same for the discriminator.
        game: the options of every game; see `ganzoo.game.Game`.

    Attributes:
        generator: networks by direction: `generator["AtoB"]`.
        discriminator: networks by the domain that they judge: `discriminator["b"]`.
        predicted: the directions of `predict`: all, unless it is told otherwise.
    """

    made_by: ClassVar[str] = "ganzoo translate --input PATH"
    sizes: ClassVar[tuple[str, ...]] = ("shapes",)

    paired: ClassVar[bool]
    """Whether it learns from pairs."""

    directions: ClassVar[tuple[Direction, ...]] = ("AtoB",)
    """In which it translates."""

    titles: ClassVar[dict[str, str]]
    """What pictures show, from left to right, as `made` names it, and what stands above."""

    default_generator: ClassVar[Callable[..., nn.Module]]
    default_discriminator: ClassVar[Callable[..., nn.Module]]
    default_objective: ClassVar[Objective]

    generator: nn.ModuleDict
    discriminator: nn.ModuleDict
    ema: nn.ModuleDict | None

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
        self.scores_are_logits = self.objective.probability
        self.shapes = None if shapes is None else {name: tuple(shape) for name, shape in shapes.items()}
        self.shape = None
        self.first_weights: dict[str, Tensor] | None = None
        self.predicted = self.directions
        if self.objective.needs_bound:
            raise UserError(
                f"{type(self.objective).__name__} needs a critic with a bounded slope, which {type(self).__name__} "
                "has no option for: choose NonSaturating, LeastSquares, WholeLeastSquares or Hinge."
            )

    # Building ---------------------------------------------------------------------------------------------

    def check_data(self, data: Any) -> None:
        """Refuse data that are not of two domains, or paired where they should not be, or the other way round."""
        if data is None:
            return
        name, of = type(self).__name__, type(data).__name__
        if not hasattr(data, "paired"):
            raise UserError(
                f"{name} translates images between two domains, a and b, but {of} has single images: choose "
                f"--data {'Paired' if self.paired else 'Horse2Zebra'}, or a model that makes samples from noise, "
                "such as DCGAN."
            )
        if self.paired and not data.paired:
            raise UserError(
                f"{name} learns from pairs, but {of} is unpaired: choose CycleGAN or CUT for it, or --data Paired."
            )
        if data.paired and not self.paired:
            apart = "--data UnpairedHalves to take them apart, " if of == "Paired" else ""
            raise UserError(
                f"{name} is for unpaired images, but {of} holds pairs, which it would not make use of: choose Pix2Pix "
                f"for them, {apart}or --data Horse2Zebra."
            )

    def check_sizes(self, data: Any) -> None:
        """Refuse to build for anything but two domains of images of one size."""
        name = type(self).__name__
        if self.shapes is None:
            raise UserError(f"{name} can't know the shapes of its images: give shapes, or a DataModule.")
        if sorted(self.shapes) != ["a", "b"] or any(len(shape) != 3 for shape in self.shapes.values()):
            raise UserError(f"{name} needs the shapes (C, H, W) of a and b, not {self.shapes}.")
        sides = {domain: shape[1:] for domain, shape in self.shapes.items()}
        if sides["a"] != sides["b"]:
            raise UserError(f"{name} needs images of one size, but those of a are {sides['a']} and of b {sides['b']}.")
        if min(sides["a"]) < SMALLEST:
            size = " x ".join(map(str, sides["a"]))
            raise UserError(f"the images have {size} px: {name} needs {SMALLEST} px or more a side.")
        self.shape = self.shapes["b"]

    def need_equal_channels(self, why: str) -> None:
        """Refuse domains whose images differ in channels."""
        assert self.shapes is not None
        a, b = (self.shapes[domain][0] for domain in "ab")
        if a != b:
            raise UserError(f"the images of a have {a} channels and those of b {b}, but {why}.")

    def build_players(self) -> tuple[nn.Module, nn.Module]:
        """Return a generator for each direction, and a discriminator for each domain that something is made for."""
        generators = self.build_generators()
        ends = [DOMAINS[direction] for direction in self.directions]
        discriminators = {to: self.make_discriminator(self.shape_judged(to)) for _, to in ends}
        return generators, nn.ModuleDict(discriminators)

    def shape_judged(self, domain: str) -> tuple[int, ...]:
        """Return the shape of what the discriminator of a domain sees."""
        assert self.shapes is not None
        return self.shapes[domain]

    @torch.no_grad()
    def check_players(self) -> None:
        """Try all networks on one image, so that a mismatch is one clear message before the first step."""
        assert self.shapes is not None
        for direction in self.directions:
            before, after = DOMAINS[direction]
            network, judge = self.generator[direction], self.discriminator[after]
            name, name_d = type(network).__name__, type(judge).__name__
            with evaluating(network), evaluating(judge):
                try:
                    fake = network(torch.zeros(1, *self.shapes[before]))
                except (RuntimeError, ValueError) as error:
                    reason = str(error).splitlines()[0]
                    raise UserError(f"{name} can't take images of shape {self.shapes[before]}: {reason}") from error
                if tuple(fake.shape) != (1, *self.shapes[after]):
                    raise UserError(
                        f"{name} makes images of shape {tuple(fake.shape[1:])}, but those of {after} have "
                        f"{self.shapes[after]}: change the generator, or the data's size."
                    )
                try:
                    scores = judge(torch.zeros(1, *self.shape_judged(after)))
                except (RuntimeError, ValueError) as error:
                    reason = str(error).splitlines()[0]
                    raise UserError(f"{name_d} can't judge images of {self.shape_judged(after)}: {reason}") from error
            if len(scores) != 1 or not scores.is_floating_point():
                raise UserError(f"{name_d} gives scores of shape {tuple(scores.shape)} for 1 image: give (1, ...).")

    def predict_step(self, batch: Batch, batch_idx: int = 0) -> Batch:
        """Return the translations of a batch in each of `predicted`, with the images' numbers as `row`."""
        rows = batch["row"].cpu()
        ways: dict[Direction, str] = {way: DOMAINS[way][0] for way in self.predicted}
        made: Batch = {way: self.translate(batch[domain], way, run_seed(), rows=rows) for way, domain in ways.items()}
        return {**made, "row": rows}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse the checkpoint of another model; of a lone generator, where it takes two, say how to have both."""
        keys = (key.split(".") for key in checkpoint["state_dict"] if key.startswith("generator."))
        ways = {way for _, way, *_ in keys if way in DOMAINS}
        if "optimizer_states" not in checkpoint and len(ways) == 1 < len(self.directions):
            raise UserError(
                f"the checkpoint is an import of one generator, {''.join(ways)}, and {type(self).__name__} needs both: "
                "make one of two, `ganzoo import A DEST --other B`."
            )
        super().on_load_checkpoint(checkpoint)

    def begin_with(self, weights: dict[str, Tensor]) -> None:
        """Have the generators begin with weights out of a state dict, when they are built."""
        self.first_weights = weights

    def build_generators(self) -> nn.ModuleDict:
        """Return a generator for each direction, with the weights to begin with if there are any."""
        assert self.shapes is not None
        ways: dict[str, tuple[str, str]] = {direction: DOMAINS[direction] for direction in self.directions}
        made = {way: self.make_generator(*(self.shapes[at] for at in ends)) for way, ends in ways.items()}
        if self.first_weights is not None:
            for way, network in made.items():
                at = f"generator.{way}."
                own = {k.removeprefix(at): value for k, value in self.first_weights.items() if k.startswith(at)}
                try:
                    network.load_state_dict(own)
                except RuntimeError as error:
                    reason = " ".join(str(error).split())[:200]
                    raise UserError(
                        f"the checkpoint's generator is another one than the model's ({reason} ...): leave --model out "
                        "to have the checkpoint's, or give its options."
                    ) from error
            self.first_weights = None
        return nn.ModuleDict(made)

    # Playing ----------------------------------------------------------------------------------------------

    def shared(self, batch: Batch, direction: Direction, x: Tensor) -> Tensor:
        """Return what G makes of x (N, C, H, W): once a round, for the moves of both players, as in the authors' code.

        D's move must detach it; G's takes its gradient, once: a second move of G needs images of its own. Micro-batches
        are there to save memory: they make it anew.
        """
        network = self.generator[direction]
        if self.micro_batches > 1:
            return network(x)
        if direction not in batch:
            with self.tracking("generator"):
                batch[direction] = network(x)
        return batch[direction]

    def wanted(self, domain: str, real: Tensor, fake: Tensor) -> Tensor:
        """Return what the generator wants of the discriminator of a domain, for what that is shown (N, C, H, W)."""
        judge = self.discriminator[domain]
        return self.objective.generator(judge(real) if self.objective.relativistic else None, judge(fake))

    def opinions(self, domain: str, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return the raw scores of real images and of fakes, each seen by themselves."""
        return self.discriminator[domain](real), self.discriminator[domain](fake)

    # Translating ------------------------------------------------------------------------------------------

    @torch.no_grad()
    def translate(
        self,
        images: Tensor,
        direction: Direction = "AtoB",
        seed: int = 0,
        raw: bool | None = None,
        rows: Tensor | None = None,
    ) -> Tensor:
        """Return the translations (N, C', H, W) of images (N, C, H, W), both in [-1, 1], float32 on the model's device.

        Any size will do: images are reflected at their borders up to what the network needs, and cut back. A network
        with chance or batch norm inside (pix2pix) takes one image at a time, so that the result is a function of the
        image, the seed and the image's number.

        Args:
            images: the images.
            direction: from a to b, or from b to a.
            seed: of the chance inside the network.
            raw: use the generator itself where there is an average of it, too.
            rows: the images' numbers (N,). None: 0, 1, 2 ...

        Raises:
            UserError: a direction that the model does not have; other channels than those it was trained on.
        """
        network = self.translator(direction, raw)
        assert self.shapes is not None
        channels = self.shapes[DOMAINS[direction][0]][0]
        if images.ndim != 4 or images.shape[1] != channels:
            raise UserError(
                f"{type(self).__name__} takes images of {channels} channel(s), (N, {channels}, H, W), {direction}, "
                f"not {tuple(images.shape)}: convert them."
            )
        x = images.to(self.device, next(network.parameters()).dtype)
        height, width = x.shape[2:]
        multiple = int(getattr(network, "multiple", 1))
        least = int(getattr(network, "least", multiple))
        x, (top, left) = reflected(x, multiple, least)
        with evaluating(network):
            if one_at_a_time(network):
                numbers = list(range(len(x))) if rows is None else rows.tolist()
                with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
                    made = torch.cat([self._alone(network, x[i : i + 1], (seed, n)) for i, n in enumerate(numbers)])
            else:
                made = network(x)
        return made[..., top : top + height, left : left + width].float().clamp(-1, 1)

    def _alone(self, network: nn.Module, x: Tensor, key: tuple[int, int]) -> Tensor:
        seed_networks(mix(*key), self.device)
        return network(x)

    def translator(self, direction: Direction, raw: bool | None = None) -> nn.Module:
        """Return the network that translates in a direction: the averaged one where there is one, unless `raw`.

        Raises:
            UserError: the model does not translate in this direction.
        """
        self.check_direction(direction)
        networks = self.sampler(raw)
        assert isinstance(networks, nn.ModuleDict)
        return networks[direction]

    def check_direction(self, direction: Direction) -> None:
        """Refuse a direction that the model does not translate in."""
        if direction not in self.directions:
            raise UserError(
                f"{type(self).__name__} translates {' and '.join(self.directions)}, not {direction}"
                + (
                    ", from what data.direction made a to what it made b: for the opposite way train another."
                    if self.paired
                    else ": choose CycleGAN for both ways."
                )
            )

    def made(self, batch: Batch, rows: Tensor, seed: int) -> Batch:
        """Return the images of a batch and all that is made of them, by name: `a`, `b`, `AtoB`, `AtoBtoA` ..."""
        made = {"a": batch["a"], "b": batch["b"]}
        for there in self.directions:
            made[there] = self.translate(batch[DOMAINS[there][0]], there, seed, rows=rows)
        if len(self.directions) == 2:
            for there, back in (self.directions, self.directions[::-1]):
                made[there + back[1:]] = self.translate(made[there], back, seed, rows=rows)
        return made

    # Judging and showing ----------------------------------------------------------------------------------

    def new_metrics(self, data: Any) -> list[SampleMetric]:
        """Judge translations by their targets, or where there are none by the domain that they should belong to."""
        asked = extra_metrics if self.paired else metrics_of
        made = [DOMAINS[direction][1] for direction in self.directions]
        metrics: list[SampleMetric] = [OfDomain(metric, domain) for domain in made for metric in asked(data)]
        if self.paired:
            return [PairScores(), *metrics]
        return [*metrics, CycleDistance()] if len(self.directions) == 2 else metrics

    def judge_batch(self, batch: Batch, rows: Tensor) -> None:
        """Show the metrics a validation batch and what is made of it."""
        made = self.made(batch, rows, VALIDATION_SEED)
        for metric in self.metrics:
            images = {name: x.to(metric.device) for name, x in made.items()}
            if not self.real_is_known:
                metric.update(images, real=True)
            metric.update(images, real=False)

    def picture(self, val: Any, num: int) -> tuple[Tensor, int | None]:
        """Return about `num` images: in each row one of the validation set and what is made of it, as in `titles`."""
        grids, _ = self.beside_real(val, num)
        return torch.stack(list(grids.values()), 1).flatten(0, 1), len(grids)

    def beside_real(self, val: Any, num: int) -> tuple[dict[str, Tensor], int | None]:
        """Return the same, a column for each of `titles`."""
        if val is None:
            raise UserError("the data has no validation set to translate.")
        rows = torch.arange(min(len(val), max(1, num // len(self.titles))))
        batch = {name: to_float(val[rows][name], torch.float32) for name in ("a", "b")}
        made = self.made(batch, rows, VALIDATION_SEED)
        most = max(made[name].shape[1] for name in self.titles)
        return {title: coloured(made[name].cpu(), most) for name, title in self.titles.items()}, 1
