//! `+`, `-` and `*` of whole numbers that fail where the result does not fit: DataFusion's own wrap around, and answer with a
//! number that is wrong by 2⁶⁴.

use std::sync::Arc;

use arrow::array::{ArrayRef, Datum};
use arrow::compute::cast;
use arrow::compute::kernels::numeric::{add, mul, sub};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use datafusion::common::DFSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::binary::BinaryTypeCoercer;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// Plans operators of whole numbers as checked functions.
#[derive(Debug)]
pub(crate) struct CheckedArithmetic {
    functions: [Arc<ScalarUDF>; 3],
}

impl Default for CheckedArithmetic {
    fn default() -> Self {
        let function = |operator| Arc::new(ScalarUDF::from(Checked::new(operator)));
        Self {
            functions: [Operator::Plus, Operator::Minus, Operator::Multiply].map(function),
        }
    }
}

impl ExprPlanner for CheckedArithmetic {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let function = match expr.op {
            BinaryOperator::Plus => &self.functions[0],
            BinaryOperator::Minus => &self.functions[1],
            BinaryOperator::Multiply => &self.functions[2],
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let is_integer = |side: &Expr| side.get_type(schema).is_ok_and(|side| side.is_integer());
        if !(is_integer(&expr.left) && is_integer(&expr.right)) {
            return Ok(PlannerResult::Original(expr));
        }
        let (left, right) = (expr.left.get_type(schema)?, expr.right.get_type(schema)?);
        // The widest integers of both signs together become decimals, which are checked.
        let operator = Checked::operator_of(function);
        if !operator.is_some_and(|operator| result_type(&left, operator, &right).is_integer()) {
            return Ok(PlannerResult::Original(expr));
        }
        Ok(PlannerResult::Planned(
            function.call(vec![expr.left, expr.right]),
        ))
    }
}

fn result_type(left: &DataType, operator: Operator, right: &DataType) -> DataType {
    let coerced = BinaryTypeCoercer::new(left, &operator, right).get_result_type();
    coerced.unwrap_or(DataType::Null)
}

/// One operator.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    operator: Operator,
    signature: Signature,
}

impl Checked {
    fn new(operator: Operator) -> Self {
        Self {
            operator,
            signature: Signature::any(2, Volatility::Immutable),
        }
    }

    fn operator_of(function: &ScalarUDF) -> Option<Operator> {
        function
            .inner()
            .downcast_ref::<Self>()
            .map(|checked| checked.operator)
    }

    fn apply(
        &self,
        left: &dyn Datum,
        right: &dyn Datum,
    ) -> std::result::Result<ArrayRef, ArrowError> {
        match self.operator {
            Operator::Plus => add(left, right),
            Operator::Minus => sub(left, right),
            _ => mul(left, right),
        }
    }
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &'static str {
        match self.operator {
            Operator::Plus => "checked_add",
            Operator::Minus => "checked_subtract",
            _ => "checked_multiply",
        }
    }

    /// As the operator that it stands for: it names the answer's column.
    fn schema_name(&self, sides: &[Expr]) -> Result<String> {
        let name = |side: &Expr| side.schema_name().to_string();
        Ok(format!(
            "{} {} {}",
            name(&sides[0]),
            self.operator,
            name(&sides[1])
        ))
    }

    fn display_name(&self, sides: &[Expr]) -> Result<String> {
        Ok(format!("{} {} {}", sides[0], self.operator, sides[1]))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, sides: &[DataType]) -> Result<DataType> {
        Ok(result_type(&sides[0], self.operator, &sides[1]))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let wide = arguments.return_field.data_type();
        let mut sides = Vec::with_capacity(2);
        let mut is_scalar = true;
        for side in &arguments.args {
            sides.push(match side {
                ColumnarValue::Array(array) => {
                    is_scalar = false;
                    (cast(array, wide)?, false)
                }
                ColumnarValue::Scalar(value) => (value.cast_to(wide)?.to_array()?, true),
            });
        }
        let datum = |(array, is_scalar): &(ArrayRef, bool)| -> Box<dyn Datum> {
            match is_scalar {
                true => Box::new(arrow::array::Scalar::new(Arc::clone(array))),
                false => Box::new(Arc::clone(array)),
            }
        };
        let result = self.apply(&*datum(&sides[0]), &*datum(&sides[1]));
        let result = result.map_err(DataFusionError::from)?;
        match is_scalar {
            true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(
                &result, 0,
            )?)),
            false => Ok(ColumnarValue::Array(result)),
        }
    }
}
