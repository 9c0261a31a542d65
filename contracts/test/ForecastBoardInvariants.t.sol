// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ForecastBoard} from "../src/ForecastBoard.sol";
import {Base} from "./Base.sol";
import {ChoosyDollar} from "./Doubles.sol";

/// @notice Opens, forecasts, reports, claims and takes back at random, and keeps its own books.
contract ForecastHandler is Base {
    uint256 public constant FORECASTERS = 3;
    uint32 private constant SPAN = 900;

    ForecastBoard public immutable board;
    ChoosyDollar public immutable token;
    address public immutable sponsor = account("sponsor");
    address private immutable reporter = account("reporter");

    // Books, kept from token balances and arguments alone.
    mapping(uint256 round => uint256) public paidIn;
    mapping(uint256 round => uint256) public paidOut;
    /// How often somebody was paid for a stake in a round.
    mapping(uint256 round => mapping(address => uint256)) public payments;

    constructor() {
        token = new ChoosyDollar();
        dollar = token;
        board = new ForecastBoard(IERC20(address(token)));
        fund(sponsor, address(board), 1e18);
        for (uint256 i; i < FORECASTERS; ++i) {
            fund(forecaster(i), address(board), 1e18);
        }
        open(1_000, 0);
    }

    function forecaster(uint256 seed) public returns (address) {
        uint256 i = seed % FORECASTERS;
        return account(i == 0 ? "forecaster 0" : i == 1 ? "forecaster 1" : "forecaster 2");
    }

    // --------------------------------------------------------------------------------------- steps

    function open(uint256 escrow, uint256 window) public {
        if (board.roundCount() >= 4) return;
        escrow = bound(escrow, 1, 1e6);
        uint64 closes = uint64(block.timestamp + bound(window, 60, 1_200));
        ForecastBoard.Terms memory t = ForecastBoard.Terms(
            reporter, SPAN, closes, closes + 60, closes + 900, 1, type(uint128).max
        );
        vm.prank(sponsor);
        uint256 round = board.open(t, escrow, "news");
        paidIn[round] += escrow;
    }

    /// Odd amounts and extreme forecasts, so that rounding and the worst case are met.
    function forecast(uint256 who, uint256 seed, uint256 say, uint256 stake) external {
        uint256 round = pick(seed, false);
        stake = bound(stake, 1, 1e6);
        int256 said = say % 3 == 0
            ? int256(uint256(SPAN)) * (say % 2 == 0 ? int256(1) : -1)
            : int256(bound(say, 0, 2 * SPAN)) - int256(uint256(SPAN));
        vm.prank(forecaster(who));
        board.forecast(round, said, stake);
        paidIn[round] += stake;
    }

    function report(uint256 seed, uint256 say) external {
        uint256 round = pick(seed, false);
        ForecastBoard.Round memory r = board.roundOf(round);
        if (block.timestamp < r.terms.resolvesAt) vm.warp(r.terms.resolvesAt);
        int256 said = say % 3 == 0
            ? int256(uint256(SPAN)) * (say % 2 == 0 ? int256(1) : -1)
            : int256(bound(say, 0, 2 * SPAN)) - int256(uint256(SPAN));
        vm.prank(reporter);
        board.resolve(round, said);
    }

    /// The reporter of a round stays silent for good.
    function lapse(uint256 seed) external {
        if (seed % 4 != 0) return; // at times, or nothing is ever reported
        ForecastBoard.Round memory r = board.roundOf(pick(seed / 4, false));
        if (block.timestamp < r.terms.voidAt) vm.warp(r.terms.voidAt);
    }

    function claim(uint256 who, uint256 seed) external {
        uint256 round = pick(seed, true);
        address to = forecaster(who);
        uint256 before = token.balanceOf(to);
        vm.prank(to);
        board.claim(round);
        paidOut[round] += token.balanceOf(to) - before;
        ++payments[round][to];
    }

    function reclaim(uint256 seed) external {
        uint256 round = pick(seed, true);
        uint256 before = token.balanceOf(sponsor);
        vm.prank(sponsor);
        board.reclaim(round);
        paidOut[round] += token.balanceOf(sponsor) - before;
    }

    function refuse(uint256 who, bool yes) external {
        token.refuse(forecaster(who), yes);
    }

    function wait(uint256 time) external {
        skip(bound(time, 0, 600));
    }

    // -------------------------------------------------------------------------------------- private

    /// @dev A round that is over, or one that is not, if there is one from the seed on; any at times.
    function pick(uint256 seed, bool over) private view returns (uint256) {
        uint256 count = board.roundCount();
        for (uint256 i; i < count && seed % 8 != 0; ++i) {
            uint256 round = 1 + (seed % count + i) % count;
            ForecastBoard.Round memory r = board.roundOf(round);
            if ((r.resolved || block.timestamp >= r.terms.voidAt) == over) return round;
        }
        return bound(seed, 1, count);
    }
}

/// @notice What holds for a board whatever is done to it, in whatever order.
contract ForecastBoardInvariants is Base {
    ForecastHandler private handler = new ForecastHandler();
    ForecastBoard private board = handler.board();
    ChoosyDollar private token = handler.token();

    function targetContracts() external view returns (address[] memory only) {
        only = new address[](1);
        only[0] = address(handler);
    }

    /// In = out + held, for each round alone, and the token is there.
    function invariant_money_is_conserved() external view {
        uint256 held;
        for (uint256 round = 1; round <= board.roundCount(); ++round) {
            ForecastBoard.Round memory r = board.roundOf(round);
            vm.assertEq(handler.paidIn(round), handler.paidOut(round) + r.held, "a round's books");
            held += r.held;
        }
        vm.assertEq(token.balanceOf(address(board)), held, "the token is here");
    }

    /// Whatever is going to be reported, there is enough for every stake: the two ends are the worst,
    /// for what is owed is linear in the return.
    function invariant_every_stake_can_be_paid_whatever_happens() external {
        for (uint256 round = 1; round <= board.roundCount(); ++round) {
            ForecastBoard.Round memory r = board.roundOf(round);
            int256 span = int256(uint256(r.terms.span));
            if (r.resolved) {
                vm.assertGe(r.held, owed(round, r.realised), "resolved");
            } else if (block.timestamp >= r.terms.voidAt) {
                vm.assertGe(r.held, r.staked, "void");
            } else {
                vm.assertGe(r.held, owed(round, span), "all up");
                vm.assertGe(r.held, owed(round, -span), "all down");
            }
        }
    }

    function invariant_sums_are_those_of_the_stakes() external {
        for (uint256 round = 1; round <= board.roundCount(); ++round) {
            ForecastBoard.Round memory r = board.roundOf(round);
            uint256 staked;
            int256 weighted;
            int256 squared;
            for (uint256 i; i < handler.FORECASTERS(); ++i) {
                address who = handler.forecaster(i);
                ForecastBoard.Stake memory s = board.stakeOf(round, who);
                int256 x = int256(uint256(s.amount));
                staked += s.amount;
                weighted += x * s.forecast;
                squared += x * s.forecast * s.forecast;
                vm.assertLe(handler.payments(round, who), 1, "paid once");
                if (handler.payments(round, who) != 0) vm.assertEq(s.amount, 0, "paid and gone");
            }
            vm.assertEq(r.staked, staked, "stakes");
            vm.assertTrue(r.weighted == weighted, "forecasts");
            vm.assertTrue(int256(uint256(r.squared)) == squared, "squares");
            vm.assertLe(staked, 3 * uint256(r.escrow), "a third of each is reserved");
        }
    }

    /// Whatever came before, everyone can leave, and when all have left nothing remains.
    function afterInvariant() external {
        vm.warp(block.timestamp + 1 days);
        for (uint256 i; i < handler.FORECASTERS(); ++i) {
            address who = handler.forecaster(i);
            token.refuse(who, false);
            while (board.stakeCount(who) != 0) {
                ForecastBoard.Standing memory s = board.stakesOf(who, 0, 1)[0];
                vm.prank(who);
                vm.assertEq(board.claim(s.round), s.due, "what was shown is paid");
            }
        }
        for (uint256 round = 1; round <= board.roundCount(); ++round) {
            if (board.roundOf(round).held == 0) continue;
            vm.prank(handler.sponsor());
            board.reclaim(round);
        }
        vm.assertEq(token.balanceOf(address(board)), 0, "nothing remains");
    }

    // ------------------------------------------------------------------------------------- helpers

    /// @dev What all stakes would be paid for a return, one by one.
    function owed(uint256 round, int256 realised) private returns (uint256 sum) {
        uint256 span = board.roundOf(round).terms.span;
        for (uint256 i; i < handler.FORECASTERS(); ++i) {
            ForecastBoard.Stake memory s = board.stakeOf(round, handler.forecaster(i));
            sum += board.payoutOf(s.amount, s.forecast, realised, span);
        }
    }
}
