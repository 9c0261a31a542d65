"""Strangers at the door: slow, loud, many, or speaking something else. None stops a sale."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from shopping import QUESTION

from agent.shop.counter import Sold
from agent.shop.server import CONNECTIONS, Server
from agent.shop.wire import Payment, Terms, encode
from chain.types import Address, Micro

TOKEN, WALLET, BUYER = (Address("0x" + digit * 40) for digit in "123")
TERMS = Terms("eip155:31337", TOKEN, Micro(5000), WALLET, 300, "Test Dollar", "1")
PAYMENT = Payment(TERMS, BUYER, WALLET, 5000, 0, 2**31, "0x" + "ab" * 32, "0x" + "cd" * 65)
PAID = {"PAYMENT-SIGNATURE": encode(PAYMENT.plain())}
READ_S = 0.3


class Counter:
    """Sells to everybody."""

    def __init__(self):
        self.terms = TERMS
        self.quotes = 0
        self.sold = []

    def quote(self):
        self.quotes += 1

    async def sell(self, question, payment):
        self.sold.append(question.prompt)
        return Sold(TERMS, payment.payer, "0x" + "12" * 32, b'{"logits":[1.0,2.0]}')


@pytest.fixture
async def counter():
    return Counter()


@pytest.fixture
async def url(counter):
    server = Server(counter, 4096, "", READ_S)
    yield await server.start("127.0.0.1", 0)
    await server.stop()


async def post(url, body=None, headers=PAID, **more):
    data = json.dumps(QUESTION).encode() if body is None else body
    async with (
        aiohttp.ClientSession() as web,
        web.post(f"{url}/infer", data=data, headers=headers, **more) as reply,
    ):
        return reply.status, await reply.json()


async def test_a_question_with_a_payment_is_answered(url, counter):
    assert await post(url) == (200, {"logits": [1.0, 2.0]})
    assert counter.sold == [QUESTION["prompt"]]


async def test_who_does_not_pay_is_told_the_price_and_counted(url, counter):
    status, said = await post(url, headers={})
    assert (status, said["accepts"]) == (402, [TERMS.plain()])
    assert (counter.quotes, counter.sold) == (1, [])


async def test_a_shut_shop_names_no_price(url, counter):
    counter.terms = None
    assert await post(url, headers={}) == (503, {"error": "shut"})


async def test_what_is_no_payment_is_refused_with_the_price(url, counter):
    status, said = await post(url, headers={"PAYMENT-SIGNATURE": "e30="})
    assert (status, said["error"], counter.sold) == (402, "invalid_payload", [])


@pytest.mark.parametrize(
    ("body", "status"), [(b"why?", 400), (b"", 400), (b"x" * 5000, 413), (b"\x1f\x8b" * 40, 400)]
)
async def test_what_is_no_question_is_refused_before_anything_else(url, counter, body, status):
    assert (await post(url, body))[0] == status
    assert (counter.sold, counter.quotes) == ([], 0)


async def test_nothing_is_unpacked(url):
    """A small body may be a large one in disguise."""
    headers = PAID | {"Content-Encoding": "deflate"}
    assert (await post(url, b"x\x9c\x03\x00", headers=headers))[0] == 400


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/infer", 405), ("POST", "/", 404)])
async def test_whatever_else_is_asked_gets_a_line(url, method, path, status):
    async with aiohttp.ClientSession() as web, web.request(method, url + path) as reply:
        assert (reply.status, list(await reply.json())) == (status, ["error"])


async def connect(url):
    host, port = url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def ends(reader, within_s=2.0):
    async with asyncio.timeout(within_s):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


HEAD = b"POST /infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"POST /infer HT",
        HEAD,
        HEAD + b"Content-Length: 100\r\n\r\n",
        HEAD + b"Content-Length: 100\r\n\r\n{",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    ],
)
async def test_who_does_not_come_to_the_point_is_put_out(url, said):
    reader, writer = await connect(url)
    writer.write(said)
    assert await ends(reader) == b""
    writer.close()


async def test_who_speaks_a_letter_at_a_time_is_put_out(url):
    reader, writer = await connect(url)
    spoken = 0
    with pytest.raises(ConnectionError):  # noqa: PT012 - it is as good as its last line
        for letter in HEAD * 9:
            writer.write(bytes([letter]))
            await writer.drain()
            spoken += 1
            await asyncio.sleep(0.05)
    assert spoken < 30
    assert await ends(reader) == b""


async def test_a_connection_carries_one_request(url, counter):
    reader, writer = await connect(url)
    body = json.dumps(QUESTION).encode()
    request = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    writer.write(request * 3)
    assert (await ends(reader)).count(b"HTTP/1.1") == 1
    assert counter.quotes == 1
    writer.close()


@pytest.mark.parametrize("said", [b"\x16\x03\x01\x02\x00" * 9, b"GET / HTTP/9\r\n\r\n", b"\0" * 99])
async def test_another_protocol_is_none(url, said):
    reader, writer = await connect(url)
    writer.write(said)
    assert b"200 OK" not in await ends(reader)
    writer.close()


async def test_a_header_without_end_is_refused(url, counter):
    status, _ = await post(url, headers={"PAYMENT-SIGNATURE": "x" * 7000})
    assert (status, counter.sold) == (402, [])
    reader, writer = await connect(url)
    writer.write(HEAD + b"PAYMENT-SIGNATURE: " + b"x" * 100_000 + b"\r\n\r\n")
    assert b"400" in (await ends(reader)).split(b"\r\n")[0]
    writer.close()


async def test_however_many_say_nothing_one_who_pays_is_served(url):
    crowd = [await connect(url) for _ in range(2 * CONNECTIONS)]
    assert (await post(url))[0] == 200
    for _, writer in crowd:
        writer.close()
