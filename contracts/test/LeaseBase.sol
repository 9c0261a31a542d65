// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {LeaseMarket} from "../src/LeaseMarket.sol";
import {Base} from "./Base.sol";

/// @notice One market with one offer, and shorthands for the usual steps of a lease.
abstract contract LeaseBase is Base {
    uint256 internal constant SCALE = 1e18;

    /// A rate with a fraction, so that rounding is part of every test: 55.555… units a second.
    uint256 internal constant RATE = 55_555_555_555_555_555_555;
    uint256 internal constant STAKE = 10 * DOLLAR;
    uint64 internal constant MIN = 60;
    uint64 internal constant MAX = 1 days;
    uint64 internal constant GRACE = 5 minutes;
    uint64 internal constant WINDOW = 2 minutes;
    uint256 internal constant DEPOSIT = DOLLAR / 10; // lasts 1,800 seconds

    address internal provider = account("provider");
    address internal tenant = account("tenant");
    address internal guardian = account("guardian");
    address internal stranger = account("stranger");

    LeaseMarket internal market;
    uint256 internal offer;

    constructor() {
        market = new LeaseMarket(IERC20(address(dollar)));
        fund(provider, address(market), 1_000 * DOLLAR);
        fund(tenant, address(market), 1_000 * DOLLAR);
        fund(guardian, address(market), 1_000 * DOLLAR);
        vm.prank(provider);
        offer = market.postOffer(terms(), STAKE);
    }

    function terms() internal pure returns (LeaseMarket.Terms memory) {
        return LeaseMarket.Terms({
            rate: RATE,
            minSeconds: MIN,
            maxSeconds: MAX,
            grace: GRACE,
            activationWindow: WINDOW,
            slots: 2,
            hardware: "hardware",
            uri: "http://host"
        });
    }

    // --------------------------------------------------------------------------------------- steps

    function requested(uint256 deposit) internal returns (uint256) {
        vm.prank(tenant);
        return market.openLease(offer, RATE, deposit, "manifest", guardian, "");
    }

    function active(uint256 deposit) internal returns (uint256 lease) {
        lease = requested(deposit);
        vm.prank(provider);
        market.activate(lease);
    }

    /// @dev A long lease that only its provider's silence can stop.
    function active() internal returns (uint256) {
        return active(100 * DOLLAR);
    }

    function beat(uint256 lease) internal {
        vm.prank(provider);
        market.heartbeat(lease);
    }

    /// @dev Lets time pass with a heartbeat often enough.
    function live(uint256 lease, uint256 time) internal {
        for (; time > GRACE / 2; time -= GRACE / 2) {
            skip(GRACE / 2);
            beat(lease);
        }
        skip(time);
    }

    // ------------------------------------------------------------------------------------- reading

    function get(uint256 lease) internal view returns (LeaseMarket.Lease memory) {
        return market.leaseOf(lease);
    }

    function costOf(uint256 time) internal pure returns (uint256) {
        return RATE * time / SCALE;
    }

    function balanceOf(address who) internal view returns (uint256) {
        return dollar.balanceOf(who);
    }
}
