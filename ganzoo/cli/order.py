"""The order of options: a class is named before its own options, in whatever order they are typed."""

from ganzoo.system.options import options_in

__all__ = ["names_first", "with_networks"]

NETWORKS = ("generator", "discriminator")


def names_first(args: list[str]) -> list[str]:
    """Put `--model NAME` before `--model.OPTION`, and so on at any depth; the rest stays in its order."""
    groups: list[list[str]] = [[]]
    for arg in args:
        if arg.startswith("--"):
            groups.append([])
        groups[-1].append(arg)
    ordered: list[list[str]] = []
    for group in groups:
        name = group[0].partition("=")[0].removesuffix(".class_path") if group else ""
        later = [i for i, other in enumerate(ordered) if name and other and other[0].startswith(f"{name}.")]
        ordered.insert(later[0] if later else len(ordered), group)
    return [arg for group in ordered for arg in group]


def with_networks(args: list[str], model: str) -> list[str]:
    """Name a model's usual network where only options of it are given: `--model.generator.width 8`."""
    try:
        known = options_in(model, "ganzoo.models", "ganzoo.game")
    except KeyError:  # a model of the user's own
        return args
    given = [arg.partition("=")[0] for arg in args]
    for option in (option for option in known if option.name in NETWORKS and option.stands_for.isidentifier()):
        name = f"--model.{option.name}"
        inner = [arg for arg in given if arg.startswith(f"{name}.") and not arg.endswith(".help")]
        if inner and not {name, f"{name}.class_path"} & {*given}:
            args = [*args[: given.index(inner[0])], f"{name}={option.stands_for}", *args[given.index(inner[0]) :]]
            given = [arg.partition("=")[0] for arg in args]
    return args
