"""Progress in a log: a whole line a minute, on a clock that the test winds; a bar where somebody watches."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from tqdm import tqdm

from xbarpaper.support import progress
from xbarpaper.support.progress import Lines, duration


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


MakeLines = Callable[..., Lines]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def make_lines(clock: Clock, log: io.StringIO) -> MakeLines:
    def make(desc: str = "work", *arguments: object, **changes: object) -> Lines:
        return Lines(desc, *arguments, file=log, clock=clock, **changes)

    return make


def work(lines: Lines, clock: Clock, units: int, seconds_each: float) -> None:
    for _ in range(units):
        clock.now += seconds_each
        lines.update()


def test_a_long_training_writes_a_line_a_minute_and_one_at_its_end(
    make_lines, clock: Clock, log: io.StringIO
) -> None:
    with make_lines("quick-vgg11 unpruned trained", 15600) as lines:
        lines.set_postfix_str("epoch 18/40, loss 0.829, accuracy 70.9 %", refresh=False)
        work(lines, clock, 15600, 1 / 64)
    written = log.getvalue().splitlines()
    assert written[:2] == [
        "quick-vgg11 unpruned trained: 24 % (3840 of 15600 steps), 1 min, 3 min left, "
        "epoch 18/40, loss 0.829, accuracy 70.9 %",
        "quick-vgg11 unpruned trained: 49 % (7680 of 15600 steps), 2 min, 2 min left, "
        "epoch 18/40, loss 0.829, accuracy 70.9 %",
    ]
    assert written[-1] == (
        "quick-vgg11 unpruned trained: done, 15600 steps in 4 min, epoch 18/40, loss 0.829, accuracy 70.9 %"
    )
    assert len(written) == 4 + 1
    assert log.getvalue().endswith("\n")
    assert "\r" not in log.getvalue()


def test_what_is_short_writes_nothing(make_lines, clock: Clock, log: io.StringIO) -> None:
    with make_lines(total=59) as lines:
        work(lines, clock, 59, 1.0)
    assert log.getvalue() == ""


def test_what_fails_does_not_say_that_it_is_done(make_lines, clock: Clock, log: io.StringIO) -> None:
    def interrupted() -> None:
        with make_lines(total=100) as lines:
            work(lines, clock, 70, 1.0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert log.getvalue() == "work: 60 % (60 of 100 steps), 1 min, 40 s left\n"


def test_slow_units_write_when_they_are_done(make_lines, clock: Clock, log: io.StringIO) -> None:
    with make_lines("sweep", 3, "row") as lines:
        work(lines, clock, 3, 600.0)
    assert log.getvalue().splitlines() == [
        "sweep: 33 % (1 of 3 rows), 10 min",
        "sweep: 66 % (2 of 3 rows), 20 min, 10 min left",
        "sweep: 100 % (3 of 3 rows), 30 min, 0 s left",
        "sweep: done, 3 rows in 30 min",
    ]


def test_units_of_an_earlier_run_count_as_done_but_not_as_fast(
    make_lines, clock: Clock, log: io.StringIO
) -> None:
    with make_lines(total=100, initial=50) as lines:
        work(lines, clock, 10, 6.0)
    assert log.getvalue() == "work: 60 % (60 of 100 steps), 1 min, 4 min left\n"


def test_the_time_left_follows_the_pace_of_the_last_minutes(
    make_lines, clock: Clock, log: io.StringIO
) -> None:
    """A thousand rows come from a journal at once; the other thousand take a minute each."""
    with make_lines(total=2000, unit="row") as lines:
        lines.update(1000)
        work(lines, clock, 10, 60.0)
    assert log.getvalue().splitlines()[-2].endswith("(1010 of 2000 rows), 10 min, 16 h 30 min left")


def test_without_a_total_it_counts(make_lines, clock: Clock, log: io.StringIO) -> None:
    with make_lines("cifar10", None, "image") as lines:
        work(lines, clock, 61, 1.0)
    assert log.getvalue().splitlines() == ["cifar10: 60 images, 1 min", "cifar10: done, 61 images in 1 min"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (3569, "59 min"), (3571, "1 h 0 min"), (360_000, "100 h 0 min")],
)  # fmt: skip
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("told", "terminal", "kind"),
    [(None, True, tqdm), (None, False, Lines), ("bar", False, tqdm), ("lines", True, Lines), ("odd", False, Lines)],
)  # fmt: skip
def test_a_terminal_gets_a_bar_and_a_log_lines(
    monkeypatch: pytest.MonkeyPatch, told: str | None, terminal: bool, kind: type
) -> None:
    monkeypatch.delenv(progress.MODE, raising=False)
    if told:
        monkeypatch.setenv(progress.MODE, told)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal, raising=False)
    with progress.bar("work", 3) as shown:
        assert isinstance(shown, kind)
        shown.set_postfix_str("odd", refresh=False)
        shown.update(3)


def test_nothing_is_shown_where_nothing_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.bar("work", 3, shown=False) as shown:
        shown.update(3)
    assert capsys.readouterr().err == ""
