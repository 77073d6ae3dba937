//! The values of a query's groups.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, UInt64Array};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::UInt64Type;
use datafusion::common::utils::proxy::VecAllocExt as _;
use datafusion::error::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use super::form::{Form, item_field};
use super::values::Values;
use crate::accumulator::{PairHasher, ResizableGroups};

/// A pair that no group has.
const NOTHING: (u32, u64) = (u32::MAX, 0);

/// The values of all groups: pairs of a group and a value's hash, in one flat set.
pub(super) struct Groups {
    form: Form,
    seen: HashSet<(u32, u64), BuildHasherDefault<PairHasher>>,
    counts: Vec<i64>,
    last: (u32, u64),
    values: Values,
}

impl Groups {
    pub(super) fn new(form: Form) -> Self {
        Self {
            form,
            seen: HashSet::default(),
            counts: Vec::new(),
            last: NOTHING,
            values: Values::default(),
        }
    }

    fn insert(&mut self, group: usize, hash: u64) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "2³² groups do not fit into memory"
        )]
        let pair = (group as u32, hash);
        // Records of one crew are neighbours.
        if self.last == pair {
            return;
        }
        self.last = pair;
        if self.seen.insert(pair) {
            self.counts[group] += 1;
        }
    }

    fn insert_lists(
        &mut self,
        lists: &ArrayRef,
        group_indices: &[usize],
        kept: Option<&BooleanArray>,
    ) {
        let lists = lists.as_list::<i32>();
        let hashes = lists.values().as_primitive::<UInt64Type>().values();
        for (row, &group) in group_indices.iter().enumerate() {
            let kept = kept.is_none_or(|kept| kept.is_valid(row) && kept.value(row));
            if kept && lists.is_valid(row) {
                let (from, to) = (lists.value_offsets()[row], lists.value_offsets()[row + 1]);
                for &hash in &hashes[from as usize..to as usize] {
                    self.insert(group, hash);
                }
            }
        }
    }

    /// Removes and returns the first groups; the others move down.
    fn split_first(&mut self, emit_to: EmitTo) -> Self {
        let mut first = Self::new(self.form);
        first.counts = emit_to.take_needed(&mut self.counts);
        self.last = NOTHING;
        let seen = std::mem::take(&mut self.seen);
        let EmitTo::First(emitted) = emit_to else {
            first.seen = seen;
            return first;
        };
        let emitted = u32::try_from(emitted).unwrap_or(u32::MAX);
        for (group, hash) in seen {
            match group.checked_sub(emitted) {
                None => first.seen.insert((group, hash)),
                Some(group) => self.seen.insert((group, hash)),
            };
        }
        first
    }

    fn into_lists(self) -> Result<ArrayRef> {
        let lengths = self.counts.iter();
        let lengths = lengths.map(|&count| usize::try_from(count).unwrap_or(0));
        let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
        let mut next: Vec<usize> = offsets.iter().map(|&offset| offset as usize).collect();
        let mut hashes = vec![0; next.last().copied().unwrap_or(0)];
        for (group, hash) in self.seen {
            let next = &mut next[group as usize];
            hashes[*next] = hash;
            *next += 1;
        }
        let values = Arc::new(UInt64Array::new(ScalarBuffer::from(hashes), None));
        let lists = ListArray::try_new(item_field(), offsets, values, None)?;
        Ok(Arc::new(lists))
    }
}

impl ResizableGroups for Groups {
    fn resize(&mut self, groups: usize) {
        self.counts.resize(groups.max(self.counts.len()), 0);
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.resize(total_num_groups);
        match self.form {
            Form::Count | Form::Set => {
                let mut reader = std::mem::take(&mut self.values);
                let read = reader.each(values, opt_filter, |row, hash| {
                    self.insert(group_indices[row], hash);
                });
                self.values = reader;
                read
            }
            Form::Union | Form::UnionSet => {
                self.insert_lists(&values[0], group_indices, opt_filter);
                Ok(())
            }
        }
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let emitted = self.split_first(emit_to);
        match self.form {
            Form::Count | Form::Union => Ok(Arc::new(Int64Array::from(emitted.counts))),
            Form::Set | Form::UnionSet => emitted.into_lists(),
        }
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.split_first(emit_to).into_lists()?])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.resize(total_num_groups);
        self.insert_lists(&values[0], group_indices, None);
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows: Vec<usize> = (0..values[0].len()).collect();
        let mut each = Self::new(self.form);
        each.update_batch(values, &rows, opt_filter, rows.len())?;
        each.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        // 16 bytes per entry and one control byte, at a load of at most 7/8.
        self.seen.capacity() * 17 * 8 / 7 + self.counts.allocated_size() + self.values.size()
    }
}
