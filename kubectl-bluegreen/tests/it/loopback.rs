//! An API server on loopback with nothing in it, which keeps who asked for what; and a proxy before it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{CertifiedKey, KeyPair};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned, crypto};

/// A name that no resolver knows: whoever reaches it went through a proxy.
pub(crate) const NAME: &str = "kubernetes.invalid";

/// One request that came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    /// Whether the connection has shown a client certificate.
    pub(crate) certified: bool,
}

impl Seen {
    /// All values of a header.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect()
    }
}

/// A certificate and its key.
pub(crate) struct Pair(CertifiedKey<KeyPair>);

impl Pair {
    pub(crate) fn new(name: &str) -> Self {
        Self(rcgen::generate_simple_self_signed([name.to_owned()]).unwrap())
    }

    pub(crate) fn certificate(&self) -> String {
        self.0.cert.pem()
    }

    pub(crate) fn key(&self) -> String {
        self.0.signing_key.serialize_pem()
    }

    fn der(&self) -> CertificateDer<'static> {
        self.0.cert.der().clone()
    }
}

/// How a request is answered: the status.
type Judge = fn(&Seen) -> u16;

/// A server that runs until the test ends.
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    /// Its certificate, for `NAME`.
    pub(crate) pair: Option<Pair>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Stub {
    /// Over plain HTTP.
    pub(crate) fn plain(judge: Judge) -> Self {
        Self::start(None, None, judge)
    }

    /// Over TLS; certificates of this client are verified.
    pub(crate) fn tls(client: Option<&Pair>, judge: Judge) -> Self {
        let pair = Pair::new(NAME);
        let provider = Arc::new(crypto::ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
        let builder = match client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let mut roots = RootCertStore::empty();
                roots.add(client.der()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.allow_unauthenticated().build().unwrap())
            }
        };
        let key = PrivateKeyDer::try_from(pair.0.signing_key.serialize_der()).unwrap();
        let config = builder.with_single_cert(vec![pair.der()], key).unwrap();
        Self::start(Some(Arc::new(config)), Some(pair), judge)
    }

    fn start(tls: Option<Arc<ServerConfig>>, pair: Option<Pair>, judge: Judge) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, seen) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let kept = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (tls, kept) = (tls.clone(), Arc::clone(&kept));
                thread::spawn(move || match tls {
                    None => serve(stream, |_| false, judge, &kept),
                    Some(config) => {
                        let connection = ServerConnection::new(config).unwrap();
                        let certified = |stream: &StreamOwned<ServerConnection, TcpStream>| {
                            stream.conn.peer_certificates().is_some()
                        };
                        serve(StreamOwned::new(connection, stream), certified, judge, &kept);
                    }
                });
            }
        });
        Self { address, pair, seen }
    }

    /// What has come so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// Answers requests until the connection ends. A client that leaves is no failure of the test.
fn serve<S: Read + Write>(stream: S, certified: impl Fn(&S) -> bool, judge: Judge, kept: &Mutex<Vec<Seen>>) {
    let mut stream = BufReader::new(stream);
    while let Some((mut seen, length)) = head(&mut stream) {
        if std::io::copy(&mut stream.by_ref().take(length), &mut std::io::sink()).is_err() {
            return;
        }
        seen.certified = certified(stream.get_ref());
        let status = judge(&seen);
        kept.lock().unwrap().push(seen);
        let body = if status == 200 {
            r#"{"metadata": {"resourceVersion": "1"}, "items": [], "status": {"incomplete": false, "resourceRules": []}}"#.to_owned()
        } else {
            format!(
                r#"{{"kind": "Status", "status": "Failure", "code": {status}, "reason": "", "message": "the stub says {status}"}}"#
            )
        };
        let head = format!(
            "HTTP/1.1 {status} Stub\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let writer = stream.get_mut();
        if writer.write_all(format!("{head}{body}").as_bytes()).and_then(|()| writer.flush()).is_err() {
            return;
        }
    }
}

/// Reads the head of a request, and how long its body is.
fn head(stream: &mut impl BufRead) -> Option<(Seen, u64)> {
    let mut line = || {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|read| *read > 0).map(|_| line.trim_end().to_owned())
    };
    let path = line()?.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        let Some((key, value)) = line.split_once(": ") else { break };
        headers.push((key.to_owned(), value.to_owned()));
    }
    let seen = Seen { path, headers, certified: false };
    let length = seen.header("content-length").first().map_or(0, |length| length.parse().unwrap());
    Some((seen, length))
}

/// A proxy that takes `CONNECT` and leads every connection to one address; answers with its own and what was asked for.
pub(crate) fn proxy(to: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, asked) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let kept = Arc::clone(&asked);
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let kept = Arc::clone(&kept);
            thread::spawn(move || {
                let Some((seen, _)) = head(&mut BufReader::with_capacity(1, client.try_clone().unwrap())) else {
                    return;
                };
                kept.lock().unwrap().push(seen.path);
                let mut server = TcpStream::connect(to).unwrap();
                client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
                let (mut from, mut back) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || std::io::copy(&mut from, &mut back));
                let _ = std::io::copy(&mut server, &mut client);
            });
        }
    });
    (address, asked)
}
