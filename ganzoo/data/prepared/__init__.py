"""The fast form of a set of images: as an array, a database, or in chunks that are streamed."""

__all__: list[str] = []
