// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {Base} from "./Base.sol";
import {SmartWallet} from "./Doubles.sol";

contract TestDollarTest is Base {
    bytes32 private constant TRANSFER = keccak256(
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    bytes32 private constant RECEIVE = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    bytes32 private constant CANCEL =
        keccak256("CancelAuthorization(address authorizer,bytes32 nonce)");
    bytes32 private constant NONCE = "nonce";
    uint256 private constant AFTER = START - 10;
    uint256 private constant BEFORE = START + 10;

    address private payer = account("payer");
    address private payee = account("payee");

    constructor() {
        dollar.mint(payer, 100 * DOLLAR);
    }

    // ----------------------------------------------------------------------------------- the token

    function test_it_is_a_dollar_with_six_decimals() public view {
        vm.assertEq(dollar.name(), "Test Dollar");
        vm.assertEq(dollar.symbol(), "TUSD");
        vm.assertEq(uint256(dollar.decimals()), 6);
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Test Dollar"),
                keccak256("1"),
                block.chainid,
                address(dollar)
            )
        );
        vm.assertEq(dollar.DOMAIN_SEPARATOR(), domain);
    }

    function test_anyone_mints() public {
        vm.prank(payee);
        dollar.mint(payee, 7);
        vm.assertEq(dollar.balanceOf(payee), 7);
    }

    function test_it_has_permits() public {
        bytes32 typehash = keccak256(
            "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
        );
        bytes32 digest = typed(
            dollar.DOMAIN_SEPARATOR(), keccak256(abi.encode(typehash, payer, payee, 5, 0, BEFORE))
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf("payer"), digest);
        dollar.permit(payer, payee, 5, BEFORE, v, r, s);
        vm.assertEq(dollar.allowance(payer, payee), 5);
    }

    // ------------------------------------------------------------------------------ authorizations

    function test_a_transfer_by_signature_in_both_forms() public {
        dollar.transferWithAuthorization(
            payer, payee, 5, AFTER, BEFORE, NONCE, signature(TRANSFER, payer, NONCE)
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(keyOf("payer"), digestOf(TRANSFER, payer, "other"));
        dollar.transferWithAuthorization(payer, payee, 5, AFTER, BEFORE, "other", v, r, s);
        vm.assertEq(dollar.balanceOf(payee), 10);
        vm.assertTrue(dollar.authorizationState(payer, NONCE));
        vm.assertTrue(dollar.authorizationState(payer, "other"));
    }

    function test_only_the_payee_submits_a_receive_authorization() public {
        bytes memory signature_ = signature(RECEIVE, payer, NONCE);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf("payer"), digestOf(RECEIVE, payer, "other"));
        bytes memory wrong =
            abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, payee);

        vm.expectRevert(wrong);
        dollar.receiveWithAuthorization(payer, payee, 5, AFTER, BEFORE, NONCE, signature_);
        vm.expectRevert(wrong);
        dollar.receiveWithAuthorization(payer, payee, 5, AFTER, BEFORE, "other", v, r, s);

        vm.startPrank(payee);
        dollar.receiveWithAuthorization(payer, payee, 5, AFTER, BEFORE, NONCE, signature_);
        dollar.receiveWithAuthorization(payer, payee, 5, AFTER, BEFORE, "other", v, r, s);
        vm.assertEq(dollar.balanceOf(payee), 10);
    }

    function test_an_authorization_is_used_once_in_whatever_form() public {
        bytes32 digest = digestOf(TRANSFER, payer, NONCE);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf("payer"), digest);
        dollar.transferWithAuthorization(payer, payee, 5, AFTER, BEFORE, NONCE, v, r, s);

        bytes memory used =
            abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, payer, NONCE);
        bytes memory again = abi.encodePacked(r, s, v);
        vm.expectRevert(used);
        dollar.transferWithAuthorization(payer, payee, 5, AFTER, BEFORE, NONCE, again);
        bytes memory receive_ = signature(RECEIVE, payer, NONCE);
        vm.prank(payee);
        vm.expectRevert(used);
        dollar.receiveWithAuthorization(payer, payee, 5, AFTER, BEFORE, NONCE, receive_);
    }

    /// Strictly after and strictly before, and huge numbers are times too, never block numbers.
    function testFuzz_it_holds_strictly_between_its_times(uint256 time, uint256 from, uint256 to)
        public
    {
        time = bound(time, 0, type(uint64).max);
        vm.warp(time);
        bool holds = time > from && time < to;
        bytes32 digest = typed(
            dollar.DOMAIN_SEPARATOR(),
            keccak256(abi.encode(TRANSFER, payer, payee, 5, from, to, NONCE))
        );
        bytes memory signature_ = signed(keyOf("payer"), digest);
        if (!holds) {
            vm.expectRevert(
                abi.encodeWithSelector(ERC3009.ERC3009InvalidAuthorizationTime.selector, from, to)
            );
        }
        dollar.transferWithAuthorization(payer, payee, 5, from, to, NONCE, signature_);
    }

    function test_the_bounds_themselves_are_outside() public {
        bytes memory signature_ = signature(TRANSFER, payer, NONCE);
        bytes memory wrong =
            abi.encodeWithSelector(ERC3009.ERC3009InvalidAuthorizationTime.selector, AFTER, BEFORE);
        vm.warp(AFTER);
        vm.expectRevert(wrong);
        dollar.transferWithAuthorization(payer, payee, 5, AFTER, BEFORE, NONCE, signature_);
        vm.warp(BEFORE);
        vm.expectRevert(wrong);
        dollar.transferWithAuthorization(payer, payee, 5, AFTER, BEFORE, NONCE, signature_);
        vm.warp(BEFORE - 1);
        dollar.transferWithAuthorization(payer, payee, 5, AFTER, BEFORE, NONCE, signature_);
    }

    function test_a_cancelled_authorization_is_worth_nothing() public {
        bytes32 cancel = keccak256(abi.encode(CANCEL, payer, NONCE));
        bytes memory by = signed(keyOf("payee"), typed(dollar.DOMAIN_SEPARATOR(), cancel));
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        dollar.cancelAuthorization(payer, NONCE, by);

        by = signed(keyOf("payer"), typed(dollar.DOMAIN_SEPARATOR(), cancel));
        dollar.cancelAuthorization(payer, NONCE, by);
        bytes memory signature_ = signature(TRANSFER, payer, NONCE);
        vm.expectRevert(
            abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, payer, NONCE)
        );
        dollar.transferWithAuthorization(payer, payee, 5, AFTER, BEFORE, NONCE, signature_);
    }

    function test_a_contract_wallet_signs_too() public {
        SmartWallet company = new SmartWallet(payer);
        dollar.mint(address(company), 5);
        bytes memory signature_ = signature(TRANSFER, address(company), NONCE);
        dollar.transferWithAuthorization(
            address(company), payee, 5, AFTER, BEFORE, NONCE, signature_
        );
        vm.assertEq(dollar.balanceOf(payee), 5);
    }

    function test_nobody_else_signs() public {
        bytes memory forged = signed(keyOf("payee"), digestOf(TRANSFER, payer, NONCE));
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        dollar.transferWithAuthorization(payer, payee, 5, AFTER, BEFORE, NONCE, forged);
    }

    // ------------------------------------------------------------------------------------- helpers

    /// @dev The digest of an authorization of 5 units to the payee.
    function digestOf(bytes32 typehash, address from, bytes32 nonce)
        private
        view
        returns (bytes32)
    {
        return typed(
            dollar.DOMAIN_SEPARATOR(),
            keccak256(abi.encode(typehash, from, payee, 5, AFTER, BEFORE, nonce))
        );
    }

    function signature(bytes32 typehash, address from, bytes32 nonce)
        private
        view
        returns (bytes memory)
    {
        return signed(keyOf("payer"), digestOf(typehash, from, nonce));
    }
}
