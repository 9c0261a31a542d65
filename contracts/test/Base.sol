// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {TestDollar} from "../src/TestDollar.sol";

/// @notice The cheatcodes of forge that these tests use.
interface Vm {
    function addr(uint256 key) external pure returns (address);
    function assume(bool condition) external pure;
    function chainId(uint256 id) external;
    function deal(address account, uint256 balance) external;
    function expectEmit() external;
    function expectRevert() external;
    function expectRevert(bytes4 selector) external;
    function expectRevert(bytes calldata reason) external;
    function label(address account, string calldata name) external;
    function parseBytes(string calldata text) external pure returns (bytes memory);
    function parseJsonString(string calldata json, string calldata key)
        external
        pure
        returns (string memory);
    function prank(address sender) external;
    function readFile(string calldata path) external view returns (string memory);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function startPrank(address sender) external;
    function stopPrank() external;
    function warp(uint256 timestamp) external;

    function assertTrue(bool value) external pure;
    function assertTrue(bool value, string calldata why) external pure;
    function assertFalse(bool value) external pure;
    function assertFalse(bool value, string calldata why) external pure;
    function assertEq(bool a, bool b) external pure;
    function assertEq(uint256 a, uint256 b) external pure;
    function assertEq(uint256 a, uint256 b, string calldata why) external pure;
    function assertEq(address a, address b) external pure;
    function assertEq(bytes32 a, bytes32 b) external pure;
    function assertEq(string calldata a, string calldata b) external pure;
    function assertLe(uint256 a, uint256 b) external pure;
    function assertLe(uint256 a, uint256 b, string calldata why) external pure;
    function assertGe(uint256 a, uint256 b) external pure;
    function assertGe(uint256 a, uint256 b, string calldata why) external pure;
}

/// @notice What every test starts from: a known time, named accounts, a token, signatures.
abstract contract Base {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant DOLLAR = 1e6;

    TestDollar internal dollar = new TestDollar();

    constructor() {
        vm.warp(START);
    }

    // ------------------------------------------------------------------------------------ accounts

    /// @dev The private key behind a name.
    function keyOf(string memory name) internal pure returns (uint256) {
        return uint256(keccak256(bytes(name)));
    }

    /// @dev The address behind a name.
    function account(string memory name) internal returns (address who) {
        who = vm.addr(keyOf(name));
        vm.label(who, name);
    }

    /// @dev Gives `who` money and lets `spender` take it.
    function fund(address who, address spender, uint256 amount) internal {
        dollar.mint(who, amount);
        vm.prank(who);
        dollar.approve(spender, type(uint256).max);
    }

    // ---------------------------------------------------------------------------------------- time

    function skip(uint256 time) internal {
        vm.warp(block.timestamp + time);
    }

    // ---------------------------------------------------------------------------------- randomness

    /// @dev Folds a fuzzed number into [low, high].
    function bound(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        if (value >= low && value <= high) return value;
        uint256 width = high - low;
        return width == type(uint256).max ? value : low + value % (width + 1);
    }

    // ---------------------------------------------------------------------------------- signatures

    function signed(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function typed(bytes32 domain, bytes32 structHash) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    /// @dev The EIP-712 digest of a `ReceiveWithAuthorization` that holds from now on for ever.
    function receiveDigest(address from, address to, uint256 value, bytes32 nonce)
        internal
        view
        returns (bytes32)
    {
        bytes32 typehash = keccak256(
            "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
        );
        return typed(
            dollar.DOMAIN_SEPARATOR(),
            keccak256(abi.encode(typehash, from, to, value, 0, type(uint256).max, nonce))
        );
    }

    /// @dev The signature of a named account under `receiveDigest`.
    function authorization(string memory name, address to, uint256 value, bytes32 nonce)
        internal
        view
        returns (bytes memory)
    {
        uint256 key = keyOf(name);
        return signed(key, receiveDigest(vm.addr(key), to, value, nonce));
    }
}
