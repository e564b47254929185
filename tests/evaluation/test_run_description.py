import json
import os
from importlib import metadata

from fctsfn_tf.evaluation import run_description
from fctsfn_tf.evaluation.protocol import PROTOCOLS
from fctsfn_tf.evaluation.run_description import describe_run


def test_a_run_is_described_by_json_values(monkeypatch):
    monkeypatch.setattr(run_description, "PACKAGES", ("numpy", "no-such-package"))
    run = describe_run("set", "model", 3, PROTOCOLS["paper"])
    assert json.loads(json.dumps(run)) == run
    assert (run["data"], run["model"], run["seed"], run["shard"]) == ("set", "model", 3, [1, 1])
    assert run["protocol"]["rule"] == "paper"
    assert run["protocol"]["graph_cut"]["smoothness"] > 0
    assert set(run["versions"]) == {"python", "numpy"}
    assert run["versions"]["numpy"] == metadata.version("numpy")
    assert run["num_cpus"] == os.cpu_count()
