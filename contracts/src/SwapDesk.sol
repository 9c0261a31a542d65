// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Authorized} from "./Authorized.sol";
import {Diary} from "./Diary.sol";
import {IUniswapV2Pair} from "./interfaces/IUniswapV2Pair.sol";

/// @title SwapDesk
/// @notice Trades on Uniswap v2 pairs for whoever signs an authorization, and remembers prices.
/// @dev Nothing stays here between two transactions, and nothing here is anyone's. The pair and the
/// tokens are the payer's choice and may be of any kind: what counts is what of `tokenOut` has come
/// to the payer in the end. The authorization's `validBefore` is the trade's deadline.
/// Its diary holds the low 224 bits of each pair's sum of prices: between two notes the price of
/// the first token in the second was, on average over time, `(later − earlier) mod 2²²⁴` over the
/// seconds between, times 2⁻¹¹². Whoever wants to bend that must hold the price bent for as long.
contract SwapDesk is Authorized, Diary {
    using SafeERC20 for IERC20;

    // -------------------------------------------------------------------------------------- events

    /// @notice `payer` gave and got.
    event Swapped(
        address indexed payer,
        address indexed pair,
        address tokenIn,
        address tokenOut,
        uint256 amountIn,
        uint256 amountOut
    );

    // -------------------------------------------------------------------------------------- errors

    /// @notice A token is traded for itself.
    error SameToken();
    /// @notice The price has moved: the payer would get no more than this.
    error TooLittle(uint256 amountOut);
    /// @notice The pair has nothing to trade.
    error Empty();

    // ------------------------------------------------------------------------------------- trading

    /// @notice Sells all of what `payer` signed for to a pair, whose other token goes to `payer`.
    /// @param payer Who pays and is paid; see {Authorized}.
    /// @param pair The pair to trade with.
    /// @param tokenIn What is sold; it must take EIP-3009 authorizations.
    /// @param tokenOut What is bought.
    /// @param amountIn How much is sold.
    /// @param minOut The least to accept for it.
    /// @param validAfter Of the authorization.
    /// @param validBefore Of the authorization, and so of the trade.
    /// @param signature The payer's.
    /// @return amountOut What came to the payer.
    function swapWithAuthorization(
        address payer,
        IUniswapV2Pair pair,
        IERC20 tokenIn,
        IERC20 tokenOut,
        uint256 amountIn,
        uint256 minOut,
        bytes32, /* salt */
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) external nonReentrant returns (uint256 amountOut) {
        if (address(tokenIn) == address(tokenOut)) revert SameToken();
        _takeAuthorized(tokenIn, payer, amountIn, _nonceOf(7), validAfter, validBefore, signature);
        observe(address(pair));
        amountOut = _swap(payer, pair, tokenIn, tokenOut);
        if (amountOut < minOut) revert TooLittle(amountOut);
        emit Swapped(payer, address(pair), address(tokenIn), address(tokenOut), amountIn, amountOut);
    }

    // ------------------------------------------------------------------------------------- private

    /// @dev Sells all that is here; says by how much the payer's balance has grown.
    function _swap(address payer, IUniswapV2Pair pair, IERC20 tokenIn, IERC20 tokenOut)
        private
        returns (uint256)
    {
        uint256 before = tokenOut.balanceOf(payer);
        tokenIn.safeTransfer(address(pair), tokenIn.balanceOf(address(this)));
        bool upwards = address(tokenIn) < address(tokenOut);
        uint256 out = _bought(pair, tokenIn, upwards);
        pair.swap(upwards ? 0 : out, upwards ? out : 0, payer, "");
        return tokenOut.balanceOf(payer) - before;
    }

    /// @dev What the pair owes for all that has come in and is not yet counted: a fee of 0.3 % is
    /// taken off, and the product of the reserves must not shrink.
    function _bought(IUniswapV2Pair pair, IERC20 tokenIn, bool upwards)
        private
        view
        returns (uint256)
    {
        (uint256 reserveIn, uint256 reserveOut,) = pair.getReserves();
        if (!upwards) (reserveIn, reserveOut) = (reserveOut, reserveIn);
        uint256 paid = (tokenIn.balanceOf(address(pair)) - reserveIn) * 997;
        return paid * reserveOut / (reserveIn * 1000 + paid);
    }

    /// @inheritdoc Diary
    /// @dev The pair's own sum of prices, carried on to this second.
    function _now(address about) internal view override returns (uint224) {
        IUniswapV2Pair pair = IUniswapV2Pair(about);
        (uint256 reserve0, uint256 reserve1, uint32 since) = pair.getReserves();
        if (reserve0 == 0 || reserve1 == 0) revert Empty();
        unchecked {
            uint256 passed = uint32(block.timestamp) - since;
            return uint224(pair.price0CumulativeLast() + (reserve1 << 112) / reserve0 * passed);
        }
    }
}
