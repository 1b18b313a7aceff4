"""The benchmarks run, and what they say of two runs is right. No figure is a matter for a test."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from benchmarks import __main__ as command
from benchmarks import growth as growing
from benchmarks import measuring, processes, rotation, soak, verifying
from benchmarks.doors import doors
from benchmarks.frames import walks
from benchmarks.growth import growth
from benchmarks.material import material, with_speed
from benchmarks.measuring import Case, Effort, Row, Section, measure
from benchmarks.peers import PEERS, reading
from benchmarks.predicates import deciding
from benchmarks.report import document, plot, slower, table
from benchmarks.revoking import revoking
from benchmarks.servers import BY_HAND, fastapi_app
from jwt_middleware.testing import LocalGateway

# The peers warn of themselves; that is their matter.
pytestmark = pytest.mark.filterwarnings("ignore")

BRIEF = Effort(rounds=2, batch=0.0002)


@pytest.fixture(autouse=True)
def _as_before() -> Any:
    yield
    with_speed()


@pytest.mark.parametrize("algorithm", verifying.ALGORITHMS)
@pytest.mark.parametrize("size", ["wso2", "small"])
def test_every_miss_is_measured_beside_the_bare_check_and_the_peers(
    algorithm: str, size: str
) -> None:
    [section] = [
        each for each in verifying.misses() if each.title.startswith(f"miss, {algorithm}, {size}")
    ]
    names = [row.name for row in measure(section, BRIEF)]

    assert names[0] == verifying.RAW
    assert {"this, with speed", "this, without speed"} <= set(names)
    assert {name.split()[0] for name in names} >= {"PyJWT", "joserfc", "Authlib", "oxyjwt"}


def test_a_peer_that_refuses_or_misreads_the_true_token_is_said_to() -> None:
    notes = {peer.name: reading(peer, material("RS256", "wso2")).note for peer in PEERS}

    assert notes["Authlib"] == "reads exp in ms as seconds"
    for note in notes.values():  # which of the two it is differs between releases
        assert note.startswith(("refuses the true token", "reads exp in ms as seconds"))


@pytest.mark.parametrize(
    "sections",
    [
        pytest.param(lambda: verifying.hits(BRIEF), id="hits"),
        pytest.param(verifying.refusals, id="refusals"),
        pytest.param(revoking, id="revocations"),
        pytest.param(verifying.key_sets, id="key sets"),
        pytest.param(growth, id="growth"),
        pytest.param(deciding, id="predicates"),
        pytest.param(doors, id="doors"),
    ],
)
def test_a_section_is_measured_with_its_base_at_one(
    sections: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growing, "NUMBERS", dict.fromkeys(growing.NUMBERS, (1, 5)))
    for section in sections():
        rows = {row.name: row for row in measure(section, BRIEF)}

        assert rows[section.base].ratio == (0 if section.adds else 1)
        assert all(row.value > 0 for row in rows.values())


def test_the_size_of_the_registry_has_a_row_each() -> None:
    [section] = deciding()
    names = [case.name for case in section.cases]

    for clients in ("6", "10,000"):
        assert f"client & role & permission, {clients} clients" in names


@pytest.mark.parametrize(
    "name, frames, moves", [("first token of a header", 45, 22), ("miss", 24, 14), ("hit", 6, 4)]
)
def test_a_token_goes_no_longer_way_than_it_must(name: str, frames: int, moves: int) -> None:
    """Of the figures this one is the same on every machine."""
    walks()  # what is imported and prepared once is there
    found = walks()[name]

    assert found.frames <= frames
    assert found.moves <= moves


def test_what_grows_has_a_hit_and_a_miss_of_each_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "NUMBERS", dict.fromkeys(growing.NUMBERS, (1, 5, 9)))
    *flat, start, reading = growth()
    for section in flat:
        names = [case.name.partition(",")[0] for case in section.cases]
        assert names == ["miss"] * 3 + ["hit"] * 3
    assert [case.name for case in start.cases] == ["1 issuers", "5 issuers", "9 issuers"]
    assert [case.name for case in reading.cases] == ["1 clients", "5 clients", "9 clients"]


@pytest.mark.parametrize("mode", ["bare", "hit", "miss", BY_HAND])
def test_the_fastapi_apps_take_the_token_that_loads_them(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = material("RS256", "wso2")
    with LocalGateway(key=kind.key) as gateway:
        monkeypatch.setenv("BENCHMARK_MODE", mode)
        monkeypatch.setenv("BENCHMARK_KEY", gateway.jwks_url)
        with TestClient(fastapi_app()) as client:
            good = client.get("/", headers={"X-JWT-Assertion": kind.url_safe})
            assert (good.status_code, good.json()) == (200, {"hello": "world"})
            if mode in ("hit", "miss"):
                assert client.get("/", headers={"X-JWT-Assertion": "x"}).status_code == 401


def test_the_goal_of_a_rate_is_its_least() -> None:
    rows = [Row("FastAPI under uvicorn", "this, hit", 9.0, "/s", ratio=r) for r in (0.9, 0.8)]

    assert [word in table([row]) for row in rows for word in ("ok (goal", "under (goal")] == [
        *(True, False),
        *(False, True),
    ]


def test_every_state_of_the_endpoint_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "REQUESTS", 120)

    names = [row.name for row in rotation.latencies(BRIEF)]
    assert names == ["healthy", "endpoint hangs", "forged key ids", "rotation"]


def test_memory_threads_and_import_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "IMPORTS", dict.fromkeys(processes.IMPORTS, "pass"))
    rows = {(row.section, row.name) for row in processes.all_processes(BRIEF)}

    assert (processes.THREADS, "two threads") in rows
    assert (processes.MEMORY, "this") in rows
    assert (processes.IMPORT, "import jwt_middleware") in rows


ROWS = [
    Row("miss", "raw", 18.0, ratio=1.0),
    Row("miss", "this", 27.0, spread=1.0, ratio=1.5, ratio_spread=2.0),
    Row("ASGI, added to bare", "hit", 9.0, ratio=0.25),
    Row("threads", "two", 1.5, "M/s", ratio=None),
]


def test_a_soak_checks_every_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert asyncio.run(soak.run(rounds=2, requests=50)) == 0
    assert "100 requests, 0 wrong" in capsys.readouterr().out


def test_a_soak_ends_with_1_where_an_answer_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(soak, "BAD", 0.0)
    monkeypatch.setattr(soak.Soak, "token", lambda _: "a.b.c")

    assert asyncio.run(soak.run(rounds=1, requests=5)) == 1
    assert "5 requests, 5 wrong" in capsys.readouterr().out


def test_the_file_keeps_machine_versions_and_figures(tmp_path: Path) -> None:
    found = json.loads(json.dumps(document(ROWS)))

    assert found["machine"]["python"]
    assert "cryptography" in found["versions"]
    assert [Row(**row) for row in found["rows"]] == ROWS


@pytest.mark.parametrize(
    ("number", "change", "told"),
    [
        (1, {"ratio": 1.55}, False),
        (1, {"ratio": 1.65}, True),
        (1, {"ratio": 1.65, "ratio_spread": 20.0}, False),
        (1, {"ratio": 1.2}, False),
        (2, {"ratio": 0.29}, False),
        (2, {"ratio": 0.45}, True),
        (3, {"value": 1.0}, True),
        (3, {"value": 2.0}, False),
    ],
)
def test_what_got_slower_beyond_the_noise_is_named_and_nothing_else(
    number: int, change: dict[str, Any], told: bool
) -> None:
    later = [*ROWS]
    later[number] = later[number]._replace(**change)
    found = slower(document(ROWS), document(later))

    assert [ROWS[number].name in sentence for sentence in found] == [True] * told


def test_compare_ends_with_1_where_something_got_slower(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(document(ROWS)))
    new.write_text(json.dumps(document([ROWS[1]._replace(ratio=3.0)])))

    assert command.main(["--compare", str(old), str(old)]) == 0
    assert command.main(["--compare", str(old), str(new)]) == 1
    assert "100 % worse" in capsys.readouterr().out


def test_the_table_and_the_picture_show_every_row(tmp_path: Path) -> None:
    rows = [row._replace(section="miss, RS256, wso2") for row in ROWS[:2]]
    plot(rows, tmp_path / "a.svg")

    assert "x1.500" in table(ROWS)
    assert "+25.0%" in table(ROWS)
    assert "<svg" in (tmp_path / "a.svg").read_text()


def test_a_ratio_is_that_of_each_round_and_not_of_the_medians() -> None:
    ticks = iter([0.0, 1.0, 1.0, 3.0] * 100)
    section = Section(
        "t", "a", [Case("a", lambda: None), Case("b", lambda: None)], clock=lambda: next(ticks)
    )
    rows = measure(section, Effort(rounds=1, batch=1.0))

    assert {row.ratio for row in rows} <= {1.0, 2.0, 0.5}
    assert measuring.spread([1.0]) == 0
