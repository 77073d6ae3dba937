//! Conditions on `time` that hold for a whole file, by the file's statistics.

use std::sync::Arc;

use datafusion::common::{ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, IsNotNullExpr, Literal};
use datafusion::physical_expr::{PhysicalExpr, conjunction, split_conjunction};

/// The column whose bounds a file's statistics state.
pub(super) const TIME: &str = "time";

/// The minimum and maximum time in a file, microseconds since 1970 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeBounds {
    least: i64,
    greatest: i64,
}

impl TimeBounds {
    /// The bounds from the statistics of `file`; `time` is the position of the column.
    pub(super) fn of(file: &PartitionedFile, time: usize) -> Option<Self> {
        let statistics: &Statistics = file.statistics.as_deref()?;
        let column = statistics.column_statistics.get(time)?;
        Some(Self {
            least: micros(column.min_value.get_value()?)?,
            greatest: micros(column.max_value.get_value()?)?,
        })
    }

    /// `predicate` without the conditions that every time within the bounds meets. Rows without a time meet none of
    /// them, so `time IS NOT NULL` takes their place.
    pub(super) fn settle(self, predicate: &Arc<dyn PhysicalExpr>) -> Arc<dyn PhysicalExpr> {
        let mut kept = Vec::new();
        let mut timed = None;
        for condition in split_conjunction(predicate) {
            match self.always(condition) {
                Some(column) => timed = Some(column),
                None => kept.push(Arc::clone(condition)),
            }
        }
        match timed {
            None => Arc::clone(predicate),
            Some(column) => {
                kept.push(Arc::new(IsNotNullExpr::new(column)));
                conjunction(kept)
            }
        }
    }

    /// The column of time, if `condition` compares it with a moment and holds for every time within the bounds.
    fn always(self, condition: &Arc<dyn PhysicalExpr>) -> Option<Arc<dyn PhysicalExpr>> {
        let comparison = condition.downcast_ref::<BinaryExpr>()?;
        let column = comparison.left().downcast_ref::<Column>()?;
        let moment = comparison.right().downcast_ref::<Literal>()?;
        let moment = micros(moment.value())?;
        let holds = column.name() == TIME
            && match comparison.op() {
                Operator::GtEq => self.least >= moment,
                Operator::Gt => self.least > moment,
                Operator::Lt => self.greatest < moment,
                Operator::LtEq => self.greatest <= moment,
                _ => false,
            };
        holds.then(|| Arc::clone(comparison.left()))
    }
}

fn micros(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::TimestampMicrosecond(micros, _) => *micros,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::physical_expr::expressions::{binary, col, lit};

    use arrow::datatypes::{DataType, Field, Schema, TimeUnit};

    use super::*;

    fn schema() -> Schema {
        let moment = DataType::Timestamp(TimeUnit::Microsecond, None);
        Schema::new(vec![
            Field::new(TIME, moment.clone(), true),
            Field::new("created", moment, true),
        ])
    }

    fn condition(column: &str, operator: Operator, micros: i64) -> Arc<dyn PhysicalExpr> {
        let column = col(column, &schema()).unwrap();
        let moment = lit(ScalarValue::TimestampMicrosecond(Some(micros), None));
        binary(column, operator, moment, &schema()).unwrap()
    }

    const BOUNDS: TimeBounds = TimeBounds {
        least: 10,
        greatest: 20,
    };

    #[test]
    fn a_condition_that_every_row_meets_is_settled_but_for_rows_without_a_time() {
        for (operator, moment) in [
            (Operator::GtEq, 10),
            (Operator::Gt, 9),
            (Operator::Lt, 21),
            (Operator::LtEq, 20),
        ] {
            let settled = BOUNDS.settle(&condition(TIME, operator, moment));
            assert_eq!(settled.to_string(), "time@0 IS NOT NULL");
        }
    }

    #[test]
    fn a_condition_that_some_rows_may_not_meet_stays() {
        for (column, operator, moment) in [
            (TIME, Operator::GtEq, 11),
            (TIME, Operator::Gt, 10),
            (TIME, Operator::Lt, 20),
            (TIME, Operator::LtEq, 19),
            (TIME, Operator::Eq, 10),
            ("created", Operator::GtEq, 0),
        ] {
            let open = condition(column, operator, moment);
            assert_eq!(BOUNDS.settle(&open).to_string(), open.to_string());
        }
    }

    #[test]
    fn what_is_settled_goes_and_what_is_not_stays_beside_it() {
        let since = condition(TIME, Operator::GtEq, 0);
        let until = condition(TIME, Operator::Lt, 15);
        let settled = BOUNDS.settle(&conjunction([since, Arc::clone(&until)]));
        assert_eq!(
            settled.to_string(),
            format!("{until} AND time@0 IS NOT NULL")
        );
    }
}
