"""A real SLURM on this machine, for test_real_slurm.py: munged, slurmctld and a slurmd a node, all in one folder.

It needs root, and Debian's packages slurm-wlm and munge. It asks nothing of /etc, systemd and cgroups, and its ports
are free ones, so that it stands beside another SLURM. Its GPUs are /dev/null by other names, so they can be asked for.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DAEMONS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol")
PER_NODE = 4  # GPUs
CONF = """
ClusterName=ganzoo
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
# no cgroups, no systemd, no accounting
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
# a node may claim more CPUs than this machine has
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,bf_interval=2
# a job of `first` takes the place of one of `last`, which is told by SIGTERM and has a minute to end
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
KillWait=10
ReturnToService=2
GresTypes=gpu
NodeName=n[1-{nodes}] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{ports[1]}-{ports[2]}] CPUs=8 RealMemory=2000 \
Gres=gpu:{gpus}
PartitionName=last Nodes=ALL Default=YES PriorityTier=1 GraceTime=60
PartitionName=first Nodes=ALL PriorityTier=2 PreemptMode=OFF
"""


def why_not() -> str:
    """Return why no SLURM can be started here; nothing if it can."""
    if missing := [name for name in DAEMONS if shutil.which(name) is None]:
        return f"no {missing[0]} here: `make test-slurm` installs SLURM on Debian"
    return "" if os.geteuid() == 0 else "SLURM's daemons need root"


def free_ports(count: int) -> list[int]:
    """Return so many free ports in a row."""
    while True:
        first, found = 20000 + secrets.randbelow(10000), []
        try:
            for port in range(first, first + count):
                found.append(socket.create_server(("127.0.0.1", port)))
            return list(range(first, first + count))
        except OSError:
            continue
        finally:
            for each in found:
                each.close()


def wait_for(found: Callable[[], Any], what: str, seconds: float = 400) -> Any:
    """Wait until something is found, and return it."""
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end, f"it never came: {what}"
        time.sleep(0.1)
    return value


class Slurm:
    """The daemons, and what is asked of them. Nothing here waits for ever."""

    def __init__(self, folder: Path, nodes: int) -> None:
        self.folder, self.daemons = folder, list[subprocess.Popen[bytes]]()
        for name in ("state", "spool", "munge"):
            (folder / name).mkdir(mode=0o755, parents=True)
        key = folder / "munge" / "key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o600)
        ports, host = free_ports(1 + nodes), socket.gethostname().partition(".")[0]
        text = CONF.format(host=host, folder=folder, nodes=nodes, gpus=PER_NODE, ports=[ports[0], ports[1], ports[-1]])
        (folder / "slurm.conf").write_text(text)
        for gpu in range(PER_NODE):
            os.mknod(folder / f"gpu{gpu}", 0o666 | 0o020000, os.stat("/dev/null").st_rdev)
        gres = f"NodeName=n[1-{nodes}] Name=gpu File={folder}/gpu[0-{PER_NODE - 1}]\n"
        (folder / "gres.conf").write_text(gres)
        (folder / "cgroup.conf").write_text("CgroupAutomount=no\n")
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
        try:
            self.start(nodes)
        except BaseException:
            self.stop()
            raise

    def start(self, nodes: int) -> None:
        munge = self.folder / "munge"
        for name in ("log", "seed"):
            (munge / name).mkdir(mode=0o700)
        files = {"key": "key", "socket": "socket", "pid": "pid", "log": "log/munged.log", "seed": "seed/seed"}
        options = [f"--{name}{'-file' * (name != 'socket')}={munge / file}" for name, file in files.items()]
        self.daemon("munged", "--foreground", "--force", *options)
        wait_for((munge / "socket").exists, "munged's socket", 20)
        self.daemon("slurmctld", "-D")
        for node in range(1, nodes + 1):
            self.daemon("slurmd", "-D", "-N", f"n{node}")
        wait_for(
            lambda: self.ask("sinfo", "-h", "-N", "-p", "last", "-t", "idle").count("\n") == nodes, "the nodes", 60
        )

    def daemon(self, *command: str) -> None:
        with (self.folder / f"{command[0]}.out").open("ab") as out:
            self.daemons.append(
                subprocess.Popen(command, env=self.environment, stdout=out, stderr=out, start_new_session=True)
            )

    def stop(self) -> None:
        """End the jobs, and then the daemons that this started."""
        if jobs := self.ask("squeue", "-h", "-o", "%A").split():
            self.ask("scancel", "--signal=KILL", "--full", *jobs)
            self.ask("scancel", *jobs)
            wait_for(lambda: not self.ask("squeue", "-h"), "the end of the jobs", 40)
        for daemon in reversed(self.daemons):
            daemon.send_signal(signal.SIGTERM)
        for daemon in self.daemons:
            daemon.wait(timeout=30)

    def ask(self, *command: str, **more: str) -> str:
        """Return what a command of SLURM's says; nothing if it fails."""
        done = subprocess.run(
            command, env=self.environment | more, capture_output=True, text=True, timeout=30, cwd=self.folder
        )
        return done.stdout

    def submit(self, script: Path, *args: str, options: tuple[str, ...] = (), **more: str) -> str:
        """Submit a job; return its id."""
        said = self.ask("sbatch", "--parsable", *options, str(script), *args, **more)
        assert said.strip(), f"{script} was not taken"
        return said.strip()

    def job(self, job: str) -> dict[str, str]:
        """Return what SLURM knows of a job."""
        words = self.ask("scontrol", "show", "job", job).split()
        return dict(word.partition("=")[::2] for word in words if "=" in word)

    def state(self, job: str) -> str:
        return self.job(job).get("JobState", "")

    def begin_again(self, job: str) -> None:
        """Start a job that was queued again now: SLURM would wait for two minutes."""
        wait_for(lambda: self.state(job) == "PENDING", f"job {job} queued again")
        time.sleep(2)  # a start in the second of the first one's end is refused by slurmd: "Job credential revoked"
        wait_for(lambda: self.started(job), f"job {job} started again")

    def started(self, job: str) -> bool:
        self.ask("scontrol", "update", f"JobId={job}", "StartTime=now")
        return self.state(job) != "PENDING"

    def end(self, job: str) -> str:
        """Wait for a job's end; return its state."""
        wait_for(lambda: self.state(job) not in ("PENDING", "RUNNING", "COMPLETING"), f"the end of job {job}")
        return self.state(job)
