"""Key files: Web3 keystore version 3 with scrypt, opened by a passphrase from a file."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import uuid
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from eth_utils.crypto import keccak

from chain.errors import BadKeystore, WrongPassphrase
from chain.keys import Key

SCRYPT_N: Final = 2**15
"""32 MiB and about a tenth of a second: a signer must start quickly on a small machine."""
SCRYPT_R: Final = 8
KEY_BYTES: Final = 32
MEMORY_MAX: Final = 2**29
"""What another program's key file may ask of us; the common n = 2**18 takes 256 MiB."""


def make(path: Path, passphrase: bytes, secret: bytes | None = None) -> Key:
    """Write a new key file, mode 0600; never over another one."""
    secret = secret or secrets.token_bytes(KEY_BYTES)
    key = Key(secret)
    text = json.dumps(_seal(secret, key, passphrase), indent=1)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return key


def open_key(path: Path, passphrase: bytes) -> Key:
    """Raises `WrongPassphrase`, or `BadKeystore` for anything that is not a key file."""
    try:
        return _unseal(json.loads(path.read_text("ascii"))["crypto"], passphrase, path)
    except OSError as error:
        raise BadKeystore(path=str(path), why=error.strerror) from None
    except (ValueError, KeyError, TypeError):
        raise BadKeystore(path=str(path)) from None


def read_passphrase(path: Path) -> bytes:
    """The file's first line. Passphrases come from files alone: arguments and variables leak."""
    try:
        return path.read_bytes().split(b"\n", 1)[0].rstrip(b"\r")
    except OSError as error:
        raise BadKeystore(
            "the passphrase file cannot be read", path=str(path), why=error.strerror
        ) from None


def _seal(secret: bytes, key: Key, passphrase: bytes) -> dict[str, Any]:
    salt, iv = secrets.token_bytes(32), secrets.token_bytes(16)
    params = {"dklen": 32, "n": SCRYPT_N, "r": SCRYPT_R, "p": 1, "salt": salt.hex()}
    derived = _derive("scrypt", params, passphrase)
    sealed = _aes(derived[:16], iv, secret)
    return {
        "version": 3,
        "id": str(uuid.uuid4()),
        "address": key.address.lower().removeprefix("0x"),
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": {"iv": iv.hex()},
            "ciphertext": sealed.hex(),
            "kdf": "scrypt",
            "kdfparams": params,
            "mac": keccak(derived[16:32] + sealed).hex(),
        },
    }


def _unseal(crypto: dict[str, Any], passphrase: bytes, path: Path) -> Key:
    if crypto["cipher"] != "aes-128-ctr":
        raise ValueError("cipher")
    derived = _derive(crypto["kdf"], crypto["kdfparams"], passphrase)
    sealed = bytes.fromhex(crypto["ciphertext"])
    if not hmac.compare_digest(keccak(derived[16:32] + sealed), bytes.fromhex(crypto["mac"])):
        raise WrongPassphrase(path=str(path))
    return Key(_aes(derived[:16], bytes.fromhex(crypto["cipherparams"]["iv"]), sealed))


def _derive(kdf: str, params: dict[str, Any], passphrase: bytes) -> bytes:
    salt = bytes.fromhex(params["salt"])
    if kdf == "scrypt":
        return hashlib.scrypt(
            passphrase,
            salt=salt,
            n=params["n"],
            r=params["r"],
            p=params["p"],
            maxmem=MEMORY_MAX,
            dklen=params["dklen"],
        )
    if kdf == "pbkdf2" and params["prf"] == "hmac-sha256":
        return hashlib.pbkdf2_hmac("sha256", passphrase, salt, params["c"], params["dklen"])
    raise ValueError("kdf")


def _aes(key: bytes, iv: bytes, data: bytes) -> bytes:
    cipher = Cipher(algorithms.AES128(key), modes.CTR(iv)).encryptor()
    return cipher.update(data) + cipher.finalize()
