//! The kinds beside the members of a release set: what a real server of 1.34 accepts and refuses of them, one change each.

use serde_json::{Value, json};

use super::server::said;

/// An object that a server accepts, then what it says of it with one field changed: accepted, or refused with this code.
type Case = (Value, &'static [(&'static str, &'static str, &'static str)]);

const OK: &str = "";

fn object(api_version: &str, kind: &str, rest: Value) -> Value {
    let Value::Object(mut object) = rest else { panic!("{rest} is no object") };
    object.extend([
        ("apiVersion".to_owned(), json!(api_version)),
        ("kind".to_owned(), json!(kind)),
        ("metadata".to_owned(), json!({"name": "a"})),
    ]);
    Value::Object(object)
}

/// Puts a value where a JSON pointer leads, `null` to take away what is there.
fn changed(object: &Value, pointer: &str, value: &str) -> Value {
    let mut object = object.clone();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/");
    let value = serde_json::from_str(value).unwrap();
    match object.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.insert(key, value)),
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        other => panic!("{pointer} is in {other}"),
    }
    object
}

fn all() -> Vec<Case> {
    [workloads(), jobs(), configuration(), storage(), classes_and_quotas(), endpoints(), texts(), claims()].concat()
}

/// The objects as the server accepts them.
pub(super) fn accepted() -> Vec<Value> {
    all().into_iter().map(|(object, _)| object).collect()
}

#[test]
fn one_change_gets_the_verdict_of_the_server() {
    for (object, changes) in all() {
        assert_eq!(said(&object, "1.34"), [], "{object}");
        for (pointer, value, code) in changes {
            let object = changed(&object, pointer, value);
            let codes: Vec<&str> = said(&object, "1.34").into_iter().map(|(code, _)| code).collect();
            let wanted: &[&str] = if *code == OK { &[] } else { &[code] };
            assert_eq!(codes, wanted, "{pointer}: {value}");
        }
    }
}

fn template(restart: &str) -> Value {
    json!({"metadata": {"labels": {"app": "a"}}, "spec": {"restartPolicy": restart, "containers": [{"name": "a", "image": "a:1"}]}})
}

fn workloads() -> Vec<Case> {
    let claim = json!({"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    vec![
        (
            object("v1", "ReplicationController", json!({"spec": {"template": template("Always")}})),
            &[
                ("/spec/selector", r#"{"app": "a"}"#, OK),
                ("/spec/selector", r#"{"app": "b"}"#, "BG010"),
                ("/spec/template", "null", "BG006"),
                ("/spec/template/spec/restartPolicy", r#""Never""#, "BG007"),
            ],
        ),
        (
            object("v1", "PodTemplate", json!({"template": template("OnFailure")})),
            &[
                ("/template/spec/restartPolicy", r#""Always""#, OK),
                ("/template/spec/restartPolicy", r#""Sometimes""#, "BG007"),
                ("/template/spec/containers", "[]", "BG006"),
                ("/template", "null", "BG006"),
            ],
        ),
        (
            object(
                "apps/v1",
                "StatefulSet",
                json!({"spec": {"selector": {"matchLabels": {"app": "a"}}, "template": template("Always"), "volumeClaimTemplates": [claim]}}),
            ),
            &[
                ("/spec/volumeClaimTemplates/0/kind", r#""Anything""#, OK),
                ("/spec/volumeClaimTemplates/0/kind", "true", "BG004"),
                ("/spec/volumeClaimTemplates/0/metadata", "{}", "BG006"),
                ("/spec/volumeClaimTemplates/0/metadata/name", r#""a.b""#, "BG007"),
                // Of a template nothing is forgotten.
                ("/spec/volumeClaimTemplates/0/spec/dataSource", r#"{"kind": "X", "name": "a"}"#, "BG007"),
                (
                    "/spec/volumeClaimTemplates/0/spec/dataSourceRef",
                    r#"{"apiGroup": "x.y", "kind": "X", "name": "a", "namespace": "A"}"#,
                    "BG007",
                ),
                ("/spec/updateStrategy", r#"{"type": "Recreate"}"#, "BG007"),
            ],
        ),
    ]
}

fn jobs() -> Vec<Case> {
    let job = json!({"template": template("Never")});
    vec![
        (
            object("batch/v1", "Job", json!({"spec": job})),
            &[
                ("/metadata/name", r#""aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa""#, OK),
                ("/metadata/name", r#""aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa""#, "BG007"),
                ("/metadata/finalizers", r#"["orphan", "foregroundDeletion"]"#, "BG007"),
                (
                    "/metadata/ownerReferences",
                    r#"[{"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "u", "controller": true}, {"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "u", "controller": true}]"#,
                    OK,
                ),
                (
                    "/metadata/ownerReferences",
                    r#"[{"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "u", "controller": true}, {"apiVersion": "v1", "kind": "Pod", "name": "b", "uid": "u", "controller": true}]"#,
                    "BG007",
                ),
                ("/metadata/generateName", r#""/-""#, "BG007"),
                ("/metadata/generateName", r#""x_-""#, OK),
                ("/metadata/generateName", r#""grü-""#, "BG007"),
                ("/metadata", r#"{"generateName": "X-"}"#, "BG007"),
                ("/metadata", r#"{"generateName": "x-"}"#, OK),
                ("/spec/selector", "{}", OK),
                ("/spec/selector", r#"{"matchLabels": {"app": "a"}}"#, "BG007"),
                ("/spec/manualSelector", "true", "BG006"),
                ("/spec/completionMode", r#""""#, "BG007"),
                ("/spec/completionMode", r#""Indexed""#, OK),
                ("/spec/podReplacementPolicy", r#""""#, "BG007"),
                ("/spec/managedBy", r#""example.com/me""#, OK),
                ("/spec/managedBy", r#""me""#, "BG007"),
                (
                    "/spec/podFailurePolicy",
                    r#"{"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [null]}}]}"#,
                    "BG007",
                ),
            ],
        ),
        (
            object(
                "batch/v1",
                "Job",
                json!({"spec": {"manualSelector": true, "selector": {}, "template": template("Never")}}),
            ),
            &[
                ("/spec/selector", r#"{"matchLabels": {"app": "a"}}"#, OK),
                ("/spec/selector", r#"{"matchLabels": {"app": "b"}}"#, "BG010"),
            ],
        ),
        (
            object("batch/v1", "CronJob", json!({"spec": {"schedule": "*/5 * * * *", "jobTemplate": {"spec": job}}})),
            &[
                ("/spec/timeZone", r#""Europe/Kyiv""#, OK),
                ("/spec/timeZone", r#""America/Argentina/Buenos_Aires""#, OK),
                ("/spec/timeZone", r#""Europe/Berln""#, "BG007"),
                ("/spec/timeZone", r#""Local""#, "BG007"),
                ("/spec/schedule", r#""0 24 * * *""#, "BG007"),
                ("/spec/schedule", r#""@every 90s""#, OK),
                ("/spec/schedule", r#""0 0 * JAN mon""#, OK),
                ("/spec/schedule", r#""0 0 * mon jan""#, "BG007"),
                // Only a Job itself runs once by default.
                ("/spec/jobTemplate/spec/completionMode", r#""Indexed""#, "BG006"),
                ("/spec/schedule", r#""TZ=UTC 0 0 * * *""#, "BG007"),
            ],
        ),
    ]
}

fn configuration() -> Vec<Case> {
    vec![
        (
            object(
                "v1",
                "Secret",
                json!({"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "eyJhdXRocyI6e319"}}),
            ),
            &[
                ("/data/.dockerconfigjson", r#""e30=""#, OK),
                ("/data/.dockerconfigjson", r#""YQ==""#, "BG007"),
                ("/data", "null", "BG006"),
            ],
        ),
        (
            object("v1", "Secret", json!({"type": "kubernetes.io/ssh-auth", "stringData": {"ssh-privatekey": "x"}})),
            &[("/stringData/ssh-privatekey", r#""""#, "BG006"), ("/stringData/ssh-privatekey", "null", "BG006")],
        ),
        (
            object("v1", "Namespace", json!({"spec": {"finalizers": ["kubernetes"]}})),
            &[
                ("/spec/finalizers/0", r#""example.com/mine""#, OK),
                ("/spec/finalizers/0", r#""mine""#, "BG007"),
                // It is in no namespace, so the server forgets this one.
                ("/metadata/namespace", r#""A B""#, OK),
            ],
        ),
    ]
}

fn storage() -> Vec<Case> {
    let volume = |more: Value| {
        let mut spec = json!({"capacity": {"storage": "5Gi"}, "accessModes": ["ReadWriteOnce"]});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        object("v1", "PersistentVolume", json!({ "spec": spec }))
    };
    vec![
        (
            object(
                "v1",
                "PersistentVolumeClaim",
                json!({"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}),
            ),
            &[
                ("/spec/resources/requests/storage", "0", "BG007"),
                // More than there can be counts as the most.
                ("/spec/resources/requests/storage", r#""1e30""#, OK),
                // Neither a claim nor a snapshot, or of another namespace: forgotten, whatever it is.
                ("/spec/dataSource", r#"{"kind": "Anything", "apiGroup": "Bad Group"}"#, OK),
                ("/spec/dataSourceRef", r#"{"kind": "", "namespace": "A B"}"#, OK),
                ("/spec/dataSourceRef", r#"{"kind": "Anything", "name": "a"}"#, "BG007"),
            ],
        ),
        (
            volume(json!({"cinder": {"volumeID": "a", "secretRef": {"name": "x", "namespace": "y"}}})),
            &[
                ("/spec/cinder/secretRef", r#"{"name": "x"}"#, "BG006"),
                ("/spec/cinder/secretRef", r#"{"namespace": "y"}"#, "BG006"),
            ],
        ),
        (
            volume(json!({"iscsi": {"targetPortal": "a", "iqn": "iqn.2001-04.com.example:disk", "lun": 0}})),
            &[
                ("/spec/iscsi/secretRef", r#"{"name": "x"}"#, OK),
                ("/spec/iscsi/secretRef", r#"{"namespace": "y"}"#, "BG006"),
            ],
        ),
        (
            volume(json!({"nfs": {"server": "a", "path": "/x"}})),
            &[
                ("/spec/nfs", "null", "BG006"),
                ("/spec/nfs/path", r#""x""#, "BG007"),
                ("/spec/hostPath", r#"{"path": "/x"}"#, "BG007"),
                // The one type that may stand beside an earlier one.
                ("/spec/flexVolume", r#"{"driver": "a/b"}"#, OK),
                ("/spec/flexVolume", r#"{"driver": "a/b", "options": {"kubernetes.io/x": "y"}}"#, "BG007"),
                ("/spec/capacity", r#"{"storage": "5Gi", "cpu": "1"}"#, "BG007"),
                ("/spec/accessModes", "[]", "BG006"),
                ("/spec/volumeAttributesClassName", r#""gold""#, "BG006"),
            ],
        ),
        (
            volume(
                json!({"local": {"path": "/x"}, "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]}}}),
            ),
            &[
                ("/spec/nodeAffinity", "null", "BG006"),
                ("/spec/nodeAffinity/required", "null", "BG006"),
                ("/spec/local/path", r#""/a/../b""#, "BG007"),
            ],
        ),
        (
            volume(
                json!({"csi": {"driver": "a.b", "volumeHandle": "x", "nodeStageSecretRef": {"name": "a", "namespace": "b"}}}),
            ),
            &[
                ("/spec/csi/volumeHandle", r#""""#, "BG006"),
                ("/spec/csi/nodePublishSecretRef", r#"{"name": "a"}"#, "BG006"),
                ("/spec/volumeAttributesClassName", r#""gold""#, OK),
            ],
        ),
        (
            object(
                "storage.k8s.io/v1",
                "StorageClass",
                json!({"provisioner": "a.b/c", "allowedTopologies": [{"matchLabelExpressions": [{"key": "zone", "values": ["a"]}]}]}),
            ),
            &[
                ("/provisioner", r#""""#, "BG006"),
                ("/provisioner", r#""A.B/C""#, OK),
                ("/reclaimPolicy", r#""Recycle""#, "BG007"),
                ("/volumeBindingMode", r#""Later""#, "BG007"),
                ("/allowedTopologies/0/matchLabelExpressions/0/values", r#"["a", "a"]"#, "BG007"),
                ("/allowedTopologies", "[{}]", "BG007"),
            ],
        ),
    ]
}

fn classes_and_quotas() -> Vec<Case> {
    vec![
        (
            object("scheduling.k8s.io/v1", "PriorityClass", json!({"value": 1000})),
            &[
                ("/value", "1000000001", "BG007"),
                ("/metadata/name", r#""system-mine""#, "BG007"),
                ("/preemptionPolicy", r#""Always""#, "BG007"),
            ],
        ),
        (
            object(
                "networking.k8s.io/v1",
                "IngressClass",
                json!({"spec": {"controller": "example.com/a", "parameters": {"kind": "X", "name": "a"}}}),
            ),
            &[
                ("/spec/controller", r#""example.com""#, "BG007"),
                ("/spec/parameters/scope", r#""Namespace""#, "BG006"),
                ("/spec/parameters/namespace", r#""a""#, "BG007"),
                ("/spec", "null", "BG006"),
            ],
        ),
        (
            object("v1", "ResourceQuota", json!({"spec": {"hard": {"pods": "10", "count/deployments.apps": 5}}})),
            &[
                ("/spec/hard/pods", r#""1.5""#, "BG007"),
                // More than the server can count, unless a power of ten says so.
                ("/spec/hard/pods", r#""1Ei""#, "BG007"),
                ("/spec/hard/pods", r#""100E""#, OK),
                ("/spec/hard/pods", r#"" 10 ""#, OK),
                ("/spec/hard/pods", r#""\t10""#, "BG007"),
                ("/spec/hard/pod", "1", "BG007"),
                ("/spec/hard/cpu", r#""-1""#, "BG007"),
                ("/spec/scopes", r#"["BestEffort"]"#, OK),
                ("/spec/scopes", r#"["BestEffort", "NotBestEffort"]"#, "BG007"),
                ("/spec/scopes", r#"["VolumeAttributesClass"]"#, "BG007"),
                (
                    "/spec/scopeSelector",
                    r#"{"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]}"#,
                    OK,
                ),
                (
                    "/spec/scopeSelector",
                    r#"{"matchExpressions": [{"scopeName": "Terminating", "operator": "In", "values": ["x"]}]}"#,
                    "BG007",
                ),
            ],
        ),
        (
            object(
                "v1",
                "LimitRange",
                json!({"spec": {"limits": [{"type": "Container", "max": {"cpu": 2}, "min": {"cpu": "100m"}, "default": {"cpu": 1}, "defaultRequest": {"cpu": "500m"}, "maxLimitRequestRatio": {"cpu": 10}}]}}),
            ),
            &[
                ("/metadata/name", "null", OK),
                ("/spec/limits/0/min/cpu", "3", "BG007"),
                ("/spec/limits/0/default/cpu", r#""400m""#, "BG007"),
                ("/spec/limits/0/maxLimitRequestRatio/cpu", "21", "BG007"),
                ("/spec/limits/0/max/storage", "1", "BG007"),
                ("/spec/limits/0/type", r#""Container2""#, "BG007"),
            ],
        ),
    ]
}

fn endpoints() -> Vec<Case> {
    vec![
        (
            object(
                "v1",
                "Endpoints",
                json!({"subsets": [{"addresses": [{"ip": "10.1.2.3"}], "ports": [{"port": 80}]}]}),
            ),
            &[
                ("/subsets/0/addresses/0/ip", r#""127.0.0.1""#, "BG007"),
                ("/subsets/0/addresses", "[]", "BG006"),
                ("/subsets/0/ports/0/port", "0", "BG007"),
                ("/subsets/0/ports", r#"[{"port": 80, "name": "a"}, {"port": 81}]"#, "BG006"),
            ],
        ),
        (
            object(
                "discovery.k8s.io/v1",
                "EndpointSlice",
                json!({"addressType": "IPv6", "endpoints": [{"addresses": ["2001:db8::1"]}], "ports": [{"port": 80}]}),
            ),
            &[
                ("/addressType", r#""ipv6""#, "BG007"),
                ("/endpoints/0/addresses/0", r#""10.1.2.3""#, "BG007"),
                ("/endpoints/0/addresses/0", r#""2001:DB8::1""#, "BG007"),
                ("/endpoints/0/addresses/0", r#""::ffff:10.1.2.3""#, "BG007"),
                ("/endpoints/0/hints", r#"{"forZones": [{"name": null}]}"#, OK),
                ("/ports", r#"[{"port": 80}, {"port": 81}]"#, "BG006"),
                ("/ports/0/protocol", r#""""#, "BG007"),
            ],
        ),
    ]
}

/// What is written as JSON in an annotation: the server passes over what it cannot read, but for tolerations.
fn texts() -> Vec<Case> {
    const METRICS: &str = "/metadata/annotations/autoscaling.alpha.kubernetes.io~1metrics";
    const BEHAVIOR: &str = "/metadata/annotations/autoscaling.alpha.kubernetes.io~1behavior";
    const TOLERATIONS: &str = "/metadata/annotations/scheduler.alpha.kubernetes.io~1tolerations";
    let mut scaler = object(
        "autoscaling/v1",
        "HorizontalPodAutoscaler",
        json!({"spec": {"maxReplicas": 2, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}}}),
    );
    scaler["metadata"]["annotations"] = json!({});
    let mut pod = object("v1", "Pod", template("Always"));
    pod["metadata"] = json!({"name": "a", "annotations": {}});
    vec![
        (
            scaler,
            &[
                (METRICS, r#""not JSON""#, OK),
                (METRICS, r#""[1]""#, OK),
                (
                    METRICS,
                    r#""[{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\",\"targetAverageUtilization\":\"50\"}}]""#,
                    OK,
                ),
                (
                    METRICS,
                    r#""[{\"TYPE\":\"Resource\",\"Resource\":{\"name\":\"cpu\",\"targetaverageutilization\":50}}]""#,
                    OK,
                ),
                (
                    METRICS,
                    r#""[{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\",\"targetAverageUtilization\":0}}]""#,
                    "BG007",
                ),
                (
                    METRICS,
                    r#""[{\"type\":\"Pods\",\"pods\":{\"metricName\":\"a/b\",\"targetAverageValue\":\"1\"}}]""#,
                    "BG007",
                ),
                (METRICS, r#""[{\"type\":\"External\",\"external\":{\"metricName\":\"a\"}}]""#, "BG006"),
                (BEHAVIOR, r#""{\"ScaleUp\":1}""#, OK),
                (
                    BEHAVIOR,
                    r#""{\"ScaleUp\":{\"Policies\":[{\"Type\":\"Pods\",\"Value\":1,\"PeriodSeconds\":1800}]}}""#,
                    OK,
                ),
                (
                    BEHAVIOR,
                    r#""{\"ScaleUp\":{\"Policies\":[{\"Type\":\"Pods\",\"Value\":1,\"PeriodSeconds\":1801}]}}""#,
                    "BG007",
                ),
                (BEHAVIOR, r#""{\"scaleDown\":{}}""#, "BG006"),
            ],
        ),
        (
            pod,
            &[
                (TOLERATIONS, r#""""#, OK),
                (TOLERATIONS, r#""null""#, OK),
                (TOLERATIONS, r#""[{\"Key\":\"a\"}]""#, OK),
                (TOLERATIONS, r#""not JSON""#, "BG007"),
                (TOLERATIONS, r#""[{\"key\":1}]""#, "BG007"),
                (TOLERATIONS, r#""[{\"key\":\"a\",\"effect\":\"Now\"}]""#, "BG007"),
            ],
        ),
    ]
}

/// The claims that a `StatefulSet` makes are the first volumes of its pods, and take the place of those of their names.
fn claims() -> Vec<Case> {
    let claim = json!({"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    let mut template = template("Always");
    template["spec"]["volumes"] =
        json!([{"name": "data", "emptyDir": {}, "hostPath": {"path": "/"}}, {"name": "tmp", "emptyDir": {}}]);
    let set = object(
        "apps/v1",
        "StatefulSet",
        json!({"spec": {"selector": {"matchLabels": {"app": "a"}}, "template": template, "volumeClaimTemplates": [claim]}}),
    );
    vec![(
        set,
        &[
            ("/spec/volumeClaimTemplates/0/spec/volumeMode", r#""Box""#, "BG007"),
            ("/spec/template/spec/volumes/1/secret", r#"{"secretName": "a"}"#, "BG007"),
            ("/spec/template/spec/volumes/0/secret", r#"{"secretName": "a"}"#, OK),
        ],
    )]
}

#[test]
fn volumes_of_a_stateful_set_are_counted_as_the_server_counts_them() {
    let (set, _) = claims().remove(0);
    let set = changed(&set, "/spec/template/spec/volumes/1/secret", r#"{"secretName": "a"}"#);
    assert_eq!(said(&set, "1.34"), [("BG007", "spec.template.spec.volumes[1].secret".to_owned())]);
}
