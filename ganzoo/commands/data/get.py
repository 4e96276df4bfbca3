"""`ganzoo data get`: download a data set."""

from ganzoo.data.download.get import get

__all__ = ["get"]
