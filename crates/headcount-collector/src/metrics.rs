//! The collector's own metrics in Prometheus' text format 0.0.4. Labels are from fixed lists: no text of a request can
//! become one (promise 1). `docs/operations.md` says what to do about each.

mod process;
mod requests;
mod server;
mod store;

use headcount_observe::Page;

use crate::ingest::IngestPipeline;

pub(crate) use process::note_start;

impl IngestPipeline {
    /// The page for Prometheus; counters begin with the process. It asks the file system a few times, so it is nothing for a
    /// thread that must not wait.
    pub fn metrics(&self) -> String {
        let mut page = Page::new();
        process::write(&mut page);
        requests::write(&mut page, self.counters());
        if let Some(state) = self.server().get() {
            server::write(&mut page, state);
        }
        store::write(&mut page, self);
        page.into_text()
    }
}
