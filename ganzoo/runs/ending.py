"""What the end of a run says: its scores, and on how many samples they stand."""

from collections.abc import Iterable

from ganzoo.metrics import SampleMetric

__all__ = ["course", "last_scores"]

Curves = dict[str, list[tuple[int, float]]]


def course(curves: Curves, monitor: str, best: float) -> str:
    """Return a line on the score that decides: its first, last and best value.

    Args:
        curves: what was logged, as `MetricsCSV.curves` gives it.
        monitor: the score.
        best: its best value; of a run that went on in another folder perhaps from before, when nothing is logged here.
    """
    if not (scores := curves.get(monitor)):
        return f"{monitor}: best {best:.4g}, from before; it was not validated since"
    first, last = (f"{value:.4g} at round {step:,}" for step, value in (scores[0], scores[-1]))
    each = f" ({num:,} samples each)" if (num := count(curves, "val")) else ""
    return f"{monitor}: {first}, {last}; best {best:.4g}{each}"


def last_scores(curves: Curves, metrics: Iterable[tuple[SampleMetric, int]]) -> list[str]:
    """Return lines on the scores of the end.

    Args:
        curves: what was logged.
        metrics: each with the number of samples that its scores stand on.
    """
    last = {name: points[-1][1] for name, points in curves.items() if points}
    lines: dict[int, list[str]] = {}  # by the number of samples
    for metric, num in metrics:
        values = {name: last[f"final/{name}"] for name in metric.scores if f"final/{name}" in last}
        if len(values) == len(metric.scores):
            lines.setdefault(num, []).extend(metric.in_words(values))
    return [
        line
        for num, found in lines.items()
        for line in (f"At the end, on {num:,} samples:", *(f"  {words}" for words in found))
    ]


def count(curves: Curves, stage: str) -> int:
    """Return on how many samples the last scores of a stage stand; 0 if that was not logged."""
    points = curves.get(f"samples/{stage}")
    return round(points[-1][1]) if points else 0
