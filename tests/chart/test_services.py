"""How services are run: probes, restarts, replicas, and what the scheduler is told."""

import ast
import json
import re

import pytest
import yaml

from tests.chart.chart import CHART, SETS, named, pods, render, variables

pytestmark = pytest.mark.chart

ROOT = CHART.parents[1]


@pytest.mark.parametrize("values", SETS)
def test_every_service_is_watched(values):
    for name, pod in pods(render(values)).items():
        if "test" in name:
            continue
        (container,) = pod["containers"]
        assert {"readinessProbe", "livenessProbe"} <= set(container), name
        assert pod["terminationGracePeriodSeconds"] >= 30, name


def test_probes_ask_what_each_service_answers():
    found = pods(render("plain"))

    def paths(name):
        (container,) = found[f"ml-kafka-ml-{name}"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        probes = (container[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe"))
        return [(ports[probe["port"]], probe["path"]) for probe in probes]

    assert paths("api") == [(8000, "/livez"), (8000, "/livez"), (8000, "/readyz")]
    assert paths("scheduler") == [(8081, "/livez"), (8081, "/livez"), (8081, "/readyz")]
    (control,) = found["ml-kafka-ml-control"]["containers"]
    assert "/state/ready" in str(control["readinessProbe"]["exec"]["command"])


def test_the_api_is_replaced_without_a_gap_and_control_one_at_a_time():
    manifests = render("plain")
    api = named(manifests, "Deployment", "ml-kafka-ml-api")["spec"]
    assert api["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    control = named(manifests, "Deployment", "ml-kafka-ml-control")["spec"]
    assert (control["replicas"], control["strategy"]) == (1, {"type": "Recreate"})


def test_a_change_of_configuration_restarts_services():
    def checksum(*settings):
        template = named(render("plain", *settings), "Deployment", "ml-kafka-ml-control")["spec"]["template"]
        return template["metadata"]["annotations"]["checksum/config"]

    assert checksum() == checksum()
    assert checksum() != checksum("logging.level=DEBUG")


def test_budgets_only_where_a_pod_can_be_spared():
    def budgets(*settings):
        found = render("plain", *settings)
        return {m["metadata"]["name"] for m in found if m["kind"] == "PodDisruptionBudget"}

    assert budgets() == {"ml-kafka-ml-api", "ml-kafka-ml-scheduler"}
    assert budgets("api.replicas=1", "scheduler.replicas=1") == set()


def test_an_autoscaler_takes_the_number_of_replicas_over():
    full = render("full")
    assert "replicas" not in named(full, "Deployment", "ml-kafka-ml-api")["spec"]
    scaler = named(full, "HorizontalPodAutoscaler", "ml-kafka-ml-api")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 6)


def test_the_api_answers_for_its_services_names_and_the_ingress():
    hosts = json.loads(variables(pods(render("full"))["ml-kafka-ml-api"])["KAFKA_ML_ALLOWED_HOSTS"])
    assert hosts == [
        "ml-kafka-ml-api",
        "ml-kafka-ml-api.here",
        "ml-kafka-ml-api.here.svc",
        "ml-kafka-ml-api.here.svc.cluster.local",
        "ml.example",
        "ml.inside.example",
    ]


def test_the_scheduler_is_told_how_to_make_workloads():
    given = variables(pods(render("full"))["ml-kafka-ml-scheduler"])
    prefix = "KAFKA_ML_KUBERNETES_"
    told = {name.removeprefix(prefix): value for name, value in given.items() if name.startswith(prefix)}
    assert told["TRAINER_IMAGE"] == "registry.example:5000/team/kafka-ml/trainer:1.2.3"
    assert told["INFERER_IMAGE"] == "registry.example:5000/team/kafka-ml/inferer:1.2.3"
    assert json.loads(told["GUEST_IMAGES"]) == {
        "tensorflow": "registry.example/guest:1",
        "pytorch": "registry.example/torch:1",
    }
    assert json.loads(told["IMAGE_PULL_SECRETS"]) == ["registry"]
    assert json.loads(told["HOST_CONFIG_MAPS"]) == ["ml-kafka-ml-config", "ml-kafka-ml-workloads"]
    assert json.loads(told["HOST_SECRET_FILES"]) == {
        "kafka-tls": "/etc/kafka-ml/kafka",
        "objects-tls": "/etc/kafka-ml/object-store",
    }
    assert json.loads(told["TOLERATIONS"]) == [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert json.loads(told["NODE_SELECTOR"]) == {"pool": "ml"}
    assert json.loads(told["ALLOWED_SERVICE_ACCOUNTS"]) == ["team"]
    assert told["SERVICE_ACCOUNT"] == "ml-kafka-ml-workloads"
    assert (told["RUNTIME_CLASS"], told["KEDA_AUTHENTICATION"]) == ("gvisor", "ml-kafka-ml-keda")
    assert (told["OWNER"], told["LEASE"], told["INSTANCE"]) == (
        "ml-kafka-ml-scheduler",
        "ml-kafka-ml-scheduler",
        "ml-kafka-ml",
    )


def test_the_schedulers_settings_are_those_that_it_reads():
    source = (ROOT / "services/scheduler/src/kafka_ml_scheduler/runtimes/kubernetes/settings.py").read_text()
    (settings,) = [node for node in ast.parse(source).body if getattr(node, "name", "") == "KubernetesSettings"]
    read = {
        f"KAFKA_ML_KUBERNETES_{node.target.id.upper()}" for node in settings.body if isinstance(node, ast.AnnAssign)
    }
    for values in SETS:
        given = variables(pods(render(values))["ml-kafka-ml-scheduler"])
        assert {name for name in given if name.startswith("KAFKA_ML_KUBERNETES_")} <= read


def test_files_of_certificates_are_where_the_settings_say():
    manifests = render("full")
    config = named(manifests, "ConfigMap", "ml-kafka-ml-config")["data"]
    assert config["KAFKA_ML_KAFKA_SSL_CAFILE"] == "/etc/kafka-ml/kafka/ca.crt"
    assert config["KAFKA_ML_KAFKA_SSL_KEYFILE"] == "/etc/kafka-ml/kafka/tls.key"
    assert config["SSL_CERT_FILE"] == "/etc/kafka-ml/object-store/ca.crt"
    for service in ("api", "control", "scheduler"):
        pod = pods(manifests)[f"ml-kafka-ml-{service}"]
        sources = {volume["name"]: volume.get("secret", {}).get("secretName") for volume in pod["volumes"]}
        (container,) = pod["containers"]
        mounted = {mount["mountPath"]: sources[mount["name"]] for mount in container["volumeMounts"]}
        assert mounted["/etc/kafka-ml/kafka"] == "kafka-tls", service
        assert mounted["/etc/kafka-ml/object-store"] == "objects-tls", service
    api = variables(pods(manifests)["ml-kafka-ml-api"])
    assert (api["PGSSLMODE"], api["PGSSLROOTCERT"]) == ("verify-full", "/etc/kafka-ml/database/ca.crt")


def test_one_secret_may_hold_the_authority_of_both():
    same = ["kafka.tls.existingSecret=ca", "kafka.tls.clientCertificate=false", "objectStore.tls.existingSecret=ca"]
    manifests = render("full", *same)
    config = named(manifests, "ConfigMap", "ml-kafka-ml-config")["data"]
    assert config["KAFKA_ML_KAFKA_SSL_CAFILE"] == config["SSL_CERT_FILE"] == "/etc/kafka-ml/object-store/ca.crt"
    (container,) = pods(manifests)["ml-kafka-ml-control"]["containers"]
    paths = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert paths.count("/etc/kafka-ml/object-store") == 1


@pytest.mark.parametrize("part", ["dashboard", "alerts"])
def test_every_metric_that_is_shown_exists(part):
    manifests = render("full")
    if part == "dashboard":
        shown = named(manifests, "ConfigMap", "ml-kafka-ml-dashboard")["data"]["kafka-ml.json"]
        expressions = [target["expr"] for panel in json.loads(shown)["panels"] for target in panel["targets"]]
    else:
        rules = named(manifests, "PrometheusRule", "ml-kafka-ml")["spec"]["groups"][0]["rules"]
        expressions = [rule["expr"] for rule in rules]
    used = set(re.findall(r"kafka_ml_(?!org_workload)\w+", " ".join(expressions)))
    assert len(used) > 4
    assert used <= _metrics()


def _metrics():
    suffixes = {
        "Counter": ["_total"],
        "Gauge": [""],
        "Histogram": ["_bucket", "_sum", "_count"],
    }
    found = set()
    for path in [*ROOT.glob("services/*/src/**/*.py"), *ROOT.glob("libs/common/src/**/*.py")]:
        for kind, name in re.findall(r"\b(Counter|Gauge|Histogram)\(\s*\"(kafka_ml_\w+)\"", path.read_text()):
            found |= {name + suffix for suffix in suffixes[kind]}
    return found


def test_data_of_the_parts_for_trying_out_goes_with_the_pod_unless_it_is_to_stay():
    brief = named(render("dev", "dev.persistence.enabled=false"), "StatefulSet", "ml-kafka-ml-dev-kafka")["spec"]
    assert "volumeClaimTemplates" not in brief
    assert {"name": "data", "emptyDir": {}} in brief["template"]["spec"]["volumes"]
    lasting = render("dev")
    for part in ("kafka", "postgresql", "minio"):
        assert named(lasting, "StatefulSet", f"ml-kafka-ml-dev-{part}")["spec"]["volumeClaimTemplates"]
    secret = named(lasting, "Secret", "ml-kafka-ml-dev-database")["metadata"]
    assert secret["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_the_broker_for_trying_out_is_reachable_from_inside_and_through_a_forwarded_port():
    given = variables(pods(render("dev"))["ml-kafka-ml-dev-kafka"])
    assert given["KAFKA_ADVERTISED_LISTENERS"] == (
        "INTERNAL://ml-kafka-ml-dev-kafka.here.svc.cluster.local:9092,OUTSIDE://localhost:9094"
    )
    config = named(render("dev"), "ConfigMap", "ml-kafka-ml-config")["data"]
    assert config["KAFKA_ML_KAFKA_BOOTSTRAP_SERVERS"] == "ml-kafka-ml-dev-kafka.here.svc.cluster.local:9092"
    # Programs outside are shown the second.
    api = variables(pods(render("dev"))["ml-kafka-ml-api"])
    assert api["KAFKA_ML_ADVERTISED_BOOTSTRAP"] == "localhost:9094"


def test_programs_outside_may_be_shown_another_address_of_kafka():
    assert "KAFKA_ML_ADVERTISED_BOOTSTRAP" not in variables(pods(render("plain"))["ml-kafka-ml-api"])
    chosen = render("plain", "kafka.advertisedBootstrapServers=kafka.outside.example:9095")
    assert variables(pods(chosen)["ml-kafka-ml-api"])["KAFKA_ML_ADVERTISED_BOOTSTRAP"] == "kafka.outside.example:9095"


def test_the_version_is_that_of_the_platform():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert project is not None
    assert chart["appVersion"] == project[1]
