"""A run: its folder, its checkpoints, its settings, its logs, and what watches it."""
