// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ForecastBoard} from "../src/ForecastBoard.sol";
import {Till} from "../src/Till.sol";
import {Base} from "./Base.sol";
import {ChoosyDollar, HostileDollar} from "./Doubles.sol";

/// @notice A board with one round a test may change the terms of.
abstract contract Newsroom is Base {
    uint64 internal constant CLOSES = uint64(START + 100);
    uint64 internal constant RESOLVES = uint64(START + 200);
    uint64 internal constant VOID = uint64(START + 300);
    uint32 internal constant SPAN = 1_000;
    uint256 internal constant WHOLE = 3 * uint256(SPAN) * SPAN;
    uint256 internal constant ESCROW = 100 * DOLLAR;
    bytes internal constant NEWS = "aldine to raise forecast sharply";

    ChoosyDollar internal choosy = new ChoosyDollar();
    ForecastBoard internal board = new ForecastBoard(IERC20(address(choosy)));

    address internal sponsor = account("sponsor");
    address internal reporter = account("reporter");
    address internal alice = account("alice");
    address internal bob = account("bob");

    constructor() {
        dollar = choosy;
        fund(sponsor, address(board), 1e15);
        fund(alice, address(board), 1e15);
        fund(bob, address(board), 1e15);
    }

    function terms() internal view returns (ForecastBoard.Terms memory) {
        return ForecastBoard.Terms(
            reporter, SPAN, CLOSES, RESOLVES, VOID, uint128(DOLLAR), uint128(1_000 * DOLLAR)
        );
    }

    function opened() internal returns (uint256) {
        vm.prank(sponsor);
        return board.open(terms(), ESCROW, NEWS);
    }

    function staked(address who, uint256 round, int256 forecast, uint256 stake) internal {
        vm.prank(who);
        board.forecast(round, forecast, stake);
    }

    function resolved(uint256 round, int256 realised) internal {
        vm.warp(RESOLVES);
        vm.prank(reporter);
        board.resolve(round, realised);
    }

    function claimed(address who, uint256 round) internal returns (uint256) {
        vm.prank(who);
        return board.claim(round);
    }

    /// @dev Folds a fuzzed number into the span.
    function inSpan(int256 value) internal pure returns (int256) {
        return int256(bound(uint256(value), 0, 2 * SPAN)) - int256(uint256(SPAN));
    }
}

contract ForecastBoardTest is Newsroom {
    // ------------------------------------------------------------------------------------- opening

    function test_a_round_shows_its_text_and_holds_its_escrow() public {
        vm.expectEmit();
        emit ForecastBoard.RoundOpened(1, sponsor, terms(), ESCROW, NEWS);
        vm.assertEq(opened(), 1);

        ForecastBoard.Round memory r = board.roundOf(1);
        vm.assertEq(r.sponsor, sponsor);
        vm.assertEq(keccak256(abi.encode(r.terms)), keccak256(abi.encode(terms())));
        vm.assertEq(r.escrow, ESCROW);
        vm.assertEq(r.held, ESCROW);
        vm.assertEq(keccak256(r.text), keccak256(NEWS));
        vm.assertEq(dollar.balanceOf(address(board)), ESCROW);
    }

    function test_rounds_must_make_sense() public {
        ForecastBoard.Terms memory t = terms();
        refused(t, 0, NEWS, Till.Zero.selector);
        refused(t, uint256(type(uint96).max) + 1, NEWS, ForecastBoard.BadRound.selector);
        refused(t, ESCROW, "", ForecastBoard.BadRound.selector);
        refused(t, ESCROW, new bytes(281), ForecastBoard.BadRound.selector);
        t.reporter = address(0);
        refused(t, ESCROW, NEWS, Till.Zero.selector);
        t = terms();
        t.least = 0;
        refused(t, ESCROW, NEWS, Till.Zero.selector);
        t = terms();
        t.most = t.least - 1;
        refused(t, ESCROW, NEWS, ForecastBoard.BadRound.selector);
        t = terms();
        t.span = 0;
        refused(t, ESCROW, NEWS, ForecastBoard.BadRound.selector);
        t.span = 10_001;
        refused(t, ESCROW, NEWS, ForecastBoard.BadRound.selector);
        t = terms();
        t.closesAt = uint64(START - 1);
        refused(t, ESCROW, NEWS, ForecastBoard.BadRound.selector);
        t = terms();
        t.resolvesAt = t.closesAt;
        refused(t, ESCROW, NEWS, ForecastBoard.BadRound.selector);
        t = terms();
        t.voidAt = t.resolvesAt;
        refused(t, ESCROW, NEWS, ForecastBoard.BadRound.selector);

        vm.prank(sponsor);
        board.open(terms(), ESCROW, new bytes(280));
    }

    function test_anyone_opens_the_round_that_the_payer_signed() public {
        bytes32 nonce = keccak256(
            abi.encodeWithSelector(
                board.openWithAuthorization.selector,
                sponsor,
                terms(),
                ESCROW,
                NEWS,
                bytes32("salt")
            )
        );
        bytes memory signature = authorization("sponsor", address(board), ESCROW, nonce);
        vm.startPrank(bob);
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        board.openWithAuthorization(
            sponsor, terms(), ESCROW, "other news", "salt", 0, type(uint256).max, signature
        );
        uint256 round = board.openWithAuthorization(
            sponsor, terms(), ESCROW, NEWS, "salt", 0, type(uint256).max, signature
        );
        vm.assertEq(board.roundOf(round).sponsor, sponsor);
    }

    // --------------------------------------------------------------------------------- forecasting

    function test_anyone_submits_the_forecast_that_the_payer_signed_and_nobody_bends_it() public {
        uint256 round = opened();
        bytes32 nonce = keccak256(
            abi.encodeWithSelector(
                board.forecastWithAuthorization.selector,
                alice,
                round,
                int256(-250),
                DOLLAR,
                bytes32("salt")
            )
        );
        bytes memory signature = authorization("alice", address(board), DOLLAR, nonce);
        vm.startPrank(bob);
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        board.forecastWithAuthorization(
            alice, round, 250, DOLLAR, "salt", 0, type(uint256).max, signature
        );
        vm.expectEmit();
        emit ForecastBoard.Forecasted(round, alice, -250, DOLLAR);
        board.forecastWithAuthorization(
            alice, round, -250, DOLLAR, "salt", 0, type(uint256).max, signature
        );
        vm.assertEq(board.stakeOf(round, alice).amount, DOLLAR);
        vm.assertTrue(board.stakeOf(round, alice).forecast == -250);
        vm.assertEq(board.stakeOf(round, bob).amount, 0);
    }

    function test_a_forecast_keeps_to_the_rounds_bounds() public {
        uint256 round = opened();
        vm.startPrank(alice);
        vm.expectRevert(ForecastBoard.BeyondSpan.selector);
        board.forecast(round, 1_001, DOLLAR);
        vm.expectRevert(ForecastBoard.BeyondSpan.selector);
        board.forecast(round, -1_001, DOLLAR);
        vm.expectRevert(ForecastBoard.BeyondSpan.selector);
        board.forecast(round, type(int256).min, DOLLAR);
        vm.expectRevert(ForecastBoard.BadStake.selector);
        board.forecast(round, 0, DOLLAR - 1);
        vm.expectRevert(ForecastBoard.BadStake.selector);
        board.forecast(round, 0, 1_000 * DOLLAR + 1);
        vm.expectRevert(ForecastBoard.NotOpen.selector);
        board.forecast(round + 1, 0, DOLLAR);
        board.forecast(round, 0, DOLLAR);
        vm.expectRevert(ForecastBoard.AlreadyIn.selector);
        board.forecast(round, 0, DOLLAR);
        vm.stopPrank();
        vm.warp(CLOSES);
        staked(bob, round, 0, DOLLAR);
        vm.warp(CLOSES + 1);
        vm.prank(sponsor);
        vm.expectRevert(ForecastBoard.NotOpen.selector);
        board.forecast(round, 0, DOLLAR);
    }

    /// What can be staked does not depend on what is said, or the timid could stake more.
    function testFuzz_there_is_room_for_the_same_stakes_whatever_they_say(int256 a, int256 b)
        public
    {
        uint256 round = opened();
        staked(alice, round, inSpan(a), 200 * DOLLAR);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(ForecastBoard.Full.selector, 100 * DOLLAR));
        board.forecast(round, inSpan(b), 100 * DOLLAR + 1);
        staked(bob, round, inSpan(b), 100 * DOLLAR);
    }

    // --------------------------------------------------------------------------------------- score

    /// The mean is the best forecast, and every step from it costs its square: exactly, on average
    /// over any returns whatever.
    function testFuzz_the_mean_pays_most(int256[4] memory draws, int256 other) public view {
        int256[4] memory realised;
        int256 mean;
        for (uint256 i; i < 4; ++i) {
            realised[i] = inSpan(draws[i]) / 4 * 4; // so that the mean is a whole number
            mean += realised[i] / 4;
        }
        other = inSpan(other);
        uint256 honest;
        uint256 dishonest;
        for (uint256 i; i < 4; ++i) {
            honest += board.payoutOf(WHOLE, mean, realised[i], SPAN);
            dishonest += board.payoutOf(WHOLE, other, realised[i], SPAN);
        }
        vm.assertEq(honest, dishonest + 4 * uint256((other - mean) ** 2));
    }

    /// Nothing is ever cut off: by itself a payout is never below nothing nor above 4/3.
    function testFuzz_payouts_stay_in_their_bounds_by_themselves(int256 f, int256 r, uint96 stake)
        public
        view
    {
        (f, r) = (inSpan(f), inSpan(r));
        int256 score = int256(WHOLE) + f * (2 * r - f);
        vm.assertTrue(score >= 0, "nobody owes more than the stake");
        uint256 payout = board.payoutOf(stake, f, r, SPAN);
        vm.assertLe(payout, uint256(stake) + stake / 3, "a third is the most that is won");
        vm.assertEq(payout, uint256(stake) * uint256(score) / WHOLE);
    }

    function test_the_bounds_are_reached() public view {
        int256 span = int256(uint256(SPAN));
        vm.assertEq(board.payoutOf(300, span, -span, SPAN), 0, "all wrong");
        vm.assertEq(board.payoutOf(300, -span, -span, SPAN), 400, "all right");
        vm.assertEq(board.payoutOf(300, span, 0, SPAN), 200, "bold about nothing");
        vm.assertEq(board.payoutOf(300, 0, span, SPAN), 300, "no news, no risk");
        vm.assertEq(board.payoutOf(3e6, 200, 300, SPAN), 3_080_000);
        vm.assertEq(board.payoutOf(3e6, 200, 50, SPAN), 2_980_000);
    }

    // ----------------------------------------------------------------------------------- reporting

    function test_only_the_reporter_reports_in_time_and_once() public {
        uint256 round = opened();
        vm.warp(RESOLVES - 1);
        vm.prank(reporter);
        vm.expectRevert(ForecastBoard.NotResolvable.selector);
        board.resolve(round, 5);

        vm.warp(RESOLVES);
        vm.prank(sponsor);
        vm.expectRevert(ForecastBoard.NotReporter.selector);
        board.resolve(round, 5);
        vm.startPrank(reporter);
        vm.expectRevert(ForecastBoard.NotReporter.selector);
        board.resolve(round + 1, 5);
        vm.expectRevert(ForecastBoard.BeyondSpan.selector);
        board.resolve(round, 1_001);
        vm.expectEmit();
        emit ForecastBoard.RoundResolved(round, -1_000);
        board.resolve(round, -1_000);
        vm.expectRevert(ForecastBoard.NotResolvable.selector);
        board.resolve(round, 5);
    }

    function test_a_late_report_is_none_and_all_stakes_go_back() public {
        uint256 round = opened();
        staked(alice, round, 700, 30 * DOLLAR);
        vm.warp(VOID - 1);
        vm.prank(alice);
        vm.expectRevert(ForecastBoard.NotOver.selector);
        board.claim(round);
        vm.prank(sponsor);
        vm.expectRevert(ForecastBoard.NotOver.selector);
        board.reclaim(round);

        vm.warp(VOID);
        vm.prank(reporter);
        vm.expectRevert(ForecastBoard.NotResolvable.selector);
        board.resolve(round, -1_000);
        vm.prank(sponsor);
        vm.assertEq(board.reclaim(round), ESCROW, "and no more than the escrow to the sponsor");
        vm.assertEq(claimed(alice, round), 30 * DOLLAR);
        vm.assertEq(dollar.balanceOf(address(board)), 0);
    }

    // -------------------------------------------------------------------------------------- paying

    function testFuzz_everyone_gets_what_the_rule_says_and_the_sponsor_the_rest(
        int256 a,
        int256 b,
        int256 r,
        uint256 x,
        uint256 y,
        bool early
    ) public {
        (a, b, r) = (inSpan(a), inSpan(b), inSpan(r));
        (x, y) = (bound(x, DOLLAR, 150 * DOLLAR), bound(y, DOLLAR, 150 * DOLLAR));
        uint256 round = opened();
        staked(alice, round, a, x);
        staked(bob, round, b, y);
        resolved(round, r);

        uint256 back;
        if (early && board.roundOf(round).held > owed(x, a, r) + owed(y, b, r)) {
            vm.prank(sponsor);
            back = board.reclaim(round);
        }
        vm.assertEq(claimed(bob, round), board.payoutOf(y, b, r, SPAN));
        vm.assertEq(claimed(alice, round), board.payoutOf(x, a, r, SPAN));
        uint256 dust = dollar.balanceOf(address(board));
        if (early) vm.assertLe(dust, 2, "less than a unit a claim");
        if (dust != 0) {
            vm.prank(sponsor);
            back += board.reclaim(round);
        }
        vm.assertEq(
            back + board.payoutOf(y, b, r, SPAN) + board.payoutOf(x, a, r, SPAN), ESCROW + x + y
        );
        vm.assertEq(dollar.balanceOf(address(board)), 0);
    }

    function test_a_stake_is_paid_once_and_to_its_forecaster_only() public {
        uint256 round = opened();
        staked(alice, round, 500, 30 * DOLLAR);
        resolved(round, 500);
        vm.prank(bob);
        vm.expectRevert(ForecastBoard.NothingOwed.selector);
        board.claim(round);
        uint256 before = dollar.balanceOf(alice);
        vm.expectEmit();
        emit ForecastBoard.Claimed(round, alice, 32_500_000);
        vm.startPrank(alice);
        board.claim(round);
        vm.assertEq(dollar.balanceOf(alice), before + 32_500_000);
        vm.expectRevert(ForecastBoard.NothingOwed.selector);
        board.claim(round);
        vm.expectRevert(ForecastBoard.NothingOwed.selector);
        board.claim(round + 1);
    }

    function test_a_stake_that_is_lost_whole_can_still_be_cleared_away() public {
        uint256 round = opened();
        staked(alice, round, 1_000, 30 * DOLLAR);
        resolved(round, -1_000);
        vm.assertEq(claimed(alice, round), 0);
        vm.assertEq(board.stakeCount(alice), 0);
        vm.prank(sponsor);
        vm.assertEq(board.reclaim(round), ESCROW + 30 * DOLLAR);
    }

    function test_only_the_sponsor_takes_back_the_rest() public {
        uint256 round = opened();
        resolved(round, 0);
        vm.prank(reporter);
        vm.expectRevert(ForecastBoard.NotSponsor.selector);
        board.reclaim(round);
        vm.startPrank(sponsor);
        board.reclaim(round);
        vm.expectRevert(ForecastBoard.NothingOwed.selector);
        board.reclaim(round);
    }

    function test_a_token_that_refuses_one_account_keeps_nobody_else_waiting() public {
        uint256 round = opened();
        staked(alice, round, 100, DOLLAR);
        staked(bob, round, 100, DOLLAR);
        resolved(round, 100);
        choosy.refuse(alice, true);
        vm.prank(alice);
        vm.expectRevert("refused");
        board.claim(round);
        claimed(bob, round);
        vm.prank(sponsor);
        board.reclaim(round);
        choosy.refuse(alice, false);
        claimed(alice, round);
    }

    // --------------------------------------------------------------------------------------- views

    function test_rounds_come_in_pages() public {
        for (uint256 i; i < 5; ++i) {
            opened();
        }
        vm.assertEq(board.rounds(0, 3).length, 3);
        vm.assertEq(board.rounds(4, 9).length, 2);
        vm.assertEq(board.rounds(6, 9).length, 0);
        vm.assertEq(board.rounds(type(uint256).max, type(uint256).max).length, 0);
        vm.assertEq(board.rounds(1, type(uint256).max).length, 5);
        vm.assertEq(
            keccak256(abi.encode(board.rounds(5, 1)[0])), keccak256(abi.encode(board.roundOf(5)))
        );
        vm.assertEq(board.rounds(0, 1)[0].sponsor, sponsor);
    }

    /// The list of one's stakes holds each that is not yet claimed once, whatever the order.
    function testFuzz_stakes_are_listed_until_they_are_claimed(uint8 order) public {
        for (uint256 i; i < 4; ++i) {
            staked(alice, opened(), int256(i), DOLLAR);
        }
        staked(bob, 1, 0, DOLLAR);
        vm.assertEq(board.stakesOf(alice, 1, 2).length, 2);
        vm.assertEq(board.stakesOf(alice, 9, 2).length, 0);
        vm.assertFalse(board.stakesOf(alice, 0, 1)[0].over);
        vm.assertEq(board.stakesOf(alice, 0, 1)[0].due, 0);
        vm.warp(VOID);
        bool[5] memory gone;
        for (uint256 left = 4; left > 0; --left) {
            ForecastBoard.Standing[] memory found = board.stakesOf(alice, 0, 9);
            vm.assertEq(found.length, left);
            bool[5] memory seen;
            for (uint256 i; i < left; ++i) {
                uint256 round = found[i].round;
                vm.assertFalse(seen[round] || gone[round]);
                vm.assertTrue(found[i].over && !found[i].resolved);
                vm.assertTrue(found[i].forecast == int256(round) - 1);
                vm.assertEq(found[i].due, DOLLAR);
                seen[round] = true;
            }
            uint256 pick = found[order % left].round;
            gone[pick] = true;
            claimed(alice, pick);
        }
        vm.assertEq(board.stakeCount(alice), 0);
        vm.assertEq(board.stakeCount(bob), 1);
    }

    // ------------------------------------------------------------------------------------- hostile

    function test_no_payment_can_be_entered_again() public {
        HostileDollar token = new HostileDollar();
        ForecastBoard other = new ForecastBoard(IERC20(address(token)));
        token.act(
            address(token), abi.encodeCall(token.approve, (address(other), type(uint256).max))
        );
        for (uint256 i; i < 2; ++i) {
            token.act(address(other), abi.encodeCall(other.open, (terms(), ESCROW, NEWS)));
            token.act(address(other), abi.encodeCall(other.forecast, (i + 1, 500, DOLLAR)));
        }
        vm.warp(RESOLVES);
        for (uint256 i; i < 2; ++i) {
            vm.prank(reporter);
            other.resolve(i + 1, 500);
        }
        bytes memory opening = abi.encodeCall(other.open, (later(), ESCROW, NEWS));
        bytes[5] memory outer = [
            abi.encodeCall(other.reclaim, (2)),
            abi.encodeCall(other.claim, (2)),
            opening,
            opening,
            opening
        ];
        bytes[5] memory inner = [
            abi.encodeCall(other.claim, (2)),
            abi.encodeCall(other.claim, (1)),
            abi.encodeCall(other.reclaim, (1)),
            opening,
            abi.encodeCall(other.forecast, (3, 1, DOLLAR))
        ];
        for (uint256 i; i < inner.length; ++i) {
            token.callBack(address(other), inner[i]);
            token.act(address(other), outer[i]);
            vm.assertEq(token.attempts(), 1, "the token was called");
            vm.assertFalse(token.succeeded());
            vm.assertEq(
                bytes32(token.answer()),
                bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
            );
        }
    }

    // ------------------------------------------------------------------------------------- helpers

    /// @dev Terms of a round that opens when the others are over.
    function later() private view returns (ForecastBoard.Terms memory t) {
        t = terms();
        (t.closesAt, t.resolvesAt, t.voidAt) = (VOID, VOID + 1, VOID + 2);
    }

    function refused(ForecastBoard.Terms memory t, uint256 escrow, bytes memory text, bytes4 why)
        private
    {
        vm.prank(sponsor);
        vm.expectRevert(why);
        board.open(t, escrow, text);
    }

    /// @dev What a stake is worth, rounded up.
    function owed(uint256 stake, int256 f, int256 r) private view returns (uint256) {
        return board.payoutOf(stake, f, r, SPAN) + 1;
    }
}
