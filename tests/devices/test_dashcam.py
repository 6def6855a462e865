"""The camera: its card, and nothing invented."""

from dashtools.devices.registry import adapter_for


def test_a_camera_lists_the_clips_of_its_card(host, bare, tmp_path):
    card = tmp_path / "card" / "DCIM"
    card.mkdir(parents=True)
    for name in ("b.MP4", "a.ts", "a.txt"):
        (card / name).write_bytes(b"x")
    spool, config = host("dashcam", clips_card_000000={"path": str(card.parent), "read_only": True})
    adapter = adapter_for(spool, config, bare)
    assert [path.name for path in adapter.monitor_dashcam()] == ["a.ts", "b.MP4"]
    assert adapter.own_metrics()["battery_percent"] is None


def test_a_camera_whose_card_is_out_is_not_well(host, bare, tmp_path):
    spool, config = host("dashcam", clips_card_000000={"path": str(tmp_path / "out"), "read_only": True})
    assert "is the card in?" in adapter_for(spool, config, bare).ailments()[0]
