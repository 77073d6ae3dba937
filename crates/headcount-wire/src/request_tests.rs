use super::*;
use crate::value::Value;
use crate::writer::Writer;

fn resource(writer: &mut Writer, key: &str) {
    let resource = writer.open(1);
    let attribute = writer.open(1);
    writer.bytes(1, key.as_bytes());
    writer.close(attribute);
    writer.close(resource);
}

#[test]
fn a_resource_after_its_scopes_and_a_scope_after_its_spans_belong_to_them() {
    let mut writer = Writer::default();
    let resource_spans = writer.open(1);
    let scope_spans = writer.open(2);
    writer.bytes(2, b"");
    for (field, text) in [(1, "name"), (2, "version"), (1, "last name")] {
        let scope = writer.open(1);
        writer.bytes(field, text.as_bytes());
        writer.close(scope);
    }
    writer.close(scope_spans);
    resource(&mut writer, "first");
    resource(&mut writer, "second");
    writer.close(resource_spans);
    let body = writer.into_bytes();
    let request = TraceRequest::parse(&body).unwrap();
    assert_eq!(request.span_count(), 1);
    let groups: Vec<_> = request.groups().collect();
    let keys = groups[0].resource_attributes().iter();
    assert_eq!(
        keys.map(|attribute| (attribute.key, attribute.value))
            .collect::<Vec<_>>(),
        [("first", Value::Empty), ("second", Value::Empty)]
    );
    assert_eq!(
        (groups[0].scope_name(), groups[0].scope_version()),
        ("last name", "version")
    );
    assert_eq!(groups[0].spans().count(), 1);
}

#[test]
fn groups_tell_which_resource_of_the_request_they_belong_to() {
    let mut writer = Writer::default();
    for (key, groups) in [("a", 2), ("b", 0), ("c", 1)] {
        let resource_spans = writer.open(1);
        resource(&mut writer, key);
        for _ in 0..groups {
            let scope_spans = writer.open(2);
            writer.close(scope_spans);
        }
        writer.close(resource_spans);
    }
    let body = writer.into_bytes();
    let request = TraceRequest::parse(&body).unwrap();
    let found: Vec<_> = request
        .groups()
        .map(|group| (group.resource_index(), group.resource_attributes()[0].key))
        .collect();
    assert_eq!(found, [(0, "a"), (0, "a"), (2, "c")]);
}

#[test]
fn an_empty_request_has_no_groups() {
    for body in [&b""[..], b"\x0a\x00"] {
        let request = TraceRequest::parse(body).unwrap();
        assert_eq!((request.span_count(), request.groups().count()), (0, 0));
    }
}

#[test]
fn a_request_without_any_readable_framing_is_refused_and_says_where() {
    let error = |body: &[u8]| TraceRequest::parse(body).unwrap_err().to_string();
    assert_eq!(
        error(b"\x0a\x05"),
        "cannot read the ExportTraceServiceRequest message that starts at byte 0 of the request: \
         the bytes end inside a field"
    );
    assert_eq!(
        error(b"\x0a\x06\x0a\x04\x0a\x02\x08\x00"),
        "cannot read the ResourceSpans message that starts at byte 2 of the request: \
         a known field has the wrong wire type"
    );
    // JSON, read as protobuf.
    assert!(TraceRequest::parse(b"{}").is_err());
}

#[test]
fn a_malformed_scope_costs_its_own_spans_alone() {
    // One resource with two scopes; the first is named by a byte that is not UTF-8.
    let mut writer = Writer::default();
    let resource_spans = writer.open(1);
    for name in [&b"\xff"[..], b"good"] {
        let scope_spans = writer.open(2);
        let scope = writer.open(1);
        writer.bytes(1, name);
        writer.close(scope);
        writer.bytes(2, b"");
        writer.bytes(2, b"");
        writer.close(scope_spans);
    }
    writer.close(resource_spans);
    let body = writer.into_bytes();
    let request = TraceRequest::parse(&body).unwrap();
    assert_eq!((request.span_count(), request.refused_span_count()), (2, 2));
    let names: Vec<_> = request.groups().map(|group| group.scope_name()).collect();
    assert_eq!(names, ["good"]);
    assert_eq!(
        request.first_fault().unwrap().to_string(),
        "cannot read the ScopeSpans message that starts at byte 4 of the request: \
         a string is not valid UTF-8"
    );
}

#[test]
fn a_resource_beyond_the_attribute_limit_costs_its_spans_alone() {
    let body = |counts: [usize; 2]| {
        let mut writer = Writer::default();
        for count in counts {
            let resource_spans = writer.open(1);
            (0..count).for_each(|_| resource(&mut writer, "k"));
            let scope_spans = writer.open(2);
            writer.bytes(2, b"");
            writer.close(scope_spans);
            writer.close(resource_spans);
        }
        writer.into_bytes()
    };
    for (counts, read) in [
        ([MAX_ATTRIBUTES, 1], (2, 0)),
        ([MAX_ATTRIBUTES + 1, 1], (1, 1)),
        ([1, MAX_ATTRIBUTES + 1], (1, 1)),
        ([MAX_ATTRIBUTES + 1, MAX_ATTRIBUTES + 1], (0, 2)),
    ] {
        let body = body(counts);
        let request = TraceRequest::parse(&body).unwrap();
        let spans: usize = request.groups().map(|group| group.spans().count()).sum();
        assert_eq!((spans, request.refused_span_count()), read, "{counts:?}");
        assert_eq!(spans, request.span_count());
        let fault = request.first_fault().map(|error| error.fault);
        assert_eq!(fault, (read.1 > 0).then_some(Fault::TooManyAttributes));
    }
}

#[test]
fn a_resource_with_broken_framing_costs_nothing_beside_it() {
    let mut body = b"\x0a\x06\x0a\x04\x0a\x02\x08\x00".to_vec();
    body.extend_from_slice(b"\x0a\x04\x12\x02\x12\x00");
    let request = TraceRequest::parse(&body).unwrap();
    assert_eq!((request.span_count(), request.refused_span_count()), (1, 1));
    assert_eq!(request.groups().next().unwrap().resource_index(), 1);
}
