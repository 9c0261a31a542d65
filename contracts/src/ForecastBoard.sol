// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Till} from "./Till.sol";

/// @title ForecastBoard
/// @notice Short news texts, stakes on what return will follow, and a rule that pays for honesty.
/// @dev Returns and forecasts are in basis points between -span and span. With a stake x on forecast f
/// and a realised return r the payout is
///
///     x · (1 + (r² - (f - r)²) / (3 · span²))  =  x · (1 + f · (2r - f) / (3 · span²)):
///
/// the quadratic score of f, less that of "no news" (a forecast of zero, which always pays the stake
/// back). What it pays on average is largest at f = the mean of r, whatever else is known of r, and
/// every step away from that mean costs: the rule is strictly proper for the mean.
///
/// A rule that is cut off somewhere is not: who can lose no more forecasts more boldly. So nothing is
/// ever cut off here. f · (2r - f) lies between -3 · span² (f at one end, r at the other) and span²
/// (both at the same end), so a payout lies between nothing and 4/3 of the stake by itself; a third
/// is the largest factor for which that holds. Returns beyond the span must be reported as the
/// span, so what is asked for is the mean of the return so cut.
///
/// Neither may a forecast decide how much can be staked on it, or a timid one with a larger stake
/// could pay more than the mean. So each stake reserves a third of itself of the sponsor's escrow,
/// whatever it says: stakes of a round sum to at most three times the escrow, and the board can
/// always pay. Payouts are rounded down, by less than one unit; the sponsor gets what is left.
///
/// Each round names its reporter, and whoever stakes trusts that reporter. One who stays silent takes
/// nothing: a round that is not reported on in time is void, and stakes go back.
contract ForecastBoard is Till {
    using SafeERC20 for IERC20;

    // --------------------------------------------------------------------------------------- types

    /// @notice What a sponsor lays down for a round.
    struct Terms {
        /// Who says what happened.
        address reporter;
        /// The largest return either way, in basis points.
        uint32 span;
        /// Last second at which a forecast is taken.
        uint64 closesAt;
        /// First second at which the return may be reported.
        uint64 resolvesAt;
        /// From this second on a round without a report is void.
        uint64 voidAt;
        /// Least and most that one forecaster may stake.
        uint128 least;
        uint128 most;
    }

    /// @notice One round and its money.
    struct Round {
        address sponsor;
        Terms terms;
        /// What the sponsor put in.
        uint128 escrow;
        /// Sums over the stakes not yet claimed: x, x · f, x · f².
        uint128 staked;
        int128 weighted;
        uint128 squared;
        /// Token units that are here for this round.
        uint128 held;
        /// The return, once reported.
        int32 realised;
        bool resolved;
        /// The news: somebody's words, in no particular encoding.
        bytes text;
    }

    /// @notice What somebody has on a round.
    struct Stake {
        uint128 amount;
        int32 forecast;
        /// Where it stands in the forecaster's list, counted from 1.
        uint64 place;
    }

    /// @notice A stake that is not yet claimed, and how it stands.
    struct Standing {
        uint256 round;
        uint128 amount;
        int32 forecast;
        /// Resolved or void: it can be claimed.
        bool over;
        bool resolved;
        int32 realised;
        /// What a claim pays now; nothing while it is not over.
        uint256 due;
    }

    // ----------------------------------------------------------------------------------- constants

    /// @notice The longest text, in bytes.
    uint256 public constant MAX_TEXT = 280;

    /// @notice The widest span: no return is worse than the loss of everything.
    uint32 public constant MAX_SPAN = 10_000;

    /// @notice Stakes of a round sum to at most so many times its escrow.
    uint256 public constant STAKES_PER_ESCROW = 3;

    // ------------------------------------------------------------------------------------- storage

    /// @notice How many rounds were ever opened; ids run from 1 to this.
    uint256 public roundCount;

    mapping(uint256 round => Round) private _rounds;
    mapping(uint256 round => mapping(address forecaster => Stake)) private _stakes;

    /// @dev Rounds in which somebody has a stake that is not yet claimed: only one's own stakes stand
    /// here, so nobody can hide them behind others.
    mapping(address forecaster => uint256[] rounds) private _entered;

    // -------------------------------------------------------------------------------------- events

    /// @notice A round was opened and its escrow taken in.
    event RoundOpened(
        uint256 indexed round, address indexed sponsor, Terms terms, uint256 escrow, bytes text
    );

    /// @notice Somebody staked on a forecast.
    event Forecasted(
        uint256 indexed round, address indexed forecaster, int256 forecast, uint256 stake
    );

    /// @notice The reporter said what happened.
    event RoundResolved(uint256 indexed round, int256 realised);

    /// @notice A forecaster was paid.
    event Claimed(uint256 indexed round, address indexed forecaster, uint256 payout);

    /// @notice The sponsor took back what is owed to nobody.
    event Reclaimed(uint256 indexed round, uint256 amount);

    // -------------------------------------------------------------------------------------- errors

    /// @notice The round's terms or text make no sense.
    error BadRound();
    /// @notice The round takes no forecasts (any more), or is unknown.
    error NotOpen();
    /// @notice The forecast or return lies beyond the round's span.
    error BeyondSpan();
    /// @notice The stake is smaller or larger than one forecaster's may be.
    error BadStake();
    /// @notice The escrow covers no more than this.
    error Full(uint256 left);
    /// @notice This forecaster has a stake in this round already.
    error AlreadyIn();
    /// @notice Only the round's reporter may do this.
    error NotReporter();
    /// @notice Only the round's sponsor may do this.
    error NotSponsor();
    /// @notice The round is resolved or void, or it is too early to report.
    error NotResolvable();
    /// @notice The round is neither resolved nor void.
    error NotOver();
    /// @notice There is nothing to pay out.
    error NothingOwed();

    // --------------------------------------------------------------------------------- constructor

    /// @param token_ The token of all escrows, stakes and payouts.
    constructor(IERC20 token_) Till(token_) {}

    // ------------------------------------------------------------------------------------- opening

    /// @notice Opens a round and escrows what its forecasters may win.
    /// @param terms The terms.
    /// @param escrow Token units; three times as much can be staked.
    /// @param text The news, at most `MAX_TEXT` bytes.
    /// @return round The new round's id.
    function open(Terms calldata terms, uint256 escrow, bytes calldata text)
        external
        nonReentrant
        returns (uint256 round)
    {
        round = _open(msg.sender, terms, escrow, text);
        _take(escrow);
    }

    /// @notice `open` on a signed authorization of `payer`; see {Till}.
    /// @param payer Who pays and is the sponsor.
    /// @param terms As in `open`.
    /// @param escrow As in `open`.
    /// @param text As in `open`.
    /// @param salt Makes otherwise equal calls different.
    /// @param validAfter Of the authorization.
    /// @param validBefore Of the authorization.
    /// @param signature The payer's.
    /// @return round The new round's id.
    function openWithAuthorization(
        address payer,
        Terms calldata terms,
        uint256 escrow,
        bytes calldata text,
        bytes32 salt,
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) external nonReentrant returns (uint256 round) {
        round = _open(payer, terms, escrow, text);
        bytes32 nonce = keccak256(abi.encodeWithSelector(msg.sig, payer, terms, escrow, text, salt));
        _takeAuthorized(payer, escrow, nonce, validAfter, validBefore, signature);
    }

    // --------------------------------------------------------------------------------- forecasting

    /// @notice Stakes on a forecast, once for each forecaster and round.
    /// @param round The round.
    /// @param forecastBps The return that is expected: the mean, in basis points.
    /// @param stake Token units, within the round's bounds.
    function forecast(uint256 round, int256 forecastBps, uint256 stake) external nonReentrant {
        _forecast(msg.sender, round, forecastBps, stake);
        _take(stake);
    }

    /// @notice `forecast` on a signed authorization of `payer`; see {Till}.
    /// @param payer Who pays and is the forecaster.
    /// @param round As in `forecast`.
    /// @param forecastBps As in `forecast`.
    /// @param stake As in `forecast`.
    /// @param validAfter Of the authorization.
    /// @param validBefore Of the authorization.
    /// @param signature The payer's.
    function forecastWithAuthorization(
        address payer,
        uint256 round,
        int256 forecastBps,
        uint256 stake,
        bytes32, /* salt */
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) external nonReentrant {
        _forecast(payer, round, forecastBps, stake);
        _takeAuthorized(payer, stake, _nonceOf(5), validAfter, validBefore, signature);
    }

    // ----------------------------------------------------------------------------------- reporting

    /// @notice Says what return followed; the round's reporter only, once.
    /// @param round The round.
    /// @param realisedBps The return in basis points; beyond the span it counts as the span.
    function resolve(uint256 round, int256 realisedBps) external {
        Round storage r = _rounds[round];
        if (msg.sender != r.terms.reporter) revert NotReporter();
        if (r.resolved || block.timestamp < r.terms.resolvesAt || _void(r)) revert NotResolvable();
        if (!_within(realisedBps, r.terms.span)) revert BeyondSpan();

        r.realised = int32(realisedBps);
        r.resolved = true;

        emit RoundResolved(round, realisedBps);
    }

    // -------------------------------------------------------------------------------------- paying

    /// @notice Pays the caller's stake in a round that is over, with what it won or lost.
    /// @param round The round.
    /// @return payout What was paid.
    function claim(uint256 round) external nonReentrant returns (uint256 payout) {
        Round storage r = _rounds[round];
        Stake memory s = _stakes[round][msg.sender];
        if (s.amount == 0) revert NothingOwed();
        if (!_over(r)) revert NotOver();

        payout = _due(r, s);
        _leave(msg.sender, round, s.place);
        _count(r, s, false);
        r.held -= uint128(payout);

        emit Claimed(round, msg.sender, payout);
        if (payout != 0) token.safeTransfer(msg.sender, payout);
    }

    /// @notice Gives the sponsor all that is not owed to forecasters of a round that is over; again
    /// after claims, which leave their rounding behind.
    /// @param round The round.
    /// @return amount What was given back.
    function reclaim(uint256 round) external nonReentrant returns (uint256 amount) {
        Round storage r = _rounds[round];
        if (msg.sender != r.sponsor) revert NotSponsor();
        if (!_over(r)) revert NotOver();
        amount = r.held - _owed(r);
        if (amount == 0) revert NothingOwed();

        r.held -= uint128(amount);

        emit Reclaimed(round, amount);
        token.safeTransfer(msg.sender, amount);
    }

    // --------------------------------------------------------------------------------------- views

    /// @notice What a stake pays.
    /// @param stake Token units staked.
    /// @param forecastBps The forecast, within the span.
    /// @param realisedBps The return, within the span.
    /// @param span The round's span.
    function payoutOf(uint256 stake, int256 forecastBps, int256 realisedBps, uint256 span)
        public
        pure
        returns (uint256)
    {
        uint256 whole = 3 * span * span;
        int256 score = int256(whole) + forecastBps * (2 * realisedBps - forecastBps);
        return stake * uint256(score) / whole;
    }

    /// @notice A round; all zero for an unknown id.
    /// @param round The round.
    function roundOf(uint256 round) external view returns (Round memory) {
        return _rounds[round];
    }

    /// @notice The rounds with these ids, open or over.
    /// @param from The first id; 0 counts as 1.
    /// @param limit How many at most.
    /// @return found Those that exist, the first of them with id `max(from, 1)`.
    function rounds(uint256 from, uint256 limit) external view returns (Round[] memory found) {
        uint256 first = Math.max(from, 1);
        uint256 left = first > roundCount ? 0 : roundCount - first + 1;
        found = new Round[](Math.min(left, limit));
        for (uint256 i; i < found.length; ++i) {
            found[i] = _rounds[first + i];
        }
    }

    /// @notice What somebody has on a round; all zero if nothing, or if it was claimed.
    /// @param round The round.
    /// @param forecaster Who.
    function stakeOf(uint256 round, address forecaster) external view returns (Stake memory) {
        return _stakes[round][forecaster];
    }

    /// @notice How many stakes somebody has not yet claimed.
    /// @param forecaster Who.
    function stakeCount(address forecaster) external view returns (uint256) {
        return _entered[forecaster].length;
    }

    /// @notice Somebody's stakes that are not yet claimed, in no particular order.
    /// @param forecaster Who.
    /// @param from How many to pass over.
    /// @param limit How many at most.
    function stakesOf(address forecaster, uint256 from, uint256 limit)
        external
        view
        returns (Standing[] memory found)
    {
        uint256[] storage entered = _entered[forecaster];
        uint256 left = from > entered.length ? 0 : entered.length - from;
        found = new Standing[](Math.min(left, limit));
        for (uint256 i; i < found.length; ++i) {
            uint256 round = entered[from + i];
            Round storage r = _rounds[round];
            Stake memory s = _stakes[round][forecaster];
            bool over = _over(r);
            uint256 due = over ? _due(r, s) : 0;
            found[i] = Standing(round, s.amount, s.forecast, over, r.resolved, r.realised, due);
        }
    }

    // ------------------------------------------------------------------------------------- private

    /// @dev Checks and stores a round; the caller takes the money.
    function _open(address sponsor, Terms calldata terms, uint256 escrow, bytes calldata text)
        private
        returns (uint256 round)
    {
        if (escrow == 0 || terms.least == 0 || terms.reporter == address(0)) revert Zero();
        if (terms.span == 0 || terms.span > MAX_SPAN) revert BadRound();
        if (text.length == 0 || text.length > MAX_TEXT) revert BadRound();
        if (terms.most < terms.least || escrow > type(uint96).max) revert BadRound();
        if (
            terms.closesAt < block.timestamp || terms.resolvesAt <= terms.closesAt
                || terms.voidAt <= terms.resolvesAt
        ) revert BadRound();

        round = ++roundCount;
        Round storage r = _rounds[round];
        r.sponsor = sponsor;
        r.terms = terms;
        r.escrow = uint128(escrow);
        r.held = uint128(escrow);
        r.text = text;

        emit RoundOpened(round, sponsor, terms, escrow, text);
    }

    /// @dev Checks and stores a stake; the caller takes the money.
    function _forecast(address forecaster, uint256 round, int256 forecastBps, uint256 stake)
        private
    {
        Round storage r = _rounds[round];
        if (r.sponsor == address(0) || block.timestamp > r.terms.closesAt) revert NotOpen();
        if (!_within(forecastBps, r.terms.span)) revert BeyondSpan();
        if (stake < r.terms.least || stake > r.terms.most) revert BadStake();
        uint256 left = STAKES_PER_ESCROW * r.escrow - r.staked;
        if (stake > left) revert Full(left);
        if (_stakes[round][forecaster].amount != 0) revert AlreadyIn();

        uint256[] storage entered = _entered[forecaster];
        entered.push(round);
        Stake memory s = Stake(uint128(stake), int32(forecastBps), uint64(entered.length));
        _stakes[round][forecaster] = s;
        _count(r, s, true);
        r.held += uint128(stake);

        emit Forecasted(round, forecaster, forecastBps, stake);
    }

    /// @dev Adds a stake to the round's sums, or takes it out of them.
    function _count(Round storage r, Stake memory s, bool enters) private {
        int256 amount = int256(uint256(s.amount));
        int256 weighted = amount * s.forecast;
        uint256 squared = uint256(weighted * s.forecast);
        if (enters) {
            r.staked += s.amount;
            r.weighted += int128(weighted);
            r.squared += uint128(squared);
        } else {
            r.staked -= s.amount;
            r.weighted -= int128(weighted);
            r.squared -= uint128(squared);
        }
    }

    /// @dev Forgets a stake: the last one of the forecaster's list moves to its place.
    function _leave(address forecaster, uint256 round, uint64 place) private {
        uint256[] storage entered = _entered[forecaster];
        uint256 last = entered[entered.length - 1];
        if (last != round) {
            entered[place - 1] = last;
            _stakes[last][forecaster].place = place;
        }
        entered.pop();
        delete _stakes[round][forecaster];
    }

    /// @dev What a stake in a round that is over pays.
    function _due(Round storage r, Stake memory s) private view returns (uint256) {
        if (!r.resolved) return s.amount;
        return payoutOf(s.amount, s.forecast, r.realised, r.terms.span);
    }

    /// @dev What all stakes not yet claimed pay together in a round that is over, or up to a unit
    /// more for each: it is linear in the sums, so nobody needs to be counted one by one.
    function _owed(Round storage r) private view returns (uint256) {
        if (!r.resolved) return r.staked;
        uint256 whole = 3 * uint256(r.terms.span) * r.terms.span;
        int256 score = int256(r.staked * whole) + 2 * int256(r.realised) * r.weighted
            - int256(uint256(r.squared));
        return uint256(score) / whole;
    }

    function _over(Round storage r) private view returns (bool) {
        return r.resolved || _void(r);
    }

    /// @dev Nobody reported in time. False for an unknown round, which nobody has a stake in.
    function _void(Round storage r) private view returns (bool) {
        return !r.resolved && r.sponsor != address(0) && block.timestamp >= r.terms.voidAt;
    }

    function _within(int256 value, uint256 span) private pure returns (bool) {
        return value >= -int256(span) && value <= int256(span);
    }
}
