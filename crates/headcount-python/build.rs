//! Has macOS's linker leave the interpreter's symbols to the interpreter, as `maturin` does.

fn main() {
    pyo3_build_config::add_extension_module_link_args();
}
