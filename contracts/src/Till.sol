// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Authorized} from "./Authorized.sol";

/// @title Till
/// @notice Takes one token in, either from an allowance or on a signed authorization.
/// @dev The token is chosen once, at deployment. It must move the amounts it is told: one that takes
/// a fee or changes balances by itself must not be used.
abstract contract Till is Authorized {
    using SafeERC20 for IERC20;

    /// @notice The token that everything here is paid in.
    IERC20 public immutable token;

    /// @notice An amount or address that must not be zero is.
    error Zero();

    /// @param token_ The token that everything here is paid in.
    constructor(IERC20 token_) {
        if (address(token_) == address(0)) revert Zero();
        token = token_;
    }

    /// @dev Takes `value` from the caller's allowance.
    function _take(uint256 value) internal {
        token.safeTransferFrom(msg.sender, address(this), value);
    }

    /// @dev Takes `value` from `payer` on an authorization bound to `nonce`.
    function _takeAuthorized(
        address payer,
        uint256 value,
        bytes32 nonce,
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) internal {
        _takeAuthorized(token, payer, value, nonce, validAfter, validBefore, signature);
    }
}
