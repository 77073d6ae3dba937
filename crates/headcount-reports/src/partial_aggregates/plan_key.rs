//! Everything that a partial aggregate depends on except the file, as a value that can be compared.
//!
//! Two plans have equal keys if their operators, expressions and schemas are equal. An operator or an expression that is
//! not listed here has no key, and what it computes is not cached.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{Fields, Schema};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, UnnestOptions};
use datafusion::datasource::physical_plan::{FileScanConfig, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::logical_expr::AggregateUDF;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CaseExpr, CastExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr,
    Literal, NegativeExpr, NotExpr, TryCastExpr,
};
use datafusion::physical_expr::projection::ProjectionExpr;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::unnest::{ListUnnest, UnnestExec};

/// In keys, every function has these settings: those of a session differ in nothing that a value depends on, and to compare
/// them all by their texts would take longer than the query.
static SETTINGS: LazyLock<Arc<ConfigOptions>> = LazyLock::new(Arc::default);

/// The structure of an aggregate over one file.
#[derive(Debug, Clone)]
pub(super) struct PlanKey {
    /// The hash of the structure, kept because a key is looked up once for each file.
    hash: u64,
    aggregate: AggregateKey,
    /// From the operator below the aggregate down to the scan.
    input: Vec<OperatorKey>,
}

impl PlanKey {
    /// The key of `aggregate` over `input`; none if part of the plan is not understood.
    pub(super) fn of(aggregate: &AggregateExec, input: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        let aggregate = AggregateKey::of(aggregate)?;
        let mut operators = Vec::new();
        let mut next = Some(input);
        while let Some(plan) = next {
            let (operator, below) = OperatorKey::of(plan)?;
            operators.push(operator);
            next = below;
        }
        let mut hasher = DefaultHasher::new();
        (&aggregate, &operators).hash(&mut hasher);
        Some(Self {
            hash: hasher.finish(),
            aggregate,
            input: operators,
        })
    }
}

impl PartialEq for PlanKey {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.aggregate == other.aggregate && self.input == other.input
    }
}

impl Eq for PlanKey {}

impl Hash for PlanKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct AggregateKey {
    groups: Vec<Named>,
    null_groups: Vec<Named>,
    grouping_sets: Vec<Vec<bool>>,
    has_grouping_sets: bool,
    functions: Vec<FunctionKey>,
    output: Fields,
}

impl AggregateKey {
    fn of(aggregate: &AggregateExec) -> Option<Self> {
        let groups = aggregate.group_expr();
        let functions = aggregate.aggr_expr().iter().zip(aggregate.filter_expr());
        let functions: Option<Vec<FunctionKey>> = functions
            .map(|(function, filter)| {
                let arguments = function.expressions();
                Some(FunctionKey {
                    function: function.fun().clone(),
                    arguments: keys(&arguments)?,
                    filter: optional_key(filter.as_ref())?,
                    is_distinct: function.is_distinct(),
                    ignores_nulls: function.ignore_nulls(),
                    is_reversed: function.is_reversed(),
                })
            })
            .collect();
        Some(Self {
            groups: named(groups.expr())?,
            null_groups: named(groups.null_expr())?,
            grouping_sets: groups.groups().to_vec(),
            has_grouping_sets: groups.has_grouping_set(),
            functions: functions?,
            output: aggregate.schema().fields().clone(),
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct FunctionKey {
    function: AggregateUDF,
    arguments: Vec<Expression>,
    filter: Option<Expression>,
    is_distinct: bool,
    ignores_nulls: bool,
    is_reversed: bool,
}

/// An operator that treats each row by itself, with the fields that come out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct OperatorKey {
    kind: OperatorKind,
    output: Fields,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum OperatorKind {
    Scan {
        store: String,
        file: Fields,
        columns: Option<Vec<Named>>,
        predicate: Option<Expression>,
        /// Whether the scan drops the rows that do not meet the predicate, or only skips row groups.
        filters_rows: bool,
    },
    Filter {
        predicate: Expression,
        columns: Option<Vec<usize>>,
    },
    Projection(Vec<Named>),
    Unnest {
        lists: Vec<ListUnnest>,
        structs: Vec<usize>,
        options: UnnestOptions,
    },
}

impl OperatorKey {
    /// The key of `plan`, and its input.
    fn of(plan: &Arc<dyn ExecutionPlan>) -> Option<(Self, Option<&Arc<dyn ExecutionPlan>>)> {
        if plan.fetch().is_some() {
            return None;
        }
        let (kind, input) = if let Some(filter) = plan.downcast_ref::<FilterExec>() {
            let columns = filter.projection().as_ref();
            let kind = OperatorKind::Filter {
                predicate: key(filter.predicate())?,
                columns: columns.map(|columns| columns.to_vec()),
            };
            (kind, Some(filter.input()))
        } else if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
            let columns = projected(projection.expr())?;
            (OperatorKind::Projection(columns), Some(projection.input()))
        } else if let Some(unnest) = plan.downcast_ref::<UnnestExec>() {
            let kind = OperatorKind::Unnest {
                lists: unnest.list_column_indices().to_vec(),
                structs: unnest.struct_column_indices().to_vec(),
                options: unnest.options().clone(),
            };
            (kind, Some(unnest.input()))
        } else {
            (scan(plan)?, None)
        };
        let output = plan.schema().fields().clone();
        Some((Self { kind, output }, input))
    }
}

fn scan(plan: &Arc<dyn ExecutionPlan>) -> Option<OperatorKind> {
    let source = plan.downcast_ref::<DataSourceExec>()?.data_source();
    let scan = source.downcast_ref::<FileScanConfig>()?;
    let parquet = scan.file_source().downcast_ref::<ParquetSource>()?;
    let projection = scan.file_source().projection();
    let columns = match projection {
        Some(projection) => Some(projected(projection.as_ref())?),
        None => None,
    };
    Some(OperatorKind::Scan {
        store: scan.object_store_url.to_string(),
        file: scan.file_schema().fields().clone(),
        columns,
        predicate: optional_key(scan.file_source().filter().as_ref())?,
        filters_rows: parquet.table_parquet_options().global.pushdown_filters,
    })
}

type Named = (Expression, String);

/// An expression, compared by its structure.
#[derive(Debug, Clone)]
struct Expression(Arc<dyn PhysicalExpr>);

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref() == other.0.as_ref()
    }
}

impl Eq for Expression {}

impl Hash for Expression {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_ref().hash(state);
    }
}

/// The expression as a key; none if a part of it is not understood.
fn key(expr: &Arc<dyn PhysicalExpr>) -> Option<Expression> {
    let mut is_understood = true;
    let walked = Arc::clone(expr).transform_up(|node| {
        is_understood &= is_known(&node) && !node.is_volatile_node();
        Ok(match node.downcast_ref::<ScalarFunctionExpr>() {
            Some(function) => Transformed::yes(with_settings(function)?),
            None => Transformed::no(node),
        })
    });
    let walked = walked.ok().filter(|_| is_understood)?;
    Some(Expression(walked.data))
}

fn keys(exprs: &[Arc<dyn PhysicalExpr>]) -> Option<Vec<Expression>> {
    exprs.iter().map(key).collect()
}

/// `Some(None)` where there is no expression.
fn optional_key(expr: Option<&Arc<dyn PhysicalExpr>>) -> Option<Option<Expression>> {
    match expr {
        None => Some(None),
        Some(expr) => key(expr).map(Some),
    }
}

fn named(exprs: &[(Arc<dyn PhysicalExpr>, String)]) -> Option<Vec<Named>> {
    let keys = exprs.iter();
    keys.map(|(expr, name)| Some((key(expr)?, name.clone())))
        .collect()
}

fn projected(exprs: &[ProjectionExpr]) -> Option<Vec<Named>> {
    let keys = exprs.iter();
    keys.map(|column| Some((key(&column.expr)?, column.alias.clone())))
        .collect()
}

fn with_settings(function: &ScalarFunctionExpr) -> Result<Arc<dyn PhysicalExpr>> {
    let field = function.return_field(&Schema::empty())?;
    Ok(Arc::new(ScalarFunctionExpr::new(
        function.name(),
        Arc::new(function.fun().clone()),
        function.args().to_vec(),
        field,
        Arc::clone(&SETTINGS),
    )))
}

/// Whether the expression's value depends on its operands and its own fields alone, which equality compares.
fn is_known(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.is::<Column>()
        || expr.is::<Literal>()
        || expr.is::<BinaryExpr>()
        || expr.is::<CaseExpr>()
        || expr.is::<CastExpr>()
        || expr.is::<TryCastExpr>()
        || expr.is::<InListExpr>()
        || expr.is::<IsNullExpr>()
        || expr.is::<IsNotNullExpr>()
        || expr.is::<LikeExpr>()
        || expr.is::<NegativeExpr>()
        || expr.is::<NotExpr>()
        || expr.is::<ScalarFunctionExpr>()
}

#[cfg(test)]
impl PlanKey {
    /// The key of an aggregate that has neither groups nor functions.
    pub(super) fn empty() -> Self {
        Self {
            hash: 0,
            aggregate: AggregateKey {
                groups: Vec::new(),
                null_groups: Vec::new(),
                grouping_sets: Vec::new(),
                has_grouping_sets: false,
                functions: Vec::new(),
                output: Fields::empty(),
            },
            input: Vec::new(),
        }
    }
}
