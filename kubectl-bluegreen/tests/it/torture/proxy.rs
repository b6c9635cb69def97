//! A network between the plugin and an API server that can be told to misbehave.
//! Passes bytes only: it knows nothing of TLS, HTTP or Kubernetes.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How the network misbehaves, once: after that it is well.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// Closes new connections at once, after so many good ones.
    Refuse { connections: u64 },
    /// Closes the connection when the server has answered so many bytes.
    CutAnswer { after: u64 },
    /// Closes the connection when the client has sent so many bytes.
    CutRequest { after: u64 },
    /// Passes what the client sends, and closes the connection before the next answer.
    LoseAnswer { after: u64 },
    /// Passes no more answers over a connection, and does not close it: the one that gets the byte of that number.
    Swallow { after: u64 },
    /// Cuts all connections when the client has sent so many bytes, and takes no new ones for a while.
    Down { after: u64, lasts: Duration },
    /// Holds back each piece that passes.
    Delay { each: Duration },
}

impl Fault {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Refuse { .. } => "refuse",
            Self::CutAnswer { .. } => "cut answer",
            Self::CutRequest { .. } => "cut request",
            Self::LoseAnswer { .. } => "lose answer",
            Self::Swallow { .. } => "swallow",
            Self::Delay { .. } => "delay",
            Self::Down { .. } => "down",
        }
    }
}

#[derive(Default)]
struct State {
    fault: Option<Fault>,
    connections: u64,
    sent: u64,
    answered: u64,
    /// Both ends of all connections.
    ends: Vec<TcpStream>,
    /// Until when there is no server.
    down: Option<Instant>,
}

/// What happens to a piece that arrived.
enum Fate {
    Pass,
    Drop,
    Close,
}

impl Fate {
    /// A fault that is over when it has happened once.
    fn once(self, fault: &mut Option<Fault>) -> Self {
        *fault = None;
        self
    }
}

impl State {
    /// A piece of the client's is on its way.
    fn request(&mut self, bytes: u64) -> Fate {
        self.sent += bytes;
        match self.fault {
            Some(Fault::CutRequest { after }) if self.sent > after => Fate::Close.once(&mut self.fault),
            Some(Fault::Down { after, lasts }) if self.sent > after => {
                self.down = Some(Instant::now() + lasts);
                self.ends.drain(..).for_each(|end| drop(end.shutdown(Shutdown::Both)));
                Fate::Close.once(&mut self.fault)
            }
            _ => Fate::Pass,
        }
    }

    /// A piece of the server's is on its way.
    fn answer(&mut self, bytes: u64) -> Fate {
        self.answered += bytes;
        match self.fault {
            Some(Fault::CutAnswer { after }) if self.answered > after => Fate::Close.once(&mut self.fault),
            Some(Fault::LoseAnswer { after }) if self.sent > after => Fate::Close.once(&mut self.fault),
            Some(Fault::Swallow { after }) if self.answered > after => Fate::Drop.once(&mut self.fault),
            _ => Fate::Pass,
        }
    }
}

/// A proxy on loopback.
pub(super) struct Proxy {
    address: SocketAddr,
    host: String,
    state: Arc<Mutex<State>>,
    folder: tempfile::TempDir,
}

impl Proxy {
    /// Starts a proxy to `https://HOST:PORT`.
    pub(super) fn start(server: &str) -> Self {
        let target = server.trim_start_matches("https://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, state) = (listener.local_addr().unwrap(), Arc::<Mutex<State>>::default());
        let host = target.rsplit_once(':').map_or(target.clone(), |(host, _)| host.to_owned());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let refused = {
                    let mut state = shared.lock().unwrap();
                    state.connections += 1;
                    let refused =
                        matches!(state.fault, Some(Fault::Refuse { connections }) if state.connections > connections);
                    if refused {
                        state.fault = None;
                    }
                    refused || state.down.is_some_and(|until| Instant::now() < until)
                };
                if refused {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&target) else { continue };
                shared.lock().unwrap().ends.extend([&client, &server].map(|end| end.try_clone().unwrap()));
                for (from, to, answers) in [(&client, &server, false), (&server, &client, true)] {
                    let (from, to, state) = (from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(&shared));
                    std::thread::spawn(move || pass(from, to, &state, answers));
                }
            }
        });
        Self { address, host, state, folder: tempfile::tempdir().unwrap() }
    }

    /// What is sent through it in all, in both directions.
    pub(super) fn passed(&self) -> (u64, u64) {
        let state = self.state.lock().unwrap();
        (state.sent, state.answered)
    }

    /// What happens next.
    pub(super) fn set(&self, fault: Fault) {
        *self.state.lock().unwrap() = State { fault: Some(fault), ..State::default() };
    }

    /// A kubeconfig like the given one that goes through the proxy.
    pub(super) fn kubeconfig(&self, original: &Path) -> PathBuf {
        let text = std::fs::read_to_string(original).unwrap();
        let mut config: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        let cluster = &mut config["clusters"][0]["cluster"];
        cluster["server"] = format!("https://{}", self.address).into();
        cluster["tls-server-name"] = self.host.clone().into();
        let path = self.folder.path().join("kubeconfig");
        std::fs::write(&path, serde_yaml::to_string(&config).unwrap()).unwrap();
        path
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, state: &Mutex<State>, answers: bool) {
    let (mut buffer, mut swallows) = (vec![0; 16 * 1024], false);
    while let Ok(bytes @ 1..) = from.read(&mut buffer) {
        let (fate, delay) = {
            let mut state = state.lock().unwrap();
            let delay = match state.fault {
                Some(Fault::Delay { each }) => each,
                _ => Duration::ZERO,
            };
            (if answers { state.answer(bytes as u64) } else { state.request(bytes as u64) }, delay)
        };
        std::thread::sleep(delay);
        swallows |= matches!(fate, Fate::Drop);
        match fate {
            _ if swallows => {}
            Fate::Pass if to.write_all(&buffer[..bytes]).is_ok() => {}
            Fate::Pass | Fate::Drop | Fate::Close => break,
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
