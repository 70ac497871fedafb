"""What lies about on the pretend hosts and here: an nvidia-smi, and what is worth running."""

from __future__ import annotations

from typing import Final

# Prints from the table that Vitals keeps, as the real one answers --query-gpu and -L.
NVIDIA_SMI: Final = r"""#!/bin/sh
table="$(dirname "$0")/../gpus.csv"
query=index,name,utilization.gpu,memory.used,memory.total
format=csv
for word in "$@"; do
    case "$word" in
        --query-gpu=*) query=${word#*=} ;;
        --format=*) format=${word#*=} ;;
        -L|--list-gpus)
            exec awk -F, 'NR > 1 { printf "GPU %s: %s (UUID: %s)\n", $1, $2, $3 }' "$table" ;;
    esac
done
exec awk -F, -v query="$query" -v format="$format" '
    function unit(field) {
        if (format ~ /nounits/) return ""
        if (field ~ /^utilization/) return " %"
        return field ~ /^memory/ ? " MiB" : ""
    }
    NR == 1 {
        for (i = 1; i <= NF; i++) column[$i] = i
        wanted = split(query, field, ",")
        for (i = 1; i <= wanted; i++) {
            gsub(/ /, "", field[i])
            if (field[i] in column) continue
            printf "Field \"%s\" is not a valid field to query.\n", field[i]
            exit 2
        }
        if (format ~ /noheader/) next
    }
    {
        line = ""
        for (i = 1; i <= wanted; i++) {
            value = NR == 1 ? field[i] : $column[field[i]] unit(field[i])
            line = line (i > 1 ? ", " : "") value
        }
        print line
    }' "$table"
"""

README: Final = """\
This is a pretend host of the lazytui demo. Try in this folder:

    python3 train.py        a training run with a live progress bar   (train.py 20: longer)
    sh bench.sh             one line a second, with colours
    sh backup.sh            fails with exit status 3, as backups do
    seq 1 100000            much output at once
    nvidia-smi -L           the GPUs, on the gpu hosts

Everything here vanishes when the demo ends.
"""

TRAIN: Final = '''\
"""Pretend to train a model: an epoch a line, with a progress bar that redraws itself."""

import math
import socket
import sys
import time

STEPS = 40
BAR = 24


def show(epoch, epochs, step, loss):
    done = BAR * step // STEPS
    bar = "#" * done + "-" * (BAR - done)
    line = "epoch %2d/%d [%s] %3d%% loss %.4f" % (epoch, epochs, bar, 100 * step // STEPS, loss)
    sys.stdout.write("\\r" + line)
    sys.stdout.flush()


def main():
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print("training on %s, %d epochs" % (socket.gethostname(), epochs))
    for epoch in range(1, epochs + 1):
        for step in range(STEPS + 1):
            loss = 2.3 * math.exp(-(epoch - 1 + step / STEPS) / 2.5) + 0.08
            show(epoch, epochs, step, loss)
            time.sleep(0.05)
        print()
    print("saved model.pt")


main()
'''

BENCH: Final = r"""# One measurement a second; the last one is too slow.
for size in 1 4 16 64 256; do
    rate=$((2400 - size * 3))
    printf 'block %4d KiB   \033[32m%5d MB/s\033[0m\n' "$size" "$rate"
    sleep 1
done
printf 'block 1024 KiB   \033[31m%5d MB/s\033[0m  \033[33mwarning: slow\033[0m\n' 312
"""

BACKUP: Final = """\
# A backup that runs out of space.
for folder in home projects datasets; do
    echo "copying $folder"
    sleep 1
done
echo "backup: cannot write to /backup: No space left on device" >&2
exit 3
"""

HOME_FILES: Final = {
    "README": README,
    "train.py": TRAIN,
    "bench.sh": BENCH,
    "backup.sh": BACKUP,
}

HERE: Final = """\
This is your home in the demo; a pretend host is on the other side. Try on this screen:

    a           choose the host of the other side
    c           copy what is under the cursor there; C to several hosts at once
    t           the transfers

words.toml is a task of several steps: it sends words.txt, counts it, calls a Python function, and
gets a file from each host. n on Tasks (2) makes a task: there ctrl+o opens it and r runs it.
"""

WORDS: Final = "".join(f"{word} {number}\n" for number in range(400) for word in ("ssh", "tmux"))

COUNT: Final = '''\
"""A function for the hosts: it is sent there as it is."""


def lengths(path="words.txt"):
    """Give how many words of each length are in a file."""
    found = {}
    with open(path) as lines:
        for line in lines:
            size = len(line.split()[0])
            found[size] = found.get(size, 0) + 1
    print("lengths of words:", found)
    return found
'''

TASK: Final = """\
name = "words"
where = "cpu[01-02]"

[[steps]]
send = "words.txt"

[[steps]]
run = "cut -d' ' -f1 words.txt | sort | uniq -c | tee top.txt"

[[steps]]
function = "count.py:lengths"

[[steps]]
get = "top.txt"
to = "results/"
"""

FILES_HERE: Final = {"README": HERE, "words.txt": WORDS, "count.py": COUNT, "words.toml": TASK}
