//! Common parts of the aggregate functions.

use std::hash::Hasher;

use arrow::array::{Array, ArrayRef};
use datafusion::error::Result;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use datafusion::scalar::ScalarValue;

/// A groups accumulator that can be told the number of groups before it has seen them.
pub(crate) trait ResizableGroups: GroupsAccumulator + Sync + 'static {
    fn resize(&mut self, groups: usize);
}

/// A hasher for pairs of a group and a value that is a hash already, or nearly: mixing the two is enough.
#[derive(Default)]
pub(crate) struct PairHasher(u64);

impl Hasher for PairHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, part: u32) {
        self.write_u64(u64::from(part));
    }

    fn write_u64(&mut self, part: u64) {
        self.0 = (self.0.rotate_left(32) ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// A groups accumulator as an accumulator of one group.
pub(crate) struct SingleGroup<G>(pub(crate) G);

impl<G> std::fmt::Debug for SingleGroup<G> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SingleGroup")
    }
}

impl<G: ResizableGroups> Accumulator for SingleGroup<G> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let group = vec![0; values[0].len()];
        self.0.update_batch(values, &group, None, 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.0.resize(1);
        let answer = self.0.evaluate(EmitTo::All)?;
        ScalarValue::try_from_array(&answer, 0)
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.resize(1);
        let state = self.0.state(EmitTo::All)?;
        let of_one_group = |array: &ArrayRef| ScalarValue::try_from_array(array, 0);
        state.iter().map(of_one_group).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let group = vec![0; states[0].len()];
        self.0.merge_batch(states, &group, 1)
    }
}
