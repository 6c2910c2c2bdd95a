//! One HTTP/1.1 request and its answer over bytes (RFC 9112), one to a connection. Requests have no body.
//!
//! The caller writes [`Exchange::request`], then reads into [`Exchange::space`] and tells how much came with
//! [`Exchange::read`] (0 is the end) until that says that the answer is whole.

use procy_core::ums::{Method, Request, Response, UmsError};
use zeroize::Zeroizing;

use crate::Error;
use crate::config::Endpoint;
use crate::error::{Stage, Unreachable};

/// The longest head of an answer, in bytes: far more than any server allows itself. It also bounds a chunk's size line
/// and the trailer.
pub const MAX_HEAD: usize = 32 * 1024;

/// The most header fields of an answer.
const MAX_FIELDS: usize = 100;

/// The most interim answers (1xx) before the real one.
const MAX_INTERIM: usize = 8;

/// The first room for a body: enough for any answer with a secret, so that it is never moved.
const FIRST_BODY: usize = 64 * 1024;

/// One request and its answer. All bytes are zeroized in the end: passwords and sessions are among them.
pub(crate) struct Exchange {
    authority: String,
    request: Zeroizing<Vec<u8>>,
    limit: usize,
    /// What came and is not yet understood: `input[..filled]`.
    input: Zeroizing<Vec<u8>>,
    filled: usize,
    state: State,
    interim: usize,
    answer: Answer,
}

impl Exchange {
    pub(crate) fn new(request: &Request, endpoint: &Endpoint) -> Self {
        Self {
            authority: endpoint.authority.clone(),
            request: encode(request, endpoint),
            limit: request.answer_limit(),
            input: Zeroizing::new(vec![0; MAX_HEAD]),
            filled: 0,
            state: State::Head,
            interim: 0,
            answer: Answer {
                status: 0,
                set_cookies: Vec::new(),
                body: Zeroizing::new(Vec::with_capacity(FIRST_BODY)),
            },
        }
    }

    /// What to send.
    pub(crate) fn request(&self) -> &[u8] {
        &self.request
    }

    /// Where to read into; never empty before the answer is whole.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.input.get_mut(self.filled..).unwrap_or_default()
    }

    /// Takes note of `count` bytes read into [`space`](Self::space), 0 being the end of the stream. True: the answer is
    /// whole, and what may follow is not read.
    pub(crate) fn read(&mut self, count: usize) -> Result<bool, Error> {
        if count == 0 {
            return match self.state {
                State::UntilEnd | State::Whole => Ok(true),
                _ => Err(Error::Unreachable {
                    address: self.authority.clone(),
                    how: Unreachable::Lost {
                        stage: Stage::Answer,
                        what: "it ended before the answer did".into(),
                    },
                }),
            };
        }
        self.filled = self.filled.saturating_add(count).min(self.input.len());
        let used = self.advance()?;
        self.input.copy_within(used..self.filled, 0);
        self.filled -= used;
        if self.filled == self.input.len() && !matches!(self.state, State::Whole) {
            return Err(self.refuse("its head is too long"));
        }
        Ok(matches!(self.state, State::Whole))
    }

    /// The answer, once it is whole.
    pub(crate) fn finish(self) -> Answer {
        self.answer
    }

    /// Goes as far as the input allows; returns how much of it is done with.
    fn advance(&mut self) -> Result<usize, Error> {
        let mut used = 0;
        loop {
            let input = self.input.get(used..self.filled).unwrap_or_default();
            let (count, next) = match self.state {
                State::Whole => return Ok(self.filled),
                State::Head => match self.head(used)? {
                    Some(step) => step,
                    None => return Ok(used),
                },
                _ if input.is_empty() => return Ok(used),
                State::UntilEnd => {
                    let count = input.len();
                    self.take(used, count)?;
                    (count, State::UntilEnd)
                }
                State::Sized { left } => {
                    let count = input.len().min(left);
                    self.take(used, count)?;
                    let left = left - count;
                    (count, if left == 0 { State::Whole } else { State::Sized { left } })
                }
                State::ChunkSize => match httparse::parse_chunk_size(input) {
                    Ok(httparse::Status::Partial) => return Ok(used),
                    Ok(httparse::Status::Complete((count, 0))) => (count, State::Trailer),
                    Ok(httparse::Status::Complete((count, left))) => {
                        let left = usize::try_from(left).unwrap_or(usize::MAX);
                        self.fits(left)?;
                        (count, State::Chunk { left })
                    }
                    Err(_) => return Err(self.refuse("it is chunked wrongly")),
                },
                State::Chunk { left } => {
                    let count = input.len().min(left);
                    self.take(used, count)?;
                    let left = left - count;
                    (count, if left == 0 { State::ChunkEnd } else { State::Chunk { left } })
                }
                State::ChunkEnd => match input {
                    [b'\r', b'\n', ..] => (2, State::ChunkSize),
                    [b'\r'] => return Ok(used),
                    _ => return Err(self.refuse("it is chunked wrongly")),
                },
                State::Trailer => {
                    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
                    match httparse::parse_headers(input, &mut fields) {
                        Ok(httparse::Status::Partial) => return Ok(used),
                        Ok(httparse::Status::Complete((count, _))) => (count, State::Whole),
                        Err(_) => return Err(self.refuse("it is chunked wrongly")),
                    }
                }
            };
            used += count;
            self.state = next;
        }
    }

    /// Reads the status line and the fields, if they are all there.
    fn head(&mut self, used: usize) -> Result<Option<(usize, State)>, Error> {
        let input = self.input.get(used..self.filled).unwrap_or_default();
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut head = httparse::Response::new(&mut fields);
        let count = match head.parse(input) {
            Ok(httparse::Status::Partial) => return Ok(None),
            Ok(httparse::Status::Complete(count)) => count,
            Err(_) => return Err(self.refuse("it does not speak HTTP/1.1")),
        };
        let status = head.code.unwrap_or_default();
        if (100..200).contains(&status) {
            self.interim += 1;
            if status == 101 || self.interim > MAX_INTERIM {
                return Err(self.refuse("it wants another protocol"));
            }
            return Ok(Some((count, State::Head)));
        }
        let framing = framing(status, head.headers).map_err(|what| self.refuse(what))?;
        self.answer.status = status;
        self.answer.set_cookies = head
            .headers
            .iter()
            .filter(|field| field.name.eq_ignore_ascii_case("set-cookie"))
            .filter_map(|field| Some(Zeroizing::new(str::from_utf8(field.value).ok()?.to_owned())))
            .collect();
        if let State::Sized { left } = framing {
            self.fits(left)?;
        }
        Ok(Some((count, framing)))
    }

    /// Moves a part of the input into the body.
    fn take(&mut self, at: usize, count: usize) -> Result<(), Error> {
        self.fits(count)?;
        let part = self.input.get(at..at + count).unwrap_or_default();
        let body = &mut self.answer.body;
        if body.capacity() - body.len() < count {
            // A vector that grows by itself leaves its old bytes behind; this one is zeroized.
            let room = (body.len() + count).max(2 * body.capacity());
            let mut larger = Zeroizing::new(Vec::with_capacity(room));
            larger.extend_from_slice(body);
            *body = larger;
        }
        body.extend_from_slice(part);
        Ok(())
    }

    fn fits(&self, more: usize) -> Result<(), Error> {
        if more > self.limit - self.answer.body.len() {
            return Err(UmsError::AnswerTooLong { limit: self.limit }.into());
        }
        Ok(())
    }

    fn refuse(&self, what: &'static str) -> Error {
        Error::NotHttp { address: self.authority.clone(), what }
    }
}

/// What came back.
pub(crate) struct Answer {
    status: u16,
    set_cookies: Vec<Zeroizing<String>>,
    body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// As the core reads it.
    pub(crate) fn response(&self) -> Response<'_> {
        Response {
            status: self.status,
            set_cookies: self.set_cookies.iter().map(|cookie| cookie.as_str()).collect(),
            body: &self.body,
        }
    }
}

#[derive(Clone, Copy)]
enum State {
    /// The status line and the fields are awaited.
    Head,
    /// The body, `left` bytes of it.
    Sized { left: usize },
    /// The body, to the end of the stream.
    UntilEnd,
    /// The line before a chunk.
    ChunkSize,
    /// A chunk, `left` bytes of it.
    Chunk { left: usize },
    /// The line break after a chunk.
    ChunkEnd,
    /// The fields after the last chunk.
    Trailer,
    /// Everything came.
    Whole,
}

fn encode(request: &Request, endpoint: &Endpoint) -> Zeroizing<Vec<u8>> {
    let head = format!(
        "{} {}{} HTTP/1.1\r\nhost: {}\r\nuser-agent: procy/{}\r\nconnection: close\r\n",
        request.method().as_str(),
        endpoint.base,
        request.path(),
        endpoint.authority,
        env!("CARGO_PKG_VERSION"),
    );
    let no_body = if request.method() == Method::Post { "content-length: 0\r\n" } else { "" };
    let fields = || request.headers().flat_map(|(name, value)| [name, ": ", value, "\r\n"]);
    let parts = || [head.as_str(), no_body].into_iter().chain(fields()).chain(["\r\n"]);
    // Measured first: a vector that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(parts().map(str::len).sum()));
    parts().for_each(|part| bytes.extend_from_slice(part.as_bytes()));
    bytes
}

/// How long the body is (RFC 9112 section 6.3). What two readers could understand differently is refused.
fn framing(status: u16, fields: &[httparse::Header<'_>]) -> Result<State, &'static str> {
    let values = |name: &'static str| {
        fields
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name))
            .map(|field| field.value.trim_ascii())
    };
    if values("content-encoding").any(|value| !value.eq_ignore_ascii_case(b"identity")) {
        return Err("it sends an encoding that was not asked for");
    }
    let length = match values("content-length").next() {
        None => None,
        Some(first) => {
            let digits =
                str::from_utf8(first).ok().filter(|_| first.iter().all(u8::is_ascii_digit));
            let length = digits.and_then(|digits| digits.parse::<usize>().ok());
            if values("content-length").any(|other| other != first) || length.is_none() {
                return Err("it sends a length that is none");
            }
            length
        }
    };
    let chunked = match values("transfer-encoding").collect::<Vec<_>>().as_slice() {
        [] => false,
        [value] if value.eq_ignore_ascii_case(b"chunked") && length.is_none() => true,
        _ => return Err("it sends a transfer encoding that was not asked for"),
    };
    Ok(match length {
        _ if status == 204 || status == 304 => State::Whole,
        _ if chunked => State::ChunkSize,
        Some(0) => State::Whole,
        Some(left) => State::Sized { left },
        None => State::UntilEnd,
    })
}

#[cfg(test)]
mod tests;
