"""LSUN: bedrooms and the other scenes and objects, in LMDBs as they come."""

from pathlib import Path
from typing import Any

from ganzoo.data.base.images import Images
from ganzoo.data.files.folders import folder_or_zip
from ganzoo.data.files.lmdbs import lmdb_source
from ganzoo.data.files.sources import Parts
from ganzoo.system.errors import UserError
from ganzoo.system.words import counted

__all__ = ["LSUN"]


class LSUN(Images):
    """LSUN's LMDBs (Yu et al. 2015), or a folder or zip of its images; without labels.

    Scenes come as `bedroom_train_lmdb` and `bedroom_val_lmdb` (300 images), objects as one LMDB, `cat`. The keys of
    an LMDB are listed once (minutes, for bedroom's three million) and kept beside it.

    Args:
        category: bedroom, bridge, church_outdoor, classroom, ..., or an object such as cat.
        images: the options of Images.
    """

    def __init__(self, category: str = "bedroom", **images: Any):
        super().__init__(**images)
        self.category = category

    @property
    def prepared_as(self) -> dict[str, Any]:
        """The fields of the manifest of a prepared form of this set, by name."""
        return {**super().prepared_as, "category": self.category}

    def databases(self) -> dict[str, Path]:
        """Return the LMDBs of the category, by part; none if there are none."""
        for root in around(Path(self.root)):
            parts = {part: root / f"{self.category}_{part}_lmdb" for part in ("train", "val")}
            found = {part: path for part, path in parts.items() if (path / "data.mdb").is_file()}
            whole = next((path for path in (root / self.category, root) if (path / "data.mdb").is_file()), None)
            if not found and whole:
                return {"all": whole}
            if found:
                return {"all": found["train"]} if list(found) == ["train"] else found
        return {}

    def prepare_data(self) -> None:
        """List the keys, in one process."""
        for path in self.databases().values():
            lmdb_source(path)

    def sources(self) -> Parts:
        """Return the images."""
        if databases := self.databases():
            if "val" in databases and "train" not in databases:
                raise UserError(f"--data.root: {self.root} has {databases['val'].name} only: get the training set too.")
            sources = {part: lmdb_source(path) for part, path in databases.items()}
            said = [f"{counted(len(source))} in {source.where} ({part})" for part, source in sources.items()]
            return Parts(dict(sources), [f"{self.root}: {', '.join(said)}"])
        there = sorted(path.parent.name for path in Path(self.root).glob("*/data.mdb"))
        if there:
            raise UserError(
                f"--data.root: {self.root} has no LMDB of {self.category}, but {', '.join(there)}: set --data.category."
            )
        return folder_or_zip(Path(self.root), labelled=False)


def around(root: Path) -> list[Path]:
    """Return the folders in which databases may lie: the root, or else one in it."""
    return [root, *sorted({path.parents[1] for path in root.glob("*/*/data.mdb")})]
