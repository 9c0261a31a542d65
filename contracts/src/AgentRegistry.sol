// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title AgentRegistry
/// @notice The civil register of agents: who was born by whose permit, the head of each agent's
/// public log, whether its operator halted it, and how it ended.
/// @dev Nobody owns this contract. A wallet speaks for its agent, the operator who permitted the
/// birth can halt it and can close the file of a lost one; an ended life never changes again.
contract AgentRegistry is EIP712 {
    // --------------------------------------------------------------------------------------- types

    /// @notice What an operator permits; signed as EIP-712 `Birth`.
    struct Birth {
        /// The agent's wallet, which must send the birth itself.
        address wallet;
        /// Who permits the birth: a key or an ERC-1271 wallet.
        address operator;
        /// Signs the checkpoints of the agent's log.
        address logKey;
        /// Digest of what the agent is made of.
        bytes32 genome;
        /// Agents it descends from, by id.
        uint64[] parents;
        /// Seed of every random choice in this life.
        bytes32 seed;
        /// Any number the operator has not used before.
        uint256 nonce;
        /// Last second at which the permit holds.
        uint64 deadline;
    }

    /// @notice Everything known about one agent but its parents and address on the net.
    struct Life {
        address wallet;
        address operator;
        address logKey;
        bytes32 genome;
        bytes32 seed;
        uint64 bornAt;
        /// Zero while the agent lives.
        uint64 endedAt;
        /// 0 alive, 1 died, 2 horizon, 3 halted, 4 lost.
        uint8 cause;
        bool halted;
        /// How often the agent was halted so far, which also names the latest halt.
        uint256 haltId;
        /// The last anchored checkpoint; meaningless until `anchored`.
        uint64 epoch;
        uint64 size;
        bytes32 root;
        bytes32 digest;
        bool anchored;
    }

    // ----------------------------------------------------------------------------------- constants

    /// @notice The most parents a birth may name.
    uint256 public constant MAX_PARENTS = 8;

    /// @notice The EIP-712 type of a birth permit.
    bytes32 public constant BIRTH_TYPEHASH = keccak256(
        "Birth(address wallet,address operator,address logKey,bytes32 genome,uint64[] parents,bytes32 seed,uint256 nonce,uint64 deadline)"
    );

    uint8 private constant LAST_CAUSE = 4;

    // ------------------------------------------------------------------------------------- storage

    /// @notice How many agents were ever born; ids run from 1 to this.
    uint256 public count;

    /// @notice The agent of a wallet, 0 if it never had one.
    mapping(address wallet => uint256 agent) public agentOf;

    /// @notice Whether an operator's nonce is used up.
    mapping(address operator => mapping(uint256 nonce => bool used)) public permitUsed;

    mapping(uint256 agent => Life) private _lives;
    mapping(uint256 agent => uint64[]) private _parents;
    mapping(uint256 agent => string) private _uris;

    // -------------------------------------------------------------------------------------- events

    /// @notice An agent came to life.
    event Born(
        uint256 indexed agent,
        address indexed wallet,
        address indexed operator,
        address logKey,
        bytes32 genome,
        uint64[] parents,
        bytes32 seed
    );

    /// @notice A checkpoint of the agent's log was anchored.
    event Anchored(
        uint256 indexed agent, uint64 indexed epoch, uint64 size, bytes32 root, bytes32 digest
    );

    /// @notice The agent's log is served at `uri`.
    event Served(uint256 indexed agent, string uri);

    /// @notice The operator halted the agent.
    event Halted(uint256 indexed agent, uint256 haltId);

    /// @notice The operator lifted halt `haltId`.
    event Resumed(uint256 indexed agent, uint256 haltId);

    /// @notice The life is over; the checkpoint fields are zero if none was anchored with it.
    event Ended(
        uint256 indexed agent,
        uint8 cause,
        address by,
        uint64 epoch,
        uint64 size,
        bytes32 root,
        bytes32 digest
    );

    // -------------------------------------------------------------------------------------- errors

    /// @notice The birth was sent by another account than the wallet it names.
    error NotTheWallet();
    /// @notice The permit's deadline has passed.
    error PermitExpired();
    /// @notice The operator's nonce is used up.
    error PermitUsed();
    /// @notice The permit is not signed by the operator.
    error PermitNotSigned();
    /// @notice The wallet already had its one agent.
    error AlreadyBorn();
    /// @notice More than `MAX_PARENTS` parents.
    error TooManyParents();
    /// @notice A parent that was never born.
    error UnknownParent(uint64 parent);
    /// @notice An agent that was never born.
    error UnknownAgent();
    /// @notice The caller may not speak for this agent in this matter.
    error NotAllowed();
    /// @notice The life is over.
    error LifeOver();
    /// @notice The epoch is not above the last anchored one.
    error StaleEpoch();
    /// @notice The log would have fewer records than were anchored before.
    error ShrunkenLog();
    /// @notice The agent is halted already.
    error AlreadyHalted();
    /// @notice The agent is not halted.
    error NotHalted();
    /// @notice The cause is none of the four.
    error UnknownCause();

    // --------------------------------------------------------------------------------- constructor

    constructor() EIP712("Forager", "1") {}

    // --------------------------------------------------------------------------------------- birth

    /// @notice Brings an agent to life; sent by its wallet, permitted by its operator.
    /// @param b What the operator permits.
    /// @param signature The operator's signature of it.
    /// @return agent The new agent's id.
    function birth(Birth calldata b, bytes calldata signature) external returns (uint256 agent) {
        if (msg.sender != b.wallet) revert NotTheWallet();
        if (block.timestamp > b.deadline) revert PermitExpired();
        if (agentOf[b.wallet] != 0) revert AlreadyBorn();
        if (permitUsed[b.operator][b.nonce]) revert PermitUsed();
        _checkParents(b.parents);
        if (!SignatureChecker.isValidSignatureNowCalldata(b.operator, _digest(b), signature)) {
            revert PermitNotSigned();
        }

        permitUsed[b.operator][b.nonce] = true;
        agent = ++count;
        agentOf[b.wallet] = agent;
        _parents[agent] = b.parents;

        Life storage life = _lives[agent];
        life.wallet = b.wallet;
        life.operator = b.operator;
        life.logKey = b.logKey;
        life.genome = b.genome;
        life.seed = b.seed;
        life.bornAt = uint64(block.timestamp);

        emit Born(agent, b.wallet, b.operator, b.logKey, b.genome, b.parents, b.seed);
    }

    // ---------------------------------------------------------------------------------------- life

    /// @notice Fixes a checkpoint of the agent's log for ever; wallet only.
    /// @param agent The agent.
    /// @param epoch Strictly above the last anchored epoch; the first may be any.
    /// @param size Records since birth; never fewer than before.
    /// @param root Merkle root over all of them.
    /// @param digest SHA-256 of the checkpoint's block, as in its CID.
    function anchor(uint256 agent, uint64 epoch, uint64 size, bytes32 root, bytes32 digest)
        external
    {
        Life storage life = _living(agent);
        if (msg.sender != life.wallet) revert NotAllowed();
        _anchor(life, agent, epoch, size, root, digest);
    }

    /// @notice Says where the agent's log is served; wallet or operator.
    /// @param agent The agent.
    /// @param uri Base address of a gateway.
    function serve(uint256 agent, string calldata uri) external {
        Life storage life = _living(agent);
        _onlyWalletOrOperator(life);
        _uris[agent] = uri;
        emit Served(agent, uri);
    }

    // ---------------------------------------------------------------------------------------- halt

    /// @notice Halts the agent: its signer takes no new intent; operator only.
    /// @param agent The agent.
    function halt(uint256 agent) external {
        Life storage life = _living(agent);
        if (msg.sender != life.operator) revert NotAllowed();
        if (life.halted) revert AlreadyHalted();
        life.halted = true;
        emit Halted(agent, ++life.haltId);
    }

    /// @notice Lifts the halt; operator only.
    /// @param agent The agent.
    function resume(uint256 agent) external {
        Life storage life = _living(agent);
        if (msg.sender != life.operator) revert NotAllowed();
        if (!life.halted) revert NotHalted();
        life.halted = false;
        emit Resumed(agent, life.haltId);
    }

    // ----------------------------------------------------------------------------------------- end

    /// @notice Ends the life for good and anchors its last checkpoint; wallet or operator.
    /// @dev An operator who closes a lost life may have no checkpoint: size and root are then zero.
    /// @param agent The agent.
    /// @param cause 1 died, 2 horizon, 3 halted, 4 lost.
    /// @param epoch As in `anchor`.
    /// @param size As in `anchor`.
    /// @param root As in `anchor`.
    /// @param digest As in `anchor`.
    function end(
        uint256 agent,
        uint8 cause,
        uint64 epoch,
        uint64 size,
        bytes32 root,
        bytes32 digest
    ) external {
        Life storage life = _living(agent);
        _onlyWalletOrOperator(life);
        if (cause == 0 || cause > LAST_CAUSE) revert UnknownCause();

        bool anchors = size != 0 || root != 0;
        if (anchors) _anchor(life, agent, epoch, size, root, digest);
        life.endedAt = uint64(block.timestamp);
        life.cause = cause;

        emit Ended(agent, cause, msg.sender, epoch, size, root, digest);
    }

    // --------------------------------------------------------------------------------------- views

    /// @notice The life of an agent; all zero for an id that was never born.
    /// @param agent The agent.
    function lifeOf(uint256 agent) external view returns (Life memory) {
        return _lives[agent];
    }

    /// @notice The agents an agent descends from.
    /// @param agent The agent.
    function parentsOf(uint256 agent) external view returns (uint64[] memory) {
        return _parents[agent];
    }

    /// @notice Where an agent's log is served, empty if nowhere.
    /// @param agent The agent.
    function uriOf(uint256 agent) external view returns (string memory) {
        return _uris[agent];
    }

    /// @notice Whether an agent is halted.
    /// @dev Reverts for an id that was never born, so that a wrong id is not read as "go on".
    /// @param agent The agent.
    /// @return isHalted True between a halt and its resumption.
    /// @return haltId Names the latest halt, 0 if there was none.
    function halted(uint256 agent) external view returns (bool isHalted, uint256 haltId) {
        Life storage life = _lives[agent];
        if (life.wallet == address(0)) revert UnknownAgent();
        return (life.halted, life.haltId);
    }

    /// @notice The one question a signer asks: which agent is this wallet's, and may it go on?
    /// @dev Before birth the agent is 0 and nothing else is true, so asking early is safe.
    /// @param wallet The agent's wallet.
    /// @return agent Its id, 0 before birth.
    /// @return isHalted True between a halt and its resumption.
    /// @return haltId Names the latest halt, 0 if there was none.
    /// @return ended True once its life is over.
    function haltOf(address wallet)
        external
        view
        returns (uint256 agent, bool isHalted, uint256 haltId, bool ended)
    {
        agent = agentOf[wallet];
        Life storage life = _lives[agent];
        return (agent, life.halted, life.haltId, life.endedAt != 0);
    }

    // ------------------------------------------------------------------------------------- private

    /// @dev The one place where an anchor is judged and kept.
    function _anchor(
        Life storage life,
        uint256 agent,
        uint64 epoch,
        uint64 size,
        bytes32 root,
        bytes32 digest
    ) private {
        if (life.anchored && epoch <= life.epoch) revert StaleEpoch();
        if (size < life.size) revert ShrunkenLog();
        life.epoch = epoch;
        life.size = size;
        life.root = root;
        life.digest = digest;
        life.anchored = true;
        emit Anchored(agent, epoch, size, root, digest);
    }

    /// @dev The life of a known agent that has not ended.
    function _living(uint256 agent) private view returns (Life storage life) {
        life = _lives[agent];
        if (life.wallet == address(0)) revert UnknownAgent();
        if (life.endedAt != 0) revert LifeOver();
    }

    /// @dev Reverts for any other caller.
    function _onlyWalletOrOperator(Life storage life) private view {
        if (msg.sender != life.wallet && msg.sender != life.operator) revert NotAllowed();
    }

    /// @dev Parents are few and were born.
    function _checkParents(uint64[] calldata parents) private view {
        if (parents.length > MAX_PARENTS) revert TooManyParents();
        for (uint256 i; i < parents.length; ++i) {
            if (parents[i] == 0 || parents[i] > count) revert UnknownParent(parents[i]);
        }
    }

    /// @dev What the operator signs.
    function _digest(Birth calldata b) private view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    BIRTH_TYPEHASH,
                    b.wallet,
                    b.operator,
                    b.logKey,
                    b.genome,
                    keccak256(abi.encodePacked(b.parents)),
                    b.seed,
                    b.nonce,
                    b.deadline
                )
            )
        );
    }
}
