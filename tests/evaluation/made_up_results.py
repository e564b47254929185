"""Results with numbers known by hand."""

from fctsfn_tf.evaluation.results import ObjectResult


def run_of(until=None, max_clicks=20, **changes):
    protocol = {
        "rule": "ritm",
        "threshold": 0.49,
        "graph_cut": None,
        "max_clicks": max_clicks,
        "until": until,
        "is_jittered": False,
        "choice": "free-choice",
    }
    run = {"data": "set", "model": "m", "seed": 0, "shard": [1, 1], "num_cpus": 2, "versions": {}}
    return {**run, "protocol": protocol, **changes}


def curve(name, ious, **values):
    return ObjectResult(name, ious=tuple(ious), boundary_ious=tuple(ious), **values)


GOOD = curve("good", (0.9,) * 20, seconds=(2.0, 0.1, 0.3), encode_seconds=(1.0, 0.0, 0.5))
POOR = curve(
    "poor",
    (0.5,) + (0.7,) * 18 + (0.8,),
    seconds=(4.0, 0.2, 0.2),
    encode_seconds=(0.0, 0.0, 0.0),
    robot_seconds=8.3,
)
BROKEN = curve("broken", (0.0,), seconds=(9.0,), robot_seconds=99.0, failure="click 2: NaN")
