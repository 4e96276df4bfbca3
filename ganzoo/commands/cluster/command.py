"""The command itself: what a job asks for, checked, and its script written."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ganzoo.runs.bucket.place import is_url, name_of, parts_of
from ganzoo.runs.bucket.store import refuse_unknown
from ganzoo.runs.experiments import experiment_files, find_experiment
from ganzoo.system.errors import UserError
from ganzoo.system.files import written
from ganzoo.system.near import nearest
from ganzoo.system.options import options_in
from ganzoo.system.output import say
from ganzoo.system.places import disk_of, local
from ganzoo.system.reading import read_mapping
from ganzoo.system.words import counted

__all__ = ["Job", "cluster", "script_of"]

TIME = re.compile(r"(?:(\d{1,3})-)?(\d{1,3}):(\d{2}):(\d{2})")
LEAST = 10 * 60  # seconds: the job is told to stop two minutes before its end, and SLURM may do so a minute earlier
SEEDS = re.compile(r"\d{1,9}(-\d{1,9})?(,\d{1,9}(-\d{1,9})?)*(%\d{1,4})?")
WORD = re.compile(r"[\w.+-]+(,[\w.+-]+)*")


@dataclass(frozen=True)
class Job:
    """What a job's script says.

    Args:
        file: the script's own path, as its comment names it.
        what: what it is, in words, for the comment.
        example: options that the comment shows after it.
        name: the job's.
        options: given to `ganzoo fit` before those of `sbatch`, quoted for the shell, with a blank at the end.
        seeds: of an array, a run for each. None: one run.
        runs: the folder of the runs' folders.
    """

    file: str
    what: str
    example: str
    name: str = "ganzoo"
    options: str = ""
    nodes: int = 1
    gpus: int = 4
    cpus: int = 4
    time: str = "24:00:00"
    seeds: str | None = None
    runs: str = "runs/slurm"
    partition: str | None = None
    account: str | None = None

    @property
    def runs_quoted(self) -> str:
        """The folder of the runs, for use inside of ${...:-...}."""
        return shlex.quote(self.runs)

    @property
    def log(self) -> str:
        """The log's name: SLURM puts the job's numbers in."""
        return f"{self.name}-{'%j' if self.seeds is None else '%A_%a'}.log"


def cluster(
    experiment: str,
    nodes: int = 1,
    gpus: int = 4,
    time: str = "24:00:00",
    seeds: str | None = None,
    cpus: int = 4,
    runs: str = "runs/slurm",
    partition: str | None = None,
    account: str | None = None,
    out: str | None = None,
) -> None:
    """Write the script by which SLURM trains an experiment, and say what it asks for; nothing is submitted.

    The job is queued again when its time is up or another job takes its place, and goes on exactly where it was.

    Args:
        experiment: the YAML file of the run, such as experiments/mnist/dcgan.yaml; -c FILE says the same.
        nodes: how many machines.
        gpus: of each machine; a process for each.
        time: the longest time at a stretch, as hours:minutes:seconds or days-hours:minutes:seconds.
        seeds: a run for each, as 0-4 or 0,7,42; 0-99%8 lets 8 run at once. Unless given: one run.
        cpus: cores for each GPU.
        runs: the folder of the runs' folders, which all nodes must see, or one in a bucket, such as s3://bucket/runs.
        partition: the queue. Unless given: the cluster's default.
        account: whom the time is charged to. Unless given: your default.
        out: the script. Unless given: <data>_<model>.sbatch, after the YAML's folder and name.
    """
    file = existing(experiment)
    for name, count in {"nodes": nodes, "gpus": gpus, "cpus": cpus}.items():
        if not 1 <= count <= 100_000:
            raise UserError(f"{name} is {count}: give 1 or more." if count < 1 else f"{name} is {count}: give fewer.")
    refuse_odd_time(time)
    if seeds is not None:
        refuse_odd_seeds(seeds)
    for name, word in {"partition": partition, "account": account}.items():
        if word is not None and not WORD.fullmatch(word):
            raise UserError(f"{name} is {word}: give a name of letters, digits, and _ . + -.")
    title = re.sub(r"[^\w.-]", "_", "_".join(file.parts[-2:]).removesuffix(file.suffix))
    script, folder = local(out or f"{title}.sbatch"), place_of_runs(runs)
    if "\n" in f"{script}{folder}{file}":
        raise UserError("a path has the end of a line in it: no script can name it.")
    processes = nodes * gpus
    size = f"{counted(nodes, 'node')} with {counted(gpus, 'GPU')}{' each' * (nodes > 1)}"
    job = Job(
        file=shlex.quote(str(script)),
        what=f"{title} on {size}" + (", a run for each of several seeds" if seeds is not None else ""),
        example="",
        name=title,
        options=f"--config {shlex.quote(str(file.absolute()))} ",
        nodes=nodes,
        gpus=gpus,
        cpus=cpus,
        time=time,
        seeds=seeds,
        runs=folder,
        partition=partition,
        account=account,
    )
    text = script_of(job)
    if script.is_file() and script.read_text(encoding="utf-8", errors="replace") != text:
        raise UserError(f"{script} is there, and says something else: remove it, or give another --out.")
    with written(script) as beside:
        beside.write_text(text, encoding="utf-8")
    say(f"{script}: {size}, {counted(processes, 'process', 'es')}, {time} at a stretch{batches(file, processes)}")
    say(f"  runs: {folder}/<job id>" + ("" if seeds is None else f"/seed_<seed>, seeds {seeds}"))
    if not is_url(folder) and (disk := disk_of(Path(folder))):
        say(
            f"  {folder} is on {disk}, which may be a disk of this machine alone. A job that is queued again on "
            "another node would not find its run there: give --runs DIR that all nodes see, or --runs s3://bucket/runs."
        )
    say(f"Nothing is submitted. To do so: sbatch {shlex.quote(str(script))}; options of `ganzoo fit` may follow.")


def script_of(job: Job) -> str:
    """Return the text of a job's script."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template("job.sbatch.jinja").render(job=job)


def place_of_runs(runs: str) -> str:
    """Return the absolute path of the runs' folder; a URL in its one form.

    Raises:
        UserError: it is a URL that can't be used here.
    """
    if not is_url(runs):
        return str(local(runs).absolute())
    refuse_unknown(runs)
    return name_of(parts_of(runs))


def existing(experiment: str) -> Path:
    """Return the path of a run's YAML file.

    Raises:
        UserError: it is not there, or is none of a run.
    """
    file = Path(find_experiment(experiment))
    if not file.is_file():
        shipped = [str(path) for path in experiment_files()] if experiment.startswith("experiments") else []
        raise UserError(f"there is no file {experiment}{nearest(experiment, shipped)}")
    if "model" not in read_mapping(str(file)):
        raise UserError(f"{experiment} names no model, so it is not the YAML file of a run.")
    return file


def refuse_odd_seeds(seeds: str) -> None:
    """Refuse seeds that SLURM would not take.

    Raises:
        UserError: they are such.
    """
    if not SEEDS.fullmatch(seeds):
        raise UserError(f"seeds is {seeds}: give whole numbers, as 0-4 or 0,7,42.")
    for first, last in re.findall(r"(\d+)-(\d+)", seeds):
        if int(first) > int(last):
            raise UserError(f"seeds is {seeds}: {first} is above {last}; give the smaller one first.")


def refuse_odd_time(time: str) -> None:
    """Refuse a time that SLURM would not take, or would understand in another way.

    Raises:
        UserError: it is one.
    """
    found = TIME.fullmatch(time)
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0, 0)
    if not found or minutes > 59 or seconds > 59 or (found[1] and hours > 23):
        other = "" if not re.fullmatch(r"\d+(:\d+)?", time) else " (SLURM would take it as minutes)"
        raise UserError(
            f"time is {time}{other}: give hours:minutes:seconds, as 24:00:00, or days-hours:minutes:seconds, "
            "as 2-12:00:00."
        )
    if ((days * 24 + hours) * 60 + minutes) * 60 + seconds < LEAST:
        raise UserError(f"time is {time}: give 10 minutes or more: the job is told to stop minutes before its end.")


def batches(file: Path, processes: int) -> str:
    """Return what the batch of all processes is, in words; nothing if the file doesn't name its data."""
    data = read_mapping(str(file)).get("data")
    named = data if isinstance(data, dict) else {"class_path": data}
    options = named.get("init_args") if isinstance(named.get("init_args"), dict) else {}
    size = options.get("batch_size") if options else None
    if size is None:
        known = str(named.get("class_path")).rpartition(".")[2]
        try:
            size = next(option.default for option in options_in(known, "ganzoo.data") if option.name == "batch_size")
        except (KeyError, StopIteration):
            return ""
    each = int(text) if (text := str(size)).isdigit() else 0
    return f", batches of {each} for each, {each * processes:,} images together" if each else ""
