"""Usual names of options, commands and data sets in other programs, and what is meant by them here."""

import ast
import inspect
import os
import re
from collections.abc import Callable, Iterable

from ganzoo.cli.help import ROOMS, published
from ganzoo.cli.messages import mistyped
from ganzoo.system.near import nearest
from ganzoo.system.source import classes_in

__all__ = ["class_meant", "command_meant", "refuse_usual_names"]

ROUNDS = "It counts rounds: an epoch is as many rounds as the set has batches."
OF_FIT = {  # ganzoo's name: the usual ones for the same, of Lightning's commands
    "--trainer.max_steps": (
        *("max_steps", "epochs", "epoch", "n_epochs", "num_epochs", "max_epochs", "nepochs", "steps", "num_steps"),
        *("n_steps", "iterations", "iters", "niter", "n_iter", "num_iterations", "max_iter", "kimg", "rounds"),
    ),
    "--model.generator_optimizer.lr and --model.discriminator_optimizer.lr": ("lr", "learning_rate", "rate", "alpha"),
    "--model.generator_optimizer.lr": ("lr_g", "g_lr", "glr", "generator_lr"),
    "--model.discriminator_optimizer.lr": ("lr_d", "d_lr", "dlr", "discriminator_lr"),
    "--model.generator_optimizer.betas and --model.discriminator_optimizer.betas": ("beta1", "beta2", "betas", "b1"),
    "--model.objective": ("loss", "criterion", "gan_mode", "loss_fn", "adversarial_loss"),
    "--model.latent_dim": ("latent_dim", "nz", "z_dim", "zdim", "latent_size", "noise_dim"),
    "--model": ("arch", "architecture", "gan", "network", "net"),
    "--trainer.devices": ("devices", "gpus", "gpu", "ngpu", "n_gpu", "n_gpus", "num_gpus", "gpu_ids", "world_size"),
    "--trainer.accelerator": ("device", "cuda", "cpu", "mps", "no_cuda", "use_cuda"),
    "--trainer.num_nodes": ("nodes", "n_nodes"),
    "--trainer.precision": ("precision", "fp16", "bf16", "amp", "half", "mixed_precision"),
    "--trainer.val_check_interval": ("eval_every", "val_every", "eval_interval", "val_interval"),
    "--data": ("dataset", "data_set"),
    "--data.root": ("root", "dataroot", "data_root", "data_path", "data_dir", "data_folder", "images", "path", "dir"),
    "--data.batch_size": ("batch_size", "batch", "bs", "batchsize", "batches", "b"),
    "--data.image_size": (
        "image_size",
        "img_size",
        "imsize",
        "imagesize",
        "resolution",
        "size",
        "res",
        "load_size",
        "crop_size",
    ),
    "--data.num_workers": ("num_workers", "workers", "n_workers", "num_threads", "n_cpu", "j"),
    "--seed_everything": ("seed", "random_seed", "manual_seed", "manualseed"),
    "--run_dir": ("out", "outdir", "output", "output_dir", "out_dir", "outf", "save_dir", "logdir", "log_dir", "name"),
    "--checkpoint.every_n_steps": ("save_every", "save_interval", "save_freq", "snap", "checkpoint_interval"),
    "--pictures.every_n_steps": ("sample_every", "sample_interval", "display_freq"),
    "--config": ("cfg", "yaml", "conf"),
    "ganzoo resume RUN": ("resume", "continue", "continue_train", "restart"),
    "ganzoo --version": ("version", "V"),
}
# usual names that no class here has: after `--model.`, `--data.` and `--trainer.` they mean the same
ODD = {
    "lr",
    "learning_rate",
    "lr_g",
    "lr_d",
    "beta1",
    "epochs",
    "n_epochs",
    "num_epochs",
    "gpus",
    "nz",
    "z_dim",
    "loss",
}
OF_OTHERS = {  # an option, or an argument, of a command of ours: the usual names for the same
    "max_steps": OF_FIT["--trainer.max_steps"],
    "num": ("n", "n_samples", "num_samples", "num_images", "number", "count", "samples"),
    "label": ("class", "classes", "labels", "category", "cls", "digit"),
    "labels": ("class", "classes", "label"),
    "out": ("output", "o", "outdir", "out_dir", "output_dir", "save_dir", "file", "folder", "dest"),
    "input": ("source", "src", "dataroot", "images", "image", "data", "folder", "root", "video"),
    "image_size": OF_FIT["--data.image_size"],
    "batch_size": OF_FIT["--data.batch_size"],
    "num_workers": OF_FIT["--data.num_workers"],
    "ckpt": ("ckpt_path", "checkpoint", "weights", "network", "model", "pkl", "load"),
    "run": ("ckpt_path", "checkpoint", "run_dir", "ckpt", "resume"),
    "root": ("data", "path", "dataroot", "dir", "folder", "src"),
    "seed": ("random_seed", "manual_seed", "seeds", "seed_everything"),
}
COMMANDS = {
    "fit": ("train", "training", "run", "start", "learn", "demo"),
    "sample": ("generate", "gen", "draw", "samples", "infer", "inference"),
    "validate": ("eval", "evaluate", "score", "val", "metrics"),
    "resume": ("continue", "restart"),
    "interpolate": ("walk", "morph", "latent"),
    "list": ("ls", "models", "datasets", "experiments", "show", "zoo"),
    "lesson": ("lessons", "lecture", "lectures"),
    "data get": ("download", "get", "fetch"),
    "data check": ("check", "inspect"),
    "data prepare": ("prepare", "preprocess", "resize"),
}


def named(words: dict[str, tuple[str, ...]], usual: str) -> list[str]:
    """Return what has this usual name, in a table of usual names."""
    return [ours for ours, names in words.items() if usual.lower() in (name.lower() for name in names)]


def odd_place(name: str, args: list[str]) -> list[str]:
    """Return what is meant by `--model.lr`, `--data.epochs` or `--trainer.gpus`: what stands in another place here.

    Nothing if the model or the data may be a class of the user's own, which may have an option of this name.
    """
    room, _, usual = name.partition(".")
    own = any(re.match(r"(-c|--config)\b|[A-Za-z_]+\.[\w.]+$", arg.partition("=")[2] or arg) for arg in args)
    if (own and room != "trainer") or room not in ("model", "data", "trainer") or "." in usual:
        return []
    return [ours for ours in named(OF_FIT, usual) if usual in ODD]


def command_meant(name: str, commands: Iterable[str]) -> str:
    """Return "; did you mean fit?" for `train`, or whatever else is near."""
    meant = named(COMMANDS, name)
    return f"; did you mean ganzoo {meant[0]}?" if meant else nearest(name, commands)


def refuse_usual_names(command: str, args: list[str], function: Callable[..., None] | None = None) -> None:
    """Exit with status 2 if an option has a usual name of other programs, and say what it is here.

    Args:
        command: its name.
        args: what follows it.
        function: that a command of ours is. None: it is one of Lightning's.
    """
    parameters = inspect.signature(function).parameters if function else {}
    for arg in args:
        name = arg.partition("=")[0].lstrip("-").replace("-", "_")
        if not re.match(r"--?[A-Za-z]", arg):
            continue
        required = [ours for ours, parameter in parameters.items() if parameter.default is inspect.Parameter.empty]
        if name in parameters and name not in required:
            continue
        known = [name, *named(OF_OTHERS, name)] if function else named(OF_FIT, name) or odd_place(name, args)
        for ours in [ours for ours in known if not function or ours in parameters][:1]:
            meant = f"did you mean {'--' * bool(function)}{ours}?"
            if ours in required:
                meant = f"give it without a name: ganzoo {command} {ours.upper()}"
            note = f" {ROUNDS}" if ours.endswith("max_steps") else ""
            mistyped(f"unknown option {arg.partition('=')[0]}; {meant}{note}")


def class_meant(option: str, name: str) -> str:
    """Return what may be meant by an unknown name of a model or a data set: "; did you mean ...?"."""
    if option == "data" and os.path.isdir(name):
        return f"; it is a folder: for its images, --data ImageFolder --data.root {name}"
    names, words = published(option), nearest(name, published(option))
    stem = stem_of(name)
    if len(stem) < 3 or name.lower() in map(str.lower, names):
        return words
    if option == "data":
        from ganzoo.data.download.catalogue import CATALOGUE

        fetched = [entry for entry in CATALOGUE.values() if stem in words_in(entry.name) and entry.data]
        if fetched:
            entry = min(fetched, key=lambda entry: len(entry.name))
            how = f"`ganzoo data get {entry.name}` fetches it and says how to train on it."
            return f"; did you mean {entry.data}? {how}"
    if "did you mean" in words:
        return words
    own = "or images of your own: --data ImageFolder --data.root FOLDER" if option == "data" else ""
    nodes = classes_in(*ROOMS[option])
    # what a class says of itself, then what it takes where nothing is given: WGAN's objective is Wasserstein
    for text_of, begin in ((says, ""), (ast.unparse, r"default_\w+\b.*")):
        wanted = rf"{begin}\b{stem}s?\b"
        if told := [known for known in names if re.search(wanted, text_of(nodes[known]), re.I)]:
            return f"; did you mean {told[0]}?" + f" F{own}" * bool(own)
    return words + f"; f{own}" * bool(own)


def stem_of(word: str) -> str:
    """Return a word without its plural's s."""
    return re.sub(r"\W", "_", word.lower()).removesuffix("s")


def words_in(name: str) -> set[str]:
    """Return the words of a data set's name: `edges2shoes` has two; the whole name is one, too."""
    return {stem_of(word) for word in [name, *re.split(r"[_\d]+", name)]}


def says(node: ast.ClassDef) -> str:
    """Return a class's docstring."""
    return ast.get_docstring(node) or ""
