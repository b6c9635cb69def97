//! A release that is cut off in each of its phases, by `kill -9`, by a signal, and by a person at a terminal: the next
//! command ends well, and users notice nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use kubectl_bluegreen::cluster::{ObjectRef, Resource};
use serde_json::Value;

use super::super::world::{NAMINGS, Naming};
use super::watched::Users;
use super::{Live, kubeconfig, plugin};
use crate::world::World;

const NAMING: Naming = NAMINGS[0];
/// The phases of a release, by the words that it says when they begin.
const PHASES: [(&str, &str); 6] = [
    ("roll-out", " is written"),
    ("tests", ": testing "),
    ("move", "service/api-gateway-service-active is written"),
    ("settling", "are the endpoints of service/"),
    ("soak", ": watching, "),
    ("end of the soak", " had users for "),
];

/// The program, as somebody starts it.
pub(crate) fn command(world: &Live, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-bluegreen"));
    command.arg("--kubeconfig").arg(kubeconfig()).args(["-n", world.namespace()]).args(line.split_whitespace());
    command
}

fn line(version: u32) -> String {
    format!("deploy {version} --yes --soak 2s --settle 1s --after 0s")
}

/// Starts a release and answers once it has said something; what it says afterwards is read by the second value.
fn until(world: &Live, line: &str, words: &str) -> (Child, std::thread::JoinHandle<String>) {
    let mut child =
        command(world, line).stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    loop {
        let from = said.len();
        assert!(lines.read_line(&mut said).unwrap() > 0, "it never says {words:?}:\n{said}");
        // What has a time is done, or goes on; the plan says the same words of what is to come.
        if said[from..].contains(" s  ") && said[from..].contains(words) {
            break;
        }
    }
    let rest = std::thread::spawn(move || {
        let _ = lines.read_to_string(&mut said);
        said
    });
    (child, rest)
}

async fn serving(world: &Live) -> String {
    let service = world.get(&NAMING.service(world.namespace())).await;
    let selector = service["spec"]["selector"].as_object().unwrap();
    assert!(selector.len() == 2, "{selector:?}");
    selector[NAMING.key].as_str().unwrap().to_owned()
}

fn signal(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

/// A version that neither color runs.
async fn unused(world: &Live) -> u32 {
    let mut images = String::new();
    for name in [NAMING.blue, NAMING.green] {
        let deployment = world.get(&ObjectRef::new(Resource::Deployments, world.namespace(), name)).await;
        images += deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap();
        images.push(' ');
    }
    (1..=3).find(|version| !images.contains(&format!(":{version} "))).unwrap()
}

#[expect(clippy::print_stderr, reason = "the figures are what one wants to read")]
/// Each phase cut off in one way; all of them with `BLUEGREEN_TEST_LONG`, else every second one.
async fn cut_off(signal_name: &str) {
    let world = Live::new(&format!("cut{}", signal_name.to_ascii_lowercase()), 0, NAMING).await;
    let users = Users::start(&world);
    let is_long = std::env::var_os("BLUEGREEN_TEST_LONG").is_some();
    let phases = PHASES.into_iter().enumerate().filter(|(number, _)| is_long || number % 2 == 0);
    // With the time for it, each phase once with either command after it.
    for (turn, (number, (phase, words))) in
        (0..if is_long { 2 } else { 1 }).flat_map(|turn| phases.clone().map(move |phase| (turn, phase)))
    {
        let before = serving(&world).await;
        let other = if before == "blue" { "green" } else { "blue" };
        let version = unused(&world).await;
        let (child, rest) = until(&world, &line(version), words);
        signal(&child, signal_name);
        let status = { child }.wait().unwrap();
        let said = rest.join().unwrap();
        // On a pipe: plain lines, with the time that has passed.
        assert!(!said.contains('\u{1b}') && said.contains(" s  "), "{said:?}");
        let now = serving(&world).await;
        eprintln!("{signal_name} in {phase}: {:?}, {before} -> {now}", status.code());
        let is_over = number == PHASES.len() - 1 && status.code() == Some(0);
        if is_over {
            // It had only its end to write down.
            assert_eq!(now, other, "{phase}: {said}");
        } else if signal_name != "-KILL" {
            assert_eq!((status.code(), &now), (Some(130), &before), "{phase}: {said}");
            let moved = number >= 2;
            assert_eq!(said.contains(&format!("all traffic was put back on {before}")), moved, "{phase}: {said}");
        }
        // Forward by the same command, or back by the other one.
        if (number / 2 + turn) % 2 == 0 || now == before {
            let again = plugin(world.namespace(), &line(version).split_whitespace().collect::<Vec<_>>());
            assert_eq!(again.status.code(), Some(0), "{phase}: {}", String::from_utf8_lossy(&again.stderr));
            assert_eq!(serving(&world).await, other, "{phase}");
        } else {
            let back = plugin(world.namespace(), &["rollback", "--yes", "--settle", "1s"]);
            assert_eq!(back.status.code(), Some(0), "{phase}: {}", String::from_utf8_lossy(&back.stderr));
            assert_eq!(serving(&world).await, before, "{phase}");
        }
        let status = plugin(world.namespace(), &["status", "-o", "json"]);
        let status: Value = serde_json::from_slice(&status.stdout).unwrap();
        assert_eq!(status["moving"], Value::Null, "{phase}: {status}");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let result = users.end();
    eprintln!("{signal_name}: {result}");
    assert_eq!(result["failed"], 0, "{result}");
}

#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn killed_in_any_phase_the_next_command_ends_well() {
    cut_off("-KILL").await;
}

#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn a_signal_in_any_phase_leaves_or_puts_back_all_traffic() {
    cut_off("-TERM").await;
}

/// A program at a terminal of its own, as `script` gives one.
struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: std::process::ChildStdout,
    seen: String,
}

impl Terminal {
    fn open(world: &Live, line: &str) -> Self {
        let command = command(world, line);
        let quoted: Vec<String> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| format!("'{}'", word.to_str().unwrap()))
            .collect();
        let mut script = Command::new("script");
        // `exec`: a shell that stayed would be interrupted as well, and some then answer 130 whatever its child did.
        script
            .args(["-qefc", &format!("exec {}", quoted.join(" ")), "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = script.spawn().unwrap();
        let (keys, screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, keys, screen, seen: String::new() }
    }

    /// Reads until something is on the screen, after what was seen before.
    #[track_caller]
    fn sees(&mut self, words: &str) {
        let from = self.seen.len();
        let mut bytes = [0; 4096];
        while !self.seen.get(from..).unwrap_or_default().contains(words) {
            let count = self.screen.read(&mut bytes).unwrap();
            assert!(count > 0, "{words:?} is never on the screen:\n{}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits for the end; answers the exit status and all that was on the screen.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.keys);
        let _ = self.screen.read_to_string(&mut self.seen);
        (self.child.wait().unwrap().code(), self.seen)
    }
}

/// At a terminal, Ctrl-C asks: go on, hold here, put back.
#[tokio::test]
#[ignore = "needs BLUEGREEN_TEST_KUBECONFIG"]
async fn a_person_at_a_terminal_is_asked() {
    if Command::new("script").arg("--version").output().is_err() {
        eprintln!("skipped: there is no `script` here that gives a terminal");
        return;
    }
    let world = Live::new("terminal", 0, NAMING).await;
    let ctrl_c = |line: &str, answer: &str| {
        let mut terminal = Terminal::open(&world, line);
        terminal.sees(": watching, ");
        terminal.types("\u{3}");
        terminal.sees("Go on (g), hold here (h), or put all traffic back (p)? [g/h/p]");
        // What is no answer is asked again.
        terminal.types("x\n");
        terminal.sees("[g/h/p]");
        terminal.types(answer);
        terminal.end()
    };
    let soak = "deploy 3 --yes --soak 8s --settle 0s --after 0s";
    let (code, seen) = ctrl_c(soak, "p\n");
    assert_eq!((code, serving(&world).await.as_str()), (Some(130), "blue"), "{seen}");
    assert!(seen.contains("all traffic was put back on blue"), "{seen}");
    // One line that changes, with what is waited for and how long is left.
    assert!(seen.contains("\u{1b}[") && seen.contains(" left"), "{seen:?}");

    let (code, seen) = ctrl_c(soak, "h\n");
    assert_eq!((code, serving(&world).await.as_str()), (Some(130), "green"), "{seen}");
    assert!(seen.contains("has moved to green"), "{seen}");
    let finished = plugin(world.namespace(), &["deploy", "3", "--yes", "--soak", "0s", "--settle", "0s"]);
    assert_eq!(finished.status.code(), Some(0), "{}", String::from_utf8_lossy(&finished.stderr));

    let (code, seen) = ctrl_c("deploy 2 --yes --soak 8s --settle 0s --after 0s", "g\n");
    assert_eq!((code, serving(&world).await.as_str()), (Some(0), "blue"), "{seen}");
    assert!(seen.contains("done: blue serves"), "{seen}");
}
