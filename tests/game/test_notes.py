"""What losses note: sums over micro-batches, the latest loss's, and figures that are worked out when they are read."""

import torch

from ganzoo.game.notes import Notes


def test_a_loss_adds_up_its_own_notes_and_replaces_an_earlier_ones():
    notes = Notes()
    for parts in ((1.0, 2.0), (4.0, 8.0)):
        notes.begin_loss()
        for part in parts:
            notes.add("a", torch.tensor(part))
    notes.begin_loss()
    notes.add("b", torch.tensor(16.0))
    assert dict(notes) == {"a": 12.0, "b": 16.0}


def test_figures_are_worked_out_once_and_only_when_somebody_looks():
    notes, asked = Notes(), []

    def figures() -> dict[str, torch.Tensor]:
        asked.append(1)
        return {"a": torch.tensor(1.0)}

    notes.begin_loss()
    for _ in range(2):  # micro-batches
        notes.add_later(figures)
    notes.begin_loss()
    assert not asked
    assert (notes["a"], len(notes), "b" in notes) == (2.0, 1, False)
    assert len(asked) == 2
