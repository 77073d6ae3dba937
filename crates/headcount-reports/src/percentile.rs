//! `percentile(value, share)`: the value that this share of a group's values is at most, for example
//! `percentile(duration, 0.95)`. The same rows have the same answer, in any order.
//!
//! Values are counted in buckets, 256 to a power of two, and the answer is the largest value of a bucket: a value that
//! the group has, at most 0.4 % above the exact one (by the nearest rank). A bucket is 25 bytes, so a group of
//! durations from a millisecond to a day takes at most 200 KB however many there are.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, ListArray, RecordBatch, UInt64Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, UInt64Type};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, EmitTo, GroupsAccumulator,
    Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::accumulator::{PairHasher, ResizableGroups, SingleGroup};

/// Bits of a value that its bucket ignores: of the 52 bits of the fraction it keeps eight.
const BLURRED: u32 = 52 - 8;

/// The SQL function `percentile`.
pub(crate) fn percentile() -> AggregateUDF {
    let arguments = vec![DataType::Float64, DataType::Float64];
    AggregateUDF::from(Percentile {
        signature: Signature::exact(arguments, Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Percentile {
    signature: Signature,
}

impl AggregateUDFImpl for Percentile {
    fn name(&self) -> &'static str {
        "percentile"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = |name, item: FieldRef| {
            let name = format_state_name(arguments.name, name);
            Arc::new(Field::new(name, DataType::List(item), true))
        };
        Ok(vec![
            field("tops", item_field(DataType::Float64)),
            field("counts", item_field(DataType::UInt64)),
        ])
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(SingleGroup(Buckets::new(share_of(&arguments)?))))
    }

    fn groups_accumulator_supported(&self, _arguments: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        arguments: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Buckets::new(share_of(&arguments)?)))
    }
}

/// The share must not depend on the row.
fn share_of(arguments: &AccumulatorArgs) -> Result<f64> {
    let nothing = RecordBatch::new_empty(Arc::new(arguments.schema.clone()));
    let share = arguments
        .exprs
        .get(1)
        .and_then(|share| share.evaluate(&nothing).ok());
    match share {
        Some(ColumnarValue::Scalar(ScalarValue::Float64(Some(share))))
            if (0.0..=1.0).contains(&share) =>
        {
            Ok(share)
        }
        _ => Err(DataFusionError::Plan(
            "percentile takes a value and a share from 0 to 1".to_owned(),
        )),
    }
}

fn item_field(data_type: DataType) -> FieldRef {
    Arc::new(Field::new_list_field(data_type, true))
}

/// Values that are counted together.
#[derive(Clone, Copy)]
struct Bucket {
    count: u64,
    /// The largest of them.
    top: f64,
}

/// The buckets of all groups, by group and place in the order of numbers.
struct Buckets {
    share: f64,
    groups: usize,
    buckets: HashMap<(u32, u32), Bucket, BuildHasherDefault<PairHasher>>,
}

impl Buckets {
    fn new(share: f64) -> Self {
        Self {
            share,
            groups: 0,
            buckets: HashMap::default(),
        }
    }

    fn add(&mut self, group: usize, value: f64, count: u64) {
        // NaN has no place in the order of numbers.
        if value.is_nan() {
            return;
        }
        let place = (group as u32, place_of(value));
        let bucket = self.buckets.entry(place).or_insert(Bucket {
            count: 0,
            top: value,
        });
        bucket.count += count;
        bucket.top = bucket.top.max(value);
    }

    /// The first groups' buckets, each group's in the order of numbers; the others move down.
    fn take_first(&mut self, emit_to: EmitTo) -> Vec<Vec<(u32, Bucket)>> {
        let emitted = match emit_to {
            EmitTo::All => self.groups,
            EmitTo::First(groups) => groups,
        };
        let mut first = vec![Vec::new(); emitted];
        for ((group, place), bucket) in std::mem::take(&mut self.buckets) {
            match first.get_mut(group as usize) {
                Some(buckets) => buckets.push((place, bucket)),
                None => {
                    let group = group - emitted as u32;
                    self.buckets.insert((group, place), bucket);
                }
            }
        }
        self.groups -= emitted;
        for buckets in &mut first {
            buckets.sort_unstable_by_key(|(place, _)| *place);
        }
        first
    }

    fn answer(&self, buckets: &[(u32, Bucket)]) -> Option<f64> {
        let count: u64 = buckets.iter().map(|(_, bucket)| bucket.count).sum();
        let rank = ((count as f64 * self.share).ceil() as u64).max(1);
        let mut passed = 0;
        let reached = buckets.iter().find(|(_, bucket)| {
            passed += bucket.count;
            passed >= rank
        });
        reached.map(|(_, bucket)| bucket.top)
    }
}

/// A number's bucket; larger numbers have larger ones (IEEE 754 §5.10, the total order).
fn place_of(value: f64) -> u32 {
    let bits = value.to_bits();
    let ordered = if value.is_sign_negative() {
        !bits
    } else {
        bits | 1 << 63
    };
    (ordered >> BLURRED) as u32
}

impl ResizableGroups for Buckets {
    fn resize(&mut self, groups: usize) {
        self.groups = self.groups.max(groups);
    }
}

impl GroupsAccumulator for Buckets {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.resize(total_num_groups);
        let numbers = values[0].as_primitive::<Float64Type>();
        let is_kept = |row| opt_filter.is_none_or(|kept| kept.is_valid(row) && kept.value(row));
        for (row, &group) in group_indices.iter().enumerate() {
            if numbers.is_valid(row) && is_kept(row) {
                self.add(group, numbers.value(row), 1);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let groups = self.take_first(emit_to);
        let answers = groups.iter().map(|buckets| self.answer(buckets));
        Ok(Arc::new(answers.collect::<Float64Array>()))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let groups = self.take_first(emit_to);
        let offsets = OffsetBuffer::<i32>::from_lengths(groups.iter().map(Vec::len));
        let buckets = || groups.iter().flatten().map(|(_, bucket)| bucket);
        let tops = Float64Array::from_iter_values(buckets().map(|bucket| bucket.top));
        let counts = UInt64Array::from_iter_values(buckets().map(|bucket| bucket.count));
        let lists = |items: ArrayRef| {
            let field = item_field(items.data_type().clone());
            ListArray::try_new(field, offsets.clone(), items, None)
        };
        Ok(vec![
            Arc::new(lists(Arc::new(tops))?),
            Arc::new(lists(Arc::new(counts))?),
        ])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.resize(total_num_groups);
        let (tops, counts) = (values[0].as_list::<i32>(), values[1].as_list::<i32>());
        for (row, &group) in group_indices.iter().enumerate() {
            if tops.is_null(row) || counts.is_null(row) {
                continue;
            }
            let (tops, counts) = (tops.value(row), counts.value(row));
            let counts = counts.as_primitive::<UInt64Type>().values().iter();
            let tops = tops.as_primitive::<Float64Type>().values().iter();
            for (&top, &count) in tops.zip(counts) {
                self.add(group, top, count);
            }
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows: Vec<usize> = (0..values[0].len()).collect();
        let mut each = Self::new(self.share);
        each.update_batch(values, &rows, opt_filter, rows.len())?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        let entry = size_of::<((u32, u32), Bucket)>() + 1;
        // At a load of at most 7/8.
        self.buckets.capacity() * entry * 8 / 7
    }
}
