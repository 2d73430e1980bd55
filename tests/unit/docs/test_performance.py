"""The performance page says what was measured, and nothing else."""

from tests.bench.document import DOCUMENT, render


def test_the_page_quotes_the_figures_as_they_are():
    assert DOCUMENT.read_text() == render(), "run `python -m tests.bench.document`"
