"""What a model is told beside its input."""

import pytest
import torch

from ganzoo.game.conditions import Attributes, Labels, Text
from ganzoo.system.errors import UserError

ROWS = torch.tensor([0, 4, 5, 13])


def test_labels():
    labels = Labels(5)
    assert labels.of_rows(ROWS, 0).tolist() == [0, 4, 0, 3]
    assert torch.equal(labels.of_rows(ROWS, 0), labels.of_rows(ROWS, 9))
    assert labels.read(4) == labels.read("4") == 4
    assert labels.read(2).dtype == torch.int64
    assert (labels.classes, labels.caption(3)) == (5, "label 3")
    batch = {"image": torch.zeros(2, 2), "label": torch.tensor([3, 1])}
    assert torch.equal(labels.of(batch), batch["label"])
    for wrong in (5, -1):
        with pytest.raises(UserError, match=f"label {wrong} is out of range: this model's labels are 0 to 4"):
            labels.read(wrong)


def test_texts():
    texts = Text(6)
    found = texts.of_rows(ROWS, 3)
    assert found.shape == (4, 6)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(4))
    assert torch.equal(texts.of_rows(ROWS[1:2], 3)[0], found[1])  # it belongs to the number
    assert not torch.allclose(texts.of_rows(ROWS, 4), found)
    assert len(found.unique(dim=0)) == 4
    assert texts.read([1, 2, 3, 4, 5, 6]).tolist() == [1, 2, 3, 4, 5, 6]
    assert texts.read([1] * 6).dtype == torch.float32
    assert texts.classes is None  # a grid has no row for each
    batch = {"text": torch.randn(2, 6)}
    assert torch.equal(texts.of(batch), batch["text"])
    with pytest.raises(UserError, match=r"text has the shape \(2,\): this model takes 6 numbers"):
        texts.read([1.0, 2.0])


def test_attributes():
    attributes = Attributes(["Smiling", "Young", "Hat"])
    assert attributes.of_rows(ROWS, 0).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]]
    for asked in ("Smiling, Hat", "Hat,Smiling", ["Smiling", "Hat"]):
        assert attributes.read(asked).tolist() == [1, 0, 1]
    assert attributes.read([]).tolist() == attributes.read("").tolist() == [0, 0, 0]
    assert attributes.read("Young").dtype == torch.float32
    assert attributes.classes is None
    assert attributes.caption("Hat") == "attributes Hat"
    batch = {"attributes": torch.ones(2, 3)}
    assert torch.equal(attributes.of(batch), batch["attributes"])
    with pytest.raises(UserError, match="attribute Bald is not known: this model's are Smiling, Young, Hat"):
        attributes.read("Young,Bald")
