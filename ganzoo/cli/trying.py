"""A run of `fit` whose settings are tried: built many times with some of them changed, and with no folder."""

import copy
from typing import Any

import lightning as L
import torch

from ganzoo.cli.contestants import Contestant, Made
from ganzoo.cli.fit import ParsingCLI, lightning
from ganzoo.cli.trainer import refuse_what_lightning_ignores

__all__ = ["Tried"]

KEPT = ("accelerator", "precision", "plugins", "benchmark", "deterministic")  # of the run's trainer
MEMBERS = {"trainer": "trainer", "model": "model.init_args", "data": "data.init_args"}  # of a parsed command
OPTIONS = ("channels_last", "compile")
PLAYERS = ("generator", "discriminator")


class TryingCLI(ParsingCLI):
    """Makes a trainer, too: for one device, without an end, and it writes nothing."""

    def instantiate_trainer(self, **kwargs: Any) -> L.Trainer:
        """Return it."""
        wanted = self._get(self.config_init, "trainer")
        settings: dict[str, Any] = {name: wanted[name] for name in KEPT}
        settings |= dict.fromkeys(
            ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False
        )
        endless = {"max_steps": -1, "max_epochs": -1, "limit_val_batches": 0, "num_sanity_val_steps": 0}
        trainer = L.Trainer(**settings | endless, devices=1)
        refuse_what_lightning_ignores(wanted, trainer)
        return trainer


class Tried:
    """The run that the completed arguments of `fit` describe.

    Raises:
        UserError: it can't be made, or its data can't be loaded.
    """

    def __init__(self, args: list[str]) -> None:
        self.cli = lightning(args, TryingCLI)
        self.config = self.cli.config
        self.data = self.cli.datamodule
        self.cli.model.check_data(self.data)
        self.data.setup("fit")  # once: all share the sets
        self.device = self.cli.trainer.strategy.root_device.type
        self.has_cuda = self.device == "cuda"
        self.batch_size = self.data.batch_size

    def settings(self) -> dict[str, Any]:
        """Return those of the run's settings that can be tried, by option."""
        config = self.config["fit"]
        precision = str(config["trainer"]["precision"] or "32-true")
        settings = {
            "trainer.precision": {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}.get(precision, precision)
        }
        model, data = config["model"]["init_args"], config["data"].get("init_args", {})
        settings |= {f"model.{name}": model[name] for name in OPTIONS if name in model}
        for player in PLAYERS:
            optimizer = (model.get(f"{player}_optimizer") or {}).get("init_args", {})
            if isinstance(optimizer.get("fused"), bool):
                settings[f"model.{player}_optimizer.fused"] = optimizer["fused"]
        if "num_workers" in data:
            settings["data.num_workers"] = data["num_workers"]
        return settings

    def contestant(self, changes: dict[str, Any]) -> Contestant:
        """Return a training with some settings changed, by option. Nothing is made before it plays."""
        return Contestant(lambda callback: self.made(changes, callback))

    def made(self, changes: dict[str, Any], callback: L.Callback) -> Made:
        """Return the trainer, the model and the data."""
        config = self.config.clone()
        for option, value in changes.items():
            section, _, name = option.partition(".")
            config[f"fit.{MEMBERS[section]}.{name.replace('_optimizer.', '_optimizer.init_args.')}"] = value
        self.cli.config = config
        self.cli.instantiate_classes()
        data = copy.copy(self.data)
        data.num_workers = self.cli.datamodule.num_workers
        self.cli.trainer.callbacks = [callback]  # type: ignore[attr-defined]
        if self.cli.model.compile_networks:
            # the limit is for one model; here are many, and beyond it they would silently not be compiled
            torch._dynamo.config.recompile_limit = 1000
        return self.cli.trainer, self.cli.model, data
