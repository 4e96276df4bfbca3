"""A run in a bucket belongs to one process at a time."""

import threading
from dataclasses import replace

import pytest

from ganzoo.runs import lock
from ganzoo.runs.bucket.lock import BucketLock, hold_there
from ganzoo.runs.bucket.store import Store
from ganzoo.runs.lock import let_go, still_ours
from ganzoo.system.errors import UserError


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    for name, seconds in {"BEAT": 0.05, "SILENT": 0.6, "POLL": 0.02}.items():
        monkeypatch.setattr(lock, name, seconds)


def elsewhere(store: Store) -> BucketLock:
    """The lock of a process on another machine."""
    there = BucketLock(store)
    there.own = replace(there.own, place="0" * 8, host="far-away", token="another")
    return there


def test_who_is_on_this_machine_is_refused_at_once(store, names):
    hold_there(store)
    hold_there(Store(store.url))  # this process holds it
    with pytest.raises(UserError, match="s3://bucket/run is in use by process"):
        BucketLock(Store(store.url)).take()
    let_go()
    assert names() == set()


def test_who_gives_signs_of_life_elsewhere_holds_it(store):
    there = elsewhere(store)
    there.take()
    with pytest.raises(UserError, match=r"is in use by process .* on far-away"):
        BucketLock(store).take()
    there.release()
    hold_there(store)


def test_who_is_silent_loses_it_and_stops(store, capsys):
    there = elsewhere(store)
    assert there._make()  # and no sign of life follows
    hold_there(store)
    assert "s3://bucket/run was held by process" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"is now held by process .* it stops here"):
        there.check()
    still_ours(look=True)
    there.release()  # it isn't its own
    still_ours(look=True)


def test_of_many_at_one_moment_one_holds_it(store):
    locks = [elsewhere(Store(store.url)) for _ in range(4)]
    for number, each in enumerate(locks):
        each.own = replace(each.own, token=f"{number}")
    won = []

    def take(each):
        try:
            each.take()
        except UserError:
            return
        won.append(each)

    threads = [threading.Thread(target=take, args=(each,)) for each in locks]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(won) == 1
    won[0].release()


def test_a_network_that_is_gone_for_a_moment_stops_nothing(store, another_client, monkeypatch):
    hold_there(store)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    store.fs.clear_instance_cache()
    lock.held[0].store = Store(store.url)
    still_ours(look=True)
