"""A run: its folder, its checkpoints, its settings, its logs, and the callbacks that watch it."""
