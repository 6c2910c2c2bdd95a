//! What a verb takes: signing in if there is no session, asking, and signing in once more if UMS has ended the session.
//!
//! A conversation does no I/O: it says which request to send, and is given the answer. Both faces drive it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use procy_core::ums::{Api, Refusal, Request, Response, SessionCookie, UmsError, answer};

use crate::exchange::Answer;
use crate::{ApiChoice, Config, Error};

/// The most sessions that are remembered for signing out. More than one there are only if several calls signed in at
/// the same time.
const MAX_SESSIONS: usize = 8;

/// What a client knows of UMS from call to call.
#[derive(Debug, Default)]
pub(crate) struct Session(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The version that UMS was found to know.
    api: Option<Api>,
    /// The last is in use.
    cookies: Vec<SessionCookie>,
}

impl Session {
    /// Everything to send for signing out, and nothing of it kept.
    pub(crate) fn sign_out(&self) -> Vec<Request> {
        let mut state = self.lock();
        let cookies = std::mem::take(&mut state.cookies);
        state.api.iter().flat_map(|api| cookies.iter().map(|cookie| api.logout(cookie))).collect()
    }

    fn current(&self) -> Option<(Api, SessionCookie)> {
        let state = self.lock();
        Some((state.api?, state.cookies.last()?.clone()))
    }

    fn api(&self, config: &Config) -> Api {
        self.lock().api.unwrap_or_else(|| config.api.first())
    }

    fn begun(&self, api: Api, cookie: SessionCookie) {
        let mut state = self.lock();
        state.api = Some(api);
        if state.cookies.len() == MAX_SESSIONS {
            state.cookies.remove(0);
        }
        state.cookies.push(cookie);
    }

    fn ended(&self, cookie: &SessionCookie) {
        self.lock().cookies.retain(|other| !other.same(cookie));
    }

    /// Nothing is ever left half done in the state, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What to do next.
pub(crate) enum Step<T> {
    /// Send this and bring the answer.
    Send(Request),
    /// It is over.
    Done(Result<T, Error>),
}

/// What a conversation is about.
pub(crate) enum Ask<'a> {
    /// A session and nothing more.
    Session,
    /// Something that needs no session.
    Open(fn(Api) -> Request),
    /// Something that needs one.
    Signed(&'a (dyn Fn(Api, &SessionCookie) -> Request + Sync)),
}

/// One verb, from the first request to the last answer.
pub(crate) struct Conversation<'a, T> {
    config: &'a Config,
    session: &'a Session,
    ask: Ask<'a>,
    read: fn(&Response<'_>) -> Result<T, UmsError>,
    phase: Phase,
    renewed: bool,
    /// Why v3 was given up.
    first: Option<UmsError>,
}

enum Phase {
    SigningIn(Api),
    Open(Api),
    Signed(SessionCookie),
}

impl<'a, T> Conversation<'a, T> {
    /// Begins one. The first step is there at once.
    pub(crate) fn begin(
        config: &'a Config,
        session: &'a Session,
        ask: Ask<'a>,
        read: fn(&Response<'_>) -> Result<T, UmsError>,
    ) -> (Self, Step<T>) {
        let phase = Phase::Open(session.api(config));
        let mut this = Self { config, session, ask, read, phase, renewed: false, first: None };
        let step = this.next();
        (this, step)
    }

    /// Takes the answer to the request of the last step.
    pub(crate) fn answered(&mut self, answer: &Answer) -> Step<T> {
        let response = answer.response();
        match &self.phase {
            &Phase::SigningIn(api) => match answer::login(&response) {
                Ok(cookie) => {
                    self.session.begun(api, cookie);
                    if let Ask::Session = self.ask {
                        return Step::Done((self.read)(&response).map_err(Error::from));
                    }
                    self.next()
                }
                Err(error) => self.older(api, error),
            },
            &Phase::Open(api) => match (self.read)(&response) {
                Ok(value) => Step::Done(Ok(value)),
                Err(error) => self.older(api, error),
            },
            Phase::Signed(cookie) => match (self.read)(&response) {
                Err(error) if error.is_session_ended() && !self.renewed => {
                    self.renewed = true;
                    self.session.ended(cookie);
                    self.next()
                }
                other => Step::Done(other.map_err(Error::from)),
            },
        }
    }

    /// Asks, or signs in first.
    fn next(&mut self) -> Step<T> {
        let request = match (&self.ask, self.session.current()) {
            (Ask::Open(ask), _) => {
                let api = self.session.api(self.config);
                self.phase = Phase::Open(api);
                Ok(ask(api))
            }
            (Ask::Signed(ask), Some((api, cookie))) => {
                let request = ask(api, &cookie);
                self.phase = Phase::Signed(cookie);
                Ok(request)
            }
            (Ask::Signed(_) | Ask::Session, _) => self.sign_in(self.session.api(self.config)),
        };
        Self::send(request)
    }

    fn sign_in(&mut self, api: Api) -> Result<Request, UmsError> {
        self.phase = Phase::SigningIn(api);
        api.login(&self.config.user, &self.config.password)
    }

    /// Falls back from v3 to v2 if the error may mean that UMS does not know v3, and only when the version is to be found
    /// out. If v2 is no better, the first error stands.
    fn older(&mut self, api: Api, error: UmsError) -> Step<T> {
        let version = matches!(
            error,
            UmsError::NotUms { status: 400..=499 }
                | UmsError::Refused { why: Refusal::ApiVersion | Refusal::Request, .. }
        );
        let open = self.config.api == ApiChoice::Auto && self.session.lock().api.is_none();
        match self.first.take() {
            Some(first) if version => Step::Done(Err(first.into())),
            None if version && open && api == Api::V3 => {
                self.first = Some(error);
                let request = match &self.ask {
                    Ask::Open(ask) => {
                        self.phase = Phase::Open(Api::V2);
                        Ok(ask(Api::V2))
                    }
                    Ask::Session | Ask::Signed(_) => self.sign_in(Api::V2),
                };
                Self::send(request)
            }
            _ => Step::Done(Err(error.into())),
        }
    }

    fn send(request: Result<Request, UmsError>) -> Step<T> {
        match request {
            Ok(request) => Step::Send(request),
            Err(error) => Step::Done(Err(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(number: usize) -> SessionCookie {
        SessionCookie::parse(&format!("JSESSIONID={number}")).unwrap()
    }

    fn signed_out(session: &Session) -> Vec<String> {
        let cookies = |request: &Request| {
            let mut headers = request.headers();
            headers.find(|(name, _)| *name == "cookie").unwrap().1.to_owned()
        };
        session.sign_out().iter().map(cookies).collect()
    }

    #[test]
    fn sessions_of_calls_side_by_side_are_all_signed_out_once() {
        let session = Session::default();
        session.begun(Api::V3, cookie(1));
        session.begun(Api::V3, cookie(2));
        assert!(session.current().unwrap().1.same(&cookie(2)));
        assert_eq!(signed_out(&session), ["JSESSIONID=1", "JSESSIONID=2"]);
        assert!(session.current().is_none() && signed_out(&session).is_empty());
    }

    #[test]
    fn a_session_that_ended_leaves_the_others_in_use() {
        let session = Session::default();
        session.begun(Api::V3, cookie(1));
        session.begun(Api::V3, cookie(2));
        session.ended(&cookie(2));
        assert!(session.current().unwrap().1.same(&cookie(1)));
        session.ended(&cookie(1));
        assert!(session.current().is_none());
    }

    #[test]
    fn no_more_sessions_are_kept_than_the_bound() {
        let session = Session::default();
        (0..2 * MAX_SESSIONS).for_each(|number| session.begun(Api::V3, cookie(number)));
        assert_eq!(signed_out(&session).len(), MAX_SESSIONS);
    }
}
