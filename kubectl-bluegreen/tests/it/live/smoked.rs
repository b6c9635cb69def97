//! Every kind of smoke test against pods that run: what passes, and what each says when it does not.

use bluegreen_lint::config::file::File;
use kubectl_bluegreen::cluster::ObjectRef;
use kubectl_bluegreen::cluster::Resource;
use kubectl_bluegreen::release::ExitStatus;
use serde_json::{Value, json};

use super::super::world::{NAMINGS, Naming, World, run_with};
use super::Live;

const NAMING: Naming = NAMINGS[0];

/// A test as it is written in `.bluegreen.yaml`, and what it says; whether it passes.
const TESTS: &[(&str, bool, &str)] = &[
    ("{path: /, status: 200, contains: version=2}", true, "200 in"),
    ("{path: /, method: POST, headers: {Host: shop.test, X-Test: a b}}", true, "200 in"),
    ("{path: /healthz, json: {'': true}}", true, "200 in"),
    ("{path: '/slow?ms=1', port: 8080, below: 9s}", true, "200 in"),
    ("{tcp: http}", true, "connected"),
    ("{path: /, repeat: 10, mayFail: 2}", true, "200 in"),
    (
        "{command: [sh, -c, 'curl -sf $BLUEGREEN_URL/ | grep version=2 && test $BLUEGREEN_COLOR = green && test -n $BLUEGREEN_POD']}",
        true,
        "ended well in",
    ),
    ("{path: /, contains: version=9}", false, "the answer does not contain \"version=9\": version=2"),
    ("{path: /, status: [201, 204]}", false, "answered 200: version=2"),
    ("{path: /healthz, json: {'': false}}", false, " is true, expected false"),
    ("{path: /, json: {/db: 1}}", false, "the answer is no JSON: version=2"),
    ("{path: '/slow?ms=400', below: 200ms}", false, "and may take 200 ms"),
    ("{path: '/slow?ms=5000', timeout: 1s}", false, "no answer within 1 s"),
    ("{tcp: 81}", false, "connection refused"),
    ("{path: /, port: 81}", false, "connection refused"),
    ("{path: /, tls: true}", false, "TLS: "),
    ("{command: [sh, -c, 'echo $BLUEGREEN_COLOR of $BLUEGREEN_SET is bad; exit 3']}", false, "ended with 3: green of "),
    ("{command: [no-such-program-anywhere]}", false, "no-such-program-anywhere cannot be run"),
    ("{command: [sleep, '30'], timeout: 1s}", false, "no answer within 1 s"),
];

#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn each_kind_of_test_passes_and_fails_with_words_of_its_own() {
    let world = Live::new("smoked", 0, NAMING).await;
    world.scale(NAMING.green, 1).await;
    for (test, passes, says) in TESTS {
        let config: File = serde_yaml::from_str(&format!("smoke: [{test}]")).unwrap();
        let expected = if *passes { ExitStatus::Done } else { ExitStatus::PutBack };
        let ran = run_with(world.cluster(), world.namespace(), "smoke green -o json", config).await;
        assert_eq!(ran.status, expected, "{test}: {}", ran.err);
        let result = ran.json()["tests"][0].clone();
        assert_eq!(result["ok"], *passes, "{test}: {result}");
        assert!(result["message"].as_str().unwrap().contains(says), "{test}: {says:?} is not said: {result}");
    }
    // How many may fail is counted.
    let green = ObjectRef::new(Resource::Deployments, world.namespace(), NAMING.green);
    let variable = json!({"name": "ERROR_RATE", "value": "0.5"});
    world
        .edit(&green, json!([{"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": variable}]))
        .await;
    world.rest().await;
    for (may_fail, expected) in [(39, ExitStatus::Done), (1, ExitStatus::PutBack)] {
        let config: File =
            serde_yaml::from_str(&format!("smoke: [{{path: /, repeat: 40, mayFail: {may_fail}}}]")).unwrap();
        let ran = run_with(world.cluster(), world.namespace(), "smoke green -o json", config).await.expect(expected);
        let result = ran.json()["tests"][0].clone();
        let failed = result["failed"].as_u64().unwrap();
        assert!(result["asked"] == 40 && (5..36).contains(&failed), "{result}");
    }
    assert_ne!(world.get(&green).await["status"], Value::Null);
}
