"""What the network policies say. Whether they are enforced is the cluster's business."""

import pytest

from tests.chart.chart import SETS, render

pytestmark = pytest.mark.chart

DNS = {"namespace": "kube-system"}


def _policies(manifests):
    found = {}
    for manifest in manifests:
        if manifest["kind"] == "NetworkPolicy":
            found[manifest["metadata"]["name"].removeprefix("ml-kafka-ml-")] = manifest["spec"]
    return found


def _flows(rules, side):
    """(component, block or anywhere; port) of each peer and port, DNS apart."""
    flows = set()
    for rule in rules:
        ports = [entry["port"] for entry in rule["ports"]]
        if ports == [53, 53]:
            assert rule["to"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "kube-system"}
            continue
        peers = [_name(peer) for peer in rule[side]] if side in rule else ["anywhere"]
        flows |= {(peer, port) for peer in peers for port in ports}
    return flows


def _name(peer):
    if "ipBlock" in peer:
        return peer["ipBlock"]["cidr"]
    if "namespaceSelector" in peer:
        return "namespace " + peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
    labels = peer["podSelector"].get("matchLabels")
    if labels is None:
        return "namespace"
    return labels.get("app.kubernetes.io/component", labels["app.kubernetes.io/name"])


@pytest.mark.parametrize("values", SETS)
def test_nothing_flows_that_no_policy_allows(values):
    policies = _policies(render(values))
    everyone = policies["default-deny"]
    assert everyone == {
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "kafka-ml", "app.kubernetes.io/instance": "ml"}},
        "policyTypes": ["Ingress", "Egress"],
    }
    assert all(policy["policyTypes"] == ["Ingress", "Egress"] for policy in policies.values())
    assert policies["workloads"]["podSelector"]["matchLabels"] == {
        "app.kubernetes.io/name": "kafka-ml-workload",
        "app.kubernetes.io/instance": "ml-kafka-ml",
    }


def test_every_pod_of_the_release_is_under_a_policy_of_its_own():
    manifests = render("dev")
    selected = [policy["podSelector"]["matchLabels"] for policy in _policies(manifests).values()]
    for manifest in manifests:
        if manifest["kind"] in ("Deployment", "StatefulSet"):
            labels = manifest["spec"]["template"]["metadata"]["labels"]
        elif manifest["kind"] == "Pod":
            labels = manifest["metadata"]["labels"]
        else:
            continue
        matching = [selector for selector in selected if selector.items() <= labels.items()]
        assert len(matching) == 2, manifest["metadata"]["name"]


def test_workloads_reach_kafka_the_object_store_and_dns_only():
    policy = _policies(render("full"))["workloads"]
    assert _flows(policy["egress"], "to") == {("10.1.0.0/16", 9093), ("10.1.0.0/16", 9094), ("anywhere", 443)}
    # The scheduler asks those that wait to check models.
    assert _flows(policy["ingress"], "from") == {("scheduler", 8082), ("anywhere", 9090)}
    quiet = _policies(render("full", "metrics.enabled=false"))["workloads"]
    assert _flows(quiet["ingress"], "from") == {("scheduler", 8082)}
    dev = _policies(render("dev"))["workloads"]
    assert _flows(dev["egress"], "to") == {("dev-kafka", 9092), ("dev-minio", 9000)}


def test_only_the_api_reaches_the_database():
    policies = _policies(render("full"))
    reaching = {
        name for name, policy in policies.items() if ("10.2.0.5/32", 5432) in _flows(policy.get("egress", []), "to")
    }
    assert reaching == {"api"}
    dev = _policies(render("dev"))
    assert _flows(dev["dev-postgresql"]["ingress"], "from") == {("api", 5432)}
    assert {name for name, policy in dev.items() if "dev-postgresql" in str(policy.get("egress"))} == {"api"}


def test_only_the_scheduler_reaches_the_kubernetes_api():
    policies = _policies(render("plain"))
    reaching = {
        name for name, policy in policies.items() if ("anywhere", 6443) in _flows(policy.get("egress", []), "to")
    }
    assert reaching == {"scheduler"}


def test_the_scheduler_is_called_by_the_api_alone():
    policies = _policies(render("full"))
    assert _flows(policies["scheduler"]["ingress"], "from") == {("api", 8081), ("anywhere", 9090)}
    assert ("scheduler", 8081) in _flows(policies["api"]["egress"], "to")
    assert not [n for n, p in policies.items() if n != "api" and "scheduler" in str(p.get("egress"))]


def test_the_scheduler_reaches_kafka_its_cluster_and_the_pods_that_check_models():
    flows = _flows(_policies(render("dev"))["scheduler"]["egress"], "to")
    assert flows == {("dev-kafka", 9092), ("kafka-ml-workload", 8082), ("anywhere", 443), ("anywhere", 6443)}


def test_who_may_call_the_api_is_up_to_the_operator():
    assert _flows(_policies(render("plain"))["api"]["ingress"], "from") == {("anywhere", 8000)}
    assert _flows(_policies(render("full"))["api"]["ingress"], "from") == {("namespace ingress", 8000)}


def test_every_service_reaches_kafka_on_the_ports_of_its_brokers():
    policies = _policies(render("plain"))
    for name in ("api", "control", "scheduler", "workloads"):
        assert ("anywhere", 9092) in _flows(policies[name]["egress"], "to"), name
    other = _policies(render("plain", "networkPolicy.kafka.ports[0]=19092"))
    assert ("anywhere", 19092) in _flows(other["control"]["egress"], "to")


def test_policies_can_be_left_to_others():
    assert _policies(render("plain", "networkPolicy.enabled=false")) == {}
