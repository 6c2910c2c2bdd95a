//! The interface itself: a request in, an answer out, nothing in between that waits.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::error::Itg;
use super::log::{Call, Fault, Request};
use super::state::{Shared, State, session_id};

/// What of an HTTP request matters here.
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) authorization: Option<&'a str>,
    pub(super) cookie: Option<&'a str>,
}

/// What becomes of it.
pub(super) enum Answer {
    Json { status: u16, body: Value, session: Option<String> },
    Html { status: u16, body: &'static str },
    Never,
    Close,
}

/// Answers and logs one request.
pub(super) fn answer(shared: &Shared, asked: &Asked<'_>) -> Answer {
    let route = Route::of(asked);
    let mut state = shared.state();
    let (answer, status, error_code) = match state.take_fault(route.call) {
        Some(Fault::Hang) => (Answer::Never, None, None),
        Some(Fault::Close) => (Answer::Close, None, None),
        Some(Fault::Garbage) => {
            (Answer::Html { status: 200, body: "<html>Please sign in</html>" }, Some(200), None)
        }
        Some(Fault::WrongShape) => (Answer::json(json!(["unexpected", 1])), Some(200), None),
        Some(Fault::InternalError) => failed(Itg::Internal),
        None => match route.run(shared, &mut state, asked) {
            Ok(answer) => {
                let status = answer.status();
                (answer, status, None)
            }
            Err(error) => failed(error),
        },
    };
    let target = match asked.query {
        "" => asked.path.to_owned(),
        query => format!("{}?{query}", asked.path),
    };
    let method = asked.method.to_owned();
    state.remember(Request { call: route.call, method, target, status, error_code });
    drop(state);
    shared.changed.send_replace(());
    answer
}

fn failed(error: Itg) -> (Answer, Option<u16>, Option<&'static str>) {
    let (status, body) = (error.status(), error.body());
    (Answer::Json { status, body, session: None }, Some(status), Some(error.code()))
}

impl Answer {
    fn json(body: Value) -> Self {
        Self::Json { status: 200, body, session: None }
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Json { status, .. } | Self::Html { status, .. } => Some(*status),
            Self::Never | Self::Close => None,
        }
    }
}

/// Where a request goes.
#[derive(Debug)]
struct Route<'a> {
    call: Call,
    version: u8,
    device: Option<&'a str>,
    facets: Vec<&'a str>,
}

impl<'a> Route<'a> {
    fn of(asked: &Asked<'a>) -> Self {
        let facets: Vec<&str> = asked
            .query
            .split('&')
            .filter_map(|pair| pair.strip_prefix("facets="))
            .flat_map(|value| value.split(','))
            .collect();
        let path = asked.path.strip_prefix("/umsapi/v").unwrap_or("");
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        let version = parts.next().and_then(|v| v.parse().ok()).unwrap_or(0);
        let (call, device) = match (parts.next(), parts.next(), parts.next()) {
            (Some("serverstatus"), None, None) => (Call::Status, None),
            (Some("login"), None, None) => (Call::Login, None),
            (Some("logout"), None, None) => (Call::Logout, None),
            (Some("thinclients"), None, None) => (Call::List, None),
            (Some("thinclients"), id @ Some(_), None) if facets.contains(&"shadow") => {
                (Call::Shadow, id)
            }
            (Some("thinclients"), id @ Some(_), None) if facets.contains(&"online") => {
                (Call::Online, id)
            }
            (Some("thinclients"), id @ Some(_), None) => (Call::Device, id),
            _ => (Call::Other, None),
        };
        Self { call, version, device, facets }
    }

    fn run(&self, shared: &Shared, state: &mut State, asked: &Asked<'_>) -> Result<Answer, Itg> {
        match (self.version, self.call) {
            // No JSON: the servlet container answers for what is not the interface.
            (0, _) | (_, Call::Other | Call::Any) => return Ok(not_found()),
            (3, _) if !shared.config.v3 => return Ok(not_found()),
            (2 | 3, _) => {}
            _ => return Err(Itg::InvalidVersion),
        }
        let method = if matches!(self.call, Call::Login | Call::Logout) { "POST" } else { "GET" };
        if asked.method != method {
            return Err(Itg::MethodNotSupported);
        }
        match self.call {
            Call::Status => return Ok(status(shared)),
            Call::Login => return login(shared, state, asked),
            _ => {}
        }
        let session = session_of(asked.cookie).ok_or(Itg::NoSessionId)?;
        if !state.session_is_open(session) {
            return Err(Itg::NoSession);
        }
        let body = match self.call {
            Call::Logout => {
                state.sessions.remove(session);
                return Ok(Answer::json(json!({ "message": "Logout successful" })));
            }
            Call::List => self.list(shared, state)?,
            _ => self.one(shared, state)?,
        };
        state.renew_session(session);
        Ok(Answer::json(body))
    }

    /// All devices, those in the bin too.
    fn list(&self, shared: &Shared, state: &mut State) -> Result<Value, Itg> {
        let ids: Vec<u32> = state.devices.keys().copied().collect();
        let list: Result<Vec<Value>, Itg> =
            ids.into_iter().map(|id| self.show(shared, state, id)).collect();
        let list = Value::Array(list?);
        Ok(if shared.config.wrapped_lists { json!({ "results": list }) } else { list })
    }

    fn one(&self, shared: &Shared, state: &mut State) -> Result<Value, Itg> {
        let id = self.device.and_then(|id| id.parse().ok()).ok_or(Itg::NumberFormat)?;
        let device = &state.devices.get(&id).ok_or(Itg::DeviceNotFound)?.device;
        if device.moved_to_bin {
            return Err(Itg::InRecycleBin);
        }
        if self.call == Call::Shadow && !device.may_shadow {
            return Err(Itg::AccessDenied);
        }
        self.show(shared, state, id)
    }

    fn show(&self, shared: &Shared, state: &mut State, id: u32) -> Result<Value, Itg> {
        let now = state.now();
        let entry = state.devices.get_mut(&id).ok_or(Itg::DeviceNotFound)?;
        let mut resource = entry.device.resource(self.version);
        if self.facets.contains(&"details") {
            entry.device.add_details(&mut resource);
        }
        if self.facets.contains(&"online") {
            resource["online"] = json!(entry.device.online);
        }
        if self.facets.contains(&"shadow") {
            let password = entry.passwords.issue(now, shared.config.newest_password_only);
            entry.add_secret(&mut resource, shared.config.secret_form, &password);
            state.gives(&password);
        }
        Ok(resource)
    }
}

/// `serverstatus` needs no login, and hands out a session that nobody has logged in to.
fn status(shared: &Shared) -> Answer {
    let full = |text: &'static str| if shared.config.degraded_status { "" } else { text };
    let body = json!({
        "rmGuiServerVersion": full("6.10.140.rc2"),
        "buildNumber": full("44584"),
        "activeMQVersion": full("5.16.3"),
        "derbyVersion": full("10.15.2.0"),
        "serverUUID": full("18afde5e-7d55-43b0-9f4f-2ec2a8a37c6d"),
        "server": format!("localhost:{}", shared.address.port()),
        "links": [],
    });
    Answer::Json { status: 200, body, session: Some(session_id()) }
}

fn login(shared: &Shared, state: &mut State, asked: &Asked<'_>) -> Result<Answer, Itg> {
    let header = asked.authorization.ok_or(Itg::NoAuthorization)?;
    let given = header.strip_prefix("Basic ").and_then(|coded| STANDARD.decode(coded).ok());
    let expected = format!("{}:{}", shared.config.user, shared.config.password);
    if given.as_deref() != Some(expected.as_bytes()) {
        return Err(Itg::InvalidCredentials);
    }
    let session = state.open_session();
    state.gives(&session);
    let body = json!({ "message": format!("JSESSIONID={session}") });
    Ok(Answer::Json { status: 200, body, session: Some(session) })
}

fn session_of(cookies: Option<&str>) -> Option<&str> {
    cookies?.split(';').find_map(|cookie| cookie.trim().strip_prefix("JSESSIONID="))
}

fn not_found() -> Answer {
    Answer::Html { status: 404, body: "<html><body>HTTP Status 404 - Not Found</body></html>" }
}
