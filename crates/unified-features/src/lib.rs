//! One set of features of shared dependencies, however the workspace is built. Holds no code.
