// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Till} from "./Till.sol";

/// @title GasStation
/// @notice Sells ETH for the token at a price that moves; for local chains only.
/// @dev The price is value noise: a random height at every full hour, drawn from the seed, and a
/// smooth curve between two of them. Same seed, same weather; it never leaves half to twice the base
/// price, and is below the base as often as above.
contract GasStation is Till {
    using SafeERC20 for IERC20;

    // ----------------------------------------------------------------------------------- constants

    /// @notice Seconds between two random heights of the price.
    uint256 public constant STEP = 1 hours;

    uint256 private constant ONE = 1e18;

    /// @notice Who gets the tokens.
    address public immutable beneficiary;

    /// @notice The middle of the price, in token units for 1e18 wei.
    uint256 public immutable basePrice;

    /// @notice What the moves of the price are drawn from.
    bytes32 public immutable seed;

    // -------------------------------------------------------------------------------------- events

    /// @notice `weiOut` was sold to `to` for `tokenIn`.
    event GasSold(address indexed to, uint256 tokenIn, uint256 weiOut);

    // -------------------------------------------------------------------------------------- errors

    /// @notice A base price whose half is nothing.
    error BadPrice();
    /// @notice The price has risen: this is all that `tokenIn` buys.
    error TooDear(uint256 weiOut);
    /// @notice The station holds less ETH than that.
    error Dry(uint256 weiLeft);

    // --------------------------------------------------------------------------------- constructor

    /// @param token_ The token that is taken.
    /// @param beneficiary_ Who gets the tokens.
    /// @param basePrice_ Token units for 1e18 wei, at least 2 so that half of it is a price.
    /// @param seed_ What the moves of the price are drawn from.
    constructor(IERC20 token_, address beneficiary_, uint256 basePrice_, bytes32 seed_)
        payable
        Till(token_)
    {
        if (beneficiary_ == address(0)) revert Zero();
        if (basePrice_ < 2) revert BadPrice();
        beneficiary = beneficiary_;
        basePrice = basePrice_;
        seed = seed_;
    }

    /// @notice Fills the station up.
    receive() external payable {}

    // -------------------------------------------------------------------------------------- buying

    /// @notice Buys ETH for the caller.
    /// @param tokenIn Token units to spend.
    /// @param minWei The least to accept for them.
    /// @return weiOut What was bought.
    function buy(uint256 tokenIn, uint256 minWei) external nonReentrant returns (uint256 weiOut) {
        _take(tokenIn);
        return _sell(msg.sender, tokenIn, minWei);
    }

    /// @notice `buy` on a signed authorization of `payer`, who gets the ETH; see {Till}.
    /// @param payer Who pays.
    /// @param tokenIn As in `buy`.
    /// @param minWei As in `buy`.
    /// @param validAfter Of the authorization.
    /// @param validBefore Of the authorization.
    /// @param signature The payer's.
    /// @return weiOut What was bought.
    function buyWithAuthorization(
        address payer,
        uint256 tokenIn,
        uint256 minWei,
        bytes32, /* salt */
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) external nonReentrant returns (uint256 weiOut) {
        _takeAuthorized(payer, tokenIn, _nonceOf(4), validAfter, validBefore, signature);
        return _sell(payer, tokenIn, minWei);
    }

    // --------------------------------------------------------------------------------------- views

    /// @notice What 1e18 wei cost now, in token units.
    function price() public view returns (uint256) {
        uint256 hour = block.timestamp / STEP;
        uint256 t = (block.timestamp % STEP) * ONE / STEP;
        uint256 eased = t * t / ONE * (3 * ONE - 2 * t) / ONE;
        uint256 height = (_height(hour) * (ONE - eased) + _height(hour + 1) * eased) / ONE;

        // From half to once the base over the lower half of the heights, to twice over the upper.
        uint256 factor = height < ONE / 2 ? ONE / 2 + height : 2 * height;
        return basePrice * factor / ONE;
    }

    /// @notice How much `tokenIn` buys now, in wei.
    /// @param tokenIn Token units to spend.
    function quote(uint256 tokenIn) public view returns (uint256) {
        return Math.mulDiv(tokenIn, ONE, price());
    }

    // ------------------------------------------------------------------------------------- private

    /// @dev Hands out ETH for tokens that are already here, and the tokens on.
    function _sell(address to, uint256 tokenIn, uint256 minWei) private returns (uint256 weiOut) {
        weiOut = quote(tokenIn);
        if (weiOut == 0) revert Zero();
        if (weiOut < minWei) revert TooDear(weiOut);
        if (weiOut > address(this).balance) revert Dry(address(this).balance);

        emit GasSold(to, tokenIn, weiOut);
        token.safeTransfer(beneficiary, tokenIn);
        Address.sendValue(payable(to), weiOut);
    }

    /// @dev A random number in [0, ONE) for each hour.
    function _height(uint256 hour) private view returns (uint256) {
        return uint256(keccak256(abi.encode(seed, hour))) % ONE;
    }
}
