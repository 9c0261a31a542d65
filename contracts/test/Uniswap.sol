// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IUniswapV2Pair} from "../src/interfaces/IUniswapV2Pair.sol";
import {TestDollar} from "../src/TestDollar.sol";
import {Base} from "./Base.sol";

interface IFactory {
    function createPair(address a, address b) external returns (IUniswapV2Pair);
}

interface IRouter {
    function getAmountsOut(uint256 amountIn, address[] calldata path)
        external
        view
        returns (uint256[] memory);
    function swapExactTokensForTokens(
        uint256 amountIn,
        uint256 minOut,
        address[] calldata path,
        address to,
        uint256 deadline
    ) external returns (uint256[] memory);
}

interface ILiquid {
    function mint(address to) external returns (uint256);
    function sync() external;
}

/// @notice The real Uniswap v2, as compiled by its makers; npm brings it, nothing of it is here.
abstract contract Uniswap is Base {
    string private constant CORE = "../node_modules/@uniswap/v2-core/build/";
    string private constant PERIPHERY = "../node_modules/@uniswap/v2-periphery/build/";

    IFactory internal factory =
        IFactory(made(string.concat(CORE, "UniswapV2Factory.json"), abi.encode(this)));
    IRouter internal router = IRouter(
        made(string.concat(PERIPHERY, "UniswapV2Router02.json"), abi.encode(factory, address(1)))
    );

    /// @dev A pair with so much of each token in it.
    function poolOf(TestDollar a, TestDollar b, uint256 amountA, uint256 amountB)
        internal
        returns (IUniswapV2Pair pair)
    {
        pair = factory.createPair(address(a), address(b));
        a.mint(address(pair), amountA);
        b.mint(address(pair), amountB);
        ILiquid(address(pair)).mint(address(this));
    }

    /// @dev What the router says that `amountIn` buys.
    function quoted(IERC20 tokenIn, IERC20 tokenOut, uint256 amountIn)
        internal
        view
        returns (uint256)
    {
        return router.getAmountsOut(amountIn, path(tokenIn, tokenOut))[1];
    }

    function path(IERC20 tokenIn, IERC20 tokenOut) internal pure returns (address[] memory way) {
        way = new address[](2);
        (way[0], way[1]) = (address(tokenIn), address(tokenOut));
    }

    function made(string memory artifact, bytes memory arguments) private returns (address at) {
        string memory code = vm.parseJsonString(vm.readFile(artifact), ".bytecode");
        bytes memory creation = bytes.concat(vm.parseBytes(string.concat("0x", code)), arguments);
        assembly ("memory-safe") {
            at := create(0, add(creation, 32), mload(creation))
        }
        require(at != address(0), "not created");
    }
}
