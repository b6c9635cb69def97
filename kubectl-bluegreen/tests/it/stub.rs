//! An API server on loopback with the simulated cluster behind it, in real time: what a whole process meets when a server
//! is slow, refuses, forgets who somebody is, or answers nothing.
//! Knows the requests that the program sends, and no others.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener as Listener, TcpStream as Connection};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use kubectl_bluegreen::cluster::simulated::SimulatedCluster;
use kubectl_bluegreen::cluster::{Cluster, ClusterError, Failure, ObjectRef, Request, Resource, Review};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::simulated::{NAMESPACE, cluster};
use super::world::{NAMINGS, Naming};

pub(super) const NAMING: Naming = NAMINGS[0];

/// What becomes of a request.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// It is refused with this code; a client may come again after so many seconds.
    Refuse(u16, Option<u64>),
    /// It is done after a while.
    Late(Duration),
    /// It is not done, and not answered.
    Silent,
    /// It is done, and not answered.
    DoneSilent,
    /// The connection ends without an answer; it was done before, or not.
    HangUp { done: bool },
    /// A watch answers with this one event.
    Event(Value),
    /// From now on only this token is known, and this request's is not.
    Expire(&'static str),
}

/// Something that happens to requests.
struct Rule {
    /// Parts of `METHOD path?query body` that a request must have, all of them.
    parts: Vec<String>,
    /// How many of them go well first.
    skip: usize,
    /// How many it happens to.
    times: usize,
    act: Act,
}

#[derive(Default)]
struct Script {
    rules: Vec<Rule>,
    /// The only token that is known; every one where there is none.
    token: Option<String>,
    /// Every request, in the order in which they came.
    seen: Vec<String>,
}

impl Script {
    fn fate(&mut self, text: &str, token: &str) -> Option<Act> {
        self.seen.push(text.to_owned());
        if self.token.as_ref().is_some_and(|known| known != token) {
            return Some(Act::Refuse(401, None));
        }
        let has = |rule: &Rule| rule.parts.iter().all(|part| text.contains(part));
        let rule = self.rules.iter_mut().find(|rule| rule.times > 0 && has(rule))?;
        if rule.skip > 0 {
            rule.skip -= 1;
            return None;
        }
        rule.times -= 1;
        let act = rule.act.clone();
        if let Act::Expire(token) = act {
            self.token = Some(token.to_owned());
            return Some(Act::Refuse(401, None));
        }
        Some(act)
    }
}

/// The server.
pub(super) struct Stub {
    script: Arc<(Mutex<Script>, Condvar)>,
    folder: tempfile::TempDir,
    address: SocketAddr,
}

impl Stub {
    /// Starts a server with one set, in which blue serves and both colors are ready.
    pub(super) fn start() -> Self {
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let (address, script) = (listener.local_addr().unwrap(), Arc::<(Mutex<Script>, Condvar)>::default());
        let shared = Arc::clone(&script);
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
            tokio::task::LocalSet::new().block_on(&runtime, async move {
                let cluster = Rc::new(cluster(NAMING).await);
                tokio::time::resume();
                let listener = TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::task::spawn_local(serve(stream, Rc::clone(&cluster), Arc::clone(&shared)));
                }
            });
        });
        let stub = Self { script, folder: tempfile::tempdir().unwrap(), address };
        stub.log_in("token: anybody");
        stub
    }

    /// Who the user of the kubeconfig is: YAML in braces.
    pub(super) fn log_in(&self, user: &str) {
        let config = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
             contexts:\n- {{name: here, context: {{cluster: c, user: u, namespace: {NAMESPACE}}}}}\n\
             clusters:\n- {{name: c, cluster: {{server: 'http://{}'}}}}\nusers:\n- {{name: u, user: {{{user}}}}}\n",
            self.address
        );
        std::fs::write(self.path("config"), config).unwrap();
    }

    /// A file of the test's own.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// From now on only this token is known.
    pub(super) fn know(&self, token: &str) {
        self.script.0.lock().unwrap().token = Some(token.to_owned());
    }

    /// Lets something happen to the next request that has all these parts.
    pub(super) fn on(&self, parts: &[&str], act: Act) {
        self.often(parts, 0, 1, act);
    }

    /// Lets something happen to so many requests that have all these parts, after some that go well.
    pub(super) fn often(&self, parts: &[&str], skip: usize, times: usize, act: Act) {
        let parts = parts.iter().map(|part| (*part).to_owned()).collect();
        self.script.0.lock().unwrap().rules.push(Rule { parts, skip, times, act });
    }

    /// Nothing happens any more.
    pub(super) fn calm(&self) {
        self.script.0.lock().unwrap().rules.clear();
    }

    /// How many requests with all these parts have come.
    pub(super) fn count(&self, parts: &[&str]) -> usize {
        count(&self.script.0.lock().unwrap(), parts)
    }

    /// Waits until a request with all these parts has come.
    pub(super) fn arrived(&self, parts: &[&str]) {
        let (script, came) = &*self.script;
        let waits = |script: &mut Script| count(script, parts) == 0;
        let patience = Duration::from_mins(1);
        let (script, late) = came.wait_timeout_while(script.lock().unwrap(), patience, waits).unwrap();
        assert!(!late.timed_out(), "{parts:?} did not come: {:#?}", script.seen);
    }

    /// The program, about to talk to this server.
    pub(super) fn plugin(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-bluegreen"));
        command.arg("--kubeconfig").arg(self.path("config")).args(line.split_whitespace());
        command.env_remove("RUST_BACKTRACE").env("USER", "ann");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(super) fn spawn(&self, line: &str) -> Child {
        self.plugin(line).spawn().unwrap()
    }

    /// Runs the program to its end.
    pub(super) fn run(&self, line: &str) -> Ended {
        let began = Instant::now();
        Ended::of(&self.plugin(line).output().unwrap(), began)
    }

    /// An object as it is now.
    pub(super) fn get(&self, resource: Resource, name: &str) -> Value {
        let mut stream = Connection::connect(self.address).unwrap();
        write!(stream, "LOOK {}/{name} HTTP/1.1\r\n\r\n", resource.path(Some(NAMESPACE))).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// The color that the active Service selects.
    pub(super) fn color(&self) -> String {
        let service = self.get(Resource::Services, NAMING.active);
        service["spec"]["selector"][NAMING.key].as_str().unwrap().to_owned()
    }

    /// Who holds the Lease of the set.
    pub(super) fn holder(&self) -> String {
        let lease = self.get(Resource::Leases, LEASE);
        lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
    }
}

pub(super) const LEASE: &str = "kubectl-bluegreen-api-gateway-service-active";

fn count(script: &Script, parts: &[&str]) -> usize {
    script.seen.iter().filter(|text| parts.iter().all(|part| text.contains(part))).count()
}

/// How a process ended, what it printed, and how long it took.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
    pub(super) took: Duration,
}

impl Ended {
    pub(super) fn of(output: &Output, began: Instant) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr), took: began.elapsed() }
    }

    /// With this exit code, and these words on stderr.
    #[track_caller]
    pub(super) fn expect(self, code: i32, words: &str) -> Self {
        assert!(self.code == Some(code) && self.err.contains(words), "expected {code}: {words}\n{self:#?}");
        self
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// Serves one connection to its end.
async fn serve(stream: TcpStream, cluster: Rc<SimulatedCluster>, script: Arc<(Mutex<Script>, Condvar)>) {
    let mut stream = BufReader::new(stream);
    while let Some((line, token, body)) = read(&mut stream).await {
        let fate = if line.starts_with("LOOK ") {
            None
        } else {
            let mut known = script.0.lock().unwrap();
            let fate = known.fate(&format!("{line} {body}"), &token);
            script.1.notify_all();
            fate
        };
        let (method, target) = line.split_once(' ').unwrap();
        let work = answer(&cluster, method, target, &body);
        let (code, answer, again) = match fate {
            None => with(work.await, None),
            Some(Act::Refuse(code, again)) => (code, status(code, "the stub says so"), again),
            Some(Act::Late(time)) => {
                tokio::time::sleep(time).await;
                with(work.await, None)
            }
            Some(Act::Silent) => return std::future::pending().await,
            Some(Act::DoneSilent) => {
                let _ = work.await;
                return std::future::pending().await;
            }
            Some(Act::HangUp { done }) => {
                if done {
                    let _ = work.await;
                }
                return;
            }
            Some(Act::Event(event)) => (200, event, None),
            Some(Act::Expire(_)) => unreachable!("it was refused already"),
        };
        let again = again.map(|seconds| format!("retry-after: {seconds}\r\n")).unwrap_or_default();
        let text = format!("{answer}\n");
        let head = format!("HTTP/1.1 {code} Said\r\ncontent-type: application/json\r\n{again}");
        // A watch ends with its one event.
        let last = target.contains("watch=1");
        let end = if last { "connection: close\r\n".to_owned() } else { format!("content-length: {}\r\n", text.len()) };
        let whole = format!("{head}{end}\r\n{text}");
        if stream.get_mut().write_all(whole.as_bytes()).await.is_err() || last {
            return;
        }
    }
}

/// The next request: `METHOD target`, the token, the body.
async fn read(stream: &mut BufReader<TcpStream>) -> Option<(String, String, String)> {
    let mut line = String::new();
    if stream.read_line(&mut line).await.ok()? == 0 {
        return None;
    }
    let (mut token, mut length) = (String::new(), 0);
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.ok()?;
        let Some((name, value)) = header.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => value.trim_start_matches("Bearer ").clone_into(&mut token),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    Some((line, token, String::from_utf8(body).unwrap()))
}

fn with(result: Result<Value, ClusterError>, again: Option<u64>) -> (u16, Value, Option<u64>) {
    match result {
        Ok(value) => (200, value, again),
        Err(error) => {
            let code = match error.failure {
                Failure::NotFound => 404,
                Failure::Conflict => 409,
                Failure::Forbidden => 403,
                Failure::Unauthorized => 401,
                Failure::Invalid => 422,
                Failure::Unavailable | Failure::Lost => 503,
            };
            (code, status(code, &error.message), again)
        }
    }
}

fn status(code: u16, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message, "reason": ""})
}

/// Lets the cluster do what a request asks for.
async fn answer(cluster: &SimulatedCluster, method: &str, target: &str, body: &str) -> Result<Value, ClusterError> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let asked = |name: &str| {
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        value.map(|value| {
            value
                .replace("%3D", "=")
                .replace("%2F", "/")
                .replace("%2C", ",")
                .replace("%20", " ")
                .replace("%28", "(")
                .replace("%29", ")")
        })
    };
    let body: Value = if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() };
    let dry_run = query.contains("dryRun=All");
    for review in [Review::Rules, Review::Access] {
        if path == review.path() {
            return cluster.send(&Request::Review { review, spec: body["spec"].clone() }).await;
        }
    }
    let of_path = |resource: &Resource| {
        let rest = path.strip_prefix(&resource.path(Some(NAMESPACE)))?;
        (rest.is_empty() || rest.starts_with('/')).then(|| (*resource, rest.trim_start_matches('/').to_owned()))
    };
    let Some((resource, name)) = Resource::ALL.iter().find_map(of_path) else {
        panic!("the stub does not know {method} {target}");
    };
    let (namespace, labels) = (Some(NAMESPACE.to_owned()), asked("labelSelector"));
    let limit = asked("limit").map(|limit| limit.parse().unwrap());
    let object = ObjectRef::new(resource, NAMESPACE, &name);
    if let Some(version) = asked("watch").and(asked("resourceVersion")) {
        let within = Duration::from_secs(asked("timeoutSeconds").unwrap().parse().unwrap());
        cluster.changed(resource, Some(NAMESPACE), labels.as_deref(), &version, within).await?;
        return Ok(json!({"type": "MODIFIED", "object": {}}));
    }
    let request = match (method, name.as_str()) {
        ("GET", "") => Request::List { resource, namespace, labels, since: asked("resourceVersion"), limit },
        ("GET" | "LOOK", _) => Request::Get(object),
        ("POST", _) => {
            let name = body["metadata"]["name"].as_str().unwrap().to_owned();
            Request::Create { object: ObjectRef { name, ..object }, body, dry_run }
        }
        ("PATCH", _) => Request::Patch { object, patch: body, dry_run },
        other => panic!("the stub does not know {other:?} {target}"),
    };
    cluster.send(&request).await
}
