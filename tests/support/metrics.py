"""Metrics as a test reads them: scraped from a running service."""

from __future__ import annotations

import requests
from prometheus_client.parser import text_string_to_metric_families


class Scrape:
    """What one GET of ``/metrics`` said."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self._samples = [sample for family in self.families.values() for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples of a name that have these labels; 0 where there is none."""
        return sum(
            sample.value for sample in self._samples
            if sample.name == name and labels.items() <= sample.labels.items())

    @property
    def names(self) -> set[str]:
        return {sample.name for sample in self._samples}


def scrape(url: str) -> Scrape:
    """Read ``<url>/metrics``."""
    answer = requests.get(f"{url}/metrics", timeout=15)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")
    return Scrape(answer.text)
