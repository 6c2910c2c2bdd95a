//! HTTPS: takes connections, and lets hyper speak on them.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderName, SET_COOKIE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::api::{Answer, Asked, answer};
use super::state::Shared;

/// Connections at once; more wait in the listener's backlog.
const MAX_CONNECTIONS: usize = 256;
/// For the TLS handshake, and for the head of a request.
const SLOWEST: Duration = Duration::from_secs(30);
/// After a failed accept, so that a lack of descriptors does not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until its task is aborted. The connections' tasks belong to it and end with it.
pub(super) async fn serve(listener: TcpListener, tls: Arc<ServerConfig>, shared: Arc<Shared>) {
    let acceptor = TlsAcceptor::from(tls);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, acceptor.clone(), Arc::clone(&shared)));
                }
                // The connection was gone before it was taken, or descriptors are short: others may still come.
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// What goes wrong with a connection is the client's to report.
async fn connection(stream: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let Ok(Ok(stream)) = timeout(SLOWEST, acceptor.accept(stream)).await else { return };
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { respond(&shared, &request).await }
    });
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SLOWEST)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(
    shared: &Shared,
    request: &Request<Incoming>,
) -> io::Result<Response<Full<Bytes>>> {
    let header = |name: HeaderName| request.headers().get(name).and_then(|v| v.to_str().ok());
    let asked = Asked {
        method: request.method().as_str(),
        path: request.uri().path(),
        query: request.uri().query().unwrap_or(""),
        authorization: header(AUTHORIZATION),
        cookie: header(COOKIE),
    };
    let (status, kind, body, session) = match answer(shared, &asked) {
        Answer::Never => return Ok(never().await),
        // An error here makes hyper close the connection without a word.
        Answer::Close => return Err(io::ErrorKind::ConnectionAborted.into()),
        Answer::Html { status, body } => (status, "text/html", body.to_owned(), None),
        Answer::Json { status, body, session } => {
            (status, "application/json", body.to_string(), session)
        }
    };
    let mut response = Response::builder().status(status).header(CONTENT_TYPE, kind);
    if let Some(id) = session {
        let cookie = format!("JSESSIONID={id}; Path=/umsapi/; Secure; HttpOnly");
        response = response.header(SET_COOKIE, cookie);
    }
    response.body(Full::new(Bytes::from(body))).map_err(io::Error::other)
}

async fn never<T>() -> T {
    match std::future::pending::<Infallible>().await {}
}
