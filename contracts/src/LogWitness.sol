// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AgentRegistry} from "./AgentRegistry.sol";
import {LogProof} from "./LogProof.sol";

/// @title LogWitness
/// @notice Says whether a record is in the log of an agent, as far as the agent has anchored it.
/// @dev What it shows is that the agent wrote the record, there and nowhere else; not that what the
/// record says is true. It holds nothing, and anybody may ask.
contract LogWitness {
    // ----------------------------------------------------------------------------------- constants

    /// @notice Where the agents anchor their logs.
    AgentRegistry public immutable registry;

    // --------------------------------------------------------------------------------- constructor

    /// @param registry_ Where the agents anchor their logs.
    constructor(AgentRegistry registry_) {
        registry = registry_;
    }

    // --------------------------------------------------------------------------------------- views

    /// @notice Whether a record is in an agent's log under its last anchor.
    /// @dev The registry keeps the last anchor only: after the next one a path must be made anew.
    /// @param agent The agent.
    /// @param record The record's bytes, as in its block.
    /// @param seq The record's place in the log.
    /// @param path The nodes beside the way from its leaf to the anchored root.
    /// @return False also for an agent that has anchored nothing, or was never born.
    function isAnchored(uint256 agent, bytes calldata record, uint64 seq, bytes32[] calldata path)
        external
        view
        returns (bool)
    {
        AgentRegistry.Life memory life = registry.lifeOf(agent);
        return life.anchored && isUnder(record, seq, path, life.size, life.root);
    }

    /// @notice Whether a record is in the log that has this size and root.
    /// @dev For sizes and roots from elsewhere: an earlier anchor, or a checkpoint and its signature.
    /// @param record As in `isAnchored`.
    /// @param seq As in `isAnchored`.
    /// @param path As in `isAnchored`.
    /// @param size How many records the tree is over.
    /// @param root The root of the tree.
    /// @return Whether it is.
    function isUnder(
        bytes calldata record,
        uint64 seq,
        bytes32[] calldata path,
        uint64 size,
        bytes32 root
    ) public pure returns (bool) {
        return LogProof.verifyInclusion(LogProof.leafOf(record), seq, size, path, root);
    }
}
