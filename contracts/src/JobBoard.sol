// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Till} from "./Till.sol";

/// @title JobBoard
/// @notice Paid work that the chain itself checks, behind the interface of Chainlink Automation.
/// @dev The work is a chain of hashes computed on chain: it needs no judge, and its gas grows with
/// its size, so whether a job is worth doing depends on the price of gas. First come, first paid.
contract JobBoard is Till {
    using SafeERC20 for IERC20;

    // --------------------------------------------------------------------------------------- types

    /// @notice One job and its escrowed reward.
    struct Job {
        address poster;
        uint256 reward;
        /// First and last second at which it can be done.
        uint64 notBefore;
        uint64 deadline;
        /// Length of the chain of hashes.
        uint32 work;
        /// Last link of that chain, once done.
        bytes32 result;
        /// Who did it; zero if nobody (yet).
        address by;
        /// Done or cancelled: the reward has left.
        bool closed;
    }

    // ----------------------------------------------------------------------------------- constants

    /// @notice The most work a job may ask for, to stay far below a block's gas.
    uint32 public constant MAX_WORK = 5_000;

    /// @dev Measured, for a worker that holds none of the token yet; a little less if it does.
    uint256 private constant GAS_BASE = 102_000;
    uint256 private constant GAS_PER_STEP = 120;

    // ------------------------------------------------------------------------------------- storage

    /// @notice How many jobs were ever posted; ids run from 1 to this.
    uint256 public jobCount;

    mapping(uint256 job => Job) private _jobs;

    // -------------------------------------------------------------------------------------- events

    /// @notice A job was posted and its reward escrowed.
    event JobPosted(
        uint256 indexed job,
        address indexed poster,
        uint256 reward,
        uint64 notBefore,
        uint64 deadline,
        uint32 work
    );

    /// @notice A job was done and paid.
    event JobDone(uint256 indexed job, address indexed by, uint256 reward);

    /// @notice A job ran out undone; the reward went back to its poster.
    event JobCancelled(uint256 indexed job);

    // -------------------------------------------------------------------------------------- errors

    /// @notice The job's window or work makes no sense.
    error BadJob();
    /// @notice The job is done, cancelled, early, late or unknown.
    error NotOpen();
    /// @notice Only the poster may cancel.
    error NotPoster();
    /// @notice The job can still be done.
    error NotOver();

    // --------------------------------------------------------------------------------- constructor

    /// @param token_ The token that rewards are paid in.
    constructor(IERC20 token_) Till(token_) {}

    // ------------------------------------------------------------------------------------- posting

    /// @notice Posts a job and escrows its reward.
    /// @param reward Token units for whoever does it.
    /// @param notBefore First second at which it can be done.
    /// @param deadline Last second at which it can be done.
    /// @param work Length of the chain of hashes, at most `MAX_WORK`.
    /// @return job The new job's id.
    function post(uint256 reward, uint64 notBefore, uint64 deadline, uint32 work)
        external
        nonReentrant
        returns (uint256 job)
    {
        job = _post(msg.sender, reward, notBefore, deadline, work);
        _take(reward);
    }

    /// @notice `post` on a signed authorization of `payer`; see {Till}.
    /// @param payer Who pays and is the poster.
    /// @param reward As in `post`.
    /// @param notBefore As in `post`.
    /// @param deadline As in `post`.
    /// @param work As in `post`.
    /// @param validAfter Of the authorization.
    /// @param validBefore Of the authorization.
    /// @param signature The payer's.
    /// @return job The new job's id.
    function postWithAuthorization(
        address payer,
        uint256 reward,
        uint64 notBefore,
        uint64 deadline,
        uint32 work,
        bytes32, /* salt */
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) external nonReentrant returns (uint256 job) {
        job = _post(payer, reward, notBefore, deadline, work);
        _takeAuthorized(payer, reward, _nonceOf(6), validAfter, validBefore, signature);
    }

    // --------------------------------------------------------------------------------------- doing

    /// @notice Does a job's work on chain and pays its reward to the caller, once.
    /// @param performData `abi.encode(uint256 job)`.
    function performUpkeep(bytes calldata performData) external nonReentrant {
        uint256 job = abi.decode(performData, (uint256));
        Job storage j = _jobs[job];
        if (!_doable(j)) revert NotOpen();

        uint256 reward = j.reward;
        j.result = _work(job, j.work);
        j.by = msg.sender;
        j.closed = true;

        emit JobDone(job, msg.sender, reward);
        token.safeTransfer(msg.sender, reward);
    }

    /// @notice Takes back the reward of a job that ran out undone; poster only.
    /// @param job The job.
    function cancel(uint256 job) external nonReentrant {
        Job storage j = _jobs[job];
        if (msg.sender != j.poster) revert NotPoster();
        if (j.closed) revert NotOpen();
        if (block.timestamp <= j.deadline) revert NotOver();

        j.closed = true;

        emit JobCancelled(job);
        token.safeTransfer(msg.sender, j.reward);
    }

    // --------------------------------------------------------------------------------------- views

    /// @notice Whether a job can be done now.
    /// @param checkData `abi.encode(uint256 job)`.
    /// @return needed True if `performUpkeep` would be paid now.
    /// @return performData What to call `performUpkeep` with.
    function checkUpkeep(bytes calldata checkData)
        external
        view
        returns (bool needed, bytes memory performData)
    {
        uint256 job = abi.decode(checkData, (uint256));
        return (_doable(_jobs[job]), abi.encode(job));
    }

    /// @notice A job; all zero for an unknown id.
    /// @param job The job.
    function jobOf(uint256 job) external view returns (Job memory) {
        return _jobs[job];
    }

    /// @notice The jobs that can be done now or later, among `limit` ids from `from` on.
    /// @param from First id to look at; 0 counts as 1.
    /// @param limit How many ids to look at.
    /// @return ids Ids of these jobs.
    /// @return jobs The jobs themselves, in the same order.
    /// @return next Where to go on looking, 0 when every job was seen.
    function openJobs(uint256 from, uint256 limit)
        external
        view
        returns (uint256[] memory ids, Job[] memory jobs, uint256 next)
    {
        uint256 first = Math.max(from, 1);
        uint256 stop = Math.min(Math.saturatingAdd(first, limit), jobCount + 1);
        next = stop > jobCount ? 0 : stop;

        uint256 found;
        for (uint256 id = first; id < stop; ++id) {
            if (_open(_jobs[id])) ++found;
        }
        ids = new uint256[](found);
        jobs = new Job[](found);
        for (uint256 id = stop; found != 0;) {
            if (!_open(_jobs[--id])) continue;
            ids[--found] = id;
            jobs[found] = _jobs[id];
        }
    }

    /// @notice About how much gas `performUpkeep` takes, the transaction included.
    /// @param work Length of the chain of hashes.
    function gasFor(uint32 work) external pure returns (uint256) {
        return GAS_BASE + GAS_PER_STEP * work;
    }

    // ------------------------------------------------------------------------------------- private

    /// @dev Checks and stores a job; the caller takes the money.
    function _post(address poster, uint256 reward, uint64 notBefore, uint64 deadline, uint32 work)
        private
        returns (uint256 job)
    {
        if (reward == 0) revert Zero();
        if (work > MAX_WORK || deadline < notBefore || deadline < block.timestamp) revert BadJob();

        job = ++jobCount;
        Job storage j = _jobs[job];
        j.poster = poster;
        j.reward = reward;
        j.notBefore = notBefore;
        j.deadline = deadline;
        j.work = work;

        emit JobPosted(job, poster, reward, notBefore, deadline, work);
    }

    /// @dev Neither closed nor over; it may still be early. False for an unknown job.
    function _open(Job storage j) private view returns (bool) {
        return !j.closed && block.timestamp <= j.deadline;
    }

    /// @dev Open and not early.
    function _doable(Job storage j) private view returns (bool) {
        return _open(j) && block.timestamp >= j.notBefore;
    }

    /// @dev The chain of hashes; every job has its own start.
    function _work(uint256 job, uint256 steps) private view returns (bytes32 link) {
        link = keccak256(abi.encode(block.chainid, address(this), job));
        for (uint256 i; i < steps; ++i) {
            link = Hashes.efficientKeccak256(link, bytes32(i));
        }
    }
}
