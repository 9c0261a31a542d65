"""The shop follows the log, whenever it was killed; and knows what it earned, whoever asks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from logs import BLOCK, open_log
from shopping import BOUNDS, decide, terms_of
from snapshots import asleep, snapshot

from agent.errors import ShopFailed
from agent.shop.book import Book, Sale
from agent.shop.shop import KEPT_S, Rules, Shop
from agent.trade import Earned
from chain.types import Address, Block, Micro

TOKEN, WALLET = (Address("0x" + digit * 40) for digit in "12")
PAYER = "0x" + "33" * 20
TX = "0x" + "44" * 32
FRESH_S = 60


class Chain:
    """Shows the payments that the test says were made."""

    def __init__(self):
        self.paid_by = {}

    async def paid(self, sale):
        return self.paid_by.get(sale.nonce)


class Home:
    """A shop that can be killed and opened again."""

    def __init__(self, folder):
        self.folder = folder
        self.log = open_log(folder / "log.sqlite")
        self.now = 0.0
        self.chain = Chain()
        self.counter = SimpleNamespace(queue=0, trouble="")
        self.open()

    def open(self, book=True):
        self.book = Book(self.folder / "shop.sqlite")
        rules = Rules(terms_of(TOKEN, WALLET), BOUNDS, FRESH_S)
        self.shop = Shop(rules, self.log, self.book, self.counter, self.chain, lambda: self.now)
        self.shop.see(snapshot())

    def kill(self):
        self.book.close()

    def decide(self, price, at=100, told=True):
        return decide(self.log, self.shop if told else None, price, at)

    def sale(self, nonce="0x" + "55" * 32, because=0, **changes):
        sale = Sale(PAYER, nonce, "", b"q" * 32, Micro(5000), because, {}, b"{}", 3, 900)
        sale = sale._replace(**changes)
        self.book.keep(sale)
        return sale


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    yield made
    made.kill()
    made.log.close()


def price(home):
    terms = home.shop.terms
    return terms.amount if terms else None


def test_nothing_is_sold_before_a_price_was_chosen(home):
    assert price(home) is None
    home.decide(None)
    assert (price(home), home.shop.figures(200)["price"]) == (None, 0)
    home.decide(5000)
    assert price(home) == 5000


def test_a_price_outlives_the_process(home):
    home.decide(5000)
    home.decide(None)
    home.kill()
    home.open()
    assert price(home) == 5000


def test_a_price_that_was_decided_as_the_process_was_killed_is_followed(home):
    home.decide(5000)
    home.decide(7000, told=False)
    home.kill()
    home.open()
    assert price(home) == 7000


def test_a_book_that_is_lost_is_written_again_from_the_log(home):
    home.decide(5000)
    home.decide(None)
    home.kill()
    (home.folder / "shop.sqlite").unlink()
    home.open()
    assert price(home) == 5000


def test_a_sale_that_was_told_as_the_process_was_killed_is_not_told_again(home):
    seq = home.decide(5000)
    sale = home.sale(because=seq)
    home.book.settle(sale, TX)
    said = {"asset": TOKEN, "amount": "5000", "from": PAYER, "tx": TX, "why": "sold"}
    home.log.append("funds", said | {"because": seq, "nonce": sale.nonce}, BLOCK)
    home.kill()
    home.open()
    assert home.book.sale(PAYER, sale.nonce).told


@pytest.mark.parametrize("late_s", [FRESH_S, FRESH_S + 1])
def test_a_daemon_that_sees_nothing_any_more_sells_nothing(home, late_s):
    home.decide(5000)
    home.now += FRESH_S - 1
    assert price(home) == 5000
    home.now += late_s - FRESH_S + 1
    assert price(home) is None
    home.shop.see(snapshot())
    assert price(home) == 5000


def test_a_life_without_a_lease_or_at_rest_sells_nothing(home):
    home.decide(5000)
    home.shop.see(asleep())
    assert price(home) is None
    home.shop.see(snapshot())
    home.shop.rest()
    assert (price(home), home.shop.figures(200)["open"]) == (None, False)


# Figures


def test_its_figures_are_those_of_the_price_of_now(home):
    first = home.decide(5000, at=100)
    for _ in range(3):
        home.shop.quote()
    home.book.settle(home.sale(because=first), TX)
    now = home.decide(8000, at=400)
    home.shop.quote()
    assert home.shop.figures(1000) == {
        "price": 8000,
        "because": now,
        "since_s": 600,
        "asked": 1,
        "sold": 0,
        "earned": "5000",
        "queue": 0,
        "open": True,
        "tried": [{"price": 5000, "asked": 3, "sold": 1}],
    }


def test_figures_outlive_the_process(home):
    home.decide(5000)
    home.shop.quote()
    home.shop.close()
    home.kill()
    home.open()
    assert home.shop.figures(200)["asked"] == 1


def test_however_often_it_changes_its_price_its_figures_are_few(home):
    for n in range(100):
        home.decide(1000 + n)
    assert len(home.shop.figures(200)["tried"]) == 8


def test_a_sale_is_counted_once_however_often_it_is_seen(home):
    sale = home.sale(because=home.decide(5000))
    for _ in range(3):
        home.book.settle(sale, TX)
    assert home.shop.figures(200)["sold"] == 1


# What was earned


async def test_a_transfer_that_paid_for_an_answer_is_known_by_it(home):
    sale = home.sale(because=7)
    home.book.settle(sale, TX)
    assert await home.shop.earned(PAYER, 5000, TX) == Earned(sale.nonce, 7, told=False)
    assert await home.shop.earned(PAYER, 5001, TX) is None
    assert await home.shop.earned(PAYER, 5000, "0x" + "66" * 32) is None
    assert await home.shop.earned("0x" + "77" * 20, 5000, TX) is None


async def test_one_that_was_settled_while_nobody_looked_is_found_on_the_chain(home):
    sale = home.sale(because=home.decide(5000))
    assert await home.shop.earned(PAYER, 5000, TX) is None
    home.chain.paid_by[sale.nonce] = TX
    assert (await home.shop.earned(PAYER, 5000, TX)).nonce == sale.nonce
    assert home.shop.figures(200)["sold"] == 1


async def test_two_sales_in_one_transaction_are_told_one_after_the_other(home):
    nonces = ["0x" + digit * 64 for digit in "89"]
    for nonce in nonces:
        home.book.settle(home.sale(nonce), TX)
    told = []
    for _ in range(3):
        earned = await home.shop.earned(PAYER, 5000, TX)
        told.append(None if earned.told else earned.nonce)
        home.shop.tell(PAYER, earned.nonce)
    assert told == [*nonces, None]


def test_what_can_be_paid_no_more_is_forgotten_and_what_the_log_lacks_is_not(home):
    unpaid, paid, told = (home.sale(f"0x{n:064x}") for n in range(3))
    for sale in (paid, told):
        home.book.settle(sale, TX)
    home.shop.tell(PAYER, told.nonce)
    for at, left in ((900 + KEPT_S, 3), (901 + KEPT_S, 1)):
        home.shop.look_back(Block(1, 2, "0x", at))
        found = [home.book.sale(PAYER, sale.nonce) for sale in (unpaid, paid, told)]
        assert sum(sale is not None for sale in found) == left
    assert found[1].tx == TX


# A book that fails


def test_a_book_that_cannot_be_written_shuts_the_shop_until_it_can(home):
    home.decide(5000)
    home.book.close()
    home.decide(7000)
    assert price(home) is None
    assert "shop.sqlite" in home.shop.troubles["shop"]
    home.shop.see(snapshot())
    assert price(home) is None  # it is no better yet
    home.book = Book(home.folder / "shop.sqlite")
    home.shop._book = home.book
    home.shop.see(snapshot())
    assert (price(home), home.shop.troubles) == (7000, {})


def test_a_book_that_is_none_is_named(tmp_path):
    (tmp_path / "shop.sqlite").write_bytes(b"not a database, and long enough to be told from one")
    with pytest.raises(ShopFailed, match=r"shop\.sqlite cannot be opened"):
        Book(tmp_path / "shop.sqlite")


def test_a_book_belongs_to_one_process(home):
    with pytest.raises(ShopFailed):
        Book(home.folder / "shop.sqlite")


def test_nothing_of_what_was_asked_is_in_the_book(home):
    home.sale()
    home.kill()
    raw = b"".join(path.read_bytes() for path in home.folder.glob("shop.sqlite*"))
    home.open()
    assert b"rain" not in raw
    assert b"q" * 32 in raw
