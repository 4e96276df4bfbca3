"""The card of a model that is given away: what it is, how it was trained, on what, how good it is, and its limits."""

import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ganzoo.data.download.catalogue import CATALOGUE
from ganzoo.game import Game
from ganzoo.runs.chosen import folder_of
from ganzoo.runs.naming import names_in, published
from ganzoo.runs.scores import Score
from ganzoo.system.errors import UserError
from ganzoo.system.moved import moved
from ganzoo.system.output import harmless
from ganzoo.system.reading import read_mapping

__all__ = ["card"]

TASKS = {"noise": "unconditional-image-generation", "images": "image-to-image"}  # the hub's words
SHOWN = ("extractor", "real", "fake", "data", "settings", "weights", "seed", "precision")  # of a score's recipe


# options of torchmetrics.Metric: how a metric computes, which is no part of how a model was trained
INTERNAL = (
    *("compute_on_cpu", "compute_with_cache", "dist_sync_fn", "dist_sync_on_step"),
    *("distributed_available_fn", "process_group", "sync_on_compute"),
)


class Data(NamedTuple):
    """What is told of the data."""

    name: str
    what: str
    page: str = ""
    licence: str = ""
    needs_root: bool = False


def card(model: Game, config: Mapping[str, Any], scores: Sequence[Score], name: str, ckpt: Path, picture: str) -> str:
    """Return the card as Markdown, with the metadata that Hugging Face's hub reads at its top.

    Args:
        model: the model.
        config: as `config_of` returns it.
        scores: of these very weights.
        name: by which `ganzoo.load` finds it: a file, or hf://user/name.
        ckpt: the checkpoint that it was, whose run's folder may know more of the data.
        picture: the name of a picture of samples beside it; empty if there is none.
    """
    title = type(model).__name__
    data = told_of_data(config.get("options", {}).get("data"), ckpt)
    foreign = [path for path in map(moved, names_in(config)) if path not in published()]
    made = "" if model.kind == "noise" else " --input PATH"
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, keep_trailing_newline=True
    )
    environment.filters |= {"plain": plain, "code": code, "block": block, "in_words": in_words}
    return environment.get_template("card.md.jinja").render(
        front=front_matter(model, title, data, scores),
        model=title,
        kind=model.kind,
        shape=model.shape or (),
        data=data,
        does=config["does"],
        name=name,
        command=f"{model.made_by.split(' --')[0]} {name}{' --trust' if foreign else ''}{made}",
        foreign=foreign,
        recipe=recipe_rows(config),
        training=training_of(config),
        scores=scores,
        seen=f"{config.get('images_seen', 0):,}",
        picture=picture,
    )


def plain(text: object) -> str:
    """Return a text that Markdown, and HTML in it, shows as it is, on one line."""
    return re.sub(r"([\\`*_\[\]|~#!])", r"\\\1", html.escape(harmless(text), quote=False))


def code(text: object) -> str:
    """Return a text that stays inside of a piece of code."""
    return re.sub(r'[`"\\]', "?", harmless(text))


def block(text: str) -> str:
    """Return lines that stay inside of a block of code."""
    return harmless(text, lines=True).replace("```", "'''").rstrip()


def in_words(score: Score) -> str:
    """Return a score's recipe in words: what it says, or where it is from."""
    parts = [f"{part} {value_in_words(score.recipe[part])}" for part in SHOWN if score.recipe.get(part) is not None]
    return ", ".join([f"from {score.source}", *parts]) if parts else f"from {score.source}; the run kept no recipe"


def value_in_words(value: Any) -> str:
    """Return a value of a recipe in words."""
    if isinstance(value, Mapping):
        inner = (f"{name} {value_in_words(item)}" for name, item in value.items() if item is not None)
        return f"({', '.join(inner)})"
    return "x".join(map(str, value)) if isinstance(value, list) else str(value)


def told_of_data(options: Any, ckpt: Path) -> Data:
    """Return what is known of the data: by the class, and where one class reads many sets by the name of the folder."""
    path = options.get("class_path") if isinstance(options, Mapping) else None
    if not isinstance(path, str):
        return Data("unknown data", "The file does not say what the model was trained on.")
    name = path.rpartition(".")[2]
    known = [entry for entry in CATALOGUE.values() if entry.data == name]
    if known and (len(known) > 1 or known[0].root):
        folder = root_of(ckpt).name
        known = [entry for entry in known if folder and folder in (entry.root, entry.name)]
    if len(known) == 1:
        return Data(name, f"{known[0].summary}.", known[0].source, known[0].terms, True)
    if name == "Digits":
        summary = "1,797 handwritten digits, 8x8, of scikit-learn: the test set of UCI's Optical Recognition."
        return Data(name, summary, "https://archive.ics.uci.edu/dataset/80", "CC BY 4.0, E. Alpaydin and C. Kaynak")
    if name == "Toy2D":
        return Data(name, "Points of a distribution that ganzoo draws itself.", "", "none is needed")
    return Data(name, f"Read by {path}. What was read is not known to ganzoo: tell it here.", needs_root=True)


def root_of(ckpt: Path) -> Path:
    """Return where the data of a checkpoint's run was, as its config says; an empty path if that is not known."""
    file = Path(folder_of(str(ckpt)), "config.yaml")
    try:
        root = read_mapping(file)["data"]["init_args"]["root"] if file.is_file() else ""
    except (UserError, LookupError, TypeError):
        root = ""
    return Path(root) if isinstance(root, str) else Path()


def recipe_rows(config: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return how a model was trained, in rows of two."""
    options, average = config.get("options", {}), config["init_args"].get("ema")
    data = options.get("data", {}).get("init_args", {}) if isinstance(options.get("data"), Mapping) else {}
    versions = config.get("versions", {})
    if config.get("weights") == "raw":
        weights = "as they were trained"
    else:
        half = f", with a half-life of {average:,g} images" if isinstance(average, (int, float)) else ""
        weights = f"their moving average{half}"
    rows = {
        "model": config["class_path"],
        "weights": weights,
        "rounds": f"{config.get('step', 0):,}",
        "images seen": f"{config.get('images_seen', 0):,}",
        "batch": data.get("batch_size"),
        "devices": options.get("devices"),
        "precision": options.get("trainer", {}).get("precision"),
        "seed": config.get("seed"),
        "exported with": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
    return [(name, value) for name, value in rows.items() if value not in (None, "")]


def training_of(config: Mapping[str, Any]) -> str:
    """Return the YAML that trains such a model again; empty if the checkpoint did not say how it was trained."""
    options = config.get("options", {})
    if not isinstance(options.get("data"), Mapping):
        return ""
    init_args = {name: value for name, value in config["init_args"].items() if value is not None}
    trainer = {"max_steps": config.get("step", 0)}
    if (precision := options.get("trainer", {}).get("precision")) is not None:
        trainer["precision"] = precision
    training = {
        "seed_everything": config.get("seed", 0),
        "trainer": trainer,
        "model": {"class_path": config["class_path"], "init_args": init_args},
        "data": without_internals(options["data"]),
    }
    return yaml.safe_dump(training, sort_keys=False, allow_unicode=True)


def without_internals(value: Any) -> Any:
    """Return options without those that only torchmetrics needs."""
    if isinstance(value, Mapping):
        return {name: without_internals(item) for name, item in value.items() if name not in INTERNAL}
    return [*map(without_internals, value)] if isinstance(value, list) else value


def front_matter(model: Game, title: str, data: Data, scores: Sequence[Score]) -> str:
    """Return the metadata, as YAML; with the scores where the hub's package is there to write their form."""
    known: dict[str, Any] = {"library_name": "ganzoo", "tags": ["gan", "ganzoo", title.lower()]}
    if len(model.shape or ()) == 3:
        known["pipeline_tag"] = TASKS[model.kind]
    try:
        from huggingface_hub import EvalResult, ModelCardData
    except ImportError:
        return yaml.safe_dump(known, sort_keys=False).rstrip()
    results = [
        EvalResult(
            task_type=TASKS[model.kind],
            dataset_type=data.name.lower(),
            dataset_name=data.name,
            dataset_split=split if isinstance(split := part(score, "data").get("split"), str) else None,
            metric_type=score.name,
            metric_value=score.value,
            metric_name=f"{score.name}, {in_words(score)}",
        )
        for score in scores
    ]
    if results:
        known |= {"eval_results": results, "model_name": f"{title} on {data.name}"}
    return ModelCardData(**known).to_yaml().rstrip()


def part(score: Score, name: str) -> Mapping[str, Any]:
    """Return a part of a score's recipe; an empty one if there is none."""
    found = score.recipe.get(name)
    return found if isinstance(found, Mapping) else {}
