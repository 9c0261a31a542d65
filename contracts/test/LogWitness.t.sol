// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AgentRegistry} from "../src/AgentRegistry.sol";
import {LogWitness} from "../src/LogWitness.sol";
import {Base} from "./Base.sol";
import {Definition} from "./LogProof.t.sol";

/// @notice Stands in for the registry: says of agent 1 what it was told, of others nothing.
contract ToldRegistry {
    AgentRegistry.Life private _life;

    function tell(uint64 size, bytes32 root, bool anchored) external {
        (_life.size, _life.root, _life.anchored) = (size, root, anchored);
    }

    function lifeOf(uint256 agent) external view returns (AgentRegistry.Life memory life) {
        if (agent == 1) life = _life;
    }
}

contract LogWitnessTest is Base, Definition {
    uint64 private constant SIZE = 11;

    ToldRegistry private registry = new ToldRegistry();
    LogWitness private witness = new LogWitness(AgentRegistry(address(registry)));
    bytes32[] private leaves;

    constructor() {
        for (uint256 i; i < SIZE; ++i) {
            leaves.push(leafHash(recordOf(i)));
        }
        registry.tell(SIZE, rootOf(leaves, 0, SIZE), true);
    }

    function test_every_record_under_the_anchor_is_witnessed() public view {
        for (uint64 seq; seq < SIZE; ++seq) {
            bytes32[] memory path = pathOf(leaves, seq, 0, SIZE);
            vm.assertTrue(witness.isAnchored(1, recordOf(seq), seq, path));
            vm.assertFalse(witness.isAnchored(1, recordOf(seq + 1), seq, path));
            vm.assertFalse(witness.isAnchored(1, recordOf(seq), seq + 1, path));
            vm.assertFalse(witness.isAnchored(2, recordOf(seq), seq, path), "another agent");
        }
    }

    function testFuzz_a_changed_record_is_not_witnessed(uint64 seq, uint256 at, uint8 bit)
        public
        view
    {
        seq = uint64(bound(seq, 0, SIZE - 1));
        bytes memory record = recordOf(seq);
        record[bound(at, 0, record.length - 1)] ^= bytes1(uint8(1) << (bit % 8));
        vm.assertFalse(witness.isAnchored(1, record, seq, pathOf(leaves, seq, 0, SIZE)));
    }

    function test_a_path_is_of_one_anchor() public {
        bytes32[] memory path = pathOf(leaves, 3, 0, SIZE);
        bytes32 root = rootOf(leaves, 0, SIZE);
        leaves.push(leafHash(recordOf(SIZE)));
        registry.tell(SIZE + 1, rootOf(leaves, 0, SIZE + 1), true);

        vm.assertFalse(witness.isAnchored(1, recordOf(3), 3, path));
        vm.assertTrue(witness.isAnchored(1, recordOf(3), 3, pathOf(leaves, 3, 0, SIZE + 1)));
        vm.assertTrue(witness.isUnder(recordOf(3), 3, path, SIZE, root), "the earlier anchor");
    }

    function test_nothing_is_anchored_before_the_first_anchor() public {
        bytes32 leaf = leafHash("record");
        registry.tell(1, leaf, false);
        vm.assertFalse(witness.isAnchored(1, "record", 0, new bytes32[](0)));
        registry.tell(1, leaf, true);
        vm.assertTrue(witness.isAnchored(1, "record", 0, new bytes32[](0)));
    }

    function test_the_true_registry_answers() public {
        AgentRegistry true_ = new AgentRegistry();
        LogWitness honest = new LogWitness(true_);
        vm.assertEq(address(honest.registry()), address(true_));
        vm.assertFalse(honest.isAnchored(1, "record", 0, new bytes32[](0)), "never born");
    }

    // ---------------------------------------------------------------------------------------- cost

    /// What docs/telemetry-format.md says that it costs, for a record of 1,000 bytes among a million.
    function test_a_record_among_a_million_costs_little() public {
        bytes memory record = new bytes(1_000);
        uint64 seq = 600_000;
        bytes32[] memory path = new bytes32[](lengthOf(seq, 1_000_000));
        vm.assertEq(path.length, 20);
        for (uint256 i; i < path.length; ++i) {
            path[i] = leafHash(abi.encode(i));
        }
        bytes32 root = climbed(leafHash(record), seq, 1_000_000, path, path.length);
        registry.tell(1_000_000, root, true);

        uint256 before = gasleft();
        bool found = witness.isUnder(record, seq, path, 1_000_000, root);
        vm.assertLe(before - gasleft(), 30_000);
        vm.assertTrue(found);

        before = gasleft();
        found = witness.isAnchored(1, record, seq, path);
        vm.assertLe(before - gasleft(), 46_000);
        vm.assertTrue(found);
    }

    // ------------------------------------------------------------------------------------- helpers

    function recordOf(uint256 seq) private pure returns (bytes memory) {
        return abi.encode("record", seq);
    }
}
