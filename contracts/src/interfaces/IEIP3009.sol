// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title The one function of EIP-3009 that our contracts call
/// @notice Tokens such as USDC move money on a signature of the payer. The "receive" form lets only
/// the payee submit it, so a signature seen in flight is of no use to anyone else.
interface IEIP3009 {
    /// @notice Moves `value` from `from` to `to`, which must be the caller.
    /// @param from The payer, who signed.
    /// @param to The payee and caller.
    /// @param value The amount in token units.
    /// @param validAfter The authorization holds strictly after this time.
    /// @param validBefore The authorization holds strictly before this time.
    /// @param nonce Unique to the payer, usable once.
    /// @param signature The payer's EIP-712 signature, or an ERC-1271 one of a contract wallet.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;
}
