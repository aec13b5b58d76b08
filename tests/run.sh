#!/usr/bin/env bash
# The test command: brings what the tests need, then runs them all. Arguments go to `cargo test`.
# On a Debian machine, as root, it installs what is missing; elsewhere it says what to install.
set -euo pipefail
cd "$(dirname "$0")/.."

# bring COMMAND PACKAGE...: installs the packages unless the command is there.
bring() {
    command -v "$1" > /dev/null && return
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get > /dev/null; then
        echo "tests/run.sh: $1 is missing; install ${*:2}" >&2
        exit 1
    fi
    apt-get update -q && apt-get install -y -q --no-install-recommends "${@:2}"
}

bring slurmctld slurm-wlm munge > /dev/null

# A Vulkan driver in software, and one that is known to be wrong, which has to be refused.
# A failure to bring one ends this script: `eval "$(…)"` would go on without it.
driver=$(tests/install-vulkan.sh)
eval "$driver"
driver=$(tests/install-vulkan.sh distribution)
eval "$driver"
# A machine without an adapter fails the GPU tests rather than skip them.
export FLATSCAPE_REQUIRE_GPU=1
# Root can mount the small file system that runs full.
if [ "$(id -u)" -eq 0 ]; then export FLATSCAPE_REQUIRE_ROOT=1; fi

cargo test "$@"
bash tests/slurm.sh target/debug/flatscape
bash tests/report.sh target/debug/flatscape
bash tests/live.sh target/debug/flatscape
bash tests/python.sh target/debug/flatscape

# What a vendor's compiler makes of the kernels, for two GPU families that are not here; their texts for DX12 and Metal too.
(bash benches/isa.sh)

# The kernels once more on another driver, with tighter limits; it comes with the browser that report.sh has brought.
(
    driver=$(tests/install-vulkan.sh swiftshader)
    eval "$driver"
    cargo test "$@" --test gpu --test gpu_trajectories
)
