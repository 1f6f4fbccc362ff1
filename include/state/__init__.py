"""The state store: data that must outlive a run, in SQLite or PostgreSQL.

`open_state_store` returns a `StateStore`; `upgrade` brings its tables up to date.
"""

from include.state.erasure import Traces
from include.state.figures import AppliedChange, ReasonCount
from include.state.identity import ForeignAccount, ReadStoreId
from include.state.post_marks import PostMark, PurchaseToPost
from include.state.purchases import PurchaseOutcome, StoredPurchase
from include.state.record_search import FoundRecord, RecordFilter, RecordOrder, RunRecords, Seen
from include.state.records import RecordOutcome, StoredOutcome
from include.state.reports import StoredReport
from include.state.schema import upgrade
from include.state.shop import Shop
from include.state.state_store import StateStore, open_state_store
from include.state.subscription_changes import PendingEvent, SubscriptionChange, SubscriptionState
from include.state.task_failures import StoredFailure

__all__ = [
    "AppliedChange",
    "ForeignAccount",
    "FoundRecord",
    "PendingEvent",
    "PostMark",
    "PurchaseOutcome",
    "PurchaseToPost",
    "ReadStoreId",
    "ReasonCount",
    "RecordFilter",
    "RecordOrder",
    "RecordOutcome",
    "RunRecords",
    "Seen",
    "Shop",
    "StateStore",
    "StoredFailure",
    "StoredOutcome",
    "StoredPurchase",
    "StoredReport",
    "SubscriptionChange",
    "SubscriptionState",
    "Traces",
    "open_state_store",
    "upgrade",
]
