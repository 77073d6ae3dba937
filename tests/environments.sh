# For the suites' `run` scripts: Python environments, each made once from its requirements, and the wheel of the client.
# Suites may run side by side: each environment and the wheel are made by one process at a time.
#
# HEADCOUNT_PYTHON_VENV   where the environments are kept (default: target/python-venv)
# HEADCOUNT_WHEEL         the wheel under test (default: built, or built again, by `wheel`)

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venvs=${HEADCOUNT_PYTHON_VENV:-$root/target/python-venv}
mkdir -p "$venvs"

# Makes an environment with CrewAI in 20 seconds, and shares packages between environments.
UV_VERSION=0.13.8

# Runs a command while no other process runs one under the same name: suites may run side by side.
alone() {
  local name=$1
  shift
  (
    if command -v flock >/dev/null; then flock 9; fi
    "$@"
  ) 9>"$venvs/.lock-$name"
}

# A requirements file, with the files that it includes in their places.
requirements_of() {
  local line
  while read -r line || [[ -n $line ]]; do
    if [[ $line =~ ^(-r|--requirement)[[:space:]=]*([^[:space:]]+) ]]; then
      requirements_of "$(dirname "$1")/${BASH_REMATCH[2]}"
    else
      printf '%s\n' "$line"
    fi
  done <"$1"
}

# Makes $venvs/NAME with an interpreter and a requirements file, unless it is there and complete: then it holds the file.
environment() {
  alone "$1" make_environment "$@"
}

make_environment() {
  local name=$1 python=$2 requirements=$3
  local venv=$venvs/$name
  if requirements_of "$requirements" | cmp -s - "$venv/made-from.txt"; then return; fi
  alone uv install_uv "$python"
  rm -rf "$venv"
  # Compiled now, for the tests write no bytecode.
  uv venv --quiet --python "$python" "$venv"
  uv pip install --quiet --compile-bytecode --python "$venv/bin/python" --requirement "$requirements"
  requirements_of "$requirements" >"$venv/made-from.txt"
}

install_uv() {
  if [[ -x $venvs/uv-$UV_VERSION/bin/uv ]]; then return; fi
  "$1" -m venv "$venvs/uv-$UV_VERSION"
  "$venvs/uv-$UV_VERSION/bin/pip" install --quiet --disable-pip-version-check "uv==$UV_VERSION"
}

uv() {
  UV_PYTHON_DOWNLOADS=never "$venvs/uv-$UV_VERSION/bin/uv" "$@"
}

# Installs the wheel in an environment, in place of the one that is there.
install_wheel() {
  alone "$1" uv pip install --quiet --no-index --no-deps --force-reinstall --compile-bytecode --python "$venvs/$1/bin/python" "$HEADCOUNT_WHEEL"
}

# Builds the wheel into target/wheels and names it in HEADCOUNT_WHEEL, unless that names one.
wheel() {
  if [[ -n ${HEADCOUNT_WHEEL:-} ]]; then return; fi
  environment maturin python3 "$root/tests/python-client/requirements-build.txt"
  alone wheel build_wheel
  HEADCOUNT_WHEEL=$(echo "$root"/target/wheels/headcount-*.whl)
  export HEADCOUNT_WHEEL
}

build_wheel() {
  local wheels=$root/target/wheels
  rm -rf "$wheels.new"
  # The workspace's release profile; --locked, so that it is what was checked.
  "$venvs/maturin/bin/maturin" build --release --locked --quiet \
    --manifest-path "$root/crates/headcount-python/Cargo.toml" --out "$wheels.new"
  # By name, so that a suite that installs the last one meanwhile finds a whole one; then whatever has another name.
  mkdir -p "$wheels"
  local each
  for each in "$wheels"/headcount-*.whl; do
    if [[ ! -e $wheels.new/${each##*/} ]]; then rm -f "$each"; fi
  done
  mv -f "$wheels.new"/headcount-*.whl "$wheels/"
}

# The program under test, which has to be built before.
need_binary() {
  export HEADCOUNT_BINARY=${HEADCOUNT_BINARY:-$root/target/release/headcount}
  if [[ ! -x $HEADCOUNT_BINARY ]]; then
    echo "no binary at $HEADCOUNT_BINARY; build it with: cargo build --release" >&2
    exit 2
  fi
}
