"""A process server answers, tells what fails, notices its process's end, and goes on."""

import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from verify.engine.process import Answer, ProcessServer, Tell

Serve = Callable[[Callable[[], Answer]], ProcessServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    made: list[ProcessServer] = []

    def start(make: Callable[[], Answer]) -> ProcessServer:
        made.append(ProcessServer(make))
        return made[-1]

    yield start
    for server in made:
        server.close()


def ask(server: ProcessServer, request: Any, watch: Tell | None = None) -> Any:
    return server.ask(request, what="was asked", watch=watch)


def test_what_was_made_once_answers_every_request_in_another_process(serve: Serve) -> None:
    server = serve(_counting)
    (process, first), (same, second) = ask(server, None), ask(server, None)
    assert process == same != os.getpid()
    assert (first, second) == (0, 1)


def test_what_is_told_on_the_way_comes_first_and_in_order(serve: Serve) -> None:
    told: list[int] = []
    assert ask(serve(_telling), 3, told.append) == "told 3"
    assert told == [0, 1, 2]


def test_an_answer_that_is_an_exception_is_no_failure(serve: Serve) -> None:
    assert isinstance(ask(serve(_echoing), ValueError("an answer")), ValueError)


def test_what_fails_is_raised_here_as_it_is_and_it_goes_on(serve: Serve) -> None:
    server = serve(_raising)
    with pytest.raises(KeyError, match="video"):
        ask(server, KeyError("video"))
    with pytest.raises(EOFError, match="of a file"):
        ask(server, EOFError("of a file"))
    assert ask(server, None) == "went well"


@pytest.mark.parametrize("make", ["_unsendable_error", "_unsendable_answer"])
def test_what_cannot_be_sent_is_told_in_words_and_it_goes_on(serve: Serve, make: str) -> None:
    server = serve(globals()[make])
    with pytest.raises((RuntimeError, TypeError), match="no graph goes through a pipe"):
        ask(server, True)
    assert ask(server, False) == "went well"


def test_a_maker_that_raises_says_so_to_whoever_asks(serve: Serve) -> None:
    server = serve(_unmakeable)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match="no runner"):
            ask(server, None)
    server.close()


def test_a_maker_whose_error_cannot_be_sent_says_so_in_words(serve: Serve) -> None:
    with pytest.raises(RuntimeError, match="_UnsendableError: no graph goes through a pipe"):
        ask(serve(_unsendably_unmakeable), None)


def test_a_killed_process_is_noticed_and_another_one_starts(serve: Serve, tmp_path: Path) -> None:
    server = serve(partial(_killed_once, tmp_path / "was killed"))
    with pytest.raises(RuntimeError, match="that was asked ended with status -9; if it was killed"):
        ask(server, None)
    assert ask(server, None) == "went well"


def test_a_process_killed_between_requests_is_noticed(serve: Serve) -> None:
    server = serve(_counting)
    process, _ = ask(server, None)
    os.kill(process, signal.SIGKILL)
    with pytest.raises(RuntimeError, match="status -9"):
        ask(server, None)
    assert ask(server, None)[1] == 0


def test_an_answer_that_nobody_waited_for_is_not_the_next_ones(serve: Serve) -> None:
    server = serve(_telling)

    def interrupt(told: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(server, 5, interrupt)
    assert ask(server, 2) == "told 2"


def test_closing_ends_the_process_and_twice_does_no_harm(serve: Serve) -> None:
    server = serve(_counting)
    server.close()
    process, _ = ask(server, None)
    server.close()
    server.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    assert ask(server, None)[1] == 0, "and another one starts"


def _counting() -> Answer:
    numbers = count()
    return lambda request, tell: (os.getpid(), next(numbers))


def _telling() -> Answer:
    def answer(request: int, tell: Tell) -> str:
        for number in range(request):
            tell(number)
        return f"told {request}"

    return answer


def _echoing() -> Answer:
    return lambda request, tell: request


def _raising() -> Answer:
    def answer(request: Exception | None, tell: Tell) -> str:
        if request is not None:
            raise request
        return "went well"

    return answer


class _UnsendableError(Exception):
    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("no graph goes through a pipe")


def _unsendable_error() -> Answer:
    def answer(request: bool, tell: Tell) -> str:
        if request:
            raise _UnsendableError("no graph goes through a pipe")
        return "went well"

    return answer


def _unsendable_answer() -> Answer:
    return lambda request, tell: _UnsendableError() if request else "went well"


def _unmakeable() -> Answer:
    raise ZeroDivisionError("no runner")


def _unsendably_unmakeable() -> Answer:
    raise _UnsendableError("no graph goes through a pipe")


def _killed_once(path: Path) -> Answer:
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return lambda request, tell: "went well"
