// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {JobBoard} from "../src/JobBoard.sol";
import {Till} from "../src/Till.sol";
import {Base} from "./Base.sol";
import {HostileDollar} from "./Doubles.sol";

contract JobBoardTest is Base {
    uint64 private constant EARLY = uint64(START + 100);
    uint64 private constant LATE = uint64(START + 200);

    JobBoard private board = new JobBoard(IERC20(address(dollar)));

    address private poster = account("poster");
    address private worker = account("worker");

    constructor() {
        fund(poster, address(board), 1_000 * DOLLAR);
    }

    // ------------------------------------------------------------------------------------- posting

    function test_a_job_holds_its_reward() public {
        vm.expectEmit();
        emit JobBoard.JobPosted(1, poster, DOLLAR, EARLY, LATE, 10);
        vm.assertEq(posted(10), 1);

        JobBoard.Job memory j = board.jobOf(1);
        vm.assertEq(j.poster, poster);
        vm.assertEq(j.reward, DOLLAR);
        vm.assertEq(j.notBefore, EARLY);
        vm.assertEq(j.deadline, LATE);
        vm.assertEq(j.work, 10);
        vm.assertFalse(j.closed);
        vm.assertEq(dollar.balanceOf(address(board)), DOLLAR);
    }

    function test_jobs_must_make_sense() public {
        vm.startPrank(poster);
        vm.expectRevert(Till.Zero.selector);
        board.post(0, EARLY, LATE, 10);
        vm.expectRevert(JobBoard.BadJob.selector);
        board.post(DOLLAR, LATE, EARLY, 10);
        vm.expectRevert(JobBoard.BadJob.selector);
        board.post(DOLLAR, 0, uint64(START - 1), 10);
        vm.expectRevert(JobBoard.BadJob.selector);
        board.post(DOLLAR, EARLY, LATE, 5_001);
        board.post(DOLLAR, EARLY, LATE, 5_000);
    }

    function test_anyone_posts_the_job_that_the_payer_signed() public {
        bytes32 nonce = keccak256(
            abi.encodeWithSelector(
                board.postWithAuthorization.selector,
                poster,
                DOLLAR,
                EARLY,
                LATE,
                uint32(10),
                bytes32("salt")
            )
        );
        bytes memory signature = authorization("poster", address(board), DOLLAR, nonce);
        vm.startPrank(worker);
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        board.postWithAuthorization(
            poster, DOLLAR, EARLY, LATE, 9, "salt", 0, type(uint256).max, signature
        );
        uint256 job = board.postWithAuthorization(
            poster, DOLLAR, EARLY, LATE, 10, "salt", 0, type(uint256).max, signature
        );
        vm.assertEq(board.jobOf(job).poster, poster);
    }

    // --------------------------------------------------------------------------------------- doing

    function test_whoever_does_a_job_first_is_paid_once() public {
        uint256 job = posted(10);
        vm.warp(EARLY);
        vm.expectEmit();
        emit JobBoard.JobDone(job, worker, DOLLAR);
        vm.prank(worker);
        board.performUpkeep(abi.encode(job));
        vm.assertEq(dollar.balanceOf(worker), DOLLAR);
        vm.assertEq(board.jobOf(job).by, worker);
        vm.assertTrue(board.jobOf(job).closed);

        vm.expectRevert(JobBoard.NotOpen.selector);
        board.performUpkeep(abi.encode(job));
        vm.warp(LATE + 1);
        vm.prank(poster);
        vm.expectRevert(JobBoard.NotOpen.selector);
        board.cancel(job);
    }

    /// `checkUpkeep` and `performUpkeep` agree at every time.
    function testFuzz_a_job_is_done_in_its_window_only(uint64 time) public {
        uint256 job = posted(3);
        posted(3); // so that a second payment could be made from another job's reward
        time = uint64(bound(time, START, LATE + 100));
        vm.warp(time);
        bool inTime = time >= EARLY && time <= LATE;

        (bool needed, bytes memory performData) = board.checkUpkeep(abi.encode(job));
        vm.assertEq(needed, inTime);
        vm.assertEq(keccak256(performData), keccak256(abi.encode(job)));
        if (!inTime) vm.expectRevert(JobBoard.NotOpen.selector);
        vm.prank(worker);
        board.performUpkeep(performData);

        (needed,) = board.checkUpkeep(abi.encode(job));
        vm.assertFalse(needed);
        vm.assertEq(dollar.balanceOf(worker), inTime ? DOLLAR : 0);
    }

    function test_there_is_no_pay_for_a_job_that_never_was() public {
        vm.expectRevert(JobBoard.NotOpen.selector);
        board.performUpkeep(abi.encode(7));
        (bool needed,) = board.checkUpkeep(abi.encode(7));
        vm.assertFalse(needed);
    }

    function testFuzz_the_work_is_a_chain_of_hashes(uint256 steps) public {
        steps = bound(steps, 0, 300);
        uint256 job = posted(uint32(steps));
        vm.warp(EARLY);
        board.performUpkeep(abi.encode(job));

        bytes32 link = keccak256(abi.encode(block.chainid, address(board), job));
        for (uint256 i; i < steps; ++i) {
            link = keccak256(abi.encode(link, i));
        }
        vm.assertEq(board.jobOf(job).result, link);
    }

    function testFuzz_the_estimate_of_gas_is_near(uint256 steps) public {
        steps = bound(steps, 0, 5_000);
        uint256 job = posted(uint32(steps));
        vm.warp(EARLY);
        vm.prank(worker);
        uint256 before = gasleft();
        board.performUpkeep(abi.encode(job));
        uint256 used = before - gasleft() + 22_000; // what the transaction itself costs
        uint256 estimate = board.gasFor(uint32(steps));
        vm.assertGe(estimate, used * 95 / 100);
        vm.assertLe(estimate, used * 115 / 100);
    }

    // ---------------------------------------------------------------------------------- cancelling

    function test_the_poster_takes_back_what_nobody_earned_once() public {
        uint256 job = posted(10);
        posted(10);
        uint256 before = dollar.balanceOf(poster);
        vm.warp(LATE);
        vm.prank(poster);
        vm.expectRevert(JobBoard.NotOver.selector);
        board.cancel(job);

        vm.warp(LATE + 1);
        vm.prank(worker);
        vm.expectRevert(JobBoard.NotPoster.selector);
        board.cancel(job);
        vm.expectEmit();
        emit JobBoard.JobCancelled(job);
        vm.startPrank(poster);
        board.cancel(job);
        vm.expectRevert(JobBoard.NotOpen.selector);
        board.cancel(job);
        vm.assertEq(dollar.balanceOf(poster), before + DOLLAR);
    }

    // --------------------------------------------------------------------------------------- pages

    /// Paging with any size shows each job that is still to be done exactly once, in order.
    function testFuzz_pages_show_each_open_job_once(uint256 limit, uint8 done) public {
        limit = bound(limit, 1, 12);
        for (uint256 i; i < 8; ++i) {
            posted(1);
        }
        vm.warp(EARLY);
        for (uint256 i; i < 8; ++i) {
            if (done >> i & 1 == 1) board.performUpkeep(abi.encode(i + 1));
        }

        uint256 seen;
        uint256 last;
        uint256 from = 1;
        while (from != 0) {
            uint256[] memory ids;
            JobBoard.Job[] memory jobs;
            (ids, jobs, from) = board.openJobs(from, limit);
            vm.assertEq(ids.length, jobs.length);
            for (uint256 i; i < ids.length; ++i) {
                vm.assertTrue(ids[i] > last, "in order");
                vm.assertFalse(jobs[i].closed);
                vm.assertEq(done >> (ids[i] - 1) & 1, 0);
                vm.assertEq(
                    keccak256(abi.encode(jobs[i])), keccak256(abi.encode(board.jobOf(ids[i])))
                );
                last = ids[i];
                ++seen;
            }
        }
        uint256 expected = 8;
        for (uint256 i; i < 8; ++i) {
            expected -= done >> i & 1;
        }
        vm.assertEq(seen, expected);
    }

    function test_jobs_that_ran_out_are_not_open() public {
        posted(1);
        vm.warp(LATE + 1);
        (uint256[] memory ids,, uint256 next) = board.openJobs(0, type(uint256).max);
        vm.assertEq(ids.length, 0);
        vm.assertEq(next, 0);
        (ids,, next) = board.openJobs(type(uint256).max, 5);
        vm.assertEq(ids.length, 0);
        vm.assertEq(next, 0);
    }

    // ------------------------------------------------------------------------------------- hostile

    function test_a_payment_cannot_be_entered_again() public {
        HostileDollar token = new HostileDollar();
        JobBoard other = new JobBoard(IERC20(address(token)));
        token.act(
            address(token), abi.encodeCall(token.approve, (address(other), type(uint256).max))
        );
        for (uint256 i; i < 2; ++i) {
            token.act(address(other), abi.encodeCall(other.post, (1_000, EARLY, LATE, 1)));
        }
        vm.warp(EARLY);
        token.callBack(address(other), abi.encodeCall(other.performUpkeep, (abi.encode(2))));
        other.performUpkeep(abi.encode(1));
        vm.assertEq(token.attempts(), 1);
        vm.assertFalse(token.succeeded());
        vm.assertEq(
            bytes32(token.answer()),
            bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
        );
        vm.assertEq(token.balanceOf(address(other)), 1_000);
    }

    // ------------------------------------------------------------------------------------- helpers

    function posted(uint32 work) private returns (uint256) {
        vm.prank(poster);
        return board.post(DOLLAR, EARLY, LATE, work);
    }
}

/// @notice Posts, does and cancels jobs at random.
contract JobHandler is Base {
    JobBoard public immutable board;
    uint256 public posted;
    uint256 public paid;

    address private poster = account("poster");
    address private worker = account("worker");

    constructor() {
        board = new JobBoard(IERC20(address(dollar)));
        fund(poster, address(board), 1e15);
    }

    function post(uint256 reward, uint256 delay, uint256 window) external {
        reward = bound(reward, 1, 1e9);
        uint256 from = block.timestamp + bound(delay, 0, 600);
        vm.prank(poster);
        board.post(reward, uint64(from), uint64(from + bound(window, 0, 1_200)), 2);
        posted += reward;
    }

    function perform(uint256 seed) external {
        uint256 before = dollar.balanceOf(worker);
        uint256 job = pick(seed);
        vm.prank(worker);
        board.performUpkeep(abi.encode(job));
        paid += dollar.balanceOf(worker) - before;
    }

    function cancel(uint256 seed) external {
        uint256 before = dollar.balanceOf(poster);
        uint256 job = pick(seed);
        vm.prank(poster);
        board.cancel(job);
        paid += dollar.balanceOf(poster) - before;
    }

    function wait(uint256 time) external {
        skip(bound(time, 0, 600));
    }

    function held() external view returns (uint256) {
        return dollar.balanceOf(address(board));
    }

    function pick(uint256 seed) private view returns (uint256) {
        return bound(seed, 1, board.jobCount());
    }
}

contract JobBoardInvariants is Base {
    JobHandler private handler = new JobHandler();
    JobBoard private board = handler.board();

    function targetContracts() external view returns (address[] memory only) {
        only = new address[](1);
        only[0] = address(handler);
    }

    /// What the board holds is what its open jobs promise: no reward leaves twice, none is stuck.
    function invariant_rewards_are_conserved() external view {
        uint256 promised;
        for (uint256 job = 1; job <= board.jobCount(); ++job) {
            JobBoard.Job memory j = board.jobOf(job);
            if (!j.closed) promised += j.reward;
        }
        vm.assertEq(handler.held(), promised);
        vm.assertEq(handler.posted(), handler.paid() + promised);
    }
}
