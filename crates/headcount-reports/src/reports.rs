//! Named reports, free SQL, the list of tables.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::compute::concat_batches;
use chrono::Utc;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::execute_stream;
use futures::future::{BoxFuture, FutureExt};
use headcount_answer::{Answer, AnswerColumn, ColumnKind};
use headcount_catalog::{Table, TableId, Tier};
use headcount_lake::LakeSnapshot;
use serde_json::Value;

use crate::answer::of_schema;
use crate::damage::{self, ATTEMPTS};
use crate::engine::{QueryLimits, collect, session, within};
use crate::error::ReportError;
use crate::free_sql;
use crate::header::ReportHeader;
use crate::json::rows_of;
use crate::library::{catalog_of_reports, find_report};
use crate::parameters::{ReportParameters, Selection};
use crate::partial_aggregates::{CachePartialAggregates, PartialAggregateCache};
use crate::report_plan::{logical_plan, optimized_plan, physical_plan};
use crate::report_rows::ReportRows;
use crate::source::Source;
use crate::suggestion::did_you_mean;

/// Named reports and free SQL over a set of tables. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reports {
    sources: Arc<[Source]>,
    limits: QueryLimits,
    cache: Option<PartialAggregateCache>,
    /// The store that the sources are of, to leave out what is damaged.
    snapshot: Option<LakeSnapshot>,
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
        let sources = snapshot.schema().iter().map(source).collect();
        Self {
            snapshot: Some(snapshot.clone()),
            ..Self::over(sources, limits)
        }
    }

    /// Reports over `sources`, each query within `limits`.
    pub fn over(sources: Vec<Source>, limits: QueryLimits) -> Self {
        Self {
            sources: sources.into(),
            limits,
            cache: None,
            snapshot: None,
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
        let rows = self.report_rows(name, parameters).await?;
        rows.present(parameters.threshold())
    }

    /// The rows of the report `name` before rare values are grouped: the work of a report, which any number of thresholds
    /// can share.
    ///
    /// # Errors
    /// As of [`Self::report`].
    pub async fn report_rows(
        &self,
        name: &str,
        parameters: &ReportParameters,
    ) -> Result<ReportRows, ReportError> {
        let Some(report) = find_report(name) else {
            return Err(unknown(name));
        };
        let selection = parameters.resolve_for(report, Utc::now())?;
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
    ) -> BoxFuture<'static, Result<ReportRows, ReportError>> {
        let this = self.clone();
        let work = async move { this.run_undamaged(report, selection).await };
        within(self.limits, work.boxed())
    }

    fn start_query(&self, query: String) -> BoxFuture<'static, Result<Answer, ReportError>> {
        let this = self.clone();
        let work = async move { this.query_undamaged(&query).await };
        within(self.limits, work.boxed())
    }

    fn start_planning(
        &self,
        report: &'static ReportHeader,
    ) -> BoxFuture<'static, Result<Vec<AnswerColumn>, ReportError>> {
        let this = self.clone();
        let work = async move {
            let context = session(&this.limits, None)?;
            let selection = ReportParameters::default().resolve_for(report, Utc::now())?;
            let plan = logical_plan(&context, &this.sources, report, &selection);
            let plan = plan.await.map_err(|error| this.refused(&error))?;
            let mut columns = of_schema(plan.schema().as_arrow()).columns;
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

    /// As [`Self::query`], again without each file that turns out to be damaged.
    async fn query_undamaged(&self, query: &str) -> Result<Answer, ReportError> {
        for _ in 1..ATTEMPTS {
            let revision = self.damage_revision();
            match self.query(query).await {
                Err(error) if self.is_worth_another(&error, revision, query).await => {}
                answered => return answered,
            }
        }
        self.query(query).await
    }

    /// As [`Self::run`], again without each file that turns out to be damaged.
    async fn run_undamaged(
        &self,
        report: &'static ReportHeader,
        selection: Selection,
    ) -> Result<ReportRows, ReportError> {
        for _ in 1..ATTEMPTS {
            let revision = self.damage_revision();
            match self.run(report, selection.clone()).await {
                Err(error) if self.is_worth_another(&error, revision, report.sql).await => {}
                answered => return answered,
            }
        }
        self.run(report, selection).await
    }

    fn damage_revision(&self) -> u64 {
        self.snapshot
            .as_ref()
            .map_or(0, LakeSnapshot::damage_revision)
    }

    async fn is_worth_another(&self, error: &ReportError, revision: u64, text: &str) -> bool {
        match &self.snapshot {
            Some(snapshot) if damage::may_be_damage(error) => {
                damage::is_damage_new(snapshot, revision, text).await
            }
            _ => false,
        }
    }

    /// Notes on what an answer misses that read `tables`.
    fn damage_notes(&self, tables: &BTreeSet<String>, selection: &Selection) -> Vec<String> {
        let snapshot = self.snapshot.as_ref();
        snapshot.map_or_else(Vec::new, |snapshot| {
            damage::notes(snapshot, tables, selection)
        })
    }

    async fn query(&self, query: &str) -> Result<Answer, ReportError> {
        let refused = |error: DataFusionError| self.refused(&error);
        let mut context = session(&self.limits, None)?;
        for source in self.sources.iter() {
            let provider = Arc::clone(&source.provider);
            context
                .register_table(source.name.as_str(), provider)
                .map_err(refused)?;
        }
        let frame = free_sql::plan(&mut context, query).await.map_err(refused)?;
        let tables = damage::tables_read(frame.logical_plan()).map_err(refused)?;
        let rows = frame
            .execute_stream()
            .await
            .map_err(|error| self.failed(error))?;
        let (schema, batches) = collect(rows, &self.limits).await?;
        let mut answer = of_schema(&schema);
        answer.notes = self.damage_notes(&tables, &Selection::default());
        // A batch is dropped as soon as it has become rows.
        let rows = batches.into_iter().flat_map(|batch| rows_of(&batch));
        answer.rows = rows.collect();
        Ok(answer)
    }

    async fn run(
        &self,
        report: &'static ReportHeader,
        selection: Selection,
    ) -> Result<ReportRows, ReportError> {
        let cache = self.cache.clone().map(CachePartialAggregates::new);
        let context = session(&self.limits, cache)?;
        let refused = |error: DataFusionError| self.refused(&error);
        let plan = optimized_plan(&context, &self.sources, report, &selection);
        let plan = plan.await.map_err(refused)?;
        let tables = damage::tables_read(&plan).map_err(refused)?;
        let plan = physical_plan(&context, &plan).await.map_err(refused)?;
        let rows = execute_stream(plan, context.task_ctx()).map_err(refused)?;
        let (schema, batches) = collect(rows, &self.limits).await?;
        let mut rows =
            concat_batches(&schema, &batches).map_err(|error| self.failed(error.into()))?;
        if selection.by.is_none()
            && let Ok(period) = rows.schema().index_of("period")
        {
            rows.remove_column(period);
        }
        let missing = self.damage_notes(&tables, &selection);
        let rows = ReportRows::new(report, selection, rows, self.limits.memory_bytes);
        Ok(rows.with_missing(missing))
    }

    fn refused(&self, error: &DataFusionError) -> ReportError {
        ReportError::planning(error, self.limits.memory_bytes)
    }

    fn failed(&self, error: DataFusionError) -> ReportError {
        ReportError::running(&error, self.limits.memory_bytes)
    }
}

fn unknown(name: &str) -> ReportError {
    let names: Vec<&str> = catalog_of_reports()
        .iter()
        .map(|report| report.name.as_str())
        .collect();
    ReportError::UnknownReport {
        name: name.to_owned(),
        hint: did_you_mean(name, names.iter().copied()),
        known: names.join(", "),
    }
}
