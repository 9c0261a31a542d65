// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SwapDesk} from "../src/SwapDesk.sol";
import {TestDollar} from "../src/TestDollar.sol";
import {IUniswapV2Pair} from "../src/interfaces/IUniswapV2Pair.sol";
import {FeeDollar, GreedyPair, HostileDollar} from "./Doubles.sol";
import {ILiquid, Uniswap} from "./Uniswap.sol";

contract SwapDeskTest is Uniswap {
    uint256 private constant EVER = type(uint256).max;
    uint256 private constant DEPTH = 1_000_000 * DOLLAR;

    struct Trade {
        address payer;
        IUniswapV2Pair pair;
        IERC20 tokenIn;
        IERC20 tokenOut;
        uint256 amountIn;
        uint256 minOut;
        bytes32 salt;
    }

    address private trader = account("trader");
    address private stranger = account("stranger");

    SwapDesk private desk = new SwapDesk();
    TestDollar private euro = new TestDollar();
    IUniswapV2Pair private pair = poolOf(dollar, euro, DEPTH, 2 * DEPTH);

    constructor() {
        dollar.mint(trader, DEPTH);
        euro.mint(trader, DEPTH);
    }

    // ------------------------------------------------------------------------------------- trading

    function testFuzz_a_trader_gets_what_uniswaps_own_router_quotes(uint256 amount, bool buys)
        public
    {
        Trade memory t = trade(buys ? dollar : euro, buys ? euro : dollar);
        t.amountIn = bound(amount, 10, DEPTH);
        t.minOut = quoted(t.tokenIn, t.tokenOut, t.amountIn);
        uint256 had = t.tokenOut.balanceOf(trader);

        vm.assertEq(run(t), t.minOut);

        vm.assertEq(t.tokenOut.balanceOf(trader), had + t.minOut);
        vm.assertEq(t.tokenIn.balanceOf(trader), DEPTH - t.amountIn);
        empty(t.tokenIn);
        empty(t.tokenOut);
    }

    function testFuzz_nobody_gets_less_than_the_least_they_take(uint256 amount, uint256 before)
        public
    {
        Trade memory t = trade(dollar, euro);
        t.amountIn = bound(amount, DOLLAR, DEPTH);
        t.minOut = quoted(dollar, euro, t.amountIn);
        bytes memory signature = sign(t);
        // Somebody is quicker and moves the price.
        before = bound(before, 10 * DOLLAR, DEPTH);
        fund(stranger, address(router), before);
        vm.prank(stranger);
        router.swapExactTokensForTokens(before, 0, path(dollar, euro), stranger, EVER);

        vm.expectRevert();
        submit(t, EVER, signature);
        vm.assertEq(dollar.balanceOf(trader), DEPTH);
        vm.assertEq(euro.balanceOf(trader), DEPTH);
    }

    function test_a_price_that_has_moved_is_told() public {
        Trade memory t = trade(dollar, euro);
        uint256 quote = quoted(dollar, euro, t.amountIn);
        t.minOut = quote + 1;
        bytes memory signature = sign(t);
        vm.expectRevert(abi.encodeWithSelector(SwapDesk.TooLittle.selector, quote));
        submit(t, EVER, signature);
    }

    function test_anyone_submits_the_trade_and_only_the_payer_gets_its_fruit() public {
        Trade memory t = trade(dollar, euro);
        uint256 quote = quoted(dollar, euro, t.amountIn);
        bytes memory signature = sign(t);
        vm.expectEmit();
        emit SwapDesk.Swapped(
            trader, address(pair), address(dollar), address(euro), t.amountIn, quote
        );
        vm.prank(stranger);
        submit(t, EVER, signature);
        vm.assertEq(euro.balanceOf(stranger), 0);
        vm.assertEq(euro.balanceOf(trader), DEPTH + quote);
    }

    function test_a_signature_is_good_for_these_very_words_and_once() public {
        Trade memory t = trade(dollar, euro);
        t.minOut = 5;
        bytes memory signature = sign(t);
        IUniswapV2Pair other = poolOf(new TestDollar(), euro, DEPTH, DEPTH);
        Trade[6] memory bent = [copy(t), copy(t), copy(t), copy(t), copy(t), copy(t)];
        bent[0].payer = stranger;
        bent[1].pair = other;
        bent[2].tokenOut = IERC20(address(new TestDollar()));
        bent[3].amountIn += 1;
        bent[4].minOut -= 1;
        bent[5].salt = "other";
        for (uint256 i; i < bent.length; ++i) {
            vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
            submit(bent[i], EVER, signature);
        }
        submit(t, EVER, signature);
        vm.expectRevert();
        submit(t, EVER, signature);
    }

    function test_a_trade_is_over_when_its_authorization_is() public {
        Trade memory t = trade(dollar, euro);
        bytes memory signature = sign(t, START + 60);
        skip(60);
        vm.expectRevert(
            abi.encodeWithSelector(ERC3009.ERC3009InvalidAuthorizationTime.selector, 0, START + 60)
        );
        submit(t, START + 60, signature);
    }

    function test_a_token_is_not_traded_for_itself() public {
        Trade memory t = trade(dollar, dollar);
        bytes memory signature = sign(t);
        vm.expectRevert(SwapDesk.SameToken.selector);
        submit(t, EVER, signature);
    }

    function test_what_others_left_here_or_in_the_pair_goes_with_the_next_trade() public {
        Trade memory t = trade(dollar, euro);
        dollar.mint(address(desk), 3 * DOLLAR);
        dollar.mint(address(pair), 4 * DOLLAR);
        uint256 quote = quoted(dollar, euro, t.amountIn + 7 * DOLLAR);
        vm.assertEq(run(t), quote);
        empty(dollar);
    }

    // ------------------------------------------------------------------------------ bad company

    function testFuzz_a_token_that_takes_a_fee_shrinks_the_trade_and_breaks_no_promise(uint256 amount)
        public
    {
        FeeDollar fee = new FeeDollar();
        pair = poolOf(fee, euro, DEPTH, DEPTH);
        fee.mint(trader, DEPTH);
        Trade memory t = trade(fee, euro);
        t.amountIn = bound(amount, 10_000, DEPTH);
        t.minOut = quoted(fee, euro, t.amountIn); // as if there were no fee
        bytes memory signature = sign(fee, t, EVER);
        vm.expectRevert();
        submit(t, EVER, signature);

        t.minOut = t.minOut * 97 / 100;
        vm.assertGe(submit(t, EVER, sign(fee, t, EVER)), t.minOut);
        empty(fee);
    }

    function test_what_is_bought_counts_when_it_has_arrived() public {
        FeeDollar fee = new FeeDollar();
        pair = poolOf(dollar, fee, DEPTH, DEPTH);
        Trade memory t = trade(dollar, fee);
        uint256 quote = quoted(dollar, fee, t.amountIn);
        t.minOut = quote;
        bytes memory signature = sign(t);
        uint256 arrives = quote - quote / 100;
        vm.expectRevert(abi.encodeWithSelector(SwapDesk.TooLittle.selector, arrives));
        submit(t, EVER, signature);
        t.minOut = arrives;
        vm.assertEq(run(t), arrives);
    }

    function test_a_pair_that_only_takes_gets_nothing() public {
        Trade memory t = trade(dollar, euro);
        t.pair = IUniswapV2Pair(address(new GreedyPair()));
        t.minOut = 1;
        bytes memory signature = sign(t);
        vm.expectRevert(abi.encodeWithSelector(SwapDesk.TooLittle.selector, 0));
        submit(t, EVER, signature);
        vm.assertEq(dollar.balanceOf(trader), DEPTH);
    }

    function test_a_pair_of_other_tokens_gets_nothing() public {
        Trade memory t = trade(dollar, euro);
        t.pair = poolOf(new TestDollar(), new TestDollar(), DEPTH, DEPTH);
        bytes memory signature = sign(t);
        vm.expectRevert();
        submit(t, EVER, signature);
        vm.assertEq(dollar.balanceOf(trader), DEPTH);
    }

    function test_no_trade_can_be_entered_again() public {
        HostileDollar bad = new HostileDollar();
        pair = factory.createPair(address(bad), address(euro));
        bad.act(address(bad), abi.encodeCall(bad.transfer, (address(pair), 1e9)));
        bad.act(address(bad), abi.encodeCall(bad.transfer, (stranger, 500)));
        euro.mint(address(pair), 1e9);
        ILiquid(address(pair)).mint(address(this));
        bytes memory call = abi.encodeCall(
            desk.swapWithAuthorization,
            (stranger, pair, IERC20(address(bad)), IERC20(address(euro)), 500, 1, "", 0, EVER, "")
        );
        bad.callBack(address(desk), call);
        bad.act(address(desk), call);
        vm.assertEq(bad.attempts(), 2, "on its way here and on");
        vm.assertFalse(bad.succeeded());
        vm.assertEq(
            bytes32(bad.answer()),
            bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
        );
        vm.assertGe(euro.balanceOf(stranger), 1, "the trade itself goes through");
    }

    // --------------------------------------------------------------------------------------- diary

    function test_a_trade_leaves_a_note_but_one_an_hour() public {
        vm.assertEq(desk.history(address(pair), 10).length, 1, "only how it stands now");
        run(trade(dollar, euro));
        skip(1 hours - 1);
        desk.observe(address(pair));
        vm.assertEq(desk.history(address(pair), 10).length, 2);
        skip(1);
        vm.prank(stranger);
        desk.observe(address(pair));
        SwapDesk.Note[] memory notes = desk.history(address(pair), 10);
        vm.assertEq(notes.length, 3);
        vm.assertEq(uint256(notes[0].at), START);
        vm.assertEq(uint256(notes[1].at), START + 1 hours);
        vm.assertEq(uint256(notes[2].at), START + 1 hours);
        vm.assertEq(uint256(notes[1].value), uint256(notes[2].value));
    }

    function testFuzz_the_notes_tell_the_price_on_average_over_time(uint256 first, uint256 second)
        public
    {
        first = bound(first, 1, 1 days);
        second = bound(second, 1, 1 days);
        desk.observe(address(pair));
        uint256 before = price();
        skip(first);
        run(trade(dollar, euro));
        uint256 afterwards = price();
        skip(second);
        SwapDesk.Note[] memory notes = desk.history(address(pair), 1);
        unchecked {
            uint256 sum = uint224(notes[1].value - notes[0].value);
            uint256 passed = notes[1].at - notes[0].at;
            uint256 expected =
                notes[0].at == START ? before * first + afterwards * second : afterwards * second;
            vm.assertEq(sum, expected);
            vm.assertEq(passed, notes[0].at == START ? first + second : second);
        }
    }

    function test_only_the_newest_notes_are_kept_and_time_may_wrap() public {
        vm.warp(type(uint32).max - 10 hours);
        ILiquid(address(pair)).sync(); // the pair's own clock wraps as well
        for (uint256 i; i < 100; ++i) {
            skip(1 hours);
            desk.observe(address(pair));
        }
        SwapDesk.Note[] memory notes = desk.history(address(pair), 1_000);
        vm.assertEq(notes.length, desk.KEPT() + 1);
        unchecked {
            for (uint256 i = 1; i < notes.length - 1; ++i) {
                vm.assertEq(uint256(notes[i].at - notes[i - 1].at), 1 hours);
                vm.assertEq(uint256(notes[i].value - notes[i - 1].value), price() * 1 hours);
            }
        }
        vm.assertEq(desk.history(address(pair), 3).length, 4);
    }

    function test_an_empty_pair_has_no_price() public {
        address none = address(factory.createPair(address(new TestDollar()), address(euro)));
        vm.expectRevert(SwapDesk.Empty.selector);
        desk.observe(none);
    }

    // ------------------------------------------------------------------------------------- helpers

    function trade(TestDollar tokenIn, TestDollar tokenOut) private view returns (Trade memory) {
        IERC20 paid = IERC20(address(tokenIn));
        IERC20 bought = IERC20(address(tokenOut));
        return Trade(trader, pair, paid, bought, 100 * DOLLAR, 0, "salt");
    }

    function copy(Trade memory t) private pure returns (Trade memory) {
        return Trade(t.payer, t.pair, t.tokenIn, t.tokenOut, t.amountIn, t.minOut, t.salt);
    }

    function run(Trade memory t) private returns (uint256) {
        return submit(t, EVER, sign(t));
    }

    function sign(Trade memory t) private view returns (bytes memory) {
        return sign(t, EVER);
    }

    function sign(Trade memory t, uint256 validBefore) private view returns (bytes memory) {
        return sign(TestDollar(address(t.tokenIn)), t, validBefore);
    }

    /// @dev As the trader's signer would.
    function sign(TestDollar token, Trade memory t, uint256 validBefore)
        private
        view
        returns (bytes memory)
    {
        bytes32 nonce = keccak256(bytes.concat(desk.swapWithAuthorization.selector, abi.encode(t)));
        bytes32 typehash = keccak256(
            "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
        );
        bytes32 digest = keccak256(
            abi.encode(typehash, t.payer, address(desk), t.amountIn, 0, validBefore, nonce)
        );
        return signed(keyOf("trader"), typed(token.DOMAIN_SEPARATOR(), digest));
    }

    function submit(Trade memory t, uint256 validBefore, bytes memory signature)
        private
        returns (uint256)
    {
        return desk.swapWithAuthorization(
            t.payer,
            t.pair,
            t.tokenIn,
            t.tokenOut,
            t.amountIn,
            t.minOut,
            t.salt,
            0,
            validBefore,
            signature
        );
    }

    function empty(IERC20 token) private view {
        vm.assertEq(token.balanceOf(address(desk)), 0, "nothing stays");
        vm.assertEq(token.allowance(address(desk), address(pair)), 0);
        vm.assertEq(token.allowance(trader, address(desk)), 0);
    }

    /// @dev Of the first token in the second; 2¹¹² is one.
    function price() private view returns (uint256) {
        (uint256 reserve0, uint256 reserve1,) = pair.getReserves();
        return (reserve1 << 112) / reserve0;
    }
}
