"""Which folders are for training and which for validation: by the words that people name them with."""

import re

__all__ = ["FILLERS", "PARTS", "parsed"]

PARTS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "eval", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
}
FILLERS = {"", "set", "data", "dataset", "images", "image", "imgs", "img"}  # say nothing beside the word of a part


def parsed(name: str) -> tuple[str | None, str]:
    """Return the part that a folder's name tells, `train`, `val` or `test`, and the rest of the name.

    `trainA`, `Train_A` and `A-TRAINING` are part `train` with the rest `A`; `horse` is of no part.
    """
    if name[:-1].lower() in PARTS and name[-1] in "abAB":  # no capital need tell where the word ends: traina, TRAINB
        return PARTS[name[:-1].lower()], name[-1].upper()
    words = [word for word in re.split(r"[\W_]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)) if word]
    ends = [place for place in {0, len(words) - 1} if words and words[place].lower() in PARTS]
    if len(ends) != 1:  # none, or as in train_test two
        return None, name
    word = words.pop(ends[0])
    return PARTS[word.lower()], "_".join(words)
