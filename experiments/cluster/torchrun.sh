#!/bin/bash
# Machines without SLURM, all of their GPUs, as one run; takes the options of `ganzoo fit`. One machine:
#
#   RUN=runs/faces bash experiments/cluster/torchrun.sh --config experiments/faces/dcgan.yaml --data.root "$HOME/data/faces"
#
# Several: the same line on each of them, with their number, the name of one of them, and a folder that all of them see
# (or one in a bucket, RUN=s3://bucket/runs/faces):
#
#   NODES=2 MASTER=machine1 RUN=/shared/runs/faces bash experiments/cluster/torchrun.sh --config ...
#
# Ctrl-C and SIGTERM let the round end and save. The same line again goes on in the run's folder, exactly where it was
# saved, with the options that it started with, and at wandb as the same run if it has --wandb. So it does after a crash.

run_dir=${RUN:?give the folder of the run, as RUN=runs/faces}

# GPUS: of each machine, and so many processes. `gpu` stands for all that there are. The id is the same on all machines;
# torchrun names a folder of its own after it, so it has no slashes.
on_each_gpu() {
    exec torchrun --nnodes="${NODES:-1}" --nproc_per_node="${GPUS:-gpu}" --rdzv_backend=c10d --rdzv_id="${run_dir//\//_}" \
        --rdzv_endpoint="${MASTER:-localhost}:${PORT:-29400}" -m ganzoo "$@"
}

# Is there a run? A bucket is asked by ganzoo; one that can't be asked ends the job.
begun() {
    case $run_dir in *://*) ganzoo begun "$run_dir" >/dev/null ;; *) [ -e "$run_dir/config.yaml" ] ;; esac
    case $? in 0) return 0 ;; 1) return 1 ;; *) exit 1 ;; esac
}

if begun; then
    on_each_gpu resume "$run_dir"
else
    on_each_gpu fit "$@" --run_dir "$run_dir"
fi
