"""Reading images: from folders, zips and databases, as pixels."""

__all__: list[str] = []
