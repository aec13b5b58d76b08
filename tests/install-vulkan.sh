#!/usr/bin/env bash
# Makes software Vulkan drivers available for the GPU tests, without changing the system: Debian packages are unpacked
# under target/vulkan/ and used from there.
#
#   eval "$(tests/install-vulkan.sh)"                # Mesa's lavapipe, 25 or newer
#   eval "$(tests/install-vulkan.sh swiftshader)"    # SwiftShader, out of Debian's chromium, instead
#   eval "$(tests/install-vulkan.sh distribution)"   # beside one of these: Debian's own Mesa, for the self-test to refuse
#
# Prints `export` lines for the calling shell; everything else goes to stderr. Running it again costs nothing.
# Debian 12's own Mesa 22.3 ends every loop after 65,535 turns, so Mesa comes from the backports of the same archive:
# the machine's apt sources with another suite. The machine's own lists of packages stay as they are.
set -euo pipefail

driver=${1:-lavapipe}
root=$(cd "$(dirname "$0")/.." && pwd)
cache=$root/target/vulkan
tree=$cache/$driver
say() { echo "install-vulkan: $*" >&2; }

# One-line apt source for the backports of this machine's Debian archive.
backports_source() {
    local codename line
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    line=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        awk -v suite="$codename" '$2 == suite && $3 == "main" { print $1; exit }')
    if [ -z "$line" ]; then
        say "no apt source of $codename main on this machine: cannot derive the backports from it"
        exit 1
    fi
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg option=""
    [ -e "$keyring" ] && option="[signed-by=$keyring] "
    echo "deb ${option}${line} ${codename} main"
    echo "deb ${option}${line} ${codename}-backports main"
}

# apt with its own sources and lists.
private_apt() {
    local command=$1
    shift
    "$command" -o Dir::Etc::sourcelist="$cache/apt/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State::lists="$cache/apt/lists" -o Dir::Cache="$cache/apt/cache" \
        -o APT::Sandbox::User=root -o Debug::NoLocking=1 -o Acquire::Languages=none -qq "$@"
}

# Downloads PACKAGE from SUITE with what it needs and this machine lacks, and unpacks everything into $tree.
unpack() {
    local suite=$1 package=$2
    mkdir -p "$cache/apt/lists/partial" "$cache/apt/cache/archives/partial" "$cache/packages"
    backports_source >"$cache/apt/sources.list"
    private_apt apt-get update >&2
    local wanted
    wanted=$(private_apt apt-get install --simulate --no-install-recommends -t "$suite" "$package" libvulkan1 |
        sed -n 's/^Inst \([^ ]*\) \(\[[^]]*\] \)\{0,1\}(\([^ ]*\) .*/\1=\3/p')
    say "unpacking $(echo "$wanted" | wc -w) packages for $package"
    rm -rf "$tree.part" && mkdir -p "$tree.part"
    (cd "$cache/packages" && rm -f ./*.deb && private_apt apt-get download $wanted >&2)
    local deb
    for deb in "$cache"/packages/*.deb; do dpkg -x "$deb" "$tree.part"; done
    rm -rf "$cache/packages"
}

# Writes an ICD file that names the driver by its absolute path.
write_icd() {
    local library=$1
    printf '{"file_format_version": "1.0.0", "ICD": {"library_path": "%s", "api_version": "1.3.0"}}\n' \
        "$library" >"$tree/icd.json"
}

codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
if [ ! -e "$tree/icd.json" ]; then
    case $driver in
    lavapipe) unpack "$codename-backports" mesa-vulkan-drivers ;;
    distribution) unpack "$codename" mesa-vulkan-drivers ;;
    swiftshader)
        # Where the browser is installed, its driver is; apt would unpack nothing.
        if [ -e /usr/lib/chromium/libvk_swiftshader.so ]; then
            mkdir -p "$tree.part/usr/lib/chromium"
            cp /usr/lib/chromium/libvk_swiftshader.so "$tree.part/usr/lib/chromium/"
        else
            unpack "$codename" chromium
        fi
        ;;
    *)
        say "unknown driver $driver; choose lavapipe, swiftshader or distribution"
        exit 2
        ;;
    esac
    rm -rf "$tree" && mv "$tree.part" "$tree"
    case $driver in
    lavapipe | distribution) library=$(find "$tree" -name libvulkan_lvp.so | head -n 1) ;;
    swiftshader) library=$(find "$tree" -name libvk_swiftshader.so | head -n 1) ;;
    esac
    if [ -z "$library" ]; then
        say "the package holds no $driver driver"
        exit 1
    fi
    write_icd "$library"
fi
paths=$(find "$tree/usr/lib" -maxdepth 2 -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
if [ "$driver" = distribution ]; then
    echo "export FLATSCAPE_DISTRIBUTION_DRIVER='$tree/icd.json'"
    echo "export LD_LIBRARY_PATH=\${LD_LIBRARY_PATH:+\$LD_LIBRARY_PATH:}'$paths'"
    exit 0
fi
echo "export VK_DRIVER_FILES='$tree/icd.json'"
echo "export VK_ICD_FILENAMES='$tree/icd.json'"
echo "export LD_LIBRARY_PATH='$paths'\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
echo "export NODEVICE_SELECT=1"
