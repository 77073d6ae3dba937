//! Progress bars.

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on standard error that counts to `total`; hidden if standard error is not a terminal.
pub(crate) fn bar(total: u64, unit: &'static str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = format!("{{bar:30}} {{human_pos}}/{{human_len}} {unit} {{msg}} {{eta}} left");
    let bar = ProgressBar::new(total);
    match ProgressStyle::with_template(&template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// A bar that counts files, of which nobody knows the number before it begins.
pub(crate) struct Files(ProgressBar);

impl Files {
    /// A bar that shows nothing yet.
    pub(crate) fn new() -> Self {
        Self(bar(0, "files"))
    }

    /// To be called with the files that are done and those that there are.
    pub(crate) fn counter(&mut self) -> impl FnMut(u64, u64) + '_ {
        |done, total| {
            self.0.set_length(total);
            self.0.set_position(done);
        }
    }

    /// Removes the bar.
    pub(crate) fn finish(self) {
        self.0.finish_and_clear();
    }
}
