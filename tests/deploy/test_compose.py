"""The file that no engine here can run: held against the Compose Specification, our settings, our routes and what stands on disk."""

import inspect
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from check_jsonschema.builtin_schemas import get_builtin_schema

from models.stores.database import Database
from tests.deploy.compose import ASKED, DEPLOY, FILE, HOUSE, Service, compose, is_secret, mounts, of_sandbox, ours, services, told
from worker.wiring import POOL

ONE_SHOT = {"migrate", "temporal-schema", "temporal-namespace", "seed"}
OURS = ("api", "worker", "seed")
TEMPORAL_CONNECTIONS = 20 + 10
"""Of the server's two stores, unless SQL_MAX_CONNS and SQL_VIS_MAX_CONNS say otherwise."""


def test_it_is_what_the_compose_specification_allows() -> None:
    """The schema of the specification (Apache 2.0) comes with check-jsonschema."""
    jsonschema.Draft202012Validator(get_builtin_schema("vendor.compose-spec")).validate(compose())  # pyright: ignore[reportUnknownMemberType]


def test_it_says_that_it_was_never_run() -> None:
    assert "NEVER RUN" in "".join(FILE.read_text(encoding="utf-8").splitlines()[:8])


@pytest.mark.parametrize("name", OURS)
def test_our_programs_are_told_every_setting_they_need_and_none_that_is_unknown(name: str) -> None:
    given, known = told(services()[name]), ours()

    assert given - known.keys() == set()
    assert {setting for setting, field in known.items() if field.is_required()} - given == set()


def test_the_sandbox_is_told_settings_that_it_has() -> None:
    assert told(services()["sandbox"]) - of_sandbox().keys() == set()


def test_the_migrations_are_told_the_database_alone() -> None:
    assert told(services()["migrate"]) == {"FUZHEN_DATABASE_URL"}


@pytest.mark.parametrize("name", OURS)
def test_what_is_secret_comes_as_a_file_and_never_as_a_value(name: str) -> None:
    service = services()[name]
    secret = {setting for setting, field in ours().items() if is_secret(field)}

    assert secret - mounts(service, "secrets").keys() == set()
    assert secret & service["environment"].keys() == set()


def test_no_secret_has_a_value_anywhere_in_the_file() -> None:
    for service in services().values():
        secretive = {name for name in service.get("environment", {}) if re.search(r"PASSWORD|PWD|SECRET|PRIVATE|TOKEN", name)}
        assert {name for name in secretive if not name.endswith("_FILE")} == set()
    for name, secret in compose()["secrets"].items():
        assert re.fullmatch(r"\$\{SECRETS_DIR(:\?[^}]+)?\}/" + name, secret["file"])
    assert re.search(r"://[^/\s]+:[^/\s]+@", FILE.read_text(encoding="utf-8")) is None


def test_every_secret_and_config_that_is_mounted_exists() -> None:
    file = compose()
    mounted = {
        kind: {source for service in services().values() for source in mounts(service, kind).values()} for kind in ("secrets", "configs")
    }

    assert mounted == {kind: set(file[kind]) for kind in ("secrets", "configs")}
    assert all((HOUSE / config["file"]).is_file() for config in file["configs"].values())


def test_the_example_of_settings_asks_for_exactly_what_the_file_asks_for() -> None:
    example = (DEPLOY / "settings.env.example").read_text(encoding="utf-8")

    assert set(re.findall(r"^(\w+)=$", example, re.MULTILINE)) == set(ASKED.findall(FILE.read_text(encoding="utf-8")))


def test_each_part_that_stays_up_has_a_health_check_restarts_and_has_time_to_stop() -> None:
    for name, service in services().items():
        if name in ONE_SHOT:
            assert service["restart"] == "no" or service["restart"].startswith("on-failure"), name
        else:
            assert service["restart"] == "unless-stopped", name
            assert name == "temporal-ui" or {"healthcheck", "stop_grace_period"} <= service.keys(), name


def test_no_part_may_become_root_again() -> None:
    for name, service in services().items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        # Temporal's images name a user of their own.
        assert service["image"].startswith("temporalio/") or re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"]), name


def test_images_of_others_are_pinned_by_a_tag() -> None:
    foreign = {service["image"] for service in services().values() if "build" not in service}

    assert all(re.fullmatch(r"[a-z/-]+:\d+\.\d+(\.\d+)?(-[a-z]+)?", image) for image in foreign), foreign


def test_two_apis_and_two_workers() -> None:
    assert {name: service["deploy"]["replicas"] for name, service in services().items() if "deploy" in service} == {"api": 2, "worker": 2}


def test_the_database_has_room_for_every_pool() -> None:
    default = inspect.signature(Database).parameters["pool"].default
    listening = 1  # of each API, for the live screens

    wanted = _replicas("api") * (default + listening) + _replicas("worker") * POOL + TEMPORAL_CONNECTIONS

    allowed = int(re.search(r"max_connections=(\d+)", " ".join(services()["postgres"]["command"]))[1])  # type: ignore[index]
    assert wanted + 20 <= allowed, "with some left for migrations, seed and people"


def test_only_nginx_is_reached_from_other_machines() -> None:
    for name, service in services().items():
        for port in service.get("ports", []):
            assert name == "nginx" or port.startswith("127.0.0.1:"), name


def test_the_stores_are_on_an_inner_network_alone() -> None:
    inner = {name for name, network in compose()["networks"].items() if network.get("internal")}

    assert {"inside", "front"} == inner
    assert services()["postgres"]["networks"] == services()["temporal"]["networks"] == ["inside"]
    assert not {"outside", "edge"} & set(services()["api"]["networks"])


def test_who_waits_for_whom_exists_and_can_be_waited_for() -> None:
    for name, service in services().items():
        for other, how in service.get("depends_on", {}).items():
            waited = services()[other]
            reached = "healthcheck" in waited if how["condition"] == "service_healthy" else other in ONE_SHOT
            assert reached, f"{name} waits for {other}"


def test_what_is_built_is_built_from_the_dockerfile_in_its_stages() -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\w+)$", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE))
    built = {service["build"]["target"] for service in services().values() if "build" in service}

    assert built == {"fuzhen", "demo", "sandbox"}
    assert built <= stages


def test_volumes_and_networks_that_are_used_are_declared() -> None:
    file: dict[str, Any] = compose()

    def used(service: Service) -> set[str]:
        return {volume.partition(":")[0] for volume in service.get("volumes", [])}

    assert set[str]().union(*map(used, services().values())) == set(file["volumes"])
    assert {network for service in services().values() for network in service["networks"]} == set(file["networks"])


def test_uploaded_files_are_kept_on_a_volume_where_the_apis_look_for_them() -> None:
    mounted = {Path(volume.partition(":")[2]) for volume in services()["api"]["volumes"]}

    assert Path(services()["api"]["environment"]["FUZHEN_FILES_DIR"]) in mounted


def _replicas(name: str) -> int:
    return int(services()[name]["deploy"]["replicas"])
