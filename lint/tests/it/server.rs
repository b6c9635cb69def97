//! The `api` group says what a real API server says, as far as verdicts of one are at hand; its schemas are current.

use std::io::Read as _;
use std::path::Path;

use bluegreen_lint::config::Config;
use bluegreen_lint::source::Source;
use bluegreen_lint::version::Version;
use bluegreen_lint::{lint, schemas, yaml};
use serde_json::{Value, json};

use super::{files, kinds, root};

/// The codes that the `api` group reports for an object of a version, and the paths.
pub(super) fn said(manifest: &Value, version: &str) -> Vec<(&'static str, String)> {
    said_of_text(&serde_json::to_string_pretty(manifest).unwrap(), version)
}

fn said_of_text(text: &str, version: &str) -> Vec<(&'static str, String)> {
    let config =
        Config { select: vec!["api".to_owned()], kubernetes_version: version.parse().unwrap(), ..Config::default() };
    let report = lint(&[Source::new("object.yaml", text)], &config);
    report.findings.into_iter().map(|finding| (finding.rule.code, finding.place.path)).collect()
}

/// What a server of 1.34 said of some thousands of changed objects.
fn verdicts(path: &Path) -> Vec<Value> {
    let mut text = String::new();
    #[expect(clippy::disallowed_methods, reason = "tests read what they are given")]
    let packed = std::fs::read(path).unwrap();
    flate2::read::GzDecoder::new(&*packed).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn verdicts_of_a_real_server_are_met() {
    let folder = root().join("../shared/oracle");
    if !folder.is_dir() {
        eprintln!("skipped: there are no verdicts of a server here");
        return;
    }
    let (mut missed, mut wrong, mut named, mut hits) = (Vec::new(), Vec::new(), 0, 0);
    for verdict in files(&folder, "")
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "gz"))
        .flat_map(|path| verdicts(path))
    {
        // The request named another namespace than the object: that is no fault of the object.
        if verdict["message"]
            .as_str()
            .is_some_and(|message| message.starts_with("the namespace of the provided object"))
        {
            continue;
        }
        let said = said(&verdict["manifest"], "1.34");
        let accepted = verdict["accepted"] == true;
        match (accepted, said.is_empty()) {
            (true, false) => wrong.push((verdict["id"].clone(), said)),
            (false, true) => missed.push((verdict["id"].clone(), verdict["message"].clone())),
            (false, false) => {
                let fields: Vec<&str> =
                    verdict["fields"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
                named += usize::from(!fields.is_empty());
                hits += usize::from(said.iter().any(|(_, path)| fields.contains(&path.as_str())));
            }
            (true, true) => {}
        }
    }
    assert!(missed.is_empty() && wrong.is_empty(), "missed {missed:#?}, wrong {wrong:#?}");
    assert!(named > 3000 && hits * 100 > named * 98, "{hits} of {named} paths are those of the server");
}

#[test]
fn schemas_are_current() {
    let mut versions = Vec::new();
    for version in Version::all() {
        let path = root().join(format!("schemas/kubernetes/v{version}.json"));
        let there = std::fs::read_to_string(&path).unwrap();
        let schema = serde_json::from_str(&there).unwrap();
        let made = schemas::strict(&version.to_string(), &schema).unwrap();
        assert!(there == made, "{} is out of date: see the README there", path.display());
        versions.push((version.to_string(), schema));
    }
    let changes = std::fs::read_to_string(root().join("schemas/kubernetes/changes.json")).unwrap();
    assert!(changes == schemas::changes(&versions), "changes.json is out of date: see the README there");
}

#[test]
fn schemas_say_what_the_linter_says_of_fields_and_types() {
    let text = std::fs::read_to_string(root().join("schemas/kubernetes/v1.34.json")).unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap();
    let mut invalid = 0;
    for path in files(&root().join("testdata/lint"), "") {
        for document in yaml::parse(&std::fs::read_to_string(&path).unwrap()).documents {
            let object = document.root().to_json();
            let codes: Vec<&str> = said(&object, "1.34").into_iter().map(|(code, _)| code).collect();
            if codes.iter().any(|code| ["BG001", "BG006", "BG008", "BG009"].contains(code)) || object["kind"] == "List"
            {
                continue;
            }
            let is_refused = codes.iter().any(|code| ["BG003", "BG004", "BG005"].contains(code));
            let faults: Vec<String> = schema.iter_errors(&object).map(|fault| fault.to_string()).collect();
            // Text in a format is another finding than text where none may be; a schema has no formats, or patterns.
            let is_format = path.ends_with("bad-time.yaml") || path.ends_with("bad-quantity.yaml");
            assert!(
                is_format || is_refused != faults.is_empty() || object.get("apiVersion").is_none(),
                "{}: {codes:?} {faults:?}",
                path.display()
            );
            invalid += usize::from(is_refused);
        }
    }
    assert!(invalid > 8, "{invalid}");
}

/// An object, the versions that accept it, and the code of the others; two codes where it is refused otherwise before than after.
type Row = (Value, std::ops::RangeInclusive<u8>, &'static str);

/// A pod with one more field.
fn pod(field: &str, value: Value) -> Value {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}});
    let (parent, key) = field.rsplit_once('/').unwrap();
    pod.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(key.to_owned(), value);
    pod
}

/// An object with nothing but a name.
fn bare(api_version: &str, kind: &str) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}})
}

/// Fields and kinds that came and went.
fn fields_and_kinds() -> Vec<Row> {
    let projected = json!([{"name": "a", "projected": {"sources": [{"podCertificate": {"signerName": "a.b/c", "keyType": "ED25519"}}]}}]);
    let hints = |hints: Value| {
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "a"}, "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"], "hints": hints}]})
    };
    vec![
        (pod("/spec/resourceClaims", json!([{"name": "a", "resourceClaimName": "b"}])), 31..=37, "BG005"),
        (pod("/spec/securityContext", json!({"supplementalGroupsPolicy": "Merge"})), 31..=37, "BG005"),
        (pod("/spec/volumes", projected), 34..=37, "BG005"),
        (hints(json!({"forNodes": [{"name": "a"}]})), 33..=37, "BG005"),
        (pod("/spec/containers/0/livenessProbe", json!({"grpc": {"port": 1, "mode": "TLS"}})), 37..=37, "BG005"),
        (
            pod("/spec/containers/0/livenessProbe", json!({"httpGet": {"port": 1, "protocol": "HTTP2"}})),
            37..=37,
            "BG005",
        ),
        (pod("/spec/volumes", json!([{"name": "a", "emptyDir": {"mode": 511}}])), 37..=37, "BG005"),
        (
            pod("/spec/volumes", json!([{"name": "a", "secret": {"secretName": "a", "defaultUser": 1}}])),
            37..=37,
            "BG005",
        ),
        (pod("/spec/evictionResponders", json!([])), 37..=37, "BG005"),
        (bare("storage.k8s.io/v1", "VolumeAttributesClass"), 34..=37, "BG008"),
        (bare("storage.k8s.io/v1beta1", "VolumeAttributesClass"), 31..=36, "BG008/BG009"),
        (bare("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy"), 36..=37, "BG008"),
        (bare("admissionregistration.k8s.io/v1beta1", "ValidatingAdmissionPolicy"), 30..=33, "BG009"),
        (bare("resource.k8s.io/v1alpha3", "DeviceClass"), 31..=33, "BG008/BG009"),
        (bare("networking.k8s.io/v1beta1", "IPAddress"), 31..=36, "BG008/BG009"),
    ]
}

/// What came, went, or changed beside them.
fn sweep() -> Vec<Row> {
    let service = |name: &str, distribution: &str| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [{"port": 80}], "trafficDistribution": distribution}});
    let idle = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a"}, "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}, "minReplicas": 0, "maxReplicas": 2,
        "metrics": [{"type": "External", "external": {"metric": {"name": "queue"}, "target": {"type": "Value", "value": "9"}}}]}});
    let claims = |field: &str, value: Value| {
        let mut spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
        spec[field] = value;
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "a"}, "spec": spec})
    };
    let job = |field: &str, value: Value| {
        let mut spec =
            json!({"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a:1"}]}}});
        spec[field] = value;
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "spec": spec})
    };
    let scaler = |api_version: &str, behavior: Value| {
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a"}, "spec": {
        "scaleTargetRef": {"apiVersion": api_version, "kind": "Deployment", "name": "a"}, "maxReplicas": 2, "behavior": behavior}})
    };
    let range = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "a"}, "spec": {
        "podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.1.2.3/8"}}]}]}});
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "a"}, "spec": {"selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}},
        "updateStrategy": {"rollingUpdate": {"maxUnavailable": 0}}}});
    let rules = |policy: &str| json!({"name": "b", "image": "a:1", "restartPolicyRules": [{"action": "Restart"}], "restartPolicy": policy});
    let without_selector = json!({"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone", "matchLabelKeys": ["a"]}]}});
    vec![
        // What each version knows.
        (pod("/spec/resourceClaims", json!([{"name": "a", "source": {"resourceClaimName": "b"}}])), 30..=30, "BG005"),
        (pod("/spec/volumes", json!([{"name": "a", "image": {"reference": "a:1"}}])), 31..=37, "BG005"),
        (pod("/spec/securityContext", json!({"seLinuxChangePolicy": "Recursive"})), 32..=37, "BG005"),
        (pod("/spec/containers/0/lifecycle", json!({"stopSignal": "SIGTERM"})), 33..=37, "BG005"),
        (scaler("apps/v1", json!({"scaleDown": {"tolerance": "0.1"}})), 33..=37, "BG005"),
        (pod("/spec/workloadRef", json!({"name": "a", "podGroup": "b"})), 35..=35, "BG005"),
        (pod("/spec/schedulingGroup", json!({})), 36..=37, "BG005"),
        (job("scheduling", json!({})), 37..=37, "BG005"),
        (bare("storagemigration.k8s.io/v1alpha1", "StorageVersionMigration"), 30..=34, "BG009"),
        (bare("resource.k8s.io/v1alpha2", "ResourceClaim"), 30..=30, "BG009"),
        (bare("resource.k8s.io/v1", "DeviceClass"), 34..=37, "BG008"),
        (bare("networking.k8s.io/v1alpha1", "IPAddress"), 30..=30, "BG009"),
        // What it forgets while the feature is off, and so does not validate.
        (job("managedBy", json!("me")), 30..=31, "BG007"),
        (claims("volumeAttributesClassName", json!("Bad_")), 30..=33, "BG007"),
        (pod("/spec/affinity", without_selector), 30..=30, "BG007"),
        (set, 30..=34, "BG007"),
        (pod("/spec/containers/0/securityContext", json!({"procMount": "Unmasked"})), 30..=32, "BG007"),
        (
            pod("/spec/containers/0/resizePolicy", json!([{"resourceName": "disk", "restartPolicy": "NotRequired"}])),
            30..=32,
            "BG007",
        ),
        (job("successPolicy", json!({"rules": [{"succeededCount": 1}]})), 30..=30, "BG007"),
        (scaler("apps/v1", json!({"scaleDown": {"tolerance": "-1"}})), 33..=34, "BG005/BG007"),
        (pod("/spec/initContainers", json!([rules("Sometimes")])), 34..=34, "BG005/BG007"),
        // What it takes more or less strictly.
        (pod("/spec/dnsConfig", json!({"searches": ["_sip._tcp"]})), 33..=37, "BG007"),
        (scaler("v1", json!({})), 30..=33, "BG007"),
        (pod("/spec/hostAliases", json!([{"ip": "010.0.0.1", "hostnames": ["a"]}])), 30..=35, "BG007"),
        (range, 30..=35, "BG007"),
        (idle, 37..=37, "BG007"),
        (pod("/spec/restartPolicy", json!("Always")), 30..=37, ""),
        (pod("/spec/resources", json!({"requests": {"cpu": 1}})), 32..=37, "BG005"),
        (pod("/spec/hostnameOverride", json!("a")), 34..=37, "BG005"),
        (pod("/spec/containers/0/restartPolicyRules", json!([])), 34..=37, "BG005"),
        (pod("/spec/containers/0/lifecycle", json!({"preStop": {"sleep": {"seconds": 0}}})), 33..=37, "BG007"),
        (pod("/spec/containers/0/env", json!([{"name": "a b", "value": "x"}])), 32..=37, "BG007"),
        (service("shop", "PreferClose"), 30..=37, ""),
        (service("shop", "PreferSameNode"), 34..=37, "BG007"),
        (service("1shop", "PreferClose"), 36..=37, "BG007"),
        (bare("flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema"), 30..=31, "BG009"),
        (bare("networking.k8s.io/v1", "ServiceCIDR"), 33..=37, "BG008"),
        (bare("extensions/v1beta1", "Ingress"), 99..=99, "BG009"),
        (bare("batch/v1beta1", "CronJob"), 99..=99, "BG009"),
        (bare("storage.k8s.io/v1", "CSIDriver"), 30..=37, ""),
    ]
}

#[test]
fn each_version_knows_what_came_and_went() {
    for (object, accepting, code) in [sweep(), fields_and_kinds()].concat() {
        for version in Version::all() {
            let codes: Vec<&str> = said(&object, &version.to_string()).into_iter().map(|(code, _)| code).collect();
            // Fields that are dropped without a word by 1.30 may be there: it does not know what they may be.
            let tolerant = version.minor() == 30 && object["spec"]["trafficDistribution"] == "PreferSameNode";
            let is_accepted = accepting.contains(&version.minor()) || tolerant;
            let (before, after) = code.split_once('/').unwrap_or((code, code));
            let code = if version.minor() < *accepting.start() { before } else { after };
            let wanted = if is_accepted { vec![] } else { vec![code] };
            assert_eq!(codes, wanted, "{version}: {object}");
        }
    }
}

#[test]
fn a_field_is_unknown_then_forgotten_then_validated() {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {
        "hostnameOverride": "a_b", "containers": [{"name": "a", "image": "a:1"}]}});
    for version in Version::all() {
        let codes: Vec<&str> = said(&pod, &version.to_string()).into_iter().map(|(code, _)| code).collect();
        let wanted: &[&str] = match version.minor() {
            ..=33 => &["BG005"],
            34 => &[],
            _ => &["BG007"],
        };
        assert_eq!(codes, wanted, "{version}");
    }
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            pointers(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), all);
        }),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, item)| pointers(item, &format!("{at}/{i}"), all)),
        _ => {}
    }
}

/// The same object in block style.
fn as_yaml(value: &Value, indent: usize) -> String {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let line = |(key, value): (&String, &Value)| {
                ["\n", &pad, &json!(key).to_string(), ":", &as_yaml(value, indent + 2)].concat()
            };
            fields.iter().map(line).collect()
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().map(|item| ["\n", &pad, "-", &as_yaml(item, indent + 2)].concat()).collect()
        }
        scalar => format!(" {scalar}"),
    }
}

/// `BLUEGREEN_FUZZ_ROUNDS` says how many changes to try, where somebody has the time.
#[test]
fn any_change_gets_one_verdict_as_yaml_and_as_json() {
    let rounds = std::env::var("BLUEGREEN_FUZZ_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1500);
    let mut objects = kinds::accepted();
    for path in files(&root().join("testdata/lint"), "good") {
        objects.extend(
            yaml::parse(&std::fs::read_to_string(path).unwrap())
                .documents
                .iter()
                .map(|document| document.root().to_json()),
        );
    }
    let pool = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(65536),
        json!(1.5),
        json!(1e300),
        json!(""),
        json!("a b"),
        json!("100m"),
        json!("150%"),
        json!("grün"),
        json!([]),
        json!([null]),
        json!({}),
        json!({"a": {"b": null}}),
        json!("x".repeat(300)),
        json!("10.0.0.0/8"),
    ];
    let mut dice = Dice(7);
    let mut refused = 0;
    for round in 0..rounds {
        let mut object = objects[dice.throw(objects.len())].clone();
        for _ in 0..=dice.throw(2) {
            let mut all = Vec::new();
            pointers(&object, "", &mut all);
            let at = all[1..].get(dice.throw(all.len())).cloned().unwrap_or_default();
            let donor = objects[dice.throw(objects.len())].clone();
            let mut parts = Vec::new();
            pointers(&donor, "", &mut parts);
            let value = match dice.throw(3) {
                0 => donor.pointer(&parts[dice.throw(parts.len())]).cloned().unwrap_or_default(),
                _ => pool[dice.throw(pool.len())].clone(),
            };
            if let Some(place) = object.pointer_mut(&at).filter(|_| !at.is_empty()) {
                *place = value;
            }
        }
        let version = Version::all().nth(dice.throw(8)).unwrap().to_string();
        let json = said(&object, &version);
        assert_eq!(said_of_text(&as_yaml(&object, 0), &version), json, "round {round}: {object}");
        refused += usize::from(!json.is_empty());
    }
    assert!((rounds / 4..rounds).contains(&refused), "{refused}");
}

/// What an API server has taken is not judged in its place: its own objects may have fields that no schema here knows.
#[test]
fn live_objects_are_not_validated() {
    let text =
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: shop\nspec:\n  fieldOfTomorrow: 1\n  ports:\n  - port: 80\n";
    let lint = |live| lint(&[Source::new("live", text)], &Config { live, ..Config::default() });
    assert_eq!(lint(false).findings.iter().filter(|finding| finding.rule.code == "BG005").count(), 1);
    assert!(lint(true).findings.iter().all(|finding| finding.rule.group() != "api"), "{:?}", lint(true).findings);
    assert!(lint(true).passed_over.is_empty());
}
