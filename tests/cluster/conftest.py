"""Tests that need programs of a cluster: skipped without those, unless they are required."""

import os

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.skipped and os.environ.get("SEQLOOM_CLUSTER_TESTS") == "required":
        report.outcome, report.longrepr = "failed", f"required, but skipped: {report.longrepr[-1]}"
    return report
