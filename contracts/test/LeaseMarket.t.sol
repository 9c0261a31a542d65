// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {LeaseMarket} from "../src/LeaseMarket.sol";
import {Till} from "../src/Till.sol";
import {LeaseBase} from "./LeaseBase.sol";

/// @notice Offers, and the way into a lease.
contract LeaseMarketOpeningTest is LeaseBase {
    // -------------------------------------------------------------------------------------- offers

    function test_an_offer_holds_its_terms_and_stake() public {
        vm.expectEmit();
        emit LeaseMarket.OfferPosted(2, provider, RATE, "http://host");
        vm.prank(provider);
        vm.assertEq(market.postOffer(terms(), 7), 2);

        LeaseMarket.Offer memory o = market.offerOf(2);
        vm.assertEq(o.provider, provider);
        vm.assertEq(o.stake, 7);
        vm.assertEq(o.live, 0);
        vm.assertTrue(o.open);
        vm.assertEq(keccak256(abi.encode(o.terms)), keccak256(abi.encode(terms())));
        vm.assertEq(balanceOf(address(market)), STAKE + 7);
    }

    function test_terms_must_make_sense() public {
        LeaseMarket.Terms memory t = terms();
        t.rate = 0;
        refuseTerms(t);
        t = terms();
        t.rate = uint256(type(uint128).max) + 1;
        refuseTerms(t);
        t = terms();
        t.minSeconds = 0;
        refuseTerms(t);
        t = terms();
        t.minSeconds = t.maxSeconds + 1;
        refuseTerms(t);
        t = terms();
        t.maxSeconds = uint64(type(uint32).max) + 1;
        refuseTerms(t);
        t = terms();
        t.grace = 0;
        refuseTerms(t);
        t = terms();
        t.grace = uint64(type(uint32).max) + 1;
        refuseTerms(t);
        t = terms();
        t.activationWindow = uint64(type(uint32).max) + 1;
        refuseTerms(t);
        t = terms();
        t.slots = 0;
        refuseTerms(t);
    }

    function test_a_new_rate_is_for_new_leases_only() public {
        uint256 lease = active();
        vm.expectEmit();
        emit LeaseMarket.Repriced(offer, 2 * RATE);
        vm.prank(provider);
        market.reprice(offer, 2 * RATE);

        skip(100);
        market.settle(lease);
        vm.assertEq(get(lease).owed, costOf(100));

        vm.expectRevert(abi.encodeWithSelector(LeaseMarket.WrongRate.selector, 2 * RATE));
        requested(DEPOSIT);
    }

    function test_only_the_provider_changes_its_offer() public {
        vm.startPrank(stranger);
        vm.expectRevert(LeaseMarket.NotProvider.selector);
        market.reprice(offer, 1);
        vm.expectRevert(LeaseMarket.NotProvider.selector);
        market.setUri(offer, "http://elsewhere");
        vm.expectRevert(LeaseMarket.NotProvider.selector);
        market.closeOffer(offer);
        vm.expectRevert(LeaseMarket.NotProvider.selector);
        market.reclaimStake(offer);
        vm.stopPrank();

        vm.startPrank(provider);
        vm.expectRevert(LeaseMarket.BadTerms.selector);
        market.reprice(offer, 0);
        market.setUri(offer, "http://elsewhere");
        vm.assertEq(market.offerOf(offer).terms.uri, "http://elsewhere");
    }

    function test_a_closed_offer_is_closed_for_ever() public {
        vm.startPrank(provider);
        vm.expectEmit();
        emit LeaseMarket.OfferClosed(offer);
        market.closeOffer(offer);
        vm.expectRevert(LeaseMarket.OfferNotOpen.selector);
        market.closeOffer(offer);
        vm.expectRevert(LeaseMarket.OfferNotOpen.selector);
        market.reprice(offer, 1);
        vm.expectRevert(LeaseMarket.OfferNotOpen.selector);
        market.setUri(offer, "");
        vm.stopPrank();
        vm.expectRevert(LeaseMarket.OfferNotOpen.selector);
        requested(DEPOSIT);
    }

    function test_the_stake_comes_back_once_and_after_the_last_lease() public {
        uint256 lease = active();
        uint256 before = balanceOf(provider);

        vm.startPrank(provider);
        vm.expectRevert(LeaseMarket.StakeNotFree.selector);
        market.reclaimStake(offer);
        market.closeOffer(offer);
        vm.expectRevert(LeaseMarket.StakeNotFree.selector);
        market.reclaimStake(offer);
        vm.stopPrank();

        vm.prank(tenant);
        market.close(lease);

        vm.startPrank(provider);
        vm.expectEmit();
        emit LeaseMarket.StakeReturned(offer, STAKE);
        market.reclaimStake(offer);
        vm.assertEq(balanceOf(provider), before + STAKE);
        vm.expectRevert(LeaseMarket.StakeNotFree.selector);
        market.reclaimStake(offer);
    }

    function test_leases_outlive_the_closing_of_their_offer() public {
        uint256 lease = requested(DEPOSIT);
        vm.startPrank(provider);
        market.closeOffer(offer);
        market.activate(lease);
        skip(10);
        market.withdrawProvider(lease);
        vm.stopPrank();
        vm.assertEq(get(lease).balance, DEPOSIT - costOf(10));
    }

    // ------------------------------------------------------------------------------------- opening

    function test_a_lease_is_requested_by_paying_its_deposit() public {
        uint256 before = balanceOf(tenant);
        vm.expectEmit();
        emit LeaseMarket.LeaseOpened(
            1, offer, tenant, provider, RATE, DEPOSIT, "manifest", guardian, tenant
        );
        vm.assertEq(requested(DEPOSIT), 1);

        LeaseMarket.Lease memory l = get(1);
        vm.assertEq(l.offer, offer);
        vm.assertEq(l.provider, provider);
        vm.assertEq(l.tenant, tenant);
        vm.assertEq(l.guardian, guardian);
        vm.assertEq(l.manifest, "manifest");
        vm.assertEq(l.rate, RATE);
        vm.assertEq(l.balance, DEPOSIT);
        vm.assertEq(l.openedAt, START);
        vm.assertEq(uint256(l.state), 1);
        vm.assertEq(market.offerOf(offer).live, 1);
        vm.assertEq(market.activeUntil(1), 0);
        vm.assertEq(balanceOf(tenant), before - DEPOSIT);
    }

    function test_someone_else_may_pay_for_a_tenants_lease() public {
        vm.expectEmit();
        emit LeaseMarket.LeaseOpened(
            1, offer, stranger, provider, RATE, DEPOSIT, "manifest", guardian, guardian
        );
        vm.startPrank(guardian);
        market.openLeaseFor(stranger, offer, RATE, DEPOSIT, "manifest", guardian, "");
        vm.expectRevert(Till.Zero.selector);
        market.openLeaseFor(address(0), offer, RATE, DEPOSIT, "manifest", guardian, "");
        vm.expectRevert(LeaseMarket.NotGuardian.selector);
        market.openLeaseFor(stranger, offer, RATE, DEPOSIT, "manifest", stranger, "");
        vm.stopPrank();
        vm.assertEq(market.leasesOf(stranger, guardian).length, 1);

        vm.prank(stranger);
        market.close(1);
        vm.assertEq(balanceOf(stranger), DEPOSIT);
    }

    function test_no_stranger_lengthens_a_tenants_list() public {
        uint256 mine = requested(DEPOSIT);
        fund(stranger, address(market), DOLLAR);
        vm.prank(stranger);
        market.openLeaseFor(tenant, offer, RATE, DEPOSIT, "manifest", stranger, "");

        vm.assertEq(market.leasesOf(tenant, guardian).length, 1);
        vm.assertEq(market.leasesOf(tenant, guardian)[0], mine);
        vm.assertEq(market.leasesOf(tenant, stranger).length, 1);
        vm.assertEq(market.leasesOf(tenant, address(0)).length, 0);
    }

    function test_a_request_that_cannot_be_served_is_declined() public {
        uint256 before = balanceOf(tenant);
        uint256 lease = requested(DEPOSIT);
        vm.prank(stranger);
        vm.expectRevert(LeaseMarket.NotProvider.selector);
        market.decline(lease);

        vm.expectEmit();
        emit LeaseMarket.LeaseClosed(lease, LeaseMarket.How.Provider, 0, tenant, DEPOSIT);
        vm.startPrank(provider);
        market.decline(lease);
        vm.expectRevert(LeaseMarket.NotRequested.selector);
        market.decline(lease);
        vm.expectRevert(LeaseMarket.NotRequested.selector);
        market.activate(lease);
        vm.stopPrank();
        vm.assertEq(balanceOf(tenant), before);
        vm.assertEq(market.offerOf(offer).live, 0);

        uint256 running = active();
        vm.prank(provider);
        vm.expectRevert(LeaseMarket.NotRequested.selector);
        market.decline(running);
    }

    function test_the_deposit_lasts_for_the_least_time() public {
        uint256 least = costOf(MIN) + 1; // rounded up: 3,333.33…
        vm.expectRevert(abi.encodeWithSelector(LeaseMarket.DepositTooSmall.selector, least));
        requested(least - 1);

        uint256 lease = active(least);
        vm.assertEq(market.activeUntil(lease), START + MIN);
    }

    function test_no_more_leases_than_slots() public {
        uint256 first = requested(DEPOSIT);
        requested(DEPOSIT);
        vm.expectRevert(LeaseMarket.NoFreeSlot.selector);
        requested(DEPOSIT);

        vm.prank(tenant);
        market.close(first);
        requested(DEPOSIT);
    }

    function test_nothing_is_opened_without_the_money() public {
        vm.prank(stranger);
        vm.expectRevert();
        market.openLease(offer, RATE, DEPOSIT, "manifest", guardian, "");
        vm.assertEq(market.leaseCount(), 0);
        vm.assertEq(market.offerOf(offer).live, 0);
    }

    function test_an_unknown_offer_has_no_leases() public {
        vm.prank(tenant);
        vm.expectRevert(LeaseMarket.OfferNotOpen.selector);
        market.openLease(99, 0, DEPOSIT, "manifest", guardian, "");
    }

    // --------------------------------------------------------------------------------------- pages

    function testFuzz_pages_of_offers_are_whole(uint256 from, uint256 limit) public {
        for (uint256 i = 2; i <= 5; ++i) {
            vm.prank(provider);
            market.postOffer(terms(), i);
        }
        from = bound(from, 0, 7);
        if (limit > 7) limit = limit % 2 == 0 ? limit % 8 : type(uint256).max;

        LeaseMarket.Offer[] memory page = market.offers(from, limit);
        uint256 first = from == 0 ? 1 : from;
        uint256 rest = first > 5 ? 0 : 6 - first;
        vm.assertEq(page.length, rest < limit ? rest : limit);
        for (uint256 i; i < page.length; ++i) {
            vm.assertEq(page[i].stake, market.offerOf(first + i).stake);
        }
    }

    function test_a_tenants_leases_are_listed() public {
        uint256 first = requested(DEPOSIT);
        uint256 second = requested(DEPOSIT);
        uint256[] memory all = market.leasesOf(tenant, guardian);
        vm.assertEq(all.length, 2);
        vm.assertEq(all[0], first);
        vm.assertEq(all[1], second);

        uint256[] memory page = market.leasesOfPage(tenant, guardian, 1, type(uint256).max);
        vm.assertEq(page.length, 1);
        vm.assertEq(page[0], second);
        vm.assertEq(market.leasesOfPage(tenant, guardian, 0, 1)[0], first);
        vm.assertEq(market.leasesOfPage(tenant, guardian, 9, 9).length, 0);
        vm.assertEq(market.leasesOf(stranger, guardian).length, 0);
    }

    // ------------------------------------------------------------------------------------- helpers

    function refuseTerms(LeaseMarket.Terms memory t) private {
        vm.prank(provider);
        vm.expectRevert(LeaseMarket.BadTerms.selector);
        market.postOffer(t, 0);
    }
}

/// @notice A lease while it runs: what accrues, and what does not.
contract LeaseMarketRunningTest is LeaseBase {
    function test_activation_starts_both_clocks() public {
        uint256 lease = requested(DEPOSIT);
        skip(WINDOW);
        vm.expectEmit();
        emit LeaseMarket.LeaseActivated(lease, uint64(START + WINDOW), uint64(START + WINDOW + MAX));
        vm.prank(provider);
        market.activate(lease);

        LeaseMarket.Lease memory l = get(lease);
        vm.assertEq(uint256(l.state), 2);
        vm.assertEq(l.activatedAt, START + WINDOW);
        vm.assertEq(l.settledUntil, START + WINDOW);
        vm.assertEq(l.heartbeatAt, START + WINDOW);
        vm.assertEq(l.endsAt, START + WINDOW + MAX);
        vm.assertEq(market.activeUntil(lease), START + WINDOW + GRACE);
    }

    function test_only_the_provider_activates_once_and_in_time() public {
        uint256 lease = requested(DEPOSIT);
        vm.prank(tenant);
        vm.expectRevert(LeaseMarket.NotProvider.selector);
        market.activate(lease);

        vm.startPrank(provider);
        skip(WINDOW + 1);
        vm.expectRevert(abi.encodeWithSelector(LeaseMarket.ActivationOver.selector, START + WINDOW));
        market.activate(lease);
        vm.warp(START);
        market.activate(lease);
        vm.expectRevert(LeaseMarket.NotRequested.selector);
        market.activate(lease);
    }

    function test_every_second_costs_the_rate() public {
        uint256 lease = active();
        skip(100);
        vm.expectEmit();
        emit LeaseMarket.Settled(lease, costOf(100), uint64(START + 100));
        vm.prank(stranger);
        market.settle(lease);
        vm.assertEq(get(lease).owed, costOf(100));
        vm.assertEq(get(lease).balance, 100 * DOLLAR - costOf(100));
        vm.assertEq(get(lease).settledUntil, START + 100);
    }

    function test_settling_twice_is_settling_once() public {
        uint256 lease = active();
        skip(77);
        market.settle(lease);
        bytes memory once = abi.encode(get(lease));
        market.settle(lease);
        vm.assertEq(keccak256(abi.encode(get(lease))), keccak256(once));
    }

    /// Nobody can shave off a provider's pay by settling so often that each part rounds to nothing.
    function testFuzz_it_does_not_matter_how_often_one_settles(uint256 rate, uint8[10] memory gaps)
        public
    {
        rate = bound(rate, 1, 3 * SCALE);
        uint256 often = leaseAt(rate);
        uint256 once = leaseAt(rate);
        uint256 total;
        for (uint256 i; i < gaps.length; ++i) {
            uint256 gap = gaps[i] % 29;
            total += gap;
            skip(gap);
            market.settle(often);
        }
        market.settle(once);
        vm.assertEq(get(often).owed, get(once).owed);
        vm.assertEq(get(often).owed, rate * total / SCALE);
        vm.assertEq(get(often).balance + get(often).owed, 10 * DOLLAR);
    }

    // ------------------------------------------------------------------------------------- silence

    function test_silence_is_paid_for_up_to_the_grace_and_no_further() public {
        uint256 lease = active();
        skip(10 * GRACE);
        market.settle(lease);
        vm.assertEq(get(lease).owed, costOf(GRACE));
        vm.assertEq(get(lease).settledUntil, START + GRACE);
    }

    function test_a_heartbeat_in_time_carries_the_lease_on() public {
        uint256 lease = active();
        skip(GRACE - 1);
        vm.expectEmit();
        emit LeaseMarket.Heartbeat(lease, uint64(START + GRACE - 1));
        beat(lease);
        vm.assertEq(market.activeUntil(lease), START + 2 * GRACE - 1);
        skip(GRACE);
        market.settle(lease);
        vm.assertEq(get(lease).owed, costOf(2 * GRACE - 1));
    }

    /// A late heartbeat or top-up changes nothing, whenever it comes.
    function testFuzz_nothing_revives_a_silent_lease(uint256 late) public {
        late = bound(late, 0, 30 days);
        uint256 lease = active();
        skip(GRACE + late);

        bytes memory lapsed = abi.encodeWithSelector(LeaseMarket.Lapsed.selector, START + GRACE);
        vm.prank(provider);
        vm.expectRevert(lapsed);
        market.heartbeat(lease);
        vm.prank(tenant);
        vm.expectRevert(lapsed);
        market.topUp(lease, DOLLAR);

        vm.prank(tenant);
        market.close(lease);
        vm.assertEq(get(lease).owed, costOf(GRACE));
    }

    function test_only_the_provider_of_an_active_lease_has_a_heartbeat() public {
        uint256 lease = requested(DEPOSIT);
        vm.prank(provider);
        vm.expectRevert(LeaseMarket.NotActive.selector);
        market.heartbeat(lease);
        vm.prank(tenant);
        vm.expectRevert(LeaseMarket.NotProvider.selector);
        market.heartbeat(lease);
        vm.expectRevert(LeaseMarket.NotActive.selector);
        market.settle(lease);
        vm.prank(tenant);
        vm.expectRevert(LeaseMarket.NotActive.selector);
        market.topUp(lease, DOLLAR);
    }

    // ----------------------------------------------------------------------------------- depletion

    function test_a_lease_ends_when_its_money_does() public {
        uint256 lease = active(DEPOSIT);
        live(lease, 1_799);
        beat(lease);
        vm.assertEq(market.activeUntil(lease), START + 1_800);
        skip(1);
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(LeaseMarket.Lapsed.selector, START + 1_800));
        market.heartbeat(lease);

        skip(1 days);
        market.settle(lease);
        vm.assertEq(get(lease).owed, costOf(1_800));
        vm.assertEq(get(lease).balance, DEPOSIT - costOf(1_800));
        vm.assertEq(get(lease).settledUntil, START + 1_800);
    }

    function test_a_top_up_carries_the_lease_on() public {
        uint256 lease = active(DEPOSIT);
        live(lease, 1_700);
        vm.expectEmit();
        emit LeaseMarket.ToppedUp(lease, guardian, DEPOSIT);
        vm.prank(guardian);
        market.topUp(lease, DEPOSIT);
        beat(lease);
        live(lease, 1_700);
        beat(lease);
        vm.assertEq(get(lease).owed, costOf(3_400));
        skip(GRACE);
        vm.assertEq(market.activeUntil(lease), START + 3_600);

        vm.prank(tenant);
        vm.expectRevert(Till.Zero.selector);
        market.topUp(lease, 0);
    }

    /// The money lasts for exactly the seconds it covers, whatever the rate and however it was paid in.
    function testFuzz_depletion_is_exact(uint256 rate, uint256 deposit, uint256 more, uint256 when)
        public
    {
        rate = bound(rate, 1, 1e6 * SCALE);
        deposit = bound(deposit, rate / SCALE + 1, 500 * DOLLAR);
        more = bound(more, 1, 400 * DOLLAR);
        uint256 lease = leaseAt(rate, deposit);

        uint256 first = market.activeUntil(lease) - START;
        skip(bound(when, 0, first - 1));
        vm.prank(tenant);
        market.topUp(lease, more);

        uint256 lasting = market.activeUntil(lease) - START;
        vm.assertLe(rate * lasting / SCALE, deposit + more, "never more than was paid in");
        if (lasting < LONG) {
            vm.assertGe(rate * (lasting + 1), (deposit + more) * SCALE, "never a second too few");
        }
        skip(LONG);
        market.settle(lease);
        vm.assertEq(get(lease).owed, rate * lasting / SCALE);
    }

    function test_a_lease_ends_after_its_longest_time() public {
        uint256 lease = active();
        live(lease, MAX - 1);
        beat(lease);
        vm.assertEq(market.activeUntil(lease), START + MAX);
        skip(1);
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(LeaseMarket.Lapsed.selector, START + MAX));
        market.topUp(lease, DOLLAR);
        market.settle(lease);
        vm.assertEq(get(lease).owed, costOf(MAX));
    }

    function test_no_amount_of_money_breaks_a_lease() public {
        uint256 huge = type(uint256).max - dollar.totalSupply();
        fund(stranger, address(market), huge);
        vm.prank(stranger);
        uint256 lease = market.openLease(offer, RATE, huge, "manifest", address(0), "");
        vm.prank(provider);
        market.activate(lease);
        vm.assertEq(market.activeUntil(lease), START + GRACE);
        skip(GRACE);
        vm.prank(stranger);
        market.close(lease);
        vm.assertEq(balanceOf(stranger), huge - costOf(GRACE));
    }

    // --------------------------------------------------------------------------------- withdrawing

    function test_the_provider_withdraws_what_accrued_and_only_once() public {
        uint256 lease = active();
        uint256 before = balanceOf(provider);
        skip(90);
        vm.expectEmit();
        emit LeaseMarket.ProviderPaid(lease, provider, costOf(90));
        vm.startPrank(provider);
        market.withdrawProvider(lease);
        vm.assertEq(balanceOf(provider), before + costOf(90));
        vm.assertEq(get(lease).owed, 0);

        vm.expectRevert(LeaseMarket.NothingOwed.selector);
        market.withdrawProvider(lease);
        vm.assertEq(balanceOf(provider), before + costOf(90));

        skip(10);
        market.withdrawProvider(lease);
        vm.assertEq(balanceOf(provider), before + costOf(100));
    }

    function test_only_the_provider_withdraws() public {
        uint256 lease = active();
        skip(90);
        vm.prank(tenant);
        vm.expectRevert(LeaseMarket.NotProvider.selector);
        market.withdrawProvider(lease);
    }

    // ------------------------------------------------------------------------------------- helpers

    uint64 private constant LONG = 4 weeks;

    function leaseAt(uint256 rate) private returns (uint256) {
        return leaseAt(rate, 10 * DOLLAR);
    }

    function leaseAt(uint256 rate, uint256 deposit) private returns (uint256 lease) {
        LeaseMarket.Terms memory t = terms();
        (t.rate, t.minSeconds, t.maxSeconds, t.grace) = (rate, 1, LONG, LONG);
        vm.prank(provider);
        uint256 id = market.postOffer(t, 0);
        vm.prank(tenant);
        lease = market.openLease(id, rate, deposit, "manifest", guardian, "");
        vm.prank(provider);
        market.activate(lease);
    }
}

/// @notice The ways out of a lease.
contract LeaseMarketClosingTest is LeaseBase {
    function test_the_tenant_closes_at_once_and_gets_the_rest() public {
        uint256 before = balanceOf(tenant);
        uint256 lease = active();
        skip(100);
        vm.expectEmit();
        emit LeaseMarket.LeaseClosed(
            lease, LeaseMarket.How.Tenant, uint64(START + 100), tenant, 100 * DOLLAR - costOf(100)
        );
        vm.prank(tenant);
        market.close(lease);

        vm.assertEq(balanceOf(tenant), before - costOf(100));
        LeaseMarket.Lease memory l = get(lease);
        vm.assertEq(uint256(l.state), 3);
        vm.assertEq(l.closedAt, START + 100);
        vm.assertEq(l.balance, 0);
        vm.assertEq(l.owed, costOf(100));
        vm.assertEq(market.activeUntil(lease), 0);
        vm.assertEq(market.offerOf(offer).live, 0);
    }

    function test_the_guardian_closes_at_once_and_gets_the_rest() public {
        uint256 before = balanceOf(guardian);
        uint256 lease = active();
        skip(100);
        vm.prank(guardian);
        market.close(lease);
        vm.assertEq(balanceOf(guardian), before + 100 * DOLLAR - costOf(100));
    }

    function test_nobody_else_closes() public {
        uint256 lease = active();
        vm.prank(provider);
        vm.expectRevert(LeaseMarket.NotTenantOrGuardian.selector);
        market.close(lease);
        vm.prank(address(0));
        vm.expectRevert(LeaseMarket.NotTenantOrGuardian.selector);
        market.close(lease);
    }

    function test_a_lease_without_guardian_is_the_tenants_alone() public {
        vm.prank(tenant);
        uint256 lease = market.openLease(offer, RATE, DEPOSIT, "manifest", address(0), "");
        vm.prank(guardian);
        vm.expectRevert(LeaseMarket.NotTenantOrGuardian.selector);
        market.close(lease);
    }

    function test_a_closed_lease_is_closed_for_ever() public {
        uint256 lease = active();
        skip(100);
        vm.prank(tenant);
        market.close(lease);
        uint256 held = balanceOf(address(market));

        vm.startPrank(tenant);
        vm.expectRevert(LeaseMarket.NotOpen.selector);
        market.close(lease);
        vm.expectRevert(LeaseMarket.NotRequested.selector);
        market.reclaim(lease);
        vm.expectRevert(LeaseMarket.NotActive.selector);
        market.topUp(lease, DOLLAR);
        vm.stopPrank();
        vm.prank(guardian);
        vm.expectRevert(LeaseMarket.NotOpen.selector);
        market.close(lease);
        vm.startPrank(provider);
        vm.expectRevert(LeaseMarket.NotRequested.selector);
        market.activate(lease);
        vm.expectRevert(LeaseMarket.NotActive.selector);
        market.heartbeat(lease);
        vm.expectRevert(LeaseMarket.NotActive.selector);
        market.noticeClose(lease);
        vm.stopPrank();
        vm.expectRevert(LeaseMarket.NotActive.selector);
        market.settle(lease);
        skip(MAX);
        vm.expectRevert(LeaseMarket.NotOpen.selector);
        market.expire(lease);
        vm.assertEq(balanceOf(address(market)), held);
    }

    function test_the_provider_withdraws_after_closing_too() public {
        uint256 lease = active();
        uint256 before = balanceOf(provider);
        skip(100);
        vm.prank(tenant);
        market.close(lease);
        skip(100);
        vm.startPrank(provider);
        market.withdrawProvider(lease);
        vm.assertEq(balanceOf(provider), before + costOf(100));
        vm.expectRevert(LeaseMarket.NothingOwed.selector);
        market.withdrawProvider(lease);
        vm.stopPrank();
        vm.assertEq(balanceOf(address(market)), STAKE);
    }

    /// Whenever a lease is closed, the two shares make up the deposit and the provider's is exact.
    function testFuzz_both_shares_make_the_deposit(uint256 deposit, uint256 time) public {
        deposit = bound(deposit, costOf(MIN) + 1, 100 * DOLLAR);
        time = bound(time, 0, 2 * MAX);
        uint256 before = balanceOf(tenant);
        uint256 lease = active(deposit);
        uint256 paidFor = market.activeUntil(lease) - START;
        if (time < paidFor) paidFor = time;
        skip(time);
        vm.prank(tenant);
        market.close(lease);
        vm.assertEq(balanceOf(tenant), before - costOf(paidFor));
        vm.assertEq(get(lease).owed, costOf(paidFor));
    }

    // ----------------------------------------------------------------------------- never activated

    function test_a_requested_lease_is_closed_at_no_cost() public {
        uint256 before = balanceOf(tenant);
        uint256 lease = requested(DEPOSIT);
        skip(1);
        vm.expectEmit();
        emit LeaseMarket.LeaseClosed(lease, LeaseMarket.How.Tenant, 0, tenant, DEPOSIT);
        vm.prank(tenant);
        market.close(lease);
        vm.assertEq(balanceOf(tenant), before);
        neverPays(lease);
    }

    function test_all_is_reclaimed_from_a_lease_that_was_not_activated() public {
        uint256 before = balanceOf(guardian);
        uint256 lease = requested(DEPOSIT);
        bytes memory pending =
            abi.encodeWithSelector(LeaseMarket.ActivationPending.selector, START + WINDOW);

        vm.prank(stranger);
        vm.expectRevert(LeaseMarket.NotTenantOrGuardian.selector);
        market.reclaim(lease);
        skip(WINDOW);
        vm.prank(guardian);
        vm.expectRevert(pending);
        market.reclaim(lease);
        vm.expectRevert(pending);
        market.expire(lease);

        skip(1);
        vm.expectEmit();
        emit LeaseMarket.LeaseClosed(lease, LeaseMarket.How.Reclaimed, 0, guardian, DEPOSIT);
        vm.prank(guardian);
        market.reclaim(lease);
        vm.assertEq(balanceOf(guardian), before + DEPOSIT);
        neverPays(lease);
    }

    function test_an_active_lease_is_not_reclaimed() public {
        uint256 lease = active();
        skip(WINDOW + 1);
        vm.prank(tenant);
        vm.expectRevert(LeaseMarket.NotRequested.selector);
        market.reclaim(lease);
    }

    /// Or else a forgotten request would hold a slot and the stake for ever.
    function test_anyone_clears_away_a_request_that_was_not_activated() public {
        uint256 before = balanceOf(tenant);
        uint256 lease = requested(DEPOSIT);
        skip(WINDOW + 1);
        vm.expectEmit();
        emit LeaseMarket.LeaseClosed(lease, LeaseMarket.How.Expired, 0, tenant, DEPOSIT);
        vm.prank(stranger);
        market.expire(lease);
        vm.assertEq(balanceOf(tenant), before);
        vm.assertEq(market.offerOf(offer).live, 0);
        neverPays(lease);
    }

    // -------------------------------------------------------------------------------------- expiry

    function test_anyone_expires_a_lease_once_it_has_lapsed() public {
        uint256 before = balanceOf(tenant);
        uint256 lease = active();
        skip(GRACE - 1);
        vm.expectRevert(abi.encodeWithSelector(LeaseMarket.NotLapsed.selector, START + GRACE));
        market.expire(lease);
        skip(1);
        vm.expectEmit();
        emit LeaseMarket.LeaseClosed(
            lease,
            LeaseMarket.How.Expired,
            uint64(START + GRACE),
            tenant,
            100 * DOLLAR - costOf(GRACE)
        );
        vm.prank(stranger);
        market.expire(lease);
        vm.assertEq(balanceOf(tenant), before - costOf(GRACE));
    }

    function test_nobody_expires_what_never_was() public {
        vm.expectRevert(LeaseMarket.NotOpen.selector);
        market.expire(1);
    }

    // -------------------------------------------------------------------------------------- notice

    function test_the_provider_closes_after_notice() public {
        uint256 before = balanceOf(tenant);
        uint256 lease = active();
        uint256 hour = market.noticeSeconds();
        skip(100);
        vm.startPrank(provider);
        vm.expectEmit();
        emit LeaseMarket.CloseNoticed(lease, uint64(START + 100));
        market.noticeClose(lease);
        vm.expectRevert(LeaseMarket.AlreadyNoticed.selector);
        market.noticeClose(lease);
        vm.stopPrank();

        live(lease, hour - 1);
        beat(lease);
        vm.assertEq(market.activeUntil(lease), START + 100 + hour);
        vm.prank(provider);
        vm.expectRevert(LeaseMarket.NoticePending.selector);
        market.finalizeClose(lease);

        skip(1 + GRACE / 2);
        vm.expectEmit();
        emit LeaseMarket.LeaseClosed(
            lease,
            LeaseMarket.How.Provider,
            uint64(START + 100 + hour),
            tenant,
            100 * DOLLAR - costOf(100 + hour)
        );
        vm.prank(provider);
        market.finalizeClose(lease);
        vm.assertEq(balanceOf(tenant), before - costOf(100 + hour));
    }

    function test_a_lease_after_notice_expires_if_it_is_not_finalized() public {
        uint256 lease = active();
        vm.prank(provider);
        market.noticeClose(lease);
        live(lease, market.noticeSeconds());
        market.expire(lease);
        vm.assertEq(get(lease).owed, costOf(market.noticeSeconds()));
    }

    function test_notice_does_not_prolong_a_lease() public {
        uint256 lease = active();
        live(lease, MAX - 60);
        beat(lease);
        vm.prank(provider);
        market.noticeClose(lease);
        vm.assertEq(market.activeUntil(lease), START + MAX);
    }

    function test_the_tenant_need_not_wait_for_the_end_of_the_notice() public {
        uint256 lease = active();
        vm.prank(provider);
        market.noticeClose(lease);
        skip(10);
        vm.prank(tenant);
        market.close(lease);
        skip(1 days);
        vm.prank(provider);
        vm.expectRevert(LeaseMarket.NotOpen.selector);
        market.finalizeClose(lease);
    }

    function test_notice_is_the_providers_and_of_active_leases() public {
        uint256 lease = requested(DEPOSIT);
        vm.startPrank(provider);
        vm.expectRevert(LeaseMarket.NotActive.selector);
        market.noticeClose(lease);
        vm.expectRevert(LeaseMarket.NoticePending.selector);
        market.finalizeClose(lease);
        vm.stopPrank();
        vm.startPrank(tenant);
        vm.expectRevert(LeaseMarket.NotProvider.selector);
        market.noticeClose(lease);
        vm.expectRevert(LeaseMarket.NotProvider.selector);
        market.finalizeClose(lease);
    }

    // ------------------------------------------------------------------------------------- helpers

    function neverPays(uint256 lease) private {
        vm.assertEq(get(lease).owed, 0);
        vm.prank(provider);
        vm.expectRevert(LeaseMarket.NothingOwed.selector);
        market.withdrawProvider(lease);
    }
}
