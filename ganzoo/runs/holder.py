"""Which process holds a run, as its lock says."""

from dataclasses import asdict, dataclass

from ganzoo.system.reading import parse_json

__all__ = ["Holder", "read_holder"]


@dataclass(frozen=True)
class Holder:
    """A process that holds a folder: where it is, which it is, since when, and the folder's number there."""

    place: str
    host: str
    pid: int
    start: str
    since: str
    folder: int
    token: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} (since {self.since})"


def read_holder(text: bytes) -> Holder | None:
    """Return the process that the text of a lock names; None if it names none."""
    try:
        holder = Holder(**parse_json(text))
        kinds = [type(value) for value in asdict(holder).values()]
    except (ValueError, TypeError):
        return None
    return holder if kinds == [str, str, int, str, str, int, str] and holder.pid > 0 else None
