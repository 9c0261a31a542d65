// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AgentRegistry} from "../src/AgentRegistry.sol";
import {Base} from "./Base.sol";
import {SmartWallet} from "./Doubles.sol";

contract AgentRegistryTest is Base {
    AgentRegistry private registry = new AgentRegistry();

    address private wallet = account("wallet");
    address private operator = account("operator");
    address private stranger = account("stranger");

    // --------------------------------------------------------------------------------------- birth

    function test_a_permitted_birth_is_recorded_in_full() public {
        AgentRegistry.Birth memory b = permit(wallet, 1);
        bytes memory signature = permitBy("operator", b);

        vm.expectEmit();
        emit AgentRegistry.Born(1, wallet, operator, b.logKey, b.genome, b.parents, b.seed);
        vm.prank(wallet);
        uint256 agent = registry.birth(b, signature);

        vm.assertEq(agent, 1);
        vm.assertEq(registry.count(), 1);
        vm.assertEq(registry.agentOf(wallet), 1);
        vm.assertTrue(registry.permitUsed(operator, 1));
        AgentRegistry.Life memory life = registry.lifeOf(1);
        vm.assertEq(life.wallet, wallet);
        vm.assertEq(life.operator, operator);
        vm.assertEq(life.logKey, b.logKey);
        vm.assertEq(life.genome, b.genome);
        vm.assertEq(life.seed, b.seed);
        vm.assertEq(life.bornAt, START);
        vm.assertEq(life.endedAt, 0);
        vm.assertFalse(life.anchored);
    }

    function test_the_permit_is_plain_eip_712_as_wallets_sign_it() public view {
        // Written out by hand, so that a change of the domain or the type cannot go unnoticed.
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Forager"),
                keccak256("1"),
                block.chainid,
                address(registry)
            )
        );
        vm.assertEq(domain, domainOf(registry));
        vm.assertEq(
            registry.BIRTH_TYPEHASH(),
            keccak256(
                "Birth(address wallet,address operator,address logKey,bytes32 genome,uint64[] parents,bytes32 seed,uint256 nonce,uint64 deadline)"
            )
        );
    }

    function test_a_contract_wallet_can_permit_a_birth() public {
        SmartWallet company = new SmartWallet(operator);
        AgentRegistry.Birth memory b = permit(wallet, 1);
        b.operator = address(company);

        bytes memory permitted = permitBy("operator", b);
        vm.prank(wallet);
        vm.assertEq(registry.birth(b, permitted), 1);

        AgentRegistry.Birth memory forged = permit(stranger, 2);
        forged.operator = address(company);
        bytes memory signature = permitBy("stranger", forged);
        vm.prank(stranger);
        vm.expectRevert(AgentRegistry.PermitNotSigned.selector);
        registry.birth(forged, signature);
    }

    function test_only_the_wallet_itself_can_be_born() public {
        AgentRegistry.Birth memory b = permit(wallet, 1);
        bytes memory signature = permitBy("operator", b);
        vm.prank(stranger);
        vm.expectRevert(AgentRegistry.NotTheWallet.selector);
        registry.birth(b, signature);
    }

    function test_a_wallet_is_born_once_for_ever() public {
        uint256 agent = born();
        vm.prank(wallet);
        registry.end(agent, 1, 0, 0, 0, 0);
        refuseBirth(permit(wallet, 2), AgentRegistry.AlreadyBorn.selector);
    }

    function test_a_nonce_is_used_once() public {
        born();
        refuseBirth(permit(stranger, 1), AgentRegistry.PermitUsed.selector);
    }

    function test_each_operator_has_nonces_of_its_own() public {
        born();
        AgentRegistry.Birth memory b = permit(stranger, 1);
        b.operator = account("another operator");
        bytes memory signature = permitBy("another operator", b);
        vm.prank(stranger);
        vm.assertEq(registry.birth(b, signature), 2);
    }

    function test_a_permit_holds_up_to_its_deadline() public {
        AgentRegistry.Birth memory b = permit(wallet, 1);
        bytes memory signature = permitBy("operator", b);
        vm.warp(b.deadline);
        vm.prank(wallet);
        registry.birth(b, signature);

        vm.warp(b.deadline + 1);
        AgentRegistry.Birth memory late = permit(stranger, 2);
        late.deadline = b.deadline;
        refuseBirth(late, AgentRegistry.PermitExpired.selector);
    }

    function test_a_permit_of_nobody_is_no_permit() public {
        AgentRegistry.Birth memory b = permit(wallet, 1);
        b.operator = address(0);
        vm.prank(wallet);
        vm.expectRevert(AgentRegistry.PermitNotSigned.selector);
        registry.birth(b, new bytes(65));
    }

    function test_a_permit_for_one_chain_does_not_hold_on_another() public {
        AgentRegistry.Birth memory b = permit(wallet, 1);
        bytes memory signature = permitBy("operator", b);
        vm.chainId(block.chainid + 1);
        vm.prank(wallet);
        vm.expectRevert(AgentRegistry.PermitNotSigned.selector);
        registry.birth(b, signature);
    }

    function test_a_permit_for_one_registry_does_not_hold_in_another() public {
        AgentRegistry.Birth memory b = permit(wallet, 1);
        bytes memory signature = permitBy("operator", b);
        AgentRegistry other = new AgentRegistry();
        vm.prank(wallet);
        vm.expectRevert(AgentRegistry.PermitNotSigned.selector);
        other.birth(b, signature);
    }

    /// Whatever is changed after signing, the permit no longer holds.
    function testFuzz_every_field_is_signed(uint256 field, bytes32 other) public {
        AgentRegistry.Birth memory b = permit(wallet, 1);
        bytes memory signature = permitBy("operator", b);
        field = bound(field, 0, 6);
        vm.assume(uint64(uint256(other)) > b.deadline);

        if (field == 0) b.operator = address(uint160(uint256(other)));
        if (field == 1) b.logKey = address(uint160(uint256(other)));
        if (field == 2) b.genome = other;
        if (field == 3) b.seed = other;
        if (field == 4) b.nonce = uint256(other);
        if (field == 5) b.deadline = uint64(uint256(other));
        if (field == 6) {
            born(account("parent"), 77);
            b.parents = list(1);
        }

        vm.prank(wallet);
        vm.expectRevert(AgentRegistry.PermitNotSigned.selector);
        registry.birth(b, signature);
    }

    function test_parents_are_agents_that_were_born() public {
        born();
        AgentRegistry.Birth memory b = permit(stranger, 2);

        b.parents = list(2);
        refuseBirth(b, abi.encodeWithSelector(AgentRegistry.UnknownParent.selector, 2));
        b.parents = list(0);
        refuseBirth(b, abi.encodeWithSelector(AgentRegistry.UnknownParent.selector, 0));
        b.parents = new uint64[](9);
        for (uint256 i; i < 9; ++i) {
            b.parents[i] = 1;
        }
        refuseBirth(b, AgentRegistry.TooManyParents.selector);

        b.parents = list(1);
        bytes memory signature = permitBy("operator", b);
        vm.prank(stranger);
        uint256 child = registry.birth(b, signature);
        vm.assertEq(registry.parentsOf(child).length, 1);
        vm.assertEq(registry.parentsOf(child)[0], 1);
    }

    // -------------------------------------------------------------------------------------- anchor

    function test_the_first_anchor_may_be_of_any_epoch() public {
        uint256 agent = born();
        vm.expectEmit();
        emit AgentRegistry.Anchored(agent, 0, 5, "root", "digest");
        vm.prank(wallet);
        registry.anchor(agent, 0, 5, "root", "digest");

        AgentRegistry.Life memory life = registry.lifeOf(agent);
        vm.assertTrue(life.anchored);
        vm.assertEq(life.epoch, 0);
        vm.assertEq(life.size, 5);
        vm.assertEq(life.root, "root");
        vm.assertEq(life.digest, "digest");

        uint256 other = born(stranger, 2);
        vm.prank(stranger);
        registry.anchor(other, 41, 5, "root", "digest");
    }

    function test_only_the_wallet_anchors() public {
        uint256 agent = born();
        vm.prank(operator);
        vm.expectRevert(AgentRegistry.NotAllowed.selector);
        registry.anchor(agent, 0, 5, "root", "digest");
    }

    /// An accepted anchor is always of a later epoch and never of a shorter log; others are refused.
    function testFuzz_anchors_only_go_forward(uint64[8] memory epochs, uint64[8] memory sizes)
        public
    {
        uint256 agent = born();
        AgentRegistry.Life memory last;
        for (uint256 i; i < 8; ++i) {
            uint64 epoch = epochs[i] % 16;
            uint64 size = sizes[i] % 16;
            if (last.anchored && epoch <= last.epoch) {
                vm.expectRevert(AgentRegistry.StaleEpoch.selector);
            } else if (size < last.size) {
                vm.expectRevert(AgentRegistry.ShrunkenLog.selector);
            } else {
                (last.anchored, last.epoch, last.size) = (true, epoch, size);
            }
            vm.prank(wallet);
            registry.anchor(agent, epoch, size, "root", "digest");
            vm.assertEq(registry.lifeOf(agent).epoch, last.epoch);
            vm.assertEq(registry.lifeOf(agent).size, last.size);
        }
    }

    // --------------------------------------------------------------------------------------- serve

    function test_wallet_and_operator_say_where_the_log_is_served() public {
        uint256 agent = born();
        vm.expectEmit();
        emit AgentRegistry.Served(agent, "http://one");
        vm.prank(wallet);
        registry.serve(agent, "http://one");
        vm.prank(operator);
        registry.serve(agent, "http://two");
        vm.assertEq(registry.uriOf(agent), "http://two");

        vm.prank(stranger);
        vm.expectRevert(AgentRegistry.NotAllowed.selector);
        registry.serve(agent, "http://three");
    }

    // ---------------------------------------------------------------------------------------- halt

    function test_halts_are_counted_and_the_operators_alone() public {
        uint256 agent = born();
        checkHalted(agent, false, 0);

        vm.startPrank(wallet);
        vm.expectRevert(AgentRegistry.NotAllowed.selector);
        registry.halt(agent);
        vm.expectRevert(AgentRegistry.NotAllowed.selector);
        registry.resume(agent);
        vm.stopPrank();

        vm.startPrank(operator);
        vm.expectRevert(AgentRegistry.NotHalted.selector);
        registry.resume(agent);
        vm.expectEmit();
        emit AgentRegistry.Halted(agent, 1);
        registry.halt(agent);
        checkHalted(agent, true, 1);
        vm.expectRevert(AgentRegistry.AlreadyHalted.selector);
        registry.halt(agent);
        vm.expectEmit();
        emit AgentRegistry.Resumed(agent, 1);
        registry.resume(agent);
        checkHalted(agent, false, 1);
        registry.halt(agent);
        checkHalted(agent, true, 2);
        vm.stopPrank();
    }

    function test_an_unknown_agent_is_not_said_to_be_running() public {
        vm.expectRevert(AgentRegistry.UnknownAgent.selector);
        registry.halted(1);
    }

    function test_a_signer_asks_by_wallet_before_birth_and_after_the_end() public {
        checkHaltOf(0, false, 0, false);
        born(stranger, 2); // so that the agent's id is not the first
        uint256 agent = born();
        checkHaltOf(agent, false, 0, false);
        vm.startPrank(operator);
        registry.halt(agent);
        checkHaltOf(agent, true, 1, false);
        registry.resume(agent);
        checkHaltOf(agent, false, 1, false);
        registry.end(agent, 4, 0, 0, 0, 0);
        checkHaltOf(agent, false, 1, true);
    }

    function test_a_halted_agent_still_anchors_and_ends() public {
        uint256 agent = born();
        vm.prank(operator);
        registry.halt(agent);
        vm.startPrank(wallet);
        registry.anchor(agent, 0, 5, "root", "digest");
        registry.end(agent, 3, 1, 6, "last", "digest");
        vm.stopPrank();
        vm.assertEq(registry.lifeOf(agent).cause, 3);
        checkHalted(agent, true, 1);
    }

    // ----------------------------------------------------------------------------------------- end

    function test_an_ending_anchors_the_last_checkpoint() public {
        uint256 agent = born();
        vm.prank(wallet);
        registry.anchor(agent, 3, 5, "root", "digest");
        skip(60);

        vm.expectEmit();
        emit AgentRegistry.Anchored(agent, 4, 6, "last", "tsal");
        vm.expectEmit();
        emit AgentRegistry.Ended(agent, 1, wallet, 4, 6, "last", "tsal");
        vm.prank(wallet);
        registry.end(agent, 1, 4, 6, "last", "tsal");

        AgentRegistry.Life memory life = registry.lifeOf(agent);
        vm.assertEq(life.cause, 1);
        vm.assertEq(life.endedAt, START + 60);
        vm.assertEq(life.epoch, 4);
        vm.assertEq(life.size, 6);
        vm.assertEq(life.root, "last");
        vm.assertEq(life.digest, "tsal");
    }

    function test_an_ending_obeys_the_rules_of_anchors() public {
        uint256 agent = born();
        vm.startPrank(wallet);
        registry.anchor(agent, 3, 5, "root", "digest");
        vm.expectRevert(AgentRegistry.StaleEpoch.selector);
        registry.end(agent, 1, 3, 6, "last", "digest");
        vm.expectRevert(AgentRegistry.ShrunkenLog.selector);
        registry.end(agent, 1, 4, 4, "last", "digest");
        vm.expectRevert(AgentRegistry.ShrunkenLog.selector);
        registry.end(agent, 1, 4, 0, "last", "digest");
    }

    function test_the_operator_closes_a_lost_life_without_an_anchor() public {
        uint256 agent = born();
        vm.prank(wallet);
        registry.anchor(agent, 3, 5, "root", "digest");
        vm.prank(operator);
        registry.end(agent, 4, 0, 0, 0, 0);

        AgentRegistry.Life memory life = registry.lifeOf(agent);
        vm.assertEq(life.cause, 4);
        vm.assertEq(life.epoch, 3);
        vm.assertEq(life.root, "root");
    }

    function test_a_stranger_ends_nobody() public {
        uint256 agent = born();
        vm.prank(stranger);
        vm.expectRevert(AgentRegistry.NotAllowed.selector);
        registry.end(agent, 4, 0, 0, 0, 0);
    }

    function test_there_are_four_causes() public {
        uint256 agent = born();
        vm.startPrank(wallet);
        vm.expectRevert(AgentRegistry.UnknownCause.selector);
        registry.end(agent, 0, 0, 0, 0, 0);
        vm.expectRevert(AgentRegistry.UnknownCause.selector);
        registry.end(agent, 5, 0, 0, 0, 0);
        registry.end(agent, 2, 0, 0, 0, 0);
    }

    function test_nothing_follows_an_ending() public {
        uint256 agent = born();
        vm.prank(operator);
        registry.end(agent, 4, 0, 0, 0, 0);
        everythingIsRefused(agent, AgentRegistry.LifeOver.selector);
    }

    function test_nothing_happens_to_an_agent_that_was_never_born() public {
        everythingIsRefused(1, AgentRegistry.UnknownAgent.selector);
    }

    // ------------------------------------------------------------------------------------- helpers

    function everythingIsRefused(uint256 agent, bytes4 why) private {
        vm.startPrank(wallet);
        vm.expectRevert(why);
        registry.anchor(agent, 9, 9, "root", "digest");
        vm.expectRevert(why);
        registry.serve(agent, "http://beyond");
        vm.expectRevert(why);
        registry.end(agent, 1, 9, 9, "root", "digest");
        vm.stopPrank();
        vm.startPrank(operator);
        vm.expectRevert(why);
        registry.halt(agent);
        vm.expectRevert(why);
        registry.resume(agent);
        vm.stopPrank();
    }

    function permit(address who, uint256 nonce) private returns (AgentRegistry.Birth memory b) {
        b.wallet = who;
        b.operator = operator;
        b.logKey = account("log key");
        b.genome = "genome";
        b.seed = "seed";
        b.nonce = nonce;
        b.deadline = uint64(block.timestamp + 1 hours);
    }

    function permitBy(string memory signer, AgentRegistry.Birth memory b)
        private
        view
        returns (bytes memory)
    {
        bytes32 structHash = keccak256(
            abi.encode(
                registry.BIRTH_TYPEHASH(),
                b.wallet,
                b.operator,
                b.logKey,
                b.genome,
                keccak256(abi.encodePacked(b.parents)),
                b.seed,
                b.nonce,
                b.deadline
            )
        );
        return signed(keyOf(signer), typed(domainOf(registry), structHash));
    }

    function domainOf(AgentRegistry register) private view returns (bytes32) {
        (, string memory name, string memory version, uint256 chainId, address where,,) =
            register.eip712Domain();
        return keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256(bytes(name)),
                keccak256(bytes(version)),
                chainId,
                where
            )
        );
    }

    function born() private returns (uint256) {
        return born(wallet, 1);
    }

    function born(address who, uint256 nonce) private returns (uint256) {
        AgentRegistry.Birth memory b = permit(who, nonce);
        bytes memory signature = permitBy("operator", b);
        vm.prank(who);
        return registry.birth(b, signature);
    }

    function refuseBirth(AgentRegistry.Birth memory b, bytes4 why) private {
        refuseBirth(b, abi.encodeWithSelector(why));
    }

    function refuseBirth(AgentRegistry.Birth memory b, bytes memory why) private {
        bytes memory signature = permitBy("operator", b);
        vm.prank(b.wallet);
        vm.expectRevert(why);
        registry.birth(b, signature);
    }

    function checkHalted(uint256 agent, bool expected, uint256 expectedId) private view {
        (bool isHalted, uint256 haltId) = registry.halted(agent);
        vm.assertEq(isHalted, expected);
        vm.assertEq(haltId, expectedId);
    }

    function checkHaltOf(uint256 agent, bool isHalted, uint256 haltId, bool ended) private view {
        (uint256 a, bool h, uint256 i, bool e) = registry.haltOf(wallet);
        vm.assertEq(a, agent);
        vm.assertEq(h, isHalted);
        vm.assertEq(i, haltId);
        vm.assertEq(e, ended);
    }

    function list(uint64 only) private pure returns (uint64[] memory one) {
        one = new uint64[](1);
        one[0] = only;
    }
}
