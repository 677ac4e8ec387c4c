"""rsocket-py's own client: client.py <transport> <host> <port> tries the server that
tests/interop/rsocket/echo_server.cc is, and prints a line "<check>: pass", "…: fail <why>" or
"…: none <why>" (it cannot) for each check."""
import asyncio
import contextlib
import sys
from datetime import timedelta

from reactivestreams.subscriber import Subscriber
from rsocket.awaitable.awaitable_rsocket import AwaitableRSocket
from rsocket.extensions.mimetypes import WellKnownMimeTypes
from rsocket.helpers import single_transport_provider
from rsocket.payload import Payload
from rsocket.request_handler import BaseRequestHandler
from rsocket.rsocket_client import RSocketClient
from rsocket.streams.stream_from_generator import StreamFromGenerator
from rsocket.transports.aiohttp_websocket import TransportAioHttpClient
from rsocket.transports.tcp import TransportTCP

KIND, HOST, PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])
PATIENCE = 15
BYTES = WellKnownMimeTypes.APPLICATION_OCTET_STREAM


@contextlib.asynccontextmanager
async def connect(**options):
    if KIND == "tcp":
        transport = TransportTCP(*await asyncio.open_connection(HOST, PORT))
    else:
        transport = TransportAioHttpClient(f"ws://{HOST}:{PORT}/rsocket")
    settings = {"data_encoding": BYTES, "metadata_encoding": BYTES, "keep_alive_period": timedelta(seconds=60)}
    async with RSocketClient(single_transport_provider(transport), **(settings | options)) as client:
        yield client


async def ask(client, what):
    answer = await AwaitableRSocket(client).request_response(Payload(what))
    return bytes(answer.data or b"")


def check(holds, why):
    if not holds:
        raise AssertionError(why)


async def eventually(holds, why):
    for _ in range(PATIENCE * 200):
        if holds():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(why)


class Taker(Subscriber):
    def __init__(self):
        self.seen, self.subscription, self.error = [], None, None

    def on_subscribe(self, subscription):
        self.subscription = subscription

    def on_next(self, value, is_complete=False):
        self.seen.append(int(bytes(value.data).split()[0]))

    def on_complete(self):
        pass

    def on_error(self, exception):
        self.error = exception

    async def come_to(self, count):
        await eventually(lambda: len(self.seen) >= count or self.error, f"{len(self.seen)} of {count} came")
        check(not self.error and self.seen == list(range(count)), f"{self.error}; {len(self.seen)} came, or out of order")


async def request_response():
    async with connect() as client:
        answer = await AwaitableRSocket(client).request_response(Payload(b"ping", b"meta"))
        check((answer.data, answer.metadata) == (b"ping", b"meta"), "the echo differs")


async def error_of_a_request():
    async with connect() as client:
        try:
            await ask(client, b"fail")
        except Exception as error:  # pylint: disable=broad-except
            check("failed as asked" in str(error), f"got {error}")
            return
        check(False, "there was no error")


async def fire_and_forget():
    async with connect() as client:
        for _ in range(10):
            await AwaitableRSocket(client).fire_and_forget(Payload(b"x"))
        check(await ask(client, b"counts") == b"10 0", "not all came")


async def metadata_push():
    async with connect() as client:
        await AwaitableRSocket(client).metadata_push(b"m")
        check(await ask(client, b"counts") == b"0 1", "it did not come")


async def request_stream():
    async with connect() as client:
        seen = await AwaitableRSocket(client).request_stream(Payload(b"1000"))
        check([int(bytes(one.data)) for one in seen] == list(range(1000)), f"{len(seen)} came, or out of order")


async def backpressure():
    async with connect() as client:
        taker = Taker()
        client.request_stream(Payload(b"100")).initial_request_n(5).subscribe(taker)
        await taker.come_to(5)
        await ask(client, b"in between")
        await taker.come_to(5)
        taker.subscription.request(10)
        await taker.come_to(15)
        taker.subscription.cancel()
        await ask(client, b"after cancel")
        await taker.come_to(15)


async def request_channel():
    async with connect() as client:
        def generator():
            return ((Payload(str(i).encode()), i == 499) for i in range(1, 500))

        seen = await AwaitableRSocket(client).request_channel(Payload(b"0"), StreamFromGenerator(generator), limit_rate=7)
        check([int(bytes(one.data)) for one in seen] == list(range(500)), f"{len(seen)} came, or out of order")


class Answers(BaseRequestHandler):
    async def request_response(self, payload):
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(Payload(b"re " + bytes(payload.data)))
        return answer


async def server_asks_client():
    async with connect(handler_factory=Answers) as client:
        check(await ask(client, b"ask why") == b"re why", "another answer")


async def large_payloads():
    async with connect(fragment_size_bytes=60_000) as client:
        large = b"7" * (1 << 20)
        check(await ask(client, large) == large, "the echo differs")
        check(len(await ask(client, b"size 4000000")) == 4_000_000, "another size")


async def keepalive():
    options = {"keep_alive_period": timedelta(milliseconds=500), "max_lifetime_period": timedelta(seconds=4)}
    async with connect(**options) as client:
        taker = Taker()
        client.request_stream(Payload(b"1000000000 1000")).initial_request_n(1).subscribe(taker)
        end = asyncio.get_running_loop().time() + 9
        while asyncio.get_running_loop().time() < end:
            if taker.subscription:
                taker.subscription.request(50)
            await asyncio.sleep(0.02)
        check(not taker.error and len(taker.seen) > 1000, f"{taker.error}; {len(taker.seen)} came")
        taker.subscription.cancel()


async def lease():
    async with connect(honor_lease=True, request_queue_size=16) as client:
        check(await ask(client, b"leased") == b"leased", "the echo differs")


async def refused_setup():
    told = []

    class Hears(BaseRequestHandler):
        async def on_error(self, error_code, payload):
            told.append(bytes(payload.data).decode())

    async with connect(setup_payload=Payload(b"refuse me"), handler_factory=Hears):
        await eventually(lambda: told, "it was not told")
    check("refused as asked" in told[0], f"got {told[0]}")


async def server_restart():
    told = asyncio.Event()

    class Hears(BaseRequestHandler):
        async def on_close(self, rsocket, exception=None):
            told.set()

        async def on_error(self, error_code, payload):
            told.set()

    with contextlib.suppress(Exception):
        async with connect(handler_factory=Hears) as client:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(ask(client, b"restart"), PATIENCE)
            await asyncio.wait_for(told.wait(), PATIENCE)
    check(told.is_set(), "it was not told")
    for _ in range(PATIENCE * 10):
        with contextlib.suppress(Exception):
            async with connect() as client:
                if await asyncio.wait_for(ask(client, b"after"), 5) == b"after":
                    return
        await asyncio.sleep(0.1)
    check(False, "the server did not come back")


async def bad_metadata():
    async with connect(metadata_encoding=WellKnownMimeTypes.MESSAGE_RSOCKET_ROUTING) as client:
        socket = AwaitableRSocket(client)
        answer = await socket.request_response(Payload(b"route", b"\x05hello"))
        check(bytes(answer.data) == b"hello", f"another route: {answer.data}")
        try:
            await socket.request_response(Payload(b"route", b"notifications.stream"))
        except Exception as error:  # pylint: disable=broad-except
            check("byte 0" in str(error) and "sent without its length byte" in str(error), f"got {error}")
        else:
            check(False, "there was no error")
        check(await ask(client, b"after") == b"after", "the connection is gone")


CHECKS = {
    "request-response": request_response,
    "error of a request": error_of_a_request,
    "fire-and-forget": fire_and_forget,
    "metadata push": metadata_push,
    "request-stream": request_stream,
    "backpressure": backpressure,
    "request-channel": request_channel,
    "server asks client": server_asks_client,
    "large payloads": large_payloads,
    "keepalive past its lifetime": keepalive,
    "lease": lease,
    "refused SETUP": refused_setup,
    "server restart": server_restart,
    "bad metadata": bad_metadata,
}


async def main():
    for name, run in CHECKS.items():
        try:
            await asyncio.wait_for(run(), 2 * PATIENCE)
            outcome = "pass"
        except (Exception, asyncio.CancelledError) as error:  # pylint: disable=broad-except
            outcome = f"fail {type(error).__name__} {error}".replace("\n", " ")
        print(f"{name}: {outcome}", flush=True)
    print("resumption: none it is not implemented")
    print("malformed frame: none its socket is out of reach")


asyncio.run(main())
