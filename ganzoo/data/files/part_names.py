"""Which folders are for training and which for validation: by the words that people name them with."""

import re

__all__ = ["FILLERS", "WHOLE", "parsed"]

PARTS = {
    **dict.fromkeys(("train", "training", "trn", "trainval"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "eval", "dev", "holdout", "heldout"), "val"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
}
WHOLE = {"", "set", "data", "dataset"}  # say nothing beside the word of a part
FILLERS = WHOLE | {"images", "image", "imgs", "img"}  # nor do these, where there are no others
GLUED = re.compile(f"({'|'.join(PARTS)})(set|data|dataset|images?|imgs?|labels?|masks?|)[0-9]*")  # trainset, val2017


def parsed(name: str) -> tuple[str | None, str]:
    """Return the part that a folder's name tells, `train`, `val` or `test`, and the rest of the name, without numbers.

    `trainA`, `Train_A` and `A-TRAINING` are part `train` with the rest `A`; `horse` is of no part.
    """
    if name[:-1].lower() in PARTS and name[-1] in "abAB":  # no capital need tell where the word ends: traina, TRAINB
        return PARTS[name[:-1].lower()], name[-1].upper()
    words = [word for word in re.split(r"[\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)) if word]
    told = [(place, found) for place, word in enumerate(words) if (found := GLUED.fullmatch(word.lower()))]
    if len(told) != 1:  # none, or as in train_test two
        return None, name
    ((place, found),) = told
    words[place] = "" if found[2] in WHOLE else found[2]
    return PARTS[found[1]], "_".join(word for word in words if word and not word.isdigit())
