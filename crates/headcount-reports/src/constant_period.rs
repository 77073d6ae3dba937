//! A report without periods groups by one fixed day, which costs as much as any other column. This rewrite removes it from
//! the group expressions and adds it to the output again.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::logical_plan::{Aggregate, Projection};
use datafusion::logical_expr::{Expr, LogicalPlan};

/// Rewrites `plan`, in which the column `period` is always `constant`.
pub(crate) fn without_constant_period(plan: LogicalPlan, constant: &Expr) -> Result<LogicalPlan> {
    let rewritten = plan.transform_up(|node| match node {
        LogicalPlan::Aggregate(aggregate) => ungroup(aggregate, constant),
        other => Ok(Transformed::no(other)),
    });
    rewritten.map(|rewritten| rewritten.data)
}

fn ungroup(aggregate: Aggregate, constant: &Expr) -> Result<Transformed<LogicalPlan>> {
    let is_period = |expr: &Expr| matches!(expr, Expr::Column(column) if column.name == "period");
    // Over no rows, grouping by the period alone gives no group, and an aggregate without grouping gives one.
    let position = match aggregate.group_expr.as_slice() {
        [_only] => None,
        [Expr::GroupingSet(_), ..] => None,
        several => several.iter().position(is_period),
    };
    let schema = Arc::clone(&aggregate.schema);
    // Below an outer join the period may be null instead.
    let Some(position) = position.filter(|&position| !schema.field(position).is_nullable()) else {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    };
    let mut groups = aggregate.group_expr;
    groups.remove(position);
    let smaller = Aggregate::try_new(aggregate.input, groups, aggregate.aggr_expr)?;
    let columns = schema
        .iter()
        .enumerate()
        .map(|(index, (qualifier, field))| {
            if index == position {
                let constant = constant.clone();
                constant.alias_qualified(qualifier.cloned(), field.name())
            } else {
                Expr::Column(Column::from((qualifier, field)))
            }
        });
    let smaller = Arc::new(LogicalPlan::Aggregate(smaller));
    let projection =
        Projection::try_new_with_schema(columns.collect(), smaller, Arc::clone(&schema))?;
    Ok(Transformed::yes(LogicalPlan::Projection(projection)))
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::*;
    use crate::filters::period;

    fn plan_of(query: &str) -> LogicalPlan {
        let planned = async { SessionContext::new().sql(query).await };
        let plan = futures::executor::block_on(planned).unwrap().into_parts().1;
        without_constant_period(plan, &period(None)).unwrap()
    }

    const ROWS: &str = "(SELECT DATE '1970-01-01' AS period, a FROM (VALUES (1), (2)) AS t (a))";

    #[test]
    fn the_constant_period_is_not_grouped_by_and_still_comes_out() {
        let query = format!("SELECT period, a, count(*) FROM {ROWS} GROUP BY period, a");
        let plan = plan_of(&query);
        assert!(plan.to_string().contains("groupBy=[[t.a]]"), "{plan}");
        assert_eq!(plan.schema().field(0).name(), "period");
    }

    #[test]
    fn a_group_that_may_not_exist_keeps_its_period() {
        for query in [
            format!("SELECT period, count(*) FROM {ROWS} GROUP BY period"),
            format!(
                "SELECT r.period, l.b, count(*) FROM (VALUES (1)) AS l (b) LEFT JOIN {ROWS} AS r ON l.b = r.a \
                 GROUP BY r.period, l.b"
            ),
        ] {
            let plan = plan_of(&query).to_string();
            assert!(
                plan.contains("period]]") || plan.contains("period, "),
                "{plan}"
            );
        }
    }
}
