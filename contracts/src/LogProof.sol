// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title LogProof
/// @notice Checks that a record is in an agent's log by the Merkle tree of RFC 6962.
/// @dev A path says left or right and no more, so it means something only together with the size:
/// take size and root from one place that you trust, an anchor or a signed checkpoint.
library LogProof {
    // ----------------------------------------------------------------------------------- constants

    /// @notice The longest path there is: sizes are 64-bit numbers.
    uint256 internal constant MAX_PATH = 64;

    // ------------------------------------------------------------------------------------- hashing

    /// @notice The leaf of a record.
    /// @param record The record's bytes, as in its block.
    /// @return SHA-256 of a zero byte and the record.
    function leafOf(bytes memory record) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x00), record));
    }

    /// @notice The node over two others; its first byte keeps nodes and leaves apart.
    /// @param left The node over the earlier leaves.
    /// @param right The node over the later leaves.
    /// @return SHA-256 of a byte of one and both.
    function nodeOf(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x01), left, right));
    }

    // ------------------------------------------------------------------------------------ checking

    /// @notice Whether a path leads from a leaf to a root.
    /// @dev Climbs as RFC 9162, 2.1.3.2 has it. Both loops halve `last` and end with it: together
    /// they run 64 times at most.
    /// @param leaf The record's leaf.
    /// @param index The record's place in the log, its `seq`.
    /// @param size How many records the tree is over.
    /// @param path The nodes beside the way up, from the leaf to the root.
    /// @param root The root of the tree.
    /// @return True if the tree of this size and root holds this leaf at this place.
    function verifyInclusion(
        bytes32 leaf,
        uint64 index,
        uint64 size,
        bytes32[] calldata path,
        bytes32 root
    ) internal pure returns (bool) {
        if (index >= size || path.length > MAX_PATH) return false;

        uint64 last = size - 1;
        bytes32 node = leaf;
        for (uint256 i; i < path.length; ++i) {
            if (last == 0) return false;
            if (index & 1 == 1 || index == last) {
                node = nodeOf(path[i], node);
                // A lone right edge rises without a sibling.
                while (index & 1 == 0 && index != 0) (index, last) = (index >> 1, last >> 1);
            } else {
                node = nodeOf(node, path[i]);
            }
            (index, last) = (index >> 1, last >> 1);
        }
        return last == 0 && node == root;
    }
}
