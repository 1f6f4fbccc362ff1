"""The parameters of the DAGs, for Airflow's trigger form and the checks of its API. Light to import."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Param

from include.errors import ConfigurationError, ParameterError
from include.outcomes import PipelineName
from include.parameters import unknown_parameters
from include.pipelines import CONTACTS, DAILY_PIPELINES, NEWSLETTER, PRODUCTS, PURCHASES, RECONCILE
from include.plan import LONGEST_KEY, MOST_KEYS, RunRequest, check_request
from include.shops import base_of
from plugins.runs.newsletter_params import DRY_RUN, NEWSLETTER_PARAMS
from plugins.runs.param_values import wrong_values

DAILY_PARAMS: dict[str, Param] = {
    "mode": Param(
        "auto",
        enum=["auto", "full", "window", "replay"],
        type="string",
        title="Mode (mode)",
        description=(
            "auto: the same as a scheduled run; full: everything; window: only the time between Window from "
            "and Window to; replay: only records that were not sent, see What to replay."
        ),
    ),
    "replay": Param(
        None,
        type=["null", "string"],
        pattern=r"^[^@\s]+$",
        maxLength=MOST_KEYS * (LONGEST_KEY + 1),
        title="What to replay (replay)",
        description=(
            "For mode replay: all (rejected and held records), a reason code such as target_rejected, or "
            f"up to {MOST_KEYS} keys of records with commas between them. Empty means all."
        ),
    ),
    "window_start": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="Window from (window_start)",
        description=(
            "Date and time with offset. Set both Window from and Window to, or neither. "
            "Leave both empty in a back-fill: its own dates count."
        ),
    ),
    "window_end": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="Window to (window_end)",
        description="Date and time with offset. The run takes records before this instant.",
    ),
    "only": Param(
        None,
        type=["null", "string"],
        pattern=r"^[^@\s]+$",
        maxLength=100,
        title="Only one record (only)",
        description=(
            "The id of a customer document, a product or an order. The run takes only this record and logs "
            "each step."
        ),
    ),
    "allow_mass_change": Param(
        False,
        type="boolean",
        title="Allow a mass change (allow_mass_change)",
        description="Turns off the mass-change guard for this run. First read the error of the stopped run.",
    ),
    "dry_run": DRY_RUN,
}


_ALLOW_EMPTY = Param(
    False,
    type="boolean",
    title="Allow an empty load (allow_empty)",
    description="Lets a full load pass that finds no record at VTEX. First read the error of the failed run.",
)

LOAD_PARAMS: dict[str, Param] = DAILY_PARAMS | {"allow_empty": _ALLOW_EMPTY}

RECONCILE_PARAMS: dict[str, Param] = {
    "pipelines": Param(
        ["contacts", "products", "purchases"],
        type="array",
        items={"type": "string", "enum": ["contacts", "products", "purchases"]},
        examples=["contacts", "products", "purchases"],
        minItems=1,
        uniqueItems=True,
        title="Pipelines (pipelines)",
        description="The pipelines to compare.",
    ),
    "window_start": DAILY_PARAMS["window_start"],
    "window_end": DAILY_PARAMS["window_end"],
    "repair": Param(
        False,
        type="boolean",
        title="Repair (repair)",
        description=(
            "Sends the purchases that are missing at Connectif, without workflow triggers. "
            "Repairs nothing else."
        ),
    ),
}


PARAMS: dict[str, dict[str, Param]] = {
    CONTACTS.dag_id: LOAD_PARAMS,
    PRODUCTS.dag_id: LOAD_PARAMS,
    PURCHASES.dag_id: DAILY_PARAMS,
    RECONCILE.dag_id: RECONCILE_PARAMS,
    NEWSLETTER.dag_id: NEWSLETTER_PARAMS,
    "check_setup": {},
}
"""The parameters by DAG; the DAGs of every shop have the same ones."""

KNOWN_PARAMS = {dag_id: frozenset(params) for dag_id, params in PARAMS.items()}
"""The allowed keys of a run's conf, by DAG."""

_DAILY_BY_DAG = {pipeline.dag_id: pipeline for pipeline in DAILY_PIPELINES.values()}
_TEXTS = ("mode", "window_start", "window_end", "only", "replay")


def refusal_of(dag_id: str, conf: Mapping[str, Any], run_type: str) -> str | None:
    """Why a run with this conf must not be created; None if it is allowed, or if the DAG is not ours.

    `run_type` is `manual` or `backfill`.
    """
    dag_id = base_of(dag_id)
    if dag_id not in PARAMS:
        return None
    if problem := unknown_parameters(conf, KNOWN_PARAMS[dag_id]):
        return f"The conf has an {problem}"
    if problem := wrong_values(conf, PARAMS[dag_id]):
        return f"The conf is not valid: {problem}"
    try:
        _check_together(dag_id, conf, run_type)
    except ConfigurationError as contradiction:
        return str(contradiction)
    return None


def _check_together(dag_id: str, conf: Mapping[str, Any], run_type: str) -> None:
    texts = {name: conf[name] for name in _TEXTS if isinstance(conf.get(name), str)}
    request = RunRequest(run_type=run_type, run_after=datetime.now(UTC), **texts)
    if dag_id == RECONCILE.dag_id:
        request.asked_window()
        check_repair(bool(conf.get("repair")), conf.get("pipelines", list(PipelineName)))
    elif pipeline := _DAILY_BY_DAG.get(dag_id):
        check_request(request, pipeline)


def check_repair(repair: bool, pipelines: Any) -> None:
    """ParameterError if `repair` is set without purchases, the only pipeline that it repairs."""
    if repair and PipelineName.PURCHASES not in pipelines:
        raise ParameterError("repair sends purchases: add purchases to pipelines, or leave repair out")
