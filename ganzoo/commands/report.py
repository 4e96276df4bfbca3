"""`ganzoo report`: a page on one run."""

from ganzoo.commands.compare.command import write

__all__ = ["report"]


def report(
    run: str,
    out: str = "report.html",
    num: int = 64,
    seed: int = 0,
    rounds: int = 16,
    trust: bool = False,
) -> None:
    """Report a run: a page that opens without a network, and beside it a picture (.png) and a table (.md).

    Args:
        run: its folder.
        out: the .html to write; the picture and the table have the same name.
        num: samples from the last checkpoint.
        seed: of the samples.
        rounds: pictures to look at one after the other, chosen from the run's folder `samples`.
        trust: also import classes that are not ganzoo's, such as your own network: their code runs.
    """
    write([run], out, num, seed, rounds, trust)
