"""The benchmarks run. What they measure is told by them alone, and is no matter for a test."""

from __future__ import annotations

import pytest

from benchmarks import bench_predicates, bench_rotation


def test_the_rotation_benchmark_prints_a_row_for_every_state_of_the_endpoint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_rotation, "REQUESTS", 120)
    monkeypatch.setattr(bench_rotation, "ROUNDS", 1)
    bench_rotation.main()
    told = capsys.readouterr().out

    for name in ("healthy", "endpoint hangs", "forged key ids", "rotation"):
        assert f"\n  {name} " in told


def test_the_predicate_benchmark_prints_a_row_for_each_size_of_the_registry(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_predicates, "CALLS", 5)
    monkeypatch.setattr(bench_predicates, "ROUNDS", 1)
    bench_predicates.main()
    told = capsys.readouterr().out

    for clients in ("6", "10,000"):
        assert f"  client & role & permission, {clients} clients " in told
