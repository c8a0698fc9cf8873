"""The data folder of a server."""

from bessemer_server import folder


def test_the_server_of_a_folder_keeps_its_name_and_shares_it_with_no_other(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    name = folder.name_server(tmp_path / "a")
    assert name
    assert folder.name_server(tmp_path / "a") == name
    assert folder.name_server(tmp_path / "b") != name


def test_a_name_file_that_a_power_cut_left_empty_is_written_again(tmp_path):
    (tmp_path / folder.NAME_FILE).write_text("")
    assert folder.name_server(tmp_path) == folder.name_server(tmp_path) != ""
