# For the suites' `run` scripts: Python environments, each made once from its requirements, and the wheel of the client.
#
# HEADCOUNT_PYTHON_VENV   where the environments are kept (default: target/python-venv)
# HEADCOUNT_WHEEL         the wheel under test (default: built, or built again, by `wheel`)

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venvs=${HEADCOUNT_PYTHON_VENV:-$root/target/python-venv}
mkdir -p "$venvs"

# Makes an environment with CrewAI in 20 seconds, and shares packages between environments.
UV_VERSION=0.13.8

# Makes $venvs/NAME with an interpreter and a requirements file, unless it is there and complete: then it holds the file.
environment() {
  local name=$1 python=$2 requirements=$3
  local venv=$venvs/$name
  if cmp -s "$requirements" "$venv/made-from.txt"; then return; fi
  (
    # Suites may run side by side.
    if command -v flock >/dev/null; then flock 9; fi
    if [[ ! -x $venvs/uv-$UV_VERSION/bin/uv ]]; then
      "$python" -m venv "$venvs/uv-$UV_VERSION"
      "$venvs/uv-$UV_VERSION/bin/pip" install --quiet --disable-pip-version-check "uv==$UV_VERSION"
    fi
  ) 9>"$venvs/.lock"
  rm -rf "$venv"
  # Compiled now, for the tests write no bytecode.
  uv venv --quiet --python "$python" "$venv"
  uv pip install --quiet --compile-bytecode --python "$venv/bin/python" --requirement "$requirements"
  cp "$requirements" "$venv/made-from.txt"
}

uv() {
  UV_PYTHON_DOWNLOADS=never "$venvs/uv-$UV_VERSION/bin/uv" "$@"
}

# Installs the wheel in an environment, in place of the one that is there.
install_wheel() {
  uv pip install --quiet --no-index --no-deps --force-reinstall --compile-bytecode --python "$venvs/$1/bin/python" "$HEADCOUNT_WHEEL"
}

# Builds the wheel into target/wheels and names it in HEADCOUNT_WHEEL, unless that names one.
wheel() {
  if [[ -n ${HEADCOUNT_WHEEL:-} ]]; then return; fi
  local wheels=$root/target/wheels
  environment maturin python3 "$root/tests/python-client/requirements-build.txt"
  rm -rf "$wheels"
  # The workspace's release profile; --locked, so that it is what was checked.
  "$venvs/maturin/bin/maturin" build --release --locked --quiet \
    --manifest-path "$root/crates/headcount-python/Cargo.toml" --out "$wheels"
  HEADCOUNT_WHEEL=$(echo "$wheels"/headcount-*.whl)
  export HEADCOUNT_WHEEL
}

# The program under test, which has to be built before.
need_binary() {
  export HEADCOUNT_BINARY=${HEADCOUNT_BINARY:-$root/target/release/headcount}
  if [[ ! -x $HEADCOUNT_BINARY ]]; then
    echo "no binary at $HEADCOUNT_BINARY; build it with: cargo build --release" >&2
    exit 2
  fi
}
