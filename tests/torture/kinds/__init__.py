"""The kinds of faults. Each module has `ROUNDS` (in full), `SHORT` (in CI) and `run(round)`."""
