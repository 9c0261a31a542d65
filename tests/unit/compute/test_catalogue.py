"""However many offers there are, few are read at a time, and none is passed over for ever."""

from compute.catalogue import MOST_PAGES, Catalogue
from compute.onchain import PAGE


def pages(firsts):
    return [(first - 1) // PAGE for first in firsts]


def test_a_market_of_a_usual_size_is_read_whole():
    book = Catalogue()
    assert book.due(0, ()) == []
    assert book.due(1, ()) == [1]
    assert pages(book.due(MOST_PAGES * PAGE, ())) == list(range(MOST_PAGES))


def test_of_very_many_offers_a_few_pages_are_read_and_all_in_turn():
    book, seen = Catalogue(), set()
    for _ in range(60):
        due = book.due(100 * PAGE, ())
        assert len(due) <= MOST_PAGES
        seen.update(pages(due))
    assert seen == set(range(100))


def test_what_is_rented_the_newest_and_the_cheapest_are_always_read():
    book = Catalogue()
    for page in range(100):
        book.saw(page * PAGE + 1, [1000 - page])
    book.saw(40 * PAGE + 1, [1, 7])
    book.saw(99 * PAGE + 1, [])
    for _ in range(50):
        due = pages(book.due(100 * PAGE, {17 * PAGE + 5}))
        assert {17, 99, 40, 98, 97} <= set(due)
        assert len(due) <= MOST_PAGES


def test_many_that_are_rented_from_leave_room_for_others():
    book, seen = Catalogue(), set()
    rented = {page * PAGE + 1 for page in range(30)}
    for _ in range(200):
        due = book.due(100 * PAGE, rented)
        assert len(due) <= MOST_PAGES
        seen.update(pages(due))
    assert seen == set(range(100))
