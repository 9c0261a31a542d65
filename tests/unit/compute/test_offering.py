"""One offer, found again and kept as it should be."""

import json

import pytest

from chain.types import Address, Micro
from compute import notes, offering
from compute.errors import BadConfig
from compute.notes import Notes
from compute.onchain import OfferRow, Terms

US, OTHER, MARKET, TOKEN = (Address("0x" + digit * 40) for digit in "1234")
TERMS = Terms(5, 10, 1000, 90, 60, 2, "0x" + "0" * 64, "http://here")


def row(offer=1, provider=US, terms=TERMS, is_open=True) -> OfferRow:
    return OfferRow(offer, provider, terms, Micro(0), 0, is_open)


@pytest.mark.parametrize(
    ("offers", "found"),
    [
        ([], None),
        ([row()], 1),
        ([row(terms=TERMS._replace(rate=9, uri="http://there"))], 1),
        ([row(provider=OTHER)], None),
        ([row(is_open=False), row(2)], 2),
        ([row(terms=TERMS._replace(grace_s=91))], None),
        ([row(terms=TERMS._replace(hardware="0x" + "1" * 64))], None),
    ],
)
def test_an_offer_is_ours_if_only_price_and_address_differ(offers, found):
    ours = offering.ours(offers, US, TERMS)
    assert (ours.id if ours else None) == found


def test_offers_that_no_longer_say_what_is_offered_are_outdated():
    offers = [row(1), row(2, is_open=False), row(3, OTHER), row(4)]
    assert [old.id for old in offering.outdated(offers, US, kept=4)] == [1]


def test_a_stake_is_approved_before_it_is_taken():
    [posted] = offering.post(MARKET, TOKEN, TERMS, Micro(0))
    approved, again = offering.post(MARKET, TOKEN, TERMS, Micro(7))
    assert posted.to == again.to == MARKET
    assert (approved.to, approved.args) == (TOKEN, (MARKET, 7))


def test_upkeep_changes_what_differs_and_nothing_else():
    assert offering.upkeep(MARKET, row(), 5, "http://here") == ()
    dearer, moved = offering.upkeep(MARKET, row(), 6, "http://there")
    assert (dearer.function, dearer.args) == (offering.REPRICE, (1, 6))
    assert (moved.function, moved.args) == (offering.SET_URI, (1, "http://there"))


def test_notes_come_back_as_they_were(tmp_path):
    file = tmp_path / "provider.json"
    assert notes.load(file) == Notes()
    kept = Notes(offer=3, since=99, floor=7, ended=(US,))
    notes.save(file, kept)
    assert notes.load(file) == kept
    assert [path.name for path in tmp_path.iterdir()] == ["provider.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"ended": [], "what": 1})])
def test_damaged_notes_are_not_guessed_at(tmp_path, text):
    file = tmp_path / "provider.json"
    file.write_text(text)
    with pytest.raises(BadConfig, match="damaged"):
        notes.load(file)
