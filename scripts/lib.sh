# Shared by the scripts: says what is done, and installs what is missing.

step() { printf '\n== %s\n' "$*"; }

# Runs a command as root: as it is where we are root, else through sudo.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo "$@"
  else
    echo "this step needs root and there is no sudo: $*" >&2
    return 1
  fi
}

need_cargo() {
  if ! command -v cargo >/dev/null 2>&1; then
    echo "cargo is missing: install Rust 1.88 or later from https://rustup.rs, then run this again" >&2
    exit 1
  fi
}

# Debian packages, installed only where the given test says that they are missing.
need_packages() {
  step "installing $*"
  if ! command -v apt-get >/dev/null 2>&1; then
    echo "no apt-get here: install the equivalents of '$*' with your package manager, then run this again" >&2
    exit 1
  fi
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# ip and tc: what the end-to-end tests of `stilt watch` make their networks with. Without root they
# are skipped, loudly.
need_iproute() {
  [ "$(id -u)" != 0 ] || { command -v ip && command -v tc; } >/dev/null 2>&1 || need_packages iproute2
}

# libpcap headers, which the pcap crate links against, and what builds C: a compiler, and make for the allocator.
need_libpcap() {
  local missing=()
  [ -e /usr/include/pcap/pcap.h ] || [ -e /usr/local/include/pcap/pcap.h ] || missing+=(libpcap-dev)
  command -v cc >/dev/null 2>&1 || missing+=(gcc libc6-dev)
  command -v make >/dev/null 2>&1 || missing+=(make)
  [ ${#missing[@]} = 0 ] || need_packages "${missing[@]}"
}
