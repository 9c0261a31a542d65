// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {LeaseMarket} from "../src/LeaseMarket.sol";
import {Till} from "../src/Till.sol";
import {Base} from "./Base.sol";
import {ChoosyDollar, HostileDollar} from "./Doubles.sol";

/// @notice A token that is provider and tenant at once and calls back whenever money moves.
contract LeaseMarketReentrancyTest is Base {
    HostileDollar private token = new HostileDollar();
    LeaseMarket private market = new LeaseMarket(IERC20(address(token)));
    uint256 private lease;

    constructor() {
        LeaseMarket.Terms memory t =
            LeaseMarket.Terms(1e18, 1, 1 days, 1 days, 60, 9, "hardware", "uri");
        act(abi.encodeCall(token.approve, (address(market), type(uint256).max)), address(token));
        act(abi.encodeCall(market.postOffer, (t, 1_000)));
        lease = open();
        act(abi.encodeCall(market.activate, (lease)));
        skip(100);
    }

    function test_no_payment_can_be_entered_again() public {
        // From within a close, everything that moves money is shut.
        bytes[11] memory attempts = [
            abi.encodeCall(market.close, (lease)),
            abi.encodeCall(market.withdrawProvider, (lease)),
            abi.encodeCall(market.expire, (lease)),
            abi.encodeCall(market.reclaim, (lease)),
            abi.encodeCall(market.finalizeClose, (lease)),
            abi.encodeCall(market.reclaimStake, (1)),
            abi.encodeCall(market.withdrawRefund, ()),
            abi.encodeCall(market.topUp, (lease, 1)),
            abi.encodeCall(market.topUpWithAuthorization, (self(), lease, 1, "", 0, 0, "")),
            abi.encodeCall(market.openLease, (1, 1e18, 500, "", address(0), "")),
            abi.encodeCall(
                market.openLeaseWithAuthorization,
                (self(), 1, 1e18, 500, "", address(0), "", 0, 0, "")
            )
        ];
        for (uint256 i; i < attempts.length; ++i) {
            uint256 victim = open();
            shutOut(attempts[i], abi.encodeCall(market.close, (victim)));
        }
    }

    function test_no_other_payment_can_be_entered_either() public {
        bytes memory inner = abi.encodeCall(market.close, (lease));
        shutOut(inner, abi.encodeCall(market.topUp, (lease, 5)));
        shutOut(
            inner, abi.encodeCall(market.topUpWithAuthorization, (self(), lease, 5, "", 0, 0, ""))
        );
        shutOut(inner, abi.encodeCall(market.openLease, (1, 1e18, 500, "", address(0), "")));
        shutOut(inner, abi.encodeCall(market.withdrawProvider, (lease)));
    }

    function test_a_deposit_that_is_still_on_its_way_cannot_be_refunded() public {
        uint256 held = token.balanceOf(address(market));
        uint256 next = market.leaseCount() + 1;
        shutOut(
            abi.encodeCall(market.close, (next)),
            abi.encodeCall(market.openLease, (1, 1e18, 500, "", address(0), ""))
        );
        vm.assertEq(token.balanceOf(address(market)), held + 500);
    }

    // ------------------------------------------------------------------------------------- helpers

    /// @dev Runs `outer`; the token tries `inner` in the middle of it and must fail at the guard.
    function shutOut(bytes memory inner, bytes memory outer) private {
        token.callBack(address(market), inner);
        act(outer);
        vm.assertEq(token.attempts(), 1, "the token was called");
        vm.assertFalse(token.succeeded());
        vm.assertEq(
            bytes32(token.answer()),
            bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
        );
        token.callBack(address(0), "");
    }

    function open() private returns (uint256) {
        act(abi.encodeCall(market.openLease, (1, 1e18, 500, "", address(0), "")));
        return market.leaseCount();
    }

    function self() private view returns (address) {
        return address(token);
    }

    function act(bytes memory data) private {
        act(data, address(market));
    }

    function act(bytes memory data, address target) private {
        token.act(target, data);
    }
}

/// @notice A token that refuses to pay one party, as a blocklist or a pause does.
contract LeaseMarketRefusalTest is Base {
    ChoosyDollar private token = new ChoosyDollar();
    LeaseMarket private market = new LeaseMarket(IERC20(address(token)));
    address private provider = account("provider");
    address private tenant = account("tenant");
    uint256 private lease;

    constructor() {
        dollar = token;
        fund(provider, address(market), 1_000);
        fund(tenant, address(market), 1_000);
        vm.startPrank(provider);
        market.postOffer(
            LeaseMarket.Terms(1e18, 1, 1 days, 10 minutes, 60, 9, "hardware", "uri"), 1_000
        );
        vm.stopPrank();
        vm.prank(tenant);
        lease = market.openLease(1, 1e18, 1_000, "manifest", address(0), "");
        vm.prank(provider);
        market.activate(lease);
        skip(100);
    }

    function test_a_tenant_that_cannot_be_paid_does_not_hold_the_provider() public {
        token.refuse(tenant, true);
        skip(1 hours);
        vm.startPrank(provider);
        market.expire(lease);
        market.withdrawProvider(lease);
        market.closeOffer(1);
        market.reclaimStake(1);
        vm.stopPrank();
        vm.assertEq(token.balanceOf(provider), 1_600);
        vm.assertEq(market.refundOf(tenant), 400);
    }

    function test_a_refused_refund_is_kept_for_its_owner() public {
        token.refuse(tenant, true);
        vm.expectEmit();
        emit LeaseMarket.RefundKept(tenant, 900);
        vm.startPrank(tenant);
        market.close(lease);
        vm.assertEq(market.refundOf(tenant), 900);
        vm.expectRevert();
        market.withdrawRefund();
        vm.stopPrank();

        token.refuse(tenant, false);
        vm.prank(provider);
        vm.expectRevert(LeaseMarket.NothingOwed.selector);
        market.withdrawRefund();
        vm.expectEmit();
        emit LeaseMarket.RefundWithdrawn(tenant, 900);
        vm.startPrank(tenant);
        market.withdrawRefund();
        vm.assertEq(token.balanceOf(tenant), 900);
        vm.expectRevert(LeaseMarket.NothingOwed.selector);
        market.withdrawRefund();
    }

    function test_a_provider_that_cannot_be_paid_does_not_hold_the_tenant() public {
        token.refuse(provider, true);
        vm.prank(tenant);
        market.close(lease);
        vm.assertEq(token.balanceOf(tenant), 900);

        vm.startPrank(provider);
        vm.expectRevert();
        market.withdrawProvider(lease);
        token.refuse(provider, false);
        market.withdrawProvider(lease);
        vm.assertEq(token.balanceOf(provider), 100);
    }

    /// Whoever expires a lease cannot starve the refund of gas to have it kept instead of paid.
    function testFuzz_a_refund_cannot_be_starved(uint256 gas) public {
        gas = bound(gas, 20_000, 400_000);
        skip(1 hours);
        try market.expire{gas: gas}(lease) {
            vm.assertEq(market.refundOf(tenant), 0);
            vm.assertEq(token.balanceOf(tenant), 400);
        } catch {
            vm.assertEq(uint256(market.leaseOf(lease).state), 2);
        }
    }

    function test_a_market_needs_a_token() public {
        vm.expectRevert(Till.Zero.selector);
        new LeaseMarket(IERC20(address(0)));
    }
}
