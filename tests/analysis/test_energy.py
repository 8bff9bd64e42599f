from pathlib import Path

from analysis.energy import EnergyMeter


def write_zone(root: Path, name: str, microjoules: int, measures: str = "package-0") -> Path:
    zone = root / name
    zone.mkdir(exist_ok=True)
    (zone / "name").write_text(f"{measures}\n", encoding="ascii")
    (zone / "energy_uj").write_text(f"{microjoules}\n", encoding="ascii")
    (zone / "max_energy_range_uj").write_text("9000000\n", encoding="ascii")
    return zone


def test_a_machine_that_tells_nothing_has_no_energy(tmp_path: Path) -> None:
    meter = EnergyMeter("cpu", rapl=tmp_path)
    assert meter.joules_since(meter.read_joules()) is None


def test_packages_are_summed_parts_and_the_whole_machine_are_not_and_counters_wrap(tmp_path: Path) -> None:
    write_zone(tmp_path, "intel-rapl:0", 1_000_000)
    write_zone(tmp_path, "intel-rapl:1", 8_000_000)
    write_zone(tmp_path, "intel-rapl:0:0", 5_000_000, "core")
    write_zone(tmp_path, "intel-rapl:2", 7_000_000, "psys")
    meter = EnergyMeter("cpu", rapl=tmp_path)
    before = meter.read_joules()
    assert before == (1.0, 8.0)
    write_zone(tmp_path, "intel-rapl:0", 3_000_000)
    write_zone(tmp_path, "intel-rapl:1", 500_000)
    assert meter.joules_since(before) == 2.0 + 1.5
