"""The dialects, and the core behind them: whatever a venue sends ends as a ``MalformedFrame``, and in the core as none.

What is taken is held to what the record says of it: numbers of 64 bits, times before the year 10000; and each record
that the core makes of it can be read again.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tests.fuzz.readers import Read, Reader, of_function
from tests.support import bitstamp, kraken
from tests.support.bitstamp import BITSTAMP
from tests.support.bounds import bounds
from tests.support.captures import excerpt, lines
from tests.support.engines import book_engine
from tests.support.kraken import KRAKEN
from tests.support.venues import (
    BINANCE,
    BYBIT,
    COINBASE,
    OKX_SPOT,
    binance_book,
    binance_event,
    bybit_book,
    bybit_frame,
    coinbase_event,
    coinbase_frame,
    okx_book,
    okx_frame,
)

from market_data.adapters.kafka.records import decode, encode
from market_data.application.core import FeedCore
from market_data.application.inputs import Fetched, Frames, Input, Opened, Started, Ticked
from market_data.application.ports import Venue, VenueSession
from market_data.domain.effects import Fetch
from market_data.domain.errors import MalformedFrame, RequestFailed
from market_data.domain.events import Change, Event, Numbered, Snapshot
from market_data.domain.instrument import Instrument
from market_data.domain.moment import Moment
from market_data.domain.normalized import BookState, NormalizedBook

__all__ = ["READERS"]

_LARGEST_SEED = 6000
_FRAMES = 40
_YEAR_10000 = 253_402_300_800_000_000
_BIDS, _ASKS = [("100.10", "1"), ("100.00", "2.5")], [("100.20", "0.5"), ("100.3", "7")]
_BINANCE = [Instrument("binance", "BTC-USDT", "BTCUSDT"), Instrument("binance", "ETH-USDT", "ETHUSDT")]
_KRAKEN = [kraken.BTC, kraken.ETH]
_BITSTAMP = [bitstamp.BTC, bitstamp.ETH]
_COINBASE = [Instrument("coinbase", "BTC-USD", "BTC-USD"), Instrument("coinbase", "ETH-USD", "ETH-USD")]

_OKX = [Instrument("okx", symbol, symbol) for symbol in ("BTC-USDT", "ETH-USDT")]
_BYBIT = [Instrument("bybit", "BTC-USDT", "BTCUSDT"), Instrument("bybit", "ETH-USDT", "ETHUSDT")]


def _json(message: object) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def _real(name: str) -> list[bytes]:
    found = [line for line in lines(excerpt(name)) if len(line) <= _LARGEST_SEED]
    return found[:: max(1, len(found) // _FRAMES)][:_FRAMES]


def _binance_frames() -> list[bytes]:
    return [
        *_real("binance_btcusdt_excerpt.gz"),
        binance_event("ETHUSDT", 101, 103, _BIDS, _ASKS),
        binance_event("BTCUSDT", 101, 101, [], []),
        *(b'{"result":null,"id":1}', b'{"code":2,"msg":"Invalid request","id":1}', b'{"error":{"code":2},"id":"1"}'),
        b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1723161255208}}',
        b'{"e":"serverShutdown","E":1723161255208}',
        b'{"stream":"btcusdt@bookTicker","data":{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000"}}',
    ]


def _coinbase_frames() -> list[bytes]:
    return [
        coinbase_frame(0, [coinbase_event("snapshot", "BTC-USD", _BIDS, _ASKS)]),
        coinbase_frame(1, [coinbase_event("update", each, _BIDS, []) for each in ("BTC-USD", "ETH-USD")]),
        coinbase_frame(2, [{"subscriptions": {"level2": ["BTC-USD", "ETH-USD"]}}], "subscriptions"),
        coinbase_frame(3, [{"current_time": "2026-07-16 20:28:53", "heartbeat_counter": "7"}], "heartbeats"),
        coinbase_frame(4, [{"type": "update", "product_id": "BTC-USD", "updates": None}, {"type": "update"}]),
        coinbase_frame(5, [{"subscriptions": None}, {"subscriptions": {"level2": [None]}}], "subscriptions"),
        b'{"type":"error","message":"Failed to subscribe","reason":"No channels"}',
        *_real("coinbase_ten_products_excerpt.gz"),
    ]


def _kraken_frames() -> list[bytes]:
    book = {"bids": [], "asks": [], "checksum": 0}
    return [
        *kraken.frames_of(excerpt("kraken_btcusd_excerpt.gz")),
        *list(kraken.frames_of(excerpt("kraken_minagbp_resubscribe_excerpt.gz")))[:12],
        kraken.book_frame("update", "ETH/USD", _BIDS, _ASKS, kraken.naive_checksum(_BIDS, _ASKS)),
        _json({"channel": "book", "type": "update", "data": [{"symbol": "BTC/USD", **book}, {"symbol": "ETH/USD"}]}),
        kraken.acknowledgement("ETH/USD"),
        b'{"error":"Currency pair not supported ETH/USD","method":"subscribe","req_id":1,"success":false}',
        b'{"error":"Subscription Not Found","method":"unsubscribe","symbol":"ETH/USD","success":false}',
        b'{"method":"pong","req_id":42,"time_in":"2026-08-24T22:21:58.343688Z"}',
    ]


def _kraken_listings() -> bytes:
    pairs = [("BTC", "USD", "online"), ("DOGE", "EUR", "post_only"), ("OLD", "USD", "delisted")]
    found = {f"{base}/{quote}": {"base": base, "quote": quote, "status": status} for base, quote, status in pairs}
    return _json({"error": [], "result": found})


def _bitstamp_frames() -> list[bytes]:
    return [
        bitstamp.book_frame("btcusd", 1_787_612_486_338_338, _BIDS, _ASKS),
        bitstamp.acknowledgement("ethusd"),
        b'{"event":"bts:error","channel":"","data":{"code":null,"message":"Incorrect JSON format."}}',
        b'{"event":"bts:request_reconnect","channel":"","data":""}',
        b'{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}',
        *bitstamp.real_frames(),
    ]


def _bitstamp_book() -> bytes:
    return _json({"timestamp": "1787612488", "microtimestamp": "1787612488755002", "bids": _BIDS, "asks": _ASKS})


def _bitstamp_listings() -> bytes:
    market = {
        "name": "BTC/USD",
        "market_symbol": "btcusd",
        "base_currency": "BTC",
        "counter_currency": "USD",
        "trading": "Enabled",
        "market_type": "SPOT",
    }
    return _json([market, {**market, "market_symbol": "btcusd-perp", "market_type": "PERPETUAL"}])


def _coinbase_book() -> bytes:
    sides = {
        side: [{"price": price, "size": size} for price, size in levels]
        for side, levels in (("bids", _BIDS), ("asks", _ASKS))
    }
    return _json({"pricebook": {"product_id": "BTC-USD", **sides, "time": "2026-08-24T22:34:13.483122Z"}})


def _binance_listings() -> bytes:
    names = [("BTC", "USDT", "TRADING"), ("ETH", "USDT", "BREAK"), ("币安人生", "USDT", "HALT")]
    symbols = [
        {
            "symbol": base + quote,
            "status": status,
            "baseAsset": base,
            "quoteAsset": quote,
            "filters": [{"filterType": "X"}],
        }
        for base, quote, status in names
    ]
    return _json(
        {"timezone": "UTC", "serverTime": 1_565_246_363_776, "rateLimits": [{"limit": 6000}], "symbols": symbols}
    )


def _coinbase_listings() -> bytes:
    product = {
        "product_id": "BTC-USD",
        "price": "78856.05",
        "status": "online",
        "product_type": "SPOT",
        "base_currency_id": "BTC",
        "quote_currency_id": "USD",
        "is_disabled": False,
        "trading_disabled": False,
        "view_only": False,
        "auction_mode": False,
        "alias": "",
        "alias_to": ["BTC-USDC"],
    }
    alias = {**product, "product_id": "BTC-USDC", "alias": "BTC-USD", "alias_to": []}
    future = {**product, "product_id": "BIT-28AUG26-CDE", "product_type": "FUTURE", "auction_mode": True}
    return _json({"products": [product, alias, future], "num_products": 3})


def _okx_frames() -> list[bytes]:
    return [
        okx_frame("BTC-USDT", -1, 50, _BIDS, _ASKS, action="snapshot"),
        okx_frame("ETH-USDT", 50, 57, _BIDS, []),
        okx_frame("BTC-USDT", 57, 57, [], []),
        b'{"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"32f4414f"}',
        b'{"event":"error","code":"60018","msg":"channel:books,instId:ETH-USDT doesn\'t exist","connId":"1","id":"1"}',
        b'{"event":"notice","code":"64008","msg":"The connection will soon be closed.","connId":"1"}',
        b"pong",
        *_real("okx_btcusdt_excerpt.gz"),
    ]


def _bybit_frames() -> list[bytes]:
    return [
        bybit_frame("BTCUSDT", 50, _BIDS, _ASKS, kind="snapshot"),
        bybit_frame("ETHUSDT", 51, [], _ASKS),
        b'{"success":true,"ret_msg":"subscribe","conn_id":"1","req_id":"1","op":"subscribe"}',
        b'{"success":false,"ret_msg":"Invalid symbol :[orderbook.50.ETHUSDT]","conn_id":"1","op":"subscribe"}',
        b'{"success":true,"ret_msg":"pong","conn_id":"1","req_id":"p1","op":"ping"}',
        *_real("bybit_btcusdt_excerpt.gz"),
    ]


def _okx_listings() -> bytes:
    listed = {"instType": "SPOT", "instId": "BTC-USDT", "baseCcy": "BTC", "quoteCcy": "USDT", "state": "live"}
    auction = {**listed, "instId": "ETH-USDT", "baseCcy": "ETH", "auctionEndTime": "1787612486307", "state": "preopen"}
    return _json({"code": "0", "msg": "", "data": [listed, auction, {**listed, "instType": "SWAP"}]})


def _bybit_listings() -> bytes:
    listed = {"symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "status": "Trading"}
    entries = [listed, {**listed, "symbol": "币安人生USDT", "baseCoin": "币安人生", "status": "Closed"}]
    return _json({"retCode": 0, "retMsg": "OK", "result": {"category": "spot", "list": entries}, "time": 1})


def _session(venue: Venue, instruments: Sequence[Instrument]) -> Read:
    def read(frame: bytes) -> None:
        session = venue.session(instruments)
        session.opening()
        in_slices = _read_slices(session, frame)
        events = session.read(frame)
        assert in_slices is None or in_slices == events, "a frame read in slices is another than the whole"
        for event in events:
            _hold(event)

    return read


def _read_slices(session: VenueSession, frame: bytes) -> Sequence[Event] | None:
    reading = session.reading(frame)
    while True:
        try:
            next(reading)
        except StopIteration as end:
            events: Sequence[Event] | None = end.value
            return events


def _hold(event: Event) -> None:
    match event:
        case Numbered(number):
            _is_number(number)
        case Change():
            _is_number(event.first_id)
            _is_number(event.last_id)
            _is_time(event.event_time)
        case Snapshot():
            _is_number(event.sequence)
            _is_time(event.event_time)
        case _:
            pass


def _is_number(number: int | None) -> None:
    assert number is None or -(2**63) <= number < 2**63, "a number of more than 64 bits was taken"


def _is_time(time: int | None) -> None:
    assert time is None or 0 <= time < _YEAR_10000, "a time outside of 1970 to 9999 was taken"


def _book(venue: Venue, instrument: Instrument) -> Read:
    return lambda body: _hold(venue.read_book(instrument, 100, body))


def _clock(venue: Venue) -> Read:
    return lambda body: _is_time(venue.read_clock(body))


def _used_weight(value: bytes) -> object:
    return BINANCE.used_weight({"x-mbx-used-weight-1m": value.decode("latin-1"), "date": ""})


# the core: a book is live, then comes what was made of a frame or an answer, then time passes


@contextmanager
def _core_of(begin: Callable[["_Driven"], None], venue: Venue, instruments: Sequence[Instrument]) -> Iterator[Read]:
    def read(content: bytes) -> object:
        driven = _Driven(venue, instruments)
        begin(driven)
        return driven.finish(content)

    yield read


class _Driven:
    """A core that is given inputs, a tenth of a second apart."""

    def __init__(self, venue: Venue, instruments: Sequence[Instrument]) -> None:
        self._core = FeedCore(
            venue, instruments, bounds(depth=1, reseed_below_levels=2), frame_silence_seconds=20.0, books=book_engine()
        )
        self._moment = Moment(wall=1_723_161_255_000_000, mono=100.0)
        self._venue = venue
        self.fetches: list[Fetch] = []
        self.give(Started())
        self.give(Opened())

    def give(self, given: Input, seconds: float = 0.1) -> None:
        """Give one input; every state that comes of it is looked at."""
        self._moment = Moment(self._moment.wall + round(seconds * 1e6), self._moment.mono + seconds)
        for output in self._core.handle(given, self._moment):
            if isinstance(output, Fetch):
                self.fetches.append(output)
            elif isinstance(output, BookState):
                decode(encode(NormalizedBook.of(output, "20240808T000001.000000Z-1f2e3d4c", 0, 0)))

    def finish(self, content: bytes) -> None:
        """Give what was made as frames, then as the answer to all that is asked for."""
        self.give(Frames(content.split(b"\n")))
        for fetch in self.fetches[-2:]:
            self.give(Fetched(fetch, content))
        for seconds in (0.1, 1.0, 4.0, 4.0, 4.9):
            self.give(Ticked(), seconds)
        for fetch in self.fetches[-2:]:
            self.give(Fetched(fetch, content))
        self.give(Ticked())


def _spliced(driven: _Driven) -> None:
    driven.give(Frames([b'{"result":null,"id":1}']))
    driven.give(Fetched(driven.fetches[0], binance_book(100, _BIDS, _ASKS)))
    driven.give(Frames([binance_event("BTCUSDT", 101, 101, [("99", "2")], [])]))


def _counted(driven: _Driven) -> None:
    driven.give(Frames([coinbase_frame(0, [coinbase_event("snapshot", "BTC-USD", _BIDS, _ASKS)])]))


def _chained(driven: _Driven) -> None:
    driven.give(Frames([okx_frame("BTC-USDT", -1, 50, _BIDS, _ASKS, 1_723_161_255_000, action="snapshot")]))


def _topical(driven: _Driven) -> None:
    driven.give(Frames([bybit_frame("BTCUSDT", 50, _BIDS, _ASKS, 1_723_161_255_000, kind="snapshot")]))


def _summed(driven: _Driven) -> None:
    driven.give(Frames([kraken.acknowledgement("BTC/USD")]))
    driven.give(Frames([kraken.book_frame("snapshot", "BTC/USD", _BIDS, _ASKS, kraken.naive_checksum(_BIDS, _ASKS))]))


def _unproven(driven: _Driven) -> None:
    driven.give(Frames([bitstamp.acknowledgement("btcusd")]))
    driven.give(Frames([bitstamp.book_frame("btcusd", 1_723_161_255_000_000, _BIDS, _ASKS)]))


def _core_seeds_binance() -> list[bytes]:
    frames = [
        binance_event("BTCUSDT", 102, 103, [("100.10", "0"), ("98", "1")], [("100.20", "3")], 1_723_161_255_400),
        binance_event("BTCUSDT", 101, 110, _BIDS, _ASKS, 1_723_161_255_400),
        binance_event("ETHUSDT", 7, 9, _BIDS, _ASKS, 1_723_161_255_400),
        binance_event("BTCUSDT", 105, 106, [], [("100.20", "0"), ("100.3", "0")], 1_723_161_255_400),
    ]
    return [
        *frames,
        b"\n".join(frames[:2]),
        b"\n".join(frames),
        binance_book(101, _BIDS, _ASKS),
        *_binance_frames()[-6:],
    ]


def _core_seeds_coinbase() -> list[bytes]:
    frames = [
        coinbase_frame(1, [coinbase_event("update", "BTC-USD", [("100.10", "0")], [("100.4", "1")])]),
        coinbase_frame(2, [coinbase_event("snapshot", "ETH-USD", _BIDS, _ASKS)]),
        coinbase_frame(1, [coinbase_event("update", each, _BIDS, _ASKS) for each in ("BTC-USD", "ETH-USD")]),
        coinbase_frame(1, [{"subscriptions": {"level2": ["BTC-USD"]}}], "subscriptions"),
    ]
    return [*frames, b"\n".join(frames[:2]), _coinbase_book(), *_coinbase_frames()[-5:]]


def _core_seeds_okx() -> list[bytes]:
    frames = [
        okx_frame("BTC-USDT", 50, 57, [("100.10", "0"), ("98", "1")], [("100.20", "3")], 1_723_161_255_400),
        okx_frame("BTC-USDT", 57, 3, [], [("100.4", "1")], 1_723_161_255_500),
        okx_frame("BTC-USDT", 50, 50, [], [], 1_723_161_255_400),
        okx_frame("ETH-USDT", 5, 7, _BIDS, _ASKS, 1_723_161_255_400),
        okx_frame("ETH-USDT", -1, 7, _BIDS, _ASKS, 1_723_161_255_400, action="snapshot"),
    ]
    books = [okx_book(57, _BIDS, _ASKS, 1_723_161_255_400), okx_book(None, _BIDS, [])]
    return [*frames, b"\n".join(frames[:2]), b"\n".join(frames), *books, *_okx_frames()[3:7]]


def _core_seeds_bybit() -> list[bytes]:
    frames = [
        bybit_frame("BTCUSDT", 51, [("100.10", "0"), ("98", "1")], [("100.20", "3")], 1_723_161_255_400),
        bybit_frame("BTCUSDT", 52, [], [("100.4", "1")], 1_723_161_255_500),
        bybit_frame("BTCUSDT", 1, _BIDS, _ASKS, 1_723_161_255_600, kind="snapshot"),
        bybit_frame("BTCUSDT", 1, [], [], 1_723_161_255_600),
        bybit_frame("ETHUSDT", 7, _BIDS, _ASKS, 1_723_161_255_400, kind="snapshot"),
    ]
    book = bybit_book("BTCUSDT", _BIDS, _ASKS, 1_723_161_255_400)
    return [*frames, b"\n".join(frames[:2]), b"\n".join(frames), book, *_bybit_frames()[2:5]]


def _core_seeds_kraken() -> list[bytes]:
    time, gone = "2024-08-08T23:54:16.100000Z", [("100.10", "0"), ("98.00", "1")]
    bids = [("100.00", "2.5"), ("98.00", "1")]
    frames = [
        kraken.book_frame("update", "BTC/USD", gone, [], kraken.naive_checksum(bids, _ASKS), time),
        kraken.book_frame("update", "BTC/USD", gone, [], 7, time),
        kraken.book_frame("snapshot", "ETH/USD", _BIDS, _ASKS, kraken.naive_checksum(_BIDS, _ASKS), time),
        kraken.book_frame("snapshot", "BTC/USD", bids, _ASKS, kraken.naive_checksum(bids, _ASKS), time),
    ]
    return [*frames, b"\n".join(frames[:2]), b"\n".join(frames), *_kraken_frames()[-6:]]


def _core_seeds_bitstamp() -> list[bytes]:
    time = 1_723_161_256_000_000
    frames = [
        bitstamp.book_frame("btcusd", time, _BIDS, [("100.20", "3")]),
        bitstamp.book_frame("btcusd", time + 1, _BIDS[:1], _ASKS),
        bitstamp.book_frame("ethusd", time, _BIDS, _ASKS),
    ]
    return [*frames, b"\n".join(frames), _bitstamp_book(), *_bitstamp_frames()[1:5]]


READERS: Sequence[Reader] = (
    of_function(
        "binance frame", _session(BINANCE, _BINANCE), _binance_frames, MalformedFrame, tokens=(b"@depth", b"BTC")
    ),
    of_function("coinbase frame", _session(COINBASE, _COINBASE), _coinbase_frames, MalformedFrame),
    of_function(
        "binance book",
        _book(BINANCE, _BINANCE[0]),
        lambda: [binance_book(1_027_024, _BIDS, _ASKS), b'{"code":-1121,"msg":"Invalid symbol."}'],
        MalformedFrame,
    ),
    of_function(
        "coinbase book",
        _book(COINBASE, _COINBASE[0]),
        lambda: [_coinbase_book(), b'{"error":"NOT_FOUND","message":"product"}'],
        MalformedFrame,
    ),
    of_function("binance listings", BINANCE.read_listings, lambda: [_binance_listings()], MalformedFrame),
    of_function("coinbase listings", COINBASE.read_listings, lambda: [_coinbase_listings()], MalformedFrame),
    of_function("binance clock", _clock(BINANCE), lambda: [b'{"serverTime":1770123456789}'], MalformedFrame),
    of_function(
        "coinbase clock",
        _clock(COINBASE),
        lambda: [b'{"iso":"2026-08-24T22:34:13Z","epochSeconds":"1787610853","epochMillis":"1787610853123"}'],
        MalformedFrame,
    ),
    of_function("okx frame", _session(OKX_SPOT, _OKX), _okx_frames, MalformedFrame, tokens=(b"books", b"instId")),
    of_function("bybit frame", _session(BYBIT, _BYBIT), _bybit_frames, MalformedFrame, tokens=(b"orderbook.50.",)),
    of_function(
        "okx book",
        _book(OKX_SPOT, _OKX[0]),
        lambda: [okx_book(50, _BIDS, _ASKS), okx_book(None, [], []), b'{"code":"51001","msg":"no","data":[]}'],
        MalformedFrame,
    ),
    of_function(
        "bybit book",
        _book(BYBIT, _BYBIT[0]),
        lambda: [bybit_book("BTCUSDT", _BIDS, _ASKS), b'{"retCode":10001,"retMsg":"no","result":{},"time":1}'],
        MalformedFrame,
    ),
    of_function("okx listings", OKX_SPOT.read_listings, lambda: [_okx_listings()], MalformedFrame),
    of_function("bybit listings", BYBIT.read_listings, lambda: [_bybit_listings()], MalformedFrame),
    of_function(
        "okx clock",
        _clock(OKX_SPOT),
        lambda: [b'{"code":"0","msg":"","data":[{"ts":"1597026383085"}]}'],
        MalformedFrame,
    ),
    of_function(
        "bybit clock",
        _clock(BYBIT),
        lambda: [b'{"retCode":0,"retMsg":"OK","result":{"timeNano":"1688639403423213947"},"time":1688639403423}'],
        MalformedFrame,
    ),
    of_function("binance used weight", _used_weight, lambda: [b"1234", b""]),
    of_function(
        "kraken frame",
        _session(KRAKEN, _KRAKEN),
        _kraken_frames,
        MalformedFrame,
        tokens=(b"BTC/USD", b'"symbol":', b'"price":', b"1e-8"),
    ),
    of_function(
        "kraken book",
        _book(KRAKEN, _KRAKEN[0]),
        lambda: [
            b'{"error":[],"result":{"XXBTZUSD":{"asks":[["78858.30000","4.520",1787609576]],"bids":[]}}}',
            b'{"error":["EQuery:Unknown asset pair"]}',
        ],
        MalformedFrame,
        RequestFailed,
    ),
    of_function(
        "kraken listings",
        KRAKEN.read_listings,
        lambda: [_kraken_listings(), b'{"error":["EGeneral:Too many requests"]}'],
        MalformedFrame,
        RequestFailed,
    ),
    of_function(
        "kraken clock",
        _clock(KRAKEN),
        lambda: [b'{"error":[],"result":{"unixtime":1787609576,"rfc1123":"Mon, 24 Aug 26 22:12:56 +0000"}}'],
        MalformedFrame,
        RequestFailed,
    ),
    of_function(
        "bitstamp frame",
        _session(BITSTAMP, _BITSTAMP),
        _bitstamp_frames,
        MalformedFrame,
        tokens=(b"order_book_btcusd", b'"event":"data"'),
    ),
    of_function("bitstamp book", _book(BITSTAMP, _BITSTAMP[0]), lambda: [_bitstamp_book()], MalformedFrame),
    of_function("bitstamp listings", BITSTAMP.read_listings, lambda: [_bitstamp_listings()], MalformedFrame),
    of_function("bitstamp clock", _clock(BITSTAMP), lambda: [_bitstamp_book()], MalformedFrame),
    Reader("binance core", lambda: _core_of(_spliced, BINANCE, _BINANCE), _core_seeds_binance, short=1000),
    Reader("okx core", lambda: _core_of(_chained, OKX_SPOT, _OKX), _core_seeds_okx, short=1000),
    Reader("bybit core", lambda: _core_of(_topical, BYBIT, _BYBIT), _core_seeds_bybit, short=1000),
    Reader("coinbase core", lambda: _core_of(_counted, COINBASE, _COINBASE), _core_seeds_coinbase, short=1000),
    Reader("kraken core", lambda: _core_of(_summed, KRAKEN, _KRAKEN), _core_seeds_kraken, short=1000),
    Reader("bitstamp core", lambda: _core_of(_unproven, BITSTAMP, _BITSTAMP), _core_seeds_bitstamp, short=1000),
)
