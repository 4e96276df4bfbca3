"""The Inception Score: closed forms, and its chance."""

import pytest
import torch

from ganzoo.metrics import InceptionScore
from ganzoo.system.errors import UserError

from .features import Given, normal, scores
from .test_features import Filters


def test_sure_images_of_all_classes_score_the_number_of_classes():
    logits = 1000 * torch.eye(8).repeat(10, 1)
    found = scores(InceptionScore(Given(), splits=1), None, logits)
    assert found == {"is": pytest.approx(8), "is_std": 0}
    assert scores(InceptionScore(Given(), splits=1), None, logits[:1].repeat(20, 1))["is"] == pytest.approx(1)
    assert scores(InceptionScore(Given(), splits=1), None, torch.zeros(20, 8))["is"] == pytest.approx(1)


def test_of_two_answers_it_is_their_entropies_by_hand():
    p = torch.tensor([[0.9, 0.1], [0.5, 0.5]])
    marginal = p.mean(0)
    expected = (p * (p.log() - marginal.log())).sum(1).mean().exp()
    assert scores(InceptionScore(Given(2), splits=1), None, p.log())["is"] == pytest.approx(float(expected))


def test_parts_are_drawn_by_the_seed_alone():
    """The order of the images, batches and the global seed have no say."""
    logits, before = 3 * normal(0, 200), torch.get_rng_state()
    first = scores(InceptionScore(Given()), None, logits)
    assert first["is_std"] > 0
    torch.manual_seed(5)
    assert scores(InceptionScore(Given()), None, logits.flip(0), batch=9) == first
    assert scores(InceptionScore(Given(), seed=1), None, logits) != first
    torch.set_rng_state(before)
    scores(InceptionScore(Given()), None, logits)
    assert torch.equal(torch.get_rng_state(), before)


def test_real_images_are_not_asked():
    metric = InceptionScore(Given())
    metric.update(normal(0, 20), real=True)
    assert not metric.real


def test_what_it_can_not_score_is_refused():
    with pytest.raises(UserError, match="Unsure is no classifier: take the extractor inception"):
        InceptionScore(Unsure())
    with pytest.raises(UserError, match="9 generated samples: it needs 10 or more generated ones"):
        scores(InceptionScore(Given()), None, normal(0, 9))
    with pytest.raises(UserError, match="splits is 0"):
        InceptionScore(Given(), splits=0)


class Unsure(Filters):
    suffix = "_unsure"
