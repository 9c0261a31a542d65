// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {LeaseMarket} from "../src/LeaseMarket.sol";
import {Base} from "./Base.sol";
import {ChoosyDollar} from "./Doubles.sol";

/// @notice Who takes part.
abstract contract Cast is Base {
    uint256 internal constant PROVIDERS = 2;
    uint256 internal constant TENANTS = 3;
    uint256 internal constant SCALE = 1e18;

    address internal guardian = account("guardian");

    function provider(uint256 seed) internal returns (address) {
        return account(seed % PROVIDERS == 0 ? "provider 0" : "provider 1");
    }

    function tenant(uint256 seed) internal returns (address) {
        uint256 i = seed % TENANTS;
        return account(i == 0 ? "tenant 0" : i == 1 ? "tenant 1" : "tenant 2");
    }
}

/// @notice Does random things to a market and keeps its own books of what moved.
contract LeaseHandler is Cast {
    LeaseMarket public immutable market;
    ChoosyDollar public immutable token;

    // Books, kept from token balances and arguments alone.
    uint256 public deposited;
    uint256 public staked;
    uint256 public unstaked;
    uint256 public withdrawn;
    uint256 public refunded;
    mapping(uint256 lease => uint256) public paidIn;
    mapping(uint256 lease => uint256) public paidOut;

    // What else a reader of the events would know.
    mapping(uint256 lease => uint256) public lastBeat;
    mapping(uint256 lease => uint256) public closings;
    uint256 public timeRanBack;

    constructor() {
        token = new ChoosyDollar();
        dollar = token;
        market = new LeaseMarket(IERC20(address(token)));
        for (uint256 i; i < PROVIDERS; ++i) {
            fund(provider(i), address(market), 1e12);
        }
        for (uint256 i; i < TENANTS; ++i) {
            fund(tenant(i), address(market), 1e12);
        }
        fund(guardian, address(market), 1e12);
        postOffer(0, 55_555_555_555_555_555_555, 1_000);
        postOffer(1, 3e17, 0);
    }

    // --------------------------------------------------------------------------------------- steps

    modifier watched() {
        uint256[] memory before = settledTimes();
        _;
        for (uint256 i; i < before.length; ++i) {
            if (market.leaseOf(i + 1).settledUntil < before[i]) ++timeRanBack;
        }
    }

    function wait(uint256 time) external {
        skip(bound(time, 0, 10 minutes));
    }

    /// Time passes and every provider does its duty.
    function work(uint256 time) external watched {
        for (uint256 left = bound(time, 0, 2 hours); left > 10 minutes; left -= 10 minutes) {
            skip(10 minutes);
            for (uint256 lease = 1; lease <= market.leaseCount(); ++lease) {
                if (block.timestamp < market.activeUntil(lease)) beat(lease);
            }
        }
    }

    function postOffer(uint256 who, uint256 rate, uint256 stake) public {
        if (market.offerCount() >= 6) return;
        rate = bound(rate, 1, 100 * SCALE);
        stake = bound(stake, 0, 1e9);
        vm.prank(provider(who));
        market.postOffer(
            LeaseMarket.Terms(rate, 1, 6 hours, 20 minutes, 10 minutes, 3, "hardware", "uri"), stake
        );
        staked += stake;
    }

    function reprice(uint256 which, uint256 rate) external {
        uint256 id = bound(which, 1, market.offerCount());
        vm.prank(market.offerOf(id).provider);
        market.reprice(id, bound(rate, 1, 100 * SCALE));
    }

    function closeOffer(uint256 which) external {
        if (which % 8 != 0) return; // rarely, or nothing is left to lease
        uint256 id = bound(which, 1, market.offerCount());
        vm.prank(market.offerOf(id).provider);
        market.closeOffer(id);
    }

    function reclaimStake(uint256 which) external {
        uint256 id = bound(which, 1, market.offerCount());
        address who = market.offerOf(id).provider;
        uint256 before = token.balanceOf(who);
        vm.prank(who);
        market.reclaimStake(id);
        unstaked += token.balanceOf(who) - before;
    }

    function openLease(uint256 who, uint256 which, uint256 deposit, bool guarded) public {
        uint256 id = bound(which, 1, market.offerCount());
        uint256 rate = market.offerOf(id).terms.rate;
        deposit = bound(deposit, rate / SCALE + 1, 1e6);
        address to = guarded ? guardian : address(0);
        vm.prank(tenant(who));
        uint256 lease = market.openLease(id, rate, deposit, "manifest", to, "");
        deposited += deposit;
        paidIn[lease] += deposit;
    }

    /// Most leases are served at once; the others wait for a later step, or for nothing.
    function openAndActivate(uint256 who, uint256 which, uint256 deposit, bool guarded) external {
        openLease(who, which, deposit, guarded);
        activate(type(uint256).max);
    }

    function activate(uint256 which) public watched {
        uint256 lease = which == type(uint256).max ? market.leaseCount() : pick(which);
        vm.prank(market.leaseOf(lease).provider);
        market.activate(lease);
        lastBeat[lease] = block.timestamp;
    }

    function heartbeat(uint256 which) external watched {
        beat(pick(which));
    }

    function topUp(uint256 who, uint256 which, uint256 amount) external watched {
        uint256 lease = pick(which);
        amount = bound(amount, 1, 1e5);
        vm.prank(tenant(who));
        market.topUp(lease, amount);
        deposited += amount;
        paidIn[lease] += amount;
    }

    function settle(uint256 which) external watched {
        market.settle(pick(which));
    }

    function withdrawProvider(uint256 which) external watched {
        uint256 lease = pick(which);
        address who = market.leaseOf(lease).provider;
        uint256 before = token.balanceOf(who);
        vm.prank(who);
        market.withdrawProvider(lease);
        uint256 amount = token.balanceOf(who) - before;
        withdrawn += amount;
        paidOut[lease] += amount;
    }

    function close(uint256 which, bool byGuardian) external watched {
        uint256 lease = pick(which);
        address who = byGuardian ? guardian : market.leaseOf(lease).tenant;
        uint256 before = worth(who);
        vm.prank(who);
        market.close(lease);
        closed(lease, who, before);
    }

    function decline(uint256 which) external watched {
        uint256 lease = pick(which);
        address who = market.leaseOf(lease).tenant;
        uint256 before = worth(who);
        vm.prank(market.leaseOf(lease).provider);
        market.decline(lease);
        closed(lease, who, before);
    }

    function noticeClose(uint256 which) external watched {
        uint256 lease = pick(which);
        vm.prank(market.leaseOf(lease).provider);
        market.noticeClose(lease);
    }

    function finalizeClose(uint256 which) external watched {
        uint256 lease = pick(which);
        address who = market.leaseOf(lease).tenant;
        uint256 before = worth(who);
        vm.prank(market.leaseOf(lease).provider);
        market.finalizeClose(lease);
        closed(lease, who, before);
    }

    function expire(uint256 which) external watched {
        uint256 lease = pick(which);
        address who = market.leaseOf(lease).tenant;
        uint256 before = worth(who);
        market.expire(lease);
        closed(lease, who, before);
    }

    function reclaim(uint256 which) external watched {
        uint256 lease = pick(which);
        address who = market.leaseOf(lease).tenant;
        uint256 before = worth(who);
        vm.prank(who);
        market.reclaim(lease);
        closed(lease, who, before);
    }

    function refuse(uint256 who, bool yes) external {
        token.refuse(tenant(who), yes);
    }

    function withdrawRefund(uint256 who) external {
        token.refuse(tenant(who), false);
        vm.prank(tenant(who));
        market.withdrawRefund();
    }

    // --------------------------------------------------------------------------------------- books

    function closed(uint256 lease, address who, uint256 before) private {
        ++closings[lease];
        uint256 amount = worth(who) - before;
        refunded += amount;
        paidOut[lease] += amount;
    }

    /// @dev What someone has, kept refunds included.
    function worth(address who) private view returns (uint256) {
        return token.balanceOf(who) + market.refundOf(who);
    }

    function beat(uint256 lease) private {
        vm.prank(market.leaseOf(lease).provider);
        market.heartbeat(lease);
        lastBeat[lease] = block.timestamp;
    }

    /// @dev A lease that is open if there is one, for to others little can happen; any one at times.
    function pick(uint256 seed) private view returns (uint256) {
        uint256 count = market.leaseCount();
        for (uint256 i; i < count && seed % 8 != 0; ++i) {
            uint256 lease = 1 + (seed % count + i) % count;
            if (market.leaseOf(lease).state != LeaseMarket.State.Closed) return lease;
        }
        return bound(seed, 1, count);
    }

    function settledTimes() private view returns (uint256[] memory times) {
        times = new uint256[](market.leaseCount());
        for (uint256 i; i < times.length; ++i) {
            times[i] = market.leaseOf(i + 1).settledUntil;
        }
    }
}

/// @notice What holds for a market whatever is done to it, in whatever order.
contract LeaseMarketInvariants is Cast {
    LeaseHandler private handler = new LeaseHandler();
    LeaseMarket private market = handler.market();
    ChoosyDollar private token = handler.token();

    function targetContracts() external view returns (address[] memory only) {
        only = new address[](1);
        only[0] = address(handler);
    }

    /// Deposits = withdrawn + refunded + held; stakes likewise and apart; the token is all there.
    function invariant_money_is_conserved() external {
        (uint256 held, uint256 owed) = escrow();
        vm.assertEq(
            handler.deposited(), handler.withdrawn() + handler.refunded() + held + owed, "deposits"
        );
        vm.assertEq(handler.staked(), handler.unstaked() + stakes(), "stakes");
        vm.assertEq(
            token.balanceOf(address(market)), held + owed + stakes() + kept(), "the token is here"
        );
    }

    /// For each lease alone: what is paid for is time that its provider was there for, no more.
    function invariant_each_lease_adds_up() external view {
        for (uint256 lease = 1; lease <= market.leaseCount(); ++lease) {
            LeaseMarket.Lease memory l = market.leaseOf(lease);
            checkShares(lease, l);
            checkTime(lease, l);
            if (l.state == LeaseMarket.State.Closed) {
                vm.assertEq(l.balance, 0, "closed and empty");
                vm.assertEq(handler.closings(lease), 1, "closed once");
            } else {
                vm.assertEq(handler.closings(lease), 0, "closed is for ever");
            }
        }
        vm.assertEq(handler.timeRanBack(), 0, "settled time never runs back");
    }

    function invariant_slots_are_counted() external view {
        uint256[] memory live = new uint256[](market.offerCount() + 1);
        for (uint256 lease = 1; lease <= market.leaseCount(); ++lease) {
            LeaseMarket.Lease memory l = market.leaseOf(lease);
            if (l.state != LeaseMarket.State.Closed) ++live[l.offer];
        }
        for (uint256 id = 1; id < live.length; ++id) {
            LeaseMarket.Offer memory o = market.offerOf(id);
            vm.assertEq(o.live, live[id], "live leases");
            vm.assertLe(o.live, o.terms.slots, "slots");
        }
    }

    /// Whatever came before, everyone can leave, and when all have left nothing remains.
    function afterInvariant() external {
        for (uint256 lease = 1; lease <= market.leaseCount(); ++lease) {
            LeaseMarket.Lease memory l = market.leaseOf(lease);
            if (l.state == LeaseMarket.State.Closed) continue;
            vm.prank(l.tenant);
            market.close(lease);
        }
        for (uint256 lease = 1; lease <= market.leaseCount(); ++lease) {
            LeaseMarket.Lease memory l = market.leaseOf(lease);
            if (l.owed == 0) continue;
            vm.prank(l.provider);
            market.withdrawProvider(lease);
        }
        for (uint256 id = 1; id <= market.offerCount(); ++id) {
            LeaseMarket.Offer memory o = market.offerOf(id);
            vm.startPrank(o.provider);
            if (o.open) market.closeOffer(id);
            if (o.stake != 0) market.reclaimStake(id);
            vm.stopPrank();
        }
        for (uint256 i; i < TENANTS; ++i) {
            address who = tenant(i);
            token.refuse(who, false);
            if (market.refundOf(who) == 0) continue;
            vm.prank(who);
            market.withdrawRefund();
        }
        vm.assertEq(token.balanceOf(address(market)), 0, "nothing remains");
    }

    // ------------------------------------------------------------------------------------- helpers

    function checkShares(uint256 lease, LeaseMarket.Lease memory l) private view {
        vm.assertEq(
            handler.paidIn(lease), l.balance + l.owed + handler.paidOut(lease), "shares of a lease"
        );
    }

    function checkTime(uint256 lease, LeaseMarket.Lease memory l) private view {
        if (l.activatedAt == 0) {
            vm.assertEq(l.owed, 0, "never activated, never paid");
            vm.assertEq(l.settledUntil, 0, "no time without activation");
            return;
        }
        uint256 grace = market.offerOf(l.offer).terms.grace;
        vm.assertLe(l.settledUntil, block.timestamp, "settled: now");
        vm.assertLe(l.settledUntil, l.endsAt, "settled: end");
        vm.assertLe(l.settledUntil, handler.lastBeat(lease) + grace, "settled: silence");
        vm.assertEq(l.heartbeatAt, handler.lastBeat(lease));

        uint256 earned = l.rate * (l.settledUntil - l.activatedAt) / SCALE;
        vm.assertLe(earned, handler.paidIn(lease), "never more than was paid in");
        if (l.state == LeaseMarket.State.Active) {
            vm.assertEq(l.balance, handler.paidIn(lease) - earned, "the tenant's share is exact");
            vm.assertGe(market.activeUntil(lease), l.settledUntil, "settled: cap");
        }
    }

    function escrow() private view returns (uint256 held, uint256 owed) {
        for (uint256 lease = 1; lease <= market.leaseCount(); ++lease) {
            LeaseMarket.Lease memory l = market.leaseOf(lease);
            held += l.balance;
            owed += l.owed;
        }
    }

    function stakes() private view returns (uint256 sum) {
        for (uint256 id = 1; id <= market.offerCount(); ++id) {
            sum += market.offerOf(id).stake;
        }
    }

    function kept() private returns (uint256 sum) {
        for (uint256 i; i < TENANTS; ++i) {
            sum += market.refundOf(tenant(i));
        }
        sum += market.refundOf(guardian);
    }
}
