"""`ganzoo tune-speed`: its rule on made-up figures, its turns with made-up players and clock, and a real GAN."""

import itertools
import re
from functools import partial

import pytest

from ganzoo.cli import main, tune_speed
from ganzoo.cli.race import LATE, TURNS, Entry, measure
from ganzoo.cli.tune_speed import combinations, minutes_in, winner
from ganzoo.system.errors import UserError

RING = "experiments/toy2d/gan_ring.yaml"
OWN = {
    "trainer.precision": "32-true",
    "model.channels_last": True,
    "model.compile": False,
    "model.generator_optimizer.fused": True,
    "model.discriminator_optimizer.fused": True,
    "data.num_workers": 0,
}


@pytest.mark.parametrize(
    ("gains", "name"),
    [
        ({"default": [1.0] * 5}, "default"),
        ({"default": [1.0] * 5, "a": [1.2, 1.3, 1.1, 1.2, 1.2]}, "a"),
        ({"default": [1.0] * 5, "a": [1.9, 1.9, 0.99, 1.9, 1.9]}, "default"),  # within the spread
        ({"default": [1.0] * 5, "a": [1.9] * 4}, "default"),  # too few turns
        ({"default": [1.0] * 5, "a": [1.1] * 5, "b": [1.05, 1.2, 1.2, 1.2, 1.2]}, "b"),  # by the median
        ({"default": [1.0] * 5, "a": [0.5] * 5}, "default"),
        ({}, "default"),
    ],
)
def test_the_winner_is_surely_quicker(gains, name):
    assert winner(gains) == name


def test_all_combinations_of_what_depends_on_each_other():
    found = combinations(OWN, cuda=False, cores=4)
    assert found[0] == {}
    assert len(found) == 2**3 + 2
    assert {"trainer.precision": "bf16-mixed", "model.channels_last": False, "model.compile": True} in found
    assert {"model.generator_optimizer.fused": False, "model.discriminator_optimizer.fused": False} in found
    assert {"data.num_workers": 4} in found
    assert len({str(each) for each in found}) == len(found)
    assert len(combinations(OWN, cuda=True, cores=4)) == 3 * 2**2 + 2
    double = {"trainer.precision": "64-true", "model.compile": True}
    assert combinations(double, cuda=True, cores=4) == [{}, {"model.compile": False}]


class Made:
    """A player with a speed, on a clock that only its playing moves."""

    def __init__(self, world, changes):
        self.world, self.trouble, self.ended = world, "", False
        self.pace = world.paces[str(changes)]
        self.first = True

    def play(self, rounds, goes_on):
        if isinstance(self.pace, str):
            self.trouble = self.pace
            return
        start, self.first = self.world.start if self.first else 0.0, False
        self.world.now += start + rounds * self.pace
        self.seconds, self.images = rounds * self.pace, rounds * 10
        self.world.log.append((self.pace, rounds))
        if not goes_on():
            self.trouble = LATE

    def end(self):
        self.ended = True


class World:
    def __init__(self, paces, start=0.1):
        self.paces, self.start, self.now, self.log, self.made = paces, start, 0.0, [], []

    def make(self, changes):
        self.made.append(Made(self, changes))
        return self.made[-1]

    def measure(self, entries, seconds):
        told = []
        measure(entries, self.make, seconds, told.append, lambda: self.now)
        assert told == sorted(told)
        assert max(told) <= seconds
        return {entry.name: entry for entry in entries}


def test_they_play_the_same_rounds_in_turns():
    world = World({"{}": 0.01, "{'a': 1}": 0.005, "{'b': 1}": 0.04, "{'c': 1}": "it broke", "{'compile': 1}": 0.004})
    entries = [Entry({}), *(Entry({name: 1}) for name in "abc"), Entry({"compile": 1}, starts_slowly=True)]
    found = world.measure(entries, 100.0)
    assert found["default"].gains == [1.0] * (2 * TURNS)  # in both races
    assert found["a 1"].gains == pytest.approx([2.0] * TURNS)
    assert found["a 1"].speeds == pytest.approx([2000.0] * TURNS)
    assert found["compile 1"].gains == pytest.approx([2.5] * TURNS)
    assert found["b 1"].why_not == "4.0 times as slow in its first rounds"
    assert found["c 1"].why_not == "it broke"
    for number in range(len(world.log)):  # in a turn both play equally many rounds
        if world.log[number][0] == 0.005:
            assert (0.01, world.log[number][1]) in world.log[max(0, number - 3) : number + 4]
    assert world.now == pytest.approx(100, rel=0.05)
    assert all(made.ended for made in world.made)


def test_what_is_not_ready_in_time_spoils_nothing():
    world = World({"{}": 0.01, "{'a': 1}": 0.005, "{'compile': 1}": 500.0, "{'compile': 2}": 0.001})
    entries = [Entry({}), Entry({"a": 1}), *(Entry({"compile": n}, starts_slowly=True) for n in (1, 2))]
    found = world.measure(entries, 60.0)
    assert found["compile 1"].why_not == LATE
    assert "no time" in found["compile 2"].why_not
    assert winner({name: entry.gains for name, entry in found.items()}) == "a 1"


def test_a_default_that_fails_ends_it():
    world = World({"{}": "it broke", "{'a': 1}": 0.005})
    found = world.measure([Entry({}), Entry({"a": 1})], 60.0)
    assert found["default"].why_not == "it broke"
    assert world.log == []


def test_minutes():
    assert minutes_in(["-c", "f.yaml"]) == (2.0, ["-c", "f.yaml"])
    assert minutes_in(["--minutes", "0.5", "-c", "f.yaml"]) == (0.5, ["-c", "f.yaml"])
    assert minutes_in(["--minutes=3"]) == (3.0, [])
    for wrong in (["--minutes"], ["--minutes", "0"], ["--minutes=nan"], ["--minutes", "soon"]):
        with pytest.raises(UserError, match="--minutes is"):
            minutes_in(wrong)


def test_a_real_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    tried = [{}, {"model.generator_optimizer.fused": False}, {"trainer.precision": "16-mixed"}]
    monkeypatch.setattr(tune_speed, "combinations", lambda *args: tried)
    ticks = itertools.count()  # a clock that no busy machine moves
    monkeypatch.setattr(tune_speed, "measure", partial(measure, clock=lambda: next(ticks) * 0.01))
    main(["tune-speed", "-c", RING, "--minutes", "0.03", "--data.batch_size", "32"])
    out = capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    assert "Batches of 32." in out
    assert "fused false" in out
    assert re.search(r"Without figures: precision 16-mixed: .*which needs CUDA", out)
    assert f"ganzoo fit -c {RING} --data.batch_size 32" in out
    assert "The run" not in out  # what trainings say is not repeated


def test_a_run_that_can_not_be_trained_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["tune-speed", "-c", RING, "--minutes", "0.03", "--data.batch_size", "3000000"])
    assert "--data.batch_size 3000000" in capsys.readouterr().err.splitlines()[-1]
