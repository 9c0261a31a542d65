// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Authorized} from "./Authorized.sol";
import {Diary} from "./Diary.sol";

/// @title VaultDesk
/// @notice Puts money into ERC-4626 vaults for whoever signs an authorization, and remembers what
/// their shares were worth.
/// @dev Nothing stays here between two transactions: no money, no share, no allowance. The vault is
/// the payer's choice and may be of any kind: what counts is how many of its shares have come to the
/// payer in the end. What a share is worth only the vault can say, and whether it pays only time.
/// To take money out no desk is needed: its owner calls the vault.
contract VaultDesk is Authorized, Diary {
    using SafeERC20 for IERC20;

    // -------------------------------------------------------------------------------------- events

    /// @notice `payer` has put money away.
    event Deposited(address indexed payer, address indexed vault, uint256 assets, uint256 shares);

    // -------------------------------------------------------------------------------------- errors

    /// @notice The payer would get no more shares than this.
    error TooFewShares(uint256 shares);

    // ------------------------------------------------------------------------------------- putting

    /// @notice Puts all of what `payer` signed for into a vault, whose shares go to `payer`.
    /// @param payer Who pays and gets the shares; see {Authorized}.
    /// @param vault The vault; its asset must take EIP-3009 authorizations.
    /// @param assets How much is put in.
    /// @param minShares The least to accept for it.
    /// @param validAfter Of the authorization.
    /// @param validBefore Of the authorization.
    /// @param signature The payer's.
    /// @return shares What came to the payer.
    function depositWithAuthorization(
        address payer,
        IERC4626 vault,
        uint256 assets,
        uint256 minShares,
        bytes32, /* salt */
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) external nonReentrant returns (uint256 shares) {
        IERC20 asset = IERC20(vault.asset());
        _takeAuthorized(asset, payer, assets, _nonceOf(5), validAfter, validBefore, signature);
        observe(address(vault));
        shares = _deposit(payer, vault, asset);
        if (shares < minShares) revert TooFewShares(shares);
        emit Deposited(payer, address(vault), assets, shares);
    }

    // ------------------------------------------------------------------------------------- private

    /// @dev Puts in all that is here; says by how much the payer's shares have grown. What the vault
    /// leaves goes back to the payer.
    function _deposit(address payer, IERC4626 vault, IERC20 asset) private returns (uint256) {
        uint256 before = vault.balanceOf(payer);
        uint256 here = asset.balanceOf(address(this));
        asset.forceApprove(address(vault), here);
        vault.deposit(here, payer);

        uint256 left = asset.balanceOf(address(this));
        if (left != 0) {
            asset.forceApprove(address(vault), 0);
            asset.safeTransfer(payer, left);
        }
        return vault.balanceOf(payer) - before;
    }

    /// @inheritdoc Diary
    /// @dev What a whole share is worth, in units of the asset.
    function _now(address about) internal view override returns (uint224) {
        IERC4626 vault = IERC4626(about);
        return SafeCast.toUint224(vault.convertToAssets(10 ** vault.decimals()));
    }
}
