//! Planning a query that somebody wrote.
//!
//! Two things differ from DataFusion's own planning. Whole numbers are added, subtracted and multiplied with a check
//! ([`CheckedArithmetic`]). And expressions that differ by a cast alone get names of their own: DataFusion names an expression
//! without its casts, so that `max(x)` and `max(CAST(x AS DOUBLE))` are two columns of one name, which it refuses whatever they
//! are called in the end. A query that is refused for that reason is planned once more, with a call of `before_cast` around what is
//! cast: it returns its argument, and its name has the type.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::SchemaError;
use datafusion::dataframe::DataFrame;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, Select, SelectItem, Value, VisitMut, VisitorMut,
};

use crate::checked_arithmetic::CheckedArithmetic;
use crate::engine_words::in_our_words;

/// The function's name in SQL.
const BEFORE_CAST: &str = "before_cast";

/// The sentence that is added where a name is still taken twice.
const WAY_OUT: &str = "; if the expressions differ, name each with AS in a subquery";

/// Plans `query`, which may only read.
///
/// # Errors
/// It is not SQL, names something that does not exist, or does more than read.
pub(crate) async fn plan(context: &mut SessionContext, query: &str) -> Result<DataFrame> {
    context.register_expr_planner(Arc::new(CheckedArithmetic::default()))?;
    let state = context.state();
    let dialect = state.config().options().sql_parser.dialect;
    let mut statement = state.sql_to_statement(query, &dialect)?;
    let as_written = statement.clone();
    // The optimizer gives columns names as well, and finds some of them twice.
    let has_casts = name_casts(&mut statement);
    let planned = match state.statement_to_plan(as_written).await {
        Ok(plan) if has_casts => state.optimize(&plan).map(|_| plan),
        planned => planned,
    };
    let plan = match planned {
        Err(error) if has_a_name_twice(&error) => {
            if !has_casts {
                return Err(with_way_out(error));
            }
            let _none_before = context.register_udf(Arc::new(BeforeCast::default().into()))?;
            let again = context.state().statement_to_plan(statement).await;
            again.map_err(|_| with_way_out(error))?
        }
        planned => planned?,
    };
    let reading_only = SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false);
    reading_only.verify_plan(&plan)?;
    context.execute_logical_plan(plan).await
}

/// Whether the planner found two expressions of one name.
fn has_a_name_twice(error: &DataFusionError) -> bool {
    match error.find_root() {
        DataFusionError::SchemaError(error, _) => matches!(
            **error,
            SchemaError::DuplicateQualifiedField { .. }
                | SchemaError::DuplicateUnqualifiedField { .. }
                | SchemaError::AmbiguousReference { .. }
        ),
        // The planner has no kind for this one (`validate_unique_names`).
        DataFusionError::Plan(text) => text.contains("unique expression names"),
        _ => false,
    }
}

fn with_way_out(error: DataFusionError) -> DataFusionError {
    DataFusionError::Plan(in_our_words(&error) + WAY_OUT)
}

/// Names every cast of the statement by its type; returns whether there is any.
fn name_casts(statement: &mut Statement) -> bool {
    let mut statements = VecDeque::from([statement]);
    let mut names = CastNames { found: false };
    while let Some(statement) = statements.pop_front() {
        match statement {
            Statement::Statement(statement) => {
                let _: ControlFlow<()> = statement.visit(&mut names);
            }
            Statement::Explain(explain) => statements.push_back(&mut explain.statement),
            _ => {}
        }
    }
    names.found
}

struct CastNames {
    found: bool,
}

impl VisitorMut for CastNames {
    type Break = ();

    /// A column without a name gets that of its text, before the text changes.
    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr) = item
                && !matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
            {
                let name = Ident::with_quote('"', expr.to_string());
                let expr = std::mem::replace(expr, Expr::value(Value::Null));
                *item = SelectItem::ExprWithAlias { expr, alias: name };
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let (before, to) = match expr {
            Expr::Cast {
                expr, data_type, ..
            } => (expr, data_type.to_string()),
            Expr::AtTimeZone {
                timestamp,
                time_zone,
            } => (timestamp, time_zone.to_string()),
            _ => return ControlFlow::Continue(()),
        };
        // The planner reads the type of a literal from the cast around it.
        if !matches!(**before, Expr::Value(_) | Expr::TypedString(_)) {
            self.found = true;
            let inner = std::mem::replace(&mut **before, Expr::value(Value::Null));
            **before = call(inner, to);
        }
        ControlFlow::Continue(())
    }
}

/// `before_cast(expr, 'to')`.
fn call(expr: Expr, to: String) -> Expr {
    let argument = |expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr));
    let to = Expr::value(Value::SingleQuotedString(to));
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(BEFORE_CAST)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![argument(expr), argument(to)],
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// Returns its first argument.
#[derive(Debug, PartialEq, Eq, Hash)]
struct BeforeCast {
    signature: Signature,
}

impl Default for BeforeCast {
    fn default() -> Self {
        Self {
            signature: Signature::any(2, Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for BeforeCast {
    fn name(&self) -> &'static str {
        BEFORE_CAST
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments[0].clone())
    }

    fn invoke_with_args(&self, mut arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(arguments.args.swap_remove(0))
    }
}
