// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Errors} from "@openzeppelin/contracts/utils/Errors.sol";
import {GasStation} from "../src/GasStation.sol";
import {Till} from "../src/Till.sol";
import {Base} from "./Base.sol";
import {Sealed} from "./Doubles.sol";

contract GasStationTest is Base {
    uint256 private constant PRICE = 3_000 * DOLLAR;

    address private beneficiary = account("beneficiary");
    address private buyer = account("buyer");
    address private stranger = account("stranger");

    GasStation private station =
        new GasStation(IERC20(address(dollar)), beneficiary, PRICE, "seed");

    constructor() {
        vm.deal(address(station), 10 ether);
        fund(buyer, address(station), 1_000_000 * DOLLAR);
    }

    // --------------------------------------------------------------------------------------- price

    function testFuzz_the_price_stays_between_half_and_twice_its_base(uint64 time) public {
        vm.warp(time);
        vm.assertGe(station.price(), PRICE / 2);
        vm.assertLe(station.price(), 2 * PRICE);
    }

    /// In a minute it moves by no more than the steepest slope of the curve, 1.5 × range / hour.
    function testFuzz_the_price_moves_smoothly(uint40 time) public {
        vm.warp(time);
        uint256 before = station.price();
        skip(60);
        uint256 moved =
            station.price() > before ? station.price() - before : before - station.price();
        vm.assertLe(moved, PRICE * 2 * 15 / 600 + 1);
    }

    function test_the_price_moves_and_is_the_same_for_the_same_seed() public {
        GasStation same = new GasStation(IERC20(address(dollar)), stranger, PRICE, "seed");
        GasStation other = new GasStation(IERC20(address(dollar)), stranger, PRICE, "other");
        uint256 low = type(uint256).max;
        uint256 high;
        uint256 differing;
        for (uint256 hour; hour < 48; ++hour) {
            vm.warp(START + hour * 1 hours);
            uint256 now_ = station.price();
            vm.assertEq(same.price(), now_);
            if (other.price() != now_) ++differing;
            if (now_ < low) low = now_;
            if (now_ > high) high = now_;
        }
        vm.assertGe(differing, 40);
        vm.assertLe(low, PRICE * 6 / 10, "it gets cheap");
        vm.assertGe(high, PRICE * 17 / 10, "and dear");
    }

    // -------------------------------------------------------------------------------------- buying

    function testFuzz_a_buyer_gets_what_was_quoted(uint256 tokenIn) public {
        tokenIn = bound(tokenIn, 1, 1_000 * DOLLAR);
        uint256 quoted = station.quote(tokenIn);
        vm.expectEmit();
        emit GasStation.GasSold(buyer, tokenIn, quoted);
        vm.prank(buyer);
        vm.assertEq(station.buy(tokenIn, quoted), quoted);
        vm.assertEq(buyer.balance, quoted);
        vm.assertEq(dollar.balanceOf(beneficiary), tokenIn);
        vm.assertEq(dollar.balanceOf(address(station)), 0);
        vm.assertLe(quoted * station.price(), tokenIn * 1e18, "rounded against the buyer");
    }

    function test_a_buyer_pays_no_more_than_meant() public {
        uint256 quoted = station.quote(DOLLAR);
        vm.startPrank(buyer);
        vm.expectRevert(abi.encodeWithSelector(GasStation.TooDear.selector, quoted));
        station.buy(DOLLAR, quoted + 1);
        vm.expectRevert(Till.Zero.selector);
        station.buy(0, 0);
    }

    function test_a_dry_station_sells_nothing() public {
        vm.deal(address(station), 1);
        vm.prank(buyer);
        vm.expectRevert(abi.encodeWithSelector(GasStation.Dry.selector, 1));
        station.buy(DOLLAR, 0);
    }

    function test_a_buyer_that_takes_no_eth_keeps_its_tokens() public {
        Sealed box = new Sealed();
        fund(address(box), address(station), DOLLAR);
        vm.expectRevert(Errors.FailedCall.selector);
        box.act(address(station), abi.encodeCall(station.buy, (DOLLAR, 0)));
        vm.assertEq(dollar.balanceOf(address(box)), DOLLAR);
    }

    function test_anyone_submits_the_purchase_that_the_payer_signed() public {
        bytes32 nonce = keccak256(
            abi.encodeWithSelector(
                station.buyWithAuthorization.selector, buyer, DOLLAR, uint256(1), bytes32("salt")
            )
        );
        bytes memory signature = authorization("buyer", address(station), DOLLAR, nonce);
        uint256 quoted = station.quote(DOLLAR);
        vm.prank(stranger);
        station.buyWithAuthorization(buyer, DOLLAR, 1, "salt", 0, type(uint256).max, signature);
        vm.assertEq(buyer.balance, quoted, "the payer gets the ETH");
        vm.assertEq(stranger.balance, 0);
    }

    // ---------------------------------------------------------------------------------- deployment

    function test_a_station_needs_a_beneficiary_and_a_price() public {
        vm.expectRevert(Till.Zero.selector);
        new GasStation(IERC20(address(dollar)), address(0), PRICE, "seed");
        vm.expectRevert(GasStation.BadPrice.selector);
        new GasStation(IERC20(address(dollar)), beneficiary, 1, "seed");
    }

    function test_anyone_fills_the_station_up() public {
        vm.deal(stranger, 1 ether);
        vm.prank(stranger);
        (bool done,) = address(station).call{value: 1 ether}("");
        vm.assertTrue(done);
        vm.assertEq(address(station).balance, 11 ether);
    }
}
