//! The clients that are compared, each set up as its documentation says, with its own batching and its own threads.

use std::borrow::Cow;
use std::sync::Arc;

use headcount::{Crew, CrewRun, Telemetry};
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

pub trait Subject: Sync {
    fn name(&self) -> &'static str;
    /// Records one event of six attributes.
    fn record(&self, number: usize);
    /// How many events it may be given without a pause.
    fn burst(&self) -> usize {
        400
    }
    /// Lets it end as it likes.
    fn end(&self) {}
}

pub fn all(endpoint: &str) -> Vec<Box<dyn Subject>> {
    vec![
        Box::new(Headcount::on(endpoint)),
        Box::new(Headcount::off()),
        Box::new(OpenTelemetry::new(endpoint)),
        Box::new(Fastrace::new(endpoint)),
        Box::new(PostHog::new(endpoint)),
        Box::new(Sentry::new(endpoint)),
    ]
}

struct Headcount {
    run: CrewRun,
    name: &'static str,
    _home: tempfile::TempDir,
}

impl Headcount {
    fn on(endpoint: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let telemetry = Telemetry::builder("bench", "1.0.0")
            .endpoint(endpoint)
            .home(home.path())
            .told_user(true)
            .start();
        assert!(telemetry.is_recording(), "{}", telemetry.decision());
        Self {
            run: telemetry.crew_started(&Crew::new().name("bench")),
            name: "headcount",
            _home: home,
        }
    }

    fn off() -> Self {
        Self {
            run: Telemetry::off().crew_started(&Crew::new().name("bench")),
            name: "headcount, off",
            _home: tempfile::tempdir().unwrap(),
        }
    }
}

impl Subject for Headcount {
    fn name(&self) -> &'static str {
        self.name
    }

    /// The crew's id and key, the step, the quality, the time, the model.
    fn record(&self, number: usize) {
        self.run.test_scored(8.5, number as f64, "gpt-4o-mini");
    }

    fn burst(&self) -> usize {
        match self.run.is_recording() {
            true => 400,
            false => 1_000_000,
        }
    }
}

/// What the others are given for the crew's id and key.
const ID: &str = "3f0c9a52-7d41-4c8e-9b1f-52f6c0a7d913";
const KEY: &str = "a8c96ad4153ad822704ab3d1a4ec1353";

struct OpenTelemetry {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

fn exporter(endpoint: &str) -> SpanExporter {
    SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{endpoint}/v1/traces"))
        .build()
        .unwrap()
}

impl OpenTelemetry {
    fn new(endpoint: &str) -> Self {
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter(endpoint))
            .build();
        Self {
            tracer: provider.tracer("bench"),
            provider,
        }
    }
}

impl Subject for OpenTelemetry {
    fn name(&self) -> &'static str {
        "opentelemetry_sdk 0.33, batch exporter"
    }

    fn record(&self, number: usize) {
        let mut span = self
            .tracer
            .span_builder("Test")
            .with_attributes([
                KeyValue::new("test.crew_id", ID),
                KeyValue::new("test.crew_key", KEY),
                KeyValue::new("test.step", "result"),
                KeyValue::new("test.quality", 8.5),
                KeyValue::new("test.execution_time", number as f64),
                KeyValue::new("test.model_name", "gpt-4o-mini"),
            ])
            .start(&self.tracer);
        span.end();
    }

    fn end(&self) {
        let _result = self.provider.shutdown();
    }
}

struct Fastrace;

impl Fastrace {
    fn new(endpoint: &str) -> Self {
        let reporter = fastrace_opentelemetry::OpenTelemetryReporter::new(
            exporter(endpoint),
            Cow::Owned(opentelemetry_sdk::Resource::builder_empty().build()),
            opentelemetry::InstrumentationScope::builder("bench").build(),
        );
        fastrace::set_reporter(reporter, fastrace::collector::Config::default());
        Self
    }
}

impl Subject for Fastrace {
    fn name(&self) -> &'static str {
        "fastrace 0.7, OpenTelemetry reporter"
    }

    fn record(&self, number: usize) {
        let root = fastrace::Span::root("Test", fastrace::collector::SpanContext::random());
        let _span = root.with_properties(|| {
            [
                ("test.crew_id", Cow::Borrowed(ID)),
                ("test.crew_key", Cow::Borrowed(KEY)),
                ("test.step", Cow::Borrowed("result")),
                ("test.quality", Cow::Borrowed("8.5")),
                ("test.execution_time", Cow::Owned(number.to_string())),
                ("test.model_name", Cow::Borrowed("gpt-4o-mini")),
            ]
        });
    }

    fn end(&self) {
        fastrace::flush();
    }
}

struct PostHog(posthog_rs::Client);

impl PostHog {
    fn new(endpoint: &str) -> Self {
        let options = posthog_rs::ClientOptionsBuilder::default()
            .api_key("phc_bench".to_owned())
            .host(endpoint.to_owned())
            .build()
            .unwrap();
        Self(posthog_rs::client(options))
    }
}

impl Subject for PostHog {
    fn name(&self) -> &'static str {
        "posthog-rs 0.30"
    }

    fn record(&self, number: usize) {
        let mut event = posthog_rs::Event::new("Test", "somebody");
        event.insert_prop("test.crew_id", ID).unwrap();
        event.insert_prop("test.crew_key", KEY).unwrap();
        event.insert_prop("test.step", "result").unwrap();
        event.insert_prop("test.quality", 8.5).unwrap();
        event
            .insert_prop("test.execution_time", number as f64)
            .unwrap();
        event.insert_prop("test.model_name", "gpt-4o-mini").unwrap();
        let _sent = self.0.capture(event);
    }
}

struct Sentry(Arc<sentry::Client>);

impl Sentry {
    fn new(endpoint: &str) -> Self {
        let dsn = format!("{}/1", endpoint.replace("http://", "http://key@"));
        let mut options = sentry::ClientOptions::default();
        options.dsn = Some(dsn.parse().unwrap());
        Self(Arc::new(sentry::Client::from(options)))
    }
}

impl Subject for Sentry {
    fn name(&self) -> &'static str {
        "sentry 0.49, event with tags"
    }

    fn record(&self, number: usize) {
        let mut event = sentry::protocol::Event {
            message: Some("Test".to_owned()),
            ..sentry::protocol::Event::default()
        };
        for (key, value) in [
            ("test.crew_id", ID),
            ("test.crew_key", KEY),
            ("test.step", "result"),
            ("test.quality", "8.5"),
            ("test.model_name", "gpt-4o-mini"),
        ] {
            event.tags.insert(key.to_owned(), value.to_owned());
        }
        event
            .tags
            .insert("test.execution_time".to_owned(), number.to_string());
        let _id = self.0.capture_event(event, None);
    }

    fn end(&self) {
        let _ended = self.0.close(Some(std::time::Duration::from_secs(1)));
    }
}
