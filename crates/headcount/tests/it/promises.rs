//! The client's promises, tested with real processes.

use crate::support;
use crate::support::{Receiver, Subject, header, spans, text};

/// Promise 2: the names of spans and fields of the shared tier never occur unless the crew shares.
#[test]
fn two_tiers_content_is_recorded_only_for_a_crew_that_shares() {
    for share in [false, true] {
        let home = tempfile::tempdir().unwrap();
        let receiver = Receiver::new();
        let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
        let words: &[&str] = if share {
            &["everything", "share"]
        } else {
            &["everything"]
        };
        text(&subject.run(words));
        text(&subject.run(&["record-and-wait", "1", "1"]));
        let spans = receiver.spans();
        let has_canary = spans.iter().any(|span| {
            span.attributes
                .iter()
                .any(|(_, value)| value.contains("CANARY"))
        });
        assert_eq!(has_canary, share);
        let marked = spans
            .iter()
            .filter(|span| span.get("consent.share_crew").is_some());
        // Four details of the agent and its tasks, three contents in, two out, two executions, one environment.
        assert_eq!(marked.count(), if share { 12 } else { 0 });
    }
}

/// Promise 3.
#[test]
fn off_means_off_no_file_no_thread_no_socket() {
    for (name, value) in [
        ("OTEL_SDK_DISABLED", "true"),
        ("HEADCOUNT_DISABLED", "1"),
        ("DO_NOT_TRACK", "1"),
        ("DO_NOT_TRACK", "please"),
        ("SUBJECT_DISABLE_TELEMETRY", "yes"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let receiver = Receiver::new();
        let subject = Subject::new(home.path())
            .endpoint(receiver.endpoint())
            .variable(name, value);
        let around = text(&subject.run(&["around"]));
        assert_eq!(around, "threads 1 sockets 0\n", "{name}={value}");
        assert_eq!(
            std::fs::read_dir(home.path()).unwrap().count(),
            0,
            "{name}={value}"
        );
        assert!(receiver.arrived().is_empty());
        let decision = text(&subject.run(&["decide"]));
        assert!(
            decision.starts_with("off: ") && decision.contains(name),
            "{decision}"
        );
    }
    // The same program without a switch has a thread and a folder, and sends.
    let home = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    assert!(text(&subject.run(&["around"])).starts_with("threads 2 "));
    assert!(home.path().join("state/subject").exists());
}

/// Promise 3: a file that says off, or that cannot be read, is off as well.
#[test]
fn off_means_off_in_a_file_too() {
    for content in [&b"off since 2026"[..], b"", b"perhaps", b"\xff"] {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("consent"), content).unwrap();
        let subject = Subject::new(home.path());
        assert_eq!(text(&subject.run(&["around"])), "threads 1 sockets 0\n");
        assert!(!home.path().join("state").exists());
    }
}

/// Without a terminal the notice cannot be shown: events stay on this machine and none is sent.
#[test]
fn what_cannot_inform_does_not_send() {
    let home = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    let subject = Subject::new(home.path())
        .endpoint(receiver.endpoint())
        .variable("SUBJECT_TOLD", "no");
    text(&subject.run(&["live", "600"]));
    assert!(receiver.arrived().is_empty());
    assert!(text(&subject.run(&["decide"])).starts_with("local: "));
    // The user's consent setting is enough.
    std::fs::write(home.path().join("consent"), "on").unwrap();
    let output = text(&subject.run(&["record-and-wait", "1", "1"]));
    assert!(output.contains("sent true"), "{output}");
    assert!(receiver.spans().len() > 1);
}

/// Promise 6: the spool's bytes, the preview's, the wire's and the ledger's hash are of the same bytes.
#[test]
fn what_you_see_is_what_is_sent() {
    let home = tempfile::tempdir().unwrap();
    // First without an endpoint, so that everything waits.
    let quiet = Subject::new(home.path());
    for words in [
        &["everything", "share"][..],
        &["record", "700", "2"],
        &["everything"],
    ] {
        text(&quiet.run(words));
    }
    let preview = |home: &std::path::Path| -> Vec<(String, Vec<u8>)> {
        let mut bodies = Vec::new();
        for entry in std::fs::read_dir(home.join("state/subject/spool")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            bodies.push((name, payloads(&std::fs::read(&path).unwrap())));
        }
        bodies.sort();
        bodies
    };
    let seen = preview(home.path());
    assert!(
        seen.len() > 1,
        "the test wants several requests, not {}",
        seen.len()
    );
    let receiver = Receiver::new();
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    // Nothing new is recorded: only what was seen is sent.
    let output = text(&subject.run(&["record-and-wait", "0", "1"]));
    assert!(output.contains("recorded 0"), "{output}");
    let output = text(&subject.run(&["live", "700"]));
    assert_eq!(output, "");
    let arrived = receiver.arrived();
    let ledger = std::fs::read_to_string(home.path().join("state/subject/ledger.tsv")).unwrap();
    for (name, body) in &seen {
        let request = arrived
            .iter()
            .find(|request| {
                header(&request.head, "idempotency-key") == Some(&format!("\"{name}\""))
            })
            .unwrap_or_else(|| panic!("{name} did not arrive"));
        // A later process may have appended to it.
        assert!(request.body.starts_with(body), "{name} changed on its way");
        let hash = sha256(&request.body);
        let line = ledger
            .lines()
            .find(|line| line.contains(name.as_str()) && line.contains("delivered"))
            .unwrap();
        assert!(line.contains(&hash), "{line} is not of {hash}");
        assert!(line.contains(&format!(
            "\t{}\t{}\t",
            request.body.len(),
            request.wire_bytes
        )));
    }
}

/// The payloads of a segment, read by rules of this test's own (`docs/formats/spool.md`).
fn payloads(bytes: &[u8]) -> Vec<u8> {
    assert_eq!(&bytes[..8], b"HEADCSPL");
    let mut at = 24;
    let mut body = Vec::new();
    while at < bytes.len() {
        let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        body.extend_from_slice(&bytes[at + 24..at + 24 + length]);
        at += 24 + length;
    }
    body
}

fn sha256(body: &[u8]) -> String {
    let hash = hmac_sha256::Hash::hash(body);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Promise 7: the same crew has the same key on one machine, and another one on another.
#[test]
fn keys_say_nothing_beyond_this_machine() {
    let keys = |home: &std::path::Path| -> Vec<String> {
        let receiver = Receiver::new();
        let subject = Subject::new(home).endpoint(receiver.endpoint());
        text(&subject.run(&["everything"]));
        text(&subject.run(&["record-and-wait", "1", "1"]));
        let mut keys: Vec<String> = receiver
            .spans()
            .iter()
            .flat_map(|span| span.attributes.clone())
            .filter(|(key, _)| key.ends_with("key") || key.ends_with("project_id"))
            .map(|(_, value)| value)
            .collect();
        keys.sort();
        keys.dedup();
        keys
    };
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = keys(one.path());
    assert_eq!(first.len(), 5, "crew, agent, two tasks, project: {first:?}");
    assert_eq!(first, keys(one.path()));
    assert!(keys(other.path()).iter().all(|key| !first.contains(key)));
}

/// Promise 9: false, 0 and the empty text are sent, and what was not said is not.
#[test]
fn values_survive() {
    let home = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    text(&subject.run(&["everything"]));
    text(&subject.run(&["record-and-wait", "1", "1"]));
    let spans = receiver.spans();
    let span = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    assert_eq!(
        span("Crew Created").get("crew.memory"),
        Some("Boolean(false)")
    );
    assert_eq!(span("Agent").get("agent.max_rpm"), Some("Integer(0)"));
    assert_eq!(span("Agent").get("llm.llm_top_k"), Some("Double(0.0)"));
    let tasks: Vec<_> = spans.iter().filter(|span| span.name == "Task").collect();
    assert_eq!(tasks[0].get("task.async_execution"), Some("Boolean(false)"));
    assert_eq!(tasks[1].get("task.async_execution"), None);
}

/// Promise 1: nothing of the host's environment, arguments or folders is sent.
#[test]
fn default_deny_no_secret_of_the_host_leaves() {
    let home = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    let mut subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    let names = [
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "OTEL_RESOURCE_ATTRIBUTES",
        "OTEL_SERVICE_NAME",
        "OTEL_TRACES_SAMPLER_ARG",
        "OTEL_PROPAGATORS",
        "OTEL_BSP_SCHEDULE_DELAY",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "NO_PROXY",
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "GEMINI_API_KEY",
        "MISTRAL_API_KEY",
        "GROQ_API_KEY",
        "HF_TOKEN",
        "SERPER_API_KEY",
        "TAVILY_API_KEY",
        "PINECONE_API_KEY",
        "LANGSMITH_API_KEY",
        "HONEYCOMB_API_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "AZURE_CLIENT_SECRET",
        "GITHUB_TOKEN",
        "GITLAB_TOKEN",
        "NPM_TOKEN",
        "PYPI_TOKEN",
        "DATABASE_URL",
        "REDIS_URL",
        "SLACK_TOKEN",
        "USER",
        "USERNAME",
        "LOGNAME",
        "HOME",
        "PWD",
        "OLDPWD",
        "HOSTNAME",
        "EMAIL",
        "GIT_AUTHOR_NAME",
        "GIT_AUTHOR_EMAIL",
        "SSH_AUTH_SOCK",
        "CLAUDECODE",
        "CI",
        "GITHUB_REPOSITORY",
        "KUBERNETES_SERVICE_HOST",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "TRACEPARENT",
        "BAGGAGE",
        "SENTRY_DSN",
    ];
    assert_eq!(names.len(), 60);
    for (number, name) in names.iter().enumerate() {
        // In the form of a proxy address, so that a client that used proxies would fail.
        let value = format!("http://canary:canary{number}@127.0.0.1:1/canary");
        subject = subject.variable(name, &value);
    }
    let folder = home.path().join("canary-folder");
    std::fs::create_dir_all(folder.join(".git")).unwrap();
    std::fs::write(
        folder.join(".git/config"),
        "[user]\n\temail = canary@example.com\n",
    )
    .unwrap();
    let mut command = subject.command(&["everything", "note", "canary-in-an-argument"]);
    let output = command.current_dir(&folder).output().unwrap();
    assert!(output.status.success());
    let output = subject
        .command(&["record-and-wait", "1", "1"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(text(&output).contains("sent true"));
    assert!(!receiver.arrived().is_empty());
    for request in receiver.arrived() {
        let everything = [request.head.as_bytes(), &request.body].concat();
        let everything = String::from_utf8_lossy(&everything).to_lowercase();
        assert!(!everything.contains("canary"), "{everything}");
        // The two before the last are ours, besides what HTTP needs.
        let mut headers: Vec<&str> = request
            .head
            .lines()
            .skip(1)
            .filter_map(|line| Some(line.split_once(':')?.0))
            .collect();
        headers.retain(|name| *name != "Content-Encoding");
        assert_eq!(
            headers,
            [
                "Host",
                "User-Agent",
                "Content-Type",
                "Content-Length",
                "Idempotency-Key",
                "headcount-receipt",
                "Connection"
            ]
        );
    }
}

/// Free text is scrubbed before it reaches this machine's disk.
#[test]
fn an_address_in_a_role_never_reaches_the_disk() {
    let home = tempfile::tempdir().unwrap();
    let subject = Subject::new(home.path());
    text(&subject.run(&["doubtful", "mail anna@example.com or call +49 170 1234567"]));
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(subject.folder().join("spool")).unwrap() {
        bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let tools: Vec<String> = spans(&payloads(&bytes))
        .iter()
        .filter_map(|span| span.get("tool_usage.tool_name").map(str::to_owned))
        .collect();
    assert_eq!(tools, ["mail [email] or call [phone]"]);
    // An identifier has no spaces, but may be a path.
    let features: Vec<_> = spans(&payloads(&bytes))
        .iter()
        .filter(|span| span.name == "Feature Usage")
        .map(|span| span.get("feature_usage.feature").map(str::to_owned))
        .collect();
    assert_eq!(features, [None, Some("memory:save".to_owned())]);
}

/// `off` from another terminal, while an idle program holds events; then `on`.
#[test]
fn events_from_before_an_off_are_not_sent_after_an_on() {
    let home = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    let quiet = Subject::new(home.path());
    let mut child = quiet
        .command(&["record-and-linger", "1500"])
        .spawn()
        .unwrap();
    support::wait_until("the first event on disk", || {
        std::fs::read_dir(quiet.folder().join("spool"))
            .is_ok_and(|mut files| files.next().is_some())
    });
    std::fs::write(home.path().join("consent"), "off\n").unwrap();
    assert!(child.wait().unwrap().success());
    std::fs::write(home.path().join("consent"), "on\n").unwrap();
    let subject = Subject::new(home.path()).endpoint(receiver.endpoint());
    let output = text(&subject.run(&["record-and-wait", "1", "1"]));
    assert!(output.contains("sent true"), "{output}");
    let spans = receiver.spans();
    assert_eq!(spans.iter().filter(|span| span.is_event()).count(), 1);
}
