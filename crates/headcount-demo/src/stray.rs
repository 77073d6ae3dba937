//! Spans of the host application, which releases 0.10.0 to 1.15.14 delivered along with their own.
//! A collector has to refuse every one of them.

use crate::chance::Chance;
use crate::draft::Draft;

/// Two or three spans of a host that instruments its own work.
pub(crate) fn host_spans(at: u64, chance: &mut Chance) -> Vec<Draft> {
    (0..chance.between(2, 3))
        .map(|index| host_span(at + index as u64 * 5_000_000, chance))
        .collect()
}

fn host_span(at: u64, chance: &mut Chance) -> Draft {
    let ends = at + 1_000_000 + chance.below(900_000_000) as u64;
    let mut span = match chance.below(3) {
        0 => Draft::lasting("SELECT customers", at, ends, chance)
            .with("db.system", "postgresql")
            .with(
                "db.statement",
                "SELECT email FROM customers WHERE id = 4711",
            ),
        1 => Draft::lasting("POST /api/orders", at, ends, chance)
            .with("http.request.method", "POST")
            .with("http.response.status_code", 201_usize)
            .with("enduser.id", "tobias"),
        _ => Draft::lasting("chat gpt-4o-mini", at, ends, chance)
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
