#!/usr/bin/env bash
# A scan on a real two-node Slurm on loopback, one node killed in the middle: the table has to be that of an undisturbed
# run. Needs root (it starts munge and Slurm of its own, everything under one temporary folder).
#   tests/slurm.sh PATH_TO_FLATSCAPE
set -euo pipefail
flatscape=$(realpath "$1")
cd "$(dirname "$0")/.."
project=$PWD
work=$(mktemp -d /tmp/flatscape-slurm.XXXXXX)
chmod 755 "$work"
host=$(hostname -s)

cleanup() {
    code=$?
    for name in n1 n2 ctld; do
        [ -f "$work/run/$name.pid" ] && kill -9 "$(cat "$work/run/$name.pid")" 2>/dev/null || true
    done
    pkill -9 -f "$work" 2>/dev/null || true
    if [ "$code" -ne 0 ]; then
        echo "slurm test failed; the ends of its logs:" >&2
        tail -n 15 "$work"/log/*.log "$work"/scan-log/*.log >&2 2>/dev/null || true
    fi
    rm -rf "$work"
    exit "$code"
}
trap cleanup EXIT

records() { { find "$work/scan/trials" -name '*.json' 2>/dev/null || true; } | wc -l; }

getent hosts "$host" > /dev/null || echo "127.0.0.1 $host" >> /etc/hosts
mkdir -p "$work"/{run,log,state,spool-n1,spool-n2,etc}
dd if=/dev/urandom of="$work/etc/munge.key" bs=1024 count=1 status=none
chown -R root:root "$work"
chmod 400 "$work/etc/munge.key"
cat > "$work/etc/slurm.conf" <<EOF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$work/run/munge.sock,cred_expire=5
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmctldPort=26817
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool-%n
SlurmctldPidFile=$work/run/ctld.pid
SlurmdPidFile=$work/run/%n.pid
SlurmctldLogFile=$work/log/ctld.log
SlurmdLogFile=$work/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdTimeout=5
KillWait=3
MinJobAge=300
ReturnToService=2
SchedulerParameters=requeue_delay=1,sched_interval=2,bf_interval=2
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=27001 CPUs=2
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=27002 CPUs=2
PartitionName=all Nodes=n1,n2 Default=YES State=UP MaxTime=INFINITE
EOF
export SLURM_CONF=$work/etc/slurm.conf

munged --force --foreground --key-file="$work/etc/munge.key" --socket="$work/run/munge.sock" \
    --pid-file="$work/run/munge.pid" --seed-file="$work/run/munge.seed" --log-file="$work/log/munge.log" 2>/dev/null &
disown
for _ in $(seq 50); do [ -S "$work/run/munge.sock" ] && break; sleep 0.1; done
slurmctld
slurmd -N n1
slurmd -N n2
for _ in $(seq 100); do
    [ "$(sinfo -h -t idle -o %D 2>/dev/null)" = 2 ] && break
    sleep 0.2
done
[ "$(sinfo -h -t idle -o %D)" = 2 ] || { echo "the two nodes did not come up" >&2; exit 1; }

cat > "$work/scan.toml" <<EOF
[network]
neurons = 80
seed = 5
[flatten]
iterations = 2
ridge = 1e-6
[measure]
duration_ms = 30000
starts_per_map = 10
[scan]
maps = [1, 2, 3]
realizations = 2
EOF
"$flatscape" scan "$work/scan.toml" --out "$work/alone" --backend cpu --quiet
"$flatscape" collect "$work/alone" --quiet

export FLATSCAPE=$flatscape
export SBATCH_OPTIONS="--cpus-per-task=1 --chdir=$project"
bash configs/slurm/scan.sbatch "$work/scan.toml" "$work/scan" 4 > "$work/collect.id"

# Once the first records are there, node n1 dies with everything that runs on it.
for _ in $(seq 300); do
    [ "$(records)" -ge 2 ] && break
    sleep 0.1
done
on_n1=$(squeue -h -t running -w n1 -o %i | wc -l)
[ "$on_n1" -ge 1 ] || { echo "nothing ran on n1 when it was to be killed" >&2; exit 1; }
jobs=$(squeue -h -t running -w n1 -o %A)
kill -9 "$(cat "$work/run/n1.pid")"
# A dead node takes everything along, unreported: first the daemons of its jobs' steps, then every process that
# carries the node's name in its environment.
for job in $jobs; do
    pkill -9 -f "^slurmstepd: \\[$job\\." || true
done
for process in /proc/[0-9]*; do
    if grep -qsz '^SLURMD_NODENAME=n1$' "$process/environ"; then
        kill -9 "${process#/proc/}" 2>/dev/null || true
    fi
done
before=$(records)
echo "killed node n1 with $on_n1 tasks on it, $before of 18 trials done"
[ "$before" -lt 18 ] || { echo "the scan was over before the node died" >&2; exit 1; }

for _ in $(seq 600); do
    [ -z "$(squeue -h)" ] && break
    sleep 0.2
done
[ -z "$(squeue -h)" ] || { squeue >&2; echo "the jobs did not end" >&2; exit 1; }
grep -q -i "requeue" "$work/log/ctld.log" || { echo "no job was requeued" >&2; exit 1; }
cmp "$work/alone/collected/trials.csv" "$work/scan/collected/trials.csv"
echo "slurm: 18 trials on two nodes, one killed: trials.csv is that of an undisturbed run"
