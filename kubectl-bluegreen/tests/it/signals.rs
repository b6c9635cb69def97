//! Signals at each phase of a move, as whole processes: the Lease is given back, the words say what is true, and the same
//! command again ends well.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use super::stub::{Act, Ended, LEASE, Stub};

/// Sends signals, the second a moment after the first was heard, and waits for the end.
fn stop(child: Child, signals: &[&str]) -> Ended {
    let began = Instant::now();
    for (number, signal) in signals.iter().enumerate() {
        if number > 0 {
            std::thread::sleep(Duration::from_millis(300));
        }
        let status = Command::new("kill").args([*signal, &child.id().to_string()]).status().unwrap();
        assert!(status.success(), "kill {signal}");
    }
    Ended::of(&child.wait_with_output().unwrap(), began)
}

const TARGET: &str = "switch green --yes --settle";
const SERVICE: &str = "/services/api-gateway-service-active?";
const ONE: [&[&str]; 3] = [&["-INT"], &["-TERM"], &["-HUP"]];

/// Stopped, honest, nothing held; and the same command again ends well.
#[track_caller]
fn stopped(stub: &Stub, ended: &Ended, state: &str, color: &str) {
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    assert!(ended.err.contains("stopping at the next safe point") && ended.err.contains(state), "{ended:#?}");
    assert!(ended.err.contains("  help: "), "{ended:#?}");
    assert!(ended.took < Duration::from_secs(10), "{ended:#?}");
    assert_eq!((stub.color().as_str(), stub.holder().as_str()), (color, ""), "{ended:#?}");
    stub.calm();
    stub.run("switch green --yes --settle 0s").expect(0, "");
    assert_eq!((stub.color().as_str(), stub.holder().as_str()), ("green", ""));
    assert_eq!(stub.run("status -o json").expect(0, "").json()["moving"], serde_json::Value::Null);
}

#[test]
fn while_it_looks() {
    for signals in ONE {
        let stub = Stub::start();
        let pods = ["GET ", "/pods"];
        stub.on(&pods, Act::Silent);
        let child = stub.spawn(&format!("{TARGET} 0s"));
        stub.arrived(&pods);
        stopped(&stub, &stop(child, signals), "interrupted; nothing was changed", "blue");
    }
}

#[test]
fn while_it_waits_for_the_lock() {
    for signals in ONE {
        let stub = Stub::start();
        let other = stub.spawn(&format!("{TARGET} 60s"));
        stub.arrived(&["PATCH ", SERVICE]);
        let child = stub.spawn("switch blue --yes --wait-lock 60s");
        // It asks for the Lease once a second.
        while stub.count(&["GET ", "/leases/", LEASE]) < 2 {
            std::thread::sleep(Duration::from_millis(20));
        }
        let ended = stop(child, signals);
        assert_eq!(ended.code, Some(130), "{ended:#?}");
        assert!(ended.err.contains("interrupted; nothing was changed"), "{ended:#?}");
        // What somebody else holds is not touched.
        assert!(stub.holder().starts_with("ann@"), "{}", stub.holder());
        stopped(&stub, &stop(other, signals), "has moved to green", "green");
    }
}

#[test]
fn while_it_takes_the_lock() {
    for signals in ONE {
        for act in [Act::DoneSilent, Act::Silent] {
            let stub = Stub::start();
            let create = ["POST ", "/leases?"];
            stub.on(&create, act);
            let child = stub.spawn(&format!("{TARGET} 0s"));
            stub.arrived(&create);
            std::thread::sleep(Duration::from_millis(50));
            stopped(&stub, &stop(child, signals), "interrupted; nothing was changed", "blue");
        }
    }
}

#[test]
fn while_it_reads_again() {
    for signals in ONE {
        let stub = Stub::start();
        // Lists are read once; what they rest on, object by object.
        let again = ["GET ", "/deployments/"];
        stub.on(&again, Act::Silent);
        let child = stub.spawn(&format!("{TARGET} 0s"));
        stub.arrived(&again);
        stopped(&stub, &stop(child, signals), "interrupted; nothing was changed", "blue");
    }
}

/// A write that is on its way is waited for: then it is known what is true.
#[test]
fn while_it_writes() {
    for signals in ONE {
        let stub = Stub::start();
        let patch = ["PATCH ", SERVICE];
        stub.on(&patch, Act::Late(Duration::from_secs(1)));
        let child = stub.spawn(&format!("{TARGET} 60s"));
        stub.arrived(&patch);
        stopped(&stub, &stop(child, signals), "has moved to green", "green");
    }
}

/// A second signal does not wait for the answer, and does not claim to know it.
#[test]
fn twice_while_it_writes() {
    for (act, color) in [(Act::Silent, "blue"), (Act::DoneSilent, "green")] {
        for signals in [["-INT", "-INT"], ["-TERM", "-TERM"], ["-HUP", "-INT"]] {
            let stub = Stub::start();
            let patch = ["PATCH ", SERVICE];
            stub.on(&patch, act.clone());
            let child = stub.spawn(&format!("{TARGET} 60s"));
            stub.arrived(&patch);
            std::thread::sleep(Duration::from_millis(50));
            let ended = stop(child, &signals);
            stopped(&stub, &ended, "it is not known whether the write of service/", color);
            assert!(ended.took < Duration::from_secs(2), "{ended:#?}");
        }
    }
}

#[test]
fn while_it_waits_for_the_endpoints() {
    for signals in ONE {
        let stub = Stub::start();
        let slices = ["GET ", "/endpointslices?labelSelector"];
        stub.often(&slices, 0, usize::MAX, Act::Silent);
        let child = stub.spawn(&format!("{TARGET} 0s"));
        stub.arrived(&slices);
        stopped(&stub, &stop(child, signals), "has moved to green", "green");
    }
}

#[test]
fn while_it_settles() {
    for signals in [&["-INT"][..], &["-TERM"], &["-HUP"], &["-INT", "-INT"]] {
        let stub = Stub::start();
        let mut command = stub.plugin(&format!("{TARGET} 60s -o json"));
        let child = command.spawn().unwrap();
        stub.arrived(&["PATCH ", SERVICE]);
        std::thread::sleep(Duration::from_secs(1));
        let ended = stop(child, signals);
        let report = ended.json();
        assert_eq!(
            (&report["outcome"], &report["error"]["code"]),
            (&"interrupted".into(), &"bluegreen::interrupted".into())
        );
        stopped(&stub, &ended, "has moved to green", "green");
    }
}

/// A dead server: the second signal ends it in a moment, with words, whatever becomes of the Lease.
#[test]
fn twice_and_nobody_answers() {
    let stub = Stub::start();
    stub.on(&["PATCH ", SERVICE], Act::DoneSilent);
    stub.often(&["/leases/"], 1, usize::MAX, Act::Silent);
    let child = stub.spawn(&format!("{TARGET} 60s"));
    stub.arrived(&["PATCH ", SERVICE]);
    let ended = stop(child, &["-INT", "-INT"]).expect(130, "it is not known whether the write of service/");
    assert!(ended.took < Duration::from_secs(4), "{ended:#?}");
    assert!(ended.err.contains("could not be given back"), "{ended:#?}");
    stub.calm();
    stub.run("switch green --yes --settle 0s").expect(0, "");
    assert_eq!((stub.color().as_str(), stub.holder().as_str()), ("green", ""));
}

/// A Lease that could not be given back is told of, and is in nobody's way: not in that of a look, and the next run
/// gives it back, even one with nothing to do.
#[test]
fn a_lease_that_cannot_be_given_back() {
    for (code, times) in [(403, 1), (409, 3), (500, 3), (422, 1)] {
        let stub = Stub::start();
        let release = ["PATCH ", LEASE, r#""path":"/spec/holderIdentity","value":"""#];
        stub.often(&release, 0, times, Act::Refuse(code, None));
        let ended = stub.run(&format!("{TARGET} 0s")).expect(0, "could not be given back");
        assert!(ended.out.contains("done: green serves"), "{ended:#?}");
        assert!(stub.holder().starts_with("ann@"), "{code}");
        let status = stub.run("status -o json").expect(0, "").json();
        assert_eq!(status["moving"], serde_json::Value::Null, "{code}");
        assert!(stub.holder().starts_with("ann@"), "a look writes nothing");
        stub.run("switch green --yes --dry-run client").expect(0, "");
        assert!(stub.holder().starts_with("ann@"), "a dry run writes nothing");
        let ended = stub.run("switch green --yes").expect(0, "");
        assert!(ended.out.contains("nothing to do"), "{ended:#?}");
        assert_eq!(stub.holder(), "", "{code}");
    }
}
