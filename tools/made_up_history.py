"""Thirty days of made-up runs in a state store, for the pictures and to try the status page."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from include.outcomes import Cause, Outcome, PipelineName, Reason
from include.page.trends import DAYS
from include.pipelines import CALLBACK_RUN, PIPELINES
from include.report import Calls, CatalogueChange, Compared, PriceChange, Report, StageCounts, Tracking
from include.shops import dag_id_of
from include.state import (
    PurchaseOutcome,
    RecordOutcome,
    Shop,
    StateStore,
    SubscriptionChange,
    open_state_store,
)
from include.window import Window

HOURS = {PipelineName.PRODUCTS: 5, PipelineName.CONTACTS: 6, PipelineName.PURCHASES: 7}
"""When the daily runs start, in UTC."""


def fill(url: str, hash_key: str, accounts: Shop, now: datetime) -> None:
    """Write the history of the days before `now` to a state store with tables and without this shop."""
    dice = random.Random(_section_of(accounts) or 20261123)  # noqa: S311 - the same history every time
    at = now
    with open_state_store(url, hash_key, accounts, clock=lambda: at) as state:
        for back in range(DAYS, -1, -1):
            at = now - timedelta(days=back)
            midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
            _fill_day(state, midnight, back, now, dice)
            _changes(state, at, dice)
            if back % _RECORD_DAYS == 0:
                _fill_records(state, midnight, dice, keep=back // _RECORD_DAYS)
        _waiting(state, now)


_RECORD_DAYS = 6
"""Every so many days, records were not sent; those of the last day are the most."""


def _fill_records(state: StateStore, midnight: datetime, dice: random.Random, *, keep: int) -> None:
    """Save records that were not sent. Some of them were seen before, with other attempts."""
    share = dice.uniform(0.1, 0.9) if _section_of(state.shop) else 1
    for pipeline, hour in {**HOURS, PipelineName.NEWSLETTER: 1}.items():
        run_key = _run_key(state, pipeline, midnight + timedelta(hours=hour))
        same = random.Random(str(pipeline))  # noqa: S311 - the same keys every time
        rows = list(_outcomes(pipeline, same))
        state.records.save(
            pipeline, run_key, dice.sample(rows, k=max(1, int(share * len(rows)) // (keep + 1)))
        )


def _section_of(shop: Shop) -> str:
    """The shop's section in the settings; without one its name is its VTEX account."""
    return "" if shop.name == shop.vtex_account else shop.name


def _dag_id(state: StateStore, pipeline: PipelineName) -> str:
    return dag_id_of(PIPELINES[pipeline].dag_id, _section_of(state.shop))


def _run_key(state: StateStore, pipeline: PipelineName, started: datetime) -> str:
    return f"{_dag_id(state, pipeline)}/{_run_id(pipeline, started)}/0"


def _run_id(pipeline: PipelineName, started: datetime) -> str:
    kind = CALLBACK_RUN if pipeline is PipelineName.NEWSLETTER else "scheduled__"
    return f"{kind}{started:%Y-%m-%dT%H:%M:%S}+00:00"


def _fill_day(state: StateStore, midnight: datetime, back: int, now: datetime, dice: random.Random) -> None:
    for pipeline, hour in HOURS.items():
        started = midnight + timedelta(hours=hour, minutes=dice.randrange(3))
        if started < now:
            _save(state, pipeline, _daily(pipeline, midnight, dice), started, failed=(pipeline, back) in _BAD)
    _purchases(state, midnight, dice)
    if midnight.weekday() == 6:
        _save(state, PipelineName.RECONCILE, _comparison(dice), midnight + timedelta(hours=9))
    _newsletter(state, midnight, dice)


def _changes(state: StateStore, at: datetime, dice: random.Random) -> None:
    """The subscription changes of a day. Most are applied within seconds."""
    taken = (timedelta(seconds=min(dice.lognormvariate(1.1, 0.6), 300)) for _ in range(20))
    changes = {
        state.hashed(f"{at}-{n}@example.com"): SubscriptionChange(at - one, True)
        for n, one in enumerate(taken)
    }
    state.newsletter.claim(changes)
    state.newsletter.record_applied(changes)


def _waiting(state: StateStore, now: datetime) -> None:
    """Events for customers that VTEX does not know yet."""
    for number in range(17):
        email, at = f"{number}@example.com", now - timedelta(hours=1)
        state.newsletter.add_pending(email, True, at, now + timedelta(minutes=10), 1)


_BAD = ((PipelineName.PURCHASES, 11), (PipelineName.CONTACTS, 4), (PipelineName.CONTACTS, 3))
"""Pipeline and days ago of failed runs."""
_PAYMENTS = {"Pix": 0.12, "Visa": 0.03, "Mastercard": 0.04, "Boleto Bancário": 0.35, "Visa, Vale": 0.05}
"""Payment methods, the most frequent first, each with the share that the web tag misses."""
_PRICES = (
    ("1207", "Tênis de corrida Aurora", "499.90", "249.90"),
    ("3391", "Mochila urbana 22 L", "189.00", "279.00"),
    ("882", "Garrafa térmica 750 ml", "119.90", "89.90"),
    ("15530", "Jaqueta corta-vento com capuz removível e bolsos laterais", "899.00", "1099.00"),
    ("7714", "Meia esportiva, 3 pares", "39.90", "34.90"),
    ("2045", "Relógio digital Trilha", "649.00", "599.00"),
    ("2046", "Relógio digital Trilha Pro", "1249.00", "1199.00"),
    ("610", "Camiseta Dry UV50", "89.90", "92.90"),
    ("611", "Camiseta Dry UV50, infantil", "69.90", "71.90"),
    ("9021", "Bola de vôlei de praia", "159.90", "157.90"),
)
"""Product id, name, price before and price now."""


def _save(
    state: StateStore, pipeline: PipelineName, report: Report, started: datetime, *, failed: bool = False
) -> None:
    seconds = sum(report.counts.seconds.values())
    state.reports.save(
        report,
        pipeline,
        dag_id=_dag_id(state, pipeline),
        run_id=_run_id(pipeline, started),
        clear_number=0,
        run_key=_run_key(state, pipeline, started),
        state="failed" if failed else "success",
        started_at=started,
        finished_at=started + timedelta(seconds=seconds),
    )


def _daily(pipeline: PipelineName, midnight: datetime, dice: random.Random) -> Report:
    window = Window(midnight - timedelta(days=1), midnight)
    weekend = 0.6 if midnight.weekday() in {5, 6} else 1.0
    if pipeline is PipelineName.PRODUCTS:
        counts = _counts(
            {Outcome.SENT: 18_400 + dice.randrange(60)}, {Reason.PRICE_MISSING: 30, Reason.URL_MISSING: 4}
        )
        counts.calls = {"vtex": _calls(430, dice), "connectif": _calls(24, dice)}
        counts.seconds = {
            "extract": 95 + dice.random() * 20,
            "transform": 9.0,
            "load": 60 + dice.random() * 30,
        }
        counts.catalogue = _catalogue(dice)
        return Report(pipeline=pipeline, mode="full", counts=counts)
    if pipeline is PipelineName.CONTACTS:
        sent = int(2_600 * weekend + dice.randrange(700))
        counts = _counts(
            {Outcome.SENT: sent}, {Reason.EMAIL_MISSING: dice.randrange(8), Reason.EMAIL_MASKED: 2}
        )
        counts.calls = {"vtex": _calls(28, dice), "connectif": _calls(14, dice)}
        counts.seconds = {
            "extract": 14 + dice.random() * 8,
            "transform": 2.5,
            "load": 40 + dice.random() * 15,
        }
        return Report(pipeline=pipeline, mode="window", window=window, counts=counts)
    tracked, added = int(1_500 * weekend + dice.randrange(200)), int(90 * weekend + dice.randrange(60))
    added += 400 if dice.random() < 0.06 else 0
    counts = _counts(
        {Outcome.SENT: added}, {Reason.ALREADY_TRACKED: tracked, Reason.CONTACT_UNRESOLVED: dice.randrange(6)}
    )
    counts.tracking = {str(window.start.date()): Tracking(tracked=tracked, added=added)}
    counts.calls = {"vtex": _calls(tracked + added, dice), "connectif": _calls(added + 6, dice)}
    counts.seconds = {"extract": 80 * weekend, "transform": 3.0, "load": added / 1.3}
    return Report(pipeline=pipeline, mode="window", window=window, counts=counts)


def _catalogue(dice: random.Random) -> CatalogueChange:
    return CatalogueChange(
        new=12 + dice.randrange(40),
        withdrawn=dice.randrange(20),
        price_up=100 + dice.randrange(400),
        price_down=300 + dice.randrange(1_200),
        largest=[
            PriceChange(product_id=key, name=name, before=Decimal(before), after=Decimal(after))
            for key, name, before, after in _PRICES
        ],
    )


def _purchases(state: StateStore, midnight: datetime, dice: random.Random) -> None:
    """Some purchases of a day, each with its payment method and sales channel."""
    names = list(_PAYMENTS)
    rows = []
    for number in range(60):
        payment = names[min(int(dice.expovariate(1)), len(names) - 1)]
        outcome = _tag_outcome(payment, dice)
        rows.append(
            PurchaseOutcome(
                f"{midnight:%Y%m%d}-{number}",
                outcome,
                Reason.CONTACT_UNRESOLVED if outcome is Outcome.HELD else None,
                "",
                [f"{midnight:%Y%m%d}-{number}-01"],
                midnight,
                payment_method=payment,
                sales_channel="2" if dice.random() < 0.1 else "1",
            )
        )
    state.purchases.record(f"{midnight:%Y-%m-%d}", rows)


def _tag_outcome(payment: str, dice: random.Random) -> Outcome:
    if dice.random() < 0.01:
        return Outcome.HELD
    return Outcome.SENT if dice.random() < _PAYMENTS[payment] else Outcome.ALREADY_THERE


def _counts(outcomes: dict[Outcome, int], reasons: dict[Reason, int]) -> StageCounts:
    counts = StageCounts(written=outcomes[Outcome.SENT])
    for outcome, how_many in outcomes.items():
        counts.count(outcome, how_many)
    for reason, how_many in reasons.items():
        counts.count(reason, how_many)
    counts.read = counts.outcomes.total()
    return counts


def _calls(about: int, dice: random.Random) -> Calls:
    throttled = dice.randrange(3)
    return Calls(made=about + dice.randrange(5), throttled=throttled, retried=throttled)


_CAUSES: dict[PipelineName, dict[Cause, int]] = {
    PipelineName.CONTACTS: {Cause.ONLY_AT_CONNECTIF: 1_840, Cause.DUPLICATE: 31, Cause.REJECTED: 86},
    PipelineName.PRODUCTS: {Cause.HIDDEN: 412, Cause.DIFFERS: 3},
    PipelineName.PURCHASES: {Cause.GONE: 2, Cause.TOO_YOUNG: 120, Cause.CANCELED: 31, Cause.OTHER_TIME: 7},
}


def _comparison(dice: random.Random) -> Report:
    counts = StageCounts(
        calls={"vtex": Calls(made=560), "connectif": Calls(made=62)},
        seconds={"compare_contacts": 140.0, "compare_products": 65.0, "compare_purchases": 48.0},
    )
    found = {pipeline: _compared(pipeline, causes, dice) for pipeline, causes in _CAUSES.items()}
    return Report(pipeline=PipelineName.RECONCILE, mode="compare", counts=counts, compared=found)


def _compared(pipeline: PipelineName, causes: dict[Cause, int], dice: random.Random) -> Compared:
    numbers = Counter({cause: max(1, number + dice.randrange(-1, 2)) for cause, number in causes.items()})
    return Compared(
        at_vtex=11_300,
        at_connectif=11_150,
        compared=11_320,
        same=11_320 - numbers.total(),
        causes=numbers,
        examples={
            cause: [_compared_key(pipeline, cause, dice) for _ in range(min(3, number))]
            for cause, number in numbers.items()
        },
    )


def _compared_key(pipeline: PipelineName, cause: Cause, dice: random.Random) -> str:
    if cause is Cause.ONLY_AT_CONNECTIF:
        return f"{dice.getrandbits(96):024x}"
    return _key(pipeline, dice).removesuffix("-01")


def _newsletter(state: StateStore, midnight: datetime, dice: random.Random) -> None:
    for _ in range(dice.randrange(1, 5)):
        counts = _counts({Outcome.SENT: dice.randrange(1, 6)}, {})
        counts.calls = {"vtex": Calls(made=2 + counts.read)}
        counts.seconds = {"apply": 0.4 + dice.random()}
        started = midnight + timedelta(minutes=dice.randrange(180))
        _save(
            state,
            PipelineName.NEWSLETTER,
            Report(pipeline=PipelineName.NEWSLETTER, mode="events", counts=counts),
            started,
        )


def _outcomes(pipeline: PipelineName, dice: random.Random) -> Iterator[RecordOutcome]:
    of = {
        PipelineName.CONTACTS: {
            Reason.EMAIL_MISSING: (74, ""),
            Reason.EMAIL_MASKED: (12, ""),
            Reason.DUPLICATE_EMAIL: (31, ""),
        },
        PipelineName.PRODUCTS: {Reason.PRICE_MISSING: (30, ""), Reason.URL_MISSING: (4, "")},
        PipelineName.PURCHASES: {
            Reason.CONTACT_UNRESOLVED: (9, ""),
            Reason.ORDER_CANCELED: (212, "status canceled"),
            Reason.TARGET_REJECTED: (3, "E0301: products: at least one is needed"),
        },
        PipelineName.NEWSLETTER: {Reason.UNKNOWN_CONTACT: (17, "")},
    }
    for reason, (how_many, detail) in of[pipeline].items():
        for _ in range(how_many):
            yield RecordOutcome(_key(pipeline, dice), reason.outcome, reason, detail)


def _key(pipeline: PipelineName, dice: random.Random) -> str:
    if pipeline is PipelineName.PRODUCTS:
        return str(dice.randrange(1_000, 40_000))
    if pipeline is PipelineName.PURCHASES:
        return f"{dice.randrange(10**12, 2 * 10**12)}-01"
    digits = f"{dice.getrandbits(256):064x}"
    if pipeline is PipelineName.NEWSLETTER:
        return digits
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))
