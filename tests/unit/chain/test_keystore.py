"""Key files: ours open elsewhere, others' open here, and a wrong passphrase says so."""

from __future__ import annotations

import json
import stat
import time

import pytest
from eth_account import Account

from chain import keystore
from chain.errors import BadKeystore, WrongPassphrase
from chain.keys import Key

SECRET = bytes(range(1, 33))


def test_a_key_file_opens_again_quickly(tmp_path):
    made = keystore.make(tmp_path / "key.json", b"pass")
    started = time.monotonic()
    opened = keystore.open_key(tmp_path / "key.json", b"pass")
    assert opened.address == made.address
    assert time.monotonic() - started < 2  # a tenth of a second on an idle machine


def test_a_key_file_is_for_its_owner_alone_and_is_never_written_over(tmp_path):
    keystore.make(tmp_path / "key.json", b"pass")
    assert stat.S_IMODE((tmp_path / "key.json").stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        keystore.make(tmp_path / "key.json", b"pass")


def test_the_wrong_passphrase_is_named_as_such_and_shown_to_nobody(tmp_path):
    keystore.make(tmp_path / "key.json", b"pass", SECRET)
    with pytest.raises(WrongPassphrase) as caught:
        keystore.open_key(tmp_path / "key.json", b"a wrong secret")
    assert caught.value.consequence == "stop"
    assert "a wrong secret" not in repr(caught.value) + str(caught.value.facts)


def test_other_programs_open_our_files(tmp_path):
    keystore.make(tmp_path / "key.json", b"pass", SECRET)
    assert Account.decrypt((tmp_path / "key.json").read_text(), "pass") == SECRET


@pytest.mark.parametrize("kdf", ["scrypt", "pbkdf2"])
def test_other_programs_files_open_here(tmp_path, kdf):
    made = Account.encrypt(SECRET, "pass", kdf=kdf, iterations=2**10)
    (tmp_path / "key.json").write_text(json.dumps(made))
    assert keystore.open_key(tmp_path / "key.json", b"pass").address == Key(SECRET).address


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-20],
        lambda _: "[]",
        lambda _: "{}",
        lambda text: text.replace("aes-128-ctr", "aes-128-cbc"),
        lambda text: text.replace("scrypt", "argon2"),
        lambda text: text.replace('"n": 32768', '"n": 1073741824'),
        lambda text: text.replace('"n": 32768', '"n": "many"'),
    ],
)
def test_what_is_not_a_key_file_is_refused(tmp_path, damage):
    keystore.make(tmp_path / "key.json", b"pass")
    (tmp_path / "key.json").write_text(damage((tmp_path / "key.json").read_text()))
    with pytest.raises(BadKeystore):
        keystore.open_key(tmp_path / "key.json", b"pass")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadKeystore) as caught:
        keystore.open_key(tmp_path / "none.json", b"pass")
    assert "none.json" in str(caught.value.facts)
    with pytest.raises(BadKeystore):
        keystore.read_passphrase(tmp_path / "none")


def test_a_passphrase_is_a_files_first_line(tmp_path):
    (tmp_path / "pass").write_bytes(b" with spaces \r\nsecond line\n")
    assert keystore.read_passphrase(tmp_path / "pass") == b" with spaces "


def test_a_key_shows_its_address_and_nothing_else():
    key = Key(SECRET)
    assert repr(key) == f"Key({key.address})"
    assert SECRET.hex() not in repr(vars(type(key)))
