#!/usr/bin/env bash
# What a vendor's compiler makes of every kernel, without the card: Mesa's RADV compiles for GPUs that are not there.
# Prints a table for each family; ends with 1 on a spill, on scratch memory, or on a kernel that takes over ten seconds.
#   benches/isa.sh [FAMILY...]      default: navi31 (RDNA 3) and navi21 (RDNA 2)
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- navi31 navi21
eval "$(tests/install-vulkan.sh)"
tree=target/vulkan/lavapipe
library=$(find "$PWD/$tree" -name libvulkan_radeon.so | head -n 1)
printf '{"file_format_version": "1.0.0", "ICD": {"library_path": "%s", "api_version": "1.3.0"}}\n' "$library" > "$tree/radv.json"
# A time from a cache is no time.
export MESA_SHADER_CACHE_DISABLE=true
export VK_DRIVER_FILES="$PWD/$tree/radv.json" VK_ICD_FILENAMES="$PWD/$tree/radv.json"

# The test of the shaders writes what is compiled.
rm -rf target/tmp/shaders
cargo test --quiet --test shaders other_compilers > /dev/null
cargo build --quiet --manifest-path benches/isa/Cargo.toml --target-dir target/isa
for family in "$@"; do
    printf '\n%s\n\n' "$family"
    RADV_FORCE_FAMILY=$family target/isa/debug/isa target/tmp/shaders 2> /dev/null
done
