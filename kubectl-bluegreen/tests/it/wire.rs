//! What a server and the way to it do to a whole process: credentials that expire in the middle, watches that are gone,
//! slowness, refusals, cut connections. However often it is asked, the move happens once, and what is said is true.

use std::time::Duration;

use serde_json::{Value, json};

use super::stub::{Act, Ended, LEASE, NAMING, Stub};
use kubectl_bluegreen::cluster::Resource;

const LINE: &str = "switch green --yes --settle 0s";
const PATCH: [&str; 2] = ["PATCH ", "/services/api-gateway-service-active?"];
/// One request of each kind that a switch sends.
const EACH: [&[&str]; 12] = [
    &["GET ", "/deployments"],
    &["GET ", "/pods"],
    &["GET ", "/leases?"],
    &["POST ", "/selfsubjectrulesreviews"],
    &["GET ", "/leases/"],
    &["POST ", "/leases?"],
    &PATCH,
    &["GET ", "/endpointslices?labelSelector"],
    &["GET ", "watch=1"],
    &["GET ", "/services/"],
    &["PATCH ", "/services/", "closed"],
    &["PATCH ", LEASE, r#""value":"""#],
];

/// Plays all cases side by side: most of them wait.
fn all<T: Send>(cases: impl IntoIterator<Item = T>, play: impl Fn(T) + Sync) {
    let play = &play;
    std::thread::scope(|scope| cases.into_iter().for_each(|case| drop(scope.spawn(move || play(case)))));
}

fn journal(stub: &Stub) -> Vec<Value> {
    let service = stub.get(Resource::Services, NAMING.active);
    let text = service["metadata"]["annotations"]["kubectl-bluegreen.dev/journal"].as_str().unwrap_or("{}");
    let journal: Value = serde_json::from_str(text).unwrap();
    journal["entries"].as_array().cloned().unwrap_or_default()
}

/// The move was made once, was written down to its end, and nobody holds anything.
#[track_caller]
fn done(stub: &Stub, ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(ended.out.contains("done: green serves"), "{ended:#?}");
    let entries = journal(stub);
    assert_eq!((entries.len(), &entries[0]["phase"]), (1, &"closed".into()), "{ended:#?}");
    assert_eq!((stub.color().as_str(), stub.holder().as_str()), ("green", ""), "{ended:#?}");
}

/// An exec plugin, as clouds have them, gives the first token once and the second from then on; a file is rewritten.
#[test]
fn a_token_that_expires_in_the_middle_is_renewed() {
    all(EACH, |parts| {
        let stub = Stub::start();
        let script = stub.path("login");
        let flag = stub.path("used");
        let text = format!(
            "#!/bin/sh\nif [ -e {0} ]; then token=two; else token=one; : >{0}; fi\n\
             printf '{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{{\"token\":\"%s\"}}}}' $token\n",
            flag.display()
        );
        std::fs::write(&script, text).unwrap();
        let exec = format!(
            "exec: {{apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: sh, args: ['{}']}}",
            script.display()
        );
        stub.log_in(&exec);
        stub.know("one");
        stub.on(parts, Act::Expire("two"));
        let ended = stub.run(LINE);
        // After a watch comes a look.
        assert!(stub.count(parts) > 1 || parts == EACH[8], "{parts:?} was not sent again: {ended:#?}");
        done(&stub, &ended);
    });
}

/// A token of the kubeconfig's own stays expired: that is said, with what is true then, and a new one goes on.
#[test]
fn a_token_that_cannot_be_renewed_is_told_of() {
    for (parts, state) in
        [(EACH[0], ""), (EACH[5], ""), (EACH[6], ""), (EACH[7], "has moved to green"), (EACH[10], "has moved to green")]
    {
        let stub = Stub::start();
        stub.log_in("token: one");
        stub.know("one");
        stub.on(parts, Act::Expire("two"));
        let ended = stub.run(LINE).expect(1, state);
        assert!(format!("{:?}", ended.err).contains("log in again") || !state.is_empty(), "{ended:#?}");
        assert!(!ended.out.contains("done"), "{ended:#?}");
        assert_eq!(stub.color() == "green", !state.is_empty(), "{ended:#?}");
        stub.log_in("token: two");
        done(&stub, &stub.run(LINE));
    }
}

#[test]
fn a_watch_that_is_gone_is_begun_anew() {
    let gone = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired",
        "message": "too old resource version: 1 (2)"});
    for act in [
        Act::Event(json!({"type": "ERROR", "object": gone})),
        Act::Refuse(410, None),
        Act::Refuse(429, Some(1)),
        Act::Refuse(500, None),
        Act::HangUp { done: false },
        Act::Event(json!({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "7"}}})),
    ] {
        let stub = Stub::start();
        // The slices follow later than the first look.
        stub.often(&["GET ", "watch=1"], 0, 2, act);
        done(&stub, &stub.run(LINE));
    }
}

#[test]
fn a_slow_server_is_waited_for() {
    let stub = Stub::start();
    stub.often(&[" "], 0, usize::MAX, Act::Late(Duration::from_millis(200)));
    done(&stub, &stub.run(LINE));
}

/// Too slow for one request: under the Lease a read is asked again, and of a write it is looked whether it happened. A
/// watch that died in silence is not waited for, either.
#[test]
fn an_answer_that_never_comes_is_not_waited_for() {
    for act in [Act::Silent, Act::DoneSilent] {
        all(EACH.into_iter().enumerate(), |(at, parts)| {
            let stub = Stub::start();
            stub.on(parts, act.clone());
            let ended = stub.run(&format!("{LINE} --timeout 2m --request-timeout 1s"));
            assert!(ended.took < Duration::from_secs(20), "{parts:?} {act:?}: {ended:#?}");
            if at < 3 {
                let ended = ended.expect(1, "no answer within 1 s");
                assert_eq!(stub.count(&["leases/"]) + stub.count(&PATCH), 0, "{ended:#?}");
            } else {
                done(&stub, &ended);
            }
        });
    }
}

/// The server says when to come again, and nobody comes before.
#[test]
fn a_busy_server_is_given_the_time_that_it_asks_for() {
    all(EACH, |parts| {
        let stub = Stub::start();
        stub.often(parts, 0, 2, Act::Refuse(429, Some(1)));
        let ended = stub.run(LINE);
        done(&stub, &ended);
        // A watch is not asked for again, but looked for what it would have told.
        assert!(ended.took > Duration::from_secs(2) || parts == EACH[8], "{parts:?}: {ended:#?}");
    });
}

/// A Lease is not lost because the server wants to be left alone for longer than it lasts.
#[test]
fn a_busy_server_costs_nobody_the_lease() {
    let stub = Stub::start();
    stub.often(&["PATCH ", LEASE, "renewTime"], 0, 2, Act::Refuse(429, Some(30)));
    done(&stub, &stub.run("switch green --yes --settle 10500ms"));
}

#[test]
fn an_internal_error_passes() {
    for code in [500, 503, 504] {
        all(EACH, |parts| {
            let stub = Stub::start();
            stub.on(parts, Act::Refuse(code, None));
            done(&stub, &stub.run(LINE));
        });
    }
}

/// A server that stays busy is given up on after `--timeout`, and what is true is said.
#[test]
fn a_server_that_stays_busy() {
    let stub = Stub::start();
    stub.often(&PATCH, 0, usize::MAX, Act::Refuse(429, Some(1)));
    let ended = stub.run("switch green --yes --settle 0s --timeout 3s").expect(1, "the stub says so");
    assert!(ended.took < Duration::from_secs(15), "{ended:#?}");
    assert_eq!(
        (stub.color().as_str(), stub.holder().as_str(), stub.count(&PATCH) < 6),
        ("blue", "", true),
        "{ended:#?}"
    );
}

#[test]
fn a_cut_connection_is_made_anew() {
    for was_done in [false, true] {
        all(EACH, |parts| {
            let stub = Stub::start();
            stub.on(parts, Act::HangUp { done: was_done });
            let ended = stub.run(LINE);
            done(&stub, &ended);
            if parts == PATCH {
                assert_eq!(
                    stub.count(&["PATCH ", "/services/", r#""deployment":"green""#]),
                    if was_done { 1 } else { 2 }
                );
            }
        });
    }
}
