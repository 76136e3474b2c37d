"""The progress line in a log."""

import io

from seqloom.files.progress import Progress, progress_line


def test_a_line_has_rate_and_time_left():
    line = progress_line("embed", 500, 2000, "frames", seconds=10)
    assert line == "embed: 500/2,000 frames (25%), 50/s, 30s left"


def test_a_line_without_a_total_counts():
    log = io.StringIO()
    log.isatty = lambda: True
    with Progress("index", None, "letters", log) as progress:
        progress.advance(1500)
    assert "] index: 1,500 letters, " in log.getvalue()
    assert progress_line("index", 1500, None, "letters", 10) == "index: 1,500 letters, 150/s, 10s"


def test_a_log_gets_the_last_line_once():
    log = io.StringIO()
    with Progress("embed", 3, "frames", log) as progress:
        progress.interval = 0
        for _ in range(3):
            progress.advance()
    assert log.getvalue().count("3/3 frames (100%)") == 1


def test_a_total_of_zero_gives_a_line():
    log = io.StringIO()
    with Progress("embed", 0, "frames", log):
        pass
    assert "0/0" in log.getvalue()
