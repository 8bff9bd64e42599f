"""Records made-up results as a search records its own: what the tests of tracking and its readers share."""

from pathlib import Path

from analysis.results import SearchResults, evaluation_to_json
from analysis.tables import COST_COLUMNS, CURVE_TEXTS, configuration_of
from trainables.tracking.records import TrialHeader
from trainables.tracking.search_recorder import SearchRecorder

STARTED_MS = 1_767_322_000_000
"""When the first trial started; every trial starts a minute after the one before."""


def record_search(recorder: SearchRecorder, results: SearchResults) -> str:
    """Record a whole search, as its driver would; return the id of its run."""
    run = recorder.open_search(results.settings)
    for number, row in enumerate(results.trials.to_dict("records")):
        trial_id, started = row["trial_id"], STARTED_MS + 60_000 * number
        recorder.open_trial(
            TrialHeader(
                trial_id=trial_id,
                space=row["space"],
                phase=row["phase"],
                role=row["role"],
                seed=row["seed"],
                config=configuration_of(row),
                started_ms=started,
                source_trial_id=row["source_trial_id"] or None,
            )
        )
        curve = results.curves[results.curves["trial_id"] == trial_id].drop(columns=list(CURVE_TEXTS))
        for evaluation in curve.to_dict("records"):
            step = int(evaluation["step"])
            recorder.log_evaluation(trial_id, step, evaluation, started + step * 100)
        ended = started + 59_000
        recorder.close_trial(trial_id, row["stop_reason"], row["step"], ended, row["error"] or None)
        recorder.log_costs(trial_id, {name: row[name] for name in COST_COLUMNS}, ended)
    for test in results.tests:
        recorder.log_test(evaluation_to_json(test))
    recorder.log_panels(results.trials["trial_id"].iloc[1], results.panels)
    recorder.log_summary(
        {"trials": {"completed": 2}, "best": {"unet": {"trial_id": "unet-1", "best_miou": 0.76}}},
        verdict="unet: undecided",
        report=Path("runs/example/report/index.html"),
        timestamp_ms=STARTED_MS + 10**7,
    )
    recorder.close_search("finished", STARTED_MS + 10**7)
    return run
