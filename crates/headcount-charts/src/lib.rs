//! Charts as SVG: pure functions from numbers to text, for pages that work without a script.
//!
//! An SVG of this crate names classes (`series-1`, `grid`, `line` …) and leaves their looks to the page's style sheet: no
//! `style` attribute, so that a strict Content-Security-Policy holds. Names are escaped, numbers that are none are gaps,
//! and every chart has a title for those who do not see it. Nothing here knows what the numbers mean.
//!
//! | chart | shows |
//! | --- | --- |
//! | [`time_series`] | a few lines over days, with the time before dashed |
//! | [`stacked_shares`] | parts of one over days |
//! | [`ranked`] | names by size |
//! | [`spread`] | least, quarter, median, three quarters, greatest, mean by name |
//! | [`funnel`] | steps, each as a share of the first |
//! | [`timeline`] | what ran when |
//! | [`sparkline`], [`bar`] | small ones inside text |

mod axis;
mod bars;
mod number;
mod series;
mod shares;
mod small;
mod spread;
mod svg;
mod timeline;

pub use bars::{Step, funnel, ranked};
pub use number::{format_count, format_duration, format_share, format_short};
pub use series::{Line, time_series};
pub use shares::{Part, stacked_shares};
pub use small::{bar, sparkline};
pub use spread::{Spread, spread};
pub use timeline::{Span, timeline};
