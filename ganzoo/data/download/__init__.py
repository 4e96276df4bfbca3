"""Downloading data: what there is, where it is, and bringing it whole."""

__all__: list[str] = []
