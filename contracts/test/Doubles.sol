// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {TestDollar} from "../src/TestDollar.sol";

/// @notice A contract wallet: what its owner's key signs, it has signed.
contract SmartWallet is IERC1271 {
    address private immutable _owner;

    constructor(address owner) {
        _owner = owner;
    }

    function act(address target, bytes calldata data) external returns (bytes memory) {
        (bool done, bytes memory answer) = target.call(data);
        require(done, "wallet: refused");
        return answer;
    }

    function isValidSignature(bytes32 digest, bytes calldata signature)
        external
        view
        returns (bytes4)
    {
        bool valid = ECDSA.recover(digest, signature) == _owner;
        return valid ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }

    receive() external payable {}
}

/// @notice A token that can refuse to pay an account, as USDC does with its blocklist.
contract ChoosyDollar is TestDollar {
    mapping(address account => bool) public refuses;

    function refuse(address account, bool yes) external {
        refuses[account] = yes;
    }

    function _update(address from, address to, uint256 value) internal override {
        require(!refuses[to], "refused");
        super._update(from, to, value);
    }
}

/// @notice A token that calls back in the middle of each transfer, and is itself a customer.
contract HostileDollar is ERC20 {
    address private _target;
    bytes private _callback;

    /// What became of the last callback.
    uint256 public attempts;
    bool public succeeded;
    bytes public answer;

    constructor() ERC20("Hostile", "BAD") {
        _mint(address(this), 1e12);
    }

    function act(address target, bytes calldata data) external returns (bytes memory) {
        (bool done, bytes memory said) = target.call(data);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(said, 32), mload(said))
            }
        }
        return said;
    }

    function callBack(address target, bytes calldata data) external {
        (_target, _callback) = (target, data);
        (attempts, succeeded, answer) = (0, false, "");
    }

    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256,
        uint256,
        bytes32,
        bytes calldata
    ) external {
        _transfer(from, to, value);
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (_target == address(0)) return;
        ++attempts;
        (succeeded, answer) = _target.call(_callback);
    }
}

/// @notice A token that keeps a hundredth of each transfer but those out of nothing.
contract FeeDollar is TestDollar {
    function _update(address from, address to, uint256 value) internal override {
        uint256 fee = from == address(0) || to == address(0) ? 0 : value / 100;
        if (fee != 0) super._update(from, address(0), fee);
        super._update(from, to, value - fee);
    }
}

/// @notice A pair that takes everything and hands out nothing.
contract GreedyPair {
    uint256 public constant price0CumulativeLast = 1;

    function getReserves() external view returns (uint112, uint112, uint32) {
        return (1, 1, uint32(block.timestamp));
    }

    function swap(uint256, uint256, address, bytes calldata) external {}
}

/// @notice A vault that takes half of what it is given, mints what it likes and says what it likes.
contract LyingVault is ERC20 {
    IERC20 public immutable asset;
    uint256 private immutable _minted;
    bytes private _callback;

    /// What became of the callback.
    bool public succeeded;
    bytes public answer;

    constructor(IERC20 asset_, uint256 minted) ERC20("Lies", "LIE") {
        (asset, _minted) = (asset_, minted);
    }

    function callBack(bytes calldata data) external {
        _callback = data;
    }

    function convertToAssets(uint256 shares) external pure returns (uint256) {
        return shares;
    }

    function deposit(uint256 assets, address receiver) external returns (uint256) {
        asset.transferFrom(msg.sender, address(this), assets / 2);
        _mint(receiver, _minted);
        if (_callback.length != 0) (succeeded, answer) = msg.sender.call(_callback);
        return type(uint256).max;
    }
}

/// @notice Takes no ETH.
contract Sealed {
    function act(address target, bytes calldata data) external {
        (bool done, bytes memory said) = target.call(data);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(said, 32), mload(said))
            }
        }
    }
}
