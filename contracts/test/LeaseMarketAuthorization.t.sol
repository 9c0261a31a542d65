// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {LeaseMarket} from "../src/LeaseMarket.sol";
import {SmartWallet} from "./Doubles.sol";
import {LeaseBase} from "./LeaseBase.sol";

/// @notice Calls paid by a signature: anyone submits them, nobody bends them.
contract LeaseMarketAuthorizationTest is LeaseBase {
    uint256 private constant NEVER = type(uint256).max;

    // ----------------------------------------------------------------------------- the three calls

    function test_anyone_opens_the_lease_that_the_payer_signed() public {
        uint256 before = balanceOf(tenant);
        vm.expectEmit();
        emit LeaseMarket.LeaseOpened(
            1, offer, tenant, provider, RATE, DEPOSIT, "manifest", guardian, tenant
        );
        open(DEPOSIT, guardian, "salt", openSignature("tenant"));
        vm.assertEq(get(1).tenant, tenant);
        vm.assertEq(get(1).balance, DEPOSIT);
        vm.assertEq(balanceOf(tenant), before - DEPOSIT);
        vm.assertTrue(dollar.authorizationState(tenant, openNonce(tenant)));
    }

    function test_anyone_adds_the_top_up_that_the_payer_signed() public {
        uint256 lease = active(DEPOSIT);
        bytes32 nonce = keccak256(
            abi.encodeWithSelector(
                market.topUpWithAuthorization.selector, guardian, lease, DOLLAR, bytes32("salt")
            )
        );
        bytes memory signature = authorization("guardian", address(market), DOLLAR, nonce);
        vm.expectEmit();
        emit LeaseMarket.ToppedUp(lease, guardian, DOLLAR);
        vm.prank(stranger);
        market.topUpWithAuthorization(guardian, lease, DOLLAR, "salt", 0, NEVER, signature);
        vm.assertEq(get(lease).balance, DEPOSIT + DOLLAR);
    }

    function test_a_signed_top_up_does_not_revive_a_lapsed_lease() public {
        uint256 lease = active(DEPOSIT);
        skip(GRACE);
        vm.expectRevert(abi.encodeWithSelector(LeaseMarket.Lapsed.selector, START + GRACE));
        market.topUpWithAuthorization(guardian, lease, DOLLAR, "salt", 0, NEVER, "");
    }

    function test_anyone_posts_the_offer_that_the_payer_signed() public {
        bytes32 nonce = keccak256(
            abi.encodeWithSelector(
                market.postOfferWithAuthorization.selector,
                provider,
                terms(),
                STAKE,
                bytes32("salt")
            )
        );
        bytes memory signature = authorization("provider", address(market), STAKE, nonce);
        vm.prank(stranger);
        uint256 id = market.postOfferWithAuthorization(
            provider, terms(), STAKE, "salt", 0, NEVER, signature
        );
        vm.assertEq(market.offerOf(id).provider, provider);
        vm.assertEq(market.offerOf(id).stake, STAKE);

        LeaseMarket.Terms memory other = terms();
        other.uri = "http://thief";
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        market.postOfferWithAuthorization(provider, other, STAKE, "salt", 0, NEVER, signature);
    }

    function test_a_contract_wallet_pays_by_signature_too() public {
        SmartWallet company = new SmartWallet(tenant);
        dollar.mint(address(company), DEPOSIT);
        bytes32 digest =
            receiveDigest(address(company), address(market), DEPOSIT, openNonce(address(company)));
        vm.prank(stranger);
        uint256 lease = market.openLeaseWithAuthorization(
            address(company),
            offer,
            RATE,
            DEPOSIT,
            "manifest",
            guardian,
            "salt",
            0,
            NEVER,
            signed(keyOf("tenant"), digest)
        );
        vm.assertEq(get(lease).tenant, address(company));
    }

    // ----------------------------------------------------------------------------- nobody bends it

    function test_an_authorization_is_used_once() public {
        bytes memory signature = openSignature("tenant");
        open(DEPOSIT, guardian, "salt", signature);
        vm.expectRevert(
            abi.encodeWithSelector(
                ERC3009.ERC3009UsedAuthorization.selector, tenant, openNonce(tenant)
            )
        );
        open(DEPOSIT, guardian, "salt", signature);
        vm.assertEq(market.leaseCount(), 1);
    }

    function test_no_argument_can_be_changed_on_the_way() public {
        bytes memory signature = openSignature("tenant");
        vm.startPrank(stranger);
        refuseSignature();
        open(DEPOSIT + 1, guardian, "salt", signature);
        refuseSignature();
        open(DEPOSIT, stranger, "salt", signature);
        refuseSignature();
        open(DEPOSIT, guardian, "other", signature);
        refuseSignature();
        market.openLeaseWithAuthorization(
            tenant, offer, RATE, DEPOSIT, "other", guardian, "salt", 0, NEVER, signature
        );
        refuseSignature();
        market.openLeaseWithAuthorization(
            guardian, offer, RATE, DEPOSIT, "manifest", guardian, "salt", 0, NEVER, signature
        );
        refuseSignature();
        market.openLeaseWithAuthorization(
            tenant, offer, RATE, DEPOSIT, "manifest", guardian, "salt", 1, NEVER, signature
        );
        vm.stopPrank();

        vm.prank(provider);
        market.postOffer(terms(), 0);
        refuseSignature();
        market.openLeaseWithAuthorization(
            tenant, 2, RATE, DEPOSIT, "manifest", guardian, "salt", 0, NEVER, signature
        );
    }

    function test_a_signature_is_for_one_function_only() public {
        uint256 lease = active(DEPOSIT);
        bytes memory signature = openSignature("tenant");
        refuseSignature();
        market.topUpWithAuthorization(tenant, lease, DEPOSIT, "salt", 0, NEVER, signature);
    }

    /// An address with dirty upper bits would change the nonce; the decoder refuses it.
    function test_only_canonical_calldata_is_accepted() public {
        bytes memory signature = openSignature("tenant");
        bytes memory data = abi.encodeCall(
            market.openLeaseWithAuthorization,
            (tenant, offer, RATE, DEPOSIT, "manifest", guardian, "salt", 0, NEVER, signature)
        );
        data[4] = 0x01; // the highest byte of the word that holds the payer
        (bool done,) = address(market).call(data);
        vm.assertFalse(done);
        data[4] = 0x00;
        (done,) = address(market).call(data);
        vm.assertTrue(done);
    }

    function test_nobody_uses_up_a_payers_authorization_around_the_market() public {
        bytes memory signature = openSignature("tenant");
        vm.prank(stranger);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InvalidReceiver.selector, address(market))
        );
        dollar.receiveWithAuthorization(
            tenant, address(market), DEPOSIT, 0, NEVER, openNonce(tenant), signature
        );
        refuseSignature();
        dollar.transferWithAuthorization(
            tenant, address(market), DEPOSIT, 0, NEVER, openNonce(tenant), signature
        );
        open(DEPOSIT, guardian, "salt", signature);
    }

    function test_a_refused_call_leaves_the_authorization_unused() public {
        bytes memory signature = openSignature("tenant");
        vm.prank(provider);
        market.reprice(offer, 2 * RATE);
        vm.expectRevert(abi.encodeWithSelector(LeaseMarket.WrongRate.selector, 2 * RATE));
        open(DEPOSIT, guardian, "salt", signature);
        vm.assertFalse(dollar.authorizationState(tenant, openNonce(tenant)));
    }

    // ------------------------------------------------------------------------------------- helpers

    function open(uint256 deposit, address guard, bytes32 salt, bytes memory signature) private {
        market.openLeaseWithAuthorization(
            tenant, offer, RATE, deposit, "manifest", guard, salt, 0, NEVER, signature
        );
    }

    function openNonce(address payer) private view returns (bytes32) {
        return keccak256(
            abi.encodeWithSelector(
                market.openLeaseWithAuthorization.selector,
                payer,
                offer,
                RATE,
                DEPOSIT,
                bytes32("manifest"),
                guardian,
                bytes32("salt")
            )
        );
    }

    function openSignature(string memory name) private view returns (bytes memory) {
        bytes32 nonce = openNonce(vm.addr(keyOf(name)));
        return authorization(name, address(market), DEPOSIT, nonce);
    }

    function refuseSignature() private {
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
    }
}
