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
        best: its best value.
    """
    scores = curves[monitor]
    first, last = (f"{value:.4g} at round {step:,}" for step, value in (scores[0], scores[-1]))
    each = f" ({num:,} samples each)" if (num := count(curves, "val")) else ""
    return f"{monitor}: {first}, {last}; best {best:.4g}{each}"


def last_scores(curves: Curves, metrics: Iterable[SampleMetric]) -> list[str]:
    """Return lines on the last scores: the firm ones where there are such, those of the last validation else.

    Args:
        curves: what was logged.
        metrics: those of the run's validation.
    """
    last = {name: points[-1][1] for name, points in curves.items() if points}
    lines: dict[int, list[str]] = {}  # by the number of samples
    for metric in metrics:
        stage = "final" if all(f"final/{name}" in last for name in metric.scores) else "val"
        values = {name: last[f"{stage}/{name}"] for name in metric.scores if f"{stage}/{name}" in last}
        if len(values) == len(metric.scores):
            lines.setdefault(count(curves, stage), []).extend(metric.in_words(values))
    titles = {num: f"At the end, on {num:,} samples:" if num else "At the end:" for num in lines}
    return [line for num, found in lines.items() for line in (titles[num], *(f"  {words}" for words in found))]


def count(curves: Curves, stage: str) -> int:
    """Return on how many samples the last scores of a stage stand; 0 if that was not logged."""
    points = curves.get(f"samples/{stage}")
    return round(points[-1][1]) if points else 0
