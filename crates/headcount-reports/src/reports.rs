//! Named reports, free SQL, the list of tables.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use chrono::Utc;
use datafusion::catalog::TableProvider;
use datafusion::common::ParamValues;
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use futures::future::{BoxFuture, FutureExt};
use headcount_answer::{Answer, AnswerColumn, ColumnKind};
use headcount_catalog::{Table, TableId, Tier};
use headcount_lake::LakeSnapshot;
use serde_json::Value;

use crate::answer::of_schema;
use crate::constant_period::without_constant_period;
use crate::engine::{QueryLimits, collect, session, within};
use crate::error::ReportError;
use crate::filters::period;
use crate::header::{Holder, ReportHeader};
use crate::json::rows_of;
use crate::library::{catalog_of_reports, find_report};
use crate::parameters::{ReportParameters, Selection};
use crate::partial_aggregates::{CachePartialAggregates, PartialAggregateCache};
use crate::rare_values::group_rare_values;
use crate::views::{periods, view};

/// The end of a note on grouped values, for readers who may see them.
pub(crate) const HOW_TO_SHOW_ALL: &str = "; --min-crews 1 shows every value";

/// A table that queries can read.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name in SQL.
    pub name: String,
    /// The tier of its rows.
    pub tier: Tier,
    /// How many rows it has; `None` if unknown.
    pub rows: Option<u64>,
    /// Its rows.
    pub provider: Arc<dyn TableProvider>,
}

/// Named reports and free SQL over a set of tables. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reports {
    sources: Arc<[Source]>,
    limits: QueryLimits,
    cache: Option<PartialAggregateCache>,
}

impl Reports {
    /// Reports over the records of `snapshot`, each query within `limits`.
    pub fn new(snapshot: &LakeSnapshot, limits: QueryLimits) -> Self {
        let source = |(id, table): (TableId, &Table)| Source {
            name: table.name.clone(),
            tier: table.tier,
            rows: snapshot.row_count(id),
            provider: snapshot.provider(id),
        };
        Self::over(snapshot.schema().iter().map(source).collect(), limits)
    }

    /// Reports over `sources`, each query within `limits`.
    pub fn over(sources: Vec<Source>, limits: QueryLimits) -> Self {
        Self {
            sources: sources.into(),
            limits,
            cache: None,
        }
    }

    /// The same, with the partial aggregates of files cached in `cache`, for a process that answers many queries of one
    /// store.
    #[must_use]
    pub fn with_partial_aggregates(mut self, cache: PartialAggregateCache) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Answers the report `name`.
    ///
    /// # Errors
    /// If there is no such report, a parameter cannot be read, or a limit is reached.
    pub async fn report(
        &self,
        name: &str,
        parameters: &ReportParameters,
    ) -> Result<Answer, ReportError> {
        let Some(report) = find_report(name) else {
            return Err(unknown(name));
        };
        let selection = parameters.resolve(Utc::now())?;
        self.start_report(report, selection).await
    }

    /// Runs a SQL query that only reads.
    ///
    /// # Errors
    /// If the query is not SQL, would change something, or reaches a limit.
    pub async fn sql(&self, query: &str) -> Result<Answer, ReportError> {
        if query.len() > self.limits.query_bytes {
            return Err(ReportError::QueryTooLong {
                bytes: query.len(),
                limit: self.limits.query_bytes,
            });
        }
        self.start_query(query.to_owned()).await
    }

    /// The columns of the report `name` without a period.
    ///
    /// # Errors
    /// If there is no such report, or its SQL cannot be planned over these tables.
    pub async fn columns(&self, name: &str) -> Result<Vec<AnswerColumn>, ReportError> {
        let Some(report) = find_report(name) else {
            return Err(unknown(name));
        };
        self.start_planning(report).await
    }

    // These functions are not async: an async function would compile the engine's futures in every crate that awaits it.

    fn start_report(
        &self,
        report: &'static ReportHeader,
        selection: Selection,
    ) -> BoxFuture<'static, Result<Answer, ReportError>> {
        let this = self.clone();
        let work = async move { this.run(report, &selection).await };
        within(self.limits, work.boxed())
    }

    fn start_query(&self, query: String) -> BoxFuture<'static, Result<Answer, ReportError>> {
        let this = self.clone();
        let work = async move { this.query(&query).await };
        within(self.limits, work.boxed())
    }

    fn start_planning(
        &self,
        report: &'static ReportHeader,
    ) -> BoxFuture<'static, Result<Vec<AnswerColumn>, ReportError>> {
        let this = self.clone();
        let work = async move {
            let context = session(&this.limits, None)?;
            let frame = plan(&context, &this.sources, report, &Selection::default()).await;
            let frame = frame.map_err(|error| this.refused(&error))?;
            let mut columns = of_schema(frame.schema().as_arrow()).columns;
            columns.retain(|column| column.name != "period");
            Ok(columns)
        };
        within(self.limits, work.boxed())
    }

    /// The same without the tables of `tier`.
    #[must_use]
    pub fn without_tier(&self, tier: Tier) -> Self {
        let kept = self.sources.iter().filter(|source| source.tier != tier);
        Self {
            sources: kept.cloned().collect(),
            ..self.clone()
        }
    }

    /// The tables: `table_name`, `tier`, `rows`.
    pub fn tables(&self) -> Answer {
        let column = |name: &str, kind| AnswerColumn {
            name: name.to_owned(),
            kind,
        };
        let row = |source: &Source| {
            vec![
                Value::from(source.name.as_str()),
                Value::from(source.tier.name()),
                Value::from(source.rows),
            ]
        };
        Answer {
            columns: vec![
                column("table_name", ColumnKind::Text),
                column("tier", ColumnKind::Text),
                column("rows", ColumnKind::Integer),
            ],
            rows: self.sources.iter().map(row).collect(),
            notes: Vec::new(),
        }
    }

    async fn query(&self, query: &str) -> Result<Answer, ReportError> {
        let refused = |error: DataFusionError| self.refused(&error);
        let context = session(&self.limits, None)?;
        for source in self.sources.iter() {
            let provider = Arc::clone(&source.provider);
            context
                .register_table(source.name.as_str(), provider)
                .map_err(refused)?;
        }
        let reading_only = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        let frame = context.sql_with_options(query, reading_only);
        let frame = frame.await.map_err(refused)?;
        let (schema, batches) = collect(frame, &self.limits).await?;
        let mut answer = of_schema(&schema);
        // A batch is dropped as soon as it has become rows.
        let rows = batches.into_iter().flat_map(|batch| rows_of(&batch));
        answer.rows = rows.collect();
        Ok(answer)
    }

    async fn run(
        &self,
        report: &'static ReportHeader,
        selection: &Selection,
    ) -> Result<Answer, ReportError> {
        let cache = self.cache.clone().map(CachePartialAggregates::new);
        let context = session(&self.limits, cache)?;
        let frame = plan(&context, &self.sources, report, selection)
            .await
            .map_err(|error| self.refused(&error))?;
        let (schema, batches) = collect(frame, &self.limits).await?;
        let all = concat_batches(&schema, &batches).map_err(|error| self.failed(error.into()))?;
        self.present(report, selection, all)
    }

    /// Groups rare values, orders and annotates the rows of a report.
    fn present(
        &self,
        report: &ReportHeader,
        selection: &Selection,
        mut all: RecordBatch,
    ) -> Result<Answer, ReportError> {
        if selection.by.is_none()
            && let Ok(period) = all.schema().index_of("period")
        {
            all.remove_column(period);
        }
        let mut answer = of_schema(&all.schema());
        answer.rows = match &report.free_text {
            None => rows_of(&all),
            Some(free_text) => {
                let grouped = group_rare_values(&all, free_text, selection.min_crews)
                    .map_err(|error| self.failed(error.into()))?;
                let note = grouping_note(report, selection.min_crews, grouped.values);
                answer.notes.extend(note);
                grouped.rows
            }
        };
        if selection.by.is_some() {
            // Grouped rows come last; each belongs to its period. ISO 8601 dates sort as text.
            answer.rows.sort_by(|left, right| {
                let day = |row: &[Value]| row[0].as_str().map(str::to_owned);
                day(left).cmp(&day(right))
            });
        }
        for (column, note) in &report.when_null {
            let index = answer.column_index(column);
            let is_null = |row: &Vec<Value>| index.is_some_and(|index| row[index].is_null());
            if answer.rows.iter().any(is_null) {
                answer.notes.push(note.clone());
            }
        }
        answer.notes.extend(report.notes.iter().cloned());
        if let Some((column, _)) = &selection.environment {
            answer.notes.push(match report.reads_shared_tier() {
                true => "shared records name no environment: that filter is ignored".to_owned(),
                false => format!(
                    "only records with a known {column} count; lost and refused records have none"
                ),
            });
        }
        Ok(answer)
    }

    fn refused(&self, error: &DataFusionError) -> ReportError {
        ReportError::planning(error, self.limits.memory_bytes)
    }

    fn failed(&self, error: DataFusionError) -> ReportError {
        ReportError::running(&error, self.limits.memory_bytes)
    }
}

/// The report's plan over views of `sources`.
pub(crate) async fn plan(
    context: &SessionContext,
    sources: &[Source],
    report: &ReportHeader,
    selection: &Selection,
) -> Result<DataFrame, DataFusionError> {
    for source in sources {
        let provider = Arc::clone(&source.provider);
        let provider = view(context, &source.name, provider, selection)?;
        context.register_table(source.name.as_str(), provider)?;
    }
    context.register_table("periods", periods(context, selection)?)?;
    let mut frame = context.sql(report.sql).await?;
    if selection.by.is_none() {
        let (state, plan) = frame.into_parts();
        let plan = without_constant_period(plan, &period(None))?;
        frame = DataFrame::new(state, plan);
    }
    let min_crews = i64::try_from(selection.min_crews).unwrap_or(i64::MAX);
    let min_crews = ("min_crews", ScalarValue::Int64(Some(min_crews)));
    frame.with_param_values(ParamValues::from(vec![min_crews]))
}

fn grouping_note(report: &ReportHeader, min_crews: u64, values: u64) -> Option<String> {
    let free_text = report.free_text.as_ref()?;
    if values == 0 {
        return None;
    }
    let column = &free_text.column;
    Some(match &free_text.holder {
        Holder::Column(holder) => format!(
            "{values} of the values of {column} come from fewer than {min_crews} {holder} and are grouped; their \
             whole numbers are added up, so one of the {holder} may count several times there{HOW_TO_SHOW_ALL}"
        ),
        Holder::NoCrew => format!(
            "{values} of the values of {column} are grouped: the framework's spans name no crew, so none is known \
             to come from {min_crews} different crews{HOW_TO_SHOW_ALL}"
        ),
    })
}

fn unknown(name: &str) -> ReportError {
    let names: Vec<&str> = catalog_of_reports()
        .iter()
        .map(|report| report.name.as_str())
        .collect();
    ReportError::UnknownReport {
        name: name.to_owned(),
        known: names.join(", "),
    }
}
