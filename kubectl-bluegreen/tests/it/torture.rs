//! What a careless world does to a move on a real cluster: processes killed or frozen, many at once, a server that goes
//! away, a network that cuts. Run by name, with `BLUEGREEN_TEST_KUBECONFIG`: minutes, not seconds.

mod proxy;

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use kubectl_bluegreen::cluster::{Cluster, ObjectRef, Request, Resource};
use serde_json::Value;

use super::live::{Live, kubeconfig, kubectl};
use super::world::{NAMINGS, Naming, World};
use proxy::{Fault, Proxy};

const NAMING: Naming = NAMINGS[0];

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn millis(&mut self, limit: u64) -> Duration {
        Duration::from_millis(self.below(limit))
    }
}

/// The plugin as a process of its own.
fn plugin(kubeconfig: PathBuf, namespace: &str, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-bluegreen"));
    command.arg("--kubeconfig").arg(kubeconfig).args(["-n", namespace]).args(line.split_whitespace());
    command.env_remove("RUST_BACKTRACE").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn start(world: &Live, line: &str) -> Child {
    plugin(kubeconfig(), world.namespace(), line).spawn().unwrap()
}

fn run(world: &Live, line: &str) -> Output {
    plugin(kubeconfig(), world.namespace(), line).output().unwrap()
}

#[track_caller]
fn expect(output: &Output, codes: &[i32]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code().is_some_and(|code| codes.contains(&code)), "{:?}: {text}", output.status);
}

fn signal(child: &Child, signal: &str) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success(), "kill {signal}");
}

/// The color that the active Service selects, which must be exactly one, with the rest of the selector in place.
async fn whole(world: &Live) -> String {
    let service = world.get(&NAMING.service(world.namespace())).await;
    let selector = service["spec"]["selector"].as_object().unwrap();
    let color = selector[NAMING.key].as_str().unwrap().to_owned();
    assert!(selector.len() == 2 && selector["app"] == "it", "{selector:?}");
    assert!(color == "blue" || color == "green", "{selector:?}");
    color
}

/// The entries of the journal, which must be readable.
async fn journal(world: &Live) -> Vec<Value> {
    let service = world.get(&NAMING.service(world.namespace())).await;
    let text = service["metadata"]["annotations"]["kubectl-bluegreen.dev/journal"].as_str();
    let journal: Value = text.map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
    journal["entries"].as_array().cloned().unwrap_or_default()
}

async fn holder(world: &Live) -> String {
    let name = format!("kubectl-bluegreen-{}", NAMING.active);
    let lease = ObjectRef::new(Resource::Leases, world.namespace(), name);
    let lease = world.cluster().send(&Request::Get(lease)).await.unwrap_or_default();
    lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
}

async fn version(world: &Live) -> String {
    let service = world.get(&NAMING.service(world.namespace())).await;
    service["metadata"]["resourceVersion"].as_str().unwrap().to_owned()
}

/// Everything in order and done: the target serves, the journal is closed, nobody holds the Lease.
async fn done(world: &Live, color: &str) {
    assert_eq!(whole(world).await, color);
    let entries = journal(world).await;
    let last = entries.last().unwrap();
    assert_eq!((&last["phase"], &last["to"]), (&"closed".into(), &color.into()), "{last}");
    assert_eq!(holder(world).await, "");
}

/// A stream of requests to the active Service.
struct Load(Child);

impl Load {
    fn start(world: &Live, seconds: u64, keepalive: bool) -> Self {
        let path = ["-n", world.namespace(), "get", "service", NAMING.active, "-o", "jsonpath={.spec.clusterIP}"];
        let ip = kubectl(&path, "");
        let mut command = Command::new("load");
        command.args(["-rate", "200", "-workers", "8", "-d", &format!("{seconds}s")]);
        if keepalive {
            command.arg("-keepalive");
        }
        Self(command.arg(format!("http://{ip}/")).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// Waits for the end, and for none to be lost.
    #[track_caller]
    fn none_lost(self) {
        let output = self.0.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let result: Value = serde_json::from_str(&text).unwrap();
        assert!(result["requests"].as_u64().unwrap() > 1000, "{text}");
        assert_eq!(result["failed"], 0, "{text}");
    }
}

/// The nodes' proxies follow a moment after the pods are ready.
async fn proxies_follow() {
    tokio::time::sleep(Duration::from_secs(2)).await;
}

#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG, takes nine minutes"]
async fn two_hundred_switches_lose_no_request() {
    let world = Live::new("many", 0, NAMING).await;
    proxies_follow().await;
    let loads = [Load::start(&world, 520, false), Load::start(&world, 520, true)];
    let began = Instant::now();
    for round in 0..200 {
        let color = if round % 2 == 0 { "green" } else { "blue" };
        expect(&run(&world, &format!("switch {color} --yes")), &[0]);
        done(&world, color).await;
    }
    eprintln!("200 switches in {} s", began.elapsed().as_secs());
    loads.into_iter().for_each(Load::none_lost);
}

#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG, takes two minutes"]
async fn killed_at_any_moment_and_run_again() {
    let world = Live::new("kill", 0, NAMING).await;
    let mut dice = Dice(7);
    let mut interrupted = 0;
    for round in 0..60 {
        let color = if round % 2 == 0 { "green" } else { "blue" };
        let line = format!("switch {color} --yes --settle 500ms");
        let mut child = start(&world, &line);
        // Most of the work is in the first 60 ms.
        std::thread::sleep(if round % 3 == 0 { dice.millis(600) } else { dice.millis(70) });
        child.kill().unwrap();
        child.wait().unwrap();
        whole(&world).await;
        let entries = journal(&world).await;
        interrupted += usize::from(entries.last().is_some_and(|entry| entry["phase"] == "moving"));
        let again = Instant::now();
        expect(&run(&world, &line), &[0]);
        // Nobody waits for the Lease of a process that is known to be gone.
        assert!(again.elapsed() < Duration::from_secs(5), "round {round}: {:?}", again.elapsed());
        done(&world, color).await;
    }
    eprintln!("{interrupted} of 60 were killed between the move and its end");
    assert!(interrupted > 5, "the moments are badly chosen: {interrupted}");
}

#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn twenty_at_once() {
    let world = Live::new("crowd", 0, NAMING).await;
    proxies_follow().await;
    let load = Load::start(&world, 20, false);
    for colors in [["green", "green"], ["blue", "green"], ["blue", "green"]] {
        let line = |number: usize| format!("switch {} --yes --settle 100ms", colors[number % 2]);
        let children: Vec<Child> = (0..20).map(|number| start(&world, &line(number))).collect();
        let codes: Vec<Option<i32>> = children
            .into_iter()
            .map(|child| {
                let output = child.wait_with_output().unwrap();
                expect(&output, &[0, 5]);
                output.status.code()
            })
            .collect();
        eprintln!("{} done, {} refused", codes.iter().filter(|code| **code == Some(0)).count(), codes.len());
        assert!(codes.contains(&Some(0)));
        let color = whole(&world).await;
        done(&world, &color).await;
    }
    load.none_lost();
}

#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG, takes two minutes"]
async fn a_frozen_holder_that_wakes_writes_nothing_more() {
    let world = Live::new("frozen", 0, NAMING).await;
    let mut before_the_move = 0;
    for round in 0..8 {
        let (target, other) = if whole(&world).await == "blue" { ("green", "blue") } else { ("blue", "green") };
        let frozen = start(&world, &format!("switch {target} --yes --settle 1500ms"));
        // Some before the move, some after it.
        while holder(&world).await.is_empty() {}
        if round % 2 == 0 {
            while whole(&world).await != target {}
        }
        signal(&frozen, "-STOP");
        // It is still there, so only its Lease's end makes way. What is asked for is always a move.
        let held = !holder(&world).await.is_empty();
        let goal = if whole(&world).await == target { other } else { target };
        before_the_move += usize::from(goal == target);
        let began = Instant::now();
        let line = format!("switch {goal} --yes --settle 0s --wait-lock 40s");
        expect(&run(&world, &line), &[0]);
        let waited = began.elapsed();
        assert!(!held || waited > Duration::from_secs(10), "round {round}: taken after {waited:?}");
        assert_eq!(whole(&world).await, goal);
        eprintln!("round {round}: held: {held}; {target} was begun, {goal} was done after {waited:?}");
        let before = version(&world).await;
        signal(&frozen, "-CONT");
        let output = frozen.wait_with_output().unwrap();
        if held {
            // Frozen before it has looked under its Lease, it finds done what it was to do, and says so.
            let said = String::from_utf8_lossy(&output.stderr);
            let found_done = goal == target && said.contains(&format!("{target} already serves"));
            expect(&output, if found_done { &[0] } else { &[5] });
            assert_eq!(version(&world).await, before, "round {round}: {said}");
        }
        assert_eq!(holder(&world).await, "");
    }
    eprintln!("{before_the_move} of 8 were frozen before the move");
    assert!(before_the_move > 0);
}

/// Stopped at any moment, sometimes twice: it was done, or says that it was not; nothing is held, and the same command
/// again ends well.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG, takes two minutes"]
async fn signalled_at_any_moment() {
    let world = Live::new("signal", 0, NAMING).await;
    let mut dice = Dice(17);
    let mut codes = std::collections::BTreeMap::<Option<i32>, usize>::new();
    for round in 0..60 {
        let color = if round % 2 == 0 { "green" } else { "blue" };
        let line = format!("switch {color} --yes --settle 500ms");
        let child = start(&world, &line);
        std::thread::sleep(if round % 4 == 0 { dice.millis(900) } else { dice.millis(200) });
        let kind = ["-INT", "-TERM", "-HUP"][round % 3];
        signal(&child, kind);
        if round % 5 == 0 {
            std::thread::sleep(dice.millis(20));
            signal(&child, kind);
        }
        let output = child.wait_with_output().unwrap();
        let (code, text) = (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned());
        *codes.entry(code).or_default() += 1;
        // No code: it had not come to listening yet, and had sent nothing.
        assert!(matches!(code, None | Some(0 | 130)), "round {round}: {code:?}: {text}");
        let now = whole(&world).await;
        let lie = if now == color { "nothing was changed" } else { "has moved" };
        assert!(!text.contains(lie), "round {round}: {text}");
        assert_eq!(holder(&world).await, "", "round {round}: {code:?}: {text}");
        expect(&run(&world, &line), &[0]);
        done(&world, color).await;
    }
    eprintln!("exit codes: {codes:?}");
    assert!(codes[&Some(130)] > 10, "the moments are badly chosen: {codes:?}");
}

/// `BLUEGREEN_TEST_RESTART` is a command that kills the API server and starts it again.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG and BLUEGREEN_TEST_RESTART"]
async fn the_api_server_goes_away_and_comes_back() {
    let Ok(restart) = std::env::var("BLUEGREEN_TEST_RESTART") else {
        eprintln!("skipped: BLUEGREEN_TEST_RESTART does not say how");
        return;
    };
    let world = Live::new("restart", 0, NAMING).await;
    // Once: others may work on that cluster, too.
    let child = start(&world, "switch green --yes --settle 1500ms");
    while holder(&world).await.is_empty() {}
    let restarted = Command::new("sh").args(["-c", &restart]).stdout(Stdio::null()).status().unwrap();
    assert!(restarted.success());
    // The controllers find the server again in their own time, up to a minute.
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    eprintln!("{:?}\n{text}", output.status.code());
    // Done, or failed and honest; the Lease may have been lost meanwhile.
    expect(&output, &[0, 1, 5, 6]);
    let now = whole(&world).await;
    if output.status.code() == Some(0) {
        done(&world, "green").await;
    } else if text.contains("nothing was changed") {
        assert_ne!(now, "green");
    }
    expect(&run(&world, "switch green --yes --settle 0s --wait-lock 30s"), &[0]);
    done(&world, "green").await;
}

/// A network of the test's own, and how much a switch that goes well sends and gets over it, in bytes.
async fn network(world: &Live) -> (Proxy, u64, u64) {
    let server = kubectl(&["config", "view", "--raw", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"], "");
    let proxy = Proxy::start(&server);
    proxy.set(Fault::Delay { each: Duration::ZERO });
    let color = if whole(world).await == "blue" { "green" } else { "blue" };
    let line = format!("switch {color} --yes --settle 0s");
    expect(&plugin(proxy.kubeconfig(&kubeconfig()), world.namespace(), &line).output().unwrap(), &[0]);
    let (sent, answered) = proxy.passed();
    (proxy, sent, answered)
}

/// One switch over a bad network: it ends in time, and what it says is true. Then the same on a good one ends well.
async fn over_a_bad_network(world: &Live, proxy: &Proxy, fault: Fault, options: &str) -> i32 {
    let color = if whole(world).await == "blue" { "green" } else { "blue" };
    proxy.set(fault);
    let line = format!("switch {color} --yes --settle 0s {options}");
    let output = plugin(proxy.kubeconfig(&kubeconfig()), world.namespace(), &line).output().unwrap();
    let code = output.status.code().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let now = whole(world).await;
    assert!([0, 1, 5, 6].contains(&code), "{fault:?} {code}: {text}");
    if code == 0 {
        assert_eq!(now, color, "{fault:?}: {text}");
        assert_eq!(journal(world).await.last().unwrap()["phase"], "closed", "{fault:?}: {text}");
    } else {
        let lie = if now == color { "nothing was changed" } else { "has moved" };
        assert!(!text.contains(lie), "{fault:?}: {text}");
        let silent = now == color && !text.contains("has moved") && !text.contains("not known whether");
        assert!(!silent, "it does not say that traffic has moved: {fault:?}: {text}");
    }
    expect(&run(world, &format!("switch {color} --yes --settle 0s --wait-lock 30s")), &[0]);
    done(world, color).await;
    code
}

#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG, takes some minutes"]
async fn a_network_that_drops_delays_and_cuts() {
    let world = Live::new("network", 0, NAMING).await;
    let (proxy, sent, answered) = network(&world).await;
    eprintln!("a switch sends {sent} bytes and gets {answered}");
    let mut dice = Dice(5);
    let mut counts = std::collections::BTreeMap::<(&str, i32), usize>::new();
    for round in 0..120_u64 {
        let fault = match round % 6 {
            0 => Fault::Refuse { connections: dice.below(10) },
            1 => Fault::CutAnswer { after: dice.below(answered) },
            2 => Fault::CutRequest { after: dice.below(sent) },
            3 => Fault::Delay { each: dice.millis(40) },
            4 => Fault::Swallow { after: dice.below(answered) },
            _ => Fault::LoseAnswer { after: dice.below(sent) },
        };
        let code = over_a_bad_network(&world, &proxy, fault, "--request-timeout 2s --timeout 20s").await;
        *counts.entry((fault.name(), code)).or_default() += 1;
    }
    eprintln!("{counts:?}");
    assert!(counts.iter().any(|((_, code), _)| *code != 0), "the faults do not hurt: {counts:?}");
}

/// For the plugin alone the server goes away in the middle of a switch, for some seconds or for longer than its Lease.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG, takes some minutes"]
async fn a_server_that_cannot_be_reached_for_a_while() {
    let world = Live::new("down", 0, NAMING).await;
    let (proxy, sent, _) = network(&world).await;
    let mut dice = Dice(13);
    let mut counts = std::collections::BTreeMap::<(bool, i32), usize>::new();
    for round in 0..30_u64 {
        let long = round % 6 == 5;
        let lasts = if long { Duration::from_secs(17) } else { dice.millis(6000) };
        let fault = Fault::Down { after: dice.below(sent), lasts };
        let code = over_a_bad_network(&world, &proxy, fault, "--timeout 1m").await;
        *counts.entry((long, code)).or_default() += 1;
    }
    eprintln!("(longer than the Lease, exit code): {counts:?}");
    assert!(counts.keys().any(|(_, code)| *code == 0), "nothing survives: {counts:?}");
}
