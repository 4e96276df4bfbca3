"""The ground: errors, files, chance, the machine."""
