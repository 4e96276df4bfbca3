"""Networks that others trained, and that no training here changes, one file a network."""

__all__: list[str] = []  # none is offered by name: a metric or a loss brings its own
