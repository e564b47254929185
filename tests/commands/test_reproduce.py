"""`fctsfn reproduce` over an empty directory of results."""

from fctsfn_tf.commands import arguments, cli
from fctsfn_tf.evaluation.paper import paper_figures
from fctsfn_tf.evaluation.paper.workshop import NETWORKS


def test_the_command_writes_tables_and_figures(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(paper_figures, "figure", lambda workshop, number: (b"png", "said"))
    # Keras stays out: nothing is evaluated.
    monkeypatch.setattr(arguments, "start_quietly", lambda preset, engine: None)
    out = tmp_path / "out"
    shared = ["reproduce", "--results", str(tmp_path / "r"), "--output", str(out)]
    assert cli.main([*shared, "--table", "7", "--figure", "3"]) == 0
    assert (out / "table_7_paper.md").read_text() in capsys.readouterr().out
    assert (out / "figure_3_paper.png").read_bytes() == b"png"
    twice = ["--protocol", "ritm", "--protocol", "paper", "--protocol", "ritm"]
    assert cli.main([*shared, "--table", "2", *twice]) == 0
    printed = capsys.readouterr().out
    assert (
        printed
        == (out / "table_2_ritm.md").read_text()
        + "\n"
        + (out / "table_2_paper.md").read_text()
        + "\n"
    )
    assert "Protocol `ritm`" in (out / "table_2_ritm.md").read_text()
    assert "Protocol `paper`" in (out / "table_2_paper.md").read_text()
    for given in (
        ["--table", "7"],  # is there already
        ["--table", "7", "--protocol", "ritm", "--protocol", "paper"],  # one of them is
        ["--table", "9"],
        ["--figure", "2"],
        ["--table", "2", "--preset", "ABC=x"],
        ["--table", "2", "--preset", "FCTSFN"],
        ["--table", "2", "--data", str(tmp_path / "none")],
    ):
        assert cli.main([*shared, *given]) == 2
    assert not (out / "table_7_ritm.md").exists()  # all or nothing
    assert cli.main(["reproduce", "--figure", "3"]) == 2
    assert "TSLFN⁻ 32s" in NETWORKS
