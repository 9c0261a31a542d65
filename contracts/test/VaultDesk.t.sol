// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {TestDollar} from "../src/TestDollar.sol";
import {Vault} from "../src/Vault.sol";
import {VaultDesk} from "../src/VaultDesk.sol";
import {Base} from "./Base.sol";
import {FeeDollar, LyingVault} from "./Doubles.sol";

contract VaultDeskTest is Base {
    uint256 private constant EVER = type(uint256).max;
    uint256 private constant HELD = 1_000_000 * DOLLAR;

    address private saver = account("saver");
    address private stranger = account("stranger");

    VaultDesk private desk = new VaultDesk();
    Vault private vault = new Vault(IERC20(address(dollar)));

    constructor() {
        dollar.mint(saver, HELD);
        fund(stranger, address(vault), 100 * HELD);
    }

    // ------------------------------------------------------------------------------------- putting

    function testFuzz_a_saver_gets_the_shares_that_the_vault_promised(uint256 amount, uint256 yield)
        public
    {
        amount = bound(amount, 1, HELD);
        grow(bound(yield, 0, HELD));
        uint256 promised = vault.previewDeposit(amount);
        vm.assertEq(put(amount, promised), promised);
        vm.assertEq(vault.balanceOf(saver), promised);
        vm.assertEq(dollar.balanceOf(saver), HELD - amount);
        empty(dollar, address(vault));
    }

    function testFuzz_what_is_put_in_comes_back_without_the_desk(uint256 amount, uint256 yield)
        public
    {
        amount = bound(amount, DOLLAR, HELD);
        grow(0);
        put(amount, 1);
        grow(bound(yield, 0, HELD));
        uint256 shares = vault.balanceOf(saver);
        vm.prank(saver);
        uint256 back = vault.redeem(shares, saver, saver);
        vm.assertGe(back + 1, amount, "no more is lost than rounding takes");
        vm.assertEq(dollar.balanceOf(saver), HELD - amount + back);
    }

    function test_too_few_shares_are_not_taken() public {
        uint256 promised = vault.previewDeposit(DOLLAR);
        bytes memory signature = sign(dollar, vault, DOLLAR, promised + 1);
        vm.expectRevert(abi.encodeWithSelector(VaultDesk.TooFewShares.selector, promised));
        submit(vault, DOLLAR, promised + 1, signature);
        vm.assertEq(dollar.balanceOf(saver), HELD);
    }

    function testFuzz_a_vault_that_was_pumped_up_takes_nothing_from_a_saver_who_asked_for_a_minimum(
        uint256 gift,
        uint256 amount
    ) public {
        gift = bound(gift, DOLLAR, HELD);
        amount = bound(amount, DOLLAR, HELD);
        uint256 promised = vault.previewDeposit(amount);
        bytes memory signature = sign(dollar, vault, amount, promised * 99 / 100);
        // Somebody is quicker: the first share, then a gift that makes it dear.
        vm.startPrank(stranger);
        vault.deposit(1, stranger);
        vault.drip(gift);
        vm.stopPrank();
        vm.expectRevert();
        submit(vault, amount, promised * 99 / 100, signature);
        vm.assertEq(dollar.balanceOf(saver), HELD);
    }

    function testFuzz_pumping_a_vault_up_costs_more_than_it_brings(uint256 gift, uint256 amount)
        public
    {
        gift = bound(gift, 0, 10 * HELD);
        amount = bound(amount, 1, HELD);
        uint256 before = dollar.balanceOf(stranger);
        vm.startPrank(stranger);
        vault.deposit(1, stranger);
        vault.drip(gift);
        vm.stopPrank();
        put(amount, 0);
        vm.startPrank(stranger);
        vault.redeem(vault.balanceOf(stranger), stranger, stranger);
        vm.assertLe(dollar.balanceOf(stranger), before);
    }

    function test_a_signature_is_good_for_these_very_words_and_once() public {
        bytes memory signature = sign(dollar, vault, DOLLAR, 5);
        Vault other = new Vault(IERC20(address(dollar)));
        bytes4 refused = ERC3009.ERC3009InvalidSignature.selector;
        vm.expectRevert(refused);
        desk.depositWithAuthorization(stranger, vault, DOLLAR, 5, "salt", 0, EVER, signature);
        vm.expectRevert(refused);
        desk.depositWithAuthorization(saver, other, DOLLAR, 5, "salt", 0, EVER, signature);
        vm.expectRevert(refused);
        desk.depositWithAuthorization(saver, vault, DOLLAR + 1, 5, "salt", 0, EVER, signature);
        vm.expectRevert(refused);
        desk.depositWithAuthorization(saver, vault, DOLLAR, 4, "salt", 0, EVER, signature);
        vm.expectRevert(refused);
        desk.depositWithAuthorization(saver, vault, DOLLAR, 5, "other", 0, EVER, signature);
        submit(vault, DOLLAR, 5, signature);
        vm.expectRevert();
        submit(vault, DOLLAR, 5, signature);
    }

    function test_anyone_submits_and_the_payer_gets_the_shares() public {
        uint256 promised = vault.previewDeposit(DOLLAR);
        bytes memory signature = sign(dollar, vault, DOLLAR, 0);
        vm.expectEmit();
        emit VaultDesk.Deposited(saver, address(vault), DOLLAR, promised);
        vm.prank(stranger);
        submit(vault, DOLLAR, 0, signature);
        vm.assertEq(vault.balanceOf(saver), promised);
        vm.assertEq(vault.balanceOf(stranger), 0);
    }

    // -------------------------------------------------------------------------------- bad company

    function test_a_vault_that_claims_shares_it_has_not_minted_is_not_believed() public {
        IERC4626 liar = IERC4626(address(new LyingVault(IERC20(address(dollar)), 0)));
        bytes memory signature = sign(dollar, liar, DOLLAR, 1);
        vm.expectRevert(abi.encodeWithSelector(VaultDesk.TooFewShares.selector, 0));
        submit(liar, DOLLAR, 1, signature);
        vm.assertEq(dollar.balanceOf(saver), HELD);
    }

    function test_what_a_vault_does_not_take_goes_back_and_no_allowance_stays() public {
        IERC4626 liar = IERC4626(address(new LyingVault(IERC20(address(dollar)), 7)));
        bytes memory signature = sign(dollar, liar, 100, 7);
        vm.assertEq(submit(liar, 100, 7, signature), 7);
        vm.assertEq(dollar.balanceOf(saver), HELD - 50);
        empty(dollar, address(liar));
    }

    function test_no_deposit_can_be_entered_again() public {
        LyingVault bad = new LyingVault(IERC20(address(dollar)), 7);
        IERC4626 liar = IERC4626(address(bad));
        bytes memory signature = sign(dollar, liar, 100, 1);
        bytes memory other = sign(dollar, vault, 100, 1);
        bad.callBack(
            abi.encodeCall(
                desk.depositWithAuthorization, (saver, vault, 100, 1, "salt", 0, EVER, other)
            )
        );
        submit(liar, 100, 1, signature);
        vm.assertFalse(bad.succeeded());
        vm.assertEq(
            bytes32(bad.answer()),
            bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
        );
        submit(vault, 100, 1, other);
    }

    function test_an_asset_that_takes_a_fee_shrinks_the_deposit_and_breaks_no_promise() public {
        FeeDollar fee = new FeeDollar();
        fee.mint(saver, HELD);
        Vault dear = new Vault(IERC20(address(fee)));
        uint256 promised = dear.previewDeposit(10_000);
        bytes memory signature = sign(fee, dear, 10_000, promised);
        vm.expectRevert();
        submit(dear, 10_000, promised, signature);
        signature = sign(fee, dear, 10_000, 1);
        vm.assertEq(submit(dear, 10_000, 1, signature), promised * 99 / 100);
        empty(fee, address(dear));
    }

    function test_what_others_left_here_goes_with_the_next_deposit() public {
        dollar.mint(address(desk), 3 * DOLLAR);
        uint256 promised = vault.previewDeposit(5 * DOLLAR);
        vm.assertEq(put(2 * DOLLAR, 0), promised);
        empty(dollar, address(vault));
    }

    // --------------------------------------------------------------------------------------- diary

    function test_the_diary_tells_what_a_share_has_earned() public {
        grow(0);
        put(DOLLAR, 0);
        skip(1 hours);
        grow(HELD / 10);
        desk.observe(address(vault));
        skip(1 hours);
        VaultDesk.Note[] memory notes = desk.history(address(vault), 10);
        vm.assertEq(notes.length, 3);
        vm.assertEq(uint256(notes[0].value), DOLLAR);
        vm.assertEq(uint256(notes[1].value), vault.convertToAssets(1e9));
        vm.assertGe(uint256(notes[1].value), DOLLAR * 10_999 / 10_000);
        vm.assertEq(uint256(notes[2].value), uint256(notes[1].value));
        vm.assertEq(uint256(notes[2].at - notes[0].at), 2 hours);
    }

    // ------------------------------------------------------------------------------------- helpers

    /// @dev A stranger's million in the vault, and so much for it.
    function grow(uint256 yield) private {
        vm.startPrank(stranger);
        if (vault.totalSupply() == 0) vault.deposit(HELD, stranger);
        if (yield != 0) vault.drip(yield);
        vm.stopPrank();
    }

    function put(uint256 amount, uint256 least) private returns (uint256) {
        return submit(vault, amount, least, sign(dollar, vault, amount, least));
    }

    function sign(TestDollar token, IERC4626 into, uint256 amount, uint256 least)
        private
        view
        returns (bytes memory)
    {
        bytes32 nonce = keccak256(
            abi.encodeWithSelector(
                desk.depositWithAuthorization.selector, saver, into, amount, least, bytes32("salt")
            )
        );
        bytes32 typehash = keccak256(
            "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
        );
        bytes32 digest =
            keccak256(abi.encode(typehash, saver, address(desk), amount, 0, EVER, nonce));
        return signed(keyOf("saver"), typed(token.DOMAIN_SEPARATOR(), digest));
    }

    function submit(IERC4626 into, uint256 amount, uint256 least, bytes memory signature)
        private
        returns (uint256)
    {
        return desk.depositWithAuthorization(saver, into, amount, least, "salt", 0, EVER, signature);
    }

    function empty(IERC20 token, address spender) private view {
        vm.assertEq(token.balanceOf(address(desk)), 0, "nothing stays");
        vm.assertEq(token.allowance(address(desk), spender), 0, "nor an allowance");
        vm.assertEq(token.allowance(saver, address(desk)), 0);
    }
}
