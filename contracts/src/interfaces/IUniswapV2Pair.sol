// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title What we call of a Uniswap v2 pair
/// @notice Two tokens, the one with the lower address first, and a price that follows from how much
/// there is of each.
interface IUniswapV2Pair {
    /// @notice How much the pair counts of each token, and when that last changed.
    function getReserves()
        external
        view
        returns (uint112 reserve0, uint112 reserve1, uint32 blockTimestampLast);

    /// @notice The price of the first token in the second, times seconds, summed up until the last
    /// change; 2¹¹² is one, and sums overflow as they should.
    function price0CumulativeLast() external view returns (uint256);

    /// @notice Hands out what was paid for by what has come in.
    /// @param amount0Out Of the first token.
    /// @param amount1Out Of the second token.
    /// @param to Who gets it.
    /// @param data Not empty: `to` is called back.
    function swap(uint256 amount0Out, uint256 amount1Out, address to, bytes calldata data) external;
}
