// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IEIP3009} from "./interfaces/IEIP3009.sol";

/// @title Authorized
/// @notice Takes tokens in on a signed EIP-3009 authorization that is good for one call only.
/// @dev The nonce of an authorization is the hash of everything the call says: its selector and all
/// arguments but the authorization itself. A signature therefore buys exactly one call with exactly
/// these arguments. Anyone may submit it, nobody can bend it, and since the token lets only the
/// payee use a "receive" authorization, nobody can burn it around this contract either.
abstract contract Authorized is ReentrancyGuardTransient {
    /// @dev Takes `value` of `token` from `payer` on an authorization bound to `nonce`.
    function _takeAuthorized(
        IERC20 token,
        address payer,
        uint256 value,
        bytes32 nonce,
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) internal {
        IEIP3009 signable = IEIP3009(address(token));
        signable.receiveWithAuthorization(
            payer, address(this), value, validAfter, validBefore, nonce, signature
        );
    }

    /// @dev The nonce of a call whose first `arguments` parameters are all of static type: there, the
    /// start of the calldata is `abi.encodeWithSelector(selector, arguments...)` byte for byte, for
    /// the decoder has already refused any value that is not in canonical form.
    function _nonceOf(uint256 arguments) internal pure returns (bytes32) {
        return keccak256(msg.data[:4 + 32 * arguments]);
    }
}
