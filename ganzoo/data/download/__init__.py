"""Downloading data: a catalogue, and transfers that leave complete files or none."""

__all__: list[str] = []
