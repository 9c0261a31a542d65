// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title Vault
/// @notice An ERC-4626 vault that earns what anyone drips into it; for local chains only.
/// @dev OpenZeppelin's defence against inflation is on: a thousand virtual shares a unit make it
/// dear to skew the price of a share before the first deposit.
contract Vault is ERC4626 {
    using SafeERC20 for IERC20;

    /// @notice `assets` were given to all who hold shares.
    event Dripped(address indexed by, uint256 assets);

    /// @param asset_ What is put in and comes out.
    constructor(IERC20 asset_) ERC20("Test Vault", "TVLT") ERC4626(asset_) {}

    /// @notice Gives `assets` of the caller's to all who hold shares.
    /// @param assets How much.
    function drip(uint256 assets) external {
        emit Dripped(msg.sender, assets);
        IERC20(asset()).safeTransferFrom(msg.sender, address(this), assets);
    }

    /// @inheritdoc ERC4626
    function _decimalsOffset() internal pure override returns (uint8) {
        return 3;
    }
}
