"""Jobs of a cluster whose runs are kept in a bucket."""

import shutil

import pytest
from conftest import assert_same_run

from ganzoo.cli import main
from ganzoo.runs.bucket.place import played_in
from ganzoo.runs.bucket.store import Store
from runs.test_cluster import ONE, Cluster, options, wait_for

RUNS = "s3://bucket/runs"


@pytest.mark.parametrize("in_bucket", [True, False])
def test_whether_there_is_a_run(s3, tmp_path, in_bucket, capsys):
    run = f"{RUNS}/7" if in_bucket else str(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["begun", run])
    assert stop.value.code == 1
    assert capsys.readouterr().out == f"There is no run {run}.\n"
    if in_bucket:
        Store(run).write("config.yaml", b"a: 1")
    else:
        (tmp_path / "config.yaml").touch()
    main(["begun", run])
    assert capsys.readouterr().out.startswith(f"{run} is a run")


def test_a_bucket_that_can_not_be_asked_is_a_line(s3, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["begun", "s3://missing/7"])
    assert stop.value.code == 2  # it is not that there is no run
    assert "there is no bucket missing" in capsys.readouterr().err


@pytest.mark.slow
def test_a_job_that_is_queued_again_on_another_node_goes_on_exactly(s3, tmp_path, fit):
    cluster, folder = Cluster(tmp_path), played_in(f"{RUNS}/70001")
    stop = ["--trainer.callbacks", "runs.test_cluster.StopHere", "--trainer.callbacks.at", "6"]
    process = cluster.start(ONE, 70001, *options(13, *stop), GANZOO_RUNS=RUNS)
    try:
        wait_for(lambda: (table := folder / "metrics.csv").exists() and "\n6," in table.read_text())
        out = cluster.stop(process)
    finally:
        process.kill()
    assert f"ganzoo resume {RUNS}/70001" in out
    assert cluster.notes("scontrol") == ["requeue 70001"]
    shutil.rmtree(folder)
    status, out = cluster.run(ONE, 70001, *options(13), GANZOO_RUNS=RUNS, SLURM_RESTART_COUNT="1")
    assert status == 0, out
    assert "Going on from round 7" in out
    assert_same_run(fit("GAN", "whole", 13, *options(13)[-2:]), folder)


def test_a_job_whose_bucket_can_not_be_asked_ends_and_begins_nothing(s3, tmp_path):
    cluster = Cluster(tmp_path)
    status, out = cluster.run(ONE, 70002, *options(13), GANZOO_RUNS="s3://missing/runs", SLURM_RESTART_COUNT="1")
    assert status == 1
    assert "there is no bucket missing" in out
    assert "it begins" not in out
    assert cluster.notes("srun") == []
