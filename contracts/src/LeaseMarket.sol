// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Till} from "./Till.sol";

/// @title LeaseMarket
/// @notice Computers for rent by the second. Providers post offers, tenants pay into an escrow, and
/// the escrow pays the provider for each second in which the computer was there.
///
///     openLease ─> Requested ──── activate ───> Active ─── close, finalizeClose, expire ─> Closed
///                      └── close, decline, reclaim, expire: all back, none to the provider ─┘
///
/// @dev A lease is active in the half-open time [activatedAt, activeUntil). `activeUntil` is the
/// earliest of: the money runs out, the lease ends, the provider was silent for `grace` seconds.
/// Past it nothing accrues and nothing revives the lease, so silence is never paid for afterwards.
///
/// What a lease has cost is `floor(rate * seconds since activation / 1e18)`, and a settlement moves
/// the difference of two such totals. How often one settles therefore changes nothing: no dust is
/// lost to rounding again and again, and the total rounds in favour of the escrow once.
///
/// Nobody owns this contract and nothing pauses an exit. Each side's money leaves by its own call:
/// the provider's waits to be withdrawn, and a refund that the token refuses to deliver is kept for
/// its owner instead of stopping the close.
contract LeaseMarket is Till {
    using SafeERC20 for IERC20;

    // --------------------------------------------------------------------------------------- types

    /// @notice What a provider offers. Only `rate` and `uri` can change, and not for open leases.
    struct Terms {
        /// Token units a second × 1e18.
        uint256 rate;
        /// A first deposit must last this long.
        uint64 minSeconds;
        /// A lease ends this long after its activation.
        uint64 maxSeconds;
        /// Seconds of the provider's silence after which a lease is dead.
        uint64 grace;
        /// Seconds the provider has to activate a lease.
        uint64 activationWindow;
        /// Leases that can be open at once.
        uint32 slots;
        /// Digest of the description of the hardware.
        bytes32 hardware;
        /// Where the provider's host answers.
        string uri;
    }

    /// @notice An offer and its stake.
    struct Offer {
        address provider;
        Terms terms;
        /// Held until the offer is closed and its last lease too.
        uint256 stake;
        /// Leases requested or active.
        uint32 live;
        /// Whether new leases can be opened.
        bool open;
    }

    /// @notice How far a lease has come. `Closed` is for ever.
    enum State {
        None,
        Requested,
        Active,
        Closed
    }

    /// @notice Who or what closed a lease.
    enum How {
        None,
        Tenant,
        Guardian,
        Provider,
        Expired,
        Reclaimed
    }

    /// @notice One lease and its escrow.
    struct Lease {
        uint256 offer;
        address provider;
        address tenant;
        /// May close the lease too, the remainder being its own then; zero if there is none.
        address guardian;
        /// Digest of what the tenant wants to run.
        bytes32 manifest;
        /// The offer's rate when the lease was opened.
        uint256 rate;
        /// The tenant's: not yet spent at `settledUntil`.
        uint256 balance;
        /// The provider's: earned and not yet withdrawn.
        uint256 owed;
        uint64 openedAt;
        uint64 activatedAt;
        uint64 settledUntil;
        uint64 heartbeatAt;
        uint64 endsAt;
        uint64 noticeAt;
        uint64 closedAt;
        State state;
    }

    // ----------------------------------------------------------------------------------- constants

    /// @notice Seconds between a provider's notice and the end of the lease.
    uint64 public constant noticeSeconds = 1 hours;

    /// @dev Rates are scaled by this, so that a unit a day can be said as exactly as a unit a second.
    uint256 private constant SCALE = 1e18;

    /// @dev Bounds on terms, far beyond use, below which no sum of times and no product of a rate and
    /// a time overflows.
    uint256 private constant MAX_RATE = type(uint128).max;
    uint64 private constant MAX_SECONDS = type(uint32).max;

    // ------------------------------------------------------------------------------------- storage

    /// @notice How many offers were ever posted; ids run from 1 to this.
    uint256 public offerCount;

    /// @notice How many leases were ever opened; ids run from 1 to this.
    uint256 public leaseCount;

    /// @notice Refunds that the token refused to deliver, waiting for `withdrawRefund`.
    mapping(address owner => uint256 amount) public refundOf;

    mapping(uint256 offer => Offer) private _offers;
    mapping(uint256 lease => Lease) private _leases;
    mapping(address tenant => mapping(address guardian => uint256[] leases)) private _leasesOf;

    // -------------------------------------------------------------------------------------- events

    /// @notice An offer was posted.
    event OfferPosted(uint256 indexed offer, address indexed provider, uint256 rate, string uri);

    /// @notice New leases of this offer cost `rate`.
    event Repriced(uint256 indexed offer, uint256 rate);

    /// @notice The provider's host answers at `uri`.
    event Moved(uint256 indexed offer, string uri);

    /// @notice The offer takes no new leases.
    event OfferClosed(uint256 indexed offer);

    /// @notice The stake went back to the provider.
    event StakeReturned(uint256 indexed offer, uint256 amount);

    /// @notice A lease was requested and its deposit escrowed.
    event LeaseOpened(
        uint256 indexed lease,
        uint256 indexed offer,
        address indexed tenant,
        address provider,
        uint256 rate,
        uint256 deposit,
        bytes32 manifest,
        address guardian,
        address payer
    );

    /// @notice The computer is there; the lease accrues from now on.
    event LeaseActivated(uint256 indexed lease, uint64 at, uint64 endsAt);

    /// @notice The provider says that the computer is still there.
    event Heartbeat(uint256 indexed lease, uint64 at);

    /// @notice `payer` added to the escrow.
    event ToppedUp(uint256 indexed lease, address indexed payer, uint256 amount);

    /// @notice `amount` became the provider's for the time up to `until`.
    event Settled(uint256 indexed lease, uint256 amount, uint64 until);

    /// @notice The provider will stop, `noticeSeconds` after `at`.
    event CloseNoticed(uint256 indexed lease, uint64 at);

    /// @notice The lease is over; `to` gets what was not spent. `activeUntil` is zero if the lease was
    /// never active.
    event LeaseClosed(
        uint256 indexed lease, How how, uint64 activeUntil, address to, uint256 refunded
    );

    /// @notice The provider withdrew what it had earned.
    event ProviderPaid(uint256 indexed lease, address indexed provider, uint256 amount);

    /// @notice The token refused to deliver a refund; it waits for `withdrawRefund`.
    event RefundKept(address indexed owner, uint256 amount);

    /// @notice A kept refund was withdrawn.
    event RefundWithdrawn(address indexed owner, uint256 amount);

    // -------------------------------------------------------------------------------------- errors

    /// @notice Terms that make no sense or exceed every bound of use.
    error BadTerms();
    /// @notice Only the provider may do this.
    error NotProvider();
    /// @notice Only the tenant or the guardian may do this.
    error NotTenantOrGuardian();
    /// @notice Only the guardian gives a lease away.
    error NotGuardian();
    /// @notice The offer is closed or unknown.
    error OfferNotOpen();
    /// @notice The offer must be closed first, and its last lease too; or its stake is gone.
    error StakeNotFree();
    /// @notice The offer's rate is another than expected.
    error WrongRate(uint256 rate);
    /// @notice All slots of the offer are taken.
    error NoFreeSlot();
    /// @notice The deposit does not last for the least time.
    error DepositTooSmall(uint256 least);
    /// @notice The lease is not waiting for its activation.
    error NotRequested();
    /// @notice The provider can still activate the lease.
    error ActivationPending(uint64 until);
    /// @notice The time for activation is over.
    error ActivationOver(uint64 until);
    /// @notice The lease is not active.
    error NotActive();
    /// @notice The money ran out, the lease ended or the provider fell silent at that time.
    error Lapsed(uint64 since);
    /// @notice The lease has not lapsed.
    error NotLapsed(uint64 until);
    /// @notice The lease is closed or unknown.
    error NotOpen();
    /// @notice Notice was given before.
    error AlreadyNoticed();
    /// @notice Notice was not given, or not long enough ago.
    error NoticePending();
    /// @notice There is nothing to withdraw.
    error NothingOwed();

    // --------------------------------------------------------------------------------- constructor

    /// @param token_ The token of all stakes, deposits and payments.
    constructor(IERC20 token_) Till(token_) {}

    // -------------------------------------------------------------------------------------- offers

    /// @notice Offers a computer for rent.
    /// @param t The terms.
    /// @param stake Token units to hold until the offer and its last lease are closed; may be zero.
    /// @return offer The new offer's id.
    function postOffer(Terms calldata t, uint256 stake)
        external
        nonReentrant
        returns (uint256 offer)
    {
        offer = _postOffer(msg.sender, t, stake);
        _take(stake);
    }

    /// @notice `postOffer` on a signed authorization of `payer`; see {Till}.
    /// @param payer Who pays and is the provider.
    /// @param t As in `postOffer`.
    /// @param stake As in `postOffer`.
    /// @param salt Makes otherwise equal calls different.
    /// @param validAfter Of the authorization.
    /// @param validBefore Of the authorization.
    /// @param signature The payer's.
    /// @return offer The new offer's id.
    function postOfferWithAuthorization(
        address payer,
        Terms calldata t,
        uint256 stake,
        bytes32 salt,
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) external nonReentrant returns (uint256 offer) {
        offer = _postOffer(payer, t, stake);
        bytes32 nonce = keccak256(abi.encodeWithSelector(msg.sig, payer, t, stake, salt));
        _takeAuthorized(payer, stake, nonce, validAfter, validBefore, signature);
    }

    /// @notice Changes the rate of new leases; provider only.
    /// @param offer The offer.
    /// @param rate Token units a second × 1e18.
    function reprice(uint256 offer, uint256 rate) external {
        Offer storage o = _openOfferOfCaller(offer);
        _checkRate(rate);
        o.terms.rate = rate;
        emit Repriced(offer, rate);
    }

    /// @notice Changes where the host answers; provider only.
    /// @param offer The offer.
    /// @param uri The new address.
    function setUri(uint256 offer, string calldata uri) external {
        _openOfferOfCaller(offer).terms.uri = uri;
        emit Moved(offer, uri);
    }

    /// @notice Takes no new leases; those open go on. Provider only.
    /// @param offer The offer.
    function closeOffer(uint256 offer) external {
        _openOfferOfCaller(offer).open = false;
        emit OfferClosed(offer);
    }

    /// @notice Gives the stake back once the offer and its last lease are closed; provider only.
    /// @param offer The offer.
    function reclaimStake(uint256 offer) external nonReentrant {
        Offer storage o = _offers[offer];
        if (msg.sender != o.provider) revert NotProvider();
        uint256 stake = o.stake;
        if (o.open || o.live != 0 || stake == 0) revert StakeNotFree();

        o.stake = 0;

        emit StakeReturned(offer, stake);
        token.safeTransfer(msg.sender, stake);
    }

    // ------------------------------------------------------------------------------------- opening

    /// @notice Requests a lease for the caller and escrows its first deposit.
    /// @param offer The offer.
    /// @param expectedRate The offer's rate; another one reverts.
    /// @param deposit Token units, enough for the offer's `minSeconds`.
    /// @param manifest Digest of what is to run.
    /// @param guardian May close the lease too; zero for none.
    /// @return lease The new lease's id.
    function openLease(
        uint256 offer,
        uint256 expectedRate,
        uint256 deposit,
        bytes32 manifest,
        address guardian,
        bytes32 /* salt */
    ) external nonReentrant returns (uint256 lease) {
        lease = _open(msg.sender, msg.sender, offer, expectedRate, deposit, manifest, guardian);
        _take(deposit);
    }

    /// @notice Requests a lease for someone else, who owns it from then on; the caller pays.
    /// @dev The giver is its guardian. So whoever knows their guardian can tell the leases that
    ///      they or their guardian opened from those of strangers.
    /// @param tenant Whose lease it is.
    /// @param offer As in `openLease`.
    /// @param expectedRate As in `openLease`.
    /// @param deposit As in `openLease`.
    /// @param manifest As in `openLease`.
    /// @param guardian The caller.
    /// @return lease The new lease's id.
    function openLeaseFor(
        address tenant,
        uint256 offer,
        uint256 expectedRate,
        uint256 deposit,
        bytes32 manifest,
        address guardian,
        bytes32 /* salt */
    ) external nonReentrant returns (uint256 lease) {
        if (tenant == address(0)) revert Zero();
        if (guardian != msg.sender) revert NotGuardian();
        lease = _open(msg.sender, tenant, offer, expectedRate, deposit, manifest, guardian);
        _take(deposit);
    }

    /// @notice `openLease` on a signed authorization of `payer`; see {Till}.
    /// @param payer Who pays and is the tenant.
    /// @param offer As in `openLease`.
    /// @param expectedRate As in `openLease`.
    /// @param deposit As in `openLease`.
    /// @param manifest As in `openLease`.
    /// @param guardian As in `openLease`.
    /// @param validAfter Of the authorization.
    /// @param validBefore Of the authorization.
    /// @param signature The payer's.
    /// @return lease The new lease's id.
    function openLeaseWithAuthorization(
        address payer,
        uint256 offer,
        uint256 expectedRate,
        uint256 deposit,
        bytes32 manifest,
        address guardian,
        bytes32, /* salt */
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) external nonReentrant returns (uint256 lease) {
        lease = _open(payer, payer, offer, expectedRate, deposit, manifest, guardian);
        _takeAuthorized(payer, deposit, _nonceOf(7), validAfter, validBefore, signature);
    }

    // ------------------------------------------------------------------------------------- running

    /// @notice Starts a requested lease, accrual and heartbeat clock alike; provider only, in time.
    /// @param lease The lease.
    function activate(uint256 lease) external {
        Lease storage l = _leases[lease];
        if (msg.sender != l.provider) revert NotProvider();
        if (l.state != State.Requested) revert NotRequested();
        uint64 until = _activationUntil(l);
        if (block.timestamp > until) revert ActivationOver(until);

        uint64 time = uint64(block.timestamp);
        l.state = State.Active;
        l.activatedAt = time;
        l.settledUntil = time;
        l.heartbeatAt = time;
        l.endsAt = time + _offers[l.offer].terms.maxSeconds;
        emit LeaseActivated(lease, time, l.endsAt);
    }

    /// @notice Says that the computer is still there; provider only, before the lease lapses.
    /// @param lease The lease.
    function heartbeat(uint256 lease) external {
        Lease storage l = _leases[lease];
        if (msg.sender != l.provider) revert NotProvider();
        _settleBeforeLapse(lease, l);
        l.heartbeatAt = uint64(block.timestamp);
        emit Heartbeat(lease, uint64(block.timestamp));
    }

    /// @notice Adds to the escrow of a lease that has not lapsed; anyone may.
    /// @param lease The lease.
    /// @param amount Token units.
    function topUp(uint256 lease, uint256 amount) external nonReentrant {
        _topUp(msg.sender, lease, amount);
        _take(amount);
    }

    /// @notice `topUp` on a signed authorization of `payer`; see {Till}.
    /// @param payer Who pays.
    /// @param lease As in `topUp`.
    /// @param amount As in `topUp`.
    /// @param validAfter Of the authorization.
    /// @param validBefore Of the authorization.
    /// @param signature The payer's.
    function topUpWithAuthorization(
        address payer,
        uint256 lease,
        uint256 amount,
        bytes32, /* salt */
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) external nonReentrant {
        _topUp(payer, lease, amount);
        _takeAuthorized(payer, amount, _nonceOf(4), validAfter, validBefore, signature);
    }

    /// @notice Makes what has accrued the provider's; anyone may, as often as they like.
    /// @param lease The lease.
    function settle(uint256 lease) external {
        Lease storage l = _leases[lease];
        if (l.state != State.Active) revert NotActive();
        _settle(lease, l);
    }

    /// @notice Settles, then pays out what is owed; provider only, also after closing.
    /// @param lease The lease.
    function withdrawProvider(uint256 lease) external nonReentrant {
        Lease storage l = _leases[lease];
        if (msg.sender != l.provider) revert NotProvider();
        if (l.state == State.Active) _settle(lease, l);
        uint256 amount = l.owed;
        if (amount == 0) revert NothingOwed();

        l.owed = 0;

        emit ProviderPaid(lease, msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    // ------------------------------------------------------------------------------------- closing

    /// @notice Ends a lease at once, requested or active; tenant or guardian, who gets the remainder.
    /// @param lease The lease.
    function close(uint256 lease) external nonReentrant {
        Lease storage l = _leases[lease];
        How how = _onlyTenantOrGuardian(l);
        _close(lease, l, how, msg.sender);
    }

    /// @notice Refuses a requested lease at once, or what can never run here would hold a slot until
    /// its time for activation is over; provider only. All of it goes back to the tenant.
    /// @param lease The lease.
    function decline(uint256 lease) external nonReentrant {
        Lease storage l = _leases[lease];
        if (msg.sender != l.provider) revert NotProvider();
        if (l.state != State.Requested) revert NotRequested();
        _close(lease, l, How.Provider, l.tenant);
    }

    /// @notice Announces the end of an active lease `noticeSeconds` from now; provider only, once.
    /// @dev The lease simply ends sooner; nothing accrues past that even if it is never finalized.
    /// @param lease The lease.
    function noticeClose(uint256 lease) external {
        Lease storage l = _leases[lease];
        if (msg.sender != l.provider) revert NotProvider();
        if (l.state != State.Active) revert NotActive();
        if (l.noticeAt != 0) revert AlreadyNoticed();

        uint64 time = uint64(block.timestamp);
        l.noticeAt = time;
        if (time + noticeSeconds < l.endsAt) l.endsAt = time + noticeSeconds;
        emit CloseNoticed(lease, time);
    }

    /// @notice Closes a lease after notice; provider only. The remainder goes to the tenant.
    /// @param lease The lease.
    function finalizeClose(uint256 lease) external nonReentrant {
        Lease storage l = _leases[lease];
        if (msg.sender != l.provider) revert NotProvider();
        if (l.noticeAt == 0 || block.timestamp < l.noticeAt + noticeSeconds) {
            revert NoticePending();
        }
        _close(lease, l, How.Provider, l.tenant);
    }

    /// @notice Closes a lease that has lapsed or was not activated in time; anyone may. The remainder
    /// goes to the tenant.
    /// @param lease The lease.
    function expire(uint256 lease) external nonReentrant {
        Lease storage l = _leases[lease];
        if (l.state == State.Requested) {
            _checkActivationOver(l);
        } else if (l.state == State.Active) {
            uint64 until = _activeUntil(l);
            if (block.timestamp < until) revert NotLapsed(until);
        }
        _close(lease, l, How.Expired, l.tenant);
    }

    /// @notice Takes everything back from a lease that was not activated in time; tenant or guardian.
    /// @param lease The lease.
    function reclaim(uint256 lease) external nonReentrant {
        Lease storage l = _leases[lease];
        _onlyTenantOrGuardian(l);
        if (l.state != State.Requested) revert NotRequested();
        _checkActivationOver(l);
        _close(lease, l, How.Reclaimed, msg.sender);
    }

    /// @notice Withdraws the caller's refunds that the token refused to deliver before.
    function withdrawRefund() external nonReentrant {
        uint256 amount = refundOf[msg.sender];
        if (amount == 0) revert NothingOwed();

        refundOf[msg.sender] = 0;

        emit RefundWithdrawn(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    // --------------------------------------------------------------------------------------- views

    /// @notice An offer; all zero for an unknown id.
    /// @param id The offer.
    function offerOf(uint256 id) external view returns (Offer memory) {
        return _offers[id];
    }

    /// @notice A lease as of its last settlement; all zero for an unknown id.
    /// @param id The lease.
    function leaseOf(uint256 id) external view returns (Lease memory) {
        return _leases[id];
    }

    /// @notice The first second that an active lease no longer covers, as things stand; it may lie in
    /// the past. Zero if the lease is not active.
    /// @param lease The lease.
    function activeUntil(uint256 lease) external view returns (uint64) {
        Lease storage l = _leases[lease];
        return l.state == State.Active ? _activeUntil(l) : 0;
    }

    /// @notice A page of offers, open or not, in order of their ids.
    /// @param from First id; 0 counts as 1.
    /// @param limit The most offers to return.
    function offers(uint256 from, uint256 limit) external view returns (Offer[] memory page) {
        (uint256 first, uint256 size) = _page(Math.max(from, 1) - 1, limit, offerCount);
        page = new Offer[](size);
        for (uint256 i; i < size; ++i) {
            page[i] = _offers[first + i + 1];
        }
    }

    /// @notice All leases a tenant ever had with this guardian, oldest first.
    /// @dev Whoever gives leases away is their guardian: no stranger can make this list longer.
    /// @param tenant The tenant.
    /// @param guardian Their guardian; zero for leases without one.
    function leasesOf(address tenant, address guardian) external view returns (uint256[] memory) {
        return _leasesOf[tenant][guardian];
    }

    /// @notice A page of a tenant's leases with this guardian, oldest first.
    /// @param tenant The tenant.
    /// @param guardian As in `leasesOf`.
    /// @param from How many to skip.
    /// @param limit The most to return.
    function leasesOfPage(address tenant, address guardian, uint256 from, uint256 limit)
        external
        view
        returns (uint256[] memory page)
    {
        uint256[] storage all = _leasesOf[tenant][guardian];
        (uint256 first, uint256 size) = _page(from, limit, all.length);
        page = new uint256[](size);
        for (uint256 i; i < size; ++i) {
            page[i] = all[first + i];
        }
    }

    // ------------------------------------------------------------------------- private: life cycle

    /// @dev Checks and stores an offer; the caller takes the stake.
    function _postOffer(address provider, Terms calldata t, uint256 stake)
        private
        returns (uint256 offer)
    {
        _checkRate(t.rate);
        if (
            t.minSeconds == 0 || t.minSeconds > t.maxSeconds || t.maxSeconds > MAX_SECONDS
                || t.grace == 0 || t.grace > MAX_SECONDS || t.activationWindow > MAX_SECONDS
                || t.slots == 0
        ) revert BadTerms();

        offer = ++offerCount;
        Offer storage o = _offers[offer];
        o.provider = provider;
        o.terms = t;
        o.stake = stake;
        o.open = true;

        emit OfferPosted(offer, provider, t.rate, t.uri);
    }

    /// @dev Checks and stores a requested lease; the caller takes the deposit.
    function _open(
        address payer,
        address tenant,
        uint256 offer,
        uint256 expectedRate,
        uint256 deposit,
        bytes32 manifest,
        address guardian
    ) private returns (uint256 lease) {
        _takeSlot(_offers[offer], expectedRate, deposit);

        lease = ++leaseCount;
        Lease storage l = _leases[lease];
        l.offer = offer;
        l.provider = _offers[offer].provider;
        l.tenant = tenant;
        l.guardian = guardian;
        l.manifest = manifest;
        l.rate = expectedRate;
        l.balance = deposit;
        l.openedAt = uint64(block.timestamp);
        l.state = State.Requested;
        _leasesOf[tenant][guardian].push(lease);

        _announce(lease, l, payer);
    }

    /// @dev Says what was opened; on its own because so many values do not fit on one stack.
    function _announce(uint256 lease, Lease storage l, address payer) private {
        emit LeaseOpened(
            lease, l.offer, l.tenant, l.provider, l.rate, l.balance, l.manifest, l.guardian, payer
        );
    }

    /// @dev Takes one of the offer's slots if these are its conditions.
    function _takeSlot(Offer storage o, uint256 expectedRate, uint256 deposit) private {
        if (!o.open) revert OfferNotOpen();
        uint256 rate = o.terms.rate;
        if (rate != expectedRate) revert WrongRate(rate);
        if (o.live >= o.terms.slots) revert NoFreeSlot();
        uint256 least = Math.ceilDiv(rate * o.terms.minSeconds, SCALE);
        if (deposit < least) revert DepositTooSmall(least);
        ++o.live;
    }

    /// @dev Settles and adds to the balance; the caller takes the money.
    function _topUp(address payer, uint256 lease, uint256 amount) private {
        if (amount == 0) revert Zero();
        Lease storage l = _leases[lease];
        _settleBeforeLapse(lease, l);
        l.balance += amount;
        emit ToppedUp(lease, payer, amount);
    }

    /// @dev Settles an active lease and reverts if it has lapsed.
    function _settleBeforeLapse(uint256 lease, Lease storage l) private {
        if (l.state != State.Active) revert NotActive();
        uint64 until = _activeUntil(l);
        if (block.timestamp >= until) revert Lapsed(until);
        _settle(lease, l);
    }

    /// @dev Moves what has accrued since the last settlement from the tenant to the provider.
    function _settle(uint256 lease, Lease storage l) private {
        uint64 until = uint64(Math.min(block.timestamp, _activeUntil(l)));
        if (until == l.settledUntil) return;

        uint256 amount = _cost(l, until) - _cost(l, l.settledUntil);
        l.settledUntil = until;
        l.balance -= amount;
        l.owed += amount;
        emit Settled(lease, amount, until);
    }

    /// @dev The one way to `Closed`: settles, frees the slot, refunds the remainder.
    function _close(uint256 lease, Lease storage l, How how, address to) private {
        if (l.state == State.Active) _settle(lease, l);
        else if (l.state != State.Requested) revert NotOpen();

        uint256 remainder = l.balance;
        l.balance = 0;
        l.state = State.Closed;
        l.closedAt = uint64(block.timestamp);
        --_offers[l.offer].live;

        emit LeaseClosed(lease, how, l.settledUntil, to, remainder);
        _refund(to, remainder);
    }

    /// @dev Delivers a refund, or keeps it if the token refuses, so that no close hangs on the token's
    /// opinion of one party. Starving the transfer of gas gains nothing: the sixty-fourth that is left
    /// to this contract then does not pay for the storage written below.
    function _refund(address to, uint256 amount) private {
        if (amount == 0 || token.trySafeTransfer(to, amount)) return;
        refundOf[to] += amount;
        emit RefundKept(to, amount);
    }

    // ----------------------------------------------------------------------------- private: checks

    /// @dev The caller's own offer, not closed.
    function _openOfferOfCaller(uint256 offer) private view returns (Offer storage o) {
        o = _offers[offer];
        if (msg.sender != o.provider) revert NotProvider();
        if (!o.open) revert OfferNotOpen();
    }

    /// @dev As whom the caller may close the lease.
    function _onlyTenantOrGuardian(Lease storage l) private view returns (How) {
        if (msg.sender == l.tenant) return How.Tenant;
        if (msg.sender == l.guardian) return How.Guardian;
        revert NotTenantOrGuardian();
    }

    /// @dev A rate that is none, or that could overflow.
    function _checkRate(uint256 rate) private pure {
        if (rate == 0 || rate > MAX_RATE) revert BadTerms();
    }

    /// @dev Reverts while the provider can still activate.
    function _checkActivationOver(Lease storage l) private view {
        uint64 until = _activationUntil(l);
        if (block.timestamp <= until) revert ActivationPending(until);
    }

    // ------------------------------------------------------------------------- private: arithmetic

    /// @dev Last second at which a requested lease can be activated.
    function _activationUntil(Lease storage l) private view returns (uint64) {
        return l.openedAt + _offers[l.offer].terms.activationWindow;
    }

    /// @dev The cap of accrual of an active lease: the money runs out, the lease ends, or the provider
    /// has been silent for too long. Saturation cannot shorten a lease, for the end comes first.
    function _activeUntil(Lease storage l) private view returns (uint64) {
        uint256 paidIn = Math.saturatingAdd(_cost(l, l.settledUntil), l.balance);
        uint256 affordable = Math.saturatingMul(paidIn, SCALE) / l.rate;
        uint256 lasting = Math.min(affordable, l.endsAt - l.activatedAt);
        uint256 silence = l.heartbeatAt + _offers[l.offer].terms.grace;
        return uint64(Math.min(l.activatedAt + lasting, silence));
    }

    /// @dev What a lease costs from its activation to `until`, rounded down.
    function _cost(Lease storage l, uint64 until) private view returns (uint256) {
        return l.rate * (until - l.activatedAt) / SCALE;
    }

    /// @dev The part of `count` things that a page shows.
    function _page(uint256 from, uint256 limit, uint256 count)
        private
        pure
        returns (uint256 first, uint256 size)
    {
        first = Math.min(from, count);
        size = Math.min(limit, count - first);
    }
}
