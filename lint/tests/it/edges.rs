//! What a real API server of 1.34 answered where its rules are not what one expects: one line a class of answers.

use serde_json::{Value, json};

use super::server::said;

/// A Deployment with these fields in its pod, and these in its container.
fn deployment(pod: Value, container: Value) -> Value {
    let mut spec = json!({"containers": [{"name": "a", "image": "a:1"}]});
    merge(&mut spec["containers"][0], container);
    merge(&mut spec, pod);
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}, "spec": {
        "selector": {"matchLabels": {"app": "a"}},
        "template": {"metadata": {"labels": {"app": "a"}}, "spec": spec}}})
}

fn merge(into: &mut Value, fields: Value) {
    let Value::Object(fields) = fields else { return };
    into.as_object_mut().unwrap().extend(fields);
}

fn volume(source: Value) -> Value {
    let mut volume = json!({"name": "v"});
    merge(&mut volume, source);
    deployment(json!({"volumes": [volume]}), json!({}))
}

fn in_container(fields: Value) -> Value {
    deployment(json!({}), fields)
}

fn annotated(annotations: Value, pod: Value) -> Value {
    let mut deployment = deployment(pod, json!({}));
    deployment["spec"]["template"]["metadata"]["annotations"] = annotations;
    deployment
}

fn autoscaler(spec: Value) -> Value {
    let mut whole =
        json!({"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}, "maxReplicas": 2});
    merge(&mut whole, spec);
    json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a"}, "spec": whole})
}

fn container_metric(name: &str, container: &str) -> Value {
    autoscaler(json!({"metrics": [{"type": "ContainerResource", "containerResource": {
        "name": name, "container": container, "target": {"type": "Utilization", "averageUtilization": 50}}}]}))
}

fn scaled(kind: &str, api_version: &str) -> Value {
    autoscaler(json!({"scaleTargetRef": {"apiVersion": api_version, "kind": kind, "name": "a"}}))
}

fn service(spec: Value) -> Value {
    let mut whole = json!({"ports": [{"port": 80}]});
    merge(&mut whole, spec);
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": whole})
}

fn peer(cidr: &str, except: &str) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "a"}, "spec": {
        "podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": cidr, "except": [except]}}]}]}})
}

fn resources(limit: &str, request: &str) -> Value {
    in_container(json!({"resources": {"limits": {"cpu": limit}, "requests": {"cpu": request}}}))
}

fn divisor(divisor: &str) -> Value {
    in_container(json!({"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {
        "resource": "limits.memory", "divisor": divisor}}}]}))
}

fn claim(old: &Value, new: &Value) -> Value {
    volume(json!({"ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}}, "dataSource": old, "dataSourceRef": new}}}}))
}

fn spread(match_label_key: &str) -> Value {
    json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "a"}}, "matchLabelKeys": [match_label_key]}]})
}

fn searching(domains: &[&str]) -> Value {
    deployment(json!({"dnsConfig": {"searches": domains}}), json!({}))
}

fn iscsi(iqn: &str) -> Value {
    volume(json!({"iscsi": {"targetPortal": "p", "iqn": iqn}}))
}

#[test]
fn odd_things_are_accepted_as_the_server_accepts_them() {
    let snapshot = || json!({"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "s"});
    let host_network = json!({"hostNetwork": true, "initContainers": [
        {"name": "i", "image": "i", "ports": [{"containerPort": 80, "hostPort": 81}]}]});
    for object in [
        // Amounts: no digits are 0, the least is a billionth, and there is no most.
        resources("1", "m"),
        resources("1e30", "1e19"),
        autoscaler(json!({"metrics": [{"type": "External", "external": {
            "metric": {"name": "q"}, "target": {"type": "Value", "value": "1e-10"}}}]})),
        divisor("1024Ki"),
        // Names that only start something, and the oldest name of a field.
        in_container(json!({"envFrom": [{"secretRef": {"name": "x-"}}]})),
        in_container(json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.host"}}}]})),
        searching(&["_a", "a_b", "a._b", "_a.b."]),
        // What is asked of a pod and not of a template.
        deployment(spread("app"), json!({})),
        deployment(host_network, json!({})),
        deployment(json!({"hostNetwork": true}), json!({"ports": [{"containerPort": 53}, {"containerPort": 53}]})),
        // Empty counts as set for one field, and as absent for another.
        in_container(json!({"securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": ""}}})),
        volume(json!({"flocker": {"datasetName": "", "datasetUUID": "b"}})),
        volume(json!({"scaleIO": {"gateway": "g", "system": "s", "volumeName": "v"}})),
        claim(&snapshot(), &snapshot()),
        iscsi("iqn.2001-04.com.example:disk"),
        // Annotations that say again what a field says.
        annotated(
            json!({"seccomp.security.alpha.kubernetes.io/pod": "docker/default"}),
            json!({"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}),
        ),
        annotated(json!({"container.apparmor.security.beta.kubernetes.io/a": "localhost/x"}), json!({})),
        scaled("ReplicationController", "v2"),
        service(json!({"type": "LoadBalancer", "ports": [{"port": 10250}]})),
        // An address of IPv4 written as one of IPv6.
        peer("10.0.0.0/8", "::ffff:10.0.0.0/104"),
    ] {
        assert_eq!(said(&object, "1.34"), [], "{object}");
    }
}

#[test]
fn odd_things_are_refused_where_the_server_refuses_them() {
    let snapshot = |name: &str| json!({"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": name});
    let unconfined = || json!({"securityContext": {"appArmorProfile": {"type": "Unconfined"}}});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {
        "containers": [{"name": "a", "image": "a"}], "topologySpreadConstraints": spread("app")["topologySpreadConstraints"]}});
    let annotations = "spec.template.annotations";
    for (object, path) in [
        (resources("m", "1"), "spec.template.spec.containers[0].resources.requests"),
        (divisor("1024"), "spec.template.spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor"),
        (divisor("1e3"), "spec.template.spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor"),
        (searching(&["a_"]), "spec.template.spec.dnsConfig.searches[0]"),
        (searching(&["__a"]), "spec.template.spec.dnsConfig.searches[0]"),
        (searching(&["a._"]), "spec.template.spec.dnsConfig.searches[0]"),
        (pod, "spec.topologySpreadConstraints[0][0]"),
        (volume(json!({"flocker": {"datasetName": ""}})), "spec.template.spec.volumes[0].flocker"),
        (
            volume(json!({"quobyte": {"volume": "v", "registry": "host"}})),
            "spec.template.spec.volumes[0].quobyte.registry",
        ),
        (volume(json!({"storageos": {"volumeName": "A"}})), "spec.template.spec.volumes[0].storageos.volumeName"),
        (iscsi("iqn.2001-04.com.example"), "spec.template.spec.volumes[0].iscsi.iqn"),
        // Of two types of one volume the server blames the later one of its own order.
        (
            volume(json!({"fc": {"wwids": ["a"]}, "quobyte": {"volume": "v", "registry": "h:1"}})),
            "spec.template.spec.volumes[0].fc",
        ),
        (claim(&snapshot("a"), &snapshot("b")), "spec.template.spec.volumes[0].ephemeral.volumeClaimTemplate.spec"),
        (
            in_container(
                json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a b']"}}}]}),
            ),
            "spec.template.spec.containers[0].env[0].valueFrom.fieldRef",
        ),
        (
            deployment(json!({"securityContext": {"seLinuxChangePolicy": "MountOption"}}), json!({})),
            "spec.template.spec.securityContext.seLinuxChangePolicy",
        ),
        (
            annotated(json!({"container.apparmor.security.beta.kubernetes.io/b": "unconfined"}), json!({})),
            &format!("{annotations}[container.apparmor.security.beta.kubernetes.io/b]"),
        ),
        (
            annotated(json!({"container.apparmor.security.beta.kubernetes.io/a": "runtime/default"}), unconfined()),
            "spec.template.spec.containers[0].securityContext.appArmorProfile.type",
        ),
        (
            annotated(json!({"seccomp.security.alpha.kubernetes.io/pod": "bad"}), json!({})),
            &format!("{annotations}.seccomp.security.alpha.kubernetes.io/pod"),
        ),
        (
            annotated(json!({"controller.kubernetes.io/pod-deletion-cost": "+1"}), json!({})),
            &format!("{annotations}[controller.kubernetes.io/pod-deletion-cost]"),
        ),
        (
            deployment(json!({"resources": {"limits": {"cpu": "1"}}}), json!({"resources": {"limits": {"cpu": "2"}}})),
            "spec.template.spec.resources.containers[0][cpu].limits",
        ),
        (
            deployment(
                json!({"resources": {"requests": {"cpu": "1"}}}),
                json!({"resources": {"requests": {"cpu": "2"}}}),
            ),
            "spec.template.spec.resources.requests[cpu]",
        ),
        (
            in_container(json!({"resources": {"limits": {"a.io/b": "9223372036854776"}}})),
            "spec.template.spec.containers[0].resources.limits[a.io/b]",
        ),
        (
            volume(json!({"flexVolume": {"driver": "d", "options": {"a.k8s.io/b": "x"}}})),
            "spec.template.spec.volumes[0].flexVolume.options[a.k8s.io/b]",
        ),
        (container_metric("gpu", "a"), "spec.metrics[0].containerResource.name"),
        (container_metric("cpu", "A"), "spec.metrics[0].containerResource.container"),
        (scaled("replicationcontroller", "v1"), "spec.scaleTargetRef.apiVersion"),
        (service(json!({"externalIPs": ["::ffff:169.254.0.1"]})), "spec.externalIPs[0]"),
        (peer("::/0", "::ffff:1.2.3.0/120"), "spec.ingress[0].from[0].ipBlock.except[0]"),
    ] {
        let said = said(&object, "1.34");
        assert_eq!(said.iter().map(|(_, path)| path.as_str()).collect::<Vec<_>>(), [path], "{object}");
    }
}
