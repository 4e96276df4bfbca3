"""How a score was made, in plain values: figures are ranked only where their recipes are equal."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from ganzoo.metrics.base import SampleMetric
from ganzoo.system.errors import UserError
from ganzoo.system.files import written
from ganzoo.system.reading import parse_json
from ganzoo.system.versions import versions_of

__all__ = [
    "Recipe",
    "checked_recipe",
    "differences",
    "noted_differences",
    "read_recipes",
    "recipe_in_words",
    "recipes_of",
    "write_recipes",
]

Recipe = dict[str, Any]

# What a recipe is made of, and what each part may be. `metric`, `settings`, `extractor` and `data` say what was
# measured and against what; the rest says on which samples.
PARTS: dict[str, tuple[type, ...]] = {
    "metric": (str,),
    "settings": (dict,),
    "extractor": (dict, type(None)),
    "real": (int,),
    "fake": (int,),
    "data": (dict,),
    "weights": (str, type(None)),
    "seed": (int, type(None)),
    "precision": (str, type(None)),
    "versions": (dict,),
}
INSIDE = {"data": ("name", "split", "checksum"), "extractor": ("name", "weights", "resize")}  # texts, or unknown
UNKNOWN = ("weights", "seed", "precision")  # null where samples of others are judged: that is no difference
PACKAGES = ("ganzoo", "torch", "torchmetrics")
LARGEST = 4_000_000  # bytes of a file of recipes
LONGEST, DEEPEST, MOST = 1000, 6, 200  # letters of a text, values inside each other, values of one


def recipes_of(
    metric: SampleMetric,
    *,
    real: int,
    fake: int,
    data: Mapping[str, Any],
    weights: Literal["ema", "raw"] | None,
    seed: int | None,
    precision: str | None,
) -> dict[str, Recipe]:
    """Return the recipes of a metric's scores, by the scores' names.

    Args:
        metric: it says its settings, and what its extractor is.
        real: how many real samples it has seen, over all ranks.
        fake: how many generated ones.
        data: the real set: `name`, `split`, `checksum`, `size`.
        weights: which weights made the samples; None: they are not the model's own of ganzoo.
        seed: of the samples.
        precision: in which they were made, such as `fp32`.
    """
    extractor = extractor_in(metric)
    suffix = "" if extractor is None else extractor.suffix
    if not getattr(metric, "needs_real", True):
        real, data = 0, {}  # they have no part in its scores
    return {
        score: {
            "metric": score.replace(suffix, "", 1) if suffix else score,
            "settings": plain(metric.settings()),
            "extractor": None if extractor is None else plain(extractor.facts()),
            "real": real,
            "fake": fake,
            "data": plain(data),
            "weights": weights,
            "seed": seed,
            "precision": precision,
            "versions": versions_of([*PACKAGES, *packages_of(metric)], "unknown"),
        }
        for score in metric.scores
    }


def extractor_in(metric: Any) -> Any:
    """Return the network that a metric looks through, its own or that of the metric inside it; None if there is none.

    Found by its attribute: a metric of features has an `extractor`.
    """
    return next((part.extractor for part in metric.modules() if hasattr(part, "extractor")), None)


def packages_of(metric: SampleMetric) -> list[str]:
    """Return the packages that a metric, those in it, and its extractor are made with."""
    return [package for part in metric.modules() for package in getattr(part, "packages", ())]


def plain(value: Any) -> Any:
    """Return a value as JSON has it: tuples are lists, keys are texts; what JSON lacks is its text."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return str(value)


# Comparing ------------------------------------------------------------------------------------------------


def differences(a: Recipe, b: Recipe) -> list[str]:
    """Return in words what forbids to rank two figures: each part in which their recipes differ, with both values.

    Empty: they may be ranked. Versions are no such part: see `noted_differences`.
    """
    return [f"{name} {shown(left)} and {shown(right)}" for name, left, right in compared(a, b) if forbids(name, a, b)]


def noted_differences(a: Recipe, b: Recipe) -> list[str]:
    """Return in words what should be known where two figures are ranked: other versions, and what is unknown of one."""
    return [
        f"{name.replace('versions ', '')} {shown(left)} and {shown(right)}"
        for name, left, right in compared(a, b)
        if not forbids(name, a, b)
    ]


def forbids(part: str, a: Recipe, b: Recipe) -> bool:
    """Say whether two figures may not be ranked because their recipes differ in a part.

    A set of the same contents may have another name; what is unknown of the samples of others is no difference.
    """
    if part.startswith("versions"):
        return False
    if part in UNKNOWN:
        return None not in (a[part], b[part])
    same = a["data"].get("checksum") is not None and a["data"].get("checksum") == b["data"].get("checksum")
    return not (same and part in ("data name", "data split"))


def compared(a: Any, b: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the path and the values of each part in which two plain values differ."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for key in dict.fromkeys([*a, *b]):
            yield from compared(a.get(key), b.get(key), f"{name} {key}".strip())
    elif (type(a) is not type(b) and not (numeric(a) and numeric(b))) or a != b:
        yield name, a, b


def numeric(value: Any) -> bool:
    """Say whether a value is a number; True is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def shown(value: Any) -> str:
    """Return a value for a reader."""
    if value is None:
        return "unknown"
    if isinstance(value, Mapping) and "name" in value:
        return str(value["name"])
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return value if isinstance(value, str) else json.dumps(value)


def recipe_in_words(recipe: Recipe) -> str:
    """Return a recipe in a line: how many samples, against what, seen by what."""
    data, extractor = recipe["data"], recipe["extractor"]
    size = "x".join(str(side) for side in data.get("size") or ())
    against = " ".join(str(part) for part in (data.get("name"), data.get("split"), size) if part)
    said = [f"{recipe['fake']:,} generated" + (f" against {recipe['real']:,} real of {against}" if data else "")]
    if extractor is not None:
        weights = f", weights {extractor['weights']}" if extractor.get("weights") else ""
        resize = f", {extractor['resize']}" if extractor.get("resize") else ""
        said.append(f"by {extractor.get('name')}{weights}{resize}")
    if recipe["settings"]:
        said.append(", ".join(f"{name} {shown(value)}" for name, value in recipe["settings"].items()))
    made = [f"{recipe['weights']} weights" if recipe["weights"] else "", recipe["precision"] or ""]
    made.append("" if recipe["seed"] is None else f"seed {recipe['seed']}")
    return "; ".join([*said, *filter(None, [", ".join(filter(None, made))])])


# Files ----------------------------------------------------------------------------------------------------


def write_recipes(path: Path, recipes: Mapping[str, Recipe]) -> None:
    """Write recipes by the names of their scores, whole or not at all."""
    with written(path) as beside:
        beside.write_text(json.dumps(recipes, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_recipes(path: str | Path) -> dict[str, Recipe]:
    """Return the recipes in a file, by the names of their scores; none if there is no file.

    Raises:
        UserError: it can't be read, or holds anything else.
    """
    path = Path(path)
    if not path.exists():
        return {}
    try:
        if not path.is_file():  # of a pipe one would wait for ever
            raise ValueError("it is no file")
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ValueError(f"over {LARGEST:,} bytes")
        found = parse_json(content)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} can't be read as recipes of scores ({error}): remove it, or copy it again.") from error
    if not isinstance(found, dict):
        raise UserError(f"{path} holds no recipes of scores by name: remove it, or copy it again.")
    return {short(name): checked_recipe(recipe, f"{path}, {short(name)}") for name, recipe in found.items()}


def checked_recipe(value: Any, whose: str) -> Recipe:
    """Return a value of others, such as JSON gives it, as a recipe.

    Raises:
        UserError: it lacks a part, or a part is of another kind, or too large.
    """
    if not isinstance(value, dict):
        raise UserError(f"{whose}: a recipe is a JSON object, and there is {short(value)}.")
    if odd := [name for name in PARTS if name not in value] or [name for name in value if name not in PARTS]:
        raise UserError(f"{whose}: a recipe has the parts {', '.join(PARTS)}, and {short(odd[0])} is missing or more.")
    for name, kinds in PARTS.items():
        if not isinstance(value[name], kinds) or isinstance(value[name], bool) or not modest(value[name]):
            raise UserError(f"{whose}: the recipe's {name} is {short(value[name])}, which no recipe has.")
    texts = {f"{name} {key}": (value[name] or {}).get(key) for name, keys in INSIDE.items() for key in keys}
    odd = [name for name, text in texts.items() if not isinstance(text, (str, type(None)))]
    size = value["data"].get("size") or []
    if odd or not isinstance(size, list) or not all(type(side) is int for side in size):
        raise UserError(f"{whose}: the recipe's {[*odd, 'data size'][0]} is of another kind than in any recipe.")
    return value


def modest(value: Any, depth: int = 0) -> bool:
    """Say whether a plain value is no larger than those of recipes."""
    if isinstance(value, (dict, list)):
        inner = [*value, *(value.values() if isinstance(value, dict) else ())]
        return depth < DEEPEST and len(inner) <= MOST and all(modest(item, depth + 1) for item in inner)
    return not isinstance(value, str) or len(value) <= LONGEST


def short(value: Any) -> str:
    """Return a value of others for a message."""
    return str(value)[:60]
