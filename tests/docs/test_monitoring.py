"""etc/monitoring/: what Prometheus and Grafana are given, against Prometheus' own tool and a real server's metrics.

It needs promtool, which comes with Debian's package prometheus, and Sphinx: `tox run -e docs` runs it, `make test` does
not.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client import ProcessCollector

from docs import made
from tests.system.server import Server

FOLDER = Path(__file__).parents[2] / "etc" / "monitoring"
RULES = FOLDER / "jmapd-rules.yml"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana-dashboard.json").read_text())

PROMETHEUS_OWN = {"job", "instance", "le"}
"""Labels that Prometheus gives, and that of a histogram's buckets."""

NAME = re.compile(r"\b(?:jmapd|process)_[a-z_]+\b")
SELECTED = re.compile(r"([a-z_]+)=~?\"")
GROUPED = re.compile(r"\bby \(([^)]*)\)")

REQUESTS = 'jmapd_requests_total{job="jmapd", instance="a", binding="http", outcome="%s"}'
BUCKET = 'jmapd_request_seconds_bucket{job="jmapd", instance="a", binding="http", le="%s"}'
REPLACED = 'jmapd_workers_replaced_total{job="jmapd", instance="a", role="reader", reason="crash"}'
WAITING = 'jmapd_jobs_waiting{job="jmapd", instance="a", for="reader"}'
BOUND = 'jmapd_bounds_hit_total{job="jmapd", instance="a", bound="request.max-size"}'
SIGN_INS = 'jmapd_authentications_total{job="jmapd", instance="a", outcome="failed"}'
OPEN = 'process_open_fds{job="jmapd", instance="a"}'
MOST = 'process_max_fds{job="jmapd", instance="a"}'

Series = dict[str, str]

ALERTS: dict[str, tuple[Series, Series]] = {
    "JmapdDown": ({'up{job="jmapd", instance="a"}': "0x30"}, {'up{job="jmapd", instance="a"}': "1x30"}),
    "JmapdWithoutWorkers": (
        {'jmapd_workers_ready{job="jmapd", instance="a", role="writer"}': "0x30"},
        {'jmapd_workers_ready{job="jmapd", instance="a", role="writer"}': "1x30"},
    ),
    "JmapdWorkersReplaced": ({REPLACED: "0+1x30"}, {REPLACED: "0x20 2x10"}),
    "JmapdRequestsFail": (
        {REQUESTS % "ok": "0+90x30", REQUESTS % "failed": "0+10x30"},
        {REQUESTS % "ok": "0+10000x30", REQUESTS % "failed": "0+10x30"},
    ),
    "JmapdRequestsSlow": (
        {BUCKET % "1": "0+80x30", BUCKET % "2.5": "0+100x30", BUCKET % "+Inf": "0+100x30"},
        {BUCKET % "1": "0+99x30", BUCKET % "2.5": "0+100x30", BUCKET % "+Inf": "0+100x30"},
    ),
    "JmapdJobsWait": ({WAITING: "101x30"}, {WAITING: "100x30"}),
    "JmapdBoundsMet": ({BOUND: "0+10x30"}, {BOUND: "0+1x30"}),
    "JmapdSignInsFail": ({SIGN_INS: "0+120x30"}, {SIGN_INS: "0+30x30"}),
    "JmapdDescriptorsRunOut": ({OPEN: "900x30", MOST: "1024x30"}, {OPEN: "100x30", MOST: "1024x30"}),
}
"""For each alert what it is for, and what it is not for, over 30 minutes."""


def promtool(*arguments: str | Path, says: str = "") -> str:
    """Run Prometheus' tool, which must be content."""
    done = subprocess.run(["promtool", *map(str, arguments)], input=says, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def expressions() -> Iterator[str]:
    """All that the dashboard and the alerts ask for."""
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    # of folded lines too
    yield from re.findall(r"expr: (?:>-\n)?(.+?)\n\s+(?:for|labels):", RULES.read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def families() -> dict[str, set[str]]:
    """For each name that a server may show the labels it may have."""
    found: dict[str, set[str]] = {}
    for name, kind, labels, _ in made.families():
        shown = [f"{name}_{part}" for part in ("bucket", "sum", "count")] if kind == "histogram" else [name]
        found.update({one: set(labels) for one in shown})
    found["jmapd_build_info"] = {"version", "python", "twisted"}
    for family in ProcessCollector(registry=None).collect():
        found[f"{family.name}_total" if family.type == "counter" else family.name] = set()
    return found


def test_the_configuration_and_the_rules_are_right() -> None:
    promtool("check", "config", FOLDER / "prometheus.yml")
    promtool("check", "rules", RULES)


@pytest.mark.parametrize("name", ALERTS)
@pytest.mark.parametrize("fires", [True, False])
def test_an_alert_comes_when_it_should_and_not_else(name: str, fires: bool, tmp_path: Path) -> None:
    series = ALERTS[name][0 if fires else 1]
    test = {
        "rule_files": [str(RULES)],
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": one, "values": values} for one, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}})',
                        "eval_time": "25m",
                        "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
                    }
                ],
            }
        ],
    }
    file = tmp_path / "test.yml"
    # JSON is YAML
    file.write_text(json.dumps(test))
    promtool("test", "rules", file)


def test_every_alert_is_tried() -> None:
    assert re.findall(r"alert: (\w+)", RULES.read_text()) == list(ALERTS)


@pytest.mark.parametrize("expression", list(expressions()))
def test_what_is_asked_for_is_there(expression: str, families: dict[str, set[str]]) -> None:
    names = NAME.findall(expression)
    assert names or expression.startswith("up{")
    assert [one for one in names if one not in families] == []
    labels = set(SELECTED.findall(expression))
    for group in GROUPED.findall(expression):
        labels.update(group.replace(" ", "").split(","))
    known = PROMETHEUS_OWN.union(*(families[one] for one in names))
    assert labels <= known


def test_the_dashboard_shows_all_that_is_counted(families: dict[str, set[str]]) -> None:
    asked = {name for expression in expressions() for name in NAME.findall(expression)}
    counted = {name for name in families if name.startswith("jmapd_") and not name.endswith("_created")}
    stems = {re.sub(r"_(?:total|bucket|sum|count|info)$", "", one) for one in asked}
    assert {re.sub(r"_(?:total|bucket|sum|count|info)$", "", one) for one in counted} <= stems


def test_a_servers_metrics_are_as_prometheus_wants_them(tmp_path: Path) -> None:
    server = Server(tmp_path, more='[observe]\nendpoint = "tcp:0:interface=127.0.0.1"')
    server.start()
    try:
        port = re.search(r"observe listens at .*?port=(\d+)", "".join(server.log))
        assert port, server.log
        said = requests.get(f"http://127.0.0.1:{port[1]}/metrics", timeout=30)
        assert said.status_code == 200
        assert "jmapd_build_info{" in said.text
        promtool("check", "metrics", says=said.text)
    finally:
        assert server.stop()
