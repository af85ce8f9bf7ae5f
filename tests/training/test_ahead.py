"""Examples that other threads get ready while a GPU works."""

from __future__ import annotations

import threading

import pytest

from narrows.training._ahead import Ahead


def squares(begun, wait=None):
    def work(number):
        begun.append(number)

        def square():
            if wait is not None:
                wait.wait(10)
            return number**2

        return square

    return work


def test_every_number_is_worked_out_once_and_none_beyond_the_end():
    begun = []
    ahead = Ahead(squares(begun))
    assert [ahead.get(number, 6) for number in range(6)] == [0, 1, 4, 9, 16, 25]
    assert begun == [0, 1, 2, 3, 4, 5]


def test_the_next_numbers_are_begun_before_the_first_is_done():
    begun, wait = [], threading.Event()
    ahead = Ahead(squares(begun, wait))
    asked = threading.Thread(target=ahead.get, args=(0, 9))
    asked.start()
    while len(begun) < 3:  # a failure is the test's own time limit
        asked.join(0.01)
    assert asked.is_alive()
    wait.set()
    asked.join()


def test_going_back_works_out_again_what_was_given_away():
    begun = []
    ahead = Ahead(squares(begun))
    assert [ahead.get(number, 9) for number in (0, 1, 0, 1)] == [0, 1, 0, 1]
    assert begun == [0, 1, 2, 3, 0, 1]


def test_what_was_forgotten_is_worked_out_anew():
    begun = []
    ahead = Ahead(squares(begun))
    ahead.get(0, 9)
    ahead.forget()
    ahead.get(1, 9)
    assert begun == [0, 1, 2, 1, 2, 3]


def test_an_error_comes_where_its_number_is_asked_for():
    def work(number):
        return lambda: 1 // (number - 1)

    ahead = Ahead(work)
    assert ahead.get(0, 9) == -1
    with pytest.raises(ZeroDivisionError):
        ahead.get(1, 9)
    assert ahead.get(2, 9) == 1
