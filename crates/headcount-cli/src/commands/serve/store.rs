//! What the site sees of the collector.

use std::sync::{Arc, Weak};

use headcount_collector::IngestPipeline;
use headcount_lake::{LakeError, OrderError};
use headcount_web::{Erasures, Store};

/// The site's view of the pipeline. It does not keep the pipeline alive: the collector closes it.
pub(super) fn store(pipeline: &Arc<IngestPipeline>) -> Store {
    let (tables, account, revisions, counts) = (
        Arc::downgrade(pipeline),
        Arc::downgrade(pipeline),
        Arc::downgrade(pipeline),
        Arc::downgrade(pipeline),
    );
    Store {
        snapshot: Box::new(move || {
            let pipeline = Weak::upgrade(&tables);
            Box::pin(async move {
                match pipeline {
                    Some(pipeline) => pipeline.snapshot().await,
                    None => Err(LakeError::Closed),
                }
            })
        }),
        audit: Box::new(move || {
            let pipeline = Weak::upgrade(&account);
            Box::pin(async move {
                match pipeline {
                    Some(pipeline) => pipeline.audit().await,
                    None => Err(LakeError::Closed),
                }
            })
        }),
        revision: Box::new(move || {
            Weak::upgrade(&revisions).map_or(0, |pipeline| pipeline.revision())
        }),
        metrics: Box::new(move || {
            Weak::upgrade(&counts).map_or_else(String::new, |pipeline| pipeline.metrics())
        }),
        erasures: Some(erasures(pipeline)),
    }
}

fn erasures(pipeline: &Arc<IngestPipeline>) -> Erasures {
    let (ordered, all) = (Arc::downgrade(pipeline), Arc::downgrade(pipeline));
    Erasures {
        order: Box::new(move |selection| {
            let pipeline = Weak::upgrade(&ordered);
            Box::pin(async move {
                match pipeline {
                    Some(pipeline) => pipeline.order_crew_erasure(selection).await,
                    None => Err(OrderError::Closed),
                }
            })
        }),
        all: Box::new(move || {
            Weak::upgrade(&all).map_or_else(Vec::new, |pipeline| pipeline.crew_erasures())
        }),
    }
}
