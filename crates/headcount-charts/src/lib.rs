//! Charts as SVG: pure functions from numbers to text, for pages that work without JavaScript.
//!
//! The SVG contains classes (`series-1`, `grid`, `line` …) and no `style` attributes, so that the style sheet controls the
//! appearance and a strict Content-Security-Policy holds. Text is escaped, NaN and infinity are gaps, and every chart has
//! a title for screen readers.
//!
//! | chart | shows |
//! | --- | --- |
//! | [`TimeSeries`] | lines over days, with the previous period dashed |
//! | [`stacked_shares`] | shares of a whole over days |
//! | [`bar_chart`] | names by value |
//! | [`box_plots`] | distributions by name |
//! | [`timeline`] | spans over time |
//! | [`sparkline`], [`bar`] | small charts inside text |

mod axis;
mod bars;
mod box_plots;
mod inline;
mod number;
mod shares;
mod svg;
mod time_series;
mod timeline;

pub use bars::bar_chart;
pub use box_plots::{BoxPlot, box_plots};
pub use inline::{bar, sparkline};
pub use number::{format_count, format_duration, format_share, format_short};
pub use shares::{Part, stacked_shares};
pub use time_series::{Line, TimeSeries};
pub use timeline::{Span, timeline};
