"""Folders segmented and data sets evaluated on a Ray cluster of two machines, as in one process."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up_samples import RITM
from PIL import Image

from fctsfn_tf.commands import cli
from fctsfn_tf.data.layouts import open_dataset
from fctsfn_tf.errors import InputError
from fctsfn_tf.evaluation.result_files import PartialResults, read_results
from fctsfn_tf.evaluation.runner import evaluate_dataset
from fctsfn_tf.evaluation.segmenters import Segmenter
from fctsfn_tf.predict.workers import shared_out

ray = pytest.importorskip("ray", reason="Ray is not installed")

QUICK = replace(RITM, max_clicks=2)


@pytest.fixture(scope="module")
def cluster():
    """The address of two machines with a processor each; they are processes of this one."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # Workers import what is pickled here.
        patched.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
        machine = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
        cluster = Cluster(initialize_head=True, head_node_args=machine)
        cluster.add_node(**machine)
        cluster.wait_for_nodes()
        yield cluster.address
        cluster.shutdown()


def where():
    """Starts a worker that tells its machine, its directory and how many threads it may use."""
    return lambda _: (
        ray.get_runtime_context().get_node_id(),
        os.getcwd(),
        os.environ["OMP_NUM_THREADS"],
    )


def broken():
    raise InputError("This machine has no engine. Install one. It is not installed.")


def refusing():
    def refuse(item):
        raise InputError(f"Item {item} is of no use.")

    return refuse


def test_both_machines_work_in_the_directory_of_the_command(cluster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answers = set(shared_out(where, range(8), None, cluster))
    assert len({machine for machine, _, _ in answers}) == 2
    assert {answer[1:] for answer in answers} == {(str(tmp_path), "1")}


def test_bad_input_on_a_machine_is_one_line(cluster):
    with pytest.raises(InputError, match="Item 3 is of no use") as told:
        list(shared_out(refusing, [3], None, cluster))
    assert "\n" not in str(told.value)
    with pytest.raises(InputError, match="This machine has no engine") as told:
        list(shared_out(broken, [3], None, cluster))
    assert "\n" not in str(told.value)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Five photographs with a bright box each, one broken, and their clicks."""
    clicks = []
    (tmp_path / "photos").mkdir()
    for index in range(5):
        image = np.full((60, 80, 3), 40, np.uint8)
        image[10 + index : 40, 20 : 50 + index] = (220, 120, 60)
        name = f"{index}.png"
        Image.fromarray(image).save(tmp_path / "photos" / name)
        clicks += [{"image": name, "x": 30, "y": 25, "label": 1}]
    (tmp_path / "photos" / "2.png").write_bytes(b"no picture")
    (tmp_path / "clicks.json").write_text(json.dumps(clicks))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_folder_gives_the_same_files_and_is_taken_up_again(folder, cluster, capsys):
    command = ["segment", "photos", "--clicks", "clicks.json", "--formats", "mask,probability"]
    assert cli.main([*command, "--output", "one"]) == 1
    one = capsys.readouterr()
    (folder / "many").mkdir()
    (folder / "many" / "1.mask.png").write_bytes(b"there already")
    assert cli.main([*command, "--output", "many", "--ray", cluster]) == 1
    many = capsys.readouterr()
    assert contents(folder / "many") == {
        **contents(folder / "one"),
        "1.mask.png": b"there already",
    }
    assert len(contents(folder / "one")) == 8
    assert many.out == one.out.replace("outputs in one", "outputs in many")
    (line,) = (line for line in many.err.splitlines() if "error" in line)
    assert line in one.err.splitlines()
    assert "2.png is not an image that can be read" in line


def without_seconds(value):
    """What was written, less the times."""
    if isinstance(value, dict):
        times = [key for key in value if "second" in key or key == "robot_share"]
        return {key: without_seconds(one) for key, one in value.items() if key not in times}
    return [without_seconds(one) for one in value] if isinstance(value, list) else value


def test_a_data_set_gives_the_same_results_and_is_taken_up_again(
    shapes_directory, cluster, tmp_path
):
    def evaluated(name, **options):
        evaluate_dataset(
            open_dataset(shapes_directory),
            Segmenter("compact"),
            QUICK,
            data="shapes",
            limit=3,
            output=tmp_path / name,
            **options,
        )
        return json.loads((tmp_path / name).read_text())

    one = evaluated("one.json")
    done = PartialResults(tmp_path / "many.json.partial", one["run"])
    done.append(replace(read_results(tmp_path / "one.json").objects[0], ious=(0.25, 0.5)))
    many = without_seconds(evaluated("many.json", workers=None, ray=cluster))
    assert many["objects"][0]["ious"] == [0.25, 0.5]
    expected = without_seconds(one)
    assert many["objects"][1:] == expected["objects"][1:]
    assert many["run"] == expected["run"]
    assert len(many["objects"]) == 6
