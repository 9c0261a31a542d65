"""What can go wrong between this machine, the chain and the signer, named for its consequence.

ChainError
├── Unreachable        retry   no endpoint answered, or none answered sensibly
├── NodeRefused        skip    a node answered with an error; code and words are fields
├── NotMined           retry   no block took the transaction while we waited
├── Reverted           skip    a contract refused; asking again gives the same
├── WrongChain         halt    the endpoint serves another chain: nothing may be signed
├── WalletFrozen       halt    a nonce of this wallet was used by someone else
├── SignerGone         retry   the signer's socket is not there, or closed on us
│   └── SignerSilent   retry   the signer did not answer in time; what it did is unknown
├── SignerFault        halt    the signer answered with a fault of its own
├── LedgerHeld         stop    another signer has this ledger open
├── LedgerDamaged      stop    the ledger cannot be trusted any more
├── LedgerFull         retry   the disk took nothing; nothing was signed
├── BadLimits          stop    limits that are not the operator's, not for us, or too old
├── BadKeystore        stop    a key file that is not one
│   └── WrongPassphrase  stop  the key file is fine, the passphrase is not
├── BadRequest         skip    a message on the signer's socket that breaks its grammar
└── BadSettings        stop    a file that a person wrote cannot be used as it is

Each class has one line of `advice` for the operator. Messages are constant; facts are fields;
secrets are neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

Consequence = Literal["retry", "skip", "halt", "stop"]


class ChainError(Exception):
    """The root; `facts` are for logs, `advice` is for the operator."""

    consequence: ClassVar[Consequence] = "retry"
    advice: ClassVar[str] = "look at the facts that come with it"

    def __init__(self, reason: str = "", **facts: object) -> None:
        super().__init__(reason or (type(self).__doc__ or type(self).__name__).partition(";")[0])
        self.reason = str(self)
        self.facts: Mapping[str, object] = facts


class Unreachable(ChainError):
    """No endpoint answered."""

    advice = "check the rpc addresses and that a node listens there"


class NodeRefused(ChainError):
    """The node answered with an error."""

    consequence = "skip"
    advice = "the node's own words are among the facts"

    def __init__(self, method: str, code: int, words: str, data: str = "") -> None:
        super().__init__(method=method, code=code, words=words)
        self.code = code
        self.words = words
        self.data = data


class NotMined(ChainError):
    """No block took the transaction while we waited."""

    advice = "it may still be mined: look for its hash before sending anything in its place"


class Reverted(ChainError):
    """The contract refused."""

    consequence = "skip"
    advice = "the call is not possible in this state; the reason says what the contract objects to"


class WrongChain(ChainError):
    """The endpoint serves another chain than configured; nothing may be signed."""

    consequence = "halt"
    advice = "compare chain_id in the settings with the endpoint's eth_chainId"


class WalletFrozen(ChainError):
    """A nonce of this wallet was used by someone else; the key may be in other hands."""

    consequence = "halt"
    advice = "drain the wallet, then give the agent a new one"


class SignerGone(ChainError):
    """The signer cannot be reached."""

    advice = "start the agent, or look into logs/signer.log for why its signer ended"


class SignerSilent(SignerGone):
    """The signer did not answer in time; whether it did what was asked is unknown."""

    advice = "ask again: the signer repeats what it has already decided"


class SignerFault(ChainError):
    """The signer answered with a fault of its own."""

    consequence = "halt"
    advice = "look into logs/signer.log; the kind of the fault is among the facts"


class LedgerHeld(ChainError):
    """Another signer has this ledger open."""

    consequence = "stop"
    advice = "stop the other agent that uses this home"


class LedgerDamaged(ChainError):
    """The ledger is damaged; signing from it could pay twice."""

    consequence = "stop"
    advice = "keep the file, halt the agent on chain, drain the wallet with the operator's key"


class LedgerFull(ChainError):
    """The disk took nothing; nothing was signed."""

    advice = "free some space where the home is"


class BadLimits(ChainError):
    """The limits cannot be used."""

    consequence = "stop"
    advice = "let the operator sign limits for this wallet, at a higher version"


class BadKeystore(ChainError):
    """The key file is not a keystore of version 3."""

    consequence = "stop"
    advice = "restore the key file from a backup, or make a new wallet with forager init"


class WrongPassphrase(BadKeystore):
    """The passphrase does not open this key file."""

    advice = "name the file that holds the passphrase this key was made with"


class BadRequest(ChainError):
    """A message breaks the grammar of the signer's socket."""

    consequence = "skip"
    advice = "use the client that came with this signer"


class BadSettings(ChainError):
    """A settings file cannot be used as it is."""

    consequence = "stop"
    advice = "mend the named key in the named file"
