//! Everything that a partial aggregate depends on except the file, as a value that can be compared.
//!
//! Two plans have equal keys if their operators, expressions and schemas are equal. An operator or an expression that is
//! not listed here has no key, and what it computes is not cached.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::Fields;
use datafusion::common::UnnestOptions;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
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

/// About how much memory an expression takes, without the texts in it.
const EXPRESSION_BYTES: usize = 128;

/// The structure of an aggregate over one file.
#[derive(Debug)]
pub(super) struct PlanKey {
    /// The hash of the structure, kept because a key is looked up once for each file.
    hash: u64,
    expressions: usize,
    aggregate: AggregateKey,
    /// From the operator below the aggregate down to the scan.
    input: Vec<OperatorKey>,
}

impl PlanKey {
    /// The key of `aggregate` over `input`; none if part of the plan is not understood.
    pub(super) fn of(aggregate: &AggregateExec, input: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        let mut expressions = Expressions::default();
        let aggregate = AggregateKey::of(aggregate, &mut expressions)?;
        let mut operators = Vec::new();
        let mut next = Some(input);
        while let Some(plan) = next {
            let (operator, below) = OperatorKey::of(plan, &mut expressions)?;
            operators.push(operator);
            next = below;
        }
        let mut hasher = DefaultHasher::new();
        (&aggregate, &operators).hash(&mut hasher);
        Some(Self {
            hash: hasher.finish(),
            expressions: expressions.count,
            aggregate,
            input: operators,
        })
    }

    /// Bytes of memory, about.
    pub(super) fn size(&self) -> usize {
        size_of::<Self>()
            + self.expressions * EXPRESSION_BYTES
            + self.input.len() * size_of::<OperatorKey>()
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

#[derive(Debug, PartialEq, Eq, Hash)]
struct AggregateKey {
    groups: Vec<Named>,
    null_groups: Vec<Named>,
    grouping_sets: Vec<Vec<bool>>,
    has_grouping_sets: bool,
    functions: Vec<FunctionKey>,
    output: Fields,
}

impl AggregateKey {
    fn of(aggregate: &AggregateExec, expressions: &mut Expressions) -> Option<Self> {
        let groups = aggregate.group_expr();
        let functions = aggregate.aggr_expr().iter().zip(aggregate.filter_expr());
        let functions: Option<Vec<FunctionKey>> = functions
            .map(|(function, filter)| {
                let arguments = function.expressions();
                Some(FunctionKey {
                    function: function.fun().clone(),
                    arguments: expressions.keys(&arguments)?,
                    filter: expressions.optional_key(filter.as_ref())?,
                    is_distinct: function.is_distinct(),
                    ignores_nulls: function.ignore_nulls(),
                    is_reversed: function.is_reversed(),
                })
            })
            .collect();
        Some(Self {
            groups: expressions.named(groups.expr())?,
            null_groups: expressions.named(groups.null_expr())?,
            grouping_sets: groups.groups().to_vec(),
            has_grouping_sets: groups.has_grouping_set(),
            functions: functions?,
            output: aggregate.schema().fields().clone(),
        })
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct FunctionKey {
    function: AggregateUDF,
    arguments: Vec<Expression>,
    filter: Option<Expression>,
    is_distinct: bool,
    ignores_nulls: bool,
    is_reversed: bool,
}

/// An operator that treats each row by itself, with the fields that come out.
#[derive(Debug, PartialEq, Eq, Hash)]
struct OperatorKey {
    kind: OperatorKind,
    output: Fields,
}

#[derive(Debug, PartialEq, Eq, Hash)]
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
    fn of<'p>(
        plan: &'p Arc<dyn ExecutionPlan>,
        expressions: &mut Expressions,
    ) -> Option<(Self, Option<&'p Arc<dyn ExecutionPlan>>)> {
        if plan.fetch().is_some() {
            return None;
        }
        let (kind, input) = if let Some(filter) = plan.downcast_ref::<FilterExec>() {
            let columns = filter.projection().as_ref();
            let kind = OperatorKind::Filter {
                predicate: expressions.key(filter.predicate())?,
                columns: columns.map(|columns| columns.to_vec()),
            };
            (kind, Some(filter.input()))
        } else if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
            let columns = expressions.projected(projection.expr())?;
            (OperatorKind::Projection(columns), Some(projection.input()))
        } else if let Some(unnest) = plan.downcast_ref::<UnnestExec>() {
            let kind = OperatorKind::Unnest {
                lists: unnest.list_column_indices().to_vec(),
                structs: unnest.struct_column_indices().to_vec(),
                options: unnest.options().clone(),
            };
            (kind, Some(unnest.input()))
        } else {
            (scan(plan, expressions)?, None)
        };
        let output = plan.schema().fields().clone();
        Some((Self { kind, output }, input))
    }
}

fn scan(plan: &Arc<dyn ExecutionPlan>, expressions: &mut Expressions) -> Option<OperatorKind> {
    let source = plan.downcast_ref::<DataSourceExec>()?.data_source();
    let scan = source.downcast_ref::<FileScanConfig>()?;
    let parquet = scan.file_source().downcast_ref::<ParquetSource>()?;
    let projection = scan.file_source().projection();
    let columns = match projection {
        Some(projection) => Some(expressions.projected(projection.as_ref())?),
        None => None,
    };
    Some(OperatorKind::Scan {
        store: scan.object_store_url.to_string(),
        file: scan.file_schema().fields().clone(),
        columns,
        predicate: expressions.optional_key(scan.file_source().filter().as_ref())?,
        filters_rows: parquet.table_parquet_options().global.pushdown_filters,
    })
}

type Named = (Expression, String);

/// An expression, compared by its structure.
#[derive(Debug)]
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

/// Makes keys of expressions and counts them.
#[derive(Default)]
struct Expressions {
    count: usize,
}

impl Expressions {
    fn key(&mut self, expr: &Arc<dyn PhysicalExpr>) -> Option<Expression> {
        let mut is_understood = true;
        let walked = expr.apply(|node| {
            self.count += 1;
            is_understood &= is_known(node) && !node.is_volatile_node();
            Ok(if is_understood {
                TreeNodeRecursion::Continue
            } else {
                TreeNodeRecursion::Stop
            })
        });
        (walked.is_ok() && is_understood).then(|| Expression(Arc::clone(expr)))
    }

    fn keys(&mut self, exprs: &[Arc<dyn PhysicalExpr>]) -> Option<Vec<Expression>> {
        exprs.iter().map(|expr| self.key(expr)).collect()
    }

    /// `Some(None)` where there is no expression.
    fn optional_key(&mut self, expr: Option<&Arc<dyn PhysicalExpr>>) -> Option<Option<Expression>> {
        match expr {
            None => Some(None),
            Some(expr) => self.key(expr).map(Some),
        }
    }

    fn named(&mut self, exprs: &[(Arc<dyn PhysicalExpr>, String)]) -> Option<Vec<Named>> {
        let keys = exprs.iter();
        keys.map(|(expr, name)| Some((self.key(expr)?, name.clone())))
            .collect()
    }

    fn projected(&mut self, exprs: &[ProjectionExpr]) -> Option<Vec<Named>> {
        let keys = exprs.iter();
        keys.map(|column| Some((self.key(&column.expr)?, column.alias.clone())))
            .collect()
    }
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
            expressions: 0,
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
