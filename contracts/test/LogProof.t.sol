// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {LogProof} from "../src/LogProof.sol";
import {Base} from "./Base.sol";

/// @notice The library as a contract, so that paths come as calldata.
contract Prover {
    function verify(bytes32 leaf, uint64 index, uint64 size, bytes32[] calldata path, bytes32 root)
        external
        pure
        returns (bool)
    {
        return LogProof.verifyInclusion(leaf, index, size, path, root);
    }

    /// @dev What checking costs once everything is here.
    function cost(bytes32 leaf, uint64 index, uint64 size, bytes32[] calldata path, bytes32 root)
        external
        view
        returns (uint256)
    {
        uint256 before = gasleft();
        LogProof.verifyInclusion(leaf, index, size, path, root);
        return before - gasleft();
    }
}

/// @notice The tree of RFC 6962, section 2.1, word for word: slow, and shares nothing with the library.
abstract contract Definition {
    function leafHash(bytes memory data) internal pure returns (bytes32) {
        return sha256(bytes.concat(hex"00", data));
    }

    /// @dev MTH(D[from:to]), which has at least one leaf.
    function rootOf(bytes32[] memory leaves, uint256 from, uint256 to)
        internal
        pure
        returns (bytes32)
    {
        if (to - from == 1) return leaves[from];
        uint256 k = split(to - from);
        return
            sha256(
                bytes.concat(hex"01", rootOf(leaves, from, from + k), rootOf(leaves, from + k, to))
            );
    }

    /// @dev PATH(m, D[from:to]), m counted from the start of the whole list.
    function pathOf(bytes32[] memory leaves, uint256 m, uint256 from, uint256 to)
        internal
        pure
        returns (bytes32[] memory)
    {
        if (to - from == 1) return new bytes32[](0);
        uint256 middle = from + split(to - from);
        return m < middle
            ? with(pathOf(leaves, m, from, middle), rootOf(leaves, middle, to))
            : with(pathOf(leaves, m, middle, to), rootOf(leaves, from, middle));
    }

    /// @dev The root that a path of the right length leads to, from the definition of the path.
    function climbed(bytes32 leaf, uint256 m, uint256 n, bytes32[] memory path, uint256 length)
        internal
        pure
        returns (bytes32)
    {
        if (n == 1) return leaf;
        uint256 k = split(n);
        bytes32 top = path[length - 1];
        return m < k
            ? sha256(bytes.concat(hex"01", climbed(leaf, m, k, path, length - 1), top))
            : sha256(bytes.concat(hex"01", top, climbed(leaf, m - k, n - k, path, length - 1)));
    }

    function lengthOf(uint256 m, uint256 n) internal pure returns (uint256) {
        if (n == 1) return 0;
        uint256 k = split(n);
        return 1 + (m < k ? lengthOf(m, k) : lengthOf(m - k, n - k));
    }

    /// @dev The largest power of two smaller than n.
    function split(uint256 n) internal pure returns (uint256 k) {
        k = 1;
        while (k * 2 < n) k *= 2;
    }

    function with(bytes32[] memory path, bytes32 node)
        internal
        pure
        returns (bytes32[] memory longer)
    {
        longer = new bytes32[](path.length + 1);
        for (uint256 i; i < path.length; ++i) {
            longer[i] = path[i];
        }
        longer[path.length] = node;
    }

    function without(bytes32[] memory path, uint256 at)
        internal
        pure
        returns (bytes32[] memory shorter)
    {
        shorter = new bytes32[](path.length - 1);
        for (uint256 i; i < shorter.length; ++i) {
            shorter[i] = path[i < at ? i : i + 1];
        }
    }
}

contract LogProofTest is Base, Definition {
    Prover private prover = new Prover();

    // ------------------------------------------------------------------------------------- hashing

    /// Inputs and roots that implementations of Certificate Transparency test with.
    function test_leaves_and_nodes_are_those_of_rfc_6962() public pure {
        vm.assertEq(
            LogProof.leafOf(""), 0x6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d
        );
        vm.assertEq(
            LogProof.nodeOf(LogProof.leafOf(""), LogProof.leafOf(hex"00")),
            0xfac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125
        );
    }

    function testFuzz_a_leaf_is_the_hash_of_zero_and_the_record(bytes calldata record) public pure {
        vm.assertEq(LogProof.leafOf(record), leafHash(record));
    }

    function testFuzz_a_node_is_the_hash_of_one_and_both(bytes32 left, bytes32 right) public pure {
        vm.assertEq(LogProof.nodeOf(left, right), sha256(bytes.concat(hex"01", left, right)));
    }

    // ------------------------------------------------------------------------------------ checking

    function test_every_leaf_of_every_small_tree_is_found() public view {
        for (uint64 size = 1; size <= 20; ++size) {
            bytes32[] memory leaves = leavesOf(size, 0);
            bytes32 root = rootOf(leaves, 0, size);
            for (uint64 index; index < size; ++index) {
                bytes32[] memory path = pathOf(leaves, index, 0, size);
                for (uint64 other; other <= size; ++other) {
                    bool found = prover.verify(leaves[index], other, size, path, root);
                    vm.assertEq(found, other == index);
                }
            }
        }
    }

    function testFuzz_a_leaf_is_found_and_what_was_changed_is_not(
        uint256 seed,
        uint64 size,
        uint64 index,
        uint8 bit,
        uint256 at
    ) public view {
        size = uint64(bound(size, 1, 100));
        index = uint64(bound(index, 0, size - 1));
        bytes32[] memory leaves = leavesOf(size, seed);
        bytes32 root = rootOf(leaves, 0, size);
        bytes32 leaf = leaves[index];
        bytes32[] memory path = pathOf(leaves, index, 0, size);
        bytes32 flip = bytes32(uint256(1) << bit);

        vm.assertTrue(prover.verify(leaf, index, size, path, root));
        vm.assertFalse(prover.verify(leaf ^ flip, index, size, path, root), "another leaf");
        vm.assertFalse(prover.verify(leaf, index, size, path, root ^ flip), "another root");
        vm.assertFalse(prover.verify(leaf, index, size, with(path, root), root), "longer");
        if (path.length == 0) return;

        at = bound(at, 0, path.length - 1);
        vm.assertFalse(prover.verify(leaf, index, size, without(path, at), root), "shorter");
        path[at] ^= flip;
        vm.assertFalse(prover.verify(leaf, index, size, path, root), "another node");
    }

    /// However large the log: a path of the right length leads to one root, to which it is held.
    function testFuzz_any_size_is_climbed_as_defined(
        uint64 size,
        uint64 index,
        bytes32 leaf,
        uint256 seed
    ) public view {
        size = uint64(bound(size, 1, type(uint64).max));
        index = uint64(bound(index, 0, size - 1));
        bytes32[] memory path = leavesOf(lengthOf(index, size), seed);
        bytes32 root = climbed(leaf, index, size, path, path.length);
        vm.assertTrue(prover.verify(leaf, index, size, path, root));

        // A node more than the tree is deep, even where it leads to the root that is named.
        bytes32 above = sha256(bytes.concat(hex"01", leaf, root));
        vm.assertFalse(prover.verify(leaf, index, size, with(path, leaf), above));
        above = sha256(bytes.concat(hex"01", root, leaf));
        vm.assertFalse(prover.verify(leaf, index, size, with(path, leaf), above));
    }

    function testFuzz_no_input_reverts_or_passes_by_chance(
        bytes32 leaf,
        uint64 index,
        uint64 size,
        bytes32[] calldata path,
        bytes32 root
    ) public view {
        vm.assume(leaf != root);
        vm.assertFalse(prover.verify(leaf, index, size, path, root));
    }

    function test_nothing_is_in_an_empty_log() public view {
        vm.assertFalse(prover.verify("leaf", 0, 0, new bytes32[](0), "leaf"));
        vm.assertTrue(prover.verify("leaf", 0, 1, new bytes32[](0), "leaf"));
        vm.assertFalse(prover.verify("leaf", 1, 1, new bytes32[](0), "leaf"));
    }

    // ---------------------------------------------------------------------------------------- cost

    function test_no_path_is_climbed_for_more_than_64_nodes() public view {
        uint64 most = type(uint64).max;
        bytes32[] memory path = leavesOf(64, 0);
        bytes32 root = climbed("leaf", 0, most, path, 64);
        vm.assertTrue(prover.verify("leaf", 0, most, path, root));
        vm.assertLe(prover.cost("leaf", 0, most, path, root), 58_000);

        path = with(path, root);
        vm.assertFalse(prover.verify("leaf", 0, most, path, root));
        vm.assertLe(prover.cost("leaf", 0, most, path, root), 200, "refused at a glance");
    }

    /// A lone right edge rises over many levels at once; it must not take more steps than there are.
    function test_a_lone_right_edge_rises_at_once() public view {
        uint64 index = uint64(1) << 63;
        bytes32[] memory path = leavesOf(1, 0);
        bytes32 root = climbed("leaf", index, index + 1, path, 1);
        vm.assertTrue(prover.verify("leaf", index, index + 1, path, root));
        vm.assertLe(prover.cost("leaf", index, index + 1, path, root), 10_000);
    }

    // ------------------------------------------------------------------------------------- helpers

    function leavesOf(uint256 count, uint256 seed) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            leaves[i] = leafHash(abi.encode(seed, i));
        }
    }
}
