"""What programs in Python do with the official client. The arguments are a kubeconfig and the name of a check; a failed check ends with its traceback."""

import sys
import threading

from kubernetes import client, config, dynamic, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.utils import create_from_yaml
import yaml


def pod(name, **labels):
    spec = client.V1PodSpec(containers=[client.V1Container(name="main", image="example.com/py:1")])
    return client.V1Pod(metadata=client.V1ObjectMeta(name=name, labels=labels), spec=spec)


def refused(status, call, *args, **options):
    try:
        call(*args, **options)
    except ApiException as error:
        assert error.status == status, error
        return error
    raise AssertionError(f"not refused with {status}")


def typed(api):
    """Create, read, replace, list, delete in several groups; times and quantities have their types."""
    core, apps, batch = client.CoreV1Api(api), client.AppsV1Api(api), client.BatchV1Api(api)
    made = core.create_namespaced_pod("default", pod("typed", app="py"))
    assert made.spec.restart_policy == "Always" and made.metadata.creation_timestamp.tzinfo
    refused(409, core.create_namespaced_pod, "default", pod("typed"))
    assert refused(404, core.read_namespaced_pod, "nobody", "default").reason == "Not Found"
    assert refused(422, core.create_namespaced_pod, "default", pod("Not_A_Name")).status == 422
    template = client.V1PodTemplateSpec(metadata=client.V1ObjectMeta(labels={"app": "py"}), spec=pod("x").spec)
    spec = client.V1DeploymentSpec(selector=client.V1LabelSelector(match_labels={"app": "py"}), template=template)
    deployment = apps.create_namespaced_deployment("default", client.V1Deployment(metadata={"name": "typed"}, spec=spec))
    deployment.spec.replicas = 3
    deployment = apps.replace_namespaced_deployment("typed", "default", deployment)
    assert deployment.metadata.generation == 2
    deployment.metadata.resource_version = "1"
    refused(409, apps.replace_namespaced_deployment, "typed", "default", deployment)
    scale = apps.read_namespaced_deployment_scale("typed", "default")
    assert scale.spec.replicas == 3 and scale.status.selector == "app=py"
    job = client.V1JobSpec(template=client.V1PodTemplateSpec(spec=client.V1PodSpec(
        restart_policy="Never", containers=pod("x").spec.containers)))
    batch.create_namespaced_job("default", client.V1Job(metadata={"name": "typed"}, spec=job))
    assert "typed" in [one.metadata.name for one in batch.list_namespaced_job("default").items]
    rules = [client.V1PolicyRule(api_groups=[""], resources=["pods"], verbs=["get"])]
    client.RbacAuthorizationV1Api(api).create_namespaced_role("default", client.V1Role(metadata={"name": "typed"}, rules=rules))
    ingress = client.V1IngressSpec(default_backend=client.V1IngressBackend(
        service=client.V1IngressServiceBackend(name="typed", port=client.V1ServiceBackendPort(number=80))))
    client.NetworkingV1Api(api).create_namespaced_ingress("default", client.V1Ingress(metadata={"name": "typed"}, spec=ingress))
    assert core.delete_namespaced_pod("typed", "default", grace_period_seconds=0).metadata.name == "typed"
    assert apps.delete_namespaced_deployment("typed", "default")["status"] == "Success"
    assert client.VersionApi(api).get_code().minor == "37"


def every(api):
    """Reads an object of every kind into its type, from standard input."""
    objects = list(yaml.safe_load_all(sys.stdin.read()))
    failed = []
    for one in objects:
        try:
            create_from_yaml(api, yaml_objects=[one])
        except Exception as error:
            failed.append(f"{one['apiVersion']} {one['kind']}: {error}")
    assert not failed, failed
    print("created", len(objects))


def watching(api):
    """A watch tells what happens, ends in time, and 410 is an error that says so."""
    core = client.CoreV1Api(api)
    since = core.list_namespaced_config_map("default").metadata.resource_version
    seen = []
    stream = watch.Watch()

    def follow():
        for event in stream.stream(core.list_namespaced_config_map, "default", resource_version=since,
                                   label_selector="by=python", timeout_seconds=20):
            seen.append((event["type"], event["object"].metadata.name))
            if event["type"] == "DELETED":
                stream.stop()

    thread = threading.Thread(target=follow)
    thread.start()
    labels = {"by": "python"}
    core.create_namespaced_config_map("default", client.V1ConfigMap(metadata={"name": "watched", "labels": labels}))
    core.patch_namespaced_config_map("watched", "default", {"data": {"a": "b"}})
    core.delete_namespaced_config_map("watched", "default")
    thread.join(25)
    assert seen == [("ADDED", "watched"), ("MODIFIED", "watched"), ("DELETED", "watched")], seen
    assert not list(watch.Watch().stream(core.list_namespaced_config_map, "default", timeout_seconds=1,
                                         resource_version=core.list_namespaced_config_map("default").metadata.resource_version))


def patches(api):
    """JSON, merge and strategic patches, and server-side apply with a conflict."""
    core = client.CoreV1Api(api)
    core.create_namespaced_service("default", client.V1Service(
        metadata={"name": "patched"}, spec=client.V1ServiceSpec(ports=[client.V1ServicePort(name="a", port=80)])))
    patch = core.patch_namespaced_service
    done = patch("patched", "default", [{"op": "add", "path": "/metadata/labels", "value": {"json": "1"}}])
    assert done.metadata.labels == {"json": "1"}
    strategic = {"spec": {"ports": [{"name": "b", "port": 81}]}}
    done = patch("patched", "default", strategic, _content_type="application/strategic-merge-patch+json")
    assert [port.port for port in done.spec.ports] == [81, 80]
    done = patch("patched", "default", strategic, _content_type="application/merge-patch+json")
    assert [port.port for port in done.spec.ports] == [81]
    applied = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "patched"}, "spec": {"sessionAffinity": "ClientIP"}}
    apply = dict(_content_type="application/apply-patch+yaml", field_manager="py")
    patch("patched", "default", applied, **apply, force=True)
    other = dict(applied, spec={"sessionAffinity": "None"})
    conflict = refused(409, patch, "patched", "default", other, **dict(apply, field_manager="other"))
    assert "conflict with" in conflict.body and ".spec.sessionAffinity" in conflict.body
    assert patch("patched", "default", {"metadata": {"labels": {"dry": "1"}}}, dry_run="All").metadata.labels["dry"] == "1"
    assert "dry" not in core.read_namespaced_service("patched", "default").metadata.labels


def pages(api):
    """A list in pieces of one revision; field selectors; the whole at once is the same."""
    core = client.CoreV1Api(api)
    for number in range(11):
        core.create_namespaced_secret("default", client.V1Secret(metadata={"name": f"page-{number:02}", "labels": {"page": "1"}}))
    names, token, revisions = [], None, set()
    while True:
        page = core.list_namespaced_secret("default", limit=4, _continue=token, label_selector="page")
        names += [one.metadata.name for one in page.items]
        revisions.add(page.metadata.resource_version)
        token = page.metadata._continue
        if not token:
            break
        if len(names) == 4:
            core.create_namespaced_secret("default", client.V1Secret(metadata={"name": "page-99", "labels": {"page": "1"}}))
    assert names == [f"page-{number:02}" for number in range(11)] and len(revisions) == 1
    one = core.list_secret_for_all_namespaces(field_selector="metadata.name=page-03").items
    assert [secret.metadata.name for secret in one] == ["page-03"]
    core.delete_collection_namespaced_secret("default", label_selector="page=1")
    assert core.list_namespaced_secret("default", label_selector="page").items == []


def dynamically(api):
    """Discovery, objects without types, server-side apply, subresources, a watch."""
    dynamic_client = dynamic.DynamicClient(api)
    maps = dynamic_client.resources.get(api_version="v1", kind="ConfigMap")
    deployments = dynamic_client.resources.get(api_version="apps/v1", kind="Deployment")
    assert "deploy" in deployments.short_names and "scale" in deployments.subresources
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dynamic"}, "data": {"a": "1"}}
    made = maps.server_side_apply(body=body, namespace="default", field_manager="py", force_conflicts=True)
    assert made.data.a == "1"
    assert made.metadata.managedFields[0].operation == "Apply"
    maps.patch(body={"metadata": {"name": "dynamic", "labels": {"x": "y"}}}, namespace="default", content_type="application/merge-patch+json")
    assert [one.metadata.name for one in maps.get(namespace="default", label_selector="x=y").items] == ["dynamic"]
    for event in maps.watch(namespace="default", name="dynamic", timeout=5):
        assert event["type"] == "ADDED"
        break
    labels = {"app": "dynamic"}
    deployments.create(namespace="default", body={
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "dynamic"},
        "spec": {"selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "example.com/c:1"}]}}}})
    deployments.scale.patch(body={"spec": {"replicas": 2}}, name="dynamic", namespace="default", content_type="application/merge-patch+json")
    assert deployments.get(name="dynamic", namespace="default").spec.replicas == 2
    deployments.delete(name="dynamic", namespace="default")
    maps.delete(name="dynamic", namespace="default")


checks = {"typed": typed, "every": every, "watch": watching, "patches": patches, "pages": pages, "dynamic": dynamically}

if __name__ == "__main__":
    config.load_kube_config(sys.argv[1])
    with client.ApiClient() as shared:
        checks[sys.argv[2]](shared)
    print("ok", sys.argv[2])
