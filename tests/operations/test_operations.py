"""What operators are given, judged by programs that are not ours."""

import json
import os
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from prometheus_client.parser import text_string_to_metric_families

BASE = Path(__file__).resolve().parent.parent.parent
BINARY = os.environ.get("HEADCOUNT_BINARY", str(BASE / "target/release/headcount"))
BODY = BASE / "corpus/crewai-1.15.30/default/000.bin"


@pytest.fixture(scope="module")
def families(tmp_path_factory):
    """The metrics of a server that has stored a request, by name, as Prometheus' own library reads them."""
    data = tmp_path_factory.mktemp("data")
    command = [BINARY, "serve", "--no-token", "--data", str(data), "--http", "127.0.0.1:0", "--grpc", "none"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        banner = ""
        while "Ctrl-C ends it" not in banner:
            line = server.stdout.readline()
            assert line, f"the server ended: {banner}"
            banner += line
        url = re.search(r"OTLP/HTTP +(http://\S+)/v1/traces", banner)[1]
        headers = {"Content-Type": "application/x-protobuf"}
        request = urllib.request.Request(f"{url}/v1/traces", BODY.read_bytes(), headers)
        assert urllib.request.urlopen(request).status == 200
        page = urllib.request.urlopen(f"{url}/metrics").read().decode()
    finally:
        server.terminate()
        server.wait(60)
    found = list(text_string_to_metric_families(page))
    assert len({family.name for family in found}) == len(found), "a family comes twice"
    return {family.name: family for family in found}


def test_prometheus_reads_every_family_with_its_type_and_help(families):
    assert len(families) > 50
    for family in families.values():
        assert family.type in ("counter", "gauge", "histogram"), family.name
        assert family.documentation and family.samples, family.name
    # The library takes `_total` off.
    assert families["headcount_requests"].samples[0].value == 1
    fsyncs = families["headcount_log_fsync_duration_seconds"]
    assert next(each.value for each in fsyncs.samples if each.name.endswith("_count")) == 1


def labels_of(families):
    return {
        sample.name: set().union(*(each.labels for each in family.samples if each.name == sample.name))
        for family in families.values()
        for sample in family.samples
    }


def test_alerts_and_panels_select_only_labels_that_there_are(families):
    known = labels_of(families)
    # Prometheus adds these to what it scrapes.
    added = {"job", "instance", "le"}
    rules = yaml.safe_load((BASE / "docs/prometheus/alerts.yaml").read_text())
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    dashboard = json.loads((BASE / "docs/grafana/headcount.json").read_text())
    targets = [target for panel in dashboard["panels"] for target in panel.get("targets", [])]
    expressions += [target["expr"] for target in targets]
    assert len(expressions) > 60
    for expression in expressions:
        for name, selector in re.findall(r"\b((?:headcount|process)_\w+)\{([^}]*)\}", expression):
            selected = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector))
            if name != "headcount_certificate_expiry_timestamp_seconds":
                assert selected <= known[name] | added, f"{name}: {selected}"


def test_every_alert_says_what_is_wrong_and_how_bad_it_is():
    rules = yaml.safe_load((BASE / "docs/prometheus/alerts.yaml").read_text())
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in alerts}) == len(alerts) > 15
    for rule in alerts:
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert "$labels.instance" in rule["annotations"]["summary"], rule["alert"]


def test_panels_of_the_dashboard_do_not_overlap():
    dashboard = json.loads((BASE / "docs/grafana/headcount.json").read_text())
    taken = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not taken & cells, panel["title"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells


def test_the_bill_of_materials_follows_its_schema_and_is_the_same_each_time(tmp_path):
    texts = []
    for name in ("first.json", "second.json"):
        subprocess.run([BASE / "packaging/sbom", tmp_path / name], check=True)
        texts.append((tmp_path / name).read_text())
    assert texts[0] == texts[1]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(texts[0]) is None
    bill = json.loads(texts[0])
    references = [each["bom-ref"] for each in bill["components"]]
    assert len(references) == len(set(references)) > 200
    known = {*references, bill["metadata"]["component"]["bom-ref"]}
    for dependency in bill["dependencies"]:
        assert {dependency["ref"], *dependency["dependsOn"]} <= known
    by_name = {each["name"]: each for each in bill["components"]}
    assert by_name["datafusion"]["scope"] == by_name["headcount-lake"]["scope"] == "required"
    assert by_name["syn"]["scope"] == by_name["cc"]["scope"] == "excluded"
    assert not {"proptest", "divan", "opentelemetry-proto"} & set(by_name), "crates for tests"
    ours = [each for each in bill["components"] if each["name"].startswith(("headcount", "unified-features"))]
    others = [each for each in bill["components"] if each not in ours]
    assert all(each["hashes"] and each["licenses"] for each in others)


def test_the_unit_is_as_closed_as_the_handbook_says():
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        assert "CI" not in os.environ, "systemd-analyze is missing"
        pytest.skip("systemd-analyze is missing")
    unit = str(BASE / "packaging/headcount.service")
    judged = subprocess.run([analyze, "security", "--offline=yes", unit], capture_output=True, text=True)
    score = re.search(r"Overall exposure level for headcount.service: ([0-9.]+)", judged.stdout)[1]
    stated = re.search(r"systemd-analyze security`[^.]*? ([0-9]\.[0-9])", (BASE / "docs/operations.md").read_text())[1]
    assert float(score) <= float(stated), judged.stdout
    # Releases before 253 do not know the type, and the program is not installed here; nothing else may be said.
    verified = subprocess.run([analyze, "verify", unit], capture_output=True, text=True)
    said = [line for line in verified.stderr.splitlines() if "notify-reload" not in line and "is not executable" not in line]
    assert said == []
