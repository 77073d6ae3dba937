//! Spans of the host application, which releases 0.10.0 to 1.15.14 exported along with their own. A collector must reject
//! all of them.

use crate::draft::Draft;
use crate::random::Rng;

/// Two or three spans of an instrumented host application.
pub(crate) fn host_spans(at: u64, rng: &mut Rng) -> Vec<Draft> {
    (0..rng.between(2, 3))
        .map(|index| host_span(at + index as u64 * 5_000_000, rng))
        .collect()
}

fn host_span(at: u64, rng: &mut Rng) -> Draft {
    let ends = at + 1_000_000 + rng.below(900_000_000) as u64;
    let mut span = match rng.below(3) {
        0 => Draft::lasting("SELECT customers", at, ends, rng)
            .with("db.system", "postgresql")
            .with(
                "db.statement",
                "SELECT email FROM customers WHERE id = 4711",
            ),
        1 => Draft::lasting("POST /api/orders", at, ends, rng)
            .with("http.request.method", "POST")
            .with("http.response.status_code", 201_usize)
            .with("enduser.id", "tobias"),
        _ => Draft::lasting("chat gpt-4o-mini", at, ends, rng)
            .with("gen_ai.system", "openai")
            .with("gen_ai.usage.input_tokens", 812_usize),
    };
    span.scope = match span.name.split(' ').next() {
        Some("SELECT") => "opentelemetry.instrumentation.psycopg2",
        Some("POST") => "opentelemetry.instrumentation.fastapi",
        _ => "opentelemetry.instrumentation.openai_v2",
    };
    span
}
